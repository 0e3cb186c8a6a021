"""PNG and JPEG by Pillow, with their colour profile, resolution, EXIF and texts.

PNG files of 16 bits with colour or transparency, which Pillow reads with 8 bits, are read twice,
the high bytes and the low bytes; they are written here, with all else that Pillow writes.
"""

import contextlib
import io
import re
import struct
import warnings
import zlib
from dataclasses import replace
from typing import Any

import numpy as np

from . import exif
from .contents import (GEOGRAPHIC, Image, ImageFileError, Metadata, check_size,
                       from_channels_last, join_alpha)

SIGNATURE = b"\x89PNG\r\n\x1a\n"
XRESOLUTION = 282
LARGEST_SEGMENT = 65000  # bytes of EXIF or XMP in JPEG
# Chunks of PNG that say how to show the picture, and what it is about.
COLOURS, TEXTS = (b"cHRM", b"gAMA", b"sRGB", b"cICP"), (b"tEXt", b"zTXt", b"iTXt")
PHOTOSHOP_SEGMENT, IPTC_RESOURCE = b"Photoshop 3.0\0", 0x0404
XMP_WORD, XMP_SEGMENT = b"XML:com.adobe.xmp\0", b"http://ns.adobe.com/xap/1.0/\0"


def read(name, max_pixels):
    """The image of a PNG or JPEG file, upright, as its orientation says."""
    from PIL import Image as pillow

    with _reading(pillow) as damages, pillow.open(name) as image:  # the header only
        check_size(name, image.size[::-1], max_pixels)
        several = getattr(image, "n_frames", 1)
        if several > 1 and image.format != "MPO":  # a photograph with another one behind it
            raise ImageFileError(f"{name}: holds several images; split it first")
        chunks = tuple(_chunks(name)) if image.format == "PNG" else ()
        deep = bool(chunks) and chunks[0][1][8] == 16
        pixels, shown = _read_deep(name, image, chunks) if deep else _read_plain(image)
        metadata = _metadata(image, shown, chunks)
    lost = ["the second picture"] * (several > 1) + ["damaged EXIF data"] * any(
        "EXIF" in str(damage.message) for damage in damages)
    metadata = replace(metadata, lost=tuple(lost))
    if shown.mode == "CMYK":
        return Image(pixels, -1, photometric="separated", metadata=metadata)
    return from_channels_last(pixels, metadata)


@contextlib.contextmanager
def _reading(pillow):
    """Without Pillow's own limit of pixels, as ours is checked; its warnings are noted."""
    limit, pillow.MAX_IMAGE_PIXELS = pillow.MAX_IMAGE_PIXELS, None
    try:
        with warnings.catch_warnings(record=True) as noted:
            warnings.simplefilter("always")
            yield noted
    finally:
        pillow.MAX_IMAGE_PIXELS = limit


def _read_plain(image):
    """The values of a picture, without a palette or a transparent colour, and the shown image."""
    shown = exif.upright(image)
    clear = "transparency" in image.info
    mode = {"P": "RGBA" if clear else "RGB", "L": "LA" if clear else "L",
            "RGB": "RGBA" if clear else "RGB"}.get(shown.mode, shown.mode)
    return np.asarray(shown if mode == shown.mode else shown.convert(mode)), shown


def _read_deep(name, image, chunks):
    """The 16-bit values of a PNG file, by its high bytes and its low bytes, and the shown image."""
    colour = chunks[0][1][9]
    if colour == 0:
        values, shown = _read_part(name)
        values = values.astype(np.uint16)  # older Pillows read 32 bits
    elif colour == 4:  # grey and opacity, read as if they were four channels of 8 bits
        values, shown = _read_part(name, "RGBA")
        values = values[..., 0::2].astype(np.uint16) << 8 | values[..., 1::2]
    else:
        high, shown = _read_part(name, image.mode + ";16B")
        values = high.astype(np.uint16) << 8 | _read_part(name, image.mode + ";16L")[0]
    if key := dict(chunks).get(b"tRNS"):  # a transparent colour
        colours = values.reshape(*values.shape[:2], -1)
        opaque = (colours != np.frombuffer(key, ">u2")).any(axis=-1)
        values = np.dstack([colours, np.where(opaque, 65535, 0).astype(np.uint16)])
    return values, shown


