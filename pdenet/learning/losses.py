"""What training minimises: a number for what a network makes of images, with its derivative."""

import functools
import hashlib
import math
from typing import NamedTuple, Protocol, Sequence

import numpy as np

from ..execution.workers import Team
from ..network import adjoint
from ..network.losses import Task, mean_square_tasks, squared_error
from ..network.network import DiffusionNetwork
from ..network.pairs import count


class Loss(Protocol):
    """What the training loop asks of a loss; any object with these members is one.

    Attributes
    ----------
    unit : float
        The loss of images that are left as they are; the optimiser sees the loss divided by it.
    digest : str
        A hash of all data, by which a checkpoint recognises them.
    """

    @property
    def unit(self) -> float: ...

    @property
    def digest(self) -> str: ...

    def __len__(self) -> int:
        """The number of images."""

    def tasks(self, batch: Sequence[int]) -> list[Task]:
        """The tasks of the images with these numbers; the losses of the tasks add up to that of the
        batch."""

    def value(self, network: DiffusionNetwork, team: Team) -> float:
        """The loss of all images; only that of validation images is asked for."""

    def psnr(self, loss: float) -> float | None:
        """A value of the loss in dB, or None if the loss has none."""


class Statistics(NamedTuple):
    """What a loss needs to know of a pair of images that others hold."""

    size: int
    square: float  # sum of (noisy - clean)^2
    low: float
    high: float
    digest: str


def statistics(noisy, clean, measured=None):
    """The statistics of planes (M, H, W) and of their targets, in the pixels of a mask (H, W), if
    there is one; outside it all are 0."""
    square = float(np.sum(np.square(noisy - clean), dtype=np.float64))
    values = clean if measured is None else clean[:, measured]
    return Statistics(values.size, square, float(values.min()), float(values.max()),
                      digest(noisy, clean, *([] if measured is None else [measured])))


class Supervised:
    """The mean of (network(noisy) - clean)^2, for pairs of planes (M, H, W).

    `masks` holds for each pair None or the `Mask` outside which it is 0; only what is measured
    counts.
    """

    def __init__(self, pairs, known=None, masks=None):
        self.pairs, self.masks = pairs, masks or [None] * len(pairs)
        self.known = known or [
            statistics(noisy, clean, None if mask is None else mask.plane > 0)
            for (noisy, clean), mask in zip(pairs, self.masks, strict=True)]

    def __len__(self):
        return len(self.pairs)

    def tasks(self, batch):
        return mean_square_tasks([self.pairs[i] for i in batch],
                                 sum(self.known[i].size for i in batch),
                                 [self.masks[i] for i in batch])

    def value(self, network, team):
        """The loss of all images."""
        tasks = self.tasks(range(len(self)))
        return sum(team.map(functools.partial(_evaluate, network), tasks))

    @property
    def unit(self):
        return (sum(pair.square for pair in self.known)
                / sum(pair.size for pair in self.known))

    def psnr(self, loss):
        """In dB, for the range of the clean images."""
        values = (max(pair.high for pair in self.known) - min(pair.low for pair in self.known))
        if values == 0:
            return None
        return 10 * math.log10(values**2 / max(loss, np.finfo(float).tiny))

    @property
    def digest(self):
        return combine(pair.digest for pair in self.known)


def place(pairs, cluster, masks):
    """A `Supervised` loss of pairs of planes that the workers of a `Cluster` hold, and of their
    masks, which they hold, too."""
    planes = [pair if mask is None else (*pair, mask.plane > 0)
              for pair, mask in zip(pairs, masks, strict=True)]
    known = cluster.apply(statistics, [cluster.hold(arrays) for arrays in planes])
    return Supervised([cluster.hold(pair) for pair in pairs], known,
                      [mask and cluster.send(mask) for mask in masks])


def _evaluate(network, task, work):
    """The loss of one task, without its gradient."""
    result = adjoint.forward(network, task.arrays[0], work, task.mask)[1]
    return task.loss(result, *task.arrays)[0]


