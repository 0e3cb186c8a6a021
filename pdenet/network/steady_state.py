"""The steady state of a diffusion step whose data term keeps the known pixels.

    u <- a_i S(u) + (1 - a_i) u_before,      a_i = (4 i + 2) / (2 i + 3),      i = 0, 1, ...,

with the step S of a diffusion block: a fast semi-iterative cycle, which reaches in n steps what
takes of the order of n^2 steps one after the other. D is renewed at every second step. The first
step of a cycle gives the residual |S(u) - u|, by which cycles become longer while it falls and
shorter when it grows.

Two steps at a time are made on each tile of the image, so that they stay in the cache and threads
share them. The tiles do not depend on the number of threads, nor do the numbers.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from ..execution import tiles
from ..execution.workers import Workers
from ..scheme.block import DiffusionBlock

EDGE = 256           # pixels, of a tile
EDGE_OF_VOLUMES = 64  # voxels
RESIDUAL = 1e-3      # of that of a constant image between the known pixels
FIRST, SHORTEST, LONGEST = 40, 4, 160  # steps of a cycle


def steady_state(block: DiffusionBlock, u: np.ndarray, f: np.ndarray, known: np.ndarray,
                 guide: np.ndarray | None, steps: int, workers: int) -> np.ndarray:
    """The image with the least residual that adaptive cycles from u on find, for planes f (M, H, W)
    with 0 where they are not `known`, (H, W), or volumes with one axis more; `guide` are the planes
    that steer, or None for u itself. It ends at RESIDUAL, or after so many steps."""
    with Workers(workers) as team:
        passes = _Passes(block, f, known, guide, team)
        mean = f[:, known].mean(axis=1).reshape(-1, *[1] * known.ndim)
        flat, count = np.where(known, f, mean), len(u)
        state = np.concatenate([flat, flat])
        spare = np.empty_like(state)
        target = RESIDUAL * passes.advance(state, 0, 1, spare)
        state[:count] = state[count:] = best = u
        length, done, least, last = float(FIRST), 0, np.inf, np.inf
        while True:
            now = passes.advance(state, 0, 2, spare)
            if now < least:
                least, best = now, state[:count].copy()
            if now <= target or done >= steps:
                return best
            if now > 4 * least:
                state[:count] = state[count:] = best
                passes.advance(state, 0, 2, spare)
            length = min(1.5 * length, LONGEST) if now < last else max(length / 2, SHORTEST)
            last = now
            state, spare = spare, state
            for i in range(2, int(length), 2):
                passes.advance(state, i, min(2, int(length) - i), spare)
                state, spare = spare, state
            done += int(length)
            state[count:] = state[:count]


class _Passes:
    """Steps of a cycle on all tiles."""

    def __init__(self, block, f, known, guide, team):
        self._f, self._team, self._tau, self._tasks = f, team, 0.999 * block.tau_max, []
        halo = block.reach(2)
        edge = EDGE if known.ndim == 2 else EDGE_OF_VOLUMES
        for box in tiles.tile_boxes(known.shape, halo, 1, edge, 1):
            wide = tiles.extended(box, halo, known.shape)
            place, tile, inner = (tiles.part(each)[1:] for each in (
                box, wide, tiles.within(box, wide)))
            own = dataclasses.replace(block, known=np.ascontiguousarray(known[tile]))
            steers = None if guide is None else np.ascontiguousarray(guide[:, *tile])
            self._tasks.append((own, tile, inner, place, steers))

    def advance(self, state, first, count, out):
        """out = the state (u, u_before), planes (2 M, H, W), after the steps from the `first` of a
        cycle on, so many; and, if this is 0, |S(u) - u|."""
        def work(task, work):
            block, tile, inner, place, steers = task
            given, part = self._f[:, *tile], state[:, *tile]
            u, before, after = work.array("three", (3, *given.shape), given.dtype)
            np.copyto(u, part[:len(u)])
            np.copyto(before, part[len(u):])
            tensor = block.tensor(block.steering_layers(u if steers is None else steers, work),
                                  work, hold=True)
            change = 0.0
            for i in range(first, first + count):
                block.step(u, u, tensor, self._tau, given, after, work)
                if i == 0:
                    change = float(np.sum(np.square((after - u)[:, *inner]), dtype=np.float64))
                after -= before
                after *= u.dtype.type((4 * i + 2) / (2 * i + 3))
                after += before
                u, before, after = after, u, before
            out[:len(u), *place], out[len(u):, *place] = u[:, *inner], before[:, *inner]
            return change

        return sum(self._team.map(work, self._tasks))**0.5
