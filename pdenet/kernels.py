"""The compiled loops over cells: arrays and scalars in, the last argument is written.

Every kernel works on planes (H, W) of float32 or float64, C-contiguous, and keeps that type
throughout. A *cell* is the square between the four pixels A = (i, j), B = (i, j+1),
C = (i+1, j), D = (i+1, j+1); a plane of cells has shape (H+1, W+1), because reflecting boundary
conditions continue the image mirrored and so surround it by a rim of cells whose pixels are
replicated. A rim cell is shared with the mirror image: a pixel at the boundary receives
flux from four full cells like any other, and only sums over cells (energies) count the rim
half.

A cell has the samples p = (B-A+D-C)/2, q = (C-A+D-B)/2 and the twist s = A-B-C+D. The
discretisation of div(D grad u) on 3x3 pixels by Weickert, Welk and Wickert (2013) is -K' M K
with K u = (p, q, s) and, for D = [[a, b], [b, c]],

    M (p, q, s) = (a p + b q, b p + c q, kappa s),  kappa = (1-2 alpha)/4 (a + c - 2 gamma |b|).

In the loops a cell has x = 2 p, y = 2 q and z = s, and symmetric tensors [[m + d, o], [o, m - d]]
are kept as (m, d, o). They run along rows in whole vectors (see `lanes`), so rows lie in a
common `memory`, each a `pitch` after the other, where they end with a whole vector, and are
named by the index at which they begin. A row of pixels has a pixel more at either end, the
mirror image of the last: slot j holds pixel j - 1, and the cell of slot j the pixels of the
slots j and j + 1; those of slots 0 and W are the rim, those beyond are computed and never
used. A pixel's value does not depend on where in a row, a tile or a vector it stands.
"""

import numpy as np

from .compiling import inlined, kernel
from .lanes import BYTES, exp2, fma, load, preceding, quotient, splat, store

# Formulas, for numbers as for lanes ---------------------------------------------------------

NONE, EXPONENTIAL, RATIONAL, CHARBONNIER, WEICKERT = range(5)


@inlined
def _diffusivity(rule, x, one):
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
def _gradient(memory, top, bottom):
    """K u = (x, y, z) of the cells from these slots of two rows of pixels on."""
    a, b, c, d = (load(memory, top), load(memory, top + 1),
                  load(memory, bottom), load(memory, bottom + 1))
    left, right = c - a, d - b
    return (b - a) + (d - c), left + right, right - left


@inlined
def _add_trace(gradient, weight, twist, trace):
    x, y, z = gradient
    return fma(twist * z, z, fma(weight * x, x, fma(weight * y, y, trace)))


@inlined
def _add_tensor(gradient, weight, twist, tensor):
    x, y, z = gradient
    m, d, o = tensor
    wx, wy = weight * x, weight * y
    return (fma(wx, x, fma(wy, y, fma(twist * z, z, m))), fma(wx, x, fma(-wy, y, d)),
            fma(wx + wx, y, o))


@inlined
def _tensor_diffusivity(rule, factor, tensor, one):
    """2 g(J): g of the eigenvalues m + r and m - r, the same eigenvectors; r = |(d, o)|."""
    m, d, o = tensor
    r = np.sqrt(fma(d, d, o * o))
    g1 = _diffusivity(rule, factor * (m + r), one)
    g2 = _diffusivity(rule, factor * np.maximum(m - r, one - one), one)  # not below 0 by rounding
    f = quotient(g1 - g2, r)
    return g1 + g2, f * d, f * o


@inlined
def _flux(gradient, g, twist):
    """M (p, q, s) for the tensor g I as (p, q + s, q - s), times four."""
    x, y, z = gradient
    q, s = g * y, twist * g
    return g * x, fma(s, z, q), fma(-s, z, q)


