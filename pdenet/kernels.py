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

import math
import pathlib
import warnings

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core.caching import FunctionCache
from numba.core.compiler import Compiler
from numba.extending import intrinsic, overload


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


class _DistinctArguments(Compiler):
    """Numba's compiler, told that no two array arguments overlap where one is written.

    Otherwise LLVM guards a loop by run-time checks, and leaves loops that write several
    rows scalar, because they would need too many.
    """

    def define_pipelines(self):
        self.state.flags.noalias = True
        return super().define_pipelines()


def kernel(function, **options):
    """Compile at the first call, without the interpreter lock, cached on disk."""
    compiled = numba.njit(nogil=True, error_model="numpy", **options)(function)
    if not numba.config.DISABLE_JIT:
        compiled._cache = _ForgivingCache(function)
    return compiled


def row(function):
    """A kernel's loop along rows; rows that it writes are no other argument's."""
    return kernel(function, pipeline_class=_DistinctArguments)


def inlined(function):
    """A scalar formula, compiled into the loops that call it, so that they vectorise."""
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


def fma(a, b, c):
    """a b + c, rounded once where the processor can."""
    return a * b + c


@overload(fma, jit_options={"forceinline": True})
def _compile_fma(a, b, c):
    return lambda a, b, c: _fused_multiply_add(a, b, c)


def exp2(t):
    """2^t for t <= 0, without a branch or a call, so that loops vectorise.

    2^n by its bits times 2^r, |r| <= 1/2, by its Taylor series, which ends below the rounding
    unit; the relative error is that of rounding t, |t| units.
    """
    return np.exp2(t)


@overload(exp2, jit_options={"forceinline": True})
def _compile_exp2(t):
    single = t == types.float32
    number, integer = (np.float32, np.int32) if single else (np.float64, np.int64)
    bias, fraction_bits, degree = (127, 23, 6) if single else (1023, 52, 12)
    series = [number(math.log(2)**k / math.factorial(k)) for k in range(degree + 1)]
    even, odd = tuple(series[::2][::-1]), tuple(series[1::2][::-1])

    def compiled(t):
        t = max(t, number(1 - bias))
        n = np.floor(t + number(0.5))
        r = t - n
        evens = odds = number(0)
        for coefficient in even:  # Horner's scheme in r^2; loops short enough to be unrolled
            evens = fma(evens, r * r, coefficient)
        for coefficient in odd:
            odds = fma(odds, r * r, coefficient)
        bits = integer((integer(n) + integer(bias)) << integer(fraction_bits))
        return fma(r, odds, evens) * bits.view(number)
    return compiled


# Gaussian smoothing ------------------------------------------------------------------


@kernel
def smooth(v, taps, radius, scale, out):
    """out += scale G v: separable convolution, half-sample symmetric boundary.

    taps: the kernel's centre, its `radius` samples to one side, then zeros up to a multiple of
    four of these. The kernel is symmetric, so G is its own transpose, at the boundary too.
    """
    rows, columns = v.shape
    line = np.zeros(columns + 2 * taps.size, v.dtype)
    margin = taps.size
    inner = line[margin:margin + columns]
    total = np.empty(columns, v.dtype)
    for i in range(rows):
        _multiply_row(v[i], taps[0], inner)
        for k in range(1, taps.size, 4):
            _add_four_pairs(v[_mirror(i - k, rows)], v[_mirror(i + k, rows)],
                            v[_mirror(i - k - 1, rows)], v[_mirror(i + k + 1, rows)],
                            v[_mirror(i - k - 2, rows)], v[_mirror(i + k + 2, rows)],
                            v[_mirror(i - k - 3, rows)], v[_mirror(i + k + 3, rows)],
                            taps[k:k + 4], inner)
        for k in range(1, radius + 1):
            line[margin - k] = inner[_mirror(-k, columns)]
            line[margin + columns - 1 + k] = inner[_mirror(columns - 1 + k, columns)]
        _multiply_row(inner, taps[0], total)
        for k in range(1, taps.size, 4):
            left, right = margin - k, margin + k
            _add_four_pairs(line[left:], line[right:], line[left - 1:], line[right + 1:],
                            line[left - 2:], line[right + 2:], line[left - 3:], line[right + 3:],
                            taps[k:k + 4], total)
        _add_row(total, scale, out[i])


