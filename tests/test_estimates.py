"""Contrast and time from an image, against a search that sees what the estimate does not."""

import numpy as np
import pytest
from scipy import ndimage
from skimage import data

import pdenet
from pdenet import ScaleSpace, estimates, models
from pdenet.noise.level import levels_of

from .scheme.test_diffusivities import OwnRational

RNG = np.random.default_rng(0)
GREY = RNG.normal(100, 20, (21, 30)) + 80 * (np.arange(30) > 12)
COLOUR = np.stack([GREY, GREY.T.reshape(GREY.shape), 3 * GREY], axis=-1)
FLAT = np.full((9, 8), 7.0)
CAMERA = data.camera()[100:260, 120:280].astype(float)
NAMES = pdenet.NAMES["filters"]


def noisy(clean, sigma, seed=0):
    return clean + np.random.default_rng(seed).normal(0, sigma, clean.shape)


def error(clean, image):
    return np.mean((image - clean)**2)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("image, axis", [(GREY, None), (COLOUR, -1)], ids=["grey", "colour"])
def test_a_filter_takes_what_is_estimated_for_its_name(name, image, axis):
    contrast = pdenet.estimate_contrast(name, image, channel_axis=axis)
    time = pdenet.estimate_time(name, image, channel_axis=axis)
    filter_, network = getattr(pdenet, name), getattr(models, name)(contrast)
    expected = filter_(image, contrast=contrast, time=time, channel_axis=axis)
    np.testing.assert_array_equal(filter_(image, channel_axis=axis), expected)
    np.testing.assert_array_equal(filter_(image, contrast=contrast, channel_axis=axis), expected)
    assert pdenet.estimate_contrast(network, image, channel_axis=axis) == contrast
    assert pdenet.estimate_time(network, image, channel_axis=axis) == time
    other = network.with_parameters({"tau": network.tau / 7, "contrast": 7 * contrast})
    assert pdenet.estimate_contrast(other, image, channel_axis=axis) == contrast


@pytest.mark.parametrize("name", ["perona_malik", "eed", "multiscale", "you_kaveh"])
@pytest.mark.parametrize("sigma", [10, 30])
def test_close_to_the_best_that_an_observer_finds(name, sigma):
    image, model = noisy(CAMERA, sigma), getattr(models, name)
    found = error(CAMERA, getattr(pdenet, name)(image))
    contrast = pdenet.estimate_contrast(name, image)
    best = min(error(CAMERA, model(factor * contrast).evolve(image, time))
               for factor in 2.0**np.arange(-3, 4) for time in estimates._times(model(1.0)))
    assert 10 * np.log10(found / best) < 0.35


def test_the_estimated_error_is_the_error():
    """Of linear diffusion, up to the noise's own energy, which no parameter changes."""
    image = noisy(CAMERA, 20)
    search = estimates.Search(models.perona_malik, image[np.newaxis])
    search.levels = np.array([20.0])
    for time in (0.5, 3.0, 20.0):
        found, _ = search._best(1e6, time)
        exact = error(CAMERA, models.perona_malik(1e6).evolve(image, time))
        assert found / image.size - 400 == pytest.approx(exact, rel=0.1)


def test_channels_count_with_their_own_noise():
    clean = data.astronaut()[100:260, 120:280].astype(float)
    image = clean + np.random.default_rng(0).normal(0, (5, 5, 25), clean.shape)
    search = estimates.Search(models.gerig, np.moveaxis(image, -1, 0))
    np.testing.assert_allclose(search.levels, [5, 5, 25], rtol=0.15)
    found, _ = search._best(1e6, 2.0)
    exact = error(clean, models.gerig(1e6).evolve(image, 2.0, channel_axis=-1))
    assert found / image.size - (25 + 25 + 625) / 3 == pytest.approx(exact, rel=0.1)


def test_noise_has_the_contrast_of_noise():
    noise = np.random.default_rng(0).normal(0, 10, (1, 400, 400))
    for network in (models.perona_malik(1.0), models.multiscale(1.0, sigmas=[0.5, 1, 4]),
                    models.eed(1.0, sigma=2.0), models.you_kaveh(1.0)):
        block, work = network.block, estimates.Workspace()
        trace = block.trace(block.steering_layers(noise, work), work)
        assert 10 * estimates._response(network) == pytest.approx(np.sqrt(trace.mean()), rel=0.03)


@pytest.mark.parametrize("network", [models.perona_malik(1e6), models.you_kaveh(1e6),
                                     models.multiscale(1e6, sigmas=[0.4, 1.0])],
                         ids=["gradient", "laplacian", "scales"])
def test_the_times_leave_shares_of_noise(network):
    noise = np.random.default_rng(0).normal(0, 10, (256, 256))
    times = estimates._times(network)
    assert len(times) > 8 and np.all(np.diff(times) > 0)
    for share, time in list(zip(estimates.SHARES, times[:8], strict=False))[::3]:
        left = network.evolve(noise, time, cycles=30).std() / noise.std()
        assert left == pytest.approx(share, rel=0.1)


