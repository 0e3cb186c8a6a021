"""PNG and JPEG: pixels of every kind, and what a picture says beside them."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image as pillow
from PIL import ImageCms, PngImagePlugin

from pdenet.files import images, pictures

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (13, 17, 3)).astype(np.uint8)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r tiff:Orientation="6"/></x:xmpmeta>'


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(
        ">I", zlib.crc32(kind + content))


def filtered(rows, size):
    """Rows of bytes, filtered by the five types of PNG in turn; size: bytes of a pixel."""
    above, out = np.zeros(rows.shape[1], int), []
    for k, row in enumerate(rows.astype(int)):
        left, corner = (np.concatenate([np.zeros(size, int), line[:-size]])
                        for line in (row, above))
        nearest = np.abs(np.stack([above - corner, left - corner, left + above - 2 * corner]))
        paeth = np.choose(nearest.argmin(axis=0), [left, above, corner])
        guess = [0, left, above, (left + above) // 2, paeth][k % 5]
        out.append(bytes([k % 5]) + ((row - guess) % 256).astype(np.uint8).tobytes())
        above = row
    return b"".join(out)


def write_png(path, pixels, *others, interlaced=False):
    """16-bit PNG, written without Pillow and without the package."""
    pixels = pixels if pixels.ndim == 3 else pixels[..., np.newaxis]
    rows, columns, channels = pixels.shape
    parts = [(0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2),
             (1, 2, 0, 1)] if interlaced else [(0, 1, 0, 1)]
    content = b""
    for top, down, before, across in parts:
        part = pixels[top::down, before::across]
        if part.size:
            content += filtered(np.ascontiguousarray(part, ">u2").view(np.uint8).reshape(
                len(part), -1), 2 * channels)
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", columns, rows, 16, colour, 0, 0, int(interlaced))
    packed = zlib.compress(content)
    path.write_bytes(pictures.SIGNATURE + chunk(b"IHDR", header) + b"".join(
        chunk(*other) for other in others) + chunk(b"IDAT", packed[:50]) + chunk(
            b"IDAT", packed[50:]) + chunk(b"IEND", b""))


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("shape", [(13, 17), (1, 1), (2, 9), (40, 3)])
def test_sixteen_bits_are_read_and_written(tmp_path, shape, channels, interlaced):
    pixels = RNG.integers(0, 65536, (*shape, channels)).astype(np.uint16)
    write_png(tmp_path / "a.png", pixels, interlaced=interlaced)
    for name in ("a.png", "b.png"):
        image = images.read(str(tmp_path / name))
        assert image.pixels.dtype == np.uint16
        assert (image.channel_axis, image.alpha is None) == (
            -1 if channels > 2 else None, channels % 2 == 1)
        found = images.join_alpha(image).reshape(pixels.shape)
        np.testing.assert_array_equal(found, pixels)
        if name == "a.png":
            images.write(str(tmp_path / "b.png"), image, False)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_transparent_colour_of_sixteen_bits(tmp_path, channels):
    pixels = RNG.integers(0, 2, (9, 9, channels)).astype(np.uint16) * 257 + 3
    write_png(tmp_path / "a.png", pixels, (b"tRNS", pixels[4, 5].astype(">u2").tobytes()))
    alpha = images.read(str(tmp_path / "a.png")).alpha
    clear = (pixels == pixels[4, 5]).all(axis=-1)
    np.testing.assert_array_equal(alpha, np.where(clear, 0, 65535))


def test_a_deep_picture_is_turned_and_keeps_what_it_says(tmp_path):
    pixels = RNG.integers(0, 65536, (9, 7, 3)).astype(np.uint16)
    exif = pillow.Exif()
    exif[274], exif[271] = 6, "Maker"
    write_png(tmp_path / "a.png", pixels, (b"iCCP", b"name\0\0" + zlib.compress(PROFILE)),
              (b"pHYs", struct.pack(">IIB", 11811, 5906, 1)), (b"eXIf", exif.tobytes()[6:]),
              (b"tEXt", b"Title\0picture"), (b"gAMA", struct.pack(">I", 45455)))
    image = images.read(str(tmp_path / "a.png"))
    np.testing.assert_array_equal(image.pixels, np.rot90(pixels, -1))
    assert pictures.write(tmp := io.BytesIO(), image, "PNG") == []
    with pillow.open(tmp) as found:
        assert (found.size, found.info["icc_profile"]) == ((9, 7), PROFILE)
        assert np.allclose(found.info["dpi"], (150, 300), atol=0.02)  # turned, too
        assert (found.text["Title"], found.info["gamma"]) == ("picture", 0.45455)
        assert dict(found.getexif()) == {271: "Maker", 274: 1}


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA", "I;16", "CMYK"])
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_modes_of_pillow(tmp_path, mode, suffix):
    if (mode == "CMYK") == (suffix == "png") or suffix == "jpg" and mode in ("1", "LA", "RGBA",
                                                                             "I;16"):
        return
    bands = {"L": 1, "RGB": 3, "LA": 2}.get(mode, 4)
    pixels = RNG.integers(0, 256, (13, 17, bands)).astype(np.uint8)
    if mode in ("1", "I;16"):
        pixels = pixels[..., 0] > 99 if mode == "1" else pixels[..., 0].astype(np.uint16) * 200
        source = pillow.fromarray(pixels)
    else:
        source = pillow.frombytes(mode, (17, 13), pixels.tobytes())
    source.save(tmp_path / f"a.{suffix}")
    with pillow.open(tmp_path / f"a.{suffix}") as opened:
        expected = np.asarray(opened)
    image = images.read(str(tmp_path / f"a.{suffix}"))
    np.testing.assert_array_equal(images.join_alpha(image), expected)
    assert image.photometric == ("separated" if mode == "CMYK" else None)
    images.write(str(tmp_path / f"b.{suffix}"), image, False)
    with pillow.open(tmp_path / f"b.{suffix}") as opened:
        assert opened.mode == mode or mode == "I;16" and opened.mode == "I"
        difference = np.asarray(opened).astype(int) - expected.astype(int)
        assert np.abs(difference).max() <= (0 if suffix == "png" else 12)


def photograph(path, **options):
    exif = pillow.Exif()
    exif[271], exif[274], exif[256] = "Maker", options.pop("orientation", 6), 17
    exif[0x8769] = {0xA002: 17, 0xA003: 13, 0x829A: 0.25, 0x9286: b"ASCII\0\0\0note"}
    exif[0x8825] = {1: "N", 2: (48.0, 1.0, 2.0)}
    pillow.fromarray(COLOUR).save(path, exif=exif.tobytes(), icc_profile=PROFILE, dpi=(300, 150),
                                  **options)


@pytest.mark.parametrize("source", ["a.jpg", "a.png"])
@pytest.mark.parametrize("target", ["b.jpg", "b.png"])
def test_a_photograph_keeps_its_profile_resolution_and_exif(tmp_path, source, target):
    photograph(tmp_path / source)
    image = images.read(str(tmp_path / source))
    assert image.pixels.shape == (17, 13, 3)
    assert images.write(str(tmp_path / target), image, False) == []
    with pillow.open(tmp_path / target) as found:
        assert found.size == (13, 17) and found.info["icc_profile"] == PROFILE
        assert np.allclose(found.info["dpi"], (150, 300), atol=0.02)
        exif = found.getexif()
        assert (exif[271], exif[274]) == ("Maker", 1) and 256 not in exif
        camera = exif.get_ifd(0x8769)
        assert (camera[0xA002], camera[0xA003], float(camera[0x829A])) == (13, 17, 0.25)
        assert camera[0x9286] == b"ASCII\0\0\0note"
        assert dict(exif.get_ifd(0x8825)) == {1: "N", 2: (48.0, 1.0, 2.0)}


def test_the_thumbnail_of_the_unfiltered_picture_is_not_kept(tmp_path):
    photograph(tmp_path / "a.jpg", orientation=1)
    content = (tmp_path / "a.jpg").read_bytes()
    small = io.BytesIO()
    pillow.fromarray(COLOUR).save(small, "JPEG")
    start = content.index(b"Exif\0\0") + 6
    length, = struct.unpack(">H", content[start - 8:start - 6])
    exif = bytearray(content[start:start - 8 + length])
    order = "<" if exif[:2] == b"II" else ">"
    first, = struct.unpack(order + "I", exif[4:8])
    count, = struct.unpack(order + "H", exif[first:first + 2])
    following = first + 2 + 12 * count
    exif[following:following + 4] = struct.pack(order + "I", len(exif))
    exif += struct.pack(order + "H", 2) + struct.pack(order + "HHII", 513, 4, 1, len(exif) + 30)
    exif += struct.pack(order + "HHII", 514, 4, 1, small.tell()) + bytes(4) + small.getvalue()
    with pillow.open(tmp_path / "a.jpg") as opened:
        opened.save(tmp_path / "b.jpg", exif=b"Exif\0\0" + bytes(exif))
    assert (tmp_path / "b.jpg").read_bytes().count(b"\xff\xd8") > 1
    images.write(str(tmp_path / "c.jpg"), images.read(str(tmp_path / "b.jpg")), False)
    assert (tmp_path / "c.jpg").read_bytes().count(b"\xff\xd8\xff") == 1


@pytest.mark.parametrize("source", ["a.jpg", "a.png"])
def test_xmp_is_kept_upright(tmp_path, source):
    if source == "a.jpg":
        content = pictures.XMP_SEGMENT + XMP
        photograph(tmp_path / source, orientation=1, extra=b"\xff\xe1" + struct.pack(
            ">H", 2 + len(content)) + content)
    else:
        information = PngImagePlugin.PngInfo()
        information.add(b"iTXt", pictures.XMP_WORD + b"\0\0\0\0" + XMP)
        photograph(tmp_path / source, pnginfo=information)
    image = images.read(str(tmp_path / source))
    for target in ("b.jpg", "b.png"):
        assert images.write(str(tmp_path / target), image, False) == []
        again = images.read(str(tmp_path / target)).metadata
        assert again.xmp == XMP.replace(b'"6"', b'"1"')
        assert (tmp_path / target).read_bytes().count(b"xmpmeta xmlns") == 1


def test_texts_and_colours_of_png(tmp_path):
    information = PngImagePlugin.PngInfo()
    information.add_text("Title", "picture")
    information.add_text("Long", "word " * 99, zip=True)
    information.add_itxt("Comment", "größe", "de", "Bemerkung")
    information.add(b"gAMA", struct.pack(">I", 50000))
    information.add(b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000,
                                         6000))
    pillow.fromarray(COLOUR).save(tmp_path / "a.png", pnginfo=information)
    image = images.read(str(tmp_path / "a.png"))
    assert images.write(str(tmp_path / "b.png"), image, False) == []
    with pillow.open(tmp_path / "a.png") as one, pillow.open(tmp_path / "b.png") as other:
        assert one.text == other.text and len(one.text) == 3
        assert one.info["chromaticity"] == other.info["chromaticity"]
        assert one.info["gamma"] == other.info["gamma"] == 0.5
    assert images.write(str(tmp_path / "b.jpg"), image, False) == ["the texts", "the gamma value"]
    assert images.write(str(tmp_path / "b.tif"), image, False) == ["the texts", "the gamma value"]


def test_a_comment_and_no_resolution(tmp_path):
    exif = pillow.Exif()
    exif[271] = "Maker"
    pillow.fromarray(COLOUR).save(tmp_path / "a.jpg", comment=b"hello", exif=exif.tobytes())
    image = images.read(str(tmp_path / "a.jpg"))
    assert image.metadata.resolution is None
    assert images.write(str(tmp_path / "b.jpg"), image, False) == []
    with pillow.open(tmp_path / "b.jpg") as found:
        assert found.info["comment"] == b"hello" and found.info["jfif_unit"] == 0
    assert images.write(str(tmp_path / "b.png"), image, False) == ["the comment"]
    assert images.write(str(tmp_path / "b.tif"), image, False) == ["the comment"]


def test_metadata_that_are_too_long_for_jpeg(tmp_path):
    exif = pillow.Exif()
    exif[271] = "M" * 70000
    metadata = images.Image(COLOUR).metadata
    image = images.Image(COLOUR, -1, metadata=type(metadata)(exif=exif.tobytes(),
                                                             xmp=b"x" * 70000))
    assert images.write(str(tmp_path / "a.png"), image, False) == []
    assert images.write(str(tmp_path / "a.jpg"), image, False) == [
        "XMP of more than 64 KB", "EXIF data of more than 64 KB"]
    assert images.read(str(tmp_path / "a.jpg")).metadata.exif is None


def test_damaged_exif_leaves_the_picture(tmp_path):
    pillow.fromarray(COLOUR).save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff rubbish")
    image = images.read(str(tmp_path / "a.jpg"))
    assert image.pixels.shape == COLOUR.shape and image.metadata.lost == ("damaged EXIF data",)
    images.write(str(tmp_path / "b.jpg"), image, False)


def test_the_second_picture_of_a_phone(tmp_path):
    pillow.fromarray(COLOUR).save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[
        pillow.fromarray(COLOUR[::-1])])
    image = images.read(str(tmp_path / "a.jpg"))
    assert image.pixels.shape == COLOUR.shape and image.metadata.lost == ("the second picture",)


@pytest.mark.parametrize("resolution, unit, dots", [
    ((300, 150), 2, (300, 150)), (((600, 2), (300, 2)), 2, (300, 150)),
    ((100, 50), 3, (254, 127)), ((3, 2), 1, None), ((0, 0), 2, None), (None, 2, None),
    (((72, 0), (72, 1)), 2, (72, 72))])
def test_resolutions(resolution, unit, dots):
    metadata = type(images.Image(COLOUR).metadata)(resolution=resolution, unit=unit)
    assert pictures.dots_per_inch(metadata) == dots
