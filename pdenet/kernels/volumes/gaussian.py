"""Gaussian smoothing of volumes: along the columns, the rows and the slices, whole vectors of
columns at a time.

Each slice is smoothed along its columns and rows, and put where it waits for those around it; as
soon as these are there, too, four slices are smoothed at once along the slices. So a few slices
wait at a time, those around the four.
"""

from typing import NamedTuple

from ..compiler import kernel
from ..formulas import formula
from ..gaussian import four_rows, mirrored
from ..row_memory import copy
from ..vectors import BYTES, fma, load, store


class Slots(NamedTuple):
    """Arrays of which mirror images continue `size` of them at both ends, as far as `radius`, the
    first at the index `first`, each a `pitch` after the one before."""

    first: int
    pitch: int
    size: int
    radius: int


def scratch_for(v, reach, work):
    """The work arrays of `smooth`: some rows, and slices, with their mirror images."""
    slices, rows, columns = v.shape
    count = (rows + 2 * reach + 3) * row_pitch(columns, v) + columns + 2 * (reach + BYTES)
    waiting = min(slices + 2 * reach + 3, 4 * window(reach)) * slice_pitch(v)
    return (work.scratch("rows", (count,), v.dtype),
            work.scratch("slices", (waiting,), v.dtype))


@formula
def window(reach):
    """How many slices are needed at once to smooth four of them as far as `reach`."""
    return 2 * reach + 4


@formula
def row_pitch(columns, like):
    """The distance of rows of whole vectors for so many `columns`, in numbers of the type of the
    array `like`: an odd number of 64 bytes, as rows at a power of two would fall into the same sets
    of a cache."""
    line, lanes = 64 // like.itemsize, BYTES // like.itemsize
    return ((columns + lanes - 1) // lanes * lanes // line | 1) * line


@formula
def slice_pitch(v):
    """The distance of slices of v (D, H, W), with rows for whole groups of four, as of rows."""
    line = 64 // v.itemsize
    return ((v.shape[1] + 3) // 4 * 4 * row_pitch(v.shape[2], v) // line | 1) * line


@formula
def _continue_row(memory, row, size, radius, parity):
    """Continue a row of so many numbers, its `size`, from the index `row` of `memory` on, by its
    mirror images as far as `radius`, as the `parity` says."""
    number = memory.dtype.type
    for k in range(1, radius + 1):
        for i in (-k, size - 1 + k):
            source, sign = mirrored(i, size, parity)
            memory[row + i] = number(sign) * memory[row + source]


@formula
def _continue_slots(memory, slots, below, count, parity):
    """Continue slots in `memory` by their mirror images, of which `count` numbers matter: at the
    lower end if `below`, else at the upper one; as the `parity` says."""
    number = memory.dtype.type
    for k in range(1, slots.radius + 1):
        i = slots.size - 1 + k if below else -k
        source, sign = mirrored(i, slots.size, parity)
        for j in range(0, count, BYTES // memory.itemsize):
            store(memory, slots.first + i * slots.pitch + j,
                  number(sign) * load(memory, slots.first + source * slots.pitch + j))


@formula
def _along_row(memory, place, taps):
    """The lanes from a place on in a row of `memory`, smoothed along it by the `taps`."""
    total = taps[0] * load(memory, place)
    for k in range(1, taps.size):
        total = fma(taps[k], load(memory, place - k) + load(memory, place + k), total)
    return total


@formula
def _store_four(memory, place, pitch, lanes):
    """Four rows of memory from a place on, a `pitch` apart, = these four `lanes`."""
    store(memory, place, lanes[0])
    store(memory, place + pitch, lanes[1])
    store(memory, place + 2 * pitch, lanes[2])
    store(memory, place + 3 * pitch, lanes[3])


@kernel
def _smooth_slice(v, along, across, parities, memory, waiting, place):
    """The slice v (H, W), smoothed by the taps `along` its columns and those `across`, its rows, as
    rows of `waiting` from a place on; it continues with the first two `parities`. `memory` is what
    `scratch_for` makes for rows."""
    rows, columns = v.shape
    pitch, radius = row_pitch(columns, v), along.size - 1
    slots = Slots((across.size - 1) * pitch, pitch, rows, across.size - 1)
    row = (rows + 2 * slots.radius + 3) * pitch + radius
    for i in range(rows):
        copy(v[i], memory[row:row + columns])
        _continue_row(memory, row, columns, radius, parities[0])
        for j in range(0, columns, BYTES // v.itemsize):
            store(memory, slots.first + i * pitch + j, _along_row(memory, row + j, along))
    _continue_slots(memory, slots, False, columns, parities[1])
    _continue_slots(memory, slots, True, columns, parities[1])
    for i in range(0, rows, 4):
        for j in range(0, columns, BYTES // v.itemsize):
            _store_four(waiting, place + i * pitch + j, pitch, four_rows(
                memory, slots.first + i * pitch + j, pitch, across))


@kernel
def _smooth_along_slices(waiting, place, pitch, taps, add, memory, out):
    """Four slices of `waiting`, from a place on and a `pitch` apart, smoothed by the `taps` along
    the slices, into the slices of out, or, if add, added to them; out (K, H, W) may have fewer than
    four. `memory` is what `scratch_for` makes for rows."""
    columns = out.shape[2]
    row = row_pitch(columns, out)
    for i in range(out.shape[1]):
        for j in range(0, columns, BYTES // out.itemsize):
            _store_four(memory, j, row, four_rows(waiting, place + i * row + j, pitch, taps))
        for k in range(len(out)):
            if add:
                for j in range(columns):
                    out[k, i, j] += memory[k * row + j]
            else:
                copy(memory[k * row:], out[k, i])


@kernel
def smooth(v, taps, radii, factor, add, parities, memory, waiting, out):
    """out = factor G v for a volume v (D, H, W), added to out if add; out may be v,
    as a slice is read before it is written.

    taps[k, :radii[k] + 1] holds the sampled Gaussian from its centre to one side, k = 0, 1, 2 along
    columns, rows and slices, and `parities` say how the volume continues along them, see
    `pdenet.kernels.gaussian`. `memory` and `waiting` are work arrays, see `scratch_for`.
    """
    along, across, through = (taps[0, :radii[0] + 1].copy(), taps[1, :radii[1] + 1].copy(),
                              factor * taps[2, :radii[2] + 1])
    size, radius, pitch = len(v), radii[2], slice_pitch(v)
    place, done = radius * pitch, 0
    for k in range(size):
        ahead = radius + 4 if k == size - 1 else 1  # how many slices come now
        if place + (k + ahead) * pitch > waiting.size:  # back to the start, with those still needed
            first, last = place + (done - radius) * pitch, place + k * pitch
            copy(waiting[first:last], waiting[:last - first])
            place -= first
        _smooth_slice(v[k], along, across, parities, memory, waiting, place + k * pitch)
        slots, count = Slots(place, pitch, size, radius), v.shape[1] * row_pitch(v.shape[2], v)
        if k == min(radius + 3, size - 1):
            _continue_slots(waiting, slots, False, count, parities[2])
        if k == size - 1:
            _continue_slots(waiting, slots, True, count, parities[2])
        while done < size and min(done + 3 + radius, size - 1) <= k:
            _smooth_along_slices(waiting, place + done * pitch, pitch, through, add, memory,
                                 out[done:done + 4])
            done += 4
