"""Gaussian smoothing of volumes, in three passes of the one along rows.

Each pass leaves its result transposed: the rows of all slices become columns. Read anew as an array
of three axes it is the volume with its axes turned by one, so that the same pass smooths along the
next, and the third turns them back.
"""

from ..compiler import kernel
from ..gaussian import Strip, Turned, continue_mirrored, smooth_strip, stand_upright
from ..vectors import BYTES


def scratch_for(v, reach, work):
    """The work arrays of `smooth`: two volumes, and a strip of rows upright."""
    lanes = BYTES // v.itemsize
    return (work.scratch("turned", (2, v.size), v.dtype),
            work.scratch("upright", (max(v.shape) + 2 * reach + 12, lanes), v.dtype))


@kernel
def smooth_rows(v, taps, parity, add, upright, after, out):
    """out = the transpose of v, smoothed along its rows with the `taps`, or, if add, out += that;
    the rows continue with this `parity`, and are stood `upright`. `after` is None."""
    rows, columns = v.shape
    lanes, radius = BYTES // v.itemsize, taps.size - 1
    flat, result, rest = upright.reshape(-1), out.reshape(-1), len(upright) - 4
    for top in range(0, rows, lanes):
        stand_upright(v, top, rows, columns, upright, radius)
        continue_mirrored(flat, lanes, radius, columns, radius, parity)
        smooth_strip(flat, Strip(lanes, radius, rest), taps,
                     Turned(top, rows, columns, columns, rows), after, -1, add, result)


@kernel
def smooth(v, taps, radii, factor, after, add, parities, turned, upright, out):
    """out = factor G v for a volume v (D, H, W), added to out if add.

    taps[k, :radii[k] + 1] holds the sampled Gaussian from its centre to one side, k = 0, 1, 2 along
    columns, rows and slices, and `parities` say how the volume continues along them, see
    `pdenet.kernels.gaussian`. `turned` and `upright` are work arrays, see `scratch_for`; `after`
    is None.
    """
    slices, rows, columns = v.shape
    first = turned[0].reshape(columns, slices * rows)
    smooth_rows(v.reshape(slices * rows, columns), taps[0, :radii[0] + 1].copy(), parities[0],
                False, upright, after, first)
    second = turned[1].reshape(rows, columns * slices)
    smooth_rows(first.reshape(columns * slices, rows), taps[1, :radii[1] + 1].copy(), parities[1],
                False, upright, after, second)
    smooth_rows(second.reshape(rows * columns, slices), factor * taps[2, :radii[2] + 1],
                parities[2], add, upright, after, out.reshape(slices, rows * columns))
