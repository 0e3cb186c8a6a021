"""Parameters of a network: where they are read, what another value changes, and what it leaves."""

import numpy as np
import pytest

import pdenet
from pdenet import DiffusionNetwork, Exponential, Orientations, ScaleSpace
from pdenet.network import parameters

from ..scheme.test_diffusivities import OwnRational

NETWORK = DiffusionNetwork(
    operator=pdenet.Gradient(0.3), scales=ScaleSpace([0.0, 1.0], [0.8, 0.6]), tau=0.1, steps=3,
    steering=ScaleSpace([2.0], [1.5]), reaction=0.2, flux=Orientations(Exponential(7.0), angles=9))
VALUES = {"beta": [0.5, -0.4], "steering": [2.5], "contrast": 3.0, "reaction": 0.7, "tau": 0.05}


def as_lists(network):
    return {name: np.asarray(value).tolist() for name, value in parameters.read(network).items()}


def test_parameters_are_read_in_one_order():
    found = as_lists(NETWORK)
    assert found == {"beta": [0.8, 0.6], "steering": [1.5], "contrast": 7.0, "reaction": 0.2,
                     "tau": 0.1}
    assert list(found) == ["beta", "steering", "contrast", "reaction", "tau"]
    plain = DiffusionNetwork(flux=pdenet.Isotropic(OwnRational(2.0)), reaction=0.0)
    assert list(as_lists(plain)) == ["beta", "contrast", "reaction", "tau"]


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("each", [False, True])
def test_a_value_changes_one_parameter_and_nothing_else(name, each):
    value = [np.multiply(share, VALUES[name]).tolist() for share in (1, 0.9, 0.8)]
    changed = parameters.change(NETWORK, {name: value if each else value[0]})
    assert as_lists(changed) == as_lists(NETWORK) | {name: value if each else value[0]}
    assert parameters.of_each_step(changed) == ({name} if each else set())
    fluxes = changed.flux if each and name == "contrast" else [changed.flux]
    assert [flux.angles for flux in fluxes] == [9] * len(fluxes)
    assert changed.operator == NETWORK.operator and changed.steps == 3
    assert as_lists(NETWORK)["tau"] == 0.1
    for k in range(3):
        index = parameters.slot(changed, name, k)
        assert index == (k if each else ...)


def test_some_at_once_where_others_are_of_each_step():
    own = parameters.change(NETWORK, {"tau": [0.1, 0.2, 0.15], "contrast": 4.0})
    again = parameters.change(own, {"beta": [[1, 2], [3, 4], [5, 6]], "contrast": [1.0, 2.0, 3.0],
                                    "tau": [0.01] * 3})
    assert as_lists(again) == as_lists(NETWORK) | {
        "beta": [[1, 2], [3, 4], [5, 6]], "contrast": [1, 2, 3], "tau": [0.01] * 3}
    assert [block.flux.diffusivity.contrast for block in again.blocks] == [1, 2, 3]
    assert [block.scales.sigmas.tolist() for block in again.blocks] == [[0, 1]] * 3


def test_rates_and_sensitivities_of_one_dictionary():
    network = DiffusionNetwork(flux=pdenet.Isotropic(Exponential(5.0)), steps=3,
                               dictionary=pdenet.Dictionary(np.arange(8.0) / 9, amplification=0.5))
    assert list(parameters.read(network)) == ["beta", "contrast", "rates", "sensitivities", "tau"]
    ones, twos = np.ones(8) / 8, 2 * np.ones(8)
    both = parameters.change(network, {"rates": ones, "sensitivities": twos})
    assert (both.dictionary.rates == ones).all() and (both.dictionary.sensitivities == 2).all()
    assert both.dictionary.amplification == 0.5
    # One of each step makes the other one of each step, too; both for all steps make one again.
    each = parameters.change(both, {"rates": [ones, ones / 2, ones / 4]})
    assert parameters.of_each_step(each) == {"rates", "sensitivities"}
    np.testing.assert_array_equal(parameters.read(each)["sensitivities"], [twos] * 3)
    for order in (("rates", "sensitivities"), ("sensitivities", "rates")):
        values = {"rates": [ones, ones / 2, ones / 4], "sensitivities": twos / 2}
        mixed = parameters.change(network, {name: values[name] for name in order})
        np.testing.assert_array_equal(parameters.read(mixed)["rates"], values["rates"])
        np.testing.assert_array_equal(parameters.read(mixed)["sensitivities"], np.ones((3, 8)))
        again = parameters.change(mixed, {name: ones for name in order})
        assert not parameters.of_each_step(again)
        assert (again.dictionary.rates == ones).all() and (
            again.dictionary.sensitivities == ones).all()


def test_a_users_diffusivity_is_copied():
    own = OwnRational(2.0)
    network = DiffusionNetwork(flux=pdenet.Isotropic(own))
    assert parameters.read(parameters.change(network, {"contrast": 5.0}))["contrast"] == 5
    assert own.contrast == 2
    several = [OwnRational(contrast) for contrast in (2.0, 3.0)]
    several[1].note = "the second's"
    network = DiffusionNetwork(flux=[pdenet.Isotropic(one) for one in several], steps=2)
    changed = parameters.change(network, {"contrast": [5.0, 6.0]})
    assert changed.flux[1].diffusivity.note == "the second's"


@pytest.mark.parametrize("values, error, message", [
    ([("tau", 0.1)], TypeError, r"must be a dict of parameters by name; got \[\('tau', 0.1\)\]"),
    ({"sigma": 1.0}, ValueError, "of this network are beta, steering, contrast, reaction, tau; got "
                                 "'sigma'"),
    ({"tau": [0.1, 0.2]}, ValueError, "each of the 3 steps; got a list of 2"),
    ({"beta": [1.0, 2.0, 3.0]}, ValueError, "weights must .* 2 .*; got 3"),
    ({"beta": 1.0}, ValueError, "weights must be a sequence of finite numbers; got 1.0"),
    ({"contrast": [1.0, -2.0, 3.0]}, ValueError, "contrast must be a finite number > 0; got -2.0"),
    ({"tau": 9.0}, ValueError, "tau must be at most tau_max = .*; got 9"),
    ({"tau": None, "nothing": 1}, ValueError, "got 'nothing'")])
def test_values_that_are_refused(values, error, message):
    with pytest.raises(error, match=message):
        parameters.change(NETWORK, values)


def test_a_parameter_that_this_network_has_not():
    with pytest.raises(ValueError, match="this network are beta, contrast, tau; got 'steering'"):
        parameters.change(pdenet.models.perona_malik(5.0), {"steering": [1.0]})
