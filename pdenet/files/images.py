"""Image files for the command line: PNG, JPEG and TIFF, read whole, written whole or not at all."""

import contextlib
import os

import numpy as np

from . import pictures, tiff, tiff_output, values
from ..checks import meant
from .atomic import atomic_file
from .contents import (Image, ImageFileError, UsageError, from_channels_last, join_alpha,
                       one_line)

__all__ = ["Image", "ImageFileError", "UsageError"]

SUFFIXES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF"}
MAX_PIXELS = 2**28
EXAMPLES = ("astronaut", "brick", "camera", "cat", "cell", "clock", "coffee", "coins", "grass",
            "gravel", "horse", "hubble_deep_field", "immunohistochemistry", "logo",
            "microaneurysms", "moon", "page", "retina", "rocket", "text")


def read(name, max_pixels=MAX_PIXELS):
    """The image of a file name or of `example:NAME`."""
    if name.startswith("example:"):
        return _read_example(name.removeprefix("example:"))
    if not os.path.exists(name):
        raise UsageError(f"{name}: no such file (local files and example:NAME are read)")
    if os.path.isdir(name):
        raise UsageError(f"{name}: is a directory, not an image")
    kind = format_of(name)
    try:
        image = (tiff if kind == "TIFF" else pictures).read(name, max_pixels)
    except (ImageFileError, MemoryError):
        raise
    except Exception as error:  # decoders raise whatever they like
        raise ImageFileError(f"{name}: not a readable {kind} image ({one_line(error)})") from None
    if image.pixels.size == 0:
        raise ImageFileError(f"{name}: holds no pixels")
    return image


def format_of(name):
    suffix = os.path.splitext(name)[1].lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"{name}: the name must end in one of {', '.join(SUFFIXES)}")
    return SUFFIXES[suffix]


def check_target(name, overwrite):
    """Raise unless an image file of this name can be meant as output."""
    format_of(name)
    check_place(name, overwrite)


def check_place(name, overwrite):
    """Raise unless there is a directory for this file, and no file yet, unless overwrite."""
    if os.path.isdir(name):
        raise UsageError(f"{name}: is a directory")
    check_new(name, overwrite)


def check_new(name, overwrite):
    """Raise unless there is a directory for this name, and nothing there yet, unless overwrite."""
    folder = os.path.dirname(name) or "."
    if not os.path.isdir(folder):
        raise UsageError(f"{name}: there is no directory {folder}")
    if os.path.lexists(name) and not overwrite:
        raise UsageError(f"{name}: exists already; --overwrite replaces it")


def check_fit(name, image, dtype):
    """Raise unless the format of this file can hold the image with pixels of this type."""
    kind, dtype = format_of(name), np.dtype(dtype)
    if kind == "TIFF":
        return
    channels = 1 if image.channel_axis is None else image.pixels.shape[image.channel_axis]
    inks = image.photometric == "separated"
    if inks and kind == "PNG":
        raise UsageError(f"{name}: PNG cannot hold CMYK; write a .jpg or .tif")
    if channels not in (1, 3) and not inks:
        raise UsageError(f"{name}: {kind} cannot hold {channels} channels; write a .tif")
    if image.photometric == "miniswhite":
        raise UsageError(f"{name}: {kind} cannot hold an image whose zero is white; write a .tif")
    if kind == "JPEG" and image.alpha is not None:
        raise UsageError(f"{name}: JPEG cannot hold transparency; write a .png or .tif")
    deep = kind == "PNG" and (dtype == np.uint16 or dtype == bool and channels == 1
                              and image.alpha is None)
    if dtype != np.uint8 and not deep:
        what = f"{dtype} {'colour' if channels > 1 else 'grey'}"
        raise UsageError(f"{name}: {kind} cannot hold {what} values; write a .tif, or add "
                         f"{values.advice(image.pixels)}")


def write(name, image, overwrite):
    """Write to a temporary file beside the target and rename, so that it is there whole or not.

    Returns what the file does not keep, in words.
    """
    check_target(name, overwrite)
    check_fit(name, image, image.pixels.dtype)
    with written(name, overwrite) as file:
        return _encode(file, name, image)


@contextlib.contextmanager
def written(name, overwrite):
    """An `atomic_file` to encode an image or a volume into, whose errors name it."""
    try:
        with atomic_file(name, overwrite) as file:
            yield file
    except ImageFileError:
        raise
    except FileExistsError:
        raise UsageError(f"{name}: exists already; --overwrite replaces it") from None
    except Exception as error:  # the disk, or an encoder
        raise ImageFileError(f"{name}: cannot be written ({one_line(error)})") from None


def _read_example(name):
    if name not in EXAMPLES:
        raise UsageError(f"example:{name}: the examples are {', '.join(EXAMPLES)}"
                         + meant(name, EXAMPLES, 0.6))
    import skimage.data
    try:
        pixels = getattr(skimage.data, name)()
    except Exception as error:
        raise ImageFileError(f"example:{name}: scikit-image does not have it here "
                             f"({one_line(error)})") from None
    return from_channels_last(pixels)


def _encode(file, name, image):
    kind = format_of(name)
    if kind != "TIFF":
        return pictures.write(file, image.upright().straight(), kind)
    if image.channel_axis == 0:
        return tiff_output.write(file, name, image.pixels, "CYX", image)
    pixels = np.ascontiguousarray(join_alpha(image))
    return tiff_output.write(file, name, pixels, "YXS" if pixels.ndim == 3 else "YX", image)
