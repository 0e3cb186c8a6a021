"""The loops along a row of cells: each goes from left to right in whole vectors.

`rows` is a block of rows, each named by the index in `rows.memory` at which it begins, see
`row_memory`. `pixels` are the two rows of pixels around the cells; where there are N layers, each
of the two is the first of N rows. `tensor` is the first row of D and `out` the first row that is
written. `mixed` says what J_12 counts: 1, or 0 for g of the diagonal alone, or None where D = g I
needs no more than the trace of J; then D is one row g, otherwise the three rows of a tensor (m, d,
o). As its type selects the code, a branch of `mixed is None` is compiled only where it is taken.
The formulas, `stencil`, `twist` and `law` are those of `cell_formulas`.

`measured` are the two rows of a mask that belong to the rows of pixels, see `masked_cells`, or None
for an image without one, for which no other code is compiled.
"""

from typing import NamedTuple

from .cell_formulas import (NEAR, Stencil, add_outer_product, product, tensor_flux,
                            tensor_response, tensor_slope, times, unit_flux)
from .compiler import kernel
from .formulas import formula
from .laws import NONE, response, slope
from .masked_cells import are_whole, cell_at, masked_edges, masked_gradient, weight_of
from .vectors import BYTES, fma, load, preceding, quotient, splat, store


class Target(NamedTuple):
    """Rows for the result of K', of which a pixel gets one part from the row of cells above it and
    one from the row of cells below it.

    The part from above waits in the row `carry` until the part from below is there; then the row
    `out` becomes the row `base` plus both.
    """

    base: int
    carry: int
    out: int


class Given(NamedTuple):
    """What `adjoint_row` is given: where a layer v and its cotangent z lie behind those of the
    pixels, and the first rows of D and C, `tensor` and `change`; a negative row stands for D = 0 or
    C = 0."""

    v: int
    z: int
    tensor: int
    change: int


@formula
def gradient_at(memory, pixels, offset):
    """K u = (x, right, left) of the cells from slot `offset` of the two rows of pixels in `memory`
    on."""
    top, bottom = pixels.top + offset, pixels.bottom + offset
    a, b, c, d = (load(memory, top), load(memory, top + 1),
                  load(memory, bottom), load(memory, bottom + 1))
    return (b - a) + (d - c), d - b, c - a


@formula
def gradient_of(memory, pixels, offset, measured, j):
    """`gradient_at` for the slot `offset`, or, where there is a mask, what it leaves of K u; j is
    the slot of the cells in the rows of the mask."""
    if measured is None:
        return gradient_at(memory, pixels, offset)
    cell = cell_at(memory, measured, j)
    if are_whole(memory, cell):
        return gradient_at(memory, pixels, offset)
    return masked_gradient(memory, pixels, offset, cell)


@formula
def load_tensor(rows, row):
    """The tensors (m, d, o) of the cells from the index `row` on, which is in the first of three
    rows."""
    return (load(rows.memory, row), load(rows.memory, row + rows.pitch),
            load(rows.memory, row + 2 * rows.pitch))


@formula
def store_tensor(rows, row, tensor):
    """Write a tensor of cells, so many entries, to where `load_tensor` reads them."""
    for k in range(len(tensor)):
        store(rows.memory, row + k * rows.pitch, tensor[k])


@formula
def flux_at(gradient, rows, mixed, tensor, stencil):
    """The flux M(D) K u of a gradient K u, for D at the index `tensor` of its first row."""
    if mixed is None:
        return times(load(rows.memory, tensor), unit_flux(gradient, stencil.twist))
    return tensor_flux(gradient, load_tensor(rows, tensor), stencil)


@formula
def edges_of(memory, flux, measured, j):
    """What the fluxes M(D) K u of the cells from slot j on, `flux`, give to the edges top, bottom,
    right and left."""
    if measured is None:
        return flux[0], flux[0], flux[1], flux[2]
    cell = cell_at(memory, measured, j)
    if are_whole(memory, cell):
        return flux[0], flux[0], flux[1], flux[2]
    return masked_edges(memory, flux, cell)


@formula
def edges_at(rows, pixels, measured, j, mixed, tensor, stencil):
    """`edges_of` the flux of a layer at the vector j of the cells, for `pixels` and D in the rows
    from `tensor` on, which is `mixed` or not, and the `stencil`; `measured` is None, or where a
    mask stands. Vectors of cells that are all whole take what is compiled for an image without a
    mask, with the same numbers."""
    memory = rows.memory
    if measured is None:
        flux = flux_at(gradient_at(memory, pixels, j), rows, mixed, tensor + j, stencil)
        return flux[0], flux[0], flux[1], flux[2]
    cell = cell_at(memory, measured, j)
    if are_whole(memory, cell):
        flux = flux_at(gradient_at(memory, pixels, j), rows, mixed, tensor + j, stencil)
        return flux[0], flux[0], flux[1], flux[2]
    gradient = masked_gradient(memory, pixels, j, cell)
    return masked_edges(memory, flux_at(gradient, rows, mixed, tensor + j, stencil), cell)


