"""How kernels are compiled: just in time by Numba, cached on disk, and vectorised."""

import hashlib
import pathlib
import warnings
from typing import Any

import numba
from numba import config, types
from numba.core.caching import FunctionCache
from numba.extending import typeof_impl

from . import vectors_llvm  # noqa: F401  (Numba knows vectors from here on)
from .formulas import FOLDER, check_calls, formula

# The second without tests for division by zero, which would prevent vectorisation.
OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}


@typeof_impl.register(formula)
def _type_of_formula(value, context):
    """After a formula was written into its callers, its name stays as an unused global, for which
    Numba needs a type."""
    return types.Dummy("formula")


def stamp(folder):
    """A number for the contents of all files of a folder with kernels.

    Kernels call each other across its files, so compiled code is void as soon as one of them
    changes, while Numba itself looks at the file of a function alone.
    """
    found = hashlib.sha256()
    for source in sorted(pathlib.Path(folder).rglob("*.py")):
        content, name = source.read_bytes(), source.relative_to(folder).as_posix()
        found.update(f"{name} {len(content)} ".encode() + content)
    return found.hexdigest()


class _ForgivingCache:
    """Numba's disk cache, where a cache that cannot be used costs time, never the result."""

    warned = False
    stamp = None  # read once

    def __init__(self, function):
        self._cache = self._try(self._open, function)

    @staticmethod
    def _open(function):
        cache = FunctionCache(function)
        if _ForgivingCache.stamp is None:
            _ForgivingCache.stamp = stamp(FOLDER)
        cache._cache_file._source_stamp = _ForgivingCache.stamp
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
    """Compile a function of this folder at its first call, without the interpreter lock, and keep
    the compiled code on disk.

    Raises
    ------
    TypeError
        If it calls a function from outside the folder, a change of which would go unnoticed, or
        one that is defined below it.
    """
    check_calls(function)
    compiled = numba.njit(**OPTIONS)(function)
    if not config.DISABLE_JIT:  # type: ignore[attr-defined]
        compiled._cache = _ForgivingCache(function)
    return compiled
