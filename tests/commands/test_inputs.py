"""What kind of input a command is given, by a command that turns pixels round."""

import argparse
import os

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile

from pdenet.commands import filter, inputs
from pdenet.commands.main import build_parser, main
from pdenet.files.images import ImageFileError, UsageError

from .test_main import COLOUR, GREY, here

assert here  # a fixture


class Process:
    """300 - pixels; notes its arguments, and fails for what is asked."""

    def __init__(self, **errors):
        self.calls, self.errors = [], errors

    def __call__(self, pixels, channel_axis, options, progress, mask=None):
        self.calls.append((pixels.shape, channel_axis, progress))
        if error := self.errors.get(f"_{len(self.calls)}"):
            raise error
        return 300.0 - pixels, "turned", {"time": 2.5}


def run(source, target, *arguments, process=None, alone=None, settings=("workers",)):
    parser = argparse.ArgumentParser()
    inputs.add_options(parser)
    options = parser.parse_args(arguments)
    options.inputs = [source] if isinstance(source, str) else source
    options.input, options.output = options.inputs[0], target
    return inputs.run(options, process or Process(), settings, alone)


def turned(pixels):
    return np.clip(300 - pixels.astype(int), 0, 255)


@pytest.mark.parametrize("name, pixels, axis", [("grey.png", GREY, None),
                                                ("colour.png", COLOUR, -1)])
def test_a_file(here, capsys, name, pixels, axis):
    process = Process()
    assert run(name, "out.png", process=process) == 0
    assert capsys.readouterr() == ("out.png: turned\n", "")
    assert process.calls == [(pixels.shape, axis, None)]
    np.testing.assert_array_equal(iio.imread("out.png"), turned(pixels))
    assert run(name, "out.tif", "--dtype", "float32", "--quiet") == 0
    assert capsys.readouterr() == ("", "") and tifffile.imread("out.tif").dtype == np.float32
    np.testing.assert_array_equal(tifffile.imread("out.tif"), 300.0 - pixels)


def test_a_stack_page_by_page(here, capsys):
    stack, process = np.stack([GREY, GREY[::-1], GREY // 2]), Process()
    tifffile.imwrite("in.tif", stack, photometric="minisblack")
    assert run("in.tif", "out.tif", process=process) == 0
    assert capsys.readouterr().out == "out.tif: 3 pages, turned\n"
    assert process.calls == [(GREY.shape, None, None)] * 3
    np.testing.assert_array_equal(tifffile.imread("out.tif"), turned(stack))


@pytest.mark.parametrize("source, target, arguments, error, message", [
    ("grey.png", "out.jpg", ["--dtype", "uint16"], UsageError, "JPEG cannot hold uint16 grey"),
    ("alpha.png", "out.png", ["--dtype", "float32"], UsageError, "PNG cannot hold float32"),
    ("alpha.png", "out.tif", ["--dtype", "float32"], UsageError, "change the transparency of uin"),
    ("grey.png", "colour.png", [], UsageError, "colour.png: exists already"),
    ("grey.png", "o.png", ["--max-pixels", "519"], ImageFileError, "more than the limit of 519"),
    ("grey.png", "o.png", ["--max-pixels", "0"], ValueError, "^--max-pixels must be .*; got 0"),
    ("grey.png", "o.png", ["--workers", "0"], ValueError, "workers must be .* >= 1; got 0"),
    ("grey.png", "o.png", ["--scheduler", "x"], UsageError, "^--scheduler is for the files of a f"),
    ("in.zarr", "o.png", [], UsageError, "o.png: must end in .zarr")])
def test_what_cannot_be_written_is_refused_before_it_is_computed(
        here, source, target, arguments, error, message):
    iio.imwrite("alpha.png", np.dstack([COLOUR, GREY]))
    process = Process()
    with pytest.raises(error, match=message):
        run(source, target, *arguments, process=process)
    assert process.calls == [] and len(os.listdir()) == 3


@pytest.mark.parametrize("source", ["folder", "in.zarr", "stack.tif"])
def test_an_option_for_single_images(here, source):
    os.mkdir("folder")
    tifffile.imwrite("stack.tif", np.stack([GREY] * 3), photometric="minisblack")
    with pytest.raises(UsageError, match="^--noise is for a single image$"):
        run(source, "out.tif", alone="--noise")
    assert run("grey.png", "out.tif", "--quiet", alone="--noise") == 0


@pytest.mark.parametrize("command", ["filter eed", "denoise"])
def test_commands_have_these_options_in_common(command):
    options = build_parser().parse_args([*command.split(), "a", "b"])
    assert (options.dtype, options.workers, options.scheduler, options.max_pixels) == (None,) * 4
    assert (options.rescale, options.nodata, options.report) == (None,) * 3
    assert (options.overwrite, options.quiet) == (False, False)
    assert (options.inputs, options.input, options.output) == (["a"], "a", "b")


@pytest.mark.parametrize("arguments", ["a.png b.png out --time 3", "a.png b.png --time 3 out",
                                       "--time 3 a.png b.png out", "a.png --time 3 b.png out"])
def test_inputs_stand_before_and_behind_options(monkeypatch, arguments):
    seen = []
    monkeypatch.setattr(filter, "run", seen.append)
    assert main(["filter", "eed", *arguments.split()]) == 0
    assert (seen[0].inputs, seen[0].output, seen[0].time) == (["a.png", "b.png"], "out", 3)


def test_negative_numbers_are_no_options():
    options = build_parser().parse_args("filter eed a b --nodata -3.4e+38 --rescale -1e-5 -.5e-6"
                                        .split())
    assert (options.nodata, options.rescale) == ("-3.4e+38", [-1e-5, -.5e-6])


@pytest.mark.parametrize("arguments, message", [
    (["--rescale", "1", "0"], "--rescale must be two finite numbers LOW < HIGH; got 1.0 0.0"),
    (["--rescale", "0", "inf"], "--rescale must be two finite numbers LOW < HIGH; got 0.0 inf"),
    (["--nodata", "none"], "--nodata must be a number or nan; got 'none'")])
def test_options_that_cannot_be_meant(here, arguments, message):
    process = Process()
    with pytest.raises(ValueError, match=message):
        run("grey.png", "o.png", *arguments, process=process)
    assert process.calls == [] and not os.path.exists("o.png")


def test_arrays_are_given_alone(here):
    with pytest.raises(UsageError, match="^zarr arrays are processed one by one; give one input$"):
        run(["a.zarr", "b.zarr"], "out.zarr")
