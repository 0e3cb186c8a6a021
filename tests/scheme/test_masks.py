"""Images some of whose pixels are no measurement: all that holds without a mask holds with one."""

import numpy as np
import pytest
from scipy.ndimage import binary_dilation
from scipy.special import jnp_zeros

import pdenet
from pdenet.kernels.gaussian import PIXELS
from pdenet.kernels.workspace import Workspace
from pdenet.scheme import corner_patterns, masks
from pdenet.scheme.scales import ScaleSpace

from .. import naive, naive_volumes
from ..gradients import check_gradient
from ..table import ALL_MODELS
from ..volumes import CUBES, FLAT, VOLUMES

CASES = ALL_MODELS | {f"volume-{name}": case for name, case in VOLUMES.items()}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
SHAPE = 13, 18
VOXELS = 5, 7, 6


def random_mask(seed=0, shape=SHAPE, share=0.75):
    """Random pixels, a hole and a corner, so that every kind of cell is there."""
    mask = np.random.default_rng(seed).random(shape) < share
    mask[..., 4:8, 5:9] = False
    mask[..., :2, :3] = True
    return mask


def given(case, **options):
    """An image or a volume, and a mask for it."""
    shape = VOXELS if hasattr(case, "spacing") else SHAPE
    return case.image(shape=shape, **options), random_mask(shape=shape)


def planes_of(case, image):
    return np.moveaxis(image, -1, 0) if case.channels > 1 else image[np.newaxis]


# The scheme ---------------------------------------------------------------------------------------


@every_case
def test_a_step_equals_the_naive_one(case):
    network, (image, mask) = case.network(40.0, steps=1), given(case)
    if not network.operator.directional:
        pytest.skip("see the tests of the Laplacian and of the Hessian")
    planes = planes_of(case, image) * mask
    found = planes_of(case, case.run(network, image, mask=mask))
    expected = (naive_volumes.masked_step(network, planes, mask, case.spacing)
                if image.shape[:3] == VOXELS else naive.masked_step(network, planes, mask))
    np.testing.assert_allclose(found[:, mask], expected[:, mask], rtol=0, atol=2e-11)
    assert np.abs(expected - planes).max() > 1


def test_the_laplacian_is_the_divergence_of_the_gradient():
    mask, v = random_mask(), np.random.default_rng(1).normal(size=(1, *SHAPE)) * random_mask()
    operator = masks.masked_operator(pdenet.Laplacian(), mask.astype(float))
    K, weights = naive.masked_samples(mask, operator.alpha)
    flux = K @ v.ravel() * [1, 1, (1 - 2 * operator.alpha) / 2] * weights[:, np.newaxis]
    expected = -np.einsum("ckx,ck->x", K, flux).reshape(SHAPE)
    found = operator.apply(v[0], Workspace())[0]
    np.testing.assert_allclose(found, expected, atol=1e-13)
    whole = masks.masked_operator(pdenet.Laplacian(), np.ones(SHAPE))
    np.testing.assert_allclose(whole.apply(v[0], Workspace()),
                               pdenet.Laplacian().apply(v[0], Workspace()), atol=1e-13)


@pytest.mark.parametrize("operator", [pdenet.Gradient(), pdenet.Gradient(gamma=1.0),
                                      pdenet.Laplacian(), pdenet.Hessian()], ids=repr)
@pytest.mark.parametrize("dtype, error", [(np.float64, 1e-14), (np.float32, 1e-6)])
def test_the_form_is_its_own_transpose_and_gives_others_nothing(operator, dtype, error):
    """The dot test of K' M(D) K, for any D."""
    rng, mask = np.random.default_rng(2), random_mask()
    masked = masks.masked_operator(operator, mask.astype(dtype))
    u, v = (rng.normal(size=(2, 1, *SHAPE)) * mask).astype(dtype)
    m, d, o = rng.uniform(0.3, 0.5, (3, 14, 19)) * [[[1]], [[0.5]], [[0.5]]]
    o[[0, -1]] = o[:, [0, -1]] = 0  # as any J has it where the image is mirrored
    tensor = np.stack([m, d, o]) if operator.directional else m[np.newaxis, :13, :18]
    tensor, outs = tensor.astype(dtype), []
    for plane in (u, v):
        outs.append(np.empty_like(plane))
        masked.diffuse(plane, tensor, 1.0, False, outs[-1], Workspace())
        assert (outs[-1][0][~mask] == 0).all() and np.abs(outs[-1]).max() > 0.1
    products = [np.sum(a * b, dtype=np.float64) for a, b in ((outs[0], v), (u, outs[1]))]
    size = np.linalg.norm(outs[0].astype(float)) * np.linalg.norm(v.astype(float))
    assert abs(products[0] - products[1]) <= error * size


