"""The dictionary of derivatives along a row of pixels: its filters, their transposes, its weights.

Beside the N + 1 derivatives of order N = 1, ..., 4 there are eight *parts*, one or two combinations
of derivatives each, whose squares add up to a number that does not change when the image is turned:
see `combine`. The filters are separable, so that a row of pixels first becomes five rows, its
derivatives of order 0 to 4 along the row, and the 14 derivatives follow from these five in nine rows
of pixels around.

`layout` says where rows lie in `memory`, see `Layout`; a row is named by the index at which its
pixel 0 stands. `taps` (5, RADIUS + 1) hold the filters of order 0 to 4 from their centres to one
side: those of even order are symmetric, those of odd order antisymmetric. A *window* is the nine
rows around a row of pixels, from the one above to the one below, RADIUS on either side; beyond the
image they are mirrored.
"""

from typing import Any, NamedTuple

from .compiler import kernel
from .formulas import formula
from .row_memory import mirrored, pitch_of
from .vectors import BYTES, fma, load, splat, store

RADIUS = 4  # pixels from the centre of a filter to its end
ORDERS = 5  # of filters: 0 to 4
FILTERS = 14  # derivatives of order 1 to 4, and as many combinations of them
PARTS = 8


class Layout(NamedTuple):
    """Rows of so many `columns` of pixels, each `pitch` numbers after the one before, with a
    `margin` before its pixel 0."""

    columns: int
    pitch: int
    margin: int


@formula
def layout_of(columns, like):
    """The layout of rows of so many `columns` in the type of the array `like`: a line of 64 bytes
    before them and room for the last vector and a line behind."""
    line, lanes = 64 // like.itemsize, BYTES // like.itemsize
    return Layout(columns, pitch_of(columns + lanes + 2 * line, like), line)


@formula
def window_of(i, rows, first, size):
    """The window around row i of an image of so many `rows`, where row k lies at first + (k % 9)
    size."""
    return (first + mirrored(i - 4, rows) % 9 * size, first + mirrored(i - 3, rows) % 9 * size,
            first + mirrored(i - 2, rows) % 9 * size, first + mirrored(i - 1, rows) % 9 * size,
            first + i % 9 * size, first + mirrored(i + 1, rows) % 9 * size,
            first + mirrored(i + 2, rows) % 9 * size, first + mirrored(i + 3, rows) % 9 * size,
            first + mirrored(i + 4, rows) % 9 * size)


@formula
def continue_row(memory, row, columns, radius, sign):
    """Continue a row of so many pixels, `columns`, by its mirror images as far as `radius` at both
    ends, times `sign` where it is mirrored once, or thrice."""
    for k in range(radius):
        left, right = (-1 - k) % (2 * columns), (columns + k) % (2 * columns)
        if left < columns:
            memory[row - 1 - k] = memory[row + left]
        else:
            memory[row - 1 - k] = sign * memory[row + 2 * columns - 1 - left]
        if right < columns:
            memory[row + columns + k] = memory[row + right]
        else:
            memory[row + columns + k] = sign * memory[row + 2 * columns - 1 - right]


# The filters -----------------------------------------------------------------------------------


