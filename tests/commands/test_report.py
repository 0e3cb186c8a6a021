"""What is told on the terminal and in the report of a command."""

import io
import sys
import types

import pytest

from pdenet.commands import report
from pdenet.files.images import UsageError


def options(path=None, quiet=False):
    return types.SimpleNamespace(report=path, quiet=quiet)


@pytest.mark.parametrize("quiet", [False, True])
def test_lines_notes_and_warnings(capsys, quiet):
    tell = report.Teller(options(quiet=quiet))
    for kind in ("line", "note", "warning"):
        tell(kind, f"a\n {kind}" if kind != "line" else "a line")
    assert capsys.readouterr() == (("", "pdenet: a warning\n") if quiet else
                                   ("a line\n", "pdenet: a note\npdenet: a warning\n"))


def test_texts_that_the_terminal_cannot_show(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    assert report.printable("größe\udcff.png") == "gr\\xf6\\xdfe\\udcff.png"


def test_lines_of_pages_are_told_once_they_differ():
    told = []
    lines = report.PageLines(lambda *words: told.append(words))
    assert lines.common == []
    for k, text in enumerate(["same", "same", "other", "same"]):
        lines.add(f"page {k}", text)
        assert lines.common == (["same"] if k < 2 else [])
    assert told == [("line", f"page {k}: {text}")
                    for k, text in enumerate(["same", "same", "other", "same"])]


def write(path, *rows):
    tell = report.Teller(options(str(path)))
    with tell.reporting():
        for row in rows:
            tell("row", row)


def test_a_report_is_a_table_that_is_continued(tmp_path):
    path = tmp_path / "r.csv"
    write(path, report.row("a.png", None, {"sigma": 12.3456789}, 5),
          report.row("b,\"ü.tif", 1, {"sigma": [1.5, 2.0]}),
          report.row("b,\"ü.tif", 2, error="bad"))
    assert path.read_text(encoding="utf-8").splitlines() == [
        "file,page,sigma,excluded,error", "a.png,,12.3457,5,", '"b,""ü.tif",1,1.5 2,0,',
        '"b,""ü.tif",2,,0,bad']
    # What is done again is replaced, and other columns are added.
    write(path, report.row("b,\"ü.tif", None, {"contrast": 3.0, "time": 2}))
    assert path.read_text(encoding="utf-8").splitlines() == [
        "file,page,sigma,contrast,time,excluded,error", "a.png,,12.3457,,,5,",
        '"b,""ü.tif",,,3,2,0,']


def test_a_report_is_written_after_an_error_and_not_without_rows(tmp_path):
    path = tmp_path / "r.csv"
    write(path)
    assert not path.exists()
    tell = report.Teller(options(str(path)))
    with pytest.raises(KeyboardInterrupt), tell.reporting():
        tell("row", report.row("a.png"))
        raise KeyboardInterrupt
    assert path.read_text().splitlines() == ["file,page,excluded,error", "a.png,,0,"]


@pytest.mark.parametrize("content", [b"\x89PNG", b"name,size\na,3\n", b"\xff\xfe",
                                     b"file,page\na,1\n", b""])
def test_what_is_no_report_is_left_alone(tmp_path, content):
    path = tmp_path / "r.csv"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="r.csv: is there already, and no report; choose another"):
        report.Teller(options(str(path)))
    assert path.read_bytes() == content


def test_reports_that_have_no_place(tmp_path):
    with pytest.raises(UsageError, match="there is no directory"):
        report.Teller(options(str(tmp_path / "none" / "r.csv")))
    with pytest.raises(UsageError, match="is there already, and no report"):
        report.Teller(options(str(tmp_path)))
