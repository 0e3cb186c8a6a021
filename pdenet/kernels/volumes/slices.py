"""The compiled loops over a volume, row by row: the last arguments of each kernel are written.

Every kernel works on layers v (N, D, H, W) of float32 or float64, C-contiguous, and keeps that type
throughout; numbers have it, too. D, given or written, has one volume g of cells, for D = g I, where
`mixed` is None, else the six of a tensor, see `cells`. `strength` holds the w_n of the layers,
shape (N,); `law` is the diffusivity g, see `laws`; `stencil` is that of `cells`. A `source`, of
which D is computed, is that of `planes`, with layers (N, D, H, W). `mask` is None, or the `Cells`
of a mask, see `masked_cells`, where voxels that are not measured hold 0.

The slices of cells are gone through from the first to the last, each between two slices of voxels,
which are copied into rows of a block of memory as they are needed. What a slice of cells gives to
the slice of voxels below it waits there, until the next slice of cells has been there.
"""

import numpy as np

from ..cell_formulas import NEAR
from ..cell_rows import Given
from ..compiler import kernel
from ..formulas import formula
from ..laws import NONE, Law
from ..row_memory import copy, copy_layers, copy_pixels, copy_tensor, make_rows, pitch_of
from ..vectors import BYTES, load, store
from .cells import Target, Voxels
from .masked_cells import copy_cells, copy_table, rows_of_mask
from .rows import (adjoint_row, coherence_of, coherence_slope_of, correlation_row, flux_row,
                   response_of, scalar_step_row, slope_of, tensor_row)


@formula
def scaled_for_tensor(strength, law, mixed):
    """`strength` / 16, as products of gradients come sixteen times too large; where `mixed` is None
    it is multiplied by the law's factor, too."""
    number = strength.dtype.type
    share = number(0.0625) * law.factor if mixed is None else number(0.0625)
    return share * strength


@formula
def around(k, i, slices, rows, plane, line):
    """Where the rows of voxels around the row i of the slice k of cells lie, for a volume of so
    many `slices` and `rows`: slices take turns in two places, the second `plane` behind the first,
    in which the rows are a `line` apart."""
    above, below = max(k - 1, 0) % 2 * plane, min(k, slices - 1) % 2 * plane
    top, bottom = max(i - 1, 0) * line, min(i, rows - 1) * line
    return Voxels(above + top, above + bottom, below + top, below + bottom)


@formula
def moved(voxels, offset):
    """The four rows of voxels an `offset` further on."""
    return Voxels(voxels.a + offset, voxels.b + offset, voxels.c + offset, voxels.d + offset)


@formula
def copy_slice(v, k, rows, row, line):
    """Copy slice k of all layers v (N, D, H, W) into rows, from `row` on: those of all layers of a
    row of the slice beside each other, and the rows of the slice a `line` apart."""
    for i in range(v.shape[2]):
        copy_layers(v[:, k], i, rows, row + i * line)


@kernel
def tensor(v, mask, strength, law, mixed, stencil, out):
    """out = D = g(J) with J = sum_n w_n J(v_n), in 1 or 6 volumes (D+1, H+1, W+1). The law NONE
    gives J itself, or its trace."""
    layers, slices, rows, columns = v.shape
    scaled = scaled_for_tensor(strength, law, mixed)
    sizes = 2 * rows * layers + 6
    block = make_rows(sizes + rows_of_mask(mask, pitch_of(columns, v)), columns, v)
    copy_table(mask, block, sizes * block.pitch)
    line = layers * block.pitch
    plane = rows * line
    first = 2 * plane
    for k in range(slices + 1):
        if k < slices:
            copy_slice(v, k, block, k % 2 * plane, line)
        for i in range(rows + 1):
            measured = copy_cells(mask, k, i, block, sizes * block.pitch)
            tensor_row(block, around(k, i, slices, rows, plane, line), measured, law, mixed, scaled,
                       stencil, first)
            for n in range(len(out)):
                copy(block.memory[first + n * block.pitch:], out[n, k, i])


