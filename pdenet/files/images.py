"""Image files for the command line: PNG, JPEG and TIFF, read whole, written whole or not at all."""

import os
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .atomic import atomic_file

SUFFIXES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF"}
MAX_PIXELS = 2**28
EXAMPLES = ("astronaut", "brick", "camera", "cat", "cell", "clock", "coffee", "coins", "grass",
            "gravel", "horse", "hubble_deep_field", "immunohistochemistry", "logo",
            "microaneurysms", "moon", "page", "retina", "rocket", "text")


class ImageFileError(Exception):
    """A file that cannot be read or written; the message is one line for the user."""


class UsageError(ImageFileError):
    """A file name that cannot be meant."""


@dataclass(frozen=True)
class Image:
    """Pixels (H, W) or with channels, and how a file held them."""

    pixels: np.ndarray
    channel_axis: int | None = None
    alpha: np.ndarray | None = None      # transparency, not filtered
    alpha_kind: int = 2                  # of TIFF: 1 premultiplied, 2 not
    inverted: bool = False               # TIFF whose zero is white

    def with_result(self, result, dtype):
        """The filtered pixels as dtype: integers are rounded to nearest and clipped."""
        dtype = self.pixels.dtype if dtype is None else np.dtype(dtype)
        if dtype.kind in "ui":
            # Clip in the integers' own range; float64 holds neither end of 64 bits exactly.
            limits = np.iinfo(dtype)
            rounded = np.rint(result).astype(np.float64)
            inside = np.clip(rounded, float(limits.min), np.nextafter(float(limits.max), 0)
                             if limits.bits == 64 else float(limits.max))
            pixels = inside.astype(dtype)
        elif dtype.kind == "b":
            pixels = result >= 0.5
        else:
            largest = np.finfo(dtype).max
            pixels = np.clip(result, -largest, largest).astype(dtype)
        alpha = self.alpha
        if alpha is not None and alpha.dtype != dtype:
            raise UsageError(f"--dtype {dtype} would change the transparency of {alpha.dtype}; "
                             f"leave it out or remove the transparency first")
        return replace(self, pixels=pixels)


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
        image = (_read_tiff if kind == "TIFF" else _read_picture)(name, max_pixels)
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
    if channels not in (1, 3):
        raise UsageError(f"{name}: {kind} cannot hold {channels} channels; write a .tif")
    if image.inverted:
        raise UsageError(f"{name}: {kind} cannot hold an image whose zero is white; write a .tif")
    if kind == "JPEG" and image.alpha is not None:
        raise UsageError(f"{name}: JPEG cannot hold transparency; write a .png or .tif")
    deep = kind == "PNG" and channels == 1 and image.alpha is None and dtype in (np.uint16, bool)
    if dtype != np.uint8 and not deep:
        what = f"{dtype} {'colour' if channels > 1 else 'grey'}"
        raise UsageError(f"{name}: {kind} cannot hold {what} values; write a .tif, or add --dtype "
                         f"uint8, which rounds to nearest and clips to 0..255 and never rescales")


def write(name, image, overwrite):
    """Write to a temporary file beside the target and rename, so that it is there whole or not."""
    check_target(name, overwrite)
    check_fit(name, image, image.pixels.dtype)
    try:
        with atomic_file(name, overwrite) as file:
            _encode(file, image, format_of(name))
    except FileExistsError:
        raise UsageError(f"{name}: exists already; --overwrite replaces it") from None
    except Exception as error:  # the disk, or an encoder
        raise ImageFileError(f"{name}: cannot be written ({one_line(error)})") from None


def _read_example(name):
    if name not in EXAMPLES:
        raise UsageError(f"example:{name}: the examples are {', '.join(EXAMPLES)}")
    import skimage.data
    try:
        pixels = getattr(skimage.data, name)()
    except Exception as error:
        raise ImageFileError(f"example:{name}: scikit-image does not have it here "
                             f"({one_line(error)})") from None
    return _from_channels_last(pixels)


def _read_picture(name, max_pixels):
    """PNG and JPEG; a photograph's orientation is applied."""
    import imageio.v3 as iio
    from PIL import Image as pillow

    with open(name, "rb") as file:
        header = file.read(26)
    deep, several = header[24:25] == b"\x10", header[25:26] in (b"\2", b"\4", b"\6")
    if header[:8] == b"\x89PNG\r\n\x1a\n" and deep and several:
        raise ImageFileError(f"{name}: PNG with 16 bits per channel and colour or transparency "
                             f"would be read with 8; convert it to TIFF")
    limit, pillow.MAX_IMAGE_PIXELS = pillow.MAX_IMAGE_PIXELS, None  # ours is checked instead
    try:
        with pillow.open(name) as image:  # the header only
            check_size(name, image.size[::-1], max_pixels)
            if image.mode == "CMYK":
                raise ImageFileError(f"{name}: CMYK images are not read; convert it to RGB")
            if getattr(image, "n_frames", 1) > 1:
                raise ImageFileError(f"{name}: holds several images; split it first")
            mode = None
            if "transparency" in image.info:  # a transparent colour or palette entries
                mode = {"L": "LA", "RGB": "RGBA", "P": "RGBA"}.get(image.mode)
        pixels = iio.imread(name, plugin="pillow", index=0, rotate=True, mode=mode)
        return _from_channels_last(pixels)
    finally:
        pillow.MAX_IMAGE_PIXELS = limit


