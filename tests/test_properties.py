"""ALL_MODELS x every property."""

import collections
import dataclasses
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pdenet
from pdenet import DiffusionNetwork, models
from pdenet.execution import passes
from pdenet.kernels.workspace import Workspace
from pdenet.network.timesteps import schedule

from . import naive
from .table import ALL_MODELS

every_model = pytest.mark.parametrize("case", ALL_MODELS.values(), ids=ALL_MODELS.keys())


@every_model
@pytest.mark.parametrize("shape", [(9, 14), (1, 7), (6, 1), (1, 1), (2, 2)])
def test_step_equals_the_naive_one(case, shape):
    network = case.network(steps=1)
    image = case.image(shape=shape)
    planes = np.moveaxis(image, -1, 0) if case.channels > 1 else image[np.newaxis]
    expected = naive.step(network, planes)
    result = case.run(network, image)
    result = np.moveaxis(result, -1, 0) if case.channels > 1 else result[np.newaxis]
    np.testing.assert_allclose(result, expected, rtol=0, atol=2e-11)


@every_model
def test_float32_follows_float64(case):
    network, image = case.network(steps=5), case.image()
    single = case.run(network, image.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, case.run(network, image), rtol=0, atol=3e-3)


@every_model
def test_mean_is_kept(case):
    image = case.image(shape=(31, 22))
    result = case.run(case.network(steps=20), image)
    axes = (0, 1)
    np.testing.assert_allclose(result.mean(axes), image.mean(axes), rtol=1e-13)
    assert np.abs(result - image).max() > 1


@every_model
@settings(max_examples=15, deadline=None)
@given(scale=st.floats(1e-3, 1e3), shift=st.floats(-1e3, 1e3), seed=st.integers(0, 99))
def test_grey_levels_scale_and_shift(case, scale, shift, seed):
    image = case.image(seed)
    result = case.run(case.network(steps=4), image)
    scaled = case.run(case.network(12.0 * scale, steps=4), scale * image + shift)
    # One rounding unit of the largest number in play, squared in J, is what may be lost.
    tolerance = 1e-11 * (scale * np.abs(image).max() + abs(shift))
    np.testing.assert_allclose(scaled, scale * result + shift, rtol=0, atol=tolerance)


@every_model
def test_rotations_by_90_degrees_flips_and_transposition(case):
    image, network = case.image(), case.network(steps=6)
    result = case.run(network, image)
    swap = (1, 0, 2)[:image.ndim]
    for move in (np.rot90, lambda u: np.rot90(u, 2), lambda u: np.rot90(u, 3), np.flipud,
                 np.fliplr, lambda u: u.transpose(swap)):
        np.testing.assert_allclose(case.run(network, move(image)), move(result), atol=1e-11)


@every_model
def test_energy_gradient_is_the_flow(case):
    network, image = case.network(steps=1), case.image(shape=(8, 9))
    if not case.energy:
        words = "no energy|gamma = 0|structure_twist = 1|the weight 1"
        with pytest.raises(ValueError, match=words):
            network.energy(image, channel_axis=case.channel_axis)
        return
    flow = (case.run(network, image) - image) / network.tau
    rng = np.random.default_rng(1)
    for _ in range(4):
        direction = rng.normal(size=image.shape)
        h = 1e-4
        plus, minus = (network.energy(image + s * h * direction, channel_axis=case.channel_axis)
                       for s in (1, -1))
        slope = (plus - minus) / (2 * h)
        assert slope == pytest.approx(-2 * np.sum(flow * direction), rel=2e-7)


@every_model
def test_energy_never_grows(case):
    if not case.energy:
        pytest.skip("no energy")
    image = case.image(3, scale=8.0)
    network = case.network(steps=1)
    energies = [network.energy(image, channel_axis=case.channel_axis)]
    for _ in range(20):
        image = case.run(network, image)
        energies.append(network.energy(image, channel_axis=case.channel_axis))
    assert (np.diff(energies) <= 1e-12 * energies[0]).all()
    assert energies[-1] < 0.99 * energies[0]


