"""The loops along a row of cells of a volume: each goes from left to right in whole vectors.

`rows` is a block of rows, each named by the index in `rows.memory` at which it begins, see
`row_memory`. In functions of lanes `one` is 1 in their type, and `near` the entry of NEAR for it.
`voxels` are the four rows of voxels around the cells; where there are N layers, each
of the four is the first of N rows. `tensor` is the first row of D and `out` the first row that is
written. With `mixed` None, D = g I needs the trace of J only, and D is one row g; otherwise D is
the six rows of a tensor, and `mixed` is the factor of the entries of J beside its diagonal, 1, or 0
for g of the diagonal alone. The formulas and `stencil` are those of `cells`; `law` is the
diffusivity g, see `laws`. `measured` says which voxels take part, see `masked_cells`, or is None
for a volume all of whose voxels do, for which no other code is compiled.
"""

from ..cell_formulas import NEAR, divided_difference, gauss_points
from ..cell_rows import store_tensor
from ..compiler import kernel
from ..formulas import formula
from ..laws import NONE, response, slope
from ..vectors import BYTES, above, fma, load, quotient, splat, store
from .cells import (add_outer_product, add_square, plus, product, spread, structure_of, tensor_flux,
                    times, unit_flux)
from .masked_cells import flux_of, gradient_of, weighted
from .tensors import (changed, coherence_response, directional, in_order, parts_of,
                      tensor_response)


@formula
def load_tensor(rows, row):
    """The tensors of the cells from the index `row` on, which is in the first of six rows."""
    memory, pitch = rows.memory, rows.pitch
    return (load(memory, row), load(memory, row + pitch), load(memory, row + 2 * pitch),
            load(memory, row + 3 * pitch), load(memory, row + 4 * pitch),
            load(memory, row + 5 * pitch))


@formula
def flux_at(gradient, rows, mixed, tensor, twist, metric):
    """The flux M(D) K u of a gradient K u, for D at the index `tensor` of its first row; `twist`
    and `metric` are those of a stencil."""
    if mixed is None:
        return times(load(rows.memory, tensor), unit_flux(gradient, twist, metric))
    return tensor_flux(gradient, load_tensor(rows, tensor), twist, metric)


# Of lanes, compiled once for all loops ---------------------------------------------------------


@kernel
def response_of(law, J, one):
    """D = g(J) for lanes of tensors J."""
    return tensor_response(law, J, one)


@kernel
def coherence_of(law, least, J, one):
    """D of lanes of tensors J by `tensors.coherence_response`, `least` being its number."""
    return coherence_response(law, least, J, one)


@kernel
def value_and_slope(rule, x, one):
    """g(x) and g'(x) for lanes x, g given by its `rule`."""
    g = response(rule, x, one)
    return g, slope(rule, g, x, one)


@kernel
def quotient_of(rule, x1, x2, g1, g2, s1, s2, one, near):
    """The divided difference of g, given by its `rule`, between lanes x1 and x2, where its values
    are g1 and g2 and its slopes s1 and s2; see `cell_formulas.divided_difference`."""
    y1, y2 = gauss_points(x1, x2, one)
    mean = (one / (one + one)) * (slope(rule, response(rule, y1, one), y1, one)
                                  + slope(rule, response(rule, y2, one), y2, one))
    return divided_difference(g1, g2, x1, x2, s1, s2, mean, near)


@kernel
def slope_of(law, J, B, one, near):
    """g'(J)[B] for lanes of tensors J and B: the Frechet derivative at J in the direction B, by the
    formula of Daleckii and Krein."""
    rule, factor = law.rule, law.factor
    parts = parts_of(J, one)
    entries, N, y, rest = directional(parts, B, one)
    x1, x2, x3 = factor * parts.first, factor * parts.second, factor * parts.third
    g1, s1 = value_and_slope(rule, x1, one)
    g2, s2 = value_and_slope(rule, x2, one)
    g3, s3 = value_and_slope(rule, x3, one)
    quotients = (factor * quotient_of(rule, x1, x2, g1, g2, s1, s2, one, near),
                 factor * quotient_of(rule, x1, x3, g1, g3, s1, s3, one, near),
                 factor * quotient_of(rule, x2, x3, g2, g3, s2, s3, one, near))
    values = factor * s1 * entries[0], factor * s2 * entries[1], factor * s3 * entries[2]
    return changed(values, quotients, parts, N, y, rest, one)


