"""TIFF files, written plane by plane with what their inputs say beside the pixels.

ImageJ's files stay ImageJ's, and OME-XML stays in files whose names end in .ome.tif; all others are
plain TIFF, whose axes tifffile describes where they are more than rows and columns.
"""

import re

import numpy as np

from . import exif
from .contents import Metadata, UsageError
from .excluded import NODATA
from .tiff import IPTC, ORIENTATION, PROFILE, XMP

IMAGEJ_TYPES = ("uint8", "uint16", "float32")
OME_TYPES = {"float32": "float", "float64": "double", "bool": "bit"} | {
    f"{sign}int{bits}": f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32)}
OME_NAMES = (".ome.tif", ".ome.tiff")
BYTE, ASCII, SHORT, LONG, UNDEFINED = 1, 2, 3, 4, 7
BIG = 2**31  # bytes, above which offsets have 64 bits


def write(file, name, planes, axes, image, shape=None, dtype=None):
    """Write planes (Y, X) or (Y, X, S) to an open file; returns what it does not keep, in words.

    planes: one array, or an iterator, of which shape and dtype of all must be told; axes: of all of
    them, pages before Y and X; image: one of them, for all but its pixels.
    """
    import tifffile

    metadata, whole = image.metadata, isinstance(planes, np.ndarray)
    shape, dtype = planes.shape if whole else shape, np.dtype(planes.dtype if whole else dtype)
    big = np.prod(shape, dtype=float) * dtype.itemsize > BIG
    options, lost = _description(name, axes, shape, dtype, metadata)
    if metadata.resolution is not None and all(
            number[1] if isinstance(number, tuple) else number for number in metadata.resolution):
        options |= {"resolution": metadata.resolution, "resolutionunit": metadata.unit}
    if metadata.compressed and dtype.kind != "b":
        options |= {"compression": "zlib", "predictor": 2 if dtype.kind in "ui" else None}
    if metadata.tile and whole:
        options["tile"] = metadata.tile
    places = exif.directories(metadata.exif)
    if places and big:
        places = lost.append("EXIF data") or []
    chunks = {kind for kind, _ in metadata.chunks}
    lost += ["the texts"] if chunks & {b"tEXt", b"zTXt", b"iTXt"} else []
    lost += ["the gamma value"] if b"gAMA" in chunks and b"sRGB" not in chunks else []
    lost += ["the comment"] if metadata.comment else []
    tifffile.imwrite(
        file, planes, shape=shape, dtype=dtype, photometric=_photometric(image), bigtiff=big,
        planarconfig="contig" if axes.endswith("S") else None,
        extrasamples=_extra_samples(image, shape[-1]) if axes.endswith("S") else None,
        byteorder="<", software=False,
        extratags=_tags(metadata, image.orientation, places), **options)
    if places:
        exif.append(file, metadata.exif)
    return lost


def _photometric(image):
    """The photometric interpretation: what the input had, else grey or, of three channels, RGB."""
    last = image.channel_axis not in (None, 0) and image.pixels.shape[-1] == 3
    return image.photometric or ("rgb" if last else "minisblack")


def _extra_samples(image, samples):
    """What the samples beside grey or colours are, as numbers of TIFF: 1 and 2 transparency."""
    colours = {"rgb": 3, "separated": 4}.get(_photometric(image), 1)
    unknown = samples - colours - (image.alpha is not None)
    return [0] * unknown + ([] if image.alpha is None else [image.alpha_kind])


def _tags(metadata, orientation, places):
    """All tags that tifffile does not write by itself."""
    tags = {code: (kind, count, value) for code, kind, count, value in metadata.tags}
    tags |= {code: (ASCII, 0, text) for code, text in exif.words(metadata.exif).items()
             if code not in tags and code != exif.DESCRIPTION}
    if metadata.profile:
        tags[PROFILE] = UNDEFINED, len(metadata.profile), metadata.profile
    if metadata.xmp:
        tags[XMP] = BYTE, len(metadata.xmp), metadata.xmp
    if metadata.iptc:
        tags[IPTC] = UNDEFINED, len(metadata.iptc), metadata.iptc
    if metadata.nodata is not None:
        tags[NODATA] = ASCII, 0, metadata.nodata
    if orientation != 1:
        tags[ORIENTATION] = SHORT, 1, orientation
    tags |= {exif.stand_in(code): (LONG, 1, 0) for code in places}
    return [(code, kind, count, value.encode() if isinstance(value, str) else value, True)
            for code, (kind, count, value) in sorted(tags.items())]


def _description(name, axes, shape, dtype, metadata: Metadata):
    """The options of tifffile that describe the file, and what they do not keep."""
    plain = {"axes": axes} if axes not in ("YX", "YXS") else None
    lost = []
    if name.lower().endswith(OME_NAMES):
        if dtype.name not in OME_TYPES:
            raise UsageError(f"{name}: OME-TIFF cannot hold {dtype} values; it holds "
                             f"{', '.join(OME_TYPES)}")
        lost += ["the description"] if metadata.description else []
        lost += ["ImageJ's metadata"] if metadata.imagej else []
        if metadata.ome is None:
            return {"ome": True, "metadata": {"axes": axes}}, lost
        return {"description": _adapted(metadata.ome, dtype, shape, axes).encode(),
                "metadata": None}, lost
    lost += ["OME-XML, which needs a name that ends in .ome.tif"] if metadata.ome else []
    if metadata.imagej is not None and dtype.name in IMAGEJ_TYPES and not (
            axes.endswith("S") and dtype != np.uint8):
        return {"imagej": True, "metadata": metadata.imagej | {"axes": axes}}, lost
    if metadata.imagej is not None:
        lost.append(f"ImageJ's metadata, which go with {', '.join(IMAGEJ_TYPES)}")
    description = metadata.description or exif.words(metadata.exif).get(exif.DESCRIPTION)
    return {"description": description and description.encode(), "metadata": plain}, lost


def _adapted(xml, dtype, shape, axes):
    """OME-XML for a file of its own, whose planes follow each other, of another type."""
    def typed(found):
        words = re.sub(r'\bType="[^"]*"', f'Type="{OME_TYPES[dtype.name]}"', found[0])
        if words != found[0]:
            words = re.sub(r'\s\bSignificantBits="[^"]*"', "", words)
        return words

    planes = int(np.prod(shape[:-3 if axes.endswith("S") else -2]))
    xml = re.sub(r"<(?:\w+:)?Pixels\b[^>]*>", typed, xml)
    xml = re.sub(r'(<(?:\w+:)?OME\b[^>]*?)\sUUID="[^"]*"', r"\1", xml)
    data = re.compile(r"<((?:\w+:)?)TiffData\b(?:[^>]*/>|.*?</(?:\w+:)?TiffData>)", re.DOTALL)
    first = data.search(xml)
    if first is None:
        return xml
    whole = f'<{first[1]}TiffData IFD="0" PlaneCount="{planes}"/>'
    return xml[:first.start()] + whole + data.sub("", xml[first.end():])
