"""The principal axes of channels, against NumPy."""

import numpy as np
import pytest
from skimage import data

from pdenet.learning import channels

from ..test_denoising import noisy


def test_axes_are_those_of_the_gradients_without_noise():
    clean = np.moveaxis(data.astronaut().astype(float), -1, 0)
    axes = channels.principal_axes(noisy(clean, 30), 30)
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    steps = np.hstack([np.diff(clean, axis=axis).reshape(3, -1) for axis in (1, 2)])
    expected = np.linalg.eigh(steps @ steps.T)[1].T[::-1]
    np.testing.assert_allclose(np.abs(np.sum(axes * expected, axis=1)), 1, atol=0.02)
    assert np.ptp(axes[0]) < 0.25  # the strongest is the luminance


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_mixed_planes(dtype):
    planes, weights = np.random.default_rng(0).normal(size=(4, 5, 6)), [0.5, -2.0, 0.0, 1.0]
    found = channels.mixed(planes.astype(dtype), np.array(weights))
    assert found.shape == (1, 5, 6) and found.dtype == dtype
    np.testing.assert_allclose(found[0], np.tensordot(weights, planes, 1), atol=1e-6)


def test_the_first_axis_guides_those_with_which_it_has_channels_in_common():
    axes = np.array([[0, 1, 0, 0], [0.6, 0, 0.8, 0], [0.8, 0, -0.6, 0], [0, 0, 0, 1]])
    assert [channels.guide_of(axes, k) for k in range(4)] == [None, None, 1, None]
