"""Masks and pixels that are not finite at the public doors."""

import numpy as np
import pytest
from skimage import data

import pdenet
from pdenet.network import pairs

FILTERS = pdenet.filters.__all__
IMAGE = data.camera()[100:164, 200:264].astype(float)
COLOUR = data.astronaut()[100:164, 200:264].astype(float)


def bordered(image):
    """The image within a border of NaN, and where it is."""
    wide, mask = np.full((96, 90), np.nan), np.zeros((96, 90), bool)
    wide[20:84, 10:74], mask[20:84, 10:74] = image, True
    return wide, mask


@pytest.mark.parametrize("name", FILTERS)
def test_a_border_that_is_no_measurement_is_where_the_image_ends(name):
    wide, mask = bordered(IMAGE)
    function = getattr(pdenet, name)
    found = function(wide, contrast=10, time=3, nan_policy="omit")
    expected = function(IMAGE, contrast=10, time=3)
    assert np.isnan(found[~mask]).all() and np.isfinite(found[mask]).all()
    error = np.abs(found[20:84, 10:74] - expected)
    reach = 26 if name == "ced" else 12
    smoothed = name in ("eed", "weickert_1994", "multiscale", "ced",
                        "lysaker_lundervold_tai")  # mirrored there alone
    assert error.max() < (25 if name == "ced" else 12 if smoothed else 1e-9)
    assert error.mean() < 1
    inside = error[reach:-reach, reach:-reach]
    assert name == "multiscale" or inside.max() < (0.02 if smoothed else 1e-9)
    np.testing.assert_array_equal(function(np.nan_to_num(wide), contrast=10, time=3,
                                           mask=mask)[mask], found[mask])


def test_one_channel_that_is_not_finite_leaves_the_pixel_out():
    wide = COLOUR.copy()
    wide[10:20, 30:40, 1] = np.nan
    found = pdenet.eed(wide, contrast=10, time=3, channel_axis=-1, nan_policy="omit")
    np.testing.assert_array_equal(found[10:20, 30:40], wide[10:20, 30:40])
    assert np.isfinite(found[:, :30]).all()
    assert np.abs(found - wide)[:, :30].max() > 1


def test_estimates_do_not_depend_on_what_is_not_measured():
    rng = np.random.default_rng(0)
    noisy = pdenet.add_noise(data.camera()[:200, :220].astype(float), 15)
    mask = np.ones(noisy.shape, bool)
    mask[60:150, 100:220] = False
    other = np.where(mask, noisy, 1e4 * rng.random(noisy.shape))
    found = pdenet.estimate_noise(other, mask=mask)
    assert found == pdenet.estimate_noise(np.where(mask, noisy, np.nan), nan_policy="omit")
    assert abs(found - 15) < 2
    for estimate in (pdenet.estimate_contrast, pdenet.estimate_time):
        first = estimate("eed", other, mask=mask)
        assert first == estimate("eed", np.where(mask, noisy, np.nan), nan_policy="omit")
        assert 0.3 < first / estimate("eed", noisy) < 3
    filtered = pdenet.eed(other, mask=mask)
    np.testing.assert_array_equal(filtered[~mask], other[~mask])
    clean = data.camera()[:200, :220]
    assert np.std((filtered - clean)[mask]) < 10


@pytest.mark.parametrize("axis", [None, -1])
def test_a_denoiser_leaves_pixels_out(axis):
    clean = COLOUR if axis else IMAGE
    noisy = pdenet.add_noise(clean, 20)
    mask = np.ones(IMAGE.shape, bool)
    mask[20:35, 15:50] = False
    results = []
    for value in (0.0, 255.0, np.nan):
        noisy[~mask] = value
        found = pdenet.denoise(noisy, channel_axis=axis, mask=mask)
        np.testing.assert_array_equal(found[~mask], noisy[~mask])
        results.append(found[mask])
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])
    assert np.mean((results[0] - clean[mask])**2) < 0.5 * 400


def test_a_constant_image_with_a_hole_stays():
    image = np.full((30, 40), 7.0)
    image[5:9, 6:20] = np.nan
    np.testing.assert_array_equal(pdenet.denoise(image, 3.0, nan_policy="omit"), image)


# Training -----------------------------------------------------------------------------------------


def pair_with_a_hole():
    clean = data.coins()[50:90, 60:104].astype(float)
    noisy = pdenet.add_noise(clean, 20)
    mask = np.ones(clean.shape, bool)
    mask[8:20, 10:30] = False
    return noisy, clean, mask


