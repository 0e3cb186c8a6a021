"""Rows in one block of memory: long enough for the last vector, aligned, mirrored at their ends."""

import numpy as np
import pytest

from pdenet.kernels import row_memory
from pdenet.kernels.vectors import BYTES

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@dtypes
def test_a_row_holds_every_vector_that_a_loop_touches(dtype):
    """Loops load whole vectors from slots j and j + 1, for j from 0 to the number of columns."""
    like = np.zeros(0, dtype)
    lanes, line = BYTES // like.itemsize, 64 // like.itemsize
    for columns in range(1, 300):
        needed = max(range(0, columns + 1, lanes)) + 1 + lanes
        pitch = row_memory.pitch_of(columns, like)
        assert needed <= pitch < needed + 2 * line
        assert pitch % line == 0 and pitch // line % 2 == 1


@dtypes
@pytest.mark.parametrize("offset", range(0, 16, 3))
def test_a_line_begins_at_a_multiple_of_64_bytes(dtype, offset):
    data = np.arange(200, dtype=dtype)[offset:]
    part = row_memory.from_line(data, 50)
    assert part.ctypes.data % 64 == 0 and part.size == 50
    assert np.shares_memory(part, data) and 0 <= part[0] - data[0] < 64 // data.itemsize


@dtypes
def test_new_rows_are_zero_and_begin_at_lines(dtype):
    for columns in (1, 17, 64):
        rows = row_memory.make_rows(3, columns, np.ones((2, columns), dtype))
        assert rows.memory.dtype == dtype and rows.memory.size == 3 * rows.pitch
        assert rows.pitch == row_memory.pitch_of(columns, rows.memory) and rows.columns == columns
        assert not rows.memory.any()
        assert all((rows.memory.ctypes.data + k * rows.pitch * rows.memory.itemsize) % 64 == 0
                   for k in range(3))


@pytest.mark.parametrize("size", [1, 2, 5])
def test_pixels_are_mirrored_at_both_ends(size):
    memory = np.full(20, 9.0)
    row_memory.copy_pixels(np.arange(1.0, size + 1), memory, 4)
    expected = np.pad(np.arange(1.0, size + 1), 1, mode="symmetric")
    np.testing.assert_array_equal(memory[4:6 + size], expected)
    assert (memory[:4] == 9).all() and (memory[6 + size:] == 9).all()


def test_layers_and_tensors_lie_one_row_after_the_other():
    rows = row_memory.make_rows(6, 4, np.zeros(0, np.float32))
    v = np.random.default_rng(0).normal(size=(3, 2, 4)).astype(np.float32)
    tensor = np.random.default_rng(1).normal(size=(2, 3, 5)).astype(np.float32)
    row_memory.copy_layers(v, 1, rows, rows.pitch)
    row_memory.copy_tensor(tensor, 2, rows, 4 * rows.pitch)
    held = rows.memory.reshape(6, rows.pitch)
    np.testing.assert_array_equal(held[1:4, :6], np.pad(v[:, 1], [(0, 0), (1, 1)], "symmetric"))
    np.testing.assert_array_equal(held[4:, :5], tensor[:, 2])
    assert not held[0].any() and not held[1:4, 6:].any() and not held[4:, 5:].any()
    row_memory.copy_layers(v[:0], 1, rows, 0)
    assert not held[0].any()
