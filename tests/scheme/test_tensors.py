"""Functions of symmetric tensors in planes, against those of SciPy, which know no eigenvectors."""

import numpy as np
import pytest
from scipy import linalg

from pdenet.scheme import tensors

dtypes = pytest.mark.parametrize("dtype, tolerance", [(np.float32, 1e-5), (np.float64, 1e-12)])


def planes(dtype=np.float64, least=0.0, seed=0):
    """Tensors (m, d, o) >= 0: 0, multiples of I, nearly such, of rank 1, and any."""
    rng = np.random.default_rng(seed)
    first, second = np.sort(rng.uniform(0.1, 2, (2, 30)), axis=0)[::-1]
    first[:3], second[:3] = [0, 1, 1 + 1e-9], [0, 1, 1]
    second[3:6] = 0
    angle = rng.uniform(0, 7, 30)
    m, r = least + (first + second) / 2, (first - second) / 2
    return np.stack([m, r * np.cos(angle), r * np.sin(angle)]).astype(dtype)


def matrices(tensor):
    m, d, o = tensor.astype(float)
    return np.array([[m + d, o], [o, m - d]]).transpose(2, 0, 1)


def as_planes(found):
    found = np.array(found)
    return np.stack([found[:, 0, 0] + found[:, 1, 1], found[:, 0, 0] - found[:, 1, 1],
                     2 * found[:, 0, 1]]) / 2


def adjugate(nu):
    """The eigenvalues of tr(J) I - J."""
    return nu[::-1].copy()


def adjugate_slopes(nu):
    zero = 0 * nu[0]
    return (zero, 1 + zero), (1 + zero, zero)


def exponential_slopes(nu):
    return (np.exp(nu[0]), 0), (0, np.exp(nu[1]))


@dtypes
def test_eigenvalues_in_descending_order(dtype, tolerance):
    found = tensors.eigenvalues(planes(dtype))
    assert found.dtype == dtype
    expected = np.linalg.eigvalsh(matrices(planes(dtype)))[:, ::-1]
    np.testing.assert_allclose(found.T, expected, rtol=0, atol=tolerance)


def test_rounding_makes_no_eigenvalue_negative():
    found = tensors.eigenvalues(np.array([[1.0], [1.0], [1e-5]]))
    assert found[1] == 0 and found[0] > 2


@dtypes
@pytest.mark.parametrize("function, expected", [
    (np.exp, linalg.expm), (np.sqrt, linalg.sqrtm),
    (adjugate, lambda j: np.trace(j) * np.eye(2) - j)], ids=["exp", "sqrt", "adjugate"])
def test_matrix_functions_are_scipys(function, expected, dtype, tolerance):
    least = 0.1 if function is np.sqrt else 0.0
    tensor = planes(dtype, least)
    exact = as_planes([expected(j) for j in matrices(tensor)])
    found = tensors.matrix_function(tensor, function)
    assert found is tensor and found.dtype == dtype
    np.testing.assert_allclose(found, exact, rtol=0, atol=10 * tolerance)


@dtypes
def test_the_frechet_derivative_of_the_exponential_is_scipys(dtype, tolerance):
    tensor, direction = planes(dtype), planes(dtype, -0.7, seed=1)
    before = tensor.copy(), direction.copy()
    found = tensors.frechet_derivative(tensor, direction, np.exp, exponential_slopes)
    assert found.dtype == dtype
    expected = as_planes([linalg.expm_frechet(j, b, compute_expm=False)
                          for j, b in zip(matrices(tensor), matrices(direction), strict=True)])
    np.testing.assert_allclose(found, expected, rtol=0, atol=10 * tolerance)
    np.testing.assert_array_equal((tensor, direction), before)


@dtypes
def test_a_linear_function_of_tensors_is_its_own_derivative(dtype, tolerance):
    """tr(J) I - J, in which each eigenvalue is that of the other direction."""
    direction = planes(dtype, -0.7, seed=1)
    found = tensors.frechet_derivative(planes(dtype), direction, adjugate, adjugate_slopes)
    np.testing.assert_allclose(found, direction * np.array([[1], [-1], [-1]]), rtol=0,
                               atol=10 * tolerance)
