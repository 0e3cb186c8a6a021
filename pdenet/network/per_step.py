"""One value for all steps of a network, or one for each: everything that depends on which it is.

A part or a number of a network is itself, for all steps, or a `PerStep` of one for each.
"""

import numpy as np


class PerStep(tuple):
    """One value for each step."""


def check(name, value, steps):
    """The value; a list, tuple or array as a `PerStep`, or a ValueError if it does not have one
    entry for each step."""
    if not isinstance(value, (list, tuple, np.ndarray)):
        return value
    if len(value) != steps or steps == 0:
        raise ValueError(f"{name} must be one for all steps or a list of one for each "
                         f"of the {steps} steps; got a list of {len(value)}")
    return PerStep(value)


def each(value, steps):
    """One value for each step, as a tuple."""
    return value if isinstance(value, PerStep) else (value,) * steps


def convert(value, function):
    """function(value), or the `PerStep` of it for each."""
    return PerStep(map(function, value)) if isinstance(value, PerStep) else function(value)


def stack(value):
    """The value; a `PerStep` of numbers or arrays as one array, with an axis of steps in front."""
    return np.stack(value) if isinstance(value, PerStep) else value


def slot(value, k):
    """The index in such an array of what belongs to step k: k if each step has a value of its own,
    `...`, the whole array, if all have one."""
    return k if isinstance(value, PerStep) else ...
