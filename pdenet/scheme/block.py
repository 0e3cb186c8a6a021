"""The explicit step and its adjoint, each written once: the diffusion block.

    u_m  <-  u_m - tau sum_l w_l G_l K' Phi(K G_l u_m),     m = 1..M channels, l = 1..L scales
             + tau reaction (f_m - u_m)

is eq. (17) for one channel and scale, eq. (28) for several channels, eq. (36) for several
scales, and all at once, without the last line, which pulls back to the image f given at first.
Channels and scales form one axis of layers n = (m, l), which the flux Phi = M(D) K v couples by
the tensor D = g(J), J = sum_n w_n J(v_n).

The adjoint takes the derivative of a number by the step's result, the cotangent, to its
derivatives by u and by the parameters. With the layers v_n = G_n u and z_n = G_n cotangent

    B = sum_n w_n sym(K z_n (K v_n)')       the cotangent of D, apart from -tau
    C = g'(J)[2 B]                          twice that of J: the derivative of g at J is symmetric
    cotangent <- cotangent - tau sum_n w_n G_n K' (M(D) K z_n + M(C) K v_n)

by the product rule: the first term differentiates the layer that diffuses, the second the
structure that steers it. Where other layers steer, the second term is theirs, and so is its
part of the derivatives by the weights

    d/dw_n = -tau sum over cells of (K z_n)' M(D) K v_n + (K v_n)' M(C) K v_n / 2.

The derivative by tau is -sum_n w_n of the first sum; as g is a function of J / contrast^2, that
by the contrast is 2 tau / contrast sum_n w_n of the second. Multiplying the contrast and all
weights beta by a factor and dividing tau by its square changes nothing, so that always
sum_n beta_n d/dbeta_n + contrast d/dcontrast - 2 tau d/dtau = 0 without a reaction.

The reaction adds -tau reaction times the cotangent to that of u, and the opposite to that of f; its
derivative is tau times the sum of cotangent (f - u), and it adds reaction times this sum to d/dtau.
"""

import dataclasses
import functools
from dataclasses import dataclass

import numpy as np

from ..kernels import planes as kernels
from ..checks import check_number
from .operators import Response, as_number
from .scales import ScaleSpace
from ..execution.tiles import Workspace

__all__ = ["DiffusionBlock"]


