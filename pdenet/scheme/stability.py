"""How large a step may be: the symbol of a step for g = 1, its maximum rho, and tau <= 2 / rho.

The cosine modes, with frequencies xi along a row and eta along a column, are eigenvectors of the
Gaussians and, for g = 1, of K' K, so that the step's eigenvalues are 1 - tau times

    sum_l w_l G_l(xi, eta)^2 K'K(xi, eta).

rho bounds the step for every tensor D <= I, because M(D) <= M(I).
"""

import functools
import itertools

import numpy as np

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


def spectral_radius(operator, scales):
    """rho, the maximum of the symbol, and the frequencies xi and eta where it is, each of shape
    (1,).

    It is found on a grid eight times finer than the symbol's fastest oscillation, and refined
    around every local maximum on the grid that comes close: large scales have a ridge, on which the
    grid's maximum may be far from the true one.
    """
    find = _spectral_radius if operator.__hash__ else _spectral_radius.__wrapped__
    return find(operator, tuple(scales.sigmas), tuple(scales.weights))


@functools.lru_cache(64)
def _spectral_radius(operator, sigmas, weights):
    scales = ScaleSpace(sigmas, weights)
    # At most 1024: faster oscillations are those of large scales, whose G_l^2 is negligible there.
    count = min(8 * (2 * scales.reach + operator.reach), 1024)
    grid = np.linspace(0, np.pi, count + 1)
    rho = symbol(operator, scales, grid, grid)
    found = (_refine(operator, scales, np.array([grid[column], grid[row]]), np.pi / count)
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


def _refine(operator, scales, centre, spacing):
    """Climb from a point of a grid to a maximum: its value, and its frequencies.

    Where the best of 17 x 17 points around the centre is at their rim, the centre moves there,
    along a ridge; otherwise the points move together.
    """
    while True:
        low, high = np.clip(centre - spacing, 0, np.pi), np.clip(centre + spacing, 0, np.pi)
        xi, eta = (np.linspace(a, b, 17) for a, b in zip(low, high, strict=True))
        rho = symbol(operator, scales, xi, eta)
        row, column = np.unravel_index(rho.argmax(), rho.shape)
        best = np.array([xi[column], eta[row]])
        at_rim = (best == low) & (best > 0) | (best == high) & (best < np.pi)
        centre = best
        if at_rim.any():
            continue
        spacing = spacing / 8
        if spacing < 1e-6:
            return float(rho.max()), best[:1], best[1:]


def tau_max_slopes(operator, scales, tau_max):
    """The derivatives of log(tau_max) with respect to beta, shape (L,): as tau_max = 2 / (rho +
    ...), -tau_max / 2 times those of rho, which are those of the symbol at its maximum."""
    _, xi, eta = spectral_radius(operator, scales)
    smoothing = scales.symbol(xi) * scales.symbol(eta)
    by_strength = smoothing[:, 0]**2 * symbol(operator, ScaleSpace([0.0]), xi, eta)[0]
    return -tau_max * scales.omega * scales.weights * by_strength