@every_model
def test_norm_never_grows_up_to_tau_max(case):
    image = case.image(5)
    network = case.network(tau=case.network().tau_max, steps=1)
    centred = image - image.mean((0, 1))
    norms = [np.linalg.norm(centred)]
    for _ in range(300):
        image = case.run(network, image, workers=1)
        norms.append(np.linalg.norm(image - image.mean((0, 1))))
    assert (np.diff(norms) <= 1e-12 * norms[0]).all()


@every_model
def test_slightly_more_than_tau_max_is_refused_and_grows(case):
    tau_max = case.network().tau_max
    with pytest.raises(ValueError, match=rf"tau must be at most tau_max = {tau_max:.6g}.*got"):
        case.network(tau=1.05 * tau_max)
    # A tiny multiple of the worst mode, where g = 1.
    network = case.linear(tau=1.05 * tau_max, steps=1, allow_unstable=True)
    size = 64
    frequencies = np.pi * np.arange(size) / size
    rho = network.block.symbol(frequencies, frequencies)
    row, column = np.unravel_index(rho.argmax(), rho.shape)
    position = np.arange(size) + 0.5
    mode = np.outer(np.cos(frequencies[row] * position), np.cos(frequencies[column] * position))
    image = np.repeat(mode[..., np.newaxis], case.channels, axis=2) if case.channels > 1 else mode
    result = case.run(network, 1e-3 * image)
    assert np.linalg.norm(result) > 1.01 * np.linalg.norm(1e-3 * image)


@every_model
def test_cosine_modes_are_eigenvectors_to_the_rim(case):
    """Without edges (huge contrast, g = 1) the step multiplies each mode by 1 - tau rho."""
    network = case.linear(steps=1)
    height, width = 7, 9
    xi, eta = np.pi * np.arange(width) / width, np.pi * np.arange(height) / height
    rho = network.block.symbol(xi, eta)
    for row in range(height):
        for column in range(width):
            mode = np.outer(np.cos(eta[row] * (np.arange(height) + 0.5)),
                            np.cos(xi[column] * (np.arange(width) + 0.5)))
            image = (np.repeat(mode[..., np.newaxis], case.channels, axis=2)
                     if case.channels > 1 else mode)
            factor = 1 - network.tau * rho[row, column]
            np.testing.assert_allclose(case.run(network, image), factor * image, atol=1e-12)


@every_model
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_workers_and_tiles_change_no_bit(case, dtype, monkeypatch):
    image = case.image(shape=(150, 170)).astype(dtype)
    network = case.network(steps=7)
    whole = case.run(network, image, workers=1)
    evolved = network.evolve(image, 3.0, channel_axis=case.channel_axis, workers=1)
    for edge, workers in [(512, 2), (40, 1), (40, 2), (57, 3), (64, 7)]:
        monkeypatch.setattr("pdenet.execution.tiles.EDGE", edge)
        monkeypatch.setattr("pdenet.execution.tiles.HALOS", 1)
        monkeypatch.setattr("pdenet.execution.tiles.SHARE", 1)
        np.testing.assert_array_equal(case.run(network, image, workers=workers), whole)
        again = network.evolve(image, 3.0, channel_axis=case.channel_axis, workers=workers)
        np.testing.assert_array_equal(again, evolved)


@every_model
def test_one_pass_and_step_by_step_are_the_same_numbers(case, monkeypatch):
    image, network = case.image(shape=(33, 47)), case.network(steps=5)
    result = case.run(network, image)
    monkeypatch.setattr(pdenet.DiffusionBlock, "compiled", False)
    np.testing.assert_array_equal(case.run(network, image), result)


@every_model
def test_fed_approaches_the_explicit_scheme(case):
    image = naive.smooth(np.random.default_rng(0).normal(0, 100, (40, 40)), 1.5)
    if case.channels > 1:
        image = np.stack([image] * case.channels, axis=-1)
    network = case.network(40.0)
    time = 8 * network.tau_max

    def evolve(**options):
        return network.evolve(image, time, channel_axis=case.channel_axis, **options)

    exact = evolve(cycles=500)  # single steps of 0.016 tau_max
    errors = [np.linalg.norm(evolve(cycles=cycles) - exact) for cycles in (2, 8, 32)]
    assert errors[0] > errors[1] > errors[2]
    # A cycle holds the tensor, which follows lines that move.
    far = 0.06 if hasattr(network.flux, "least") else 0.03
    assert errors[1] < far * np.linalg.norm(exact - image)
    assert np.linalg.norm(evolve(scheme="explicit") - exact) < 0.03 * np.linalg.norm(exact - image)


