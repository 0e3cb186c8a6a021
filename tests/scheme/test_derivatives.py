"""The filters of the dictionary: moments, symbols, and how little they depend on the direction."""

import math

import numpy as np
import pytest

from pdenet.kernels.derivative_rows import FILTERS, ORDERS, PARTS, RADIUS
from pdenet.scheme import derivatives

from .. import naive

X = np.arange(-RADIUS, RADIUS + 1)


def full(order):
    half = derivatives.taps()[order]
    return np.concatenate([(-1)**order * half[:0:-1], half])


def by_hand(xi, eta):
    """|F_g|^2 at one pair of frequencies: the answer to a plane wave at the origin."""
    y, x = np.mgrid[-RADIUS:RADIUS + 1, -RADIUS:RADIUS + 1]
    found = []
    for order, spin in derivatives.PARTS:
        total, laplacians = 0, (order - spin) // 2
        for k in range(spin + 1):
            for n in range(laplacians + 1):
                weight = math.comb(spin, k) * 1j**k * math.comb(laplacians, n)
                total = total + weight * np.outer(full(k + 2 * n),
                                                  full(spin - k + 2 * (laplacians - n)))
        wave = np.exp(1j * (xi * x + eta * y))
        parts = [np.sum(part * wave) for part in (total.real, total.imag)]
        found.append((math.e / order)**order * sum(abs(part)**2 for part in parts))
    return found


def test_there_are_as_many_parts_and_filters_as_kernels_know():
    assert len(derivatives.PARTS) == PARTS and len(derivatives.OF_FILTERS) == FILTERS
    assert len(derivatives.DERIVATIVES) == FILTERS
    assert all(order >= spin and (order - spin) % 2 == 0 for order, spin in derivatives.PARTS)


@pytest.mark.parametrize("order", range(ORDERS))
def test_polynomials_have_their_derivatives(order):
    for degree in range(order + 1):
        expected = math.factorial(order) if degree == order else 0
        assert full(order) @ X.astype(float)**degree == pytest.approx(expected, abs=1e-11)


@pytest.mark.parametrize("order", range(ORDERS))
def test_a_filter_is_close_to_the_derivative_of_a_gaussian(order):
    hermite = np.polynomial.hermite_e.hermeval(X, np.eye(ORDERS)[order])
    sampled = hermite * np.exp(-X**2 / 2) / math.sqrt(2 * math.pi)
    assert np.abs(full(order) - sampled).max() <= 0.08 * np.abs(sampled).max()


@pytest.mark.parametrize("xi, eta", [(0.0, 0.0), (0.4, 2.9), (2.0, 1.0), (np.pi, np.pi)])
def test_symbols_are_the_answers_to_waves(xi, eta):
    found = derivatives.symbols(np.array([xi, 0.1]), np.array([0.7, 0.9, eta]))
    assert found.shape == (PARTS, 3, 2)
    np.testing.assert_allclose(found[:, 2, 0], by_hand(xi, eta), atol=1e-13)
    rates = np.arange(PARTS) - 3.0
    np.testing.assert_allclose(
        derivatives.symbol(rates, np.array([xi]), np.array([eta]))[0, 0],
        rates @ by_hand(xi, eta), atol=1e-12)


def test_the_maxima_are_one():
    grid = np.linspace(0, np.pi, 101)
    most = derivatives.symbols(grid, grid).max((1, 2))
    np.testing.assert_allclose(most, 1, atol=0.04)


def test_the_parts_depend_little_on_the_direction():
    """|F_g|^2 varies by +-7 % of its maximum over all angles, wherever it is inside the square."""
    angles = np.linspace(0, np.pi / 2, 46)
    for radius in np.linspace(0.3, np.pi, 15):
        found = np.array([derivatives.symbols(np.array([radius * np.cos(a)]),
                                              np.array([radius * np.sin(a)]))[:, 0, 0]
                          for a in angles])
        assert (np.ptp(found, axis=0) / 2).max() <= (0.072 if radius > 2.6 else 0.062)


@pytest.mark.parametrize("angle", [17.0, 45.0, 73.0])
def test_the_norm_of_a_part_turns_with_a_smooth_image(angle):
    y, x = np.mgrid[-20:21, -20:21] / 4.0

    def image(degrees):
        a = math.radians(degrees)
        u, v = math.cos(a) * x + math.sin(a) * y, math.cos(a) * y - math.sin(a) * x
        return np.exp(-u**2 / 2 - v**2 / 8) * (u + 0.5 * v**2)

    centre = [np.array([sum(sample[20, 20]**2 for sample in part)
                        for part in naive.dictionary_parts(image(degrees))])
              for degrees in (0, angle)]
    np.testing.assert_allclose(centre[1], centre[0], rtol=0.02, atol=1e-8)


def test_taps_are_those_of_every_process():
    assert not derivatives.taps().flags.writeable and derivatives.taps() is derivatives.taps()
