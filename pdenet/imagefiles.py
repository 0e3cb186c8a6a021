"""Image files for the command line: PNG, JPEG and TIFF, read whole, written whole or not at all."""

import contextlib
import os
import tempfile
from dataclasses import dataclass, replace

import numpy as np

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
            pixels = result.astype(dtype)
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
        raise ImageFileError(f"{name}: not a readable {kind} image ({_one_line(error)})") from None
    if image.pixels.size == 0:
        raise ImageFileError(f"{name}: holds no pixels")
    return image


def format_of(name):
    suffix = os.path.splitext(name)[1].lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"{name}: the name must end in one of {', '.join(SUFFIXES)}")
    return SUFFIXES[suffix]


def check_target(name, overwrite):
    """Raise unless a file of this name can be meant as output."""
    format_of(name)
    if os.path.isdir(name):
        raise UsageError(f"{name}: is a directory")
    folder = os.path.dirname(name) or "."
    if not os.path.isdir(folder):
        raise UsageError(f"{name}: there is no directory {folder}")
    if os.path.lexists(name) and not overwrite:
        raise UsageError(f"{name}: exists already; --overwrite replaces it")


def check_fit(name, dtype, colour):
    """Raise unless the format of this file can hold pixels of this type without a change."""
    kind, dtype = format_of(name), np.dtype(dtype)
    fits = {"TIFF": True,
            "PNG": dtype in (np.uint8, bool) or (dtype == np.uint16 and not colour),
            "JPEG": dtype == np.uint8}[kind]
    if not fits:
        what = f"{dtype} {'colour' if colour else 'grey'}"
        raise UsageError(f"{name}: {kind} cannot hold {what} values; write a .tif, or add --dtype "
                         f"uint8, which rounds to nearest and clips to 0..255 and never rescales")


def write(name, image, overwrite):
    """Write to a temporary file beside the target and rename, so that it is there whole or not."""
    check_target(name, overwrite)
    kind = format_of(name)
    check_fit(name, image.pixels.dtype, image.channel_axis is not None)
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(dir=os.path.dirname(name) or ".", prefix=".pdenet-",
                                         suffix=os.path.splitext(name)[1], delete=False) as file:
            temporary = file.name
            _encode(file, image, kind)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, name)
        temporary = None
    except OSError as error:
        raise ImageFileError(f"{name}: cannot be written ({_one_line(error)})") from None
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def _read_example(name):
    if name not in EXAMPLES:
        raise UsageError(f"example:{name}: the examples are {', '.join(EXAMPLES)}")
    import skimage.data
    try:
        pixels = getattr(skimage.data, name)()
    except Exception as error:
        raise ImageFileError(f"example:{name}: scikit-image does not have it here "
                             f"({_one_line(error)})") from None
    return _from_channels_last(pixels)


def _read_picture(name, max_pixels):
    """PNG and JPEG; a photograph's orientation is applied."""
    import imageio.v3 as iio
    from PIL import Image as pillow

    with open(name, "rb") as file:
        header = file.read(26)
    if header[:8] == b"\x89PNG\r\n\x1a\n" and header[24:25] == b"\x10" and header[25:26] in b"\2\6":
        raise ImageFileError(f"{name}: colour PNG with 16 bits per channel would be read with 8; "
                             f"convert it to TIFF")
    limit, pillow.MAX_IMAGE_PIXELS = pillow.MAX_IMAGE_PIXELS, None  # ours is checked instead
    try:
        with pillow.open(name) as image:  # the header only
            _check_size(name, image.size[::-1], max_pixels)
            if image.mode == "CMYK":
                raise ImageFileError(f"{name}: CMYK images are not read; convert it to RGB")
            if getattr(image, "n_frames", 1) > 1:
                raise ImageFileError(f"{name}: holds several images; split it first")
        return _from_channels_last(iio.imread(name, plugin="pillow", index=0, rotate=True))
    finally:
        pillow.MAX_IMAGE_PIXELS = limit


def _read_tiff(name, max_pixels):
    import tifffile

    with tifffile.TiffFile(name) as file:
        series, page = file.series[0], file.pages[0]
        axes = series.axes
        if len(file.series) > 1 or axes not in ("YX", "YXS", "SYX", "CYX", "YXC"):
            count = f"{len(file.series)} series" if len(file.series) > 1 else f"axes {axes}"
            raise ImageFileError(f"{name}: must hold one grey or colour image; it has {count} of "
                                 f"shape {series.shape}")
        if page.photometric == tifffile.PHOTOMETRIC.PALETTE:
            raise ImageFileError(f"{name}: holds palette indices, which cannot be filtered; "
                                 f"convert it to RGB")
        _check_size(name, series.shape, max_pixels)
        pixels = series.asarray()
        if axes == "YX":
            return Image(pixels, inverted=page.photometric == tifffile.PHOTOMETRIC.MINISWHITE)
        axis = 0 if axes in ("SYX", "CYX") else -1
        if "S" in axes and page.extrasamples:
            return _split_alpha(pixels, axis)
        return Image(pixels, axis)


def _from_channels_last(pixels):
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4):
        return _split_alpha(pixels, -1)
    return Image(pixels, None if pixels.ndim == 2 else -1)


def _split_alpha(pixels, axis):
    planes = np.moveaxis(pixels, axis, 0)
    if len(planes) == 2:
        return Image(planes[0], alpha=planes[1])
    return Image(np.moveaxis(planes[:-1], 0, axis), axis, alpha=planes[-1])


def _check_size(name, shape, max_pixels):
    pixels = int(np.prod([int(n) for n in shape], dtype=object))
    if pixels > max_pixels:
        raise ImageFileError(f"{name}: {'x'.join(map(str, shape))} are {pixels} values, more than "
                             f"the limit of {max_pixels}; --max-pixels raises it")


def _encode(file, image, kind):
    pixels, axis = image.pixels, image.channel_axis
    if kind == "TIFF":
        import tifffile
        if axis == 0 and image.alpha is None:
            tifffile.imwrite(file, pixels, photometric="minisblack", metadata={"axes": "CYX"})
            return
        pixels, alpha = _join(image)
        colour = axis is not None and pixels.shape[-1] - alpha == 3
        tifffile.imwrite(
            file, pixels, planarconfig="contig" if pixels.ndim == 3 else None,
            photometric="rgb" if colour else "miniswhite" if image.inverted else "minisblack",
            extrasamples=["unassalpha"] if alpha else None,
            metadata={"axes": "YXS" if pixels.ndim == 3 else "YX"})
        return
    import imageio.v3 as iio
    pixels, _ = _join(image)
    if image.inverted:
        raise ImageFileError("a TIFF whose zero is white goes into a TIFF only")
    options = {"quality": 95, "subsampling": 0} if kind == "JPEG" else {}
    iio.imwrite(file, pixels, plugin="pillow", extension="." + kind.lower(), **options)


def _join(image):
    """Channels last, with the transparency behind them; and whether there is one."""
    pixels = image.pixels
    if image.channel_axis is not None:
        pixels = np.moveaxis(pixels, image.channel_axis, -1)
    if image.alpha is None:
        return pixels, False
    return np.dstack([pixels, image.alpha]), True


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _one_line(error):
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) < 160 else text[:157] + "..."
