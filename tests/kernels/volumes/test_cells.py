"""The scheme on one cell of a volume: a quadrature, which makes M(D) and J what they are."""

import itertools

import numpy as np
import pytest

from pdenet.kernels.volumes import cells

from ... import naive_volumes

SPACINGS = [(1.0, 1.0, 1.0), (2.5, 1.0, 0.7)]
each = pytest.mark.parametrize("alpha, spacing", [*itertools.product(
    (0.0, 1 / 6, 0.25, 0.41, 0.5), SPACINGS)])


def metric(spacing):
    z, y, x = spacing
    return 1 / x**2, 1 / y**2, 1 / z**2, 1 / (y * z), 1 / (x * z), 1 / (x * y)


def gradients_of_corners():
    """K as a matrix (7, 8): the gradient of each corner of a cell, in the order of SIGNS."""
    memory = np.zeros((8, 64))
    rows = {(z, y): 2 * (z > 0) + (y > 0) for z, y in itertools.product((-1, 1), repeat=2)}
    K = np.empty((7, 8))
    for n, (z, y, x) in enumerate(naive_volumes.SIGNS):
        memory[:] = 0
        memory[rows[z, y], int(x > 0)] = 1
        voxels = cells.Voxels(*(64 * k for k in range(4)))
        K[:, n] = [sample[0] for sample in cells.gradient_at(memory.ravel(), voxels, 0)]
    return K


def matrices(tensor):
    a, b, c, d, e, f = tensor
    return np.moveaxis(np.array([[a, f, e], [f, b, d], [e, d, c]]), (0, 1), (-2, -1))


def fluxes(tensor, alpha, spacing):
    """M(D) as matrices (7, 7), of which K'M K / 16 is the cell's part of the scheme."""
    return np.stack([cells.tensor_flux(unit, tensor, 1 - 2 * alpha, metric(spacing))
                     for unit in np.eye(7)], 1)


@each
def test_it_is_the_mean_over_eight_points(alpha, spacing):
    tensor = np.random.default_rng(0).normal(size=6)
    K, own = gradients_of_corners(), naive_volumes.weights(alpha, spacing)
    expected = np.einsum("pin,ij,pjm->nm", own, matrices(tensor), own) / 8
    np.testing.assert_allclose(K.T @ fluxes(tensor, alpha, spacing) @ K / 16, expected, atol=1e-14)
    unit = np.stack([cells.unit_flux(row, 1 - 2 * alpha, metric(spacing)) for row in np.eye(7)])
    np.testing.assert_allclose(unit, fluxes([1, 1, 1, 0, 0, 0], alpha, spacing), atol=1e-14)


@each
def test_m_is_linear_positive_and_at_most_that_of_the_identity(alpha, spacing):
    rng, whole = np.random.default_rng(1), fluxes([1, 1, 1, 0, 0, 0], alpha, spacing)
    for _ in range(20):
        v = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        D = v * rng.choice([0, 1, rng.uniform()], 3) @ v.T
        tensor = D[0, 0], D[1, 1], D[2, 2], D[1, 2], D[0, 2], D[0, 1]
        M = fluxes(tensor, alpha, spacing)
        np.testing.assert_allclose(M, M.T, atol=1e-15)
        for matrix in (M, whole - M):
            assert np.linalg.eigvalsh(matrix).min() >= -1e-13 * whole.max()


@each
def test_the_structure_tensor_is_the_adjoint_of_m(alpha, spacing):
    rng = np.random.default_rng(2)
    tensor, (v, z) = rng.normal(size=6), rng.normal(size=(2, 7))
    zero = (0.0,) * 10
    for other, total, share in (
            (v, cells.add_square(v, 0.7, 1 - 2 * alpha, zero), 1),
            (z, cells.add_outer_product(v, z, 0.35, 1 - 2 * alpha, zero), 1)):
        J = cells.structure_of(total, 1.0, metric(spacing))
        left = np.sum(matrices(J) * matrices(tensor))
        right = 0.7 * cells.product(other, cells.tensor_flux(v, tensor, 1 - 2 * alpha,
                                                             metric(spacing)))
        assert left == pytest.approx(share * right, rel=1e-12)


def test_entries_beside_the_diagonal_are_needed():
    """What they leave of a plane wave along the space diagonal, D = I - n n', to leading order."""
    alpha, k = 0.41, 2 * np.pi / 40
    n = np.ones(3) / np.sqrt(3)
    size = 12
    z, y, x = np.meshgrid(*[np.arange(size)] * 3, indexing="ij")
    u = np.cos(k * (x * n[0] + y * n[1] + z * n[2]) - 1.0)
    D = np.broadcast_to(np.eye(3) - np.outer(n, n), (size + 1,) * 3 + (3, 3))
    out = -naive_volumes.divergence(D, u, alpha, (1, 1, 1))[2:-2, 2:-2, 2:-2]
    e2, e3 = 1 / 3, 1 / 27
    expected = (1 - 2 * alpha) / 4 * k**4 * (e2 - 3 * e3)
    inside = u[2:-2, 2:-2, 2:-2]
    assert np.sum(out * inside) / np.sum(inside**2) == pytest.approx(expected, rel=0.01)
