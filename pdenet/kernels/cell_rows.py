"""Cells in lanes: the formulas of the scheme, and the loops along a row of cells.

A *cell* is the square between the four pixels A = (i, j), B = (i, j+1),
C = (i+1, j), D = (i+1, j+1); a plane of cells has shape (H+1, W+1), because reflecting boundary
conditions continue the image mirrored and so surround it by a rim of cells whose pixels are
replicated. A rim cell is shared with the mirror image: a pixel at the boundary receives
flux from four full cells like any other, and only sums over cells (energies) count the rim
half.

A cell has the samples p = (B-A+D-C)/2, q = (C-A+D-B)/2 and the twist s = A-B-C+D. The
discretisation of div(D grad u) on 3x3 pixels by Weickert, Welk and Wickert (2013) is -K' M K
with K u = (p, q, s) and, for D = [[a, b], [b, c]],

    M (p, q, s) = (a p + b q, b p + c q, kappa s),  kappa = (1-2 alpha)/4 (a + c - 2 gamma |b|).

In the loops K u is kept as (x, right, left), x = 2 p, right = D - B, left = C - A, so that
y = right + left = 2 q and z = right - left = s; a flux (P, Q, S) as (P/2, Q/2 + S, Q/2 - S), of
which K' takes sums and differences; the product of both is the sum of three products. Symmetric
tensors [[m + d, o], [o, m - d]] are kept as (m, d, o).

The loops run along rows in whole vectors (see `lanes`), so rows lie in a common `memory`, each a
`pitch` after the other, where they end with a whole vector, and are named by the index at which
they begin. A row of pixels has a pixel more at either end, the mirror image of the last: slot j
holds pixel j - 1, and the cell of slot j the pixels of the slots j and j + 1; those of slots 0
and W are the rim, those beyond are computed and never used. A pixel's value does not depend on
where in a row, a tile or a vector it stands.
"""

import math

import numpy as np
from numba import types
from numba.extending import overload

from .compiler import inlined, kernel
from .vectors import BYTES, above, exp2, fma, load, preceding, quotient, splat, store

# Formulas, for numbers as for lanes ---------------------------------------------------------

NONE, EXPONENTIAL, RATIONAL, CHARBONNIER, WEICKERT = range(5)

# Where g' changes by less than these shares, in float32 and float64, the divided difference of g
# is the mean of two derivatives: the quotient's rounding error meets the error of Gauss' rule.
NEAR = tuple(float((270 * np.finfo(dtype).eps)**0.2) for dtype in (np.float32, np.float64))


@inlined
def diffusivity_of(rule, x, one):
    """g; its argument is scaled already, see `diffusivities`. The rule NONE keeps it."""
    if rule == NONE:
        return x
    elif rule == EXPONENTIAL:
        return exp2(x)
    elif rule == RATIONAL:
        return one / (x + one)
    elif rule == CHARBONNIER:
        return one / np.sqrt(x + one)
    else:
        y = x * x
        return one - exp2(-(one / (y * y)))


@inlined
def _slope(rule, g, x, one):
    """g' by the scaled argument x, where g is known."""
    half = one / (one + one)
    ln2 = one * math.log(2)
    if rule == EXPONENTIAL:
        return ln2 * g
    elif rule == RATIONAL:
        return -g * g
    elif rule == CHARBONNIER:
        return -half * g * g * g
    else:
        x = np.maximum(x, half * half)  # below g = 1 and g' = 0 in all digits
        y = x * x
        s = one / (y * y)
        return -ln2 * (s + s + s + s) * exp2(-s) / x


@inlined
def response(rule, factor, x, slope, one):
    """g(x), or g'(x) for the slope."""
    g = diffusivity_of(rule, factor * x, one)
    if slope:
        g = factor * _slope(rule, g, factor * x, one)
    return g


@inlined
def _gradient(memory, top, bottom):
    """K u = (x, right, left) of the cells from these slots of two rows of pixels on."""
    a, b, c, d = (load(memory, top), load(memory, top + 1),
                  load(memory, bottom), load(memory, bottom + 1))
    return (b - a) + (d - c), d - b, c - a


@inlined
def _unit_flux(gradient, twist):
    """The flux M K u for D = I, times four."""
    x, right, left = gradient
    y, z = right + left, right - left
    return x, fma(twist, z, y), fma(-twist, z, y)


