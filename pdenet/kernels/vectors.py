"""Vectors of 128 bytes, *lanes*: what their operations mean, in NumPy.

A formula written for numbers, `fma(factor, x, one)`, works for lanes and for NumPy arrays too; a
number among lanes stands in every lane. In kernels lanes are vectors of the processor, see
`vectors_llvm`; they live in local variables only, and `load` and `store` pass between them and rows
of memory, which have to be long enough for the last vector. Without compilation lanes are short
NumPy arrays, as here.
"""

import numpy as np

BYTES = 128  # two of AVX-512's registers: operations in pairs hide each other's latency


# Between rows of memory and lanes --------------------------------------------------------------


def load(row, index):
    """The lanes row[index], row[index + 1], ..."""
    return row[index:index + BYTES // row.itemsize].copy()


def store(row, index, x):
    """row[index], row[index + 1], ... = the lanes x."""
    row[index:index + x.size] = x


def splat(row, number):
    """Lanes of the type of a row that all hold a number."""
    return np.full(BYTES // row.itemsize, number, row.dtype)


def transpose(source, target):
    """target = source transposed, a square of 64 bytes by as many rows."""
    count = 64 // source.itemsize
    target[:count, :count] = source[:count, :count].T


def preceding(x, y):
    """The lanes one to the left of y: the last of x, then y without its last."""
    return np.append(x[-1:], y[:-1])


# Of lanes, numbers and arrays --------------------------------------------------------------------


def fma(x, y, z):
    """x y + z, in kernels rounded once where the processor can."""
    return x * y + z


def quotient(x, y):
    """x / y where y > 0, elsewhere 0."""
    return np.divide(x, y, out=np.zeros_like(y), where=y > 0)


def above(x, bound, y, z):
    """y where x > bound, elsewhere z."""
    return np.where(x > bound, y, z)


def all_above(x, bound):
    """Whether all lanes of x are > bound, a number."""
    return bool(np.all(x > bound))


def two_to(x):
    """2^n for the integer n in the lowest bits of x."""
    integer, fraction, bias = (np.int32, 23, 127) if x.itemsize == 4 else (np.int64, 52, 1023)
    return ((x.view(integer) << fraction) + integer(bias << fraction)).view(x.dtype)


def exp2(t):
    """2^t for t not much above 0; in kernels without a branch, see `vectors_llvm`."""
    return np.exp2(t)


def cosine_of_third(h):
    """cos(acos(h) / 3) for 0 <= h <= 1; in kernels by a polynomial, see `vectors_llvm`."""
    return np.cos(np.arccos(h) / 3)
