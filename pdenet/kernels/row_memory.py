"""Rows of pixels and cells in one block of memory, as the loops along them want them.

The loops run along rows in whole vectors (see `vectors`), so rows lie in a common `memory`, each a
`pitch` after the one before, where they end with a whole vector; a row is named by the index at
which it begins. A row of pixels has a pixel more at either end, the mirror image of the last: slot
j holds pixel j - 1. A row of cells lies between two rows of pixels, its cell of slot j between
their slots j and j + 1. Reflecting boundary conditions continue the image mirrored, so a plane of H
x W pixels has (H+1) x (W+1) cells: those of slots 0 and W are the rim, shared with the mirror
image; those beyond are computed and never used. A pixel's value does not depend on where in a row,
a tile or a vector it stands.
"""

from typing import Any, NamedTuple

import numpy as np

from .formulas import formula
from .vectors import BYTES


class Rows(NamedTuple):
    """A block of rows, each `pitch` numbers after the one before, of an image of so many
    columns."""

    memory: Any
    pitch: int
    columns: int


class Pixels(NamedTuple):
    """The two rows of pixels, above and below, between which a row of cells lies."""

    top: int
    bottom: int


@formula
def pitch_of(columns, like):
    """The distance of rows of so many `columns` in the type of the array `like`, in numbers: whole
    vectors and one more, rounded up to an odd number of 64 bytes, as rows at a power of two would
    fall into the same sets of a cache."""
    line, lanes = 64 // like.itemsize, BYTES // like.itemsize
    return ((columns // lanes + 1) * lanes // line + 1 | 1) * line


@formula
def mirrored(i, size):
    """Index of pixel i of the image continued half-sample symmetrically, period 2 size."""
    i %= 2 * size
    return i if i < size else 2 * size - 1 - i


@formula
def from_line(data, size):
    """The first `size` numbers of an array `data` from a multiple of 64 bytes on."""
    first = -(data.ctypes.data // data.itemsize) % (64 // data.itemsize)
    return data[first:first + size]


@formula
def make_rows(count, columns, like):
    """A block of `count` rows of zeros for an image of so many `columns`, in the type of the array
    `like`; they begin at multiples of 64 bytes."""
    pitch = pitch_of(columns, like)
    memory = from_line(np.empty(count * pitch + 64 // like.itemsize, like.dtype), count * pitch)
    memory[:] = 0
    return Rows(memory, pitch, columns)


@formula
def copy(v, out):
    """out = v, as far as out goes."""
    for j in range(out.size):
        out[j] = v[j]


@formula
def mirror_ends(memory, row, columns):
    """Continue a row of so many pixels, `columns`, by the mirror image of its first and its last.
    """
    memory[row], memory[row + columns + 1] = memory[row + 1], memory[row + columns]


@formula
def copy_pixels(v, memory, row):
    """Copy pixels v into a row and mirror its ends."""
    copy(v, memory[row + 1:row + 1 + v.size])
    mirror_ends(memory, row, v.size)


@formula
def copy_layers(v, i, rows, row):
    """Copy row i of all layers v (N, H, W) into N rows, the first of them `row`."""
    for n in range(len(v)):
        copy_pixels(v[n, i], rows.memory, row + n * rows.pitch)


@formula
def copy_tensor(tensor, i, rows, row):
    """Copy row i of a tensor's planes of cells into as many rows, the first of them `row`."""
    for k in range(len(tensor)):
        first = row + k * rows.pitch
        copy(tensor[k, i], rows.memory[first:first + rows.columns + 1])
