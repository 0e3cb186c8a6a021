"""The squared error and its derivative, and tasks that share a mean."""

import pickle

import numpy as np
import pytest

from pdenet.network.losses import Task, mean_square_tasks, squared_error


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 3, 4)])
def test_the_squared_error_is_a_sum_and_its_derivative(dtype, shape):
    result, noisy, clean, direction = np.random.default_rng(0).normal(
        0, 30, (4, *shape)).astype(dtype)
    before = result.copy(), clean.copy()
    loss, cotangent = squared_error(7, result, noisy, clean)
    differences = [float(a) - float(b) for a, b in zip(result.flat, clean.flat, strict=True)]
    assert loss == pytest.approx(sum(d * d for d in differences) / 7, rel=1e-6)
    assert cotangent.dtype == dtype and cotangent.shape == shape
    np.testing.assert_allclose(cotangent.ravel(), [2 * d / 7 for d in differences], rtol=1e-5)
    np.testing.assert_array_equal((result, clean), before)
    double = [array.astype(float) for array in (result, noisy, clean, direction)]
    moved = [squared_error(7, double[0] + h * double[3], *double[1:3])[0] for h in (1e-3, -1e-3)]
    assert np.sum(double[3] * cotangent) == pytest.approx((moved[0] - moved[1]) / 2e-3, rel=1e-4)


def test_squares_are_summed_in_double_precision():
    result = np.array([[[4096, 1]]], np.float32)
    assert float(squared_error(1, result, result, 0 * result)[0]) == 2**24 + 1


def test_tasks_share_the_mean_over_images_of_different_sizes():
    rng = np.random.default_rng(1)
    pairs = [(rng.normal(size=shape), rng.normal(size=shape))
             for shape in [(1, 2, 3), (1, 4, 4), (3, 1, 1)]]
    tasks = mean_square_tasks(pairs, 25)
    found = [task.loss(2 * task.arrays[0], *task.arrays) for task in tasks]
    values = np.concatenate([(2 * noisy - clean).ravel() for noisy, clean in pairs])
    assert sum(loss for loss, _ in found) == pytest.approx(np.mean(values**2), rel=1e-14)
    np.testing.assert_allclose(np.concatenate([cotangent.ravel() for _, cotangent in found]),
                               2 * values / 25, rtol=1e-14)
    assert mean_square_tasks([], 25) == []


def test_tasks_travel_to_other_processes():
    task, = mean_square_tasks([(np.ones((1, 2, 2)), np.zeros((1, 2, 2)))], 4)
    assert isinstance(task, Task) and task.level is None
    again = pickle.loads(pickle.dumps(task))
    assert again.loss(*again.arrays[:1], *again.arrays)[0] == 1
