"""Models of noise: their laws, their transforms and the exact unbiased inverses, in denoise."""

import numpy as np
import pytest
from scipy import integrate, stats
from skimage import data

import pdenet
from pdenet.noise import model as noise_model

CAMERA = data.camera()[60:188, 180:308].astype(float) + 1
MODELS = [pdenet.PoissonNoise(8, 4), pdenet.PoissonNoise(20, 0), pdenet.PoissonNoise(3, 2, 50),
          pdenet.PoissonNoise(0, 12), pdenet.SpeckleNoise(6, floor=0.1),
          pdenet.SpeckleNoise(3, True, 0.1), pdenet.RicianNoise(15)]
BLANK = [pdenet.PoissonNoise(), pdenet.SpeckleNoise(), pdenet.SpeckleNoise(amplitude=True),
         pdenet.RicianNoise()]


def psnr(clean, image):
    return 10 * np.log10(255**2 / np.mean((image - clean)**2))


def blank(model):
    return type(model)(**({"amplitude": model.amplitude} if hasattr(model, "amplitude") else {}))


# E f(z) -> x, over laws of scipy.stats ---------------------------------------------------------


@pytest.mark.parametrize("sigma", [0.0, 0.1, 0.3, 0.7, 2.0, 6.0])
@pytest.mark.parametrize("gain, offset", [(1.0, 0.0), (5.0, 30.0)])
def test_the_inverse_for_counts_with_camera_noise_is_unbiased(sigma, gain, offset):
    model = pdenet.PoissonNoise(gain, gain * sigma, offset)
    nodes = np.linspace(-8, 8, 4001) if sigma else np.zeros(1)
    weights = stats.norm.pdf(nodes) / stats.norm.pdf(nodes).sum()
    for counts in (0.0, 0.03, 0.2, 0.8, 2.0, 7.0, 60.0, 350.0, 450.0, 3000.0):
        spread = 12 * counts**0.5 + 20
        n = np.arange(max(0, int(counts - spread)), int(counts + spread))
        z = gain * (n[:, np.newaxis] + sigma * nodes) + offset
        mean = stats.poisson.pmf(n, counts) @ (model.stabilise(z) @ weights)
        assert model.restore(mean) == pytest.approx(gain * counts + offset, abs=2e-4 * gain)


@pytest.mark.parametrize("amplitude", [False, True])
@pytest.mark.parametrize("looks", [0.7, 1, 4, 30])
def test_the_inverse_for_speckle_is_unbiased_and_its_noise_has_unit_level(looks, amplitude):
    model, x = pdenet.SpeckleNoise(looks, amplitude, 1e-30), 40.0

    def moment(power):
        def integrand(logarithm):
            factor = np.exp(logarithm)
            z = x * (factor**0.5 if amplitude else factor)
            return model.stabilise(z)**power * factor * stats.gamma.pdf(
                factor, looks, scale=1 / looks)
        return integrate.quad(integrand, -40 / looks, 6, limit=400, points=[0])[0]

    mean, square = moment(1), moment(2)
    assert model.restore(mean) == pytest.approx(x, rel=1e-6)
    assert square - mean**2 == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize("sigma", [1.0, 12.0])
def test_the_inverse_for_magnitudes_is_unbiased(sigma):
    model = pdenet.RicianNoise(sigma)
    for ratio in (0.05, 0.3, 0.8, 1.5, 2.5, 5.0, 12.0, 19.0, 25.0):
        law = stats.rice(ratio, scale=sigma)
        low, high = law.ppf([1e-14, 1 - 1e-14])
        z = np.linspace(low, high, 20001)
        weights = law.pdf(z) / law.pdf(z).sum()
        values = model.stabilise(z)
        mean = weights @ values
        assert model.restore(mean) == pytest.approx(sigma * ratio, rel=2e-4, abs=2e-3 * sigma)
        assert 0.88 < (weights @ values**2 - mean**2)**0.5 < 1.07


def test_noise_of_counts_has_unit_level_where_there_are_some():
    for counts in (2.0, 5.0, 40.0):
        z = pdenet.PoissonNoise(3, 1, 10).sample(np.full(200000, 10 + 3 * counts))
        level = pdenet.PoissonNoise(3, 1, 10).stabilise(z).std()
        assert level == pytest.approx(1, abs=0.07)


