"""What is known of a block without an image: how far it reaches, and its largest step."""

import numpy as np
import pytest

import pdenet
from pdenet import Dictionary, ScaleSpace
from pdenet.kernels.workspace import Workspace

ONES = np.ones(8)
AVERAGE = ScaleSpace([0.0, 0.5], [0.5, 0.5])


def block(**parts):
    return pdenet.DiffusionBlock(**{
        "operator": pdenet.Gradient(0.3), "scales": ScaleSpace([0.0]),
        "flux": pdenet.Anisotropic(pdenet.Rational(3.0))} | parts)


@pytest.mark.parametrize("parts, a_step, beyond", [
    ({}, 1, 0), ({"scales": ScaleSpace([0.5])}, 5, 0), ({"steering": ScaleSpace([0.7])}, 1, 3),
    ({"integration": AVERAGE}, 1, 2), ({"dictionary": Dictionary(ONES)}, 8, 4),
    ({"dictionary": Dictionary(ONES), "scales": ScaleSpace([1.0])}, 9, 3),
    ({"dictionary": Dictionary(ONES), "scales": ScaleSpace([2.0])}, 17, 0),
    ({"dictionary": Dictionary(ONES), "steering": ScaleSpace([4.0])}, 8, 9)])
@pytest.mark.parametrize("steps", [1, 2])
def test_a_cycle_reaches_as_far_as_it_says(parts, a_step, beyond, steps):
    found = block(**parts)
    reach = found.reach(steps)
    assert reach == steps * a_step + beyond
    size = 2 * reach + 5
    u = np.random.default_rng(0).normal(0, 2, (1, size, size))
    results = []
    for change in (0.0, 3.0):
        v = u.copy()
        v[0, reach + 1:-reach - 1, 0] += change
        v[0, :, :size // 2 - reach] += change
        results.append(found.cycle(v, (0.1,) * steps, u, Workspace()).copy())
    same = np.s_[:, :, size // 2:]
    np.testing.assert_array_equal(results[0][same], results[1][same])
    assert (results[0] != results[1])[0, size // 2, :size // 2].any()


def test_the_largest_step_is_the_lesser_of_two():
    rates = np.array([0, 0, -0.5, 0, 0.2, 0, 0, 0.1])
    free = block(dictionary=Dictionary(rates, amplification=100.0))
    assert free.tau_max == free.tau_limit < free.dictionary.tau_max
    tight = block(dictionary=Dictionary(rates, amplification=0.01))
    assert tight.tau_max == tight.dictionary.tau_max < tight.tau_limit == free.tau_limit
    positive = block(dictionary=Dictionary(np.maximum(rates, 0)))
    assert positive.tau_limit == free.tau_limit < block().tau_limit


def test_slopes_of_the_limit_are_derivatives():
    rates = np.array([0.1, 0.2, -0.5, 0.3, 0.2, 0.1, 0.4, 0.1])

    def limit(weight=0.0, move=0.0, reaction=0.3):
        return block(dictionary=Dictionary(rates + move, amplification=1.0), reaction=reaction,
                     scales=ScaleSpace([0.0, 0.8], [0.6, 0.4 + weight]))

    slopes, h = limit().tau_limit_slopes, 1e-5
    found = np.log(limit(h).tau_limit / limit(-h).tau_limit) / (2 * h)
    assert slopes["beta"][1] == pytest.approx(found, rel=1e-5)
    found = np.log(limit(reaction=0.3 + h).tau_limit / limit(reaction=0.3 - h).tau_limit) / (2 * h)
    assert slopes["reaction"] == pytest.approx(found, rel=1e-5)
    for g, move in enumerate(h * np.eye(8)):
        found = np.log(limit(move=move).tau_limit / limit(move=-move).tau_limit) / (2 * h)
        assert slopes["rates"][g] == pytest.approx(found, rel=1e-5, abs=1e-9)
