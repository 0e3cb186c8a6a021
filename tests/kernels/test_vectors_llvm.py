"""Operations on lanes that `test_vectors` has not: where they differ from numbers, and how far."""

import numba
import numpy as np
import pytest
from numba import types

from pdenet.kernels import compiler, vectors
from pdenet.kernels.vectors import (BYTES, above, cosine_of_third, exp2, fma, load, splat, store,
                                    transpose, two_to)
from pdenet.kernels.vectors_llvm import Lanes

each_type = pytest.mark.parametrize("dtype", [np.float32, np.float64])
jit = numba.njit(**compiler.OPTIONS)


@jit
def _splat(row, number, out):
    store(out, 1, splat(row, number))


@jit
def _above(x, bound, y, z, out):
    one = y.dtype.type(1)
    store(out, 0, above(load(x, 0), load(bound, 0), load(y, 0), load(z, 0)))
    store(out, out.size // 2, above(one, load(x, 0), load(y, 0), one))


@jit
def _two_to(x, out):
    store(out, 0, two_to(load(x, 0)))


@jit
def _exp2(x, out):
    store(out, 0, exp2(load(x, 0)))


@jit
def _cosine_of_third(x, out):
    store(out, 0, cosine_of_third(load(x, 0)))


@jit
def _transpose(source, target):
    transpose(source[1:, 2:], target[2:, 1:])


@jit
def _fma(x, y, z):
    return fma(x, y, z)


def lanes(dtype):
    return BYTES // np.dtype(dtype).itemsize


@each_type
def test_as_many_lanes_as_fit(dtype):
    kind = Lanes(numba.from_dtype(np.dtype(dtype)))
    assert kind.count == lanes(dtype) and kind == Lanes(numba.from_dtype(np.dtype(dtype)))
    assert Lanes(types.float32) != Lanes(types.float64)


@each_type
def test_a_number_stands_in_every_lane_of_the_rows_type(dtype):
    out = np.full(lanes(dtype) + 2, 9, dtype)
    for number in (0.1, np.float32(0.1), dtype(0.1), 3):
        _splat(out, number, out)
        np.testing.assert_array_equal(out[1:-1], np.full(lanes(dtype), number).astype(dtype))
        assert out[0] == out[-1] == 9


@each_type
def test_above_is_strict_and_false_for_what_is_no_number(dtype):
    count = lanes(dtype)
    x = np.resize(np.array([0, 1, 2, -0.0, np.nan, np.inf, 1], dtype), count)
    bound = np.resize(np.array([0, 0, 3, 0, 0, 1, np.nan], dtype), count)
    y, z = np.arange(count, dtype=dtype), -np.arange(count, dtype=dtype) - 1
    out = np.zeros(2 * count, dtype)
    _above(x, bound, y, z, out)
    np.testing.assert_array_equal(out[:count], [b if a > limit else c for a, limit, b, c in
                                                zip(x, bound, y, z, strict=True)])
    np.testing.assert_array_equal(out[count:], [b if 1 > a else 1 for a, b in
                                                zip(x, y, strict=True)])


@each_type
def test_powers_of_two_from_the_lowest_bits(dtype):
    info, count = np.finfo(dtype), lanes(dtype)
    powers = np.resize([0, 1, -1, 5, info.minexp, info.maxexp - 1, -77], count)
    out = np.zeros(count, dtype)
    _two_to((powers + 1.5 * 2.0**info.nmant).astype(dtype), out)
    np.testing.assert_array_equal(out, np.ldexp(dtype(1), powers))


@each_type
def test_exp2_is_exact_for_whole_numbers_and_right_between_them(dtype):
    info, count = np.finfo(dtype), lanes(dtype)
    for x in (-np.arange(count), np.linspace(info.minexp, -1, count).astype(int), np.arange(count),
              -0.5 - np.arange(count), -0.5 + info.eps - np.arange(count),
              np.linspace(-3, 2, count)):
        x, out = x.astype(dtype), np.zeros(count, dtype)
        _exp2(x, out)
        exact = np.exp2(x.astype(np.longdouble))
        assert np.abs(out / exact - 1).max() <= 2 * info.eps
        whole = x == np.rint(x)
        np.testing.assert_array_equal(out[whole], exact[whole].astype(dtype))


@each_type
def test_the_cosine_of_a_third_is_right_to_rounding(dtype):
    for x in np.linspace(0, 1, 64 * lanes(dtype)).reshape(64, -1):
        x, out = x.astype(dtype), np.zeros(lanes(dtype), dtype)
        _cosine_of_third(x, out)
        exact = np.cos(np.arccos(x.astype(np.longdouble)) / 3)
        assert np.abs(out - exact).max() <= np.finfo(dtype).eps


@each_type
def test_a_square_of_a_matrix_is_transposed_and_nothing_beside_it(dtype):
    count = 64 // np.dtype(dtype).itemsize
    source = np.arange((count + 3) * (count + 4), dtype=dtype).reshape(count + 3, count + 4)
    target = np.full((count + 4, count + 3), -1, dtype)
    expected = target.copy()
    expected[2:2 + count, 1:1 + count] = source[1:1 + count, 2:2 + count].T
    _transpose(source, target)
    np.testing.assert_array_equal(target, expected)


@each_type
def test_numbers_are_multiplied_and_added_in_their_type(dtype):
    result = _fma(dtype(0.1), dtype(3), dtype(-0.25))
    assert float(result) == pytest.approx(0.05, abs=4 * float(np.finfo(dtype).eps))
    assert result == dtype(result)
    assert vectors.fma(dtype(0.1), dtype(3), dtype(-0.25)) == pytest.approx(float(result), rel=1e-5)
