"""Smoothing by any symmetric taps: factors, adding, the adjoint, work arrays full of rubbish."""

import numpy as np
import pytest

from pdenet.kernels import gaussian
from pdenet.kernels.workspace import Workspace

SHAPES = [(1, 1), (1, 3), (3, 1), (2, 5), (5, 2), (17, 6), (4, 33)]
RADII = [0, 1, 4]
shapes = pytest.mark.parametrize("shape", SHAPES)
dtypes = pytest.mark.parametrize("dtype, tolerance", [(np.float32, 2e-6), (np.float64, 1e-14)])
adding = pytest.mark.parametrize("add", [False, True])


def random(shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def taps(radii):
    """From the centre to one side; what lies beyond a radius must not be used."""
    found = np.random.default_rng(7).uniform(0.1, 0.5, (len(radii), max(radii) + 1))
    for row, radius in zip(found, radii, strict=True):
        row[radius + 1:] = np.nan
    return found


def smoothed(v, half):
    """Along both axes, pixel by pixel, of the image mirrored as often as is needed."""
    for axis in range(2):
        size, total = v.shape[axis], half[0] * v
        for k in range(1, len(half)):
            for place in (-k, k):
                index = (np.arange(size) + place) % (2 * size)
                mirrored = np.where(index < size, index, 2 * size - 1 - index)
                total = total + half[k] * np.take(v, mirrored, axis=axis)
        v = total
    return v


def run(v, radii, scales, add, out, parity=gaussian.PIXELS, balance=None):
    """In work arrays that hold NaN, as what an earlier call has left must not matter."""
    scratch = gaussian.scratch_for(v, out, max(radii), Workspace())
    for array in scratch:
        array[:] = np.nan
    strips = (None, None) if balance is None else [
        planes.reshape(-1) for planes in gaussian.in_strips(*balance)]
    gaussian.smooth(v, taps(radii).astype(v.dtype), np.array(radii),
                    np.array(scales, v.dtype), *strips, add, parity, scratch, out)
    return out


@shapes
@dtypes
@adding
@pytest.mark.parametrize("radii", [RADII[1:2], RADII[2:], RADII[::-1], RADII])
def test_one_plane_to_several_scales(shape, dtype, tolerance, add, radii):
    v, scales = random((1, *shape), dtype), [0.5, -2.0, 1.5][:len(radii)]
    out = random((len(radii), *shape), dtype, 1)
    expected = [add * plane + factor * smoothed(v[0].astype(float), half[:radius + 1])
                for plane, factor, radius, half in zip(out, scales, radii, taps(radii),
                                                       strict=True)]
    before = v.copy()
    found = run(v, radii, scales, add, out)
    np.testing.assert_allclose(found, expected, rtol=0, atol=50 * tolerance)
    np.testing.assert_array_equal(v, before)


@shapes
@dtypes
def test_several_planes_add_up_in_one(shape, dtype, tolerance):
    v, scales, out = random((3, *shape), dtype), [0.5, -2.0, 1.5], random((1, *shape), dtype, 1)
    expected = out[0] + sum(factor * smoothed(plane.astype(float), half[:radius + 1])
                            for plane, factor, radius, half in zip(v, scales, RADII, taps(RADII),
                                                                   strict=True))
    found = run(v, RADII, scales, True, out)
    np.testing.assert_allclose(found[0], expected, rtol=0, atol=50 * tolerance)


@shapes
@dtypes
@adding
def test_planes_that_balance(shape, dtype, tolerance, add):
    """a_n G_n b_n for several scales of one plane, and its adjoint."""
    v, a, b = random((1, *shape), dtype), *random((2, 3, *shape), dtype, 2)
    scales, halves = [0.5, -2.0, 1.5], [half[:radius + 1] for half, radius in zip(
        taps(RADII), RADII, strict=True)]
    out = random((3, *shape), dtype, 1)
    expected = [add * plane + factor * after * smoothed(before * v[0].astype(float), half)
                for plane, factor, before, after, half in zip(out, scales, b, a, halves,
                                                              strict=True)]
    found = run(v, RADII, scales, add, out.copy(), balance=(b, a))
    np.testing.assert_allclose(found, expected, rtol=0, atol=50 * tolerance)
    total = run(out, RADII, scales, True, v.copy(), balance=(a, b))
    expected = v[0] + sum(factor * before * smoothed(after * plane.astype(float), half)
                          for plane, factor, before, after, half in zip(out, scales, b, a, halves,
                                                                        strict=True))
    np.testing.assert_allclose(total[0], expected, rtol=0, atol=50 * tolerance)


def test_an_image_continues_mirrored_with_twice_its_period():
    for size in (1, 2, 5):
        expected = np.pad(np.arange(size), 12, mode="symmetric")
        found = [gaussian.mirrored(i, size, gaussian.PIXELS) for i in range(-12, size + 12)]
        assert found == [(value, 1) for value in expected]


@pytest.mark.parametrize("parity", [gaussian.EVEN, gaussian.ODD])
def test_cells_continue_mirrored_about_the_first_and_the_last(parity):
    for size in (2, 5):
        places = np.arange(-12, size + 12)
        expected = np.pad(np.arange(size), 12, mode="reflect")
        wave = np.sin(np.pi * places / (size - 1))  # odd about both
        for i, value, w in zip(places, expected, wave, strict=True):
            source, sign = gaussian.mirrored(i, size, parity)
            assert source == value
            if parity == gaussian.ODD:
                assert w == pytest.approx(sign * np.sin(np.pi * source / (size - 1)), abs=1e-12)
            else:
                assert sign == 1


@dtypes
@pytest.mark.parametrize("parity", [gaussian.EVEN, gaussian.ODD])
def test_cells_are_smoothed_as_within_what_they_are_mirrored_to(parity, dtype, tolerance):
    v = random((1, 6, 9), dtype)
    if parity == gaussian.ODD:  # it vanishes where its sign changes
        v[:, [0, -1]], v[:, :, [0, -1]] = 0, 0
    wide = np.pad(v, ((0, 0), (5, 5), (8, 8)), mode="reflect",
                  **({"reflect_type": "odd"} if parity == gaussian.ODD else {}))
    found = run(v, [3], [1.0], False, np.empty_like(v), parity)
    expected = run(wide, [3], [1.0], False, np.empty_like(wide))[:, 5:-5, 8:-8]
    np.testing.assert_allclose(found, expected, rtol=0, atol=50 * tolerance)


@dtypes
def test_a_row_smooths_as_it_does_within_a_larger_image(dtype, tolerance):
    """Whichever lane or block of four it stands in, bit for bit."""
    row = random((1, 1, 70), dtype)
    alone = run(row, [3], [1.0], False, np.empty_like(row))
    for rows in (2, 33):
        tall = np.repeat(row, rows, axis=1)
        many = run(tall, [3], [1.0], False, np.empty_like(tall))[0]
        assert (many == many[0]).all()
        np.testing.assert_allclose(many[0], alone[0, 0], rtol=0, atol=20 * tolerance)
