"""The loops along a row of cells: each goes from left to right in whole vectors.

`rows` is a block of rows, `pixels` the two rows of pixels around the cells, where N layers lie in N
rows from each of the two on. `mixed` says what J_12 counts: 1, or 0 for g of the diagonal alone, or
None where D = g I needs no more than the trace of J; then D is one row g, else the three rows of a
tensor (m, d, o). As its type selects the code, a branch of `mixed is None` is compiled only where
it is taken. `cell_formulas` has the formulas and `row_memory` what a row is.
"""

from typing import NamedTuple

from .cell_formulas import (NEAR, Stencil, add_outer_product, product, tensor_flux,
                            tensor_response, tensor_slope, times, unit_flux)
from .compiler import kernel
from .formulas import formula
from .laws import NONE, response, slope
from .vectors import BYTES, fma, load, preceding, quotient, splat, store


class Target(NamedTuple):
    """Rows for what K' gathers: out = base + its share, once the row of cells below was there, too;
    until then that waits in `carry`."""

    base: int
    carry: int
    out: int


class Given(NamedTuple):
    """Rows for `adjoint_row`: a layer v and its cotangent z in the rows of pixels, as offsets; the
    rows of cells of the tensors D and C. D or C counts as zero where its row is < 0."""

    v: int
    z: int
    tensor: int
    change: int


@formula
def gradient_at(memory, pixels, offset):
    """K u = (x, right, left) of the cells from a slot of the two rows of pixels on."""
    top, bottom = pixels.top + offset, pixels.bottom + offset
    a, b, c, d = (load(memory, top), load(memory, top + 1),
                  load(memory, bottom), load(memory, bottom + 1))
    return (b - a) + (d - c), d - b, c - a


@formula
def load_tensor(rows, row):
    """The tensors (m, d, o) from a place in the first of their three rows on."""
    return (load(rows.memory, row), load(rows.memory, row + rows.pitch),
            load(rows.memory, row + 2 * rows.pitch))


@formula
def store_tensor(rows, row, tensor):
    """The reverse of `load_tensor`."""
    for k in range(3):
        store(rows.memory, row + k * rows.pitch, tensor[k])


@formula
def flux_at(gradient, rows, mixed, tensor, stencil):
    """The flux M(D) K u for D in the rows from `tensor` on."""
    if mixed is None:
        return times(load(rows.memory, tensor), unit_flux(gradient, stencil.twist))
    return tensor_flux(gradient, load_tensor(rows, tensor), stencil)


@formula
def gather(memory, before, flux, scale, target, j):
    """out = base + scale K' of a flux, which K' gives its pixels: with P/2 = p, Q/2 = q and S = s
    the shares -p-q+s, p-q-s, -p+q-s and p+q+s go to A, B, C and D.

    `before` is the flux of the vector to the left. What belongs to the row of pixels below is
    carried to the next row of cells.
    """
    p, more, less = flux
    along = preceding(before[0], p) - p
    across = preceding(before[1], more) + less
    above = load(memory, target.carry + j) + (along - across)
    store(memory, target.out + j, fma(scale, above, load(memory, target.base + j)))
    store(memory, target.carry + j, along + across)


# Forward -----------------------------------------------------------------------------------------


