"""Threads that share tasks: order, errors, own workspaces."""

import threading
import time

import pytest

from pdenet.tiles import Workers, tile_boxes


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


def test_boxes_partition_the_image():
    for shape in [(7, 9), (700, 1100), (2000, 30)]:
        for workers in (1, 2, 5):
            boxes = list(tile_boxes(shape, 3, workers, 256))
            area = sum((b - t) * (r - left) for t, b, left, r in boxes)
            assert area == shape[0] * shape[1]
            assert all(t < b and left < r for t, b, left, r in boxes)
