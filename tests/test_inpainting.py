"""Inpainting: what it reaches, what it keeps, and what it refuses."""

import numpy as np
import pytest
from skimage import data

import pdenet
from benchmarks.inpainting import phantom
from pdenet import inpainting
from pdenet.execution.workers import Workers
from pdenet.kernels.workspace import Workspace
from pdenet.network import steady_state

CUBES = 1.0, 1.0, 1.0
BALLS = 12, 0.1, 0.25


def camera():
    """The photograph at half its size, as means of 2 x 2 pixels."""
    image = data.camera().astype(float)
    return (image[::2, ::2] + image[1::2, ::2] + image[::2, 1::2] + image[1::2, 1::2]) / 4


def unknown(shape, share, seed=0):
    return np.random.default_rng(seed).random(shape) >= share


def psnr(found, image):
    return 10 * np.log10(255**2 / np.mean((found - image)**2))


@pytest.mark.parametrize("share, eed, homogeneous", [
    (0.05, 22.7, 21.7), (0.10, 23.9, 23.0), (0.20, 25.5, 24.5)])
def test_quality_on_scattered_pixels(share, eed, homogeneous):
    image = camera()
    mask = unknown(image.shape, share)
    for method, least in (("eed", eed), ("homogeneous", homogeneous)):
        found = pdenet.inpaint(np.where(mask, np.nan, image), mask=mask, method=method)
        np.testing.assert_array_equal(found[~mask], image[~mask])
        assert least <= psnr(found, image) < least + 0.15


def test_homogeneous_inpainting_is_the_solution_of_the_linear_equations():
    rng = np.random.default_rng(0)
    image, mask = rng.normal(100, 20, (9, 11)), unknown((9, 11), 0.2)
    operator, one = pdenet.Gradient(), np.ones((1, 10, 12))
    columns = []
    for k in range(image.size):
        unit, out = np.zeros((1, 9, 11)), np.empty((1, 9, 11))
        unit.flat[k] = 1
        operator.diffuse(unit, one, 1.0, False, out, Workspace())
        columns.append(out.ravel())
    matrix, fill, known = np.array(columns), mask.ravel(), ~mask.ravel()
    expected = np.linalg.solve(matrix[np.ix_(fill, fill)],
                               -matrix[np.ix_(fill, known)] @ image.ravel()[known])
    found = pdenet.inpaint(image, mask=mask, method="homogeneous")
    np.testing.assert_allclose(found.ravel()[fill], expected, atol=1e-6)


@pytest.mark.parametrize("shape, spacing", [((16, 16), None), ((13, 9), None), ((6, 7, 8), CUBES),
                                            ((5, 9, 8), (3.0, 1.0, 1.2)), ((1, 13, 9), CUBES)])
def test_the_multigrid_cycle_is_symmetric_and_nearly_the_inverse(shape, spacing):
    known = np.zeros(shape, bool)
    known[..., 0, 1:4] = known[..., -1, 2] = True
    grid = inpainting._Multigrid.of(known, spacing)
    fill = np.flatnonzero(~known.ravel())
    forms, cycles = (np.array([apply(one.reshape(shape)).ravel()[fill].copy()
                               for one in np.eye(known.size, dtype=np.float32)[fill]])
                     for apply in (grid.form, grid.cycle))
    np.testing.assert_allclose(cycles, cycles.T, atol=1e-5)
    values = np.linalg.eigvals(cycles.astype(float) @ forms).real
    assert 0.15 < values.min() and values.max() < 2.5
    assert np.linalg.cond(forms) > (100 if len(shape) == 2 else 20)  # without it


@pytest.mark.parametrize("size", [48, 192])
def test_large_holes_take_no_more_steps_than_small_ones(size, monkeypatch):
    """Where homogeneous diffusion has a plane as its steady state."""
    steps, form = [], inpainting._Multigrid.form
    monkeypatch.setattr(inpainting._Multigrid, "form",
                        lambda grid, u: (steps.append(1), form(grid, u))[1])
    plane = np.add.outer(2.0 * np.arange(size), np.arange(size))
    mask = np.zeros((size, size), bool)
    mask[2:-2, 3:-2] = True
    found = pdenet.inpaint(np.where(mask, 0, plane), mask=mask, method="homogeneous")
    np.testing.assert_allclose(found, plane, atol=1e-5 * size)
    assert len(steps) <= 2 * 16


