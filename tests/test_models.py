"""Each model by name: its operator, its flux, its scales, and where its options go."""

import inspect

import numpy as np
import pytest

import pdenet
from pdenet import (Anisotropic, CoherenceEnhancing, Gradient, Hessian, Isotropic, Laplacian,
                    Orientations, Uncoupled, models)
from pdenet.scheme.diffusivities import DIFFUSIVITIES

from .scheme.test_diffusivities import OwnRational

EIGHT = 0.4 * 25**(np.arange(8) / 7)
PARTS = {  # flux, operator, scales that diffuse, scales that steer
    "perona_malik": (Isotropic, Gradient(), [0], None),
    "you_kaveh": (Isotropic, Laplacian(), [0], None),
    "lysaker_lundervold_tai": (Isotropic, Hessian(), [0], None),
    "gerig": (Isotropic, Gradient(), [0], None),
    "weickert_brox": (Anisotropic, Gradient(), [0], None),
    "multiscale": (Anisotropic, Gradient(), EIGHT, None),
    "eed": (Anisotropic, Gradient(), [0], [1]),
    "weickert_1994": (Orientations, Gradient(), [0], [1]),
    "ced": (CoherenceEnhancing, Gradient(alpha=0.45), [0], [0.7])}
every_model = pytest.mark.parametrize("name", PARTS)


def test_there_is_no_other_model():
    functions = [name for name, function in inspect.getmembers(models, inspect.isfunction)
                 if function.__module__ == "pdenet.models" and not name.startswith("_")]
    assert sorted(functions) == sorted(PARTS)


@every_model
def test_a_model_is_made_of_its_parts(name):
    flux, operator, scales, steering = PARTS[name]
    network = getattr(models, name)(7.0)
    diffusivity = pdenet.Coherence if name == "ced" else pdenet.Exponential
    assert network.flux == flux(diffusivity(7.0)) and network.operator == operator
    np.testing.assert_allclose(network.scales.sigmas, scales, rtol=1e-12)
    np.testing.assert_array_equal(network.scales.weights, 1)
    if steering is None:
        assert network.steering is None
    else:
        assert network.steering.sigmas.tolist() == steering
        assert network.steering.weights.tolist() == [1]
    assert network.reaction is None and network.allow_unstable is False
    assert (network.integration and network.integration.sigmas.tolist()) == (
        [4.0] if name == "ced" else None)


@every_model
def test_options_go_to_the_network(name):
    build = getattr(models, name)
    network = build(7.0, tau=1e-3, steps=3, reaction=0.25, allow_unstable=True)
    assert (network.tau, network.steps, network.reaction, network.allow_unstable) == (
        1e-3, 3, 0.25, True)
    operator = type(PARTS[name][1])
    other = Hessian() if operator is Hessian else operator(alpha=0.125)
    assert build(7.0, operator=other).operator == other
    with pytest.raises(TypeError, match="sigma_"):
        build(7.0, sigma_=1.0)
    with pytest.raises(TypeError, match="positional"):
        build(7.0, "rational")


@every_model
@pytest.mark.parametrize("diffusivity", DIFFUSIVITIES)
def test_a_diffusivity_by_name_or_as_an_object(name, diffusivity):
    build, own = getattr(models, name), OwnRational(3.0)
    expected = DIFFUSIVITIES[diffusivity](7.0)
    assert build(7.0, diffusivity=diffusivity).flux.diffusivity == expected
    assert build(None, diffusivity=expected).flux.diffusivity is expected
    assert build(None, diffusivity=own).flux.diffusivity is own
    with pytest.raises(ValueError, match="contrast must be omitted .*; got contrast=7.0"):
        build(7.0, diffusivity=own)
    with pytest.raises(ValueError, match="contrast must be a finite number > 0; got None"):
        build(None, diffusivity=diffusivity)


@pytest.mark.parametrize("coupling, flux", [("isotropic", Isotropic), ("uncoupled", Uncoupled),
                                            ("anisotropic", Anisotropic)])
def test_couplings_and_scales_of_multiscale(coupling, flux):
    network = models.multiscale(7.0, coupling=coupling, sigmas=[0.5, 2.0], weights=[3.0, -1.0])
    assert type(network.flux) is flux
    assert network.scales.sigmas.tolist() == [0.5, 2] and network.scales.weights.tolist() == [3, -1]
    weights = np.arange(1.0, 9.0)
    assert models.multiscale(7.0, weights=weights).scales.weights.tolist() == weights.tolist()
    with pytest.raises(ValueError, match="coupling must be one of .*; got 'orientations'"):
        models.multiscale(7.0, coupling="orientations")


@pytest.mark.parametrize("build", [models.eed, models.weickert_1994])
def test_presmoothing(build):
    assert build(7.0, sigma=0).steering.sigmas.tolist() == [0]
    assert build(7.0, sigma=np.float32(2.5)).steering.sigmas.tolist() == [2.5]
    for sigma in (-1.0, "1", None, np.inf):
        with pytest.raises(ValueError, match="sigma must be a finite number >= 0; got "):
            build(7.0, sigma=sigma)
