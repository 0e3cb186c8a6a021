"""Cells some of whose pixels take no part: the samples that are left, and their transpose.

A mask is a plane of bits, see `vectors`, true where a pixel is measured; the others hold 0. A cell
takes its derivatives from those of its four edges both of whose pixels are measured, as if the
image continued beyond the others without a twist, s = 0:

* four pixels: K u = (p, q, s), as ever;
* three pixels, which have one edge along the row, with the difference b, and one along the columns,
  with c: (p, q) = S (b, c), where S keeps the derivative along the diagonal that is left and
  divides the one towards the missing pixel by sqrt(3). Without it the cell's largest singular value
  would be sqrt(3) times that of a whole cell;
* two pixels of one edge: p or q is their difference, the other one 0, and the cell counts half;
* otherwise K u = 0.

So no singular value exceeds that of a whole cell, and the step size that is stable for the whole
image is so for every mask. Where the image ends the mask ends, too, and continues mirrored, which
gives the same as pixels beyond the end that are not measured: an edge of two pixels, counting half.

Throughout, `measured` are the two rows of a mask in `memory`, `cell` the cells from slot j of them
on, and `one` is this number in the type of the others.
"""

import math
from typing import Any, NamedTuple

from .formulas import formula
from .row_memory import Pixels, copy_pixels
from .vectors import all_true, choose, fma, load, unlike, where

TURN = (1 - 1 / math.sqrt(3)) / 2  # S = [[1 - TURN, -+TURN], [-+TURN, 1 - TURN]]


class Cell(NamedTuple):
    """Which edges of a cell join two measured pixels, and whether all four do, as bits, see
    `vectors`. Then entries of matrices [[keep, turn], [turn, keep]] and [[give, turn], [turn,
    give]]: 2 S and 2 S times the cell's weight, but for a whole cell the unit matrix."""

    whole: Any
    top: Any
    bottom: Any
    left: Any
    right: Any
    keep: Any
    turn: Any
    give: Any


@formula
def rows_of_mask(mask, places):
    """How many rows of a block a mask needs: as many `places` as it has, or none."""
    if mask is None:
        return 0
    return places


@formula
def copy_mask(mask, i, new, places, rows, first):
    """Where the rows of a mask around the row i of cells lie, None for no mask: they take turns in
    so many `places` of a block, from the row `first` on. Where row i of the mask is `new`, it is
    copied there."""
    if mask is None:
        return None
    measured = Pixels(first + max(i - 1, 0) % places * rows.pitch,
                      first + min(i, len(mask) - 1) % places * rows.pitch)
    if new:
        copy_pixels(mask[i], rows.memory, measured.bottom)
    return measured


@formula
def cell_of(a, b, c, d, one):
    """The cell of the four pixels A, B (above), C and D (below), a, b, c and d, bits that say
    whether each is measured."""
    two = one + one
    top, bottom, left, right = where(a, b), where(c, d), where(a, c), where(b, d)
    whole = where(top, bottom)
    three = where(unlike(top, bottom), unlike(left, right))
    apart = where(three, two * TURN)
    turn = unlike(apart, where(unlike(top, right), where(three, -(one - one))))
    keep = (two - where(whole, one)) - apart
    give = one + where(three, (two - two * TURN) - one)
    return Cell(whole, top, bottom, left, right, keep, turn, give)


@formula
def cell_at(memory, measured, j):
    """The cells from slot j of the two rows of a mask on."""
    top, bottom = measured.top + j, measured.bottom + j
    return cell_of(load(memory, top), load(memory, top + 1), load(memory, bottom),
                   load(memory, bottom + 1), memory.dtype.type(1))


@formula
def are_whole(cell):
    """Whether all cells are whole."""
    return all_true(cell.whole)


@formula
def weight_of(cell, one):
    """What a cell counts in sums over cells."""
    half = one / (one + one)
    along, across = where(cell.top, half) + where(cell.bottom, half), \
        where(cell.left, half) + where(cell.right, half)
    return choose(cell.whole, one, along + across)


@formula
def masked_gradient(memory, pixels, offset, cell):
    """K u = (x, right, left), see `cell_formulas`, of the cells from slot `offset` of the two rows
    of pixels on; x = 2 p, and right = left = q where the cell is not whole."""
    half = memory.dtype.type(0.5)
    top, bottom = pixels.top + offset, pixels.bottom + offset
    a, b, c, d = (load(memory, top), load(memory, top + 1),
                  load(memory, bottom), load(memory, bottom + 1))
    right, left = d - b, c - a
    along = where(cell.top, b - a) + where(cell.bottom, d - c)
    across = where(cell.right, right) + where(cell.left, left)
    q = half * fma(cell.turn, along, cell.keep * across)
    return (fma(cell.keep, along, cell.turn * across), choose(cell.whole, right, q),
            choose(cell.whole, left, q))


@formula
def masked_edges(flux, cell):
    """What a `flux` (P, more, less) gives to the edges top, bottom, right and left of its cell,
    times the cell's weight: the transpose of `masked_gradient` but for the differences along the
    edges. Where the cell is not whole, more = less, as the twist is 0."""
    p, more, less = flux
    x = fma(cell.give, p, cell.turn * more)
    y = fma(cell.turn, p, cell.give * more)
    return (where(cell.top, x), where(cell.bottom, x),
            choose(cell.whole, more, where(cell.right, y)),
            choose(cell.whole, less, where(cell.left, y)))
