"""Cells of volumes some of whose voxels take no part: the samples that are left, and their
transpose.

Voxels that are not measured hold 0. A cell has a number, its *pattern*, in which bit n is set where
the voxel n of its eight is measured, slice by slice, row by row. Its samples are a matrix times
those that the formulas for whole cells find, and K' of a flux is that of the transposed matrix
times the flux; the matrices of all patterns are those of `scheme.corner_patterns`. Vectors
of cells that are all whole take the code for volumes without a mask, with the same numbers, and so
do those without a measured voxel, whose samples are 0.

Throughout, `mask` are the `Cells` of a mask, or None for a volume without one, `measured` is what
`copy_cells` returns for a row of cells, None for None, and j the slot of the first of the cells in
the `memory` of the rows.
"""

from typing import Any, NamedTuple

from ..compiler import kernel
from ..formulas import formula
from ..row_memory import copy
from ..vectors import BYTES, all_above, load, load_eight, store
from .cells import gradient_at

WHOLE = 255        # the pattern of a cell all of whose voxels are measured
ENTRIES = 56       # of a matrix: what each of the seven numbers gives to the seven, and a zero
FLUXES = 256 * ENTRIES      # where in a table the matrices of fluxes begin
WEIGHTS = 2 * FLUXES        # and the weights
SIZE = WEIGHTS + 256
OWN = 11           # rows of a block, for patterns, partial cells, and samples


class Cells(NamedTuple):
    """The patterns of all cells of a volume, (D+1, H+1, W+1); and a flat table of the matrices of
    all patterns for gradients, their transposes times the weights for fluxes, and the weights."""

    patterns: Any
    table: Any


class Measured(NamedTuple):
    """A row of cells: where in a block its patterns lie; where the slots of its *partial* cells, of
    which some voxels are measured and some are not, and how many of them come before each vector;
    where eight rows are free, a pitch apart; and where the table lies."""

    patterns: int
    partial: int
    before: int
    free: int
    pitch: int
    table: int


@formula
def rows_of_mask(mask, pitch):
    """How many rows, a `pitch` apart, a mask needs of a block."""
    if mask is None:
        return 0
    return OWN + SIZE // pitch + 1


@formula
def copy_table(mask, rows, first):
    """Copy the table of a mask to where `copy_cells` expects it for the same row `first`."""
    if mask is not None:
        copy(mask.table, rows.memory[first + OWN * rows.pitch:][:SIZE])


@formula
def copy_cells(mask, k, i, rows, first):
    """The `Measured` of the row i of the slice k of cells, whose patterns are copied to the row
    `first` of a block, the first of `rows_of_mask`."""
    if mask is None:
        return None
    memory, patterns, lanes = rows.memory, mask.patterns[k, i], BYTES // rows.memory.itemsize
    number, pitch, count = memory.dtype.type, rows.pitch, 0
    partial, before = first + pitch, first + 2 * pitch
    for j in range(patterns.size):
        if j % lanes == 0:
            memory[before + j // lanes] = number(count)
        memory[first + j] = number(patterns[j])
        memory[partial + count] = number(j)
        count += 1 if 0 < patterns[j] < WHOLE else 0
    memory[first + patterns.size:first + pitch] = number(WHOLE)
    memory[before + (patterns.size - 1) // lanes + 1] = number(count)
    return Measured(first, partial, before, first + 3 * pitch, pitch, first + OWN * pitch)


@formula
def leave_out(mask, k, i, memory, row):
    """0 in a `row` of voxels where they are not measured, as what they are given cancels but for
    rounding; it is the last row that the row i of the slice k of cells completes."""
    if mask is not None:
        patterns = mask.patterns[k, i]
        for j in range(1, patterns.size):
            if patterns[j] & 1 == 0:
                memory[row + j] = 0


@formula
def are_whole(memory, measured, j):
    """Whether all cells of a vector are whole."""
    return all_above(load(memory, measured.patterns + j), memory.dtype.type(WHOLE - 0.5))


@formula
def none_is_partial(memory, measured, j):
    """Whether all cells of a vector are whole, or have samples of 0, as no voxel is measured."""
    place = measured.before + j // (BYTES // memory.itemsize)
    return memory[place] == memory[place + 1]


@kernel
def of_patterns(memory, measured, matrices, j, samples):
    """Seven `samples` of the cells of a vector, those of each cell that is not whole multiplied by
    the matrix of its pattern, of the `matrices` that begin there in the table."""
    free, pitch = measured.free, measured.pitch
    for k in range(7):
        store(memory, free + k * pitch, samples[k])
    place = measured.before + j // (BYTES // memory.itemsize)
    for m in range(int(memory[place]), int(memory[place + 1])):
        slot = int(memory[measured.partial + m])
        pattern = int(memory[measured.patterns + slot]) & WHOLE
        at, k = free + slot - j, measured.table + matrices + pattern * ENTRIES
        changed = ((load_eight(memory, k) * memory[at]
                    + load_eight(memory, k + 8) * memory[at + pitch])
                   + (load_eight(memory, k + 16) * memory[at + 2 * pitch]
                      + load_eight(memory, k + 24) * memory[at + 3 * pitch]))
        changed = changed + ((load_eight(memory, k + 32) * memory[at + 4 * pitch]
                              + load_eight(memory, k + 40) * memory[at + 5 * pitch])
                             + load_eight(memory, k + 48) * memory[at + 6 * pitch])
        store(memory, free + 7 * pitch, changed)
        for n in range(7):
            memory[at + n * pitch] = memory[free + 7 * pitch + n]
    return (load(memory, free), load(memory, free + pitch), load(memory, free + 2 * pitch),
            load(memory, free + 3 * pitch), load(memory, free + 4 * pitch),
            load(memory, free + 5 * pitch), load(memory, free + 6 * pitch))


@kernel
def weights_of(memory, measured, j):
    """The weights of the cells of a vector."""
    for lane in range(BYTES // memory.itemsize):
        pattern = int(memory[measured.patterns + j + lane]) & WHOLE
        memory[measured.free + lane] = memory[measured.table + WEIGHTS + pattern]
    return load(memory, measured.free)


@formula
def left_of(memory, samples, measured, matrices, j):
    """What a mask leaves of seven `samples`: `of_patterns`, where a cell is partial."""
    if measured is None:
        return samples
    if none_is_partial(memory, measured, j):
        return samples
    return of_patterns(memory, measured, matrices, j, samples)


@formula
def gradient_of(memory, voxels, offset, measured, j):
    """The gradient K u of the cells from the slot `offset` of the four rows `voxels` on, or, where
    there is a mask, what it leaves of it."""
    return left_of(memory, gradient_at(memory, voxels, offset), measured, 0, j)


@formula
def flux_of(memory, flux, measured, j):
    """The flux of which K' takes what the cells' own K' takes of a `flux`, times their weight."""
    return left_of(memory, flux, measured, FLUXES, j)


@formula
def weighted(memory, part, measured, j):
    """What the cells count, `part`, times their weights."""
    if measured is None:
        return part
    if are_whole(memory, measured, j):
        return part
    return part * weights_of(memory, measured, j)
