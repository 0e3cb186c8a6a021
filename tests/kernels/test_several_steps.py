"""Several steps in one pass over a tile, against plain steps one after the other."""

import numpy as np
import pytest

from pdenet.kernels import laws
from pdenet.kernels.cell_formulas import Stencil
from pdenet.kernels.laws import Law
from pdenet.kernels.planes import Source
from pdenet.kernels.several_steps import explicit_steps

from .. import naive

ALPHA, GAMMA = 0.2, 0.5
STEPS = np.array([-0.1, -0.2, -0.05, -0.15])
STRENGTH = np.array([0.7, 1.6, 0.4])
SHAPES = [(1, 1), (1, 6), (5, 1), (2, 2), (7, 5), (4, 40)]


def g(x):
    return 1 / (1 + 0.3 * x)


def plain_steps(u, steers, strength, mixed, scales):
    """u_m += scale K' M(D) K u_m for each scale, by the published weights."""
    for scale in scales:
        J = naive.structure(u if steers is None else steers, strength, ALPHA)
        if mixed is None:
            d = naive.tensor("isotropic", g, J)
        else:
            J[..., 0, 1] *= mixed
            J[..., 1, 0] *= mixed
            d = naive.matrix_function(g, J)
        u = np.stack([plane - scale * naive.divergence(d, plane, ALPHA, GAMMA) for plane in u])
    return u


def run(u, steers, mixed, scales, tile=None, inner=None):
    number, shape = u.dtype.type, u.shape[1:]
    count = len(u) if steers is None else len(steers)
    source = Source(u[:0] if steers is None else steers, STRENGTH[:count].astype(u.dtype),
                    Law(laws.RATIONAL, number(0.3)))
    out = np.full_like(u, -7)
    whole = (0, shape[0], 0, shape[1])
    explicit_steps(u, None, source, None if mixed is None else number(mixed),
                   Stencil(number(2 * (1 - 2 * ALPHA)), number(GAMMA),
                           number(2 * (1 - 2 * ALPHA))), scales.astype(u.dtype),
                   tile or whole, inner or whole, out)
    return out


def random(count, shape, seed=0):
    return np.random.default_rng(seed).normal(0, 2, (count, *shape))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("mixed", [None, 0.0, 1.0])
@pytest.mark.parametrize("steps", [1, 4])
def test_steps_one_after_the_other(shape, channels, mixed, steps):
    u, scales = random(channels, shape), STEPS[:steps]
    expected = plain_steps(u, None, STRENGTH[:channels], mixed, scales)
    np.testing.assert_allclose(run(u, None, mixed, scales), expected, rtol=0, atol=1e-13)
    single = run(u.astype(np.float32), None, mixed, scales)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("mixed", [None, 1.0])
@pytest.mark.parametrize("layers", [1, 3])
def test_a_step_steered_by_other_layers(shape, mixed, layers):
    u, steers = random(2, shape), random(layers, shape, 1)
    expected = plain_steps(u, steers, STRENGTH[:layers], mixed, STEPS[:1])
    np.testing.assert_allclose(run(u, steers, mixed, STEPS[:1]), expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("mixed", [None, 1.0])
@pytest.mark.parametrize("tile, inner", [((2, 7, 3, 9), (3, 6, 4, 8)), ((0, 4, 0, 5), (0, 1, 0, 5)),
                                         ((5, 9, 1, 11), (5, 9, 10, 11)),
                                         ((4, 5, 4, 5), (4, 5, 4, 5))])
def test_a_tile_is_an_image_of_its_own_and_its_inner_part_is_written(mixed, tile, inner):
    u, steers = random(1, (9, 11)), random(1, (9, 11), 1)
    crop, part = (np.s_[:, a:b, c:d] for a, b, c, d in (tile, inner))
    for layers, scales in ((None, STEPS), (steers, STEPS[:1])):
        expected = np.full_like(u, -7)
        image = np.full_like(u, np.nan)
        image[crop] = plain_steps(u[crop], None if layers is None else layers[crop], STRENGTH[:1],
                                  mixed, scales)
        expected[part] = image[part]
        np.testing.assert_allclose(run(u, layers, mixed, scales, tile, inner), expected, rtol=0,
                                   atol=1e-13)
