"""The compiled loops over an image, row by row: the last arguments of each kernel are written.

Every kernel works on planes (H, W) of float32 or float64, C-contiguous, and keeps that type
throughout; numbers have it, too. D, given or written, has one plane g of cells, for D = g I, where
`mixed` is None, else the three planes (m, d, o) of [[m + d, o], [o, m - d]]. `strength` holds the
w_n of the layers, shape (N,); `law` is the diffusivity g, see `laws`; `stencil` and `twist` hold
alpha and gamma, see `cell_formulas`. `mask` is None, or a plane of bits; where they are not true
all layers are 0, see `masked_cells`.
"""

from typing import Any, NamedTuple

import numpy as np

from .cell_formulas import (NEAR, coherence_adjoint, coherence_response, tensor_response,
                            tensor_slope)
from .cell_rows import Given, Target, adjoint_row, correlation_row, flux_row, tensor_row
from .compiler import kernel
from .formulas import formula
from .laws import NONE, Law, response, slope
from .masked_cells import copy_mask, rows_of_mask
from .row_memory import (Pixels, copy, copy_layers, copy_pixels, copy_tensor, make_rows)
from .vectors import BYTES, load, store


class Source(NamedTuple):
    """What D = g(sum_n w_n J(v_n)) is computed from: layers v (N, H, W), w (N,), and g.

    Without layers, N = 0, they are those that diffuse.
    """

    layers: Any
    strength: Any
    law: Any


@formula
def scaled_for_tensor(strength, law, mixed):
    """`strength` times a factor: a quarter, as products of gradients come four times too large, and
    for the planes (m, d, o) half of that, as m = (J_11 + J_22) / 2; where `mixed` is None it is
    multiplied by the law's factor, too."""
    number = strength.dtype.type
    share = number(0.25) * law.factor if mixed is None else number(0.125)
    return share * strength


@formula
def around(i, rows, size):
    """Where the rows of pixels above and below the row i of cells lie: rows of an image of `rows`
    rows take turns in two places, the second `size` behind the first."""
    return Pixels(max(i - 1, 0) % 2 * size, min(i, rows - 1) % 2 * size)


@kernel
def tensor(v, mask, strength, law, mixed, twist, out):
    """out = D = g(J) with J = sum_n w_n J(v_n), J(v) = [[p^2 + k s^2, p q], [p q, q^2 + k s^2]] and
    8 k = twist; out has 1 or 3 planes (H+1, W+1). The law NONE gives J itself, or its trace.
    """
    layers, rows, columns = v.shape
    scaled = scaled_for_tensor(strength, law, mixed)
    block = make_rows(2 * layers + 3 + rows_of_mask(mask, 2), columns, v)
    half = layers * block.pitch  # the rows of all layers above the cells, or below
    first = 2 * half
    for i in range(rows + 1):
        pixels = around(i, rows, half)
        if i < rows:
            copy_layers(v, i, block, pixels.bottom)
        measured = copy_mask(mask, i, i < rows, 2, block, first + 3 * block.pitch)
        tensor_row(block, pixels, measured, law, mixed, scaled, twist, first)
        for k in range(len(out)):
            copy(block.memory[first + k * block.pitch:], out[k, i])


@kernel
def diffuse(v, mask, tensor, source, mixed, stencil, scale, add, out):
    """out_n = scale K' M(D) K v_n for the layers v_n, added to out_n if add.

    D is given as planes, or, where `tensor` is None, computed from its source as by `tensor`.
    """
    layers, rows, columns = v.shape
    number = v.dtype.type
    steers = len(source.layers)
    scaled = scaled_for_tensor(source.strength, source.law, mixed)
    block = make_rows(3 * layers + 2 * steers + 5 + rows_of_mask(mask, 2), columns, v)
    memory, pitch = block.memory, block.pitch
    half = (layers + steers) * pitch
    carry = 2 * half
    first = carry + layers * pitch
    base, result = first + 3 * pitch, first + 4 * pitch
    leading = layers * pitch if steers > 0 else 0  # the first row of the layers that steer
    for i in range(rows + 1):
        pixels = around(i, rows, half)
        if i < rows:
            copy_layers(v, i, block, pixels.bottom)
            copy_layers(source.layers, i, block, pixels.bottom + leading)
        measured = copy_mask(mask, i, i < rows, 2, block, result + pitch)
        if tensor is not None:
            copy_tensor(tensor, i, block, first)
        else:
            steering = Pixels(pixels.top + leading, pixels.bottom + leading)
            tensor_row(block, steering, measured, source.law, mixed, scaled,
                       stencil.structure_twist, first)
        for n in range(layers):
            if add and i > 0:
                copy_pixels(out[n, i - 1], memory, base)
            flux_row(block, Pixels(pixels.top + n * pitch, pixels.bottom + n * pitch), measured,
                     mixed, first, stencil, number(0.25) * scale,
                     Target(base, carry + n * pitch, result))
            if i > 0:
                copy(memory[result + 1:], out[n, i - 1])


