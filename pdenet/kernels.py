"""The compiled loops: arrays and scalars in, the last argument is written.

Every kernel works on one plane (H, W) or on layers (N, H, W) of float32 or float64,
C-contiguous, and keeps that type throughout. A *cell* is the square between the four
pixels A = (i, j), B = (i, j+1), C = (i+1, j), D = (i+1, j+1); a plane of cells has shape
(H+1, W+1), because reflecting boundary conditions continue the image mirrored and so
surround it by a rim of cells whose pixels are replicated. A rim cell is shared with the
mirror image: a pixel at the boundary receives flux from four full cells like any other,
and only sums over cells (energies) count the rim half.

What keeps these loops fast: the innermost loop runs along a row and writes at most two
arrays (the vectoriser gives up on more possible overlaps), layers and taps lie outside,
and products and sums are fused explicitly, so that a pixel's value does not depend on
where in a row, a tile or a vector it stands.

Compiled code is cached on disk beside this file or in Numba's cache directory. Numba
notices changes of the calling file only, hence all kernels live in this one.
"""

import pathlib
import warnings

import numba
import numpy as np
from llvmlite import ir
from numba.core.caching import FunctionCache
from numba.extending import intrinsic


class _ForgivingCache:
    """Numba's disk cache, where a cache that cannot be used costs time, never the result."""

    warned = False

    def __init__(self, function):
        self._cache = self._try(FunctionCache, function)

    def _try(self, action, *arguments):
        try:
            return action(*arguments)
        except Exception as error:  # unreadable, damaged, no place to write: anything
            if not _ForgivingCache.warned:
                _ForgivingCache.warned = True
                warnings.warn(f"pdenet compiles without its disk cache, every start will be "
                              f"slower ({type(error).__name__}: {error})", stacklevel=3)
            return None

    def load_overload(self, signature, context):
        return self._cache and self._try(self._cache.load_overload, signature, context)

    def save_overload(self, signature, data):
        return self._cache and self._try(self._cache.save_overload, signature, data)

    @property
    def cache_path(self):
        return self._cache.cache_path if self._cache else None


def kernel(function, **options):
    """Compile at the first call, without the interpreter lock, cached on disk."""
    compiled = numba.njit(nogil=True, error_model="numpy", **options)(function)
    if hasattr(compiled, "_cache"):  # absent under NUMBA_DISABLE_JIT
        compiled._cache = _ForgivingCache(function)
    return compiled


def inlined(function):
    """Compile into the loops that call it, so that they vectorise."""
    return kernel(function, forceinline=True)


def cache_state():
    """Where compiled kernels are kept, and how many, in words."""
    path = getattr(getattr(smooth, "_cache", None), "cache_path", None)
    if path is None:
        return "none: kernels are compiled at every start"
    count = len(list(pathlib.Path(path).glob("kernels.*.nbc")))
    return f"{count} compiled kernels in {path}"


@intrinsic
def _fused_multiply_add(typing_context, a, b, c):
    def generate(context, builder, signature, arguments):
        kind = arguments[0].type
        function = builder.module.declare_intrinsic(
            "llvm.fmuladd", [kind], ir.FunctionType(kind, [kind] * 3))
        return builder.call(function, arguments)
    return a(a, a, a), generate


@inlined
def fma(a, b, c):
    """a b + c, rounded once where the processor can."""
    return _fused_multiply_add(a, b, c)


if numba.config.DISABLE_JIT:
    def fma(a, b, c):
        return a * b + c


# Gaussian smoothing ------------------------------------------------------------------


@kernel
def smooth(v, taps, radius, scale, out):
    """out += scale G v: separable convolution, half-sample symmetric boundary.

    taps: the 2 radius + 1 samples of the kernel, then zeros up to a multiple of eight.
    The kernel is symmetric, so G is its own transpose, at the boundary too.
    """
    rows, columns = v.shape
    line = np.zeros(columns + taps.size + radius, v.dtype)
    inner = line[radius:radius + columns]
    total = np.empty(columns, v.dtype)
    for i in range(rows):
        inner[:] = 0
        for k in range(0, taps.size, 8):
            first = i - radius + k
            _add_eight_rows(v[_mirror(first, rows)], v[_mirror(first + 1, rows)],
                            v[_mirror(first + 2, rows)], v[_mirror(first + 3, rows)],
                            v[_mirror(first + 4, rows)], v[_mirror(first + 5, rows)],
                            v[_mirror(first + 6, rows)], v[_mirror(first + 7, rows)],
                            taps[k:k + 8], inner)
        for k in range(1, radius + 1):
            line[radius - k] = inner[_mirror(-k, columns)]
            line[radius + columns - 1 + k] = inner[_mirror(columns - 1 + k, columns)]
        total[:] = 0
        for k in range(0, taps.size, 8):
            _add_eight_shifts(line[k:], taps[k:k + 8], total)
        target = out[i]
        for j in range(columns):
            target[j] = fma(scale, total[j], target[j])


