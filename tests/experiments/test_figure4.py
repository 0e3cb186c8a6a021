"""The experiment of Section 6: the images, the networks to start from, and what reaches `fit`."""

import json

import numpy as np
import pytest

import pdenet
from pdenet.experiments import audit, figure4
from pdenet.network.pretrained import PRETRAINED


def test_training_images_are_rectangles_at_30_degrees_in_noise_of_60():
    noisy, clean = figure4.training_set(2)
    np.testing.assert_array_equal(clean, pdenet.rectangles(2, 30, 256, rng=0))
    np.testing.assert_array_equal(noisy, pdenet.add_noise(clean, 60, rng=1))
    assert noisy.dtype == clean.dtype == np.float32 and 0 < clean.mean() < 255
    few, _ = figure4.training_set(1)
    np.testing.assert_array_equal(few[0], noisy[0])
    assert figure4.training_set(1, size=40)[0].shape == (1, 40, 40)


def test_test_images_are_others():
    assert figure4.LAYOUTS != audit.LAYOUTS and figure4.NOISE != audit.NOISE
    assert figure4.ANGLE not in (0, 90) and figure4.SIGMA == 60


@pytest.mark.parametrize("name", PRETRAINED)
def test_training_begins_with_scales_that_count_the_same(name):
    network = figure4.start(name)
    coupling, _, variant = name.partition("-")
    assert type(network.flux).__name__.lower() == coupling
    assert network.operator == pdenet.Gradient(0.45 if variant == "invariant" else 0.41, 0.0,
                                               0.0 if variant == "invariant" else 1.0)
    np.testing.assert_allclose(network.scales.sigmas, 0.4 * 25**(np.arange(8) / 7), rtol=1e-12)
    np.testing.assert_allclose(network.scales.omega * network.scales.weights**2, 1, rtol=1e-12)
    assert (network.steering is not None) == (variant == "steered")
    if variant == "steered":
        np.testing.assert_array_equal(network.steering.weights, network.scales.weights)
        np.testing.assert_array_equal(network.steering.sigmas, network.scales.sigmas)
    assert (network.parameters["contrast"], network.steps) == (60, 10)
    assert network.tau == pytest.approx(0.9 * network.tau_max, rel=1e-12)
    assert figure4.start(name, alpha=0.2, gamma=0.5).operator == pdenet.Gradient(
        0.2, 0.5, 0.0 if variant == "invariant" else 1.0)


def test_the_shipped_networks_have_the_parts_that_training_began_with():
    shipped = figure4.shipped()
    assert tuple(shipped) == PRETRAINED
    for name, network in shipped.items():
        start = figure4.start(name)
        assert network.block.similar(start.block) and network.operator == start.operator
        np.testing.assert_allclose(network.scales.sigmas, start.scales.sigmas)
        assert str(network.parameters) == str(pdenet.pretrained(name).parameters)


def test_an_unknown_name():
    with pytest.raises(ValueError, match="name must be one of isotropic, .*; got 'eed'"):
        figure4.start("eed")


def test_the_protocol_reaches_fit(monkeypatch):
    calls = []
    monkeypatch.setattr(figure4, "training_set", lambda images: ("noisy", f"{images} clean"))
    monkeypatch.setattr(figure4, "fit", lambda *values, **options: calls.append((values, options)))
    figure4.train("uncoupled")
    figure4.train("isotropic", 5, 0.3, 1.0, epochs=7, workers=2, progress=True)
    (network, *images), options = calls[0]
    assert images == ["noisy", "100 clean"]
    assert options == {}
    assert str(network.parameters) == str(figure4.start("uncoupled").parameters)
    (network, *images), options = calls[1]
    assert network.operator == pdenet.Gradient(0.3, 1.0) and images == ["noisy", "5 clean"]
    assert options == {"epochs": 7, "workers": 2, "progress": True}


def test_networks_are_single_threads_where_the_images_have_them(monkeypatch):
    seen, counts = [], []
    monkeypatch.setattr(audit, "rotation_audit",
                        lambda function, **options: seen.append((function, options)))
    monkeypatch.setattr(pdenet.DiffusionNetwork, "run",
                        lambda network, planes, workers=None, mask=None: (
                            counts.append(workers), planes)[1])
    for function in (pdenet.models.perona_malik(5.0), np.asarray):
        figure4.evaluate(function, 3, workers=5)
    assert [options for _, options in seen] == [{"count": 3, "sigma": 60, "workers": 5}] * 2
    assert seen[1][0] is np.asarray
    np.testing.assert_array_equal(seen[0][0](np.eye(4)), np.eye(4))
    assert counts == [1]


def test_the_loss_saved_with_a_network_is_its_own_although_the_last_evaluation_was_worse(tmp_path):
    clean = pdenet.rectangles(2, 30, 32)
    noisy = pdenet.add_noise(clean, 60)
    start = pdenet.models.perona_malik(300.0, tau=0.05, steps=4)
    worse = 0
    for epochs in range(2, 9):
        fitted, history = pdenet.fit(start, noisy, clean, epochs=epochs)
        figure4.save(fitted, history, tmp_path / f"{epochs}.json", "a test")
        saved = json.loads((tmp_path / f"{epochs}.json").read_text())["provenance"]["loss"]
        own, _ = fitted.loss_and_gradient(noisy, clean)
        worse += history[-1]["loss"] > saved
        assert saved == min(entry["loss"] for entry in history) == pytest.approx(own, rel=1e-12)
    assert worse > 0
