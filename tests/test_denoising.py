"""denoise: networks as functions of the noise level, and images of any type and range."""

import json

import numpy as np
import pytest
from skimage import data, restoration

import pdenet
from pdenet import denoising, estimates
from pdenet.learning import noise_levels
from pdenet.learning import channels
from pdenet.learning.losses import Levels
from pdenet.execution.workers import Workers
from pdenet.files.document import FormatError

CLEAN = data.camera()[140:268, 180:300].astype(float)
COLOUR = data.coffee()[100:200, 250:380].astype(float)
KINDS = [(1, False), (1, True), (3, False), (3, True)]


def noisy(clean, sigma, seed=0):
    return clean + np.random.default_rng(seed).normal(0, sigma, clean.shape)


def psnr(clean, image):
    return 10 * np.log10(255**2 / np.mean((image - clean)**2))


@pytest.mark.parametrize("sigma, gain", [(5, 1.0), (10, 3.0), (20, 5.5), (40, 8.5), (80, 11.5)])
@pytest.mark.parametrize("shared", [False, True])
def test_denoises_at_every_level(sigma, gain, shared):
    image = noisy(CLEAN, sigma)
    assert psnr(CLEAN, pdenet.denoise(image, sigma, shared=shared)) > psnr(CLEAN, image) + gain
    image = noisy(COLOUR, sigma)
    result = pdenet.denoise(image, sigma, channel_axis=-1, shared=shared)
    assert psnr(COLOUR, result) > psnr(COLOUR, image) + gain


@pytest.mark.parametrize("sigma", [20, 40])
def test_better_than_total_variation_of_the_best_weight(sigma):
    image = noisy(CLEAN, sigma)
    best = max(psnr(CLEAN, restoration.denoise_tv_chambolle(image, weight=weight * sigma, eps=1e-6,
                                                            max_num_iter=500))
               for weight in (0.4, 0.5, 0.6, 0.7, 0.85, 1.0, 1.2))
    shared, own = (psnr(CLEAN, pdenet.denoise(image, sigma, shared=shared))
                   for shared in (True, False))
    assert own > shared > best


def test_coupled_channels_gain():
    image = noisy(COLOUR, 30)
    single = np.stack([pdenet.denoise(plane, 30) for plane in np.moveaxis(image, -1, 0)], -1)
    assert psnr(COLOUR, pdenet.denoise(image, 30, channel_axis=-1)) > psnr(COLOUR, single) + 0.5


@pytest.mark.parametrize("factor, shift", [(1 / 255, 0.0), (257.0, 0.0), (1e-3, -5.0), (3.0, 1e4)])
def test_grey_levels_scale_and_shift(factor, shift):
    image = noisy(CLEAN, 20)
    expected = factor * pdenet.denoise(image, 20) + shift
    found = pdenet.denoise(factor * image + shift, factor * 20)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-3 * factor)
    estimated = factor * pdenet.denoise(image) + shift
    np.testing.assert_allclose(pdenet.denoise(factor * image + shift), estimated, rtol=0,
                               atol=2e-3 * factor)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float16", "float32", "float64"])
def test_any_type(dtype):
    image = np.clip(noisy(CLEAN, 15), 0, 255).astype(dtype)
    before = image.copy()
    result = pdenet.denoise(image, 15)
    assert result.dtype == (np.float32 if dtype == "float32" else np.float64)
    np.testing.assert_allclose(result, pdenet.denoise(image.astype(float), 15), atol=2e-3)
    np.testing.assert_array_equal(image, before)


def test_the_noise_is_estimated_for_each_channel():
    image = noisy(CLEAN, 25)
    sigma = pdenet.estimate_noise(image)
    np.testing.assert_array_equal(pdenet.denoise(image), pdenet.denoise(image, sigma))
    colour = noisy(COLOUR, 25)
    sigmas = pdenet.estimate_noise(colour, channel_axis=-1, per_channel=True)
    np.testing.assert_array_equal(pdenet.denoise(colour, channel_axis=-1),
                                  pdenet.denoise(colour, sigmas, channel_axis=-1))


def test_a_level_for_all_channels_is_that_of_each():
    colour = noisy(COLOUR, 25)
    np.testing.assert_array_equal(pdenet.denoise(colour, 25, channel_axis=-1),
                                  pdenet.denoise(colour, [25, 25, 25], channel_axis=-1))
    one = pdenet.denoise(colour[..., :1], [25], channel_axis=-1)
    np.testing.assert_array_equal(one[..., 0], pdenet.denoise(colour[..., 0], 25))


