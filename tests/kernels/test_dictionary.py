"""The dictionary's term and its adjoint on planes, against matrices of plain correlations."""

import numpy as np
import pytest
from scipy import ndimage

from pdenet.kernels import dictionary
from pdenet.kernels.workspace import Workspace
from pdenet.scheme import derivatives
from pdenet.scheme.scales import sampled_gaussian

from .. import naive

SHAPES = [(1, 1), (1, 3), (3, 1), (2, 5), (9, 11), (5, 70)]
shapes = pytest.mark.parametrize("shape", SHAPES)
smoothings = pytest.mark.parametrize("sigma", [0.0, 0.6, 1.0])
dtypes = pytest.mark.parametrize("dtype, tolerance", [(np.float32, 2e-5), (np.float64, 1e-13)])
SCALE = -0.3
FACTORS = np.random.default_rng(7).uniform(0.5, 2, (2, 8))


def random(channels, shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).normal(size=(channels, *shape)).astype(dtype)


def filters(plane):
    """The filters of each part, without the factors of their maxima."""
    for part, factor in zip(naive.dictionary_parts(plane), derivatives.FACTORS, strict=True):
        yield [sample / np.sqrt(factor) for sample in part]


def gaussian(sigma):
    half = sampled_gaussian(sigma)[sampled_gaussian(sigma).size // 2:]
    return np.pad(half, (0, 5 - half.size))


def smooth(planes, sigma):
    return np.stack([naive.smooth(plane, sigma) for plane in planes])


def arguments(u, sigma, factors=FACTORS):
    return (derivatives.taps().astype(u.dtype), gaussian(sigma).astype(u.dtype),
            factors.astype(u.dtype))


def memory_of(u, adjoint):
    """A work array full of rubbish."""
    memory = dictionary.scratch_for(u, adjoint, Workspace())
    memory[:] = np.random.default_rng(3).normal(size=memory.size) * 1e3
    return memory


def step(u, sigma, factors=FACTORS, held=None):
    out = np.zeros_like(u)
    dictionary.add_step(u, None, *arguments(u, sigma, factors), held, u.dtype.type(SCALE),
                        memory_of(u, False), out)
    return out


def expected_squares(u):
    parts = [list(filters(plane)) for plane in u.astype(float)]
    return np.array([sum(sample**2 for part in parts for sample in part[g]) for g in range(8)])


def weights(u, sigma):
    squares = expected_squares(u)
    mean = (squares + smooth(squares, sigma)) / 2
    rates, sensitivities = FACTORS[:, :, np.newaxis, np.newaxis]
    return rates / (1 + sensitivities * mean)


@shapes
@dtypes
def test_squares_of_each_part(shape, dtype, tolerance):
    u = random(2, shape, dtype)
    out = np.full((8, *shape), np.nan, dtype)
    dictionary.squares(u, None, derivatives.taps().astype(dtype), memory_of(u, False), out)
    np.testing.assert_allclose(out, expected_squares(u), rtol=0, atol=50 * tolerance)


@shapes
@smoothings
@dtypes
@pytest.mark.parametrize("channels", [1, 2])
def test_the_term_is_added(shape, sigma, dtype, tolerance, channels):
    u, out = random(channels, shape, dtype), random(channels, shape, dtype, 1)
    before, start = u.copy(), out.astype(float)
    dictionary.add_step(u, None, *arguments(u, sigma), None, dtype(SCALE), memory_of(u, False), out)
    each = weights(u, sigma)
    expected = start.copy()
    for g in range(8):
        matrix = naive.matrix(lambda v, g=g: list(filters(v))[g], shape)
        for plane, target in zip(u.astype(float), expected, strict=True):
            samples = list(filters(plane))[g]
            flux = np.concatenate([(each[g] * sample).ravel() for sample in samples])
            target += SCALE * (matrix.T @ flux).reshape(shape)
    np.testing.assert_allclose(out, expected, rtol=0, atol=20 * tolerance)
    np.testing.assert_array_equal(u, before)


@shapes
@smoothings
def test_weights_may_be_held(shape, sigma):
    u = random(2, shape)
    np.testing.assert_allclose(step(u, sigma, held=weights(u, sigma)), step(u, sigma), atol=1e-12)
    other = random(1, shape, seed=5)
    assert np.abs(step(other, sigma, held=weights(3 * u, sigma))).sum() <= np.abs(
        step(1e-6 * other, sigma)).sum() * 1e6 + 1e-12


@shapes
@dtypes
def test_a_constant_is_left_as_it_is_bit_for_bit(shape, dtype, tolerance):
    assert not step(np.full((2, *shape), 0.1, dtype), 1.0).any()


@shapes
@smoothings
@pytest.mark.parametrize("channels", [1, 2])
def test_the_adjoint_and_both_sums(shape, sigma, channels):
    u, z, direction = (random(channels, shape, seed=seed) for seed in range(3))
    out, sums = random(channels, shape, seed=4), np.full((2, 8), np.nan)
    before = out.copy()
    dictionary.add_adjoint(u, z, None, *arguments(u, sigma), SCALE, sums, memory_of(u, True), out)

    def slope(move, factors=0 * FACTORS, h=1e-5):
        ends = [np.sum(z * step(u + s * h * move, sigma, FACTORS + s * h * factors))
                for s in (1, -1)]
        return (ends[0] - ends[1]) / (2 * h)

    assert np.sum((out - before) * direction) == pytest.approx(slope(direction), rel=1e-6, abs=1e-8)
    rates = FACTORS[0]
    for g in range(8):
        unit = np.zeros((2, 8))
        unit[0, g] = 1
        assert SCALE * sums[0, g] == pytest.approx(slope(0, unit), rel=1e-6, abs=1e-8)
        assert -SCALE * rates[g] * sums[1, g] == pytest.approx(slope(0, unit[::-1]), rel=1e-6,
                                                               abs=1e-8)


@pytest.mark.parametrize("shape", [(9, 11), (40, 70)])
def test_the_adjoint_in_float32_follows_float64(shape):
    found = []
    for dtype in (np.float64, np.float32):
        u, z = random(2, shape, dtype), random(2, shape, dtype, 1)
        out, sums = np.zeros_like(u), np.empty((2, 8))
        dictionary.add_adjoint(u, z, None, *arguments(u, 1.0), dtype(SCALE), sums,
                               memory_of(u, True), out)
        found.append((out, sums))
    np.testing.assert_allclose(found[1][0], found[0][0], rtol=0, atol=1e-4)
    np.testing.assert_allclose(found[1][1], found[0][1], rtol=1e-5, atol=2e-5)


def test_the_gaussian_in_the_weights_is_scipys():
    plane = random(1, (20, 30))[0]
    full = sampled_gaussian(1.0)
    np.testing.assert_allclose(ndimage.correlate1d(ndimage.correlate1d(
        plane, full, 0, mode="reflect"), full, 1, mode="reflect"), naive.smooth(plane, 1.0))
