"""Images some of whose pixels are no measurement: K and G_l for the others alone.

A mask makes of a block another block, whose factors are linear operators with the properties of the
ones they replace: K' M(D) K is symmetric, G_l is symmetric, constants stay and the mean of the
measured pixels stays. So energies, adjoints and the bound of the step size hold as they are. Pixels
that are not measured hold 0, and neither give nor take anything.

The samples of K in cells with such pixels are those of `pdenet.kernels.masked_cells`. A Gaussian G
of an image that is 0 there would neither keep constants nor the mean, and divided by that of the
mask it would not be symmetric. The symmetric normalisation S = d G d keeps all three, with the
factors d > 0 for which S 1 = 1 on the measured pixels (Sinkhorn, 1967); far from the others d = 1.

The structure tensor, which lives on cells, is averaged by d G w d likewise: a cell counts by its
weight w in sums over cells, with which this is its own adjoint.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any, Iterable

import numpy as np

from ..checks import check_workers
from ..execution.workers import Workers
from ..kernels import masked_cells
from ..kernels.gaussian import EVEN, PIXELS, balancing_step
from ..kernels.workspace import Workspace
from .operators import Gradient, Laplacian, SampledOperator
from .scales import ScaleSpace

ROUNDS = {4: 8, 8: 18}  # of `balance` by the bytes of a number, until rounding decides


@dataclass(frozen=True, eq=False)
class Mask:
    """Which pixels are measured, and the factors of the Gaussians for them.

    Attributes
    ----------
    plane : ndarray of shape (H, W)
        One where a pixel is measured, zero elsewhere, of the image's type.
    factors : dict
        By the parity of planes, PIXELS or EVEN for cells, and the standard deviation of G: what
        planes are multiplied by before and after G, (d, d) or (w d, d).
    """

    plane: np.ndarray
    factors: dict[tuple[int, float], tuple[np.ndarray, np.ndarray]]

    def part(self, tile: tuple[int, int, int, int]) -> Mask:
        """The mask of a tile (top, bottom, left, right)."""
        def within(plane, parity):
            top, bottom, left, right = tile
            more = int(parity != PIXELS)  # a row and a column of cells more than of pixels
            return plane[top:bottom + more, left:right + more]
        return Mask(np.ascontiguousarray(within(self.plane, PIXELS)),
                    {(parity, sigma): tuple(within(plane, parity) for plane in planes)
                     for (parity, sigma), planes in self.factors.items()})

    def of(self, scales: ScaleSpace, parity: int = PIXELS) -> ScaleSpace:
        """Scales for this mask, for planes of this parity; those that do not smooth stay as they
        are."""
        if scales.reach == 0:
            return scales
        return MaskedScaleSpace(scales, [self.factors.get((parity, sigma))
                                         for sigma in scales.sigmas])


def prepare(measured: np.ndarray | None, blocks: Iterable, dtype: Any,
            workers: int | None = None) -> Mask | None:
    """The `Mask` of the pixels `measured`, (H, W), for what these blocks smooth, which threads
    share; None for None."""
    if measured is None:
        return None
    found = set()
    for block in blocks:
        check_operator(block.operator)
        for scales, parity in ((block.scales, PIXELS), (block.steering, PIXELS),
                               (block.integration, parity_of(block.operator))):
            if scales is not None:
                found |= {(parity, sigma) for sigma in scales.sigmas.tolist() if sigma > 0}
    kinds, plane = sorted(found), np.ascontiguousarray(measured, dtype)
    weights = cell_weights(plane) if any(parity == EVEN for parity, _ in kinds) else plane
    with Workers(check_workers(workers)) as team:
        factors = team.map(lambda kind, work: balance(
            plane if kind[0] == PIXELS else weights, kind, work), kinds)
    return Mask(plane, dict(zip(kinds, factors, strict=True)))


def parity_of(operator):
    """The parity of the planes on which an operator's structure lives, PIXELS or EVEN."""
    return getattr(operator, "parities", (PIXELS,))[0]


def cell_weights(plane):
    """What each cell counts in sums over cells, for a plane of ones and zeros; those of the rim
    are not halved."""
    one, around = plane.dtype.type(1), np.pad(plane, 1, mode="edge")
    cell = masked_cells.cell_of(around[:-1, :-1], around[:-1, 1:], around[1:, :-1],
                                around[1:, 1:], one)
    return masked_cells.weight_of(cell, one)


def balance(weights, kind, work):
    """w d and d with d G (w d) = 1 where the weights w are positive, and d = 0 elsewhere, for the
    parity and the standard deviation `kind` of G.

    Newton's matrix for the logarithms of d is 1 + S with eigenvalues from 1 to 2, so that Chebyshev
    iteration with these limits divides the error by 5.8 in each round.
    """
    (parity, sigma), number = kind, weights.dtype.type
    scales, one, smoothed = ScaleSpace([sigma]), np.ones(1), np.empty_like(weights)

    def smooth(plane):
        scales.apply(plane[np.newaxis], one, False, smoothed[np.newaxis], work, parity)
        return smoothed
    positive = (weights > 0).astype(weights.dtype)
    d = np.divide(positive, np.sqrt(smooth(weights)), where=positive > 0,
                  out=np.zeros_like(weights))
    before, omega = d.copy(), 1.0
    for _ in range(ROUNDS[weights.itemsize]):
        smooth(d if parity == PIXELS else weights * d)
        balancing_step(positive.reshape(-1), d.reshape(-1), smoothed.reshape(-1), number(omega),
                       before.reshape(-1))
        before, d = d, before
        omega = 1 / (1 - omega / 36) if omega > 1 else 1 / (1 - 1 / 18)
    return (d if parity == PIXELS else weights * d), d


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
        return super().integrate(density * cell_weights(self.plane))


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
    """`ScaleSpace` with S_l = d_l G_l d_l in place of G_l, or d_l G_l w d_l for cells."""

    _balance: list[tuple[np.ndarray, np.ndarray] | None]  # where there is a Gaussian

    def __init__(self, scales, balance):
        super().__init__(scales.sigmas, scales.weights)
        object.__setattr__(self, "_balance", balance)

    def apply(self, v, factors, add, out, work, parity=PIXELS):
        """As without a mask, scale by scale, since each has an image of its own."""
        for k, both in enumerate(self._balance):
            source, target = v[k % len(v)], out[k % len(out)]
            part = work.scratch("balanced", (2,) + source.shape, v.dtype)
            if both is None:
                np.multiply(source, v.dtype.type(factors[k]), out=part[1] if add else target)
            else:
                np.multiply(source, both[0], out=part[0])
                self._smooth(part[:1], slice(k, k + 1), factors, False, part[1:], work, parity)
                np.multiply(part[1], both[1], out=part[1] if add else target)
            if add:
                target += part[1]


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
