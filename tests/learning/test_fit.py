"""Adam and fit: right updates, the same bits for any number of workers."""

import dataclasses
import json
import math

import numpy as np
import pytest

import pdenet
from pdenet.learning import unconstrained
from pdenet.learning.optimizers import Evaluation
from pdenet.network import adjoint

from ..network.test_adjoint import Own

SIGMAS = [0.0, 1.0]


def data(count=5, size=24, dtype=np.float32):
    clean = pdenet.rectangles(count, 30)[:, :8 * size:8, :8 * size:8].astype(dtype)
    return pdenet.add_noise(clean, 60, rng=1), clean


def network(coupling="anisotropic", **options):
    return pdenet.models.multiscale(50.0, sigmas=SIGMAS, coupling=coupling, tau=0.2, steps=3,
                                    **options)


def steered():
    return network(steering=pdenet.ScaleSpace([0.5, 1.5]))


# Adam -----------------------------------------------------------------------------------


def test_adam_moves_as_in_algorithm_1():
    """Three updates for the gradients 1, 2, -3, computed with fractions by hand.

    m: 0.1, 0.29, -0.039; v: 0.001, 0.004999, 0.013994001; their bias corrections divide by
    1 - 0.9^t = 0.1, 0.19, 0.271 and 1 - 0.999^t = 0.001, 0.001999, 0.002997001.
    """
    adam = pdenet.Adam(learning_rate=0.5, epsilon=1e-12)
    x, state = np.array([10.0]), adam.start(np.array([10.0]))
    expected = 10.0
    for gradient, m, v, first, second in [(1, 0.1, 0.001, 0.1, 0.001),
                                          (2, 0.29, 0.004999, 0.19, 0.001999),
                                          (-3, -0.039, 0.013994001, 0.271, 0.002997001)]:
        x, state = adam.update(Evaluation(x, 0.0, np.array([float(gradient)])), state)[:2]
        expected -= 0.5 * (m / first) / math.sqrt(v / second)
        assert x[0] == pytest.approx(expected, rel=1e-12)
        assert state[0][0] == pytest.approx(m, rel=1e-12)
        assert state[1][0] == pytest.approx(v, rel=1e-12)


def test_first_step_of_adam_is_the_learning_rate_whatever_the_scale():
    for scale in (1e-3, 1.0, 1e6):
        adam = pdenet.Adam(learning_rate=0.01)
        gradient = scale * np.array([1.0, -2.0, 3.0])
        x = adam.update(Evaluation(np.zeros(3), 0.0, gradient), adam.start(np.zeros(3))).x
        np.testing.assert_allclose(x, [-0.01, 0.01, -0.01], rtol=2e-5)


def test_cosine_schedule_ends_at_zero():
    adam = pdenet.Adam(learning_rate=0.01, schedule="cosine")
    for progress, share in [(0.0, 1.0), (0.5, 0.5), (1.0, 0.0)]:
        x = adam.update(Evaluation(np.zeros(1), 0.0, np.ones(1), progress),
                        adam.start(np.zeros(1))).x
        assert x[0] == pytest.approx(-0.01 * share, abs=1e-9)


@pytest.mark.parametrize("name, value", [
    ("learning_rate", 0.0), ("learning_rate", math.nan), ("beta1", 1.0), ("beta2", -0.1),
    ("epsilon", 0.0), ("schedule", "linear")])
def test_bad_options_of_adam(name, value):
    with pytest.raises(ValueError, match=name):
        pdenet.Adam(**{name: value})


# Coordinates ------------------------------------------------------------------------------


def _one_tau_for_different_steps():
    return network().with_parameters({"beta": [[1.0, 0.9], [1.3, 0.8], [0.7, 1.0]]})


@pytest.mark.parametrize("build", [
    network, steered, lambda: steered().per_step(), _one_tau_for_different_steps,
    lambda: network(reaction=0.3), lambda: network(reaction=0.3).per_step(),
    lambda: network().with_parameters({"tau": [0.1, 0.2, 0.15]})])
def test_coordinates_and_their_gradient(build):
    net = build()
    x = unconstrained.to_coordinates(net)
    for name, value in unconstrained.from_coordinates(net, x).parameters.items():
        np.testing.assert_allclose(value, net.parameters[name], rtol=1e-14)
    noisy, clean = data(2, dtype=float)
    gradient = unconstrained.gradient_in_coordinates(net, net.loss_and_gradient(noisy, clean)[1])
    for k in range(x.size):
        h = 1e-5
        net = dataclasses.replace(net, allow_unstable=True)
        losses = [unconstrained.from_coordinates(net, x + s * h * np.eye(x.size)[k])
                  .loss_and_gradient(noisy, clean)[0] for s in (1, -1)]
        assert (losses[0] - losses[1]) / (2 * h) == pytest.approx(gradient[k], rel=1e-5)


