"""What training minimises: a number for what a network makes of images, with its derivative.

A loss offers
    tasks(batch)   for the images of these numbers: planes for the network, and a function of its
                   result that gives a share of the loss and its derivatives by the result
    len            the number of images
    unit           the loss of images that are left as they are, by which the optimiser divides
    range          of the grey levels, for the PSNR
    digest         of all data, to recognise them
"""

import functools
import hashlib
from typing import Any, NamedTuple

import numpy as np


class Task(NamedTuple):
    """Planes (M, H, W) for a network, and loss(result) -> (number, its derivatives)."""

    planes: Any
    loss: Any


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

    @property
    def range(self):
        return float(max(image.max() for image in self.clean)
                     - min(image.min() for image in self.clean))

    @property
    def digest(self):
        return digest(self.noisy, self.clean)


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
