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


# Of bits: lanes whose bits are all set stand for true, those without any for false; what numbers
# they are has no meaning.


def _integers(x, like=None):
    """The bits of a number or an array, of the type of `like` or its own."""
    x = np.asarray(x, None if like is None else like.dtype)
    return x.view(np.int32 if x.itemsize == 4 else np.int64)


def positive(x):
    """Bits: true where x > 0."""
    return np.negative((x > 0).view(np.int8), dtype=_integers(x).dtype).view(x.dtype)


def where(bits, x):
    """x, which may be bits, where the bits are true, elsewhere 0."""
    return (_integers(bits) & _integers(x, bits)).view(bits.dtype)


def unlike(x, y):
    """Bits: true where one of two bits is; or x with the sign of x y, for y = 0 or -0."""
    return (_integers(x) ^ _integers(y, x)).view(x.dtype)


def choose(bits, x, y):
    """x where the bits are true, elsewhere y."""
    bits, kind = _integers(bits), bits.dtype
    x, y = (_integers(value, bits.view(kind)) for value in (x, y))
    return (bits & x | ~bits & y).view(kind)


def all_true(bits):
    """Whether the bits of all lanes are true."""
    return bool(np.all(_integers(bits)))


def two_to(x):
    """2^n for the integer n in the lowest bits of x."""
    integer, fraction, bias = (np.int32, 23, 127) if x.itemsize == 4 else (np.int64, 52, 1023)
    return ((x.view(integer) << fraction) + integer(bias << fraction)).view(x.dtype)


def exp2(t):
    """2^t for t not much above 0; in kernels without a branch, see `vectors_llvm`."""
    return np.exp2(t)