@dataclass(frozen=True, eq=False)
class DiffusionBlock:
    """One residual block: the explicit step with operator K, scales G, and flux Phi.

    As the residual block of eq. (5) it has the identification of eq. (18), W_1 = K,
    phi_1 = tau Phi, W_2 = -K', no bias; with several scales it is the ResNeXt block of
    eq. (37) with the identification of eq. (38).

    Parameters
    ----------
    operator : Gradient, Laplacian or Hessian
    scales : ScaleSpace
        The scales that diffuse.
    flux : Isotropic, Anisotropic, Uncoupled or Orientations
    steering : ScaleSpace, optional
        The scales whose structure steers the diffusion; those that diffuse by default.
    reaction : float, optional
        How strongly the step pulls back to the image given at first, per time, >= 0.

    Raises
    ------
    ValueError
        If the flux needs a structure tensor and the operator has none, or the reaction is < 0.

    Examples
    --------
    >>> import pdenet
    >>> block = pdenet.DiffusionBlock(pdenet.Gradient(), pdenet.ScaleSpace([0.0]),
    ...                               pdenet.Isotropic(pdenet.Exponential(5.0)))
    >>> round(block.tau_max, 3)
    0.5
    """

    operator: object
    scales: ScaleSpace
    flux: object
    steering: ScaleSpace | None = None
    reaction: float | None = None

    def __post_init__(self):
        if self.reaction is not None:
            object.__setattr__(self, "reaction",
                               check_number("reaction", self.reaction, least=0.0))
        for name, value, part, kinds in (
                ("operator", self.operator, "symbol", "Gradient, Laplacian or Hessian"),
                ("flux", self.flux, "tensor", "Isotropic, Anisotropic, Uncoupled or Orientations"),
                ("scales", self.scales, "measure", "ScaleSpace"),
                ("steering", self._steers, "measure", "ScaleSpace or None")):
            if not hasattr(value, part):
                raise TypeError(f"{name} must be {kinds}; got {value!r}")
        if self.flux.mixed is not None and not self.operator.directional:
            raise ValueError(f"flux must be Isotropic with operator {self.operator}; "
                             f"got {self.flux}")

    def cycle(self, u, taus, f, work):
        """Steps of sizes taus with the tensor held as it is at their beginning.

        One size is the explicit step; several are a cycle of fast explicit diffusion. f is the
        image given at first. The result lies in `work`, as u may.
        """
        if len(taus) == 1 and self.compiled:
            v = u[:0] if self.steering is None else self.steering.smooth(u, work)
            out, whole = self._other(u, work), (0, u.shape[1], 0, u.shape[2])
            self.explicit_steps(taus, u, v, whole, whole, out)
            return out
        tensor = None
        for tau in taus:
            v = self.scales.smooth(u, work)
            if tensor is None:
                tensor = self.tensor(self.steers(u, work, v), work, hold=len(taus) > 1)
            u = self.step(u, v, tensor, tau, f, self._other(u, work), work)
        return u

    def similar(self, other):
        """Whether the other block differs in its parameters only."""
        def kind(block):
            return (*[part and tuple(part.sigmas) for part in (block.scales, block.steering)],
                    dataclasses.replace(block.flux, diffusivity=self.flux.diffusivity),
                    type(block.flux.diffusivity), block.reaction is None)
        return kind(self) == kind(other)

    def steers(self, u, work, v=None):
        """The layers that steer; v: those that diffuse, if at hand, which may be the same."""
        if v is not None and self._tied:
            return v
        return self._steers.smooth(u, work.part("steering"))

    def layers(self, u, work):
        """The layers that diffuse, those that steer, and the tensor at u."""
        v = self.scales.smooth(u, work)
        steers = self.steers(u, work, v)
        return v, steers, self.tensor(steers, work)

    def tensor(self, steers, work, hold=False):
        """D for these layers that steer, as `operators` take it; in planes, to hold it."""
        if self.operator.fused and self.flux.compiled and not hold:
            diffusivity = self.flux.diffusivity
            return Response(steers, self._weights(steers, self._steers), diffusivity.rule,
                            diffusivity.factor, self.flux.mixed)
        return self.flux.tensor(functools.partial(self.structure, steers, work))

    @property
    def compiled(self):
        """Whether a kernel takes several explicit steps in one pass."""
        return (self.operator.fused and self.flux.compiled and self.scales.sigmas.size == 1
                and self.scales.reach == 0 and self.reaction is None)

    def explicit_steps(self, taus, u, v, tile, inner, out):
        """The same numbers as by `cycle` and `step`, sooner; v: layers that steer, or none."""
        number = u.dtype.type
        kernels.explicit_steps(
            u, v, self._weights(v if len(v) else u, self._steers), tile, inner,
            self.flux.diffusivity.rule, number(self.flux.diffusivity.factor),
            as_number(self.flux.mixed, u.dtype), number(self.operator.alpha),
            number(self.operator.gamma),
            (-self.scales.measure[0] * np.array(taus)).astype(u.dtype), out)

    def structure(self, steers, work, *rule):
        """J = sum_n w_n J(v_n) of the layers that steer, or with a rule already g of it."""
        return self.operator.structure(steers, self._weights(steers, self._steers),
                                       self.flux.mixed, work, *rule)

    def trace(self, steers, work):
        """tr J."""
        structure = self.structure(steers, work)
        return structure[0] if self.flux.mixed is None else 2 * structure[0]

    @property
    def _steers(self):
        return self.scales if self.steering is None else self.steering

    @functools.cached_property
    def _tied(self):
        """Whether the layers that steer are those that diffuse."""
        return np.array_equal(self._steers.sigmas, self.scales.sigmas)

    @staticmethod
    def _weights(layers, scales):
        """w_n of the layers n = (m, l) of these scales."""
        return np.tile(scales.measure, len(layers) // scales.sigmas.size).astype(layers.dtype)

    def step(self, u, v, tensor, tau, f, out, work):
        """out = u_m - tau sum_l w_l G_l K' Phi(v_ml) + tau reaction (f_m - u_m), with
        Phi = M(tensor) K: the explicit step.
        """
        np.copyto(out, u)
        if self.reaction is not None:
            out += u.dtype.type(tau * self.reaction) * (f - u)
        if v.shape == u.shape and self.scales.reach == 0:  # G = I
            self.operator.diffuse(v, tensor, -tau * self.scales.measure[0], True, out, work)
        else:
            divergence = work.part("cotangent").array("layers", v.shape, v.dtype)
            self.operator.diffuse(v, tensor, 1.0, False, divergence, work)
            self.scales.add_adjoint(divergence, -tau, out, work)
        return out

    def pull_back(self, u, layers, tau, f, cotangent, out, given, work):
        """out = the cotangent of u for that of the step's result, whose part by f is added to
        `given`; returns the derivatives by the parameters, as a dict like
        `DiffusionNetwork.parameters`.
        """
        v, steers, tensor = layers
        z = self.scales.smooth(cotangent, work.part("cotangent"))
        weights, change = self._weights(v, self.scales), None
        if not isinstance(tensor, Response):
            change = self.flux.derivative(
                functools.partial(self.structure, steers, work),
                functools.partial(self.operator.correlation, v, z, 2 * weights, tensor, work))
        steered = v[:0]
        if self.steering is not None:
            steers = steers[:]  # apart, even where they are the layers that diffuse
            steered = work.array("steered", steers.shape, steers.dtype)
        np.copyto(out, cotangent)  # before, as z may be the cotangent itself
        pulled = self._pull_reaction(u, tau, f, cotangent, out, given)
        sums = self.operator.pull(v, z, weights, steers, tensor, change, z, steered, work)
        along, across = (values.reshape(len(out), -1).sum(0) for values in sums)
        self.scales.add_adjoint(z, -tau, out, work)
        if self.steering is None:
            by_weight = {"beta": along + across}
        else:
            self.steering.add_adjoint(steered, -tau, out, work)
            by_weight = {"beta": along, "steering": across}
        gradient = {name: -2 * tau * scales.omega * scales.weights * by_weight[name]
                    for name, scales in (("beta", self.scales), ("steering", self.steering))
                    if name in by_weight}
        if hasattr(self.flux.diffusivity, "contrast"):
            gradient["contrast"] = float(2 * tau / self.flux.diffusivity.contrast
                                         * (self._steers.measure @ across))
        if self.reaction is not None:
            gradient["reaction"] = tau * pulled
        return gradient | {"tau": (self.reaction or 0.0) * pulled
                           - float(self.scales.measure @ along)}

    def _pull_reaction(self, u, tau, f, cotangent, out, given):
        """The adjoint of the reaction; returns the sum of cotangent (f - u)."""
        if self.reaction is None:
            return 0.0
        part = u.dtype.type(tau * self.reaction) * cotangent
        out -= part
        given += part
        return float(np.sum(cotangent * (f - u), dtype=np.float64))

    @staticmethod
    def _other(u, work):
        """The one of two arrays of the workspace that u is not."""
        out = work.array("even", u.shape, u.dtype)
        return work.array("odd", u.shape, u.dtype) if np.may_share_memory(out, u) else out

    def energy(self, u):
        """Sum over the cells of the flux's density; its gradient is -2/tau (step - u)."""
        if self.steering is not None:
            raise ValueError("a model steered by other scales than those that diffuse "
                             "has no energy")
        if self.reaction:
            raise ValueError("a model with a reaction has no energy of one image alone")
        if getattr(self.operator, "gamma", 0.0) != 0 and self.flux.mixed is not None:
            raise ValueError(f"an energy needs gamma = 0; got {self.operator}")
        work = Workspace()
        structure = functools.partial(self.structure, self.steers(u, work), work)
        return self.operator.integrate(self.flux.energy(structure))

    def symbol(self, xi, eta):
        """sum_l w_l G_l^2 K' K on frequencies xi by eta (rad per pixel): the step for g = 1."""
        return _symbol(self.operator, self.scales, xi, eta)

    @functools.cached_property
    def tau_max(self):
        """2 / (rho + reaction): the largest step that never lets ||u - mean|| grow, whatever the
        image, apart from what the reaction brings back.

        rho is the maximum of the symbol, found on a grid eight times finer than its
        fastest oscillation and refined around the maximum. It bounds the step for every
        tensor D <= I, because M(D) <= M(I).
        """
        return 2 / (self._radius[0] + (self.reaction or 0.0))

    @functools.cached_property
    def tau_max_slopes(self):
        """The derivatives of log(tau_max) by beta, and by the reaction if there is one."""
        _, xi, eta = self._radius
        smoothing = self.scales.symbol(xi) * self.scales.symbol(eta)
        by_weight = smoothing[:, 0]**2 * _symbol(self.operator, ScaleSpace([0.0]), xi, eta)[0]
        half = self.tau_max / 2
        slopes = {"beta": -half * 2 * self.scales.omega * self.scales.weights * by_weight}
        return slopes if self.reaction is None else slopes | {"reaction": -half}

    @functools.cached_property
    def _radius(self):
        return _spectral_radius(self.operator, tuple(self.scales.sigmas),
                                tuple(self.scales.weights))

    def reach(self, steps):
        """Pixels on which a pixel depends after a cycle of this many steps."""
        a_step, steering = self._reach
        return steps * a_step + steering

    @functools.cached_property
    def _reach(self):
        """Pixels of a step, and of what steers beyond the first."""
        smoothing = self.scales.reach
        return 2 * smoothing + self.operator.reach, max(0, self._steers.reach - smoothing)


def _symbol(operator, scales, xi, eta):
    """sum_lij w_l c_ji (G_l^2 X^i) (G_l^2 Y^j), the product of two matrices."""
    along = scales.symbol(xi)**2
    across = along if np.array_equal(xi, eta) else scales.symbol(eta)**2
    coefficients = operator.symbol
    degrees = np.arange(len(coefficients))[:, np.newaxis]
    X, Y = np.sin(xi / 2)**(2 * degrees), np.sin(eta / 2)**(2 * degrees)
    left = (scales.measure[:, np.newaxis] * across) * (coefficients.T @ Y)[:, np.newaxis]
    right = along * X[:, np.newaxis]
    left, right = left.reshape(-1, eta.size).T, right.reshape(-1, xi.size)
    # As products too small for threads of BLAS, which would stay awake long after them and take
    # the processors from the workers: training asks between its batches.
    out, rows = np.empty((eta.size, xi.size)), max(1, 2**18 // right.size)
    for first in range(0, eta.size, rows):
        np.matmul(left[first:first + rows], right, out=out[first:first + rows])
    return out


@functools.lru_cache(64)
def _spectral_radius(operator, sigmas, weights):
    """The maximum of the symbol, and the frequencies where it is."""
    scales = ScaleSpace(sigmas, weights)
    # Beyond 1024 the fastest oscillations are those of large scales, long smoothed away.
    count = min(8 * (2 * scales.reach + operator.reach), 1024)
    low, high = np.zeros(2), np.full(2, np.pi)
    while True:
        xi, eta = (np.linspace(a, b, count + 1) for a, b in zip(low, high, strict=True))
        rho = _symbol(operator, scales, xi, eta)
        row, column = np.unravel_index(rho.argmax(), rho.shape)
        centre, spacing = np.array([xi[column], eta[row]]), (high - low) / count
        if spacing.max() < 1e-6:
            return float(rho.max()), xi[column:column + 1], eta[row:row + 1]
        low = np.clip(centre - spacing, 0, np.pi)
        high = np.clip(centre + spacing, 0, np.pi)
        count = 16
