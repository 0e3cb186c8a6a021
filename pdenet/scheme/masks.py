"""Images some of whose pixels are no measurement: K and G_l for the others alone.

A mask makes of a block another block, whose factors are linear operators with the properties of the
ones they replace: K' M(D) K is symmetric, G_l is symmetric, constants stay and the mean of the
measured pixels stays. So energies, adjoints and the bound of the step size hold as they are. Pixels
that are not measured hold 0, and neither give nor take anything.

The samples of K in cells with such pixels are those of `pdenet.kernels.masked_cells`, in volumes of
`corner_patterns`. A Gaussian G of an image that is 0 there would neither keep constants nor the
mean, and divided by that of the mask it would not be symmetric. The symmetric normalisation S = d G
d keeps all three, with the factors d > 0 for which S 1 = 1 on the measured pixels (Sinkhorn, 1967);
far from the others d = 1.

The structure tensor, which lives on cells, is averaged by d G w d likewise: a cell counts by its
weight w in sums over cells, with which this is its own adjoint. Planes (H, W) may be volumes
(D, H, W) throughout.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any, Iterable

import numpy as np

from ..checks import check_workers
from ..execution.workers import Workers
from ..kernels import masked_cells, second_order
from ..kernels.gaussian import PIXELS, balancing_step, correct, correction_step, in_strips
from . import corner_patterns
from .dictionary import inside
from .operators import Gradient, Hessian, Laplacian, SampledOperator
from .scales import ScaleSpace

ROUNDS, CORRECTIONS = 8, 10  # of `balance`, until rounding decides


@dataclass(frozen=True, eq=False)
class Mask:
    """Which pixels are measured, and the factors of the Gaussians for them.

    Attributes
    ----------
    plane : ndarray of shape (H, W)
        One where a pixel is measured, zero elsewhere, of the image's type.
    factors : dict
        By the parity of planes, PIXELS or that of cells, `parity_of`: the standard deviations of
        Gaussians G, increasing, and for each what planes are multiplied by before and after G, d
        and d, or w d and d; arrays (number of sigmas, H, W), or (number of sigmas, H + 1, W + 1)
        for cells.
    """

    plane: np.ndarray
    factors: dict[Any, tuple[list[float], np.ndarray, np.ndarray]]

    def part(self, tile: tuple[int, ...]) -> Mask:
        """The mask of a tile (top, bottom, left, right), of volumes with the first and the last
        slice before."""
        def within(planes, parity):
            more = int(parity != PIXELS)  # a row and a column of cells more than of pixels
            return planes[..., *(slice(first, last + more) for first, last in
                                 zip(tile[::2], tile[1::2], strict=True))]
        return Mask(np.ascontiguousarray(within(self.plane, PIXELS)), {
            parity: (sigmas, within(before, parity), within(after, parity))
            for parity, (sigmas, before, after) in self.factors.items()})

    @functools.cached_property
    def inside(self):
        """One where the filters of a `Dictionary` need measured pixels alone."""
        return inside(self.plane)

    @functools.cached_property
    def _strips(self):
        """The factors as scales take them, by the parity."""
        return {parity: in_strips(before, after) if self.plane.ndim == 2 else (before, after)
                for parity, (_, before, after) in self.factors.items()}

    def of(self, scales: ScaleSpace, parity: Any = PIXELS) -> ScaleSpace:
        """Scales with S_l = d_l G_l d_l in place of G_l, or d_l G_l w d_l for cells, by the planes'
        parity; those that do not smooth stay as they are."""
        if scales.reach == 0:
            return scales
        sigmas = self.factors[parity][0]
        rows: Any = [sigmas.index(sigma) for sigma in scales.sigmas.tolist()]
        if rows == list(range(rows[0], rows[0] + len(rows))):  # without a copy
            rows = slice(rows[0], rows[0] + len(rows))
        return scales.balanced(*(strips[rows] for strips in self._strips[parity]))


def prepare(measured: np.ndarray | None, blocks: Iterable, dtype: Any,
            workers: int | None = None) -> Mask | None:
    """The `Mask` of the pixels `measured`, (H, W), for what these blocks smooth, which threads
    share; None for None."""
    if measured is None:
        return None
    found: dict[Any, set[float]] = {}
    operator: Any = None
    for block in blocks:
        operator = block.operator
        check_operator(operator)
        for scales, parity in ((block.scales, PIXELS), (block.steering, PIXELS),
                               (block.integration, parity_of(operator))):
            if scales is not None and scales.reach > 0:
                found.setdefault(parity, set()).update(scales.sigmas.tolist())
    plane, factors = np.ascontiguousarray(measured, dtype), {}
    spacing = getattr(operator, "spacing", None)
    with Workers(check_workers(workers)) as team:
        for parity, kinds in found.items():
            sigmas = sorted(kinds)
            weights = plane if parity == PIXELS else cell_weights(plane, operator)
            d = np.empty((len(sigmas), *weights.shape), dtype)
            team.map(lambda k, work, own=(parity, sigmas, weights, d): balance(
                own[2], own[0], ScaleSpace([own[1][k]]).spaced(spacing), work, own[3][k]),
                range(len(sigmas)))
            factors[parity] = sigmas, d if parity == PIXELS else weights * d, d
    return Mask(plane, factors)


def parity_of(operator):
    """The parity of the planes on which an operator's structure lives, PIXELS or EVEN, of volumes
    EVEN along all three axes."""
    return getattr(operator, "parities", (PIXELS,))[0]


def cell_weights(plane, operator):
    """What each cell of a `Gradient` counts in sums over cells, for a plane of ones and zeros;
    those of the rim are not halved."""
    if plane.ndim == 3 and len(plane) > 1:
        return corner_patterns.weights(operator.alpha, plane)
    if plane.ndim == 3:  # one slice is an image: no derivative is across it
        return np.repeat(cell_weights(plane[0], operator)[np.newaxis], 2, axis=0)
    one, around = plane.dtype.type(1), np.pad(plane, 1, mode="edge")
    cell = masked_cells.cell_of(around[:-1, :-1], around[:-1, 1:], around[1:, :-1],
                                around[1:, 1:], one)
    return masked_cells.weight_of(cell, one)


def balance(weights, parity, scales, work, out):
    """out = d with d G (w d) = 1 where the weights w are positive, and d = 0 elsewhere, for the
    Gaussian G of `scales`, a single one, on planes of this parity.

    Newton's matrix for the logarithms of d is 1 + S with eigenvalues from 1 to 2, so that Chebyshev
    iteration with these limits divides the error by 5.8 in each round. All rounds are those of
    float32. In float64, what its rounding has left is corrected once: for the solution x of
    (1 + S) x = 1 - d G (w d), the factors d (1 + x + 2/3 x^2) leave x^2 / 3 of it.
    """
    one, single = np.ones(1), np.dtype(np.float32)
    given, positive, d, before, smoothed, product = (
        work.array(name, weights.shape, single)
        for name in ("given", "positive", "factors", "before", "smoothed", "product"))

    def smooth(plane, out):
        scales.apply(plane[np.newaxis], one, False, out[np.newaxis], work, parity)
        return out

    np.copyto(given, weights, casting="same_kind")
    np.copyto(positive, weights > 0)
    np.maximum(smooth(given, smoothed), np.finfo(single).tiny, out=d)
    np.divide(positive, np.sqrt(d, out=d), out=d)
    np.copyto(before, d)
    for omega in _relaxations(ROUNDS):
        smooth(d if parity == PIXELS else np.multiply(given, d, out=product), smoothed)
        balancing_step(positive.ravel(), d.ravel(), smoothed.ravel(), omega, before.ravel())
        before, d = d, before
    np.copyto(out, d)
    if out.dtype == single:
        return
    wide, rest = (work.array(name, out.shape, out.dtype) for name in ("wide", "rest"))
    smooth(np.multiply(weights, out, out=wide), rest)
    np.subtract(positive, np.multiply(rest, out, out=rest), out=rest)
    largest = max(rest.max(), -rest.min()) or 1.0
    x = work.array("x", out.shape, single)
    np.divide(rest, largest, out=positive, casting="same_kind")
    np.multiply(positive, single.type(2 / 3), out=x)
    before[:] = 0
    given *= d
    for omega in _relaxations(CORRECTIONS)[1:]:
        smooth(np.multiply(given, x, out=product), smoothed)
        correction_step(positive.ravel(), d.ravel(), x.ravel(), smoothed.ravel(), omega,
                        before.ravel())
        before, x = x, before
    correct(out.ravel(), x.ravel(), largest)


def _relaxations(count):
    """How much each of so many steps of Chebyshev's iteration weighs."""
    found = [1.0, 1 / (1 - 1 / 18)]
    while len(found) < count:
        found.append(1 / (1 - found[-1] / 36))
    return [np.float32(omega) for omega in found]


