"""The dictionary of derivatives on planes (M, H, W): its term of the step, and the term's adjoint.

Each kernel goes once over the image, row by row, and keeps only as many rows in between as what
comes later needs; they lie in `memory`, see `scratch_for`. A row that is at the front is derived
along itself; RADIUS rows later its filters are known; RADIUS rows later, as far as squares are
smoothed, its weights; and RADIUS rows later what the transposes of the filters make of them. Where
rows are kept, row i has the place i % WINDOW among WINDOW places, from the index `ring` on;
`layout` says how rows lie in `memory`, see `derivative_rows.Layout`.

`taps` are those of `derivative_rows`, `smoothing` (RADIUS + 1,) is the sampled Gaussian in E from
its centre to one side, `factors` (2, 8) hold the rates and the sensitivities of the parts, all of
the type of the image. The image continues half-sample symmetrically. `inside` is None, or a plane
(H, W) of ones and zeros: where it is 0, filters are 0.
"""

import numpy as np

from .compiler import kernel
from .derivative_rows import (FILTERS, ORDERS, PARTS, RADIUS, continue_row, derive_along_columns,
                              derive_along_row, filter_row, gather_along_row, layout_of,
                              multiply_rows, scatter_columns, weigh_row, window_of)
from .dictionary_weights import change_row, smooth_changes, smooth_columns, weight_row
from .formulas import formula
from .row_memory import copy
from .vectors import BYTES

WINDOW = 2 * RADIUS + 1


def scratch_for(u, adjoint, work):
    """The work array `memory` of the kernels here for planes u: of `add_adjoint`, or of the
    others."""
    of_channel, of_all = (3 * ORDERS + 2 * FILTERS, 4 * PARTS) if adjoint else (
        2 * ORDERS + FILTERS, PARTS)
    rows = 2 + 3 * PARTS + WINDOW * (len(u) * of_channel + of_all)
    return work.scratch("dictionary", (rows * layout_of(u.shape[2], u).pitch,), u.dtype)


@formula
def _enter(u, m, i, memory, layout, taps, line, out):
    """Derive row i of plane m of u, in the row `line`, along itself: five rows from `out` on."""
    copy(u[m, i], memory[line:line + layout.columns])
    continue_row(memory, line, layout.columns, RADIUS, memory.dtype.type(1))
    derive_along_row(memory, layout, taps, line, out)


@formula
def _smooth(memory, layout, smoothing, i, rows, ring, out):
    """Eight rows `out`, continued: row i of WINDOW times eight rows, smoothed along the columns."""
    smooth_columns(memory, layout, smoothing, window_of(i, rows, ring, PARTS * layout.pitch), out)
    for g in range(PARTS):
        continue_row(memory, out + g * layout.pitch, layout.columns, RADIUS, memory.dtype.type(1))


@formula
def _derive(memory, layout, taps, window, inside, i, line, filters):
    """The 14 rows `filters` of row i of a plane, from a `window` of nine times five rows; 0 where
    the plane `inside` is, if there is one, whose row goes to the row `line`."""
    derive_along_columns(memory, layout, taps, window, filters)
    if inside is not None:
        copy(inside[i], memory[line:line + layout.columns])
        multiply_rows(memory, layout, line, filters)


@formula
def _leave(memory, layout, taps, scale, i, rows, ring, line, target):
    """Add to the rows of `target` that are complete after row i what the transposes of the filters
    along the row make of their five rows in the `ring`, times `scale`; `line` is a row for what
    stands there already."""
    pitch = layout.pitch
    last = rows if i == rows - 1 else i - RADIUS + 1
    for k in range(max(0, i - RADIUS), last):
        first = ring + k % WINDOW * ORDERS * pitch
        for n in range(ORDERS):
            continue_row(memory, first + n * pitch, layout.columns, RADIUS,
                         memory.dtype.type(1 - 2 * (n % 2)))
        copy(target[k], memory[line:line + layout.columns])
        gather_along_row(memory, layout, taps, scale, first, line)
        copy(memory[line:], target[k])


@formula
def _make_room(memory, layout, i, rows, ring):
    """Zeros in the rows of the `ring` that row i is the first to reach."""
    size = ORDERS * layout.pitch
    for k in range(0 if i == 0 else i + RADIUS, min(i + RADIUS + 1, rows)):
        first = ring + k % WINDOW * size - layout.margin
        memory[first:first + size] = 0


@kernel
def squares(u, inside, taps, memory, out):
    """out = |F_g u|^2 for each part g, (8, H, W): the sum of the squares of its filters, over all
    planes."""
    rows, columns = u.shape[1:]
    layout = layout_of(columns, u)
    pitch, size = layout.pitch, ORDERS * layout.pitch
    memory[:] = 0
    line = layout.margin
    filters, sums = line + pitch, line + (1 + FILTERS) * pitch
    first = sums + PARTS * pitch
    for front in range(rows + RADIUS):
        i = front - RADIUS
        for m in range(len(u)):
            ring = first + m * WINDOW * size
            if front < rows:
                _enter(u, m, front, memory, layout, taps, line, ring + front % WINDOW * size)
            if i >= 0:
                _derive(memory, layout, taps, window_of(i, rows, ring, size), inside, i, line,
                        filters)
                filter_row(memory, layout, filters, filters, sums, m > 0)
        if i >= 0:
            for g in range(PARTS):
                copy(memory[sums + g * pitch:], out[g, i])


