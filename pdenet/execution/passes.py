"""Diffusion blocks one after the other on planes (M, H, W), or volumes (M, D, H, W): whole, tile by
tile, or chunk by chunk.

A *cycle* is a block with the sizes of the steps that it makes with one tensor; a *pass* is as many
cycles as a tile or a chunk is given at once.
"""

import functools
import math

import numpy as np

from . import chunks, tiles
from ..checks import check_workers
from .workers import Workers


def run_cycles(planes, cycles, workers, progress=None, mask=None):
    """What `cycles`, a list of (block, step sizes), make of planes; progress(done, total) counts
    cycles. `mask` is None, or what the blocks' method `masked` takes, with a method `part` for that
    of a tile."""
    if not cycles:
        return planes.copy()
    if chunks.is_lazy(planes):
        # Tasks of dask are parallel themselves.
        function = functools.partial(_on_chunk, workers=1 if workers is None else workers)
        grouped = [(halo, group) for _, halo, group in passes(cycles, chunks.widest_halo(planes))]
        return chunks.run_passes(planes, grouped, function, mask)
    return _on_array(planes, planes, cycles, workers, mask, progress)


def _on_chunk(planes, f, cycles, workers, mask=None):
    """One pass on a chunk of an image, with the same chunk f of the image given at first."""
    return _on_array(np.ascontiguousarray(planes), f, cycles, workers, mask)


def _on_array(planes, f, cycles, workers, mask=None, progress=None):
    """`run_cycles` for planes in memory, with the planes f of the image given at first."""
    workers = check_workers(workers)
    first = cycles[0][0]
    one_pass = (first.compiled and first.steering is None
                and all(block is first and len(taus) == 1 for block, taus in cycles))
    # Explicit steps in one pass keep only a few rows in the cache, so that tiles may be larger and
    # take more steps at once. Then halos cost less, and fewer pixels are worth a thread.
    most: float
    most, edge, share = ((4 if one_pass else 2, tiles.EDGE_OF_VOLUMES, tiles.SHARE)
                         if planes.ndim == 4 else (20, 2 * tiles.EDGE, tiles.SHARE) if one_pass
                         else (10, tiles.EDGE, 2 * tiles.SHARE))
    reach = max(block.reach(len(taus)) for block, taus in cycles)
    boxes = list(tiles.tile_boxes(planes.shape[1:], reach, workers, edge, share))
    if len(boxes) == 1 and not one_pass and progress is None:
        most = math.inf  # a single tile has no halo
    source, target = planes, None
    # A volume too small for tiles: the team smooths its layers beside each other.
    helps = (len(boxes) == 1 and planes.ndim == 4 and planes[0].size >= 2 * share
             and workers > 1)
    with Workers(workers) as team:
        for done, halo, group in passes(cycles, most):
            # Two arrays in turn, and never the caller's.
            target = np.empty_like(planes) if target is None else target
            function = (functools.partial(_steps_at_once, group, mask) if one_pass else
                        functools.partial(_cycle_by_cycle, group, f, mask, team if helps else None))
            tiles.map_tiles(team, function, source, target, halo, edge, share)
            source, target = target, (None if source is planes else source)
            if progress is not None:
                progress(done, len(cycles))
    return source


def passes(cycles, most):
    """Group cycles so that the halos of a group add up to at most `most` pixels: yields the number
    of cycles done after the group, its halo, and the group."""
    group: list = []
    total = 0
    for done, (block, taus) in enumerate(cycles):
        halo = block.reach(len(taus))
        if group and total + halo > most:
            yield done, total, group
            group, total = [], 0
        group.append((block, taus))
        total += halo
    if group:
        yield len(cycles), total, group


def _steps_at_once(cycles, mask, u, tile, inner, out, work):
    """Explicit steps of one block without a data term on a tile, in one pass."""
    block = cycles[0][0]
    if mask is not None:
        block = block.masked(mask.part(tile))
    block.explicit_steps(np.concatenate([taus for _, taus in cycles]), u, u[:0], tile, inner, out)


def _cycle_by_cycle(cycles, f, mask, team, u, tile, inner, out, work):
    """The cycles on a tile as on an image of its own; f is the image given at first, and `team`
    helps, or is None."""
    work.lend(team)
    given, values = f[tiles.part(tile)], u[tiles.part(tile)]
    if not values.flags.c_contiguous:
        part, values = values, work.array("tile", values.shape, values.dtype)
        np.copyto(values, part)
    blocks = {id(block): block for block, _ in cycles}
    if mask is not None:
        own = mask.part(tile)
        blocks = {key: block.masked(own) for key, block in blocks.items()}
    within = tiles.within(inner, tile)
    for n, (block, taus) in enumerate(cycles, 1):
        values = blocks[id(block)].cycle(values, taus, given, work,
                                         within if n == len(cycles) else None)
    out[tiles.part(inner)] = values[tiles.part(within)]
