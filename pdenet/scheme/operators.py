"""Differential operators K, the structure K u K u' and K' Phi beside each other.

An operator offers
    structure(v, weights, mixed, work, rule, factor)
        of J = sum_n w_n K v_n (K v_n)' the tensor [[m + d, o], [o, m - d]] as planes (m, d, o), or
        the trace as a plane (1, ...), if mixed is None; with the rule of a diffusivity g already
        2 g of the tensor, of its diagonal alone for mixed = 0, or g of the trace
    diffuse(v, tensor, scale, add, out, work)
        out_n = scale K' M(D) K v_n, added to out_n if add; D = g I for planes (g,), or
        2 D = (m, d, o), or a `Response`, where a kernel computes D as it goes (`fused`)
    correlation(v, z, weights, tensor, work)
        its adjoint by D: B, with sum_n w_n (K z_n)' M(D) K v_n = tr(B D) everywhere, in the form
        of a structure: the trace, if D is a multiple of the identity, or (m, d, o)
    pull(v, z, weights, steers, tensor, change, out, steered, work)
        its adjoint by v, and that of the structure: out_n = K' (M(D) K z_n + M(C) K v_n), M(C)
        linear in C, for tensors D and C as planes, or a `Response` and None. Where other layers
        a_n steer, not v, the second term is theirs: steered_n = K' M(C) K a_n. Returns the
        sums of (K v_n)' M(D) K z_n and of (K a_n)' M(C) K a_n / 2 over the image
    symbol              of K' K: coefficients c_ji of Y^j X^i, X = sin(xi/2)^2, Y = sin(eta/2)^2
    integrate(density)  the sum over the image of a density given where K lives
    reach               pixels from which K' M K gathers in each direction
and knows whether it has a full structure tensor (`directional`). `work` holds work arrays.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..kernels import cell_rows as cells, planes as kernels, gaussian as stencils
from ..checks import check_number

__all__ = ["Gradient", "Laplacian", "Hessian"]


class Response(NamedTuple):
    """The tensor D = g(J) by what it is computed from: layers that steer, and the rule of g."""

    steers: Any
    weights: Any
    rule: int
    factor: float
    mixed: float | None


def as_number(mixed, dtype):
    """As kernels take it: None, the scalar diffusivity, has kernels of its own."""
    return None if mixed is None else dtype.type(mixed)


@dataclass(frozen=True)
class Gradient:
    """The gradient on cells: nonstandard finite differences of Weickert, Welk and Wickert (2013).

    K u = (p, q, s) with p = (B-A+D-C)/2, q = (C-A+D-B)/2, s = A-B-C+D on the cell of the
    pixels A, B (top) and C, D (bottom). With M(D) (p, q, s) = (a p + b q, b p + c q, kappa s)
    and kappa = (1-2 alpha)/4 (a + c - 2 gamma |b|), -K' M(D) K is their discretisation of
    div(D grad u), D = [[a, b], [b, c]], on 3 x 3 pixels with reflecting boundary conditions.
    The rotation invariance of W_1 = K in eq. (18) rests on it.

    Parameters
    ----------
    alpha : float, optional
        In [0, 1/2]. 0.41 is the paper's choice for rotation invariance; at 1/2 a
        checkerboard is not smoothed.
    gamma : float, optional
        In [0, 1]. 0 gives an energy and a symmetric Jacobian; 1 makes the four diagonal
        weights non-negative whatever the tensor.

    Raises
    ------
    ValueError
        If alpha or gamma lies outside.

    Examples
    --------
    >>> import pdenet
    >>> pdenet.Gradient(alpha=0.41, gamma=0.0)
    Gradient(alpha=0.41, gamma=0.0)
    """

    alpha: float = 0.41
    gamma: float = 0.0

    directional = fused = True
    reach = 1

    def __post_init__(self):
        object.__setattr__(self, "alpha", check_number("alpha", self.alpha, least=0.0, most=0.5))
        object.__setattr__(self, "gamma", check_number("gamma", self.gamma, least=0.0, most=1.0))

    def structure(self, v, weights, mixed, work, rule=cells.NONE, factor=1.0):
        rows, columns = v.shape[1:]
        out = work.array("structure", (1 if mixed is None else 3, rows + 1, columns + 1), v.dtype)
        number = v.dtype.type
        kernels.structure(v, weights, rule, number(factor), as_number(mixed, v.dtype),
                          number(self.alpha), out)
        return out

    def diffuse(self, v, tensor, scale, add, out, work):
        number = v.dtype.type
        planes, response = self._either(v, tensor)
        kernels.diffuse(v, planes, *response, number(self.alpha), number(self.gamma),
                        number(scale), add, out)

    def correlation(self, v, z, weights, tensor, work):
        out = work.array("correlation", tensor.shape, v.dtype)
        number = v.dtype.type
        mixed = None if len(tensor) == 1 else number(1)
        kernels.correlate(v, z, weights, tensor, mixed, number(self.alpha), number(self.gamma), out)
        return out

    def pull(self, v, z, weights, steers, tensor, change, out, steered, work):
        number = v.dtype.type
        planes, response = self._either(v, tensor)
        along, across = np.zeros(len(v)), np.zeros(len(steers))
        kernels.pull(v, z, weights, planes, change,
                     *response._replace(steers=v[:0] if steers is v else steers),
                     number(self.alpha), number(self.gamma), along, across, out, steered)
        return along, across

    @staticmethod
    def _either(v, tensor):
        """The planes of D, or None and what it is computed from, as kernels take it."""
        number = v.dtype.type
        if not isinstance(tensor, Response):
            return tensor, Response(v[:0], np.ones(0, v.dtype), cells.NONE, number(1),
                                    None if len(tensor) == 1 else number(1))
        steers = v[:0] if tensor.steers is v else tensor.steers
        return None, tensor._replace(steers=steers, factor=number(tensor.factor),
                                     mixed=as_number(tensor.mixed, v.dtype))

    @property
    def symbol(self):
        """4 X + 4 Y - 16 alpha X Y, which bounds M(D) too: D <= I gives M(D) <= M(I)."""
        return np.array([[0, 4], [4, -16 * self.alpha]])

    def integrate(self, density):
        """Sum over the cells; a cell of the rim is shared with the mirror image, so half of it."""
        weighted = density.astype(np.float64)
        for rim in (weighted[0], weighted[-1], weighted[:, 0], weighted[:, -1]):
            rim *= 0.5
        return float(weighted.sum())


class _SecondOrder:
    """What the scalar second-order operators share: samples at the pixels, K u by `_apply`."""

    directional = fused = False
    reach = 2

    def structure(self, v, weights, mixed, work, rule=cells.NONE, factor=1.0):
        out = work.array("structure", (1,) + v.shape[1:], v.dtype)
        out[:] = 0
        for plane, weight in zip(v, weights, strict=True):
            for sample, count in zip(self._apply(plane, work), self._counts, strict=True):
                np.square(sample, out=sample)
                sample *= weight * v.dtype.type(count)
                out[0] += sample
        kernels.respond(rule, v.dtype.type(factor), False, out.reshape(-1))
        return out

    def diffuse(self, v, tensor, scale, add, out, work):
        for plane, target in zip(v, out, strict=True):
            flux = self._apply(plane, work)
            flux *= tensor
            if not add:
                target[:] = 0
            self._apply_adjoint(flux, v.dtype.type(scale), target)

    def correlation(self, v, z, weights, tensor, work):
        out = work.array("correlation", tensor.shape, v.dtype)
        out[:] = 0
        for plane, other, weight in zip(v, z, weights, strict=True):
            pairs = zip(self._counts, self._apply(plane, work).copy(), self._apply(other, work),
                        strict=True)
            out[0] += weight * sum(count * a * b for count, a, b in pairs)
        return out

    def pull(self, v, z, weights, steers, tensor, change, out, steered, work):
        term = work.array("term", steers.shape, v.dtype)
        self.diffuse(steers, change, 1, False, term, work)
        across = (steers * term).sum((1, 2), dtype=np.float64) / 2
        self.diffuse(z.copy(), tensor, 1, False, out, work)
        along = (v * out).sum((1, 2), dtype=np.float64)
        if steers is v:
            out += term
        else:
            steered[:] = term
        return along, across

    def integrate(self, density):
        return float(density.sum(dtype=np.float64))


@dataclass(frozen=True)
class Laplacian(_SecondOrder):
    """The Laplacian u_xx + u_yy on nine pixels, K = K' = dxx + dyy + alpha dxx dyy.

    Parameters
    ----------
    alpha : float, optional
        In [0, 1/4]. 0 is the five-point star; 1/6 makes the leading error
        proportional to the squared Laplacian and so independent of the direction, and
        allows time steps 2.25 times as long.

    Raises
    ------
    ValueError
        If alpha lies outside.

    Examples
    --------
    >>> import pdenet
    >>> pdenet.Laplacian(alpha=0.0)
    Laplacian(alpha=0.0)
    """

    alpha: float = 1 / 6

    _counts = (1,)

    def __post_init__(self):
        object.__setattr__(self, "alpha", check_number("alpha", self.alpha, least=0.0, most=0.25))

    def _apply(self, v, work):
        out = work.array("samples", (1,) + v.shape, v.dtype)
        out[:] = 0
        stencils.laplacian(v, v.dtype.type(self.alpha), v.dtype.type(1), out[0])
        return out

    def _apply_adjoint(self, flux, scale, out):
        stencils.laplacian(flux[0], flux.dtype.type(self.alpha), scale, out)

    @property
    def symbol(self):
        """(4 X + 4 Y - 16 alpha X Y)^2."""
        b = -16 * self.alpha
        return np.array([[0, 0, 16], [0, 32, 8 * b], [16, 8 * b, b * b]])


@dataclass(frozen=True)
class Hessian(_SecondOrder):
    """The Hessian (u_xx, u_xy, u_yx, u_yy) of eq. (14), the mixed derivative centred.

    A one-sided mixed difference would treat the two diagonals differently; the centred one
    keeps rotations by 90 degrees exact.

    Examples
    --------
    >>> import pdenet
    >>> pdenet.Hessian()
    Hessian()
    """

    _counts = (1, 2, 1)  # u_xy stands for itself and u_yx

    def _apply(self, v, work):
        out = work.array("samples", (3,) + v.shape, v.dtype)
        stencils.hessian(v, out)
        return out

    def _apply_adjoint(self, flux, scale, out):
        stencils.hessian_adjoint(flux, scale, out)

    @property
    def symbol(self):
        """16 X^2 + 16 Y^2 + 32 X (1 - X) Y (1 - Y)."""
        return np.array([[0, 0, 16], [0, 32, -32], [16, -32, 32]])
