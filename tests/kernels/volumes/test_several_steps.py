"""Several steps in one pass over a tile of a volume: the bits of steps one after the other."""

import numpy as np
import pytest

from pdenet import Gradient
from pdenet.kernels import laws
from pdenet.kernels.laws import Law
from pdenet.kernels.planes import Source
from pdenet.kernels.volumes import slices
from pdenet.kernels.volumes.several_steps import explicit_steps

SPACING = (1.7, 1.0, 0.8)
STEPS = np.array([-0.1, -0.2, -0.05, -0.15], np.float32)
STRENGTH = np.array([0.7, 1.6, 0.4], np.float32)
STENCIL = Gradient(0.3, spacing=SPACING).stencil(np.dtype(np.float32))
every_flux = pytest.mark.parametrize("mixed", [None, np.float32(0), np.float32(1)])


def random(count, shape, seed=0):
    return np.random.default_rng(seed).normal(0, 2, (count, *shape)).astype(np.float32)


def source(u, steers):
    layers = u[:0] if steers is None else steers
    count = len(u if steers is None else steers)
    return Source(layers, STRENGTH[:count], Law(laws.RATIONAL, np.float32(0.3)))


def one_by_one(u, steers, mixed, scales):
    for scale in scales:
        out = u.copy()
        slices.diffuse(u, None, None, source(u, steers), mixed, STENCIL, scale, True, out)
        u = out
    return u


def run(u, steers, mixed, scales, tile=None, inner=None):
    whole = tuple(end for size in u.shape[1:] for end in (0, size))
    out = np.full_like(u, -7)
    explicit_steps(u, None, source(u, steers), mixed, STENCIL, scales, tile or whole,
                   inner or whole, out)
    return out


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 6), (1, 5, 1), (6, 1, 1), (2, 2, 2), (7, 5, 9),
                                   (3, 4, 40)])
@pytest.mark.parametrize("channels", [1, 3])
@every_flux
@pytest.mark.parametrize("steps", [1, 4])
def test_steps_one_after_the_other(shape, channels, mixed, steps):
    u, scales = random(channels, shape), STEPS[:steps]
    np.testing.assert_array_equal(run(u, None, mixed, scales), one_by_one(u, None, mixed, scales))


@every_flux
@pytest.mark.parametrize("layers", [1, 3])
def test_a_step_steered_by_other_layers(mixed, layers):
    u, steers = random(2, (7, 5, 9)), random(layers, (7, 5, 9), 1)
    np.testing.assert_array_equal(run(u, steers, mixed, STEPS[:1]),
                                  one_by_one(u, steers, mixed, STEPS[:1]))


@pytest.mark.parametrize("mixed", [None, np.float32(1)])
@pytest.mark.parametrize("tile, inner", [
    ((1, 6, 2, 7, 3, 9), (2, 5, 3, 6, 4, 8)), ((0, 4, 0, 3, 0, 5), (0, 1, 0, 3, 0, 5)),
    ((3, 8, 5, 9, 1, 11), (3, 8, 5, 9, 10, 11)), ((4, 5, 4, 5, 4, 5), (4, 5, 4, 5, 4, 5))])
def test_a_tile_is_a_volume_of_its_own_and_its_inner_part_is_written(mixed, tile, inner):
    shape = 8, 9, 11
    u, steers = random(1, shape), random(1, shape, 1)
    crop, part = (np.s_[:, a:b, c:d, e:f] for a, b, c, d, e, f in (tile, inner))
    for layers, scales in ((None, STEPS), (steers, STEPS[:1])):
        volume, expected = np.full_like(u, np.nan), np.full_like(u, -7)
        own = None if layers is None else np.ascontiguousarray(layers[crop])
        volume[crop] = one_by_one(np.ascontiguousarray(u[crop]), own, mixed, scales)
        expected[part] = volume[part]
        np.testing.assert_array_equal(run(u, layers, mixed, scales, tile, inner), expected)