@pytest.mark.parametrize("sigmas", [(5, 5, 30), (30, 5, 5), (40, 5, 20), (10, 15, 25)])
def test_a_noisy_channel_costs_the_others_nothing(sigmas):
    clean = data.coffee()[:256, :256].astype(float)
    image = clean + np.random.default_rng(0).normal(0, sigmas, clean.shape)
    for found in (pdenet.denoise(image, sigmas, channel_axis=-1),
                  pdenet.denoise(image, channel_axis=-1)):
        for k, sigma in enumerate(sigmas):
            alone = pdenet.denoise(image[..., k], sigma)
            assert psnr(clean[..., k], found[..., k]) > psnr(clean[..., k], alone) - 0.5


def thirty_channels(kind):
    """A scene in thirty channels: mixtures of three, of one with another response, or of nothing in
    common."""
    grey = data.camera()[::4, ::4].astype(float)
    rng = np.random.default_rng(3)
    if kind == "mixed":
        return data.coffee()[:128, :128] @ rng.dirichlet(np.ones(3), 30).T
    if kind == "response":
        return np.stack([grey * np.exp(-((k - 15) / 20)**2) * (0.6 + 0.4 * np.sin(k) * np.sin(
            grey / 40)) for k in range(30)], axis=-1)
    return np.stack([np.roll(grey, 4 * k, axis=1) for k in range(30)], axis=-1)


@pytest.mark.parametrize("kind, gain", [("mixed", 4), ("response", 4), ("shifted", -0.1)])
def test_every_tenth_of_thirty_channels_is_noisy(kind, gain):
    clean = thirty_channels(kind)
    sigmas = np.where(np.arange(30) % 10 == 0, 30.0, 5.0)
    image = clean + np.random.default_rng(0).normal(0, 1, clean.shape) * sigmas
    found = pdenet.denoise(image, sigmas, channel_axis=-1)
    gains = [psnr(clean[..., k], found[..., k])
             - psnr(clean[..., k], pdenet.denoise(image[..., k], sigmas[k])) for k in range(30)]
    assert min(gains) > -0.5 and np.mean(gains) > gain


def test_channels_with_nothing_in_common_stay_apart():
    clean = np.stack([np.asarray(image, float)[:128, :128] for image in (
        data.camera(), data.coins(), data.brick(), data.page())])
    image = noisy(clean, 20)
    axes = channels.principal_axes(image, 20)
    np.testing.assert_array_equal(np.sort(np.abs(axes).ravel()), [0] * 12 + [1] * 4)
    found = pdenet.denoise(image, 20, channel_axis=0)
    for one, alone in zip(found, image, strict=True):
        np.testing.assert_allclose(one, pdenet.denoise(alone, 20), rtol=0, atol=0.02)


def test_a_channel_without_noise_stays_as_it_is():
    image = noisy(COLOUR, 25)
    image[..., 1] = 7
    found = pdenet.denoise(image, channel_axis=-1)
    np.testing.assert_array_equal(found[..., 1], image[..., 1])
    assert np.abs(found - image)[..., 0].max() > 10


@pytest.mark.parametrize("sigma, match", [
    ([1, 2], r"sigma must be one number, or one for each of the 3 channels; got \[1, 2\]"),
    ([1, 2, -1], "sigma must be a finite number >= 0; got -1"),
    ([1, 2, "x"], "sigma must be a finite number >= 0; got 'x'"),
    (1j, "sigma must be a finite number >= 0; got 1j")])
def test_levels_that_are_not_allowed(sigma, match):
    with pytest.raises(ValueError, match=match):
        pdenet.denoise(COLOUR, sigma, channel_axis=-1)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 1), (2, 2), (5, 3)])
def test_small_images(shape):
    image = np.random.default_rng(0).normal(100, 20, shape)
    result = pdenet.denoise(image, 20)
    assert result.shape == shape and np.isfinite(result).all()
    assert result.mean() == pytest.approx(image.mean(), rel=1e-5)


def test_nothing_to_do():
    for image, sigma in ((CLEAN, 0), (np.full((20, 20), 7.0), 5.0)):
        result = pdenet.denoise(image, sigma)
        np.testing.assert_array_equal(result, image)
        assert not np.shares_memory(result, image)


@pytest.mark.parametrize("workers", [2, 3])
def test_workers_do_not_change_a_bit(workers):
    image = noisy(np.tile(CLEAN, (3, 2)), 20)
    np.testing.assert_array_equal(pdenet.denoise(image, 20, workers=workers),
                                  pdenet.denoise(image, 20, workers=1))


@pytest.mark.parametrize("image, options, error, message", [
    (CLEAN, {"sigma": -1}, ValueError, "sigma must be a finite number >= 0; got -1"),
    (CLEAN, {"sigma": "a"}, ValueError, "sigma must be a finite number >= 0; got 'a'"),
    (CLEAN, {"sigma": 1, "data_range": 0}, ValueError, "data_range must be a finite number > 0"),
    (COLOUR, {"sigma": 1}, ValueError, "give channel_axis=-1, or spacing"),
    (CLEAN * np.nan, {"sigma": 1}, ValueError, "image must be finite"),
    (None, {}, TypeError, "image must hold real numbers")])
