"""pdenet figure4 by itself: which networks are evaluated, on how many images, and when not."""

import json
import os

import pytest

import pdenet
from pdenet.commands import curves, figure4
from pdenet.experiments import figure4 as experiment
from pdenet.commands.main import build_parser
from pdenet.files.images import UsageError
from pdenet.network.pretrained import PRETRAINED


@pytest.fixture
def report(tmp_path, monkeypatch):
    """Runs the command in an empty folder; the networks and options that would be reported."""
    def run(*arguments):
        found = []
        monkeypatch.setattr(curves, "report", lambda *values: found.append(values))
        options = build_parser().parse_args(["figure4", *arguments])
        assert options.run is figure4.run and figure4.run(options) is None
        return found[0]

    monkeypatch.chdir(tmp_path)
    return run


def save(name, contrast):
    pdenet.models.perona_malik(contrast).save(name)


def contrasts(networks):
    return {name: network.parameters["contrast"] for name, network in networks.items()}


def test_the_shipped_networks_on_ten_images(report):
    networks, options = report()
    assert contrasts(networks) == {name: pdenet.pretrained(name).parameters["contrast"]
                                   for name in PRETRAINED}
    assert (options.count, options.output, options.table) == (10, "figure4.png", "figure4.csv")
    assert (options.overwrite, options.quiet, options.workers) == (False, False, None)


@pytest.mark.parametrize("arguments, count", [(["--full"], 50), (["--count", "3"], 3),
                                              (["--count", "3", "--full"], 50)])
def test_fifty_images_as_in_the_paper(report, arguments, count):
    assert report(*arguments)[1].count == count


def test_networks_that_are_trained_already_are_taken_in_the_order_of_the_shipped_ones(
        report, tmp_path):
    (tmp_path / "mine").mkdir()
    for k, name in enumerate(PRETRAINED):
        save(f"mine/{name}.json", k + 1.0)
    networks, _ = report("--from-nothing", "mine")
    assert list(contrasts(networks).items()) == [(name, k + 1) for k, name in enumerate(PRETRAINED)]
    networks, _ = report(PRETRAINED[2], PRETRAINED[0], PRETRAINED[2], "--from-nothing", "mine")
    assert contrasts(networks) == {PRETRAINED[2]: 3, PRETRAINED[0]: 1}


def test_networks_from_nothing_go_on_where_they_were(report, tmp_path, monkeypatch, capsys):
    original = experiment.fit
    monkeypatch.setattr(experiment, "training_set", lambda images: tuple(
        part[:, :24, :24] for part in (
            pdenet.add_noise(pdenet.rectangles(images, 30), 60), pdenet.rectangles(images, 30))))
    monkeypatch.setattr(experiment, "fit", lambda *pair, **options: original(
        *pair, **options | {"epochs": 2}))
    report("isotropic", "--from-nothing", "new", "--images", "2")  # as if it ended after two
    provenance = json.loads((tmp_path / "new" / "isotropic.json").read_text())["provenance"]
    assert provenance["epochs"] == 2 and provenance["stopped"] == "2 epochs"
    assert "isotropic: 2 epochs, " in capsys.readouterr().out
    (tmp_path / "new" / "isotropic.json").unlink()

    def interrupted(*pair, **options):
        original(*pair, **options | {"epochs": 1})
        raise KeyboardInterrupt

    monkeypatch.setattr(experiment, "fit", interrupted)
    with pytest.raises(KeyboardInterrupt, match="the same command goes on"):
        report("isotropic", "--from-nothing", "new", "--images", "2")
    assert os.listdir(tmp_path / "new") == ["isotropic.state"]
    monkeypatch.setattr(experiment, "fit", lambda *pair, **options: original(
        *pair, **options | {"epochs": 2}))
    networks, _ = report("isotropic", "--from-nothing", "new", "--images", "2")
    assert os.listdir(tmp_path / "new") == ["isotropic.json"] and list(networks) == ["isotropic"]


def test_other_networks_come_last_and_may_replace_a_shipped_one(report):
    save("a=b.json", 3.0)
    save("c.json", 4.0)
    networks, _ = report("--parameters", "mine=a=b.json", "--parameters", "uncoupled=c.json")
    assert list(networks) == [*PRETRAINED, "mine"]
    assert contrasts(networks)["mine"] == 3 and contrasts(networks)["uncoupled"] == 4


@pytest.mark.parametrize("text", ["x", "x=", "=x.json", ""])
def test_names_without_a_file(report, text):
    with pytest.raises(UsageError) as raised:
        report("--parameters", text)
    assert str(raised.value) == f"--parameters must be NAME=FILE; got {text!r}"


def test_mistakes_are_found_before_networks_are_read(report, tmp_path, monkeypatch):
    monkeypatch.setattr("pdenet.network.saved.pretrained", lambda: pytest.fail("too late"))
    with pytest.raises(ValueError, match="--count must be a whole number >= 1; got 0"):
        report("--count", "0")
    (tmp_path / "figure4.csv").write_text("")
    with pytest.raises(UsageError, match="figure4.csv: exists already; --overwrite replaces it"):
        report()