# Laws ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("model, law", [
    (pdenet.PoissonNoise(1, 0), stats.poisson(30)),
    (pdenet.SpeckleNoise(3, floor=1), stats.gamma(3, scale=10)),
    (pdenet.SpeckleNoise(1, True, 1), stats.rayleigh(scale=30 / 2**0.5)),
    (pdenet.RicianNoise(20), stats.rice(1.5, scale=20))])
def test_samples_have_the_law(model, law):
    z = model.sample(np.full(200000, 30.0), rng=3)
    assert z.mean() == pytest.approx(law.mean(), rel=0.01)
    assert z.std() == pytest.approx(law.std(), rel=0.01)
    assert np.quantile(z, 0.1) == pytest.approx(law.ppf(0.1), rel=0.02)


def test_add_noise_takes_models_and_levels_of_each_pixel():
    clean = np.full((4, 30, 40), 50.0)
    np.testing.assert_array_equal(pdenet.add_noise(clean, MODELS[0], 5), MODELS[0].sample(clean, 5))
    sigma = np.linspace(0, 3, 40) * np.ones((30, 1))
    white = pdenet.add_noise(clean, 1.0, 5) - clean
    np.testing.assert_allclose(pdenet.add_noise(clean, sigma, 5), clean + sigma * white, atol=1e-12)
    with pytest.raises(ValueError, match=r"sigma must be a number, or hold one for each of the 4 x "
                                         r"30 x 40 pixels; got an array of float64 of shape \(3,"):
        pdenet.add_noise(clean, np.ones((3, 40)))


# Estimates ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["camera", "coins", "cell", "page"])
@pytest.mark.parametrize("gain, sigma, offset", [(2, 0, 0), (8, 10, 0), (40, 0, 0), (8, 10, 200)])
def test_the_line_of_counts(name, gain, sigma, offset):
    clean = getattr(data, name)().astype(float) + offset
    noisy = pdenet.PoissonNoise(gain, sigma, offset).sample(clean)
    found = pdenet.PoissonNoise().estimate(noisy)
    assert found.gain == pytest.approx(gain, rel=0.15)
    # Where the mean is, the variance is right, whatever is gain and what is offset.
    mean = clean.mean()
    variance = found.gain * (mean - found.offset) + found.sigma**2
    assert variance == pytest.approx(gain * (mean - offset) + sigma**2, rel=0.1)
    known = pdenet.PoissonNoise(offset=offset).estimate(noisy)
    assert known.offset == offset and known.gain == pytest.approx(gain, rel=0.15)
    one = pdenet.PoissonNoise(sigma=sigma, offset=offset).estimate(noisy)
    assert one.sigma == sigma and one.gain == pytest.approx(gain, rel=0.1)


@pytest.mark.parametrize("gain", [300, 800, 2000])
def test_sparse_counts(gain):
    noisy = pdenet.PoissonNoise(gain, 0).sample(data.camera())
    assert np.mean(noisy == 0) > 0.5
    found = pdenet.PoissonNoise().estimate(noisy)
    assert found.gain == pytest.approx(gain, rel=0.1) and found.sigma < 0.2 * gain


@pytest.mark.parametrize("name", ["camera", "cell", "page", "brick"])
@pytest.mark.parametrize("looks", [1, 3, 20])
def test_looks(name, looks):
    clean = getattr(data, name)() + 1.0
    for amplitude in (False, True):
        noisy = pdenet.SpeckleNoise(looks, amplitude, 1).sample(clean)
        found = pdenet.SpeckleNoise(amplitude=amplitude).estimate(noisy)
        assert found.looks == pytest.approx(looks, rel=0.1)


@pytest.mark.parametrize("name", ["camera", "cell", "page", "brick"])
@pytest.mark.parametrize("sigma", [10, 40, 120])
def test_the_level_of_magnitudes_also_where_there_is_background_alone(name, sigma):
    clean = getattr(data, name)().astype(float)
    assert pdenet.RicianNoise().estimate(pdenet.RicianNoise(sigma).sample(clean)).sigma == \
        pytest.approx(sigma, rel=0.06)
    clean[:, :300] = 0
    assert pdenet.RicianNoise().estimate(pdenet.RicianNoise(sigma).sample(clean)).sigma == \
        pytest.approx(sigma, rel=0.08)
    background = pdenet.RicianNoise(sigma).sample(np.zeros((128, 128)))
    assert pdenet.RicianNoise().estimate(background).sigma == pytest.approx(sigma, rel=0.12)


