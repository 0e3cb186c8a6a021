"""TIFF files, written: what their inputs say beside the pixels, ImageJ's and OME's too."""

import io
import re

import numpy as np
import pytest
import tifffile
from PIL import Image as pillow

from pdenet.files import images, pictures, tiff_stacks
from pdenet.files.contents import Image, Metadata, UsageError

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 200, (30, 40)).astype(np.uint8)
GDAL = ('<GDALMetadata>\n  <Item name="UNITS">m</Item>\n  <Item name="STATISTICS_MEAN" sample="0">'
        '3.5</Item>\n</GDALMetadata>')
GEOGRAPHIC = [(33550, "d", 3, (0.5, 0.5, 0.0), True),
              (33922, "d", 6, (0.0, 0.0, 0.0, 5e5, 4e6, 0.0), True),
              (34735, "H", 8, (1, 1, 0, 1, 1024, 0, 1, 1), True),
              (34736, "d", 2, (298.257, 6378137.0), True), (34737, "s", 0, "WGS 84|", True)]


def through(source, target, dtype=None):
    """Read a file, and write it as it is; returns what is not kept."""
    stack = tiff_stacks.open_stack(str(source), 10**6)
    if stack is None:
        image = images.read(str(source))
        return images.write(str(target), image.with_result(image.pixels, dtype), True)
    with stack:
        pages = (stack.read(index) for index in stack.indices())
        return tiff_stacks.write_stack(str(target), stack, (
            page.with_result(page.pixels, dtype) for page in pages), dtype, True)


def tags(path):
    with tifffile.TiffFile(path) as file:
        return {tag.code: tag.value for tag in file.pages.first.tags}


@pytest.mark.parametrize("options", [{}, {"bigtiff": True}, {"byteorder": ">"}])
def test_tags_of_words_places_and_resolution(tmp_path, options):
    profile = b"profile" * 50
    tifffile.imwrite(tmp_path / "a.tif", GREY, description="größe".encode(), metadata=None,
                     resolution=((300, 7), (3000001, 10000)), resolutionunit=3, software="scanner",
                     datetime="2020:02:03 04:05:06", **options, extratags=[
                         (34675, 7, len(profile), profile, True),
                         (315, "s", 0, "Ä. Artist".encode(), True), (271, "s", 0, "Maker", True),
                         (33432, "s", 0, "mine", True),
                         (33723, 7, 12, b"\x1c\x02\x05\x00\x05hello\0\0", True),
                         (700, 1, 5, b"<xmp>", True), *GEOGRAPHIC,
                         (42112, "s", 0, GDAL, True), (42113, "s", 0, "-9999", True)])
    assert through(tmp_path / "a.tif", tmp_path / "b.tif") == []
    before, after = tags(tmp_path / "a.tif"), tags(tmp_path / "b.tif")
    for code in (270, 271, 282, 283, 296, 305, 306, 315, 700, 33432, 33550, 33723, 33922, 34675,
                 34735, 34736, 34737, 42113):
        assert after[code] == before[code], code
    assert after[42112] == GDAL.split("\n  <Item name=\"STAT")[0] + "\n</GDALMetadata>"
    assert after.get(274, 1) == 1


def test_files_without_words_get_none(tmp_path):
    images.write(str(tmp_path / "a.tif"), Image(GREY), False)
    assert not {270, 305, 306, 315} & set(tags(tmp_path / "a.tif"))


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32",
                                   "float16", "float32", "float64"])
@pytest.mark.parametrize("compression", [None, "zlib", "lzma"])
def test_types_and_compression(tmp_path, dtype, compression):
    pixels = (GREY > 99).astype(dtype) if dtype == "bool" else (GREY / 2).astype(dtype)
    if dtype == "bool" and compression:
        return  # older versions of tifffile do not write it
    tifffile.imwrite(tmp_path / "a.tif", pixels, compression=compression, tile=(16, 32))
    assert through(tmp_path / "a.tif", tmp_path / "b.tif") == []
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        page = file.pages.first
        assert (page.dtype, page.compression == 8) == (np.dtype(dtype), compression is not None)
        assert (page.tilelength, page.tilewidth) == (16, 32)
        np.testing.assert_array_equal(file.asarray(), pixels)
    with pillow.open(tmp_path / "b.tif") if dtype in ("uint8", "uint16", "float32") else \
            pillow.fromarray(GREY) as opened:
        if opened.format:  # by another reader, which undoes the predictor, too
            np.testing.assert_array_equal(np.asarray(opened), pixels)