@inlined
def _mirror(i, size):
    """Index of pixel i of the image continued half-sample symmetrically, period 2 size."""
    i %= 2 * size
    return i if i < size else 2 * size - 1 - i


@row
def _fill_row(value, out):
    for j in range(out.size):
        out[j] = value


@row
def _copy_row(v, out):
    for j in range(out.size):
        out[j] = v[j]


@row
def _multiply_row(v, factor, out):
    for j in range(out.size):
        out[j] = factor * v[j]


@row
def _add_row(v, scale, out):
    for j in range(out.size):
        out[j] = fma(scale, v[j], out[j])


@row
def _add_four_pairs(l0, r0, l1, r1, l2, r2, l3, r3, taps, out):
    t0, t1, t2, t3 = taps[0], taps[1], taps[2], taps[3]
    for j in range(out.size):
        near = fma(t0, l0[j] + r0[j], t1 * (l1[j] + r1[j]))
        out[j] += fma(t2, l2[j] + r2[j], fma(t3, l3[j] + r3[j], near))


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
    for i in range(rows + 1):
        _fill_row(number(0), out[i])
        for n in range(layers):
            _add_trace(v[n, max(i - 1, 0)], v[n, min(i, rows - 1)],
                       weights[n], weights[n] * edge, weights[n] * alpha, out[i])


@row
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
    """out += scale K' M(g I) K v for a scalar diffusivity g on the cells."""
    rows, columns = v.shape
    number = v.dtype.type
    twist = number(0.25) * (number(1) - number(2) * alpha)
    flux = np.zeros((3, columns + 1), v.dtype)
    carry, mirror = np.zeros(columns, v.dtype), np.zeros(columns, v.dtype)
    for i in range(rows + 1):
        _scalar_flux_row(v[max(i - 1, 0)], v[min(i, rows - 1)], g[i], twist,
                         flux[0], flux[1], flux[2])
        target = out[i - 1] if i > 0 else mirror
        _scatter_row(flux[0], flux[1], flux[2], scale, carry, target, target)


@row
def _scalar_flux_row(top, bottom, g, twist, p, q, s):
    """_flux_row for a = c = g and b = 0."""
    last = top.size - 1
    number = top.dtype.type
    half, quarter, twice = number(0.5), number(0.25), number(2) * twist
    for j in range(1, last + 1):
        l, r = bottom[j - 1] - top[j - 1], bottom[j] - top[j]
        p[j] = quarter * g[j] * ((top[j] - top[j - 1]) + (bottom[j] - bottom[j - 1]))
        q[j] = quarter * g[j] * (l + r)
        s[j] = twice * g[j] * (r - l)
    q[0] = half * g[0] * (bottom[0] - top[0])
    q[last + 1] = half * g[last + 1] * (bottom[last] - top[last])


@kernel
def tensor(v, weights, alpha, out):
    """out = sum_n w_n J(v_n) on the cells, planes (J11, J12, J22), with
    J = [[p^2 + k s^2, p q], [p q, q^2 + k s^2]] and k = (1-2 alpha)/4."""
    layers, rows, columns = v.shape
    number = v.dtype.type
    twist = number(0.25) * (number(1) - number(2) * alpha)
    for i in range(rows + 1):
        for k in range(3):
            _fill_row(number(0), out[k, i])
        for n in range(layers):
            _add_tensor(v[n, max(i - 1, 0)], v[n, min(i, rows - 1)], weights[n], twist,
                        out[0, i], out[1, i], out[2, i])


