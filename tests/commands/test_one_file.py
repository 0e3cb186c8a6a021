"""A command on one file: what is excluded, rescaled, warned of and kept, pages that fail."""

import os

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile

import pdenet
from pdenet.commands import main as cli
from pdenet.files import images
from pdenet.files.images import UsageError

from .test_inputs import Process, run, turned
from .test_main import COLOUR, GREY, fails, here

assert here  # a fixture
NAN = float("nan")


class Smooth:
    """The mean of an image everywhere; notes the images and masks that it was given."""

    def __init__(self):
        self.images, self.masks = [], []

    def __call__(self, pixels, channel_axis, options, progress, mask=None):
        self.images.append(pixels)
        self.masks.append(mask)
        return np.full(pixels.shape, pixels.mean()), "smoothed", {}


@pytest.mark.parametrize("nodata, dtype, arguments, tag", [
    (-9999, np.float32, [], "-9999"), (-9999, np.int16, ["--nodata", "-9999"], None),
    (0, np.uint8, ["--nodata", "0"], "77"), (NAN, np.float32, [], None),
    (NAN, np.float64, ["--nodata", "nan"], "nan")])
def test_values_that_are_no_measurement_stay_and_reach_nobody(here, capsys, nodata, dtype,
                                                              arguments, tag):
    pixels = GREY.astype(dtype)
    pixels[3:9, 5:] = nodata
    out = pixels == nodata if nodata == nodata else np.isnan(pixels)
    tifffile.imwrite("in.tif", pixels, extratags=[(42113, "s", 0, tag, True)] if tag else None)
    process = Smooth()
    assert run("in.tif", "out.tif", *arguments, "--report", "r.csv", process=process) == 0
    assert capsys.readouterr().out.startswith(
        f"out.tif: smoothed; of {GREY.size} pixels {out.sum()} are ")
    np.testing.assert_array_equal(process.masks[0], ~out)
    assert process.images[0].min() >= 40 and process.images[0].max() < 200
    result = tifffile.imread("out.tif")
    np.testing.assert_array_equal(result[out], pixels[out])
    assert (np.abs(result[~out] - process.images[0].mean()) <= 0.5).all()
    assert (here / "r.csv").read_text().splitlines()[1] == f"in.tif,,{out.sum()},"


def test_filters_of_images_with_nodata_leave_them_out(here):
    pixels = GREY.astype(np.float32)
    pixels[:, 20:] = -9999
    tifffile.imwrite("in.tif", pixels, extratags=[(42113, "s", 0, "-9999", True)])
    for command in ("filter eed in.tif out.tif --contrast 9 --time 3", "denoise in.tif d.tif"
                    " --sigma 10",
                    "filter lysaker-lundervold-tai in.tif l.tif --contrast 9 --time 3"):
        assert cli.main([*command.split(), "--quiet"]) == 0
    mask = pixels != -9999
    for name, expected in (
            ("out.tif", pdenet.eed(pixels, contrast=9, time=3, mask=mask)),
            ("d.tif", pdenet.denoise(pixels, 10, mask=mask)),
            ("l.tif", pdenet.lysaker_lundervold_tai(pixels, contrast=9, time=3, mask=mask))):
        result = tifffile.imread(name)
        np.testing.assert_array_equal(result, expected)
        assert (result[:, 20:] == -9999).all()


def test_a_mask_in_a_file(here, capsys):
    mask = np.ones(GREY.shape, np.uint8)
    mask[4:9, 6:15] = 0
    iio.imwrite("in.png", GREY)
    iio.imwrite("mask.png", mask)
    assert cli.main("filter eed in.png out.png --contrast 9 --time 3 --mask mask.png".split()) == 0
    assert "45 are outside the mask: they take no part" in capsys.readouterr().out
    expected = pdenet.eed(GREY, contrast=9, time=3, mask=mask > 0)
    np.testing.assert_array_equal(iio.imread("out.png"), np.clip(np.rint(expected), 0, 255))
    iio.imwrite("small.png", mask[:5])
    command = "denoise in.png d.png --mask small.png"
    assert cli.main(command.split()) != 0
    assert f"a mask must be a grey image of {GREY.shape[0]} x" in capsys.readouterr().err


