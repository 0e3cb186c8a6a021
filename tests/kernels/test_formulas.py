"""Formulas: one text for numbers, arrays and kernels, and nothing from outside of their folder."""

import functools
import math
import operator

import numba
import numpy as np
import pytest

import pdenet
from pdenet.kernels import formulas, laws
from pdenet.kernels.compiler import OPTIONS
from pdenet.kernels.formulas import formula
from pdenet.kernels.vectors import fma
from pdenet.scheme.scales import ScaleSpace


@formula
def parabola(x, one, factor):
    """one + x^2, and the same times x: a tuple, times a factor if that is no None."""
    value = fma(x, x, one)
    if factor is None:
        return value, x * value
    else:
        return factor * value, factor * x * value


@numba.njit(**OPTIONS)
def fill(x, factor, out):
    for k in range(x.size):
        first, second = parabola(x[k], x.dtype.type(1), factor)
        out[k] = first - second


def test_a_formula_is_a_function_of_numbers_and_of_arrays():
    assert parabola(3, 1, None) == (10, 30) and parabola(3, 1, 2) == (20, 60)
    x = np.linspace(-2, 2, 7, dtype=np.float32)
    found, _ = parabola(x, np.float32(1), None)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, 1 + x * x, rtol=1e-6)
    assert (parabola.__name__, parabola.__doc__[:9]) == ("parabola", "one + x^2")
    assert parabola.py_func(2, 1, None) == (5, 10)


@pytest.mark.parametrize("factor", [None, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_formula_is_written_into_the_kernels_that_call_it(factor, dtype):
    x = np.linspace(-2, 2, 7).astype(dtype)
    out = np.zeros_like(x)
    fill(x, factor if factor is None else dtype(factor), out)
    np.testing.assert_allclose(out, (factor or 1) * (1 - x) * (1 + x * x),
                               rtol=8 * np.finfo(dtype).eps)


def _in_a_lambda(x):
    return (lambda y: _own(y))(x)


def _in_a_comprehension(x):
    return [_own(y) for y in range(x)]


def _within_two_functions(x):
    def outer(y):
        def inner(z):
            return _own(z)
        return inner(y)
    return outer(x)


def _own(x):
    return x


def _a_class(x):
    return ScaleSpace(x)


def _a_module(x):
    return pdenet.kernels.vectors.fma(x, x, x)


def _a_missing_one(x):
    return [nowhere(y) for y in x]  # noqa: F821


@pytest.mark.parametrize("function, name", [
    (_in_a_lambda, "_own of .*test_formulas"), (_in_a_comprehension, "_own"),
    (_within_two_functions, "_own"), (_a_class, "ScaleSpace of .*scales"), (_a_module, "pdenet")])
def test_what_stands_outside_of_the_folder_is_found(function, name):
    with pytest.raises(TypeError, match=f"^{function.__name__} uses {name}.*py, but kernels may"):
        formula(function)


def test_what_is_defined_nowhere_is_found():
    with pytest.raises(TypeError, match="uses nowhere, which must be defined above it"):
        formula(_a_missing_one)


def test_a_compiled_function_and_a_formula_are_functions_of_their_files():
    def calls_a_kernel(x):
        return fill(x, x, x)

    def calls_a_formula(x):
        return parabola(x, x, None)

    for function, name in ((calls_a_kernel, "fill"), (calls_a_formula, "parabola")):
        with pytest.raises(TypeError, match=f"uses {name} of .*test_formulas.py"):
            formulas.check_calls(function)


def test_other_packages_and_what_python_has_are_no_matter():
    def allowed(x):
        names = [str(y) for y in range(len(x))]
        return functools.reduce(operator.add, names, np.sqrt(math.pi)), formulas, fma, laws

    assert formulas.check_calls(allowed) is None
