"""Work on an image tile by tile: each tile is an image of its own, with an exact halo.

Let a function map planes (M, H, W) to planes of the same shape, so that its value at a pixel
depends on pixels at most `halo` away. On a tile that is extended by its halo it gives, bit for bit,
the numbers that it gives on the whole image: the boundary conditions at the tile's artificial
borders reach into the halo only. Tiles keep the work in the cache and bound the memory, and each
worker takes one after the other.
"""

EDGE = 512  # pixels: a halo costs little and the planes of a tile stay in the cache
HALOS = 8  # the least edge of a tile, or of a chunk, in halos
SHARE = 2**15  # pixels for which another thread is worth its waking


def map_tiles(team, function, u, out, halo, edge, share):
    """function(u, tile, inner, out, workspace) for all tiles, by a team of `Workers`; u and out
    must not overlap.

    The function writes the inner part of each tile. Both are (top, bottom, left, right).
    """
    rows, columns = u.shape[1:]

    def work(inner, workspace):
        top, bottom, left, right = inner
        tile = (max(top - halo, 0), min(bottom + halo, rows),
                max(left - halo, 0), min(right + halo, columns))
        function(u, tile, inner, out, workspace)

    team.map(work, tile_boxes((rows, columns), halo, team.count, edge, share))


def tile_boxes(shape, halo, workers, edge, share):
    """The tiles (top, bottom, left, right) of an image of this shape (H, W), without halo.

    A tile is at least HALOS halos wide, so that a halo costs little. Where there are fewer tiles
    than workers, the image is divided into as many bands of rows as there are workers instead, if
    each band is at least as high as its two halos and has at least `share` pixels.
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
