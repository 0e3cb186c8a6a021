"""The losses that a network evaluates with its gradient: tasks, and the mean squared error."""

import functools
from typing import Any, NamedTuple

import numpy as np


class Task(NamedTuple):
    """One image's share of a loss: arrays, the first of them the planes (M, H, W) for the network,
    and loss(result, *arrays), which gives a number and its derivatives with respect to the result.

    The arrays may be a future of them, see `pdenet.execution.cluster`.
    """

    arrays: Any
    loss: Any
    level: Any = None  # of the noise, for the family of networks of `pdenet.denoising`


def mean_square_tasks(pairs, size):
    """Tasks that share the mean of (network(noisy) - clean)^2 over so many values."""
    return [Task(pair, functools.partial(squared_error, size)) for pair in pairs]


def squared_error(size, result, noisy, clean):
    """sum (result - clean)^2 / size and its derivatives with respect to the result."""
    difference = result - clean
    loss = np.sum(difference * difference, dtype=np.float64) / size
    difference *= 2 / size
    return loss, difference
