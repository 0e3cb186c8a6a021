"""TIFF files with several pages, read and written one by one."""

import os
from typing import Iterator

import numpy as np

from .atomic import atomic_file
from .images import (Image, ImageFileError, UsageError, check_pixels, check_size, check_target,
                     format_of, one_line)


class Stack:
    """Pages (H, W) or (H, W, 3) of a TIFF file; a context that closes it."""

    def __init__(self, name, file, max_pixels):
        series = file.series[0]
        self.name, self._file, self._series = name, file, series
        self.axes, self.shape, self.dtype = series.axes, series.shape, series.dtype
        self.colour = self.axes.endswith("S")
        ends = 3 if self.colour else 2
        self.page_shape, self.count = self.shape[-ends:], int(np.prod(self.shape[:-ends]))
        check_size(name, self.page_shape[:2], max_pixels)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._file.close()

    def pages(self):
        """The pages as images."""
        import tifffile

        pages = self._series.pages
        if len(pages) == self.count:
            arrays: Iterator = (page.asarray() for page in pages)
        else:  # one block of data, as ImageJ writes it
            arrays = iter(tifffile.memmap(self.name, mode="r").reshape(-1, *self.page_shape))
        for pixels in arrays:
            yield Image(np.asarray(pixels).reshape(self.page_shape), -1 if self.colour else None)


def open_stack(name, max_pixels):
    """The Stack of a TIFF file with several pages; None for any other image."""
    if name.startswith("example:") or not os.path.isfile(name) or format_of(name) != "TIFF":
        return None
    import tifffile

    try:
        file = tifffile.TiffFile(name)
    except Exception:  # the reader of single images says what is wrong
        return None
    try:
        series = file.series
        axes = series[0].axes if len(series) == 1 else ""
        if axes.endswith("YX"):
            several = len(axes) > 2 and axes != "CYX" and "S" not in axes
        else:
            several = axes.endswith("YXS") and len(axes) > 3 and series[0].shape[-1] == 3
        if not several:
            file.close()
            return None
        check_pixels(name, file.pages[0])
        return Stack(name, file, max_pixels)
    except ImageFileError:
        file.close()
        raise
    except Exception as error:  # decoders raise whatever they like
        file.close()
        raise ImageFileError(f"{name}: not a readable TIFF image ({one_line(error)})") from None


def write_stack(name, stack, pages, dtype, overwrite):
    """Write pages as they come to a TIFF file with the axes of a stack, whole or not at all."""
    import tifffile

    check_target(name, overwrite)
    if format_of(name) != "TIFF":
        raise UsageError(f"{name}: must end in .tif or .tiff, as it has {stack.count} pages")
    dtype = np.dtype(dtype or stack.dtype)
    if dtype.kind == "b":
        raise UsageError(f"{name}: pages of type bool are not written; add --dtype uint8")
    try:
        with atomic_file(name, overwrite) as file:
            tifffile.imwrite(file, pages, shape=stack.shape, dtype=dtype,
                             photometric="rgb" if stack.colour else "minisblack",
                             bigtiff=np.prod(stack.shape, dtype=float) * dtype.itemsize > 2**31,
                             metadata={"axes": stack.axes})
    except FileExistsError:
        raise UsageError(f"{name}: exists already; --overwrite replaces it") from None
    except OSError as error:
        raise ImageFileError(f"{name}: cannot be written ({one_line(error)})") from None
