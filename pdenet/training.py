"""Training: Adam, mini-batches, best parameters, checkpoints.

The optimiser sees the parameters in coordinates without units, in which a learning rate of 0.001
is a small step whatever the grey levels: beta and the steering weights as they are, contrast
and tau by their logarithms, which keeps them positive. beta counts squared, so its sign has no
meaning, and it may cross 0; cut off there, it would have no gradient any more. After every
update tau is projected to at most tau_max of the new beta. The objective is the mean squared
error relative to that of the noisy images themselves.
"""

import copy
import dataclasses
import hashlib
import math
from dataclasses import dataclass

import numpy as np

from . import parameterfiles
from .checkpoints import Checkpoint
from .checks import check_choice, check_count, check_number, check_workers, to_pairs
from .network import DiffusionNetwork
from .tiles import Workers

__all__ = ["Adam", "fit"]

LOGARITHMIC = ("contrast", "tau")  # parameters that have to stay positive


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
        callback=None, progress=False):
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
    epochs, seed = check_count("epochs", epochs, least=0), check_count("rng", rng, least=0)
    batch_size = check_count("batch_size", batch_size, least=1)
    patience = math.inf if patience is None else check_count("patience", patience, least=1)
    if not isinstance(network, DiffusionNetwork):
        raise TypeError(f"network must be a DiffusionNetwork; got {network!r}")
    if not isinstance(optimizer, Adam):
        raise TypeError(f"optimizer must be an Adam; got {optimizer!r}")
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be a function; got {callback!r}")
    noisy, clean = to_pairs(noisy, clean, channel_axis)
    if validation is not None:
        if not isinstance(validation, (tuple, list)) or len(validation) != 2:
            raise TypeError("validation must be a pair (noisy, clean)")
        validation = to_pairs(*validation, channel_axis, "validation ")
    training = _Training(network, noisy, clean, validation, batch_size, optimizer, seed, epochs)
    with (Checkpoint(checkpoint, training.settings) as file,
          Workers(check_workers(workers)) as team,
          _bar(progress, epochs) as show):
        training.restore(file)
        show(training)
        while training.epoch < epochs and training.waited < patience:
            entry = training.run_epoch(team)
            file.save(training.state())
            show(training)
            if callback is not None:
                callback(copy.deepcopy(entry))
    return training.fitted(), training.history


class _Training:
    """Everything that changes during training, and one epoch of it."""

    def __init__(self, network, noisy, clean, validation, batch_size, optimizer, seed, epochs):
        self.network, self.optimizer, self.batch_size = network, optimizer, batch_size
        self.epochs = epochs
        # tau is projected, so it need not be checked each time.
        self.free = dataclasses.replace(network, allow_unstable=True)
        self.noisy, self.clean, self.validation, self.seed = noisy, clean, validation, seed
        self.unit = _mean_square(noisy, clean) or 1.0
        self.range = float(max(image.max() for image in clean)
                           - min(image.min() for image in clean))
        self.epoch, self.waited, self.history = 0, 0, []
        self.rng = np.random.default_rng(seed)
        self.x = self.best = to_coordinates(network.parameters)
        self.best_loss = math.inf
        self.moments = optimizer.start(self.x)

    def run_epoch(self, team):
        """Update by every batch, and judge the result."""
        order = self.rng.permutation(len(self.noisy))
        batches = [order[k:k + self.batch_size] for k in range(0, order.size, self.batch_size)]
        total = 0.0
        for k, batch in enumerate(batches):
            try:
                loss = self._update(batch, (self.epoch + k / len(batches)) / self.epochs, team)
            except (ValueError, OverflowError, FloatingPointError) as error:
                raise FloatingPointError(
                    f"training diverges in epoch {self.epoch + 1}, batch {k + 1}: {error}; a lower "
                    f"learning rate may help") from error
            total += loss * len(batch)
        self.epoch += 1
        return self._judge(total / len(self.noisy), team)

    def _update(self, batch, progress, team):
        network = from_coordinates(self.free, self.x)
        loss, gradient = network.batch_gradient([self.noisy[i] for i in batch],
                                                [self.clean[i] for i in batch], team)
        gradient = gradient_in_coordinates(network.parameters, gradient)
        if not (math.isfinite(loss) and np.isfinite(gradient).all()):
            raise FloatingPointError(f"the loss is {loss:g}, the parameters {network.parameters}")
        x, moments = self.optimizer.update(self.x, gradient / self.unit, self.moments, progress)
        if not self.network.allow_unstable:
            x = project(self.free, x)
        self.x, self.moments = x, moments
        return loss

    def _judge(self, loss, team):
        network = from_coordinates(self.network, self.x)
        entry = {"epoch": self.epoch, "loss": loss, "psnr": self._psnr(loss)}
        if self.validation is not None:
            noisy, clean = self.validation
            results = team.map(lambda image, work: network.forward(image, work).copy(), noisy)
            loss = _mean_square(results, clean)
            if not math.isfinite(loss):
                raise FloatingPointError(f"the loss of the validation images is {loss:g} after "
                                         f"epoch {self.epoch}, with {network.parameters}")
            entry |= {"validation_loss": loss, "validation_psnr": self._psnr(loss)}
        entry["parameters"] = {name: np.asarray(value).tolist()
                               for name, value in network.parameters.items()}
        self.history.append(entry)
        self.waited += 1
        if loss < self.best_loss:
            self.best, self.best_loss, self.waited = self.x, loss, 0
        return entry

    def _psnr(self, loss):
        if self.range == 0:
            return None
        return 10 * math.log10(self.range**2 / max(loss, np.finfo(float).tiny))

    def fitted(self):
        return from_coordinates(self.network, self.x if self.validation is None else self.best)

    def settings(self):
        """What a checkpoint must agree with, by name."""
        settings = {"network": parameterfiles.describe(self.network),
                    "training images": _digest(self.noisy, self.clean),
                    "validation images": self.validation and _digest(*self.validation),
                    "batch_size": self.batch_size, "rng": self.seed,
                    "optimizer": dataclasses.asdict(self.optimizer)}
        if self.optimizer.schedule != "constant":
            settings["epochs"] = self.epochs
        return settings

    def state(self):
        m, v, t = self.moments
        best_loss = self.best_loss if math.isfinite(self.best_loss) else None
        return {"epoch": self.epoch, "waited": self.waited, "x": self.x.tolist(),
                "best": self.best.tolist(), "best_loss": best_loss,
                "moments": [m.tolist(), v.tolist(), t], "history": self.history,
                "rng": self.rng.bit_generator.state}

    def restore(self, file):
        """Go on from the state in a checkpoint, if there is one."""
        state, size = file.load(), self.x.size
        if state is None:
            return
        try:
            self.epoch = check_count("epoch", state["epoch"], least=0)
            self.waited = check_count("waited", state["waited"], least=0)
            self.history = state["history"]
            if not isinstance(self.history, list) or len(self.history) != self.epoch:
                raise ValueError("history must have as many entries as there were epochs")
            (m, v, t), best_loss = state["moments"], state["best_loss"]
            self.x, self.best, m, v = (np.array(part, float).reshape(size)
                                       for part in (state["x"], state["best"], m, v))
            self.best_loss = math.inf if best_loss is None else float(best_loss)
            self.moments = m, v, check_count("count", t, least=0)
            self.rng.bit_generator.state = state["rng"]
            self.fitted()
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise file.damaged(error) from None
        if self.epoch > self.epochs:
            raise ValueError(f"{file.path} is the checkpoint of a training that has done "
                             f"{self.epoch} epochs already, more than epochs={self.epochs}")


