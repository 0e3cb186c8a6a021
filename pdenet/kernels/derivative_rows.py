"""The filters of the dictionary along a row of pixels, and their transposes.

There are N + 1 derivatives of order N = 1, ..., 4, and as many combinations of them, the *filters*,
which belong to eight *parts*: the squares of the filters of a part add up to a number that turns
with the image, see `combine`. All is separable: a row of pixels first becomes five rows, its
derivatives of order 0 to 4 along the row; the 14 derivatives follow from those of nine rows.

`layout` says how rows lie in `memory`, see `Layout`; a row is named by the index at which its pixel
0 stands, and where there are several, they follow each other. `taps` (5, RADIUS + 1) hold the
filters of order 0 to 4 from their centres to one side: those of even order are symmetric, those of
odd order antisymmetric. A *window* is where the rows from RADIUS above a row of pixels to RADIUS
below it lie; beyond the image they are mirrored. Derivatives are in the order x y, xx xy yy, xxx
xxy xyy yyy, xxxx xxxy xxyy xyyy yyyy, with x along rows; `j` is where the lanes of a formula
begin.
"""

from typing import NamedTuple

from .compiler import kernel
from .formulas import formula
from .row_memory import mirrored, pitch_of
from .vectors import BYTES, fma, load, splat, store

RADIUS = 4  # pixels from the centre of a filter to its end
ORDERS = 5  # of filters: 0 to 4
FILTERS = 14  # derivatives of order 1 to 4, and as many combinations of them
PARTS = 8
FIRST = (0, 2, 3, 5, 7, 9, 10, 12)  # filter of each part
COUNT = (2, 1, 2, 2, 2, 1, 2, 2)  # of the filters of each part


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


@formula
def start(centre):
    """The derivatives of order 0 to 4 of a constant, the value at the `centre`."""
    none = centre - centre
    return centre, none, none, none, none


@formula
def add_pair(taps, k, left, right, twice, sums):
    """Add to `sums`, the derivatives of order 0 to 4, what the two pixels `left` and `right` at the
    distance k contribute.
    Sums are those of differences from the centre, of which `twice` the value is given, so that a
    constant has derivatives 0 in all digits, and stays what it is."""
    even, odd = (right + left) - twice, right - left
    d0, d1, d2, d3, d4 = sums
    return (fma(taps[0, k], even, d0), fma(taps[1, k], odd, d1), fma(taps[2, k], even, d2),
            fma(taps[3, k], odd, d3), fma(taps[4, k], even, d4))


@formula
def derivatives_at(memory, taps, window, j):
    """The derivatives of order 0 to 4 along the columns, at the centre of a window."""
    centre = load(memory, window[4] + j)
    twice, sums = centre + centre, start(centre)
    sums = add_pair(taps, 1, load(memory, window[3] + j), load(memory, window[5] + j), twice, sums)
    sums = add_pair(taps, 2, load(memory, window[2] + j), load(memory, window[6] + j), twice, sums)
    sums = add_pair(taps, 3, load(memory, window[1] + j), load(memory, window[7] + j), twice, sums)
    return add_pair(taps, 4, load(memory, window[0] + j), load(memory, window[8] + j), twice, sums)