@inlined
def _mirror(i, size):
    """Index of pixel i of the image continued half-sample symmetrically, period 2 size."""
    i %= 2 * size
    return i if i < size else 2 * size - 1 - i


@kernel
def _add_eight_rows(r0, r1, r2, r3, r4, r5, r6, r7, taps, total):
    t0, t1, t2, t3, t4, t5, t6, t7 = (taps[0], taps[1], taps[2], taps[3],
                                      taps[4], taps[5], taps[6], taps[7])
    for j in range(total.size):
        a = fma(t0, r0[j], fma(t1, r1[j], fma(t2, r2[j], t3 * r3[j])))
        b = fma(t4, r4[j], fma(t5, r5[j], fma(t6, r6[j], t7 * r7[j])))
        total[j] += a + b


@kernel
def _add_eight_shifts(r, taps, total):
    t0, t1, t2, t3, t4, t5, t6, t7 = (taps[0], taps[1], taps[2], taps[3],
                                      taps[4], taps[5], taps[6], taps[7])
    for j in range(total.size):
        a = fma(t0, r[j], fma(t1, r[j + 1], fma(t2, r[j + 2], t3 * r[j + 3])))
        b = fma(t4, r[j + 4], fma(t5, r[j + 5], fma(t6, r[j + 6], t7 * r[j + 7])))
        total[j] += a + b


# The cell gradient ---------------------------------------------------------------------
#
# A cell with pixels A, B / C, D has the samples p = (B-A+D-C)/2, q = (C-A+D-B)/2 and the
# twist s = A-B-C+D. The discretisation of div(D grad u) on 3x3 pixels by Weickert, Welk
# and Wickert (2013) is -K' M K with K u = (p, q, s) and
#
#     M (p, q, s) = (a p + b q, b p + c q, kappa s),  kappa = (1-2 alpha)/4 (a + c + 2 gamma |b|).
#
# Its bilinear form at one cell is, for a scalar tensor a = c = g, b = 0, with the
# differences t, d along the cell's top and bottom and l, r along its left and right edge:
# g times (1-alpha)/2 (t^2 + d^2 + l^2 + r^2) + alpha (t d + l r).


@kernel
def trace(v, weights, alpha, out):
    """out = sum_n w_n tr J(v_n) on the cells, J the structure tensor.

    tr J = p^2 + q^2 + (1-2 alpha)/2 s^2 is written in the differences t, d along the top and
    bottom edge of the cell and l, r along its left and right edge, whose rounding is
    relative: (1-alpha)/2 (t^2 + d^2 + l^2 + r^2) + alpha (t d + l r).
    """
    layers, rows, columns = v.shape
    number = v.dtype.type
    edge = number(0.5) * (number(1) - alpha)
    out[:] = 0
    for i in range(rows + 1):
        for n in range(layers):
            _add_trace(v[n, max(i - 1, 0)], v[n, min(i, rows - 1)],
                       weights[n], weights[n] * edge, weights[n] * alpha, out[i])


@kernel
def _add_trace(top, bottom, weight, square, mixed, out):
    last = top.size - 1
    for j in range(1, last + 1):
        t = top[j] - top[j - 1]
        d = bottom[j] - bottom[j - 1]
        l = bottom[j - 1] - top[j - 1]
        r = bottom[j] - top[j]
        squares = fma(r, r, fma(l, l, fma(d, d, t * t)))
        out[j] = fma(square, squares, fma(mixed, fma(l, r, t * d), out[j]))
    l = bottom[0] - top[0]
    r = bottom[last] - top[last]
    out[0] = fma(weight * l, l, out[0])
    out[last + 1] = fma(weight * r, r, out[last + 1])


