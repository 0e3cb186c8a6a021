"""The noise level of images that have much else in them, and little, and what is no measurement."""

import numpy as np
import pytest
from skimage import data

import pdenet
from pdenet.noise import level

SIGMA = 20.0
CAMERA = data.camera().astype(float)
Y, X = np.mgrid[:512, :512]


def noisy(clean, sigma=SIGMA, seed=0):
    return clean + np.random.default_rng(seed).normal(0, sigma, np.shape(clean))


@pytest.mark.parametrize("sigma", [5, 20, 60])
@pytest.mark.parametrize("name, worst", [("camera", 0.04), ("brick", 0.04), ("grass", 0.25),
                                         ("gravel", 0.12), ("coins", 0.06), ("page", 0.12)])
def test_photographs_and_textures(name, worst, sigma):
    clean = getattr(data, name)().astype(float)
    assert pdenet.estimate_noise(noisy(clean, sigma)) == pytest.approx(sigma, rel=worst)


def test_photographs_without_noise_have_little():
    found = [pdenet.estimate_noise(getattr(data, name)())
             for name in ("camera", "coins", "moon", "page", "brick", "clock", "text")]
    assert max(found) < 1.5


@pytest.mark.parametrize("radius", [120, 200, 240])
@pytest.mark.parametrize("outside", ["below", "mean"])
def test_padding_does_not_decide(radius, outside):
    inside = (Y - 256)**2 + (X - 256)**2 < radius**2
    value = -1024 if outside == "below" else CAMERA[inside].mean()
    image = np.where(inside, noisy(CAMERA), value)
    assert pdenet.estimate_noise(image) == pytest.approx(SIGMA, rel=0.05)


@pytest.mark.parametrize("gain, offset, upper, lower", [
    (3, 0, 255, 0), (1, -100, 255, 0), (2.5, -150, 255, 0), (1, 0, 60, -1000)],
    ids=["overexposed", "underexposed", "both", "saturated half"])
def test_clipped_grey_values_do_not_decide(gain, offset, upper, lower):
    image = np.clip(np.rint(noisy(gain * CAMERA + offset, 10)), lower, upper)
    assert np.mean((image == upper) | (image == lower)) > 0.3
    assert pdenet.estimate_noise(image) == pytest.approx(10, rel=0.12)


@pytest.mark.parametrize("sigma, radius", [(40, 60), (30, 60), (20, 40)])
def test_padding_and_clipping_of_colour_do_not_decide(sigma, radius):
    inside = ((Y - 256)**2 + (X - 256)**2 < radius**2)[128:384, 128:384]
    clean = data.coffee()[:256, :256].astype(float)
    image = np.clip(np.rint(np.where(inside[..., None], noisy(clean, sigma), 0)), 0, 255)
    found = pdenet.estimate_noise(image.astype(np.uint8), channel_axis=-1, per_channel=True)
    np.testing.assert_allclose(found, (image - clean)[inside].std(axis=0), rtol=0.2)


@pytest.mark.parametrize("sigma", [0.05, 0.2])
def test_noise_of_a_mask_that_is_clipped_at_both_ends(sigma):
    clean = (~data.horse())[:256, :256].astype(float)
    found = pdenet.estimate_noise(np.clip(noisy(clean, sigma), 0, 1))
    assert 0.4 * sigma < found < sigma


def test_bars_of_one_value_do_not_decide():
    image = noisy(CAMERA)
    image[:, :180], image[:, 400:], image[:90] = 0, 255, 128
    assert pdenet.estimate_noise(image) == pytest.approx(SIGMA, rel=0.05)


