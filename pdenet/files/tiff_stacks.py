"""TIFF files with several images, read and written one by one."""

import os
import tempfile

import numpy as np

from . import tiff, tiff_output
from .atomic import atomic_file
from .contents import ImageFileError, UsageError, join_alpha, one_line
from .images import check_target, format_of


def open_stack(name, max_pixels):
    """The images of a TIFF file with several; None for any other file."""
    if name.startswith("example:") or not os.path.isfile(name) or format_of(name) != "TIFF":
        return None
    try:
        stack = tiff.Images(name, max_pixels)
    except Exception:  # the reader of single images says what is wrong
        return None
    if stack.count > 1:
        return stack
    stack.__exit__()
    return None


def write_stack(name, stack, images, dtype, overwrite):
    """Write images as they come to a TIFF file with the axes of a stack, whole or not at all.

    Returns what the file does not keep, in words.
    """
    check_target(name, overwrite)
    if format_of(name) != "TIFF":
        raise UsageError(f"{name}: must end in .tif or .tiff, as it has {stack.count} pages")
    dtype = np.dtype(dtype or stack.dtype)
    try:
        with atomic_file(name, overwrite) as file:
            return tiff_output.write(file, name, _planes(stack, images, dtype), stack.axes,
                                     stack.about, stack.shape, dtype)
    except FileExistsError:
        raise UsageError(f"{name}: exists already; --overwrite replaces it") from None
    except OSError as error:
        raise ImageFileError(f"{name}: cannot be written ({one_line(error)})") from None


def _planes(stack, images, dtype):
    """The planes of the images, in the order of the file."""
    arrays = (join_alpha(image) if "S" in stack.axes else image.pixels for image in images)
    if not stack.coupled:
        yield from map(np.ascontiguousarray, arrays)
        return
    if stack.outer.endswith("C"):
        for channels in arrays:
            yield from channels
        return
    # Channels lie apart, so that the first plane of the file is known before the second one.
    with tempfile.TemporaryFile() as file:
        whole = np.memmap(file, dtype, "w+", shape=stack.shape)
        for index, channels in zip(stack.indices(), arrays, strict=True):
            whole[stack.place(index)] = channels
        yield from whole.reshape(-1, *stack.shape[-2:])
        del whole