def test_edge_enhancing_inpainting_is_a_steady_state():
    """Where it stops, the residual is a thousandth of that of the known pixels' mean."""
    image = camera()[60:124, 100:164]
    mask = unknown(image.shape, 0.2)
    found = pdenet.inpaint(image, mask=mask)
    network = pdenet.models.eed(8 / 255 * np.ptp(image[~mask]), sigma=1.5, diffusivity="rational",
                                steps=1)
    flat = np.where(mask, image[~mask].mean(), image)
    rest = [np.sqrt(np.sum((network(u) - u)[mask]**2)) for u in (found, flat)]
    assert rest[0] < 1.2e-3 * rest[1]


def test_an_edge_is_continued_across_a_hole():
    y, x = np.mgrid[:48, :48]
    image = np.where(x + 0.5 * y > 36, 200.0, 50.0)
    mask = np.hypot(x - 24, y - 24) < 7
    found = {method: pdenet.inpaint(image, mask=mask, method=method)
             for method in inpainting.METHODS}
    assert psnr(found["eed"], image) > psnr(found["homogeneous"], image) + 2.5


@pytest.mark.parametrize("method", inpainting.METHODS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("axis", [None, -1, 0])
def test_any_type_and_channels(method, dtype, axis):
    image = data.astronaut()[40:90, 150:210] if axis is not None else data.camera()[:50, :60]
    image = (image.astype(float) * (200 if dtype == np.uint16 else 1)).astype(dtype)
    image = np.moveaxis(image, -1, 0) if axis == 0 else image
    mask = unknown((50, 60), 0.3)
    found = pdenet.inpaint(image, mask=mask, method=method, channel_axis=axis)
    assert found.shape == image.shape
    assert found.dtype == (np.float32 if dtype == np.float32 else float)
    where = ~mask if axis is None else np.broadcast_to(
        np.expand_dims(~mask, axis), image.shape)
    np.testing.assert_array_equal(found[where], image[where].astype(found.dtype))
    assert np.mean(np.abs(found - image)) < 0.06 * np.ptp(image)


@pytest.mark.parametrize("method", inpainting.METHODS)
def test_grey_levels_scale_and_shift(method):
    image = camera()[60:124, 100:164]
    mask = unknown(image.shape, 0.2)
    found = pdenet.inpaint(image, mask=mask, method=method)
    other = pdenet.inpaint(1e-6 * image + 3e-5, mask=mask, method=method)
    np.testing.assert_allclose((other - 3e-5) / 1e-6, found, atol=0.2)


def test_what_stands_in_the_pixels_to_be_filled_has_no_influence():
    image = camera()[60:124, 100:164]
    mask = unknown(image.shape, 0.2)
    results = [pdenet.inpaint(np.where(mask, value, image), mask=mask)
               for value in (np.nan, np.inf, 1e300, 0.0)]
    for found in results[1:]:
        np.testing.assert_array_equal(found, results[0])


def test_a_guide_steers():
    """Two areas whose border the few known pixels do not show, but another image does."""
    y, x = np.mgrid[:64, :64]
    border = x > 30 + 8 * np.sin(y / 9)
    image = np.where(border, 180.0, 60.0) + 0.3 * y
    mask = unknown(image.shape, 0.03)
    guide = np.where(border, 3.0, 1.0)
    plain, guided = (pdenet.inpaint(image, mask=mask, guide=one) for one in (None, guide))
    assert psnr(guided, image) > psnr(plain, image) + 2
    colour = np.repeat(guide[..., np.newaxis], 3, axis=2)
    assert psnr(pdenet.inpaint(image, mask=mask, guide=colour), image) > psnr(plain, image) + 2


@pytest.mark.parametrize("method", inpainting.METHODS)
def test_nothing_to_fill_and_a_constant(method):
    image = camera()[:20, :30]
    found = pdenet.inpaint(image, mask=np.zeros(image.shape, bool), method=method)
    np.testing.assert_array_equal(found, image)
    assert not np.shares_memory(found, image)
    constant = pdenet.inpaint(np.full((20, 30), 7.0), mask=unknown((20, 30), 0.1), method=method)
    np.testing.assert_allclose(constant, 7, rtol=1e-12)


# Volumes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spacing", [CUBES, (4.0, 1.0, 1.0), (1.0, 0.3, 2.0)])
def test_a_ramp_between_known_voxels_is_restored(spacing):
    z, y, x = np.indices((17, 30, 33))
    ramp, mask = 3.0 * z + y - 2 * x, np.zeros((17, 30, 33), bool)
    mask[3:-3, 2:-2, 4:-4] = True
    found = pdenet.inpaint(np.where(mask, np.nan, ramp), mask=mask, spacing=spacing,
                           method="homogeneous")
    np.testing.assert_allclose(found, ramp, atol=1e-4)
    hole = np.zeros_like(mask)
    hole[6:10, 12:17, 14:18] = True
    found = pdenet.inpaint(np.where(hole, 0, ramp), mask=hole, spacing=spacing)
    np.testing.assert_allclose(found, ramp, atol=0.1)


@pytest.mark.parametrize("method, gain", [("eed", 5), ("homogeneous", -1)])
def test_a_volume_is_filled_better_than_its_slices(method, gain):
    """By edge-enhancing diffusion; without edges a point holds less in three dimensions."""
    volume = phantom(32, *BALLS)
    mask = unknown(volume.shape, 0.1)
    found = pdenet.inpaint(volume.astype(np.float32), mask=mask, method=method, spacing=CUBES)
    slices = np.stack([pdenet.inpaint(image, mask=own, method=method)
                       for image, own in zip(volume, mask, strict=True)])
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[~mask], volume[~mask].astype(np.float32))
    assert psnr(found, volume) > psnr(slices, volume) + gain


