"""Tiles: they cover each pixel once, and with their halos they give what the whole image does."""

import numpy as np
import pytest

from pdenet.execution import tiles
from pdenet.execution.workers import Workers

SHAPES = [(1, 1), (1, 90), (90, 1), (33, 47), (257, 130), (600, 40)]


def boxes(shape, halo=2, workers=1, edge=16, share=100):
    return list(tiles.tile_boxes(shape, halo, workers, edge, share))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("halo", [0, 1, 9])
@pytest.mark.parametrize("workers", [1, 3, 50])
def test_every_pixel_is_in_one_tile(shape, halo, workers):
    covered = np.zeros(shape, int)
    for top, bottom, left, right in boxes(shape, halo, workers):
        assert top < bottom and left < right
        covered[top:bottom, left:right] += 1
    assert (covered == 1).all()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("halo", [0, 1, 9])
def test_tiles_are_as_few_as_the_edge_allows_and_alike(shape, halo):
    edge = max(16, tiles.HALOS * halo)
    found = boxes(shape, halo)
    for axis in (0, 1):
        sizes = {box[2 * axis + 1] - box[2 * axis] for box in found}
        assert max(sizes) <= edge and max(sizes) - min(sizes) <= 1
    assert len(found) == np.prod([int(np.ceil(size / edge)) for size in shape])


@pytest.mark.parametrize("shape, halo, workers, share, bands", [
    ((300, 40), 2, 4, 100, 4),         # a band for each worker
    ((300, 40), 2, 4, 5000, 2),        # each with its share of pixels
    ((300, 40), 2, 4, 50000, 1),
    ((300, 40), 40, 9, 100, 3),        # each as high as two halos
    ((300, 40), 2, 20, 100, 9),        # or 32 rows
    ((31, 4000), 2, 5, 100, 1),
    ((300, 40), 2, 1, 100, 1)])
def test_bands_of_rows_for_workers_that_would_be_idle(shape, halo, workers, share, bands):
    found = boxes(shape, halo, workers, edge=5000, share=share)
    assert len(found) == bands
    assert {box[2:] for box in found} == {(0, shape[1])}


def test_tiles_are_kept_where_there_are_enough_for_the_workers():
    assert boxes((64, 64), workers=16) == boxes((64, 64))
    assert len(boxes((64, 64), workers=17)) == 2


def largest_within(u, halo):
    """The largest value at most `halo` away, beyond the rim nothing."""
    padded = np.pad(u, [(0, 0), (halo, halo), (halo, halo)], constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * halo + 1,) * 2, (1, 2))
    return windows.max((-2, -1))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("workers, edge", [(1, 16), (3, 16), (3, 1000)])
def test_tiles_with_their_halos_give_what_the_whole_image_does(shape, workers, edge):
    u, halo, seen = np.random.default_rng(0).normal(size=(2, *shape)), 3, []
    out = np.full_like(u, np.nan)

    def function(image, tile, inner, target, workspace):
        assert image is u and target is out
        seen.append((tile, inner, id(workspace)))
        top, bottom, left, right = tile
        a, b, c, d = inner
        found = largest_within(u[:, top:bottom, left:right], halo)
        target[:, a:b, c:d] = found[:, a - top:b - top, c - left:d - left]

    with Workers(workers) as team:
        tiles.map_tiles(team, function, u, out, halo, edge, 100)
    np.testing.assert_array_equal(out, largest_within(u, halo))
    assert sorted(inner for _, inner, _ in seen) == sorted(boxes(shape, halo, workers, edge))
    assert len({work for _, _, work in seen}) <= workers
    for tile, inner, _ in seen:
        for axis in (0, 1):
            assert tile[2 * axis] == max(inner[2 * axis] - halo, 0)
            assert tile[2 * axis + 1] == min(inner[2 * axis + 1] + halo, shape[axis])
