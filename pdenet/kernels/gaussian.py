"""Compiled loops on pixels: Gaussian smoothing, Laplacian and Hessian with their transposes.

Planes (H, W) of float32 or float64, C-contiguous; the last argument is written. The image
continues half-sample symmetrically.
"""

from .compiler import inlined, kernel
from .vectors import BYTES, fma, load, store, transpose
from .row_memory import pitch_of


# Gaussian smoothing ------------------------------------------------------------------


def scratch_for(v, out, reach, work):
    """The work arrays of `smooth`: an image transposed, and strips of rows upright."""
    rows, columns = v.shape[1:]
    lanes = BYTES // v.itemsize
    strips = -(-rows // lanes) if len(out) > 1 else 1
    return (work.scratch("turned", (-(-columns // 4) * 4, pitch_of(rows, v)), v.dtype),
            work.scratch("upright", (strips + 1, max(rows, columns) + 2 * reach + 8, lanes),
                         v.dtype))


@kernel
def smooth(v, taps, radii, scales, add, turned, upright, out):
    """out_n = s_n G_n v for one plane v, or for as many planes their sum, out = sum_n s_n G_n v_n,
    its adjoint; added to out if add. Half-sample symmetric boundary.

    taps[n, :radii[n] + 1]: the kernel from its centre to one side. It is symmetric and separable,
    so that G_n is its own transpose, at the boundary too. Both directions are the same pass,
    along the rows; as it leaves its result transposed, the second pass smooths along what were
    columns and turns them back. A strip of rows, as many as lanes, is stood upright before, so
    that whole vectors of neighbours meet the same tap; the strips of one v once for all n.
    """
    margin, lanes, last = taps.shape[1] - 1, BYTES // v.itemsize, len(upright) - 1
    rest = upright[last, upright.shape[1] - 4:]
    for n in range(len(radii)):
        half = taps[n, :radii[n] + 1]
        source, (rows, columns) = v[n if len(v) > 1 else 0], v.shape[1:]
        target = turned
        for second in range(2):
            kept = second == 0 and len(out) > 1
            for top in range(0, rows, lanes):
                strip = upright[top // lanes if kept else last]
                if not kept or n == 0:
                    radius = margin if kept else radii[n]
                    _stand_up(source, top, rows, columns, margin, radius, strip)
                _smooth_strip(strip, margin, half, top, rows, columns, add and second == 1, rest,
                              target)
            source, target = turned, out[n if len(out) > 1 else 0]
            half, rows, columns = scales[n] * half, columns, rows


@inlined
def _stand_up(v, top, rows, columns, margin, radius, upright):
    """Rows of v from `top` on as columns, continued by their mirror images at both ends.

    What lies beyond the image is computed with, if never used: zeros.
    """
    block = 64 // v.itemsize
    count = min(upright.shape[1], rows - top)
    if count < upright.shape[1]:
        upright[:] = 0
    upright[margin + columns:] = 0
    for i in range(0, count, block):
        for j in range(0, columns, block):
            if i + block <= count and j + block <= columns:
                transpose(v[top + i:, j:], upright[margin + j:, i:])
            else:
                for k in range(i, min(i + block, count)):
                    for n in range(j, min(j + block, columns)):
                        upright[margin + n, k] = v[top + k, n]
    for k in range(1, radius + 1):
        store(upright[margin - k], 0, load(upright[margin + _mirror(-k, columns)], 0))
        end = columns - 1 + k
        store(upright[margin + end], 0, load(upright[margin + _mirror(end, columns)], 0))


@inlined
def _mirror(i, size):
    """Index of pixel i of the image continued half-sample symmetrically, period 2 size."""
    i %= 2 * size
    return i if i < size else 2 * size - 1 - i


@inlined
def _smooth_strip(upright, margin, taps, top, rows, columns, add, rest, out):
    """out[:, top:] = an upright strip smoothed along what were its rows, or += it.

    Where fewer than four rows are left, or fewer columns than lanes, by way of `rest`.
    """
    for j in range(0, columns, 4):
        fits = j + 4 <= len(out) and top + upright.shape[1] <= out.shape[1]
        place, row, column = (out, j, top) if fits else (rest, 0, 0)
        _four_rows(upright, margin + j, taps, add and fits, place, row, column)
        if not fits:
            for m in range(min(4, columns - j)):
                for k in range(min(upright.shape[1], rows - top)):
                    before = out[j + m, top + k] if add else rest.dtype.type(0)
                    out[j + m, top + k] = before + rest[m, k]


@inlined
def _four_rows(upright, first, taps, add, out, i, j):
    """out[i:i + 4, j:] = four rows of lanes smoothed along the columns, or += them.

    From tap to tap their neighbours move by one row, so that they share what they load.
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
    if add:
        s0, s1 = load(out[i], j) + s0, load(out[i + 1], j) + s1
        s2, s3 = load(out[i + 2], j) + s2, load(out[i + 3], j) + s3
    store(out[i], j, s0)
    store(out[i + 1], j, s1)
    store(out[i + 2], j, s2)
    store(out[i + 3], j, s3)


# Second order ------------------------------------------------------------------------


@kernel
def laplacian(v, alpha, scale, out):
    """out += scale (dxx + dyy + alpha dxx dyy) v, its own transpose."""
    rows, columns = v.shape
    last = columns - 1
    for i in range(rows):
        above, row, below, target = v[max(i - 1, 0)], v[i], v[min(i + 1, rows - 1)], out[i]
        for j in range(1, last):
            target[j] = fma(scale, _laplacian(
                above[j - 1], above[j], above[j + 1], row[j - 1], row[j], row[j + 1],
                below[j - 1], below[j], below[j + 1], alpha), target[j])
        for j in range(0, last + 1, max(last, 1)):  # the two ends of the row
            left, right = max(j - 1, 0), min(j + 1, last)
            target[j] = fma(scale, _laplacian(
                above[left], above[j], above[right], row[left], row[j], row[right],
                below[left], below[j], below[right], alpha), target[j])


@inlined
def _laplacian(a_left, a, a_right, left, v, right, b_left, b, b_right, alpha):
    yy_left, yy, yy_right = ((a_left - left) + (b_left - left), (a - v) + (b - v),
                             (a_right - right) + (b_right - right))
    xx = (left - v) + (right - v)
    return (xx + yy) + alpha * ((yy_left - yy) + (yy_right - yy))


@kernel
def hessian(v, out):
    """out = (dxx v, dxy v, dyy v), the mixed derivative by centred differences."""
    rows, columns = v.shape
    last = columns - 1
    quarter = v.dtype.type(0.25)
    for i in range(rows):
        above, row, below = v[max(i - 1, 0)], v[i], v[min(i + 1, rows - 1)]
        for j in range(columns):
            left, right = max(j - 1, 0), min(j + 1, last)
            out[0, i, j] = (row[left] - row[j]) + (row[right] - row[j])
            out[1, i, j] = quarter * ((below[right] - below[left]) - (above[right] - above[left]))
            out[2, i, j] = (above[j] - row[j]) + (below[j] - row[j])


@kernel
def hessian_adjoint(f, scale, out):
    """out += scale (dxx f0 + 2 dxy' f1 + dyy f2), the transpose of (dxx, dxy, dyx, dyy).

    Mirrored at the boundary, dxx v and dyy v continue evenly and dxy v oddly.
    """
    layers, rows, columns = f.shape
    number = f.dtype.type
    last = columns - 1
    half = number(0.5)
    for i in range(rows):
        i0, i1 = max(i - 1, 0), min(i + 1, rows - 1)
        sign0 = number(-1) if i == 0 else number(1)
        sign1 = number(-1) if i == rows - 1 else number(1)
        for j in range(columns):
            left, right = max(j - 1, 0), min(j + 1, last)
            odd0 = number(-1) if j == 0 else number(1)
            odd1 = number(-1) if j == last else number(1)
            xx = (f[0, i, left] - f[0, i, j]) + (f[0, i, right] - f[0, i, j])
            yy = (f[2, i0, j] - f[2, i, j]) + (f[2, i1, j] - f[2, i, j])
            xy = (sign1 * (odd1 * f[1, i1, right] - odd0 * f[1, i1, left])
                  - sign0 * (odd1 * f[1, i0, right] - odd0 * f[1, i0, left]))
            out[i, j] = fma(scale, (xx + yy) + half * xy, out[i, j])
