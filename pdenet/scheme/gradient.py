"""K of second-order models: the gradient on cells, of images and of volumes."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..checks import check_number
from ..kernels import laws, planes, several_steps
from ..kernels.cell_formulas import Stencil
from ..kernels.gaussian import EVEN, ODD
from ..kernels.planes import Source
from ..kernels.volumes import cells, slices
from ..kernels.volumes import several_steps as of_volumes
from .spacing import check_spacing, inverse_squares, of_voxels

__all__ = ["Gradient", "DeferredTensor"]


class DeferredTensor(NamedTuple):
    """D = g(J), which a kernel computes as it goes, by what it is computed from."""

    steers: np.ndarray  # the layers that steer
    strength: np.ndarray
    law: laws.Law
    mixed: float | None


@dataclass(frozen=True)
class Gradient:
    """The gradient on cells: nonstandard finite differences of Weickert, Welk and Wickert (2013).

    K u = (p, q, s) with p = (B-A+D-C)/2, q = (C-A+D-B)/2, s = A-B-C+D on the cell of the
    pixels A, B (top) and C, D (bottom). With M(D) (p, q, s) = (a p + b q, b p + c q, kappa s)
    and kappa = (1-2 alpha)/4 (a + c - 2 gamma |b|), -K' M(D) K is their discretisation of
    div(D grad u), D = [[a, b], [b, c]], on 3 x 3 pixels with reflecting boundary conditions.
    The rotation invariance of W_1 = K in eq. (18) rests on it.

    This is a quadrature: the gradient of the bilinear interpolant at four points of the cell. With
    the trilinear one at eight points it becomes the gradient of volumes, see
    `pdenet.kernels.volumes.cells`, and with it all that is said here, but for gamma.

    Parameters
    ----------
    alpha : float, optional
        In [0, 1/2]. 0.41 is the paper's choice for rotation invariance; at 1/2 a
        checkerboard is not smoothed.
    gamma : float, optional
        In [0, 1]. 0 gives an energy and a symmetric Jacobian; 1 makes the four diagonal
        weights non-negative whatever the tensor.
    structure_twist : float, optional
        In [0, 1]. The weight of the twist s in the structure tensor, as a multiple of that in M.
        1 gives an energy and a symmetric Jacobian; 0 leaves s out of J, which depends less on the
        direction then. Steps are as stable.
    spacing : sequence of float, optional
        The distances of voxels, (dz, dy, dx), for volumes, or those of pixels, (dy, dx), for images
        whose pixels are not of the size 1 x 1. Both need gamma = 0.

    Raises
    ------
    ValueError
        If one of them lies outside, or gamma is not 0 where it has to be.

    Examples
    --------
    >>> import pdenet
    >>> pdenet.Gradient(alpha=0.41)
    Gradient(alpha=0.41, gamma=0.0, structure_twist=1.0, spacing=None)
    """

    alpha: float = 0.41
    gamma: float = 0.0
    structure_twist: float = 1.0
    spacing: tuple[float, ...] | None = None

    directional = True
    fused = True  # its tensor may be a `DeferredTensor`
    reach = 1

    @property
    def parities(self) -> tuple:
        """How the entries of a tensor continue beyond the boundary; for volumes along columns,
        rows and slices."""
        if self.of_images:
            return EVEN, EVEN, ODD
        return (*[(EVEN, EVEN, EVEN)] * 3, (EVEN, ODD, ODD), (ODD, EVEN, ODD), (ODD, ODD, EVEN))

    @property
    def of_images(self) -> bool:
        """Whether layers are planes (H, W), and not volumes."""
        return self.spacing is None or self.spacing == (1.0, 1.0)

    @property
    def mask(self) -> Any:
        """As kernels take a mask; None, as all pixels take part. See `masks`."""
        return None

    def __post_init__(self):
        object.__setattr__(self, "alpha", check_number("alpha", self.alpha, least=0.0, most=0.5))
        for name in ("gamma", "structure_twist"):
            value = check_number(name, getattr(self, name), least=0.0, most=1.0)
            object.__setattr__(self, name, value)
        object.__setattr__(self, "spacing", check_spacing(self.spacing))
        if self.gamma != 0 and not self.of_images:
            raise ValueError(f"gamma must be 0 for volumes, and for pixels that are not of the "
                             f"size 1 x 1; got {self.gamma:g}")

    def stencil(self, dtype: np.dtype) -> Stencil | cells.Stencil:
        """As kernels for images of this type take alpha and gamma, or the spacing."""
        if self.of_images:
            return _stencil(self.alpha, self.gamma, self.structure_twist, dtype)
        return _stencil_of_volumes(self.alpha, self.structure_twist, of_voxels(self.spacing), dtype)

    @property
    def _kernels(self) -> Any:
        """The module of kernels."""
        return planes if self.of_images else slices

    def structure(self, v, strength, mixed, work):
        return self.tensor(v, strength, _no_source(v.dtype, v.ndim).law, mixed, work)

    def tensor(self, v, strength, law, mixed, work):
        """D = g(J), or g of the trace, in one pass."""
        stencil = self.stencil(v.dtype)
        entries = 1 if mixed is None else len(self.parities)
        out = work.array("structure", (entries, *(size + 1 for size in v.shape[1:])), v.dtype)
        self._kernels.tensor(v, self.mask, strength, law, _number(mixed, v.dtype),
                             stencil.structure_twist if self.of_images else stencil, out)
        return out

    def explicit_steps(self, u, source, mixed, scales, tile, inner, out):
        kernels = several_steps if self.of_images else of_volumes
        kernels.explicit_steps(u, self.mask, source, _number(mixed, u.dtype), self.stencil(u.dtype),
                               scales, tile, inner, out)

    def diffuse(self, v, tensor, scale, add, out, work):
        self._kernels.diffuse(v, self.mask, *_by_kernel(v, tensor), self.stencil(v.dtype),
                              v.dtype.type(scale), add, out)

    def correlation(self, v, z, strength, tensor, work):
        out = work.array("correlation", tensor.shape, v.dtype)
        self._kernels.correlate(v, z, self.mask, strength, tensor,
                                _number(None if len(tensor) == 1 else 1, v.dtype),
                                self.stencil(v.dtype), out)
        return out

    def diffuse_adjoint(self, v, z, strength, steers, tensor, change, out, steered, work):
        held, source, mixed = _by_kernel(v, tensor)
        source = source._replace(layers=v[:0] if steers is v else steers)
        flux_sums, structure_sums = np.zeros(len(v)), np.zeros(len(steers))
        self._kernels.diffuse_adjoint(
            v, z, self.mask, strength, None if held is None else (held, change), source, mixed,
            self.stencil(v.dtype), (flux_sums, structure_sums), (out, steered))
        return flux_sums, structure_sums

    @property
    def symbol(self):
        """4 X + 4 Y - 16 alpha X Y, which bounds M(D) too: D <= I gives M(D) <= M(I).

        With the spacing it is the sum over the axes i of 4 X_i / h_i^2 times 1 - 2 alpha X_j for
        each other axis j.
        """
        if self.of_images:
            return np.array([[0, 4], [4, -16 * self.alpha]])
        squares = inverse_squares(self.spacing)
        found = np.zeros((2,) * squares.size)
        for own in np.ndindex(found.shape):
            count = sum(own)
            found[own] = 0 if count == 0 else 4 * (-2 * self.alpha)**(count - 1) * sum(
                square for square, i in zip(squares[::-1], own, strict=True) if i)
        return found

    def integrate(self, density):
        """Sum over the cells; a cell of the rim is shared with the mirror image, so half of it."""
        weighted = density.astype(np.float64)
        for axis in range(density.ndim):
            along = np.moveaxis(weighted, axis, 0)
            along[0] *= 0.5
            along[-1] *= 0.5
        return float(weighted.sum())


@functools.lru_cache(64)
def _stencil(alpha, gamma, structure_twist, dtype):
    number = dtype.type
    twist = number(2) * (number(1) - number(2) * number(alpha))
    return Stencil(twist, number(gamma), number(structure_twist) * twist)


@functools.lru_cache(64)
def _stencil_of_volumes(alpha, structure_twist, sizes, dtype):
    twist, (x, y, z) = 1 - 2 * alpha, sizes
    metric = 1 / (x * x), 1 / (y * y), 1 / (z * z), 1 / (y * z), 1 / (x * z), 1 / (x * y)
    return cells.Stencil(dtype.type(twist), dtype.type(structure_twist * twist),
                         tuple(map(dtype.type, metric)))


@functools.lru_cache
def _no_source(dtype, ndim):
    """The source of a tensor that is given, for layers with so many axes."""
    return Source(np.empty((0,) * ndim, dtype), np.ones(0, dtype),
                  laws.Law(laws.NONE, dtype.type(1)))


def _number(mixed, dtype):
    """As kernels take `mixed`: None selects other code than a number."""
    return None if mixed is None else dtype.type(mixed)


def _by_kernel(v, tensor) -> tuple[Any, Source, Any]:
    """The tensor as kernels take it: planes or None, its source, and `mixed`."""
    if isinstance(tensor, DeferredTensor):
        steers = v[:0] if tensor.steers is v else tensor.steers
        return None, Source(steers, tensor.strength, tensor.law), _number(tensor.mixed, v.dtype)
    return tensor, _no_source(v.dtype, v.ndim), _number(None if len(tensor) == 1 else 1, v.dtype)