@kernel
def correlate(v, z, mask, strength, tensor, mixed, stencil, out):
    """out = B, with tr(B D) = sum_n w_n (K z_n)' M(D) K v_n in every cell for the tensor D given;
    with mixed None its trace.

    This is the adjoint of `diffuse` with respect to D.
    """
    layers, rows, columns = v.shape
    law = Law(NONE, v.dtype.type(1))
    scaled = scaled_for_tensor(strength, law, mixed)
    block = make_rows(4 * layers + 6 + rows_of_mask(mask, 2), columns, v)
    half = 2 * layers * block.pitch
    first, second = 2 * half, 2 * half + 3 * block.pitch
    for i in range(rows + 1):
        pixels = around(i, rows, half)
        if i < rows:
            copy_layers(v, i, block, pixels.bottom)
            copy_layers(z, i, block, pixels.bottom + layers * block.pitch)
        copy_tensor(tensor, i, block, first)
        measured = copy_mask(mask, i, i < rows, 2, block, second + 3 * block.pitch)
        correlation_row(block, pixels, measured, law, mixed, scaled, stencil, first, second)
        for k in range(len(out)):
            copy(block.memory[second + k * block.pitch:], out[k, i])


@kernel
def diffuse_adjoint(v, z, mask, strength, tensors, source, mixed, stencil, sums, outs):
    """The adjoint of `diffuse` with respect to the layers v, and to the layers a that steer.

    Where v itself steers, out_n = K' (M(D) K z_n + M(C) K v_n). Where other layers a steer, which
    the source holds, out_n = K' M(D) K z_n and steered_n = K' M(C) K a_n. M(C) has the weight of
    the twist that J has, and no gamma. `tensors` are D and C, given as planes; for None they are
    computed as D = g(J) from the source and C = g'(J)[2 B], with B that of `correlate` for the
    strength given. outs = (out, steered); out may be z.

    sums = (flux_sums, structure_sums): for each layer v_n the sum of (K v_n)' M(D) K z_n over the
    cells, and for each layer a_n that of (K a_n)' M(C) K a_n / 2. A cell of the rim is shared with
    the mirror image and counts half.
    """
    layers, rows, columns = v.shape
    number, lanes = v.dtype.type, BYTES // v.itemsize
    (flux_sums, structure_sums), (out, steered) = sums, outs
    steers = len(source.layers)
    unscaled = Law(NONE, source.law.factor)  # for J itself
    quarter = number(0.25)
    scaled = number(2) * (quarter if mixed is None else number(0.125)) * strength
    scaling = (quarter if mixed is None else number(0.125)) * source.strength
    # The rows: v, z and a above the cells, again below them; what is carried for each out and
    # steered; base, measure, halves, result; three of D, three of C; the sums; and the mask.
    sizes = 7 * layers + 5 * steers + 11
    block = make_rows(sizes + rows_of_mask(mask, 2), columns, v)
    memory, pitch = block.memory, block.pitch
    half = (2 * layers + steers) * pitch
    carry = 2 * half
    base = carry + (layers + steers) * pitch
    measure, halves, result = base + pitch, base + 2 * pitch, base + 3 * pitch
    first, second, parts = base + 4 * pitch, base + 7 * pitch, base + 10 * pitch
    leading = 2 * layers * pitch if steers > 0 else 0  # the first row of the layers that steer
    memory[measure:measure + columns + 1] = number(1)
    memory[measure], memory[measure + columns] = number(0.5), number(0.5)
    for j in range(columns + 1):
        memory[halves + j] = number(0.5) * memory[measure + j]
    totals = np.zeros(2 * lanes * (layers + steers))
    for i in range(rows + 1):
        pixels = around(i, rows, half)
        if i < rows:
            copy_layers(v, i, block, pixels.bottom)
            copy_layers(z, i, block, pixels.bottom + layers * pitch)
            copy_layers(source.layers, i, block, pixels.bottom + leading)
        measured = copy_mask(mask, i, i < rows, 2, block, sizes * pitch)
        if tensors is not None:
            copy_tensor(tensors[0], i, block, first)
            copy_tensor(tensors[1], i, block, second)
        else:
            steering = Pixels(pixels.top + leading, pixels.bottom + leading)
            tensor_row(block, steering, measured, unscaled, mixed, scaling,
                       stencil.structure_twist, first)
            correlation_row(block, pixels, measured, source.law, mixed, scaled, stencil, first,
                            second)
        for n in range(layers + steers):
            diffuses, steering_too = n < layers, steers == 0 or n >= layers
            given = Given(n * pitch if diffuses else leading + (n - layers) * pitch,
                          (layers + n) * pitch, first if diffuses else -1,
                          second if steering_too else -1)
            adjoint_row(block, pixels, measured, given, mixed, stencil, quarter,
                        halves if i == 0 or i == rows else measure,
                        Target(base, carry + n * pitch, result), parts + 2 * lanes * n)
            if i > 0:
                copy(memory[result + 1:], out[n, i - 1] if diffuses else steered[n - layers, i - 1])
        if i % 16 == 15 or i == rows:  # a few rows in their own type, the image in float64
            for k in range(totals.size):
                totals[k] += memory[parts + k]
                memory[parts + k] = number(0)
    for n in range(layers):
        flux_sums[n] = quarter * totals[2 * lanes * n:2 * lanes * n + lanes].sum()
    for n in range(structure_sums.size):
        place = 2 * lanes * (layers + n if steers > 0 else n) + lanes
        structure_sums[n] = quarter / number(2) * totals[place:place + lanes].sum()