def test_what_is_transparent_does_not_bleed(here, capsys):
    alpha = np.where(np.arange(26) < 13, 255, 0).astype(np.uint8) + np.zeros((20, 1), np.uint8)
    hidden = COLOUR.copy()
    hidden[alpha == 0] = (255, 0, 255)
    results = []
    for name, colours in (("a.png", COLOUR), ("b.png", hidden)):
        iio.imwrite(name, np.dstack([colours, alpha]))
        command = f"filter gerig {name} out.png --contrast 20 --time 5 --overwrite --quiet"
        assert cli.main(command.split()) == 0
        results.append(iio.imread("out.png"))
        np.testing.assert_array_equal(results[-1][alpha == 0, :3], colours[alpha == 0])
    np.testing.assert_array_equal(results[0][:, :13], results[1][:, :13])


def test_colours_that_are_multiplied_by_their_opacity(here):
    alpha = np.full(GREY.shape, 128, np.uint8)
    alpha[4:9, 4:9] = 0
    stored = np.rint(COLOUR * (alpha / 255)[..., np.newaxis]).astype(np.uint8)
    tifffile.imwrite("in.tif", np.dstack([stored, alpha]), photometric="rgb", extrasamples=[1])
    process = Smooth()
    assert run("in.tif", "out.tif", "--quiet", process=process) == 0
    mean = process.images[0].mean()
    assert abs(mean - COLOUR[alpha > 0].mean()) < 3  # not half of it
    result = tifffile.imread("out.tif")
    np.testing.assert_array_equal(result[..., 3], alpha)
    assert np.abs(result[alpha > 0, :3] - mean * 128 / 255).max() <= 1
    assert (result[alpha == 0] == 0).all()
    assert run("in.tif", "out.png", "--quiet", process=process) == 0
    assert np.abs(iio.imread("out.png")[alpha > 0, :3] - mean).max() <= 1


def test_an_image_in_which_nothing_is_measured_stays(here, capsys):
    pages = np.stack([GREY, np.zeros_like(GREY), GREY])
    tifffile.imwrite("in.tif", pages, photometric="minisblack",
                     extratags=[(42113, "s", 0, "0", True)])
    process = Smooth()
    assert run("in.tif", "out.tif", process=process) == 0
    assert len(process.images) == 2
    assert "out.tif page 2: no pixel is measured; of 520 pixels 520 are nodata (0): they" \
        in capsys.readouterr().out
    assert (tifffile.imread("out.tif")[1] == 0).all()


@pytest.mark.parametrize("arguments, message", [
    (["--dtype", "uint8"], "in.tif: uint8 cannot hold the pixels that are NaN or infinite; choose"),
    (["--dtype", "float64", "--rescale", "0", "1"], "in.tif: --rescale is for integers, such as"),
    (["--rescale", "0", "1"], "in.tif: --rescale is for integers")])
def test_options_that_do_not_go_with_the_image(here, arguments, message):
    pixels = GREY.astype(np.float32)
    pixels[2, 3] = NAN
    tifffile.imwrite("in.tif", pixels)
    process = Smooth()
    with pytest.raises(UsageError, match=message):
        run("in.tif", "out.tif", *arguments, process=process)
    assert process.images == [] and not os.path.exists("out.tif")


# Grey levels --------------------------------------------------------------------------------


@pytest.mark.parametrize("target, dtype", [("o.png", "uint8"), ("o.jpg", "uint8"),
                                           ("p.png", "uint16"), ("o.tif", "int16")])