@kernel
def add_step(u, inside, taps, smoothing, factors, held, scale, memory, out):
    """out += scale sum_g F_g' (rate_g / (1 + E_g)) F_g u for planes u, with E_g = sensitivity_g
    (|F_g u|^2 + G |F_g u|^2) / 2.

    The weights rate / (1 + E) are the planes `held` (8, H, W), where that is not None.
    """
    rows, columns = u.shape[1:]
    layout = layout_of(columns, u)
    pitch, size, eight = layout.pitch, ORDERS * layout.pitch, PARTS * layout.pitch
    derivatives, sets = WINDOW * size, WINDOW * FILTERS * pitch  # of a channel
    memory[:] = 0
    line = layout.margin
    smoothed, weights = line + pitch, line + pitch + eight
    sums = weights + eight
    first = sums + WINDOW * eight
    filters = first + len(u) * derivatives
    results = filters + len(u) * sets
    for front in range(rows + 2 * RADIUS):
        i, j = front - RADIUS, front - 2 * RADIUS  # where filters, and where weights are known
        for m in range(len(u)):
            ring = first + m * derivatives
            if front < rows:
                _enter(u, m, front, memory, layout, taps, line, ring + front % WINDOW * size)
            if 0 <= i < rows:
                own = filters + m * sets + i % WINDOW * FILTERS * pitch
                _derive(memory, layout, taps, window_of(i, rows, ring, size), inside, i, line, own)
                filter_row(memory, layout, own, own, sums + i % WINDOW * eight, m > 0)
        if j < 0:
            continue
        if held is None:
            _smooth(memory, layout, smoothing, j, rows, sums, smoothed)
            weight_row(memory, layout, smoothing, factors, sums + j % WINDOW * eight, smoothed,
                       weights)
        else:
            for g in range(PARTS):
                copy(held[g, j], memory[weights + g * pitch:weights + g * pitch + columns])
        for m in range(len(u)):
            ring = results + m * derivatives
            own = filters + m * sets + j % WINDOW * FILTERS * pitch
            weigh_row(memory, layout, own, weights, -1, -1)
            _make_room(memory, layout, j, rows, ring)
            scatter_columns(memory, layout, taps, own, window_of(j, rows, ring, size))
            _leave(memory, layout, taps, scale, j, rows, ring, line, out[m])


@kernel
def add_adjoint(u, z, inside, taps, smoothing, factors, scale, sums, memory, out):
    """The adjoint of `add_step` with respect to u, for the cotangent z of its result: out += scale
    sum_g F_g' (rate_g / (1 + E_g) F_g z - C_g F_g u), where C_g is rate_g sensitivity_g (I + G)
    applied to (F_g u)' F_g z / (1 + E_g)^2.

    Two sums over the image are written for each part, sums (2, 8) in float64: that of (F_g u)' F_g
    z / (1 + E_g), and that of (F_g u)' F_g z / (1 + E_g)^2 times E_g / sensitivity_g.
    """
    rows, columns = u.shape[1:]
    channels, number, lanes = len(u), u.dtype.type, BYTES // u.itemsize
    layout = layout_of(columns, u)
    pitch, size, eight = layout.pitch, ORDERS * layout.pitch, PARTS * layout.pitch
    derivatives, sets = WINDOW * size, WINDOW * FILTERS * pitch  # of a channel
    memory[:] = 0
    line = layout.margin
    measure, parts = line + pitch, line + 2 * pitch
    smoothed, change, product = parts + eight, parts + 2 * eight, parts + 3 * eight
    squared = product + WINDOW * eight
    weights, changes = squared + WINDOW * eight, squared + 2 * WINDOW * eight
    first = changes + WINDOW * eight
    filters = first + 2 * channels * derivatives
    results = filters + 2 * channels * sets
    memory[measure:measure + columns] = number(1)
    sums[:] = 0
    for front in range(rows + 3 * RADIUS):
        i = front - RADIUS  # where filters are known; where weights; where changes are smoothed
        j, k = i - RADIUS, i - 2 * RADIUS
        for m in range(channels):
            ring, own = first + 2 * m * derivatives, filters + 2 * m * sets
            if front < rows:
                place = ring + front % WINDOW * size
                _enter(u, m, front, memory, layout, taps, line, place)
                _enter(z, m, front, memory, layout, taps, line, place + derivatives)
            if 0 <= i < rows:
                place, row = own + i % WINDOW * FILTERS * pitch, i % WINDOW * eight
                for n in range(2):  # of u, and of z
                    _derive(memory, layout, taps, window_of(i, rows, ring + n * derivatives, size),
                            inside, i, line, place + n * sets)
                filter_row(memory, layout, place, place, squared + row, m > 0)
                filter_row(memory, layout, place + sets, place, product + row, m > 0)
        if 0 <= j < rows:
            row = j % WINDOW * eight
            _smooth(memory, layout, smoothing, j, rows, squared, smoothed)
            change_row(memory, layout, smoothing, factors, squared + row, smoothed, product + row,
                       weights + row, changes + row, parts)
            if j % 16 == 15 or j == rows - 1:  # a few rows in their own type, all in float64
                for g in range(PARTS):
                    for n in range(2):
                        place = parts + g * pitch + n * lanes
                        sums[n, g] += np.sum(memory[place:place + lanes].astype(np.float64))
                        memory[place:place + lanes] = 0
        if k >= 0:
            _smooth(memory, layout, smoothing, k, rows, changes, smoothed)
            smooth_changes(memory, layout, smoothing, factors, changes + k % WINDOW * eight,
                           smoothed, change)
            for m in range(channels):
                ring = results + m * derivatives
                own = filters + 2 * m * sets + k % WINDOW * FILTERS * pitch
                weigh_row(memory, layout, own + sets, weights + k % WINDOW * eight, own, change)
                _make_room(memory, layout, k, rows, ring)
                scatter_columns(memory, layout, taps, own + sets, window_of(k, rows, ring, size))
                _leave(memory, layout, taps, scale, k, rows, ring, line, out[m])
