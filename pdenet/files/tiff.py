"""TIFF files, read image by image: which axes are pages and which are channels, and all tags.

The axes are those that the file names. C and S are channels, wherever they stand, all others but Y
and X are pages; an image is what is left when every page axis has one index.
"""

import math

import numpy as np

from ..checks import needs
from . import exif
from .contents import (GEOGRAPHIC, Image, ImageFileError, Metadata, check_size, one_line,
                       split_alpha)
from .excluded import NODATA

DESCRIPTION, ORIENTATION, XMP, IPTC, PROFILE = 270, 274, 700, 33723, 34675
KEPT = (*set(exif.WORDS) - {DESCRIPTION}, *GEOGRAPHIC, 42112)  # and GDAL's words
# Tags that say how the pixels are stored, which a writer says anew, or that are kept by themselves.
STRUCTURE = (*range(254, 267), 270, 273, 274, *range(277, 284), 284, 290, 291, 292, 293, 296, 297,
             317, 318, 319, 320, *range(321, 326), 330, 332, 336, 338, 339, 340, 341, 347,
             *range(512, 522), 529, 530, 531, 532, 700, 32781, 33723, 34675, 42113, 50838, 50839)
NAMES = {37724: "Photoshop's layers", 34377: "Photoshop's resources"}
LOSSLESS = ("LZW", "DEFLATE", "ADOBE_DEFLATE", "PACKBITS", "LZMA", "ZSTD", "PIXTIFF")


class Images:
    """The images of a TIFF file; a context that closes it.

    `axes` and `shape` are those of all of it, pages before Y and X, samples behind them; `pages` is
    the shape of the page axes, over which `read` takes an index.
    """

    def __init__(self, name, max_pixels):
        import tifffile

        self.name, self._file = name, tifffile.TiffFile(name)
        try:
            self._open(max_pixels)
        except Exception:
            self._file.close()
            raise

    def _open(self, max_pixels):
        self.photometric, self.orientation = _check_pixels(self.name, self._file.pages.first)
        several = self._file.series
        series = [one for one in several if not one.keyframe.is_reduced
                  and not one.keyframe.is_mask]
        if len(series) != 1:
            raise ImageFileError(f"{self.name}: must hold one image or pages of one size; it has "
                                 f"{len(series)} series of shapes "
                                 f"{', '.join(str(one.shape) for one in series[:3])}")
        self._series = series[0]
        axes, shape = self._series.axes, self._series.shape
        if not {"Y", "X"} <= set(axes):
            raise ImageFileError(f"{self.name}: must have axes Y and X; has {axes} of shape "
                                 f"{shape}")
        if axes.endswith("C"):
            axes = axes[:-1] + "S"
        samples = "S" * ("S" in axes)
        self.outer = "".join(axis for axis in axes if axis not in "YXS")
        self.axes = self.outer + "YX" + samples
        self._order = [axes.index(axis) for axis in self.axes]
        self.shape, self.dtype = tuple(shape[k] for k in self._order), self._series.dtype
        self.coupled = "C" if "C" in self.outer and not samples else ""
        self.pages = tuple(length for axis, length in zip(self.outer, self.shape)
                           if axis != self.coupled)
        self.count = math.prod(self.pages)
        self._inner = axes[len(self.outer):]
        check_size(self.name, self.shape[len(self.outer):][:2], max_pixels)
        # Pages of the file, one for each plane; else it is all one array.
        self._planes, self._whole = None, None
        planes = self._series.pages
        if axes.startswith(self.outer) and len(planes) == math.prod(self.shape[:len(self.outer)]):
            self._planes = np.empty(len(planes), object)
            self._planes[:] = list(planes)
            self._planes = self._planes.reshape(self.shape[:len(self.outer)])
        self._check_samples()
        self.metadata = _metadata(self._file, self._series, len(several) - 1)

    def _check_samples(self):
        """Which of the samples is transparency, if any."""
        page = self._series.keyframe
        extra = [int(kind) for kind in page.extrasamples] if "S" in self.axes else []
        self.alpha_kind = extra[0] if extra in ([1], [2]) else 0
        if not self.alpha_kind and {1, 2} & set(extra):
            raise ImageFileError(f"{self.name}: has transparency and other channels beside its "
                                 f"colours; split it first")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._file.close()

    def indices(self):
        """The index of every image, in the order of the pages."""
        return np.ndindex(*self.pages)

    def place(self, index):
        """Where an image is in an array of the shape of all."""
        rest = iter(index)
        return tuple(slice(None) if axis == self.coupled else next(rest) for axis in self.outer)

    def read(self, index=()):
        """The image of an index, or an ImageFileError."""
        try:
            pixels = self._pixels(self.place(index))
        except (ImageFileError, MemoryError):
            raise
        except Exception as error:  # decoders raise whatever they like
            raise ImageFileError(f"{self.name}: not a readable TIFF image "
                                 f"({one_line(error)})") from None
        return self._image(pixels)

    @property
    def about(self):
        """An image of no pixels, for all that is beside them."""
        channels = (self.shape[-1],) if "S" in self.axes else ()
        return self._image(np.empty((0, 0, *channels), self.dtype))

    def black(self):
        """An image of zeros."""
        coupled = [self.shape[self.outer.index("C")]] if self.coupled else []
        return self._image(np.zeros([*coupled, *self.shape[len(self.outer):]], self.dtype))

    def _image(self, pixels):
        others = {"photometric": self.photometric, "orientation": self.orientation,
                  "metadata": self.metadata}
        if self.alpha_kind:
            return split_alpha(pixels, alpha_kind=self.alpha_kind, **others)
        axis = -1 if "S" in self.axes else 0 if self.coupled else None
        return Image(pixels, axis, **others)

    def _pixels(self, place):
        if self._planes is not None:
            chosen = self._planes[place]
            if self.coupled:
                return np.stack([self._plane(plane) for plane in chosen])
            return self._plane(chosen)
        if self._whole is None:
            # Without a copy where it lies in the file as it is, else decoded to a temporary file.
            self._whole = np.transpose(self._series.asarray(out="memmap"), self._order)
        return np.array(self._whole[place])

    def _plane(self, page):
        if page is None:  # which OME-TIFF may leave out
            return np.zeros(self.shape[len(self.outer):], self.dtype)
        try:
            pixels = page.asarray()
        except Exception as error:
            if "imagecodecs" not in str(error) and "not supported" not in str(error):
                raise
            pixels = self._by_pillow(page)
        pixels = pixels.reshape([self.shape[self.axes.index(axis)] for axis in self._inner])
        return np.moveaxis(pixels, self._inner.index("S"), -1) if "S" in self._inner else pixels

    def _by_pillow(self, page):
        """The pixels of a page that tifffile cannot decode, if Pillow does without loss."""
        from PIL import Image as pillow

        try:
            with pillow.open(self.name) as image:
                image.seek(page.index)
                pixels = np.asarray(image)  # upright
                back = {6: 8, 8: 6}.get(self.orientation, self.orientation)
                pixels = Image(pixels, -1 if pixels.ndim == 3 else None,
                               orientation=back).upright().pixels
                if self.photometric == "miniswhite" and image.mode in ("1", "L"):
                    pixels = ~pixels  # Pillow turns them
            if pixels.shape == page.shape and pixels.dtype == page.dtype:
                return pixels
        except Exception:  # it does not
            pass
        try:
            needs("imagecodecs", f"{self.name}: reading {page.compression.name} compression")
        except ImportError as error:
            raise ImageFileError(str(error)) from None
        raise ImageFileError(f"{self.name}: {page.compression.name} compression is not read")