class Unbiased:
    """Stein's unbiased estimate of the mean squared error, without clean images.

    The mean over the images of |f(y) - y|^2 / N - sigma^2 + 2 sigma^2 / N div f(y), with the
    divergence from fixed probes b, see `pdenet.fit_noisy`: one loss of f(y), and one of
    f(y + epsilon b) for each. N counts what is measured, where `masks` has a `Mask` for an image.
    """

    def __init__(self, noisy, sigmas, seed, probes=1, masks=None):
        self.noisy, self.sigmas, rng = noisy, sigmas, np.random.default_rng(seed)
        self.masks = masks or [None] * len(noisy)
        self.sizes = [count(planes, None if mask is None else mask.plane > 0)
                      for planes, mask in zip(noisy, self.masks, strict=True)]
        self.probes = [(2 * rng.integers(0, 2, (probes, *planes.shape)) - 1).astype(planes.dtype)
                       for planes in noisy]
        for signs, mask in zip(self.probes, self.masks, strict=True):
            if mask is not None:
                signs *= mask.plane

    def __len__(self):
        return len(self.noisy)

    def tasks(self, batch):
        size, tasks = sum(self.sizes[i] for i in batch), []
        for i in batch:
            planes, probes, sigma = self.noisy[i], self.probes[i], self.sigmas[i]
            epsilon = planes.dtype.type(sigma / 20)
            rate = 2 * sigma**2 / (float(epsilon) * size * len(probes))
            residual = functools.partial(_residual, size, sigma**2 * self.sizes[i] / size, rate)
            tasks.append(Task((planes, probes.sum(axis=0)), residual, mask=self.masks[i]))
            tasks += [Task((planes + epsilon * probe, probe),
                           functools.partial(_correlation, rate), mask=self.masks[i])
                      for probe in probes]
        return tasks

    def psnr(self, loss):
        """None, because the range of the clean images, which a PSNR needs, is not known."""

    @property
    def unit(self):
        return float(np.mean(np.square(self.sigmas)))

    @property
    def digest(self):
        return combine([digest(planes, np.array(sigma), probes) for planes, sigma, probes
                        in zip(self.noisy, self.sigmas, self.probes, strict=True)])


def _residual(size, noise, rate, result, planes, probes):
    """The task of f(y) in Stein's estimate: its loss is |f(y) - y|^2 / size - noise - rate b' f(y),
    where b is the sum of all probes, `size` the number of values in the batch, and noise = N
    sigma^2 / size."""
    number, cotangent = squared_error(size, result, planes, planes)
    product, slope = _correlation(rate, result, planes, probes)
    cotangent -= slope
    return number - noise - product, cotangent


def _correlation(rate, result, planes, probe):
    """The task of f(y + epsilon b) in Stein's estimate: its loss is rate b' f(y + epsilon b)."""
    return (rate * float(np.sum(probe * result, dtype=np.float64)),
            result.dtype.type(rate) * probe)


class Levels(Supervised):
    """The mean over the images of log |network(noisy) - clean|^2, which is minus the mean PSNR but
    for a factor and a constant.

    So images of all noise levels are of equal importance. `sigmas` holds the noise level of each.
    """

    unit = 1.0

    def __init__(self, pairs, sigmas, data_range):
        super().__init__(pairs)
        self.sigmas, self.data_range = sigmas, data_range

    def psnr(self, loss):
        """The mean PSNR over the images, dB."""
        return 20 * math.log10(self.data_range) - 10 * loss / math.log(10)

    def tasks(self, batch):
        loss = functools.partial(_log_square, len(batch))
        return [Task(self.pairs[i], loss, self.sigmas[i]) for i in batch]

    @property
    def digest(self):
        return combine([super().digest, digest(np.array(self.sigmas))])


def _log_square(count, result, noisy, clean):
    """The task of one image out of `count` in `Levels`."""
    square, cotangent = squared_error(clean.size, result, noisy, clean)
    cotangent /= count * square
    return np.log(square) / count, cotangent


def digest(*arrays):
    """A hash of the contents, shapes and types of arrays."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.shape} {array.dtype}".encode())
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


def combine(digests):
    """A hash of several hashes."""
    return hashlib.sha256(" ".join(digests).encode()).hexdigest()
