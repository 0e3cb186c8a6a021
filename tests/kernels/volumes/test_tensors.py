"""Functions of symmetric 3 x 3 tensors without eigenvectors, against numpy.linalg.eigh."""

import numpy as np
import pytest

from pdenet import Coherence, CoherenceEnhancing, Exponential, Rational
from pdenet.kernels.volumes import tensors
from pdenet.scheme import tensors as of_planes

RNG = np.random.default_rng(0)


def turned(nu, count=300):
    """Tensors (6, n) with eigenvalues nu (n, 3) or (3,), in random directions."""
    q = np.linalg.qr(RNG.normal(size=(count, 3, 3)))[0]
    return entries(q * np.broadcast_to(nu, (count, 3))[:, np.newaxis] @ q.swapaxes(1, 2))


def entries(J):
    return np.stack([J[:, 0, 0], J[:, 1, 1], J[:, 2, 2], J[:, 1, 2], J[:, 0, 2], J[:, 0, 1]])


def matrices(tensor):
    a, b, c, d, e, f = tensor
    return np.moveaxis(np.array([[a, f, e], [f, b, d], [e, d, c]]), (0, 1), (-2, -1))


def function(g, J):
    values, q = np.linalg.eigh(J)
    return q * g(np.maximum(values, 0))[:, np.newaxis] @ q.swapaxes(1, 2)


SETS = {  # tensors, and the error allowed in float32
    "random": (turned(RNG.uniform(0, 4, (300, 3))), 1e-6),
    "edge": (turned([1e3, 1, 0.1]), 1e-4),
    "strong edge": (turned([1e5, 1, 0.1]), 1e-2),
    "edge of a plane": (turned([1e3, 1, 1]), 1e-4),
    "line": (turned([3, 3, 0.5]), 1e-6), "plate": (turned([3, 1, 1]), 1e-6),
    "near double": (turned(1 + np.geomspace(1e-8, 0.1, 300)[:, np.newaxis] * [1, 0, 0]), 1e-6),
    "near triple": (turned(1 + np.geomspace(1e-8, 0.1, 300)[:, np.newaxis] * [1, 0.4, 0]), 1e-6),
    "any size": (turned(10**RNG.uniform(-3, 4, (300, 3))), 2e-3),
    "one direction": (turned(10**RNG.uniform(-2, 4, (300, 1)) * [1, 0, 0]), 1e-2),
    "zero": (np.zeros((6, 40)), 1e-7), "identity": (turned([1, 1, 1]), 1e-6)}
every_set = pytest.mark.parametrize("name", SETS)


@every_set
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("compiled", [True, False])
def test_matrix_function(name, dtype, compiled):
    J, tolerance = SETS[name]
    J, g = J.astype(dtype), Exponential(1.0)
    expected = function(g.g, matrices(J.astype(float)))
    if compiled:
        D = of_planes.respond(g.law(np.dtype(dtype)), None, J.copy())
    else:
        D = np.stack(tensors.tensor_response(g.law(np.dtype(dtype)), J, dtype(1)))
    assert D.dtype == dtype
    error = np.abs(matrices(D.astype(float)) - expected).max()
    assert error <= (tolerance if dtype == np.float32 else 1e-7 * tolerance), error
    values = np.linalg.eigvalsh(matrices(D.astype(float)))
    assert values.min() >= -1e-6 and values.max() <= 1 + 1e-6


def test_it_is_never_indefinite_in_float32():
    """At edges a hundred million times above the contrast, too."""
    for largest in (1e3, 1e5, 1e7):
        J = turned(np.array([largest, 1, 0.3])).astype(np.float32)
        D = of_planes.respond(Exponential(1.0).law(np.dtype(np.float32)), None, J)
        values = np.linalg.eigvalsh(matrices(D.astype(float)))
        assert values.min() >= -5e-7 and values.max() <= 1 + 5e-7


@every_set
@pytest.mark.parametrize("diffusivity", [Exponential, Rational])
def test_derivative(name, diffusivity):
    J, g = SETS[name][0].astype(float), diffusivity(1.0)
    B = RNG.normal(size=J.shape)
    values, q = np.linalg.eigh(matrices(J))
    values = np.maximum(values, 0)
    x, y = values[:, :, np.newaxis], values[:, np.newaxis]
    nodes, weights = np.polynomial.legendre.leggauss(40)
    near = np.abs(x - y) < 2
    quotient = np.where(near, sum(w / 2 * g.derivative((x + y) / 2 + (x - y) / 2 * node)
                                  for node, w in zip(nodes, weights, strict=True)),
                        (g.g(x) - g.g(y)) / np.where(near, 1, x - y))
    inner = q.swapaxes(1, 2) @ matrices(B) @ q
    expected = q @ (quotient * inner) @ q.swapaxes(1, 2)
    found = of_planes.respond_adjoint(g.law(J.dtype), None, J.copy(), B.copy())
    scale = np.abs(expected).max()
    np.testing.assert_allclose(matrices(found), expected, rtol=0, atol=1e-8 * scale)
    by_numpy = of_planes.frechet_derivative(
        J[:, None, None], B[:, None, None], g.g,
        lambda nu: [[g.derivative(nu[i]) if i == j else 0 for j in range(3)] for i in range(3)])
    np.testing.assert_allclose(by_numpy[:, 0, 0], found, rtol=0, atol=1e-8 * scale)


@every_set
def test_derivative_in_float32(name):
    J, tolerance = SETS[name]
    J, g, B = J.astype(np.float32), Exponential(1.0), RNG.normal(size=J.shape).astype(np.float32)
    double = of_planes.respond_adjoint(g.law(np.dtype(float)), None, J.astype(float),
                                       B.astype(float))
    single = of_planes.respond_adjoint(g.law(np.dtype(np.float32)), None, J.copy(), B.copy())
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, double, rtol=0, atol=10 * tolerance)


@pytest.mark.parametrize("name", ["random", "edge", "strong edge", "any size"])
@pytest.mark.parametrize("diffusivity", [Coherence, Exponential])
def test_adjoint_of_coherence(name, diffusivity):
    """The kernel's, against that of NumPy for functions that no kernel knows, where eigenvalues
    differ: elsewhere the smallest difference of two has no derivative."""
    J, flux = SETS[name][0].astype(float)[:, None, None], CoherenceEnhancing(diffusivity(1.0), 0.1)
    B = RNG.normal(size=J.shape)
    expected = of_planes.frechet_derivative(J, B, flux._map, flux._slopes, adjoint=True)
    found = flux.derivative_adjoint(J.copy(), B.copy())
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8 * np.abs(expected).max())
