"""Work arrays that are allocated once."""

import math
from typing import Any

import numpy as np

from .row_memory import from_line


class _Common:
    """What a workspace and its parts have in common: the arrays of `scratch`, and a team."""

    def __init__(self):
        self.buffers: dict[Any, np.ndarray] = {}
        self.team: Any = None


class Workspace:
    """Work arrays by name, allocated once: fresh memory costs more than a step in it."""

    def __init__(self, common: _Common | None = None):
        self._buffers: dict[Any, np.ndarray] = {}
        self._parts: dict[Any, Workspace] = {}
        self._common = _Common() if common is None else common

    def part(self, name):
        """A workspace within this one, whose arrays never overlap those of others, but for
        `scratch`."""
        return self._parts.setdefault(name, Workspace(self._common))

    @property
    def bytes(self) -> int:
        """How much memory it holds, with its parts."""
        return self._own() + sum(buffer.nbytes for buffer in self._common.buffers.values())

    def _own(self):
        return sum(buffer.nbytes for buffer in self._buffers.values()) + sum(
            part._own() for part in self._parts.values())

    def lend(self, team):
        """Let a team do the tasks of `each`; None takes it back."""
        self._common.team = team

    @property
    def alone(self):
        """Whether the tasks of `each` are done one after the other."""
        return self._common.team is None

    def each(self, function, tasks):
        """function(task, workspace) for all tasks, which share nothing that one of them writes: by
        the team, where one is lent, each member with a workspace of its own, and otherwise one
        after the other, with this one. If a task calls `each`, it does those tasks alone."""
        team, self._common.team = self._common.team, None
        if team is None:
            for task in tasks:
                function(task, self)
            return
        try:
            team.map(function, tasks)
        finally:
            self._common.team = team

    def array(self, name, shape, dtype):
        """An array of this shape with undefined contents; an array that was taken under this name
        before is not valid any more."""
        return _take(self._buffers, name, shape, dtype)

    def other(self, u):
        """The one of two arrays like u that u is not."""
        out = self.array("even", u.shape, u.dtype)
        return self.array("odd", u.shape, u.dtype) if np.may_share_memory(out, u) else out

    def scratch(self, name, shape, dtype):
        """An array for one call of a kernel, common to all parts and void at the next call."""
        return _take(self._common.buffers, name, shape, dtype)


def _take(buffers, name, shape, dtype):
    """An array that begins at a multiple of 64 bytes."""
    size = math.prod(shape)
    buffer = buffers.get((name, dtype))
    if buffer is None or buffer.size < size:
        fresh = np.empty(size + 64 // dtype.itemsize, dtype)
        buffer = buffers[name, dtype] = from_line(fresh, size)
    return buffer[:size].reshape(shape)
