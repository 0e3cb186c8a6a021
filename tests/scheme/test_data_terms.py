"""What pulls back to the image given: its step, its adjoint, its energy, and its bound."""

import numpy as np
import pytest

import pdenet
from pdenet.kernels.workspace import Workspace
from pdenet.scheme.data_terms import (PARAMETERS, KnownPixels, NoDataTerm, Reaction,
                                      build_data_term)

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


def known_block():
    flux, scales = pdenet.Anisotropic(pdenet.Rational(1.0)), pdenet.ScaleSpace([0.0, 0.8])
    known = np.random.default_rng(1).random((3, 4)) < 0.4
    return pdenet.DiffusionBlock(pdenet.Gradient(), scales, flux, known=known), known


def test_a_step_ends_with_the_image_given_in_known_pixels():
    block, known = known_block()
    u, f, *_ = arrays()
    assert isinstance(block.data_term, KnownPixels)
    free = pdenet.DiffusionBlock(block.operator, block.scales, block.flux)
    found, other = (one.cycle(u, (0.2,), f, Workspace()).copy() for one in (block, free))
    np.testing.assert_array_equal(found, np.where(known, f, other))
    assert block.tau_max == free.tau_max and np.abs(found - u)[:, ~known].max() > 0.01
    assert block.energy(u, f) == free.energy(u)


def test_the_adjoint_of_a_step_with_known_pixels():
    block, known = known_block()
    u, f, cotangent, direction, other = arrays()
    work, out, given = Workspace(), np.empty_like(u), np.zeros_like(f)
    gradient = block.step_adjoint(u, block.layers(u, work), 0.2, f, cotangent, out, given, work)
    np.testing.assert_array_equal(given, np.where(known, cotangent, 0))

    def value(h, tau=0.2):
        step = block.cycle(u + h * direction, (tau,), f + h * other, Workspace())
        return np.sum(cotangent * step)

    slope = (value(1e-5) - value(-1e-5)) / 2e-5
    assert slope == pytest.approx(np.sum(out * direction) + np.sum(given * other), rel=1e-8)
    slope = (value(0, 0.2 + 1e-5) - value(0, 0.2 - 1e-5)) / 2e-5
    assert slope == pytest.approx(gradient["tau"], rel=1e-8)
