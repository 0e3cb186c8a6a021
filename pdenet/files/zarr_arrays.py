"""Images larger than memory on the command line: zarr arrays and tiled TIFF, tile by tile.

A run writes OUTPUT.partial and renames it to OUTPUT when all tiles are there; after an interruption
the same command goes on with the tiles that are missing. One tile at a time is in memory, with its
halo and four arrays of this size, whatever the size of the image.
"""

import contextlib
import json
import os
import shutil

import numpy as np

from ..checks import needs
from ..execution import chunks
from .atomic import atomic_file
from .images import Image, ImageFileError, UsageError, check_new, one_line

JOURNAL = "pdenet-run.json"


def is_big(*names):
    """Whether a command is about zarr arrays."""
    return any(name.rstrip("/").endswith(".zarr") for name in names)


@contextlib.contextmanager
def open_array(name):
    """A zarr array, or the first image of a TIFF file as one, and its channel axis."""
    if not os.path.exists(name):
        raise UsageError(f"{name}: no such file")
    with contextlib.ExitStack() as files:
        zarr = needs("zarr", "a zarr array")
        needs("dask.array", "a zarr array")
        try:
            store = name
            if not is_big(name):
                import tifffile
                file = files.enter_context(tifffile.TiffFile(name))
                store = files.enter_context(file.series[0].aszarr(level=0))
            array = zarr.open_array(store, mode="r")
        except Exception as error:  # zarr and decoders raise whatever they like
            raise ImageFileError(f"{name}: not a readable array ({one_line(error)})") from None
        axes = [None] if array.ndim == 2 else [
            axis for axis in (2, 0) if array.ndim == 3 and array.shape[axis] <= 4]
        if not axes:
            raise ImageFileError(f"{name}: must have shape (H, W), (H, W, C) or (C, H, W) with at "
                                 f"most 4 channels; has {array.shape}")
        yield array, axes[0]


def check_target(name, overwrite):
    """Raise unless a zarr array of this name can be written."""
    if not is_big(name):
        raise UsageError(f"{name}: must end in .zarr")
    check_new(name.rstrip("/"), overwrite)


def run(source, target, process, settings, dtype, overwrite, bar):
    """Write process(image, channel_axis), an array of dask, tile by tile; returns their number.

    settings: of the command, which the tiles of an interrupted run must agree with.
    """
    partial = target.rstrip("/") + ".partial"
    with open_array(source) as (array, axis), chunks.one_by_one():
        dtype = np.dtype(dtype or array.dtype)
        result = process(array, axis)
        settings = {"source": os.path.abspath(source), "shape": list(array.shape),
                    "dtype": dtype.name, **settings}
        count = _write(partial, result, settings, dtype, bar)
    os.unlink(os.path.join(partial, JOURNAL))
    if overwrite and os.path.lexists(target):
        shutil.rmtree(target)
    os.rename(partial, target)
    return count


def _write(partial, result, settings, dtype, bar):
    """Compute and write the tiles that are missing, noting each."""
    import zarr

    tile = tuple(sizes[0] for sizes in result.chunks)
    settings["tile"] = list(tile)
    done = _resume(partial, settings)
    output = zarr.open_array(partial, mode="a", shape=result.shape, chunks=tile, dtype=dtype,
                             fill_value=0)
    blocks = list(np.ndindex(*result.numblocks))
    bar.move(len(done), len(blocks))
    for block in blocks:
        if block in done:
            continue
        values = result.blocks[block].compute(scheduler="synchronous")
        place = tuple(slice(k * size, k * size + length)
                      for k, size, length in zip(block, tile, values.shape, strict=True))
        output[place] = Image(values).with_result(values, dtype).pixels
        done.add(block)
        _record(partial, settings, done)
        bar.move(len(done))
    return len(blocks)


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