def test_bad_arguments(image, options, error, message):
    with pytest.raises(error, match=message):
        pdenet.denoise(image, **options)


@pytest.mark.parametrize("channels, shared", KINDS)
def test_every_level_has_a_stable_network(channels, shared):
    for sigma in np.geomspace(0.5, 500, 25):
        network = pdenet.denoiser(sigma, channels=channels, shared=shared)
        assert not network.allow_unstable
        assert np.all(network.parameters["tau"] <= np.multiply(network.tau_max, 1 + 1e-9))
        sizes = {name: np.size(value) for name, value in network.parameters.items()}
        expected = {"beta": 8, "steering": 8, "contrast": 1, "tau": 1}
        if channels == 1:
            expected |= {"integration": 4, "rates": 8, "sensitivities": 8}
        assert sizes == {name: (1 if shared else 10) * size for name, size in expected.items()}


@pytest.mark.parametrize("shared", [True, False])
def test_the_network_beside_a_guide(shared):
    network = pdenet.denoiser(60.0, guided=True, shared=shared)
    assert network.block.channels.guides == 1
    sizes = {name: np.size(value) for name, value in network.parameters.items()}
    assert sizes.pop("guiding") == 2
    assert sum(sizes.values()) == (38 if shared else 380)
    with pytest.raises(ValueError, match="channels must be 1, beside the guide.*got 3"):
        pdenet.denoiser(60.0, channels=3, guided=True)


def test_colours_have_the_edges_of_the_luminance(monkeypatch):
    """With the guide the error of a colour image is less."""
    clean = np.asarray(data.coffee()[100:260, 200:400]).astype(float)
    noisy = pdenet.add_noise(clean, 40)
    errors = [np.mean((pdenet.denoise(noisy, 40, channel_axis=-1) - clean)**2)]
    monkeypatch.setattr("pdenet.denoising.guide_of", lambda axes, k: None)
    errors.append(np.mean((pdenet.denoise(noisy, 40, channel_axis=-1) - clean)**2))
    assert errors[0] < 0.99 * errors[1]


@pytest.mark.parametrize("shared", [True, False])
def test_no_network_amplifies_by_more_than_is_said(shared):
    for sigma in (5.0, 20.0, 80.0):
        network = pdenet.denoiser(sigma, shared=shared)
        bounds = [1 + tau * block.dictionary.sharpening[0] for block, tau in network.each_step()]
        assert np.prod(bounds) <= 1.05**10 * (1 + 1e-9)


def test_parameters_are_smooth_in_the_level():
    first, second = (pdenet.denoiser(sigma).parameters["contrast"] for sigma in (20.0, 20.2))
    np.testing.assert_allclose(first, second, rtol=0.05)
    assert not np.array_equal(first, second)


def test_beyond_the_levels_the_contrast_follows_the_noise():
    for sigma, end in ((1.0, 5.0), (240.0, 80.0)):
        found, edge = pdenet.denoiser(sigma).parameters, pdenet.denoiser(end).parameters
        np.testing.assert_allclose(found["contrast"], sigma / end * edge["contrast"], rtol=1e-12)
        np.testing.assert_array_equal(found["beta"], edge["beta"])


def family():
    network = pdenet.models.multiscale(15.0, sigmas=[0.0, 1.0], steps=2, tau=0.1,
                                       steering=pdenet.ScaleSpace([0.5, 1.5]))
    return noise_levels.constant(network, 2)


def test_a_constant_family_follows_the_noise_with_its_contrast():
    for sigma in (5.0, 20.0, 80.0):
        found = family().at(sigma).parameters
        assert found["contrast"] == pytest.approx(15 * sigma / 20)
        assert found["tau"] == pytest.approx(0.1)


def test_parameters_of_each_step_begin_as_shared():
    shared = family()
    own = shared.per_step()
    for sigma in (7.0, 30.0):
        np.testing.assert_allclose(own.at(sigma)(CLEAN), shared.at(sigma)(CLEAN), rtol=1e-12)


def test_round_trip():
    document = {"format": noise_levels.FORMAT, "version": 1, "provenance": {},
                **family().per_step().describe()}
    found = noise_levels.build(json.loads(json.dumps(document)))
    np.testing.assert_array_equal(found.coefficients, family().per_step().coefficients)
    np.testing.assert_array_equal(found.at(9.0)(CLEAN), family().per_step().at(9.0)(CLEAN))


