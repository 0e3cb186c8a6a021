"""Images larger than memory on the command line: zarr arrays and tiled TIFF, tile by tile.

A run writes OUTPUT.partial and renames it to OUTPUT when all tiles are there; after an interruption
the same command goes on with the tiles that are missing. One tile at a time is in memory, with its
halo and four arrays of this size, whatever the size of the image. An array with axes for pages is
processed page by page; the output has the attributes, the chunks and the format of the input.
"""

import contextlib
import json
import os
import shutil
from typing import Any, NamedTuple

import numpy as np

from ..checks import needs
from ..execution import chunks
from . import excluded, zarr_groups
from .atomic import atomic_file
from .contents import Image, ImageFileError, UsageError, one_line
from .images import check_new

JOURNAL = "pdenet-run.json"


class Source(NamedTuple):
    """A zarr array, or the first image of a TIFF file as one."""

    array: Any
    channel_axis: int | None      # of the whole array
    pages: tuple = ()             # axes of it
    nodata: float | None = None   # a value that is no measurement
    spacing: tuple | None = None  # of voxels, (dz, dy, dx), where the file says it
    stored: bool = True           # whether it is an array of zarr's own


def is_big(*names):
    """Whether a command is about zarr arrays."""
    return any(name.rstrip("/").endswith(".zarr")
               or zarr_groups.store_of(name) is not None and not os.path.isfile(name)
               for name in names)


@contextlib.contextmanager
def open_array(name, volumes="none"):
    """The Source of this name; for `volumes` see `zarr_groups.layout`."""
    zarr_groups.check_exists(name)
    with contextlib.ExitStack() as files:
        zarr = needs("zarr", "a zarr array")
        needs("dask.array", "a zarr array")
        stored, nodata = is_big(name), None
        if stored:
            zarr_groups.check_array(name)
        try:
            store = name
            if not stored:
                import tifffile
                file = files.enter_context(tifffile.TiffFile(name))
                store = files.enter_context(file.series[0].aszarr(level=0))
                nodata = file.pages.first.tags.valueof(excluded.NODATA)
            array = zarr.open_array(store, mode="r")
            names = zarr_groups.axes_of(name, array) if stored else [
                axis.lower() for axis in file.series[0].axes]
            nodata = array.attrs.get("_FillValue") if nodata is None else nodata
        except Exception as error:  # zarr and decoders raise whatever they like
            raise ImageFileError(f"{name}: not a readable array ({one_line(error)})") from None
        channels, pages = zarr_groups.layout(name, array, names, volumes)
        value = excluded.number(None if nodata is None else str(nodata).strip("\0 "), array.dtype)
        spacing = zarr_groups.spacing_of(name, names) if names and stored else None
        yield Source(array, channels, pages, value, spacing, stored)


def check_target(name, overwrite):
    """Raise unless a zarr array of this name can be written."""
    if not name.rstrip("/").endswith(".zarr"):
        raise UsageError(f"{name}: must end in .zarr")
    check_new(name.rstrip("/"), overwrite)


def run(source, target, process, settings, dtype, overwrite, bar):
    """Write process(image, channel_axis, spacing), an array of dask, tile by tile; returns their
    number.

    settings: of the command, which the tiles of an interrupted run must agree with.
    """
    partial = target.rstrip("/") + ".partial"
    with open_array(source, settings.get("volumes", "none")) as found, chunks.one_by_one():
        dtype = np.dtype(dtype or found.array.dtype)
        settings = {"source": os.path.abspath(source), "shape": list(found.array.shape),
                    "dtype": dtype.name, **settings}
        count = _write(partial, found, process, settings, dtype, bar)
    os.unlink(os.path.join(partial, JOURNAL))
    if overwrite and os.path.lexists(target):
        shutil.rmtree(target)
    os.rename(partial, target)
    return count