@kernel
def derive_along_row(memory, layout, taps, row, out):
    """Five rows `out`, one a pitch after the other: the derivatives of order 0 to 4 along a `row`
    that is continued. Sums are of differences from the centre, so that a constant stays one, and
    has derivatives 0, in all digits."""
    zero = splat(memory, memory.dtype.type(0))
    for j in range(0, layout.columns, BYTES // memory.itemsize):
        centre = load(memory, row + j)
        twice = centre + centre
        d0, d1, d2, d3, d4 = centre, zero, zero, zero, zero
        for k in range(1, RADIUS + 1):
            left, right = load(memory, row + j - k), load(memory, row + j + k)
            even, odd = (right + left) - twice, right - left
            d0, d2, d4 = fma(taps[0, k], even, d0), fma(taps[2, k], even, d2), fma(
                taps[4, k], even, d4)
            d1, d3 = fma(taps[1, k], odd, d1), fma(taps[3, k], odd, d3)
        store(memory, out + j, d0)
        store(memory, out + j + layout.pitch, d1)
        store(memory, out + j + 2 * layout.pitch, d2)
        store(memory, out + j + 3 * layout.pitch, d3)
        store(memory, out + j + 4 * layout.pitch, d4)


@formula
def pairs_at(memory, window, j):
    """What the lanes j of a window are to filters along the columns: the centre, the sums of the
    rows at the distances 1 to 4 minus twice the centre, and their differences."""
    centre = load(memory, window[4] + j)
    twice = centre + centre
    a, b = load(memory, window[3] + j), load(memory, window[5] + j)
    c, d = load(memory, window[2] + j), load(memory, window[6] + j)
    e, f = load(memory, window[1] + j), load(memory, window[7] + j)
    g, h = load(memory, window[0] + j), load(memory, window[8] + j)
    return (centre, ((a + b) - twice, (c + d) - twice, (e + f) - twice, (g + h) - twice),
            (b - a, d - c, f - e, h - g))


@formula
def weigh(taps, order, four):
    """The sum of four pairs at the distances 1 to 4, weighted by the filter of this order."""
    return fma(taps[order, 4], four[3], fma(taps[order, 3], four[2], fma(
        taps[order, 2], four[1], taps[order, 1] * four[0])))


@formula
def combine(first, second, third, fourth, number):
    """The 14 filters of the eight parts (order, spin): (1, 1) (2, 0) (2, 2) (3, 1) (3, 3) (4, 0)
    (4, 2) (4, 4), real and imaginary part of Lap^((order - spin) / 2) (d_x + i d_y)^spin, where
    spin 0 has the real one alone.

    `first` to `fourth` are the derivatives of these orders, d_x ... d_x first and d_y ... d_y last;
    number(2) is 2 in their type.
    """
    x, y = first
    xx, xy, yy = second
    xxx, xxy, xyy, yyy = third
    xxxx, xxxy, xxyy, xyyy, yyyy = fourth
    three, four, six = number(3), number(4), number(6)
    ends = xxxx + yyyy
    return (x, y, xx + yy, xx - yy, xy + xy, xxx + xyy, xxy + yyy, xxx - three * xyy,
            three * xxy - yyy, ends + (xxyy + xxyy), xxxx - yyyy, number(2) * (xxxy + xyyy),
            ends - six * xxyy, four * (xxxy - xyyy))


@formula
def combine_adjoint(f, number):
    """The transpose of `combine`: the derivatives of order 1, 2, 3 and 4, for 14 numbers f."""
    two, three, four, six = number(2), number(3), number(4), number(6)
    ends, mixed = f[9] + f[12], two * f[11]
    return ((f[0], f[1]), (f[2] + f[3], two * f[4], f[2] - f[3]),
            (f[5] + f[7], fma(three, f[8], f[6]), f[5] - three * f[7], f[6] - f[8]),
            (ends + f[10], fma(four, f[13], mixed), two * f[9] - six * f[12],
             mixed - four * f[13], ends - f[10]))


@formula
def products(f, h):
    """The products of two times 14 filters, added up within each of the eight parts."""
    return (fma(f[0], h[0], f[1] * h[1]), f[2] * h[2], fma(f[3], h[3], f[4] * h[4]),
            fma(f[5], h[5], f[6] * h[6]), fma(f[7], h[7], f[8] * h[8]), f[9] * h[9],
            fma(f[10], h[10], f[11] * h[11]), fma(f[12], h[12], f[13] * h[13]))


@formula
def filters_at(memory, layout, taps, window, j, number):
    """The 14 filters at the lanes j, for the window of rows that `derive_along_row` made."""
    pitch = layout.pitch
    _, even, odd = pairs_at(memory, window, j)
    y, yy = weigh(taps, 1, odd), weigh(taps, 2, even)
    yyy, yyyy = weigh(taps, 3, odd), weigh(taps, 4, even)
    centre, even, odd = pairs_at(memory, window, j + pitch)
    x, xy = centre + weigh(taps, 0, even), weigh(taps, 1, odd)
    xyy, xyyy = weigh(taps, 2, even), weigh(taps, 3, odd)
    centre, even, odd = pairs_at(memory, window, j + 2 * pitch)
    xx, xxy, xxyy = centre + weigh(taps, 0, even), weigh(taps, 1, odd), weigh(taps, 2, even)
    centre, even, odd = pairs_at(memory, window, j + 3 * pitch)
    xxx, xxxy = centre + weigh(taps, 0, even), weigh(taps, 1, odd)
    centre, even, odd = pairs_at(memory, window, j + 4 * pitch)
    xxxx = centre + weigh(taps, 0, even)
    return combine((x, y), (xx, xy, yy), (xxx, xxy, xyy, yyy), (xxxx, xxxy, xxyy, xyyy, yyyy),
                   number)


@formula
def load_filters(memory, layout, row):
    """The 14 filters at an index in the first of as many rows."""
    pitch = layout.pitch
    return (load(memory, row), load(memory, row + pitch), load(memory, row + 2 * pitch),
            load(memory, row + 3 * pitch), load(memory, row + 4 * pitch),
            load(memory, row + 5 * pitch), load(memory, row + 6 * pitch),
            load(memory, row + 7 * pitch), load(memory, row + 8 * pitch),
            load(memory, row + 9 * pitch), load(memory, row + 10 * pitch),
            load(memory, row + 11 * pitch), load(memory, row + 12 * pitch),
            load(memory, row + 13 * pitch))


@kernel
def filter_row(memory, layout, taps, window, out, others, sums, add):
    """14 rows `out`, the filters of the `window` of rows that `derive_along_row` made, and eight
    rows `sums`, their products with the 14 rows `others`, which may be `out` itself, added up
    within each part, and to what is there if `add`."""
    number, pitch = memory.dtype.type, layout.pitch
    for j in range(0, layout.columns, BYTES // memory.itemsize):
        f = filters_at(memory, layout, taps, window, j, number)
        for k in range(FILTERS):
            store(memory, out + j + k * pitch, f[k])
        found = products(f, load_filters(memory, layout, others + j))
        for g in range(PARTS):
            place = sums + j + g * pitch
            store(memory, place, load(memory, place) + found[g] if add else found[g])


# Their transposes ------------------------------------------------------------------------------


@formula
def spread(f, eight):
    """The 14 filters f, each multiplied by the number that its part has among eight."""
    a, b, c, d, e, g, h, i = eight
    return (a * f[0], a * f[1], b * f[2], c * f[3], c * f[4], d * f[5], d * f[6], e * f[7],
            e * f[8], g * f[9], h * f[10], h * f[11], i * f[12], i * f[13])


@formula
def load_parts(memory, layout, row):
    """The numbers of the eight parts at an index in the first of as many rows."""
    pitch = layout.pitch
    return (load(memory, row), load(memory, row + pitch), load(memory, row + 2 * pitch),
            load(memory, row + 3 * pitch), load(memory, row + 4 * pitch),
            load(memory, row + 5 * pitch), load(memory, row + 6 * pitch),
            load(memory, row + 7 * pitch))


@formula
def increase(memory, index, x):
    """memory[index], ... += the lanes x."""
    store(memory, index, load(memory, index) + x)


@formula
def increase_both(memory, above, below, same, change):
    """Add to two rows what filters along the columns give them: what those of even order give to
    both, and what those of odd order take from the one above and give to the one below."""
    increase(memory, below, same + change)
    increase(memory, above, same - change)


@formula
def scatter(memory, layout, taps, window, derivatives, j):
    """Add to the rows of a window what the transposes of the filters along the columns make of
    the `derivatives`, those of order 1, 2, 3 and 4, in the lanes j."""
    (x, y), (xx, xy, yy), (xxx, xxy, xyy, yyy), (xxxx, xxxy, xxyy, xyyy, yyyy) = derivatives
    p0, p1, p2, p3, p4 = j, j + layout.pitch, j + 2 * layout.pitch, j + 3 * layout.pitch, \
        j + 4 * layout.pitch
    none, two, four = taps[0, 0], taps[2, 0], taps[4, 0]
    increase(memory, window[RADIUS] + p0, fma(four, yyyy, two * yy))
    increase(memory, window[RADIUS] + p1, fma(two, xyy, none * x))
    increase(memory, window[RADIUS] + p2, fma(two, xxyy, none * xx))
    increase(memory, window[RADIUS] + p3, none * xxx)
    increase(memory, window[RADIUS] + p4, none * xxxx)
    for k in range(1, RADIUS + 1):
        above, below = window[RADIUS - k], window[RADIUS + k]
        none, one, two = taps[0, k], taps[1, k], taps[2, k]
        three, four = taps[3, k], taps[4, k]
        increase_both(memory, above + p0, below + p0, fma(four, yyyy, two * yy),
                      fma(three, yyy, one * y))
        increase_both(memory, above + p1, below + p1, fma(two, xyy, none * x),
                      fma(three, xyyy, one * xy))
        increase_both(memory, above + p2, below + p2, fma(two, xxyy, none * xx), one * xxy)
        increase_both(memory, above + p3, below + p3, none * xxx, one * xxxy)
        increase(memory, below + p4, none * xxxx)
        increase(memory, above + p4, none * xxxx)


@kernel
def transpose_row(memory, layout, taps, filters, weights, others, changes, window):
    """Add to the rows of a `window`, five for each row of pixels, what the transposes of the
    filters along the columns make of the 14 rows `filters` times the eight rows `weights`, minus,
    unless `others` is negative, the 14 rows `others` times the eight rows `changes`."""
    number = memory.dtype.type
    for j in range(0, layout.columns, BYTES // memory.itemsize):
        f = spread(load_filters(memory, layout, filters + j),
                   load_parts(memory, layout, weights + j))
        if others >= 0:
            h = spread(load_filters(memory, layout, others + j),
                       load_parts(memory, layout, changes + j))
            f = (f[0] - h[0], f[1] - h[1], f[2] - h[2], f[3] - h[3], f[4] - h[4], f[5] - h[5],
                 f[6] - h[6], f[7] - h[7], f[8] - h[8], f[9] - h[9], f[10] - h[10], f[11] - h[11],
                 f[12] - h[12], f[13] - h[13])
        scatter(memory, layout, taps, window, combine_adjoint(f, number), j)


@kernel
def gather_along_row(memory, layout, taps, scale, rows, out):
    """The row `out` plus `scale` times what the transposes of the filters along the row make of
    five rows, which are continued, those of odd order oddly."""
    pitch = layout.pitch
    for j in range(0, layout.columns, BYTES // memory.itemsize):
        place = rows + j
        total = taps[0, 0] * load(memory, place)
        total = fma(taps[2, 0], load(memory, place + 2 * pitch), total)
        total = fma(taps[4, 0], load(memory, place + 4 * pitch), total)
        for k in range(1, RADIUS + 1):
            total = fma(taps[0, k], load(memory, place - k) + load(memory, place + k), total)
            total = fma(taps[1, k], load(memory, place + pitch - k)
                        - load(memory, place + pitch + k), total)
            total = fma(taps[2, k], load(memory, place + 2 * pitch - k)
                        + load(memory, place + 2 * pitch + k), total)
            total = fma(taps[3, k], load(memory, place + 3 * pitch - k)
                        - load(memory, place + 3 * pitch + k), total)
            total = fma(taps[4, k], load(memory, place + 4 * pitch - k)
                        + load(memory, place + 4 * pitch + k), total)
        store(memory, out + j, fma(scale, total, load(memory, out + j)))


# Smoothing, and the weights --------------------------------------------------------------------


@kernel
def smooth_columns(memory, layout, smoothing, centre, offsets, out):
    """Eight rows `out`, smoothed along the columns: of eight rows from `centre` on and those at the
    `offsets` (2, R) from them, above and below, at the distances 1 to R.

    `smoothing` (R + 1,) is a sampled Gaussian from its centre to one side.
    """
    for g in range(PARTS):
        for j in range(g * layout.pitch, g * layout.pitch + layout.columns,
                       BYTES // memory.itemsize):
            place = centre + j
            total = smoothing[0] * load(memory, place)
            for k in range(1, smoothing.size):
                total = fma(smoothing[k], load(memory, place + offsets[0, k - 1])
                            + load(memory, place + offsets[1, k - 1]), total)
            store(memory, out + j, total)


@formula
def half_smoothed(memory, smoothing, plain, row):
    """The mean of the lanes at the index `plain`, and of those at the index `row` smoothed by
    `smoothing` along their row."""
    half = memory.dtype.type(0.5)
    total = smoothing[0] * load(memory, row)
    for k in range(1, smoothing.size):
        total = fma(smoothing[k], load(memory, row - k) + load(memory, row + k), total)
    return half * (load(memory, plain) + total)


@kernel
def weight_row(memory, layout, smoothing, factors, plain, smoothed, out):
    """Eight rows `out`, rate / (1 + E) with E = sensitivity times the mean of the rows `plain` and the rows
    `smoothed`, which are smoothed along the columns and continued.

    `factors` (2, 8) hold the rates and the sensitivities of the parts.
    """
    one = memory.dtype.type(1)
    for g in range(PARTS):
        rate, sensitivity = factors[0, g], factors[1, g]
        for j in range(g * layout.pitch, g * layout.pitch + layout.columns,
                       BYTES // memory.itemsize):
            mean = half_smoothed(memory, smoothing, plain + j, smoothed + j)
            store(memory, out + j, rate / fma(sensitivity, mean, one))


@kernel
def change_row(memory, layout, smoothing, factors, plain, smoothed, product, weights, changes,
               sums):
    """What the adjoint needs of the weights 1 / (1 + E), whose E is that of `weight_row`.

    `product` are eight rows of the products of the filters of the image with those of the
    cotangent. Eight rows `weights` become rate / (1 + E), and eight rows `changes` become
    product / (1 + E)^2. In eight rows `sums` two vectors of lanes are added up over the pixels,
    which are those where the row before holds 1 instead of 0: product / (1 + E), and product /
    (1 + E)^2 times the mean in E.
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
    """Eight rows `out`: 2 rate sensitivity times the mean of the rows `plain` and the rows `smoothed`,
    which are smoothed along the columns and continued."""
    two = memory.dtype.type(2)
    for g in range(PARTS):
        factor = two * factors[0, g] * factors[1, g]
        for j in range(g * layout.pitch, g * layout.pitch + layout.columns,
                       BYTES // memory.itemsize):
            store(memory, out + j, factor * half_smoothed(memory, smoothing, plain + j,
                                                          smoothed + j))
