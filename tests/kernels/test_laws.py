"""Diffusivities of the scaled argument, on numbers and arrays, against formulas written out."""

import math

import numpy as np
import pytest

from pdenet.kernels import laws
from pdenet.scheme.diffusivities import DIFFUSIVITIES

G = {laws.EXPONENTIAL: lambda x: math.exp(math.log(2) * x), laws.RATIONAL: lambda x: 1 / (1 + x),
     laws.CHARBONNIER: lambda x: (1 + x)**-0.5,
     laws.WEICKERT: lambda x: -math.expm1(-math.log(2) / x**4) if x > 1e-3 else 1.0,
     laws.COHERENCE: lambda x: -math.expm1(-math.log(2) / x**2) if x > 1e-3 else 1.0}
SLOPES = {laws.EXPONENTIAL: lambda x: math.log(2) * 2**x, laws.RATIONAL: lambda x: -(1 + x)**-2,
          laws.CHARBONNIER: lambda x: -(1 + x)**-1.5 / 2,
          laws.WEICKERT: lambda x: -4 * math.log(2) * x**-5 * 2**-x**-4.0 if x > 0.2 else 0.0,
          laws.COHERENCE: lambda x: (-2 * math.log(2) * x**-3 * 2**-x**-2.0 if x > 0.05
                                     else 0.0)}
every_rule = pytest.mark.parametrize("rule", G)
dtypes = pytest.mark.parametrize("dtype, tolerance", [(np.float32, 2e-6), (np.float64, 4e-15)])


def arguments(rule, dtype=np.float64):
    x = np.concatenate([[0.0], np.geomspace(1e-3, 30, 60)]).astype(dtype)
    return -x if rule == laws.EXPONENTIAL else x


@every_rule
@dtypes
def test_responses_and_slopes_of_arrays(rule, dtype, tolerance):
    x = arguments(rule, dtype)
    before = x.copy()
    with np.errstate(divide="ignore", over="ignore"):
        g = laws.response(rule, x, dtype(1))
        slope = laws.slope(rule, g, x, dtype(1))
    assert g.dtype == slope.dtype == dtype and g[0] == 1
    np.testing.assert_allclose(g, [G[rule](float(y)) for y in x], rtol=0, atol=tolerance)
    np.testing.assert_allclose(slope, [SLOPES[rule](float(y)) for y in x], rtol=0, atol=tolerance)
    np.testing.assert_array_equal(x, before)


@every_rule
def test_slopes_are_derivatives(rule):
    x, h = arguments(rule)[20:].astype(np.longdouble), np.longdouble(1e-6)
    one = np.longdouble(1)
    expected = (laws.response(rule, x + h, one) - laws.response(rule, x - h, one)) / (2 * h)
    slope = laws.slope(rule, laws.response(rule, x, one), x, one)
    np.testing.assert_allclose(slope.astype(float), expected.astype(float), rtol=1e-8, atol=1e-10)


@every_rule
def test_numbers_are_as_good_as_arrays(rule):
    x = float(arguments(rule)[40])
    g = laws.response(rule, x, 1.0)
    assert g == pytest.approx(G[rule](x), rel=1e-14)
    assert laws.slope(rule, g, x, 1.0) == pytest.approx(SLOPES[rule](x), rel=1e-13)


def test_no_law_leaves_its_argument():
    x = np.linspace(-3, 3, 7)
    assert laws.response(laws.NONE, x, 1.0) is x


def test_every_rule_has_one_diffusivity_whose_factor_scales_it():
    assert sorted(kind.rule for kind in DIFFUSIVITIES.values()) == sorted(G)
    assert laws.NONE not in G and len(G) == 5
    for kind in DIFFUSIVITIES.values():
        law = kind(2.5).law(np.dtype(np.float32))
        assert law.rule == kind.rule and type(law.factor) is np.float32
        x = np.array([0.5, 3.0, 20.0])
        expected = {laws.EXPONENTIAL: np.exp(-x / 12.5), laws.RATIONAL: 6.25 / (6.25 + x),
                    laws.CHARBONNIER: 2.5 / np.sqrt(6.25 + x),
                    laws.WEICKERT: 1 - np.exp(-3.31488 * (6.25 / x)**4),
                    laws.COHERENCE: 1 - np.exp(-(6.25 / x)**2)}[law.rule]
        np.testing.assert_allclose(laws.response(law.rule, float(law.factor) * x, 1.0), expected,
                                   rtol=1e-6)
