"""What a command does with files and folders, by a command that turns pixels round."""

import argparse
import contextlib
import io
import os
import sys
import types

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile

from pdenet.commands import inputs
from pdenet.commands.main import build_parser
from pdenet.files.images import ImageFileError, UsageError

from .test_main import COLOUR, GREY, here

assert here  # a fixture


class Process:
    """300 - pixels; notes its arguments, and fails for what is asked."""

    def __init__(self, **errors):
        self.calls, self.errors = [], errors

    def __call__(self, pixels, channel_axis, options, progress):
        self.calls.append((pixels.shape, channel_axis, progress))
        if error := self.errors.get(f"_{len(self.calls)}"):
            raise error
        return 300.0 - pixels, "turned"


def run(source, target, *arguments, process=None, alone=None):
    parser = argparse.ArgumentParser()
    inputs.add_options(parser)
    options = parser.parse_args(arguments)
    options.input, options.output = source, target
    return inputs.run(options, process or Process(), ("input",), alone)


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
    assert capsys.readouterr().out == "out.tif: 3 pages\n"
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


def folder(*names):
    os.mkdir("in")
    for name in names:
        iio.imwrite(f"in/{name}", GREY)


def test_errors_in_a_folder_are_lines_and_the_rest_is_done(here, capsys):
    folder("a.png", "b.tif", "c.png", "d.png", "E.PNG", ".hidden.png")
    with open("in/text.md", "w") as file:
        file.write("no image")
    process = Process(_2=MemoryError(), _3=ValueError("two\n  lines"), _4=OSError("in/c.png: full"))
    assert run("in", "out", process=process) == 1
    out, err = capsys.readouterr()
    assert out == "out: 2 written, 0 there already, 3 failed\n"
    assert err.splitlines() == ["pdenet: in/a.png: not enough memory",
                                "pdenet: in/b.tif: two lines", "pdenet: in/c.png: full"]
    assert sorted(os.listdir("out")) == ["E.PNG", "d.png"]
    process = Process()
    assert run("in", "out", process=process) == 0 and len(process.calls) == 3
    assert capsys.readouterr() == ("out: 3 written, 2 there already, 0 failed\n", "")
    assert run("in", "out", "--overwrite", "--quiet", process=process) == 0
    assert len(process.calls) == 8 and capsys.readouterr() == ("", "")


def test_errors_that_are_no_files_fault_end_a_folder(here):
    folder("a.png", "b.png")
    with pytest.raises(ZeroDivisionError):
        run("in", "out", process=Process(_1=ZeroDivisionError()))


def test_the_workers_of_a_cluster_are_given_whole_paths(here, capsys, monkeypatch):
    folder("a.png", "b.png")
    (here / "in" / "bad.png").write_bytes(b"rubbish")
    seen = []

    class Client:
        def submit(self, function, source, target, options, process, pure):
            seen.append((source, target, options.workers, options.input, options.run))
            assert os.path.isabs(source) and os.path.isabs(target) and pure is False
            error = function(source, target, options, process)
            return types.SimpleNamespace(result=lambda: error)

    monkeypatch.setattr(inputs, "connect", lambda address: (
        seen.append(address), contextlib.nullcontext(Client()))[1])
    assert run("in", "out", "--scheduler", "tcp://host:1", "--workers", "5") == 1
    out, err = capsys.readouterr()
    assert out == "out: 2 written, 0 there already, 1 failed\n"
    assert err.startswith("pdenet: in/bad.png: not a readable") and str(here) not in err
    assert seen[0] == "tcp://host:1" and {entry[2:] for entry in seen[1:]} == {(1, None, None)}
    np.testing.assert_array_equal(iio.imread("out/a.png"), turned(GREY))


def test_texts_that_the_terminal_cannot_show(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    assert inputs.printable("größe\udcff.png") == "gr\\xf6\\xdfe\\udcff.png"


@pytest.mark.parametrize("command", ["filter eed", "denoise"])
def test_commands_have_these_options_in_common(command):
    options = build_parser().parse_args([*command.split(), "a", "b"])
    assert (options.dtype, options.workers, options.scheduler, options.max_pixels) == (None,) * 4
    assert (options.overwrite, options.quiet) == (False, False)