def test_tau_is_projected():
    net = network().with_parameters({"tau": 0.99 * network().tau_max})
    seen = []
    pdenet.fit(net, *data(4), epochs=8, batch_size=1, optimizer=pdenet.Adam(0.05),
               callback=lambda entry: seen.append(entry["parameters"]))
    shares = [parameters["tau"] / net.with_parameters({"beta": parameters["beta"], "tau": 1e-3}
                                                      ).tau_max for parameters in seen]
    assert max(shares) <= 1 + 1e-9
    assert max(shares) > 0.999  # the bound was met, so the projection did something


def test_beta_may_cross_zero():
    """A scale that does harm: its weight is pushed down, through 0."""
    net = pdenet.models.multiscale(50.0, sigmas=[0.0, 6.0], weights=[1.0, 0.02], tau=0.04, steps=3)
    seen = []
    pdenet.fit(net, *data(4), epochs=6, batch_size=2, optimizer=pdenet.Adam(0.015),
               callback=lambda entry: seen.append(entry["parameters"]["beta"][1]))
    assert min(seen) < 0


# fit --------------------------------------------------------------------------------------


def test_fit_lowers_the_loss_and_keeps_the_best():
    noisy, clean = data()
    start = network()
    fitted, history = pdenet.fit(start, noisy, clean, epochs=8, batch_size=2,
                                 optimizer=pdenet.Adam(0.05), validation=data(3))
    assert [entry["epoch"] for entry in history] == list(range(1, 9))
    assert history[-1]["loss"] < 0.8 * history[0]["loss"]
    for entry in history:
        assert entry["psnr"] == pytest.approx(10 * math.log10(255**2 / entry["loss"]))
    best = min(history, key=lambda entry: entry["validation_loss"])
    assert {name: np.asarray(value).tolist() for name, value in fitted.parameters.items()} == \
        best["parameters"]
    noisy, clean = data(3)
    outs = np.stack([fitted(image) for image in noisy])
    assert best["validation_loss"] == pytest.approx(np.mean((outs - clean)**2), rel=1e-6)
    np.testing.assert_array_equal(start.parameters["beta"], [1, 1])


def test_fit_is_the_plain_loop():
    """Against full-batch Adam written out here, on one image and two."""
    noisy, clean = data(2, dtype=float)
    fitted, _ = pdenet.fit(network(), noisy, clean, epochs=3, batch_size=2,
                           optimizer=pdenet.Adam(0.01))
    net, adam = network(), pdenet.Adam(0.01)
    x = unconstrained.to_coordinates(net)
    state, scale = adam.start(x), np.mean((noisy - clean)**2)
    for _ in range(3):
        net = unconstrained.from_coordinates(net, x)
        _, gradient = net.loss_and_gradient(noisy, clean)
        gradient = unconstrained.gradient_in_coordinates(net, gradient) / scale
        x, state = adam.update(Evaluation(x, 0.0, gradient), state)[:2]
    np.testing.assert_allclose(unconstrained.to_coordinates(fitted), x, rtol=1e-10)


def test_cosine_schedule_in_fit():
    noisy, clean = data(2, dtype=float)
    adam = pdenet.Adam(0.01, schedule="cosine")
    fitted, _ = pdenet.fit(network(), noisy, clean, epochs=4, batch_size=2, optimizer=adam)
    x = unconstrained.to_coordinates(network())
    state, scale = adam.start(x), np.mean((noisy - clean)**2)
    for epoch in range(4):
        net = unconstrained.from_coordinates(network(), x)
        gradient = unconstrained.gradient_in_coordinates(
            net, net.loss_and_gradient(noisy, clean)[1]) / scale
        x, state = adam.update(Evaluation(x, 0.0, gradient, epoch / 4), state)[:2]
    np.testing.assert_allclose(unconstrained.to_coordinates(fitted), x, rtol=1e-10)


def test_without_validation_the_last_parameters_are_returned():
    noisy, clean = data(4)
    fitted, history = pdenet.fit(network(), noisy, clean, epochs=2, batch_size=4,
                                 optimizer=pdenet.Adam(1.0))
    assert np.asarray(fitted.parameters["beta"]).tolist() == history[-1]["parameters"]["beta"]
    # The loss of an epoch of one batch is that of the parameters before it.
    assert history[0]["loss"] == network().loss_and_gradient(noisy, clean)[0]


def test_own_diffusivity_is_trained():
    noisy, clean = data(3)
    net = pdenet.models.multiscale(None, sigmas=SIGMAS, tau=0.2, steps=3, diffusivity=Own(50.0))
    fitted, history = pdenet.fit(net, noisy, clean, epochs=4, optimizer=pdenet.Adam(0.05))
    assert history[-1]["loss"] < history[0]["loss"]
    assert fitted.flux.diffusivity.contrast != 50


def test_clean_images_as_noisy_ones():
    _, clean = data(2)
    _, history = pdenet.fit(network(), clean, clean, epochs=2)
    assert np.isfinite(history[-1]["loss"])