@row
def _add_tensor(top, bottom, weight, twist, j11, j12, j22):
    last = top.size - 1
    half = top.dtype.type(0.5)
    for j in range(1, last + 1):
        l, r = bottom[j - 1] - top[j - 1], bottom[j] - top[j]
        p, q = half * ((top[j] - top[j - 1]) + (bottom[j] - bottom[j - 1])), half * (l + r)
        square = twist * (r - l) * (r - l)
        j11[j] = fma(weight, fma(p, p, square), j11[j])
        j12[j] = fma(weight * p, q, j12[j])
        j22[j] = fma(weight, fma(q, q, square), j22[j])
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
        target = out[i - 1] if i > 0 else mirror
        _scatter_row(p, q, s, scale, carry, target, target)


@row
def _flux_row(top, bottom, a, b, c, twist, oblique, p, q, s):
    """(p, q, s) = M (p, q, s), the first two halved as _scatter_row wants them.

    At the rim p and s vanish, as does b.
    """
    last = top.size - 1
    half, quarter = top.dtype.type(0.5), top.dtype.type(0.25)
    for j in range(1, last + 1):
        l, r = bottom[j - 1] - top[j - 1], bottom[j] - top[j]
        dx, dy = (top[j] - top[j - 1]) + (bottom[j] - bottom[j - 1]), l + r
        p[j] = quarter * fma(a[j], dx, b[j] * dy)
        q[j] = quarter * fma(c[j], dy, b[j] * dx)
        s[j] = fma(twist, a[j] + c[j], oblique * abs(b[j])) * (r - l)
    q[0] = half * c[0] * (bottom[0] - top[0])
    q[last + 1] = half * c[last + 1] * (bottom[last] - top[last])


@row
def _scatter_row(p, q, s, scale, carry, base, out):
    """out = base + scale K': a cell gives -p-q+s, p-q-s, -p+q-s, p+q+s to its A, B, C, D.

    base may be out itself.
    """
    for j in range(out.size):
        along = p[j] - p[j + 1]
        across = (q[j] + q[j + 1]) - (s[j + 1] - s[j])
        out[j] = fma(scale, carry[j] + (along - across), base[j])
        carry[j] = along + across


@kernel
def eigenvalues(j, out):
    """out = (m + r, m - r), the larger and the smaller eigenvalue of symmetric tensors."""
    for i in range(j.shape[1]):
        _eigenvalue_row(j[0, i], j[1, i], j[2, i], out[0, i], out[1, i])


@row
def _eigenvalue_row(j11, j12, j22, large, small):
    half, zero = j11.dtype.type(0.5), j11.dtype.type(0)
    for k in range(j11.size):
        m, d = half * (j11[k] + j22[k]), half * (j11[k] - j22[k])
        r = np.sqrt(fma(d, d, j12[k] * j12[k]))
        large[k] = m + r
        small[k] = max(m - r, zero)


@kernel
def with_eigenvalues(mu, j):
    """Give the tensors j the eigenvalues mu (larger eigenvector first), keep the eigenvectors.

    With d = (J11 - J22)/2, r = sqrt(d^2 + J12^2), f = (mu1 - mu2)/(2 r) and the mean m of mu
    the result is (m + f d, f J12, m - f d).
    """
    for i in range(j.shape[1]):
        _compose_row(mu[0, i], mu[1, i], j[0, i], j[1, i], j[2, i])


@row
def _compose_row(mu1, mu2, j11, j12, j22):
    half, zero = j11.dtype.type(0.5), j11.dtype.type(0)
    for k in range(j11.size):
        d = half * (j11[k] - j22[k])
        r = np.sqrt(fma(d, d, j12[k] * j12[k]))
        m, f = half * (mu1[k] + mu2[k]), half * (mu1[k] - mu2[k])
        f = f / r if r > zero else zero
        j11[k], j12[k], j22[k] = fma(f, d, m), f * j12[k], fma(-f, d, m)


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

EXPONENTIAL, RATIONAL, CHARBONNIER, WEICKERT = range(4)


