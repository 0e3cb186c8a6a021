"""Networks as files: exact, whole or not at all, and nothing else is read."""

import json
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pdenet
from pdenet.files import document as files
from pdenet.network import catalogue
from pdenet.network.pretrained import PRETRAINED
from pdenet.network.saved import build

from ..test_properties import every_model


def saved(tmp_path, **changes):
    path = tmp_path / "network.json"
    pdenet.models.multiscale(20.0, tau=0.1).save(path)
    document = json.loads(path.read_text()) | changes
    return path, document


@every_model
def test_round_trip_is_exact(case, tmp_path):
    network = case.network(1 / 3, tau=0.1 / 3, steps=3)
    path = tmp_path / "network.json"
    network.save(path, provenance={"command": "none"})
    again = pdenet.load(path)
    assert str(again.parameters) == str(network.parameters)
    image = case.image()
    np.testing.assert_array_equal(case.run(again, image), case.run(network, image))
    again.save(tmp_path / "again.json", provenance={"command": "none"})
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()


@settings(max_examples=50, deadline=None)
@given(beta=st.lists(st.floats(1e-3, 1e3), min_size=2, max_size=2),
       contrast=st.floats(1e-10, 1e10), tau=st.floats(1e-12, 1e3))
def test_any_numbers_survive(beta, contrast, tau):
    network = pdenet.models.multiscale(contrast, sigmas=[0.0, 1.5], weights=beta, tau=tau,
                                       allow_unstable=True)
    document = json.loads(json.dumps(catalogue.describe(network)))
    again = build({"format": catalogue.FORMAT, "version": 1, "provenance": {},
                   **document})
    assert str(again.parameters) == str(network.parameters)


def test_own_parts_are_not_saved(tmp_path):
    class Own(pdenet.Exponential):
        pass
    with pytest.raises(TypeError, match="diffusivity must be one of Exponential.*got .*Own"):
        pdenet.models.eed(None, diffusivity=Own(5.0)).save(tmp_path / "x.json")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content, message", [
    (b"", "is not JSON"), (b"{", "is not JSON"), (b"\xff\xfe", "is not JSON"),
    (b"[" * 100000, "nested too deeply|is not JSON"), (b"3", "must be an object"),
    (b"[]", "must be an object"), (b"{}", "has no 'format'"),
    (b'{"a": NaN}', "NaN is no number"), (b'{"a": -Infinity}', "Infinity is no number"),
    (b'{"a": 1e999}', "1e999 is no number"), (b'{"a": ' + b"9" * 5000 + b"}", "is no number"),
    (b'{"a": 1, "a": 2}', "'a' occurs twice"), (b" " * (2**20 + 1), "at most 1048576 bytes")])
def test_files_that_hold_no_network(tmp_path, content, message):
    path = tmp_path / "bad.json"
    path.write_bytes(content)
    with pytest.raises(pdenet.FormatError, match=f"bad.json: .*({message})"):
        pdenet.load(path)


