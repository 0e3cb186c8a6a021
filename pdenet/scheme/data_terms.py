"""What pulls an image back to the one given at first, f: nothing, a reaction, or known pixels.

A data term says what it adds to the explicit step, what it keeps as it is in the step's result, the
adjoint of both, the bound of the step size, and the energy, and which parameters it has. No other
file knows what these are.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..checks import check_number

# The parameters of data terms by name, and the least value allowed.
PARAMETERS = {"reaction": 0.0}


class DataTerm(Protocol):
    """What a diffusion block asks of a data term; any object with these members is one.

    Attributes
    ----------
    active : bool
        Whether there is anything that pulls back.
    bound : float
        What it adds to the spectral radius rho: the step is stable for tau <= 2 / (rho + bound).
    bound_slopes : dict
        The derivatives of the bound with respect to its parameters, by their names.
    """

    @property
    def active(self) -> bool: ...

    @property
    def bound(self) -> float: ...

    @property
    def bound_slopes(self) -> dict[str, float]: ...

    def add_step(self, u: np.ndarray, f: np.ndarray, tau: float, out: np.ndarray) -> None:
        """Add to `out` what the step of size tau adds to u; all are planes (M, H, W)."""

    def add_adjoint(self, u: np.ndarray, f: np.ndarray, tau: float, cotangent: np.ndarray,
                    out: np.ndarray, given: np.ndarray | None) -> dict[str, float]:
        """Add to `out` the cotangent of u and to `given` the cotangent of f, for the cotangent of
        the step's result. Returns the derivatives with respect to "tau" and to its own parameters,
        by name."""

    def keep(self, out: np.ndarray, f: np.ndarray) -> None:
        """Put f where it is kept into the step's result `out`, planes (M, H, W)."""

    def keep_adjoint(self, cotangent: np.ndarray, given: np.ndarray | None) -> np.ndarray:
        """The cotangent of the result before `keep`, for that of the result; what f is kept by is
        added to `given`."""

    def energy(self, u: np.ndarray, f: np.ndarray | None) -> float:
        """The energy whose gradient is -2 / tau times what `add_step` adds."""


class _KeepsNothing:
    """A data term that keeps no pixel as it is."""

    def keep(self, out, f):
        pass

    def keep_adjoint(self, cotangent, given):
        return cotangent


class NoDataTerm(_KeepsNothing):
    """Nothing pulls back."""

    active = False
    bound = 0.0
    bound_slopes: dict[str, float] = {}

    def add_step(self, u, f, tau, out):
        pass

    def add_adjoint(self, u, f, tau, cotangent, out, given):
        return {"tau": 0.0}

    def energy(self, u, f):
        return 0.0


@dataclass(frozen=True)
class Reaction(_KeepsNothing):
    """The step adds tau rate (f - u), the energy rate |u - f|^2.

    Parameters
    ----------
    rate : float
        How strongly it pulls back, per time, >= 0.

    Raises
    ------
    ValueError
        If the rate is not a finite number >= 0.
    """

    rate: float

    active = True

    def __post_init__(self):
        rate = check_number("reaction", self.rate, least=PARAMETERS["reaction"])
        object.__setattr__(self, "rate", rate)

    @property
    def bound(self):
        return self.rate

    @property
    def bound_slopes(self):
        return {"reaction": 1.0}

    def add_step(self, u, f, tau, out):
        out += u.dtype.type(tau * self.rate) * (f - u)

    def add_adjoint(self, u, f, tau, cotangent, out, given):
        part = u.dtype.type(tau * self.rate) * cotangent
        out -= part
        given += part
        product = float(np.sum(cotangent * (f - u), dtype=np.float64))
        return {"tau": self.rate * product, "reaction": tau * product}

    def energy(self, u, f):
        if self.rate == 0:
            return 0.0
        if f is None:
            raise ValueError("a model with a reaction has no energy of one image alone; give the "
                             "image that it pulls back to")
        return self.rate * float(np.sum(np.square(u - f), dtype=np.float64))


@dataclass(frozen=True, eq=False)
class KnownPixels(NoDataTerm):
    """The step's result is f in the known pixels: what diffusion changes there is taken back.

    It is the limit of a reaction of infinite rate there, adds nothing to the energy as u = f there,
    and needs no bound of the step size: K' M(D) K on the other pixels alone is a part of that on
    all.

    Parameters
    ----------
    known : ndarray of shape (H, W)
        True where a pixel is known.
    """

    known: np.ndarray

    active = True

    def keep(self, out, f):
        np.copyto(out, f, where=self.known)

    def keep_adjoint(self, cotangent, given):
        if given is not None:
            given += np.where(self.known, cotangent, 0)
        return np.where(self.known, cotangent.dtype.type(0), cotangent)


def build_data_term(reaction: float | None, known: np.ndarray | None = None) -> DataTerm:
    """The reaction of this rate, or the known pixels; no data term where both are None."""
    if known is not None:
        return KnownPixels(known)
    return NoDataTerm() if reaction is None else Reaction(reaction)
