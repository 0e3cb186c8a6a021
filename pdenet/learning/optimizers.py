"""Optimisers: what takes a vector a step further, given a gradient. Ours is Adam."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..checks import check_choice, check_number

__all__ = ["Adam", "Optimizer"]


class Optimizer(Protocol):
    """What `fit` asks of an optimiser: any object with these members is one.

    Its state is a tuple of arrays of the shape of x and of whole numbers >= 0, which a checkpoint
    can hold; so training that goes on has the bits of one that was never interrupted.
    """

    def start(self, x: np.ndarray) -> tuple:
        """The state before the first update of a vector."""

    def update(self, x: np.ndarray, gradient: np.ndarray, state: tuple, progress: float
               ) -> tuple[np.ndarray, tuple]:
        """The next vector and state; progress in [0, 1) says how large a part of all updates is
        done."""

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

    def start(self, x: np.ndarray) -> tuple:
        """The state before the first update: moments and their count."""
        return np.zeros_like(x), np.zeros_like(x), 0

    def update(self, x: np.ndarray, gradient: np.ndarray, state: tuple, progress: float = 0.0
               ) -> tuple[np.ndarray, tuple]:
        """The next x and state; progress in [0, 1] is the share of the updates done."""
        m, v, t = state
        t = t + 1
        m = self.beta1 * m + (1 - self.beta1) * gradient
        v = self.beta2 * v + (1 - self.beta2) * gradient**2
        rate = self.learning_rate
        if self.schedule == "cosine":
            rate *= (1 + math.cos(math.pi * progress)) / 2
        step = m / (1 - self.beta1**t) / (np.sqrt(v / (1 - self.beta2**t)) + self.epsilon)
        return x - rate * step, (m, v, t)

    def settings(self) -> dict[str, Any]:
        """Its parameters by name."""
        return dataclasses.asdict(self)
