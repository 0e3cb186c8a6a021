"""Checkpoints: the bits of an uninterrupted training, and nothing lost."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import pdenet
from pdenet.learning.checkpoints import Checkpoint

from .test_fit import data, network, steered


def run(epochs, path=None, **options):
    return pdenet.fit(network(), *data(), **({"epochs": epochs, "batch_size": 2, "rng": 3,
                                              "optimizer": pdenet.Adam(), "checkpoint": path}
                                             | options))


def test_resumed_training_has_the_bits_of_an_uninterrupted_one(tmp_path):
    fitted, history = run(6)
    path = tmp_path / "state.json"
    run(2, path)
    run(4, path)
    again, resumed = run(6, path)
    assert resumed == history
    assert str(again.parameters) == str(fitted.parameters)
    finished = json.loads(path.read_text())
    assert str(run(6, path)[0].parameters) == str(fitted.parameters)
    assert json.loads(path.read_text()) == finished


def test_resumed_training_knows_the_best_epoch_and_its_patience(tmp_path):
    noisy, clean = data(2)
    options = {"validation": (clean, noisy), "patience": 3, "optimizer": pdenet.Adam(0.02)}
    fitted, history = run(40, **options)
    losses = [entry["validation_loss"] for entry in history]
    best = int(np.argmin(losses))
    assert len(losses) == best + 4 < 40  # it gets worse after the best epoch
    for stop in (best + 1, best + 2, best + 3):
        path = tmp_path / f"{stop}.json"
        run(stop, path, **options)
        again, resumed = run(40, path, **options)
        assert resumed == history
        assert str(again.parameters) == str(fitted.parameters)


def test_checkpoint_of_a_schedule_knows_its_end(tmp_path):
    path = tmp_path / "state.json"
    adam = pdenet.Adam(0.01, schedule="cosine")
    run(2, path, optimizer=adam)
    with pytest.raises(ValueError, match="other epochs; remove it"):
        run(3, path, optimizer=adam)


def test_checkpoint_of_more_epochs_is_refused(tmp_path):
    path = tmp_path / "state.json"
    run(3, path)
    with pytest.raises(ValueError, match="done 3 epochs already, more than epochs=2"):
        run(2, path)


@pytest.mark.parametrize("damage", [
    lambda state: state.clear(), lambda state: state.update(x=[1.0]),
    lambda state: state.update(history={}), lambda state: state.update(memory=3),
    lambda state: state.update(rng={"bit_generator": "PCG64"}),
    lambda state: state.update(epoch=-1), lambda state: state.update(x=[float(1e300)] * 4),
    lambda state: state.update(best=["a"] * 4), lambda state: state.update(rng=None)])
def test_damaged_state_is_refused(tmp_path, damage):
    path = tmp_path / "state.json"
    run(1, path)
    document = json.loads(path.read_text())
    damage(document["state"])
    path.write_text(json.dumps(document))
    with pytest.raises(pdenet.FormatError, match="state.json: its state is damaged"):
        run(2, path)


def test_lock_taken_between_two_trainings(tmp_path):
    """One waits for the lock of another that removes it at its end: a third must not get in."""
    path = tmp_path / "state.json"
    first = Checkpoint(path, dict)
    first.__enter__()
    opened = open(f"{path}.lock", "w")  # what a second has opened, but not yet locked
    first.__exit__()
    second = Checkpoint(path, dict)
    with second:
        assert not os.path.samestat(os.fstat(opened.fileno()), os.stat(f"{path}.lock"))
        with pytest.raises(ValueError, match="another training"):
            Checkpoint(path, dict).__enter__()
        link = tmp_path / "link.json"
        link.symlink_to(path)
        with pytest.raises(ValueError, match="another training"):
            Checkpoint(link, dict).__enter__()
    opened.close()


@pytest.mark.parametrize("change, what", [
    ({"batch_size": 3}, "batch_size"), ({"rng": 9}, "rng"),
    ({"optimizer": pdenet.Adam(0.1)}, "optimizer"),
    ({"validation": data(1)}, "validation images")])
def test_checkpoint_of_other_settings_is_refused(tmp_path, change, what):
    path = tmp_path / "state.json"
    run(1, path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=f"other {what}; remove it"):
        run(2, path, **change)
    assert path.read_bytes() == before


def test_checkpoint_of_another_network_or_images_is_refused(tmp_path):
    path = tmp_path / "state.json"
    run(1, path)
    with pytest.raises(ValueError, match="other network, training images"):
        pdenet.fit(steered(), *data(4), epochs=2, batch_size=2, rng=3, checkpoint=path,
                   optimizer=pdenet.Adam())


@pytest.mark.parametrize("content, message", [
    (b"", "is not JSON"), (b"{", "is not JSON"), (b"\xff", "is not JSON"),
    (b"[]", "is not a checkpoint"), (b'{"format": "pdenet network"}', "is not a checkpoint"),
    (b"[" * 5000, "nested too deeply"),
    (b'{"format": "pdenet training", "version": 1}', "version must be 3; got 1"),
    (b'{"format": "pdenet training", "version": 3}', "has no settings and state"),
    (b'{"format": "pdenet training", "version": 3, "state": NaN}', "NaN is no number")])
def test_damaged_checkpoint_is_refused(tmp_path, content, message):
    path = tmp_path / "state.json"
    path.write_bytes(content)
    with pytest.raises(pdenet.FormatError, match=f"state.json: .*{message}"):
        run(1, path)
    assert path.read_bytes() == content


def test_a_second_training_on_one_checkpoint_is_refused(tmp_path):
    path = tmp_path / "state.json"

    def second(entry):
        with pytest.raises(ValueError, match="another training is using this checkpoint"):
            run(1, path)
    run(1, path, callback=second)
    assert not list(tmp_path.glob("*.lock"))


CODE = """
import pdenet, sys
from tests.learning.test_checkpoints import run
run(1000, sys.argv[1], callback=lambda entry: print(entry["epoch"], flush=True))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_killed_training_goes_on_with_the_same_bits(tmp_path):
    path = tmp_path / "state.json"
    for pause in (0.0, 0.013, 0.031):
        process = subprocess.Popen([sys.executable, "-c", CODE, str(path)], text=True,
                                   stdout=subprocess.PIPE, env=os.environ | {
                                       "PYTHONPATH": os.pathsep.join(sys.path)})
        process.stdout.readline()
        process.stdout.readline()
        time.sleep(pause)
        process.kill()
        process.wait()
        process.stdout.close()
    done = json.loads(path.read_text())["state"]["epoch"]
    assert done >= 6
    again, resumed = run(done + 2, path)
    fitted, history = run(done + 2)
    assert resumed == history
    assert str(again.parameters) == str(fitted.parameters)