# K and G_l for a mask -----------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class MaskedGradient(Gradient):
    """`Gradient` for the pixels where `plane` is one."""

    plane: np.ndarray = field(kw_only=True)

    @functools.cached_property
    def mask(self):
        """The plane, or the cells of a volume."""
        return self.plane if self.of_images else corner_patterns.cells(self.alpha, self.plane)

    def diffuse(self, v, tensor, scale, add, out, work):
        super().diffuse(v, tensor, scale, add, out, work)
        self._leave_out(out)

    def diffuse_adjoint(self, v, z, strength, steers, tensor, change, out, steered, work):
        sums = super().diffuse_adjoint(v, z, strength, steers, tensor, change, out, steered, work)
        self._leave_out(out)
        self._leave_out(steered)
        return sums

    def _leave_out(self, layers):
        """What the voxels of volumes that are not measured are given cancels but for rounding."""
        if not self.of_images:
            layers *= self.plane

    def integrate(self, density):
        """Each cell counts by its weight, so that one edge alone counts half."""
        return super().integrate(density * cell_weights(self.plane, self))


@dataclass(frozen=True, eq=False)
class MaskedLaplacian(SampledOperator):
    """`Laplacian` for the pixels where `plane` is one: K = -G' M(I) G with the masked gradient G,
    which without a mask is the same stencil. As the largest eigenvalue of G' M(I) G is at most what
    it is without a mask, so is its square."""

    alpha: float
    plane: np.ndarray

    reach = 2

    @functools.cached_property
    def _weights(self):
        rows, columns = self.plane.shape
        found = np.zeros((4, rows + 1, columns + 2), self.plane.dtype)
        second_order.pair_weights(self.plane, found.dtype.type(self.alpha), found)
        return found

    def apply(self, v, work):
        out = work.array("samples", (1,) + v.shape, v.dtype)
        out[:] = 0
        second_order.masked_laplacian(v, self._weights, v.dtype.type(1), out[0])
        return out

    def apply_adjoint(self, flux, scale, out):
        second_order.masked_laplacian(flux[0], self._weights, flux.dtype.type(scale), out)

    @property
    def symbol(self):
        """That without a mask, which bounds it."""
        return Laplacian(self.alpha).symbol

    def integrate(self, density):
        return super().integrate(density * self.plane)


