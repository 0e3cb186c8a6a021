"""What training minimises: a number for what a network makes of images, with its derivative.

A loss offers
    tasks(batch)   for the images of these numbers: planes for the network, and a function of its
                   result that gives a share of the loss and its derivatives by the result
    len            the number of images
    unit           the loss of images that are left as they are, by which the optimiser divides
    psnr(loss)     the same in dB, None if there is no such
    digest         of all data, to recognise them
"""

import functools
import hashlib
import math
from typing import Any, NamedTuple

import numpy as np


class Task(NamedTuple):
    """Planes (M, H, W) for a network, and loss(result) -> (number, its derivatives)."""

    planes: Any
    loss: Any
    level: Any = None  # of the noise, for a `Denoiser`


class Supervised:
    """The mean of (network(noisy) - clean)^2, for planes (N, M, H, W) or lists of planes."""

    def __init__(self, noisy, clean):
        self.noisy, self.clean = noisy, clean

    def __len__(self):
        return len(self.noisy)

    def tasks(self, batch):
        size = sum(self.clean[i].size for i in batch)
        return [Task(self.noisy[i], functools.partial(_square, self.clean[i], size))
                for i in batch]

    def value(self, network, team):
        """The loss of all images."""
        results = team.map(lambda image, work: network.forward(image, work).copy(), self.noisy)
        return mean_square(results, self.clean)

    @property
    def unit(self):
        return mean_square(self.noisy, self.clean)

    def psnr(self, loss):
        """For the range of the clean images."""
        if self._range == 0:
            return None
        return 10 * math.log10(self._range**2 / max(loss, np.finfo(float).tiny))

    @functools.cached_property
    def _range(self):
        return float(max(image.max() for image in self.clean)
                     - min(image.min() for image in self.clean))

    @property
    def digest(self):
        return digest(self.noisy, self.clean)


class Unbiased:
    """Stein's unbiased estimate of the mean squared error, without clean images.

    The mean over the images of |f(y) - y|^2 / N - sigma^2 + 2 sigma^2 / N div f(y), with the
    divergence from a fixed probe b, see `pdenet.fit_noisy`: one loss of f(y), and one of
    f(y + epsilon b).
    """

    def __init__(self, noisy, sigmas, seed):
        self.noisy, self.sigmas, self.seed = noisy, sigmas, seed
        rng = np.random.default_rng(seed)
        self.probes = [(2 * rng.integers(0, 2, planes.shape) - 1).astype(planes.dtype)
                       for planes in noisy]

    def __len__(self):
        return len(self.noisy)

    def tasks(self, batch):
        size, tasks = sum(self.noisy[i].size for i in batch), []
        for i in batch:
            planes, probe, sigma = self.noisy[i], self.probes[i], self.sigmas[i]
            epsilon = planes.dtype.type(sigma / 20)
            rate = 2 * sigma**2 / (float(epsilon) * size)
            residual = functools.partial(_residual, planes, probe, sigma**2, rate, size)
            tasks += [Task(planes, residual),
                      Task(planes + epsilon * probe, functools.partial(_correlation, probe, rate))]
        return tasks

    def psnr(self, loss):
        """Not known, as the range of the clean images."""

    @property
    def unit(self):
        return float(np.mean(np.square(self.sigmas)))

    @property
    def digest(self):
        return digest(self.noisy, [np.array(self.sigmas)])


def _residual(planes, probe, variance, rate, size, result):
    """(|f(y) - y|^2 - N sigma^2) / size - rate b' f(y)."""
    number, cotangent = _square(planes, size, result)
    along, by_result = _correlation(probe, rate, result)
    cotangent -= by_result
    return number - variance * planes.size / size - along, cotangent


def _correlation(probe, rate, result):
    """rate b' f(y)."""
    return (rate * float(np.sum(probe * result, dtype=np.float64)),
            result.dtype.type(rate) * probe)


class Levels(Supervised):
    """The mean over the images of log((network(noisy) - clean)^2): minus the PSNR, but for a
    factor. Images of all noise levels count the same.
    """

    unit = 1.0

    def __init__(self, noisy, clean, sigmas, data_range):
        super().__init__(noisy, clean)
        self.sigmas, self.data_range = sigmas, data_range

    def psnr(self, loss):
        """The mean over the images."""
        return 20 * math.log10(self.data_range) - 10 * loss / math.log(10)

    def tasks(self, batch):
        return [Task(self.noisy[i], functools.partial(_log_square, self.clean[i], len(batch)),
                     self.sigmas[i]) for i in batch]

    @property
    def digest(self):
        return digest(self.noisy, self.clean, [np.array(self.sigmas)])


def _log_square(clean, count, result):
    square, cotangent = _square(clean, clean.size, result)
    cotangent /= count * square
    return np.log(square) / count, cotangent


def _square(clean, size, result):
    difference = result - clean
    loss = np.sum(difference * difference, dtype=np.float64) / size
    difference *= 2 / size
    return loss, difference


def mean_square(images, targets):
    """The mean of (image - target)^2 over all values of all pairs."""
    total = sum(float(np.sum(np.square(image - target), dtype=np.float64))
                for image, target in zip(images, targets, strict=True))
    return total / sum(target.size for target in targets)


def digest(*stacks):
    """A number for the contents of stacks of arrays."""
    found = hashlib.sha256()
    for stack in stacks:
        for image in stack:
            found.update(f"{image.shape} {image.dtype}".encode())
            found.update(image)
    return found.hexdigest()