def test_numbers_that_are_given_stay():
    noisy = pdenet.PoissonNoise(8, 4).sample(CAMERA)
    for model in (pdenet.PoissonNoise(8, 4, 1), pdenet.SpeckleNoise(2.0, False, 0.5),
                  pdenet.RicianNoise(3.0)):
        assert model.estimate(abs(noisy)) == model
    found = pdenet.PoissonNoise(gain=8).estimate(noisy)
    assert found.gain == 8 and found.offset is not None and found.sigma is not None


def test_channels_are_estimated_each_by_itself():
    image = np.stack([pdenet.RicianNoise(level).sample(CAMERA) for level in (5, 20, 40)], -1)
    found = pdenet.RicianNoise().estimate(image, channel_axis=-1)
    assert found == [pdenet.RicianNoise().estimate(image[..., k]) for k in range(3)]
    result = pdenet.denoise(image, noise=pdenet.RicianNoise(), channel_axis=-1)
    np.testing.assert_array_equal(result, pdenet.denoise(image, noise=found, channel_axis=-1))


# In denoise -------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_better_than_to_take_noise_for_white(model):
    noisy = model.sample(CAMERA)
    white, given, found = (psnr(CAMERA, image) for image in (
        pdenet.denoise(noisy), pdenet.denoise(noisy, noise=model),
        pdenet.denoise(noisy, noise=blank(model))))
    least = -0.1 if getattr(model, "gain", 1) == 0 else 0.1
    assert given > white + least and found > given - 0.5


@pytest.mark.parametrize("model", [
    pdenet.PoissonNoise(50, 0), pdenet.PoissonNoise(8, 20, 100), pdenet.SpeckleNoise(1, floor=1e-3),
    pdenet.SpeckleNoise(2, True, 1e-3), pdenet.RicianNoise(60)], ids=str)
def test_constants_come_back_unbiased(model):
    """The bias without the exact inverse is that of the last column: 4 to 44 %."""
    for level in (110.0, 140.0):
        noisy = model.sample(np.full((256, 256), level))
        found = pdenet.denoise(noisy, noise=model)[16:-16, 16:-16]
        assert found.mean() == pytest.approx(level, rel=0.02)
        assert found.std() < 0.12 * level


@pytest.mark.parametrize("model", BLANK, ids=str)
def test_an_image_without_noise_stays_as_it_is(model):
    disc = np.where(np.hypot(*np.mgrid[-32:32, -32:32]) < 20, 200.0, 30.0)
    for image in (disc, disc.astype(np.float32), disc.astype(np.uint8), np.zeros((20, 30))):
        found = pdenet.denoise(image, noise=model)
        np.testing.assert_array_equal(found, image)
        assert not np.shares_memory(found, image)


@pytest.mark.parametrize("model", [pdenet.PoissonNoise(1e-7, 0), pdenet.PoissonNoise(0, 1e-4),
                                   pdenet.SpeckleNoise(1e9), pdenet.RicianNoise(1e-4)], ids=str)
def test_next_to_no_noise_changes_next_to_nothing(model):
    np.testing.assert_allclose(pdenet.denoise(CAMERA, noise=model), CAMERA, rtol=0, atol=0.02)


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_the_bits_do_not_depend_on_workers_nor_on_dask(model):
    array = pytest.importorskip("dask.array")
    noisy, noise = model.sample(CAMERA), blank(model)
    expected = pdenet.denoise(noisy, noise=noise, workers=1)
    np.testing.assert_array_equal(pdenet.denoise(noisy, noise=noise, workers=3), expected)
    lazy = pdenet.denoise(array.from_array(noisy, chunks=50), noise=noise)
    assert isinstance(lazy, array.Array)
    np.testing.assert_array_equal(lazy.compute(), expected)


