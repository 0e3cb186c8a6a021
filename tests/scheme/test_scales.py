"""Scales: sampled Gaussians and their symbols, strengths, and what a list of scales may be."""

import numpy as np
import pytest
from scipy import ndimage

from pdenet import ScaleSpace
from pdenet.kernels.workspace import Workspace
from pdenet.scheme.scales import sampled_gaussian

from .. import naive


@pytest.mark.parametrize("sigma, radius", [(0.0, 0), (0.1, 0), (0.124, 0), (0.125, 1), (0.6, 2),
                                           (1.0, 4), (2.3, 9), (10.0, 40)])
def test_a_gaussian_is_scipys_answer_to_a_spot(sigma, radius):
    spot = np.zeros(2 * radius + 7)
    spot[radius + 3] = 1
    taps = sampled_gaussian(sigma)
    assert taps.size == 2 * radius + 1
    expected = ndimage.gaussian_filter1d(spot, sigma, truncate=4) if sigma else spot
    np.testing.assert_allclose(taps, expected[3:-3], atol=1e-16)
    assert ScaleSpace([sigma]).reach == radius


def test_symbols_are_the_fourier_transforms_of_the_gaussians():
    scales, size = ScaleSpace([0.0, 0.4, 1.3, 3.0]), 64
    frequencies = 2 * np.pi * np.arange(size // 2 + 1) / size
    for sigma, found in zip(scales.sigmas, scales.symbol(frequencies), strict=True):
        taps = sampled_gaussian(sigma)
        padded = np.zeros(size)
        padded[:taps.size] = taps
        centred = np.roll(padded, -(taps.size // 2))
        np.testing.assert_allclose(found, np.fft.rfft(centred).real, atol=1e-14)


def test_the_adjoint_weighs_each_scale_by_its_strength():
    scales = ScaleSpace([0.5, 1.5, 2.0], [2.0, -3.0, 0.5])
    np.testing.assert_allclose(scales.strength, [1.0 * 4, 0.5 * 9, (2 / 1.5 - 1) * 2 * 0.25])
    layers = np.random.default_rng(0).normal(size=(6, 5, 4)).astype(np.float32)
    out = np.ones((2, 5, 4), np.float32)
    scales.add_adjoint(layers, -0.5, out, Workspace())
    expected = [1 - 0.5 * sum(w * naive.smooth(layer, sigma) for w, sigma, layer in zip(
        scales.strength, scales.sigmas, own.astype(float), strict=True))
                for own in (layers[:3], layers[3:])]
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("sigma", [0.0, 0.12])
def test_a_single_scale_that_does_not_smooth_costs_nothing(sigma):
    u = np.ones((2, 3, 4))
    assert ScaleSpace([sigma]).smooth(u, Workspace()) is u
    layers = ScaleSpace([0.0, sigma + 0.1], [3.0, 0.2]).smooth(u, Workspace())
    np.testing.assert_array_equal(layers, np.ones((4, 3, 4)))  # weights count elsewhere


def test_scales_do_not_change_with_the_arrays_they_were_made_of():
    sigmas, weights = np.array([1.0, 2.0]), np.array([0.5, 0.7])
    scales = ScaleSpace(sigmas, weights)
    sigmas[0], weights[1] = 1.5, 9.0
    assert scales.sigmas.tolist() == [1, 2] and scales.weights.tolist() == [0.5, 0.7]
    for part in (scales.sigmas, scales.weights, scales.omega, sampled_gaussian(1.0)):
        with pytest.raises(ValueError, match="read-only"):
            part[0] = 3.0


def test_scales_in_constant_ratio():
    scales = ScaleSpace.exponential(0.5, 8.0, 5, [1, 2, 3, 4, 5])
    np.testing.assert_allclose(scales.sigmas, [0.5, 1, 2, 4, 8], rtol=1e-14)
    assert scales.weights.tolist() == [1, 2, 3, 4, 5]
    assert ScaleSpace.exponential(2.0, 2.0, 1).sigmas.tolist() == [2]
    assert ScaleSpace.exponential(2.0, 1000.0, 2).sigmas[-1] == pytest.approx(1000)


@pytest.mark.parametrize("arguments, message", [
    ((0.0, 3.0, 2), "smallest must be a finite number > 0; got 0.0"),
    ((2.0, 1.0, 2), "largest must be a finite number >= 2; got 1.0"),
    ((2.0, 2.0, 3), "largest must be above smallest, 2, for 3 scales; got 2"),
    ((1.0, 2.0, 0), "count must be a whole number >= 1; got 0"),
    ((1.0, 2.0, 2.0), "count must be a whole number >= 1; got 2.0"),
    ((1.0, 1001.0, 2), "sigmas must be at most 1000 pixels; got 1001"),
    ((1.0, 2.0, 2, [1.0]), "weights must .* 2 .*; got 1$")])
def test_bad_sequences(arguments, message):
    with pytest.raises(ValueError, match=message):
        ScaleSpace.exponential(*arguments)


@pytest.mark.parametrize("sigmas, weights, message", [
    ([1.0, 1.0], None, r"sigmas must be increasing and >= 0; got \[1.0, 1.0\]"),
    ([[1.0, 2.0]], None, r"sigmas must be a sequence of finite numbers; got \[\[1.0, 2.0\]\]"),
    (1.0, None, "sigmas must be a sequence of finite numbers; got 1.0"),
    ([1.0, 2.0], [-1e16, 1.0], r"weights must be at most 1e15 .*; got \[-1e\+16, 1.0\]"),
    ([1.0, 2.0], [1e-16, -1e-17], r"not all below 1e-15; got \[1e-16, -1e-17\]")])
def test_bad_lists(sigmas, weights, message):
    with pytest.raises(ValueError, match=message):
        ScaleSpace(sigmas, weights)
