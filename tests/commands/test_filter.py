"""pdenet filter by itself: which option is for which model, and what becomes of the pixels."""

import inspect
import os

import imageio.v3 as iio
import numpy as np
import pytest

import pdenet
from pdenet.commands import filter as command
from pdenet.commands import inputs
from pdenet.commands.main import build_parser, main
from pdenet.files.images import UsageError

GREY = np.random.default_rng(0).normal(100, 30, (20, 26)).astype(np.float32)
COLOUR = np.random.default_rng(1).integers(0, 256, (3, 18, 14)).astype(np.uint8)
OPTIONS = {"sigma": ["2.5"], "rho": ["1.5"], "sigmas": ["0.5", "1.5"], "weights": ["1", "0.5"],
           "coupling": ["isotropic"]}
APPLY = {"eed": {"sigma", "rho"}, "weickert-1994": {"sigma", "rho"}, "ced": {"sigma", "rho"},
         "weickert-brox": {"rho"}, "multiscale": {"sigmas", "weights", "coupling", "rho"}}


def parse(model, *options):
    return build_parser().parse_args(["filter", model, "in.png", "out.png", *options])


def test_every_filter_of_the_package_is_a_model():
    functions = inspect.getmembers(pdenet.models, inspect.isfunction)
    assert sorted(command.MODELS) == sorted(
        name.replace("_", "-") for name, function in functions
        if function.__module__ == "pdenet.models" and not name.startswith("_"))
    for model in command.MODELS:
        assert f"\n  {model} " in command.HELP


@pytest.mark.parametrize("model", command.MODELS)
@pytest.mark.parametrize("name", command.PARTS)
def test_an_option_is_for_the_models_that_have_the_part(model, name, monkeypatch):
    monkeypatch.setattr(inputs, "run", lambda *arguments: arguments)
    options = parse(model, f"--{name}", *OPTIONS[name])
    if name in APPLY.get(model, ()):
        assert command.run(options)[:2] == (options, command.filter_pixels)
        return
    with pytest.raises(UsageError, match=f"^--{name} does not apply to {model}$"):
        command.run(options)


def test_every_option_on_which_pixels_depend_is_a_setting(monkeypatch):
    monkeypatch.setattr(inputs, "run", lambda options, process, settings: settings)
    options = parse("eed")
    others = {"command", "input", "inputs", "output", "run", "dtype", "rescale", "nodata", "mask",
              "report", "workers", "scheduler", "max_pixels", "overwrite", "quiet", "sweep",
              "voxels"}
    assert sorted(command.run(options)) == sorted(set(vars(options)) - others)


@pytest.mark.parametrize("model", command.MODELS)
@pytest.mark.parametrize("pixels, axis", [(GREY, None), (COLOUR, 0)], ids=["grey", "colour"])
def test_pixels_are_those_of_the_function(model, pixels, axis):
    function = getattr(pdenet, model.replace("-", "_"))
    result, report, _ = command.filter_pixels(pixels, axis, parse(model), None)
    expected = function(pixels, channel_axis=axis)
    assert result.dtype == expected.dtype and result.shape == pixels.shape
    np.testing.assert_array_equal(result, expected)
    result, report, numbers = command.filter_pixels(
        pixels, axis, parse(model, "--contrast", "8.125", "--time", "0.5", "--scheme", "explicit",
                            "--diffusivity", "rational"), None)
    assert report == f"{model}, contrast 8.125, time 0.5"
    assert numbers == {"contrast": 8.125, "time": 0.5}
    np.testing.assert_array_equal(result, function(
        pixels, channel_axis=axis, contrast=8.125, time=0.5, scheme="explicit",
        diffusivity="rational"))


def test_what_was_estimated_is_reported_and_cycles_are_counted():
    calls = []
    network = pdenet.models.eed(1.0, sigma=2.5)
    contrast = pdenet.estimate_contrast(network, GREY)
    time = pdenet.estimate_time(network, GREY)
    result, report, numbers = command.filter_pixels(GREY, None, parse("eed", "--sigma", "2.5"),
                                                    lambda *call: calls.append(call))
    assert report == f"eed, contrast {contrast:.4g}, time {time:.4g}"
    assert numbers == {"contrast": contrast, "time": time}
    np.testing.assert_array_equal(result, pdenet.eed(GREY, sigma=2.5))
    assert calls[-1] == (8, 8)


@pytest.mark.parametrize("options, message", [
    (["--contrast", "0"], "contrast must be a finite number > 0; got 0.0"),
    (["--time", "-1"], "time must be a finite number >= 0; got -1.0"),
    (["--sigma", "-1"], "sigma must be a finite number >= 0; got -1.0")])
def test_bad_numbers(options, message):
    with pytest.raises(ValueError, match=message):
        command.filter_pixels(GREY, None, parse("eed", *options), None)


def test_a_contact_sheet(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    iio.imwrite("scan.png", GREY.astype(np.uint8))
    words = ["filter", "eed", "scan.png", "sheet.png", "--sigma", "0.5", "--sweep",
             "contrast=2,4.5", "diffusivity=rational"]
    assert main(words) == 0
    assert capsys.readouterr().out == "sheet.png: 2 results of eed\n"
    found = pdenet.sweep("eed", GREY.astype(np.uint8), sigma=0.5, contrast=[2.0, 4.5],
                         diffusivity=["rational"])
    np.testing.assert_array_equal(iio.imread("sheet.png"), found.sheet)
    assert main([*words, "--overwrite", "--quiet"]) == 0 and capsys.readouterr().out == ""


def test_a_contact_sheet_of_what_is_measured(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    pixels = GREY.astype(np.float32)
    pixels[3:9, 4:12] = -9999
    iio.imwrite("scan.tif", pixels)
    words = ["filter", "eed", "scan.tif", "sheet.png", "--sweep", "contrast=2,4.5", "--nodata",
             "-9999"]
    assert main(words) == 0
    assert "48 are nodata (-9999): they take no part" in capsys.readouterr().out
    found = pdenet.sweep("eed", pixels, contrast=[2.0, 4.5], mask=pixels != -9999)
    sheet = iio.imread("sheet.png")
    assert sheet.shape == found.sheet.shape
    pixels[pixels == -9999] = np.nan
    omitted = pdenet.sweep("eed", pixels, contrast=[2.0, 4.5], nan_policy="omit")
    np.testing.assert_array_equal(omitted.images[0][~np.isnan(pixels)],
                                  found.images[0][~np.isnan(pixels)])
    assert omitted.sheet.min() < omitted.sheet.max()


@pytest.mark.parametrize("words, message", [
    (["s.png", "o.png", "--sweep", "contrst=2"], "--sweep contrst=2: the name must be one of "),
    (["s.png", "o.png", "--sweep", "time=1,"], "--sweep time=1,: give at least one value"),
    (["s.png", "o.png", "--sweep", "time=a"], "--sweep time=a: the values of time must be numbers"),
    (["s.png", "s.png", "o.png", "--sweep", "time=1"], "--sweep is for a single image"),
    (["s.png", "s.png", "--sweep", "time=1"], "s.png: exists already; --overwrite replaces it"),
    (["s.png", "o.png", "--sweep", "coupling=isotropic"], "eed has no parameter 'coupling'")])
def test_contact_sheets_that_cannot_be_meant(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    iio.imwrite("s.png", GREY.astype(np.uint8))
    assert main(["filter", "eed", *words]) == 2
    assert message in capsys.readouterr().err and os.listdir() == ["s.png"]
