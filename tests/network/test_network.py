"""The network view: blocks as residual block, eq. (5), and ResNeXt block, eq. (37).

The inner and outer convolutions are explicit dense matrices, built from the definitions and
not from the package; only the activation couples channels.
"""

import numpy as np
import pytest

import pdenet
from pdenet import Anisotropic, Exponential, Gradient, Hessian, Isotropic, Laplacian, ScaleSpace
from pdenet import Uncoupled

from .. import naive

SHAPE, CONTRAST, TAU = (6, 5), 15.0, 0.05
ALPHA = 0.41


def activation_of_cells(kind, inputs, measures):
    """Phi: couples all samples (p, q, s) of all inputs (N, 3, H+1, W+1) at each cell."""
    g = Exponential(CONTRAST).g
    p, q, s = inputs[:, 0], inputs[:, 1], inputs[:, 2]
    twist = (1 - 2 * ALPHA) / 4 * s**2
    w = np.asarray(measures)[:, np.newaxis, np.newaxis]
    j = np.array([[(w * (p * p + twist)).sum(0), (w * p * q).sum(0)],
                  [(w * p * q).sum(0), (w * (q * q + twist)).sum(0)]]).transpose(2, 3, 0, 1)
    d = naive.tensor(kind, g, j)
    a, b, c = d[..., 0, 0], d[..., 0, 1], d[..., 1, 1]
    return np.stack([a * p + b * q, b * p + c * q, (1 - 2 * ALPHA) / 4 * (a + c) * s], axis=1)


def rim(shape):
    """A cell of the rim belongs half to the mirror image."""
    weights = np.ones((shape[0] + 1, shape[1] + 1))
    weights[[0, -1]] *= 0.5
    weights[:, [0, -1]] *= 0.5
    return np.tile(weights.ravel(), 3)


COUPLINGS = {"isotropic": Isotropic, "anisotropic": Anisotropic, "uncoupled": Uncoupled}


@pytest.mark.parametrize("kind", COUPLINGS)
@pytest.mark.parametrize("channels", [1, 3])
def test_single_scale_is_a_residual_block(kind, channels):
    """u = f + W2 phi1(W1 f) with W1 = K, phi1 = tau Phi, W2 = -K', eq. (18), and eq. (28)."""
    block = pdenet.DiffusionNetwork(flux=COUPLINGS[kind](Exponential(CONTRAST)), tau=TAU, steps=1)
    f = np.random.default_rng(0).normal(50, 30, (channels,) + SHAPE)
    k = naive.matrix(naive.samples, SHAPE)
    w1, w2 = k, -k.T * rim(SHAPE)
    inner = np.stack([(w1 @ channel.ravel()).reshape(3, SHAPE[0] + 1, -1) for channel in f])
    activated = TAU * activation_of_cells(kind, inner, [1.0] * channels)
    u = f + np.stack([(w2 @ a.ravel()).reshape(SHAPE) for a in activated])
    np.testing.assert_allclose(block(f, channel_axis=0), u, atol=1e-11)


@pytest.mark.parametrize("operator", [Laplacian(), Hessian()], ids=str)
def test_second_order_is_a_residual_block(operator):
    """eq. (18) with the operator channels of eq. (11) and eq. (14)."""
    tau = 0.01
    block = pdenet.DiffusionNetwork(operator=operator, flux=Isotropic(Exponential(CONTRAST)),
                                    tau=tau, steps=1)
    f = np.random.default_rng(0).normal(50, 30, SHAPE)
    w1 = naive.matrix(lambda v: naive.second_order_operators(v, operator), SHAPE)
    samples = (w1 @ f.ravel()).reshape(-1, f.size)
    phi = Exponential(CONTRAST).g((samples**2).sum(0)) * samples
    u = f + (-w1.T @ (tau * phi.ravel())).reshape(SHAPE)
    np.testing.assert_allclose(block(f), u, atol=1e-11)


@pytest.mark.parametrize("kind", COUPLINGS)
def test_several_scales_are_a_resnext_block(kind):
    """u = f + sum_l W2l phi(W1l f) with W1l = K_l, phi = tau Phi, W2l = -omega_l K_l', eq. (38).

    K_l = beta_l K G_l; the activation sees all paths, with omega_l as its measure.
    """
    scales = ScaleSpace([0.0, 0.7, 1.5, 4.0], [1.0, -0.5, 0.8, 0.3])
    block = pdenet.DiffusionNetwork(operator=Gradient(ALPHA), scales=scales,
                                    flux=COUPLINGS[kind](Exponential(CONTRAST)), tau=TAU, steps=1)
    f = np.random.default_rng(0).normal(50, 30, SHAPE)
    k = naive.matrix(naive.samples, SHAPE)
    paths = [beta * k @ naive.matrix(lambda v, sigma=sigma: [naive.smooth(v, sigma)], SHAPE)
             for sigma, beta in zip(scales.sigmas, scales.weights, strict=True)]
    inner = np.stack([(path @ f.ravel()).reshape(3, SHAPE[0] + 1, -1) for path in paths])
    activated = TAU * activation_of_cells(kind, inner, scales.omega)
    u = f + sum((-omega * (path.T * rim(SHAPE)) @ a.ravel()).reshape(SHAPE)
                for omega, path, a in zip(scales.omega, paths, activated, strict=True))
    np.testing.assert_allclose(block(f), u, atol=1e-11)


