"""How large a step may be: the symbol of a step for g = 1, its maximum rho, and tau <= 2 / rho.

The cosine modes, with frequencies xi along a row and eta along a column, are eigenvectors of the
Gaussians and, for g = 1, of K' K, so that the step's eigenvalues are 1 - tau times

    sum_l w_l G_l(xi, eta)^2 K'K(xi, eta).

rho bounds the step for every tensor D <= I, because M(D) <= M(I).
"""

import functools
import itertools

import numpy as np

from . import derivatives
from .scales import ScaleSpace


def symbol(operator, scales, xi, eta):
    """sum_l w_l G_l^2 K' K at all pairs of frequencies, rad per pixel: shape (eta, xi).

    As sum_lij w_l c_ji (G_l^2 X^i) (G_l^2 Y^j) with the operator's coefficients c_ji it is the
    product of two matrices.
    """
    factors_xi = scales.symbol(xi)**2
    factors_eta = factors_xi if np.array_equal(xi, eta) else scales.symbol(eta)**2
    coefficients = operator.symbol
    degrees = np.arange(len(coefficients))[:, np.newaxis]
    X, Y = np.sin(xi / 2)**(2 * degrees), np.sin(eta / 2)**(2 * degrees)
    left = (scales.strength[:, np.newaxis] * factors_eta) * (coefficients.T @ Y)[:, np.newaxis]
    right = factors_xi * X[:, np.newaxis]
    left, right = left.reshape(-1, eta.size).T, right.reshape(-1, xi.size)
    # In products so small that BLAS computes them in one thread: its other threads would stay awake
    # afterwards and take the processors from the workers, as training asks between its batches.
    out, rows = np.empty((eta.size, xi.size)), max(1, 2**18 // right.size)
    for first in range(0, eta.size, rows):
        np.matmul(left[first:first + rows], right, out=out[first:first + rows])
    return out


def spectral_radius(operator, scales, dictionary=None):
    """rho, the maximum of the symbol, and the frequencies xi and eta where it is, each of shape
    (1,); with a dictionary, of the sum with the symbol of its rates >= 0."""
    find = _spectral_radius if operator.__hash__ else _spectral_radius.__wrapped__
    rates = () if dictionary is None else tuple(np.maximum(dictionary.rates, 0))
    return find(operator, tuple(scales.sigmas), tuple(scales.weights), rates)


@functools.lru_cache(64)
def _spectral_radius(operator, sigmas, weights, rates):
    scales = ScaleSpace(sigmas, weights)
    reach = 2 * scales.reach + operator.reach
    if not any(rates):
        return _highest(functools.partial(symbol, operator, scales), reach)
    return _highest(lambda xi, eta: symbol(operator, scales, xi, eta)
                    + derivatives.symbol(rates, xi, eta), max(reach, 2 * derivatives.RADIUS))


@functools.lru_cache(64)
def largest(rates):
    """The maximum of the symbol of a dictionary with these rates, and the frequencies where it
    is."""
    return _highest(functools.partial(derivatives.symbol, rates), 2 * derivatives.RADIUS)


def _highest(values, reach):
    """The maximum of a symbol, and the frequencies xi and eta where it is, each of shape (1,).

    It is found on a grid eight times finer than the symbol's fastest oscillation, which is as many
    times that of a cosine as the step reaches, and refined around every local maximum on the grid
    that comes close: large scales have a ridge, on which the grid's maximum may be far from the
    true one.
    """
    # At most 1024: faster oscillations are those of large scales, whose G_l^2 is negligible there.
    count = min(8 * reach, 1024)
    grid = np.linspace(0, np.pi, count + 1)
    rho = values(grid, grid)
    found = (_refine(values, np.array([grid[column], grid[row]]), np.pi / count)
             for row, column in _peaks(rho))
    return max(found, key=lambda peak: peak[0])


def _peaks(rho):
    """The places of the local maxima that are at most a hundredth below the largest value."""
    rows, columns = np.divmod(np.flatnonzero(rho >= 0.99 * rho.max()), rho.shape[1])
    highest = np.ones(rows.size, bool)
    for down, right in itertools.product((-1, 0, 1), repeat=2):
        neighbours = rho[np.clip(rows + down, 0, len(rho) - 1),
                         np.clip(columns + right, 0, len(rho) - 1)]
        highest &= rho[rows, columns] >= neighbours
    return zip(rows[highest], columns[highest], strict=True)


def _refine(values, centre, spacing):
    """Climb from a point of a grid to a maximum: its value, and its frequencies.

    Where the best of 17 x 17 points around the centre is at their rim, the centre moves there,
    along a ridge; otherwise the points move together.
    """
    highest = -np.inf
    while True:
        low, high = np.clip(centre - spacing, 0, np.pi), np.clip(centre + spacing, 0, np.pi)
        xi, eta = (np.linspace(a, b, 17) for a, b in zip(low, high, strict=True))
        rho = values(xi, eta)
        row, column = np.unravel_index(rho.argmax(), rho.shape)
        best = np.array([xi[column], eta[row]])
        at_rim = (best == low) & (best > 0) | (best == high) & (best < np.pi)
        centre = best
        if at_rim.any() and rho.max() > highest:  # else it would go to and fro on a level ridge
            highest = rho.max()
            continue
        spacing = spacing / 8
        if spacing < 1e-6:
            return float(rho.max()), best[:1], best[1:]


def slopes(operator, scales, dictionary, limit):
    """The derivatives of log(limit) for limit = 2 / (rho + ...), by name: with respect to beta,
    shape (L,), and, with a dictionary, to its rates, shape (8,). They are -limit / 2 times those of
    the symbol at its maximum."""
    _, xi, eta = spectral_radius(operator, scales, dictionary)
    smoothing = scales.symbol(xi) * scales.symbol(eta)
    by_strength = smoothing[:, 0]**2 * symbol(operator, ScaleSpace([0.0]), xi, eta)[0]
    found = {"beta": -limit * scales.omega * scales.weights * by_strength}
    if dictionary is not None:
        by_rates = derivatives.symbols(xi, eta)[:, 0, 0]
        found["rates"] = -limit / 2 * np.where(dictionary.rates < 0, 0, by_rates)
    return found