@every_model
def test_no_time_or_no_steps_give_a_copy(case):
    image, network = case.image(), case.network(steps=0)
    for result in (case.run(network, image), network.evolve(image, 0.0,
                                                            channel_axis=case.channel_axis)):
        np.testing.assert_array_equal(result, image)
        assert not np.shares_memory(result, image)


@settings(max_examples=40, deadline=None)
@given(bits=st.lists(st.booleans(), min_size=1, max_size=48), width=st.integers(1, 8),
       alpha=st.floats(0, 0.5), contrast=st.floats(0.1, 3))
def test_isotropic_single_scale_keeps_the_range(bits, width, alpha, contrast):
    """Within the step 1 / (4 (1 - alpha)) no weight of the stencil is negative."""
    image = np.resize(np.array(bits, float), (6, width))
    network = models.perona_malik(contrast, operator=pdenet.Gradient(alpha=alpha),
                                  tau=1 / (4 * (1 - alpha)), steps=5)
    result = network(image)
    assert result.min() >= image.min() - 1e-15 and result.max() <= image.max() + 1e-15


@pytest.mark.parametrize("name", ["isotropic", "anisotropic"])
def test_one_scale_and_one_channel_are_the_limits(name):
    image = ALL_MODELS["perona_malik"].image()
    single = {"isotropic": models.perona_malik, "anisotropic": models.weickert_brox}[name](9.0)
    scales = models.multiscale(9.0, sigmas=[0.0], coupling=name)
    np.testing.assert_array_equal(single(image), scales(image))
    np.testing.assert_array_equal(single(image[..., np.newaxis], channel_axis=-1)[..., 0],
                                  single(image))


def test_sigma_larger_than_the_image():
    image = ALL_MODELS["eed"].image(shape=(4, 5))
    network = models.eed(1.0, sigma=3.0, steps=1)  # a Gaussian of 25 samples
    assert network.block.trace(network.block.steering_layers(image[np.newaxis], Workspace()),
                               Workspace()).max() > 1
    expected = naive.step(network, image[np.newaxis])[0]
    np.testing.assert_allclose(network(image), expected, atol=1e-11)


def test_networks_cannot_be_changed():
    network = models.perona_malik(5.0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        network.tau = 1.0
    with pytest.raises(ValueError, match="read-only"):
        network.scales.weights[0] = 2.0
    assert isinstance(network, DiffusionNetwork)


@pytest.mark.parametrize("name, scheme, planes", [
    ("perona_malik", "explicit", 0), ("perona_malik", "fed", 3 + 1), ("eed", "fed", 3 + 1 + 3 + 1),
    ("weickert_brox", "fed", 3 * 3 + 3), ("perona_malik-dictionary", "fed", 3 + 1 + 17 + 3),
    ("multiscale-anisotropic", "fed", 3 + 2 * 3 + 3 + 2)])
def test_peak_memory_of_filters_is_what_the_docstring_says(name, scheme, planes, monkeypatch):
    """Beyond the image and the result: an array of their size, and planes of a tile."""
    monkeypatch.setattr("pdenet.execution.tiles.EDGE", 100)
    monkeypatch.setattr("pdenet.execution.tiles.HALOS", 1)
    monkeypatch.setattr("pdenet.execution.workers.KEPT", 0)
    monkeypatch.setattr("pdenet.execution.workers._spare", collections.deque())
    case = ALL_MODELS[name]
    network, u = case.network(30.0), case.image(shape=(300, 300)).astype(np.float32)
    cycles = [(network.block, taus) for taus in schedule(9.0, network.tau_max, scheme)]
    halo = max(halo for _, halo, _ in passes.passes(cycles, 10))

    def run():
        network.evolve(u, 9.0, scheme=scheme, workers=1, channel_axis=case.channel_axis)
    run()
    tracemalloc.start()
    run()
    peak = tracemalloc.get_traced_memory()[1] / u.nbytes
    tracemalloc.stop()
    tile = (100 + 2 * halo)**2 / 300**2 / case.channels
    expected = 2 + planes * tile + (case.channels > 1)
    assert 0.8 * expected < peak < 1.2 * expected, (peak, expected, halo)