@kernel
def diffuse(v, mask, tensor, source, mixed, stencil, scale, add, out):
    """out_n = scale K' M(D) K v_n for the layers v_n, added to out_n if add.

    D is given in volumes, or, where `tensor` is None, computed from its source as by `tensor`.
    """
    layers, slices, rows, columns = v.shape
    number = v.dtype.type
    steers = len(source.layers)
    scaled = scaled_for_tensor(source.strength, source.law, mixed)
    single = (tensor is None and layers == 1 and steers == 0
              and stencil.structure_twist == stencil.twist)
    # Of all layers the rows of two slices; what waits for the next slice and for the next row; D,
    # a row that is added to, and a row of the result.
    sizes = 2 * rows * (layers + steers) + (rows + 5) * layers + 8
    block = make_rows(sizes + rows_of_mask(mask, pitch_of(columns, v)), columns, v)
    copy_table(mask, block, sizes * block.pitch)
    memory, pitch = block.memory, block.pitch
    line = (layers + steers) * pitch
    plane = rows * line
    carry = 2 * plane
    waiting = carry + (rows + 1) * layers * pitch
    first = waiting + 4 * layers * pitch
    base, result = first + 6 * pitch, first + 7 * pitch
    leading = layers * pitch if steers > 0 else 0  # the first row of the layers that steer
    share = number(0.0625) * scale
    for k in range(slices + 1):
        if k < slices:
            copy_slice(v, k, block, k % 2 * plane, line)
            copy_slice(source.layers, k, block, k % 2 * plane + leading, line)
        for i in range(rows + 1):
            voxels = around(k, i, slices, rows, plane, line)
            measured = copy_cells(mask, k, i, block, sizes * pitch)
            if tensor is not None:
                copy_tensor(tensor[:, k], i, block, first)
            elif not single or mixed is not None:
                tensor_row(block, moved(voxels, leading), measured, source.law, mixed, scaled,
                           stencil, first)
            whole = k > 0 and i > 0
            for n in range(layers):
                if add and whole:
                    copy_pixels(out[n, k - 1, i - 1], memory, base)
                target = Target(base, waiting + 4 * n * pitch, pitch,
                                carry + (i * layers + n) * pitch, result)
                if mixed is None:
                    if single:
                        scalar_step_row(block, voxels, measured, source.law.rule, scaled[0],
                                        stencil, share, target)
                    else:
                        flux_row(block, moved(voxels, n * pitch), measured, mixed, first, stencil,
                                 share, target)
                else:
                    flux_row(block, moved(voxels, n * pitch), measured, mixed, first, stencil,
                             share, target)
                if whole:
                    copy(memory[result + 1:], out[n, k - 1, i - 1])


@kernel
def correlate(v, z, mask, strength, tensor, mixed, stencil, out):
    """out = B, with tr(B D) = sum_n w_n (K z_n)' M(D) K v_n in every cell; with mixed None its
    trace. `tensor` is D, on which B does not depend, but for its type.

    This is the adjoint of `diffuse` with respect to D.
    """
    layers, slices, rows, columns = v.shape
    law = Law(NONE, v.dtype.type(1))
    share = v.dtype.type(0.0625) if mixed is None else v.dtype.type(0.03125)
    scaled = share * strength
    sizes = 4 * rows * layers + 12
    block = make_rows(sizes + rows_of_mask(mask, pitch_of(columns, v)), columns, v)
    copy_table(mask, block, sizes * block.pitch)
    half = layers * block.pitch
    line = 2 * half
    plane = rows * line
    first = 2 * plane
    second = first + 6 * block.pitch
    for k in range(slices + 1):
        if k < slices:
            copy_slice(v, k, block, k % 2 * plane, line)
            copy_slice(z, k, block, k % 2 * plane + half, line)
        for i in range(rows + 1):
            measured = copy_cells(mask, k, i, block, sizes * block.pitch)
            correlation_row(block, around(k, i, slices, rows, plane, line), measured, law, mixed,
                            scaled, stencil, first, second)
            for n in range(len(out)):
                copy(block.memory[second + n * block.pitch:], out[n, k, i])


