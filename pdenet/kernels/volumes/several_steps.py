"""Several explicit steps in one pass over a volume, for a single scale that is not smoothed.

It runs the functions of a row of cells that `slices.tensor` and `slices.diffuse` run, so that the
numbers are equal to those of steps one after the other, bit for bit.
"""

from ..compiler import kernel
from ..row_memory import copy, copy_pixels, make_rows, mirror_ends, pitch_of
from .cells import Target
from .masked_cells import copy_cells, copy_table, leave_out, rows_of_mask
from .rows import flux_row, scalar_step_row, tensor_row
from .slices import around, moved, scaled_for_tensor


@kernel
def explicit_steps(u, mask, source, mixed, stencil, scales, tile, inner, out):
    """out = u after the steps u_m += scales[s] K' M(D) K u_m, for all s.

    D = g(J) is computed from the layers of the source, for a single step, or, where it has none,
    from the channels of u themselves; `mixed` and `stencil` are those of `slices`, and so is
    `mask`, but for the tile alone. The steps are made on a tile of the volume, and written where
    the inner part of the tile is; both are given as (front, back, top, bottom, left, right).

    Each step needs two slices of the volume before it: as soon as step s has finished a slice, step
    s + 1 can use it. So the volume is read and written once for all steps, and what lies between
    stays in the cache.
    """
    channels, steps, layers = len(u), scales.size, len(source.layers)
    single = (mixed is None and channels == 1 and layers == 0
              and stencil.structure_twist == stencil.twist)
    slices, rows, columns = tile[1] - tile[0], tile[3] - tile[2], tile[5] - tile[4]
    top, left = tile[2], tile[4]
    scaled = scaled_for_tensor(source.strength, source.law, mixed)
    share = u.dtype.type(0.0625)
    pitch = pitch_of(columns, u)
    # For each step the last two slices before it, and what waits for the next slice; the last two
    # slices of the layers; what waits for the next row; D, and a row of the result.
    sizes = (3 * rows + 1) * steps * channels + 2 * rows * layers + 4 * channels + 7
    block = make_rows(sizes + rows_of_mask(mask, pitch), columns, u)
    copy_table(mask, block, sizes * pitch)
    memory, line = block.memory, channels * pitch
    plane = rows * line
    third = 2 * plane + (rows + 1) * line  # of a step
    steering, depth = steps * third, rows * layers * pitch
    waiting = steering + 2 * depth
    tensor = waiting + 4 * channels * pitch
    last = tensor + 6 * pitch
    for front in range(slices + steps):
        for s in range(max(0, front - slices), min(steps, front + 1)):
            k, first, final = front - s, s * third, s == steps - 1
            if s == 0 and k < slices:
                for i in range(rows):
                    for m in range(channels):
                        copy_pixels(u[m, tile[0] + k, top + i, left:left + columns], memory,
                                    first + k % 2 * plane + i * line + m * pitch)
                    for n in range(layers):
                        copy_pixels(source.layers[n, tile[0] + k, top + i, left:left + columns],
                                    memory, steering + k % 2 * depth + (i * layers + n) * pitch)
            for i in range(rows + 1):
                voxels = moved(around(k, i, slices, rows, plane, line), first)
                measured = copy_cells(mask, k, i, block, sizes * pitch)
                if not single:
                    steers = voxels
                    if layers > 0:
                        steers = moved(around(k, i, slices, rows, depth, layers * pitch), steering)
                    tensor_row(block, steers, measured, source.law, mixed, scaled, stencil, tensor)
                whole, at, row = k > 0 and i > 0, tile[0] + k - 1, top + i - 1
                for m in range(channels):
                    own = moved(voxels, m * pitch)
                    result = last
                    if whole and not final:
                        result = first + third + (k - 1) % 2 * plane + (i - 1) * line + m * pitch
                    target = Target(own.a, waiting + 4 * m * pitch, pitch,
                                    first + 2 * plane + i * line + m * pitch, result)
                    if single:
                        scalar_step_row(block, own, measured, source.law.rule, scaled[0], stencil,
                                        share * scales[s], target)
                    else:
                        flux_row(block, own, measured, mixed, tensor, stencil, share * scales[s],
                                 target)
                    if whole:
                        leave_out(mask, k, i, memory, result)
                    if not final:
                        mirror_ends(memory, result, columns)
                    elif whole and inner[0] <= at < inner[1] and inner[2] <= row < inner[3]:
                        copy(memory[result + 1 + inner[4] - left:],
                             out[m, at, row, inner[4]:inner[5]])
