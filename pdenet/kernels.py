"""The compiled loops: arrays and scalars in, the last argument is written.

Every kernel works on one plane (H, W) or on layers (N, H, W) of float32 or float64,
C-contiguous, and keeps that type throughout. A *cell* is the square between the four
pixels A = (i, j), B = (i, j+1), C = (i+1, j), D = (i+1, j+1); a plane of cells has shape
(H+1, W+1), because reflecting boundary conditions continue the image mirrored and so
surround it by a rim of cells whose pixels are replicated. A rim cell is shared with the
mirror image: a pixel at the boundary receives flux from four full cells like any other,
and only sums over cells (energies) count the rim half.

What keeps these loops fast: they run along rows, layers and taps lie outside, the rows do
not overlap (see `row`), neighbours are shifted rows with the same index (an index j + 1 might
be negative, for all the compiler knows, and would be tested). Products and sums are fused
explicitly, so that a pixel's value does not depend on where in a row, a tile or a vector
it stands.
"""

import numpy as np

from .compiling import exp2, fma, inlined, kernel, row


@row
def _fill_row(value, out):
    for j in range(out.size):
        out[j] = value


@row
def _copy_row(v, out):
    for j in range(out.size):
        out[j] = v[j]


# The cell gradient ---------------------------------------------------------------------
#
# A cell with pixels A, B / C, D has the samples p = (B-A+D-C)/2, q = (C-A+D-B)/2 and the
# twist s = A-B-C+D. The discretisation of div(D grad u) on 3x3 pixels by Weickert, Welk
# and Wickert (2013) is -K' M K with K u = (p, q, s) and
#
#     M (p, q, s) = (a p + b q, b p + c q, kappa s),  kappa = (1-2 alpha)/4 (a + c - 2 gamma |b|).
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
    a, b, c, d, inner = top[:-1], top[1:], bottom[:-1], bottom[1:], out[1:-1]
    for j in range(inner.size):
        t, u, l, r = b[j] - a[j], d[j] - c[j], c[j] - a[j], d[j] - b[j]
        squares = fma(r, r, fma(l, l, fma(u, u, t * t)))
        inner[j] = fma(square, squares, fma(mixed, fma(l, r, t * u), inner[j]))
    last = top.size - 1
    l, r = bottom[0] - top[0], bottom[last] - top[last]
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
def _scalar_flux_row(top, bottom, gs, twist, p, q, s):
    """_flux_row for a = c = g and b = 0."""
    number = top.dtype.type
    half, quarter, twice = number(0.5), number(0.25), number(2) * twist
    a, b, c, d, inner = top[:-1], top[1:], bottom[:-1], bottom[1:], gs[1:-1]
    p1, q1, s1 = p[1:-1], q[1:-1], s[1:-1]
    for j in range(inner.size):
        l, r, g = c[j] - a[j], d[j] - b[j], inner[j]
        p1[j] = quarter * g * ((b[j] - a[j]) + (d[j] - c[j]))
        q1[j] = quarter * g * (l + r)
        s1[j] = twice * g * (r - l)
    last = top.size - 1
    q[0] = half * gs[0] * (bottom[0] - top[0])
    q[last + 1] = half * gs[last + 1] * (bottom[last] - top[last])


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
    half = top.dtype.type(0.5)
    a, b, c, d = top[:-1], top[1:], bottom[:-1], bottom[1:]
    x11, x12, x22 = j11[1:-1], j12[1:-1], j22[1:-1]
    for j in range(x11.size):
        t, u, l, r = b[j] - a[j], d[j] - c[j], c[j] - a[j], d[j] - b[j]
        p, q, square = half * (t + u), half * (l + r), twist * (r - l) * (r - l)
        x11[j] = fma(weight, fma(p, p, square), x11[j])
        x12[j] = fma(weight * p, q, x12[j])
        x22[j] = fma(weight, fma(q, q, square), x22[j])
    last = top.size - 1
    l, r = bottom[0] - top[0], bottom[last] - top[last]
    j22[0] = fma(weight * l, l, j22[0])
    j22[last + 1] = fma(weight * r, r, j22[last + 1])


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
                  twist, -number(2) * twist * gamma, p, q, s)
        target = out[i - 1] if i > 0 else mirror
        _scatter_row(p, q, s, scale, carry, target, target)


