"""A noise level for each pixel."""

import numpy as np
import pytest
from skimage import data

import pdenet
from pdenet.noise.varying import denoise_varying

CLEAN = data.camera()[60:188, 180:340].astype(float)
RAMP = np.broadcast_to(np.geomspace(5, 50, 160), CLEAN.shape)
RNG = np.random.default_rng(4)
MAPS = {"ramp": RAMP, "halves": np.where(np.arange(160) < 80, 5.0, 45.0) * np.ones((128, 1)),
        "random": 5 * 8**RNG.random(CLEAN.shape),
        "few": np.where(RNG.random(CLEAN.shape) < 0.1, 80.0, 8.0)}


def psnr(clean, image):
    return 10 * np.log10(255**2 / np.mean((image - clean)**2))


@pytest.mark.parametrize("name, gain", [("ramp", 1.5), ("halves", 2), ("random", 0.5), ("few", 3)])
def test_better_than_one_level_and_than_the_image_over_the_level(name, gain):
    sigma = MAPS[name]
    noisy = pdenet.add_noise(CLEAN, sigma)
    found = psnr(CLEAN, pdenet.denoise(noisy, sigma))
    assert found > psnr(CLEAN, pdenet.denoise(noisy, np.mean(sigma**2)**0.5)) + gain
    assert found > psnr(CLEAN, sigma * pdenet.denoise(noisy / sigma, 1.0)) + 0.3


def test_one_level_everywhere_is_that_level():
    noisy = pdenet.add_noise(CLEAN, 20)
    np.testing.assert_array_equal(pdenet.denoise(noisy, np.full(CLEAN.shape, 20)),
                                  pdenet.denoise(noisy, 20))
    colour = pdenet.add_noise(data.coffee()[:60, :70], 20)
    np.testing.assert_array_equal(pdenet.denoise(colour, np.full((60, 70), 20.0), channel_axis=-1),
                                  pdenet.denoise(colour, 20, channel_axis=-1))


def test_pixels_without_noise_stay_and_dead_ones_are_filled():
    sigma = np.where(np.arange(160) % 16 == 3, 1e4, 0.0) * np.ones((128, 1))
    noisy = pdenet.add_noise(CLEAN, sigma)
    found = pdenet.denoise(noisy, sigma)
    np.testing.assert_array_equal(found[sigma == 0], CLEAN[sigma == 0])
    assert psnr(CLEAN, found) > 30 > 0 > psnr(CLEAN, noisy)
    np.testing.assert_array_equal(pdenet.denoise(CLEAN, np.zeros(CLEAN.shape)), CLEAN)


def test_dead_pixels_leave_their_neighbours_as_they_are():
    sigma = np.full(CLEAN.shape, 20.0)
    alone = psnr(CLEAN, pdenet.denoise(pdenet.add_noise(CLEAN, sigma), sigma))
    sigma[:, 3::16] = 1e4
    assert psnr(CLEAN, pdenet.denoise(pdenet.add_noise(CLEAN, sigma), sigma)) > alone - 1.5


def test_noisier_pixels_are_drawn_to_the_last_result():
    """Two levels: the second denoiser is given noise of its level everywhere."""
    planes, seen = np.array([[[8.0, 100.0]]]), []

    def denoise(planes, level):
        seen.append((level, planes.copy()))
        return np.zeros_like(planes)

    found, _ = denoise_varying(planes, 2.0, np.array([[4.0, 40.0]]), None, denoise)
    (first, given), (second, drawn) = seen
    assert (first, second) == (20.0, pytest.approx(2.0))
    np.testing.assert_array_equal(given, planes)
    np.testing.assert_allclose(drawn, [[[8, 10]]])
    np.testing.assert_array_equal(found, 0 * planes)


@pytest.mark.parametrize("factor", [2.0**-60, 1e20])
def test_a_factor_on_image_and_level(factor):
    noisy = pdenet.add_noise(CLEAN, RAMP)
    np.testing.assert_allclose(pdenet.denoise(factor * noisy, factor * RAMP) / factor,
                               pdenet.denoise(noisy, RAMP), rtol=0, atol=0.01)


def test_workers_and_dask():
    array = pytest.importorskip("dask.array")
    noisy, sigma = pdenet.add_noise(CLEAN, MAPS["halves"]), MAPS["halves"]
    expected = pdenet.denoise(noisy, sigma, workers=1)
    np.testing.assert_array_equal(pdenet.denoise(noisy, sigma, workers=3), expected)
    np.testing.assert_array_equal(
        pdenet.denoise(array.from_array(noisy, chunks=60), sigma).compute(), expected)


@pytest.mark.parametrize("sigma, message", [
    (np.ones((3, 4)), r"one for each of the 128 x 160 pixels; got an array of float64 of shape"),
    (np.ones(CLEAN.shape, dtype=complex), "got an array of complex128"),
    (np.where(RAMP > 40, -1, RAMP), "sigma must hold finite numbers >= 0; got -1"),
    (np.where(RAMP > 40, np.nan, RAMP), "sigma must hold finite numbers >= 0; got nan")])
def test_mistakes(sigma, message):
    with pytest.raises(ValueError, match=message):
        pdenet.denoise(CLEAN, sigma)
