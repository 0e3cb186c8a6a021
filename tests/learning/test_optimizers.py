"""Adam and L-BFGS by themselves: what an update does, what it leaves alone, and their settings."""

import dataclasses
import json
import math

import numpy as np
import pytest
from scipy import optimize

from pdenet import LBFGS, Adam
from pdenet.learning.optimizers import Evaluation


def by_hand(x, gradients, lr, beta1, beta2, epsilon, rates):
    """One entry, as in Algorithm 1."""
    m = v = 0.0
    for t, (gradient, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        m = beta1 * m + (1 - beta1) * gradient
        v = beta2 * v + (1 - beta2) * gradient * gradient
        x -= lr * rate * (m / (1 - beta1**t)) / (math.sqrt(v / (1 - beta2**t)) + epsilon)
    return x


@pytest.mark.parametrize("options, rates", [
    ((0.3, 0.8, 0.95, 0.5, "constant"), (1, 1, 1, 1)),
    ((0.3, 0.0, 0.0, 1e-3, "constant"), (1, 1, 1, 1)),
    ((0.3, 0.8, 0.95, 0.5, "cosine"), [(1 + math.cos(math.pi * k / 4)) / 2 for k in range(4)])])
def test_every_entry_moves_by_itself(options, rates):
    adam, gradients = Adam(*options), np.random.default_rng(0).normal(0, 3, (4, 2, 3))
    x = start = np.random.default_rng(1).normal(size=(2, 3))
    state = adam.start(x)
    for k, gradient in enumerate(gradients):
        x, state = adam.update(Evaluation(x, 0.0, gradient, k / 4), state)[:2]
    for place in np.ndindex(2, 3):
        expected = by_hand(start[place], gradients[:, *place], *options[:4], rates)
        assert x[place] == pytest.approx(expected, rel=1e-12)
    assert state[2] == 4 and type(state[2]) is int


def test_an_update_changes_none_of_its_arguments():
    adam, x, gradient = Adam(0.1), np.ones(3), np.array([1.0, 0.0, -2.0])
    state = adam.start(x)
    assert [part.tolist() if isinstance(part, np.ndarray) else part for part in state] == [
        [0, 0, 0], [0, 0, 0], 0]
    first, moments = adam.update(Evaluation(x, 0.0, gradient), state)[:2]
    again, _ = adam.update(Evaluation(x, 0.0, gradient), state)[:2]
    np.testing.assert_array_equal(first, again)
    assert x.tolist() == [1, 1, 1] and gradient.tolist() == [1, 0, -2]
    assert not state[0].any() and not state[1].any()
    kept = moments[0].copy()
    adam.update(Evaluation(first, 0.0, gradient), moments)
    np.testing.assert_array_equal(moments[0], kept)


def test_where_nothing_pulls_nothing_moves():
    x, state = np.array([2.0, -1.0]), Adam().start(np.zeros(2))
    for _ in range(3):
        x, state = Adam().update(Evaluation(x, 0.0, np.zeros(2)), state)[:2]
    assert x.tolist() == [2, -1]
    empty = Adam().update(Evaluation(np.zeros(0), 0.0, np.zeros(0)), Adam().start(np.zeros(0))).x
    assert empty.size == 0


def test_the_lowest_point_of_a_long_valley_is_found():
    adam, x = Adam(0.05, schedule="cosine"), np.array([3.0, -2.0])
    state = adam.start(x)
    for k in range(500):
        gradient = np.array([2 * (x[0] - 1), 200 * (x[1] - 0.5)])
        x, state = adam.update(Evaluation(x, 0.0, gradient, k / 500), state)[:2]
    np.testing.assert_allclose(x, [1, 0.5], atol=1e-3)


def test_settings_are_all_that_an_update_depends_on():
    adam = Adam(np.float32(0.25), np.float64(0.5), 0, np.int64(1), "cosine")
    assert [type(value) for value in adam.settings().values()] == [float] * 4 + [str]
    assert Adam(**json.loads(json.dumps(adam.settings()))) == adam
    assert adam.settings().keys() == {field.name for field in dataclasses.fields(Adam)}
    with pytest.raises(dataclasses.FrozenInstanceError):
        adam.learning_rate = 1.0


@pytest.mark.parametrize("options, message", [
    ({"learning_rate": -1e-3}, "learning_rate must be a finite number > 0; got -0.001"),
    ({"learning_rate": "1"}, "learning_rate must be a finite number > 0; got '1'"),
    ({"epsilon": math.inf}, "epsilon must be a finite number > 0; got inf"),
    ({"beta1": 1}, "beta1 must be a number in [0, 1); got 1.0"),
    ({"beta2": -0.5}, "beta2 must be a finite number >= 0; got -0.5"),
    ({"schedule": None}, "schedule must be one of constant, cosine; got None")])
def test_bad_options(options, message):
    with pytest.raises(ValueError) as raised:
        Adam(**options)
    assert str(raised.value) == message


# L-BFGS-B ----------------------------------------------------------------------------------------


def rosenbrock(x):
    loss = 100 * (x[1] - x[0]**2)**2 + (1 - x[0])**2
    return loss, np.array([-400 * x[0] * (x[1] - x[0]**2) - 2 * (1 - x[0]), 200 * (x[1] - x[0]**2)])


def steps(optimizer, x, bounds=None, most=200):
    """All steps until it stops, with the points that it asked for."""
    state, points = optimizer.start(x), []
    for _ in range(most):
        points.append(x)
        x, state, stopped = optimizer.update(Evaluation(x, *rosenbrock(x), 0.0, bounds), state)
        if stopped:
            return x, points, state, stopped
    raise AssertionError("it does not stop")


@pytest.mark.parametrize("bounds", [None, (np.array([-2.0, -2.0]), np.array([0.5, 2.0]))])
def test_it_takes_the_steps_of_scipy(bounds):
    points, start = [], np.array([-1.2, 1.0])

    def note(x):
        points.append(x.copy())
        return rosenbrock(x)

    result = optimize.minimize(note, start, jac=True, method="L-BFGS-B",
                               bounds=bounds and optimize.Bounds(*bounds),
                               options={"maxcor": 5, "ftol": 1e-12, "gtol": 0.0})
    x, asked, state, stopped = steps(LBFGS(5, 1e-12), start, bounds)
    np.testing.assert_array_equal(asked, points)
    np.testing.assert_array_equal(x, result.x)
    assert stopped == "converged" and [len(part) for part in state] == [len(points)] * 3
    np.testing.assert_allclose(x, [0.5, 0.25] if bounds else [1, 1], atol=1e-4)


def test_it_goes_on_from_any_state():
    _, points, state, _ = steps(LBFGS(), np.array([-1.2, 1.0]))
    for k in (0, 3, 17):
        known = tuple(part[:k] for part in state)
        found = LBFGS().update(Evaluation(points[k], *rosenbrock(points[k])), known)
        np.testing.assert_array_equal(found.x, points[k + 1])
        assert len(known[0]) == k


def test_a_path_that_is_another_is_not_followed():
    _, points, (known, losses, gradients), _ = steps(LBFGS(), np.array([-1.2, 1.0]))
    known = known[:5].copy()
    known[3, 0] += 1e-9
    with pytest.raises(RuntimeError, match="does not take the steps that were taken before"):
        LBFGS().update(Evaluation(points[5], *rosenbrock(points[5])),
                       (known, losses[:5], gradients[:5]))


@pytest.mark.parametrize("options, message", [
    ({"memory": 0}, "memory must be a whole number >= 1; got 0"),
    ({"tolerance": -1}, "tolerance must be a finite number >= 0; got -1")])
def test_bad_options_of_lbfgs(options, message):
    with pytest.raises(ValueError, match=message):
        LBFGS(**options)