@row
def _flux_row(top, bottom, d11, d12, d22, twist, oblique, p, q, s):
    """(p, q, s) = M (p, q, s), the first two halved as _scatter_row wants them.

    At the rim p and s vanish, as does b.
    """
    half, quarter = top.dtype.type(0.5), top.dtype.type(0.25)
    a, b, c, d = top[:-1], top[1:], bottom[:-1], bottom[1:]
    x11, x12, x22 = d11[1:-1], d12[1:-1], d22[1:-1]
    p1, q1, s1 = p[1:-1], q[1:-1], s[1:-1]
    for j in range(x11.size):
        l, r = c[j] - a[j], d[j] - b[j]
        x, y = (b[j] - a[j]) + (d[j] - c[j]), l + r
        p1[j] = quarter * fma(x11[j], x, x12[j] * y)
        q1[j] = quarter * fma(x22[j], y, x12[j] * x)
        s1[j] = fma(twist, x11[j] + x22[j], oblique * abs(x12[j])) * (r - l)
    last = top.size - 1
    q[0] = half * d22[0] * (bottom[0] - top[0])
    q[last + 1] = half * d22[last + 1] * (bottom[last] - top[last])


@row
def _scatter_row(p, q, s, scale, carry, base, out):
    """out = base + scale K': a cell gives -p-q+s, p-q-s, -p+q-s, p+q+s to its A, B, C, D.

    base may be out itself.
    """
    p0, p1, q0, q1, s0, s1 = p[:-1], p[1:], q[:-1], q[1:], s[:-1], s[1:]
    for j in range(out.size):
        along = p0[j] - p1[j]
        across = (q0[j] + q1[j]) - (s1[j] - s0[j])
        out[j] = fma(scale, carry[j] + (along - across), base[j])
        carry[j] = along + across


@kernel
def eigenvalues(j, out):
    """out = (m + r, m - r), the larger and the smaller eigenvalue of symmetric tensors."""
    for i in range(j.shape[1]):
        _eigenvalue_row(j[0, i], j[1, i], j[2, i], out[0, i], out[1, i])


@kernel
def respond_tensor(rule, factor, j):
    """j <- g(j): the diffusivity of the eigenvalues, the same eigenvectors."""
    nu = np.empty((2, j.shape[2]), j.dtype)
    for i in range(j.shape[1]):
        _respond_tensor_row(rule, factor, j[0, i], j[1, i], j[2, i], nu[0], nu[1])


@inlined
def _respond_tensor_row(rule, factor, j11, j12, j22, nu1, nu2):
    _eigenvalue_row(j11, j12, j22, nu1, nu2)
    respond(rule, factor, nu1)
    respond(rule, factor, nu2)
    _compose_row(nu1, nu2, j11, j12, j22)


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
def explicit_steps(u, tile, inner, weight, anisotropic, rule, factor, alpha, gamma, scales, out):
    """out = u after the steps u_m += scales[s] K' M(D) K u_m, D of the structure of u.

    D = g(J) if anisotropic, else g(tr J) I, with J = weight sum_m J(u_m). Computed on the tile
    (top, bottom, left, right) of the image, written where its inner part is, likewise given.
    """
    channels = len(u)
    top_row, left_column = tile[0], tile[2]
    rows, columns = tile[1] - tile[0], tile[3] - tile[2]
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
    oblique = -number(2) * twist * gamma
    result = np.zeros(columns, u.dtype)
    for front in range(rows + steps):
        for s in range(max(0, front - rows), min(steps, front + 1)):
            i = front - s  # the row of cells between the rows of pixels i - 1 and i
            above, below = max(i - 1, 0) % 2, min(i, rows - 1) % 2
            if s == 0 and i < rows:
                for m in range(channels):
                    _copy_row(u[m, top_row + i, left_column:left_column + columns],
                              recent[0, below, m, :columns])
            if anisotropic:
                for x in (j11, j12, j22):
                    _fill_row(number(0), x)
                for m in range(channels):
                    _add_tensor(recent[s, above, m, :columns], recent[s, below, m, :columns],
                                weight, twist, j11, j12, j22)
                _respond_tensor_row(rule, factor, j11, j12, j22, nu1, nu2)
            else:
                _fill_row(number(0), j11)
                for m in range(channels):
                    _add_trace(recent[s, above, m, :columns], recent[s, below, m, :columns],
                               weight, weight * edge, weight * alpha, j11)
                respond(rule, factor, j11)
            for m in range(channels):
                top, bottom = recent[s, above, m, :columns], recent[s, below, m, :columns]
                if anisotropic:
                    _flux_row(top, bottom, j11, j12, j22, twist, oblique, p, q, t)
                else:
                    _scalar_flux_row(top, bottom, j11, twist, p, q, t)
                last = i == 0 or s == steps - 1
                target = result if last else recent[s + 1, (i - 1) % 2, m, :columns]
                _scatter_row(p, q, t, scales[s], carry[s, 0, m, :columns], top, target)
                row = top_row + i - 1
                if i > 0 and last and inner[0] <= row < inner[1]:
                    _copy_row(result[inner[2] - left_column:inner[3] - left_column],
                              out[m, row, inner[2]:inner[3]])


@inlined
def _padded(shape, columns, like):
    """Rows of zeros whose distance is no power of two, which would crowd a cache's sets."""
    return np.zeros(shape + ((columns // 16 + 2) * 16,), like.dtype)
