"""The bound of the step size: the symbol as a plain sum, and its maximum by a search of SciPy's."""

import numpy as np
import pytest
from scipy import optimize

from pdenet import Gradient, Hessian, Laplacian, ScaleSpace
from pdenet.scheme import stability
from pdenet.scheme.scales import sampled_gaussian

OPERATORS = [Gradient(), Gradient(0.0), Gradient(0.5), Laplacian(), Laplacian(0.0), Hessian()]
SPACES = [ScaleSpace([0.0]), ScaleSpace([0.7]), ScaleSpace([0.4, 1.0, 2.5], [0.3, -1.5, 0.8]),
          ScaleSpace([5.0, 9.0])]


class Lopsided:
    """Whose symbol tells rows from columns."""

    symbol = np.array([[0, 3, 1], [0.5, 0, 0], [0, 2, 0]])


def by_hand(operator, scales, xi, eta):
    """Of a single mode, in floats: the cosine series of each Gaussian, the powers one by one."""
    X, Y, total = np.sin(xi / 2)**2, np.sin(eta / 2)**2, 0.0
    for sigma, omega, beta in zip(scales.sigmas, scales.omega, scales.weights, strict=True):
        taps = sampled_gaussian(sigma)
        places = np.arange(taps.size) - taps.size // 2
        smoothing = (taps @ np.cos(places * xi)) * (taps @ np.cos(places * eta))
        polynomial = sum(c * Y**j * X**i for (j, i), c in np.ndenumerate(operator.symbol))
        total += omega * beta**2 * smoothing**2 * polynomial
    return total


@pytest.mark.parametrize("operator", [*OPERATORS, Lopsided()], ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("scales", SPACES[1:3], ids=["one", "three"])
def test_the_symbol_is_a_sum_over_scales_at_any_pair_of_frequencies(operator, scales):
    xi, eta = np.array([0.0, 0.4, np.pi]), np.array([3.0, 0.1])
    expected = [[by_hand(operator, scales, x, y) for x in xi] for y in eta]
    np.testing.assert_allclose(stability.symbol(operator, scales, xi, eta), expected, rtol=1e-12,
                               atol=1e-14)


def test_a_symbol_of_many_frequencies_is_computed_in_parts():
    scales = ScaleSpace.exponential(0.4, 10, 8)
    xi, eta = np.linspace(0, 3, 2001), np.linspace(0.1, 2, 50)
    found = stability.symbol(Gradient(), scales, xi, eta)
    for part in (np.s_[:3], np.s_[17:20], np.s_[-2:]):
        np.testing.assert_allclose(found[part], stability.symbol(Gradient(), scales, xi, eta[part]),
                                   rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("operator", OPERATORS, ids=str)
@pytest.mark.parametrize("scales", SPACES, ids=lambda scales: str(scales.sigmas))
def test_the_spectral_radius_is_the_highest_point(operator, scales):
    rho, xi, eta = stability.spectral_radius(operator, scales)
    assert rho == pytest.approx(by_hand(operator, scales, xi[0], eta[0]), rel=1e-12)
    grid = np.linspace(0, np.pi, 33)
    coarse = stability.symbol(operator, scales, grid, grid)
    highest = np.stack(np.unravel_index(np.argsort(coarse, axis=None)[-6:], coarse.shape), axis=-1)
    found = [-optimize.minimize(lambda x: -by_hand(operator, scales, *x), grid[[column, row]],
                                bounds=[(0, np.pi)] * 2).fun for row, column in highest]
    assert max(found) == pytest.approx(rho, rel=1e-6)


@pytest.mark.parametrize("operator", [Gradient(0.3), Hessian()], ids=str)
@pytest.mark.parametrize("bound", [0.0, 2.5])
def test_slopes_of_the_largest_step_are_derivatives(operator, bound):
    """Of log(2 / (rho + bound)) with respect to each weight, one of which is 0."""
    sigmas, weights = [0.3, 0.8, 1.5], np.array([0.6, -0.9, 0.0])

    def largest(weights):
        return 2 / (stability.spectral_radius(operator, ScaleSpace(sigmas, weights))[0] + bound)

    slopes = stability.slopes(operator, ScaleSpace(sigmas, weights), None, largest(weights))["beta"]
    for k, move in enumerate(1e-5 * np.eye(3)):
        expected = np.log(largest(weights + move) / largest(weights - move)) / 2e-5
        assert slopes[k] == pytest.approx(expected, rel=1e-5, abs=1e-7)


def test_the_climb_ends_on_a_level_ridge_with_rounding():
    """All frequencies are as good but for rounding, which moves the best point to and fro."""
    calls = []

    def level(xi, eta):
        calls.append(0)
        assert len(calls) < 1000
        rim = (eta == eta.max())[:, np.newaxis] | (xi == xi.max()) if len(calls) % 2 else \
            (eta == eta.min())[:, np.newaxis] | (xi == xi.min())
        return 1 + 1e-16 * rim + 2e-16 * rim

    value, _, _ = stability._refine(level, np.array([1.0, 1.0]), 0.1)
    assert value == pytest.approx(1)


@pytest.mark.parametrize("operator, sigma", [
    (Hessian(), 4.0), (Gradient(), 8.0), (Laplacian(), 15.0), (Hessian(), 9.0)])
def test_the_maximum_on_a_ridge_is_found(operator, sigma):
    """A large scale has its largest values on a ring, of which no point may lie above."""
    scales = ScaleSpace([sigma])
    rho, xi, eta = stability.spectral_radius(operator, scales)
    frequencies = np.linspace(0, np.pi, 3001)
    assert stability.symbol(operator, scales, frequencies, frequencies).max() <= rho * (1 + 1e-6)
    assert stability.symbol(operator, scales, xi, eta)[0, 0] == pytest.approx(rho, rel=1e-12)
