"""The public door: what an argument may be, said once, with one clear error each."""

import difflib
import functools
import importlib
import inspect
import math
import operator
import os
import reprlib
from typing import Any, Callable, TypeVar, cast

import numpy as np

_Function = TypeVar("_Function", bound=Callable[..., Any])


def check_number(name: str, value, *, above: float | None = None, least: float | None = None,
                 most: float | None = None) -> float:
    """The value as a float, or a ValueError naming it and what is allowed."""
    allowed = "a finite number"
    if above is not None:
        allowed += f" > {above:g}"
    if least is not None:
        allowed += f" >= {least:g}"
    if most is not None:
        allowed += f" and <= {most:g}" if least is not None else f" <= {most:g}"
    try:
        number = math.nan if np.iscomplexobj(value) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    kind = getattr(value, "dtype", np.dtype(float)).kind
    if (isinstance(value, (str, bytes, bytearray, memoryview, bool)) or kind not in "iuf"
            or not math.isfinite(number)
            or (above is not None and not number > above)
            or (least is not None and not number >= least)
            or (most is not None and not number <= most)):
        raise ValueError(f"{name} must be {allowed}; got {value!r}")
    return number


def check_count(name: str, value, *, least: int, most: float = 2**63 - 1) -> int:
    """The value as an int, or a ValueError naming it and what is allowed."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is not None and number > most:
        raise ValueError(f"{name} must be at most {most}; got {reprlib.repr(value)}")
    if number is None or isinstance(value, (bool, np.bool_)) or number < least:
        raise ValueError(f"{name} must be a whole number >= {least}; got {value!r}")
    return number


def check_choice(name: str, value, choices) -> str:
    """The value if it is one of these names, or a ValueError with all of them."""
    if not isinstance(value, str) or value not in choices:
        hint = meant(value, choices) if isinstance(value, str) else ""
        raise ValueError(f"{name} must be one of {', '.join(choices)}; got {value!r}{hint}")
    return value


def meant(name: str, names, likeness: float = 0.76) -> str:
    """A question after the nearest of these names, or nothing if none is near."""
    plain = {known.replace("_", "-").lower(): known for known in names}
    near = difflib.get_close_matches(name.replace("_", "-").lower(), plain, 1, likeness)
    return f"; did you mean {plain[near[0]]}?" if near else ""


def by_keyword(function: _Function) -> _Function:
    """Give a function of an image a clear error where a parameter is passed by its place."""
    parts = inspect.signature(function).parameters
    first = [name for name, part in parts.items() if part.kind is part.POSITIONAL_OR_KEYWORD]
    others = [name for name in parts if name not in first]

    @functools.wraps(function)
    def checked(*arguments, **parameters):
        if len(arguments) > len(first):
            given = ", ".join(f"{name}={value!r}" for name, value in
                              zip(others, arguments[len(first):], strict=False))
            raise TypeError(f"{function.__name__} takes its parameters by keyword: "
                            f"{function.__name__}({', '.join(first)}, {given})")
        return function(*arguments, **parameters)

    return cast(_Function, checked)


def missing_members(value, members) -> list[str]:
    """Those of these members that an object lacks."""
    return [member for member in members if not hasattr(value, member)]


def check_members(name: str, value, members, expected: str) -> None:
    """Raise TypeError unless the value is an object with these members; `expected` says what else
    it may be."""
    if isinstance(value, type):
        raise TypeError(f"{name} must be an object such as {expected}; got the class "
                        f"{value.__name__}")
    missing = missing_members(value, members)
    if missing:
        raise TypeError(f"{name} must be {expected}; got {value!r}, which has no "
                        f"{', '.join(missing)}")


def check_workers(workers: int | None) -> int:
    """Number of threads: the argument, else PDENET_NUM_THREADS, else the usable processors."""
    if workers is not None:
        return check_count("workers", workers, least=1)
    text = os.environ.get("PDENET_NUM_THREADS", "").strip()
    if not text:
        return (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity")
                else os.cpu_count() or 1)
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ValueError(f"PDENET_NUM_THREADS must be a whole number >= 1; got {text!r}")
    return int(text)


# How pip knows an optional module, where by another name.
_PACKAGES = {"dask.array": "'dask[array]'", "pywt": "PyWavelets"}


def needs(module: str, what: str):
    """The optional module, or an ImportError: what needs it, and how it is installed.

    Parameters
    ----------
    module : str
        For instance "dask.array".
    what : str
        What needs it, in the singular, as the message begins with it.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        package = _PACKAGES.get(module, module)
        raise ImportError(f"{what} needs {package.split('[')[0].strip(chr(39))}: python -m pip "
                          f"install {package}") from None
