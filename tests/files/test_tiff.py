"""TIFF files, read: axes, compression that tifffile lacks, and everything beside the pixels."""

import sys

import numpy as np
import pytest
import tifffile
from PIL import Image as pillow

from pdenet.files import images, tiff
from pdenet.files.contents import ImageFileError

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (30, 40)).astype(np.uint8)
COLOUR = RNG.integers(0, 256, (30, 40, 3)).astype(np.uint8)


@pytest.fixture
def without_codecs(monkeypatch):
    """As if imagecodecs were not installed, whose functions tifffile would take."""
    monkeypatch.setitem(sys.modules, "imagecodecs", None)

    def lacks(page, *arguments, **options):
        raise ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")

    monkeypatch.setattr(tifffile.TiffPage, "asarray", lacks)
    monkeypatch.setattr(tifffile.TiffFrame, "asarray", lacks)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("pixels", [GREY, COLOUR, GREY > 99, GREY.astype(np.uint16) * 200,
                                    GREY.astype(np.int32) - 10**6, GREY.astype(np.float32) / 7],
                         ids=lambda pixels: f"{pixels.dtype}{pixels.ndim}")
def test_what_pillow_reads_without_loss(tmp_path, without_codecs, pixels, orientation):
    picture = pillow.fromarray(pixels)
    picture.save(tmp_path / "a.tif", compression="tiff_lzw", tiffinfo={274: orientation})
    image = images.read(str(tmp_path / "a.tif"))
    np.testing.assert_array_equal(image.pixels, pixels)
    assert (image.pixels.dtype, image.orientation) == (pixels.dtype, orientation)
    assert image.metadata.compressed


def test_pages_and_inverted_scans_by_pillow(tmp_path, without_codecs):
    pages = [pillow.fromarray(page) for page in (GREY, GREY[::-1], GREY // 2)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:],
                  compression="tiff_lzw")
    with tiff.Images(str(tmp_path / "a.tif"), 10**6) as stack:
        assert stack.pages == (3,)
        for k, page in enumerate(pages):
            np.testing.assert_array_equal(stack.read((k,)).pixels, np.asarray(page))
    for dtype in (bool, np.uint8):
        pixels = GREY > 99 if dtype is bool else GREY
        tifffile.imwrite(tmp_path / "w.tif", pixels, photometric="miniswhite")
        image = images.read(str(tmp_path / "w.tif"))
        np.testing.assert_array_equal(image.pixels, pixels)
        assert image.photometric == "miniswhite"


@pytest.mark.parametrize("compression, pixels", [("tiff_lzw", GREY), ("jpeg", COLOUR),
                                                 ("group4", GREY > 99), ("packbits", GREY),
                                                 ("tiff_adobe_deflate", COLOUR)])
def test_compression_that_others_write(tmp_path, compression, pixels):
    pillow.fromarray(pixels).save(tmp_path / "a.tif", compression=compression)
    with pillow.open(tmp_path / "a.tif") as opened:
        expected = np.asarray(opened)
    image = images.read(str(tmp_path / "a.tif"))
    assert np.abs(image.pixels.astype(int) - expected).max() <= (2 if compression == "jpeg" else 0)
    assert image.metadata.compressed == (compression not in ("jpeg", "group4"))


@pytest.mark.parametrize("pixels", [COLOUR.astype(np.uint16), GREY.astype(np.float64)])
def test_what_pillow_would_spoil_needs_a_package(tmp_path, without_codecs, pixels):
    tifffile.imwrite(tmp_path / "a.tif", pixels, compression="zlib",
                     photometric="rgb" if pixels.ndim == 3 else "minisblack")
    with pytest.raises(ImageFileError, match="a.tif: reading ADOBE_DEFLATE compression needs "
                       "imagecodecs: python -m pip install imagecodecs$"):
        images.read(str(tmp_path / "a.tif"))


def test_planes_of_colours_and_channels_that_stand_last(tmp_path):
    pixels = RNG.integers(0, 99, (3, 5, 6)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(images.read(str(tmp_path / "a.tif")).pixels,
                                  np.moveaxis(pixels, 0, -1))
    tifffile.imwrite(tmp_path / "b.tif", np.moveaxis(pixels, 0, -1), photometric="minisblack",
                     metadata={"axes": "YXC"})
    image = images.read(str(tmp_path / "b.tif"))
    assert image.channel_axis == -1
    np.testing.assert_array_equal(image.pixels, np.moveaxis(pixels, 0, -1))


@pytest.mark.parametrize("axes, message", [("TZQ", "must have axes Y and X; has TZQ of shape")])
def test_files_without_rows_and_columns(tmp_path, axes, message):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 5, 6), np.uint8), photometric="minisblack",
                     metadata={"axes": axes})
    with pytest.raises(ImageFileError, match=message):
        images.read(str(tmp_path / "a.tif"))


def test_reduced_copies_and_masks_are_told(tmp_path):
    name = str(tmp_path / "a.tif")
    with tifffile.TiffWriter(name) as file:
        file.write(COLOUR, photometric="rgb", metadata=None)
        file.write(COLOUR[::3, ::3], photometric="rgb", subfiletype=1, metadata=None)
        file.write(GREY > 3, subfiletype=4, metadata=None, photometric="mask")
    image = images.read(name)
    np.testing.assert_array_equal(image.pixels, COLOUR)
    assert image.metadata.lost == ("reduced copies and masks",)
    with tifffile.TiffWriter(name) as file:
        file.write(GREY, subifds=1, tile=(16, 16))
        file.write(GREY[::2, ::2], subfiletype=1, tile=(16, 16))
    image = images.read(name)
    np.testing.assert_array_equal(image.pixels, GREY)
    assert (image.metadata.lost, image.metadata.tile) == (("reduced copies",), (16, 16))


def test_tags_that_are_not_kept_are_named(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", GREY, extratags=[
        (65000, "s", 0, "private", True), (34377, 7, 4, b"8BIM", True)])
    assert images.read(str(tmp_path / "a.tif")).metadata.lost == (
        "Photoshop's resources", "tag 65000 (65000)")


def test_pages_that_ome_leaves_out_are_black(tmp_path):
    name = str(tmp_path / "a.ome.tif")
    tifffile.imwrite(name, np.stack([GREY] * 3), photometric="minisblack",
                     metadata={"axes": "ZYX"})
    with tifffile.TiffFile(name) as file:
        xml = file.ome_metadata.replace('PlaneCount="3"', 'PlaneCount="2"')
    tifffile.tiffcomment(name, xml.encode())
    with tiff.Images(name, 10**6) as stack:
        assert stack.read((1,)).pixels.any() and not stack.read((2,)).pixels.any()
        np.testing.assert_array_equal(stack.black().pixels, np.zeros((30, 40)))
