"""Parameters as a vector: where each stands, what a vector means, and what is cut off."""

import dataclasses

import numpy as np
import pytest

import pdenet
from pdenet import DiffusionNetwork, Exponential, Isotropic, ScaleSpace
from pdenet.learning import unconstrained
from pdenet.learning.unconstrained import Coordinates
from pdenet.network import catalogue

from ..scheme.test_diffusivities import Huber

NETWORK = DiffusionNetwork(flux=Isotropic(Exponential(7.0)), tau=0.1, steps=2, reaction=0.2,
                           scales=ScaleSpace([0.0, 1.0], [0.8, 0.6]),
                           steering=ScaleSpace([2.0], [1.5]))
LIMIT = NETWORK.tau_max
EACH = NETWORK.per_step()
ONE_TAU = NETWORK.with_parameters({"beta": [[0.8, 0.6], [1.5, 0.6]], "reaction": [0.1, 0.3]})
RATES = np.array([0.3, 0.5, -0.4, 0.7, 0.35, 0.25, -0.2, 0.6]) / 3
SHARPENING = DiffusionNetwork(
    flux=Isotropic(Exponential(7.0)), tau=0.1, steps=2, scales=ScaleSpace([0.0, 1.0], [0.8, 0.6]),
    dictionary=pdenet.Dictionary(RATES, np.linspace(0.5, 2, 8), amplification=0.3))
REMOVING = DiffusionNetwork(
    flux=Isotropic(Exponential(7.0)), tau=0.1, steps=2, reaction=0.1,
    dictionary=[pdenet.Dictionary(np.abs(RATES)), pdenet.Dictionary(np.abs(RATES) / 2)])
WITHOUT = pdenet.models.perona_malik(None, diffusivity=Huber(), tau=0.1)
NETWORKS = {"all": NETWORK, "each": EACH, "one tau": ONE_TAU, "no contrast": WITHOUT,
            "sharpening": SHARPENING, "sharpening, each": SHARPENING.per_step(),
            "removing": REMOVING,
            "sharpening, other taus": SHARPENING.with_parameters({"tau": [0.1, 0.05]}),
            "sharpening, one tau": SHARPENING.with_parameters({"rates": [RATES, 0.9 * RATES]}),
            "other taus": ONE_TAU.with_parameters({"tau": [0.1, 0.05]})}
every_network = pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)


def test_where_each_parameter_stands():
    np.testing.assert_allclose(
        unconstrained.to_coordinates(NETWORK),
        [0.8, 0.6, 1.5, np.log(7), 0.2, np.log(0.1 / LIMIT)], rtol=1e-14)
    np.testing.assert_allclose(
        unconstrained.to_coordinates(EACH),
        [0.8, 0.6, 0.8, 0.6, 1.5, 1.5, *[np.log(7)] * 2, 0.2, 0.2, *[np.log(0.1 / LIMIT)] * 2])
    share = 0.1 / ONE_TAU.tau_max.min()
    assert ONE_TAU.tau_max[0] > 1.1 * ONE_TAU.tau_max[1]
    assert unconstrained.to_coordinates(ONE_TAU)[-1] == pytest.approx(np.log(share))
    np.testing.assert_allclose(unconstrained.to_coordinates(WITHOUT), [1, np.log(0.1 / 0.5)])


def test_what_a_vector_means():
    """tau is a share of the bound of the new weights and the new reaction."""
    found = unconstrained.from_coordinates(NETWORK, np.array([-0.5, 0.3, 2.0, -1.0, 0.4, -0.7]))
    parameters = found.parameters
    assert parameters["beta"].tolist() == [-0.5, 0.3] and parameters["steering"].tolist() == [2]
    assert parameters["contrast"] == pytest.approx(np.exp(-1.0), rel=1e-14)
    frequencies = np.linspace(0, np.pi, 1001)
    rho = found.block.symbol(frequencies, frequencies).max()
    assert parameters["tau"] == pytest.approx(np.exp(-0.7) * 2 / (rho + 0.4), rel=1e-5)
    assert parameters["tau"] == pytest.approx(np.exp(-0.7) * found.tau_max, rel=1e-14)
    assert found.steps == 2 and parameters["reaction"] == 0.4


