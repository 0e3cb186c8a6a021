"""Gaussian smoothing of planes at several scales at once, and its adjoint, the same kernel.

Planes (H, W) of float32 or float64, C-contiguous. They continue mirrored as their `parity` says:
PIXELS of an image half-sample symmetrically, so that the first value is repeated; the entries of a
tensor, which live on the cells of which the first and the last lie on the image's boundary,
whole-sample symmetrically about these, EVEN ones with their sign, ODD ones with the other.
"""

import numpy as np

from .compiler import kernel
from .formulas import formula
from .row_memory import pitch_of
from .vectors import BYTES, fma, load, store, transpose

ODD, PIXELS, EVEN = -1, 0, 1


def scratch_for(v, out, reach, work):
    """The work arrays of `smooth`: an image transposed, and strips of rows upright."""
    rows, columns = v.shape[1:]
    lanes = BYTES // v.itemsize
    strips = -(-rows // lanes) if len(out) > 1 else 1
    return (work.scratch("turned", (-(-columns // 4) * 4, pitch_of(rows, v)), v.dtype),
            work.scratch("upright", (strips + 1, max(rows, columns) + 2 * reach + 8, lanes),
                         v.dtype))


@formula
def _mirrored(i, size, parity):
    """Index of the value i of a row of `size` values continued as its parity says, and its sign."""
    if parity == PIXELS:
        i %= 2 * size
        return (i if i < size else 2 * size - 1 - i), 1
    i %= 2 * size - 2
    return (i, 1) if i < size else (2 * size - 2 - i, parity)


@formula
def stand_upright(v, top, rows, columns, margin, radius, parity, upright):
    """upright = rows of v from `top` on as columns, `margin` rows below its first, continued by
    their mirror images as far as `radius` at both ends.

    Where fewer rows are left than lanes, the lanes beyond the image hold zeros, which are never
    used.
    """
    block = 64 // v.itemsize
    count = min(upright.shape[1], rows - top)
    if count < upright.shape[1]:
        upright[:] = 0
    upright[margin + columns:2 * margin + columns + 8] = 0  # as far as anything reads
    for i in range(0, count, block):
        for j in range(0, columns, block):
            if i + block <= count and j + block <= columns:
                transpose(v[top + i:, j:], upright[margin + j:, i:])
            else:
                for k in range(i, min(i + block, count)):
                    for n in range(j, min(j + block, columns)):
                        upright[margin + n, k] = v[top + k, n]
    number = v.dtype.type
    for k in range(1, radius + 1):
        for i in (-k, columns - 1 + k):
            source, sign = _mirrored(i, columns, parity)
            store(upright[margin + i], 0, number(sign) * load(upright[margin + source], 0))


@formula
def _four_rows(upright, first, taps, balance, n, add, out, i, j):
    """out[i:i + 4, j:] = four rows of lanes of `upright`, from the row `first` on, smoothed by the
    `taps` along the columns, for n >= 0 times those of the plane n of the second of `balance`; or,
    if add, out[i:i + 4, j:] += them.

    From tap to tap the neighbours move by one row, so that a row that is loaded serves all four.
    """
    l0, l1, l2, l3 = (load(upright[first], 0), load(upright[first + 1], 0),
                      load(upright[first + 2], 0), load(upright[first + 3], 0))
    r0, r1, r2, r3 = l0, l1, l2, l3
    tap = taps[0]
    s0, s1, s2, s3 = tap * l0, tap * l1, tap * l2, tap * l3
    for k in range(1, taps.size):
        l0, l1, l2, l3 = load(upright[first - k], 0), l0, l1, l2
        r0, r1, r2, r3 = r1, r2, r3, load(upright[first + 3 + k], 0)
        tap = taps[k]
        s0, s1 = fma(tap, l0 + r0, s0), fma(tap, l1 + r1, s1)
        s2, s3 = fma(tap, l2 + r2, s2), fma(tap, l3 + r3, s3)
    if balance is not None:
        if n >= 0:
            after = balance[1][n]
            s0, s1 = load(after[i], j) * s0, load(after[i + 1], j) * s1
            s2, s3 = load(after[i + 2], j) * s2, load(after[i + 3], j) * s3
    if add:
        s0, s1 = load(out[i], j) + s0, load(out[i + 1], j) + s1
        s2, s3 = load(out[i + 2], j) + s2, load(out[i + 3], j) + s3
    store(out[i], j, s0)
    store(out[i + 1], j, s1)
    store(out[i + 2], j, s2)
    store(out[i + 3], j, s3)


@formula
def smooth_strip(upright, margin, taps, top, rows, columns, balance, n, add, out):
    """out[:, top:] = a strip of the image, which stands `upright` from the row `margin` on,
    smoothed by the `taps` along what were its rows, for n >= 0 times the plane n of the second of
    `balance`; or, if add, out[:, top:] += that.

    `rows` and `columns` are those of the image. Where fewer than four rows of the result are left,
    or fewer columns than lanes, it is computed in the last four rows of lanes, and copied.
    """
    rest = upright[len(upright) - 4:]
    for j in range(0, columns, 4):
        fits = j + 4 <= len(out) and top + upright.shape[1] <= out.shape[1]
        place, row, column = (out, j, top) if fits else (rest, 0, 0)
        _four_rows(upright, margin + j, taps, balance, n if fits else -1, add and fits, place, row,
                   column)
        if not fits:
            for m in range(min(4, columns - j)):
                for k in range(min(upright.shape[1], rows - top)):
                    before = out[j + m, top + k] if add else rest.dtype.type(0)
                    value = rest[m, k]
                    if balance is not None:
                        if n >= 0:
                            value *= balance[1][n][j + m, top + k]
                    out[j + m, top + k] = before + value


@formula
def _multiply(one, other, out):
    """out = one other, number by number."""
    for j in range(out.size):
        out[j] = one[j] * other[j]


@formula
def _strip_of_products(balance, lanes, v):
    """As many rows as `lanes` for the products of rows of v with those of `balance`; without it
    none are needed."""
    if balance is None:
        return v[0]
    return np.empty((lanes, v.shape[2]), v.dtype)


@kernel
def smooth(v, taps, radii, scales, balance, add, parity, turned, upright, out):
    """out_n = s_n G_n v for the N scales n and one plane v (1, H, W); or its adjoint, out = sum_n
    s_n G_n v_n, for N planes v and one plane out; or out = sum_n s_n G_n v for one of each. Added
    to out if add, which the last of them needs. The planes continue with this `parity`. `balance`
    is None, or planes (b, a), N of each: then a_n G_n b_n takes the place of G_n.

    taps[n, :radii[n] + 1] holds the sampled Gaussian of scale n from its centre to one side,
    scales[n] the factor s_n; `turned` and `upright` are work arrays, see `scratch_for`. A Gaussian
    is symmetric and separable, so that G_n is its own transpose, at the boundary too. Both
    directions are the same pass, along the rows; as it leaves its result transposed, the second
    pass smooths along what were columns and turns them back. Before it a strip of as many rows as a
    vector has lanes is stood upright, so that whole vectors of neighbours meet the same tap; the
    strips of one v serve all n, unless each is multiplied by a b_n of its own.
    """
    margin, lanes, last = taps.shape[1] - 1, BYTES // v.itemsize, len(upright) - 1
    products = _strip_of_products(balance, lanes, v)
    for n in range(len(radii)):
        half = taps[n, :radii[n] + 1]
        source, (rows, columns) = v[n if len(v) > 1 else 0], v.shape[1:]
        target = turned
        for second in range(2):
            kept = second == 0 and len(out) > 1 and balance is None
            for top in range(0, rows, lanes):
                strip = upright[top // lanes if kept else last]
                given, first, end = source, top, rows
                if balance is not None:
                    if second == 0:
                        given, first, end = products, 0, min(lanes, rows - top)
                        for i in range(end):
                            _multiply(balance[0][n, top + i], source[top + i], products[i])
                if not kept or n == 0:
                    radius = margin if kept else radii[n]
                    stand_upright(given, first, end, columns, margin, radius, parity, strip)
                smooth_strip(strip, margin, half, top, rows, columns, balance,
                             n if second == 1 else -1, add and second == 1, target)
            source, target = turned, out[n if len(out) > 1 else 0]
            half, rows, columns = scales[n] * half, columns, rows


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