def test_the_loss_counts_what_is_measured():
    network = pdenet.models.eed(20.0, steps=3)
    noisy, clean, mask = pair_with_a_hole()
    loss, gradient = network.loss_and_gradient(noisy, clean, mask=mask)
    out = network(noisy, mask=mask)
    assert loss == pytest.approx(np.mean((out - clean)[mask]**2), rel=1e-13)
    spoiled = np.where(mask, noisy, np.nan), np.where(mask, clean, -1e5)
    for options in ({"mask": mask}, {"mask": [mask]}, {"nan_policy": "omit"}):
        again, others = network.loss_and_gradient(*spoiled, **options)
        assert again == loss
        np.testing.assert_array_equal(others["beta"], gradient["beta"])
    both = network.loss_and_gradient([noisy, noisy], [clean, clean], mask=[mask, ~mask])
    assert both[0] != loss and both[0] > 0


@pytest.mark.parametrize("workers", [1, 2])
def test_training_does_not_see_what_is_not_measured(workers):
    network = pdenet.models.eed(20.0, steps=3)
    noisy, clean, mask = pair_with_a_hole()
    fitted, history = pdenet.fit(network, noisy, clean, mask=mask, epochs=3,
                                 validation=(noisy, clean, mask))
    spoiled = np.where(mask, noisy, np.inf), np.where(mask, clean, np.nan)
    others, again = pdenet.fit(network, *spoiled, nan_policy="omit", epochs=3, workers=workers,
                               validation=spoiled)
    assert again == history and history[-1]["loss"] < history[0]["loss"]
    loss = network.loss_and_gradient(noisy, clean, mask=mask)[0]
    assert history[0]["loss"] == pytest.approx(loss, rel=1e-13)  # tau is the optimiser's share
    blind, first = pdenet.fit_noisy(network, noisy, 20.0, mask=mask, epochs=3)
    alone, second = pdenet.fit_noisy(network, spoiled[0], 20.0, nan_policy="omit", epochs=3,
                                     workers=workers)
    assert first == second and first[-1]["loss"] < first[0]["loss"]


def test_steins_estimate_is_that_of_the_error_in_what_is_measured():
    rng = np.random.default_rng(0)
    clean = np.tile(data.camera().astype(float)[::4, ::4], (2, 2))
    mask = rng.random(clean.shape) < 0.8
    noisy = np.where(mask, clean + 20 * rng.normal(size=clean.shape), np.nan)
    network = pdenet.models.eed(15.0, steps=5)
    _, history = pdenet.fit_noisy(network, noisy, 20.0, nan_policy="omit", epochs=1, probes=4)
    error = np.mean((network(noisy, mask=mask) - clean)[mask]**2)
    assert history[0]["loss"] == pytest.approx(error, rel=0.05)


def test_a_cluster_trains_with_masks():
    distributed = pytest.importorskip("distributed")
    network = pdenet.models.eed(20.0, steps=3)
    noisy, clean, mask = pair_with_a_hole()
    _, expected = pdenet.fit(network, [noisy] * 2, [clean] * 2, mask=[mask, None], epochs=2)
    with distributed.LocalCluster(n_workers=1, processes=False, dashboard_address=None) as cluster:
        with distributed.Client(cluster) as client:
            _, history = pdenet.fit(network, [noisy] * 2, [clean] * 2, mask=[mask, None], epochs=2,
                                    client=client)
    assert history == expected


# What is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize("mask, policy, message", [
    (np.ones((4, 4), bool), "raise", r"array of bool of shape \(4, 5\), True .* of shape \(4, 4\)"),
    (np.ones((4, 5)), "raise", "array of bool .* got float64"),
    (np.zeros((4, 5), bool), "raise", "at least one pixel that is measured"),
    (None, "ignore", "nan_policy must be one of raise, omit"),
    (None, "raise", "must be finite"),
    (np.eye(4, 5) == 0, "raise", "must be finite")])
def test_bad_masks(mask, policy, message):
    image = np.ones((4, 5))
    image[1, 2] = np.nan
    for function in (pdenet.eed, pdenet.denoise, pdenet.estimate_noise, pdenet.models.eed(1.0)):
        with pytest.raises(ValueError, match=message):
            function(image, mask=mask, nan_policy=policy)


def test_a_mask_for_each_image():
    found, masks = pairs.to_measured_pairs(np.ones((2, 4, 5)), np.ones((2, 4, 5)),
                                           mask=np.arange(40).reshape(2, 4, 5) > 7)
    assert masks[1] is None and masks[0].sum() == 12
    assert pairs.count(found[0][0], masks[0]) == 12 and pairs.count(found[1][0], None) == 20
    with pytest.raises(ValueError, match="one for each of the 2; got 3"):
        pairs.to_measured_pairs(np.ones((2, 4, 5)), np.ones((2, 4, 5)), mask=[None] * 3)


def test_a_mask_of_all_pixels_changes_no_bit():
    full = np.ones(IMAGE.shape, bool)
    for function in (pdenet.eed, pdenet.multiscale, pdenet.denoise, pdenet.lysaker_lundervold_tai):
        np.testing.assert_array_equal(function(IMAGE, mask=full, nan_policy="omit"),
                                      function(IMAGE))


# Volumes ------------------------------------------------------------------------------------------


