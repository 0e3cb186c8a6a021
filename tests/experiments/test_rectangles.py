"""Rectangles and noise."""

import numpy as np
import pytest

import pdenet


@pytest.mark.parametrize("angle", [0, 30, 90, -45.5, 400])
def test_rectangles_against_a_plain_test_of_points(angle):
    size, samples = 40, 4
    image = pdenet.rectangles(1, angle, size=size, rng=7)[0]
    centres = np.random.default_rng(7).uniform(0, size, (1, 20, 2))[0]
    points = (np.arange(size * samples) + 0.5) / samples
    y, x = np.meshgrid(points, points, indexing="ij")
    inside = np.zeros(y.shape, bool)
    cos, sin = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    for row, column in centres[:]:
        right, up = x - column, row - y
        inside |= ((np.abs(right * cos + up * sin) <= 70)
                   & (np.abs(up * cos - right * sin) <= 35))
    expected = 255 * inside.reshape(size, samples, size, samples).mean((1, 3))
    np.testing.assert_allclose(image, expected, atol=1e-4)


def test_layouts_do_not_depend_on_angle_or_count():
    few, many = pdenet.rectangles(2, 20, size=64, rng=3), pdenet.rectangles(5, 20, size=64, rng=3)
    np.testing.assert_array_equal(few, many[:2])
    zero, right = pdenet.rectangles(3, 0, rng=3), pdenet.rectangles(3, 180, rng=3)
    np.testing.assert_array_equal(zero, right)
    assert not np.array_equal(zero, pdenet.rectangles(3, 0, rng=4))


def test_type_range_and_sampling():
    images = pdenet.rectangles(3, 25)
    assert images.shape == (3, 256, 256) and images.dtype == np.float32
    assert images.min() == 0 and images.max() == 255
    assert set(np.unique(images)) <= {k * 255 / 16 for k in range(17)}
    assert set(np.unique(pdenet.rectangles(3, 25, samples=1))) == {0, 255}
    assert 0.5 < np.mean(images) / 255 < 0.98


def test_noise_is_the_same_for_every_angle():
    one, two = pdenet.rectangles(2, 5, size=50), pdenet.rectangles(2, 60, size=50)
    noise = [pdenet.add_noise(images, 60, rng=3) - images for images in (one, two)]
    np.testing.assert_allclose(noise[0], noise[1], atol=1e-4)
    assert noise[0].dtype == np.float32
    assert noise[0].std() == pytest.approx(60, rel=0.05)
    assert pdenet.add_noise(np.zeros((2, 2), np.uint8), 0).dtype == np.float64


@pytest.mark.parametrize("call, message", [
    (lambda: pdenet.rectangles(-1, 30), "count"), (lambda: pdenet.rectangles(1, np.nan), "angle"),
    (lambda: pdenet.rectangles(1, 3, size=0), "size"),
    (lambda: pdenet.rectangles(1, 3, samples=0), "samples"),
    (lambda: pdenet.add_noise(np.zeros(3), -1), "sigma")])
def test_bad_options(call, message):
    with pytest.raises(ValueError, match=message):
        call()