DRAWINGS = {
    "mask": data.horse() * 255.0,
    "disc": np.where((Y - 256)**2 + (X - 256)**2 < 150**2, 200.0, 20.0),
    "checkerboard": (X // 16 + Y // 16) % 2 * 255.0,
    "edge": (X > 256) * 255.0,
    "ramp": X * 1.0,
    "threshold": (data.page() > 120) * 255.0,
    "constant": np.full((64, 64), 7.0),
    "four values": data.camera() // 64 * 64.0}


@pytest.mark.parametrize("name", DRAWINGS)
def test_drawings_have_no_noise(name):
    assert pdenet.estimate_noise(DRAWINGS[name]) < 1e-6
    np.testing.assert_array_equal(pdenet.denoise(DRAWINGS[name]), DRAWINGS[name])


@pytest.mark.parametrize("mean", [0.01, 0.2, 1.0, 5.0])
def test_counts_have_the_square_root_of_their_mean(mean):
    image = np.random.default_rng(0).poisson(mean, (256, 256))
    assert pdenet.estimate_noise(image) == pytest.approx(mean**0.5, rel=0.05)


@pytest.mark.parametrize("shape", [(1, 30), (30, 1), (5, 5), (2, 50), (7, 7), (16, 16), (24, 24),
                                   (40, 40), (1, 2000), (3, 1000)])
def test_small_and_thin_images(shape):
    found = [pdenet.estimate_noise(noisy(np.full(shape, 100.0), SIGMA, seed)) for seed in range(30)]
    assert np.mean(found) == pytest.approx(SIGMA, rel=0.15)


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (2, 2)])
def test_where_there_are_no_three_pixels_in_a_row_it_is_zero(shape):
    assert pdenet.estimate_noise(noisy(np.zeros(shape))) == 0


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_factors_and_offsets(dtype):
    image = np.clip(noisy(CAMERA[:128, :128]), 0, 255).astype(dtype)
    expected = pdenet.estimate_noise(image)
    for factor, offset in ((1, 1000), (3, 0), (-1, 0), (1e-3, 0), (0.25, -7)):
        changed = factor * image.astype(float) + offset
        assert pdenet.estimate_noise(changed) == pytest.approx(abs(factor) * expected, rel=1e-9)


def test_the_image_may_be_turned():
    image = noisy(CAMERA[:200, :300])
    expected = pdenet.estimate_noise(image)
    for turned in (image.T, image[::-1], np.rot90(image)):
        assert pdenet.estimate_noise(turned) == pytest.approx(expected, rel=0.02)


def test_each_channel_or_their_mean():
    clean = data.astronaut().astype(float)
    image = noisy(clean, np.array([5.0, 10.0, 30.0]))
    each = pdenet.estimate_noise(image, channel_axis=-1, per_channel=True)
    np.testing.assert_allclose(each, [5, 10, 30], rtol=0.06)
    assert pdenet.estimate_noise(image, channel_axis=-1) == each.mean()
    np.testing.assert_array_equal(
        pdenet.estimate_noise(np.moveaxis(image, -1, 0), channel_axis=0, per_channel=True), each)
    np.testing.assert_array_equal(
        [pdenet.estimate_noise(image[..., k]) for k in range(3)], each)
    assert pdenet.estimate_noise(image[..., 0], per_channel=True).shape == (1,)


def test_what_is_not_measured_has_no_influence():
    mask = (Y - 256)**2 + (X - 256)**2 < 220**2
    image = noisy(CAMERA)
    expected = level.levels_of(np.where(mask, image, 0)[np.newaxis], mask)
    for value in (np.nan, 1e300, np.random.default_rng(1).normal(0, 500, image.shape)):
        found = level.levels_of(np.where(mask, image, value)[np.newaxis], mask)
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert expected == pytest.approx(SIGMA, rel=0.05)


def test_a_large_image_is_estimated_on_tiles_whether_in_memory_or_not():
    image = noisy(np.tile(CAMERA, (3, 3))).astype(np.float32)
    found = pdenet.estimate_noise(image)
    assert found == pytest.approx(SIGMA, rel=0.05)
    array = pytest.importorskip("dask.array")
    assert pdenet.estimate_noise(array.from_array(image, chunks=500)) == found


def test_the_limit_of_the_texture_is_a_quantile_of_that_of_noise():
    patches = np.random.default_rng(0).normal(size=(20000, 7, 7))
    texture = (np.sum(((patches[:, :, 2:] - patches[:, :, :-2]) / 2)**2, axis=(1, 2))
               + np.sum(((patches[:, 2:] - patches[:, :-2]) / 2)**2, axis=(1, 2)))
    limit = level._texture_of_noise(7, 7)
    assert 0.95 < np.mean(texture <= limit) < 0.999
    one = patches[0]
    assert level._texture(one, (7, 7)) == pytest.approx(texture[:1], rel=1e-12)


def test_errors():
    with pytest.raises(ValueError, match="image must be finite; 1 of its values"):
        pdenet.estimate_noise([[1.0, np.nan]])
    with pytest.raises(TypeError, match="masked array"):
        pdenet.estimate_noise(np.ma.ones((4, 4)))
    with pytest.raises(ValueError, match="give channel_axis=-1, or spacing"):
        pdenet.estimate_noise(np.ones((8, 8, 3)))
