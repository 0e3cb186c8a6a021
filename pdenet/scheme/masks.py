"""Images some of whose pixels are no measurement: K and G_l for the others alone.

A mask makes of a block another block, whose factors are linear operators with the properties of the
ones they replace: K' M(D) K is symmetric, G_l is symmetric, constants stay and the mean of the
measured pixels stays. So energies, adjoints and the bound of the step size hold as they are. Pixels
that are not measured hold 0, and neither give nor take anything.

The samples of K in cells with such pixels are those of `pdenet.kernels.masked_cells`. A Gaussian G
of an image that is 0 there would neither keep constants nor the mean, and divided by that of the
mask it would not be symmetric. The symmetric normalisation S = d G d keeps all three, with the
factors d > 0 for which S 1 = 1 on the measured pixels (Sinkhorn, 1967); far from the others d = 1.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any, Iterable

import numpy as np

from ..checks import check_workers
from ..execution.workers import Workers
from ..kernels import masked_cells
from ..kernels.gaussian import balancing_step
from ..kernels.workspace import Workspace
from .operators import Gradient, Laplacian, SampledOperator
from .scales import ScaleSpace

ROUNDS = {4: 8, 8: 10}  # of `balance` by the bytes of a number, until rounding decides


@dataclass(frozen=True, eq=False)
class Mask:
    """Which pixels are measured, and the factors of the Gaussians for them.

    Attributes
    ----------
    plane : ndarray of shape (H, W)
        One where a pixel is measured, zero elsewhere, of the image's type.
    sigmas : list of float
        The standard deviations of Gaussians G, increasing.
    factors : ndarray of shape (number of sigmas, H, W)
        d of S = d G d for each, of the image's type.
    """

    plane: np.ndarray
    sigmas: list[float]
    factors: np.ndarray

    def part(self, tile: tuple[int, int, int, int]) -> Mask:
        """The mask of a tile (top, bottom, left, right)."""
        inside = slice(*tile[:2]), slice(*tile[2:])
        return Mask(np.ascontiguousarray(self.plane[inside]), self.sigmas,
                    np.ascontiguousarray(self.factors[:, *inside]))

    def factors_of(self, sigmas: np.ndarray) -> np.ndarray:
        """The factors for some of the sigmas, without a copy where they follow each other."""
        rows = [self.sigmas.index(sigma) for sigma in sigmas.tolist()]
        if rows == list(range(rows[0], rows[0] + len(rows))):
            return self.factors[rows[0]:rows[0] + len(rows)]
        return self.factors[rows]


def prepare(measured: np.ndarray | None, blocks: Iterable, dtype: Any,
            workers: int | None = None) -> Mask | None:
    """The `Mask` of the pixels `measured`, (H, W), for what these blocks smooth, which threads
    share; None for None."""
    if measured is None:
        return None
    found: set[float] = set()
    for block in blocks:
        check_operator(block.operator)
        for scales in (block.scales, block.steering):
            found |= set() if scales is None or scales.reach == 0 else set(scales.sigmas.tolist())
    sigmas, plane = sorted(found), np.ascontiguousarray(measured, dtype)
    factors = np.empty((len(sigmas), *plane.shape), dtype)
    with Workers(check_workers(workers)) as team:
        team.map(lambda k, work: balance(plane, sigmas[k], work, factors[k]), range(len(sigmas)))
    return Mask(plane, sigmas, factors)


def balance(plane, sigma, work, out):
    """out = d with d G d = 1 on the measured pixels and d = 0 elsewhere, for a plane of ones and
    zeros.

    Newton's matrix for the logarithms of d is 1 + S with eigenvalues from 1 to 2, so that Chebyshev
    iteration with these limits divides the error by 5.8 in each round. In float64 it begins with d
    of float32.
    """
    scales, number = ScaleSpace([sigma]), plane.dtype.type
    d, before = (work.array(name, plane.shape, plane.dtype) for name in ("factors", "before"))
    if plane.itemsize > 4:
        balance(plane.astype(np.float32), sigma, work.part("float32"), d)
    else:
        np.maximum(scales.smooth(plane[np.newaxis], work)[0], np.finfo(np.float32).tiny, out=d)
        np.divide(plane, np.sqrt(d, out=d), out=d)
    np.copyto(before, d)
    omega = 1.0
    for _ in range(ROUNDS[plane.itemsize]):
        smoothed = scales.smooth(d[np.newaxis], work)
        balancing_step(plane.reshape(-1), d.reshape(-1), smoothed.reshape(-1), number(omega),
                       before.reshape(-1))
        before, d = d, before
        omega = 1 / (1 - omega / 36) if omega > 1 else 1 / (1 - 1 / 18)
    np.copyto(out, d)


# K and G_l for a mask -----------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class MaskedGradient(Gradient):
    """`Gradient` for the pixels where `plane` is one."""

    plane: np.ndarray = field(kw_only=True)

    @property
    def mask(self):
        return self.plane

    def integrate(self, density):
        """Each cell counts by its weight, so that one edge alone counts half."""
        one, around = self.plane.dtype.type(1), np.pad(self.plane, 1, mode="edge")
        cell = masked_cells.cell_of(around[:-1, :-1], around[:-1, 1:], around[1:, :-1],
                                    around[1:, 1:], one)
        return super().integrate(density * masked_cells.weight_of(cell, one))


@dataclass(frozen=True, eq=False)
class MaskedLaplacian(SampledOperator):
    """`Laplacian` for the pixels where `plane` is one: K = -G' M(I) G with the masked gradient G,
    which without a mask is the same stencil. As the largest eigenvalue of G' M(I) G is at most what
    it is without a mask, so is its square."""

    alpha: float
    plane: np.ndarray

    reach = 2

    @functools.cached_property
    def _divergence(self):
        rows, columns = self.plane.shape
        return functools.partial(
            MaskedGradient(self.alpha, plane=self.plane).diffuse, work=Workspace(),
            tensor=np.ones((1, rows + 1, columns + 1), self.plane.dtype))

    def apply(self, v, work):
        out = work.array("samples", (1,) + v.shape, v.dtype)
        self._divergence(v[np.newaxis], scale=-1, add=False, out=out)
        return out

    def apply_adjoint(self, flux, scale, out):
        self._divergence(flux, scale=-scale, add=True, out=out[np.newaxis])

    @property
    def symbol(self):
        """That without a mask, which bounds it."""
        return Laplacian(self.alpha).symbol

    def integrate(self, density):
        return super().integrate(density * self.plane)


class MaskedScaleSpace(ScaleSpace):
    """`ScaleSpace` with S_l = d_l G_l d_l in place of G_l."""

    def __init__(self, scales, factors):
        super().__init__(scales.sigmas, scales.weights)
        object.__setattr__(self, "_balance", factors)


def check_operator(operator: Any) -> None:
    """Raise ValueError unless an operator can leave pixels out."""
    if type(operator) not in (Gradient, Laplacian):
        raise ValueError(f"pixels can be left out, by a mask or as NaN, with the operators "
                         f"Gradient and Laplacian, as all filters but lysaker_lundervold_tai have; "
                         f"got {operator}")


def masked_operator(operator: Any, plane: np.ndarray) -> Any:
    """An operator for the pixels where a plane is one."""
    check_operator(operator)
    if type(operator) is Laplacian:
        return MaskedLaplacian(operator.alpha, plane)
    return MaskedGradient(operator.alpha, operator.gamma, operator.structure_twist, plane=plane)


def masked_scales(scales: ScaleSpace, mask: Mask) -> ScaleSpace:
    """Scales for a mask; those that do not smooth stay as they are."""
    if scales.reach == 0:
        return scales
    return MaskedScaleSpace(scales, mask.factors_of(scales.sigmas))
