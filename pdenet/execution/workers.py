"""A team of threads that does tasks."""

import collections
import concurrent.futures
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Iterable, Protocol

from ..kernels.workspace import Workspace


class Team(Protocol):
    """What does the tasks of a batch; any object with these members is one, `Workers` and `Cluster`
    are. It is used as a context, at whose end it releases what it holds."""

    def map(self, function: Callable[[Any, Workspace], Any], tasks: Iterable) -> list:
        """[function(task, workspace) for all tasks], in their order, whoever was first."""

    def __enter__(self) -> "Team": ...

    def __exit__(self, *error) -> None: ...


# Helper threads, which are kept from call to call: to start and end one takes a fifth of the time
# of 20 steps on 256 x 256 pixels. Each is an executor of its own, because an executor of many would
# start a further thread whenever the last one had not yet become idle.
_idle: collections.deque = collections.deque()  # its methods are safe among threads

# Work arrays of small images are kept, too: to touch fresh memory takes a quarter of the time of
# some steps on 512 x 512 pixels.
_spare: collections.deque = collections.deque()  # of (bytes, workspace)
KEPT = 2**26  # bytes, in all

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_idle.clear)  # no thread survives a fork


def _workspace():
    """A workspace that is not used any more, or a new one."""
    try:
        return _spare.pop()[1]
    except IndexError:
        return Workspace()


def _keep(workspace):
    """Keep a workspace that is not used any more, and of others the last ones, as many as may be.
    """
    workspace.lend(None)
    size = workspace.bytes
    if 0 < size <= KEPT:
        _spare.append((size, workspace))
    try:
        while sum(size for size, _ in list(_spare)) > KEPT:
            _spare.popleft()
    except IndexError:
        pass  # another thread was faster


def _helper():
    """An idle thread, or a new one."""
    try:
        return _idle.pop()
    except IndexError:
        return ThreadPoolExecutor(1, "pdenet")


class Workers:
    """Threads that do tasks, one of them the caller's own. Each has a workspace, as long as the
    context lasts."""

    def __init__(self, count):
        self.count = count
        self._workspaces = [_workspace() for _ in range(count)]

    def __enter__(self):
        return self

    def __exit__(self, kind, *error):
        if kind is None:  # else a thread may still be at work in them
            for workspace in self._workspaces:
                _keep(workspace)
        self._workspaces.clear()

    def map(self, function, tasks):
        """[function(task, workspace) for all tasks], in their order; after an error no further task
        begins."""
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