def _read_tiff(name, max_pixels):
    import tifffile

    with tifffile.TiffFile(name) as file:
        series, page = file.series[0], file.pages.first
        axes = series.axes
        if len(file.series) > 1 or axes not in ("YX", "YXS", "SYX", "CYX", "YXC"):
            count = f"{len(file.series)} series" if len(file.series) > 1 else f"axes {axes}"
            raise ImageFileError(f"{name}: must hold one grey or colour image; it has {count} of "
                                 f"shape {series.shape}")
        check_pixels(name, page)
        meaning = page.photometric
        check_size(name, [series.shape[axes.index(axis)] for axis in "YX"], max_pixels)
        pixels = series.asarray()
        if axes == "YX":
            return Image(pixels, inverted=meaning == tifffile.PHOTOMETRIC.MINISWHITE)
        if axes == "CYX":
            return Image(pixels, 0)
        if axes == "SYX":
            pixels = np.moveaxis(pixels, 0, -1)
        extra = [int(kind) for kind in page.extrasamples]
        if extra in ([1], [2]):
            return replace(_split_alpha(pixels), alpha_kind=extra[0])
        if extra and meaning == tifffile.PHOTOMETRIC.RGB:
            raise ImageFileError(f"{name}: has {len(extra)} channels of unknown meaning beside RGB")
        return Image(pixels, -1)


def check_pixels(name, page):
    """Raise unless the pixels of a TIFF page are grey levels or colours, upright."""
    import tifffile

    meaning = page.photometric
    if meaning == tifffile.PHOTOMETRIC.PALETTE:
        raise ImageFileError(f"{name}: holds palette indices, which cannot be filtered; "
                             f"convert it to RGB")
    if meaning not in (tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.MINISWHITE,
                       tifffile.PHOTOMETRIC.RGB):
        raise ImageFileError(f"{name}: holds {meaning.name} values, which are not filtered; "
                             f"convert it to RGB or grey")
    if page.tags.valueof("Orientation", 1) != 1:
        raise ImageFileError(f"{name}: is to be shown turned or mirrored; apply its "
                             f"orientation first")


def _from_channels_last(pixels):
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4):
        return _split_alpha(pixels)
    return Image(pixels, None if pixels.ndim == 2 else -1)


def _split_alpha(pixels):
    colours, alpha = pixels[..., :-1], pixels[..., -1]
    if colours.shape[-1] == 1:
        return Image(colours[..., 0], alpha=alpha)
    return Image(colours, -1, alpha=alpha)


def check_size(name, shape, max_pixels):
    pixels = int(np.prod([int(n) for n in shape], dtype=object))
    if pixels > max_pixels:
        raise ImageFileError(f"{name}: {'x'.join(map(str, shape))} are {pixels} pixels, more than "
                             f"the limit of {max_pixels}; --max-pixels raises it")


def _encode(file, image, kind):
    if kind == "TIFF":
        import tifffile
        if image.channel_axis == 0:
            tifffile.imwrite(file, image.pixels, photometric="minisblack",
                             metadata={"axes": "CYX"})
            return
        pixels = _join(image)
        colour = image.channel_axis is not None and image.pixels.shape[-1] == 3
        tifffile.imwrite(
            file, pixels, planarconfig="contig" if pixels.ndim == 3 else None,
            photometric="rgb" if colour else "miniswhite" if image.inverted else "minisblack",
            extrasamples=None if image.alpha is None else [image.alpha_kind],
            metadata={"axes": "YXS" if pixels.ndim == 3 else "YX"})
        return
    import imageio.v3 as iio
    options: dict[str, Any] = {"quality": 95, "subsampling": 0} if kind == "JPEG" else {}
    iio.imwrite(file, _join(image), plugin="pillow", extension="." + kind.lower(), **options)


def _join(image):
    """Channels last, with the transparency behind them."""
    pixels = image.pixels
    if image.channel_axis is not None:
        pixels = np.moveaxis(pixels, image.channel_axis, -1)
    return pixels if image.alpha is None else np.dstack([pixels, image.alpha])


def one_line(error):
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) < 160 else text[:157] + "..."