@pytest.mark.parametrize("model", MODELS, ids=str)
@pytest.mark.parametrize("factor", [2.0**-40, 3.0, 1e25])
def test_a_factor_on_the_image_is_one_on_the_result(model, factor):
    noisy = model.sample(CAMERA)
    for noise, scaled in ((blank(model), blank(model)), (model, model.in_units(1 / factor))):
        expected = pdenet.denoise(noisy, noise=noise)
        found = pdenet.denoise(factor * noisy, noise=scaled)
        # Estimates end where nothing is left to gain, up to rounding.
        np.testing.assert_allclose(found / factor, expected, rtol=0,
                                   atol=0.01 if noise.complete else 0.2)


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_types(model):
    noisy = np.clip(model.sample(CAMERA), 0, 255)
    single = pdenet.denoise(noisy.astype(np.float32), noise=model)
    assert single.dtype == np.float32 == model.stabilise(noisy.astype(np.float32)).dtype
    np.testing.assert_allclose(single, pdenet.denoise(noisy, noise=model), atol=0.01)
    whole = pdenet.denoise(np.rint(noisy).astype(np.uint8), noise=model)
    np.testing.assert_array_equal(whole, pdenet.denoise(np.rint(noisy), noise=model))


def test_adapting_goes_on_in_units_of_the_noise_but_not_for_much_speckle():
    clean = data.cell()[:160, :160] + 1.0
    model = pdenet.SpeckleNoise(60, floor=0.1)
    noisy = model.sample(clean)
    plain, adapted = (pdenet.denoise(noisy, noise=model, adapt=adapt) for adapt in (False, True))
    assert psnr(clean, adapted) > psnr(clean, plain) + 0.3
    rough = pdenet.SpeckleNoise(2, floor=0.1)
    noisy = rough.sample(clean)
    np.testing.assert_array_equal(pdenet.denoise(noisy, noise=rough, adapt=True),
                                  pdenet.denoise(noisy, noise=rough))


def test_pixels_outside_a_mask_do_not_decide():
    inside = np.hypot(*np.mgrid[-64:64, -64:64]) < 60
    noisy = pdenet.PoissonNoise(8, 4).sample(CAMERA)
    found = [noise_model.complete_models(pdenet.PoissonNoise(), np.where(
        inside, noisy, value)[np.newaxis], 1.0, inside) for value in (0.0, 1e4)]
    assert found[0] == found[1] and found[0][0].gain == pytest.approx(8, rel=0.15)


# Mistakes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("options, error, message", [
    ({"noise": pdenet.PoissonNoise(), "sigma": 3}, ValueError,
     "sigma must be omitted with noise, which says it; got 3"),
    ({"noise": pdenet.PoissonNoise(), "data_range": 3}, ValueError, "data_range must be omitted"),
    ({"noise": pdenet.PoissonNoise}, TypeError, "got the class PoissonNoise"),
    ({"noise": "poisson"}, TypeError, r"noise must be PoissonNoise\(\), SpeckleNoise\(\) or"),
    ({"noise": [pdenet.PoissonNoise()] * 2}, ValueError, "one for each of the 1 channels; got 2"),
    ({"noise": pdenet.SpeckleNoise(2)}, ValueError, "intensities with speckle must not be negative;"
     " the image has -3"),
    ({"noise": pdenet.SpeckleNoise()}, ValueError, "intensities with speckle must not be negative"),
    ({"noise": pdenet.SpeckleNoise(amplitude=True)}, ValueError, "amplitudes with speckle must"),
    ({"noise": pdenet.RicianNoise(2)}, ValueError, "magnitudes must not be negative"),
    ({"noise": pdenet.RicianNoise()}, ValueError, "magnitudes must not be negative")])
def test_mistakes(options, error, message):
    with pytest.raises(error, match=message):
        pdenet.denoise(np.where(np.arange(128) == 5, -3, CAMERA), **options)


@pytest.mark.parametrize("build, message", [
    (lambda: pdenet.PoissonNoise(-1), "gain must be a finite number >= 0; got -1"),
    (lambda: pdenet.PoissonNoise(1, np.nan), "sigma must be a finite number >= 0; got nan"),
    (lambda: pdenet.PoissonNoise(offset="x"), "offset must be a finite number; got 'x'"),
    (lambda: pdenet.SpeckleNoise(0), "looks must be a finite number > 0; got 0"),
    (lambda: pdenet.SpeckleNoise(floor=-1), "floor must be a finite number > 0; got -1"),
    (lambda: pdenet.RicianNoise(-2), "sigma must be a finite number >= 0; got -2"),
    (lambda: pdenet.PoissonNoise().sample(CAMERA), "has numbers that are missing"),
    (lambda: pdenet.RicianNoise().stabilise(CAMERA), "has numbers that are missing")])
def test_numbers_that_are_not_allowed(build, message):
    with pytest.raises(ValueError, match=message):
        build()