def test_second_derivatives_that_take_other_pixels_are_left_out():
    mask, v = random_mask(), np.random.default_rng(1).normal(size=SHAPE) * random_mask()
    K = naive.matrix(naive.hessian, SHAPE)
    kept = ((K != 0) @ ~mask.ravel() == 0) & np.tile(mask.ravel(), 3)
    operator = masks.masked_operator(pdenet.Hessian(), mask.astype(float))
    found = operator.apply(v, Workspace())
    np.testing.assert_allclose(found.ravel(), kept * (K @ v.ravel()), atol=1e-12)
    assert 0.2 < kept.mean() < 0.8
    y, x = np.mgrid[:SHAPE[0], :SHAPE[1]]
    inside = masks.masked_operator(pdenet.Hessian(), np.pad(np.ones((11, 16)), 1))
    assert np.abs(inside.apply((3.0 * x - 2 * y) * inside.plane, Workspace())).max() < 1e-13


@every_case
def test_a_mask_of_all_pixels_gives_the_scheme_to_the_rim(case):
    """By the rule for pixels that are not measured: the image stands in a larger one."""
    image, mask = given(case)
    frame = np.pad(np.ones(mask.shape, bool), 3)
    wide = np.full(frame.shape + image.shape[mask.ndim:], np.nan)
    wide[frame] = image.reshape(-1, *image.shape[mask.ndim:])
    network = case.network(40.0, steps=5)
    if network.scales.reach or network.steering or network.integration or network.dictionary:
        pytest.skip("a Gaussian mirrors the image where it ends, and not where a mask does")
    if isinstance(network.operator, pdenet.Hessian):
        pytest.skip("so does the Hessian")
    found = case.run(network, wide, mask=frame)[frame].reshape(image.shape)
    np.testing.assert_allclose(found, case.run(network, image), rtol=0, atol=1e-10)


@every_case
def test_nothing_comes_from_pixels_that_are_not_measured_and_they_stay(case):
    image, mask = given(case)
    results = []
    for value in (np.nan, np.inf, 1e300, -7.0):
        image[~mask] = value
        found = case.run(case.network(40.0, steps=4), image, mask=mask)
        np.testing.assert_array_equal(found[~mask], image[~mask])
        results.append(found[mask])
    for found in results[1:]:
        np.testing.assert_array_equal(found, results[0])


@every_case
@pytest.mark.parametrize("dtype, error", [(np.float64, 3e-14), (np.float32, 2e-6)])
def test_the_mean_and_constants_are_kept(case, dtype, error):
    image, mask = given(case)
    image = image.astype(dtype)
    network = case.network(40.0)
    found = network.evolve(image, 5.0, channel_axis=case.channel_axis, mask=mask)
    assert found.dtype == dtype
    np.testing.assert_allclose(found[mask].mean(0, dtype=float),
                               image[mask].mean(0, dtype=float), rtol=error)
    assert np.abs(found - image).max() > 1
    constant = network.evolve(np.full_like(image, 7), 5.0, channel_axis=case.channel_axis,
                              mask=mask)
    np.testing.assert_allclose(constant, 7, rtol=error)


@pytest.mark.parametrize("name", ["perona_malik", "weickert_brox", "weickert_brox-gamma",
                                  "volume-perona_malik-flat", "volume-weickert_brox-flat"])
def test_two_pixels_away_the_scheme_is_that_without_a_mask(name):
    case, mask = CASES[name], np.ones((9, 20, 44) if "volume" in name else (20, 44), bool)
    hole = mask[3:6] if "volume" in name else mask
    hole[..., 8:11, 9:13] = False
    hole[..., 9, 14] = False
    image, network = case.image(shape=mask.shape), case.network(40.0, steps=1)
    with_mask, without = (case.run(network, image, mask=one) for one in (mask, None))
    near = binary_dilation(~mask, np.ones((3,) * mask.ndim))
    np.testing.assert_array_equal(with_mask[~near], without[~near])
    assert (with_mask[near & mask] != without[near & mask]).any(axis=-1).mean() > 0.8


