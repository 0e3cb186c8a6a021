"""What makes a function a formula: one text for numbers, for vectors, and for NumPy arrays."""

import builtins
import dis
import functools
import pathlib
import sys
import types

FOLDER = pathlib.Path(__file__).resolve().parent


class formula:
    """Write a function into the kernels that call it, before Numba infers any type.

    Compiled by itself it would take as long again, for nothing. It stays a function of Python, too,
    which takes NumPy arrays as it stands.

    Raises
    ------
    TypeError
        As for `compiler.kernel`.
    """

    targetoptions = {"inline": "always"}  # Numba's pass that inlines reads this, and py_func

    def __init__(self, function):
        check_calls(function)
        functools.update_wrapper(self, function)
        self.py_func = function

    def __call__(self, *arguments):
        return self.py_func(*arguments)


def check_calls(function):
    """Raise TypeError unless all that a function calls stands in this folder, above it."""
    for name in sorted(_globals_of(function.__code__)):
        if name not in function.__globals__:
            if not hasattr(builtins, name):
                raise TypeError(f"{function.__name__} uses {name}, which must be defined above it")
            continue
        value = function.__globals__[name]
        source = _source_of(getattr(value, "py_func", value))
        if source is not None and FOLDER not in source.parents:
            raise TypeError(f"{function.__name__} uses {name} of {source}, but kernels may call "
                            f"what stands in {FOLDER} only: a change elsewhere would not void the "
                            f"compiled code on disk")


def _globals_of(code):
    """The names of all globals that a function's code reads."""
    names = {step.argval for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL"}
    return names.union(*(_globals_of(inner) for inner in code.co_consts
                         if isinstance(inner, types.CodeType)))


def _source_of(value):
    """The file of a function, a class or a module; None for others, and for other packages."""
    if isinstance(value, types.FunctionType):
        return pathlib.Path(value.__code__.co_filename).resolve()
    module = (value if isinstance(value, types.ModuleType) else
              sys.modules.get(value.__module__) if isinstance(value, type) else None)
    path = getattr(module, "__file__", None)
    if path is None:
        return None
    source = pathlib.Path(path).resolve()
    return source if FOLDER.parent in source.parents else None
