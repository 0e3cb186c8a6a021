"""Cells of volumes some of whose voxels take no part: the samples that are left, and their
transpose.

Voxels that are not measured hold 0. A cell has a number, its *pattern*, in which bit n is set where
the voxel n of its eight is measured, slice by slice, row by row. Its samples are a matrix times
those that the formulas for whole cells find, and K' of a flux is that of the transposed matrix
times the flux; the matrices of all patterns are those of `scheme.corner_patterns`. Cells beside
each other that are all whole take the code for volumes without a mask, with the same numbers.

Throughout, `measured` is what `copy_cells` returns for a row of cells, None for a volume without a
mask, and j the slot of the first of the cells.
"""

from typing import Any, NamedTuple

from ..compiler import kernel
from ..formulas import formula
from ..vectors import BYTES, all_above, load, store
from .cells import gradient_at

WHOLE = 255  # the pattern of a cell all of whose voxels are measured
ROWS = 10    # of a block, that a mask needs


class Table(NamedTuple):
    """Of all patterns the matrix that the samples are multiplied by, its columns in rows, (256, 7,
    8); what fluxes are multiplied by, the columns of its transpose times the cell's weight, as
    well in rows; and the weight, (256,). The eighth number of each row is 0."""

    gradients: Any
    fluxes: Any
    weights: Any


class Cells(NamedTuple):
    """The patterns of all cells of a volume, (D+1, H+1, W+1), and their table."""

    patterns: Any
    table: Any


class Measured(NamedTuple):
    """A row of cells: where in a block its patterns lie, and the weights; where eight rows are
    free, a pitch apart; and the table."""

    patterns: int
    weights: int
    free: int
    pitch: int
    table: Any


@formula
def rows_of_mask(mask):
    """How many rows of a block a mask needs."""
    if mask is None:
        return 0
    return ROWS


@formula
def copy_cells(mask, k, i, rows, first):
    """The `Measured` of the row i of the slice k of cells, for the `Cells` of a mask, or None for
    None; copied to the rows of a block from the row `first` on."""
    if mask is None:
        return None
    number = rows.memory.dtype.type
    measured = Measured(first, first + rows.pitch, first + 2 * rows.pitch, rows.pitch, mask.table)
    for j in range(rows.pitch):
        pattern = mask.patterns[k, i, j] if j <= rows.columns else WHOLE
        rows.memory[measured.patterns + j] = number(pattern)
        rows.memory[measured.weights + j] = mask.table.weights[pattern]
    return measured


@formula
def are_whole(memory, measured, j):
    """Whether all cells of a vector in `memory` are whole."""
    return all_above(load(memory, measured.patterns + j), memory.dtype.type(WHOLE - 0.5))


@kernel
def of_patterns(memory, measured, matrices, j, samples):
    """Seven `samples` of the cells of a vector, those of each cell that is not whole multiplied by
    the matrix of its pattern, of the `matrices` of a table; `memory` is that of the rows."""
    free, pitch = measured.free, measured.pitch
    for k in range(7):
        store(memory, free + k * pitch, samples[k])
    for lane in range(BYTES // memory.itemsize):
        pattern = int(memory[measured.patterns + j + lane])
        if pattern != WHOLE:
            at, matrix = free + lane, matrices[pattern]
            x0, x1, x2, x3 = (memory[at], memory[at + pitch], memory[at + 2 * pitch],
                              memory[at + 3 * pitch])
            x4, x5, x6 = memory[at + 4 * pitch], memory[at + 5 * pitch], memory[at + 6 * pitch]
            for k in range(8):
                memory[at + k * pitch] = (
                    ((matrix[0, k] * x0 + matrix[1, k] * x1) + (matrix[2, k] * x2
                                                                + matrix[3, k] * x3))
                    + ((matrix[4, k] * x4 + matrix[5, k] * x5) + matrix[6, k] * x6))
    return (load(memory, free), load(memory, free + pitch), load(memory, free + 2 * pitch),
            load(memory, free + 3 * pitch), load(memory, free + 4 * pitch),
            load(memory, free + 5 * pitch), load(memory, free + 6 * pitch))


@formula
def gradient_of(memory, voxels, offset, measured, j):
    """The gradient K u of the cells from the slot `offset` of the four rows `voxels` in `memory`
    on, or, where there is a mask, what it leaves of it."""
    if measured is None:
        return gradient_at(memory, voxels, offset)
    gradient = gradient_at(memory, voxels, offset)
    if are_whole(memory, measured, j):
        return gradient
    return of_patterns(memory, measured, measured.table.gradients, j, gradient)


@formula
def flux_of(memory, flux, measured, j):
    """The flux of which K' takes what the cells' own K' takes of a `flux`, times their weight."""
    if measured is None:
        return flux
    if are_whole(memory, measured, j):
        return flux
    return of_patterns(memory, measured, measured.table.fluxes, j, flux)
