"""Work on an image tile by tile: each tile is an image of its own, with an exact halo.

A function that maps planes (M, H, W) to planes of the same shape, whose value at a
pixel depends on pixels at most `halo` away, gives on a tile extended by its halo the same
numbers, bit for bit, as on the whole image; the boundary conditions that it imposes at the
tile's artificial borders reach into the halo only. So tiles keep the work in the cache, bound
the memory, and are what several workers share.
"""

import collections
import concurrent.futures
import math
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ..kernels.row_memory import from_line

EDGE = 512  # pixels: a halo costs little and the planes of a tile stay in the cache
HALOS = 8  # the least edge of a tile in halos
SHARE = 2**15  # pixels for which another thread is worth its waking


class Workspace:
    """Work arrays by name, allocated once: fresh memory costs more than a step in it."""

    def __init__(self, common=None):
        self._buffers, self._parts = {}, {}
        self._common = {} if common is None else common  # with the parts

    def part(self, name):
        """A workspace within this one, whose arrays stay as they are while others are used."""
        return self._parts.setdefault(name, Workspace(self._common))

    def array(self, name, shape, dtype):
        """An array of this shape with arbitrary contents; the last one of the name is void."""
        return _take(self._buffers, name, shape, dtype)

    def scratch(self, name, shape, dtype):
        """Likewise for a kernel, the same for all parts; void at the next call of a kernel."""
        return _take(self._common, name, shape, dtype)


def _take(buffers, name, shape, dtype):
    """An array that begins at a multiple of 64 bytes."""
    size = math.prod(shape)
    buffer = buffers.get((name, dtype))
    if buffer is None or buffer.size < size:
        fresh = np.empty(size + 64 // dtype.itemsize, dtype)
        buffer = buffers[name, dtype] = from_line(fresh, size)
    return buffer[:size].reshape(shape)


# Threads that help callers and are kept for the next, as to begin and end one takes a fifth of the
# time of 20 steps on 256 x 256 pixels. Each is an executor of its own, which a caller takes and
# returns: an executor of many would begin another one whenever the last is not quite back.
_idle: collections.deque = collections.deque()  # its methods are safe among threads

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_idle.clear)  # no thread survives a fork


def _helper():
    try:
        return _idle.pop()
    except IndexError:
        return ThreadPoolExecutor(1, "pdenet")


class Workers:
    """Threads that share tasks, the caller's among them, each with a workspace, which lasts as long
    as the context."""

    def __init__(self, count):
        self.count = count
        self._workspaces = [Workspace() for _ in range(count)]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._workspaces.clear()

    def map(self, function, tasks):
        """[function(task, workspace) for all tasks]; after an error no further task begins."""
        waiting = collections.deque(enumerate(tasks))
        results = [None] * len(waiting)

        def work(workspace):
            try:
                while True:
                    try:
                        k, task = waiting.popleft()
                    except IndexError:
                        return
                    results[k] = function(task, workspace)
            except BaseException:  # Ctrl-C, too
                waiting.clear()
                raise

        own, *others = self._workspaces[:max(1, len(results))]
        helpers = [_helper() for _ in others]
        futures = [helper.submit(work, workspace)
                   for helper, workspace in zip(helpers, others, strict=True)]
        try:
            work(own)
        finally:  # those that have not begun are not needed any more
            futures = [future for future in futures if not future.cancel()]
            concurrent.futures.wait(futures)
            _idle.extend(helpers)
        for future in futures:
            future.result()
        return results

    def map_tiles(self, function, u, out, halo, edge, share):
        """function(u, tile, inner, out, workspace) for all tiles; u and out must not overlap.

        The function writes the inner part of each tile. Both are (top, bottom, left, right).
        """
        rows, columns = u.shape[1:]

        def work(inner, workspace):
            top, bottom, left, right = inner
            tile = (max(top - halo, 0), min(bottom + halo, rows),
                    max(left - halo, 0), min(right + halo, columns))
            function(u, tile, inner, out, workspace)

        self.map(work, tile_boxes((rows, columns), halo, self.count, edge, share))


def tile_boxes(shape, halo, workers, edge, share):
    """The tiles (top, bottom, left, right) of an image of this shape (H, W), without halo.

    A tile is at least HALOS halos wide, so that a halo costs little, unless workers would
    stay idle: then the image is divided into as many bands of rows as there are workers,
    if each is still as high as its two halos and has a share of so many pixels.
    """
    edge = max(edge, HALOS * halo)
    counts = [-(-size // edge) for size in shape]
    if counts[0] * counts[1] < workers:
        most = min(shape[0] // max(2 * halo, 32), shape[0] * shape[1] // share)
        counts = [max(1, min(workers, most)), 1]
    for top, bottom in _split(shape[0], counts[0]):
        for left, right in _split(shape[1], counts[1]):
            yield top, bottom, left, right


def _split(size, count):
    ends = [size * k // count for k in range(count + 1)]
    return list(zip(ends[:-1], ends[1:], strict=True))
