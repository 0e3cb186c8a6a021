"""Training by L-BFGS: fewer evaluations to a lower loss, at bounds too, with every bit kept."""

import json
import math

import numpy as np
import pytest
from scipy import ndimage

import pdenet
from pdenet.learning import noise_levels
from pdenet.execution.workers import Workers
from pdenet.experiments import figure4
from pdenet.learning import unconstrained
from pdenet.learning.losses import Levels
from pdenet.learning.training_loop import train
from pdenet.learning.unconstrained import Coordinates

from .test_fit import data, network, steered


def same(first, second):
    assert str(first.parameters) == str(second.parameters)


def test_it_needs_fewer_evaluations_than_adam_for_a_lower_loss():
    noisy, clean = data(4)
    fitted, history = pdenet.fit(network(), noisy, clean)
    _, others = pdenet.fit(network(), noisy, clean, epochs=60, batch_size=4,
                           optimizer=pdenet.Adam(0.02))
    least = min(entry["loss"] for entry in history)
    assert least <= min(entry["loss"] for entry in others)
    assert len(history) < 60 and history[-1]["stopped"] == "converged"
    assert fitted.loss_and_gradient(noisy, clean)[0] == pytest.approx(least, rel=1e-5)


def test_adam_and_lbfgs_end_at_the_same_minimum():
    """From the start of the paper's experiment, on parts of its images."""
    noisy, clean = (images[:, :48, :48] for images in figure4.training_set(3))
    start = figure4.start("isotropic")
    ends = []
    for options in ({}, {"optimizer": pdenet.Adam(0.05, schedule="cosine"), "batch_size": 3,
                         "epochs": 250}):
        fitted, _ = pdenet.fit(start, noisy, clean, **options)
        ends.append(10 * np.log10(fitted.loss_and_gradient(noisy, clean)[0]))
    assert abs(ends[0] - ends[1]) <= 1e-3


@pytest.mark.parametrize("build", [network, steered])
def test_any_number_of_workers_gives_the_same_bits(build):
    noisy, clean = data(5, dtype=float)
    results = [pdenet.fit(build(), noisy, clean, epochs=6, workers=workers)
               for workers in (1, 2, 5)]
    for fitted, history in results[1:]:
        same(fitted, results[0][0])
        assert history == results[0][1]


def test_a_resumed_training_has_the_bits_of_an_uninterrupted_one(tmp_path):
    noisy, clean = data(3)
    path = tmp_path / "state.json"
    whole, history = pdenet.fit(network(), noisy, clean)
    for epochs in (1, 2, 7, 9, 400, 400):
        found, entries = pdenet.fit(network(), noisy, clean, epochs=epochs, checkpoint=path)
        assert len(entries) == min(epochs, len(history))
    same(found, whole)
    assert entries == history and history[-1]["stopped"] == "converged"


def test_a_checkpoint_of_another_path_is_told(tmp_path):
    path = tmp_path / "state.json"
    pdenet.fit(network(), *data(2), epochs=4, checkpoint=path)
    document = json.loads(path.read_text())
    document["state"]["memory"][0][2][0] += 1e-12
    path.write_text(json.dumps(document))
    before = path.read_bytes()
    with pytest.raises(RuntimeError, match="another version of SciPy"):
        pdenet.fit(network(), *data(2), epochs=6, checkpoint=path)
    assert path.read_bytes() == before


def test_it_ends_at_the_bound_of_the_step_size():
    """The largest stable step is best where there is more to smooth than the steps can."""
    clean = np.zeros((2, 24, 24))
    noisy = ndimage.gaussian_filter(np.random.default_rng(0).normal(0, 50, clean.shape), (0, 3, 3))
    start = pdenet.models.perona_malik(500.0, steps=2)
    fitted, history = pdenet.fit(start, noisy, clean)
    assert history[-1]["stopped"] == "converged"
    assert Coordinates(fitted).start[-1] == pytest.approx(0, abs=1e-12)
    assert fitted.tau == pytest.approx(fitted.tau_max, rel=1e-9)


