"""Adam, fit, checkpoints: right updates, the same bits, and nothing lost."""

import json
import math
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import pdenet
from pdenet import training

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
        x, state = adam.update(x, np.array([float(gradient)]), state)
        expected -= 0.5 * (m / first) / math.sqrt(v / second)
        assert x[0] == pytest.approx(expected, rel=1e-12)
        assert state[0][0] == pytest.approx(m, rel=1e-12)
        assert state[1][0] == pytest.approx(v, rel=1e-12)


def test_first_step_of_adam_is_the_learning_rate_whatever_the_scale():
    for scale in (1e-3, 1.0, 1e6):
        adam = pdenet.Adam(learning_rate=0.01)
        x, _ = adam.update(np.zeros(3), scale * np.array([1.0, -2.0, 3.0]), adam.start(np.zeros(3)))
        np.testing.assert_allclose(x, [-0.01, 0.01, -0.01], rtol=2e-5)


def test_cosine_schedule_ends_at_zero():
    adam = pdenet.Adam(learning_rate=0.01, schedule="cosine")
    for progress, share in [(0.0, 1.0), (0.5, 0.5), (1.0, 0.0)]:
        x, _ = adam.update(np.zeros(1), np.ones(1), adam.start(np.zeros(1)), progress)
        assert x[0] == pytest.approx(-0.01 * share, abs=1e-9)


@pytest.mark.parametrize("name, value", [
    ("learning_rate", 0.0), ("learning_rate", math.nan), ("beta1", 1.0), ("beta2", -0.1),
    ("epsilon", 0.0), ("schedule", "linear")])
def test_bad_options_of_adam(name, value):
    with pytest.raises(ValueError, match=name):
        pdenet.Adam(**{name: value})


# Coordinates ------------------------------------------------------------------------------


@pytest.mark.parametrize("build", [network, steered])
def test_coordinates_and_their_gradient(build):
    net = build()
    x = training.to_coordinates(net.parameters)
    assert all(np.array_equal(a, b) or a == pytest.approx(b, rel=1e-15) for a, b in zip(
        training.from_coordinates(net, x).parameters.values(), net.parameters.values(),
        strict=True))
    noisy, clean = data(2, dtype=float)
    gradient = training.gradient_in_coordinates(
        net.parameters, net.loss_and_gradient(noisy, clean)[1])
    for k in range(x.size):
        h = 1e-5
        losses = [training.from_coordinates(net, x + s * h * np.eye(x.size)[k])
                  .loss_and_gradient(noisy, clean)[0] for s in (1, -1)]
        assert (losses[0] - losses[1]) / (2 * h) == pytest.approx(gradient[k], rel=1e-5)


def test_tau_is_projected_and_beta_may_cross_zero():
    net = network().with_parameters({"tau": 0.99 * network().tau_max, "beta": [1.0, 0.004]})
    noisy, clean = data(4)
    signs = []
    fitted, _ = pdenet.fit(net, noisy, clean, epochs=12, batch_size=1,
                           optimizer=pdenet.Adam(0.05),
                           callback=lambda entry: signs.append(entry["parameters"]))
    for parameters in signs:
        step = net.with_parameters({"beta": parameters["beta"], "tau": 1e-3})
        assert parameters["tau"] <= step.tau_max * (1 + 1e-9)
    limits = [parameters["tau"] / net.with_parameters({"beta": parameters["beta"],
                                                       "tau": 1e-3}).tau_max
              for parameters in signs]
    assert max(limits) > 0.999  # the bound was met, so the projection did something
    assert min(parameters["beta"][1] for parameters in signs) < 0 or \
        np.abs([parameters["beta"][1] for parameters in signs]).max() > 0.1


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
    x = training.to_coordinates(net.parameters)
    state, scale = adam.start(x), np.mean((noisy - clean)**2)
    for _ in range(3):
        net = training.from_coordinates(net, x)
        _, gradient = net.loss_and_gradient(noisy, clean)
        gradient = training.gradient_in_coordinates(net.parameters, gradient) / scale
        x, state = adam.update(x, gradient, state)
    np.testing.assert_allclose(training.to_coordinates(fitted.parameters), x, rtol=1e-10)


@pytest.mark.parametrize("build", [network, steered])
def test_fit_gives_the_same_bits_for_any_number_of_workers(build):
    noisy, clean = data()
    results = [pdenet.fit(build(), noisy, clean, epochs=3, batch_size=3, workers=workers, rng=4)
               for workers in (1, 2, 3)]
    for fitted, history in results[1:]:
        assert history == results[0][1]
        assert str(fitted.parameters) == str(results[0][0].parameters)