def test_the_orientation_stays_and_pictures_are_turned(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", GREY, extratags=[(274, 3, 1, 6, True)], metadata=None,
                     resolution=(200, 100))
    assert through(tmp_path / "a.tif", tmp_path / "b.tif") == []
    assert tags(tmp_path / "b.tif")[274] == 6
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "b.tif"), GREY)
    assert through(tmp_path / "a.tif", tmp_path / "b.png") == []
    with pillow.open(tmp_path / "b.png") as opened:
        np.testing.assert_array_equal(np.asarray(opened), np.rot90(GREY, -1))
        assert np.allclose(opened.info["dpi"], (100, 200), atol=0.02)


def test_pictures_cannot_hold_all_tags(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", GREY, description="a scan", metadata=None, software=False,
                     extratags=[(315, "s", 0, "me", True), (42113, "s", 0, "0", True),
                                (42112, "s", 0, GDAL, True),
                                (33723, 4, 3, b"\x1c\x02\x05\x00\x05hello\0\0", True), *GEOGRAPHIC])
    lost = ["the GeoTIFF tags", "GDAL_METADATA", "GDAL_NODATA"]
    for target in ("b.png", "b.jpg"):
        assert through(tmp_path / "a.tif", tmp_path / target) == lost + ["IPTC"] * (
            target == "b.png")
        with pillow.open(tmp_path / target) as opened:
            assert dict(opened.getexif()) == {270: "a scan", 315: "me"}


@pytest.mark.parametrize("iptc", [b"\x1c\x02\x05\0\x05hello", b"\x1c\x02\x05\0\x06hello!"])
def test_iptc_goes_through_jpeg_and_tiff(tmp_path, iptc):
    image = Image(GREY, metadata=Metadata(iptc=iptc))
    assert images.write(str(tmp_path / "a.jpg"), image, False) == []
    for source, target in (("a.jpg", "b.tif"), ("b.tif", "c.jpg"), ("c.jpg", "d.jpg")):
        assert through(tmp_path / source, tmp_path / target) == []
    for name in ("b.tif", "d.jpg"):
        assert images.read(str(tmp_path / name)).metadata.iptc == iptc


@pytest.mark.parametrize("resolution", [((0, 0), (0, 0)), ((72, 0), (72, 1))])
def test_a_resolution_that_is_none(tmp_path, resolution):
    image = Image(GREY, metadata=Metadata(resolution=resolution))
    for name in ("a.tif", "a.png", "a.jpg"):
        images.write(str(tmp_path / name), image, False)


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_exif_of_a_photograph_goes_to_tiff_and_back(tmp_path, suffix):
    exif = pillow.Exif()
    exif[271], exif[270], exif[306] = "Maker", "größe", "2020:02:03 04:05:06"
    exif[0x8769] = {0xA002: 40, 0xA003: 30, 0x829A: 0.25, 0x9286: b"ASCII\0\0\0note"}
    exif[0x8825] = {1: "N", 2: (48.0, 1.0, 2.0)}
    pillow.fromarray(GREY).save(tmp_path / f"a.{suffix}", exif=exif.tobytes(), dpi=(300, 300),
                                quality=100)
    assert through(tmp_path / f"a.{suffix}", tmp_path / "b.tif") == []
    assert through(tmp_path / "b.tif", tmp_path / "c.tif") == []
    assert through(tmp_path / "c.tif", tmp_path / f"d.{suffix}") == []
    for name in ("b.tif", "c.tif"):
        with tifffile.TiffFile(tmp_path / name) as file:
            np.testing.assert_allclose(file.asarray(), GREY, atol=3 if suffix == "jpg" else 0)
            found = file.pages.first.tags
            assert found[34665].value["ExposureTime"] == 0.25
            assert found[34853].value["GPSLatitudeRef"] == "N"
            assert [found[code].value for code in (271, 306)] == ["Maker", "2020:02:03 04:05:06"]
            codes = [tag.code for tag in found]
            assert codes == sorted(codes) and not {34664, 34852} & set(codes)
    with pillow.open(tmp_path / f"d.{suffix}") as opened:
        after = opened.getexif()
        assert (after[271], after[306]) == ("Maker", "2020:02:03 04:05:06")
        assert dict(after.get_ifd(0x8769)) == dict(exif[0x8769])
        assert dict(after.get_ifd(0x8825)) == dict(exif[0x8825])