@kernel
def coherence_slope_of(law, least, J, B, one, near):
    """The adjoint of the derivative of `coherence_of` at lanes of tensors J, applied to B. Only the
    eigenvalue along lines changes, by h'(nu2 - nu3) times the change of nu2 - nu3, with h(x) =
    (1 - least) (1 - g(x)); so the entry of B there goes to nu2 and nu3."""
    rule, zero = law.rule, one - one
    parts = parts_of(J, one)
    entries, N, y, rest = directional(parts, B, one)
    largest, middle, smallest = in_order(parts, one)
    x, share = law.factor * (middle - smallest), (one - least) * law.factor
    g, s = value_and_slope(rule, x, one)
    g0, s0 = value_and_slope(rule, x - x, one)
    last = share * quotient_of(rule, x, x - x, g, g0, s, s0, one, near)  # -h(nu2 - nu3) / that
    first = last * quotient(middle - smallest, largest - smallest)
    change = -(share * s * above(parts.x, zero, entries[2], entries[0]))
    values = (above(parts.x, zero, zero, -change), above(parts.x, zero, change, zero),
              above(parts.x, zero, -change, change))
    quotients = (above(parts.x, zero, zero, first), above(parts.x, zero, first, last),
                 above(parts.x, zero, last, zero))
    return changed(values, quotients, parts, N, y, rest, one)


# Forward -----------------------------------------------------------------------------------------