def _check_pixels(name, page):
    """The photometric interpretation that is written, and the orientation; or raise."""
    from tifffile import COMPRESSION, PHOTOMETRIC

    meaning = page.photometric
    if meaning == PHOTOMETRIC.PALETTE:
        raise ImageFileError(f"{name}: holds palette indices, which cannot be filtered; "
                             f"convert it to RGB")
    if meaning == PHOTOMETRIC.YCBCR and page.compression == COMPRESSION.JPEG:
        meaning = PHOTOMETRIC.RGB  # what its decoder returns
    if meaning not in (PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.MINISWHITE, PHOTOMETRIC.RGB) and not (
            meaning == PHOTOMETRIC.SEPARATED and page.samplesperpixel == 4):
        raise ImageFileError(f"{name}: holds {getattr(meaning, 'name', meaning)} values, which are "
                             f"not filtered; convert it to RGB or grey")
    return meaning.name.lower(), int(page.tags.valueof(ORIENTATION, 1))


def _metadata(file, series, reduced):
    """What a TIFF file says beside its pixels."""
    page = series.keyframe
    kind = "OME" if file.is_ome else "ImageJ" if file.is_imagej else ""
    tags, lost = [], []
    for tag in page.tags:
        if tag.code in KEPT:
            tags.append((tag.code, int(tag.dtype), tag.count, _without_statistics(tag)))
        elif tag.code not in STRUCTURE and tag.code not in (exif.CAMERA, exif.GPS):
            lost.append(NAMES.get(tag.code, f"tag {tag.code} ({tag.name})"))
    if reduced or len(series.levels) > 1:
        lost.insert(0, "reduced copies and masks" if reduced else "reduced copies")
    description = page.description
    own = kind or page.is_shaped == description
    nodata = page.tags.valueof(NODATA)
    return Metadata(
        profile=page.tags.valueof(PROFILE), xmp=page.tags.valueof(XMP),
        iptc=page.tags.valueof(IPTC),
        exif=exif.of_tiff(file.filehandle.path)
        if {exif.CAMERA, exif.GPS} & set(page.tags.keys()) else None,
        resolution=(page.tags.valueof(282), page.tags.valueof(283))
        if 282 in page.tags and 283 in page.tags else None,
        unit=int(page.tags.valueof(296, 2)), description=None if own else description or None,
        tags=tuple(tags), nodata=nodata.strip("\0 ") if isinstance(nodata, str) else None,
        imagej=dict(file.imagej_metadata or {}) if kind == "ImageJ" else None,
        ome=file.ome_metadata if kind == "OME" else None,
        compressed=page.compression.name in LOSSLESS,
        tile=(page.tilelength, page.tilewidth) if page.is_tiled else None, lost=tuple(lost))


def _without_statistics(tag):
    """The value of a tag, without GDAL's statistics of pixels that are filtered now."""
    import re

    if tag.code == 42112 and isinstance(tag.value, str):
        return re.sub(r'\s*<Item name="STATISTICS_[^>]*>[^<]*</Item>', "", tag.value)
    return tag.value


def read(name, max_pixels):
    """The image of a TIFF file that has a single one."""
    with Images(name, max_pixels) as images:
        if images.count != 1:
            raise ImageFileError(f"{name}: must hold one grey or colour image; it has axes "
                                 f"{images.axes} of shape {images.shape}")
        return images.read((0,) * len(images.pages))