def volume_with_a_hole():
    clean = 60 + 80.0 * (np.linalg.norm(np.indices((14, 15, 16)) - np.full((3, 1, 1, 1), 7),
                                        axis=0) < 5)
    mask = np.ones(clean.shape, bool)
    mask[3:8, 5:9, 10:] = False
    return pdenet.add_noise(clean, 15), clean, mask


@pytest.mark.parametrize("spacing", [(1, 1, 1), (2.0, 1, 0.7)])
def test_volumes_are_estimated_and_filtered_without_what_is_not_measured(spacing):
    noisy, clean, mask = volume_with_a_hole()
    results = []
    for value in (np.nan, 1e9):
        spoiled = np.where(mask, noisy, value)
        options = {"spacing": spacing, "mask": mask}
        found = pdenet.eed(spoiled, **options)
        np.testing.assert_array_equal(found[~mask], spoiled[~mask])
        results.append((found[mask], pdenet.estimate_contrast("eed", spoiled, **options),
                        pdenet.estimate_time("eed", spoiled, **options)))
    for first, second in zip(*results, strict=True):
        np.testing.assert_array_equal(first, second)
    assert np.std(results[0][0] - clean[mask]) < 0.7 * 15
    found = pdenet.eed(np.where(mask, noisy, np.nan), spacing=spacing, nan_policy="omit")
    np.testing.assert_array_equal(found[mask], results[0][0])


def test_images_whose_pixels_are_not_squares_have_masks_of_their_shape():
    noisy, clean, mask = pair_with_a_hole()
    colour = np.stack([noisy, 255 - noisy], -1)
    found = pdenet.eed(np.where(mask[..., np.newaxis], colour, np.nan), contrast=20, time=2,
                       channel_axis=-1, spacing=(1, 1.5), mask=mask)
    assert np.isnan(found[~mask]).all() and np.isfinite(found[mask]).all()
    network = pdenet.models.eed(20.0, steps=2, spacing=(1, 1.5))
    loss, _ = network.loss_and_gradient(noisy, clean, mask=mask)
    assert loss == pytest.approx(np.mean((network(noisy, mask=mask) - clean)[mask]**2))


@pytest.mark.parametrize("workers", [1, 2])
def test_training_on_volumes_does_not_see_what_is_not_measured(workers):
    network = pdenet.models.eed(20.0, steps=2, spacing=(2, 1, 1), tau=0.1)
    noisy, clean, mask = volume_with_a_hole()
    fitted, history = pdenet.fit(network, noisy, clean, mask=mask, epochs=3, workers=1)
    spoiled = np.where(mask, noisy, np.inf), np.where(mask, clean, np.nan)
    others, again = pdenet.fit(network, *spoiled, nan_policy="omit", epochs=3, workers=workers)
    assert again == history and history[-1]["loss"] < history[0]["loss"]
    loss = network.loss_and_gradient(noisy[np.newaxis], clean[np.newaxis],
                                     mask=mask[np.newaxis])[0]
    assert history[0]["loss"] == pytest.approx(loss, rel=1e-13)
    _, blind = pdenet.fit_noisy(network, spoiled[0], 15.0, nan_policy="omit", epochs=3)
    assert blind[-1]["loss"] < blind[0]["loss"]


@pytest.mark.parametrize("name", ["perona_malik", "weickert_brox", "eed"])
@pytest.mark.parametrize("scheme", ["fed", "explicit"])
@pytest.mark.parametrize("dtype", [np.float32, float])
def test_voxels_that_are_not_measured_are_given_nothing(name, scheme, dtype):
    noisy, _, mask = volume_with_a_hole()
    mask &= np.random.default_rng(0).random(mask.shape) < 0.9
    network = getattr(pdenet.models, name)(20.0, spacing=(1.2, 1, 1))
    planes = (noisy * mask)[np.newaxis].astype(dtype)
    found = network.evolve_planes(planes, 2.0, scheme, mask=network.mask_of(mask, dtype))
    assert (found[:, ~mask] == 0).all() and np.abs(found - planes).max() > 5


@pytest.mark.parametrize("name", ["perona_malik", "eed", "ced", "denoise"])
@pytest.mark.parametrize("single", [False, True])
def test_slices_of_which_nothing_is_measured(name, single):
    """As there are around a brain: nothing is estimated from them."""
    volume = np.random.default_rng(1).normal(100, 20, (16, 14, 6)).astype(np.float32)
    mask = np.zeros(volume.shape, bool)
    mask[4:10, 3:9, 2:4] = True
    if single:
        mask[:] = False
        mask[5, 5, 3] = True
    filtered = getattr(pdenet, name)
    found = filtered(volume, spacing=(1, 1, 3), mask=mask)
    np.testing.assert_array_equal(found[~mask], volume[~mask])
    assert np.isfinite(found).all() and (single or found[mask].std() < volume[mask].std())
    holes = filtered(np.where(mask, volume, np.nan), spacing=(1, 1, 3), nan_policy="omit")
    np.testing.assert_array_equal(holes[mask], found[mask])