@formula
def gather(memory, before, edges, scale, target, j):
    """out = base + 4 scale K' of a flux, in the rows of a target, for the cells from slot j on.

    A cell with the flux (P, Q, S) adds -P/2-Q/2+S to its pixel A, P/2-Q/2-S to B, -P/2+Q/2-S to C
    and P/2+Q/2+S to D: each edge takes its part from one of its pixels and gives it to the other. A
    pixel also needs the cell to its left, which at the first lane is the last one of `before`, the
    `edges` of the vector before this one. What the pixels of the lower row get is written to the
    row target.carry of `memory`.
    """
    upper, lower, more, less = edges
    across = preceding(before[2], more) + less
    above = load(memory, target.carry + j) + ((preceding(before[0], upper) - upper) - across)
    store(memory, target.out + j, fma(scale, above, load(memory, target.base + j)))
    store(memory, target.carry + j, (preceding(before[1], lower) - lower) + across)


# Forward -----------------------------------------------------------------------------------------


@kernel
def tensor_row(rows, pixels, measured, law, mixed, strength, twist, out):
    """out = D = g(J) with J = sum_n w_n J(v_n), from the layers v_n in the rows of pixels.

    The sum is that over the channels in eq. (21) and eq. (26) and that over the scales in eq. (32)
    and eq. (34). With mixed None D = g(tr J) I: eq. (19), eq. (29), eq. (39). Otherwise D = g(J),
    see `cell_formulas.tensor_response`, where mixed = 0 leaves J its diagonal alone, as the
    uncoupled model of Section 6.

    `strength` holds w_n times a factor, see `planes.scaled_for_tensor`, because the products of
    gradients come out four times too large; where `mixed` is None it is multiplied by the factor of
    the law, too. The law NONE gives J itself, or its trace.
    """
    memory, pitch = rows.memory, rows.pitch
    number = memory.dtype.type
    zero, one = splat(memory, number(0)), number(1)
    for j in range(0, rows.columns + 1, BYTES // memory.itemsize):
        if mixed is None:
            trace = zero
            for n in range(strength.size):
                gradient = gradient_of(memory, pixels, n * pitch + j, measured, j)
                trace = fma(strength[n], product(gradient, unit_flux(gradient, twist)), trace)
            store(memory, out + j, response(law.rule, trace, one))
        else:
            total = zero, zero, zero, zero
            for n in range(strength.size):
                gradient = gradient_of(memory, pixels, n * pitch + j, measured, j)
                total = add_outer_product(gradient, gradient, strength[n], twist, total)
            xx, yy, xy, twists = total
            tensor = (xx + yy) + twists, xx - yy, mixed * xy
            if law.rule != NONE:
                tensor = tensor_response(law, tensor, one)
            store_tensor(rows, out + j, tensor)


@kernel
def flux_row(rows, pixels, measured, mixed, tensor, stencil, scale, target):
    """out = base + 4 scale K' M(D) K v of one layer v, in the rows of a target.

    Fluxes are stored four times too large, see `cell_formulas`, so that whoever calls this passes a
    quarter of the factor as `scale`. A row of pixels is complete when the row of cells below it has
    been there.
    """
    memory = rows.memory
    zero = splat(memory, memory.dtype.type(0))
    before = zero, zero, zero, zero
    for j in range(0, rows.columns + 1, BYTES // memory.itemsize):
        edges = edges_at(rows, pixels, measured, j, mixed, tensor, stencil)
        gather(memory, before, edges, scale, target, j)
        before = edges


@kernel
def scalar_step_row(rows, pixels, measured, rule, strength, twist, scale, target):
    """g(|grad u|^2) grad u and its divergence, eq. (7): `tensor_row` and `flux_row` in one loop,
    for a single layer that steers itself with D = g I.

    `rule` and `strength` are the law's rule and the layer's w_n as `tensor_row` takes them; `scale`
    and `target` are those of `flux_row`.
    """
    memory = rows.memory
    number = memory.dtype.type
    zero = splat(memory, number(0))
    before = zero, zero, zero, zero
    for j in range(0, rows.columns + 1, BYTES // memory.itemsize):
        gradient = gradient_of(memory, pixels, j, measured, j)
        flux = unit_flux(gradient, twist)
        trace = strength * product(gradient, flux)
        flux = times(response(rule, trace, number(1)), flux)
        edges = edges_of(memory, flux, measured, j)
        gather(memory, before, edges, scale, target, j)
        before = edges


# Backward ----------------------------------------------------------------------------------------


@kernel
def correlation_row(rows, pixels, measured, law, mixed, strength, stencil, tensor, out):
    """out = B = sum_n w_n (K v_n (K z_n)' + K z_n (K v_n)') / 2, or with mixed None its trace, so
    that tr(B D) is sum_n w_n (K z_n)' M(D) K v_n: the adjoint of `flux_row` with respect to D.

    The rows of the layers z follow those of the layers v. `strength` holds w_n / 4 or, for three
    rows of D, w_n / 8, without the factor of the law. B depends on the sign of D_12, because kappa
    in M(D) holds -2 gamma |D_12|. With a law other than NONE the rows of D hold J instead, or its
    trace. Then they become D = g(J), and out = g'(J)[B], the adjoint of `tensor_row` with respect
    to J applied to B; `planes.diffuse_adjoint` passes twice the strength, for C = g'(J)[2 B].
    """
    memory, pitch = rows.memory, rows.pitch
    number = memory.dtype.type
    layers, zero, one = strength.size, splat(memory, number(0)), number(1)
    for j in range(0, rows.columns + 1, BYTES // memory.itemsize):
        if mixed is None:
            trace = zero
            for n in range(layers):
                flux = unit_flux(gradient_of(memory, pixels, (layers + n) * pitch + j, measured, j),
                                 stencil.twist)
                values = product(gradient_of(memory, pixels, n * pitch + j, measured, j), flux)
                trace = fma(strength[n], values, trace)
            if law.rule != NONE:
                x = law.factor * load(memory, tensor + j)
                g = response(law.rule, x, one)
                store(memory, tensor + j, g)
                trace = law.factor * slope(law.rule, g, x, one) * trace
            store(memory, out + j, trace)
        else:
            total = zero, zero, zero, zero
            for n in range(layers):
                total = add_outer_product(
                    gradient_of(memory, pixels, n * pitch + j, measured, j),
                    gradient_of(memory, pixels, (layers + n) * pitch + j, measured, j),
                    strength[n], stencil.twist, total)
            J = D = load_tensor(rows, tensor + j)
            if law.rule != NONE:
                D = tensor_response(law, J, one)
                store_tensor(rows, tensor + j, D)
            xx, yy, xy, twists = total
            sign = quotient(D[2], abs(D[2]))
            B = (xx + yy) + twists, xx - yy, mixed * fma(-stencil.gamma * sign, twists, xy)
            if law.rule != NONE:
                B = tensor_slope(law, J, B, one, number(NEAR[memory.itemsize // 8]))
            store_tensor(rows, out + j, B)


@kernel
def adjoint_row(rows, pixels, measured, given, mixed, stencil, scale, measure, target, sums):
    """out = base + 4 scale K' (M(D) K z + M(C) K v), in the rows of a target, for v, z, D and C
    given; as for `flux_row`, `scale` is a quarter of the factor.

    M(C) is the derivative of J: it has the weight of the twist that J has, and no gamma. Two sums
    over the cells are added up, each four times too large and weighted by the row `measure`: that
    of (K v)' M(D) K z in the vector of lanes at the index `sums`, and that of (K v)' M(C) K v in
    the vector behind it.
    """
    memory = rows.memory
    number = memory.dtype.type
    zero = splat(memory, number(0))
    lanes, before = BYTES // memory.itemsize, (zero, zero, zero, zero)
    by_flux, by_structure = load(memory, sums), load(memory, sums + lanes)
    linear = Stencil(stencil.structure_twist, number(0), stencil.structure_twist)
    for j in range(0, rows.columns + 1, lanes):
        gradient = gradient_of(memory, pixels, given.v + j, measured, j)
        part = load(memory, measure + j)
        if measured is not None:
            part = part * weight_of(cell_at(memory, measured, j), number(1))
        flux = zero, zero, zero
        if given.tensor >= 0:
            other = gradient_of(memory, pixels, given.z + j, measured, j)
            flux = flux_at(other, rows, mixed, given.tensor + j, stencil)
            by_flux = fma(part, product(gradient, flux), by_flux)
        if given.change >= 0:
            change = flux_at(gradient, rows, mixed, given.change + j, linear)
            by_structure = fma(part, product(gradient, change), by_structure)
            flux = flux[0] + change[0], flux[1] + change[1], flux[2] + change[2]
        edges = edges_of(memory, flux, measured, j)
        gather(memory, before, edges, scale, target, j)
        before = edges
    store(memory, sums, by_flux)
    store(memory, sums + lanes, by_structure)