@pytest.mark.parametrize("method", inpainting.METHODS)
def test_a_volume_of_one_slice_is_an_image_and_pixels_need_not_be_squares(method):
    image = camera()[60:110, 100:150]
    mask = unknown(image.shape, 0.2)
    found = pdenet.inpaint(image, mask=mask, method=method)
    slices = pdenet.inpaint(image[np.newaxis], mask=mask[np.newaxis], method=method, spacing=CUBES)
    np.testing.assert_allclose(slices[0], found, atol=0.3)
    tall = pdenet.inpaint(image, mask=mask, method=method, spacing=(3, 1))
    turned = pdenet.inpaint(image.T, mask=mask.T, method=method, spacing=(1, 3))
    np.testing.assert_allclose(turned.T, tall, atol=0.3)
    np.testing.assert_array_equal(tall[~mask], image[~mask])
    assert 1 < np.abs(tall - found)[mask].mean() < 20


@pytest.mark.parametrize("method", inpainting.METHODS)
def test_a_volume_depends_on_the_ratio_of_its_spacing_alone_and_has_channels(method):
    volume = phantom(24, *BALLS)
    mask = unknown(volume.shape, 0.2)
    options = {"mask": mask, "method": method}
    found = pdenet.inpaint(volume, spacing=(2, 1, 1), **options)
    np.testing.assert_allclose(pdenet.inpaint(volume, spacing=(1e-3, 5e-4, 5e-4), **options), found,
                               atol=0.1)
    both = pdenet.inpaint(np.stack([volume, 100 - volume]), channel_axis=0, spacing=(2, 1, 1),
                          **options)
    if method == "homogeneous":
        np.testing.assert_allclose(both, [found, 100 - found], atol=1e-3)
    else:
        np.testing.assert_allclose(both[0], 100 - both[1], atol=0.1)
        guided = pdenet.inpaint(volume, guide=volume, spacing=(2, 1, 1), **options)
        assert psnr(guided, volume) > psnr(found, volume)


def test_threads_change_no_bit_of_a_volume(monkeypatch):
    volume = phantom(40, *BALLS).astype(np.float32)
    mask = unknown(volume.shape, 0.2)
    monkeypatch.setattr(steady_state, "EDGE_OF_VOLUMES", 16)
    monkeypatch.setattr("pdenet.execution.tiles.HALOS", 1)
    first, *others = [pdenet.inpaint(volume, mask=mask, spacing=CUBES, workers=workers)
                      for workers in (1, 2, 3)]
    for found in others:
        np.testing.assert_array_equal(found, first)


