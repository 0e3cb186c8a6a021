"""A command on many files: what fails, what is skipped, what is there already, and a cluster."""

import contextlib
import json
import os
import types

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile

from pdenet.commands import folders
from pdenet.files.images import UsageError

from .test_inputs import Process, run, turned
from .test_main import COLOUR, GREY, here

assert here  # a fixture
JOURNAL = ".pdenet.json"


def folder(*names):
    os.mkdir("in")
    for name in names:
        iio.imwrite(f"in/{name}", GREY)


def test_errors_in_a_folder_are_lines_and_the_rest_is_done(here, capsys):
    folder("a.png", "b.tif", "c.png", "d.png", "E.PNG", ".hidden.png")
    process = Process(_2=MemoryError(), _3=ValueError("two\n  lines"), _4=OSError("in/c.png: full"))
    assert run("in", "out", process=process) == 1
    out, err = capsys.readouterr()
    assert out == ("out/E.PNG: turned\nout/d.png: turned\n"
                   "out: 2 written, 0 there already, 3 failed\n")
    assert err.splitlines() == ["pdenet: in/a.png: not enough memory",
                                "pdenet: in/b.tif: two lines", "pdenet: in/c.png: full"]
    assert sorted(os.listdir("out")) == [JOURNAL, "E.PNG", "d.png"]
    process = Process()
    assert run("in", "out", process=process) == 0 and len(process.calls) == 3
    assert capsys.readouterr().out.endswith("\nout: 3 written, 2 there already, 0 failed\n")
    assert run("in", "out", "--overwrite", "--quiet", process=process) == 0
    assert len(process.calls) == 8 and capsys.readouterr() == ("", "")


def test_errors_that_are_no_files_fault_end_a_folder(here):
    folder("a.png", "b.png")
    with pytest.raises(ZeroDivisionError):
        run("in", "out", process=Process(_1=ZeroDivisionError()))


@pytest.mark.parametrize("files, others, words", [
    (["b.bmp"], [], "1 of other formats skipped"), ([], ["sub"], "1 folder skipped"),
    (["b.bmp", "notes"], ["sub", "d.png"], "2 of other formats and 2 folders skipped")])
def test_what_is_skipped_is_counted(here, capsys, files, others, words):
    folder("a.png")
    for name in [".hidden", *files]:
        (here / "in" / name).write_text("no image")
    for name in others:
        os.mkdir(f"in/{name}")
    assert run("in", "out") == 0
    assert capsys.readouterr().out.splitlines()[-1] == \
        f"out: 1 written, 0 there already, 0 failed; {words}"


def test_several_files(here, capsys):
    os.makedirs("one/two")
    iio.imwrite("one/two/c.png", GREY)
    names = ["grey.png", "one/two/c.png", "none.png", "colour.png"]
    assert run(names, "out") == 1
    out, err = capsys.readouterr()
    assert out.splitlines()[-1] == "out: 3 written, 0 there already, 1 failed"
    assert err.startswith("pdenet: none.png: no such file") and len(err.splitlines()) == 1
    assert sorted(os.listdir("out")) == [JOURNAL, "c.png", "colour.png", "grey.png"]
    np.testing.assert_array_equal(iio.imread("out/colour.png"), turned(COLOUR))


@pytest.mark.parametrize("target", ["out", "new/"])
def test_one_file_into_a_folder(here, capsys, target):
    os.mkdir("out")
    assert run("grey.png", target) == 0
    np.testing.assert_array_equal(iio.imread(os.path.join(target, "grey.png")), turned(GREY))


@pytest.mark.parametrize("names, target, message", [
    (["grey.png", "x/grey.png"], "out", "^grey.png and x/grey.png would both be .* out/grey.png$"),
    (["grey.png", "colour.png"], "old.png", "^old.png: must be a folder, as there are 2 inputs$"),
    (["grey.png", "example:camera"], "out", "^example:camera: must be given alone, as it is no im"),
    (["grey.png", "x"], "out", "^x: must be given alone"),
    (["grey.png", "colour.png"], ".", "^.: is the input, too; write to another folder$")])
def test_several_files_that_cannot_be_meant(here, names, target, message):
    os.mkdir("x")
    iio.imwrite("old.png", GREY)
    before, process = sorted(os.listdir()), Process()
    with pytest.raises(UsageError, match=message):
        run(names, target, process=process)
    assert process.calls == [] and sorted(os.listdir()) == before