@pytest.mark.parametrize("seed, share", [(0, 0.4), (1, 0.6), (2, 0.9)])
@pytest.mark.parametrize("alpha", [0.25, 0.41, 0.5])
def test_the_step_size_is_stable_for_every_mask(seed, share, alpha):
    mask = random_mask(seed, (9, 11), share)
    K, weights = naive.masked_samples(mask, alpha)
    metric = weights[:, np.newaxis] * [1, 1, (1 - 2 * alpha) / 2]
    form = np.einsum("ckx,ck,cky->xy", K, metric, K)
    assert 2.5 < np.linalg.eigvalsh(form)[-1] <= 4 + 1e-12
    values = np.linalg.svd(np.sqrt(metric)[..., np.newaxis] * K, compute_uv=False)
    assert values.max() <= 1 + 1e-12


def rho_of(alpha, spacing):
    operator = pdenet.Gradient(alpha)
    return 2 / pdenet.models.perona_malik(1.0, operator=operator, spacing=spacing).tau_max


@pytest.mark.parametrize("alpha", [0.0, 0.1, 0.25, 0.41, 0.5])
@pytest.mark.parametrize("spacing", [CUBES, FLAT, (1.0, 9.0, 1.0), (0.3, 0.4, 5.0)])
def test_no_cell_of_a_volume_exceeds_a_whole_one(alpha, spacing):
    """The largest eigenvalue of w K' M(I) K of all 256 patterns."""
    largest = []
    for pattern in range(256):
        measured = (pattern >> np.arange(8) & 1).astype(bool)
        K, weight = corner_patterns.samples(alpha, measured)
        assert 0 <= weight <= 1 and (K[:, ~measured] == 0).all()
        assert np.abs(K.sum(axis=1)).max() < 1e-13
        if alpha < 0.5:  # at 1/2 no twist counts
            expected, own = naive_volumes.pattern_samples(measured, alpha)
            np.testing.assert_allclose(K, expected, atol=1e-10)
            assert weight == pytest.approx(own, abs=1e-12)
        points = naive_volumes.at_points(K[np.newaxis], alpha, spacing)[0].reshape(-1, 8)
        largest.append(weight * np.linalg.eigvalsh(points.T @ points / 8)[-1])
    assert max(largest) <= largest[-1] * (1 + 1e-12)
    assert alpha < 0.25 or sum(np.isclose(largest, largest[-1])) > 20
    assert 8 * largest[-1] == pytest.approx(rho_of(alpha, spacing))


@pytest.mark.parametrize("share", [0.5, 0.8])
@pytest.mark.parametrize("alpha, spacing", [(0.41, CUBES), (0.25, FLAT), (0.5, (1.0, 2.0, 0.7))])
def test_the_step_size_is_stable_for_every_mask_of_a_volume(share, alpha, spacing):
    mask = random_mask(1, (5, 6, 7), share)
    K, weights = naive_volumes.masked_samples(mask, min(alpha, 0.5 - 1e-6))
    gradient = naive_volumes.at_points(K, alpha, spacing)
    form = np.einsum("c,cpix,cpiy->xy", weights / 8, gradient, gradient)
    rho = rho_of(alpha, spacing)
    assert 0.5 * rho < np.linalg.eigvalsh(form)[-1] <= rho * (1 + 1e-5)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.energy])
def test_the_flow_is_the_gradient_of_the_energy(name):
    case = CASES[name]
    network, (image, mask) = case.network(40.0, steps=1), given(case)
    options = {"channel_axis": case.channel_axis, "mask": mask}
    moved = 2 / network.tau * (image - network(image, **options))
    direction = np.random.default_rng(3).normal(size=image.shape)
    h = 1e-4
    values = [network.energy(image + k * h * direction, **options) for k in (1, -1, 2, -2)]
    slope = (8 * (values[0] - values[1]) - (values[2] - values[3])) / (12 * h)
    assert slope == pytest.approx(np.sum(moved * direction), rel=1e-7)
    image[~mask] = np.nan
    assert network.energy(image, **options) == pytest.approx(
        network.energy(np.nan_to_num(image), **options), rel=1e-15)


@every_case
def test_the_adjoint(case):
    mask = random_mask(shape=(3, 3, 4) if hasattr(case, "spacing") else (5, 6))
    mask[1, 2] = mask[-1, -2] = False
    check_gradient(case.network(30.0, steps=2), case.image(shape=mask.shape, scale=20.0),
                   case.channel_axis, mask=mask)


