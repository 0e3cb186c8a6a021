"""Memory for rows of pixels or cells, a `pitch` after each other; what they hold says `cells`."""

import numpy as np
from numba.extending import register_jitable

from .compiler import inlined
from .vectors import BYTES


@register_jitable
def pitch_of(columns, like):
    """Distance of rows: whole vectors and one more, an odd number of 64 bytes, as powers of two
    would crowd a cache's sets."""
    line, lanes = 64 // like.itemsize, BYTES // like.itemsize
    return ((columns // lanes + 1) * lanes // line + 1 | 1) * line


@inlined
def make_rows(count, columns, like):
    """Memory for rows of zeros, which begin at multiples of 64 bytes."""
    size = count * pitch_of(columns, like)
    memory = from_line(np.empty(size + 64 // like.itemsize, like.dtype), size)
    memory[:] = 0
    return memory


@register_jitable
def from_line(data, size):
    """So many of the numbers of an array, from a multiple of 64 bytes on."""
    first = -(data.ctypes.data // data.itemsize) % (64 // data.itemsize)
    return data[first:first + size]


@inlined
def copy_in(v, memory, row):
    """Pixels v into a row, with the mirror images of its ends."""
    copy(v, memory[row + 1:row + 1 + v.size])
    mirror_ends(memory, row, v.size)


@inlined
def copy_layers(v, i, memory, row, pitch):
    """Row i of all layers into rows from `row` on, likewise."""
    for n in range(len(v)):
        copy_in(v[n, i], memory, row + n * pitch)


@inlined
def copy_tensor(tensor, i, columns, memory, row, pitch):
    """Row i of a tensor's planes of cells into rows from `row` on."""
    for k in range(len(tensor)):
        copy(tensor[k, i], memory[row + k * pitch:row + k * pitch + columns + 1])


@inlined
def mirror_ends(memory, row, columns):
    memory[row], memory[row + columns + 1] = memory[row + 1], memory[row + columns]


@inlined
def copy(v, out):
    for j in range(out.size):
        out[j] = v[j]
