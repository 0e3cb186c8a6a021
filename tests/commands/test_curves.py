"""Curves of PSNR on the command line: what is refused early, what is printed, what is written."""

import argparse
import sys

import numpy as np
import pytest

from pdenet.commands import curves
from pdenet.experiments import figure4
from pdenet.experiments.audit import ANGLES, RotationAudit
from pdenet.files.images import UsageError


def options(**changes):
    return argparse.Namespace(**{"output": None, "table": None, "overwrite": False, "quiet": False,
                                 "count": 3, "workers": 2} | changes)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def evaluations(monkeypatch):
    """Audits whose mean is what the "denoiser" is, one dB more at every other angle."""
    calls = []

    def evaluate(function, count, workers):
        calls.append((function, count, workers))
        psnr = function + np.arange(len(ANGLES)) % 2
        return RotationAudit(np.array(ANGLES, float), np.stack([psnr, psnr], axis=1))

    monkeypatch.setattr(figure4, "evaluate", evaluate)
    return calls


@pytest.mark.parametrize("changes, message", [
    ({"table": "old.csv"}, "old.csv: exists already; --overwrite replaces it"),
    ({"output": "old.png"}, "old.png: exists already"),
    ({"output": "none/a.png"}, "none/a.png: there is no directory none"),
    ({"table": "folder", "overwrite": True}, "folder: is a directory"),
    ({"output": "a.tif"}, "a.tif: a picture of curves is one of .png, .svg, .pdf"),
    ({"output": "png"}, "png: a picture of curves is one of")])
def test_what_is_refused_early(here, changes, message):
    for name in ("old.csv", "old.png"):
        (here / name).write_text("old")
    (here / "folder").mkdir()
    with pytest.raises(UsageError, match=f"^{message}"):
        curves.check_targets(options(**changes))


def test_what_can_be_written_and_drawn(here, monkeypatch):
    (here / "old.png").write_text("old")
    for changes in ({}, {"table": "any.name"}, {"output": "a.SVG", "table": "a"},
                    {"output": "old.png", "overwrite": True}):
        assert curves.check_targets(options(**changes)) is None
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert curves.check_targets(options(table="a.csv")) is None
    with pytest.raises(ImportError, match="^drawing a.pdf needs matplotlib: python -m pip install"):
        curves.check_targets(options(output="a.pdf"))


def test_a_line_for_each_in_columns(here, capsys, evaluations):
    curves.report({"one": 20, "another": 25.25}, options())
    assert capsys.readouterr().out == (
        "         mean PSNR  variance over 17 angles, 3 images each\n"
        "one       20.47 dB    0.2491 dB^2, standard error 0.0000, systematic 0.2491\n"
        "another   25.72 dB    0.2491 dB^2, standard error 0.0000, systematic 0.2491\n")
    assert evaluations == [(20, 3, 2), (25.25, 3, 2)] and not list(here.iterdir())


def test_a_line_is_shown_as_soon_as_it_is_known(capsys, monkeypatch):
    def evaluate(function, count, workers):
        if function == "second":
            assert capsys.readouterr().out.splitlines()[1].startswith("first ")
            raise KeyboardInterrupt
        return RotationAudit(np.zeros(1), np.ones((1, 1)))

    monkeypatch.setattr(figure4, "evaluate", evaluate)
    with pytest.raises(KeyboardInterrupt):
        curves.report({"first": "first", "second": "second"}, options())


def test_a_table_and_a_picture(here, capsys, evaluations):
    curves.report({"one": 20, "two": 25}, options(table="t.csv", output="p.svg"))
    assert capsys.readouterr().out.splitlines()[3:] == ["t.csv", "p.svg"]
    rows = (here / "t.csv").read_text().splitlines()
    assert rows[:3] == ["angle,one,two", "5,20.0000,25.0000", "10,21.0000,26.0000"]
    assert rows[-4:] == ["mean,20.4706,25.4706", "variance,0.2491,0.2491",
                         "standard error,0.0000,0.0000", "systematic,0.2491,0.2491"]
    assert (here / "p.svg").read_text().startswith("<?xml")
    assert len(rows) == 22 and len(list(here.iterdir())) == 2


def test_quiet_prints_nothing_and_threads_are_those_of_the_environment(
        here, capsys, evaluations, monkeypatch):
    monkeypatch.setenv("PDENET_NUM_THREADS", "7")
    curves.report({"one": 20}, options(quiet=True, workers=None, table="t.csv"))
    assert capsys.readouterr() == ("", "") and (here / "t.csv").exists()
    assert evaluations == [(20, 3, 7)]
    with pytest.raises(ValueError, match="workers must be a whole number >= 1; got 0"):
        curves.report({"one": 20}, options(workers=0))