def _write(partial, source, process, settings, dtype, bar):
    """Compute and write the tiles that are missing, noting each."""
    done: Any = None
    output: Any = None
    count = 0
    indices = list(np.ndindex(*(source.array.shape[axis] for axis in source.pages)))
    try:
        for k, index in enumerate(indices):
            result = process(*_page(source, index), source.spacing)
            if done is None:
                tile = tuple(sizes[0] for sizes in result.chunks)
                settings["tile"] = list(tile)
                done = _resume(partial, settings)
                output = _create(partial, source, tile, dtype)
                bar.move(len(done), len(indices) * int(np.prod(result.numblocks)))
            for block in np.ndindex(*result.numblocks):
                count += 1
                if (*index, *block) in done:
                    continue
                values = result.blocks[block].compute(scheduler="synchronous")
                inner = iter([slice(b * size, b * size + length) for b, size, length in zip(
                    block, tile, values.shape, strict=True)])
                outer = iter(index)
                output[tuple(next(outer) if axis in source.pages else next(inner)
                             for axis in range(output.ndim))] = \
                    Image(values).with_result(values, dtype).pixels
                done.add((*index, *block))
                _record(partial, settings, done)
                bar.move(len(done))
    except KeyboardInterrupt:
        if not done:
            raise
        raise KeyboardInterrupt(f"interrupted; {len(done)} tiles are written to {partial}, the "
                                f"same command goes on") from None
    return count


def _page(source, index):
    """One page of an array, as one of zarr or dask, and its channel axis."""
    array, axis = source.array, source.channel_axis
    if source.pages:
        import dask.array

        volume = array.ndim - len(source.pages) - (axis is not None) == 3
        width = chunks.TILE_OF_VOLUMES if volume else chunks.TILE
        array = dask.array.from_array(array, chunks=tuple(
            1 if k in source.pages else min(size, chunk * max(1, width // chunk))
            for k, (size, chunk) in enumerate(zip(array.shape, array.chunks, strict=True))))
        place = iter(index)
        array = array[tuple(next(place) if k in source.pages else slice(None)
                            for k in range(array.ndim))]
    if source.nodata is not None:
        array = chunks.as_dask(array).map_blocks(_check_nodata, source.nodata, dtype=array.dtype)
    if axis is not None:
        axis -= sum(page < axis for page in source.pages)
    return array, axis


def _check_nodata(values, nodata):
    """Raise if any of these values is nodata."""
    if count := int(np.count_nonzero(values == nodata)):
        raise ValueError(f"{count} values of a tile are nodata ({nodata:.15g}), which an array "
                         f"cannot leave out; write a .tif, or fill them first")
    return values


def _create(partial, source, tile, dtype):
    """The array that is written, like the source, or what an interrupted run has of it."""
    import zarr

    array = source.array
    if any(os.path.exists(os.path.join(partial, name)) for name in ("zarr.json", ".zarray")):
        return zarr.open_array(partial, mode="r+")
    if not source.stored:
        return zarr.create_array(partial, shape=array.shape, dtype=dtype, fill_value=0,
                                 chunks=_whole_chunks(source, tile))
    about = array.metadata
    options = {"dimension_names": about.dimension_names,
               "chunk_key_encoding": about.chunk_key_encoding} if about.zarr_format == 3 else {
        "chunk_key_encoding": {"name": "v2", "separator": about.dimension_separator}}
    if dtype == array.dtype:
        options |= {"fill_value": array.fill_value, "filters": array.filters or None}
    return zarr.create_array(partial, shape=array.shape, dtype=dtype, chunks=array.chunks,
                             shards=array.shards, compressors=array.compressors or None,
                             zarr_format=about.zarr_format, attributes=dict(array.attrs), **options)


def _whole_chunks(source, tile):
    """Chunks as large as tiles, one for each page."""
    inner = iter(tile)
    return tuple(1 if axis in source.pages else next(inner) for axis in range(source.array.ndim))


def _resume(partial, settings):
    """The tiles that an interrupted run has written; a journal begins where there is none."""
    path = os.path.join(partial, JOURNAL)
    if not os.path.lexists(partial):
        os.mkdir(partial)
        _record(partial, settings, ())
    if not os.path.exists(path):
        raise UsageError(f"{partial}: is in the way, and not of an interrupted run; remove it")
    try:
        with open(path, encoding="utf-8") as file:
            journal = json.load(file)
        known, done = dict(journal["settings"]), {tuple(block) for block in journal["done"]}
    except (ValueError, TypeError, KeyError, RecursionError):
        raise UsageError(f"{path}: is damaged; remove {partial} to begin anew") from None
    different = [name for name, value in settings.items() if known.get(name) != value]
    if different:
        raise UsageError(f"{partial}: is of an interrupted run with other {', '.join(different)}; "
                         f"remove it to begin anew")
    return done


def _record(partial, settings, done):
    with atomic_file(os.path.join(partial, JOURNAL)) as file:
        file.write(json.dumps({"settings": settings, "done": sorted(done)}).encode())
