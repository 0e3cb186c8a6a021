"""The block by itself: cycles with a held tensor, how far they reach, its bound, its refusals."""

import numpy as np
import pytest

from pdenet import (Anisotropic, DiffusionBlock, Exponential, Gradient, Hessian, Isotropic,
                    Laplacian, Orientations, Rational, ScaleSpace, Uncoupled)
from pdenet.kernels.workspace import Workspace

from .. import naive
from .test_diffusivities import OwnRational

KINDS = {"isotropic": Isotropic, "anisotropic": Anisotropic, "uncoupled": Uncoupled}
SCALES = ScaleSpace([0.0, 0.9, 1.6], [0.8, -0.5, 0.3])


def cycle_by_hand(block, kind, u, f, taus):
    """The steps with the tensor of the image before the first, by the published weights."""
    steering = block.scales if block.steering is None else block.steering
    layers = [naive.smooth(channel, sigma) for channel in u for sigma in steering.sigmas]
    measures = np.tile(steering.omega * steering.weights**2, len(u))
    alpha, gamma = block.operator.alpha, block.operator.gamma
    d = naive.tensor(kind, block.flux.diffusivity.g, naive.structure(layers, measures, alpha))
    for tau in taus:
        out = u + tau * (block.reaction or 0.0) * (f - u)
        for m, channel in enumerate(u):
            for sigma, w in zip(block.scales.sigmas, block.scales.omega * block.scales.weights**2,
                                strict=True):
                inner = naive.divergence(d, naive.smooth(channel, sigma), alpha, gamma)
                out[m] += tau * w * naive.smooth(inner, sigma)
        u = out
    return u


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [{}, {"steering": ScaleSpace([1.1])}, {"reaction": 0.6},
                                     {"scales": SCALES, "reaction": 0.3}], ids=list)
@pytest.mark.parametrize("taus", [(0.05,), (0.08, 0.3, 0.02)])
@pytest.mark.parametrize("shape", [(2, 7, 6), (1, 1, 1)])
def test_a_cycle_holds_the_tensor_of_its_beginning(kind, options, taus, shape):
    block = DiffusionBlock(**{"operator": Gradient(0.3, 0.5), "scales": ScaleSpace([0.0]),
                              "flux": KINDS[kind](Exponential(15.0))} | options)
    u, f = np.random.default_rng(0).normal(50, 20, (2,) + shape)
    before = u.copy(), f.copy()
    found = block.cycle(u, taus, f, Workspace())
    np.testing.assert_allclose(found, cycle_by_hand(block, kind, u, f, taus), rtol=0, atol=1e-10)
    np.testing.assert_array_equal((u, f), before)


@pytest.mark.parametrize("sigmas, steering, steps", [
    ([0.0], None, 1), ([0.0], None, 3), ([0.0, 0.5], None, 2), ([0.0], ScaleSpace([0.8]), 1),
    ([0.0], ScaleSpace([0.8]), 2), ([0.7], ScaleSpace([0.3]), 1)])