def test_exif_of_a_photograph_that_is_turned_when_it_becomes_a_picture(tmp_path):
    exif = pillow.Exif()
    exif[274], exif[0x8769] = 6, {0xA002: 40, 0xA003: 30}
    content = io.BytesIO()
    metadata = Metadata(exif=exif.tobytes())
    pictures.write(content, Image(GREY, orientation=6, metadata=metadata).upright(), "PNG")
    with pillow.open(content) as opened:
        assert opened.size == (30, 40)
        assert dict(opened.getexif().get_ifd(0x8769)) == {0xA002: 30, 0xA003: 40}


# ImageJ -----------------------------------------------------------------------------------


def imagej(path, axes="TZCYX", shape=(2, 3, 2, 9, 8), dtype=np.uint16):
    pixels = RNG.integers(0, 250, shape).astype(dtype)
    ramp = np.tile(np.arange(256, dtype=np.uint8), (3, 1))
    tifffile.imwrite(path, pixels, imagej=True, resolution=(5.0, 4.0), metadata={
        "axes": axes, "unit": "um", "spacing": 2.0, "finterval": 1.5, "min": 1.0, "max": 99.0,
        "LUTs": [ramp, ramp[:, ::-1]], "Ranges": (0.0, 9.0, 1.0, 8.0), "Info": "größe",
        "Labels": [str(k) for k in range(12)], "ROI": b"Iout" + bytes(60),
        "Overlays": [b"Iout" + bytes(60), b"Iout" + bytes(64)]})
    return pixels


def described(path):
    with tifffile.TiffFile(path) as file:
        found = dict(file.imagej_metadata)
        found["LUTs"] = [table.tolist() for table in found["LUTs"]]
        return found, file.pages.first.resolution, file.series[0].axes


@pytest.mark.parametrize("axes, shape, dtype", [
    ("TZCYX", (2, 3, 2, 9, 8), np.uint16), ("CYX", (2, 9, 8), np.float32),
    ("ZYX", (3, 9, 8), np.uint8), ("YX", (9, 8), np.uint8), ("YXS", (9, 8, 3), np.uint8),
    ("TYXS", (2, 9, 8, 3), np.uint8)])
def test_imagej_files_stay_imagejs(tmp_path, axes, shape, dtype):
    pixels = imagej(tmp_path / "a.tif", axes, shape, dtype)
    assert through(tmp_path / "a.tif", tmp_path / "b.tif") == []
    assert described(tmp_path / "b.tif") == described(tmp_path / "a.tif")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "b.tif"), pixels)


@pytest.mark.parametrize("dtype", ["float64", "int16"])
def test_types_that_imagej_does_not_have(tmp_path, dtype):
    pixels = imagej(tmp_path / "a.tif")
    assert through(tmp_path / "a.tif", tmp_path / "b.tif", dtype) == [
        "ImageJ's metadata, which go with uint8, uint16, float32"]
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        assert (file.series[0].axes, file.series[0].dtype) == ("TZCYX", np.dtype(dtype))
        assert file.pages.first.resolution == (5.0, 4.0)
        np.testing.assert_array_equal(file.asarray(), pixels)


# OME --------------------------------------------------------------------------------------


