"""What pulls back to the image given: its step, its adjoint, its energy, and its bound."""

import numpy as np
import pytest

from pdenet.scheme.data_terms import PARAMETERS, NoDataTerm, Reaction, build_data_term

TAU, RATE = 0.3, 1.7
ARRAYS = np.random.default_rng(0).normal(size=(5, 2, 3, 4))
dtypes = pytest.mark.parametrize("dtype, tolerance", [(np.float32, 1e-6), (np.float64, 1e-14)])


def arrays(dtype=np.float64):
    return [array.astype(dtype) for array in ARRAYS]


@dtypes
def test_the_step_goes_towards_the_image_given(dtype, tolerance):
    u, f, out, *_ = arrays(dtype)
    before = u.copy(), f.copy()
    expected = out + TAU * RATE * (f - u)
    Reaction(RATE).add_step(u, f, TAU, out)
    assert out.dtype == dtype
    np.testing.assert_allclose(out, expected, rtol=0, atol=10 * tolerance)
    np.testing.assert_array_equal((u, f), before)


@dtypes
def test_the_adjoint_is_the_transpose_of_the_step(dtype, tolerance):
    u, f, cotangent, out, given = arrays(dtype)
    change, changed = out.copy(), given.copy()
    gradient = Reaction(RATE).add_adjoint(u, f, TAU, cotangent, change, changed)
    assert change.dtype == changed.dtype == dtype
    np.testing.assert_allclose(change - out, -TAU * RATE * cotangent, rtol=0, atol=10 * tolerance)
    np.testing.assert_allclose(changed - given, TAU * RATE * cotangent, rtol=0, atol=10 * tolerance)

    def value(tau, rate):
        u, f, cotangent, *_ = arrays()
        step = np.zeros_like(u)
        Reaction(rate).add_step(u, f, tau, step)
        return np.sum(cotangent * step)

    assert gradient == {"tau": pytest.approx(value(1, RATE), rel=100 * tolerance),
                        "reaction": pytest.approx(value(TAU, 1), rel=100 * tolerance)}
    assert all(type(entry) is float for entry in gradient.values())


def test_the_energy_goes_with_the_step():
    u, f, direction, *_ = arrays()
    term, step = Reaction(RATE), np.zeros_like(u)
    term.add_step(u, f, TAU, step)
    slope = (term.energy(u + 1e-4 * direction, f) - term.energy(u - 1e-4 * direction, f)) / 2e-4
    assert slope == pytest.approx(-2 / TAU * np.sum(step * direction), rel=1e-9)
    assert term.energy(u, u) == 0 < term.energy(u, f)


def test_an_energy_needs_the_image_unless_nothing_pulls():
    u = ARRAYS[0]
    with pytest.raises(ValueError, match="has no energy of one image alone; give the image that"):
        Reaction(RATE).energy(u, None)
    assert Reaction(0).energy(u, None) == NoDataTerm().energy(u, None) == 0


def test_nothing_pulls_where_there_is_no_reaction():
    u, f, cotangent, out, given = arrays()
    term = build_data_term(None)
    term.add_step(u, f, TAU, out)
    assert term.add_adjoint(u, f, TAU, cotangent, out, given) == {"tau": 0}
    np.testing.assert_array_equal((u, f, cotangent, out, given), ARRAYS)
    assert (term.active, term.bound, term.bound_slopes) == (False, 0, {})


@pytest.mark.parametrize("rate", [0, 0.5, np.float32(0.25)])
def test_a_rate_is_a_float_and_the_bound_of_the_step(rate):
    term = build_data_term(rate)
    assert type(term.rate) is float and term.bound == rate and term.active
    assert term.bound_slopes.keys() == PARAMETERS.keys() and term.bound_slopes["reaction"] == 1


@pytest.mark.parametrize("rate", [-1e-9, float("inf"), "1", True])
def test_bad_rates(rate):
    with pytest.raises(ValueError) as raised:
        build_data_term(rate)
    assert str(raised.value) == f"reaction must be a finite number >= 0; got {rate!r}"
