"""The explicit step, written once: diffusion blocks and networks of them.

    u_m  <-  u_m - tau sum_l w_l G_l K' Phi(K G_l u_m),     m = 1..M channels, l = 1..L scales

is eq. (17) for one channel and scale, eq. (28) for several channels, eq. (36) for several
scales, and all at once. Channels and scales form one axis of layers n = (m, l), which the
flux couples.
"""

import functools
import math
from dataclasses import dataclass, field

import numpy as np

from . import kernels, tiles
from .checks import check_count, check_number, check_workers, from_planes, to_planes
from .diffusivities import is_compiled
from .fluxes import Anisotropic, Isotropic
from .operators import Gradient
from .scalespace import ScaleSpace, add_smoothed
from .tiles import Workers, Workspace
from .timesteps import schedule

__all__ = ["DiffusionBlock", "DiffusionNetwork"]


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

    Raises
    ------
    ValueError
        If the flux needs a structure tensor and the operator has none.

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

    def __post_init__(self):
        for name, value, part, kinds in (
                ("operator", self.operator, "symbol", "Gradient, Laplacian or Hessian"),
                ("flux", self.flux, "tensor", "Isotropic, Anisotropic, Uncoupled or Orientations"),
                ("scales", self.scales, "measure", "ScaleSpace"),
                ("steering", self._steers, "measure", "ScaleSpace or None")):
            if not hasattr(value, part):
                raise TypeError(f"{name} must be {kinds}; got {value!r}")
        if self.flux.directional and not self.operator.directional:
            raise ValueError(f"flux must be Isotropic with operator {self.operator}; "
                             f"got {self.flux}")

    def cycle(self, u, taus, work):
        """Steps of sizes taus with the tensor held as it is at their beginning.

        One size is the explicit step; several are a cycle of fast explicit diffusion. The
        result lies in `work`, as u may.
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
                tensor = self.flux.tensor(functools.partial(self.structure, u, work, v))
            u = self._step(u, v, tensor, tau, work)
        return u

    @property
    def compiled(self):
        """Whether a kernel takes explicit steps without a plane of tensors between."""
        return (is_compiled(self.flux.diffusivity) and isinstance(self.operator, Gradient)
                and self.scales.sigmas.size == 1 and self.scales.reach == 0
                and type(self.flux) in (Isotropic, Anisotropic))

    def explicit_steps(self, taus, u, v, tile, inner, out):
        """The same numbers as by `cycle` and `_step`, sooner; v: layers that steer, or none."""
        number = u.dtype.type
        kernels.explicit_steps(
            u, v, self._weights(u), tile, inner, isinstance(self.flux, Anisotropic),
            self.flux.diffusivity.rule, number(self.flux.diffusivity.factor),
            number(self.operator.alpha), number(self.operator.gamma),
            (-self.scales.measure[0] * np.array(taus)).astype(u.dtype), out)

    def structure(self, u, work, v=None, *rule, full=None):
        """sum_n w_n J(v_n) of the layers that steer, or with a rule already g of it.

        v: the layers that diffuse, if at hand.
        """
        if v is None or self.steering is not None:
            v = self._steers.smooth(u, work)
        full = self.flux.directional if full is None else full
        return self.operator.structure(v, self._weights(u), full, work, *rule)

    @property
    def _steers(self):
        return self.scales if self.steering is None else self.steering

    def _weights(self, u):
        """w_n of the layers n = (m, l) that steer."""
        return np.tile(self._steers.measure, len(u)).astype(u.dtype)

    def _step(self, u, v, tensor, tau, work):
        """u_m - tau sum_l w_l G_l K' Phi(v_ml), Phi = M(tensor) K: the explicit step."""
        out = self._other(u, work)
        np.copyto(out, u)
        layers = v.reshape(len(u), -1, *u.shape[1:])
        for target, channel in zip(out, layers, strict=True):
            for sigma, weight, layer in zip(self.scales.sigmas, self.scales.measure, channel,
                                            strict=True):
                if sigma == 0:
                    self.operator.diffuse(layer, tensor, -tau * weight, target, work)
                else:
                    divergence = work.array("divergence", target.shape, target.dtype)
                    divergence[:] = 0
                    self.operator.diffuse(layer, tensor, 1.0, divergence, work)
                    add_smoothed(divergence, sigma, -tau * weight, target)
        return out

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
        if getattr(self.operator, "gamma", 0.0) != 0 and self.flux.directional:
            raise ValueError(f"an energy needs gamma = 0; got {self.operator}")
        structure = functools.partial(self.structure, u, Workspace())
        return self.operator.integrate(self.flux.energy(structure))

    def symbol(self, xi, eta):
        """sum_l w_l G_l^2 K' K on frequencies xi by eta (rad per pixel): the step for g = 1."""
        along, across = self.scales.symbol(xi)**2, self.scales.symbol(eta)**2
        smoothing = (self.scales.measure[:, np.newaxis] * across).T @ along
        X, Y = np.sin(xi / 2)**2, np.sin(eta / 2)**2
        return smoothing * self.operator.symbol(X[np.newaxis], Y[:, np.newaxis])

    @functools.cached_property
    def tau_max(self):
        """2 / rho: the largest step that never lets ||u - mean|| grow, whatever the image.

        rho is the maximum of the symbol, found on a grid sixteen times finer than its
        fastest oscillation and refined around the maximum. It bounds the step for every
        tensor D <= I, because M(D) <= M(I).
        """
        # Beyond 1024 the fastest oscillations are those of large scales, long smoothed away.
        count = min(16 * (2 * self.scales.reach + self.operator.reach), 1024)
        low, high = np.zeros(2), np.full(2, np.pi)
        while True:
            xi, eta = (np.linspace(a, b, count + 1) for a, b in zip(low, high, strict=True))
            rho = self.symbol(xi, eta)
            row, column = np.unravel_index(rho.argmax(), rho.shape)
            centre, spacing = np.array([xi[column], eta[row]]), (high - low) / count
            if spacing.max() < 1e-6:
                return float(2 / rho.max())
            low = np.clip(centre - spacing, 0, np.pi)
            high = np.clip(centre + spacing, 0, np.pi)
            count = 16

    def reach(self, steps):
        """Pixels on which a pixel depends after a cycle of this many steps."""
        smoothing = self.scales.reach
        return (steps * (2 * smoothing + self.operator.reach)
                + max(0, self._steers.reach - smoothing))