@dataclass(frozen=True, eq=False)
class MaskedHessian(Hessian):
    """`Hessian` for the pixels where `plane` is one, without the second derivatives at others and
    those that take one of them. So it has no second derivative across the border of the mask, while
    the end of the image mirrors it; planes u = a + b x + c y stay as they are at every mask."""

    plane: np.ndarray

    @functools.cached_property
    def _kept(self):
        """One for each sample that counts, of the shape (3, H, W)."""
        around = np.pad(self.plane, 1, mode="symmetric")
        (a, b, c), (d, e, f), (g, h, i) = (
            [around[k:k + len(self.plane), j:j + self.plane.shape[1]] for j in range(3)]
            for k in range(3))
        return e * np.stack([d * f, a * c * g * i, b * h])

    def apply(self, v, work):
        out = super().apply(v, work)
        out *= self._kept
        return out

    def apply_adjoint(self, flux, scale, out):
        super().apply_adjoint(flux * self._kept, scale, out)


def check_operator(operator: Any) -> None:
    """Raise ValueError unless an operator can leave pixels out."""
    if type(operator) not in (Gradient, Laplacian, Hessian):
        raise ValueError(f"pixels can be left out, by a mask or as NaN, with the operators "
                         f"Gradient, Laplacian and Hessian; got {operator}")


def masked_operator(operator: Any, plane: np.ndarray) -> Any:
    """An operator for the pixels where a plane is one."""
    check_operator(operator)
    if type(operator) is Laplacian:
        return MaskedLaplacian(operator.alpha, plane)
    if type(operator) is Hessian:
        return MaskedHessian(plane)
    return MaskedGradient(operator.alpha, operator.gamma, operator.structure_twist,
                          operator.spacing, plane=plane)
