"""Operators by themselves: sums over the image, adjoints cell by cell, and one of a user's own."""

import numpy as np
import pytest

from pdenet import Gradient, Hessian, Laplacian
from pdenet.kernels.workspace import Workspace
from pdenet.scheme.operators import SampledOperator

from .. import naive

LAYERS, SHAPE = 2, (3, 4)
COUNTS = (1, 3)
MATRICES = np.random.default_rng(9).normal(size=(2, 12, 12))  # K of two samples, each dense


class Dense(SampledOperator):
    """Two samples at each pixel of what any matrices make of the image."""

    counts, reach = COUNTS, 4

    def apply(self, v, work):
        out = work.array("samples", (2,) + v.shape, v.dtype)
        out[:] = (MATRICES @ v.ravel()).reshape(out.shape)
        return out

    def apply_adjoint(self, flux, scale, out):
        for matrix, count, plane in zip(MATRICES, COUNTS, flux, strict=True):
            out += scale * count * (matrix.T @ plane.ravel()).reshape(out.shape)


def random(count, seed=0):
    return np.random.default_rng(seed).normal(size=(count, *SHAPE))


def samples(v):
    return np.stack([(MATRICES @ plane.ravel()).reshape(2, *SHAPE) for plane in v])


def diffused(v, g):
    """K' diag(c g) K v."""
    total = sum(count * matrix.T @ np.diag(g.ravel()) @ matrix
                for count, matrix in zip(COUNTS, MATRICES, strict=True))
    return np.stack([(total @ plane.ravel()).reshape(SHAPE) for plane in v])


def test_an_operator_by_its_samples_is_linear_algebra():
    v, z, work, operator = random(LAYERS), random(LAYERS, 1), Workspace(), Dense()
    strength, g = np.array([0.7, 1.9]), np.abs(random(1, 2))
    weights = np.multiply.outer(strength, COUNTS)
    found = operator.structure(v, strength, None, work)
    np.testing.assert_allclose(found[0], np.einsum("nk,nkij->ij", weights, samples(v)**2))
    found = operator.correlation(v, z, strength, g, work)
    np.testing.assert_allclose(found[0], np.einsum("nk,nkij,nkij->ij", weights, samples(v),
                                                   samples(z)))
    for add in (False, True):
        out = z.copy()
        operator.diffuse(v, g, -0.3, add, out, work)
        np.testing.assert_allclose(out, -0.3 * diffused(v, g) + (z if add else 0), rtol=1e-12)


@pytest.mark.parametrize("tied", [True, False])
def test_the_adjoint_of_samples_writes_over_the_cotangent(tied):
    v, z = random(LAYERS), random(LAYERS, 1)
    steers = v if tied else random(3, 4)
    g, change, steered = np.abs(random(1, 2)), random(1, 3), np.full((3, *SHAPE), 9.0)
    by_flux, by_structure = diffused(z, g), diffused(steers, change)
    along, across = Dense().diffuse_adjoint(v, z, np.ones(LAYERS), steers, g, change, z, steered,
                                            Workspace())
    np.testing.assert_allclose(z, by_flux + by_structure if tied else by_flux, rtol=1e-12)
    np.testing.assert_allclose(steered, 9.0 if tied else by_structure, rtol=1e-12)
    np.testing.assert_allclose(along, (v * by_flux).sum((1, 2)), rtol=1e-12)
    np.testing.assert_allclose(across, (steers * by_structure).sum((1, 2)) / 2, rtol=1e-12)


@pytest.mark.parametrize("method", ["apply", "apply_adjoint"])
def test_what_a_subclass_forgets_is_named(method):
    class Unfinished(SampledOperator):
        pass

    with pytest.raises(NotImplementedError, match=f"Unfinished must define {method}$"):
        getattr(Unfinished(), method)(*range(2 if method == "apply" else 3))


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (5, 1), (3, 4)])
def test_a_density_of_cells_is_summed_over_the_image_and_not_its_mirror_images(shape):
    """Four images that mirror each other are periodic, and share the cells of their rims."""
    density = np.random.default_rng(0).uniform(1, 2, (shape[0] + 1, shape[1] + 1))
    before = density.copy()
    periodic = np.pad(density, [(0, size - 1) for size in shape], mode="reflect")
    assert periodic.shape == (2 * shape[0], 2 * shape[1])
    found = Gradient().integrate(density)
    assert type(found) is float and found == pytest.approx(periodic.sum() / 4, rel=1e-14)
    np.testing.assert_array_equal(density, before)


def test_sums_are_in_double_precision():
    density = np.full((2001, 2001), 0.1, np.float32)
    exact = float(density[0, 0]) * 2000**2
    assert Gradient().integrate(density) == pytest.approx(exact, rel=1e-12)
    assert Hessian().integrate(density[1:, 1:]) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("gamma", [0.0, 0.7])
@pytest.mark.parametrize("planes", [1, 3])
def test_the_correlation_of_gradients_is_that_of_every_cell(gamma, planes):
    """tr(B D) = sum_n w_n (K z_n)' M(D) K v_n, with M(D) written out."""
    alpha, strength = 0.2, np.array([0.4, 1.7])
    v, z = random(LAYERS), random(LAYERS, 1)
    rng = np.random.default_rng(2)
    tensor = np.zeros((3, SHAPE[0] + 1, SHAPE[1] + 1))
    tensor[0] = rng.uniform(1, 2, tensor.shape[1:])
    tensor[1:planes] = rng.uniform(-0.5, 0.5, tensor[1:planes].shape)
    m, d, o = tensor
    a, b, c = m + d, o, m - d
    kappa = (1 - 2 * alpha) / 4 * (a + c - 2 * gamma * np.abs(b))
    expected = 0
    for first, second, weight in zip(v, z, strength, strict=True):
        (p, q, s), (P, Q, S) = naive.samples(first), naive.samples(second)
        expected = expected + weight * (P * (a * p + b * q) + Q * (b * p + c * q) + kappa * S * s)
    found = Gradient(alpha, gamma).correlation(v, z, strength, tensor[:planes].copy(), Workspace())
    product = found * tensor[:planes] * (1 if planes == 1 else 2)
    np.testing.assert_allclose(product.sum(0), expected, rtol=0, atol=1e-12)


def test_numbers_of_any_kind_become_floats():
    operator = Gradient(np.float32(0.25), np.int64(1))
    assert (type(operator.alpha), type(operator.gamma)) == (float, float)
    assert operator == Gradient(0.25, 1.0) and hash(operator) == hash(Gradient(0.25, 1.0))
    assert type(Laplacian(np.float32(0.125)).alpha) is float
    for dtype in (np.float32, np.float64):
        stencil = operator.stencil(np.dtype(dtype))
        assert (stencil.twist, stencil.gamma) == (1, 1) and type(stencil.twist) is dtype
    with pytest.raises(ValueError, match="alpha must be .* <= 0.5; got '0.4'"):
        Gradient("0.4")
