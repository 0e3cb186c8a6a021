"""Work arrays: allocated once by name and type, aligned, shared where they may be and not else."""

import numpy as np
import pytest

from pdenet.kernels.workspace import Workspace

SINGLE, DOUBLE = np.dtype(np.float32), np.dtype(np.float64)


@pytest.mark.parametrize("method", ["array", "scratch"])
def test_memory_is_used_again_as_long_as_it_is_large_enough(method):
    take = getattr(Workspace(), method)
    first = take("image", (4, 6), DOUBLE)
    first[:] = np.arange(24).reshape(4, 6)
    smaller = take("image", (2, 5), DOUBLE)
    assert smaller.shape == (2, 5) and smaller.ctypes.data == first.ctypes.data
    np.testing.assert_array_equal(smaller.ravel(), np.arange(10))
    assert take("image", (24,), DOUBLE).ctypes.data == first.ctypes.data
    larger = take("image", (5, 5), DOUBLE)
    assert not np.shares_memory(larger, first)
    assert take("image", (1, 2, 3), DOUBLE).ctypes.data == larger.ctypes.data
    np.testing.assert_array_equal(first, np.arange(24).reshape(4, 6))


@pytest.mark.parametrize("method", ["array", "scratch"])
def test_names_and_types_have_memory_of_their_own(method):
    take = getattr(Workspace(), method)
    arrays = [take(name, (3, 4), dtype) for name in ("a", ("a", 1), "b")
              for dtype in (SINGLE, DOUBLE)]
    for k, array in enumerate(arrays):
        array[:] = k
    assert [array.dtype for array in arrays] == [SINGLE, DOUBLE] * 3
    assert all((array == k).all() for k, array in enumerate(arrays))


@pytest.mark.parametrize("dtype", [SINGLE, DOUBLE, np.dtype(np.int8)])
def test_arrays_begin_at_multiples_of_64_bytes(dtype):
    work = Workspace()
    for size in range(1, 40):
        array = work.array(size, (size, 3), dtype)
        assert array.ctypes.data % 64 == 0 and array.flags.c_contiguous and array.flags.writeable
        array[:] = 1


def test_parts_are_apart_but_for_their_scratch():
    work = Workspace()
    part, other = work.part("one"), work.part("two")
    assert work.part("one") is part and part is not other is not work
    arrays = [one.array("image", (5,), SINGLE) for one in (work, part, other, part.part("one"))]
    assert len({array.ctypes.data for array in arrays}) == 4
    scratch = [one.scratch("image", (5,), SINGLE) for one in (work, part, other, part.part("one"))]
    assert len({array.ctypes.data for array in scratch}) == 1
    assert scratch[0].ctypes.data not in [array.ctypes.data for array in arrays]
    stranger = Workspace().scratch("image", (5,), SINGLE)
    assert not np.shares_memory(stranger, scratch[0])


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2)])
def test_shapes_without_axes_or_values(shape):
    work = Workspace()
    assert work.array("empty", shape, DOUBLE).shape == shape
    assert work.array("empty", (2, 2), DOUBLE).shape == (2, 2)
    assert work.array("empty", shape, DOUBLE).shape == shape


def test_tasks_are_done_by_a_team_where_one_is_lent():
    work, done = Workspace(), []
    work.each(lambda task, own: done.append((task, own is work)), "ab")
    assert done == [("a", True), ("b", True)] and work.alone

    class Team:
        def map(self, function, tasks):
            for task in tasks:
                function(task, work)  # the caller's thread does tasks, too
            if "bad" in tasks:
                raise ValueError

    work.lend(Team())
    part, alone = work.part("steering"), []
    part.each(lambda task, own: alone.append(own.alone), "c")
    assert alone == [True]  # a task's own tasks would find the team at work
    assert not part.alone
    with pytest.raises(ValueError):
        part.each(lambda task, own: None, ["bad"])
    assert not part.alone
    work.lend(None)
    assert part.alone