@kernel
def derive_along_row(memory, layout, taps, row, out):
    """Five rows `out`: the derivatives of order 0 to 4 along a `row` that is continued."""
    pitch = layout.pitch
    for j in range(0, layout.columns, BYTES // memory.itemsize):
        i = row + j
        centre = load(memory, i)
        twice, sums = centre + centre, start(centre)
        sums = add_pair(taps, 1, load(memory, i - 1), load(memory, i + 1), twice, sums)
        sums = add_pair(taps, 2, load(memory, i - 2), load(memory, i + 2), twice, sums)
        sums = add_pair(taps, 3, load(memory, i - 3), load(memory, i + 3), twice, sums)
        sums = add_pair(taps, 4, load(memory, i - 4), load(memory, i + 4), twice, sums)
        store(memory, out + j, sums[0])
        store(memory, out + j + pitch, sums[1])
        store(memory, out + j + 2 * pitch, sums[2])
        store(memory, out + j + 3 * pitch, sums[3])
        store(memory, out + j + 4 * pitch, sums[4])


@kernel
def derive_along_columns(memory, layout, taps, window, out):
    """14 rows `out`, the derivatives of order 1 to 4, for a window of five rows each, which
    `derive_along_row` made."""
    pitch, lanes = layout.pitch, BYTES // memory.itemsize
    for j in range(0, layout.columns, lanes):
        d = derivatives_at(memory, taps, window, j)
        store(memory, out + j + pitch, d[1])
        store(memory, out + j + 4 * pitch, d[2])
        store(memory, out + j + 8 * pitch, d[3])
        store(memory, out + j + 13 * pitch, d[4])
    for j in range(0, layout.columns, lanes):
        d = derivatives_at(memory, taps, window, j + pitch)
        store(memory, out + j, d[0])
        store(memory, out + j + 3 * pitch, d[1])
        store(memory, out + j + 7 * pitch, d[2])
        store(memory, out + j + 12 * pitch, d[3])
    for j in range(0, layout.columns, lanes):
        d = derivatives_at(memory, taps, window, j + 2 * pitch)
        store(memory, out + j + 2 * pitch, d[0])
        store(memory, out + j + 6 * pitch, d[1])
        store(memory, out + j + 11 * pitch, d[2])
        d = derivatives_at(memory, taps, window, j + 3 * pitch)
        store(memory, out + j + 5 * pitch, d[0])
        store(memory, out + j + 10 * pitch, d[1])
        d = derivatives_at(memory, taps, window, j + 4 * pitch)
        store(memory, out + j + 9 * pitch, d[0])


@formula
def combine(d, number):
    """The 14 filters of the eight parts (order, spin) = (1, 1) (2, 0) (2, 2) (3, 1) (3, 3) (4, 0)
    (4, 2) (4, 4), real and imaginary part of Lap^((order - spin) / 2) (d_x + i d_y)^spin, where
    spin 0 has the real one alone, of the 14 derivatives d; number(2) is 2 in their type."""
    two, three, four, six = number(2), number(3), number(4), number(6)
    ends = d[9] + d[13]
    return (d[0], d[1], d[2] + d[4], d[2] - d[4], two * d[3], d[5] + d[7], d[6] + d[8],
            d[5] - three * d[7], three * d[6] - d[8], fma(two, d[11], ends), d[9] - d[13],
            two * (d[10] + d[12]), ends - six * d[11], four * (d[10] - d[12]))


@formula
def combine_adjoint(f, number):
    """The transpose of `combine`: 14 derivatives, for 14 filters f."""
    two, three, four, six = number(2), number(3), number(4), number(6)
    ends, mixed = f[9] + f[12], two * f[11]
    return (f[0], f[1], f[2] + f[3], two * f[4], f[2] - f[3], f[5] + f[7],
            fma(three, f[8], f[6]), f[5] - three * f[7], f[6] - f[8], ends + f[10],
            fma(four, f[13], mixed), two * f[9] - six * f[12], mixed - four * f[13], ends - f[10])


@formula
def load_filters(memory, layout, row):
    """The 14 numbers at an index in the first of as many rows."""
    pitch = layout.pitch
    return (load(memory, row), load(memory, row + pitch), load(memory, row + 2 * pitch),
            load(memory, row + 3 * pitch), load(memory, row + 4 * pitch),
            load(memory, row + 5 * pitch), load(memory, row + 6 * pitch),
            load(memory, row + 7 * pitch), load(memory, row + 8 * pitch),
            load(memory, row + 9 * pitch), load(memory, row + 10 * pitch),
            load(memory, row + 11 * pitch), load(memory, row + 12 * pitch),
            load(memory, row + 13 * pitch))


@formula
def store_filters(memory, layout, row, f):
    """Write 14 numbers f to where `load_filters` reads them."""
    pitch = layout.pitch
    store(memory, row, f[0])
    store(memory, row + pitch, f[1])
    store(memory, row + 2 * pitch, f[2])
    store(memory, row + 3 * pitch, f[3])
    store(memory, row + 4 * pitch, f[4])
    store(memory, row + 5 * pitch, f[5])
    store(memory, row + 6 * pitch, f[6])
    store(memory, row + 7 * pitch, f[7])
    store(memory, row + 8 * pitch, f[8])
    store(memory, row + 9 * pitch, f[9])
    store(memory, row + 10 * pitch, f[10])
    store(memory, row + 11 * pitch, f[11])
    store(memory, row + 12 * pitch, f[12])
    store(memory, row + 13 * pitch, f[13])


@kernel
def multiply_rows(memory, layout, factor, rows):
    """14 rows `rows`, each multiplied by the row `factor`."""
    for k in range(FILTERS):
        first = rows + k * layout.pitch
        for j in range(0, layout.columns, BYTES // memory.itemsize):
            store(memory, first + j, load(memory, factor + j) * load(memory, first + j))


@kernel
def filter_row(memory, layout, rows, others, sums, add):
    """The 14 derivatives in `rows` become the filters. Eight rows `sums` are their products with
    the 14 rows `others`, which may be `rows` itself, added up within each part, and to what is
    there if `add`."""
    number, pitch = memory.dtype.type, layout.pitch
    for j in range(0, layout.columns, BYTES // memory.itemsize):
        store_filters(memory, layout, rows + j,
                      combine(load_filters(memory, layout, rows + j), number))
    for part in range(PARTS):
        row = FIRST[part] * pitch
        for j in range(0, layout.columns, BYTES // memory.itemsize):
            total = load(memory, rows + row + j) * load(memory, others + row + j)
            if COUNT[part] == 2:
                total = fma(load(memory, rows + row + pitch + j),
                            load(memory, others + row + pitch + j), total)
            place = sums + part * pitch + j
            store(memory, place, load(memory, place) + total if add else total)


# Their transposes ------------------------------------------------------------------------------


@formula
def increase(memory, index, x):
    """memory[index], ... += the lanes x."""
    store(memory, index, load(memory, index) + x)


@formula
def scatter_pair(memory, taps, k, above, below, d):
    """Add to the lanes at the indices `above` and `below` of two rows at the distance k what the
    transposes of the filters of order 0 to 4 make of five numbers d: what those of even order give
    to both, and what those of odd order take from the row above and give to the one below."""
    same = fma(taps[4, k], d[4], fma(taps[2, k], d[2], taps[0, k] * d[0]))
    change = fma(taps[3, k], d[3], taps[1, k] * d[1])
    increase(memory, below, same + change)
    increase(memory, above, same - change)


@formula
def scatter(memory, taps, window, j, d):
    """Add to the rows of a window what the transposes of the filters along the columns make of five
    numbers d, the derivatives of order 0 to 4."""
    increase(memory, window[4] + j,
             fma(taps[4, 0], d[4], fma(taps[2, 0], d[2], taps[0, 0] * d[0])))
    scatter_pair(memory, taps, 1, window[3] + j, window[5] + j, d)
    scatter_pair(memory, taps, 2, window[2] + j, window[6] + j, d)
    scatter_pair(memory, taps, 3, window[1] + j, window[7] + j, d)
    scatter_pair(memory, taps, 4, window[0] + j, window[8] + j, d)


@kernel
def weigh_row(memory, layout, filters, weights, others, changes):
    """The 14 rows `filters` become the derivatives of which they are the filters' cotangents, after
    they are multiplied by the row of eight `weights` that belongs to their part; and, unless it is
    negative, the 14 rows `others` times the row of eight `changes` are subtracted."""
    number, pitch = memory.dtype.type, layout.pitch
    for part in range(PARTS):
        for k in range(FIRST[part], FIRST[part] + COUNT[part]):
            for j in range(0, layout.columns, BYTES // memory.itemsize):
                x = load(memory, weights + part * pitch + j) * load(memory, filters + k * pitch + j)
                if others >= 0:
                    x = fma(-load(memory, changes + part * pitch + j),
                            load(memory, others + k * pitch + j), x)
                store(memory, filters + k * pitch + j, x)
    for j in range(0, layout.columns, BYTES // memory.itemsize):
        store_filters(memory, layout, filters + j,
                      combine_adjoint(load_filters(memory, layout, filters + j), number))


@kernel
def scatter_columns(memory, layout, taps, derivatives, window):
    """Add to the rows of a window, five for each row of pixels, what the transposes of the filters
    along the columns make of the 14 rows `derivatives`."""
    pitch, lanes = layout.pitch, BYTES // memory.itemsize
    zero = splat(memory, memory.dtype.type(0))
    for j in range(0, layout.columns, lanes):
        place = derivatives + j
        scatter(memory, taps, window, j, (
            zero, load(memory, place + pitch), load(memory, place + 4 * pitch),
            load(memory, place + 8 * pitch), load(memory, place + 13 * pitch)))
    for j in range(0, layout.columns, lanes):
        place = derivatives + j
        scatter(memory, taps, window, j + pitch, (
            load(memory, place), load(memory, place + 3 * pitch), load(memory, place + 7 * pitch),
            load(memory, place + 12 * pitch), zero))
    for j in range(0, layout.columns, lanes):
        place = derivatives + j
        scatter(memory, taps, window, j + 2 * pitch, (
            load(memory, place + 2 * pitch), load(memory, place + 6 * pitch),
            load(memory, place + 11 * pitch), zero, zero))
    for j in range(0, layout.columns, lanes):
        place = derivatives + j
        scatter(memory, taps, window, j + 3 * pitch, (
            load(memory, place + 5 * pitch), load(memory, place + 10 * pitch), zero, zero, zero))
    for j in range(0, layout.columns, lanes):
        scatter(memory, taps, window, j + 4 * pitch, (
            load(memory, derivatives + 9 * pitch + j), zero, zero, zero, zero))


@formula
def gather_pair(memory, taps, k, pitch, place, total):
    """total + what the transposes of the filters along the row make of the pixels at the distance k
    in five rows, the first of which begins at `place`; rows follow each other by a `pitch`."""
    left, right = place - k, place + k
    total = fma(taps[0, k], load(memory, left) + load(memory, right), total)
    total = fma(taps[1, k], load(memory, left + pitch) - load(memory, right + pitch), total)
    total = fma(taps[2, k], load(memory, left + 2 * pitch) + load(memory, right + 2 * pitch), total)
    total = fma(taps[3, k], load(memory, left + 3 * pitch) - load(memory, right + 3 * pitch), total)
    return fma(taps[4, k], load(memory, left + 4 * pitch) + load(memory, right + 4 * pitch), total)


@kernel
def gather_along_row(memory, layout, taps, scale, rows, out):
    """The row `out` plus `scale` times what the transposes of the filters along the row make of
    five `rows`, which are continued, those of odd order oddly."""
    pitch = layout.pitch
    for j in range(0, layout.columns, BYTES // memory.itemsize):
        place = rows + j
        total = taps[0, 0] * load(memory, place)
        total = fma(taps[2, 0], load(memory, place + 2 * pitch), total)
        total = fma(taps[4, 0], load(memory, place + 4 * pitch), total)
        total = gather_pair(memory, taps, 1, pitch, place, total)
        total = gather_pair(memory, taps, 2, pitch, place, total)
        total = gather_pair(memory, taps, 3, pitch, place, total)
        total = gather_pair(memory, taps, 4, pitch, place, total)
        store(memory, out + j, fma(scale, total, load(memory, out + j)))
