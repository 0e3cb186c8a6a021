"""The formulas of a cell on arrays of cells, against matrices written out."""

import numpy as np
import pytest

from pdenet.kernels import cell_formulas as cells
from pdenet.kernels import laws
from pdenet.kernels.cell_formulas import Stencil
from pdenet.kernels.laws import Law

from .. import naive

ALPHA, GAMMA, COUNT = 0.3, 0.7, 50
TWIST = 2 * (1 - 2 * ALPHA)


def random(rows, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, COUNT))


def gradient(samples):
    """(2 p, D - B, C - A) of samples (p, q, s)."""
    p, q, s = samples
    return 2 * p, q + s / 2, q - s / 2


def by_samples(flux):
    """(P, Q, S) of a flux in the form of four times (P/2, Q/2 + S, Q/2 - S)."""
    first, more, less = np.array(flux) / 4
    return np.stack([2 * first, more + less, (more - less) / 2])


def metric(tensor, gamma):
    """M(D), one 3 x 3 matrix for each cell."""
    m, d, o = tensor
    kappa = (1 - 2 * ALPHA) / 4 * (2 * m - 2 * gamma * np.abs(o))
    zero = np.zeros_like(m)
    return np.array([[m + d, o, zero], [o, m - d, zero], [zero, zero, kappa]])


def matrices(tensor):
    m, d, o = np.asarray(tensor)
    return np.array([[m + d, o], [o, m - d]]).transpose(2, 0, 1)


def positive(seed=0):
    """Tensors >= 0, of which the first is 0 and the second a multiple of I."""
    m, d, o = random(3, seed)
    m, r = np.hypot(d, o) + np.abs(m), np.ones(COUNT)
    m[0], r[:2] = 0, 0
    return np.stack([m, r * d, r * o])


def test_the_gradient_of_a_cell_keeps_its_samples():
    a, b, c, d = random(4)
    p, q, s = (b - a + d - c) / 2, (c - a + d - b) / 2, a - b - c + d
    np.testing.assert_allclose(gradient((p, q, s)), ((b - a) + (d - c), d - b, c - a), atol=1e-14)


@pytest.mark.parametrize("gamma", [0.0, GAMMA])
def test_the_flux_is_a_matrix_times_the_gradient(gamma):
    samples, other, tensor = random(3), random(3, 1), random(3, 2)
    M = metric(tensor, gamma)
    flux = cells.tensor_flux(gradient(samples), tensor, Stencil(TWIST, gamma, TWIST))
    np.testing.assert_allclose(by_samples(flux), np.einsum("ijk,jk->ik", M, samples), atol=1e-14)
    np.testing.assert_allclose(cells.product(gradient(other), flux) / 4,
                               np.einsum("ik,ijk,jk->k", other, M, samples), atol=1e-13)


def test_the_flux_of_the_identity():
    unit = np.stack([np.ones(COUNT), np.zeros(COUNT), np.zeros(COUNT)])
    np.testing.assert_allclose(cells.unit_flux(gradient(random(3)), TWIST),
                               cells.tensor_flux(gradient(random(3)), unit,
                                                 Stencil(TWIST, GAMMA, TWIST)),
                               atol=1e-14)
    np.testing.assert_array_equal(cells.times(3.0, random(3)), 3 * random(3))


def test_outer_products_add_up():
    (p, q, s), (P, Q, S), total = random(3), random(3, 1), random(4, 2)
    found = cells.add_outer_product(gradient((p, q, s)), gradient((P, Q, S)), 0.6, TWIST, total)
    twist = (1 - 2 * ALPHA) / 4
    expected = 0.6 * np.stack([p * P, q * Q, p * Q + q * P, 2 * twist * s * S])
    np.testing.assert_allclose((np.stack(found) - total) / 4, expected, atol=1e-14)


