"""Training: Adam, mini-batches, best parameters, checkpoints.

The optimiser sees the parameters in the coordinates of `pdenet.coordinates`, in which a learning
rate of 0.001 is a small step whatever the grey levels, and tau stays at most tau_max. The loss
counts relative to that of the noisy images themselves.
"""

import math
from dataclasses import dataclass

import numpy as np

from ..checks import check_choice, check_count, check_number, check_workers, in_memory, to_pairs
from .unconstrained import Coordinates
from .training_loop import descend
from .losses import Supervised, Unbiased
from ..network.network import check_network
from ..execution.tiles import Workers

__all__ = ["Adam", "fit", "fit_noisy"]


@dataclass(frozen=True)
class Adam:
    """The update of Kingma and Ba (2015), Algorithm 1, with bias correction.

        m <- beta1 m + (1 - beta1) gradient,     v <- beta2 v + (1 - beta2) gradient^2
        x <- x - learning_rate m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon)

    Parameters
    ----------
    learning_rate : float, optional
        About how far a parameter moves in one update, see `pdenet.training` for its units.
    beta1, beta2 : float, optional
        Memory of the moments m and v, in [0, 1).
    epsilon : float, optional
        > 0.
    schedule : {"constant", "cosine"}, optional
        "cosine" lets the learning rate fall towards 0 at the end, as half a cosine.

    Raises
    ------
    ValueError
        If one of them is not allowed.

    References
    ----------
    D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015.

    Examples
    --------
    >>> import pdenet
    >>> pdenet.Adam(learning_rate=0.01).beta1
    0.9
    """

    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    schedule: str = "constant"

    def __post_init__(self):
        for name in ("learning_rate", "epsilon"):
            object.__setattr__(self, name, check_number(name, getattr(self, name), above=0.0))
        for name in ("beta1", "beta2"):
            value = check_number(name, getattr(self, name), least=0.0)
            if value >= 1:
                raise ValueError(f"{name} must be a number in [0, 1); got {value!r}")
            object.__setattr__(self, name, value)
        check_choice("schedule", self.schedule, ("constant", "cosine"))

    def start(self, x):
        """The state before the first update: moments and their count."""
        return np.zeros_like(x), np.zeros_like(x), 0

    def update(self, x, gradient, state, progress=0.0):
        """The next x and state; progress in [0, 1] is the share of the updates done."""
        m, v, t = state
        t = t + 1
        m = self.beta1 * m + (1 - self.beta1) * gradient
        v = self.beta2 * v + (1 - self.beta2) * gradient**2
        rate = self.learning_rate
        if self.schedule == "cosine":
            rate *= (1 + math.cos(math.pi * progress)) / 2
        step = m / (1 - self.beta1**t) / (np.sqrt(v / (1 - self.beta2**t)) + self.epsilon)
        return x - rate * step, (m, v, t)