def test_blocks_of_a_network_are_equal_steps():
    network = pdenet.models.eed(9.0, steps=4)
    image = np.random.default_rng(0).normal(50, 30, SHAPE)
    single = pdenet.models.eed(9.0, steps=1)
    expected = image
    for _ in range(4):
        expected = single(expected)
    np.testing.assert_array_equal(network(image), expected)


def test_scales_have_the_measure_of_the_scale_integral():
    np.testing.assert_allclose(ScaleSpace([0.5, 1.0, 2.0]).omega, [0.5, 1.0, 2.0])
    np.testing.assert_allclose(ScaleSpace([0.0, 2.0]).omega, [2.0, 2.0])
    np.testing.assert_allclose(ScaleSpace([3.0]).omega, [1.0])
    scales = ScaleSpace.exponential(0.4, 10.0, 8)
    np.testing.assert_allclose(scales.sigmas[1:] / scales.sigmas[:-1], 25**(1 / 7))
    np.testing.assert_allclose(scales.omega, (25**(1 / 7) - 1) * scales.sigmas)


@pytest.mark.parametrize("arguments, message", [
    (([1.0, 0.5],), "sigmas must be increasing and >= 0; got [1.0, 0.5]"),
    (([-1.0, 0.5],), "sigmas must be increasing and >= 0; got [-1.0, 0.5]"),
    (([],), "sigmas must be a sequence of finite numbers; got []"),
    (([1.0, float("inf")],), "sigmas must be a sequence of finite numbers; got [1.0, inf]"),
    (("ab",), "sigmas must be a sequence of finite numbers; got 'ab'"),
    (([1.0], [1.0, 2.0]), "weights must have one value for each of the 1 sigmas; got 2"),
    (([1.0], [float("nan")]), "weights must be a sequence of finite numbers; got [nan]")])
def test_bad_scales(arguments, message):
    with pytest.raises(ValueError) as error:
        ScaleSpace(*arguments)
    assert str(error.value) == message


@pytest.mark.parametrize("build, message", [
    (lambda: pdenet.DiffusionNetwork(operator=Hessian(), flux=Anisotropic(Exponential(1.0))),
     "flux must be Isotropic with operator Hessian()"),
    (lambda: pdenet.models.perona_malik(1.0, tau=0.0), "tau must be a finite number > 0; got 0.0"),
    (lambda: pdenet.models.gerig(1.0, steps=1.5), "steps must be a whole number >= 0; got 1.5"),
    (lambda: pdenet.models.gerig(1.0, steps=-1), "steps must be a whole number >= 0; got -1"),
    (lambda: pdenet.models.eed(1.0, sigma=-1.0), "sigma must be a finite number >= 0; got -1.0"),
    (lambda: Gradient(alpha=0.6), "alpha must be a finite number >= 0 and <= 0.5; got 0.6"),
    (lambda: Gradient(gamma=-0.1), "gamma must be a finite number >= 0 and <= 1; got -0.1"),
    (lambda: Laplacian(alpha=1.0), "alpha must be a finite number >= 0 and <= 0.25; got 1.0"),
    (lambda: pdenet.Orientations(Exponential(1.0), angles=1), "angles must be a whole number >= 2"),
    (lambda: pdenet.models.multiscale(1.0, sigmas=[1.0], coupling="none"),
     "coupling must be one of isotropic, anisotropic, uncoupled; got 'none'")])
def test_bad_networks(build, message):
    with pytest.raises(ValueError) as error:
        build()
    assert message in str(error.value)


def test_parameters():
    network = pdenet.models.eed(9.0, sigma=2.0, tau=0.2)
    assert network.parameters.keys() == {"beta", "steering", "contrast", "tau"}
    assert (network.parameters["contrast"], network.parameters["tau"]) == (9.0, 0.2)
    scales = pdenet.models.multiscale(3.0, sigmas=[1.0, 2.0], weights=[0.5, 0.25])
    np.testing.assert_array_equal(scales.parameters["beta"], [0.5, 0.25])
    assert "steering" not in scales.parameters
