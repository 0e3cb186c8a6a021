"""Differential operators K: the structure tensor K u (K u)', the divergence K' M(D) K, and
adjoints."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..checks import check_number
from ..kernels import laws, second_order
from ..kernels.cell_formulas import Stencil
from ..kernels.gaussian import PIXELS
from ..kernels.planes import Source
from ..kernels.workspace import Workspace
from .gradient import DeferredTensor, Gradient

__all__ = ["Gradient", "Laplacian", "Hessian", "SampledOperator", "Operator", "DeferredTensor"]


class Operator(Protocol):
    """What a diffusion block asks of an operator: any object with these members is one.

    Layers v are arrays of shape (N, H, W), and `strength` holds their strengths w_n, shape (N,). A
    tensor is an array of planes where K lives: (1, ...), g for D = g I, or (3, ...), (m, d, o) for
    the tensor [[m+d, o], [o, m-d]]; a flux decides by `mixed`, see `Flux`. Of volumes, which
    `Gradient` alone knows, layers are (N, D, H, W), and a tensor has six entries, see `tensors`.
    `work` is a `Workspace`, in whose arrays results may lie. `pdenet.testing.check_operator` checks
    what is said here.

    Attributes
    ----------
    directional : bool
        Whether `structure` can give a 2 x 2 tensor; if not, it gives its trace only.
    reach : int
        K' M K at a pixel depends on pixels at most this far away in each direction.
    """

    @property
    def directional(self) -> bool: ...

    @property
    def reach(self) -> int: ...

    @property
    def symbol(self) -> np.ndarray:
        """Of K' K: coefficients c_ji of Y^j X^i, X = sin(xi/2)^2, Y = sin(eta/2)^2, for frequencies
        xi along rows and eta along columns, rad per pixel."""

    def structure(self, v: np.ndarray, strength: np.ndarray, mixed: float | None,
                  work: Workspace) -> np.ndarray:
        """J = sum_n w_n K v_n (K v_n)', its entry 12 times `mixed`; its trace where that is
        None."""

    def diffuse(self, v: np.ndarray, tensor: Any, scale: float, add: bool, out: np.ndarray,
                work: Workspace) -> None:
        """out_n = scale K' M(D) K v_n, added to out_n if `add`. M(D) is symmetric, and 0 <= M(D) <=
        M(I) for 0 <= D <= I."""

    def correlation(self, v: np.ndarray, z: np.ndarray, strength: np.ndarray, tensor: np.ndarray,
                    work: Workspace) -> np.ndarray:
        """B, in the form of a structure, with sum_n w_n (K z_n)' M(D) K v_n = tr(B D) at each
        place: the adjoint of `diffuse` with respect to D, for this D."""

    def diffuse_adjoint(self, v: np.ndarray, z: np.ndarray, strength: np.ndarray,
                        steers: np.ndarray, tensor: Any, change: np.ndarray | None,
                        out: np.ndarray, steered: np.ndarray, work: Workspace
                        ) -> tuple[np.ndarray, np.ndarray]:
        """The adjoint of `diffuse` with respect to v, and to the structure of the layers that
        steer, for their cotangents: out_n = K' (M(D) K z_n + M(C) K v_n), C = `change`, where M(C)
        is the part of M that is linear in C.

        Where other layers a_n steer than v, `steers` is another array, and the second term is
        theirs: steered_n = K' M(C) K a_n. `out` may be z. Returns two arrays, for each layer the
        sums over the image of (K v_n)' M(D) K z_n and of (K a_n)' M(C) K a_n / 2.
        """

    def integrate(self, density: np.ndarray) -> float:
        """The sum over the image of a density, a plane where K lives."""


OPERATOR_MEMBERS = ("directional", "reach", "symbol", "structure", "diffuse", "correlation",
                    "diffuse_adjoint", "integrate")


Box = tuple[int, ...]  # part of an image: top, bottom, left, right; of a volume front, back first


class FusedOperator(Operator, Protocol):
    """An operator whose kernels compute D = g(J) on the way: `diffuse` and `diffuse_adjoint` take a
    `DeferredTensor`, too, with `change` None.

    Attributes
    ----------
    fused : bool
        True.
    mask : ndarray of shape (H, W) or None
        Ones where pixels are measured, zeros elsewhere; see `masks`.
    """

    @property
    def fused(self) -> bool: ...

    @property
    def mask(self) -> np.ndarray | None: ...

    def stencil(self, dtype: np.dtype) -> Stencil:
        """What kernels for images of this type need of the operator's parameters."""

    def tensor(self, v: np.ndarray, strength: np.ndarray, law: laws.Law, mixed: float | None,
               work: Workspace) -> np.ndarray:
        """D = g(J), or with mixed None g of the trace of J, as planes, in one pass."""

    def explicit_steps(self, u: np.ndarray, source: Source, mixed: float | None, scales: np.ndarray,
                       tile: Box, inner: Box, out: np.ndarray) -> None:
        """out = u after the steps u_m += scales[s] K' M(D) K u_m, on a `tile` of the image, where
        its `inner` part is; see `pdenet.kernels.several_steps`."""


