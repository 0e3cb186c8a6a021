"""pdenet.denoise of volumes: better than slice by slice, whatever grey levels, spacing and type."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.measure import block_reduce

import pdenet
from pdenet.estimates import range_of
from pdenet.kernels.workspace import Workspace
from pdenet.network import adjoint

SIGMA = 25.0


def psnr(clean, image):
    return 10 * np.log10(255**2 / np.mean((image - clean)**2))


def phantom(*shape):
    """Two ellipsoids, one of them with waves inside, and a plane; voxels are means of 3 x 3 x 3
    samples."""
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, 3 * size) for size in shape), indexing="ij")
    volume = 60.0 + 40 * (x + y + z > 0.8)
    volume[(x / 0.7)**2 + (y / 0.8)**2 + (z / 0.9)**2 < 1] = 150
    inner = ((x - 0.1) / 0.4)**2 + (y / 0.45)**2 + (z / 0.6)**2 < 1
    volume[inner] = 200 + 30 * np.sin(9 * (x + 0.5 * y + z))[inner]
    return block_reduce(volume, 3, np.mean).astype(np.float32)


def by_slices(volume, sigma, **options):
    return np.stack([pdenet.denoise(plane, sigma, workers=1, **options) for plane in volume])


CLEAN = phantom(16, 26, 30)
NOISY = pdenet.add_noise(CLEAN, SIGMA, 0)


@pytest.fixture(scope="module")
def denoised():
    return pdenet.denoise(NOISY, SIGMA)


def test_slices_help_each_other(denoised):
    alone = by_slices(NOISY, SIGMA)
    assert psnr(CLEAN, denoised) > psnr(CLEAN, alone) + 1 > psnr(CLEAN, NOISY) + 7
    shared = pdenet.denoise(NOISY, SIGMA, shared=True)
    assert psnr(CLEAN, shared) > psnr(CLEAN, alone) + 0.8


@pytest.mark.parametrize("sigma", [5.0, 10.0, 40.0, 80.0])
def test_each_level_of_the_noise(sigma):
    noisy = pdenet.add_noise(CLEAN, sigma, 1)
    assert psnr(CLEAN, pdenet.denoise(noisy, sigma)) > psnr(CLEAN, by_slices(noisy, sigma)) + 0.7


def test_type_shape_and_workers(denoised):
    assert denoised.dtype == np.float32 and denoised.shape == NOISY.shape
    for workers in (1, 3):
        np.testing.assert_array_equal(pdenet.denoise(NOISY, SIGMA, workers=workers), denoised)
    other = pdenet.denoise(NOISY.astype(np.float64), SIGMA)
    assert other.dtype == np.float64
    np.testing.assert_allclose(other, denoised, atol=2e-3)


def test_a_factor_and_an_offset_do_the_same_to_the_result(denoised):
    volume = NOISY.astype(np.float64)
    plain = pdenet.denoise(volume, SIGMA)
    for factor, offset in ((1e-3, 0), (1e4, 0), (1, -500), (257, 1e5)):
        found = pdenet.denoise(factor * volume + offset, factor * SIGMA)
        np.testing.assert_allclose((found - offset) / factor, plain, atol=5e-3)


def test_a_turned_volume_is_turned(denoised):
    for axes in ((0, 1), (0, 2), (1, 2)):
        found = pdenet.denoise(np.rot90(NOISY, axes=axes), SIGMA, data_range=200.0)
        plain = pdenet.denoise(NOISY, SIGMA, data_range=200.0)
        np.testing.assert_allclose(np.rot90(found, -1, axes), plain, atol=2e-3)


def test_without_noise_or_structure():
    np.testing.assert_array_equal(pdenet.denoise(CLEAN, 0), CLEAN)
    flat = np.full((6, 7, 8), 3.25, np.float32)
    np.testing.assert_array_equal(pdenet.denoise(flat), flat)
    one = pdenet.denoise(NOISY[:1], SIGMA, spacing=(1, 1, 1))
    assert psnr(CLEAN[:1], one) > psnr(CLEAN[:1], NOISY[:1]) + 5


# The size of voxels ---------------------------------------------------------------------------


@pytest.mark.parametrize("apart, over_whole, over_slices", [(2, 0.2, 0.4), (3, 0.7, 0.0)])
def test_slices_that_are_farther_apart_help_each_other_less(apart, over_whole, over_slices):
    """On every second and third slice of a volume with details of three voxels."""
    rough = gaussian_filter(np.random.default_rng(0).normal(size=(14 * apart, 26, 30)), 3)
    clean = (100 + 60 * np.tanh(2 * rough / rough.std()))[::apart].astype(np.float32)
    noisy, options = pdenet.add_noise(clean, SIGMA, 0), {"data_range": 130.0}
    found = pdenet.denoise(noisy, SIGMA, spacing=(apart, 1, 1), **options)
    assert psnr(clean, found) > psnr(clean, pdenet.denoise(noisy, SIGMA, **options)) + over_whole
    assert psnr(clean, found) > psnr(clean, by_slices(noisy, SIGMA, **options)) + over_slices
    turned = pdenet.denoise(np.moveaxis(noisy, 0, 1), SIGMA, spacing=(1, apart, 1), **options)
    np.testing.assert_allclose(np.moveaxis(turned, 1, 0), found, atol=2e-3)


def test_slices_far_apart_are_denoised_one_by_one():
    alone = by_slices(NOISY, SIGMA, data_range=200.0)
    found = pdenet.denoise(NOISY, SIGMA, data_range=200.0, spacing=(8, 1, 1))
    np.testing.assert_allclose(found, alone, atol=1e-3)
    for workers in (1, 3):
        np.testing.assert_array_equal(found, pdenet.denoise(
            NOISY, SIGMA, data_range=200.0, spacing=(8, 1, 1), workers=workers))


def test_only_ratios_of_the_spacing_count():
    np.testing.assert_array_equal(pdenet.denoise(NOISY, SIGMA, spacing=(1.5, 0.5, 0.5)),
                                  pdenet.denoise(NOISY, SIGMA, spacing=(3, 1, 1)))


# Noise ----------------------------------------------------------------------------------------


def test_the_level_is_estimated_from_all_slices():
    for sigma in (5.0, 60.0):
        noisy = pdenet.add_noise(CLEAN, sigma, 3)
        assert pdenet.estimate_noise(noisy) == pytest.approx(sigma, rel=0.06)
    levels = pdenet.estimate_noise(np.stack([NOISY, pdenet.add_noise(CLEAN, 10, 1)]),
                                   channel_axis=0, spacing=(1, 1, 1), per_channel=True)
    assert levels == pytest.approx([SIGMA, 10], rel=0.06)
    np.testing.assert_array_equal(pdenet.denoise(NOISY),
                                  pdenet.denoise(NOISY, pdenet.estimate_noise(NOISY)))


def test_magnitudes_of_magnetic_resonance():
    clean = np.maximum(CLEAN - 60, 0)
    model = pdenet.RicianNoise(sigma=SIGMA)
    noisy = model.sample(clean)
    assert pdenet.RicianNoise().estimate(noisy).sigma == pytest.approx(SIGMA, rel=0.1)
    found = pdenet.denoise(noisy, noise=model)
    assert psnr(clean, found) > psnr(clean, pdenet.denoise(noisy, SIGMA)) + 1
    assert psnr(clean, found) > psnr(clean, by_slices(noisy, None, noise=model)) + 1


@pytest.mark.parametrize("model", [pdenet.PoissonNoise(gain=4.0, sigma=2.0),
                                   pdenet.SpeckleNoise(looks=20, floor=1.0)])
def test_other_models_of_noise(model):
    noisy = model.sample(CLEAN).astype(np.float32)
    found = pdenet.denoise(noisy, noise=model)
    assert psnr(CLEAN, found) > psnr(CLEAN, by_slices(noisy, None, noise=model)) + 1


def test_a_level_for_each_voxel():
    levels = np.full(CLEAN.shape, 10.0)
    levels[:, :, 15:] = 40.0
    noisy = CLEAN + levels * pdenet.add_noise(np.zeros(CLEAN.shape), 1, 0)
    found = pdenet.denoise(noisy, levels)
    for one in (10.0, 25.0):
        assert psnr(CLEAN, found) > psnr(CLEAN, pdenet.denoise(noisy, one)) + 0.5
    with pytest.raises(ValueError, match="one for each of the 16 x 26 x 30 pixels; got"):
        pdenet.denoise(noisy, levels[:, :, 1:])


def test_adapting_learns_from_the_volume_itself():
    clean = np.kron(np.random.default_rng(0).integers(0, 2, (5, 5, 5)), np.ones((4, 4, 4))) * 200
    noisy = pdenet.add_noise(clean.astype(np.float32), SIGMA, 0)
    plain, adapted = (pdenet.denoise(noisy, SIGMA, adapt=adapt) for adapt in (False, True))
    assert psnr(clean, adapted) > psnr(clean, plain) + 0.3


# Channels -------------------------------------------------------------------------------------


def test_channels_help_each_other():
    clean = np.stack([CLEAN, 0.7 * CLEAN, 255 - CLEAN], -1)
    noisy = pdenet.add_noise(clean, SIGMA, 0)
    found = pdenet.denoise(noisy, SIGMA, channel_axis=-1)
    apart = np.stack([pdenet.denoise(noisy[..., k], SIGMA) for k in range(3)], -1)
    assert found.shape == clean.shape and psnr(clean, found) > psnr(clean, apart) + 2
    np.testing.assert_array_equal(
        np.moveaxis(found, -1, 1), pdenet.denoise(np.moveaxis(noisy, -1, 1), SIGMA, channel_axis=1))


def test_a_guide_brings_its_edges():
    noisy = pdenet.add_noise(CLEAN, 60.0, 0)
    network = pdenet.denoiser(60.0, guided=True, volumes=True)
    guided = network(np.stack([noisy, CLEAN]), channel_axis=0)
    np.testing.assert_array_equal(guided[1], CLEAN)
    alone = pdenet.denoiser(60.0, volumes=True)(noisy)
    assert psnr(CLEAN, guided[0]) > psnr(CLEAN, alone) + 0.2


# Masks, arrays and the range ------------------------------------------------------------------


def test_voxels_that_are_no_measurement_take_no_part(denoised):
    mask = np.ones(CLEAN.shape, bool)
    mask[:, :6] = mask[4] = False
    options = {"sigma": SIGMA, "data_range": 200.0, "mask": mask}
    for spacing in ((1, 1, 1), (2, 1, 1)):
        found = pdenet.denoise(NOISY, spacing=spacing, **options)
        other = pdenet.denoise(np.where(mask, NOISY, 1e3).astype(np.float32), spacing=spacing,
                               **options)
        np.testing.assert_array_equal(other[mask], found[mask])
        np.testing.assert_array_equal(found[~mask], NOISY[~mask])
        assert psnr(CLEAN[mask], found[mask]) > psnr(CLEAN[mask], NOISY[mask]) + 7
    missing = np.where(mask, NOISY, np.nan)
    np.testing.assert_array_equal(
        pdenet.denoise(missing, SIGMA, data_range=200.0, nan_policy="omit")[mask],
        pdenet.denoise(NOISY, **options)[mask])


def test_arrays_of_dask(denoised):
    dask_array = pytest.importorskip("dask.array")
    lazy = pdenet.denoise(dask_array.from_array(NOISY, chunks=(8, 13, 15)), SIGMA)
    np.testing.assert_array_equal(lazy.compute(), denoised)


def test_all_tiles_and_slices_count_for_the_range():
    image = np.zeros((1, 1100, 1100), np.float32)
    image[:, :300] = 200
    assert range_of(image) == pytest.approx(200, rel=1e-3)
    assert range_of(image[:, ::-1].copy()) == pytest.approx(200, rel=1e-3)
    volume = np.zeros((1, 9, 20, 20), np.float32)
    volume[:, :4] = 200
    assert range_of(volume) == pytest.approx(200, rel=1e-3)


def test_the_range_of_a_scan_with_air_around_it():
    volume = np.zeros((1, 128, 128, 128), np.float32)
    volume[:, 30:98, 30:98, 30:98] = 200
    assert range_of(volume) == pytest.approx(200, rel=1e-3)


# Steps, and what is not allowed ---------------------------------------------------------------


@pytest.mark.parametrize("shared", [False, True])
def test_no_step_makes_the_norm_grow(shared):
    wave = 120 * (-1.0)**np.indices(CLEAN.shape).sum(axis=0)
    for sigma in (2.0, 20.0, 100.0):
        network = pdenet.denoiser(sigma, shared=shared, volumes=True)
        assert np.all(network.parameters["tau"] <= network.tau_max * (1 + 1e-9))
        noise = np.random.default_rng(0).normal(0, sigma, CLEAN.shape)
        for volume in (noise, CLEAN + noise, wave, CLEAN + wave):
            states, result = adjoint.forward(network, volume[np.newaxis], Workspace())
            norms = [np.linalg.norm(u - u.mean()) for u in [u for u, _ in states] + [result]]
            assert np.all(np.diff(norms) <= 1e-9 * norms[0])


@pytest.mark.parametrize("volume, options, error, message", [
    (CLEAN[:3], {}, ValueError, r"may have channels or be a volume: give channel_axis=0, or"),
    (CLEAN, {"spacing": (2, 1)}, ValueError, r"spacing must be \(dz, dy, dx\) for volumes"),
    (CLEAN, {"spacing": 2}, ValueError, "spacing must be two numbers .* got 2"),
    (CLEAN[0], {"spacing": (1, 1, 1)}, ValueError, "image must have 3 dimensions"),
    (CLEAN, {"sigma": [1, 2]}, ValueError, "one for each of the 1 channels"),
    (CLEAN * np.nan, {}, ValueError, "image must be finite")])
def test_what_is_not_allowed(volume, options, error, message):
    with pytest.raises(error, match=message):
        pdenet.denoise(volume, **{"sigma": 5.0} | options)


def test_channels_and_spacing_of_a_denoiser():
    with pytest.raises(ValueError, match="channels must be 1, with volumes; got 3"):
        pdenet.denoiser(5, channels=3, volumes=True)