@pytest.mark.parametrize("change, message", [
    ({"format": "other"}, "format must be 'pdenet network'; got 'other'"),
    ({"version": 2}, "version must be 1; got 2 .a newer pdenet"),
    ({"extra": 1}, "unknown key 'extra'"), ({"tau": "0.1"}, "tau must be a number; got '0.1'"),
    ({"tau": True}, "tau must be a number"), ({"tau": -1}, "tau must be a finite number > 0"),
    ({"tau": 1e3}, "tau must be at most tau_max"), ({"steps": 2.5}, "steps must be a whole number"),
    ({"operator": {"name": "Gradient", "alpha": 0.9, "gamma": 0}}, "alpha must be"),
    ({"operator": {"name": "Gradient", "alpha": 0.4}}, "operator has no 'gamma'"),
    ({"operator": {"name": "Popen", "alpha": 0.4}}, "operator must be an object whose name"),
    ({"flux": {"name": "Isotropic", "diffusivity": None}}, "diffusivity must be an object"),
    ({"flux": {"name": ["Isotropic"]}}, "flux must be an object"),
    ({"scales": None}, "scales must be an object"),
    ({"scales": {"sigmas": [1, 2], "weights": [1]}}, "weights must"),
    ({"scales": {"sigmas": [2, 1], "weights": [1, 1]}}, "sigmas must"),
    ({"scales": {"sigmas": [1e9], "weights": [1]}}, "sigmas must be at most 1000 pixels; got 1e"),
    ({"scales": {"sigmas": [], "weights": []}}, "list of 1 to 100"),
    ({"scales": {"sigmas": list(range(101)), "weights": [1] * 101}}, "list of 1 to 100"),
    ({"scales": {"sigmas": [1], "weights": [1e200]}}, "weights must be at most 1e15"),
    ({"scales": {"sigmas": [1], "weights": [1e-200]}}, "not all below 1e-15"),
    ({"allow_unstable": "yes"}, "allow_unstable must be true or false"),
    ({"provenance": 3}, "provenance must be an object"),
    ({"scales": {"sigmas": ["1"], "weights": [1]}}, "scales.sigmas must be a number")])
def test_wrong_entries(tmp_path, change, message):
    path, document = saved(tmp_path, **change)
    path.write_text(json.dumps(document))
    with pytest.raises(pdenet.FormatError, match=message):
        pdenet.load(path)


def test_missing_keys(tmp_path):
    path, document = saved(tmp_path)
    for key in document:
        path.write_text(json.dumps({name: value for name, value in document.items()
                                    if name != key}))
        if key in catalogue.LATER_KEYS:  # as files of earlier versions do not have it
            assert getattr(pdenet.load(path), key) is None
            continue
        with pytest.raises(pdenet.FormatError, match=f"has no '{key}'"):
            pdenet.load(path)


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
                    lambda inner: st.lists(inner, max_size=3)
                    | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=8)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_nothing_but_format_errors(data):
    """A right file with anything in one place, or with bytes cut or changed."""
    document = {"format": catalogue.FORMAT, "version": 1, "provenance": {},
                **catalogue.describe(pdenet.models.eed(5.0))}
    place = document
    while True:
        key = data.draw(st.sampled_from(list(place)))
        if not isinstance(place[key], dict) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(JSON)
    content = json.dumps(document).encode()
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(content)))
        content = content[:at] + data.draw(st.binary(max_size=3)) + content[at + 1:]
    try:
        network = build(files.parse(content))
    except pdenet.FormatError:
        return
    assert isinstance(network, pdenet.DiffusionNetwork)


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path, _ = saved(tmp_path)
    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", lambda file: (_ for _ in ()).throw(OSError(28, "disk full")))
    with pytest.raises(OSError, match="disk full"):
        pdenet.models.eed(5.0).save(path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", PRETRAINED)
def test_pretrained(name):
    network = pdenet.pretrained(name)
    assert network.steps == 10 and network.scales.sigmas.size == 8
    assert network.tau <= network.tau_max * (1 + 1e-9)
    assert (network.steering is not None) == name.endswith("steered")
    assert type(network.flux).__name__.lower() == name.partition("-")[0]
    assert network.operator == pdenet.Gradient(0.45 if name.endswith("invariant") else 0.41, 0.0,
                                               0.0 if name.endswith("invariant") else 1.0)


def test_unknown_pretrained():
    with pytest.raises(ValueError, match="name must be one of isotropic.*got 'best'"):
        pdenet.pretrained("best")


def test_files_from_before_the_weight_of_the_twist_in_the_structure_load(tmp_path):
    path = tmp_path / "old.json"
    pdenet.models.eed(5.0).save(path)
    document = json.loads(path.read_text())
    assert document["operator"].pop("structure_twist") == 1
    path.write_text(json.dumps(document))
    assert pdenet.load(path).operator == pdenet.Gradient()
