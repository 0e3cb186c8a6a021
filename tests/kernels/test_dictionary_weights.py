"""The weights along a row: against their formulas, with sums over the pixels of the row alone."""

import numpy as np
import pytest

from pdenet.kernels import dictionary_weights as weights
from pdenet.kernels.derivative_rows import PARTS, RADIUS, layout_of
from pdenet.scheme.scales import sampled_gaussian

COLUMNS = 37
FACTORS = np.random.default_rng(1).uniform(0.5, 2, (2, PARTS))
GAUSSIAN = sampled_gaussian(1.0)[RADIUS:]


@pytest.fixture
def rows():
    """Blocks of eight rows of positive numbers, by the number of the block."""
    layout = layout_of(COLUMNS, np.zeros(0))
    memory = np.random.default_rng(0).uniform(0.5, 1.5, 100 * layout.pitch)

    def first(block):
        return layout.margin + block * PARTS * layout.pitch

    def values(block, far=0):
        return np.array([memory[first(block) + g * layout.pitch - far:][:COLUMNS + 2 * far]
                         for g in range(PARTS)])
    return memory, layout, first, values


def mean(values, plain, smoothed):
    full = np.concatenate([GAUSSIAN[:0:-1], GAUSSIAN])
    across = [np.convolve(row, full, "valid") for row in values(smoothed, RADIUS)]
    return (values(plain) + across) / 2


def test_columns_are_smoothed(rows):
    memory, layout, first, values = rows
    window = tuple(first(block) for block in range(9))
    weights.smooth_columns(memory, layout, GAUSSIAN, window, first(10))
    expected = sum(GAUSSIAN[abs(k - RADIUS)] * values(k) for k in range(9))
    np.testing.assert_allclose(values(10), expected, rtol=1e-13)


def test_a_weight_is_the_rate_over_one_and_the_mean_times_the_sensitivity(rows):
    memory, layout, first, values = rows
    weights.weight_row(memory, layout, GAUSSIAN, FACTORS, first(0), first(1), first(2))
    rates, sensitivities = FACTORS[:, :, np.newaxis]
    np.testing.assert_allclose(values(2), rates / (1 + sensitivities * mean(values, 0, 1)),
                               rtol=1e-13)


def test_changes_and_their_sums(rows):
    memory, layout, first, values = rows
    measure = memory[first(5) - layout.pitch - layout.margin:][:layout.pitch]
    measure[:] = 0
    measure[layout.margin:layout.margin + COLUMNS] = 1
    memory[first(5) - layout.margin:first(6) - layout.margin] = 0
    weights.change_row(memory, layout, GAUSSIAN, FACTORS, first(0), first(1), first(2), first(3),
                       first(7), first(5))
    rates, sensitivities = FACTORS[:, :, np.newaxis]
    weight, product = 1 / (1 + sensitivities * mean(values, 0, 1)), values(2)
    np.testing.assert_allclose(values(3), rates * weight, rtol=1e-13)
    np.testing.assert_allclose(values(7), weight**2 * product, rtol=1e-13)
    lanes = weights.BYTES // 8
    for g in range(PARTS):
        place = first(5) + g * layout.pitch
        sums = memory[place:place + lanes].sum(), memory[place + lanes:place + 2 * lanes].sum()
        expected = weight * product, weight**2 * product * mean(values, 0, 1)
        np.testing.assert_allclose(sums, [part[g].sum() for part in expected], rtol=1e-13)


def test_changes_are_smoothed_and_multiplied(rows):
    memory, layout, first, values = rows
    weights.smooth_changes(memory, layout, GAUSSIAN, FACTORS, first(0), first(1), first(2))
    expected = 2 * np.prod(FACTORS, axis=0)[:, np.newaxis] * mean(values, 0, 1)
    np.testing.assert_allclose(values(2), expected, rtol=1e-13)
