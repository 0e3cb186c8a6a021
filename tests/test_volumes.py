"""VOLUMES x every property: what holds of images holds of volumes."""

import itertools

import numpy as np
import pytest

import pdenet
from pdenet import models
from pdenet.execution import chunks, tiles

from . import naive_volumes as naive
from .volumes import CUBES, FLAT, VOLUMES

every_model = pytest.mark.parametrize("case", VOLUMES.values(), ids=VOLUMES)
BALL = 60 + 80.0 * (np.linalg.norm(np.indices((14, 15, 16)) - np.full((3, 1, 1, 1), 7), axis=0) < 5)


@every_model
@pytest.mark.parametrize("shape", [(4, 5, 6), (1, 3, 4), (3, 1, 1), (2, 2, 2)])
def test_step_equals_the_naive_one(case, shape):
    if shape[0] == 1 and type(case.network().flux).__name__ in ("Orientations",
                                                                "CoherenceEnhancing"):
        return  # a volume of one slice is an image, with the orientations of one
    network, image = case.network(steps=1), case.image(shape=shape)
    expected = naive.step(network, case.planes(image), case.spacing)
    result = case.planes(case.run(network, image))
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-10)


@every_model
def test_float32_follows_float64(case):
    network, image = case.network(steps=4), case.image()
    single = case.run(network, image.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, case.run(network, image), rtol=0, atol=5e-3)


@every_model
def test_mean_is_kept_and_grey_levels_scale_and_shift(case):
    image = case.image()
    result = case.run(case.network(steps=6), image)
    axes = (0, 1, 2)
    np.testing.assert_allclose(result.mean(axes), image.mean(axes), rtol=1e-13)
    assert np.abs(result - image).max() > 1
    scaled = case.run(case.network(12.0 * 7, steps=6), 7 * image + 300)
    np.testing.assert_allclose(scaled, 7 * result + 300, rtol=0, atol=1e-9)


@every_model
def test_rotations_by_90_degrees_about_each_axis_and_reflections(case):
    """The spacing turns with the axes."""
    image = case.image()
    result = case.run(case.network(steps=3, tau=0.05), image)
    for axes in itertools.permutations(range(3)):
        whole = (*axes, 3)[:image.ndim]
        spacing = tuple(case.spacing[axis] for axis in axes)
        network = case.network(steps=3, tau=0.05, spacing=spacing)
        for flips in ((), (0,), (1, 2)):
            moved = np.flip(image.transpose(whole), flips)
            np.testing.assert_allclose(case.run(network, moved),
                                       np.flip(result.transpose(whole), flips), atol=1e-10)


@every_model
@pytest.mark.parametrize("masked", [False, True])
def test_a_volume_of_one_slice_is_an_image(case, masked):
    """To rounding; and pixels that are not squares are voxels of one slice. With a mask likewise.
    """
    image = case.image(shape=(1, 9, 11))
    flat = image[0]
    mask = np.random.default_rng(3).random(flat.shape[:2]) < 0.8
    whole, plain_mask = ({"mask": mask[np.newaxis]}, {"mask": mask}) if masked else ({}, {})
    y, x = case.spacing[1:]
    tau = 0.05
    for spacing in ((1, y, x), (3, y, x)):
        volume = case.run(case.network(steps=3, tau=tau, spacing=spacing), image, **whole)
        plane = case.run(case.network(steps=3, tau=tau, spacing=(y, x)), flat, **plain_mask)
        np.testing.assert_allclose(volume[0], plane, rtol=0, atol=1e-10)
    cubes = case.run(case.network(steps=3, tau=tau, spacing=CUBES), image, **whole)
    plain = case.run(case.network(steps=3, tau=tau, spacing=None), flat, **plain_mask)
    np.testing.assert_allclose(cubes[0], plain, rtol=0, atol=1e-10)