def test_seeds_differ_and_colour_is_trained():
    noisy, clean = data()
    one, two = (pdenet.fit(network(), noisy, clean, epochs=2, batch_size=2, rng=seed)[1]
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


def test_a_loss_that_is_not_finite_stops_and_keeps_the_checkpoint(tmp_path, monkeypatch):
    noisy, clean = data()
    path = tmp_path / "state.json"
    calls = []
    original = pdenet.DiffusionNetwork.batch_gradient

    def spoiled(self, noisy, clean, team):
        loss, gradient = original(self, noisy, clean, team)
        calls.append(loss)
        return (math.nan if len(calls) == 5 else loss), gradient

    monkeypatch.setattr(pdenet.DiffusionNetwork, "batch_gradient", spoiled)
    with pytest.raises(FloatingPointError, match="nan.*epoch 2, batch 2, with"):
        pdenet.fit(network(), noisy, clean, epochs=5, batch_size=2, checkpoint=path)
    assert json.loads(path.read_text())["state"]["epoch"] == 1


# Checkpoints ------------------------------------------------------------------------------


def run(epochs, path=None, **options):
    return pdenet.fit(network(), *data(), **({"epochs": epochs, "batch_size": 2, "rng": 3,
                                              "checkpoint": path} | options))


def test_resumed_training_has_the_bits_of_an_uninterrupted_one(tmp_path):
    fitted, history = run(6)
    path = tmp_path / "state.json"
    run(2, path)
    run(4, path)
    again, resumed = run(6, path)
    assert resumed == history
    assert str(again.parameters) == str(fitted.parameters)
    finished = json.loads(path.read_text())
    assert str(run(6, path)[0].parameters) == str(fitted.parameters)
    assert json.loads(path.read_text()) == finished


@pytest.mark.parametrize("change, what", [
    ({"batch_size": 3}, "batch_size"), ({"rng": 9}, "rng"),
    ({"optimizer": pdenet.Adam(0.1)}, "optimizer"),
    ({"validation": data(1)}, "validation images")])
def test_checkpoint_of_other_settings_is_refused(tmp_path, change, what):
    path = tmp_path / "state.json"
    run(1, path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=f"other {what}; remove it"):
        run(2, path, **change)
    assert path.read_bytes() == before


def test_checkpoint_of_another_network_or_images_is_refused(tmp_path):
    path = tmp_path / "state.json"
    run(1, path)
    with pytest.raises(ValueError, match="other network, training images"):
        pdenet.fit(steered(), *data(4), epochs=2, batch_size=2, rng=3, checkpoint=path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format": "pdenet network"}', b"\xff",
                                     b"[" * 5000, b'{"format": "pdenet training", "version": 2}',
                                     b'{"format": "pdenet training", "version": 1, "state": NaN}'])
def test_damaged_checkpoint_is_refused(tmp_path, content):
    path = tmp_path / "state.json"
    path.write_bytes(content)
    with pytest.raises(pdenet.FormatError, match="state.json"):
        run(1, path)
    assert path.read_bytes() == content


def test_a_second_training_on_one_checkpoint_is_refused(tmp_path):
    path = tmp_path / "state.json"

    def second(entry):
        with pytest.raises(ValueError, match="another training is using this checkpoint"):
            run(1, path)
    run(1, path, callback=second)
    assert not list(tmp_path.glob("*.lock"))


CODE = """
import pdenet, sys
from tests.test_training import run
run(1000, sys.argv[1], callback=lambda entry: print(entry["epoch"], flush=True))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_killed_training_goes_on_with_the_same_bits(tmp_path):
    path = tmp_path / "state.json"
    for pause in (0.0, 0.013, 0.031):
        process = subprocess.Popen([sys.executable, "-c", CODE, str(path)], text=True,
                                   stdout=subprocess.PIPE, env=os.environ | {
                                       "PYTHONPATH": os.pathsep.join(sys.path)})
        process.stdout.readline()
        process.stdout.readline()
        time.sleep(pause)
        process.kill()
        process.wait()
        process.stdout.close()
    done = json.loads(path.read_text())["state"]["epoch"]
    assert done >= 6
    again, resumed = run(done + 2, path)
    fitted, history = run(done + 2)
    assert resumed == history
    assert str(again.parameters) == str(fitted.parameters)
