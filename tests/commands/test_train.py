"""pdenet train, figure4 and audit, as a user runs them and with a user's mistakes."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import pytest

import pdenet
from pdenet.commands.main import main
from pdenet.network.pretrained import PRETRAINED

SMALL = ["--images", "2", "--quiet"]


def train(path, *options, model="isotropic"):
    return main(["train", model, str(path), *SMALL, *options])


def test_train_writes_parameters_with_their_provenance(tmp_path, capsys):
    path = tmp_path / "out.json"
    assert main(["train", "anisotropic-steered", str(path), "--images", "1", "--epochs", "2"]) == 0
    out = capsys.readouterr().out
    assert "out.json: anisotropic-steered, 2 epochs, " in out and "dB" in out
    network = pdenet.load(path)
    assert network.steering is not None
    provenance = json.loads(path.read_text())["provenance"]
    assert provenance["command"].startswith("pdenet train anisotropic-steered out.json --images 1")
    assert "--optimizer lbfgs --epochs 2 --seed 0" in provenance["command"]
    assert provenance["epochs"] == 2 and provenance["loss"] > 0
    assert set(provenance["versions"]) == {"pdenet", "numpy", "numba", "scipy", "python",
                                           "machine"}
    assert list(tmp_path.iterdir()) == [path]
    assert train(path, "--epochs", "1") == 2
    assert "exists already; --overwrite" in capsys.readouterr().err
    assert train(path, "--epochs", "1", "--overwrite") == 0


def test_kept_checkpoint_continues(tmp_path):
    state = str(tmp_path / "state.json")
    assert train(tmp_path / "a.json", "--epochs", "3") == 0
    assert train(tmp_path / "b.json", "--epochs", "1", "--checkpoint", state) == 0
    assert train(tmp_path / "c.json", "--epochs", "3", "--checkpoint", state) == 0
    assert os.path.exists(state)
    assert train(tmp_path / "d.json", "--epochs", "2", "--checkpoint", state) == 2
    a, c = (pdenet.load(tmp_path / name) for name in ("a.json", "c.json"))
    assert str(a.parameters) == str(c.parameters)


@pytest.mark.skipif(not hasattr(signal, "SIGINT"), reason="needs SIGINT")
def test_interrupted_training_goes_on(tmp_path):
    path = tmp_path / "out.json"
    command = [sys.executable, "-m", "pdenet", "train", "isotropic", str(path), *SMALL, "--epochs"]
    process = subprocess.Popen([*command, "10000"], stderr=subprocess.PIPE, text=True,
                               env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)})
    state = tmp_path / "out.json.checkpoint"
    for _ in range(600):
        if state.exists():
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    message = process.stderr.read()
    process.stderr.close()
    assert message == f"pdenet: interrupted; the same command goes on from {state}\n"
    assert not path.exists()
    done = json.loads(state.read_text())["state"]["epoch"]
    assert train(path, "--epochs", str(done + 1)) == 0
    assert not state.exists() and path.exists()


def test_figure4_draws_and_tabulates(tmp_path, capsys):
    picture, table = tmp_path / "figure4.png", tmp_path / "figure4.csv"
    mine = tmp_path / "mine.json"
    pdenet.models.eed(80.0, sigma=2.0, tau=0.4, steps=3).save(mine)
    options = ["figure4", "--count", "1", "--output", str(picture), "--table", str(table),
               "--parameters", f"mine={mine}"]
    assert main(options) == 0
    out = capsys.readouterr().out
    rows = list(csv.reader(table.read_text().splitlines()))
    assert rows[0] == ["angle", *PRETRAINED, "mine"]
    assert len(rows) == 22 and picture.read_bytes().startswith(b"\x89PNG")
    mean, variance = ([float(x) for x in row[1:]] for row in rows[-4:-2])
    assert mean[1] > mean[0] > mean[5]
    assert variance[2] > 5 * max(variance[0], variance[1])
    for row in rows[1:18]:  # the anisotropic model is above the isotropic one at every angle
        assert float(row[2]) > float(row[1])
    assert "uncoupled" in out and "dB^2" in out
    assert main(options) == 2


def test_audit_of_some(tmp_path, capsys):
    table = tmp_path / "audit.csv"
    assert main(["audit", "tv", "isotropic", "--count", "1", "--table", str(table)]) == 0
    assert "tv" in capsys.readouterr().out
    assert len(table.read_text().splitlines()) == 22


@pytest.mark.parametrize("arguments, message", [
    (["train", "eed", "x.json"], "invalid choice: 'eed'"),
    (["train", "isotropic"], "required: OUTPUT"),
    (["figure4", "--extra"], "unrecognized arguments: --extra")])
def test_mistakes_that_argparse_sees(arguments, message, capsys):
    with pytest.raises(SystemExit) as exit:
        main(arguments)
    assert exit.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("arguments, message", [
    (["train", "isotropic", "missing/x.json"], "there is no directory missing"),
    (["train", "isotropic", "."], ".: is a directory"),
    (["train", "isotropic", "x.json", "--epochs", "0"], "--epochs must be a whole number >= 1"),
    (["train", "isotropic", "x.json", "--images", "-1"], "--images must be"),
    (["train", "isotropic", "x.json", "--batch-size", "4"],
     "--batch-size applies to --optimizer adam only"),
    (["train", "isotropic", "x.json", "--optimizer", "adam", "--batch-size", "0"],
     "--batch-size must be"),
    (["train", "isotropic", "x.json", "--optimizer", "adam", "--learning-rate", "nan"],
     "--learning-rate must be"),
    (["train", "isotropic", "x.json", "--alpha", "0.7"], "alpha must be"),
    (["train", "isotropic", "x.json", "--structure-twist", "2"], "structure_twist must be"),
    (["train", "isotropic", "x.json", "--workers", "0"], "workers must be"),
    (["figure4", "--count", "0"], "--count must be"),
    (["figure4", "extra"], "NAME must be one of isotropic, anisotropic"),
    (["figure4", "--images", "3"], "--images applies with --from-nothing only"),
    (["figure4", "--images", "0", "--from-nothing", "x"], "--images must be"),
    (["figure4", "--parameters", "x"], "--parameters must be NAME=FILE; got 'x'"),
    (["figure4", "--output", "x.bmp"], "a picture of curves is one of .png, .svg, .pdf"),
    (["audit", "--count", "0"], "--count must be"),
    (["audit", "tv", "bm3d"], "NAME must be one of isotropic, anisotropic")])
def test_mistakes(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert message in err and err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_figure4_of_a_file_that_is_none(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.json").write_text("{}")
    assert main(["figure4", "--parameters", "mine=bad.json"]) == 2
    assert "bad.json: the file has no 'format'" in capsys.readouterr().err
    assert main(["figure4", "--parameters", "mine=none.json"]) == 1
    assert "none.json" in capsys.readouterr().err
