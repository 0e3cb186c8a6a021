"""Optimisers: what takes a vector a step further, given the loss and its gradient there."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..checks import check_choice, check_count, check_number

__all__ = ["Adam", "LBFGS", "Optimizer"]


class Evaluation(NamedTuple):
    """What an optimiser is told: the loss and its gradient at a vector x."""

    x: np.ndarray
    loss: float
    gradient: np.ndarray
    progress: float = 0.0  # how large a part of all updates is done, in [0, 1)
    bounds: tuple[np.ndarray, np.ndarray] | None = None  # the least and the largest x allowed


class Step(NamedTuple):
    """What an optimiser answers: the next vector and state, and why it stops, if it does."""

    x: np.ndarray
    state: tuple
    stopped: str | None = None


class Optimizer(Protocol):
    """What `fit` asks of an optimiser: any object with these members is one.

    Its state is a tuple of whole numbers >= 0 and of arrays, of the shape of x or with one entry
    for each update in front, which a checkpoint can hold; so training that goes on has the bits of
    one that was never interrupted.

    Attributes
    ----------
    full_batch : bool
        Whether each update needs the loss of all images, and not of a batch.
    """

    @property
    def full_batch(self) -> bool: ...

    def start(self, x: np.ndarray) -> tuple:
        """The state before the first update of a vector; an array that grows has no entry yet."""

    def update(self, evaluation: Evaluation, state: tuple) -> Step:
        """The step that follows from an evaluation and the state before it; its x may leave the
        bounds, to which training cuts it."""

    def settings(self) -> dict[str, Any]:
        """Everything that its updates depend on, as JSON, with which a checkpoint must agree."""


@dataclass(frozen=True)
class Adam:
    """The update of Kingma and Ba (2015), Algorithm 1, with bias correction.

        m <- beta1 m + (1 - beta1) gradient,     v <- beta2 v + (1 - beta2) gradient^2
        x <- x - learning_rate m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon)

    Parameters
    ----------
    learning_rate : float, optional
        About how far a parameter moves in one update, in the coordinates that the optimiser sees:
        the logarithm of the contrast, that of tau's share of its bound, and all others as they are.
    beta1, beta2 : float, optional
        Memory of the moments m and v, in [0, 1).
    epsilon : float, optional
        > 0.
    schedule : {"constant", "cosine"}, optional
        "cosine" lets the learning rate fall towards 0 at the end, as half a cosine.

    Raises
    ------
    ValueError
        If one of them is not allowed.

    References
    ----------
    D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015.

    Examples
    --------
    >>> import pdenet
    >>> pdenet.Adam(learning_rate=0.01).beta1
    0.9
    """

    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    schedule: str = "constant"

    def __post_init__(self):
        for name in ("learning_rate", "epsilon"):
            object.__setattr__(self, name, check_number(name, getattr(self, name), above=0.0))
        for name in ("beta1", "beta2"):
            value = check_number(name, getattr(self, name), least=0.0)
            if value >= 1:
                raise ValueError(f"{name} must be a number in [0, 1); got {value!r}")
            object.__setattr__(self, name, value)
        check_choice("schedule", self.schedule, ("constant", "cosine"))

    full_batch = False

    def start(self, x: np.ndarray) -> tuple:
        """The state before the first update: moments and their count."""
        return np.zeros_like(x), np.zeros_like(x), 0

    def update(self, evaluation: Evaluation, state: tuple) -> Step:
        """The update of the moments and of x."""
        (x, _, gradient, progress, _), (m, v, t) = evaluation, state
        t = t + 1
        m = self.beta1 * m + (1 - self.beta1) * gradient
        v = self.beta2 * v + (1 - self.beta2) * gradient**2
        rate = self.learning_rate
        if self.schedule == "cosine":
            rate *= (1 + math.cos(math.pi * progress)) / 2
        step = m / (1 - self.beta1**t) / (np.sqrt(v / (1 - self.beta2**t)) + self.epsilon)
        return Step(x - rate * step, (m, v, t))

    def settings(self) -> dict[str, Any]:
        """Its parameters by name."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class LBFGS:
    """The quasi-Newton method of Byrd, Lu, Nocedal and Zhu (1995) with bounds, L-BFGS-B of SciPy.

    Every epoch is one evaluation of the loss and the gradient of all images. As both are smooth
    functions of few parameters, it needs ten times fewer of them than Adam, and ends at a minimum.

    Parameters
    ----------
    memory : int, optional
        Number of updates from which the Hessian is approximated, >= 1.
    tolerance : float, optional
        It stops where the loss, relative to the larger of itself and that of the noisy images,
        falls by less than this from one iteration to the next, >= 0.

    Raises
    ------
    ValueError
        If one of them is not allowed.

    References
    ----------
    R. H. Byrd, P. Lu, J. Nocedal, C. Zhu, "A limited memory algorithm for bound constrained
    optimization", SIAM Journal on Scientific Computing 16, 1190-1208 (1995).

    Examples
    --------
    >>> import pdenet
    >>> pdenet.LBFGS().memory
    20
    """

    memory: int = 20
    tolerance: float = 1e-9

    full_batch = True

    def __post_init__(self):
        object.__setattr__(self, "memory", check_count("memory", self.memory, least=1, most=1000))
        object.__setattr__(self, "tolerance", check_number("tolerance", self.tolerance, least=0.0))

    def start(self, x: np.ndarray) -> tuple:
        """The state before the first update: no points, and their losses and gradients."""
        return np.zeros((0, x.size)), np.zeros(0), np.zeros((0, x.size))

    def update(self, evaluation: Evaluation, state: tuple) -> Step:
        """The point at which SciPy asks for the loss next, or the result if it asks no more.

        SciPy's algorithm calls the loss, not the other way round. So it is run anew from its start
        with what is known; as it is deterministic, it asks for the points in the state again, and
        then for the next one.

        Raises
        ------
        RuntimeError
            If it asks for other points, as it may in another version of SciPy.
        """
        from scipy.optimize import Bounds, minimize

        points, losses, gradients = (
            np.concatenate([known, np.asarray(new)[np.newaxis]])
            for known, new in zip(state, evaluation[:3], strict=True))
        calls = iter(range(len(points) + 1))

        def recall(x):
            k = next(calls)
            if k == len(points):
                raise _Ask(x.copy())
            if not np.array_equal(x, points[k]):
                raise RuntimeError("L-BFGS-B does not take the steps that were taken before; they "
                                   "are those of another version of SciPy, or were changed")
            return losses[k], gradients[k]

        state = points, losses, gradients
        bounds = None if evaluation.bounds is None else Bounds(*evaluation.bounds)
        try:
            result = minimize(recall, points[0], jac=True, method="L-BFGS-B", bounds=bounds,
                              options={"maxcor": self.memory, "ftol": self.tolerance, "gtol": 0.0,
                                       "maxiter": 10**9, "maxfun": 10**9})
        except _Ask as question:
            return Step(question.x, state)
        reason = "converged" if result.success else f"L-BFGS-B: {result.message}"
        return Step(result.x, state, reason)

    def settings(self) -> dict[str, Any]:
        """Its parameters, and its name."""
        return {"name": "L-BFGS-B", **dataclasses.asdict(self)}


class _Ask(Exception):
    """Leave SciPy's algorithm where it asks for the loss at x."""

    def __init__(self, x):
        super().__init__()
        self.x = x
