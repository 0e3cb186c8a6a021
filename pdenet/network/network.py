"""Networks of diffusion blocks: the explicit step repeated, and the doors to its adjoint."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any, Callable, Sequence

import numpy as np
import numpy.typing as npt

from . import adjoint, catalogue, parameters, per_step
from ..checks import check_workers
from ..execution.passes import run_cycles
from ..execution.workers import Workers
from ..files import document
from ..images import from_planes, in_memory, to_pairs, to_planes, to_planes_like
from ..kernels.workspace import Workspace
from ..scheme.block import DiffusionBlock
from ..scheme.fluxes import Flux
from ..scheme.operators import Gradient, Operator
from ..scheme.scales import ScaleSpace
from .construction import settle
from .losses import mean_square_tasks
from .timesteps import schedule

__all__ = ["DiffusionNetwork"]


@dataclass(frozen=True, eq=False, kw_only=True)
class DiffusionNetwork:
    """Diffusion blocks in a row: u <- u - tau sum_l w_l G_l K' Phi(K G_l u), `steps` times.

    Every model of Table 1 is one of these; `pdenet.models` builds them by name. All steps have the
    same parts; scales, steering, integration, flux, tau and reaction may also be a list of one for
    each step, of the same kind and with the same sigmas. `blocks` holds the block, or one for each
    step.

    Parameters
    ----------
    operator : Operator, optional
        `Gradient`, the default, `Laplacian`, `Hessian`, or an object like them.
    scales : ScaleSpace, optional
        The scales that diffuse; a single scale sigma = 0 by default.
    flux : Flux
        `Isotropic`, `Anisotropic`, `Uncoupled`, `Orientations`, or an object like them.
    steering : ScaleSpace, optional
        The scales that steer, where they are not those that diffuse.
    tau : float, optional
        Time step size; by default half of `tau_max`, which for g = 1 removes the cosine mode that
        decays fastest in one step.
    reaction : float, optional
        A rate >= 0 per unit of time: each step adds tau reaction (f - u), which pulls back to the
        image f that the network is given.
    integration : ScaleSpace, optional
        The scales over which the structure tensor is averaged before it steers.
    steps : int, optional
        Number of blocks.
    allow_unstable : bool, optional
        Accept a tau above `tau_max`.

    Raises
    ------
    TypeError
        If a part lacks a member that is asked of it.
    ValueError
        If tau is not positive or above `tau_max`, the reaction < 0, steps not a whole number
        >= 0, a list has another length, the steps other sigmas, or the flux does not go with the
        operator.

    Examples
    --------
    >>> import numpy as np
    >>> import pdenet
    >>> network = pdenet.DiffusionNetwork(
    ...     operator=pdenet.Gradient(alpha=0.41), scales=pdenet.ScaleSpace.exponential(0.4, 10, 8),
    ...     flux=pdenet.Anisotropic(pdenet.Exponential(20.0)), tau=0.1, steps=10)
    >>> network(np.eye(32)).shape
    (32, 32)
    >>> network.per_step().parameters["beta"].shape
    (10, 8)
    """

    flux: Flux | Sequence[Flux]
    operator: Operator = Gradient()
    scales: ScaleSpace | Sequence[ScaleSpace] = ScaleSpace([0.0])
    steering: ScaleSpace | Sequence[ScaleSpace] | None = None
    tau: float | Sequence[float] | np.ndarray | None = None
    reaction: float | Sequence[float] | np.ndarray | None = None
    integration: ScaleSpace | Sequence[ScaleSpace] | None = None
    steps: int = 10
    allow_unstable: bool = False
    blocks: tuple[DiffusionBlock, ...] = field(init=False, repr=False)

    def __post_init__(self):
        for name, value in settle(self).items():
            object.__setattr__(self, name, value)

    def each(self, name: str) -> tuple:
        """A part, or a number, for each step."""
        return per_step.each(getattr(self, name), self.steps)

    @property
    def block(self) -> DiffusionBlock:
        """The block of the first step; of all, where they are equal."""
        return self.blocks[0]

    @property
    def tau_max(self) -> Any:
        """The largest stable time step size, 2 / rho; see `DiffusionBlock.tau_max`. Where the
        blocks differ, one for each step, shape (steps,)."""
        return self.block.tau_max if len(self.blocks) == 1 else np.array([
            block.tau_max for block in self.blocks])

    @property
    def parameters(self) -> dict[str, Any]:
        """The trainable parameters: beta (L,), contrast, tau; and where there are such parts,
        steering (S,), integration (K,) and reaction. With an axis of steps in front where each step
        has its own."""
        return parameters.read(self)

    def with_parameters(self, values: dict[str, Any]) -> "DiffusionNetwork":
        """A network with other values of some or all parameters, otherwise like this one.

        Parameters
        ----------
        values : dict
            Values under the names that `parameters` has, for all steps, or with an axis of steps
            in front for each.

        Returns
        -------
        DiffusionNetwork

        Raises
        ------
        ValueError
            If a name or a value is not allowed, or tau above the new `tau_max`.
        """
        return parameters.change(self, values)

    def per_step(self) -> "DiffusionNetwork":
        """This network with a copy of its parameters for each step, so that training may change
        those of one step and not those of another."""
        if self.steps == 0:
            raise ValueError("parameters of each step need steps >= 1; got steps=0")
        return self.with_parameters({
            name: np.stack([value] * self.steps) for name, value in self.parameters.items()
            if name not in parameters.of_each_step(self)})

    def save(self, path: str | os.PathLike, provenance: dict | None = None) -> None:
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
        document.write({"format": catalogue.FORMAT, "version": catalogue.VERSION,
                        **catalogue.describe(self), "provenance": provenance or {}}, path)

    def __call__(self, image: npt.ArrayLike, *, channel_axis: int | None = None,
                 workers: int | None = None) -> np.ndarray:
        """The image after all blocks.

        Parameters
        ----------
        image : array_like of shape (H, W), or with channels along channel_axis
            float32 stays float32, every other real type becomes float64; not rescaled.
        channel_axis : int, optional
            The axis of the channels, which are coupled.
        workers : int, optional
            Number of threads; by default that in the environment variable PDENET_NUM_THREADS, or
            that of the processors. The result does not depend on it.

        Returns
        -------
        ndarray
            The result, of the image's shape; float32 for float32, otherwise float64.

        Raises
        ------
        TypeError, ValueError
            If the image is not a finite real array of that shape.
        """
        return from_planes(self.run(to_planes(image, channel_axis), workers), channel_axis)

    def run(self, planes: np.ndarray, workers: int | None = None) -> np.ndarray:
        """A call of the network for planes (M, H, W) that have passed `images.to_planes`."""
        return run_cycles(planes, [(block, (tau,)) for block, tau in self.each_step()], workers)

    def evolve(self, image: npt.ArrayLike, time: float, *, scheme: str = "fed",
               cycles: int | None = None, channel_axis: int | None = None,
               workers: int | None = None,
               progress: Callable[[int, int], object] | None = None) -> np.ndarray:
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
            The result, of the image's shape; float32 for float32, otherwise float64; a copy for
            time = 0.

        Raises
        ------
        TypeError, ValueError
            If the image is not a finite real array of that shape, an option is not allowed, or the
            steps have parameters of their own, so that there is no common time.

        Notes
        -----
        Beyond the image and the result it takes one array of their size. Each thread works on
        tiles of 512 x 512 pixels, or 8 halos where that is more, and their halo. It needs
        3 M + 2 M L + M S + T planes of a tile's size for M channels, L scales that diffuse and S
        others that steer (a single sigma = 0 counts as none), T = 1 or 3 for the tensor, and one or
        two to smooth with. Explicit steps of a single scale sigma = 0 that steers itself need none.

        References
        ----------
        S. Grewenig, J. Weickert, A. Bruhn, "From box filtering to fast explicit diffusion", Pattern
        Recognition, LNCS 6376, 533-542 (2010).

        Examples
        --------
        >>> import numpy as np
        >>> import pdenet
        >>> spread = pdenet.models.perona_malik(10.0).evolve(np.eye(9), 2.0)
        >>> bool(abs(spread.sum() - 9) < 1e-9 and spread.max() < 0.5)
        True
        """
        planes = to_planes(image, channel_axis)
        return from_planes(self.evolve_planes(planes, time, scheme, cycles, workers, progress),
                           channel_axis)

    def evolve_planes(self, planes: np.ndarray, time: float, scheme: str = "fed",
                      cycles: int | None = None, workers: int | None = None,
                      progress: Callable[[int, int], object] | None = None) -> np.ndarray:
        """`evolve` for planes (M, H, W) that have passed `images.to_planes`."""
        if len(self.blocks) > 1:
            raise ValueError("a diffusion time needs equal steps, but here each has parameters of "
                             "its own; call the network instead")
        sizes = schedule(time, self.tau_max, scheme, cycles)
        return run_cycles(planes, [(self.block, taus) for taus in sizes], workers, progress)

    def vjp(self, image: npt.ArrayLike, *, channel_axis: int | None = None
            ) -> tuple[np.ndarray, Callable[[npt.ArrayLike], tuple[np.ndarray, dict[str, Any]]]]:
        """The network's result and its adjoint, by the formulas of `pdenet.scheme.block`.

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
            sum(cotangent * out) with respect to the image, and with respect to the parameters as a
            dict under their names. Several threads may call it.

        Raises
        ------
        TypeError, ValueError
            If the image is not a finite real array of that shape; from pullback, if the cotangent
            is not one of the image's shape.

        Notes
        -----
        With M channels, L scales that diffuse and S others that steer (a single sigma = 0 counts as
        none) the peak of memory is steps (M L + M S + M) + M L + M S + 5 M planes of the image's
        size and type, and one or two to smooth with. A flux that the kernels do not know keeps up
        to 3 planes more for each step, an integration up to 6, and NumPy's intermediate arrays take
        up to 55. If all that is kept of the steps is more than 256 MiB, only M planes of each are,
        and the rest is computed again.

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
        states, result = adjoint.forward(self, planes, work)

        def pullback(cotangent):
            cotangent = to_planes_like(planes, cotangent, channel_axis, "cotangent")
            if planes.dtype == np.float32 and np.abs(cotangent).max() > 1e30:
                raise ValueError("cotangent values must be at most 1e30 for an image in float32; "
                                 f"got {np.abs(cotangent).max():.3g}")
            cotangent = cotangent.astype(planes.dtype)
            # Work arrays of its own, so that several threads may call it.
            cotangent, gradient = adjoint.backward(self, states, cotangent, Workspace())
            return from_planes(cotangent, channel_axis), gradient

        return from_planes(result.copy(), channel_axis), pullback

    def loss_and_gradient(self, noisy: npt.ArrayLike, clean: npt.ArrayLike, *,
                          channel_axis: int | None = None, workers: int | None = None
                          ) -> tuple[float, dict[str, Any]]:
        """Mean squared error and its gradient: mean over all values of (network(noisy) - clean)^2.

        Parameters
        ----------
        noisy, clean : array_like of shape (N, H, W) or (H, W), or with channels
            Images and what the network should make of them, grey levels.
        channel_axis : int, optional
            The axis of the channels; for (N, H, W, M) best -1.
        workers : int, optional
            As for a call of the network. Each thread takes the memory that `vjp` takes.

        Returns
        -------
        loss : float
            In grey levels squared.
        gradient : dict
            The derivatives with respect to the parameters, under their names.

        Raises
        ------
        TypeError, ValueError
            If the arrays are not finite real images of equal shape.
        """
        pairs = in_memory(to_pairs(noisy, clean, channel_axis))
        tasks = mean_square_tasks(pairs, sum(target.size for _, target in pairs))
        with Workers(check_workers(workers)) as team:
            return adjoint.batch_gradient(self, tasks, team)

    def each_step(self) -> list[tuple[DiffusionBlock, float]]:
        """The block and tau of each step."""
        blocks = self.blocks if len(self.blocks) > 1 else self.blocks * self.steps
        return list(zip(blocks, self.each("tau"), strict=True))

    def energy(self, image: npt.ArrayLike, *, given: npt.ArrayLike | None = None,
               channel_axis: int | None = None) -> float:
        """The energy that the steps descend, for tied steering and gamma = 0.

        The sum over the cells of the flux's density, and reaction |u - f|^2 where the network has a
        reaction that pulls the image u back to f, the image given at first.

        Parameters
        ----------
        image : array_like of shape (H, W), or with channels along channel_axis
        given : array_like of the image's shape, optional
            f, for a network with a reaction.
        channel_axis : int, optional
            The axis of the channels.

        Returns
        -------
        float
            In grey levels squared for the gradient.

        Raises
        ------
        ValueError
            If the model has none, or f is needed and missing.

        Examples
        --------
        >>> import numpy as np
        >>> import pdenet
        >>> network = pdenet.models.perona_malik(10.0)
        >>> network.energy(np.eye(8)) > network.energy(network(np.eye(8)))
        True
        """
        planes = to_planes(image, channel_axis)
        f = None if given is None else to_planes_like(planes, given, channel_axis, "given")
        return self.block.energy(planes.astype(np.float64), f)


def check_network(network) -> DiffusionNetwork:
    """Raise TypeError unless it is one."""
    if not isinstance(network, DiffusionNetwork):
        raise TypeError(f"network must be a DiffusionNetwork; got {network!r}")
    return network