# Coordinates ----------------------------------------------------------------------------


def to_coordinates(parameters):
    """The parameters as one vector without units."""
    return np.concatenate([np.atleast_1d(np.log(value) if name in LOGARITHMIC else value)
                           for name, value in parameters.items()])


def from_coordinates(network, x):
    """The network with the parameters of a vector."""
    parameters, first = {}, 0
    for name, value in network.parameters.items():
        part = x[first:first + np.size(value)]
        # Far beyond what is allowed the exponential need not be exact.
        parameters[name] = math.exp(min(part[0], 700.0)) if name in LOGARITHMIC else part
        first += part.size
    return network.with_parameters(parameters)


def gradient_in_coordinates(parameters, gradient):
    """The chain rule: d/d log c = c d/dc."""
    return np.concatenate([np.atleast_1d(value * gradient[name] if name in LOGARITHMIC
                                         else gradient[name])
                           for name, value in parameters.items()])


def project(network, x):
    """tau, the last coordinate, cut at tau_max of the others."""
    limit = math.log(from_coordinates(network, x).tau_max)
    return np.append(x[:-1], min(x[-1], limit))


# Helpers --------------------------------------------------------------------------------


def _mean_square(images, targets):
    total = sum(float(np.sum(np.square(image - target), dtype=np.float64))
                for image, target in zip(images, targets, strict=True))
    return total / sum(target.size for target in targets)


def _digest(*stacks):
    digest = hashlib.sha256()
    for stack in stacks:
        for image in stack:
            digest.update(f"{image.shape} {image.dtype}".encode())
            digest.update(image)
    return digest.hexdigest()


class _bar:
    """show(training) moves a progress bar, where one is wanted."""

    def __init__(self, wanted, epochs):
        self._bar = None
        if wanted:
            try:
                import tqdm
            except ImportError:
                raise ImportError("progress=True needs tqdm: python -m pip install tqdm") from None
            self._bar = tqdm.tqdm(total=epochs, unit="epoch")

    def __enter__(self):
        return self._show

    def _show(self, training):
        if self._bar is None:
            return
        self._bar.update(training.epoch - self._bar.n)
        if training.history and training.history[-1]["psnr"] is not None:
            self._bar.set_postfix_str(f"{training.history[-1]['psnr']:.2f} dB")

    def __exit__(self, *error):
        if self._bar is not None:
            self._bar.close()