@kernel
def diffuse_adjoint(v, z, mask, strength, tensors, source, mixed, stencil, sums, outs):
    """The adjoint of `diffuse` with respect to the layers v, and to the layers a that steer.

    Where v itself steers, out_n = K' (M(D) K z_n + M(C) K v_n). Where other layers a steer, which
    the source holds, out_n = K' M(D) K z_n and steered_n = K' M(C) K a_n. M(C) has the twist that J
    has. `tensors` are D and C, given in volumes; for None they are computed as D = g(J) from the
    source and C = g'(J)[2 B], with B that of `correlate` for the strength given. outs = (out,
    steered); out may be z.

    sums = (flux_sums, structure_sums): for each layer v_n the sum of (K v_n)' M(D) K z_n over the
    cells, and for each layer a_n that of (K a_n)' M(C) K a_n / 2. A cell of the rim counts half for
    each of its sides at which the volume ends.
    """
    layers, slices, rows, columns = v.shape
    number, lanes = v.dtype.type, BYTES // v.itemsize
    (flux_sums, structure_sums), (out, steered) = sums, outs
    steers = len(source.layers)
    unscaled = Law(NONE, source.law.factor)  # for J itself
    share, half = number(0.0625), number(0.5)
    scaled = (share + share if mixed is None else share) * strength
    scaling = share * source.strength
    targets = layers + steers
    # Of all layers v, z and a the rows of two slices; what waits for the next slice and for the
    # next row for each out and steered; a row of zeros, three rows of the cells' weights, a row of
    # the result; six of D, six of C; and the sums.
    sizes = 2 * rows * (2 * layers + steers) + (rows + 7) * targets + 18
    block = make_rows(sizes + rows_of_mask(mask, pitch_of(columns, v)), columns, v)
    copy_table(mask, block, sizes * block.pitch)
    memory, pitch = block.memory, block.pitch
    line = (2 * layers + steers) * pitch
    plane = rows * line
    carry = 2 * plane
    waiting = carry + (rows + 1) * targets * pitch
    base = waiting + 4 * targets * pitch
    measure, result = base + pitch, base + 4 * pitch
    first, second, parts = base + 5 * pitch, base + 11 * pitch, base + 17 * pitch
    leading = 2 * layers * pitch if steers > 0 else 0  # the first row of the layers that steer
    memory[measure:measure + columns + 1] = number(1)
    memory[measure], memory[measure + columns] = half, half
    for j in range(columns + 1):
        memory[measure + pitch + j] = half * memory[measure + j]
        memory[measure + 2 * pitch + j] = half * half * memory[measure + j]
    totals = np.zeros(2 * lanes * targets)
    for k in range(slices + 1):
        if k < slices:
            copy_slice(v, k, block, k % 2 * plane, line)
            copy_slice(z, k, block, k % 2 * plane + layers * pitch, line)
            copy_slice(source.layers, k, block, k % 2 * plane + leading, line)
        for i in range(rows + 1):
            voxels = around(k, i, slices, rows, plane, line)
            measured = copy_cells(mask, k, i, block, sizes * pitch)
            if tensors is not None:
                copy_tensor(tensors[0][:, k], i, block, first)
                copy_tensor(tensors[1][:, k], i, block, second)
            else:
                tensor_row(block, moved(voxels, leading), measured, unscaled, mixed, scaling,
                           stencil, first)
                correlation_row(block, voxels, measured, source.law, mixed, scaled, stencil, first,
                                second)
            ends = (1 if k == 0 or k == slices else 0) + (1 if i == 0 or i == rows else 0)
            whole = k > 0 and i > 0
            for n in range(targets):
                diffuses, steering_too = n < layers, steers == 0 or n >= layers
                given = Given(n * pitch if diffuses else leading + (n - layers) * pitch,
                              (layers + n) * pitch, first if diffuses else -1,
                              second if steering_too else -1)
                target = Target(base, waiting + 4 * n * pitch, pitch,
                                carry + (i * targets + n) * pitch, result)
                adjoint_row(block, voxels, measured, given, mixed, stencil, share,
                            measure + ends * pitch, target, parts + 2 * lanes * n)
                if whole:
                    copy(memory[result + 1:], out[n, k - 1, i - 1] if diffuses else
                         steered[n - layers, k - 1, i - 1])
            if i % 16 == 15 or i == rows:  # a few rows in their own type, the volume in float64
                for n in range(totals.size):
                    totals[n] += memory[parts + n]
                    memory[parts + n] = number(0)
    for n in range(layers):
        flux_sums[n] = share * totals[2 * lanes * n:2 * lanes * n + lanes].sum()
    for n in range(structure_sums.size):
        place = 2 * lanes * (layers + n if steers > 0 else n) + lanes
        structure_sums[n] = share * half * totals[place:place + lanes].sum()


# Of tensors that are given -----------------------------------------------------------------------


@formula
def tensors_at(planes, j):
    """The tensors of the cells from the index j on, of `planes` (6, n)."""
    return (load(planes[0], j), load(planes[1], j), load(planes[2], j), load(planes[3], j),
            load(planes[4], j), load(planes[5], j))


@kernel
def respond_tensor(law, least, tensor):
    """J <- D for flat planes `tensor` (6, n) of tensors J: D = g(J), the matrix function, where
    `least` is None, otherwise that of `tensors.coherence_response`; g is given by its law."""
    lanes, one = BYTES // tensor.itemsize, tensor.dtype.type(1)
    whole = tensor.shape[1] // lanes * lanes
    rest = np.zeros((6, lanes), tensor.dtype)
    rest[:, :tensor.shape[1] - whole] = tensor[:, whole:]
    for j in range(0, whole + 1, lanes):
        planes, at = (tensor, j) if j < whole else (rest, 0)
        if least is None:
            changed = response_of(law, tensors_at(planes, at), one)
        else:
            changed = coherence_of(law, least, tensors_at(planes, at), one)
        for k in range(6):
            store(planes[k], at, changed[k])
    tensor[:, whole:] = rest[:, :tensor.shape[1] - whole]


@kernel
def slope_tensor(law, least, structure, direction):
    """B <- g'(J)[B] for flat planes (6, n) of tensors J, the `structure`, and of a `direction` B,
    where `least` is None, otherwise the adjoint of the derivative of `tensors.coherence_response`
    for that number; g is given by its law."""
    lanes, number = BYTES // structure.itemsize, structure.dtype.type
    whole = structure.shape[1] // lanes * lanes
    rest = np.zeros((2, 6, lanes), structure.dtype)
    rest[0, :, :structure.shape[1] - whole] = structure[:, whole:]
    rest[1, :, :structure.shape[1] - whole] = direction[:, whole:]
    one, near = number(1), number(NEAR[structure.itemsize // 8])
    for j in range(0, whole + 1, lanes):
        J, B, at = (structure, direction, j) if j < whole else (rest[0], rest[1], 0)
        if least is None:
            changed = slope_of(law, tensors_at(J, at), tensors_at(B, at), one, near)
        else:
            changed = coherence_slope_of(law, least, tensors_at(J, at), tensors_at(B, at), one,
                                         near)
        for k in range(6):
            store(B[k], at, changed[k])
    direction[:, whole:] = rest[1, :, :structure.shape[1] - whole]
