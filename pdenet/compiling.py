"""How kernels are compiled: just in time by Numba, cached on disk, and vectorised.

Two scalar formulas that loops cannot do without stand here as well: `fma` and `exp2`.
"""

import math
import pathlib
import warnings

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core.caching import FunctionCache
from numba.core.compiler import Compiler
from numba.extending import intrinsic, overload


SOURCES = [pathlib.Path(__file__).with_name(name)
           for name in ("compiling.py", "kernels.py", "stencils.py")]


class _ForgivingCache:
    """Numba's disk cache, where a cache that cannot be used costs time, never the result.

    Numba looks at the file of a function only; here compiled code is void as soon as any of
    the files with kernels changes, because kernels call each other across them.
    """

    warned = False

    def __init__(self, function):
        self._cache = self._try(self._open, function)

    @staticmethod
    def _open(function):
        cache = FunctionCache(function)
        cache._cache_file._source_stamp = tuple(
            (source.stat().st_mtime, source.stat().st_size) for source in SOURCES)
        return cache

    def _try(self, action, *arguments):
        try:
            return action(*arguments)
        except Exception as error:  # unreadable, damaged, no place to write: anything
            if not _ForgivingCache.warned:
                _ForgivingCache.warned = True
                warnings.warn(f"pdenet compiles without its disk cache, every start will be "
                              f"slower ({type(error).__name__}: {error})", stacklevel=3)
            return None

    def load_overload(self, signature, context):
        return self._cache and self._try(self._cache.load_overload, signature, context)

    def save_overload(self, signature, data):
        return self._cache and self._try(self._cache.save_overload, signature, data)

    @property
    def cache_path(self):
        return self._cache.cache_path if self._cache else None


class _DistinctArguments(Compiler):
    """Numba's compiler, told that no two array arguments overlap where one is written.

    Otherwise LLVM guards a loop by run-time checks, and leaves loops that write several
    rows scalar, because they would need too many.
    """

    def define_pipelines(self):
        self.state.flags.noalias = True
        return super().define_pipelines()


def cache_state(compiled):
    """Where compiled kernels are kept, and how many, in words."""
    path = getattr(getattr(compiled, "_cache", None), "cache_path", None)
    if path is None:
        return "none: kernels are compiled at every start"
    count = len(list(pathlib.Path(path).glob("*.nbc")))
    return f"{count} compiled kernels in {path}"


def kernel(function, **options):
    """Compile at the first call, without the interpreter lock, cached on disk."""
    compiled = numba.njit(nogil=True, error_model="numpy", **options)(function)
    if not numba.config.DISABLE_JIT:
        compiled._cache = _ForgivingCache(function)
    return compiled


def row(function):
    """A kernel's loop along rows; rows that it writes are no other argument's."""
    return kernel(function, pipeline_class=_DistinctArguments)


def inlined(function):
    """A scalar formula, compiled into the loops that call it, so that they vectorise."""
    return kernel(function, forceinline=True)


@intrinsic
def _fused_multiply_add(typing_context, a, b, c):
    def generate(context, builder, signature, arguments):
        kind = arguments[0].type
        function = builder.module.declare_intrinsic(
            "llvm.fmuladd", [kind], ir.FunctionType(kind, [kind] * 3))
        return builder.call(function, arguments)
    return a(a, a, a), generate


def fma(a, b, c):
    """a b + c, rounded once where the processor can."""
    return a * b + c


@overload(fma, jit_options={"forceinline": True})
def _compile_fma(a, b, c):
    return lambda a, b, c: _fused_multiply_add(a, b, c)


def exp2(t):
    """2^t for t <= 0, without a branch or a call, so that loops vectorise.

    2^n by its bits times 2^r, |r| <= 1/2, by its Taylor series, which ends below the rounding
    unit; the relative error is that of rounding t, |t| units.
    """
    return np.exp2(t)


@overload(exp2, jit_options={"forceinline": True})
def _compile_exp2(t):
    single = t == types.float32
    number, integer = (np.float32, np.int32) if single else (np.float64, np.int64)
    bias, fraction_bits, degree = (127, 23, 6) if single else (1023, 52, 12)
    series = [number(math.log(2)**k / math.factorial(k)) for k in range(degree + 1)]
    even, odd = tuple(series[::2][::-1]), tuple(series[1::2][::-1])
    # Added to a number it leaves the nearest integer in the lowest bits of the sum.
    rounding, lowest = number(1.5 * 2**fraction_bits), number(1 - bias)
    shift, exponent = integer(fraction_bits), integer(bias << fraction_bits)

    def compiled(t):
        t = max(t, lowest)
        total = number(t + rounding)
        r = t - (total - rounding)
        evens, odds = even[0], odd[0]
        for coefficient in even[1:]:  # Horner's scheme in r^2; short enough to be unrolled
            evens = fma(evens, r * r, coefficient)
        for coefficient in odd[1:]:
            odds = fma(odds, r * r, coefficient)
        bits = integer((total.view(integer) << shift) + exponent)
        return fma(r, odds, evens) * bits.view(number)
    return compiled
