"""Networks of diffusion blocks: the explicit step repeated, and its adjoint."""

from dataclasses import dataclass, field

import numpy as np

from . import adjoint, parameters
from ..learning import losses
from ..scheme.block import DiffusionBlock
from ..checks import check_count, check_workers, from_planes, in_memory, to_pairs, to_planes
from ..scheme.operators import Gradient
from ..scheme.scales import ScaleSpace
from ..execution.passes import sweep
from ..execution.tiles import Workers, Workspace
from .timesteps import check_tau, schedule

__all__ = ["DiffusionNetwork"]


@dataclass(frozen=True, eq=False, kw_only=True)
class DiffusionNetwork:
    """Diffusion blocks in a row: u <- u - tau sum_l w_l G_l K' Phi(K G_l u), `steps` times.

    Every model of Table 1 is one of these; `pdenet.models` builds them by name. Their steps are
    equal, but each of scales, steering, flux, tau and reaction may also be a list, one for each
    step, which differ in their parameters.

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
    reaction : float, optional
        Adds tau reaction (f - u), which pulls back to the image f that the network is given.
    steps : int, optional
        Number of blocks.
    allow_unstable : bool, optional
        Accept a tau above `tau_max`.

    Attributes
    ----------
    blocks : tuple of DiffusionBlock
        One for each step.

    Raises
    ------
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

    flux: object
    operator: object = Gradient()
    scales: ScaleSpace = ScaleSpace([0.0])
    steering: ScaleSpace | None = None
    tau: float | None = None
    reaction: float | None = None
    steps: int = 10
    allow_unstable: bool = False
    blocks: tuple = field(init=False, repr=False)

    def __post_init__(self):
        object.__setattr__(self, "steps", check_count("steps", self.steps, least=0))
        for name in ("scales", "steering", "flux", "tau", "reaction"):
            value = getattr(self, name)
            if isinstance(value, (list, tuple, np.ndarray)):
                if len(value) != self.steps or self.steps == 0:
                    raise ValueError(f"{name} must be one for all steps or a list of one for each "
                                     f"of the {self.steps} steps; got a list of {len(value)}")
                object.__setattr__(self, name, tuple(value))
        names = "scales", "flux", "steering", "reaction"
        differ = any(isinstance(getattr(self, name), tuple) for name in names)
        parts = (zip(*map(self.each, names), strict=True) if differ else
                 [[getattr(self, name) for name in names]])
        blocks = [DiffusionBlock(self.operator, *own) for own in parts]
        for block in blocks:
            if not block.similar(blocks[0]):
                raise ValueError("all steps must have the same sigmas and the same flux; got "
                                 f"{blocks[0]} and {block}")
        reactions = tuple(block.reaction for block in blocks)
        own = isinstance(self.reaction, tuple)
        object.__setattr__(self, "reaction", reactions if own else reactions[0])
        object.__setattr__(self, "blocks", tuple(blocks))
        limit = self.tau_max
        object.__setattr__(self, "tau", check_tau(limit / 2 if self.tau is None else self.tau,
                                                  limit, self.allow_unstable))

    def each(self, name):
        """A part, or a number, for each step."""
        value = getattr(self, name)
        return value if isinstance(value, tuple) else (value,) * self.steps

    @property
    def block(self):
        """The block of the first step; of all, where they are equal."""
        return self.blocks[0]

    @property
    def tau_max(self):
        """The largest stable time step size, 2 / rho; see `DiffusionBlock.tau_max`. Where the
        blocks differ, one for each step, shape (steps,).
        """
        if len(self.blocks) == 1:
            return self.block.tau_max
        return np.array([block.tau_max for block in self.blocks])

    @property
    def parameters(self):
        """The trainable parameters: beta (L,), contrast, tau; steering (L,) where separate, and
        reaction where there is one. With an axis of steps in front where each step has its own.
        """
        return parameters.read(self)

    def with_parameters(self, values):
        """A network with other values of some or all parameters, else the same.

        Parameters
        ----------
        values : dict
            Values under the names that `parameters` has, for all steps, or with an axis of steps
            in front for each.

        Raises
        ------
        ValueError
            If a name or a value is not allowed, or tau above the new `tau_max`.
        """
        return parameters.change(self, values)

    def per_step(self):
        """The same network with parameters of its own for each step, which may be trained apart."""
        return self.with_parameters({
            name: np.stack([value] * self.steps) for name, value in self.parameters.items()
            if name not in parameters.of_each_step(self)})

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
        from . import saved as parameterfiles

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
        return from_planes(self.run(to_planes(image, channel_axis), workers), channel_axis)

    def run(self, planes, workers=None):
        """A call of the network for planes (M, H, W) that have passed `checks.to_planes`."""
        return sweep(planes, [(block, (tau,)) for block, tau in self.each_step()], workers)

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

        Notes
        -----
        Beyond the image and the result it takes one array of their size. Each thread works on
        tiles of 512 x 512 pixels, or 8 halos where that is more, with their halo, of which it takes
        3 M + 2 M L + M S + T for M channels, L scales that diffuse and S that steer otherwise (a
        single sigma = 0 counts as none), and, to smooth with, one more, two where there are several
        scales; T planes of the tensor are held, 1 or 3. Explicit steps of a single scale with
        sigma = 0 that steers itself take no tiles. A call of the network takes what its equal
        explicit steps take.
        """
        planes = to_planes(image, channel_axis)
        return from_planes(self.evolve_planes(planes, time, scheme, cycles, workers, progress),
                           channel_axis)

    def evolve_planes(self, planes, time, scheme="fed", cycles=None, workers=None, progress=None):
        """`evolve` for planes (M, H, W) that have passed `checks.to_planes`."""
        if len(self.blocks) > 1:
            raise ValueError("a diffusion time needs equal steps, but here each has parameters of "
                             "its own; call the network instead")
        cycles = [(self.block, taus) for taus in schedule(time, self.tau_max, scheme, cycles)]
        return sweep(planes, cycles, workers, progress)

    def vjp(self, image, *, channel_axis=None):
        """The network's result and its adjoint: vector-Jacobian product, by hand.

        The formulas stand in `pdenet.block`. In planes of the image's size and type, with M
        channels, L scales that diffuse and S that steer with other sigmas (a single sigma = 0
        counts as none) the peak of memory is

            steps (M L + M S + M) + M L + M S + 5 M

        and, to smooth with, one more, two where there are several scales, for `Gradient` with a
        diffusivity of this package and any flux but `Orientations`. Otherwise a step keeps up to 3
        planes of its tensor, too, and NumPy's intermediate arrays take up to 55. The first term is
        what is kept of each step; where that is more than 256 MiB, it is M planes of each step, and
        the rest is computed again.

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
        states, result = adjoint.forward(self, planes, work)

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
            cotangent, gradient = adjoint.backward(self, states, cotangent, Workspace())
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
        pairs = in_memory(to_pairs(noisy, clean, channel_axis))
        tasks = losses.supervised(pairs, sum(target.size for _, target in pairs))
        with Workers(check_workers(workers)) as team:
            return self.batch_gradient(tasks, team)

    def batch_gradient(self, tasks, team):
        """The sum of the losses of tasks, see `pdenet.losses`, and its gradient; the tasks are
        shared by a team of `Workers`, or by a `Cluster`.
        """
        def evaluate(task, work):
            states, result = adjoint.forward(self, task.arrays[0], work)
            loss, cotangent = task.loss(result, *task.arrays)
            return loss, adjoint.backward(self, states, cotangent, work)[1]

        numbers, gradients = zip(*team.map(evaluate, tasks), strict=True)
        # Summed in the order of the tasks, whoever was first.
        return float(sum(numbers)), {name: sum(gradient[name] for gradient in gradients)
                                     for name in self.parameters}

    def each_step(self):
        """The block and tau of each step."""
        blocks = self.blocks if len(self.blocks) > 1 else self.blocks * self.steps
        return list(zip(blocks, self.each("tau"), strict=True))

    def energy(self, image, *, channel_axis=None):
        """The energy that the steps descend, for tied steering and gamma = 0.

        Raises
        ------
        ValueError
            If the model has none.
        """
        planes = to_planes(image, channel_axis)
        return self.block.energy(planes.astype(np.float64))


def check_network(network):
    """Raise TypeError unless it is one."""
    if not isinstance(network, DiffusionNetwork):
        raise TypeError(f"network must be a DiffusionNetwork; got {network!r}")
    return network
