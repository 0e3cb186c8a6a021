"""Training on many machines: the gradients of images computed by the workers of dask.distributed.

An image's part of the gradient is one task, which runs where its data is; the parts are summed
here in the order of the images, as `Workers` does with threads. So the parameters are, bit for bit,
those of one machine for any number of workers (of the same kind of processor), also if some are
lost: what they held and were doing is done again by others.
"""

import threading

import numpy as np

from ..files.images import ImageFileError
from .chunks import is_lazy
from ..learning.losses import Supervised, Task, statistics
from .tiles import Workspace

_local = threading.local()  # the work arrays of a worker's thread


def connect(address, timeout=10):
    """A client of the scheduler at an address such as tcp://10.0.0.1:8786."""
    try:
        import distributed
    except ImportError:
        raise ImportError("--scheduler needs dask: python -m pip install distributed") from None
    try:
        return distributed.Client(address, timeout=timeout, set_as_default=False)
    except (OSError, ValueError, TimeoutError):
        raise ImageFileError(f"no scheduler answers at {address}") from None


class Cluster:
    """A team like `Workers`: a function of tasks, on the workers of a dask.distributed.Client."""

    def __init__(self, client):
        if not hasattr(client, "submit") or not hasattr(client, "gather"):
            raise TypeError(f"client must be a dask.distributed.Client; got {client!r}")
        self.client = client

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def map(self, function, tasks):
        """[function(task, workspace) for all tasks], wherever their arrays are."""
        futures = [self.client.submit(_run, function, *task, pure=False) for task in tasks]
        return self.client.gather(futures)

    def place(self, pairs):
        """A `Supervised` loss of pairs of planes that the workers hold.

        What they lose they get again from where it came: arrays of dask load their part of
        the data on a worker, arrays of NumPy are sent from here.
        """
        held = [self.client.submit(_hold, *[
            self.client.compute(planes) if is_lazy(planes) else planes for planes in pair],
            pure=False) for pair in pairs]
        known = self.client.gather([self.client.submit(_describe, pair, pure=False)
                                    for pair in held])
        return Supervised(held, known)


def _run(function, *task):
    if not hasattr(_local, "workspace"):
        _local.workspace = Workspace()
    return function(Task(*task), _local.workspace)


def _hold(*pair):
    return tuple(map(np.ascontiguousarray, pair))


def _describe(pair):
    return statistics(*pair)
