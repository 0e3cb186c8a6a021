"""Parts of networks as JSON and back: each by its name, lists for steps that differ."""

import json

import numpy as np
import pytest

import pdenet
from pdenet import DiffusionNetwork, FormatError, ScaleSpace
from pdenet.network import catalogue
from pdenet.scheme.diffusivities import DIFFUSIVITIES

DICTIONARY = {"rates": [1] * 8, "sensitivities": [1] * 8, "smoothing": 1, "amplification": 0}
FLUXES = (pdenet.Isotropic, pdenet.Anisotropic, pdenet.Uncoupled)


def described(network):
    """What stands in a file, read again."""
    return json.loads(json.dumps(catalogue.describe(network)))


def test_a_network_is_described_in_full():
    network = DiffusionNetwork(
        operator=pdenet.Gradient(0.3, 0.5), scales=ScaleSpace([0.0, 1.5], [0.5, -0.25]),
        flux=pdenet.Orientations(pdenet.Rational(7.0), angles=9), tau=0.125, steps=4,
        integration=ScaleSpace([2.0], [0.5]),
        dictionary=pdenet.Dictionary(np.arange(8) / 8, np.arange(1, 9), 0.5, 0.25),
        channels=pdenet.Channels([1.0, 0.5], guides=1))
    assert catalogue.describe(network) == {
        "operator": {"name": "Gradient", "alpha": 0.3, "gamma": 0.5, "structure_twist": 1.0},
        "scales": {"sigmas": [0.0, 1.5], "weights": [0.5, -0.25]}, "steering": None,
        "flux": {"name": "Orientations", "diffusivity": {"name": "Rational", "contrast": 7.0},
                 "angles": 9},
        "integration": {"sigmas": [2.0], "weights": [0.5]}, "tau": 0.125, "reaction": None,
        "dictionary": {"rates": [k / 8 for k in range(8)], "sensitivities": list(range(1, 9)),
                       "smoothing": 0.5, "amplification": 0.25},
        "channels": {"guiding": [1.0, 0.5], "guides": 1}, "steps": 4, "allow_unstable": False}
    assert sorted(catalogue.describe(network)) == sorted(catalogue.KEYS + catalogue.LATER_KEYS)


@pytest.mark.parametrize("operator", [pdenet.Gradient(0.1, 0.9), pdenet.Laplacian(0.2),
                                      pdenet.Hessian()], ids=str)
@pytest.mark.parametrize("diffusivity", DIFFUSIVITIES)
def test_every_part_comes_back_as_it_was(operator, diffusivity):
    kinds = FLUXES if operator.directional else FLUXES[:1]
    for kind in kinds:
        flux = kind(DIFFUSIVITIES[diffusivity](1 / 3))
        network = DiffusionNetwork(operator=operator, flux=flux, tau=1e3 / 7, allow_unstable=True,
                                   steering=ScaleSpace([0.1, 0.7], [1 / 9, 3.0]), reaction=1 / 7)
        found = catalogue.arguments(described(network))
        assert (found["operator"], found["flux"]) == (operator, flux)
        assert (found["tau"], found["reaction"], found["steps"], found["allow_unstable"]) == (
            network.tau, network.reaction, 10, True)
        np.testing.assert_array_equal(found["steering"].weights, network.steering.weights)
        np.testing.assert_array_equal(found["steering"].sigmas, network.steering.sigmas)


def test_steps_that_differ_are_lists():
    network = DiffusionNetwork(
        flux=[pdenet.Isotropic(pdenet.Exponential(k)) for k in (1.0, 2.0)], reaction=[0.5, 0.25],
        steering=[ScaleSpace([1.0], [k]) for k in (3.0, 4.0)], tau=0.1, steps=2)
    document = described(network)
    assert [flux["diffusivity"]["contrast"] for flux in document["flux"]] == [1, 2]
    assert document["reaction"] == [0.5, 0.25] and document["tau"] == 0.1
    again = DiffusionNetwork(**catalogue.arguments(document))
    assert str(again.parameters) == str(network.parameters)


@pytest.mark.parametrize("change, error, message", [
    ({"tau": []}, FormatError, "tau must be a list of 1 to 1000, one for each step; got 0"),
    ({"tau": [0.1] * 1001}, FormatError, "one for each step; got 1001"),
    ({"tau": [0.1, "0.1"]}, FormatError, "tau must be a number; got '0.1'"),
    ({"reaction": True}, FormatError, "reaction must be a number; got True"),
    ({"allow_unstable": 1}, FormatError, "allow_unstable must be true or false; got 1"),
    ({"operator": {"name": {}}}, FormatError, "operator must be an object whose name is one of "
     "Gradient, Laplacian, Hessian; got {'name': {}}"),
    ({"operator": {"name": "Hessian", "alpha": 0}}, FormatError, "operator has an unknown key 'a"),
    ({"flux": {"name": "Isotropic"}}, FormatError, "flux has no 'diffusivity'"),
    ({"flux": {"name": "Isotropic", "diffusivity": {"name": "Weickert", "contrast": None}}},
     FormatError, "contrast must be a number; got None"),
    ({"flux": [{"name": "Exponential", "contrast": 3}]}, FormatError, "flux must be an object"),
    ({"scales": {"sigmas": [1.0], "weights": 1.0}}, FormatError,
     "scales.weights must be a list of 1 to 100 numbers; got 1.0"),
    ({"dictionary": {"rates": [1] * 8}}, FormatError, "dictionary has no 'sensitivities'"),
    ({"dictionary": DICTIONARY | {"rates": 3}}, FormatError, "dictionary.rates must be a list"),
    ({"dictionary": DICTIONARY | {"rates": [1] * 7}}, ValueError, "rates must be 8 numbers"),
    ({"dictionary": DICTIONARY | {"smoothing": None}}, FormatError, "smoothing must be a number"),
    ({"dictionary": [DICTIONARY, 3]}, FormatError, "dictionary must be an object with rates"),
    ({"steering": {"sigmas": [1.0]}}, FormatError, "steering has no 'weights'"),
    ({"steering": {"sigmas": [-1.0], "weights": [1.0]}}, ValueError, "sigmas must be increasing")])
def test_a_part_that_is_none(change, error, message):
    document = described(pdenet.models.perona_malik(5.0)) | change
    with pytest.raises(error, match=message):
        catalogue.arguments(document)


@pytest.mark.parametrize("part, kind", [
    ({"flux": pdenet.Isotropic(pdenet.Exponential(2.0))}, "operator"), ({}, "flux")])
def test_a_subclass_may_differ_and_is_not_described(part, kind):
    class Mine(pdenet.Gradient if kind == "operator" else pdenet.Anisotropic):
        pass

    parts = part | {kind: Mine() if kind == "operator" else Mine(pdenet.Exponential(2.0))}
    with pytest.raises(TypeError, match=f"{kind} must be one of .* to be written to a file; got "):
        catalogue.describe(DiffusionNetwork(**parts))
