"""Work on an image tile by tile: each tile is an image of its own, with an exact halo.

A function that maps planes (M, H, W) to planes of the same shape, and whose value at a
pixel depends on pixels at most `halo` away, gives on a tile extended by its halo the same
numbers, bit for bit, as on the whole image; the boundary conditions that it imposes at the
tile's artificial borders reach into the halo only. So tiles keep the work in the cache, bound
the memory, and are what several workers share.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

EDGE = 256  # pixels; three float32 planes of a tile fit into a second-level cache


def map_tiles(function, u, out, halo, workers=1):
    """out = function(u) by tiles, `workers` of them at a time; u and out must not overlap."""
    boxes = list(tile_boxes(u.shape[1:], halo, workers))

    def work(box):
        (r0, r1), (c0, c1) = box
        top, left = max(r0 - halo, 0), max(c0 - halo, 0)
        tile = np.ascontiguousarray(u[:, top:r1 + halo, left:c1 + halo])
        out[:, r0:r1, c0:c1] = function(tile)[:, r0 - top:r1 - top, c0 - left:c1 - left]

    if workers == 1 or len(boxes) == 1:
        for box in boxes:
            work(box)
        return
    pool = ThreadPoolExecutor(min(workers, len(boxes)))
    try:
        for _ in pool.map(work, boxes):
            pass
    finally:  # after an error or Ctrl-C only the tiles under way are finished
        pool.shutdown(cancel_futures=True)


def tile_boxes(shape, halo, workers):
    """Row and column ranges of the tiles of an image of this shape (H, W).

    A tile is at least eight halos wide, so that a halo costs little, unless workers would
    stay idle: then the image is divided into as many bands of rows as there are workers,
    if each is still as high as its two halos.
    """
    edge = max(EDGE, 8 * halo)
    counts = [max(1, round(size / edge)) for size in shape]
    if counts[0] * counts[1] < workers:
        counts = [max(1, min(workers, shape[0] // max(2 * halo, 32))), 1]
    for rows in _split(shape[0], counts[0]):
        for columns in _split(shape[1], counts[1]):
            yield rows, columns


def _split(size, count):
    ends = [size * k // count for k in range(count + 1)]
    return list(zip(ends[:-1], ends[1:], strict=True))
