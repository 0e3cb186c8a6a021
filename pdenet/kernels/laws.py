"""Every compiled diffusivity: g and g' of an argument that is scaled already, once.

The objects of `pdenet.scheme.diffusivities` hold the factor that scales the squared gradient.
Whoever adds a compiled diffusivity adds its rule to the list, a branch to `response` and one to
`slope`, and a class there that names the rule.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from .formulas import formula
from .vectors import exp2

NONE, EXPONENTIAL, RATIONAL, CHARBONNIER, WEICKERT, COHERENCE = range(6)


class Law(NamedTuple):
    """A diffusivity as kernels take it: g(x) = response(rule, factor * x)."""

    rule: int
    factor: Any  # a number of the type of the image


@formula
def response(rule, x, one):
    """g(x), the scaled x in numbers, lanes or arrays; `one` is 1 in their type. NONE gives x."""
    if rule == NONE:
        return x
    elif rule == EXPONENTIAL:
        return exp2(x)
    elif rule == RATIONAL:
        return one / (x + one)
    elif rule == CHARBONNIER:
        return one / np.sqrt(x + one)
    elif rule == WEICKERT:
        y = x * x
        return one - exp2(-(one / (y * y)))
    else:
        return one - exp2(-(one / (x * x)))


@formula
def slope(rule, g, x, one):
    """g'(x) with respect to the scaled x, where g = g(x) is known already."""
    half = one / (one + one)
    ln2 = one * math.log(2)
    if rule == EXPONENTIAL:
        return ln2 * g
    elif rule == RATIONAL:
        return -g * g
    elif rule == CHARBONNIER:
        return -half * g * g * g
    elif rule == WEICKERT:
        x = np.maximum(x, half * half)  # below it g = 1 and g' = 0 in all digits
        y = x * x
        s = one / (y * y)
        return -ln2 * (s + s + s + s) * exp2(-s) / x
    else:
        x = np.maximum(x, half * half * half * half)  # below it, too
        s = one / (x * x)
        return -ln2 * (s + s) * exp2(-s) / x