@pytest.mark.parametrize("written", [0, 1, 2])
def test_an_interruption_tells_what_is_written(here, capsys, written):
    folder("a.png", "b.png", "c.png")
    with pytest.raises(KeyboardInterrupt) as raised:
        run("in", "out", process=Process(**{f"_{written + 1}": KeyboardInterrupt()}))
    count = "1 file is" if written == 1 else "2 files are"
    assert str(raised.value) == (f"interrupted; {count} written to out, the same command goes on"
                                 if written else "")
    assert len(os.listdir("out")) == written + 1
    assert run("in", "out") == 0
    assert f"out: {3 - written} written, {written} there" in capsys.readouterr().out


def test_files_with_other_parameters_are_told(here, capsys):
    folder("a.png", "b.png")
    assert run("in", "out", "--workers", "1", "--nodata", "7") == 0
    assert capsys.readouterr().err == ""
    assert run("in", "out", "--workers", "1", "--nodata", "7") == 0
    assert capsys.readouterr().err == ""
    iio.imwrite("in/c.png", GREY)
    for _ in range(2):  # c.png is of this run, so that only two differ the second time, too
        assert run("in", "out", "--workers", "2", "--quiet") == 0
        assert capsys.readouterr().err == (
            "pdenet: out: 2 files are there already, written with other parameters (workers 1 "
            "instead of 2, nodata 7 instead of not given); --overwrite replaces them\n")
    assert run("in", "out", "--workers", "2", "--overwrite") == 0
    assert capsys.readouterr().err == ""
    assert run("in", "out", "--workers", "2") == 0
    assert capsys.readouterr().err == ""


def test_files_that_an_interrupted_run_has_not_replaced_keep_their_parameters(here, capsys):
    folder("a.png", "b.png")
    assert run("in", "out", "--workers", "1") == 0
    with pytest.raises(KeyboardInterrupt):
        run("in", "out", "--workers", "2", "--overwrite", process=Process(_2=KeyboardInterrupt()))
    capsys.readouterr()
    assert run("in", "out", "--workers", "2") == 0
    assert "out: 1 file is there already, written with other parameters (workers 1 instead of 2)" \
        in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"parameters": 3}', "[" * 10**5, "\udcff",
                                  '{"parameters": [{}], "files": {"a.png": 7}}',
                                  '{"parameters": [3], "files": {}}',
                                  '{"parameters": [{}], "files": [1]}'])
def test_what_is_no_journal_is_replaced(here, capsys, text):
    folder("a.png")
    assert run("in", "out") == 0
    path = here / "out" / JOURNAL
    path.write_bytes(text.encode(errors="surrogateescape"))
    assert run("in", "out", "--overwrite") == 0
    assert capsys.readouterr().err == ""
    content = json.loads(path.read_text())
    assert list(content["files"]) == ["a.png"] and len(content["parameters"]) == 1


def test_pages_that_fail_are_counted(here, capsys):
    folder("a.png")
    tifffile.imwrite("in/b.tif", np.stack([GREY] * 3), photometric="minisblack")
    assert run("in", "out", process=Process(_3=ValueError("dark"))) == 1
    out, err = capsys.readouterr()
    assert out.splitlines()[-2:] == ["out/b.tif: 3 pages, turned, 1 of them failed",
                                     "out: 2 written, 0 there already, 0 failed; 1 page failed"]
    assert err == "pdenet: in/b.tif page 2: dark; the page stays as it is\n"


def test_the_workers_of_a_cluster_are_given_whole_paths(here, capsys, monkeypatch):
    folder("a.png", "b.png")
    (here / "in" / "bad.png").write_bytes(b"rubbish")
    seen = []

    class Client:
        def submit(self, function, source, target, options, process, pure):
            seen.append((source, target, options.workers, options.inputs, options.run))
            assert os.path.isabs(source) and os.path.isabs(target) and pure is False
            result = function(source, target, options, process)
            return types.SimpleNamespace(result=lambda: result)

    monkeypatch.setattr(folders, "connect", lambda address: (
        seen.append(address), contextlib.nullcontext(Client()))[1])
    assert run("in", "out", "--scheduler", "tcp://host:1", "--workers", "5", "--report",
               "r.csv") == 1
    out, err = capsys.readouterr()
    assert out == ("out/a.png: turned\nout/b.png: turned\n"
                   "out: 2 written, 0 there already, 1 failed\n")
    assert err.startswith("pdenet: in/bad.png: not a readable") and str(here) not in err
    assert seen[0] == "tcp://host:1" and {entry[2:] for entry in seen[1:]} == {(1, None, None)}
    np.testing.assert_array_equal(iio.imread("out/a.png"), turned(GREY))
    report = (here / "r.csv").read_text().splitlines()
    assert report[:2] == ["file,page,time,excluded,error", "in/a.png,,2.5,0,"]
    assert report[3].startswith("in/bad.png,,,0,in/bad.png: not a readable PNG image (")
