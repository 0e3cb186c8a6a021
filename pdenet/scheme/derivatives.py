"""The filters of the dictionary: derivatives of a Gaussian of order 1 to 4, and their symbols.

The part (order N, spin m) has the filters Re and Im of

    F = (e / N)^(N / 2) Lap^((N - m) / 2) (d_x + i d_y)^m G,        G a Gaussian of sigma = 1,

where spin 0 has the real one alone. Turning the image by an angle multiplies F u by a complex
number of modulus 1, so that |F u| turns with the image. In frequencies |F| is (e / N)^(N / 2) r^N
exp(-r^2 / 2), which depends on their modulus r alone and has its maximum 1 at r = sqrt(N).

A filter of 9 pixels has that symbol as closely as it can, in least squares over all frequencies,
while its moments are exactly those of a derivative: polynomials of lower degree have derivative 0,
and x^N has N!. Sampled derivatives would be worse, as order 4 is cut off at pi while it is still
large. Over all angles |F|^2 varies by +-7 % of its maximum at most, whatever the modulus.
"""

import functools
import itertools
import math

import numpy as np

from ..kernels.derivative_rows import FILTERS, ORDERS, RADIUS, combine

PARTS = ((1, 1), (2, 0), (2, 2), (3, 1), (3, 3), (4, 0), (4, 2), (4, 4))
# The squares of the factors that make the maxima 1.
FACTORS = np.array([(math.e / order)**order for order, _ in PARTS])
OF_FILTERS = np.repeat(np.arange(len(PARTS)), [1 if spin == 0 else 2 for _, spin in PARTS])
# Of each of the 14 derivatives the order along rows and that along columns, as `combine` has them.
DERIVATIVES = [(order - n, n) for order in range(1, ORDERS) for n in range(order + 1)]


@functools.cache
def taps():
    """The filters of order 0 to 4 from their centres to one side: shape (5, RADIUS + 1)."""
    k, frequencies = np.arange(RADIUS + 1.0), np.linspace(0, np.pi, 2001)[:, np.newaxis]
    twice, found = np.where(k == 0, 1, 2), np.zeros((ORDERS, RADIUS + 1))
    for order in range(ORDERS):
        wave, free = (np.sin, k > 0) if order % 2 else (np.cos, k >= 0)
        modes = (twice * wave(frequencies * k))[:, free]
        wanted = (-1)**(order // 2) * (frequencies**order * np.exp(-frequencies**2 / 2))[:, 0]
        lower = np.arange(order % 2, order + 1, 2)[:, np.newaxis]
        moments = (twice * k**lower)[:, free]
        ends = np.where(lower[:, 0] == order, math.factorial(order), 0)
        # The normal equations, with a multiplier for each moment.
        system = np.block([[modes.T @ modes, moments.T],
                           [moments, np.zeros((len(moments), len(moments)))]])
        solution = np.linalg.solve(system, np.concatenate([modes.T @ wanted, ends]))
        found[order, free] = solution[:free.sum()]
    found.flags.writeable = False
    return found


@functools.cache
def _combinations():
    """The 14 filters as combinations of the 14 derivatives, shape (14, 14)."""
    return np.array(combine(np.eye(FILTERS), float))


@functools.cache
def _squares():
    """|F_g|^2 as sums of products, shape (8, 25, 25): the entry (g, 5 j + l, 5 i + k) is that of
    the filters of order i and k along rows, and of j and l along columns."""
    found = np.zeros((len(PARTS), ORDERS**2, ORDERS**2))
    for part, weights in zip(OF_FILTERS, _combinations(), strict=True):
        for (a, (i, j)), (b, (k, n)) in itertools.product(
                zip(weights, DERIVATIVES, strict=True), repeat=2):
            found[part, ORDERS * j + n, ORDERS * i + k] += a * b * FACTORS[part]
    return found


@functools.lru_cache(64)
def _products(frequencies):
    """The products of the symbols of two one-dimensional filters at frequencies given as bytes:
    shape (25, number of frequencies)."""
    angles = np.outer(np.arange(RADIUS + 1), np.frombuffer(frequencies))
    half = taps() * np.where(np.arange(RADIUS + 1) == 0, 1, 2)
    # A filter of odd order makes a sine of a cosine.
    found = np.where(np.arange(ORDERS)[:, np.newaxis] % 2 == 0, half @ np.cos(angles),
                     -half @ np.sin(angles))
    return (found[:, np.newaxis] * found).reshape(ORDERS**2, -1)


def symbol(rates, xi, eta):
    """sum_g rate_g |F_g|^2 at all pairs of frequencies, rad per pixel: shape (eta, xi)."""
    weights = np.tensordot(rates, _squares(), 1)
    left = _products(eta.tobytes()).T @ weights
    return left @ _products(xi.tobytes())


def symbols(xi, eta):
    """|F_g|^2 for each part at all pairs of frequencies: shape (8, eta, xi)."""
    return np.stack([symbol(unit, xi, eta) for unit in np.eye(len(PARTS))])