@pytest.mark.parametrize("change, message", [
    (lambda d: d.pop("coefficients"), "the file has no 'coefficients'"),
    (lambda d: d.update(format="pdenet network"), "format must be 'pdenet denoiser'"),
    (lambda d: d["network"].pop("steps"), "network has no 'steps'"),
    (lambda d: d["coefficients"].pop("tau"), "coefficients has no 'tau'"),
    (lambda d: d["coefficients"].update(tau=[1, 2]), "coefficients.beta must have 2 entries"),
    (lambda d: d["coefficients"].update(tau=[1, 2, "x"]), "coefficients.tau must have 3 entries"),
    (lambda d: d["coefficients"].update(tau=[]), "coefficients.beta must have 0 entries"),
    (lambda d: d["coefficients"].update(beta=[[1], [2], [3]]),
     "coefficients.beta must have 3 entries"),
    (lambda d: d["coefficients"].update(beta=5), "coefficients.beta must have 3 entries")])
def test_bad_files(change, message):
    document = {"format": noise_levels.FORMAT, "version": 1, "provenance": {},
                **family().describe()}
    change(document)
    with pytest.raises(FormatError, match=message):
        noise_levels.build(document)


@pytest.mark.parametrize("own", [False, True])
def test_gradient_by_the_coefficients(own):
    start = family().per_step() if own else family()
    space, rng = noise_levels.Polynomials(start), np.random.default_rng(0)
    clean = [rng.uniform(0, 255, (1, 12, 13)) for _ in range(3)]
    levels = [5.0, 20.0, 40.0]
    loss = Levels([(noisy(u, s), u) for u, s in zip(clean, levels, strict=True)], levels, 255.0)
    x = space.start + rng.normal(0, 0.05, space.start.size)
    with Workers(2) as team:
        tasks = loss.tasks(range(3))
        value, gradient = space.gradient(x, tasks, team)
        assert loss.psnr(value) == pytest.approx(np.mean(
            [psnr(u, space.at(x).at(s)(v[0]))
             for (v, u), s in zip(loss.pairs, levels, strict=True)]))
        for k in range(x.size):
            step = 1e-5 * np.eye(x.size)[k]
            moved = [space.gradient(x + sign * step, tasks, team)[0] for sign in (1, -1)]
            assert gradient[k] == pytest.approx((moved[0] - moved[1]) / 2e-5, rel=1e-4, abs=1e-7)


def test_the_range_counts_little_noise_and_no_single_pixels():
    image = np.zeros((400, 400))
    image[:, 200:] = 200
    assert estimates.range_of(image[np.newaxis]) == pytest.approx(200, rel=1e-6)
    image[20, 20] = 1e5
    assert estimates.range_of(noisy(image, 10)[np.newaxis]) < 260


def test_adapting_learns_from_the_image_itself():
    clean = data.cell()[:160, :160].astype(float)
    image = noisy(clean, 10)
    plain, adapted = (pdenet.denoise(image, 10, adapt=adapt) for adapt in (False, True))
    assert psnr(clean, adapted) > psnr(clean, plain) + 0.5
    np.testing.assert_array_equal(pdenet.denoise(image, 10, adapt=True, workers=3), adapted)


def test_adapting_takes_nothing_that_chance_may_give():
    image = noisy(CLEAN[:40, :40], 40)
    np.testing.assert_array_equal(pdenet.denoise(image, 40, adapt=True), pdenet.denoise(image, 40))


def test_adapting_in_colour_and_of_a_large_image(monkeypatch):
    monkeypatch.setattr(denoising, "ADAPTED", 48)
    monkeypatch.setattr(denoising, "EVALUATIONS", 2)
    monkeypatch.setattr(denoising, "CHANCE", -1.0)
    seen = []
    original = denoising.fit_noisy
    monkeypatch.setattr(denoising, "fit_noisy", lambda network, tiles, *arguments, **options: (
        seen.append(tiles.shape), original(network, tiles, *arguments, **options))[1])
    image = noisy(COLOUR, 20)
    found = pdenet.denoise(image, 20, channel_axis=-1, adapt=True)
    assert seen == [(9, 16, 16)] and np.isfinite(found).all()
    assert np.abs(found - pdenet.denoise(image, 20, channel_axis=-1)).max() > 0.01


U = np.random.default_rng(0).normal(100, 10, (48, 48))


@pytest.mark.parametrize("image", [
    np.stack([U] * 3), np.stack([U, 0 * U + 7, U + 1]), np.stack([U, 2 * U + 3, -U]),
    np.stack([U] * 9), np.stack([data.camera()[:64, :64]] * 3)],
    ids=["equal", "constant", "proportional", "nine", "grey picture as RGB"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sigma", [None, 10])
def test_channels_that_say_the_same(image, dtype, sigma):
    """An axis of their difference is zero but for rounding."""
    found = pdenet.denoise(image.astype(dtype), sigma, channel_axis=0)
    assert np.isfinite(found).all() and np.abs(found - image).max() < 100
    assert found.mean() == pytest.approx(image.mean(), rel=1e-3)
