"""pdenet audit by itself: which denoisers are measured, in which order, with which parameters."""

import sys

import pytest

import pdenet
from pdenet.commands import audit, curves
from pdenet.commands.main import build_parser
from pdenet.experiments import figure4, peers
from pdenet.experiments.peers import PEERS
from pdenet.files.images import UsageError
from pdenet.network.pretrained import PRETRAINED


@pytest.fixture
def report(tmp_path, monkeypatch):
    """Runs the command in an empty folder; the functions and options that would be reported."""
    def run(*arguments):
        found = []
        monkeypatch.setattr(curves, "report", lambda *values: found.append(values))
        options = build_parser().parse_args(["audit", *arguments])
        assert options.run is audit.run and audit.run(options) is None
        return found[0]

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(peers, "peer", lambda name, parameters=None: (name, parameters))
    return run


def test_all_of_them_by_default(report, capsys):
    pytest.importorskip("pywt")
    functions, options = report()
    assert list(functions) == [*PRETRAINED, *PEERS]
    for name in PRETRAINED:
        assert str(functions[name].parameters) == str(pdenet.pretrained(name).parameters)
    assert [functions[name] for name in PEERS] == [(name, None) for name in PEERS]
    assert (options.count, options.output, options.table) == (10, None, None)
    assert capsys.readouterr() == ("", "")


def test_those_that_are_named_in_their_order(report):
    functions, options = report("tv", "isotropic", "bilateral", "tv", "--count", "2")
    assert list(functions) == ["tv", "isotropic", "bilateral"] and options.count == 2


def test_wavelets_are_skipped_where_they_are_missing_unless_they_are_named(
        report, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "pywt", None)
    functions, _ = report()
    assert set(functions) == {*PRETRAINED, *PEERS} - {"wavelet"}
    assert capsys.readouterr().err == "wavelet: skipped, PyWavelets is not installed\n"
    with pytest.raises(ImportError, match="^wavelet needs PyWavelets: python -m pip install PyW"):
        report("tv", "wavelet")


def test_parameters_are_searched_on_training_images(report, capsys, monkeypatch):
    images = []
    monkeypatch.setattr(figure4, "training_set", lambda count: (f"{count} noisy", "clean"))
    monkeypatch.setattr(peers, "tune", lambda *values: (images.append(values), (
        30.126, {"weight": 5.0}))[1])
    functions, _ = report("tv", "isotropic", "--tune")
    assert functions["tv"] == ("tv", {"weight": 5.0}) and images == [("tv", "4 noisy", "clean")]
    assert isinstance(functions["isotropic"], pdenet.DiffusionNetwork)
    assert capsys.readouterr() == ("", "tv: {'weight': 5.0}, 30.13 dB on training images\n")


def test_mistakes_are_found_before_anything_is_measured(report, monkeypatch):
    monkeypatch.setattr("pdenet.network.saved.pretrained", lambda name: pytest.fail("too late"))
    with pytest.raises(ValueError, match="NAME must be one of isotropic, .*, bilateral; got 'bm3d"):
        report("isotropic", "bm3d")
    with pytest.raises(ValueError, match="--count must be a whole number >= 1; got -1"):
        report("--count", "-1")
    with pytest.raises(UsageError, match="a.bmp: a picture of curves is one of"):
        report("isotropic", "--output", "a.bmp")