def test_an_array_that_may_have_channels_is_asked_about():
    with pytest.raises(ValueError, match="may have channels or be a volume"):
        pdenet.inpaint(np.ones((8, 9, 3)), mask=np.eye(8, 9) > 0)
    with pytest.raises(ValueError, match=r"mask must be .* shape \(8, 9, 5\)"):
        pdenet.inpaint(np.ones((8, 9, 5)), mask=np.eye(8, 9) > 0)


@pytest.mark.parametrize("options, message", [
    ({"mask": np.ones((8, 9), bool)}, "at least one pixel known"),
    ({"mask": np.zeros((9, 8), bool)}, r"mask must be .* shape \(8, 9\)"),
    ({"mask": np.zeros((8, 9))}, "mask must be an array of bool"),
    ({"method": "telea"}, "method must be one of eed, homogeneous"),
    ({"contrast": 0}, "contrast must be a finite number > 0"),
    ({"sigma": -1}, "sigma must be"),
    ({"guide": np.ones((9, 8))}, r"guide must have shape \(8, 9\)"),
    ({"method": "homogeneous", "contrast": 3.0}, "contrast is of no use"),
    ({"method": "homogeneous", "guide": np.ones((8, 9))}, "guide is of no use")])
def test_bad_arguments(options, message):
    mask = np.zeros((8, 9), bool)
    mask[2:5, 3:6] = True
    with pytest.raises(ValueError, match=message):
        pdenet.inpaint(np.arange(72.0).reshape(8, 9), **{"mask": mask} | options)


def test_a_known_pixel_that_is_not_finite_is_refused():
    image = np.ones((8, 9))
    image[3, 4] = np.nan
    with pytest.raises(ValueError, match="must be finite"):
        pdenet.inpaint(image, mask=np.eye(8, 9) > 0)


@pytest.mark.parametrize("guided", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
def test_tiles_and_threads_change_no_bit(guided, channels, monkeypatch):
    """Of the steps; the residual is a sum over the tiles, which are the same for all threads."""
    rng = np.random.default_rng(0)
    block = pdenet.models.eed(20.0, sigma=1.5, diffusivity="rational").block
    f, u = rng.normal(0, 50, (2, channels, 70, 90)).astype(np.float32)
    known = ~unknown((70, 90), 0.2)
    u = np.where(known, f, u)
    guide = rng.normal(0, 50, (1, 70, 90)).astype(np.float32) if guided else None
    found = []
    for edge, workers in ((512, 1), (16, 1), (16, 3)):
        monkeypatch.setattr(steady_state, "EDGE", edge)
        monkeypatch.setattr("pdenet.execution.tiles.HALOS", 1)
        with Workers(workers) as team:
            passes = steady_state._Passes(block, f, known, guide, team)
            state, out = np.concatenate([u, u]), np.empty((2 * channels, 70, 90), np.float32)
            rests = [passes.advance(state, 0, 2, out)]
            for first, count in ((2, 2), (4, 1)):
                state, out = out, state
                rests.append(passes.advance(state, first, count, out))
        found.append((rests, out))
    for rests, out in found[1:]:
        np.testing.assert_array_equal(out, found[0][1])
        np.testing.assert_allclose(rests, found[0][0], rtol=1e-12)
    assert found[1][0] == found[2][0] and found[0][0][0] > 0 == found[0][0][1]
    np.testing.assert_array_equal(out[:channels, known], f[:, known])


def test_threads_change_no_bit_of_an_image(monkeypatch):
    image = camera()[60:124, 100:164]
    mask = unknown(image.shape, 0.2)
    monkeypatch.setattr(steady_state, "EDGE", 32)
    monkeypatch.setattr("pdenet.execution.tiles.HALOS", 1)
    first, *others = [pdenet.inpaint(image, mask=mask, workers=workers) for workers in (1, 2, 3)]
    for found in others:
        np.testing.assert_array_equal(found, first)


def test_halving_and_doubling():
    ramp = np.arange(16.0).reshape(1, 1, 16) * np.ones((1, 12, 1))
    half = inpainting._halve(ramp, (0, 1))
    np.testing.assert_array_equal(half[0, 0], np.arange(0.5, 16, 2))
    double = inpainting._double(half, (12, 16), (0, 1))
    np.testing.assert_allclose(double[:, :, 1:-1], ramp[:, :, 1:-1])
    assert inpainting._halve(np.ones((2, 5, 7)), (0, 1)).shape == (2, 3, 4)