@formula
def respond_lanes(law, sloping, x, j):
    """x <- g(x), or g'(x) if sloping, for the lanes of x from the index j on; g is given by its
    law."""
    one = x.dtype.type(1)
    scaled = law.factor * load(x, j)
    g = response(law.rule, scaled, one)
    store(x, j, law.factor * slope(law.rule, g, scaled, one) if sloping else g)


@kernel
def respond(law, sloping, x):
    """x <- g(x), or g'(x) if sloping, for a flat array x; g is given by its law."""
    lanes = BYTES // x.itemsize
    whole = x.size // lanes * lanes
    rest = np.zeros(lanes, x.dtype)
    for j in range(whole, x.size):
        rest[j - whole] = x[j]
    for j in range(0, whole, lanes):
        respond_lanes(law, sloping, x, j)
    respond_lanes(law, sloping, rest, 0)
    for j in range(whole, x.size):
        x[j] = rest[j - whole]


@formula
def tensors_at(planes, j):
    """The tensors (m, d, o) of the cells from the index j on, of planes (3, n)."""
    return load(planes[0], j), load(planes[1], j), load(planes[2], j)


@formula
def respond_tensor_lanes(law, least, tensor, j):
    """J <- D for the lanes of tensors J, planes `tensor`, from the index j on; law and `least` say
    what D is, see `respond_tensor`."""
    J, one = tensors_at(tensor, j), tensor.dtype.type(1)
    if least is None:
        changed = tensor_response(law, J, one)
    else:
        changed = coherence_response(law, least, J, one)
    for k in range(3):
        store(tensor[k], j, changed[k])


@formula
def slope_tensor_lanes(law, least, structure, direction, j):
    """B <- D'(J)'[B] for the lanes of tensors J, the `structure`, and of a `direction` B from the
    index j on; law and `least` say what D is, see `respond_tensor`."""
    J, B, number = tensors_at(structure, j), tensors_at(direction, j), structure.dtype.type
    if least is None:
        changed = tensor_slope(law, J, B, number(1), number(NEAR[structure.itemsize // 8]))
    else:
        changed = coherence_adjoint(law, least, J, B, number(1))
    for k in range(3):
        store(direction[k], j, changed[k])


@kernel
def respond_tensor(law, least, tensor):
    """J <- D for flat planes `tensor` (3, n) of tensors J: D = g(J), the matrix function, where
    `least` is None, otherwise that of `cell_formulas.coherence_response`; g is given by its
    law."""
    lanes = BYTES // tensor.itemsize
    whole = tensor.shape[1] // lanes * lanes
    rest = np.zeros((3, lanes), tensor.dtype)
    rest[:, :tensor.shape[1] - whole] = tensor[:, whole:]
    for j in range(0, whole, lanes):
        respond_tensor_lanes(law, least, tensor, j)
    respond_tensor_lanes(law, least, rest, 0)
    tensor[:, whole:] = rest[:, :tensor.shape[1] - whole]


@kernel
def slope_tensor(law, least, structure, direction):
    """B <- D'(J)'[B], the adjoint of the derivative of D with respect to J, for flat planes (3, n)
    of tensors J, the `structure`, and of a `direction` B; law and `least` say what D is, see
    `respond_tensor`."""
    lanes = BYTES // structure.itemsize
    whole = structure.shape[1] // lanes * lanes
    rest = np.zeros((2, 3, lanes), structure.dtype)
    rest[0, :, :structure.shape[1] - whole] = structure[:, whole:]
    rest[1, :, :structure.shape[1] - whole] = direction[:, whole:]
    for j in range(0, whole, lanes):
        slope_tensor_lanes(law, least, structure, direction, j)
    slope_tensor_lanes(law, least, rest[0], rest[1], 0)
    direction[:, whole:] = rest[1, :, :structure.shape[1] - whole]
