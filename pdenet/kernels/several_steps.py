"""Several explicit steps in one pass over an image, for a single scale that is not smoothed.

It runs the functions of a row of cells that `planes.tensor` and `planes.diffuse` run, so that the
numbers are equal to those of steps one after the other, bit for bit.
"""

from .cell_rows import Target, flux_row, scalar_step_row, tensor_row
from .compiler import kernel
from .masked_cells import copy_mask, rows_of_mask
from .planes import scaled_for_tensor
from .row_memory import Pixels, copy, copy_pixels, make_rows, mirror_ends


@kernel
def explicit_steps(u, mask, source, mixed, stencil, scales, tile, inner, out):
    """out = u after the steps u_m += scales[s] K' M(D) K u_m, for all s.

    D = g(J) is computed from the layers of the source, for a single step, or, where it has none,
    from the channels of u themselves; `mixed` and `stencil` are those of `planes`, and so is
    `mask`, but for the tile alone. The steps are made on a tile of the image, and written where the
    inner part of the tile is; both are given as (top, bottom, left, right).

    Each step needs two rows of the image before it: as soon as step s has finished a row, step s +
    1 can use it. So the image is read and written once for all steps, and everything between stays
    in the cache.
    """
    channels, steps, layers = len(u), scales.size, len(source.layers)
    single = (mixed is None and channels == 1 and layers == 0
              and stencil.structure_twist == stencil.twist)
    rows, columns, left = tile[1] - tile[0], tile[3] - tile[2], tile[2]
    scaled = scaled_for_tensor(source.strength, source.law, mixed)
    quarter = u.dtype.type(0.25)
    # For each step and channel the last two rows before it, and what is carried; then D, a row
    # of the result, the last two rows of the layers, and of a mask those that a step may need.
    sizes = 3 * steps * channels + 4 + 2 * layers
    block = make_rows(sizes + rows_of_mask(mask, steps + 1), columns, u)
    memory, pitch = block.memory, block.pitch
    third = channels * pitch  # a step has three groups: two rows in turn, and what is carried
    tensor = 3 * steps * third
    last = tensor + 3 * pitch
    steering = last + pitch
    for front in range(rows + steps):
        for s in range(max(0, front - rows), min(steps, front + 1)):
            i = front - s  # the row of cells between the rows of pixels i - 1 and i
            top = (3 * s + max(i - 1, 0) % 2) * third
            bottom = (3 * s + min(i, rows - 1) % 2) * third
            if s == 0 and i < rows:
                for m in range(channels):
                    copy_pixels(u[m, tile[0] + i, left:left + columns], memory, bottom + m * pitch)
                for n in range(layers):
                    copy_pixels(source.layers[n, tile[0] + i, left:left + columns], memory,
                                steering + (i % 2 * layers + n) * pitch)
            over, under = top, bottom  # what steers
            if layers > 0:
                over = steering + max(i - 1, 0) % 2 * layers * pitch
                under = steering + min(i, rows - 1) % 2 * layers * pitch
            measured = copy_mask(mask, i, s == 0 and i < rows, steps + 1, block, sizes * pitch)
            if not single:
                tensor_row(block, Pixels(over, under), measured, source.law, mixed, scaled,
                           stencil.structure_twist, tensor)
            row = tile[0] + i - 1
            final = s == steps - 1
            for m in range(channels):
                pixels = Pixels(top + m * pitch, bottom + m * pitch)
                result = last if i == 0 or final else (3 * s + 3 + (i - 1) % 2) * third + m * pitch
                target = Target(pixels.top, (3 * s + 2) * third + m * pitch, result)
                if single:
                    scalar_step_row(block, pixels, measured, source.law.rule, scaled[0],
                                    stencil.twist, quarter * scales[s], target)
                else:
                    flux_row(block, pixels, measured, mixed, tensor, stencil,
                             quarter * scales[s], target)
                if not final:
                    mirror_ends(memory, result, columns)
                elif i > 0 and inner[0] <= row < inner[1]:
                    copy(memory[result + 1 + inner[2] - left:], out[m, row, inner[2]:inner[3]])
