"""The training loop on points of a line: its batches, its memory, and when it ends."""

import copy
import json
import types

import numpy as np
import pytest

from pdenet.learning.optimizers import Step
from pdenet.learning.training_loop import Training, train

POINTS = np.array([1.0, 4.0, -2.0, 7.0, 0.5])


class Line:
    """A number that is pulled to points, kept at most 3; a network is its value."""

    start = np.array([0.0])

    def __init__(self):
        self.batches = []

    def at(self, x):
        return types.SimpleNamespace(x=float(x[0]), parameters={"x": x.copy()})

    def gradient(self, x, tasks, team):
        self.batches.append(list(tasks))
        difference = x[0] - np.array(tasks)
        return np.mean(difference**2), np.array([2 * np.mean(difference)])

    bounds = limits = np.array([-np.inf]), np.array([3.0])

    def describe(self):
        return {"name": "line"}


class Distance:
    """The mean square distance from points."""

    digest, unit = "points", 2.0

    def __init__(self, values=()):
        self.values = list(values)  # of the validation, one for each epoch

    def __len__(self):
        return len(POINTS)

    def tasks(self, batch):
        return POINTS[batch]

    def value(self, network, team):
        return self.values.pop(0)

    def psnr(self, loss):
        return None if loss is None else -loss


class Downhill:
    """Gradient descent that counts its updates and notes what it was given."""

    def __init__(self, rate=0.1, **settings):
        self.rate, self.seen, self.others = rate, [], settings

    def start(self, x):
        return np.zeros_like(x), 0

    full_batch = False

    def update(self, evaluation, state):
        self.seen.append((evaluation.gradient[0], evaluation.progress))
        step = 0.5 * state[0] - self.rate * evaluation.gradient
        return Step(evaluation.x + step, (step, state[1] + 1))

    def settings(self):
        return {"rate": self.rate, **self.others}


class Team:
    closed = False

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.closed = True


def run(coordinates=None, loss=None, optimizer=None, **options):
    return train(coordinates or Line(), loss or Distance(),
                 **({"epochs": 3, "batch_size": 2, "optimizer": optimizer or Downhill(), "rng": 5,
                     "team": Team()} | options))


def test_an_epoch_is_a_loop_over_shuffled_batches():
    coordinates, optimizer, team = Line(), Downhill(), Team()
    network, history = run(coordinates, optimizer=optimizer, team=team)
    rng, x, step, batches, seen = np.random.default_rng(5), 0.0, 0.0, [], []
    for epoch in range(3):
        order, total = rng.permutation(5), 0.0
        for k, batch in enumerate((order[:2], order[2:4], order[4:])):
            batches.append(POINTS[batch].tolist())
            total += np.sum((x - POINTS[batch])**2)
            seen.append((np.mean(x - POINTS[batch]), (epoch + k / 3) / 3))  # half, for the unit
            step = 0.5 * step - 0.1 * seen[-1][0]
            x = min(x + step, 3)
        assert history[epoch] == {"epoch": epoch + 1, "loss": pytest.approx(total / 5),
                                  "psnr": pytest.approx(-total / 5),
                                  "parameters": {"x": [pytest.approx(x)]},
                                  **({"stopped": "3 epochs"} if epoch == 2 else {})}
    assert coordinates.batches == batches and len(history) == 3 and team.closed
    np.testing.assert_allclose(optimizer.seen, seen, rtol=1e-12)
    assert network.x == pytest.approx(x)


def test_a_loss_without_a_unit_counts_as_it_is():
    loss, optimizer = Distance(), Downhill()
    loss.unit = 0.0
    run(loss=loss, optimizer=optimizer, batch_size=5, epochs=1)
    assert optimizer.seen == [(pytest.approx(2 * np.mean(-POINTS)), 0)]


def test_vectors_are_projected_after_every_update():
    network, history = run(optimizer=Downhill(50.0), batch_size=5, epochs=1)
    assert network.x == 3 and history[0]["parameters"] == {"x": [3]}


@pytest.mark.parametrize("values, patience, epochs, best", [
    ([5, 3, 4, 3.5, 9], 2, 4, 2), ([5, 3, 3, 3, 3], 3, 5, 2), ([5, 6, 4, 7, 3], 2, 5, 5),
    ([1, 2, 3, 4, 5], 1, 2, 1)])
def test_patience_ends_after_epochs_without_a_lower_loss(values, patience, epochs, best):
    network, history = run(validation=Distance(values), patience=patience, epochs=5)
    assert [entry["validation_loss"] for entry in history] == values[:epochs]
    assert history[0]["validation_psnr"] == -values[0]
    assert [network.x] == history[best - 1]["parameters"]["x"]


def test_training_goes_on_from_its_state_as_if_never_interrupted(tmp_path):
    path, options = tmp_path / "state.json", {"epochs": 5, "patience": 9}
    values = [5.0, 3.0, 4.0, 3.5, 9.0]
    expected, whole = run(validation=Distance(values), **options)
    run(validation=Distance(values[:3]), checkpoint=path, **options | {"epochs": 3})
    assert json.loads(path.read_text())["state"]["memory"][1] == 9  # a count stays one
    saved = []
    network, history = run(
        validation=Distance(values[3:]), checkpoint=path, **options, callback=lambda entry: (
            saved.append(json.loads(path.read_text())["state"]["epoch"]), entry.clear()))
    assert (network.x, history, saved) == (expected.x, whole, [4, 5])


def test_a_state_that_does_not_fit_is_refused():
    def training(**change):
        found = Training(Line(), Distance(), None, 2, Downhill(), 5, 3)
        found.run_epoch(Team())
        state = json.loads(json.dumps(found.state())) | change
        Training(Line(), Distance(), None, 2, Downhill(), 5, 3).restore(types.SimpleNamespace(
            load=lambda: copy.deepcopy(state), damaged=lambda error: ArithmeticError(str(error))))

    training()
    for change in ({"memory": [[0.0], 1.5]}, {"memory": [[0.0]]}, {"memory": [[0.0, 1.0], 1]},
                   {"stopped": 1}, {"x": [1.0, 2.0]}, {"waited": -1}, {"epoch": 2},
                   {"best_loss": "low"}):
        with pytest.raises(ArithmeticError):
            training(**change)


def test_settings_name_the_end_where_the_optimiser_looks_ahead():
    def settings(**others):
        return Training(Line(), Distance(), None, 2, Downhill(**others), 5, 3).settings()

    assert settings() == settings(schedule="constant") | {"optimizer": {"rate": 0.1}} == {
        "network": {"name": "line"}, "training images": "points", "loss": "Distance",
        "validation images": None, "batch_size": 2, "rng": 5, "optimizer": {"rate": 0.1}}
    assert settings(schedule="cosine")["epochs"] == 3


@pytest.mark.parametrize("spoil", [lambda loss, gradient: (np.inf, gradient),
                                   lambda loss, gradient: (loss, gradient * np.nan)])
def test_a_number_that_is_none_says_where_it_was(spoil):
    coordinates, team = Line(), Team()
    gradient = coordinates.gradient
    coordinates.gradient = lambda *arguments: (
        spoil(*gradient(*arguments)) if len(coordinates.batches) == 4 else gradient(*arguments))
    with pytest.raises(FloatingPointError, match="in epoch 2, batch 2: the loss is .*, the param"):
        run(coordinates, team=team)
    assert team.closed