@kernel
def diffuse(v, g, alpha, scale, out):
    """out += scale K' M(g I) K v for a scalar diffusivity g on the cells.

    Read as fluxes: a cell with differences t, d, l, r has the flux g ((1-alpha) t + alpha d)/2
    along its top edge, and likewise round the cell. What flows into the row of pixels below
    is carried to the next row of cells.
    """
    rows, columns = v.shape
    number = v.dtype.type
    near, far = number(0.5) * (number(1) - alpha), number(0.5) * alpha
    carry, mirror = np.zeros(columns, v.dtype), np.zeros(columns, v.dtype)
    for i in range(rows + 1):
        _exchange_row(v[max(i - 1, 0)], v[min(i, rows - 1)], g[i], near, far, scale, carry,
                      out[i - 1] if i > 0 else mirror)


@kernel
def _exchange_row(top, bottom, g, near, far, scale, carry, out):
    last = top.size - 1
    for j in range(1, last):
        above, below = _exchange(top[j - 1], top[j], top[j + 1],
                                 bottom[j - 1], bottom[j], bottom[j + 1],
                                 g[j], g[j + 1], near, far)
        out[j] = fma(scale, carry[j] + above, out[j])
        carry[j] = below
    for j in range(0, last + 1, max(last, 1)):  # the two ends of the row
        left, right = max(j - 1, 0), min(j + 1, last)
        above, below = _exchange(top[left], top[j], top[right],
                                 bottom[left], bottom[j], bottom[right],
                                 g[j], g[j + 1], near, far)
        out[j] = fma(scale, carry[j] + above, out[j])
        carry[j] = below


@inlined
def _exchange(t_left, t, t_right, d_left, d, d_right, g_left, g_right, near, far):
    """K' M K v at two pixels t above d, the part from the two cells that both belong to."""
    left, middle, right = d_left - t_left, d - t, d_right - t_right
    upper = (g_left * fma(near, t - t_left, far * (d - d_left))
             - g_right * fma(near, t_right - t, far * (d_right - d)))
    lower = (g_left * fma(near, d - d_left, far * (t - t_left))
             - g_right * fma(near, d_right - d, far * (t_right - t)))
    across = fma(g_left, fma(near, middle, far * left), g_right * fma(near, middle, far * right))
    return upper - across, lower + across


@kernel
def tensor(v, weights, alpha, out):
    """out = sum_n w_n J(v_n) on the cells, planes (J11, J12, J22), with
    J = [[p^2 + k s^2, p q], [p q, q^2 + k s^2]] and k = (1-2 alpha)/4."""
    layers, rows, columns = v.shape
    number = v.dtype.type
    twist = number(0.25) * (number(1) - number(2) * alpha)
    out[:] = 0
    for i in range(rows + 1):
        for n in range(layers):
            _add_tensor(v[n, max(i - 1, 0)], v[n, min(i, rows - 1)], weights[n], twist,
                        out[0, i], out[1, i], out[2, i])


@kernel
def _add_tensor(top, bottom, weight, twist, j11, j12, j22):
    last = top.size - 1
    half = top.dtype.type(0.5)
    for j in range(1, last + 1):
        l, r = bottom[j - 1] - top[j - 1], bottom[j] - top[j]
        p, q = half * ((top[j] - top[j - 1]) + (bottom[j] - bottom[j - 1])), half * (l + r)
        square = twist * (r - l) * (r - l)
        j11[j] = fma(weight, fma(p, p, square), j11[j])
        j22[j] = fma(weight, fma(q, q, square), j22[j])
    for j in range(1, last + 1):
        p = half * ((top[j] - top[j - 1]) + (bottom[j] - bottom[j - 1]))
        q = half * ((bottom[j - 1] - top[j - 1]) + (bottom[j] - top[j]))
        j12[j] = fma(weight * p, q, j12[j])
    left, right = bottom[0] - top[0], bottom[last] - top[last]
    j22[0] = fma(weight * left, left, j22[0])
    j22[last + 1] = fma(weight * right, right, j22[last + 1])


@kernel
def diffuse_tensor(v, d, alpha, gamma, scale, out):
    """out += scale K' M(D) K v, the diffusion tensor D = [[a, b], [b, c]] as planes (a, b, c)."""
    rows, columns = v.shape
    number = v.dtype.type
    twist = number(0.25) * (number(1) - number(2) * alpha)
    p, q, s = (np.zeros(columns + 1, v.dtype), np.zeros(columns + 1, v.dtype),
               np.zeros(columns + 1, v.dtype))
    carry, mirror = np.zeros(columns, v.dtype), np.zeros(columns, v.dtype)
    for i in range(rows + 1):
        _flux_row(v[max(i - 1, 0)], v[min(i, rows - 1)], d[0, i], d[1, i], d[2, i],
                  twist, number(2) * twist * gamma, p, q, s)
        _scatter_row(p, q, s, scale, carry, out[i - 1] if i > 0 else mirror)


