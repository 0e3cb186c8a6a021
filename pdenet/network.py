"""Networks of diffusion blocks: the explicit step repeated, on whole images or tile by tile."""

import dataclasses
import functools
import math
from dataclasses import dataclass, field

import numpy as np

from . import tiles
from .block import DiffusionBlock
from .checks import (check_count, check_number, check_workers, from_planes, to_pairs,
                     to_planes)
from .diffusivities import with_contrast
from .operators import Gradient
from .scalespace import ScaleSpace
from .tiles import Workers, Workspace
from .timesteps import schedule

__all__ = ["DiffusionNetwork"]

KEPT = 2**28  # bytes of layers and tensors kept for the adjoint; beyond, they are computed again


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
        if not self.allow_unstable and not tau <= self.tau_max * (1 + 1e-9):
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

    def with_parameters(self, parameters):
        """A network with other values of some or all parameters, else the same.

        Parameters
        ----------
        parameters : dict
            Values under the names that `parameters` has.

        Raises
        ------
        ValueError
            If a name or a value is not allowed, or tau above the new `tau_max`.
        """
        for name in parameters:
            if name not in self.parameters:
                raise ValueError(f"parameters of this network are {', '.join(self.parameters)}; "
                                 f"got {name!r}")
        changed = {"tau": parameters.get("tau", self.tau)}
        for name, part in (("beta", "scales"), ("steering", "steering")):
            if name in parameters:
                changed[part] = ScaleSpace(getattr(self, part).sigmas, parameters[name])
        if "contrast" in parameters:
            changed["flux"] = dataclasses.replace(self.flux, diffusivity=with_contrast(
                self.flux.diffusivity, parameters["contrast"]))
        return dataclasses.replace(self, **changed)

    def save(self, path, provenance=None):
        """Write the network to a JSON file, whole or not at all, for `pdenet.load`.

        Parameters
        ----------
        path : str or path-like
        provenance : dict, optional
            What to remember beside it, of strings, numbers, lists and dicts.

        Raises
        ------
        TypeError
            If it has parts that are not pdenet's, such as a diffusivity of your own.
        OSError
            If the file cannot be written; an older one is then as it was.
        """
        from . import parameterfiles

        parameterfiles.save(self, path, provenance)

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

    def vjp(self, image, *, channel_axis=None):
        """The network's result and its adjoint: vector-Jacobian product, by hand.

        The formulas stand in `pdenet.block`. In planes of the image's size and type, with M
        channels, L scales that diffuse and S separate ones that steer (a single sigma = 0 counts
        as none) the peak of memory is

            steps (M L + M S + M) + M L + M S + 5 M

        and one more while a kernel smooths, for `Gradient` with a diffusivity of this package and
        any flux but `Orientations`. Otherwise a step keeps up to 3 planes of its tensor, too, and
        NumPy's intermediate arrays take up to 55. The first term is what is kept of each step;
        where that is more than 256 MiB, it is M planes of each step, and the rest is computed
        again.

        Parameters
        ----------
        image, channel_axis
            As for a call of the network.

        Returns
        -------
        out : ndarray
            What the network makes of the image.
        pullback : callable
            pullback(cotangent) -> (image cotangent, gradient): the derivatives of
            sum(cotangent * out) by the image, and by the parameters as a dict under their names.

        Examples
        --------
        >>> import numpy as np
        >>> import pdenet
        >>> network = pdenet.models.perona_malik(0.5, tau=0.2, steps=3)
        >>> out, pullback = network.vjp(np.eye(5))
        >>> cotangent, gradient = pullback(np.ones((5, 5)))
        >>> np.allclose(cotangent, 1)  # the sum of the grey levels is kept
        True
        """
        planes, work = to_planes(image, channel_axis).copy(), Workspace()  # may change meanwhile
        states, result = self._forward(planes, work)

        def pullback(cotangent):
            cotangent = to_planes(cotangent, channel_axis, "cotangent")
            if cotangent.shape != planes.shape:
                raise ValueError(f"cotangent must have the shape of the image, "
                                 f"{from_planes(planes, channel_axis).shape}; got "
                                 f"{from_planes(cotangent, channel_axis).shape}")
            if planes.dtype == np.float32 and np.abs(cotangent).max() > 1e30:
                raise ValueError("cotangent values must be at most 1e30 for an image in float32; "
                                 f"got {np.abs(cotangent).max():.3g}")
            cotangent = cotangent.astype(planes.dtype)
            # Work arrays of its own, so that several threads may call it.
            cotangent, gradient = self._backward(states, cotangent, Workspace())
            return from_planes(cotangent, channel_axis), gradient

        return from_planes(result.copy(), channel_axis), pullback

    def loss_and_gradient(self, noisy, clean, *, channel_axis=None, workers=None):
        """Mean squared error and its gradient: mean over all values of (network(noisy) - clean)^2.

        Parameters
        ----------
        noisy, clean : array_like of shape (N, H, W) or (H, W), or with channels
            Images and what the network should make of them, grey levels.
        channel_axis : int, optional
            The axis of the channels; for (N, H, W, M) best -1.
        workers : int, optional
            Threads, which share the images; by default PDENET_NUM_THREADS or all processors.
            The result does not depend on it, the memory does: each takes what `vjp` takes.

        Returns
        -------
        loss : float
            In grey levels squared.
        gradient : dict
            The derivatives by the parameters, under their names.

        Raises
        ------
        TypeError, ValueError
            If the arrays are not finite real images of equal shape.
        """
        noisy, clean = to_pairs(noisy, clean, channel_axis)
        with Workers(check_workers(workers)) as team:
            return self.batch_gradient(noisy, clean, team)

    def batch_gradient(self, noisy, clean, team):
        """`loss_and_gradient` for planes (N, M, H, W), images shared by a team of `Workers`."""
        size = sum(image.size for image in clean)

        def evaluate(pair, work):
            states, result = self._forward(pair[0], work)
            difference = result - pair[1]
            loss = np.sum(difference * difference, dtype=np.float64) / size
            difference *= 2 / size
            return loss, self._backward(states, difference, work)[1]

        losses, gradients = zip(*team.map(evaluate, list(zip(noisy, clean, strict=True))),
                                strict=True)
        # Summed in the order of the images, whoever was first.
        return float(sum(losses)), {name: sum(gradient[name] for gradient in gradients)
                                    for name in self.parameters}

    def forward(self, u, work):
        """The result for planes, in an array of the workspace."""
        return self._forward(u, work)[1]

    def _forward(self, u, work):
        """The states before each step, with the layers if there is room, and the result."""
        scales = sum(part.sigmas.size for part in (self.scales, self.steering) if part)
        planes = len(u) * (scales + 1) + 3
        keep = self.steps * planes * u[0].nbytes <= KEPT
        states = []
        for k in range(self.steps):
            part = work.part(k if keep else "step")
            layers = self.block.layers(u, part)
            states.append((u, layers if keep else None))
            out = work.part(k).array("image", u.shape, u.dtype)
            v, _, tensor = layers
            u = self.block.step(u, v, tensor, self.tau, out, work)
        return states, u

    def _backward(self, states, cotangent, work):
        """The cotangent of the image for that of the result, and the gradient."""
        gradient = {name: 0.0 * np.asarray(value) for name, value in self.parameters.items()}
        for k, (u, layers) in reversed(list(enumerate(states))):
            v, steers, tensor = layers or self.block.layers(u, work.part("step"))
            out = work.array(f"cotangent {k % 2}", u.shape, u.dtype)
            derivatives = self.block.pull_back(v, steers, tensor, self.tau, cotangent, out, work)
            cotangent = out
            for name, value in derivatives.items():
                gradient[name] = gradient[name] + value
        return cotangent, {name: value if np.ndim(value) else float(value)
                           for name, value in gradient.items()}

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