def test_the_adjoint_of_a_reaction_and_what_stands_outside():
    mask = random_mask(shape=(5, 6))
    mask[3, 1] = False
    network = pdenet.models.eed(30.0, reaction=0.4, steps=3)
    image = np.random.default_rng(0).normal(100, 20, (5, 6))
    check_gradient(network, image, mask=mask)
    out, pullback = network.vjp(np.where(mask, image, np.nan), mask=mask)
    cotangent = np.where(mask, 0.0, 5.0)  # pixels that are not measured stay as they are
    found, gradient = pullback(cotangent)
    np.testing.assert_array_equal(found, cotangent)
    assert np.isnan(out[~mask]).all() and all(not np.any(value) for value in gradient.values())


# Smoothing ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("sigma", [0.5, 1.0, 3.0, 10.0])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
@pytest.mark.parametrize("dtype, error", [(np.float64, 1e-13), (np.float32, 2e-6)])
@pytest.mark.parametrize("shape, spacing", [((40, 45), None), ((11, 16, 13), (1.7, 1.0, 0.8))])
def test_gaussians_are_symmetric_and_keep_constants_and_the_mean(sigma, share, dtype, error, shape,
                                                                 spacing):
    mask = random_mask(3, shape, share)
    own = masks.prepare(mask, [pdenet.models.eed(1.0, sigma=sigma, spacing=spacing).block], dtype)
    scales, work = own.of(ScaleSpace([sigma]).spaced(spacing)), Workspace()
    d = own.factors[PIXELS][1][0]
    assert (d[mask] > 0).all() and (d[~mask] == 0).all()
    ones = scales.smooth(own.plane[np.newaxis], work)[0].copy()
    np.testing.assert_allclose(ones, mask, atol=error)
    u, v = (np.random.default_rng(k).normal(size=(1, *shape)).astype(dtype) * own.plane
            for k in range(2))
    products = [np.sum(scales.smooth(a, work) * b, dtype=float) for a, b in ((u, v), (v, u))]
    scale = np.sqrt(np.sum(u * u) * np.sum(v * v))
    assert abs(products[0] - products[1]) <= error * scale
    added = v.copy()
    scales.add_adjoint(u, 0.7, added, work)
    np.testing.assert_allclose(added, v + dtype(0.7) * scales.smooth(u, work), atol=10 * error)


def test_far_away_a_gaussian_is_that_without_a_mask():
    mask = np.ones((60, 60), bool)
    mask[:3, :3] = False
    own = masks.prepare(mask, [pdenet.models.eed(1.0, sigma=1.0).block], float)
    np.testing.assert_allclose(own.factors[PIXELS][1][0][25:, 25:], 1, atol=1e-13)


# Accuracy -----------------------------------------------------------------------------------------


def form_of(mask, alpha=0.41, dropped=False):
    """K' M(I) K on the measured pixels, or that without the cells that touch others."""
    K, weights = naive.masked_samples(mask, alpha)
    if dropped:
        inside = np.pad(mask, 1, mode="edge")
        whole = inside[:-1, :-1] & inside[:-1, 1:] & inside[1:, :-1] & inside[1:, 1:]
        weights = np.where(whole.ravel(), weights, 0)
    K = K[:, :, mask.ravel()] * np.sqrt(weights[:, np.newaxis]
                                        * [1, 1, (1 - 2 * alpha) / 2])[..., np.newaxis]
    K = K.reshape(-1, mask.sum())
    return K.T @ K


@pytest.mark.parametrize("size, bounds", [(8, [0.025, 0.045]), (10, [0.013, 0.032]),
                                          (16, [0.013, 0.025])])
def test_eigenvalues_of_a_disc_are_those_of_bessel_functions(size, bounds):
    """Those of the modes J1 and J2, beside a scheme that drops all cells at the rim."""
    y, x = np.mgrid[-size - 2:size + 3, -size - 2:size + 3] + 0.5
    mask = x * x + y * y < size**2
    radius = np.sqrt(mask.sum() / np.pi)
    expected = np.array([jnp_zeros(1, 1)[0], jnp_zeros(2, 1)[0]]) / radius
    errors = []
    for dropped in (False, True):
        values = np.linalg.eigvalsh(form_of(mask, dropped=dropped))
        values = values[values > 1e-9][[0, 2]]
        errors.append(np.abs(values / expected**2 - 1))
    assert (errors[0] < bounds).all()
    assert (errors[1] > 3 * errors[0]).all()


