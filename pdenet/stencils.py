"""Compiled loops on pixels: Gaussian smoothing, Laplacian and Hessian with their transposes.

Planes (H, W) of float32 or float64, C-contiguous; the last argument is written. The image
continues half-sample symmetrically.
"""

import numpy as np

from .compiling import inlined, kernel, row
from .lanes import BYTES, fma, load, store, transpose


# Gaussian smoothing ------------------------------------------------------------------


@kernel
def smooth(v, taps, scale, add, out):
    """out = scale G v, added to out if add: separable convolution, half-sample symmetric boundary.

    taps: the kernel from its centre to one side. It is symmetric, so G is its own transpose,
    at the boundary too. Both directions are passes along columns, where whole vectors of
    neighbours meet the same tap: a band of rows, as many as lanes, is smoothed along its columns,
    transposed, smoothed along what were rows, and transposed back.
    """
    rows, columns = v.shape
    radius = taps.size - 1
    lanes, block = BYTES // v.itemsize, 64 // v.itemsize
    width, height = -(-columns // lanes) * lanes, -(-rows // lanes) * lanes
    pitch = width + block if width // block % 2 == 0 else width  # see `cells.pitch_of`
    tall, band = _aligned(lanes + 2 * radius, pitch, v), _aligned(lanes, pitch, v)
    upright, result = _aligned(width + 2 * radius, lanes, v), _aligned(block, lanes, v)
    for top in range(0, height, lanes):
        for i in range(lanes + 2 * radius):
            if top > 0 and i < 2 * radius:
                _copy_row(tall[lanes + i], tall[i])
            else:
                _copy_row(v[_mirror(top + i - radius, rows)], tall[i])
        for i in range(0, lanes, 4):
            _four_rows(tall, radius + i, width, taps, band[i:i + 4])
        for i in range(0, lanes, block):
            for j in range(0, width, block):
                transpose(band[i:, j:], upright[radius + j:, i:])
        for k in range(1, radius + 1):
            _copy_row(upright[radius + _mirror(-k, columns)], upright[radius - k])
            _copy_row(upright[radius + _mirror(columns - 1 + k, columns)],
                      upright[radius + columns - 1 + k])
        for j in range(0, width, block):
            for k in range(0, block, 4):
                _four_rows(upright, radius + j + k, lanes, taps, result[k:k + 4])
            for i in range(0, lanes, block):
                transpose(result[:, i:], band[i:, j:])
        for i in range(min(lanes, rows - top)):
            if add:
                _add_row(band[i], scale, out[top + i])
            else:
                _multiply_row(band[i], scale, out[top + i])


@inlined
def _mirror(i, size):
    """Index of pixel i of the image continued half-sample symmetrically, period 2 size."""
    i %= 2 * size
    return i if i < size else 2 * size - 1 - i


@inlined
def _aligned(rows, pitch, like):
    line = 64 // like.itemsize
    data = np.empty(rows * pitch + line, like.dtype)
    first = -(data.ctypes.data // like.itemsize) % line
    return data[first:first + rows * pitch].reshape(rows, pitch)


@row
def _copy_row(v, out):
    for j in range(v.size):
        out[j] = v[j]


@row
def _multiply_row(v, scale, out):
    for j in range(out.size):
        out[j] = scale * v[j]


@row
def _add_row(v, scale, out):
    for j in range(out.size):
        out[j] = fma(scale, v[j], out[j])


@kernel
def _four_rows(v, first, width, taps, out):
    """Four rows of out = v's rows from `first` on, smoothed along the columns.

    From tap to tap their neighbours move by one row, so that they share what they load.
    """
    t = taps[0]
    for j in range(0, width, BYTES // v.itemsize):
        l0, l1, l2, l3 = (load(v[first], j), load(v[first + 1], j), load(v[first + 2], j),
                          load(v[first + 3], j))
        r0, r1, r2, r3 = l0, l1, l2, l3
        s0, s1, s2, s3 = t * l0, t * l1, t * l2, t * l3
        for k in range(1, taps.size):
            l0, l1, l2, l3 = load(v[first - k], j), l0, l1, l2
            r0, r1, r2, r3 = r1, r2, r3, load(v[first + 3 + k], j)
            tap = taps[k]
            s0, s1 = fma(tap, l0 + r0, s0), fma(tap, l1 + r1, s1)
            s2, s3 = fma(tap, l2 + r2, s2), fma(tap, l3 + r3, s3)
        store(out[0], j, s0)
        store(out[1], j, s1)
        store(out[2], j, s2)
        store(out[3], j, s3)


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