def test_the_time_has_an_end_where_noise_never_falls():
    """Frequencies that a large scale has smoothed away are out of its reach."""
    network = models.multiscale(1.0, sigmas=[30.0])
    assert pdenet.estimate_time(network, FLAT) == pytest.approx(1000 * network.tau_max)


def test_the_time_at_a_given_contrast_and_the_contrast_at_a_given_time():
    image, planes = noisy(CAMERA, 20), noisy(CAMERA, 20)[np.newaxis]
    short, long = (estimates.prepare(planes, models.perona_malik, None, time, "exponential")
                   for time in (0.2, 20.0))
    assert short[1] == 0.2 and long[1] == 20
    assert short[0].parameters["contrast"] > 2 * long[0].parameters["contrast"]
    times = [pdenet.estimate_time(models.perona_malik(contrast), image) for contrast in (10, 200)]
    assert times[0] > times[1]


@pytest.mark.parametrize("shape", [(700, 900), (3, 3000), (3000, 3)])
def test_large_and_thin_images_are_estimated_on_tiles_whether_in_memory_or_not(shape):
    clean = np.resize(data.camera(), shape).astype(np.float32)
    image = noisy(clean, 20).astype(np.float32)
    found = pdenet.estimate_contrast("perona_malik", image)
    array = pytest.importorskip("dask.array").from_array(image, chunks=500)
    assert pdenet.estimate_contrast("perona_malik", array) == found
    assert pdenet.estimate_time("perona_malik", array) == pdenet.estimate_time(
        "perona_malik", image)
    assert error(clean, pdenet.perona_malik(image)) < 0.9 * error(clean, image)


def test_the_number_of_threads_has_no_influence():
    image = noisy(CAMERA, 20)
    found = [estimates.prepare(image[np.newaxis], models.eed, None, None, "rational", workers)
             for workers in (1, 2, 5)]
    assert len({(network.parameters["contrast"], time) for network, time in found}) == 1


def test_a_little_more_noise_is_no_jump():
    clean = ndimage.gaussian_filter(CAMERA, 3)
    levels = np.linspace(0, 0.02 * np.ptp(clean), 41)
    found = estimates._with_details(levels, np.ptp(clean))
    assert found[0] == pytest.approx(0.02 * np.ptp(clean)) and found[-1] == levels[-1]
    assert np.abs(np.diff(found)).max() < 0.0015 * np.ptp(clean)


def test_what_is_not_measured_has_no_influence():
    mask = np.ones(CAMERA.shape, bool)
    mask[:40] = False
    image = noisy(CAMERA, 20)
    assert levels_of(image[np.newaxis], mask) == pytest.approx(20, rel=0.1)
    image[:40] = 0
    found, time = estimates.prepare(image[np.newaxis], models.eed, None, None, "exponential",
                                    measured=mask)
    network, alone = estimates.prepare(image[np.newaxis, 40:], models.eed, None, None,
                                       "exponential")
    assert found.parameters["contrast"] == pytest.approx(network.parameters["contrast"], rel=0.5)
    assert time == pytest.approx(alone, rel=1)


def test_an_image_without_edges():
    assert pdenet.estimate_contrast(models.eed(3.0), FLAT) == 1
    assert pdenet.estimate_contrast("perona_malik", np.ones((1, 1), np.float32)) == 1
    assert pdenet.estimate_time("perona_malik", FLAT) == pytest.approx(2.67, abs=0.01)
    for estimate in (pdenet.estimate_contrast, pdenet.estimate_time):
        with pytest.raises(TypeError, match="network must be a DiffusionNetwork; got 5"):
            estimate(5, FLAT)
        with pytest.raises(ValueError, match="network must be one of perona_malik, .*; got 'edd'"):
            estimate("edd", FLAT)
        with pytest.raises(ValueError, match="image must not be empty"):
            estimate(models.eed(3.0), np.ones((0, 4)))


def test_what_is_given_is_not_estimated():
    planes, own = GREY[np.newaxis], OwnRational(4.0)
    for contrast, diffusivity, expected in ((5.0, "rational", 5.0), (None, own, 4.0)):
        network, time = estimates.prepare(planes, models.eed, contrast, 2, diffusivity)
        assert network.parameters["contrast"] == expected and time == 2
        network, time = estimates.prepare(planes, models.eed, contrast, None, diffusivity)
        assert time == pdenet.estimate_time(network, GREY)
    assert network.flux.diffusivity is own
    with pytest.raises(ValueError, match="time must be a finite number >= 0; got -1"):
        estimates.prepare(planes, models.eed, 5.0, -1, "rational")


def test_the_range_is_between_quantiles_of_the_smoothed_image():
    planes = np.stack([GREY, 2 * GREY])
    smooth = np.stack([ndimage.gaussian_filter(plane, 2, mode="reflect") for plane in planes])
    low, high = np.quantile(smooth, [0.001, 0.999])
    assert estimates.range_of(planes) == pytest.approx(high - low, rel=1e-10)
    assert estimates.range_of(FLAT[np.newaxis]) == pytest.approx(0, abs=1e-12)
    assert ScaleSpace([2.0]).reach == 8  # cut where SciPy cuts
