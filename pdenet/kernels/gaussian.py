"""Gaussian smoothing of planes at several scales at once, and its adjoint, the same kernel.

Planes (H, W) of float32 or float64, C-contiguous. They continue mirrored as their `parity` says:
PIXELS of an image half-sample symmetrically, so that the first value is repeated; the entries of a
tensor, which live on the cells of which the first and the last lie on the image's boundary,
whole-sample symmetrically about these, EVEN ones with their sign, ODD ones with the other.
"""

from typing import NamedTuple

import numpy as np

from .compiler import kernel
from .formulas import formula
from .row_memory import pitch_of
from .vectors import BYTES, fma, load, store, transpose

ODD, PIXELS, EVEN = -1, 0, 1


class Strip(NamedTuple):
    """Where a strip of rows stands upright: so many lanes in each of its rows, the first of them,
    and the first of four rows in which a rest may lie."""

    lanes: int
    first: int
    rest: int


class Turned(NamedTuple):
    """A strip of an image and where its result goes: the strip's first row, rows and columns of the
    image; rows of the result and the pitch from one to the next."""

    top: int
    rows: int
    columns: int
    size: int
    pitch: int


def scratch_for(v, out, reach, work):
    """The work arrays of `smooth`: an image transposed, and strips of rows upright."""
    rows, columns = v.shape[1:]
    lanes = BYTES // v.itemsize
    strips = -(-rows // lanes) if len(out) > 1 else 1
    return (work.scratch("turned", (-(-columns // 4) * 4, pitch_of(rows, v)), v.dtype),
            work.scratch("upright", (strips + 1, max(rows, columns) + 2 * reach + 8, lanes),
                         v.dtype))


def in_strips(before, after):
    """The factors b and a of planes, (N, H, W) each, in the order in which `smooth` takes them: in
    strips of as many rows as a vector has lanes for b, and of as many columns for a, each of whose
    vectors lie one behind the other; (N, strips, W, lanes) and (N, strips, H and a few, lanes)."""
    lanes = BYTES // before.itemsize
    count, rows, columns = before.shape
    first = np.empty((count, -(-rows // lanes) * columns, lanes), before.dtype)
    second = np.zeros((count, -(-columns // lanes), -(-rows // 4) * 4, lanes), after.dtype)
    _stand_in_strips(np.ascontiguousarray(before), first)
    for left in range(0, columns, lanes):
        part = after[:, :, left:left + lanes]
        second[:, left // lanes, :rows, :part.shape[2]] = part
    return first.reshape(count, -1), second.reshape(count, -1)


@formula
def mirrored(i, size, parity):
    """Index of the value i of a row of `size` values continued as its parity says, and its sign."""
    if parity == PIXELS:
        i %= 2 * size
        return (i if i < size else 2 * size - 1 - i), 1
    i %= 2 * size - 2
    return (i, 1) if i < size else (2 * size - 2 - i, parity)


@formula
def stand_upright(v, top, rows, columns, upright, first):
    """upright = rows of v from `top` on as columns, from the row `first` on.

    Where fewer rows are left than lanes, the lanes beyond the image hold zeros, which are never
    used.
    """
    block = 64 // v.itemsize
    count = min(upright.shape[1], rows - top)
    if count < upright.shape[1]:
        upright[first:first + columns] = 0
    for i in range(0, count, block):
        for j in range(0, columns, block):
            if i + block <= count and j + block <= columns:
                transpose(v[top + i:, j:], upright[first + j:, i:])
            else:
                for k in range(i, min(i + block, count)):
                    for n in range(j, min(j + block, columns)):
                        upright[first + n, k] = v[top + k, n]


@kernel
def _stand_in_strips(v, strips):
    """strips = the planes v, each as strips of as many rows as a vector has lanes, upright and one
    behind the other; (N, strips W, lanes)."""
    rows, columns = v.shape[1:]
    lanes = strips.shape[2]
    for n in range(len(v)):
        for top in range(0, rows, lanes):
            stand_upright(v[n], top, rows, columns, strips[n], top // lanes * columns)


@formula
def continue_mirrored(upright, lanes, first, columns, radius, parity):
    """Continue a strip that stands `upright`, of so many rows as `columns`, with so many lanes
    each, from the row `first` on, by its mirror images as far as `radius` at both ends, as the
    `parity` says."""
    number = upright.dtype.type
    for k in range((first + columns) * lanes, (first + columns + radius + 8) * lanes):
        upright[k] = number(0)  # as far as anything reads
    for k in range(1, radius + 1):
        for i in (-k, columns - 1 + k):
            source, sign = mirrored(i, columns, parity)
            store(upright, (first + i) * lanes,
                  number(sign) * load(upright, (first + source) * lanes))


@formula
def _multiply(upright, lanes, first, columns, factors, place, target):
    """The rows of lanes from `target` on, as many as `columns`, = those of a strip that stands
    `upright`, from the row `first` on, times the factors from a place of theirs on."""
    for j in range(columns):
        store(upright, (target + j) * lanes,
              load(upright, (first + j) * lanes) * load(factors, place + j * lanes))


@formula
def four_rows(upright, place, lanes, taps):
    """Four rows of lanes of a strip that stands `upright`, from a place on, smoothed by the `taps`
    along the columns.

    From tap to tap the neighbours move by one row, so that a row that is loaded serves all four.
    """
    l0, l1, l2, l3 = (load(upright, place), load(upright, place + lanes),
                      load(upright, place + 2 * lanes), load(upright, place + 3 * lanes))
    r0, r1, r2, r3 = l0, l1, l2, l3
    tap = taps[0]
    s0, s1, s2, s3 = tap * l0, tap * l1, tap * l2, tap * l3
    for k in range(1, taps.size):
        l0, l1, l2, l3 = load(upright, place - k * lanes), l0, l1, l2
        r0, r1, r2, r3 = r1, r2, r3, load(upright, place + (3 + k) * lanes)
        tap = taps[k]
        s0, s1 = fma(tap, l0 + r0, s0), fma(tap, l1 + r1, s1)
        s2, s3 = fma(tap, l2 + r2, s2), fma(tap, l3 + r3, s3)
    return s0, s1, s2, s3


@formula
def smooth_strip(upright, strip, taps, image, after, place, add, out):
    """out[:, top:] = a strip of the image, a `Strip` that stands `upright`, smoothed by the `taps`
    along what were its rows, times the factors that come `after`, for a place >= 0 of theirs; or,
    if add, out[:, top:] += that. `out` is flat, see `Turned`.

    Where fewer than four rows of the result are left, or fewer columns than lanes, it is put into
    the four rows of lanes from the row `rest` on, and copied.
    """
    lanes, first, rest = strip
    top, rows, columns, size, pitch = image
    for j in range(0, columns, 4):
        s0, s1, s2, s3 = four_rows(upright, (first + j) * lanes, lanes, taps)
        if after is not None:
            if place >= 0:
                k = place + j * lanes
                s0, s1 = load(after, k) * s0, load(after, k + lanes) * s1
                s2, s3 = load(after, k + 2 * lanes) * s2, load(after, k + 3 * lanes) * s3
        if j + 4 <= size and top + lanes <= pitch:
            k = j * pitch + top
            if add:
                s0, s1 = load(out, k) + s0, load(out, k + pitch) + s1
                s2, s3 = load(out, k + 2 * pitch) + s2, load(out, k + 3 * pitch) + s3
            store(out, k, s0)
            store(out, k + pitch, s1)
            store(out, k + 2 * pitch, s2)
            store(out, k + 3 * pitch, s3)
        else:
            k = rest * lanes
            store(upright, k, s0)
            store(upright, k + lanes, s1)
            store(upright, k + 2 * lanes, s2)
            store(upright, k + 3 * lanes, s3)
            for m in range(min(4, columns - j)):
                for k in range(min(lanes, rows - top)):
                    value = upright[(rest + m) * lanes + k]
                    if add:
                        value += out[(j + m) * pitch + top + k]
                    out[(j + m) * pitch + top + k] = value


@kernel
def smooth(v, taps, radii, scales, before, after, add, parity, scratch, out):
    """out_n = s_n G_n v for the N scales n and one plane v (1, H, W); or its adjoint, out = sum_n
    s_n G_n v_n, for N planes v and one plane out; or out = sum_n s_n G_n v for one of each. Added
    to out if add, which the last of them needs. The planes continue with this `parity`. `before`
    and `after` are None, or the strips of N planes b and a, see `in_strips`: then a_n G_n b_n takes
    the place of G_n.

    taps[n, :radii[n] + 1] holds the sampled Gaussian of scale n from its centre to one side,
    scales[n] the factor s_n; `scratch` are the work arrays of `scratch_for`. A Gaussian is
    symmetric and separable, so that G_n is its own transpose, at the boundary too. Both directions
    are the same pass, along the rows; as it leaves its result transposed, the second pass smooths
    along what were columns and turns them back. Before it a strip of as many rows as a vector has
    lanes is stood upright, so that whole vectors of neighbours meet the same tap; the strips of one
    v serve all n.
    """
    turned, strips = scratch
    count, height, lanes = strips.shape
    block, upright = strips.reshape(count * height, lanes), strips.reshape(-1)
    margin, last, rest = taps.shape[1] - 1, (count - 1) * height, count * height - 4
    for n in range(len(radii)):
        half = taps[n, :radii[n] + 1]
        source, (rows, columns) = v[n if len(v) > 1 else 0], v.shape[1:]
        target, size, pitch = turned.reshape(-1), len(turned), turned.shape[1]
        for second in range(2):
            kept = second == 0 and len(out) > 1
            for top in range(0, rows, lanes):
                first, place = margin + last, -1
                if kept:
                    first = margin + top // lanes * height
                elif before is not None:
                    if second == 0:
                        first = margin
                if not kept or n == 0:
                    stand_upright(source, top, rows, columns, block, first)
                    continue_mirrored(upright, lanes, first, columns, margin if kept else radii[n],
                                      parity)
                if before is not None:
                    if second == 0:
                        place = n * (before.size // len(radii)) + top * columns
                        _multiply(upright, lanes, first, columns, before, place, margin + last)
                        first, place = margin + last, -1
                        continue_mirrored(upright, lanes, first, columns, radii[n], parity)
                    else:
                        place = n * (after.size // len(radii)) + top * (-(-columns // 4) * 4)
                smooth_strip(upright, Strip(lanes, first, rest), half,
                             Turned(top, rows, columns, size, pitch), after, place,
                             add and second == 1, target)
            source, half, rows, columns = turned, scales[n] * half, columns, rows
            result = out[n if len(out) > 1 else 0]
            target, size, pitch = result.reshape(-1), len(result), result.shape[1]


@kernel
def balancing_step(plane, d, smoothed, omega, before):
    """before <- omega (d - 2/3 d (d G d - plane) - before) + before, for the smoothed plane G d: a
    step of Chebyshev's iteration towards the factors d for which d G d = plane, which is one where
    pixels are measured and zero elsewhere.

    `omega` weighs the step, and `before` holds the factors of the step before. All are flat
    arrays, so that the loop is vectorised.
    """
    rate = plane.dtype.type(2 / 3)
    for j in range(plane.size):
        error = d[j] * smoothed[j] - plane[j]
        before[j] += omega * (d[j] - rate * error * d[j] - before[j])


@kernel
def correction_step(rest, d, x, smoothed, omega, before):
    """before <- omega (x - 2/3 (x + d G d x - rest) - before) + before, for the smoothed plane
    G d x: a step of Chebyshev's iteration towards the x for which x + d G d x = rest; for cells
    G w d x takes its place.

    The arguments are those of `balancing_step`.
    """
    rate = d.dtype.type(2 / 3)
    for j in range(d.size):
        error = x[j] + d[j] * smoothed[j] - rest[j]
        before[j] += omega * (x[j] - rate * error - before[j])


@kernel
def correct(d, x, scale):
    """d <- d (1 + y + 2/3 y^2) for y = scale x, with x in float32; flat arrays."""
    for j in range(d.size):
        y = scale * x[j]
        d[j] *= 1 + y + 2 / 3 * y * y
