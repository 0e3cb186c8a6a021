"""Images larger than memory: arrays of dask and zarr, filtered chunk by chunk with exact halos.

A chunk is extended by its halo, the pixels beside it on which its result depends; so its result is,
bit for bit, that of the whole image. Nothing is computed before the result is asked for, and then
only what it needs.

A chunk of M channels has at most TILE x TILE pixels, or eight halos in each direction where that is
more; one of a volume as many as TILE_OF_VOLUMES in each of three directions. A task holds its chunk
with its halo, at most four arrays of this size, and the work arrays of one tile, whatever the size
of the image. The steps are made in several passes over all chunks, so that halos stay narrow. Where
chunks are computed one by one, as on the command line, they are made in a single pass over wider
chunks, each cut out of the image with its halo, so that no neighbouring chunk has to be computed.
"""

import contextlib
import contextvars
import itertools
import math

import numpy as np

from . import tiles
from ..checks import needs

TILE = 2048  # pixels
TILE_OF_VOLUMES = 192  # voxels
_single = contextvars.ContextVar("single", default=False)


@contextlib.contextmanager
def one_by_one():
    """A context: the arrays that are made within it will be computed chunk by chunk."""
    token = _single.set(True)
    try:
        yield
    finally:
        _single.reset(token)


def widest_halo(planes):
    """The most pixels that a pass over the chunks of planes may need beside a chunk."""
    return math.inf if _single.get() else _tile(planes) // tiles.HALOS


def is_lazy(image):
    """Whether an image is computed later: an array of dask or zarr, or labelled by xarray."""
    if type(image).__module__.split(".")[0] == "zarr":
        return True
    # An array of xarray has the method, too, and None for a graph where it is in memory.
    graph = getattr(image, "__dask_graph__", None)
    return callable(graph) and graph() is not None


def as_dask(image):
    """An array of zarr as one of dask, which reads it where it is needed."""
    array = needs("dask.array", "an array of zarr or dask")
    if isinstance(image, array.Array):
        return image
    if hasattr(image, "__dask_graph__"):  # labelled
        if isinstance(getattr(image, "data", None), array.Array):
            return image.data
        raise TypeError(f"of what dask computes, an array is needed; got {type(image).__name__}")
    # Several of its chunks at a time, where they are small, but no more than are needed.
    tile = TILE if sum(size > 4 for size in image.shape) < 3 else TILE_OF_VOLUMES
    return array.from_array(image, chunks=tuple(
        min(size, width * max(1, tile // width))
        for size, width in zip(image.shape, image.chunks, strict=True)))


def check_values(planes, check):
    """The planes, each chunk checked when it is computed: check(values, first pixel of it)."""
    def inspect(values, block_info=None):
        if block_info:  # not where dask tries the function
            check(values, [low for low, _ in block_info[0]["array-location"]])
        return values

    return planes.map_blocks(inspect, dtype=planes.dtype,
                             meta=np.empty((0,) * planes.ndim, planes.dtype))


def on_values(function, values):
    """A function of each pixel of an array, applied chunk by chunk where dask computes it."""
    if not is_lazy(values):
        return function(values)
    return values.map_blocks(function, dtype=values.dtype,
                             meta=np.empty((0,) * values.ndim, values.dtype))


def where(mask, planes, other):
    """The planes where the mask, an array of NumPy, is True, elsewhere the other."""
    import dask.array

    return dask.array.where(mask, planes, other).astype(planes.dtype)


def run_passes(planes, passes, function, mask=None):
    """function(planes, first planes, cycles) for passes (halo, cycles), chunk by chunk; with a
    mask, function(planes, first planes, cycles, that of the chunk)."""
    import dask.array

    if _single.get() or mask is not None:
        first = planes
        for halo, cycles in passes:
            planes = _run_once(planes, first, halo, cycles, function, mask)
        return planes
    width = max(_tile(planes), tiles.HALOS * max(halo for halo, _ in passes))
    first = planes = planes.rechunk({0: -1} | {
        axis: _chunks(planes.shape[axis], width) for axis in range(1, planes.ndim)})
    for halo, cycles in passes:
        depth = {axis: halo if len(planes.chunks[axis]) > 1 else 0 for axis in range(planes.ndim)}
        planes = dask.array.map_overlap(
            function, planes, first, depth=depth, boundary="none",
            dtype=planes.dtype, meta=np.empty((0,) * planes.ndim, planes.dtype), cycles=cycles)
    return planes


def _run_once(planes, first, halo, cycles, function, mask):
    """A pass over chunks, each of which is cut out of the image with its halo."""
    import dask.array

    shape = planes.shape[1:]

    def chunk(*ends):
        inner = tuple(itertools.chain(*ends))
        box = tiles.extended(inner, halo, shape)
        own = {"cycles": cycles} | ({} if mask is None else {"mask": mask.part(box)})
        parts = [array[tiles.part(box)].rechunk(-1) for array in (planes, first)]
        part = dask.array.map_blocks(function, *parts, dtype=planes.dtype,
                                     meta=np.empty((0,) * planes.ndim, planes.dtype), **own)
        return part[tiles.part(tiles.within(inner, box))]

    def blocks(*known):
        """The chunks that begin with these ends, in lists of lists, one for each axis."""
        if len(known) == len(shape):
            return chunk(*known)
        return [blocks(*known, own) for own in axes[len(known)]]

    width = max(2 * _tile(planes), tiles.HALOS * halo // 2)
    axes = [list(itertools.pairwise(itertools.accumulate(_chunks(size, width), initial=0)))
            for size in shape]
    return dask.array.block(blocks())


def _tile(planes):
    """The width of chunks of planes, or of volumes."""
    return TILE if planes.ndim == 3 else TILE_OF_VOLUMES


def _chunks(size, most):
    """The sizes of chunks that are equal and at most `most`; the last one may be smaller."""
    width = -(-size // -(-size // most))
    return (width,) * (size // width) + ((size % width,) if size % width else ())
