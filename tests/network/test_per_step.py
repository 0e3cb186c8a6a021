"""Networks whose steps differ, and the reaction that pulls back to the image given."""

import dataclasses

import numpy as np
import pytest

import pdenet
from pdenet import DiffusionNetwork, models

from ..gradients import networks
from ..table import ALL_MODELS
from ..test_properties import every_model

OWN = {name: (channels, network) for name, channels, network in networks()
       if name.startswith(("steps", "reaction", "tau"))}
every_own = pytest.mark.parametrize("name", OWN)


def image(channels, shape=(37, 26), seed=0):
    full = shape + ((channels,) if channels > 1 else ())
    return np.random.default_rng(seed).normal(100, 40, full)


def run(name, u, **options):
    channels, network = OWN[name]
    return network(u, channel_axis=-1 if channels > 1 else None, **options)


@every_model
def test_equal_steps_are_the_special_case(case):
    network, u = case.network(steps=3), case.image()
    own = network.per_step()
    assert np.shape(own.parameters["tau"]) == (3,)
    assert {name: np.shape(value)[1:] for name, value in own.parameters.items()} == {
        name: np.shape(value) for name, value in network.parameters.items()}
    np.testing.assert_array_equal(case.run(own, u), case.run(network, u))


@every_own
def test_steps_one_after_the_other(name):
    channels, network = OWN[name]
    f = u = image(channels)
    axis = -1 if channels > 1 else None
    for k in range(network.steps):
        parts = {part: network.each(part)[k] for part in ("scales", "steering", "flux", "tau")}
        single = DiffusionNetwork(operator=network.operator, steps=1, **parts)
        reaction = network.each("reaction")[k] or 0.0
        u = single(u, channel_axis=axis) + parts["tau"] * reaction * (f - u)
    np.testing.assert_allclose(run(name, f), u, rtol=0, atol=1e-10)


@every_own
def test_workers_and_tiles_do_not_change_a_bit(name, monkeypatch):
    u = image(OWN[name][0], (150, 140))
    expected = run(name, u, workers=1)
    np.testing.assert_array_equal(run(name, u, workers=3), expected)
    monkeypatch.setattr("pdenet.execution.tiles.EDGE", 32)
    monkeypatch.setattr("pdenet.execution.tiles.HALOS", 1)
    np.testing.assert_array_equal(run(name, u, workers=2), expected)


@every_own
def test_rotations_and_reflections(name):
    u = image(OWN[name][0])
    expected = run(name, u)
    for turn in (np.rot90, np.flipud, lambda v: v.swapaxes(0, 1)):
        np.testing.assert_allclose(run(name, turn(u)), turn(expected), rtol=0, atol=1e-10)


@every_own
def test_round_trip(name, tmp_path):
    _, network = OWN[name]
    network.save(tmp_path / "network.json")
    found = pdenet.load(tmp_path / "network.json").parameters
    assert found.keys() == network.parameters.keys()
    for key, value in network.parameters.items():
        np.testing.assert_array_equal(found[key], value)


def test_a_reaction_needs_smaller_steps():
    plain = ALL_MODELS["multiscale-anisotropic"].network()
    network = dataclasses.replace(plain, reaction=0.7, tau=None)
    assert network.tau_max == pytest.approx(2 / (2 / plain.tau_max + 0.7), rel=1e-12)
    assert network.per_step().tau_max == pytest.approx([network.tau_max] * network.steps)
    with pytest.raises(ValueError, match="tau must be at most tau_max"):
        dataclasses.replace(network, tau=plain.tau_max)


def test_a_reaction_has_a_steady_state_near_the_image():
    """Where g = 1: reaction (f - u) = A u for each mode."""
    network = models.perona_malik(1e9, reaction=0.5)
    x = np.cos(np.pi * 3 * (np.arange(16) + 0.5) / 16)
    f = np.outer(np.ones(8), x)
    rho = network.block.symbol(np.array([3 * np.pi / 16]), np.array([0.0]))[0, 0]
    for scheme in ("explicit", "fed"):
        result = network.evolve(f, 200.0, scheme=scheme, cycles=40)
        np.testing.assert_allclose(result, 0.5 / (0.5 + rho) * f, atol=1e-9)


def test_parameters_for_all_steps_or_for_each():
    network = models.multiscale(20.0, sigmas=[0.0, 1.0], steps=3, tau=0.1)
    own = network.with_parameters({"contrast": [10.0, 20.0, 30.0], "tau": [0.1, 0.2, 0.1]})
    assert own.parameters["beta"].shape == (2,)
    assert own.parameters["contrast"].tolist() == [10, 20, 30]
    again = own.with_parameters({"contrast": 5.0, "beta": [[1, 2]] * 3})
    assert again.parameters["contrast"] == 5 and again.parameters["beta"].shape == (3, 2)
    assert again.parameters["tau"].tolist() == [0.1, 0.2, 0.1]


@pytest.mark.parametrize("options, message", [
    ({"tau": [0.1, 0.2]}, "tau must be one for all steps or a list of one for each of the 3 steps; "
                          "got a list of 2"),
    ({"tau": [0.1, 0.2, -1]}, "tau must be a finite number > 0; got -1"),
    ({"tau": [0.1, 9.0, 0.1]}, "tau must be at most tau_max = 0.5 for stability; got 9"),
    ({"reaction": -1}, "reaction must be a finite number >= 0; got -1"),
    ({"reaction": [0.1, None, 0.1]}, "all steps must have the same sigmas and the same kind"),
    ({"scales": [pdenet.ScaleSpace([s]) for s in (0, 1, 2)]}, "all steps must have the same sigma"),
    ({"flux": [pdenet.Isotropic(pdenet.Rational(1.0)), pdenet.Anisotropic(pdenet.Rational(1.0)),
               pdenet.Isotropic(pdenet.Rational(1.0))]}, "all steps must have the same sigmas")])
def test_bad_steps(options, message):
    with pytest.raises(ValueError, match=message):
        DiffusionNetwork(**({"flux": pdenet.Isotropic(pdenet.Rational(5.0)), "steps": 3}
                            | options))


def test_bad_parameters_and_uses():
    network = models.eed(5.0, steps=3)
    with pytest.raises(ValueError, match="contrast must be one for all steps or a list of one for "
                                         "each of the 3 steps; got a list of 2"):
        network.with_parameters({"contrast": [1.0, 2.0]})
    with pytest.raises(ValueError, match="a diffusion time needs equal steps"):
        network.per_step().evolve(np.eye(4), 1.0)
    with pytest.raises(ValueError, match="reaction has no energy"):
        models.perona_malik(5.0, reaction=0.1).energy(np.eye(4))


def test_training_parameters_of_each_step():
    clean = pdenet.rectangles(3, 30)[:, ::8, ::8]
    noisy = pdenet.add_noise(clean, 60)
    network = models.multiscale(50.0, sigmas=[0.0, 1.0], steps=3, reaction=0.05,
                                tau=0.1).per_step()
    fitted, history = pdenet.fit(network, noisy, clean, epochs=15, batch_size=3,
                                 optimizer=pdenet.Adam(0.05))
    assert history[-1]["loss"] < 0.7 * history[0]["loss"]
    assert np.ptp(fitted.parameters["contrast"]) > 0
    assert (fitted.parameters["tau"] <= fitted.tau_max * (1 + 1e-9)).all()
    assert (fitted.parameters["reaction"] >= 0).all()
