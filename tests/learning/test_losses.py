"""Learning without clean images: Stein's unbiased risk estimate."""

import numpy as np
import pytest

import pdenet
from pdenet.execution.workers import Workers
from pdenet.learning.losses import Unbiased
from pdenet.network import adjoint

SIGMA = 30.0


def network(**options):
    return pdenet.models.multiscale(40.0, sigmas=[0.0, 1.0], tau=0.2, steps=3, **options)


def data(count=1, size=64, dtype=np.float64):
    clean = pdenet.rectangles(count, 30)[:, :size, :size].astype(dtype)
    return pdenet.add_noise(clean, SIGMA, rng=1), clean


def value(net, loss, batch=(0,)):
    with Workers(1) as team:
        return adjoint.batch_gradient(net, loss.tasks(batch), team)


def test_the_divergence_is_the_trace_of_the_jacobian():
    noisy, _ = data(size=9)
    net, y = network(), noisy[0]
    out, pullback = net.vjp(y)
    trace = sum(pullback(unit.reshape(y.shape))[0].ravel()[k]
                for k, unit in enumerate(np.eye(y.size)))
    expected = np.mean((out - y)**2) - SIGMA**2 + 2 * SIGMA**2 * trace / y.size
    found = [value(net, Unbiased([y[np.newaxis]], [SIGMA], seed))[0] for seed in range(400)]
    assert np.std(found) > 0
    assert abs(np.mean(found) - expected) < 4 * np.std(found) / np.sqrt(400) + 1e-3 * SIGMA**2


def test_the_risk_is_the_error_on_average():
    net, clean = network(), pdenet.rectangles(1, 30)[:, :64, :64].astype(float)
    risks, errors = [], []
    for seed in range(60):
        noisy = pdenet.add_noise(clean, SIGMA, rng=seed)[0]
        risks.append(value(net, Unbiased([noisy[np.newaxis]], [SIGMA], seed))[0])
        errors.append(np.mean((net(noisy) - clean[0])**2))
    difference = np.array(risks) - errors
    assert abs(difference.mean()) < 4 * difference.std() / np.sqrt(60)
    assert difference.std() < 0.2 * np.mean(errors)


def test_several_probes_are_their_mean():
    noisy, _ = data(size=16)
    planes = noisy[0][np.newaxis]
    several = Unbiased([planes], [SIGMA], 0, probes=3)
    singles = []
    for probe in several.probes[0]:
        single = Unbiased([planes], [SIGMA], 0)
        single.probes = [probe[np.newaxis]]
        singles.append(value(network(), single)[0])
    assert np.ptp(singles) > 0
    assert value(network(), several)[0] == pytest.approx(np.mean(singles), rel=1e-12)


@pytest.mark.parametrize("probes", [1, 2])
@pytest.mark.parametrize("steering", [None, pdenet.ScaleSpace([0.7])])
def test_gradient(steering, probes):
    net = network(steering=steering)
    noisy, _ = data(2, 16)
    loss = Unbiased([u[np.newaxis] for u in noisy], [SIGMA, 20.0], 0, probes)
    _, gradient = value(net, loss, (0, 1))
    for name, entry in net.parameters.items():
        for index in np.ndindex(np.shape(entry)):
            moved = []
            for sign in (1, -1):
                changed = np.array(entry, dtype=float)
                changed[index] += sign * 1e-4
                changed = changed if changed.ndim else float(changed)
                moved.append(value(net.with_parameters({name: changed}), loss, (0, 1))[0])
            expected = (moved[0] - moved[1]) / 2e-4
            assert np.asarray(gradient[name])[index] == pytest.approx(expected, rel=2e-4, abs=1e-6)


def test_float32_is_enough():
    noisy, _ = data(1, 64)
    double, single = (value(network(), Unbiased([noisy.astype(dtype)], [SIGMA], 0))
                      for dtype in (np.float64, np.float32))
    assert single[0] == pytest.approx(double[0], rel=1e-4)
    np.testing.assert_allclose(single[1]["beta"], double[1]["beta"], rtol=2e-3)


def test_as_good_as_with_clean_images():
    noisy, clean = data(1, 256, np.float32)
    options = {"epochs": 40, "optimizer": pdenet.Adam(0.05, schedule="cosine")}
    blind, history = pdenet.fit_noisy(network(), noisy, SIGMA, **options)
    seeing, _ = pdenet.fit(network(), noisy, clean, **options)
    errors = [np.mean((net(noisy[0]) - clean[0])**2) for net in (network(), blind, seeing)]
    assert errors[1] < 0.8 * errors[0]
    assert errors[1] < 1.03 * errors[2]  # 0.13 dB
    assert history[-1]["loss"] == pytest.approx(errors[1], rel=0.2)
    assert history[-1]["psnr"] is None


def test_any_number_of_workers_and_a_checkpoint_give_the_same_bits(tmp_path):
    noisy, _ = data(3, 24, np.float32)
    path = tmp_path / "state.json"
    options = {"batch_size": 2, "rng": 3}
    expected, _ = pdenet.fit_noisy(network(), noisy, SIGMA, epochs=4, workers=1,
                                   optimizer=pdenet.Adam(0.01), **options)
    for epochs in (2, 4):
        found, history = pdenet.fit_noisy(network(), noisy, SIGMA, epochs=epochs, workers=3,
                                          optimizer=pdenet.Adam(0.01), checkpoint=path, **options)
    assert len(history) == 4
    for name, entry in expected.parameters.items():
        np.testing.assert_array_equal(found.parameters[name], entry)
    with pytest.raises(ValueError, match="another training, with other .*loss"):
        pdenet.fit(network(), noisy, noisy, epochs=4, checkpoint=path,
                   optimizer=pdenet.Adam(0.01), **options)
    with pytest.raises(ValueError, match="another training, with other .*training images"):
        pdenet.fit_noisy(network(), noisy, 31.0, epochs=4, checkpoint=path,
                         optimizer=pdenet.Adam(0.01), **options)


def test_images_of_different_sizes_and_levels():
    noisy = [np.random.default_rng(k).normal(100, 20, (20 + k, 30)) for k in range(3)]
    fitted, _ = pdenet.fit_noisy(network(), noisy, [20.0, 21.0, 22.0], epochs=2)
    assert fitted.parameters["contrast"] != network().parameters["contrast"]
    colour = [np.random.default_rng(k).normal(100, 20, (20, 30 + k, 3)) for k in range(2)]
    pdenet.fit_noisy(network(), colour, 20.0, epochs=1, channel_axis=-1)


@pytest.mark.parametrize("noisy, sigma, message", [
    (np.zeros((2, 5, 5)), [1.0], "sigma must be one for all images or one for each of the 2"),
    (np.zeros((5, 5)), 0.0, "sigma must be a finite number > 0; got 0.0"),
    (np.zeros((2, 5, 5)), [1.0, np.nan], "sigma must be a finite number > 0; got nan"),
    (np.full((5, 5), np.inf), 1.0, "noisy must be finite")])
def test_bad_arguments(noisy, sigma, message):
    with pytest.raises(ValueError, match=message):
        pdenet.fit_noisy(network(), noisy, sigma)