def test_a_float_image_in_0_1(here, capsys, target, dtype):
    tifffile.imwrite("in.tif", (GREY / 255).astype(np.float32))
    arguments = ["filter", "eed", "in.tif", target, "--contrast", "0.03", "--time", "1"]
    if not target.endswith(".tif"):
        fails(capsys, 2, "cannot hold float32 grey values; write a .tif, or add --dtype uint8 "
              "--rescale 0 1, which maps these values to 0..255", *arguments)
    assert cli.main([*arguments, "--dtype", dtype, "--quiet"]) == 0
    assert capsys.readouterr().err.startswith(
        "pdenet: in.tif: only 2 grey levels are left of its values, which lie in 0.")
    assert cli.main([*arguments, "--dtype", dtype, "--rescale", "0", "1", "--overwrite"]) == 0
    assert capsys.readouterr().err == ""
    limits = np.iinfo(dtype)
    expected = pdenet.eed((GREY / 255).astype(np.float32), contrast=0.03, time=1)
    expected = limits.min + expected * (limits.max - limits.min)
    tolerance = 12 if target == "o.jpg" else 0.51
    assert np.abs(images.read(target).pixels - expected).max() <= tolerance


def test_sixteen_bits_that_are_clipped_to_eight(here, capsys):
    tifffile.imwrite("in.tif", GREY.astype(np.uint16) * 16)
    assert run("in.tif", "out.png", "--dtype", "uint8", process=Smooth()) == 0
    assert capsys.readouterr().err.startswith(
        "pdenet: in.tif: 100% of its values are clipped to 0..255, which lie in ")


def test_pages_that_are_clipped_are_warned_of_once(here, capsys):
    tifffile.imwrite("in.tif", np.stack([GREY.astype(np.uint16) * 16] * 4),
                     photometric="minisblack")
    assert run("in.tif", "out.tif", "--dtype", "uint8", "--quiet", process=Smooth()) == 0
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("pdenet: in.tif page 1: 100% of its values are clipped to 0..255, wh")
    assert second == "pdenet: in.tif: 3 more of its pages are so"


# What goes wrong ----------------------------------------------------------------------------