@dataclass(frozen=True, eq=False, kw_only=True)
class DiffusionNetwork:
    """Equal diffusion blocks in a row: u <- u - tau sum_l w_l G_l K' Phi(K G_l u), `steps` times.

    Every model of Table 1 is one of these; `pdenet.models` builds them by name.

    Parameters
    ----------
    operator : Gradient, Laplacian or Hessian, optional
    scales : ScaleSpace, optional
        The scales that diffuse; a single scale sigma = 0 by default.
    flux : Isotropic, Anisotropic, Uncoupled or Orientations
    steering : ScaleSpace, optional
        The scales that steer, where they are not those that diffuse.
    tau : float, optional
        Time step size; half of `tau_max` by default, which removes a checkerboard in one step.
    steps : int, optional
        Number of blocks.
    allow_unstable : bool, optional
        Accept a tau above `tau_max`.

    Raises
    ------
    ValueError
        If tau is not positive or above `tau_max`, steps not a whole number >= 0, or the flux
        does not go with the operator.

    Examples
    --------
    >>> import numpy as np
    >>> import pdenet
    >>> network = pdenet.DiffusionNetwork(
    ...     operator=pdenet.Gradient(alpha=0.41), scales=pdenet.ScaleSpace.exponential(0.4, 10, 8),
    ...     flux=pdenet.Anisotropic(pdenet.Exponential(20.0)), tau=0.1, steps=10)
    >>> network(np.eye(32)).shape
    (32, 32)
    """

    flux: object
    operator: object = Gradient()
    scales: ScaleSpace = ScaleSpace([0.0])
    steering: ScaleSpace | None = None
    tau: float | None = None
    steps: int = 10
    allow_unstable: bool = False
    block: DiffusionBlock = field(init=False, repr=False)

    def __post_init__(self):
        def settle(name, value):
            object.__setattr__(self, name, value)

        settle("block", DiffusionBlock(self.operator, self.scales, self.flux, self.steering))
        settle("steps", check_count("steps", self.steps, least=0))
        tau = self.tau_max / 2 if self.tau is None else check_number("tau", self.tau, above=0.0)
        if tau > self.tau_max * (1 + 1e-9) and not self.allow_unstable:
            raise ValueError(f"tau must be at most tau_max = {self.tau_max:.6g} for stability; got "
                             f"{tau:.6g} (allow_unstable=True accepts it)")
        settle("tau", tau)

    @property
    def tau_max(self):
        """The largest stable time step size, 2 / rho; see `DiffusionBlock.tau_max`."""
        return self.block.tau_max

    @property
    def parameters(self):
        """The trainable parameters: beta (L,), contrast, tau, and steering (L,) where separate."""
        values = {"beta": self.scales.weights}
        if self.steering is not None:
            values["steering"] = self.steering.weights
        if hasattr(self.flux.diffusivity, "contrast"):
            values["contrast"] = self.flux.diffusivity.contrast
        return values | {"tau": self.tau}

    def __call__(self, image, *, channel_axis=None, workers=None):
        """The image after all blocks.

        Parameters
        ----------
        image : array_like of shape (H, W), or with channels along channel_axis
            float32 stays float32, every other real type becomes float64; not rescaled.
        channel_axis : int, optional
            The axis of the channels, which are coupled.
        workers : int, optional
            Threads, which share the image; by default PDENET_NUM_THREADS or all processors.
            The result does not depend on it.

        Returns
        -------
        ndarray
            Of the image's shape, float32 or float64.

        Raises
        ------
        TypeError, ValueError
            If the image is not a finite real array of that shape.
        """
        planes = to_planes(image, channel_axis)
        return from_planes(self._run(planes, [(self.tau,)] * self.steps, workers), channel_axis)

    def evolve(self, image, time, *, scheme="fed", cycles=None, channel_axis=None, workers=None,
               progress=None):
        """The image at diffusion time `time`, whatever the network's own tau and steps.

        Parameters
        ----------
        image, channel_axis, workers
            As for a call of the network.
        time : float
            Diffusion time, >= 0: pixels squared for the gradient, to the fourth power for
            second-order operators. Where g = 1 the gradient smooths like a Gaussian of
            standard deviation sqrt(2 time) pixels.
        scheme : {"fed", "explicit"}, optional
            Fast explicit diffusion reaches the time in O(sqrt(time)) steps; the explicit
            scheme takes equal steps of at most tau_max / 2.
        cycles : int, optional
            How many times fast explicit diffusion renews the diffusion tensor.
        progress : callable, optional
            Called as progress(done, total) with the numbers of cycles.

        Returns
        -------
        ndarray
            Of the image's shape, float32 or float64; a copy for time = 0.
        """
        planes = to_planes(image, channel_axis)
        return from_planes(self.evolve_planes(planes, time, scheme, cycles, workers, progress),
                           channel_axis)

    def evolve_planes(self, planes, time, scheme="fed", cycles=None, workers=None, progress=None):
        """`evolve` for planes (M, H, W) that have passed `checks.to_planes`."""
        return self._run(planes, schedule(time, self.tau_max, scheme, cycles), workers, progress)

    def energy(self, image, *, channel_axis=None):
        """The energy that the steps descend, for tied steering and gamma = 0.

        Raises
        ------
        ValueError
            If the model has none.
        """
        planes = to_planes(image, channel_axis)
        return self.block.energy(planes.astype(np.float64))

    def _run(self, planes, cycles, workers, progress=None):
        workers = check_workers(workers)
        source, target = planes, None
        stream = (self.block.compiled and self.steering is None
                  and all(len(taus) == 1 for taus in cycles))
        # In one pass only a few rows are in use at a time: larger tiles, more steps for each.
        most, edge = (20, 2 * tiles.EDGE) if stream else (10, tiles.EDGE)
        reach = self.block.reach(max(map(len, cycles), default=0))
        boxes = list(tiles.tile_boxes(planes.shape[1:], reach, workers, edge))
        if len(boxes) == 1 and not stream and progress is None:
            most = math.inf  # a single tile has no halo
        with Workers(workers) as team:
            for done, batch in batches(cycles, self.block.reach, most):
                # Two arrays in turn, and never the caller's.
                target = np.empty_like(planes) if target is None else target
                function = functools.partial(self._in_one_pass if stream else self._cycles, batch)
                halo = sum(self.block.reach(len(taus)) for taus in batch)
                team.map_tiles(function, source, target, halo, edge)
                source, target = target, (None if source is planes else source)
                if progress is not None:
                    progress(done, len(cycles))
        return planes.copy() if source is planes else source

    def _in_one_pass(self, cycles, u, tile, inner, out, work):
        self.block.explicit_steps(np.concatenate(cycles), u, u[:0], tile, inner, out)

    def _cycles(self, cycles, u, tile, inner, out, work):
        """The cycles on a tile as on an image of its own."""
        top, bottom, left, right = tile
        part = u[:, top:bottom, left:right]
        values = work.array("tile", part.shape, part.dtype)
        np.copyto(values, part)
        for taus in cycles:
            values = self.block.cycle(values, taus, work)
        out[:, inner[0]:inner[1], inner[2]:inner[3]] = \
            values[:, inner[0] - top:inner[1] - top, inner[2] - left:inner[3] - left]


def batches(cycles, reach, most):
    """Group cycles whose halos add up to at most `most` pixels: (cycles done, group)."""
    group, halo = [], 0
    for done, taus in enumerate(cycles):
        if group and halo + reach(len(taus)) > most:
            yield done, group
            group, halo = [], 0
        group.append(taus)
        halo += reach(len(taus))
    if group:
        yield len(cycles), group
