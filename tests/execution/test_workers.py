"""Threads that share tasks: order, errors, own workspaces, and how long they live."""

import collections
import concurrent.futures
import multiprocessing
import threading
import time
import weakref

import numpy as np
import pytest

from pdenet.execution import workers as of_workers
from pdenet.execution.tiles import tile_boxes
from pdenet.execution.workers import Workers


@pytest.mark.parametrize("count", [1, 2, 7])
def test_results_keep_the_order_of_the_tasks(count):
    with Workers(count) as team:
        assert team.map(lambda k, work: k * k, range(50)) == [k * k for k in range(50)]
        assert team.map(lambda k, work: k, []) == []


def test_each_thread_has_its_own_workspace_and_the_caller_works_too():
    together = threading.Barrier(3, timeout=20)

    def task(k, work):
        together.wait()  # passes only if three threads work at once
        return threading.get_ident(), id(work)

    with Workers(3) as team:
        found = team.map(task, range(3))
        assert len({thread for thread, _ in found}) == len({work for _, work in found}) == 3
        assert threading.get_ident() in [thread for thread, _ in found]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_an_error_ends_the_work_and_reaches_the_caller(count):
    begun = []

    def task(k, work):
        begun.append(k)
        time.sleep(1e-4)
        if k == 2:
            raise ArithmeticError(f"task {k}")

    with Workers(count) as team:
        with pytest.raises(ArithmeticError, match="task 2"):
            team.map(task, range(1000))
    assert len(begun) < 1000


def together(count):
    """The threads of a team of which all have to work at once."""
    barrier = threading.Barrier(count, timeout=20)

    def task(k, work):
        barrier.wait()
        return threading.current_thread()

    with Workers(count) as team:
        return set(team.map(task, range(count)))


def count_together(count):
    return len(together(count))


def test_threads_are_kept_for_the_next_team():
    helpers = together(3) - {threading.current_thread()}
    assert len(helpers) == 2
    for _ in range(100):
        assert together(3) - {threading.current_thread()} == helpers


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own():
    assert len(together(2)) == 2
    with concurrent.futures.ProcessPoolExecutor(
            1, mp_context=multiprocessing.get_context("fork")) as pool:
        assert pool.submit(count_together, 2).result(timeout=60) == 2


def test_teams_within_teams_wait_for_nobody():
    """Even while all threads that help are busy."""
    barrier = threading.Barrier(4, timeout=20)

    def outer(k, work):
        barrier.wait()
        return together(3)

    assert [len(team) for team in Workers(4).map(outer, range(4))] == [3] * 4
    assert Workers(4).map(lambda k, work: Workers(3).map(lambda n, work: n, range(3)),
                          range(40)) == [[0, 1, 2]] * 40


def test_a_team_has_no_more_work_arrays_than_threads():
    """Whichever threads help, and however many tasks there are."""
    with Workers(2) as team:
        found = [team.map(lambda k, work: work, range(4)) for _ in range(100)]
    assert len({id(work) for works in found for work in works}) <= 2


def test_large_work_arrays_end_with_the_team(monkeypatch):
    monkeypatch.setattr(of_workers, "KEPT", 0)
    kept = []
    with Workers(2) as team:
        barrier = threading.Barrier(2, timeout=20)

        def task(k, work):
            barrier.wait()
            kept.append(weakref.ref(work))

        team.map(task, range(2))
        assert all(work() is not None for work in kept)
    assert len(kept) == 2 and all(work() is None for work in kept)


def test_boxes_partition_the_image():
    for shape in [(7, 9), (700, 1100), (2000, 30)]:
        for workers in (1, 2, 5):
            boxes = list(tile_boxes(shape, 3, workers, 256, 1000))
            area = sum((b - t) * (r - left) for t, b, left, r in boxes)
            assert area == shape[0] * shape[1]
            assert all(t < b and left < r for t, b, left, r in boxes)


def test_small_work_arrays_are_used_again_and_large_ones_are_given_back(monkeypatch):
    monkeypatch.setattr(of_workers, "_spare", collections.deque())
    monkeypatch.setattr(of_workers, "KEPT", 2**16)

    def array(size):
        with Workers(1) as team:
            team.map(lambda task, work: found.append(work.array("u", (size,), np.dtype(float))),
                     [None])
        return found[-1]

    found: list = []
    assert np.shares_memory(array(1000), array(900))
    array(9000)
    assert not of_workers._spare
    for size in (4000, 4001):
        with Workers(2), Workers(3):
            array(size)
    sizes = [work.bytes for _, work in of_workers._spare]
    assert 0 < sum(sizes) <= 2**16 and sizes == [size for size, _ in of_workers._spare]


def test_after_an_error_no_work_array_is_used_again(monkeypatch):
    """A thread may still write into it, when Ctrl-C ends the wait for it."""
    monkeypatch.setattr(of_workers, "_spare", collections.deque())
    with pytest.raises(KeyboardInterrupt):
        with Workers(1) as team:
            team.map(lambda task, work: work.array("u", (9,), np.dtype(float)), [None])
            raise KeyboardInterrupt
    assert not of_workers._spare
