"""Networks of diffusion blocks: the explicit step repeated, and the doors to its adjoint."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any, Callable, Sequence

import numpy as np
import numpy.typing as npt

from . import adjoint, catalogue, parameters, per_step
from ..checks import check_workers
from ..docstrings import fill
from ..execution.passes import run_cycles
from ..execution.workers import Workers
from ..files import document
from ..scheme.block import DiffusionBlock
from ..scheme.channels import Channels
from ..scheme.dictionary import Dictionary
from ..scheme.fluxes import Flux
from ..scheme.masks import Mask, prepare
from ..scheme.operators import Gradient, Operator
from ..scheme.scales import ScaleSpace
from .construction import for_image, settle
from .losses import mean_square_tasks
from .pairs import count, in_memory, to_measured_pairs
from .timesteps import schedule

__all__ = ["DiffusionNetwork"]


@dataclass(frozen=True, eq=False, kw_only=True)
class DiffusionNetwork:
    """Diffusion blocks in a row: u <- u - tau sum_l w_l G_l K' Phi(K G_l u), `steps` times.

    Every model of Table 1 is one of these; `pdenet.models` builds them by name. All steps have the
    same parts; all but the operator may also be a list of one for each step, of the same kind and
    with the same sigmas. `blocks` holds the block, or one for each step.

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
    dictionary : Dictionary, optional
        Further operators beside `operator`, which need a flux with a contrast.
    channels : Channels, optional
        Weights of the channels in the structure that steers, and which of them are guides, which
        stay as they are.
    spacing : sequence of float, optional
        The distances of voxels, (dz, dy, dx), or of pixels, (dy, dx); those of the operator.
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
        operator or the dictionary.

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
    dictionary: Dictionary | Sequence[Dictionary] | None = None
    channels: Channels | Sequence[Channels] | None = None
    spacing: Sequence[float] | None = None
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
        steering (S,), integration (K,), rates and sensitivities (8,), guiding (M,), and reaction.
        With an axis of steps in front where each step has its own."""
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

    @fill
    def __call__(self, image: npt.ArrayLike, *, channel_axis: int | None = None,
                 mask: npt.ArrayLike | None = None, nan_policy: str = "raise",
                 workers: int | None = None) -> np.ndarray:
        """The image after all blocks.

        Parameters
        ----------
        {image of a network}
        {mask}
        {workers}

        {result of a network}

        Raises
        ------
        TypeError, ValueError
            If the image is not a finite real array of that shape.
        """
        given, network, own = for_image(self, image, channel_axis, mask, nan_policy, workers)
        return given.finish(network.run(given.planes, workers, own))

    def run(self, planes: np.ndarray, workers: int | None = None, mask: Mask | None = None
            ) -> np.ndarray:
        """A call of the network for planes (M, H, W) that have passed `images.to_planes`, and are 0
        outside the mask."""
        self.block.check(planes)
        cycles = [(block, (tau,)) for block, tau in self.each_step()]
        return run_cycles(planes, cycles, workers, mask=mask)

    def mask_of(self, measured: Any, dtype: Any, workers: int | None = None) -> Mask | None:
        """What the steps need of a mask (H, W), True where an image of this type is measured."""
        return prepare(measured, self.blocks, dtype, workers)

    @fill
    def evolve(self, image: npt.ArrayLike, time: float, *, scheme: str = "fed",
               cycles: int | None = None, channel_axis: int | None = None,
               mask: npt.ArrayLike | None = None, nan_policy: str = "raise",
               workers: int | None = None,
               progress: Callable[[int, int], object] | None = None) -> np.ndarray:
        """The image at diffusion time `time`, whatever the network's own tau and steps.

        Parameters
        ----------
        {image of a network}
        {mask}
        {workers}
        time : float
            Diffusion time, >= 0: pixels squared for the gradient, to the fourth power for
            second-order operators. Where g = 1 the gradient smooths like a Gaussian of
            standard deviation sqrt(2 time) pixels.
        {scheme of a network}
        cycles : int, optional
            How many times fast explicit diffusion renews the diffusion tensor.
        progress : callable, optional
            Called as progress(done, total) with the numbers of cycles.

        {result of a network}

        Raises
        ------
        TypeError, ValueError
            If the image is not a finite real array of that shape, an option is not allowed, or the
            steps have parameters of their own, so that there is no common time.

        {memory of steps}

        {references of fast explicit diffusion}

        Examples
        --------
        >>> import numpy as np
        >>> import pdenet
        >>> spread = pdenet.models.perona_malik(10.0).evolve(np.eye(9), 2.0)
        >>> bool(abs(spread.sum() - 9) < 1e-9 and spread.max() < 0.5)
        True
        """
        given, network, own = for_image(self, image, channel_axis, mask, nan_policy, workers)
        return given.finish(network.evolve_planes(given.planes, time, scheme, cycles, workers,
                                                  progress, own))

    def evolve_planes(self, planes: np.ndarray, time: float, scheme: str = "fed",
                      cycles: int | None = None, workers: int | None = None,
                      progress: Callable[[int, int], object] | None = None,
                      mask: Mask | None = None) -> np.ndarray:
        """`evolve` for planes (M, H, W) as `run` takes them."""
        if len(self.blocks) > 1:
            raise ValueError("a diffusion time needs equal steps, but here each has parameters of "
                             "its own; call the network instead")
        self.block.check(planes)
        sizes = schedule(time, self.tau_max, scheme, cycles)
        return run_cycles(planes, [(self.block, taus) for taus in sizes], workers, progress, mask)

    @fill
    def vjp(self, image: npt.ArrayLike, *, channel_axis: int | None = None,
            mask: npt.ArrayLike | None = None, nan_policy: str = "raise"
            ) -> tuple[np.ndarray, Callable[[npt.ArrayLike], tuple[np.ndarray, dict[str, Any]]]]:
        """The network's result and its adjoint, by the formulas of `pdenet.scheme.block`.

        Parameters
        ----------
        {image of a network}
        {mask}

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

        {memory of the adjoint}

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
        given, network, own = for_image(self, image, channel_axis, mask, nan_policy)
        return adjoint.vjp(network, given, own)

    @fill
    def loss_and_gradient(self, noisy: npt.ArrayLike, clean: npt.ArrayLike, *,
                          channel_axis: int | None = None, mask: Any = None,
                          nan_policy: str = "raise", workers: int | None = None
                          ) -> tuple[float, dict[str, Any]]:
        """Mean squared error and its gradient: mean over all values of (network(noisy) - clean)^2.

        Parameters
        ----------
        {pairs}
        {mask of pairs}
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
        pairs, measured = to_measured_pairs(noisy, clean, channel_axis, mask, nan_policy,
                                            spacing=self.spacing)
        size = sum(count(pair[1], found) for pair, found in zip(pairs, measured, strict=True))
        masks = [self.mask_of(found, pairs[0][0].dtype, workers) for found in measured]
        tasks = mean_square_tasks(in_memory(pairs), size, masks)
        with Workers(check_workers(workers)) as team:
            return adjoint.batch_gradient(self, tasks, team)

    def each_step(self) -> list[tuple[DiffusionBlock, float]]:
        """The block and tau of each step."""
        blocks = self.blocks if len(self.blocks) > 1 else self.blocks * self.steps
        return list(zip(blocks, self.each("tau"), strict=True))

    @fill
    def energy(self, image: npt.ArrayLike, *, given: npt.ArrayLike | None = None,
               channel_axis: int | None = None, mask: npt.ArrayLike | None = None,
               nan_policy: str = "raise") -> float:
        """The energy that the steps descend, for tied steering and gamma = 0.

        The sum over the cells of the flux's density, reaction |u - f|^2 where the network has a
        reaction that pulls the image u back to f, the image given at first, and the sum over the
        pixels of sum_g c_g / f_g log(1 + f_g |F_g u|^2), f_g = e_g / contrast^2, of a dictionary.

        Parameters
        ----------
        {image of a network}
        given : array_like of the image's shape, optional
            f, for a network with a reaction.
        {mask}

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
        u, network, own = for_image(self, image, channel_axis, mask, nan_policy, dtype=np.float64)
        f = None if given is None else u.like(given, "given")
        block = network.block if own is None else network.block.masked(own)
        return block.energy(u.planes.astype(np.float64), f)


def check_network(network) -> DiffusionNetwork:
    """Raise TypeError unless it is one."""
    if not isinstance(network, DiffusionNetwork):
        raise TypeError(f"network must be a DiffusionNetwork; got {network!r}")
    return network