@row
def respond(rule, factor, x):
    """x <- g(x), the diffusivity chosen once a row: factor is that of x, see `diffusivities`."""
    one = x.dtype.type(1)
    if rule == EXPONENTIAL:
        for k in range(x.size):
            x[k] = exp2(factor * x[k])
    elif rule == RATIONAL:
        for k in range(x.size):
            x[k] = one / fma(factor, x[k], one)
    elif rule == CHARBONNIER:
        for k in range(x.size):
            x[k] = one / np.sqrt(fma(factor, x[k], one))
    else:
        for k in range(x.size):
            y = (factor * x[k]) * (factor * x[k])
            x[k] = one - exp2(-(one / (y * y)))


# Several explicit steps in one pass ---------------------------------------------------------
#
# Each step needs two rows of the image before it: as soon as step s has finished a row, step
# s + 1 can use it, so the image is read and written once for all steps and everything between
# stays in the first-level cache. The functions of rows are those of `trace`, `respond`,
# `diffuse` and so on, in the same order, so the numbers are the same, bit for bit.


@kernel
def explicit_steps(u, weight, anisotropic, rule, factor, alpha, gamma, scales, out):
    """out = u after the steps u_m += scales[s] K' M(D) K u_m, D of the structure of u.

    D = g(J) if anisotropic, else g(tr J) I, with J = weight sum_m J(u_m).
    """
    channels, rows, columns = u.shape
    steps = scales.size
    number = u.dtype.type
    edge = number(0.5) * (number(1) - alpha)
    twist = number(0.25) * (number(1) - number(2) * alpha)
    recent = _padded((steps, 2, channels), columns, u)  # last two rows before each step
    carry = _padded((steps, 1, channels), columns, u)
    lines = _padded((1, 1, 8), columns + 1, u)[0, 0]
    j11, j12, j22 = lines[0, :columns + 1], lines[1, :columns + 1], lines[2, :columns + 1]
    nu1, nu2 = lines[3, :columns + 1], lines[4, :columns + 1]
    p, q, t = lines[5, :columns + 1], lines[6, :columns + 1], lines[7, :columns + 1]
    mirror = np.zeros(columns, u.dtype)
    for front in range(rows + steps):
        for s in range(max(0, front - rows), min(steps, front + 1)):
            i = front - s  # the row of cells between the rows of pixels i - 1 and i
            above, below = max(i - 1, 0) % 2, min(i, rows - 1) % 2
            _fill_row(number(0), j11)
            if anisotropic:
                _fill_row(number(0), j12)
                _fill_row(number(0), j22)
            for m in range(channels):
                if s == 0 and i < rows:
                    _copy_row(u[m, i], recent[0, below, m, :columns])
                top, bottom = recent[s, above, m, :columns], recent[s, below, m, :columns]
                if anisotropic:
                    _add_tensor(top, bottom, weight, twist, j11, j12, j22)
                else:
                    _add_trace(top, bottom, weight, weight * edge, weight * alpha, j11)
            if anisotropic:
                _eigenvalue_row(j11, j12, j22, nu1, nu2)
                respond(rule, factor, nu1)
                respond(rule, factor, nu2)
                _compose_row(nu1, nu2, j11, j12, j22)
            else:
                respond(rule, factor, j11)
            for m in range(channels):
                top, bottom = recent[s, above, m, :columns], recent[s, below, m, :columns]
                if anisotropic:
                    _flux_row(top, bottom, j11, j12, j22, twist, number(2) * twist * gamma, p, q, t)
                else:
                    _scalar_flux_row(top, bottom, j11, twist, p, q, t)
                if i == 0:
                    target = mirror
                elif s == steps - 1:
                    target = out[m, i - 1]
                else:
                    target = recent[s + 1, (i - 1) % 2, m, :columns]
                _scatter_row(p, q, t, scales[s], carry[s, 0, m, :columns], top, target)


@inlined
def _padded(shape, columns, like):
    """Rows of zeros whose distance is no power of two, which would crowd a cache's sets."""
    return np.zeros(shape + ((columns // 16 + 2) * 16,), like.dtype)
