"""Diffusivities g(x) of the squared gradient x, with g' and the regulariser Psi, Psi' = g."""

from __future__ import annotations

import copy
import dataclasses
import math
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from ..checks import check_number
from ..docstrings import fill
from ..kernels import laws

__all__ = ["Exponential", "Rational", "Charbonnier", "Weickert", "Coherence", "DIFFUSIVITIES",
           "Diffusivity"]


class Diffusivity(Protocol):
    """What a model asks of a diffusivity: any object with these methods is one.

    They map an array of squared gradients >= 0 to an array of the same shape. g must lie in [0, 1],
    because the bound of the step size rests on it. An attribute `contrast`, where there is one, is
    a parameter of the network that can be learned; g is then a function of x / contrast**2.
    `pdenet.testing.check_diffusivity` checks all that.
    """

    def g(self, x: np.ndarray) -> np.ndarray:
        """The diffusivity."""

    def derivative(self, x: np.ndarray) -> np.ndarray:
        """g'(x), with respect to the squared gradient."""

    def potential(self, x: np.ndarray) -> np.ndarray:
        """Psi(x), the integral of g from 0 to x, which energies sum."""


def _floating(x: npt.ArrayLike) -> np.ndarray:
    return np.asarray(x, dtype=np.result_type(x, np.float32))


@dataclass(frozen=True)
class CompiledDiffusivity:
    """A function of x / contrast**2 that kernels know by its rule, see `pdenet.kernels.laws`."""

    contrast: float

    rule: ClassVar[int]

    def __post_init__(self):
        contrast = check_number("contrast", self.contrast, above=0.0)
        if not 1e-15 <= contrast <= 1e15:  # its square and the inverse fit into float32
            raise ValueError(f"contrast must be from 1e-15 to 1e15; got {self.contrast!r}")
        object.__setattr__(self, "contrast", contrast)

    @property
    def factor(self):
        """What the kernels multiply x by before they apply the rule."""
        return 1 / self.contrast**2

    def law(self, dtype) -> laws.Law:
        """As kernels for images of this type take it."""
        return laws.Law(self.rule, dtype.type(self.factor))

    def g(self, x: npt.ArrayLike) -> np.ndarray:
        """g(x) of squared gradients x, in x's floating type."""
        return self._compute(x, False)

    def derivative(self, x: npt.ArrayLike) -> np.ndarray:
        """g'(x) with respect to the squared gradients x, in x's floating type."""
        return self._compute(x, True)

    def _compute(self, x, sloping):
        from ..kernels import planes  # only here, so that names are had without Numba

        x = np.array(_floating(x), order="C")
        planes.respond(self.law(x.dtype), sloping, x.reshape(-1))
        return x

    def _relative(self, x):
        return x / x.dtype.type(self.contrast**2)


@fill
class Exponential(CompiledDiffusivity):
    """g(x) = exp(-x / (2 contrast**2)), after Perona and Malik (1990).

    The diffusivity of the paper's experiments. The flux g(s**2) s grows up to the gradient
    magnitude s = contrast and falls beyond.

    {diffusivity of a contrast}

    Examples
    --------
    >>> import numpy as np
    >>> import pdenet
    >>> pdenet.Exponential(10.0).g(np.array([0.0, 200.0])).round(3)
    array([1.   , 0.368])
    """

    rule = laws.EXPONENTIAL

    @property
    def factor(self):
        return -1 / (2 * self.contrast**2 * math.log(2))

    def potential(self, x: npt.ArrayLike) -> np.ndarray:
        """Psi(x), the integral of g from 0 to x."""
        values = _floating(x)
        scale = values.dtype.type(2 * self.contrast**2)
        return -scale * np.expm1(-values / scale)


@fill
class Rational(CompiledDiffusivity):
    """g(x) = 1 / (1 + x / contrast**2), after Perona and Malik (1990).

    {diffusivity of a contrast}

    Examples
    --------
    >>> import numpy as np
    >>> import pdenet
    >>> pdenet.Rational(10.0).g(np.array([0.0, 100.0]))
    array([1. , 0.5])
    """

    rule = laws.RATIONAL

    def potential(self, x: npt.ArrayLike) -> np.ndarray:
        """Psi(x), the integral of g from 0 to x."""
        values = _floating(x)
        return values.dtype.type(self.contrast**2) * np.log1p(self._relative(values))


@fill
class Charbonnier(CompiledDiffusivity):
    """g(x) = 1 / sqrt(1 + x / contrast**2), after Charbonnier et al. (1994).

    Its energy is convex: the regularised total variation.

    {diffusivity of a contrast}

    Examples
    --------
    >>> import numpy as np
    >>> import pdenet
    >>> pdenet.Charbonnier(1.0).g(np.array([0.0, 3.0]))
    array([1. , 0.5])
    """

    rule = laws.CHARBONNIER

    def potential(self, x: npt.ArrayLike) -> np.ndarray:
        """Psi(x), the integral of g from 0 to x."""
        values = _floating(x)
        y = self._relative(values)
        return values.dtype.type(2 * self.contrast**2) * (y / (1 + np.sqrt(1 + y)))


