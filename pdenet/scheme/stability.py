"""How large a step may be: the symbol of a step for g = 1, its maximum rho, and tau <= 2 / rho.

The cosine modes, with frequencies xi along a row and eta along a column, are eigenvectors of the
Gaussians and, for g = 1, of K' K, so that the step's eigenvalues are 1 - tau times

    sum_l w_l G_l(xi, eta)^2 K'K(xi, eta).

rho bounds the step for every tensor D <= I, because M(D) <= M(I). Volumes have a third frequency,
zeta, along the slices.
"""

import functools
import itertools

import numpy as np

from . import derivatives
from .scales import ScaleSpace


def symbol(operator, scales, *frequencies):
    """sum_l w_l G_l^2 K' K at all combinations of frequencies xi, eta and of volumes zeta, rad per
    pixel: shape (eta, xi), or (zeta, eta, xi).

    As sum_lij w_l c_ji (G_l^2 X^i) (G_l^2 Y^j) with the operator's coefficients c_ji it is the
    product of two matrices; that of volumes has another factor, G_l^2 Z^k.
    """
    coefficients = operator.symbol
    degrees = np.arange(len(coefficients))[:, np.newaxis]
    smoothing = [scales.symbol(values, axis)**2 for axis, values in enumerate(frequencies)]
    powers = [np.sin(values / 2)**(2 * degrees) for values in frequencies]
    right = (smoothing[0] * powers[0][:, np.newaxis]).reshape(-1, frequencies[0].size)
    weights = scales.strength[:, np.newaxis] * smoothing[-1]
    if len(frequencies) == 2:
        left = weights * (coefficients.T @ powers[1])[:, np.newaxis]
        left = left.reshape(len(right), -1).T
    else:
        across = np.einsum("kji,kz,jy->zyi", coefficients, powers[2], powers[1])
        left = np.einsum("lz,ly,zyi->zyil", weights, smoothing[1], across)
        left = left.reshape(-1, len(right))
    # In products so small that BLAS computes them in one thread: its other threads would stay awake
    # afterwards and take the processors from the workers, as training asks between its batches.
    out, rows = np.empty((len(left), right.shape[1])), max(1, 2**18 // right.size)
    for first in range(0, len(left), rows):
        np.matmul(left[first:first + rows], right, out=out[first:first + rows])
    return out.reshape([values.size for values in frequencies[::-1]])


def spectral_radius(operator, scales, dictionary=None):
    """rho, the maximum of the symbol, and the frequencies xi, eta and of volumes zeta where it is,
    each of shape (1,); with a dictionary, of the sum with the symbol of its rates >= 0."""
    find = _spectral_radius if operator.__hash__ else _spectral_radius.__wrapped__
    rates = () if dictionary is None else tuple(np.maximum(dictionary.rates, 0))
    return find(operator, tuple(scales.sigmas), tuple(scales.weights), rates)


@functools.lru_cache(1024)
def _spectral_radius(operator, sigmas, weights, rates):
    scales = ScaleSpace(sigmas, weights).spaced(getattr(operator, "spacing", None))
    reach = 2 * scales.reach + operator.reach
    if np.ndim(operator.symbol) == 3:
        return _highest_of_volumes(functools.partial(symbol, operator, scales), scales)
    if not any(rates):
        return _highest(functools.partial(symbol, operator, scales), reach)
    return _highest(lambda xi, eta: symbol(operator, scales, xi, eta)
                    + derivatives.symbol(rates, xi, eta), max(reach, 2 * derivatives.RADIUS))


@functools.lru_cache(1024)
def largest(rates):
    """The maximum of the symbol of a dictionary with these rates, and the frequencies where it
    is."""
    return _highest(functools.partial(derivatives.symbol, rates), 2 * derivatives.RADIUS)


def _highest(values, reach):
    """The maximum of a symbol of images, and the frequencies xi and eta where it is, each of shape
    (1,).

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


def _highest_of_volumes(values, scales):
    """The maximum of a symbol of volumes, and the frequencies xi, eta and zeta where it is, each of
    shape (1,).

    Without smoothing the symbol is affine in each of X, Y and Z, so that the maximum is at a corner
    of the cube. Otherwise it is sought on a grid that is finer towards 0, where large scales have
    theirs, and refined around the best of the local maxima.
    """
    if scales.reach == 0:
        grid = np.array([0, np.pi])
    else:
        near = np.geomspace(0.1 / max(scales.reach, 1), np.pi, 40)
        grid = np.unique(np.concatenate([[0], near, np.pi * np.arange(1, 17) / 16]))
    rho = values(grid, grid, grid)
    if scales.reach == 0:
        place = np.unravel_index(rho.argmax(), rho.shape)
        return float(rho.max()), *(grid[[k]] for k in place[::-1])
    peaks = sorted(_peaks(rho), key=lambda place: -rho[place])[:8]
    widths = np.maximum(np.gradient(grid), np.diff(grid, append=np.pi))
    found = (_refine(values, grid[list(place[::-1])], widths[list(place[::-1])])
             for place in peaks)
    return max(found, key=lambda peak: peak[0])


def _peaks(rho):
    """The places of the local maxima that are at most a hundredth below the largest value."""
    places = np.unravel_index(np.flatnonzero(rho >= 0.99 * rho.max()), rho.shape)
    values, highest = rho[places], np.ones(places[0].size, bool)
    for steps in itertools.product((-1, 0, 1), repeat=rho.ndim):
        highest &= values >= rho[tuple(np.clip(place + step, 0, size - 1) for place, step, size in
                                       zip(places, steps, rho.shape, strict=True))]
    return zip(*(place[highest] for place in places), strict=True)


def _refine(values, centre, spacing):
    """Climb from a point of a grid to a maximum: its value, and its frequencies.

    Where the best of 17 points in each direction around the centre is at their rim, the centre
    moves there, along a ridge; otherwise the points move together.
    """
    highest = -np.inf
    while True:
        low, high = np.clip(centre - spacing, 0, np.pi), np.clip(centre + spacing, 0, np.pi)
        points = [np.linspace(a, b, 17) for a, b in zip(low, high, strict=True)]
        rho = values(*points)
        place = np.unravel_index(rho.argmax(), rho.shape)[::-1]
        best = np.array([axis[k] for axis, k in zip(points, place, strict=True)])
        at_rim = (best == low) & (best > 0) | (best == high) & (best < np.pi)
        centre = best
        if at_rim.any() and rho.max() > highest:  # else it would go to and fro on a level ridge
            highest = rho.max()
            continue
        spacing = spacing / 8
        if np.max(spacing) < 1e-6:
            return float(rho.max()), *best[:, np.newaxis]


def slopes(operator, scales, dictionary, limit):
    """The derivatives of log(limit) for limit = 2 / (rho + ...), by name: with respect to beta,
    shape (L,), and, with a dictionary, to its rates, shape (8,). They are -limit / 2 times those of
    the symbol at its maximum."""
    _, *frequencies = spectral_radius(operator, scales, dictionary)
    smoothing = np.prod([scales.symbol(frequency, axis)
                         for axis, frequency in enumerate(frequencies)], axis=0)
    unsmoothed = ScaleSpace([0.0])
    by_strength = smoothing[:, 0]**2 * symbol(operator, unsmoothed, *frequencies).ravel()
    found = {"beta": -limit * scales.omega * scales.weights * by_strength}
    if dictionary is not None:
        by_rates = derivatives.symbols(*frequencies)[:, 0, 0]
        found["rates"] = -limit / 2 * np.where(dictionary.rates < 0, 0, by_rates)
    return found