def _read_part(name, raw=None):
    """The values of a PNG file, upright, its bytes taken for those of another mode."""
    from PIL import Image as pillow

    with pillow.open(name) as image:
        if raw is not None:
            tiles: Any = [tile._replace(args=raw) if hasattr(tile, "_replace")
                          else (*tile[:3], raw) for tile in image.tile]  # as older Pillows have it
            image.tile = tiles
        image.info.pop("transparency", None)
        shown = exif.upright(image)
        return np.asarray(shown), shown


def _chunks(name):
    """(name, content) of the chunks of a PNG file but its pixels, as far as it is whole."""
    with (open(name, "rb") if isinstance(name, str) else name) as file:
        file.seek(len(SIGNATURE))
        while len(head := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            if kind == b"IDAT":
                file.seek(length + 4, 1)
                continue
            content = file.read(length)
            if len(content) < length:
                return
            file.seek(4, 1)
            yield kind, content


# What a picture says beside its pixels --------------------------------------------------------


def _metadata(image, shown, chunks):
    """What an opened picture says; shown: it, upright."""
    info, dots = image.info, image.info.get("dpi")
    if image.format != "PNG" and not info.get("jfif_unit") and not exif.has(
            image, XRESOLUTION):
        dots = None  # which Pillow supposes
    if dots and shown.size != image.size:
        dots = dots[::-1]
    return Metadata(
        profile=info.get("icc_profile"), resolution=dots, unit=2,
        exif=exif.of_picture(image, shown.size), xmp=_xmp(image),
        iptc=info.get("photoshop", {}).get(IPTC_RESOURCE),
        chunks=tuple(chunk for chunk in chunks if chunk[0] in COLOURS or chunk[0] in TEXTS
                     and not chunk[1].startswith((XMP_WORD, b"Raw profile type"))),
        comment=info.get("comment"))


def _xmp(image):
    """The XMP data of an opened picture, of an upright image; None if none."""
    xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    for name, content in getattr(image, "applist", ()):  # as older Pillows have it
        if name == "APP1" and content.startswith(XMP_SEGMENT):
            xmp = xmp or content[len(XMP_SEGMENT):]
    if not xmp:
        return None
    xmp = xmp.encode() if isinstance(xmp, str) else xmp
    return re.sub(rb'(tiff:Orientation(?:="|>))[2-8]', rb"\g<1>1", xmp)


def dots_per_inch(metadata):
    """The resolution across and down in dots per inch, or None."""
    if metadata.resolution is None or metadata.unit not in (2, 3):
        return None
    dots = [float(number[0]) / (number[1] or 1) if isinstance(number, tuple) else float(number)
            for number in metadata.resolution]
    if min(dots) <= 0:
        return None
    return tuple(number * (2.54 if metadata.unit == 3 else 1) for number in dots)


# Writing --------------------------------------------------------------------------------------


def write(file, image, kind):
    """Write an image to an open file; returns what the format does not keep, in words."""
    from PIL import Image as pillow

    metadata, lost = image.metadata, _lost(image.metadata, kind)
    words = {code: value for code, _, _, value in metadata.tags
             if code in exif.WORDS and isinstance(value, str)}
    words |= {exif.DESCRIPTION: metadata.description} if metadata.description else {}
    size = [length for axis, length in enumerate(image.pixels.shape) if image.channel_axis is None
            or axis != image.channel_axis % 3][::-1]
    options: dict[str, Any] = {"icc_profile": metadata.profile, "dpi": dots_per_inch(metadata),
                               "exif": exif.for_picture(metadata.exif, words, size)}
    if kind == "PNG":
        options["pnginfo"] = _png_information(metadata)
    else:
        options |= {"quality": 95, "subsampling": 0, "comment": metadata.comment}
        options["extra"] = _segments(metadata)
        if options["exif"] and len(options["exif"]) > LARGEST_SEGMENT:
            lost.append("EXIF data of more than 64 KB")
            del options["exif"]
    options = {name: value for name, value in options.items() if value is not None}
    pixels = np.ascontiguousarray(join_alpha(image))
    if pixels.dtype == np.uint16 and pixels.ndim == 3:
        _write_deep(file, pixels, options)
    else:
        picture = pillow.fromarray(pixels) if image.photometric != "separated" else \
            pillow.frombytes("CMYK", pixels.shape[1::-1], pixels.tobytes())
        picture.save(file, kind, **options)
    return lost


def _lost(metadata, kind):
    """What neither PNG nor JPEG, or not this one of them, can hold."""
    codes, chunks = {tag[0] for tag in metadata.tags}, {name for name, _ in metadata.chunks}
    found = {"the GeoTIFF tags": codes & set(GEOGRAPHIC), "GDAL_METADATA": 42112 in codes,
             "GDAL_NODATA": metadata.nodata is not None,
             "ImageJ's metadata": metadata.imagej, "OME-XML": metadata.ome}
    if kind == "PNG":
        found |= {"the comment": metadata.comment, "IPTC": metadata.iptc}
    else:
        found["the texts"] = chunks & set(TEXTS)
        found["the gamma value"] = b"gAMA" in chunks and b"sRGB" not in chunks
        for name, content in (("XMP", metadata.xmp), ("IPTC", metadata.iptc)):
            found[f"{name} of more than 64 KB"] = len(content or b"") > LARGEST_SEGMENT
    return [what for what, there in found.items() if there]


def _segments(metadata):
    """The segments of JPEG that Pillow does not write in all its versions: XMP and IPTC."""
    xmp, iptc = metadata.xmp or b"", metadata.iptc or b""
    resource = PHOTOSHOP_SEGMENT + b"8BIM" + struct.pack(">HHI", IPTC_RESOURCE, 0, len(iptc))
    return b"".join(marker + struct.pack(">H", 2 + len(content)) + content
                    for marker, content, own in (
                        (b"\xff\xe1", XMP_SEGMENT + xmp, xmp),
                        (b"\xff\xed", resource + iptc + b"\0" * (len(iptc) % 2), iptc))
                    if 0 < len(own) <= LARGEST_SEGMENT)


def _png_information(metadata):
    from PIL.PngImagePlugin import PngInfo

    information = PngInfo()
    for kind, content in metadata.chunks:
        information.add(kind, content)
    if metadata.xmp:
        information.add(b"iTXt", XMP_WORD + b"\0\0\0\0" + metadata.xmp)
    return information


def _write_deep(file, pixels, options):
    """PNG with 16 bits and several channels: as Pillow writes it, but for header and pixels."""
    from PIL import Image as pillow

    rows, columns, channels = pixels.shape
    template = io.BytesIO()
    pillow.new({2: "LA", 3: "RGB", 4: "RGBA"}[channels], (1, 1)).save(template, "PNG", **options)
    values = pixels.astype(">u2").reshape(rows, -1).view(np.uint8)
    up = np.diff(values, axis=0, prepend=np.zeros((1, values.shape[1]), np.uint8))
    filtered = np.concatenate([np.full((rows, 1), 2, np.uint8), up], axis=1)
    colour = {2: 4, 3: 2, 4: 6}[channels]
    file.write(SIGNATURE)
    template.seek(0)
    for kind, content in _chunks(template):
        if kind == b"IHDR":
            content = struct.pack(">IIBBBBB", columns, rows, 16, colour, 0, 0, 0)
        if kind == b"IEND":
            _write_chunk(file, b"IDAT", zlib.compress(filtered.tobytes(), 6))
        _write_chunk(file, kind, content)


def _write_chunk(file, kind, content):
    file.write(struct.pack(">I", len(content)) + kind + content
               + struct.pack(">I", zlib.crc32(kind + content)))
