"""A command on one file: an image, a stack of images, or an array larger than memory."""

import numpy as np

from ..files import images, tiff_stacks, values, zarr_arrays
from ..files.images import ImageFileError, UsageError
from . import volumes
from .processing import named, processed
from .report import PageLines, row

# What goes wrong with a file or an image, and is told in one line.
FAULTS = (ImageFileError, OSError, ValueError, TypeError, ImportError, FloatingPointError)


def run_file(source, target, options, process, tell, alone=None, shown=None):
    """Read, process and write one file; returns a line about it and how many pages failed."""
    if volumes.is_file(source):
        return volumes.run_file(source, target, options, process, tell, shown)
    stack = tiff_stacks.open_stack(source, options.max_pixels)
    if stack is not None:
        with stack:
            if alone:
                raise UsageError(f"{alone} is for a single image")
            axis = volumes.axis_of(stack, options)
            if axis is not None:
                return volumes.run_stack(stack, axis, target, options, process, tell, shown)
            return _run_stack(stack, target, options, process, tell, shown)
    image = images.read(source, options.max_pixels)
    progress = shown.move if shown is not None and shown.shown else None
    result, line, found = _run_image(source, image, options, process, tell, progress,
                                     lambda image, dtype: images.check_fit(target, image, dtype))
    _tell_lost(target, image, images.write(target, result, options.overwrite), tell)
    tell("row", row(source, None, *found))
    return line, 0


def run_array(options, process, settings, tell, shown):
    """A zarr array or a large TIFF file, tile by tile; returns a line about it."""
    lines = PageLines(tell)
    rows: list = []

    def lazily(array, axis, spacing):
        volume = array.ndim - (axis is not None) == 3
        own = volumes.with_spacing(options, spacing) if volume else options
        result, line, numbers = process(array, axis, own, None)
        rows.append(row(options.input, len(rows) + 1, numbers))
        lines.add(f"{options.output} page {len(rows)}", line)
        return result

    for name in ("nodata", "mask", "rescale"):
        if getattr(options, name) is not None:
            raise UsageError(f"--{name} is for image files, not for arrays, as these are computed "
                             f"tile by tile; write a .tif")
    try:
        tiles = zarr_arrays.run(
            options.input, options.output, lazily,
            {name: getattr(options, name) for name in settings}, options.dtype, options.overwrite,
            shown)
    except (ValueError, TypeError) as error:
        raise type(error)(named(options.input, error)) from None
    finally:
        for found in rows:
            tell("row", found if len(rows) > 1 else found | {"page": None})
    return ", ".join([f"{tiles} tiles", *lines.common])


def _run_image(name, image, options, process, tell, progress=None, check=None):
    """The new image, a line about it, and what a row tells of it."""
    straight = image.straight()
    result, new, line, found = processed(name, straight, outside(options, straight), options,
                                         process, progress, check)
    if warning := values.warning(result, image.pixels.dtype, new.pixels.dtype, options.rescale):
        tell("warning", f"{name}: {warning}")
    return (new.premultiplied() if image.alpha_kind == 1 and image.alpha is not None else new,
            line, found)


def outside(options, image):
    """The pixels (H, W) that are outside the mask of the options, or None if there is none."""
    if options.mask is None:
        return None
    mask = images.read(options.mask, options.max_pixels)
    shape = tuple(np.delete(image.pixels.shape, [] if image.channel_axis is None
                            else image.channel_axis))
    if mask.channel_axis is not None or mask.pixels.shape != shape:
        raise UsageError(f"{options.mask}: a mask must be a grey image of {shape[0]} x {shape[1]} "
                         f"pixels, as the image is")
    return mask.pixels == 0


def _run_stack(stack, target, options, process, tell, shown):
    """Image by image, so that memory does not grow with their number; a page that fails stays."""
    lines, failed = PageLines(tell), []
    warnings: list = []

    def tell_page(kind, value):
        """The first warning of the pages alone, as the others are alike."""
        if kind != "warning" or not warnings:
            tell(kind, value)
        if kind == "warning":
            warnings.append(value)

    def pages():
        for k, index in enumerate(stack.indices()):
            name = f"{stack.name} page {k + 1}"
            image = None
            try:
                image = stack.read(index)
                image, line, found = _run_image(name, image, options, process, tell_page)
                tell("row", row(stack.name, k + 1, *found))
                lines.add(f"{target} page {k + 1}", line)
            except UsageError:
                raise
            except FAULTS as error:
                failed.append(error)
                image = _kept(stack, image, name, error, options, tell)
                tell("row", row(stack.name, k + 1, error=named(name, error)))
            yield image
            if shown is not None:
                shown.move(k + 1, stack.count, "page")
        if len(failed) == stack.count:
            raise failed[0]

    lost = tiff_stacks.write_stack(target, stack, pages(), options.dtype, options.overwrite)
    _tell_lost(target, stack.about, lost, tell)
    if len(warnings) > 1:
        tell("warning", f"{stack.name}: {len(warnings) - 1} more of its pages are so")
    parts = [f"{stack.count} pages", *lines.common,
             *([f"{len(failed)} of them failed"] if failed else [])]
    return ", ".join(parts), len(failed)


def _kept(stack, image, name, error, options, tell):
    """A page that cannot be processed, as it is; what cannot be read is black."""
    if image is None:
        tell("warning", f"{named(name, error)}; the page is black in the output")
        image = stack.black()
    else:
        tell("warning", f"{named(name, error)}; the page stays as it is")
    return image.with_result(image.pixels, options.dtype, options.rescale)


def _tell_lost(target, image, lost, tell):
    """Tell what an output does not keep of its input."""
    lost = [*image.metadata.lost, *lost]
    if lost:
        tell("note", f"{target}: not kept in {images.format_of(target)}: {', '.join(lost)}")
