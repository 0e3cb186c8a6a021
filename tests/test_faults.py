"""A few of the faults of `python -m benchmarks.faults`, which tries thousands."""

import os

import pytest

from benchmarks import faults


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of numbers too large for their type
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("function, count", [
    (faults.killed_trainings, 1), (faults.killed_saves, 25), (faults.full_disk, 10),
    (faults.odd_documents, 300), (faults.odd_arrays, 300), (faults.odd_arguments, 300),
    (faults.odd_commands, 100), (faults.odd_images, 90)])
def test_every_fault_is_survived(function, count, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.getcwd())
    monkeypatch.chdir(tmp_path)
    tried, survived = function(count)
    assert (tried, survived) == (count, count)


def test_counting_notices_what_is_lost(tmp_path, monkeypatch):
    """Against a broken version: saves that are not atomic."""
    def write(document, path):
        with open(path, "wb") as file:
            file.write(b"half of it")
            raise OSError(27, "File too large")
    monkeypatch.chdir(tmp_path)
    with open("old.json", "wb") as file:
        file.write(b"old")
    monkeypatch.setattr("pdenet.DiffusionNetwork.save", lambda self, path, calls=[]: (
        calls.append(path), len(calls) > 1 and write(None, path)))
    assert faults.full_disk(4) == (4, 0)