@kernel
def tensor_row(rows, pixels, law, mixed, strength, twist, out):
    """out = D = g(J) with J = sum_n w_n J(v_n), from the layers v_n in the rows of pixels.

    strength: w_n times what `planes.shares` says, so that four times a gradient becomes a tensor;
    with mixed None times the law's factor as well. The law NONE gives J itself, or its trace.
    """
    memory, pitch = rows.memory, rows.pitch
    number = memory.dtype.type
    zero, one = splat(memory, number(0)), number(1)
    for j in range(0, rows.columns + 1, BYTES // memory.itemsize):
        if mixed is None:
            trace = zero
            for n in range(strength.size):
                gradient = gradient_at(memory, pixels, n * pitch + j)
                trace = fma(strength[n], product(gradient, unit_flux(gradient, twist)), trace)
            store(memory, out + j, response(law.rule, trace, one))
        else:
            total = zero, zero, zero, zero
            for n in range(strength.size):
                gradient = gradient_at(memory, pixels, n * pitch + j)
                total = add_outer_product(gradient, gradient, strength[n], twist, total)
            xx, yy, xy, twists = total
            tensor = (xx + yy) + twists, xx - yy, mixed * xy
            if law.rule != NONE:
                tensor = tensor_response(law, tensor, one)
            store_tensor(rows, out + j, tensor)


@kernel
def flux_row(rows, pixels, mixed, tensor, stencil, scale, target):
    """out = base + scale K' M(D) K v of one layer, D in the rows from `tensor` on, as far as this
    row of cells completes it."""
    memory = rows.memory
    zero = splat(memory, memory.dtype.type(0))
    before = zero, zero, zero
    for j in range(0, rows.columns + 1, BYTES // memory.itemsize):
        gradient = gradient_at(memory, pixels, j)
        flux = flux_at(gradient, rows, mixed, tensor + j, stencil)
        gather(memory, before, flux, scale, target, j)
        before = flux


@kernel
def scalar_step_row(rows, pixels, rule, strength, twist, scale, target):
    """`tensor_row` and `flux_row` at once, for a single layer that steers itself and D = g I."""
    memory = rows.memory
    number = memory.dtype.type
    zero = splat(memory, number(0))
    before = zero, zero, zero
    for j in range(0, rows.columns + 1, BYTES // memory.itemsize):
        gradient = gradient_at(memory, pixels, j)
        flux = unit_flux(gradient, twist)
        trace = strength * product(gradient, flux)
        flux = times(response(rule, trace, number(1)), flux)
        gather(memory, before, flux, scale, target, j)
        before = flux


# Backward ----------------------------------------------------------------------------------------


@kernel
def correlation_row(rows, pixels, law, mixed, strength, stencil, tensor, out):
    """out = B = sum_n w_n (K v_n (K z_n)' + K z_n (K v_n)') / 2, or with mixed None its trace, so
    that the product tr(B D) is sum_n w_n (K z_n)' M(D) K v_n: the adjoint of `flux_row` with
    respect to D.

    The rows of the layers z follow those of v. D lies in the rows from `tensor` on; as -2 gamma
    |D_12| in kappa counts with the sign of D_12, B depends on that. With a law the rows hold J
    instead (or tr J) and become D = g(J), and out = C = g'(J)[B]: the adjoint of `tensor_row` as
    well.
    """
    memory, pitch = rows.memory, rows.pitch
    number = memory.dtype.type
    layers, zero, one = strength.size, splat(memory, number(0)), number(1)
    for j in range(0, rows.columns + 1, BYTES // memory.itemsize):
        if mixed is None:
            trace = zero
            for n in range(layers):
                flux = unit_flux(gradient_at(memory, pixels, (layers + n) * pitch + j),
                                 stencil.twist)
                values = product(gradient_at(memory, pixels, n * pitch + j), flux)
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
                total = add_outer_product(gradient_at(memory, pixels, n * pitch + j),
                                          gradient_at(memory, pixels, (layers + n) * pitch + j),
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
def adjoint_row(rows, pixels, given, mixed, stencil, scale, measure, target, sums):
    """out = base + scale K' (M(D) K z + M(C) K v), as far as this row of cells completes it; M(C)
    has no gamma: it is linear in C.

    Added to the lanes from `sums` on and to the next: (K v)' M(D) K z and (K v)' M(C) K v, both
    four times, as often as the row `measure` says.
    """
    memory = rows.memory
    number = memory.dtype.type
    zero = splat(memory, number(0))
    lanes, before = BYTES // memory.itemsize, (zero, zero, zero)
    by_flux, by_structure = load(memory, sums), load(memory, sums + lanes)
    linear = Stencil(stencil.twist, number(0))
    for j in range(0, rows.columns + 1, lanes):
        gradient, part = gradient_at(memory, pixels, given.v + j), load(memory, measure + j)
        flux = zero, zero, zero
        if given.tensor >= 0:
            other = gradient_at(memory, pixels, given.z + j)
            flux = flux_at(other, rows, mixed, given.tensor + j, stencil)
            by_flux = fma(part, product(gradient, flux), by_flux)
        if given.change >= 0:
            change = flux_at(gradient, rows, mixed, given.change + j, linear)
            by_structure = fma(part, product(gradient, change), by_structure)
            flux = flux[0] + change[0], flux[1] + change[1], flux[2] + change[2]
        gather(memory, before, flux, scale, target, j)
        before = flux
    store(memory, sums, by_flux)
    store(memory, sums + lanes, by_structure)