@fill
class Weickert(CompiledDiffusivity):
    """g(x) = 1 - exp(-3.31488 / (x / contrast**2)**4), after Weickert (1998).

    Steeper than the others: the flux changes from smoothing to enhancing at the contrast,
    which is why the constant is what it is.

    {diffusivity of a contrast}

    Examples
    --------
    >>> import numpy as np
    >>> import pdenet
    >>> pdenet.Weickert(10.0).g(np.array([0.0, 100.0])).round(3)
    array([1.   , 0.964])
    """

    rule = laws.WEICKERT
    _constant = 3.31488

    @property
    def factor(self):
        return (math.log(2) / self._constant)**0.25 / self.contrast**2

    def potential(self, x: npt.ArrayLike) -> np.ndarray:
        """Psi(x), the integral of g from 0 to x."""
        from scipy import special  # only here, for a quick start

        values = _floating(x)
        with np.errstate(divide="ignore", over="ignore"):
            s = self._constant / self._relative(values)**4
        tail = special.gamma(0.75) * special.gammaincc(0.75, s) * self._constant**0.25
        return (values * self.g(values) + self.contrast**2 * tail).astype(values.dtype)


@fill
class Coherence(CompiledDiffusivity):
    """g(x) = 1 - exp(-contrast**4 / x**2), after Weickert (1999), who takes 1 - g of the coherence.

    {diffusivity of a contrast}

    Examples
    --------
    >>> import numpy as np
    >>> import pdenet
    >>> pdenet.Coherence(10.0).g(np.array([0.0, 100.0])).round(3)
    array([1.   , 0.632])
    """

    rule = laws.COHERENCE

    @property
    def factor(self):
        return math.sqrt(math.log(2)) / self.contrast**2

    def potential(self, x: npt.ArrayLike) -> np.ndarray:
        """Psi(x), the integral of g from 0 to x."""
        from scipy import special  # only here, for a quick start

        values = _floating(x)
        with np.errstate(divide="ignore", over="ignore"):
            tail = special.erfc(1 / self._relative(values))
        tail = math.sqrt(math.pi) * self.contrast**2 * tail
        return (values * self.g(values) + tail).astype(values.dtype)


DIFFUSIVITIES = {kind.__name__.lower(): kind
                 for kind in (Exponential, Rational, Charbonnier, Weickert, Coherence)}


def is_compiled(diffusivity) -> bool:
    """Whether kernels know it by its rule; a subclass may have another g."""
    return type(diffusivity) in DIFFUSIVITIES.values()


def replace_by_response(diffusivity, x):
    """x <- g(x) for a C-contiguous array x >= 0; returns it."""
    if is_compiled(diffusivity):
        from ..kernels import planes

        planes.respond(diffusivity.law(x.dtype), False, x.reshape(-1))
    else:
        x[...] = diffusivity.g(x)
    return x


def build_diffusivity(diffusivity: str | Diffusivity, contrast: Any) -> Diffusivity:
    """The named diffusivity with this contrast, or the object itself, checked."""
    if isinstance(diffusivity, str):
        if diffusivity not in DIFFUSIVITIES:
            raise ValueError(f"diffusivity must be one of {', '.join(DIFFUSIVITIES)} or an object "
                             f"with g, derivative and potential; got {diffusivity!r}")
        return DIFFUSIVITIES[diffusivity](contrast)  # which refuses None
    if contrast is not None:
        raise ValueError(f"contrast must be omitted where diffusivity is an object, which "
                         f"holds its own; got contrast={contrast!r}")
    return check_diffusivity(diffusivity)


def with_contrast(diffusivity, contrast):
    """The same diffusivity with another contrast."""
    if dataclasses.is_dataclass(diffusivity) and not isinstance(diffusivity, type):
        return dataclasses.replace(diffusivity, contrast=contrast)
    changed = copy.copy(diffusivity)
    changed.contrast = check_number("contrast", contrast, above=0.0)
    return changed


def check_diffusivity(diffusivity):
    """Raise unless the object has the three methods and 0 <= g <= 1 on sample values."""
    missing = [name for name in ("g", "derivative", "potential")
               if not callable(getattr(diffusivity, name, None))]
    if missing:
        raise TypeError(f"diffusivity must have the methods g, derivative and potential; "
                        f"{type(diffusivity).__name__} has no {', '.join(missing)}")
    if not is_compiled(diffusivity):
        x = np.concatenate([[0.0], np.geomspace(1e-6, 1e10, 33)])
        values = np.asarray(diffusivity.g(x))
        if values.shape != x.shape:
            raise ValueError(f"diffusivity.g must keep the shape of its argument; "
                             f"got {values.shape} from {x.shape}")
        wrong = ~((values >= 0) & (values <= 1))
        if wrong.any():
            raise ValueError(f"diffusivity.g must lie in [0, 1] (rescale time instead); "
                             f"got g({x[wrong][0]:g}) = {values[wrong][0]:g}")
        if hasattr(diffusivity, "contrast"):
            doubled = with_contrast(diffusivity, 2 * diffusivity.contrast).g(4 * x)
            if not np.allclose(doubled, values, rtol=1e-6, atol=1e-9):
                raise ValueError("diffusivity.g with an attribute contrast must be a function of "
                                 "x / contrast**2, on which the derivative with respect to the "
                                 "contrast rests")
    return diffusivity