@inlined
def _tensor_flux(gradient, tensor, twist, oblique):
    """The flux M K u for tensor = (m, d, o) = 2 D, times eight."""
    (x, right, left), (m, d, o) = gradient, tensor
    y, z = right + left, right - left
    p, q = fma(o, y, (m + d) * x), fma(o, x, (m - d) * y)
    s = fma(twist, m, oblique * abs(o))
    return p, fma(s, z, q), fma(-s, z, q)


@inlined
def _times(g, flux):
    return g * flux[0], g * flux[1], g * flux[2]


@inlined
def _product(gradient, flux):
    """The product of a gradient with a flux."""
    (x, right, left), (p, more, less) = gradient, flux
    return fma(x, p, fma(right, more, left * less))


@inlined
def _add_tensor(gradient, other, weight, twist, tensor):
    """The symmetric product of two gradients, added to the entries 11, 22, 12 of a tensor and, of
    the twists, to a number apart."""
    (x, right, left), (X, Right, Left) = gradient, other
    xx, yy, xy, twists = tensor
    y, Y = right + left, Right + Left
    wx, wy = weight * x, weight * y
    return (fma(wx, X, xx), fma(wy, Y, yy), fma(wx, Y, fma(wy, X, xy)),
            fma(twist * (right - left), Right - Left, twists))


@inlined
def _tensor_diffusivity(rule, factor, tensor, one):
    """2 g(J): g of the eigenvalues m + r and m - r, the same eigenvectors; r = |(d, o)|."""
    m, d, o = tensor
    r = np.sqrt(fma(d, d, o * o))
    g1 = diffusivity_of(rule, factor * (m + r), one)
    g2 = diffusivity_of(rule, factor * np.maximum(m - r, one - one), one)  # not below 0 by rounding
    f = quotient(g1 - g2, r)
    return g1 + g2, f * d, f * o


@inlined
def _tensor_slope(rule, factor, tensor, direction, one, near):
    """2 g'(J)[B] for J = (m, d, o) and B likewise, by the formulas of `fluxes`."""
    m, d, o = tensor
    b, p, q = direction
    zero, half = one - one, one / (one + one)
    r = np.sqrt(fma(d, d, o * o))
    along, across = above(r, zero, d / r, one), quotient(o, r)
    parallel, mixed = fma(along, p, across * q), fma(along, q, -across * p)
    x1, x2 = factor * (m + r), factor * np.maximum(m - r, zero)
    g1, g2 = diffusivity_of(rule, x1, one), diffusivity_of(rule, x2, one)
    s1, s2 = _slope(rule, g1, x1, one), _slope(rule, g2, x2, one)
    middle, radius = half * (x1 + x2), (one * (0.5 / math.sqrt(3))) * (x1 - x2)
    y1, y2 = middle + radius, middle - radius
    mean = half * (_slope(rule, diffusivity_of(rule, y1, one), y1, one)
                   + _slope(rule, diffusivity_of(rule, y2, one), y2, one))
    far = near * (abs(s1) + abs(s2))
    mixed = (mixed + mixed) * above(abs(s1 - s2), far, (g1 - g2) / (x1 - x2), mean)
    first, second = s1 * (b + parallel), s2 * (b - parallel)
    change = first - second
    return (factor * (first + second), factor * fma(change, along, -mixed * across),
            factor * fma(change, across, mixed * along))


@inlined
def _flux(gradient, memory, pitch, mixed, g, twist, oblique):
    """`_tensor_flux` for three rows from g on; for one, if mixed is None, g `_unit_flux`."""
    if mixed is None:
        return _times(load(memory, g), _unit_flux(gradient, twist))
    return _tensor_flux(gradient, _load_tensor(memory, pitch, g), twist, oblique)


@inlined
def _scatter(memory, before, flux, scale, base, carry, out):
    """out = base + scale K' of a flux: P/2 = p, Q/2 = q and S = s give -p-q+s, p-q-s, -p+q-s and
    p+q+s to the pixels A, B, C, D of their cell.

    What belongs to the row of pixels below is carried to the next row of cells.
    """
    p, more, less = flux
    along = preceding(before[0], p) - p
    across = preceding(before[1], more) + less
    above = load(memory, carry) + (along - across)
    store(memory, out, fma(scale, above, load(memory, base)))
    store(memory, carry, along + across)


# Rows of cells, between the rows of pixels `top` and `bottom` -------------------------------


