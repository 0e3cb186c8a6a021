"""Tasks on many machines: a team of the workers of dask.distributed, which also hold the images.

In training, each image is one task, which runs on the worker that holds it; the gradients are
summed in the order of the images. So the parameters are, bit for bit, those of one machine with the
same kind of processor, for any number of workers, and also if some are lost: other workers repeat
what they held and did.
"""

import threading

import numpy as np

from ..kernels.workspace import Workspace
from .chunks import is_lazy

_local = threading.local()  # the work arrays of a worker's thread


class Cluster:
    """A team like `Workers`, of the workers of a dask.distributed.Client."""

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
        futures = [self.client.submit(_run, function, type(task), *task, pure=False)
                   for task in tasks]
        return self.client.gather(futures)

    def hold(self, arrays):
        """A future of a tuple of arrays on a worker: it computes those of dask there itself, and is
        sent those of NumPy. What is lost is computed or sent again."""
        return self.client.submit(_hold, *[
            self.client.compute(planes) if is_lazy(planes) else planes for planes in arrays],
            pure=False)

    def send(self, value):
        """A future of any object, on a worker."""
        return self.client.submit(_same, value, pure=False)

    def apply(self, function, futures):
        """[function(*arrays) for the futures of arrays], on the workers that hold them."""
        return self.client.gather([self.client.submit(_apply, function, future, pure=False)
                                   for future in futures])


def _run(function, kind, *task):
    """One task, a NamedTuple of this kind, whose futures dask has replaced by what they hold."""
    if not hasattr(_local, "workspace"):
        _local.workspace = Workspace()
    return function(kind(*task), _local.workspace)


def _hold(*pair):
    return tuple(map(np.ascontiguousarray, pair))


def _same(value):
    return value


def _apply(function, arrays):
    return function(*arrays)
