"""Vectors in kernels: every operation equals NumPy's on the same numbers."""

import operator

import numba
import numpy as np
import pytest

from pdenet.kernels import vectors
from pdenet.kernels.compiler import OPTIONS
from pdenet.kernels.vectors import BYTES, load, store

ONE = {"neg": operator.neg, "abs": abs, "sqrt": np.sqrt, "exp2": vectors.exp2}
TWO = {"add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv,
       "maximum": np.maximum, "quotient": vectors.quotient, "preceding": vectors.preceding}
each_type = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def numbers(dtype, seed=0, low=-3.0, high=3.0):
    count = BYTES // np.dtype(dtype).itemsize
    return np.random.default_rng(seed).uniform(low, high, count + 5).astype(dtype)


def apply(function, arity):
    if arity == 1:
        def run(x, y, z, out):
            store(out, 2, function(load(x, 3)))
    elif arity == 2:
        def run(x, y, z, out):
            store(out, 2, function(load(x, 3), load(y, 3)))
    else:
        def run(x, y, z, out):
            store(out, 2, function(load(x, 3), load(y, 3), load(z, 3)))
    return numba.njit(**OPTIONS)(run), run


@each_type
@pytest.mark.parametrize("name", [*ONE, *TWO, "fma"])
def test_operations(name, dtype):
    arity = 1 if name in ONE else 2 if name in TWO else 3
    function = vectors.fma if name == "fma" else (ONE | TWO)[name]
    compiled, plain = apply(function, arity)
    x, y, z = numbers(dtype), numbers(dtype, 1), numbers(dtype, 2)
    if name in ("sqrt", "exp2"):
        x = np.abs(x) * (-1 if name == "exp2" else 1)
    out, expected = np.full_like(x, 9), np.full_like(x, 9)
    compiled(x, y, z, out)
    plain(x, y, z, expected)
    assert (out[:2] == 9).all() and (out[-3:] == 9).all()
    np.testing.assert_allclose(out, expected, rtol=3 * np.finfo(dtype).eps, atol=1e-6 if
                               name == "fma" and dtype == np.float32 else 1e-15)


@each_type
def test_numbers_among_lanes_stand_in_every_lane(dtype):
    @numba.njit(**OPTIONS)
    def run(x, number, out):
        store(out, 0, number / (vectors.fma(number, load(x, 0), number) - number))

    x = numbers(dtype, low=0.5)
    out = np.zeros(BYTES // x.itemsize, dtype)
    run(x, dtype(2), out)
    assert out.dtype == dtype
    np.testing.assert_allclose(out, 1 / x[:out.size], rtol=8 * np.finfo(dtype).eps)


@each_type
def test_quotient_is_zero_where_the_divisor_is(dtype):
    compiled, _ = apply(vectors.quotient, 2)
    x, y = numbers(dtype), np.maximum(numbers(dtype, 1), 0)
    out = np.full_like(x, 9)
    compiled(x, y, x, out)
    assert (out[2:-3][y[3:-2] == 0] == 0).all() and (y[3:-2] == 0).any()