@every_model
def test_energy_gradient_is_the_flow(case):
    network, image = case.network(steps=1), case.image(shape=(3, 4, 5))
    options = {"channel_axis": case.channel_axis}
    if not case.energy:
        with pytest.raises(ValueError, match="no energy"):
            network.energy(image, **options)
        return
    direction = case.image(seed=1, shape=(3, 4, 5))
    flow = (case.run(network, image) - image) / network.tau
    h = 1e-3
    change = (8 * (network.energy(image + h * direction, **options)
                   - network.energy(image - h * direction, **options))
              - (network.energy(image + 2 * h * direction, **options)
                 - network.energy(image - 2 * h * direction, **options))) / (12 * h)
    assert change == pytest.approx(-2 * np.sum(flow * direction), rel=1e-6)


@every_model
def test_cosine_modes_are_eigenvectors_and_steps_are_stable(case):
    network = case.linear(steps=1)
    shape, numbers = (5, 6, 7), (2, 5, 3)
    mode = np.ones(shape)
    frequencies = []
    for axis, (size, number) in enumerate(zip(shape, numbers, strict=True)):
        frequencies.append(np.array([np.pi * number / size]))
        along = np.cos(frequencies[-1] * (np.arange(size) + 0.5))
        mode = mode * along.reshape([-1 if k == axis else 1 for k in range(3)])
    image = np.repeat(mode[..., np.newaxis], case.channels, -1) if case.channels > 1 else mode
    rho = network.block.symbol(*frequencies[::-1])[0, 0, 0]
    np.testing.assert_allclose(case.run(network, image), (1 - network.tau * rho) * image,
                               rtol=0, atol=1e-12)
    fine = np.linspace(0, np.pi, 41)
    assert network.block.symbol(fine, fine, fine).max() <= 2 / network.tau_max * (1 + 1e-9)


@pytest.mark.parametrize("name", [name for name in VOLUMES if "1994" not in name])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("scheme, time", [("fed", 0.6), ("explicit", 0.2)])
def test_tiles_workers_and_lazy_arrays_give_the_same_bits(name, masked, scheme, time, monkeypatch):
    case = VOLUMES[name]
    array = pytest.importorskip("dask.array")
    image = case.image(shape=(19, 21, 23)).astype(np.float32)
    network = case.network(20.0)
    options = {"channel_axis": case.channel_axis, "scheme": scheme}
    if masked:
        options["mask"] = np.random.default_rng(4).random(image.shape[:3]) < 0.9
        options["mask"][:, 5:, :6] = False
    expected = network.evolve(image, time, workers=1, **options)
    monkeypatch.setattr(tiles, "SHARE", 100)  # a single tile, whose layers are shared
    np.testing.assert_array_equal(network.evolve(image, time, workers=3, **options), expected)
    monkeypatch.setattr(tiles, "EDGE_OF_VOLUMES", 8)
    monkeypatch.setattr(tiles, "HALOS", 1)
    for workers in (1, 2):
        np.testing.assert_array_equal(network.evolve(image, time, workers=workers, **options),
                                      expected)
    monkeypatch.setattr(chunks, "TILE_OF_VOLUMES", 12)
    monkeypatch.setattr(tiles, "HALOS", 2)
    lazy = network.evolve(array.from_array(image, chunks=9), time, **options)
    np.testing.assert_array_equal(lazy.compute(scheduler="synchronous"), expected)
    with chunks.one_by_one():
        alone = network.evolve(array.from_array(image, chunks=9), time, **options)
    np.testing.assert_array_equal(alone.compute(scheduler="synchronous"), expected)


def test_the_step_bound_is_that_of_images():
    """Where the seven-point scheme allows 1/6."""
    assert models.perona_malik(1.0, spacing=CUBES).tau_max == pytest.approx(0.5)
    assert models.eed(1.0, spacing=(0.5, 1, 2)).tau_max == pytest.approx(0.5 * 0.25)
    noise = np.random.default_rng(0).choice([-1.0, 1.0], (8, 8, 8))
    network = models.weickert_brox(3.0, spacing=CUBES, tau=0.5, steps=20)
    assert np.linalg.norm(network(noise)) < np.linalg.norm(noise)