class SampledOperator:
    """A scalar operator on pixels by its samples: a subclass adds an operator in a few lines.

    The samples of a plane v (H, W) are k planes (k, H, W), of which each counts c_k times; K' K,
    the flux and all adjoints follow from

    * `apply(v, work)`: the samples, in an array that is this method's own until its next call;
    * `apply_adjoint(flux, scale, out)`: out += scale sum_k c_k K_k' flux_k;
    * `counts`: c_k, (k,), `symbol` and `reach`: see `Operator`.
    """

    directional = False
    parities = (PIXELS,)
    counts: tuple[int, ...] = (1,)

    def apply(self, v, work):
        raise NotImplementedError(f"{type(self).__name__} must define apply")

    def apply_adjoint(self, flux, scale, out):
        raise NotImplementedError(f"{type(self).__name__} must define apply_adjoint")

    def structure(self, v, strength, mixed, work):
        """sum_n w_n sum_k c_k samples^2."""
        out = work.array("structure", (1,) + v.shape[1:], v.dtype)
        out[:] = 0
        for plane, weight in zip(v, strength, strict=True):
            for sample, count in zip(self.apply(plane, work), self.counts, strict=True):
                np.square(sample, out=sample)
                sample *= weight * v.dtype.type(count)
                out[0] += sample
        return out

    def diffuse(self, v, tensor, scale, add, out, work):
        for plane, target in zip(v, out, strict=True):
            flux = self.apply(plane, work)
            flux *= tensor
            if not add:
                target[:] = 0
            self.apply_adjoint(flux, v.dtype.type(scale), target)

    def correlation(self, v, z, strength, tensor, work):
        out = work.array("correlation", tensor.shape, v.dtype)
        out[:] = 0
        for plane, other, weight in zip(v, z, strength, strict=True):
            pairs = zip(self.counts, self.apply(plane, work).copy(), self.apply(other, work),
                        strict=True)
            out[0] += weight * sum(count * a * b for count, a, b in pairs)
        return out

    def diffuse_adjoint(self, v, z, strength, steers, tensor, change, out, steered, work):
        """By `diffuse` alone, as K' g K is its own transpose."""
        term = work.array("term", steers.shape, v.dtype)
        self.diffuse(steers, change, 1, False, term, work)
        structure_sums = (steers * term).sum((1, 2), dtype=np.float64) / 2
        self.diffuse(z.copy(), tensor, 1, False, out, work)
        flux_sums = (v * out).sum((1, 2), dtype=np.float64)
        if steers is v:
            out += term
        else:
            steered[:] = term
        return flux_sums, structure_sums

    def integrate(self, density):
        return float(density.sum(dtype=np.float64))


@dataclass(frozen=True)
class Laplacian(SampledOperator):
    """The Laplacian u_xx + u_yy on nine pixels, K = K' = dxx + dyy + alpha dxx dyy, eq. (11).

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

    reach = 2

    def __post_init__(self):
        object.__setattr__(self, "alpha", check_number("alpha", self.alpha, least=0.0, most=0.25))

    def apply(self, v, work):
        out = work.array("samples", (1,) + v.shape, v.dtype)
        out[:] = 0
        second_order.laplacian(v, v.dtype.type(self.alpha), v.dtype.type(1), out[0])
        return out

    def apply_adjoint(self, flux, scale, out):
        second_order.laplacian(flux[0], flux.dtype.type(self.alpha), scale, out)

    @property
    def symbol(self):
        """(4 X + 4 Y - 16 alpha X Y)^2."""
        b = -16 * self.alpha
        return np.array([[0, 0, 16], [0, 32, 8 * b], [16, 8 * b, b * b]])


@dataclass(frozen=True)
class Hessian(SampledOperator):
    """The Hessian (u_xx, u_xy, u_yx, u_yy) of eq. (13) and eq. (14), the mixed derivative centred.

    A one-sided mixed difference would treat the two diagonals differently; the centred one
    keeps rotations by 90 degrees exact.

    Examples
    --------
    >>> import pdenet
    >>> pdenet.Hessian()
    Hessian()
    """

    counts = (1, 2, 1)  # u_xy stands for itself and u_yx
    reach = 2

    def apply(self, v, work):
        out = work.array("samples", (3,) + v.shape, v.dtype)
        second_order.hessian(v, out)
        return out

    def apply_adjoint(self, flux, scale, out):
        second_order.hessian_adjoint(flux, scale, out)

    @property
    def symbol(self):
        """16 X^2 + 16 Y^2 + 32 X (1 - X) Y (1 - Y)."""
        return np.array([[0, 0, 16], [0, 32, -32], [16, -32, 32]])
