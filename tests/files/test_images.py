"""Image files on the command line: every format keeps its type, or says why it cannot."""


import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from PIL import Image

import pdenet
from pdenet.commands import main as cli
from pdenet.files import images as imagefiles

from ..commands.test_main import COLOUR, GREY, RNG, fails, here

assert here  # a fixture


@pytest.mark.parametrize("suffix", [".png", ".tif", ".tiff", ".jpg", ".jpeg"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("colour", [False, True])
def test_formats_keep_the_type(here, capsys, suffix, dtype, colour):
    pixels = (COLOUR if colour else GREY).astype(dtype) * (200 if dtype == np.uint16 else 1)
    tifffile.imwrite("in.tif", pixels, photometric="rgb" if colour else "minisblack")
    fits = ("tif" in suffix or dtype == np.uint8
            or suffix == ".png" and dtype == np.uint16)
    arguments = ["filter", "gerig", "in.tif", "out" + suffix, "--contrast", "900", "--time", "1"]
    if not fits:
        return fails(capsys, 2, "cannot hold", *arguments)
    assert cli.main(arguments) == 0
    result = imagefiles.read("out" + suffix).pixels
    assert result.dtype == dtype and result.shape == pixels.shape
    expected = pdenet.gerig(pixels, contrast=900, time=1, channel_axis=-1 if colour else None)
    tolerance = 12 if suffix.startswith(".j") else 0.5 if dtype().dtype.kind == "u" else 0
    assert np.abs(result - expected).max() <= tolerance


def test_rounding_and_clipping_never_wrap(here, capsys):
    pixels = np.array([[-300.0, -0.5, 0.4, 0.5], [1.5, 254.5, 255.4, 1e6]])
    tifffile.imwrite("in.tif", pixels)
    for dtype, expected in [("uint8", [[0, 0, 0, 0], [2, 254, 255, 255]]),
                            ("uint16", [[0, 0, 0, 0], [2, 254, 255, 65535]])]:
        assert cli.main(["filter", "eed", "in.tif", f"{dtype}.png", "--time", "0",
                         "--dtype", dtype]) == 0
        result = iio.imread(f"{dtype}.png")
        assert result.dtype == dtype
        np.testing.assert_array_equal(result, expected)
    big = np.full((2, 2), 2**63 - 1, np.int64)
    image = imagefiles.Image(big).with_result(np.full((2, 2), 1e30), None)
    assert image.pixels.dtype == np.int64 and (image.pixels > 2**62).all()


def test_transparency_stays(here, capsys):
    alpha = RNG.integers(0, 256, GREY.shape).astype(np.uint8)
    iio.imwrite("rgba.png", np.dstack([COLOUR, alpha]))
    iio.imwrite("la.png", np.dstack([GREY, alpha]))
    colour = pdenet.gerig(COLOUR, contrast=9, time=1, channel_axis=-1)
    grey = pdenet.gerig(GREY, contrast=9, time=1)
    for name, expected in [("rgba.png", colour), ("la.png", grey)]:
        for output in ("out.png", "out.tif"):
            assert cli.main(["filter", "gerig", name, output, "--contrast", "9", "--time", "1",
                             "--overwrite", "--quiet"]) == 0
            image = imagefiles.read(output)
            np.testing.assert_array_equal(image.alpha, alpha)
            np.testing.assert_array_equal(image.pixels, np.rint(expected))
    fails(capsys, 2, "--dtype uint16 would change the transparency of uint8", "filter", "eed",
          "rgba.png", "x.tif", "--dtype", "uint16")


def test_unusual_files(here, capsys):
    Image.fromarray(GREY > 100).save("binary.png")
    assert cli.main("filter eed binary.png b.png".split()) == 0
    assert iio.imread("b.png").dtype == bool
    Image.fromarray(COLOUR).quantize(16).save("palette.png")
    assert cli.main("filter eed palette.png p.png".split()) == 0
    assert iio.imread("p.png").shape == COLOUR.shape
    photo = Image.fromarray(COLOUR)
    exif = photo.getexif()
    exif[0x0112] = 6  # turned by 90 degrees
    photo.save("turned.jpg", exif=exif)
    assert cli.main("filter eed turned.jpg t.png".split()) == 0
    assert iio.imread("t.png").shape == (26, 20, 3)
    channels = RNG.normal(size=(5, 20, 26)).astype(np.float32)
    tifffile.imwrite("channels.tif", channels, photometric="minisblack", metadata={"axes": "CYX"})
    assert cli.main("filter gerig channels.tif c.tif --contrast 1 --time 1".split()) == 0
    expected = pdenet.gerig(channels, contrast=1, time=1, channel_axis=0)
    np.testing.assert_array_equal(tifffile.imread("c.tif"), expected)
    assert imagefiles.read("c.tif").channel_axis == 0
    tifffile.imwrite("white.tif", GREY, photometric="miniswhite")
    assert cli.main("filter eed white.tif w.tif --time 0".split()) == 0
    with tifffile.TiffFile("w.tif") as file:
        assert file.pages[0].photometric == tifffile.PHOTOMETRIC.MINISWHITE


def test_channels_and_transparency_that_a_format_cannot_hold(here, capsys):
    def bad(message, name, output):
        fails(capsys, 2, message, "filter", "eed", name, output)

    bands = RNG.integers(0, 255, (5, 20, 26)).astype(np.uint8)
    tifffile.imwrite("bands.tif", bands, photometric="minisblack", metadata={"axes": "CYX"})
    bad("x.png: PNG cannot hold 5 channels; write a .tif", "bands.tif", "x.png")
    iio.imwrite("rgba.png", np.dstack([COLOUR, GREY]))
    bad("x.jpg: JPEG cannot hold transparency; write a .png or .tif", "rgba.png", "x.jpg")
    tifffile.imwrite("white.tif", GREY, photometric="miniswhite")
    bad("x.png: PNG cannot hold an image whose zero is white", "white.tif", "x.png")


def test_tiff_variants(here, capsys):
    def bad(message, name):
        fails(capsys, 1, message, "filter", "eed", name, "x.tif")

    four = np.dstack([COLOUR, GREY])
    tifffile.imwrite("lab.tif", COLOUR, photometric="cielab")
    bad("lab.tif: holds CIELAB values, which are not filtered", "lab.tif")
    tifffile.imwrite("five.tif", np.dstack([four, GREY]), photometric="rgb", extrasamples=[2, 0])
    bad("five.tif: has transparency and other channels beside its colours", "five.tif")
    for photometric, extra in (("separated", ()), ("rgb", [0]), ("minisblack", [0, 0, 0])):
        tifffile.imwrite("four.tif", four, photometric=photometric, planarconfig="contig",
                         extrasamples=extra or None)
        assert cli.main("filter gerig four.tif f.tif --contrast 9 --time 1 --overwrite "
                        "--quiet".split()) == 0
        expected = np.rint(pdenet.gerig(four, contrast=9, time=1, channel_axis=-1))
        with tifffile.TiffFile("f.tif") as file:
            assert file.pages[0].photometric.name == photometric.upper()
            assert [int(kind) for kind in file.pages[0].extrasamples] == list(extra)
            np.testing.assert_array_equal(file.asarray(), expected)
    for kind in (1, 2):  # premultiplied or not
        tifffile.imwrite("alpha.tif", four, photometric="rgb", extrasamples=[kind])
        assert cli.main("filter gerig alpha.tif a.tif --overwrite".split()) == 0
        with tifffile.TiffFile("a.tif") as file:
            assert [int(extra) for extra in file.pages[0].extrasamples] == [kind]
            np.testing.assert_array_equal(file.asarray()[..., 3], GREY)
    tifffile.imwrite("planar.tif", np.moveaxis(COLOUR, -1, 0), photometric="rgb",
                     planarconfig="separate")
    assert cli.main("filter gerig planar.tif p.tif --time 0".split()) == 0
    with tifffile.TiffFile("p.tif") as file:
        assert file.pages[0].photometric == tifffile.PHOTOMETRIC.RGB
        np.testing.assert_array_equal(file.asarray(), COLOUR)


def test_transparent_colour_becomes_transparency(here, capsys):
    Image.fromarray(GREY).save("key.png", transparency=int(GREY[3, 4]))
    assert cli.main("filter eed key.png k.png".split()) == 0
    alpha = imagefiles.read("k.png").alpha
    np.testing.assert_array_equal(alpha == 0, GREY == GREY[3, 4])