@pytest.mark.parametrize("name", ["tau", "contrast", "beta", "reaction", "rates", "sensitivities"])
@every_network
def test_the_chain_rule(network, name):
    """For a loss that is the sum of the squares of one parameter."""
    network = dataclasses.replace(network, allow_unstable=True)
    if name not in network.parameters:
        assert name not in unconstrained.split(network.parameters, Coordinates(network).start)
        return
    x = unconstrained.to_coordinates(network)
    gradient = {key: 0 * np.asarray(value) + 2 * np.asarray(value) * (key == name)
                for key, value in network.parameters.items()}
    found = unconstrained.gradient_in_coordinates(network, gradient)
    for k, move in enumerate(1e-6 * np.eye(x.size)):
        ends = [np.sum(np.square(unconstrained.from_coordinates(network, x + sign * move)
                                 .parameters[name])) for sign in (1, -1)]
        assert found[k] == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-5, abs=1e-8)


def test_parts_are_views_of_the_vector():
    x = np.arange(12.0)
    parts = unconstrained.split(EACH.parameters, x)
    assert {name: part.shape for name, part in parts.items()} == {
        "beta": (2, 2), "steering": (2, 1), "contrast": (2,), "reaction": (2,), "tau": (2,)}
    parts["tau"][1] = parts["beta"][0, 1] = -9
    assert x.tolist() == [0, -9, *range(2, 11), -9]


@every_network
def test_what_is_not_allowed_is_cut_off(network):
    size = unconstrained.to_coordinates(network).size
    for sign in (1, -1):
        x = sign * np.random.default_rng(0).permutation(np.linspace(-3, 3, size))
        before, expected = x.copy(), unconstrained.split(network.parameters, x.copy())
        expected["tau"][...] = np.minimum(expected["tau"], 0)
        if "reaction" in expected:
            expected["reaction"][...] = np.maximum(expected["reaction"], 0)
        if network is REMOVING:
            expected["rates"][...] = np.maximum(expected["rates"], 0)
        found = np.clip(x, *unconstrained.bounds(network))
        np.testing.assert_array_equal(
            found, np.concatenate([np.ravel(part) for part in expected.values()]))
        np.testing.assert_array_equal(np.clip(x, *Coordinates(network).bounds), found)
        free = Coordinates(dataclasses.replace(network, allow_unstable=True))
        np.testing.assert_array_equal(np.clip(x, *free.bounds), before)
        np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("name", [name for name in NETWORKS if "sharpening" in name])
@pytest.mark.parametrize("scale", [0.1, 3.0, 1e3])
def test_no_vector_amplifies_more_than_is_allowed(name, scale):
    network = NETWORKS[name]
    x = scale * np.random.default_rng(1).normal(size=Coordinates(network).start.size)
    found = unconstrained.from_coordinates(network, np.clip(x, *Coordinates(network).limits))
    amplified = [tau * block.dictionary.sharpening[0] for block, tau in found.each_step()]
    assert all(0 < growth < 0.3 for growth in amplified)
    assert not found.allow_unstable


def test_a_network_at_its_bound_begins_next_to_it():
    dictionary = SHARPENING.dictionary
    network = SHARPENING.with_parameters({"tau": min(dictionary.tau_max, SHARPENING.tau_max)})
    x = unconstrained.to_coordinates(network.with_parameters({
        "rates": np.where(RATES < 0, 0.3 / network.tau / dictionary.sharpening[0] * RATES, RATES)}))
    again = unconstrained.from_coordinates(network, x)
    assert np.isfinite(x).all()
    assert again.tau * again.dictionary.sharpening[0] == pytest.approx(0.3, rel=1e-5)


def test_a_vector_far_beyond_is_an_error_and_no_warning():
    x = Coordinates(NETWORK).start
    for k, message in ((3, "contrast must be from 1e-15 to 1e15"), (5, "tau must be at most")):
        wrong = x.copy()
        wrong[k] = 1e6
        with pytest.raises(ValueError, match=message):
            Coordinates(NETWORK).at(wrong)
    x[4] = -0.1
    with pytest.raises(ValueError, match="reaction must be a finite number >= 0; got -0.1"):
        Coordinates(NETWORK).at(x)


@every_network
def test_coordinates_begin_at_the_network(network):
    coordinates = Coordinates(network)
    for name, value in coordinates.at(coordinates.start).parameters.items():
        np.testing.assert_allclose(value, network.parameters[name], rtol=1e-14)
    if network is not WITHOUT:
        assert coordinates.describe() == catalogue.describe(network)
