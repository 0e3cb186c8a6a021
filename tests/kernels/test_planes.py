"""Kernels against plain NumPy and SciPy, transposes, and the scalar formulas."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdenet import (Anisotropic, Gradient, Hessian, Isotropic, Laplacian, Rational, ScaleSpace,
                    Uncoupled)
from pdenet.kernels import laws, planes
from pdenet.kernels.laws import Law
from pdenet.kernels.workspace import Workspace
from pdenet.scheme.diffusivities import DIFFUSIVITIES
from pdenet.scheme.operators import DeferredTensor

from .. import naive

SHAPES = [(1, 1), (1, 2), (2, 1), (2, 2), (1, 9), (8, 1), (5, 7), (16, 33), (40, 17), (64, 36),
          (36, 70)]
dtypes = pytest.mark.parametrize("dtype, tolerance", [(np.float32, 1e-6), (np.float64, 1e-14)])


def random(shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


@dtypes
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("sigmas", [[0.3], [0.4], [1.0], [2.52], [10.0],
                                    [0.0, 0.4, 1.0, 2.52, 10.0]])
def test_smoothing_is_scipys(shape, sigmas, dtype, tolerance):
    u = random((2,) + shape, dtype)
    out = ScaleSpace(sigmas).smooth(u, Workspace())
    expected = [naive.smooth(plane, sigma) for plane in u.astype(float) for sigma in sigmas]
    np.testing.assert_allclose(out, expected, rtol=0, atol=4 * tolerance)


@dtypes
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("sigmas", [[0.0], [0.4], [2.0], [6.0], [0.0, 0.4, 2.0, 6.0]])
def test_adjoint_of_smoothing_is_its_transpose_and_adds(shape, sigmas, dtype, tolerance):
    scales = ScaleSpace(sigmas, np.linspace(1, 2, len(sigmas)))
    u, z = random((2,) + shape, dtype), random((2 * len(sigmas),) + shape, dtype, 1)
    out = u.copy()
    scales.add_adjoint(z, 0.5, out, Workspace())
    v = scales.smooth(u, Workspace())
    left = np.vdot((out - u).astype(float), u.astype(float))
    right = 0.5 * np.vdot(np.tile(scales.strength, 2)[:, np.newaxis, np.newaxis] * v.astype(float),
                          z.astype(float))
    size = scales.strength.sum() * np.linalg.norm(u) * np.linalg.norm(z)
    assert abs(left - right) <= 10 * tolerance * size


def matrices(tensor):
    """Planes (m, d, o) as matrices [[m + d, o], [o, m - d]] of shape (H, W, 2, 2)."""
    m, d, o = tensor.astype(float)
    return np.array([[m + d, o], [o, m - d]]).transpose(2, 3, 0, 1)


@dtypes
@pytest.mark.parametrize("shape", SHAPES)
def test_structure(shape, dtype, tolerance):
    v, weights = random((3,) + shape, dtype), np.array([0.5, 2.0, 0.1], dtype)
    operator = Gradient(0.3)
    expected = naive.structure(v.astype(float), weights.astype(float), 0.3)
    j = operator.structure(v, weights, 1.0, Workspace())
    trace = operator.structure(v, weights, None, Workspace())
    atol = 100 * tolerance
    np.testing.assert_allclose(matrices(j), expected, rtol=0, atol=atol)
    np.testing.assert_allclose(trace[0], np.trace(expected, axis1=-2, axis2=-1), atol=atol)


@dtypes
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("gamma", [0.0, 0.4, 1.0])
def test_divergence_has_the_published_weights(shape, gamma, dtype, tolerance):
    v = random(shape, dtype)
    work = Workspace()
    tensor = Gradient(0.2).structure(v[np.newaxis], np.ones(1, dtype), 1.0, work).copy()
    d = matrices(tensor)
    out = np.zeros_like(v)
    Gradient(0.2, gamma).diffuse(v[np.newaxis], tensor, -1.0, True, out[np.newaxis], work)
    expected = naive.divergence(d, v.astype(float), 0.2, gamma)
    np.testing.assert_allclose(out, expected, rtol=0, atol=200 * tolerance * np.abs(d).max())


@dtypes
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("operator", [Laplacian(), Laplacian(0.0), Hessian()], ids=str)
def test_second_order_operators(shape, operator, dtype, tolerance):
    v, z, work = random(shape, dtype), random(shape, dtype, 1), Workspace()
    expected = naive.second_order_operators(v.astype(float), operator)
    x = operator.structure(v[np.newaxis], np.ones(1, dtype), None, work)[0]
    atol = 1000 * tolerance
    np.testing.assert_allclose(x, sum(sample**2 for sample in expected), rtol=0, atol=atol)
    # K' M K is symmetric, with K' K for g = 1.
    kv, kz = np.zeros_like(v), np.zeros_like(v)
    g = np.abs(random((1,) + shape, dtype, 2))
    operator.diffuse(v[np.newaxis], g, 1.0, True, kv[np.newaxis], work)
    operator.diffuse(z[np.newaxis], g, 1.0, False, kz[np.newaxis], work)
    assert abs(np.vdot(kv, z) - np.vdot(v, kz)) <= atol * np.linalg.norm(v) * np.linalg.norm(z)
    energy = sum(np.sum(g[0] * sample**2) for sample in expected)
    assert np.vdot(v.astype(float), kv) == pytest.approx(energy, rel=1e3 * tolerance, abs=atol)


@dtypes
@pytest.mark.parametrize("shape", SHAPES)
def test_gradient_form_is_symmetric(shape, dtype, tolerance):
    v, z, work = random(shape, dtype), random(shape, dtype, 1), Workspace()
    operator = Gradient(0.41, 0.7)
    d = operator.structure(v[np.newaxis], np.ones(1, dtype), 1.0, work).copy()
    kv, kz = np.zeros_like(v), np.zeros_like(v)
    operator.diffuse(v[np.newaxis], d, 1.0, True, kv[np.newaxis], work)
    operator.diffuse(z[np.newaxis], d, 1.0, False, kz[np.newaxis], work)
    scale = np.linalg.norm(v) * np.linalg.norm(z) * np.abs(d).max()
    assert abs(np.vdot(kv, z) - np.vdot(v, kz)) <= 20 * tolerance * max(scale, 1)


@dtypes
@pytest.mark.parametrize("name", DIFFUSIVITIES)
def test_diffusivity_of_tensors_is_the_matrix_function(name, dtype, tolerance):
    layers = random((4, 20, 30), dtype)
    layers[:, :6] = 0  # J = 0, where the eigenvectors are arbitrary
    g = DIFFUSIVITIES[name](1.5)
    operator, weights = Gradient(0.41), np.ones(4, dtype)
    j = matrices(operator.structure(layers, weights, 1.0, Workspace()))
    law = g.law(np.dtype(dtype))
    result = operator.tensor(layers, weights, law, 1.0, Workspace())
    np.testing.assert_allclose(matrices(result), naive.matrix_function(g.g, j), rtol=0,
                               atol=50 * tolerance)
    scalar = operator.tensor(layers, weights, law, None, Workspace())
    np.testing.assert_allclose(scalar[0], g.g(np.trace(j, axis1=-2, axis2=-1)), rtol=0,
                               atol=50 * tolerance)


@dtypes
@pytest.mark.parametrize("steers", [0, 2], ids=["tied", "separate"])
@pytest.mark.parametrize("flux", [Isotropic, Anisotropic, Uncoupled])
def test_a_tensor_computed_on_the_way_is_the_same(flux, steers, dtype, tolerance):
    v, others = random((3, 21, 37), dtype), random((steers, 21, 37), dtype, 1)
    layers, work, operator = others if steers else v, Workspace(), Gradient(0.3, 0.5)
    weights, g = np.linspace(0.5, 1.5, len(layers)).astype(dtype), Rational(0.7)
    law = g.law(np.dtype(dtype))
    deferred = DeferredTensor(layers, weights, law, flux.mixed)
    tensor = operator.tensor(layers, weights, law, flux.mixed, work)
    for add in (False, True):
        on_the_way, held = v.copy(), v.copy()
        operator.diffuse(v, deferred, 0.3, add, on_the_way, work)
        operator.diffuse(v, tensor, 0.3, add, held, work)
        np.testing.assert_array_equal(on_the_way, held)
        assert not np.array_equal(held, v)


@dtypes
@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 31, 32, 33, 100])
def test_respond_works_on_any_length(size, dtype, tolerance):
    x = np.linspace(0, 5, size).astype(dtype)
    padded = np.full(size + 40, 7, dtype)
    padded[20:20 + size] = x
    planes.respond(Law(laws.RATIONAL, dtype(2)), False, padded[20:20 + size])
    np.testing.assert_allclose(padded[20:20 + size], 1 / (1 + 2 * x), rtol=4 * tolerance)
    assert (padded[:20] == 7).all() and (padded[20 + size:] == 7).all()


@dtypes
def test_exp2(dtype, tolerance):
    t = np.concatenate([np.linspace(-100, 0, 4001), [-0.0]]).astype(dtype)
    x = t.copy()
    planes.respond(Law(laws.EXPONENTIAL, dtype(1)), False, x)
    exact = np.exp2(t.astype(np.longdouble))
    unit = np.finfo(dtype).eps
    assert np.abs(x / exact - 1).max() <= 3 * unit
    assert x[-1] == 1


def test_exp2_of_the_very_small_is_nearly_zero():
    x = np.array([-1e30, -127, -1e4], np.float32)
    planes.respond(Law(laws.EXPONENTIAL, np.float32(1)), False, x)
    assert (x >= 0).all() and (x < 1e-37).all()


@settings(deadline=None)
@given(st.floats(0.05, 8), st.integers(1, 30), st.integers(1, 30))
def test_smoothing_keeps_the_mean(sigma, height, width):
    v = random((height, width))
    out = ScaleSpace([sigma]).smooth(v[np.newaxis], Workspace())[0]
    assert abs(out.mean() - v.mean()) < 1e-14


def test_symbol_of_smoothing():
    scales = ScaleSpace([0.0, 0.7, 3.0])
    frequency, size = 2 * np.pi / 9, 45
    mode = np.cos(frequency * (np.arange(size) + 0.5))
    for sigma, factor in zip(scales.sigmas, scales.symbol(np.array([frequency])), strict=True):
        np.testing.assert_allclose(naive.smooth(mode, sigma), factor * mode, atol=1e-14)
