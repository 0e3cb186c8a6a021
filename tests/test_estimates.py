"""Estimates from an image, against the same statistics of plain arrays."""

import numpy as np
import pytest
from scipy import ndimage, optimize

import pdenet
from pdenet import ScaleSpace, estimates, models

from . import naive
from .scheme.test_diffusivities import OwnRational

RNG = np.random.default_rng(0)
GREY = RNG.normal(100, 20, (21, 30)) + 80 * (np.arange(30) > 12)
COLOUR = np.stack([GREY, GREY.T.reshape(GREY.shape), 3 * GREY], axis=-1)
FLAT = np.full((9, 8), 7.0)


@pytest.mark.parametrize("image, axis", [(GREY, None), (COLOUR, -1)], ids=["grey", "colour"])
@pytest.mark.parametrize("network", [
    models.perona_malik(1.0, operator=pdenet.Gradient(0.3)), models.eed(9.0, sigma=1.5),
    models.multiscale(2.0, sigmas=[0.0, 1.0], weights=[0.5, 2.0], coupling="isotropic")],
    ids=["one", "steered", "scales"])
def test_the_contrast_is_a_median_of_gradients(network, image, axis):
    scales = network.scales if network.steering is None else network.steering
    planes = np.moveaxis(image, -1, 0) if axis == -1 else image[np.newaxis]
    layers = [naive.smooth(plane, sigma) for plane in planes for sigma in scales.sigmas]
    J = naive.structure(layers, np.tile(scales.omega * scales.weights**2, len(planes)),
                        network.operator.alpha)
    trace = np.trace(J, axis1=-2, axis2=-1)
    found = pdenet.estimate_contrast(network, image, channel_axis=axis)
    assert found == pytest.approx(np.sqrt(np.median(trace[trace > 0])), rel=1e-10)
    again = network.with_parameters({"contrast": 77.0})
    assert pdenet.estimate_contrast(again, image, channel_axis=axis) == found


def twist_noise(planes):
    a, b, c, d = planes[:, :-1, :-1], planes[:, :-1, 1:], planes[:, 1:, :-1], planes[:, 1:, 1:]
    return np.median(np.abs(a - b - c + d)) / (2 * 0.6745)


@pytest.mark.parametrize("image, axis, least, most", [
    (GREY, None, 0.07, 0.12), (COLOUR, -1, 1 / 16, 1 / 8), (RNG.normal(size=(40, 40)), None,
                                                            1 / 16, 1 / 16),
    (FLAT, None, 1 / 8, 1 / 8), (np.add.outer(np.arange(9.0), np.arange(8.0)), None, 1 / 8, 1 / 8),
    (np.ones((1, 5)), None, 1 / 8, 1 / 8), (np.ones((1, 1)), None, 1 / 8, 1 / 8)])
@pytest.mark.parametrize("network", [models.perona_malik(1.0), models.you_kaveh(1.0),
                                     models.multiscale(1.0, sigmas=[0.0, 0.7])],
                         ids=["gradient", "laplacian", "scales"])
def test_the_time_leaves_a_share_of_the_noise(network, image, axis, least, most):
    planes = np.moveaxis(image, -1, 0) if axis == -1 else image[np.newaxis]
    noise = twist_noise(planes) if min(planes.shape[1:]) > 1 else 0.0
    share = np.clip(planes.std() / (20 * noise), 1 / 16, 1 / 8) if noise else 1 / 8
    assert least <= share <= most
    frequencies = np.pi * (np.arange(64) + 0.5) / 64
    rho = network.block.symbol(frequencies, frequencies)

    def excess(time):
        return np.log(np.mean(np.exp(-2 * time * rho))) / 2 - np.log(share)

    end = 1000 * network.tau_max
    exact = end if excess(end) > 0 else optimize.brentq(excess, 1e-3, end)
    found = pdenet.estimate_time(network, image, channel_axis=axis)
    assert found == pytest.approx(exact, rel=2e-3)
    other = network.with_parameters({"tau": network.tau / 7})
    assert pdenet.estimate_time(other, image, channel_axis=axis) == found


def test_the_time_has_an_end_where_noise_never_falls():
    """Frequencies that a large scale has smoothed away are out of its reach."""
    network = models.multiscale(1.0, sigmas=[30.0])
    assert pdenet.estimate_time(network, FLAT) == pytest.approx(1000 * network.tau_max)


def test_an_image_without_edges():
    assert pdenet.estimate_contrast(models.eed(3.0), FLAT) == 1
    assert pdenet.estimate_contrast(models.perona_malik(3.0), np.ones((1, 1), np.float32)) == 1
    for estimate in (pdenet.estimate_contrast, pdenet.estimate_time):
        with pytest.raises(TypeError, match="network must be a DiffusionNetwork; got 5"):
            estimate(5, FLAT)
        with pytest.raises(ValueError, match="image must not be empty"):
            estimate(models.eed(3.0), np.ones((0, 4)))


def test_what_is_given_is_not_estimated():
    planes, own = GREY[np.newaxis], OwnRational(4.0)
    estimated = pdenet.estimate_contrast(models.eed(1.0), GREY)
    for contrast, diffusivity, expected in ((None, "rational", estimated), (5.0, "rational", 5.0),
                                            (None, own, 4.0)):
        network, time = estimates.prepare(planes, models.eed, contrast, 2, diffusivity)
        assert network.parameters["contrast"] == expected and time == 2
        network, time = estimates.prepare(planes, models.eed, contrast, None, diffusivity)
        assert time == pdenet.estimate_time(network, GREY)
    assert network.flux.diffusivity is own
    with pytest.raises(ValueError, match="time must be a finite number >= 0; got -1"):
        estimates.prepare(planes, models.eed, 5.0, -1, "rational")


def test_the_range_is_between_quantiles_of_the_smoothed_image():
    planes = np.stack([GREY, 2 * GREY])
    smooth = np.stack([ndimage.gaussian_filter(plane, 2, mode="reflect") for plane in planes])
    low, high = np.quantile(smooth, [0.001, 0.999])
    assert estimates.range_of(planes) == pytest.approx(high - low, rel=1e-10)
    assert estimates.range_of(FLAT[np.newaxis]) == pytest.approx(0, abs=1e-12)
    assert ScaleSpace([2.0]).reach == 8  # cut where SciPy cuts