def ome(path, axes="CZYX", shape=(2, 3, 9, 8), **options):
    pixels = RNG.integers(0, 250, shape).astype(np.uint16)
    tifffile.imwrite(path, pixels, ome=True, photometric="minisblack", metadata={
        "axes": axes, "PhysicalSizeX": 0.25, "PhysicalSizeXUnit": "µm", "SignificantBits": 12,
        "Channel": {"Name": ["first", "second"]}}, **options)
    return pixels


@pytest.mark.parametrize("axes, shape", [("CZYX", (2, 3, 9, 8)), ("ZCYX", (3, 2, 9, 8)),
                                         ("TCYX", (3, 2, 9, 8)), ("CYX", (2, 9, 8))])
@pytest.mark.parametrize("dtype, kind", [(None, "uint16"), ("float32", "float"), ("int8", "int8")])
def test_ome_xml_stays_with_its_name(tmp_path, axes, shape, dtype, kind):
    pixels = ome(tmp_path / "a.ome.tif", axes, shape)
    assert through(tmp_path / "a.ome.tif", tmp_path / "b.ome.tif", dtype) == []
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as before, \
            tifffile.TiffFile(tmp_path / "b.ome.tif") as after:
        assert after.is_ome and after.series[0].axes == axes
        assert after.series[0].dtype == np.dtype(dtype or np.uint16)
        np.testing.assert_array_equal(after.asarray(), np.clip(pixels, None, 127)
                                      if dtype == "int8" else pixels)
        xml = after.ome_metadata
        assert f'Type="{kind}"' in xml and ("SignificantBits" in xml) == (
            dtype is None and "SignificantBits" in before.ome_metadata)
        for word in ('PhysicalSizeX="0.25"', 'PhysicalSizeXUnit="µm"', 'Name="second"'):
            assert word in xml
        assert "UUID" not in xml and len(re.findall("<TiffData", xml)) == 1
        assert xml.count("</Pixels>") == 1


def test_ome_xml_of_many_planes_and_files(tmp_path):
    pixels = ome(tmp_path / "a.ome.tif")
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as file:
        xml = file.ome_metadata
    single = "".join(f'<TiffData FirstC="{k // 3}" FirstZ="{k % 3}" IFD="{k}" PlaneCount="1">'
                     f'<UUID FileName="a.ome.tif">urn:uuid:1</UUID></TiffData>' for k in range(6))
    xml = re.sub("<TiffData[^>]*/>", single, re.sub('UUID="[^"]*"', 'UUID="urn:uuid:1"', xml, 1))
    tifffile.tiffcomment(tmp_path / "a.ome.tif", xml.encode())
    assert through(tmp_path / "a.ome.tif", tmp_path / "b.ome.tif") == []
    with tifffile.TiffFile(tmp_path / "b.ome.tif") as file:
        assert file.ome_metadata.count("TiffData") == 1 and "UUID" not in file.ome_metadata
        np.testing.assert_array_equal(file.asarray(), pixels)


def test_other_names_and_other_sources_of_ome(tmp_path):
    ome(tmp_path / "a.ome.tif")
    assert through(tmp_path / "a.ome.tif", tmp_path / "b.tif") == [
        "OME-XML, which needs a name that ends in .ome.tif"]
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        assert not file.is_ome and file.series[0].axes == "CZYX"
    pixels = imagej(tmp_path / "c.tif")
    assert through(tmp_path / "c.tif", tmp_path / "d.OME.TIFF") == ["ImageJ's metadata"]
    with tifffile.TiffFile(tmp_path / "d.OME.TIFF") as file:
        assert file.is_ome and file.series[0].axes == "TZCYX"
        np.testing.assert_array_equal(file.asarray(), pixels)
    for source in ("a.ome.tif", "c.tif"):
        with pytest.raises(UsageError, match="x.ome.tif: OME-TIFF cannot hold float16 values; it "):
            through(tmp_path / source, tmp_path / "x.ome.tif", "float16")
    assert not (tmp_path / "x.ome.tif").exists()