def test_eigenvalues_are_numpys_and_never_negative():
    tensor = positive()
    first, second, r = cells.eigenvalues(tensor, 0.0)
    np.testing.assert_allclose(np.stack([second, first], -1),
                               np.linalg.eigvalsh(matrices(tensor)), atol=1e-14)
    np.testing.assert_allclose(r, np.hypot(tensor[1], tensor[2]), atol=1e-14)
    assert cells.eigenvalues(np.array([[1.0], [2.0], [0.0]]), 0.0)[1] == 0


def test_other_eigenvalues_in_the_same_eigenvectors():
    tensor = positive()
    first, second, r = cells.eigenvalues(tensor, 0.0)
    again = cells.with_eigenvalues(first, second, tensor, r, 0.5)
    np.testing.assert_allclose(again, tensor, atol=1e-14)
    squared = cells.with_eigenvalues(first**2, second**2, tensor, r, 0.5)
    np.testing.assert_allclose(matrices(squared), matrices(tensor) @ matrices(tensor), atol=1e-13)


def test_a_direction_in_eigenvectors_and_back():
    tensor, direction = positive(), random(3, 1)
    r = np.hypot(tensor[1], tensor[2])
    with np.errstate(invalid="ignore", divide="ignore"):
        b11, b22, mixed, *turn = cells.in_eigenvectors(tensor, direction, r, 1.0)
    vectors = np.linalg.eigh(matrices(tensor)[1:])[1][..., ::-1]
    turned = np.swapaxes(vectors, -1, -2) @ matrices(direction)[1:] @ vectors
    np.testing.assert_allclose((b11 + b22)[1:], np.trace(turned, axis1=1, axis2=2), atol=1e-13)
    np.testing.assert_allclose(b11[2:], turned[1:, 0, 0], atol=1e-12)
    np.testing.assert_allclose(np.abs(mixed[2:]), np.abs(turned[1:, 0, 1]), atol=1e-12)
    again = cells.from_eigenvectors(b11, b22, 2 * mixed, *turn)
    np.testing.assert_allclose(again, 2 * direction, atol=1e-13)


def test_gauss_points_integrate_cubics():
    x1, x2 = random(2)
    points = cells.gauss_points(x1, x2, 1.0)
    mean = sum(4 * y**3 - y for y in points) / 2
    np.testing.assert_allclose(mean * (x1 - x2), x1**4 - x2**4 - (x1**2 - x2**2) / 2, atol=1e-12)


@pytest.mark.parametrize("slopes, expected", [((1.0, 2.0), 5.0), ((1.0, 1.1), 7.0),
                                              ((-1.0, -1.1), 7.0), ((0.0, 0.0), 7.0)])
def test_a_divided_difference_or_the_mean_where_slopes_are_close(slopes, expected):
    found = cells.divided_difference(20.0, 10.0, 3.0, 1.0, *slopes, 7.0, 0.1)
    assert found == expected
    assert cells.NEAR[0] > 10 * cells.NEAR[1] > 0


@pytest.mark.parametrize("rule, g", [(laws.RATIONAL, lambda x: 1 / (1 + 3 * x)),
                                     (laws.EXPONENTIAL, lambda x: 2**(3 * x))])
def test_a_diffusivity_of_tensors_and_its_derivative(rule, g):
    law = Law(rule, 3.0 if rule == laws.RATIONAL else -3.0)
    tensor, direction, h = positive() + [[0.1], [0], [0]], random(3, 1), 1e-5
    sign = np.sign(law.factor)

    def exact(tensor):
        return naive.matrix_function(lambda x: g(sign * x), matrices(tensor))

    np.testing.assert_allclose(matrices(cells.tensor_response(law, tensor, 1.0)), exact(tensor),
                               atol=1e-14)
    expected = (exact(tensor + h * direction) - exact(tensor - h * direction)) / (2 * h)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = cells.tensor_slope(law, tensor, direction, 1.0, cells.NEAR[1])
    np.testing.assert_allclose(matrices(found), expected, atol=1e-7)