def test_why_it_stops_is_in_the_history():
    noisy, clean = data(2)
    _, history = pdenet.fit(network(), noisy, clean, epochs=3)
    assert [entry.get("stopped") for entry in history] == [None, None, "3 epochs"]
    _, history = pdenet.fit(network(), noisy, clean, patience=2, validation=(clean, noisy))
    assert history[-1]["stopped"] == "no lower loss in 2 epochs"


def test_batches_are_refused():
    with pytest.raises(ValueError, match="batch_size must be omitted with LBFGS, which takes all "
                                         "images for each update; got 4"):
        pdenet.fit(network(), *data(2), batch_size=4)


def test_the_result_is_the_best_point_though_the_last_may_be_a_trial():
    noisy, clean = data(3)
    for epochs in range(2, 9):
        fitted, history = pdenet.fit(network(), noisy, clean, epochs=epochs)
        assert fitted.loss_and_gradient(noisy, clean)[0] == pytest.approx(
            min(entry["loss"] for entry in history), rel=1e-6)


def test_denoisers_of_all_noise_levels_learn_by_it(tmp_path):
    clean = pdenet.rectangles(3, 30)[:, :20, :24].astype(float)
    levels = [10.0, 20.0, 40.0]
    pairs = [(pdenet.add_noise(image, level)[np.newaxis], image[np.newaxis])
             for image, level in zip(clean, levels, strict=True)]
    start = noise_levels.constant(pdenet.models.perona_malik(20.0, tau=0.1, steps=3), 2)
    options = {"batch_size": None, "rng": 0, "optimizer": pdenet.LBFGS()}
    found = [train(noise_levels.Polynomials(start), Levels(pairs, levels, 255.0), epochs=12,
                   team=Workers(workers), **options) for workers in (1, 2)]
    (fitted, history), (others, entries) = found
    np.testing.assert_array_equal(fitted.coefficients, others.coefficients)
    assert history == entries and history[-1]["psnr"] > history[0]["psnr"] + 0.1


def test_it_learns_without_clean_images():
    noisy, clean = data(2, dtype=float)
    fitted, history = pdenet.fit_noisy(network(), noisy, 60.0)
    assert history[-1]["stopped"] == "converged" and len(history) < 60
    errors = [net.loss_and_gradient(noisy, clean)[0] for net in (network(), fitted)]
    assert errors[1] < errors[0]


@pytest.mark.parametrize("part, end", [("contrast", 1e12), ("contrast", 1e-12), ("beta", 1e12)])
def test_a_trial_far_beyond_all_reason_is_evaluated_and_not_an_error(part, end):
    """Where the loss hardly depends on the contrast, a step of a quasi-Newton method is long."""
    start = pdenet.models.multiscale(20.0, sigmas=[0.5, 1.0], steps=2)
    coordinates = unconstrained.Coordinates(start)
    low, high = coordinates.limits
    for x in (low, high):
        network = coordinates.at(x)
        assert np.isfinite(network(np.eye(9))).all()
    x = coordinates.start.copy()
    parts = unconstrained.split(start.parameters, x)
    parts[part][...] = math.log(end) if part == "contrast" else end
    assert ((low <= x) & (x <= high)).all()
    assert np.isfinite(coordinates.at(x)(np.eye(9))).all()


def test_learning_from_noise_where_nothing_is_to_be_kept():
    """The best contrast is infinite: training ends, and says why."""
    noisy = np.random.default_rng(0).normal(100, 40, (1, 48, 48))
    start = pdenet.denoiser(40.0, shared=True)
    fitted, history = pdenet.fit_noisy(start, noisy, 40.0, epochs=40)
    assert history[-1]["loss"] < history[0]["loss"] and history[-1]["stopped"]
    assert np.isfinite(fitted(noisy[0])).all()