@inlined
def _tensor_flux(gradient, tensor, twist, oblique):
    """M (p, q, s) for the tensor (m, d, o) as (p, q + s, q - s), times four."""
    x, y, z = gradient
    m, d, o = tensor
    q = fma(o, x, fma(-d, y, m * y))
    s = fma(twist, m, oblique * abs(o))
    return fma(d, x, fma(o, y, m * x)), fma(s, z, q), fma(-s, z, q)


@inlined
def _scatter(memory, before, flux, scale, base, carry, out):
    """out = base + scale K': a cell gives -p-q+s, p-q-s, -p+q-s, p+q+s to its A, B, C, D.

    What belongs to the row of pixels below is carried to the next row of cells.
    """
    p, left, right = flux
    along = preceding(before[0], p) - p
    across = preceding(before[1], left) + right
    above = load(memory, carry) + (along - across)
    store(memory, out, fma(scale, above, load(memory, base)))
    store(memory, carry, along + across)


# Rows of cells, between the rows of pixels `top` and `bottom` -------------------------------


@kernel
def _scalar_row(memory, pitch, columns, top, bottom, rule, weights, twist, g):
    """g = g(sum_n w_n tr J(v_n)) for the layers n; the weights scale for the rule, too."""
    number = memory.dtype.type
    for j in range(0, columns + 1, BYTES // memory.itemsize):
        trace = splat(memory, number(0))
        for n in range(weights.size):
            gradient = _gradient(memory, top + n * pitch + j, bottom + n * pitch + j)
            trace = _add_trace(gradient, weights[n], weights[n] * twist, trace)
        store(memory, g + j, _diffusivity(rule, trace, number(1)))


@kernel
def _tensor_row(memory, pitch, columns, top, bottom, rule, factor, weights, twist, g):
    """Three rows g = (m, d, o) of 2 g(sum_n w_n J(v_n)); with the rule NONE, of J itself."""
    number = memory.dtype.type
    zero = splat(memory, number(0))
    for j in range(0, columns + 1, BYTES // memory.itemsize):
        tensor = zero, zero, zero
        for n in range(weights.size):
            gradient = _gradient(memory, top + n * pitch + j, bottom + n * pitch + j)
            tensor = _add_tensor(gradient, weights[n], weights[n] * twist, tensor)
        if rule != NONE:
            tensor = _tensor_diffusivity(rule, factor, tensor, number(1))
        m, d, o = tensor
        store(memory, g + j, m)
        store(memory, g + pitch + j, d)
        store(memory, g + 2 * pitch + j, o)


@kernel
def _flux_row(memory, columns, top, bottom, g, twist, scale, base, carry, out):
    """out = base + scale K' M(g I) K v, as far as this row of cells completes it."""
    zero = splat(memory, memory.dtype.type(0))
    before = zero, zero, zero
    for j in range(0, columns + 1, BYTES // memory.itemsize):
        flux = _flux(_gradient(memory, top + j, bottom + j), load(memory, g + j), twist)
        _scatter(memory, before, flux, scale, base + j, carry + j, out + j)
        before = flux


@kernel
def _tensor_flux_row(memory, pitch, columns, top, bottom, g, twist, oblique, scale, base, carry,
                     out):
    """The same for a tensor, three rows g = (m, d, o)."""
    zero = splat(memory, memory.dtype.type(0))
    before = zero, zero, zero
    for j in range(0, columns + 1, BYTES // memory.itemsize):
        tensor = (load(memory, g + j), load(memory, g + pitch + j),
                  load(memory, g + 2 * pitch + j))
        flux = _tensor_flux(_gradient(memory, top + j, bottom + j), tensor, twist, oblique)
        _scatter(memory, before, flux, scale, base + j, carry + j, out + j)
        before = flux


@inlined
def _pitch(columns, like):
    """Distance of rows: whole vectors and one more, an odd number of 64 bytes, as powers of two
    would crowd a cache's sets."""
    line, lanes = 64 // like.itemsize, BYTES // like.itemsize
    return ((columns // lanes + 1) * lanes // line + 1 | 1) * line


@inlined
def _rows(count, columns, like):
    """Memory for rows of zeros, which begin at multiples of 64 bytes."""
    size, line = count * _pitch(columns, like), 64 // like.itemsize
    data = np.zeros(size + line, like.dtype)
    first = -(data.ctypes.data // like.itemsize) % line
    return data[first:first + size]


@inlined
def _copy_in(v, memory, row):
    """Pixels v into a row, with the mirror images of its ends."""
    _copy(v, memory[row + 1:row + 1 + v.size])
    _mirror_ends(memory, row, v.size)


@inlined
def _mirror_ends(memory, row, columns):
    memory[row], memory[row + columns + 1] = memory[row + 1], memory[row + columns]


@inlined
def _copy(v, out):
    for j in range(out.size):
        out[j] = v[j]


# Planes ---------------------------------------------------------------------------------


@kernel
def structure(v, weights, rule, factor, alpha, out):
    """Of J = sum_n w_n J(v_n), J(v) = [[p^2 + k s^2, p q], [p q, q^2 + k s^2]], k = (1-2 alpha)/4:

    out (1, H+1, W+1) = g(tr J), or out (3, H+1, W+1) = (m, d, o) of 2 g(J); with the rule NONE
    tr J and J themselves.
    """
    layers, rows, columns = v.shape
    number = v.dtype.type
    full = len(out) == 3
    twist = number(2) * (number(1) - number(2) * alpha)
    share = number(0.125) if full else number(0.25) * factor
    scaled = np.empty_like(weights)
    for n in range(layers):
        scaled[n] = share * weights[n]
    memory, pitch = _rows(2 * layers + 3, columns, v), _pitch(columns, v)
    half = layers * pitch  # the rows of all layers above the cells, or below
    g = 2 * half
    for i in range(rows + 1):
        top, bottom = max(i - 1, 0) % 2 * half, min(i, rows - 1) % 2 * half
        if i < rows:
            for n in range(layers):
                _copy_in(v[n, i], memory, bottom + n * pitch)
        if full:
            _tensor_row(memory, pitch, columns, top, bottom, rule, factor, scaled, twist, g)
        else:
            _scalar_row(memory, pitch, columns, top, bottom, rule, scaled, twist, g)
        for k in range(len(out)):
            _copy(memory[g + k * pitch:], out[k, i])


@kernel
def diffuse(v, tensor, alpha, gamma, scale, out):
    """out += scale K' M(D) K v, D = g I for planes (g,), or (m, d, o) = 2 D."""
    rows, columns = v.shape
    number = v.dtype.type
    full = len(tensor) == 3
    twist = number(2) * (number(1) - number(2) * alpha)
    oblique = -twist * gamma
    share = number(0.125 if full else 0.25) * scale
    memory, pitch = _rows(8, columns, v), _pitch(columns, v)
    g, base, carry, result = 2 * pitch, 5 * pitch, 6 * pitch, 7 * pitch
    for i in range(rows + 1):
        top, bottom = max(i - 1, 0) % 2 * pitch, min(i, rows - 1) % 2 * pitch
        if i < rows:
            _copy_in(v[i], memory, bottom)
        for k in range(len(tensor)):
            _copy(tensor[k, i], memory[g + k * pitch:g + k * pitch + columns + 1])
        if i > 0:
            _copy_in(out[i - 1], memory, base)
        if full:
            _tensor_flux_row(memory, pitch, columns, top, bottom, g, twist, oblique, share, base,
                             carry, result)
        else:
            _flux_row(memory, columns, top, bottom, g, twist, share, base, carry, result)
        if i > 0:
            _copy(memory[result + 1:], out[i - 1])


@kernel
def respond(rule, factor, x):
    """x <- g(x) for a flat array."""
    lanes = BYTES // x.itemsize
    whole = x.size // lanes * lanes
    one = x.dtype.type(1)
    for j in range(0, whole, lanes):
        store(x, j, _diffusivity(rule, factor * load(x, j), one))
    rest = np.zeros(lanes, x.dtype)
    for j in range(whole, x.size):
        rest[j - whole] = x[j]
    store(rest, 0, _diffusivity(rule, factor * load(rest, 0), one))
    for j in range(whole, x.size):
        x[j] = rest[j - whole]


# Several explicit steps in one pass ---------------------------------------------------------


@kernel
def explicit_steps(u, v, weights, tile, inner, anisotropic, rule, factor, alpha, gamma, scales,
                   out):
    """out = u after the steps u_m += scales[s] K' M(D) K u_m.

    D = g(J) if anisotropic, else g(tr J) I, with J = sum_n w_n J(v_n) of layers v for a single
    step, or, where v is empty, of the channels of u themselves. Computed on the tile (top,
    bottom, left, right) of the image, written where its inner part is, likewise given.

    Each step needs two rows of the image before it: as soon as step s has finished a row,
    step s + 1 can use it. So the image is read and written once for all steps, and everything
    between stays in the cache. The same rows as `structure` and `diffuse`, so the same numbers.
    """
    channels, steps, layers = len(u), scales.size, len(v)
    rows, columns, left = tile[1] - tile[0], tile[3] - tile[2], tile[2]
    number = u.dtype.type
    twist = number(2) * (number(1) - number(2) * alpha)
    oblique = -twist * gamma
    share = number(0.125 if anisotropic else 0.25)
    scaled = np.empty_like(weights)
    for n in range(weights.size):
        scaled[n] = (share if anisotropic else share * factor) * weights[n]
    # For each step and channel the last two rows before it, and what is carried; then g, a row
    # of the result, and the last two rows of the layers.
    memory, pitch = _rows(3 * steps * channels + 4 + 2 * layers, columns, u), _pitch(columns, u)
    third = channels * pitch
    g = 3 * steps * third
    last = g + 3 * pitch
    steering = last + pitch
    for front in range(rows + steps):
        for s in range(max(0, front - rows), min(steps, front + 1)):
            i = front - s  # the row of cells between the rows of pixels i - 1 and i
            top = (3 * s + max(i - 1, 0) % 2) * third
            bottom = (3 * s + min(i, rows - 1) % 2) * third
            if s == 0 and i < rows:
                for m in range(channels):
                    _copy_in(u[m, tile[0] + i, left:left + columns], memory, bottom + m * pitch)
                for n in range(layers):
                    _copy_in(v[n, tile[0] + i, left:left + columns], memory,
                             steering + (i % 2 * layers + n) * pitch)
            over, under = top, bottom  # what steers
            if layers > 0:
                over = steering + max(i - 1, 0) % 2 * layers * pitch
                under = steering + min(i, rows - 1) % 2 * layers * pitch
            if anisotropic:
                _tensor_row(memory, pitch, columns, over, under, rule, factor, scaled, twist, g)
            else:
                _scalar_row(memory, pitch, columns, over, under, rule, scaled, twist, g)
            row = tile[0] + i - 1
            final = s == steps - 1
            for m in range(channels):
                above, below = top + m * pitch, bottom + m * pitch
                carry = (3 * s + 2) * third + m * pitch
                target = last if i == 0 or final else (3 * s + 3 + (i - 1) % 2) * third + m * pitch
                if anisotropic:
                    _tensor_flux_row(memory, pitch, columns, above, below, g, twist, oblique,
                                     share * scales[s], above, carry, target)
                else:
                    _flux_row(memory, columns, above, below, g, twist, share * scales[s], above,
                              carry, target)
                if not final:
                    _mirror_ends(memory, target, columns)
                elif i > 0 and inner[0] <= row < inner[1]:
                    _copy(memory[target + 1 + inner[2] - left:], out[m, row, inner[2]:inner[3]])