def test_eigenvalues_of_a_ball_are_those_of_spherical_bessel_functions():
    """Those of the modes l = 1 and 2 in a ball of radius 6, beside a scheme without its rim."""
    mask = np.linalg.norm(np.indices((13,) * 3) - 6.0, axis=0) < 6
    radius = (3 * mask.sum() / (4 * np.pi))**(1 / 3)
    K, weights = naive_volumes.masked_samples(mask, 0.41)
    inside = np.pad(mask, 1)
    whole = np.all([inside[tuple(slice(k, k + 14) for k in corner)].ravel()
                    for corner in np.ndindex(2, 2, 2)], axis=0)
    errors = []
    for own in (weights, np.where(whole, weights, 0)):
        gradient = naive_volumes.at_points(K[:, :, mask.ravel()], 0.41, CUBES)
        gradient = gradient * np.sqrt(own / 8)[:, np.newaxis, np.newaxis, np.newaxis]
        gradient = gradient[own > 0].reshape(-1, mask.sum())
        values = np.linalg.eigvalsh(gradient.T @ gradient)
        values = values[values > 1e-9]
        errors.append(np.abs([values[:3].mean() / (2.08158 / radius)**2 - 1,
                              values[3:8].mean() / (3.34209 / radius)**2 - 1]))
    assert (errors[0] < [0.05, 0.09]).all()
    assert (errors[1] > 5 * errors[0]).all()


@pytest.mark.parametrize("angle", [0, 10, 20, 30, 40, 45])
def test_a_strip_diffuses_alike_in_all_directions(angle):
    c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    y, x = np.mgrid[-40:41, -40:41].astype(float)
    mask = (np.abs(c * y - s * x + 0.37) < 10.3 / 2) & (np.abs(c * x + s * y) < 38)
    network = pdenet.DiffusionNetwork(flux=pdenet.Isotropic(pdenet.Exponential(1e9)))
    mode = np.sin(np.pi / 76 * (c * x + s * y)) * mask
    first = network.evolve(mode, 40.0, scheme="explicit", mask=mask)
    second = network.evolve(first, 200.0, scheme="explicit", mask=mask)
    rate = np.log(np.sum(first * mode) / np.sum(second * mode)) / 200
    assert 0.97 < rate / (np.pi / 76)**2 < 1.03


# Who computes what --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["perona_malik", "eed-colour", "multiscale-anisotropic"])
@pytest.mark.parametrize("scheme", ["fed", "explicit"])
def test_tiles_and_threads_change_no_bit(name, scheme, monkeypatch):
    case, shape = ALL_MODELS[name], (70, 90)
    image, mask = case.image(shape=shape).astype(np.float32), random_mask(5, shape)
    options = {"channel_axis": case.channel_axis, "mask": mask, "scheme": scheme}
    network = case.network(40.0)
    expected = network.evolve(image, 3.0, workers=1, **options)
    for edge, workers in ((16, 1), (16, 3), (512, 2)):
        monkeypatch.setattr("pdenet.execution.tiles.EDGE", edge)
        monkeypatch.setattr("pdenet.execution.tiles.HALOS", 1)
        np.testing.assert_array_equal(network.evolve(image, 3.0, workers=workers, **options),
                                      expected)


@pytest.mark.parametrize("name", ["perona_malik", "eed-colour", "multiscale-anisotropic"])
def test_chunks_change_no_bit(name, monkeypatch):
    array = pytest.importorskip("dask.array")
    case, shape = ALL_MODELS[name], (70, 90)
    image, mask = case.image(shape=shape), random_mask(5, shape)
    image[~mask] = np.nan
    network = case.network(40.0, reaction=0.1)
    expected = network.evolve(image, 3.0, channel_axis=case.channel_axis, mask=mask)
    monkeypatch.setattr("pdenet.execution.chunks.TILE", 32)
    lazy = network.evolve(array.from_array(image), 3.0, channel_axis=case.channel_axis, mask=mask)
    assert lazy.dtype == expected.dtype
    np.testing.assert_array_equal(lazy.compute(), expected)
    with pytest.raises(ValueError, match="needs image in memory"):
        network(array.from_array(image), channel_axis=case.channel_axis, nan_policy="omit")


# What is refused ----------------------------------------------------------------------------------


class Other(pdenet.Gradient):
    """An operator of a user's own."""


@pytest.mark.parametrize("operator", [Other()])
def test_operators_that_cannot_leave_pixels_out(operator):
    network = pdenet.DiffusionNetwork(operator=operator,
                                      flux=pdenet.Isotropic(pdenet.Exponential(1.0)))
    with pytest.raises(ValueError, match="Gradient, Laplacian and Hessian; got"):
        network(np.eye(5), mask=np.eye(5) == 0)
    assert network(np.eye(5), mask=np.ones((5, 5), bool)).shape == (5, 5)
