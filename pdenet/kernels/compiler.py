"""How kernels are compiled: just in time by Numba, cached on disk, and vectorised."""

import pathlib
import warnings

import numba
from numba.core.caching import FunctionCache


SOURCES = sorted(pathlib.Path(__file__).parent.glob("*.py"))


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


def cache_state(compiled):
    """Where compiled kernels are kept, and how many, in words."""
    path = getattr(getattr(compiled, "_cache", None), "cache_path", None)
    if path is None:
        return "none: kernels are compiled at every start"
    count = len(list(pathlib.Path(path).glob("*.nbc")))
    return f"{count} compiled kernels in {path}"


def kernel(function):
    """Compile at the first call, without the interpreter lock, cached on disk."""
    compiled = numba.njit(nogil=True, error_model="numpy")(function)
    if not numba.config.DISABLE_JIT:
        compiled._cache = _ForgivingCache(function)
    return compiled


def inlined(function):
    """A formula, written into the loops that call it: compiled by itself it would take as long
    again, for nothing."""
    return numba.njit(inline="always")(function)
