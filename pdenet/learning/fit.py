"""Training: which images, which loss, which optimiser.

The optimiser sees the parameters in the coordinates of `pdenet.learning.unconstrained`, in which a
learning rate of 0.001 is a small step whatever the grey levels, and tau stays at most tau_max. The
loss counts relative to that of the noisy images themselves.
"""

from __future__ import annotations

import math
import os
from typing import Any, Callable, Sequence

import numpy as np
import numpy.typing as npt

from ..checks import check_count, check_members, check_number, check_workers
from ..docstrings import fill
from ..execution.cluster import Cluster
from ..execution.workers import Workers
from ..network.network import DiffusionNetwork, check_network
from ..network.pairs import in_memory, to_measured_pairs
from .losses import Supervised, Unbiased, place
from .optimizers import LBFGS, Optimizer
from .training_loop import train
from .unconstrained import Coordinates

__all__ = ["fit", "fit_noisy"]


@fill
def fit(network: DiffusionNetwork, noisy: npt.ArrayLike, clean: npt.ArrayLike, *,
        epochs: int = 400, batch_size: int | None = None, optimizer: Optimizer = LBFGS(),
        rng: int = 0, channel_axis: int | None = None, mask: Any = None,
        nan_policy: str = "raise", validation: tuple | None = None,
        patience: int | None = None, workers: int | None = None,
        checkpoint: str | os.PathLike | None = None,
        callback: Callable[[dict], object] | None = None, progress: bool = False,
        client: Any = None) -> tuple[DiffusionNetwork, list[dict]]:
    """Learn a network's parameters: minimise the mean of (network(noisy) - clean)^2.

    Parameters
    ----------
    network : DiffusionNetwork
        Where to start.
    noisy, clean : array_like of shape (N, H, W) or (H, W), or with channels
        Images and what the network should make of them; for a network with the spacing of volumes
        volumes (N, D, H, W) or (D, H, W). float32 trains in float32, which is faster and enough.
    epochs : int, optional
        How often each image is used at most; `LBFGS` stops earlier, where nothing is left to gain.
    batch_size : int, optional
        Images per update, 4 by default; only for an optimiser that takes batches, as `Adam` does.
    optimizer : Optimizer, optional
        `LBFGS`, the default, which needs all images for an update, but few updates; `Adam`, the
        paper's; or an object like them.
    rng : int, optional
        Seed of the order of the images, which are shuffled for every epoch where an optimiser takes
        batches.
    channel_axis : int, optional
        The axis of the channels; for (N, H, W, M) best -1.
    {mask of pairs}
    validation : tuple of array_like, optional
        Another pair (noisy, clean), or (noisy, clean, mask): the parameters returned are those
        after the epoch with the least loss on it. Without it they are those after the last epoch.
    patience : int, optional
        Stop after so many epochs without a lower loss, of validation where there is one.
    workers : int, optional
        Number of threads; by default that in the environment variable PDENET_NUM_THREADS, or that
        of the processors. The result does not depend on it, bit for bit. With `client` none are
        used.
    checkpoint : str or path-like, optional
        A JSON file that is written after every epoch, whole or not at all. If it exists, training
        goes on from there and ends with the bits of an uninterrupted run. Only networks whose parts
        are pdenet's own can have one.
    callback : callable, optional
        Called after every epoch with its entry of the history.
    progress : bool, optional
        Show a bar on standard error (tqdm, in the extra "plot").
    client : dask.distributed.Client, optional
        The workers of this cluster share the images of a batch, instead of threads. The
        parameters are, bit for bit, the same. noisy and clean may be arrays of dask, of which
        each worker loads what it uses.

    Returns
    -------
    fitted : DiffusionNetwork
        With the best parameters, see validation; `Adam` without validation: those after the last
        epoch.
    history : list of dict
        For each epoch "epoch", "loss" (the mean over its batches, each with the parameters before
        its update; grey levels squared), "psnr" (that in dB, for the range of the clean images),
        with validation images "validation_loss" and "validation_psnr", and the "parameters" after
        the epoch. The last entry says in "stopped" why training ended: "converged", the number of
        epochs, or that there was no lower loss.

    Raises
    ------
    TypeError, ValueError
        If images or options are not allowed, or the checkpoint is of another training.
    FloatingPointError
        If the loss is not finite any more, or the parameters leave what is allowed; the
        checkpoint holds the epoch before.

    Examples
    --------
    >>> import pdenet
    >>> clean = pdenet.rectangles(2, 30)[:, ::8, ::8]
    >>> network = pdenet.models.perona_malik(50.0, tau=0.1, steps=3)
    >>> fitted, history = pdenet.fit(network, pdenet.add_noise(clean), clean, epochs=2)
    >>> history[1]["loss"] < history[0]["loss"]
    True
    """
    options = _check_options(network, epochs, batch_size, optimizer, rng, workers, checkpoint,
                             callback, progress, usual_batch=4)
    waits = math.inf if patience is None else check_count("patience", patience, least=1)
    sets = [to_measured_pairs(noisy, clean, channel_axis, mask, nan_policy,
                              spacing=network.spacing)]
    if validation is not None:
        if not isinstance(validation, (tuple, list)) or len(validation) not in (2, 3):
            raise TypeError("validation must be a pair (noisy, clean), or (noisy, clean, mask)")
        others = to_measured_pairs(validation[0], validation[1], channel_axis,
                                   validation[2] if len(validation) == 3 else None, nan_policy,
                                   "validation ", network.spacing)
        sets.append(others)
    if client is not None:
        options["team"] = Cluster(client)
    losses = []
    for pairs, measured in sets:
        masks = [network.mask_of(found, pairs[0][0].dtype) for found in measured]
        losses.append(Supervised(in_memory(pairs), masks=masks) if client is None
                      else place(pairs, options["team"], masks))
    return train(Coordinates(network), losses[0], validation=losses[1] if len(losses) > 1 else None,
                 patience=waits, **options)


