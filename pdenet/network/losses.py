"""The losses that a network evaluates together with their gradient: tasks, and the squared error.
"""

import functools
from typing import Any, NamedTuple

import numpy as np


class Task(NamedTuple):
    """What one image contributes to a loss: arrays, of which the first holds the planes (M, H, W)
    for the network, and loss(result, *arrays), a number and its derivatives with respect to the
    result.

    Instead of the arrays, or of the mask, there may be a future of them, see
    `pdenet.execution.cluster`.
    """

    arrays: Any
    loss: Any
    level: Any = None  # of the noise, for the family of networks of `pdenet.denoising`
    mask: Any = None  # a `pdenet.scheme.masks.Mask`, outside which the arrays are 0


def mean_square_tasks(pairs, size, masks=None):
    """Tasks whose losses add up to the mean of (network(noisy) - clean)^2 over `size` values; the
    masks are None or one for each pair, which may be None, too."""
    loss = functools.partial(squared_error, size)
    return [Task(pair, loss, mask=mask)
            for pair, mask in zip(pairs, masks or [None] * len(pairs), strict=True)]


def squared_error(size, result, noisy, clean):
    """sum (result - clean)^2 / size and its derivatives with respect to the result."""
    difference = result - clean
    loss = np.sum(difference * difference, dtype=np.float64) / size
    difference *= 2 / size
    return loss, difference
