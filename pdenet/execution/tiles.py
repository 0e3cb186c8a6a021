"""Work on an image tile by tile: each tile is an image of its own, with an exact halo.

Let a function map planes (M, H, W), or volumes (M, D, H, W), to planes of the same shape, so that
its value at a pixel depends on pixels at most `halo` away. On a tile that is extended by its halo
it gives, bit for bit, the numbers that it gives on the whole image: the boundary conditions at the
tile's artificial borders reach into the halo only. Tiles keep the work in the cache and bound the
memory, and each worker takes one after the other. """

import itertools
import math

EDGE = 512  # pixels: a halo costs little and the planes of a tile stay in the cache
HALOS = 8  # the least edge of a tile, or of a chunk, in halos
SHARE = 2**15  # pixels for which another thread is worth its waking
EDGE_OF_VOLUMES = 256  # voxels


def map_tiles(team, function, u, out, halo, edge, share):
    """function(u, tile, inner, out, workspace) for all tiles, by a team of `Workers`; u and out
    must not overlap.

    The function writes the inner part of each tile. Both are (top, bottom, left, right), of volumes
    with the first and the last slice before.
    """
    shape = u.shape[1:]

    def work(inner, workspace):
        function(u, extended(inner, halo, shape), inner, out, workspace)

    team.map(work, tile_boxes(shape, halo, team.count, edge, share))


def tile_boxes(shape, halo, workers, edge, share):
    """The tiles (top, bottom, left, right) of an image of this shape (H, W), without halo; those of
    a volume have the first and the last slice before.

    A tile is at least HALOS halos wide, so that a halo costs little. Where there are fewer tiles
    than workers, the image is divided into as many bands of rows as there are workers instead, if
    each band is at least as high as its two halos and has at least `share` pixels; a volume is
    divided along its longer of the first two axes.
    """
    edge = max(edge, HALOS * halo)
    counts = [-(-size // edge) for size in shape]
    if math.prod(counts) < workers:
        axis = 0 if len(shape) == 2 or shape[0] >= shape[1] else 1
        most = min(shape[axis] // max(2 * halo, 32), math.prod(shape) // share)
        counts = [1] * len(shape)
        counts[axis] = max(1, min(workers, most))
    for ends in itertools.product(*map(_split, shape, counts)):
        yield tuple(itertools.chain(*ends))


def extended(inner, halo, shape):
    """The tile whose inner part this is, in an image of this shape (H, W)."""
    return tuple(end for first, last, size in zip(inner[::2], inner[1::2], shape, strict=True)
                 for end in (max(first - halo, 0), min(last + halo, size)))


def within(inner, tile):
    """Where the inner part of a tile lies in the tile."""
    return tuple(end - first for first, *ends in zip(tile[::2], inner[::2], inner[1::2],
                                                     strict=True) for end in ends)


def part(tile):
    """The index of a tile in planes (M, H, W), or volumes."""
    return (slice(None), *(slice(first, last) for first, last in zip(tile[::2], tile[1::2],
                                                                     strict=True)))


def _split(size, count):
    ends = [size * k // count for k in range(count + 1)]
    return list(zip(ends[:-1], ends[1:], strict=True))
