import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdenet import Gradient, Hessian, Laplacian, models
from pdenet.network.timesteps import fed_cycle, schedule


def polynomial(taus, mu):
    """What the steps do to a mode of the eigenvalue mu."""
    return np.prod([1 - tau * mu for tau in taus], axis=0)


@settings(deadline=None)
@given(time=st.floats(1e-3, 1e4), tau_max=st.floats(1e-3, 10))
def test_cycles_cover_the_time_and_are_stable(time, tau_max):
    taus = fed_cycle(time, tau_max)
    assert sum(taus) == pytest.approx(time, rel=1e-12)
    mu = np.linspace(0, 2 / tau_max, 2000)
    assert np.abs(polynomial(taus, mu)).max() <= 1 + 1e-9
    assert len(taus) <= np.sqrt(3 * time / tau_max) + 2  # O(sqrt(time))


def test_cycles_are_the_shortest():
    for steps in range(2, 12):
        assert len(fed_cycle(0.5 * (steps**2 + steps) / 3 * 0.999, 0.5)) == steps


def test_intermediate_products_stay_small():
    """In increasing order of the steps they would reach 1e40 and rounding errors with them."""
    taus = fed_cycle(2000.0, 0.5)
    assert len(taus) > 100
    mu = np.linspace(0, 4, 4001)
    worst = max(np.abs(polynomial(taus[:k], mu)).max() for k in range(1, len(taus) + 1))
    assert worst < 1e4
    assert max(np.abs(polynomial(sorted(taus)[::-1][:k], mu)).max()
               for k in range(1, len(taus) + 1)) > 1e10


def test_explicit_steps_are_equal_and_at_most_half_of_tau_max():
    cycles = schedule(3.0, 0.5, "explicit")
    assert len(cycles) == 12 and all(cycle == (0.25,) for cycle in cycles)
    assert schedule(0.0, 0.5) == []


def test_number_of_tensors_is_the_number_of_cycles():
    assert len(schedule(7.0, 0.5, "fed", 5)) == 5


@pytest.mark.parametrize("operator, expected", [
    (Gradient(0.41), 0.5), (Gradient(0.0), 0.25), (Gradient(0.5), 0.5), (Hessian(), 1 / 16),
    (Laplacian(0.0), 1 / 32), (Laplacian(), 2 / (16 / 3)**2)])
def test_tau_max_of_single_scales(operator, expected):
    model = models.perona_malik if isinstance(operator, Gradient) else models.you_kaveh
    assert model(1.0, operator=operator).tau_max == pytest.approx(expected, rel=1e-12)


def test_tau_max_of_scales_is_the_maximum_over_frequencies():
    network = models.multiscale(1.0, sigmas=np.geomspace(0.4, 10, 8), weights=np.linspace(2, -1, 8))
    frequencies = np.linspace(0, np.pi, 1501)
    rho = network.block.symbol(frequencies, frequencies).max()
    assert network.tau_max <= 2 / rho
    assert network.tau_max == pytest.approx(2 / rho, rel=1e-5)


@pytest.mark.parametrize("arguments, message", [
    ({"time": -1.0}, "time must be a finite number >= 0; got -1.0"),
    ({"time": float("nan")}, "time must be a finite number >= 0; got nan"),
    ({"time": 1.0, "scheme": "implicit"}, "scheme must be one of fed, explicit; got 'implicit'"),
    ({"time": 1.0, "cycles": 0}, "cycles must be a whole number >= 1; got 0"),
    ({"time": 1.0, "cycles": 2.5}, "cycles must be a whole number >= 1; got 2.5")])
def test_bad_schedules(arguments, message):
    with pytest.raises(ValueError) as error:
        models.perona_malik(1.0).evolve(np.zeros((3, 3)), **arguments)
    assert str(error.value) == message
