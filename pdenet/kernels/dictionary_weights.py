"""The weights of the dictionary along a row of pixels: 1 / (1 + E), and what its adjoint needs.

E is the sensitivity of a part times the mean of its squared norm and of that smoothed. `layout`
says how rows lie in `memory`, see `derivative_rows.Layout`. Where a kernel takes eight rows, they
are those of the eight parts, one after the other. `smoothing` (RADIUS + 1,) is a sampled Gaussian
from its centre to one side; `factors` (2, 8) hold the rates and the sensitivities of the parts.
"""

from .compiler import kernel
from .derivative_rows import PARTS
from .formulas import formula
from .vectors import BYTES, fma, load, store


@formula
def smoothed_across(memory, smoothing, window, j):
    """The lanes j of a window, smoothed along the columns."""
    total = smoothing[0] * load(memory, window[4] + j)
    total = fma(smoothing[1], load(memory, window[3] + j) + load(memory, window[5] + j), total)
    total = fma(smoothing[2], load(memory, window[2] + j) + load(memory, window[6] + j), total)
    total = fma(smoothing[3], load(memory, window[1] + j) + load(memory, window[7] + j), total)
    return fma(smoothing[4], load(memory, window[0] + j) + load(memory, window[8] + j), total)


@kernel
def smooth_columns(memory, layout, smoothing, window, out):
    """Eight rows `out`: those of a `window` of eight rows each, smoothed along the columns."""
    for g in range(PARTS):
        first = g * layout.pitch
        for j in range(first, first + layout.columns, BYTES // memory.itemsize):
            store(memory, out + j, smoothed_across(memory, smoothing, window, j))


@formula
def half_smoothed(memory, smoothing, plain, row):
    """The mean of the lanes at the index `plain`, and of those at the index `row` smoothed by
    `smoothing` along their row."""
    total = smoothing[0] * load(memory, row)
    total = fma(smoothing[1], load(memory, row - 1) + load(memory, row + 1), total)
    total = fma(smoothing[2], load(memory, row - 2) + load(memory, row + 2), total)
    total = fma(smoothing[3], load(memory, row - 3) + load(memory, row + 3), total)
    total = fma(smoothing[4], load(memory, row - 4) + load(memory, row + 4), total)
    return memory.dtype.type(0.5) * (load(memory, plain) + total)


@kernel
def weight_row(memory, layout, smoothing, factors, plain, smoothed, out):
    """Eight rows `out`, rate / (1 + E), for eight rows `plain`, and eight rows `smoothed`, which
    are smoothed along the columns and continued."""
    one = memory.dtype.type(1)
    for g in range(PARTS):
        rate, sensitivity, first = factors[0, g], factors[1, g], g * layout.pitch
        for j in range(first, first + layout.columns, BYTES // memory.itemsize):
            mean = half_smoothed(memory, smoothing, plain + j, smoothed + j)
            store(memory, out + j, rate / fma(sensitivity, mean, one))


@kernel
def change_row(memory, layout, smoothing, factors, plain, smoothed, product, weights, changes,
               sums):
    """What the adjoint needs of the weights 1 / (1 + E), whose E is that of `weight_row`.

    `plain` and `smoothed` are those of `weight_row`, and `product` are eight rows of the products
    of the filters of the image with those of the cotangent. Eight rows `weights` become rate / (1 +
    E), and eight rows `changes` become product / (1 + E)^2. In eight rows `sums` two vectors of
    lanes are added up over the pixels, which are those where the row before holds 1 instead of 0:
    product / (1 + E), and product / (1 + E)^2 times the mean in E.
    """
    number, lanes = memory.dtype.type, BYTES // memory.itemsize
    one, pitch = number(1), layout.pitch
    measure = sums - layout.pitch
    for g in range(PARTS):
        rate, sensitivity = factors[0, g], factors[1, g]
        place = sums + g * pitch
        first, second = load(memory, place), load(memory, place + lanes)
        for j in range(0, layout.columns, lanes):
            mean = half_smoothed(memory, smoothing, plain + g * pitch + j, smoothed + g * pitch + j)
            weight = one / fma(sensitivity, mean, one)
            once = weight * load(memory, product + g * pitch + j)
            twice = weight * once
            store(memory, weights + g * pitch + j, rate * weight)
            store(memory, changes + g * pitch + j, twice)
            inside = load(memory, measure + j)
            first, second = fma(inside, once, first), fma(inside, twice * mean, second)
        store(memory, place, first)
        store(memory, place + lanes, second)


@kernel
def smooth_changes(memory, layout, smoothing, factors, plain, smoothed, out):
    """Eight rows `out`: 2 rate sensitivity times the mean of the rows `plain` and the rows
    `smoothed`, which are smoothed along the columns and continued."""
    two = memory.dtype.type(2)
    for g in range(PARTS):
        factor = two * factors[0, g] * factors[1, g]
        for j in range(g * layout.pitch, g * layout.pitch + layout.columns,
                       BYTES // memory.itemsize):
            store(memory, out + j, factor * half_smoothed(memory, smoothing, plain + j,
                                                          smoothed + j))
