"""Laplacian, Hessian and its adjoint by themselves: plain differences, parabolas, transposes."""

import numpy as np
import pytest

from pdenet.kernels.second_order import hessian, hessian_adjoint, laplacian

from .. import naive

SHAPES = [(1, 1), (1, 2), (2, 1), (1, 7), (6, 1), (3, 3), (5, 8)]
shapes = pytest.mark.parametrize("shape", SHAPES)
dtypes = pytest.mark.parametrize("dtype, tolerance", [(np.float32, 4e-6), (np.float64, 1e-14)])


def random(shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


@shapes
@dtypes
@pytest.mark.parametrize("alpha", [0.0, 1 / 6])
def test_the_laplacian_is_added(shape, dtype, tolerance, alpha):
    v, out = random(shape, dtype), random(shape, dtype, 1)
    expected = out - 0.5 * naive.laplacian(v.astype(float), alpha)
    before = v.copy()
    laplacian(v, dtype(alpha), dtype(-0.5), out)
    np.testing.assert_allclose(out, expected, rtol=0, atol=10 * tolerance)
    np.testing.assert_array_equal(v, before)


@shapes
@dtypes
def test_the_hessian_is_written_plane_by_plane(shape, dtype, tolerance):
    v = random(shape, dtype)
    out = np.full((3, *shape), np.nan, dtype)
    hessian(v, out)
    np.testing.assert_allclose(out, naive.hessian(v.astype(float)), rtol=0, atol=10 * tolerance)


@shapes
@dtypes
def test_the_adjoint_counts_the_mixed_derivative_twice_and_adds(shape, dtype, tolerance):
    f, out = random((3, *shape), dtype), random(shape, dtype, 1)
    matrix = naive.matrix(naive.hessian, shape)
    weighted = f.astype(float) * np.array([1, 2, 1])[:, np.newaxis, np.newaxis]
    expected = out + 0.7 * (matrix.T @ weighted.ravel()).reshape(shape)
    hessian_adjoint(f, dtype(0.7), out)
    np.testing.assert_allclose(out, expected, rtol=0, atol=20 * tolerance)


def test_parabolas_have_constant_second_derivatives():
    y, x = np.mgrid[:6, :7].astype(float)
    inside = np.s_[1:-1, 1:-1]
    out, planes = np.zeros((6, 7)), np.zeros((3, 6, 7))
    laplacian(3 * x * x - x * y + 2 * y * y + x, 0.2, 1.0, out)
    hessian(3 * x * x - x * y + 2 * y * y + x, planes)
    assert (out[inside] == 10).all()
    assert [set(plane[inside].ravel()) for plane in planes] == [{6.0}, {-1.0}, {4.0}]
    out[:] = 0
    laplacian(x * x * y * y, 0.25, 1.0, out)  # dxx dyy gives 4
    np.testing.assert_array_equal(out[inside], (2 * (x * x + y * y) + 1)[inside])


def test_diagonals_are_treated_alike():
    v = random((5, 5))
    planes, mirrored = np.zeros((2, 3, 5, 5))
    hessian(v, planes)
    hessian(np.ascontiguousarray(v[:, ::-1]), mirrored)
    np.testing.assert_array_equal(mirrored[:, :, ::-1] * np.array([1, -1, 1])[:, None, None],
                                  planes)