@fill
def fit_noisy(network: DiffusionNetwork, noisy: npt.ArrayLike, sigma: float | Sequence[float], *,
              probes: int = 1, epochs: int = 60, batch_size: int | None = None,
              optimizer: Optimizer = LBFGS(), rng: int = 0,
              channel_axis: int | None = None, mask: Any = None, nan_policy: str = "raise",
              workers: int | None = None, checkpoint: str | os.PathLike | None = None,
              callback: Callable[[dict], object] | None = None, progress: bool = False
              ) -> tuple[DiffusionNetwork, list[dict]]:
    """Learn a network's parameters from noisy images alone, even from one.

    For white Gaussian noise y = x + sigma n on N values, Stein's lemma says that the expectation
    of n_i f_i(y) is sigma times that of df_i/dy_i. Therefore, whatever the clean image x,

        R(y) = 1/N |f(y) - y|^2 - sigma^2 + 2 sigma^2 / N div f(y)

    has the same expectation as the mean squared error 1/N |f(y) - x|^2: Stein's unbiased risk
    estimate. Its divergence, the trace of the Jacobian, is estimated with fixed probes b of
    independent signs (Ramani, Blu and Unser, 2008),

        div f(y)  ~  b' (f(y + epsilon b) - f(y)) / epsilon,        epsilon = sigma / 20,

    so that R is a sum of two losses, one of f(y) and one of f(y + epsilon b), and its gradient
    takes two sweeps forward and two of the adjoint, or one more of each for every further probe.
    As some dozen parameters face as many equations as the image has pixels, there is nothing to
    overfit.

    Parameters
    ----------
    network : DiffusionNetwork
        Where to start, for instance `pdenet.denoiser(sigma)`.
    noisy : array_like of shape (N, H, W) or (H, W), or with channels
        Images, or volumes, as for `fit`. float32 trains in float32, which is faster and enough.
    sigma : float or sequence of float
        The noise's standard deviation, of all images or of each, grey levels, > 0.
    probes : int, optional
        For each image. More than one help where the error is small against the noise and the
        image is small, too.
    epochs : int, optional
        How often each image is used at most; `LBFGS` may stop earlier. After 60 evaluations about
        0.01 dB was left to gain on photographs of 512 x 512 (benchmarks/blind.py).
    batch_size : int, optional
        Images per update, 1 by default; only for an optimiser that takes batches.
    optimizer, channel_axis, mask, nan_policy, workers, checkpoint, callback, progress
        As for `fit`.
    rng : int, optional
        Seed of the probes and of the order of the images.

    Returns
    -------
    fitted : DiffusionNetwork
        With the parameters after the last epoch.
    history : list of dict
        For each epoch "epoch", "loss" (the estimated mean squared error, grey levels squared;
        with the parameters before the updates), "psnr" (None) and the "parameters" after it; the
        last entry says in "stopped" why training ended.

    Raises
    ------
    TypeError, ValueError
        If images or options are not allowed, or the checkpoint is of another training.
    FloatingPointError
        As for `fit`.

    {references of an estimate}

    Examples
    --------
    >>> import pdenet
    >>> noisy = pdenet.add_noise(pdenet.rectangles(1, 30)[:, ::8, ::8], sigma=40)
    >>> network = pdenet.models.perona_malik(50.0, tau=0.1, steps=3)
    >>> fitted, history = pdenet.fit_noisy(network, noisy, 40, epochs=5)
    >>> history[-1]["loss"] < history[0]["loss"]
    True
    """
    options = _check_options(network, epochs, batch_size, optimizer, rng, workers, checkpoint,
                             callback, progress, usual_batch=1)
    pairs, measured = to_measured_pairs(noisy, noisy, channel_axis, mask, nan_policy,
                                        spacing=network.spacing)
    noisy = [planes for planes, _ in in_memory(pairs)]
    if np.ndim(sigma) > 0 and np.size(sigma) != len(noisy):
        raise ValueError(f"sigma must be one for all images or one for each of the {len(noisy)}; "
                         f"got {np.size(sigma)}")
    sigmas = [check_number("sigma", value, above=0.0)
              for value in np.broadcast_to(np.asarray(sigma, dtype=object), len(noisy))]
    masks = [network.mask_of(found, noisy[0].dtype) for found in measured]
    loss = Unbiased(noisy, sigmas, options["rng"], check_count("probes", probes, least=1), masks)
    return train(Coordinates(network), loss, **options)


def _check_options(network, epochs, batch_size, optimizer, rng, workers, checkpoint, callback,
                   progress, *, usual_batch):
    """What `fit` and `fit_noisy` have in common, as options of `train`."""
    check_network(network)
    check_members("optimizer", optimizer, ("full_batch", "start", "update", "settings"),
                  "LBFGS, Adam or another Optimizer")
    if optimizer.full_batch and batch_size is not None:
        raise ValueError(f"batch_size must be omitted with {type(optimizer).__name__}, which takes "
                         f"all images for each update; got {batch_size!r}")
    batch_size = usual_batch if batch_size is None else batch_size
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be a function; got {callback!r}")
    return {"epochs": check_count("epochs", epochs, least=0),
            "batch_size": check_count("batch_size", batch_size, least=1), "optimizer": optimizer,
            "rng": check_count("rng", rng, least=0, most=math.inf),
            "team": Workers(check_workers(workers)), "checkpoint": checkpoint,
            "callback": callback, "progress": progress}
