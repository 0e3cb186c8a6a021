"""The losses that a network evaluates together with their gradient: tasks, and the squared error.
"""

import functools
from typing import Any, NamedTuple

import numpy as np


class Task(NamedTuple):
    """What one image contributes to a loss: arrays, of which the first holds the planes (M, H, W)
    for the network, and loss(result, *arrays), a number and its derivatives with respect to the
    result.

    Instead of the arrays there may be a future of them, see `pdenet.execution.cluster`.
    """

    arrays: Any
    loss: Any
    level: Any = None  # of the noise, for the family of networks of `pdenet.denoising`


def mean_square_tasks(pairs, size):
    """Tasks whose losses add up to the mean of (network(noisy) - clean)^2 over `size` values."""
    return [Task(pair, functools.partial(squared_error, size)) for pair in pairs]


def squared_error(size, result, noisy, clean):
    """sum (result - clean)^2 / size and its derivatives with respect to the result."""
    difference = result - clean
    loss = np.sum(difference * difference, dtype=np.float64) / size
    difference *= 2 / size
    return loss, difference
