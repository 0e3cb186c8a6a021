"""The dictionary as a part: its bounds, what it amplifies, its energy, and what is refused."""

import numpy as np
import pytest

import pdenet
from pdenet import Dictionary
from pdenet.kernels.workspace import Workspace
from pdenet.scheme import derivatives, dictionary

RATES = np.array([0.3, 0.5, -0.4, 0.7, 0.35, 0.25, -0.2, 0.6])
SENSITIVITIES = np.array([0.8, 2.0, 0.6, 1.2, 0.9, 1.7, 0.5, 1.4])
SHARPENING = Dictionary(RATES, SENSITIVITIES, amplification=0.3)


def network(dictionary, **options):
    return pdenet.DiffusionNetwork(**{
        "flux": pdenet.Anisotropic(pdenet.Rational(20.0)), "dictionary": dictionary, "steps": 1,
        "scales": pdenet.ScaleSpace([0.0, 0.8], [0.5, 0.4])} | options)


def centred(image):
    return np.linalg.norm(image - image.mean())


def images(size=24):
    """Noise, edges, the modes that are sharpened most, each weak, of the contrast, and strong."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size] + 0.5
    edge = (x > y).astype(float)
    waves = [np.cos(np.pi * i / size * x) * np.cos(np.pi * j / size * y)
             for i, j in ((8, 8), (11, 3), (15, 0), (23, 23), (12, 12))]
    for image in (rng.normal(size=(size, size)), edge, edge + rng.normal(0, 0.1, edge.shape),
                  *waves):
        for scale in (1e-3, 20.0, 1e3):
            yield scale * image


@pytest.mark.parametrize("kappa", [0.05, 0.3])
def test_a_step_amplifies_no_more_than_is_allowed_and_nearly_as_much(kappa):
    dictionary = Dictionary(RATES, SENSITIVITIES, amplification=kappa)
    blurring = pdenet.ScaleSpace([3.0], [0.1])  # hardly diffuses what is sharpened
    found = network(Dictionary(np.minimum(RATES, 0), SENSITIVITIES, amplification=kappa),
                    scales=blurring)
    for one in (network(dictionary), found):
        one = one.with_parameters({"tau": one.tau_max})
        growth = [centred(one(image)) / centred(image) for image in images()]
        assert max(growth) <= (1 + kappa) * (1 + 1e-12)
    assert max(growth) >= 1 + 0.9 * kappa


def test_nothing_is_amplified_without_negative_rates():
    one = network(Dictionary(np.abs(RATES), SENSITIVITIES))
    one = one.with_parameters({"tau": one.tau_max})
    assert one.tau_max == one.block.tau_limit
    for image in images():
        assert centred(one(image)) <= centred(image) * (1 + 1e-12)


def test_a_network_amplifies_by_no_more_than_the_product():
    one = network(SHARPENING, steps=4)
    one = one.with_parameters({"tau": one.tau_max})
    for image in images():
        assert centred(one(image)) <= 1.3**4 * centred(image)


def test_a_constant_stays_and_the_mean_is_kept():
    one = network(SHARPENING, steps=5)
    one = one.with_parameters({"tau": one.tau_max})
    np.testing.assert_array_equal(one(np.full((9, 7), 0.1)), 0.1)
    image = np.random.default_rng(0).normal(100, 20, (31, 17))
    assert one(image).mean() == pytest.approx(image.mean(), rel=1e-13)


def test_the_bound_of_sharpening_and_its_slopes():
    most, slopes = SHARPENING.sharpening
    grid = np.linspace(0, np.pi, 301)
    negative = derivatives.symbol(np.maximum(-RATES, 0), grid, grid)
    assert negative.max() <= most <= negative.max() * (1 + 1e-3)
    assert SHARPENING.tau_max == 0.3 / most
    assert Dictionary(np.abs(RATES)).tau_max == np.inf
    for g, move in enumerate(1e-5 * np.eye(8)):
        ends = [Dictionary(RATES + sign * move, amplification=1.0).sharpening[0]
                for sign in (1, -1)]
        assert slopes[g] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("tau", [1e-3, 0.7, 30.0])
def test_saturated_rates_keep_the_bound_and_come_back(tau):
    found = SHARPENING.with_values(rates=SHARPENING.saturated(tau))
    most = tau * SHARPENING.sharpening[0]
    assert tau * found.sharpening[0] == pytest.approx(most / (1 + most / 0.3), rel=1e-12)
    assert tau < found.tau_max
    np.testing.assert_allclose(found.unsaturated(tau), RATES, rtol=1e-9)
    np.testing.assert_array_equal(found.rates[RATES > 0], RATES[RATES > 0])


@pytest.mark.parametrize("tau", [1e-2, 0.7, 5.0])
def test_the_chain_rule_of_saturated_rates(tau):
    by_rates = np.random.default_rng(2).normal(size=8)
    found = SHARPENING.with_values(rates=SHARPENING.saturated(tau))
    gradient, by_tau = found.saturation_adjoint(tau, by_rates)

    def value(move, tau):
        return by_rates @ SHARPENING.with_values(rates=RATES + move).saturated(tau)

    for g, move in enumerate(1e-5 * np.eye(8)):
        slope = (value(move, tau) - value(-move, tau)) / 2e-5
        assert gradient[g] == pytest.approx(slope, rel=1e-5, abs=1e-8)
    slope = (value(0, tau * (1 + 1e-5)) - value(0, tau * (1 - 1e-5))) / (2e-5 * tau)
    assert by_tau == pytest.approx(slope, rel=1e-5)


def test_without_amplification_nothing_is_saturated():
    found = Dictionary(np.abs(RATES))
    np.testing.assert_array_equal(found.saturated(3.0), np.abs(RATES))
    gradient, by_tau = found.saturation_adjoint(3.0, RATES)
    np.testing.assert_array_equal(gradient, RATES)
    assert by_tau == 0


@pytest.mark.parametrize("smoothing", [0.0, 1.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_held_weights_are_those_of_the_image(smoothing, dtype):
    dictionary = Dictionary(RATES, SENSITIVITIES, smoothing, amplification=1.0)
    u = np.random.default_rng(0).normal(100, 20, (2, 11, 14)).astype(dtype)
    work, outs = Workspace(), np.zeros((2, *u.shape), dtype)
    dictionary.add_step(u, 30.0, 0.2, outs[0], work)
    held = dictionary.hold(u, 30.0, work)
    assert held.shape == (8, 11, 14) and held.dtype == dtype
    dictionary.add_step(u, 30.0, 0.2, outs[1], work, held)
    np.testing.assert_allclose(outs[1], outs[0], rtol=0,
                               atol=1e-4 if dtype == np.float32 else 1e-11)


def test_the_energy_goes_with_the_step():
    dictionary = Dictionary(RATES, SENSITIVITIES, smoothing=0.0, amplification=1.0)
    u, direction = np.random.default_rng(0).normal(0, 20, (2, 2, 9, 8))
    step, work = np.zeros_like(u), Workspace()
    dictionary.add_step(u, 30.0, 0.2, step, work)
    ends = [dictionary.energy(u + sign * 1e-4 * direction, 30.0, work) for sign in (1, -1)]
    slope = -2 / 0.2 * np.sum(step * direction)
    assert (ends[0] - ends[1]) / 2e-4 == pytest.approx(slope, rel=1e-7)


def test_smoothed_squares_have_no_energy():
    one = network(Dictionary(np.abs(RATES)))
    with pytest.raises(ValueError, match="no energy, because its dictionary is steered"):
        one.energy(np.eye(5))


MASK = np.random.default_rng(5).random((31, 40)) < 0.97
MASK[5:9, 10:14] = False


def masked_network():
    one = network(SHARPENING, steps=3)
    return one.with_parameters({"tau": one.tau_max})


def test_pixels_that_are_not_measured_neither_give_nor_take(monkeypatch):
    one, rng = masked_network(), np.random.default_rng(0)
    image = rng.normal(100, 20, MASK.shape)
    other = np.where(MASK, image, 1e4 * rng.normal(size=MASK.shape))
    result = one(image, mask=MASK)
    np.testing.assert_array_equal(one(other, mask=MASK)[MASK], result[MASK])
    assert result[MASK].mean() == pytest.approx(image[MASK].mean(), rel=1e-13)
    np.testing.assert_allclose(one(np.full(MASK.shape, 0.1), mask=MASK)[MASK], 0.1, rtol=1e-13)
    assert centred(result[MASK]) <= 1.3**3 * centred(image[MASK])
    inside = dictionary.inside(MASK.astype(float))
    assert 0 < inside.sum() < MASK.sum()
    plain = pdenet.DiffusionNetwork(flux=one.flux, scales=one.scales, tau=one.tau, steps=3)
    assert np.abs(result - plain(image, mask=MASK))[MASK].max() > 0.1  # filters act
    monkeypatch.setattr("pdenet.execution.tiles.EDGE", 16)
    monkeypatch.setattr("pdenet.execution.tiles.HALOS", 1)
    monkeypatch.setattr("pdenet.execution.tiles.SHARE", 1)
    np.testing.assert_array_equal(one(image, mask=MASK, workers=2), result)


def test_the_adjoint_with_a_mask():
    one, rng = masked_network(), np.random.default_rng(0)
    image, direction, cotangent = rng.normal(100, 20, (3, *MASK.shape))
    out, pullback = one.vjp(image, mask=MASK)
    found, gradient = pullback(np.where(MASK, cotangent, 0))
    ends = [np.sum((cotangent * one(image + sign * 1e-4 * direction, mask=MASK))[MASK])
            for sign in (1, -1)]
    assert np.sum((found * direction)[MASK]) == pytest.approx((ends[0] - ends[1]) / 2e-4, rel=1e-6)
    for name in ("rates", "sensitivities"):
        move = rng.normal(size=8) * one.parameters[name]
        ends = [np.sum((cotangent * one.with_parameters({
            name: one.parameters[name] + sign * 1e-5 * move, "tau": one.tau / 2})(
                image, mask=MASK))[MASK]) for sign in (1, -1)]
        half = one.with_parameters({"tau": one.tau / 2})
        gradient = half.vjp(image, mask=MASK)[1](np.where(MASK, cotangent, 0))[1]
        assert np.sum(gradient[name] * move) == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-5)


@pytest.mark.parametrize("values, message", [
    ({"rates": [1.0] * 7}, r"rates must be 8 numbers .* one for each part \(1,1\) .* \(4,4\); got"),
    ({"rates": [np.nan] * 8}, "rates must be 8 numbers"),
    ({"rates": ["a"] * 8}, "rates must be 8 numbers"),
    ({"rates": [2e13] * 8}, "rates must be 8 numbers of at most 1e.13"),
    ({"rates": RATES}, r"rates must be >= 0 unless an amplification is allowed; got \[0.3, "),
    ({"sensitivities": [0.0] * 8}, r"sensitivities must be at least 1e-13; got \[0.0"),
    ({"sensitivities": 1.0}, "sensitivities must be 8 numbers"),
    ({"smoothing": 1.1}, "smoothing must be a finite number >= 0 and <= 1; got 1.1"),
    ({"smoothing": -1}, "smoothing must be a finite number >= 0"),
    ({"amplification": -0.1}, "amplification must be a finite number >= 0; got -0.1")])
def test_what_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        Dictionary(**{"rates": np.abs(RATES)} | values)


def test_a_dictionary_goes_with_a_contrast():
    class Own:
        g = staticmethod(lambda x: 1 / (1 + x))
        derivative = staticmethod(lambda x: -(1 + x)**-2)
        potential = staticmethod(np.log1p)
    with pytest.raises(ValueError, match="a dictionary needs a flux with a contrast; got"):
        network(SHARPENING, flux=pdenet.Isotropic(Own()))
    with pytest.raises(TypeError, match="dictionary must be Dictionary or None; got 3"):
        network(3)


def test_a_dictionary_cannot_be_changed():
    rates = np.abs(RATES)
    dictionary = Dictionary(rates)
    rates[0] = 9
    assert dictionary.rates[0] == RATES[0] and dictionary.sensitivities.tolist() == [1] * 8
    with pytest.raises(ValueError, match="read-only"):
        dictionary.rates[0] = 2