def fit(network, noisy, clean, *, epochs=400, batch_size=4, optimizer=Adam(), rng=0,
        channel_axis=None, validation=None, patience=None, workers=None, checkpoint=None,
        callback=None, progress=False, client=None):
    """Learn a network's parameters: minimise the mean of (network(noisy) - clean)^2.

    Parameters
    ----------
    network : DiffusionNetwork
        Where to start.
    noisy, clean : array_like of shape (N, H, W) or (H, W), or with channels
        Images and what the network should make of them. float32 trains in float32, which is
        faster and enough.
    epochs : int, optional
        How often each image is used.
    batch_size : int, optional
        Images per update.
    optimizer : Adam, optional
    rng : int, optional
        Seed of the order of the images, which are shuffled for every epoch.
    channel_axis : int, optional
        The axis of the channels; for (N, H, W, M) best -1.
    validation : tuple of array_like, optional
        Another pair (noisy, clean): the parameters returned are those after the epoch with the
        least loss on it. Without it they are those after the last epoch.
    patience : int, optional
        Stop after so many epochs without a lower loss, of validation where there is one.
    workers : int, optional
        Threads, which share the images of a batch; by default PDENET_NUM_THREADS or all
        processors. The result does not depend on it, bit for bit.
    checkpoint : str or path-like, optional
        A JSON file that is written after every epoch, whole or not at all. If it exists,
        training goes on from there and ends with the bits of an uninterrupted run.
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
        With the parameters after the best or the last epoch, see validation.
    history : list of dict
        For each epoch "epoch", "loss" (the mean over its batches, each with the parameters before
        its update; grey levels squared), "psnr" (that in dB, for the range of the clean images),
        with validation images "validation_loss" and "validation_psnr", and the "parameters" after
        the epoch.

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
                             callback, progress)
    patience = math.inf if patience is None else check_count("patience", patience, least=1)
    sets = {"": to_pairs(noisy, clean, channel_axis)}
    if validation is not None:
        if not isinstance(validation, (tuple, list)) or len(validation) != 2:
            raise TypeError("validation must be a pair (noisy, clean)")
        sets["validation"] = to_pairs(*validation, channel_axis, "validation ")
    if client is None:
        place = _in_memory
    else:
        from ..execution.cluster import Cluster

        options["team"] = Cluster(client)
        place = options["team"].place
    loss, *validations = map(place, sets.values())
    return descend(Coordinates(network), loss, validation=validations[0] if validations else None,
                   patience=patience, **options)


def _in_memory(pairs):
    return Supervised(in_memory(pairs))


def fit_noisy(network, noisy, sigma, *, probes=1, epochs=100, batch_size=1,
              optimizer=Adam(learning_rate=0.03, schedule="cosine"), rng=0, channel_axis=None,
              workers=None, checkpoint=None, callback=None, progress=False):
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
        Images. float32 trains in float32, which is faster and enough.
    sigma : float or sequence of float
        The noise's standard deviation, of all images or of each, grey levels, > 0.
    probes : int, optional
        For each image. More than one help where the error is small against the noise and the
        image is small, too.
    epochs : int, optional
        How often each image is used.
    batch_size : int, optional
        Images per update.
    optimizer, channel_axis, workers, checkpoint, callback, progress
        As for `fit`.
    rng : int, optional
        Seed of the probes and of the order of the images.

    Returns
    -------
    fitted : DiffusionNetwork
        With the parameters after the last epoch.
    history : list of dict
        For each epoch "epoch", "loss" (the estimated mean squared error, grey levels squared;
        with the parameters before the updates), "psnr" (None) and the "parameters" after it.

    Raises
    ------
    TypeError, ValueError
        If images or options are not allowed, or the checkpoint is of another training.
    FloatingPointError
        As for `fit`.

    References
    ----------
    C. M. Stein, "Estimation of the mean of a multivariate normal distribution", The Annals of
    Statistics 9, 1135-1151 (1981).

    S. Ramani, T. Blu, M. Unser, "Monte-Carlo SURE: a black-box optimization of regularization
    parameters for general denoising algorithms", IEEE Transactions on Image Processing 17,
    1540-1554 (2008).

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
                             callback, progress)
    noisy = [planes for planes, _ in in_memory(to_pairs(noisy, noisy, channel_axis))]
    if np.ndim(sigma) > 0 and len(sigma) != len(noisy):
        raise ValueError(f"sigma must be one for all images or one for each of the {len(noisy)}; "
                         f"got {len(sigma)}")
    sigmas = [check_number("sigma", value, above=0.0)
              for value in np.broadcast_to(np.asarray(sigma, dtype=object), len(noisy))]
    loss = Unbiased(noisy, sigmas, options["rng"], check_count("probes", probes, least=1))
    return descend(Coordinates(network), loss, **options)


def _check_options(network, epochs, batch_size, optimizer, rng, workers, checkpoint, callback,
                   progress):
    """What `fit` and `fit_noisy` have in common, as options of `descend`."""
    check_network(network)
    if not isinstance(optimizer, Adam):
        raise TypeError(f"optimizer must be an Adam; got {optimizer!r}")
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be a function; got {callback!r}")
    return {"epochs": check_count("epochs", epochs, least=0),
            "batch_size": check_count("batch_size", batch_size, least=1), "optimizer": optimizer,
            "rng": check_count("rng", rng, least=0, most=math.inf),
            "team": Workers(check_workers(workers)), "checkpoint": checkpoint,
            "callback": callback, "progress": progress}