@pytest.mark.parametrize("build", [network, steered])
def test_fit_gives_the_same_bits_for_any_number_of_workers(build):
    noisy, clean = data(8, dtype=float)  # many digits, so that the order of sums shows
    results = [pdenet.fit(build(), noisy, clean, epochs=3, batch_size=4, workers=workers, rng=4,
                          optimizer=pdenet.Adam())
               for workers in (1, 2, 3, 7)]
    for fitted, history in results[1:]:
        assert history == results[0][1]
        for name, value in results[0][0].parameters.items():
            np.testing.assert_array_equal(fitted.parameters[name], value)


def test_seeds_differ_and_colour_is_trained():
    noisy, clean = data()
    one, two = (pdenet.fit(network(), noisy, clean, epochs=2, batch_size=2, rng=seed,
                           optimizer=pdenet.Adam())[1]
                for seed in (0, 1))
    assert one[-1]["loss"] != two[-1]["loss"]
    colour = np.stack([noisy, noisy[::-1]], -1), np.stack([clean, clean[::-1]], -1)
    _, history = pdenet.fit(network(), *colour, epochs=2, channel_axis=-1)
    assert history[1]["loss"] < history[0]["loss"]


def test_patience_stops():
    noisy, clean = data(2)
    _, history = pdenet.fit(network(), noisy, clean, epochs=50, batch_size=2, patience=3,
                            validation=(clean, noisy), optimizer=pdenet.Adam(0.02))
    losses = [entry["validation_loss"] for entry in history]
    assert len(losses) < 50
    assert len(losses) - 1 - int(np.argmin(losses)) == 3


def test_no_epochs_return_the_start():
    noisy, clean = data(2)
    fitted, history = pdenet.fit(network(), noisy, clean, epochs=0)
    assert history == []
    np.testing.assert_allclose(fitted.parameters["beta"], network().parameters["beta"], rtol=1e-15)


@pytest.mark.parametrize("options, message", [
    ({"epochs": -1}, "epochs"), ({"epochs": 2.5}, "epochs"), ({"batch_size": 0}, "batch_size"),
    ({"rng": -1}, "rng"), ({"patience": 0}, "patience"), ({"workers": 0}, "workers")])
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        pdenet.fit(network(), *data(2), **options)


@pytest.mark.parametrize("options, error, message", [
    ({"optimizer": "adam"}, TypeError, "optimizer must be LBFGS, Adam or another "
     "Optimizer; got 'adam'"),
    ({"callback": 5}, TypeError, "callback must be a function; got 5"),
    ({"validation": data(1) + data(1)}, TypeError, "validation must be a pair"),
    ({"validation": (np.full((9, 9), np.nan), np.zeros((9, 9)))}, ValueError,
     "validation noisy must be finite"),
    ({"checkpoint": "nowhere/state.json"}, FileNotFoundError, "there is no directory nowhere")])
def test_bad_arguments(options, error, message):
    with pytest.raises(error, match=message):
        pdenet.fit(network(), *data(2), **options)
    with pytest.raises(TypeError, match="network must be a DiffusionNetwork; got None"):
        pdenet.fit(None, *data(2))


def test_a_callback_cannot_change_the_history():
    _, history = pdenet.fit(network(), *data(2), epochs=1, callback=lambda entry: entry.clear())
    assert history[0]["epoch"] == 1


@pytest.mark.parametrize("rate", [50.0, 1000.0])
def test_divergence_says_where(rate):
    with pytest.raises(FloatingPointError, match="diverges in epoch [1-9], batch [1-9]: .*lower"):
        pdenet.fit(network(), *data(4), epochs=30, batch_size=2, optimizer=pdenet.Adam(rate))


def test_a_validation_loss_that_is_not_finite(tmp_path, monkeypatch):
    path = tmp_path / "state.json"
    monkeypatch.setattr("pdenet.learning.losses._evaluate", lambda network, task, work: np.nan)
    with pytest.raises(FloatingPointError, match="validation images is nan after epoch 1, with"):
        pdenet.fit(network(), *data(2), epochs=3, validation=data(1), checkpoint=path)
    assert not path.exists()


def test_a_loss_that_is_not_finite_stops_and_keeps_the_checkpoint(tmp_path, monkeypatch):
    noisy, clean = data()
    path = tmp_path / "state.json"
    calls = []
    original = adjoint.batch_gradient

    def spoiled(network, tasks, team):
        loss, gradient = original(network, tasks, team)
        calls.append(loss)
        return (math.nan if len(calls) == 5 else loss), gradient

    monkeypatch.setattr(adjoint, "batch_gradient", spoiled)
    with pytest.raises(FloatingPointError, match="epoch 2, batch 2: the loss is nan"):
        pdenet.fit(network(), noisy, clean, epochs=5, batch_size=2, checkpoint=path,
                   optimizer=pdenet.Adam())
    assert json.loads(path.read_text())["state"]["epoch"] == 1
