"""A command on one image or volume: without what is no measurement, which stays as it is."""

import numpy as np

from ..files import excluded
from ..files.images import UsageError


def processed(name, image, outside, options, process, progress, check=None):
    """What `process` makes of an image or a volume, of which the pixels that are `outside` a mask
    are not measured, or None; in errors it has this name. check(filled, dtype) raises, before, if
    the output cannot hold it.

    Returns what was made of it; the new image, of the type of the output; a line about it; and what
    a row tells of it.
    """
    dtype = np.dtype(options.dtype or image.pixels.dtype)
    if options.rescale is not None and dtype.kind not in "ui":
        raise UsageError(f"{name}: --rescale is for integers, such as those of --dtype uint8; the "
                         f"output has {dtype} values")
    found = excluded.find(name, image, options.nodata, dtype, outside)
    filled = found.filled()
    if check is not None:
        check(filled, dtype)
    image.with_result(image.pixels[:0], dtype)  # refuse now what cannot be written
    numbers, line = {}, f"no {'voxel' if image.is_volume else 'pixel'} is measured"
    result = filled.pixels
    if not found.nothing_left:
        try:
            result, line, numbers = process(filled.pixels, filled.channel_axis, options, progress,
                                            mask=found.mask)
        except (ValueError, TypeError) as error:
            raise type(error)(named(name, error)) from None
    new = found.restored(image.with_result(result, dtype, options.rescale))
    return result, new, f"{line}; {found.report}" if found.report else line, (numbers, found.count)


def named(source, error):
    """The text of an error, beginning with the file that it is about."""
    text = " ".join((str(error) or "not enough memory").split())
    if " page " in source:
        text = text.removeprefix(f"{source.rpartition(' page ')[0]}: ")
    return text if source in text else f"{source}: {text}"