@kernel
def tensor_row(rows, voxels, measured, law, mixed, strength, stencil, out):
    """out = D = g(J), or g(tr J), with J = sum_n w_n J(v_n) of the layers v_n in the rows of
    voxels.

    `strength` holds w_n / 16, as the products of gradients come sixteen times too large, and where
    `mixed` is None times the law's factor. The law NONE gives J itself, or its trace.
    """
    memory, pitch = rows.memory, rows.pitch
    number = memory.dtype.type
    zero, one = splat(memory, number(0)), number(1)
    for j in range(0, rows.columns + 1, BYTES // memory.itemsize):
        if mixed is None:
            trace = zero
            for n in range(strength.size):
                gradient = gradient_of(memory, voxels, n * pitch + j, measured, j)
                flux = unit_flux(gradient, stencil.structure_twist, stencil.metric)
                trace = fma(strength[n], product(gradient, flux), trace)
            store(memory, out + j, response(law.rule, trace, one))
        else:
            total = zero, zero, zero, zero, zero, zero, zero, zero, zero, zero
            for n in range(strength.size):
                gradient = gradient_of(memory, voxels, n * pitch + j, measured, j)
                total = add_square(gradient, strength[n], stencil.structure_twist, total)
            tensor = structure_of(total, mixed, stencil.metric)
            if law.rule != NONE:
                tensor = response_of(law, tensor, one)
            store_tensor(rows, out + j, tensor)


@kernel
def flux_row(rows, voxels, measured, mixed, tensor, stencil, scale, target):
    """out = base + 16 scale K' M(D) K v of one layer v, in the rows of a target, `scale` being a
    sixteenth of the factor.

    A row of voxels is complete when the rows of cells below it, and those of the slice of cells
    below it, have been there.
    """
    memory = rows.memory
    zero = splat(memory, memory.dtype.type(0))
    before = zero, zero, zero, zero
    for j in range(0, rows.columns + 1, BYTES // memory.itemsize):
        gradient = gradient_of(memory, voxels, j, measured, j)
        flux = flux_at(gradient, rows, mixed, tensor + j, stencil.twist, stencil.metric)
        before = spread(memory, before, flux_of(memory, flux, measured, j), scale, target, j)


@kernel
def scalar_step_row(rows, voxels, measured, rule, strength, stencil, scale, target):
    """g(|grad u|^2) grad u and its divergence, eq. (7): `tensor_row` and `flux_row` in one loop,
    for a single layer that steers itself with D = g I; `rule` and `strength` are the law's rule
    and the layer's w_n as `tensor_row` takes them, `scale` and `target` those of `flux_row`."""
    memory = rows.memory
    number = memory.dtype.type
    zero = splat(memory, number(0))
    before = zero, zero, zero, zero
    for j in range(0, rows.columns + 1, BYTES // memory.itemsize):
        gradient = gradient_of(memory, voxels, j, measured, j)
        flux = unit_flux(gradient, stencil.twist, stencil.metric)
        g = response(rule, strength * product(gradient, flux), number(1))
        flux = flux_of(memory, times(g, flux), measured, j)
        before = spread(memory, before, flux, scale, target, j)


# Backward ----------------------------------------------------------------------------------------


@kernel
def correlation_row(rows, voxels, measured, law, mixed, strength, stencil, tensor, out):
    """out = B = sum_n w_n (K v_n (K z_n)' + K z_n (K v_n)') / 2, or with mixed None its trace: the
    adjoint of `flux_row` with respect to D.

    The rows of the layers z follow those of the layers v. `strength` holds w_n / 32, or where
    `mixed` is None w_n / 16, without the factor of the law. With a law other than NONE the rows of
    D hold J instead, or its trace. Then they become D = g(J), and out = g'(J)[B].
    """
    memory, pitch = rows.memory, rows.pitch
    number = memory.dtype.type
    layers, zero, one = strength.size, splat(memory, number(0)), number(1)
    for j in range(0, rows.columns + 1, BYTES // memory.itemsize):
        if mixed is None:
            trace = zero
            for n in range(layers):
                flux = unit_flux(gradient_of(memory, voxels, (layers + n) * pitch + j, measured, j),
                                 stencil.twist, stencil.metric)
                values = product(gradient_of(memory, voxels, n * pitch + j, measured, j), flux)
                trace = fma(strength[n], values, trace)
            if law.rule != NONE:
                x = law.factor * load(memory, tensor + j)
                g = response(law.rule, x, one)
                store(memory, tensor + j, g)
                trace = law.factor * slope(law.rule, g, x, one) * trace
            store(memory, out + j, trace)
        else:
            total = zero, zero, zero, zero, zero, zero, zero, zero, zero, zero
            for n in range(layers):
                total = add_outer_product(
                    gradient_of(memory, voxels, n * pitch + j, measured, j),
                    gradient_of(memory, voxels, (layers + n) * pitch + j, measured, j),
                    strength[n], stencil.twist, total)
            B = structure_of(total, mixed, stencil.metric)
            if law.rule != NONE:
                J = load_tensor(rows, tensor + j)
                B = slope_of(law, J, B, one, number(NEAR[memory.itemsize // 8]))
                store_tensor(rows, tensor + j, response_of(law, J, one))
            store_tensor(rows, out + j, B)


@kernel
def adjoint_row(rows, voxels, measured, given, mixed, stencil, scale, measure, target, sums):
    """out = base + 16 scale K' (M(D) K z + M(C) K v), in the rows of a target, for v, z, D and C
    given; as for `flux_row`, `scale` is a sixteenth of the factor.

    M(C) is the derivative of J, with the twist that J has. Two sums over the cells are added up,
    each sixteen times too large and weighted by the row `measure`: that of (K v)' M(D) K z in the
    vector of lanes at the index `sums`, and that of (K v)' M(C) K v in the vector behind it.
    """
    memory = rows.memory
    number = memory.dtype.type
    zero = splat(memory, number(0))
    lanes, before = BYTES // memory.itemsize, (zero, zero, zero, zero)
    by_flux, by_structure = load(memory, sums), load(memory, sums + lanes)
    for j in range(0, rows.columns + 1, lanes):
        gradient = gradient_of(memory, voxels, given.v + j, measured, j)
        part = weighted(memory, load(memory, measure + j), measured, j)
        flux = zero, zero, zero, zero, zero, zero, zero
        if given.tensor >= 0:
            other = gradient_of(memory, voxels, given.z + j, measured, j)
            flux = flux_at(other, rows, mixed, given.tensor + j, stencil.twist, stencil.metric)
            by_flux = fma(part, product(gradient, flux), by_flux)
        if given.change >= 0:
            change = flux_at(gradient, rows, mixed, given.change + j, stencil.structure_twist,
                             stencil.metric)
            by_structure = fma(part, product(gradient, change), by_structure)
            flux = plus(flux, change)
        before = spread(memory, before, flux_of(memory, flux, measured, j), scale, target, j)
    store(memory, sums, by_flux)
    store(memory, sums + lanes, by_structure)