@kernel
def _flux_row(top, bottom, a, b, c, twist, oblique, p, q, s):
    """(p, q, s) = M (p, q, s), the first two halved as _scatter_row wants them.

    At the rim p and s vanish, as does b.
    """
    last = top.size - 1
    quarter = top.dtype.type(0.25)
    for j in range(1, last + 1):
        dx = (top[j] - top[j - 1]) + (bottom[j] - bottom[j - 1])
        dy = (bottom[j - 1] - top[j - 1]) + (bottom[j] - top[j])
        p[j] = quarter * fma(a[j], dx, b[j] * dy)
    for j in range(1, last + 1):
        dx = (top[j] - top[j - 1]) + (bottom[j] - bottom[j - 1])
        dy = (bottom[j - 1] - top[j - 1]) + (bottom[j] - top[j])
        q[j] = quarter * fma(c[j], dy, b[j] * dx)
    for j in range(1, last + 1):
        kappa = fma(twist, a[j] + c[j], oblique * abs(b[j]))
        s[j] = kappa * ((bottom[j] - top[j]) - (bottom[j - 1] - top[j - 1]))
    q[0] = (quarter + quarter) * c[0] * (bottom[0] - top[0])
    q[last + 1] = (quarter + quarter) * c[last + 1] * (bottom[last] - top[last])


@kernel
def _scatter_row(p, q, s, scale, carry, out):
    """K': a cell gives -p-q+s, p-q-s, -p+q-s, p+q+s to its pixels A, B, C, D."""
    for j in range(out.size):
        along = p[j] - p[j + 1]
        across = (q[j] + q[j + 1]) - (s[j + 1] - s[j])
        out[j] = fma(scale, carry[j] + (along - across), out[j])
        carry[j] = along + across


@kernel
def eigenvalues(j, out):
    """out = (m + r, m - r), the larger and the smaller eigenvalue of symmetric tensors."""
    half = j.dtype.type(0.5)
    zero = j.dtype.type(0)
    for i in range(j.shape[1]):
        j11, j12, j22, large, small = j[0, i], j[1, i], j[2, i], out[0, i], out[1, i]
        for k in range(j11.size):
            m, d = half * (j11[k] + j22[k]), half * (j11[k] - j22[k])
            r = np.sqrt(fma(d, d, j12[k] * j12[k]))
            large[k] = m + r
            small[k] = max(m - r, zero)


@kernel
def with_eigenvalues(mu, j):
    """Give the tensors j the eigenvalues mu (larger eigenvector first), keep the eigenvectors.

    With d = (J11 - J22)/2, r = sqrt(d^2 + J12^2), f = (mu1 - mu2)/(2 r) and the mean m of mu
    the result is (m + f d, f J12, m - f d); mu is overwritten by (m, f).
    """
    half = j.dtype.type(0.5)
    zero = j.dtype.type(0)
    for i in range(j.shape[1]):
        j11, j12, j22, mean, factor = j[0, i], j[1, i], j[2, i], mu[0, i], mu[1, i]
        for k in range(j11.size):
            d = half * (j11[k] - j22[k])
            r = np.sqrt(fma(d, d, j12[k] * j12[k]))
            m, f = half * (mean[k] + factor[k]), half * (mean[k] - factor[k])
            mean[k] = m
            factor[k] = f / r if r > zero else zero
        for k in range(j11.size):
            d = factor[k] * half * (j11[k] - j22[k])
            j11[k] = mean[k] + d
            j22[k] = mean[k] - d
        for k in range(j11.size):
            j12[k] *= factor[k]


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


# Diffusivities -----------------------------------------------------------------------


@kernel
def exponential(x, factor):
    """x <- exp(factor x) for float32 and factor x <= 0, to 2e-7 relative.

    2^n by its bits and 2^r, |r| <= 1/2, by a polynomial: no branch, no call, so it
    vectorises where math.exp does not.
    """
    number = np.float32
    for i in range(x.size):
        t = max(x[i] * factor, number(-126))
        n = np.floor(t + number(0.5))
        r = t - n
        e = fma(r, fma(r, fma(r, fma(r, fma(r, fma(
            r, number(1.5403530e-4), number(1.3333558e-3)), number(9.6181291e-3)),
            number(5.5504109e-2)), number(2.4022651e-1)), number(6.9314718e-1)), number(1))
        x[i] = e * np.int32((np.int32(n) + np.int32(127)) << np.int32(23)).view(np.float32)