@kernel
def scalar_row(memory, pitch, columns, top, bottom, rule, factor, mixed, weights, twist, g):
    """g = g(sum_n w_n tr J(v_n)) for the layers n; the weights hold the rule's factor already."""
    number = memory.dtype.type
    for j in range(0, columns + 1, BYTES // memory.itemsize):
        trace = splat(memory, number(0))
        for n in range(weights.size):
            gradient = _gradient(memory, top + n * pitch + j, bottom + n * pitch + j)
            trace = fma(weights[n], _product(gradient, _unit_flux(gradient, twist)), trace)
        store(memory, g + j, diffusivity_of(rule, trace, number(1)))


@kernel
def tensor_row(memory, pitch, columns, top, bottom, rule, factor, mixed, weights, twist, g):
    """Three rows g = (m, d, o) of 2 g(sum_n w_n J(v_n)); with the rule NONE, of J itself.

    mixed: what J_12 counts, 1, or 0 for g of the diagonal alone.
    """
    number = memory.dtype.type
    zero = splat(memory, number(0))
    for j in range(0, columns + 1, BYTES // memory.itemsize):
        tensor = zero, zero, zero, zero
        for n in range(weights.size):
            gradient = _gradient(memory, top + n * pitch + j, bottom + n * pitch + j)
            tensor = _add_tensor(gradient, gradient, weights[n], weights[n] * twist, tensor)
        xx, yy, xy, twists = tensor
        m, d, o = (xx + yy) + twists, xx - yy, mixed * xy
        if rule != NONE:
            m, d, o = _tensor_diffusivity(rule, factor, (m, d, o), number(1))
        _store_tensor(memory, pitch, g + j, (m, d, o))


def diffusivity_row(memory, pitch, columns, top, bottom, rule, factor, mixed, weights, twist, g):
    """`scalar_row` if mixed is None, else `tensor_row`; no more than one of them is compiled."""
    row = scalar_row if mixed is None else tensor_row
    row(memory, pitch, columns, top, bottom, rule, factor, mixed, weights, twist, g)


@overload(diffusivity_row)
def _choose(memory, pitch, columns, top, bottom, rule, factor, mixed, weights, twist, g):
    return (scalar_row if isinstance(mixed, types.NoneType) else tensor_row).py_func


@kernel
def flux_row(memory, pitch, columns, top, bottom, mixed, g, twist, oblique, scale, base, carry,
             out):
    """out = base + scale K' M(D) K v, as far as this row of cells completes it, for three rows g of
    the tensor, (m, d, o), or for one of D = g I, if mixed is None.
    """
    zero = splat(memory, memory.dtype.type(0))
    before = zero, zero, zero
    for j in range(0, columns + 1, BYTES // memory.itemsize):
        gradient = _gradient(memory, top + j, bottom + j)
        flux = _flux(gradient, memory, pitch, mixed, g + j, twist, oblique)
        _scatter(memory, before, flux, scale, base + j, carry + j, out + j)
        before = flux


@kernel
def scalar_step_row(memory, pitch, columns, top, bottom, rule, weight, twist, scale, carry, out):
    """`scalar_row` and `flux_row` at once for a single layer, which steers itself."""
    number = memory.dtype.type
    zero = splat(memory, number(0))
    before = zero, zero, zero
    for j in range(0, columns + 1, BYTES // memory.itemsize):
        gradient = _gradient(memory, top + j, bottom + j)
        flux = _unit_flux(gradient, twist)
        trace = weight * _product(gradient, flux)
        flux = _times(diffusivity_of(rule, trace, number(1)), flux)
        _scatter(memory, before, flux, scale, top + j, carry + j, out + j)
        before = flux


# Rows of the adjoint ----------------------------------------------------------------------


@kernel
def scalar_correlation_row(memory, pitch, columns, top, bottom, weights, twist, gamma, rule,
                           factor, mixed, d, c):
    """A row c = sum_n w_n tr(K v_n (K z_n)'); the rows of the layers z follow those of v.

    With a rule of g, and tr J in the row d, c = g'(tr J) times that, and d = g(tr J).
    """
    number = memory.dtype.type
    layers, one = weights.size, number(1)
    for j in range(0, columns + 1, BYTES // memory.itemsize):
        trace = splat(memory, number(0))
        for n in range(layers):
            v, z = n * pitch + j, (layers + n) * pitch + j
            flux = _unit_flux(_gradient(memory, top + z, bottom + z), twist)
            product = _product(_gradient(memory, top + v, bottom + v), flux)
            trace = fma(weights[n], product, trace)
        if rule != NONE:
            x = load(memory, d + j)
            store(memory, d + j, response(rule, factor, x, False, one))
            trace = response(rule, factor, x, True, one) * trace
        store(memory, c + j, trace)


@kernel
def tensor_correlation_row(memory, pitch, columns, top, bottom, weights, twist, gamma, rule,
                           factor, mixed, d, c):
    """Three rows c = (m, d, o) of B = sum_n w_n sym(K v_n (K z_n)'), such that its product with
    D is sum_n w_n (K z_n)' M(D) K v_n: -2 gamma |D_12| in kappa counts with the sign of D_12.

    D is given as three rows d; or, with a rule of g, these are J, c = 2 g'(J)[B] and d = 2 g(J).
    """
    number = memory.dtype.type
    layers, zero, one = weights.size, splat(memory, number(0)), number(1)
    for j in range(0, columns + 1, BYTES // memory.itemsize):
        tensor = zero, zero, zero, zero
        for n in range(layers):
            v, z = n * pitch + j, (layers + n) * pitch + j
            tensor = _add_tensor(_gradient(memory, top + v, bottom + v),
                                 _gradient(memory, top + z, bottom + z),
                                 weights[n], weights[n] * twist, tensor)
        J = D = _load_tensor(memory, pitch, d + j)
        if rule != NONE:
            D = _tensor_diffusivity(rule, factor, J, one)
            _store_tensor(memory, pitch, d + j, D)
        xx, yy, xy, twists = tensor
        oblique = quotient(D[2], abs(D[2]))
        B = (xx + yy) + twists, xx - yy, mixed * fma(-gamma * oblique, twists, xy)
        if rule != NONE:
            B = _tensor_slope(rule, factor, J, B, one, number(NEAR[memory.itemsize // 8]))
        _store_tensor(memory, pitch, c + j, B)


def correlation_row(memory, pitch, columns, top, bottom, weights, twist, gamma, rule, factor,
                    mixed, d, c):
    """`scalar_correlation_row` or `tensor_correlation_row`, likewise."""
    row = scalar_correlation_row if mixed is None else tensor_correlation_row
    row(memory, pitch, columns, top, bottom, weights, twist, gamma, rule, factor, mixed, d, c)


@overload(correlation_row)
def _choose_correlation(memory, pitch, columns, top, bottom, weights, twist, gamma, rule, factor,
                        mixed, d, c):
    return (scalar_correlation_row if isinstance(mixed, types.NoneType)
            else tensor_correlation_row).py_func


@inlined
def _load_tensor(memory, pitch, row):
    return load(memory, row), load(memory, row + pitch), load(memory, row + 2 * pitch)


@inlined
def _store_tensor(memory, pitch, row, tensor):
    for k in range(3):
        store(memory, row + k * pitch, tensor[k])


@kernel
def pull_row(memory, pitch, columns, top, bottom, mixed, v, z, d, c, twist, oblique, scale, base,
             measure, carry, out, sums):
    """out = base + scale K' (M(D) K z + M(C) K v), as far as this row of cells completes it.

    For rows d and c of tensors as in `flux_row`; where one is missing, d < 0 or c < 0, its term
    is 0. Added to sums, in lanes: (K v)' M(D) K z and (K v)' M(C) K v, as often as `measure` says.
    """
    number = memory.dtype.type
    zero = splat(memory, number(0))
    lanes, before = BYTES // memory.itemsize, (zero, zero, zero)
    along, across = load(memory, sums), load(memory, sums + lanes)
    for j in range(0, columns + 1, lanes):
        gradient, part = _gradient(memory, top + v + j, bottom + v + j), load(memory, measure + j)
        flux = zero, zero, zero
        if d >= 0:
            other = _gradient(memory, top + z + j, bottom + z + j)
            flux = _flux(other, memory, pitch, mixed, d + j, twist, oblique)
            along = fma(part, _product(gradient, flux), along)
        if c >= 0:
            change = _flux(gradient, memory, pitch, mixed, c + j, twist, number(0))
            across = fma(part, _product(gradient, change), across)
            flux = flux[0] + change[0], flux[1] + change[1], flux[2] + change[2]
        _scatter(memory, before, flux, scale, base + j, carry + j, out + j)
        before = flux
    store(memory, sums, along)
    store(memory, sums + lanes, across)
