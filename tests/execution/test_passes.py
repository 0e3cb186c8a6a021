"""Passes over an image, by blocks that know no diffusion: grouped, counted, tile by tile."""

import numpy as np
import pytest

from pdenet.execution import passes

from ..parts import ForwardDifferences


class Spread:
    """Each step adds tau times the neighbours at a distance, and a share of the image given."""

    compiled, steering = False, None

    def __init__(self, distance=1):
        self.distance = distance

    def reach(self, steps):
        return self.distance * steps

    def cycle(self, u, taus, f, work, inner=None):
        assert u.flags.c_contiguous  # as kernels need it
        for tau in taus:
            padded = np.pad(u, [(0, 0), *[(self.distance,) * 2] * 2])
            rows, columns = u.shape[1:]
            far = 2 * self.distance
            u = u + tau * (padded[:, :rows, :columns] - 2 * padded[:, far:, far:] + f)
        if inner is not None:  # what lies beyond is not used
            top, bottom, left, right = inner
            part = u[:, top:bottom, left:right].copy()
            u[:] = np.nan
            u[:, top:bottom, left:right] = part
        return u


class Streaming(Spread):
    """Makes several steps at once, as kernels do."""

    compiled = True

    def cycle(self, u, taus, f, work, inner=None):
        raise AssertionError("steps of one block are made at once")

    def explicit_steps(self, taus, u, steers, tile, inner, out):
        assert steers.shape == (0, *u.shape[1:])
        top, bottom, left, right = tile
        a, b, c, d = inner
        part = u[:, top:bottom, left:right]
        values = Spread(self.distance).cycle(part.copy(), taus, 0 * part, None)
        out[:, a:b, c:d] = values[:, a - top:b - top, c - left:d - left]


@pytest.fixture(params=[(16, 1, 1), (512, 8, 2**15)], ids=["tiles", "whole"])
def sizes(request, monkeypatch):
    for name, value in zip(("EDGE", "HALOS", "SHARE"), request.param, strict=True):
        monkeypatch.setattr(f"pdenet.execution.tiles.{name}", value)


def image(shape=(2, 70, 45), dtype=np.float64):
    return np.random.default_rng(0).normal(size=shape).astype(dtype)


def by_hand(u, cycles):
    result = u
    for block, taus in cycles:
        result = Spread(block.distance).cycle(result, taus,
                                              0 * u if isinstance(block, Streaming) else u, None)
    return result


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("cycles", [
    [(Spread(), (0.1,))], [(Spread(2), (0.1, 0.2, 0.3))] * 5,
    [(Spread(1), (0.1,)), (Spread(4), (0.2, 0.1)), (Spread(11), (0.3,))] * 2], ids=len)
def test_cycles_one_after_the_other(cycles, workers, sizes):
    u = image()
    before = u.copy()
    np.testing.assert_allclose(passes.run_cycles(u, cycles, workers), by_hand(u, cycles),
                               rtol=0, atol=1e-12)
    np.testing.assert_array_equal(u, before)


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("count", [1, 2, 45])
def test_steps_of_one_block_are_made_at_once(count, workers, sizes):
    block, u = Streaming(), image()
    cycles = [(block, (0.01 * k,)) for k in range(count)]
    np.testing.assert_allclose(passes.run_cycles(u, cycles, workers), by_hand(u, cycles),
                               rtol=0, atol=1e-12)


@pytest.mark.parametrize("cycles", [
    [(Streaming(), (0.1,)), (Streaming(), (0.1,))], [(Streaming(), (0.1, 0.2))]])
def test_other_steps_are_not(cycles):
    with pytest.raises(AssertionError, match="steps of one block are made at once"):
        passes.run_cycles(image(), cycles, 1)
    steered = Streaming()
    steered.steering = ForwardDifferences()
    with pytest.raises(AssertionError, match="steps of one block are made at once"):
        passes.run_cycles(image(), [(steered, (0.1,))], 1)


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 1, 50), (1, 50, 1)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_images_of_any_shape_and_type(shape, dtype, sizes):
    u, cycles = image(shape, dtype), [(Spread(2), (0.1, 0.2))] * 3
    result = passes.run_cycles(u, cycles, 2)
    assert result.dtype == dtype and result.shape == shape
    np.testing.assert_allclose(result, by_hand(u, cycles), rtol=0,
                               atol=1e-4 if dtype == np.float32 else 1e-12)


def test_no_cycles_are_a_copy():
    u = image()
    result = passes.run_cycles(u, [], 1)
    np.testing.assert_array_equal(result, u)
    assert not np.shares_memory(result, u)


def test_progress_counts_cycles_up_to_their_number(sizes):
    calls, cycles = [], [(Spread(3), (0.1,))] * 7
    shown = passes.run_cycles(image(), cycles, 2, lambda *call: calls.append(call))
    done = [done for done, _ in calls]
    assert {total for _, total in calls} == {7}
    assert done[-1] == 7 and len(done) > 1 and (np.diff(done) > 0).all()
    np.testing.assert_allclose(shown, passes.run_cycles(image(), cycles, 1), atol=1e-12)


@pytest.mark.parametrize("reaches, most, expected", [
    ([1, 1, 1, 1, 1], 2, [(2, 2, 2), (4, 2, 2), (5, 1, 1)]),
    ([3, 1, 1, 2], 3, [(1, 3, 1), (3, 2, 2), (4, 2, 1)]),
    ([9, 9], 3, [(1, 9, 1), (2, 9, 1)]), ([0, 0, 4], 0, [(2, 0, 2), (3, 4, 1)]),
    ([2, 2, 2], float("inf"), [(3, 6, 3)]), ([], 3, [])])
def test_cycles_are_grouped_up_to_a_halo(reaches, most, expected):
    cycles = [(Spread(reach), (0.1,)) for reach in reaches]
    found = list(passes.passes(cycles, most))
    assert [(done, halo, len(group)) for done, halo, group in found] == expected
    assert [cycle for _, _, group in found for cycle in group] == cycles
