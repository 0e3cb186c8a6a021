"""Compiled loops on pixels: Gaussian smoothing, Laplacian and Hessian with their transposes.

Planes (H, W) of float32 or float64, C-contiguous; the last argument is written. The image
continues half-sample symmetrically.
"""

import numpy as np

from .compiling import inlined, kernel, row
from .lanes import fma


# Gaussian smoothing ------------------------------------------------------------------


@kernel
def smooth(v, taps, radius, scale, add, out):
    """out = scale G v, added to out if add: separable convolution, half-sample symmetric boundary.

    taps: the kernel's centre, its `radius` samples to one side, then zeros up to a multiple of
    four of these. The kernel is symmetric, so G is its own transpose, at the boundary too.
    """
    rows, columns = v.shape
    line = np.zeros(columns + 2 * taps.size, v.dtype)
    margin = taps.size
    inner = line[margin:margin + columns]
    total = np.empty(columns, v.dtype)
    for i in range(rows):
        _centre_and_four_pairs(v[i], v[_mirror(i - 1, rows)], v[_mirror(i + 1, rows)],
                               v[_mirror(i - 2, rows)], v[_mirror(i + 2, rows)],
                               v[_mirror(i - 3, rows)], v[_mirror(i + 3, rows)],
                               v[_mirror(i - 4, rows)], v[_mirror(i + 4, rows)], taps, inner)
        for k in range(5, taps.size, 4):
            _add_four_pairs(v[_mirror(i - k, rows)], v[_mirror(i + k, rows)],
                            v[_mirror(i - k - 1, rows)], v[_mirror(i + k + 1, rows)],
                            v[_mirror(i - k - 2, rows)], v[_mirror(i + k + 2, rows)],
                            v[_mirror(i - k - 3, rows)], v[_mirror(i + k + 3, rows)],
                            taps[k:k + 4], inner)
        for k in range(1, radius + 1):
            line[margin - k] = inner[_mirror(-k, columns)]
            line[margin + columns - 1 + k] = inner[_mirror(columns - 1 + k, columns)]
        _centre_and_four_pairs(inner, line[margin - 1:], line[margin + 1:],
                               line[margin - 2:], line[margin + 2:], line[margin - 3:],
                               line[margin + 3:], line[margin - 4:], line[margin + 4:], taps, total)
        for k in range(5, taps.size, 4):
            left, right = margin - k, margin + k
            _add_four_pairs(line[left:], line[right:], line[left - 1:], line[right + 1:],
                            line[left - 2:], line[right + 2:], line[left - 3:], line[right + 3:],
                            taps[k:k + 4], total)
        if add:
            _add_row(total, scale, out[i])
        else:
            _multiply_row(total, scale, out[i])


@inlined
def _mirror(i, size):
    """Index of pixel i of the image continued half-sample symmetrically, period 2 size."""
    i %= 2 * size
    return i if i < size else 2 * size - 1 - i


@row
def _multiply_row(v, scale, out):
    for j in range(out.size):
        out[j] = scale * v[j]


@row
def _add_row(v, scale, out):
    for j in range(out.size):
        out[j] = fma(scale, v[j], out[j])


@row
def _centre_and_four_pairs(v, l0, r0, l1, r1, l2, r2, l3, r3, taps, out):
    t, t0, t1, t2, t3 = taps[0], taps[1], taps[2], taps[3], taps[4]
    for j in range(out.size):
        near = fma(t0, l0[j] + r0[j], t * v[j])
        far = fma(t2, l2[j] + r2[j], t3 * (l3[j] + r3[j]))
        out[j] = fma(t1, l1[j] + r1[j], near + far)


@row
def _add_four_pairs(l0, r0, l1, r1, l2, r2, l3, r3, taps, out):
    t0, t1, t2, t3 = taps[0], taps[1], taps[2], taps[3]
    for j in range(out.size):
        near = fma(t0, l0[j] + r0[j], t1 * (l1[j] + r1[j]))
        out[j] += fma(t2, l2[j] + r2[j], fma(t3, l3[j] + r3[j], near))


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