def test_a_page_that_fails_stays_and_is_named(here, capsys):
    stack = np.stack([GREY, GREY[::-1], GREY // 2])
    tifffile.imwrite("in.tif", stack, photometric="minisblack")
    process = Process(_2=ValueError("image is odd"))
    assert run("in.tif", "out.tif", "--report", "r.csv", process=process) == 1
    out, err = capsys.readouterr()
    assert out == "out.tif: 3 pages, turned, 1 of them failed\n"
    assert err == "pdenet: in.tif page 2: image is odd; the page stays as it is\n"
    expected = turned(stack)
    expected[1] = stack[1]
    np.testing.assert_array_equal(tifffile.imread("out.tif"), expected)
    assert (here / "r.csv").read_text().splitlines() == [
        "file,page,time,excluded,error", "in.tif,1,2.5,0,",
        "in.tif,2,,0,in.tif page 2: image is odd", "in.tif,3,2.5,0,"]


def test_a_page_that_cannot_be_read_is_black_and_named(here, capsys):
    stack = np.stack([GREY, GREY[::-1], GREY // 2])
    tifffile.imwrite("in.tif", stack, photometric="minisblack", compression="zlib")
    with tifffile.TiffFile("in.tif") as file:
        start = file.pages[1].dataoffsets[0]
    with open("in.tif", "r+b") as file:
        file.seek(start)
        file.write(b"rubbish" * 5)
    assert run("in.tif", "out.tif") == 1
    err = capsys.readouterr().err
    assert err.startswith("pdenet: in.tif page 2: not a readable TIFF image (")
    assert err.endswith("; the page is black in the output\n") and len(err.splitlines()) == 1
    expected = turned(stack)
    expected[1] = 0
    np.testing.assert_array_equal(tifffile.imread("out.tif"), expected)


def test_a_stack_of_which_every_page_fails_is_not_written(here):
    tifffile.imwrite("in.tif", np.stack([GREY] * 2), photometric="minisblack")
    with pytest.raises(ValueError, match="^in.tif page 1: bad$"):
        run("in.tif", "out.tif", process=Process(_1=ValueError("bad"), _2=ValueError("worse")))
    assert not os.path.exists("out.tif")


@pytest.mark.parametrize("error", [ValueError, TypeError])
def test_errors_name_the_file(here, error):
    with pytest.raises(error, match="^grey.png: image must be finite$"):
        run("grey.png", "out.png", process=Process(_1=error("image must be finite")))


def test_errors_of_arrays_name_them(here):
    zarr = pytest.importorskip("zarr")
    pytest.importorskip("dask.array")
    pixels = GREY.astype(np.float32)
    pixels[3, 4] = NAN
    zarr.save_array("in.zarr", pixels)
    with pytest.raises(ValueError, match=r"^in.zarr: image must be finite; 1 .* index \(3, 4\)$"):
        cli.filter.run(cli.build_parser().parse_args(
            "filter eed in.zarr out.zarr --contrast 9 --time 1".split()))
    for option in (["--nodata", "3"], ["--mask", "mask.png"], ["--rescale", "0", "1"]):
        with pytest.raises(UsageError, match=f"^{option[0]} is for image files, not for arrays, "):
            run("in.zarr", "o.zarr", *option)


def test_what_is_not_kept_is_told(here, capsys):
    tifffile.imwrite("in.tif", GREY, extratags=[(42113, "s", 0, "0", True)])
    assert run("in.tif", "out.png") == 0
    assert capsys.readouterr().err == "pdenet: out.png: not kept in PNG: GDAL_NODATA\n"
    assert run("in.tif", "out.png", "--overwrite", "--quiet") == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("axes", ["TCYX", "CTYX", "ZCYX", "CZYX", "TCZYX"])
def test_channels_are_coupled_wherever_they_stand(here, axes):
    channels = np.moveaxis(COLOUR, -1, 0).astype(np.uint16) * 16
    shape = [3 if axis == "C" else 2 for axis in axes[:-2]]
    pixels = np.zeros((*shape, *channels.shape[1:]), np.uint16)
    np.moveaxis(pixels, axes.index("C"), -3)[...] = channels
    for name, array, letters in (("one.tif", channels, "CYX"), ("all.tif", pixels, axes)):
        tifffile.imwrite(name, array, metadata={"axes": letters}, photometric="minisblack")
        assert cli.main(["filter", "eed", name, f"out_{name}", "--contrast", "300", "--time", "3",
                         "--quiet"]) == 0
    one, many = tifffile.imread("out_one.tif"), tifffile.imread("out_all.tif")
    assert not np.array_equal(one, channels)
    many = np.moveaxis(many, axes.index("C"), -3).reshape(-1, *one.shape)
    for page in many:
        np.testing.assert_array_equal(page, one)


def test_estimates_of_pages_are_printed_and_reported(here, capsys):
    rng = np.random.default_rng(0)
    stack = np.stack([np.clip(rng.normal(120, sigma, (64, 64)), 0, 255).astype(np.uint8)
                      for sigma in (5, 20)])
    tifffile.imwrite("in.tif", stack, photometric="minisblack")
    assert cli.main(["denoise", "in.tif", "out.tif", "--report", "r.csv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[0] for line in lines] == ["out.tif page 1", "out.tif page 2",
                                                       "out.tif"]
    rows = [line.split(",") for line in (here / "r.csv").read_text().splitlines()]
    assert rows[0] == ["file", "page", "sigma", "excluded", "error"]
    for row, page, line in zip(rows[1:], "12", lines, strict=False):
        assert row[:2] == ["in.tif", page] and f"{float(row[2]):.4g}" in line
    assert cli.main(["filter", "eed", "in.tif", "f.tif", "--report", "f.csv", "--quiet"]) == 0
    assert (here / "f.csv").read_text().startswith("file,page,contrast,time,excluded,error\nin.t")