def test_the_reach_is_that_of_a_spot(sigmas, steering, steps):
    block = DiffusionBlock(Gradient(), ScaleSpace(sigmas), Anisotropic(Rational(3.0)), steering)
    reach, taus = block.reach(steps), (0.1,) * steps
    size = 2 * reach + 7
    u = np.random.default_rng(0).normal(0, 5, (1, size, size))
    spot = u.copy()
    spot[0, size // 2, size // 2] += 100
    changed = np.argwhere(block.cycle(spot, taus, spot, Workspace()).copy()
                          != block.cycle(u, taus, u, Workspace()))[:, 1:]
    assert np.abs(changed - size // 2).max() == reach


@pytest.mark.parametrize("options, expected", [
    ({}, True), ({"scales": ScaleSpace([0.1])}, True), ({"steering": ScaleSpace([2.0])}, True),
    ({"scales": ScaleSpace([0.5])}, False), ({"scales": ScaleSpace([0.0, 0.1])}, False),
    ({"reaction": 0.0}, False), ({"operator": Laplacian()}, False),
    ({"flux": Isotropic(OwnRational(3.0))}, False),
    ({"flux": Orientations(Exponential(3.0))}, False)])
def test_several_steps_in_one_pass_need_one_scale_without_smoothing(options, expected):
    block = DiffusionBlock(**{"operator": Gradient(), "scales": ScaleSpace([0.0]),
                              "flux": Isotropic(Exponential(3.0))} | options)
    assert block.compiled == expected


def test_the_bound_counts_the_reaction_and_its_slopes_are_derivatives():
    def block(weights, reaction):
        return DiffusionBlock(Gradient(0.2), ScaleSpace([0.0, 0.6], weights),
                              Isotropic(Exponential(3.0)), reaction=reaction)

    frequencies = np.linspace(0, np.pi, 2001)
    found, weights = block([0.8, -0.5], 0.7), np.array([0.8, -0.5])
    rho = found.symbol(frequencies, frequencies).max()
    assert found.tau_max == pytest.approx(2 / (rho + 0.7), rel=1e-6)
    slopes, h = found.tau_limit_slopes, 1e-5
    for k, move in enumerate(h * np.eye(2)):
        ratio = block(weights + move, 0.7).tau_max / block(weights - move, 0.7).tau_max
        assert slopes["beta"][k] == pytest.approx(np.log(ratio) / (2 * h), rel=1e-5)
    ratio = block(weights, 0.7 + h).tau_max / block(weights, 0.7 - h).tau_max
    assert slopes["reaction"] == pytest.approx(np.log(ratio) / (2 * h), rel=1e-5)


@pytest.mark.parametrize("change, expected", [
    ({"scales": ScaleSpace([0.0, 1.0], [3.0, 4.0])}, True), ({"reaction": 0.9}, True),
    ({"flux": Orientations(Rational(9.0))}, True), ({"scales": ScaleSpace([0.0, 1.1])}, False),
    ({"steering": None}, False), ({"reaction": None}, False),
    ({"flux": Orientations(Exponential(5.0))}, False), ({"flux": Isotropic(Rational(5.0))}, False),
    ({"flux": Orientations(Rational(5.0), angles=9)}, False)])
def test_similar_blocks_differ_in_parameters_alone(change, expected):
    parts = {"operator": Gradient(), "scales": ScaleSpace([0.0, 1.0]), "reaction": 0.1,
             "flux": Orientations(Rational(5.0)), "steering": ScaleSpace([2.0])}
    one, other = DiffusionBlock(**parts), DiffusionBlock(**parts | change)
    assert one.similar(other) == other.similar(one) == expected


def test_a_step_with_a_reaction_descends_its_energy():
    block = DiffusionBlock(Gradient(0.2), SCALES, Anisotropic(Exponential(15.0)), reaction=0.4)
    u, f, direction = np.random.default_rng(1).normal(50, 20, (3, 1, 6, 7))
    flow = (block.cycle(u, (1e-3,), f, Workspace()) - u) / 1e-3
    slope = (block.energy(u + 1e-5 * direction, f) - block.energy(u - 1e-5 * direction, f)) / 2e-5
    assert slope == pytest.approx(-2 * np.sum(flow * direction), rel=1e-6)


@pytest.mark.parametrize("change, error, message", [
    ({"steering": 3}, TypeError, "steering must be ScaleSpace or None; got 3"),
    ({"reaction": -0.5}, ValueError, "reaction must be a finite number >= 0; got -0.5"),
    ({"operator": Hessian(), "flux": Uncoupled(Rational(2.0))}, ValueError,
     r"must be Isotropic with operator Hessian\(\); got Uncoupled\(diffusivity=Rational\(contrast=")
])
def test_parts_that_do_not_go_together(change, error, message):
    with pytest.raises(error, match=message):
        DiffusionBlock(**{"operator": Gradient(), "scales": ScaleSpace([0.0]),
                          "flux": Isotropic(Rational(2.0))} | change)
