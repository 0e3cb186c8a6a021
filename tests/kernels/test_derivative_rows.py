"""Filters along rows: the combinations and their transpose, mirrored rows, windows, constants."""

import numpy as np
import pytest

from pdenet.kernels import derivative_rows as rows
from pdenet.scheme import derivatives

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def random(*shape, dtype=np.float64):
    return np.random.default_rng(0).normal(size=shape).astype(dtype)


def test_the_parts_are_powers_of_the_complex_derivative():
    """Of exp(i (x cos a + y sin a)), whose derivatives are powers of i cos a and i sin a: there d_x
    + i d_y is i exp(i a), and the Laplacian -1."""
    for angle in (0.0, 0.3, 2.0):
        x, y = 1j * np.cos(angle), 1j * np.sin(angle)
        values = np.array([x**a * y**b for a, b in derivatives.DERIVATIVES])
        found = rows.combine(values, float)
        for part, (order, spin) in enumerate(derivatives.PARTS):
            expected = (-1)**((order - spin) // 2) * (x + 1j * y)**spin
            filters = found[rows.FIRST[part]:rows.FIRST[part] + rows.COUNT[part]]
            # The image is complex: the filters are the even and the odd part in i of y alone.
            mirrored = (-1)**((order - spin) // 2) * (x - 1j * y)**spin
            both = (expected + mirrored) / 2, (expected - mirrored) / 2j
            np.testing.assert_allclose(filters, both[:len(filters)], atol=1e-14)


def test_the_transpose_of_the_combinations():
    matrix = np.array(rows.combine(np.eye(rows.FILTERS), float))
    transpose = np.array(rows.combine_adjoint(np.eye(rows.FILTERS), float))
    np.testing.assert_array_equal(transpose, matrix.T)
    assert abs(np.linalg.det(matrix)) > 1


def test_parts_count_every_filter_once():
    found = [k for first, count in zip(rows.FIRST, rows.COUNT, strict=True)
             for k in range(first, first + count)]
    assert found == list(range(rows.FILTERS)) and len(rows.FIRST) == rows.PARTS


@pytest.mark.parametrize("columns", [1, 2, 3, 4, 9])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_row_is_continued_evenly_or_oddly(columns, sign):
    memory, row = np.zeros(40), 12
    memory[row:row + columns] = values = random(columns)
    rows.continue_row(memory, row, columns, rows.RADIUS, float(sign))
    period = np.concatenate([values, sign * values[::-1]])
    k = np.arange(-rows.RADIUS, columns + rows.RADIUS)
    np.testing.assert_array_equal(memory[row + k], period[k % (2 * columns)])
    assert not memory[:row - rows.RADIUS].any()
    assert not memory[row + columns + rows.RADIUS:].any()


@pytest.mark.parametrize("size", [1, 3, 5, 20])
def test_a_window_holds_the_rows_around_mirrored_beyond_the_image(size):
    for i in range(size):
        expected = np.pad(np.arange(size), rows.RADIUS, mode="symmetric")[i:i + 9]
        assert rows.window_of(i, size, 100, 7) == tuple(100 + expected % 9 * 7)


@dtypes
def test_rows_hold_every_vector_that_a_loop_touches(dtype):
    like = np.zeros(0, dtype)
    lanes = rows.BYTES // like.itemsize
    for columns in range(1, 200):
        layout = rows.layout_of(columns, like)
        last = max(range(0, columns, lanes)) + lanes
        assert layout.margin >= rows.RADIUS
        assert layout.margin + last + rows.RADIUS <= layout.pitch
        assert layout.margin * like.itemsize == 64 and layout.pitch * like.itemsize % 64 == 0


def memory_of(layout, count, dtype):
    """Rows of rubbish, and where the first begins."""
    return random(count * layout.pitch, dtype=dtype), layout.margin


@dtypes
@pytest.mark.parametrize("columns", [1, 5, 40])
def test_derivatives_of_a_constant_are_zero_in_all_digits(dtype, columns):
    layout = rows.layout_of(columns, np.zeros(0, dtype))
    memory, row = memory_of(layout, 60, dtype)
    memory[:layout.pitch] = 0.1
    taps, out = derivatives.taps().astype(dtype), row + layout.pitch
    rows.derive_along_row(memory, layout, taps, row, out)
    for order in range(rows.ORDERS):
        found = memory[out + order * layout.pitch:][:columns]
        assert (found == (dtype(0.1) if order == 0 else 0)).all()
    rows.derive_along_columns(memory, layout, taps, (out,) * 9, out + 10 * layout.pitch)
    for k in range(rows.FILTERS):
        assert not memory[out + (10 + k) * layout.pitch:][:columns].any()


@dtypes
def test_columns_scatter_as_they_gather(dtype):
    """sum (C r)' y = sum r' (C' y) for the filters C along the columns of nine rows r."""
    columns, pick = 37, np.s_[:37]
    layout = rows.layout_of(columns, np.zeros(0, dtype))
    memory, first = memory_of(layout, 140, dtype)
    pitch, taps = layout.pitch, derivatives.taps().astype(dtype)

    def block(start, count):
        return np.array([memory[first + (start + k) * pitch:][pick] for k in range(count)], float)

    window = tuple(first + 5 * k * pitch for k in range(9))
    given = block(0, 45)
    rows.derive_along_columns(memory, layout, taps, window, first + 50 * pitch)
    derived, cotangent = block(50, 14), block(70, 14)
    before = block(90, 45)
    rows.scatter_columns(memory, layout, taps, first + 70 * pitch,
                         tuple(first + (90 + 5 * k) * pitch for k in range(9)))
    change = block(90, 45) - before
    assert derived.any()
    np.testing.assert_allclose(np.sum(derived * cotangent), np.sum(given * change),
                               rtol=2e-4 if dtype == np.float32 else 1e-11)
