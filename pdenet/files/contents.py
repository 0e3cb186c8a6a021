"""What a picture file holds: pixels, transparency, and what it says beside them."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from . import values

GEOGRAPHIC = (33550, 33922, 34264, 34735, 34736, 34737)  # tags of GeoTIFF


class ImageFileError(Exception):
    """A file that cannot be read or written; the message is one line for the user."""


class UsageError(ImageFileError):
    """A file name or an option that cannot be meant."""


@dataclass(frozen=True)
class Metadata:
    """What a file says beside its pixels; every writer keeps what its format can hold."""

    profile: bytes | None = None         # ICC, without which colours are others
    resolution: tuple | None = None      # across and down, numbers or the fractions of TIFF
    unit: int = 2                        # of the resolution, as in TIFF: 1 none, 2 inch, 3 cm
    exif: bytes | None = None            # of an upright image, without a thumbnail
    xmp: bytes | None = None
    iptc: bytes | None = None            # captions and keywords of news photographs
    chunks: tuple = ()                   # of PNG: (name, content) of its texts and colours
    comment: bytes | None = None         # of JPEG
    description: str | None = None       # of TIFF, as the following ones
    tags: tuple = ()                     # (code, type, count, value)
    nodata: str | None = None            # of GDAL
    imagej: dict | None = None
    ome: str | None = None
    compressed: bool = False             # without loss
    tile: tuple | None = None
    lost: tuple = ()                     # what a reader found and cannot keep, in words


@dataclass(frozen=True)
class Image:
    """Pixels (H, W) or with channels, and how a file held them."""

    pixels: np.ndarray
    channel_axis: int | None = None
    alpha: np.ndarray | None = None      # transparency, not filtered
    alpha_kind: int = 2                  # of TIFF: 1 premultiplied, 2 not
    photometric: str | None = None       # of TIFF: miniswhite, minisblack, rgb or separated
    orientation: int = 1                 # of TIFF: how the pixels are to be turned when shown
    metadata: Metadata = field(default_factory=Metadata)

    @property
    def is_volume(self):
        """Whether there are three axes beside that of channels."""
        return self.pixels.ndim - (self.channel_axis is not None) == 3

    def with_result(self, result, dtype, rescale=None):
        """The filtered pixels as dtype: integers are rounded to nearest and clipped."""
        dtype = self.pixels.dtype if dtype is None else np.dtype(dtype)
        if self.alpha is not None and self.alpha.dtype != dtype:
            raise UsageError(f"--dtype {dtype} would change the transparency of "
                             f"{self.alpha.dtype}; leave it out or remove the transparency first")
        return replace(self, pixels=values.cast(values.rescaled(result, dtype, rescale), dtype))

    def straight(self):
        """The image with colours that are not multiplied by their opacity."""
        if self.alpha is None or self.alpha_kind != 1:
            return self
        share = self._opacity()
        pixels = self.pixels / np.where(share > 0, share, 1)
        return replace(self, pixels=values.cast(pixels, self.pixels.dtype), alpha_kind=2)

    def premultiplied(self):
        """The image with colours that are multiplied by their opacity."""
        return replace(self, alpha_kind=1, pixels=values.cast(self.pixels * self._opacity(),
                                                              self.pixels.dtype))

    def _opacity(self):
        """0..1, for each value of the pixels."""
        alpha: Any = self.alpha
        share = alpha / (np.iinfo(alpha.dtype).max if alpha.dtype.kind in "ui" else 1.0)
        return share if self.channel_axis is None else np.expand_dims(share, self.channel_axis)

    def upright(self):
        """The image as it is to be shown."""
        if self.orientation == 1:
            return self
        rows, columns = [axis for axis in range(self.pixels.ndim)
                         if self.channel_axis is None or axis != self.channel_axis % 3]

        def turn(array, rows, columns):
            if self.orientation >= 5:
                array = np.swapaxes(array, rows, columns)
            axes = {2: (columns,), 3: (rows, columns), 4: (rows,), 6: (columns,),
                    7: (rows, columns), 8: (rows,)}.get(self.orientation, ())
            return np.flip(array, axes) if axes else array

        dots = self.metadata.resolution
        if self.orientation >= 5 and dots:
            dots = dots[::-1]
        return replace(self, pixels=turn(self.pixels, rows, columns), orientation=1,
                       alpha=None if self.alpha is None else turn(self.alpha, 0, 1),
                       metadata=replace(self.metadata, resolution=dots))


def from_channels_last(pixels, metadata=Metadata()):
    """The image of an array (H, W), or (H, W, C) with transparency if C is 2 or 4."""
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4):
        return split_alpha(pixels, metadata=metadata)
    return Image(pixels, None if pixels.ndim == 2 else -1, metadata=metadata)


def split_alpha(pixels, **others):
    """The image of an array (H, W, C) whose last channel is its transparency."""
    colours, alpha = pixels[..., :-1], pixels[..., -1]
    if colours.shape[-1] == 1:
        return Image(colours[..., 0], alpha=alpha, **others)
    return Image(colours, -1, alpha=alpha, **others)


def join_alpha(image):
    """Channels last, with the transparency behind them."""
    pixels = image.pixels
    if image.channel_axis is not None:
        pixels = np.moveaxis(pixels, image.channel_axis, -1)
    return pixels if image.alpha is None else np.dstack([pixels, image.alpha])


def check_size(name, shape, max_pixels):
    """Raise if an image of this shape is larger than allowed."""
    pixels = int(np.prod([int(n) for n in shape], dtype=object))
    if pixels > max_pixels:
        raise ImageFileError(f"{name}: {'x'.join(map(str, shape))} are {pixels} pixels, more than "
                             f"the limit of {max_pixels}; --max-pixels raises it")


def one_line(error):
    """An error of a library as a part of a message."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) < 160 else text[:157] + "..."