def test_second_order_up_to_the_boundary():
    """Against a Gaussian: of a wave that is no cosine mode, with voxels of another shape."""
    errors = []
    for n in (10, 20, 40):
        z, y, x = ((np.arange(n) + 0.5) / n * np.pi for _ in range(3))
        u = np.exp(np.cos(x) + 0.5 * np.cos(y)[:, None] - 0.3 * np.cos(z)[:, None, None])
        spacing = (np.pi / n,) * 3
        network = models.weickert_brox(4.0, spacing=spacing, steps=1, tau=1e-6)
        flow = (network(u) - u) / 1e-6
        errors.append(flow)
    coarse, middle, fine = errors

    def halved(v):
        return v.reshape(*(m for size in v.shape for m in (size // 2, 2))).mean((1, 3, 5))

    first = np.sqrt(np.mean((coarse - halved(middle))**2))
    second = np.sqrt(np.mean((middle - halved(fine))**2))
    assert np.log2(first / second) > 1.8


def test_eed_of_a_ball_stays_radial():
    """The departure from a function of the radius alone, at sigma 0: the tensor g(J)."""
    size, radius = 40, 12.0
    r = np.linalg.norm(np.indices((size,) * 3) - (size - 1) / 2, axis=0)
    u = 100 / (1 + np.exp((r - radius) / 1.2))
    network = models.weickert_brox(4.0, spacing=CUBES, steps=1, tau=0.25)
    flow = (network(u) - u)[4:-4, 4:-4, 4:-4]
    inner = r[4:-4, 4:-4, 4:-4]
    shells = np.digitize(inner, np.arange(6, 18, 0.5))
    mean = np.bincount(shells.ravel(), flow.ravel()) / np.maximum(np.bincount(shells.ravel()), 1)
    near = (shells > 0) & (shells < 24)
    rest = (flow - mean[shells])[near]
    departure = np.sqrt(np.mean(rest**2) / np.mean(mean[shells][near]**2))
    assert departure <= 0.48


def test_gaussian_where_nothing_is_an_edge():
    u = np.random.default_rng(0).normal(size=(16, 32, 32))
    result = pdenet.perona_malik(u, contrast=1e6, time=18, spacing=(2, 1, 1))
    np.testing.assert_allclose(result, naive.smooth(u, 6.0, (2, 1, 1)), atol=0.02)


def test_filters_estimate_what_is_not_given():
    noisy = BALL + np.random.default_rng(0).normal(0, 15, BALL.shape)
    for filter_ in (pdenet.perona_malik, pdenet.eed):
        result = filter_(noisy)
        assert np.std(result - BALL) < 0.6 * np.std(noisy - BALL)
        assert filter_(noisy.astype(np.float32), spacing=(2, 2, 2)).dtype == np.float32
    # Lengths and contrasts are in units of the spacing.
    network = models.eed(1.0, sigma=2.0, spacing=(2, 2, 2))
    double = pdenet.estimate_contrast(network, noisy)
    assert double == pytest.approx(pdenet.estimate_contrast("eed", noisy) / 2, rel=1e-6)
    network = network.with_parameters({"contrast": double})
    assert pdenet.estimate_time(network, noisy) == pytest.approx(
        4 * pdenet.estimate_time("eed", noisy), rel=1e-3)
    assert pdenet.estimate_contrast("ced", noisy, spacing=CUBES) > 0


def test_channels():
    colour = np.random.default_rng(0).normal(100, 30, (5, 6, 7, 3))
    result = pdenet.gerig(colour, contrast=20, time=1, channel_axis=-1)
    moved = pdenet.gerig(np.moveaxis(colour, -1, 0), contrast=20, time=1, channel_axis=0)
    np.testing.assert_array_equal(np.moveaxis(moved, 0, -1), result)
    assert result.shape == colour.shape


@pytest.mark.parametrize("function, message", [
    (lambda: pdenet.eed(np.ones((24, 31, 3))), r"may have channels or be a volume: give "
     r"channel_axis=-1, or spacing=\(1, 1, 1\) for a volume"),
    (lambda: pdenet.eed(np.ones((3, 24, 31))), "give channel_axis=0, or spacing"),
    (lambda: pdenet.eed(np.ones((9, 9)), spacing=(1, 1, 1)), r"must have 3 dimensions with "
     r"channel_axis=None and spacing=\(1.0, 1.0, 1.0\); got shape \(9, 9\)"),
    (lambda: pdenet.eed(np.ones((9, 9, 9)), spacing=(1, 2)), "unless channel_axis is given"),
    (lambda: pdenet.eed(np.ones((9, 9)), spacing=2), "spacing must be two numbers .* got 2"),
    (lambda: pdenet.eed(np.ones((9, 9)), spacing=(0, 1)), r"spacing\[0\] must be a finite number"),
    (lambda: pdenet.eed(np.ones((9, 9)), spacing="ab"), "spacing must be two numbers"),
    (lambda: pdenet.you_kaveh(np.ones((9, 9, 9))), "need the operator Gradient; got Laplacian"),
    (lambda: pdenet.lysaker_lundervold_tai(np.ones((9, 9, 9))), "need the operator Gradient"),
    (lambda: pdenet.Gradient(gamma=0.5, spacing=FLAT), "gamma must be 0 for volumes"),
    (lambda: models.eed(1.0, spacing=(9, 1, 0.01), sigma=50.0), "sigmas must be at most 1000"),
    (lambda: models.eed(1.0, tau=0.6)(np.ones((9, 9, 9))), "tau must be at most"),
    (lambda: pdenet.models.eed(1.0, spacing=FLAT)(np.ones((9, 9))), "must have 3 dimensions"),
    (lambda: models.perona_malik(1.0, spacing=FLAT, dictionary=pdenet.Dictionary(
        [0.1] * 8, [1.0] * 8)), "a dictionary is for images"),
    (lambda: pdenet.eed(np.full((9, 9, 9), np.nan)), r"729 of .* the first at index \(0, 0, 0\)"),
    (lambda: pdenet.eed(np.ones((9, 9, 9)), mask=np.ones((9, 9), bool)),
     r"mask must be an array of bool of shape \(9, 9, 9\), .* got bool of shape \(9, 9\)"),
    (lambda: pdenet.eed(np.ones((9, 8)), spacing=(1, 2), mask=np.ones((1, 9, 8), bool)),
     r"mask must be an array of bool of shape \(9, 8\), .* of shape \(1, 9, 8\)"),
    (lambda: pdenet.fit(models.eed(1.0, spacing=FLAT), np.ones((1, 9, 9, 9)), np.ones((1, 9, 9, 9)),
                        mask=np.ones((2, 9, 9, 9), bool)), "mask must be one for all images or"),
    (lambda: pdenet.testing.check_operator(pdenet.Gradient(spacing=FLAT)), "of images"),
    (lambda: pdenet.denoise(np.ones((9, 9)), spacing=(1, 2)), r"\(dz, dy, dx\) for volumes")])
def test_errors(function, message):
    with pytest.raises(ValueError, match=message):
        function()


def test_the_first_bad_value_is_named_in_the_callers_axes():
    bad = np.ones((5, 6, 2))
    bad[3, 4, 1] = np.inf
    with pytest.raises(ValueError, match=r"the first at index \(3, 4, 1\)"):
        pdenet.gerig(bad, channel_axis=-1, spacing=(1, 2))
    with pytest.raises(ValueError, match=r"the first at index \(3, 4, 1\)"):
        pdenet.eed(bad, spacing=(1, 2, 1))


def test_networks_of_volumes_are_saved(tmp_path):
    network = models.eed(5.0, spacing=FLAT)
    network.save(tmp_path / "network.json")
    again = pdenet.load(tmp_path / "network.json")
    assert again.spacing == FLAT == again.operator.spacing
    image = VOLUMES["eed-flat"].image()[..., 0]
    np.testing.assert_array_equal(again(image), network(image))
    models.eed(5.0).save(tmp_path / "image.json")
    assert "spacing" not in (tmp_path / "image.json").read_text()
