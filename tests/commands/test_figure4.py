"""pdenet figure4 by itself: which networks are evaluated, on how many images, and when not."""

import pytest

import pdenet
from pdenet.commands import curves, figure4
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


def test_networks_of_a_folder_in_the_order_of_the_shipped_ones(report, tmp_path):
    (tmp_path / "mine").mkdir()
    for k, name in enumerate(PRETRAINED):
        save(f"mine/{name}.json", k + 1.0)
    networks, _ = report("--trained", "mine")
    assert list(contrasts(networks).items()) == [(name, k + 1) for k, name in enumerate(PRETRAINED)]
    (tmp_path / "mine" / f"{PRETRAINED[2]}.json").unlink()
    with pytest.raises(FileNotFoundError, match=f"mine/{PRETRAINED[2]}.json"):
        report("--trained", "mine")


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
    monkeypatch.setattr("pdenet.experiments.figure4.shipped", lambda: pytest.fail("too late"))
    with pytest.raises(ValueError, match="--count must be a whole number >= 1; got 0"):
        report("--count", "0")
    (tmp_path / "figure4.csv").write_text("")
    with pytest.raises(UsageError, match="figure4.csv: exists already; --overwrite replaces it"):
        report()
