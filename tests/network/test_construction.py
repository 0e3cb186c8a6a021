"""What a network is made of: one block or one for each step, and step sizes within its bounds."""

import dataclasses

import numpy as np
import pytest

import pdenet
from pdenet import DiffusionNetwork, Exponential, Isotropic, ScaleSpace
from pdenet.network.construction import PARTS, settle
from pdenet.network.per_step import PerStep

SPACES = [ScaleSpace([0.0], [weight]) for weight in (1.0, 2.0, 0.5)]  # tau_max 0.5, 0.125, 2


def network(**options):
    return DiffusionNetwork(**{"flux": Isotropic(Exponential(5.0)), "steps": 3} | options)


def test_equal_steps_are_one_block_whatever_their_number():
    for steps in (0, 1, 7):
        found = settle(network(steps=steps))
        assert len(found["blocks"]) == 1 and found["steps"] == steps
        assert found["tau"] == found["blocks"][0].tau_max / 2 == 0.25
        assert network(steps=steps)(np.eye(3)).shape == (3, 3)


def test_step_sizes_of_each_step_are_no_reason_for_other_blocks():
    found = settle(network(tau=[0.1, np.float32(0.25), 0.5]))
    assert len(found["blocks"]) == 1
    assert found["tau"] == PerStep((0.1, 0.25, 0.5))
    assert all(type(tau) is float for tau in found["tau"])


@pytest.mark.parametrize("name, values", [
    ("scales", SPACES), ("flux", [Isotropic(Exponential(k)) for k in (1.0, 2.0, 3.0)]),
    ("steering", SPACES), ("reaction", [0.0, 0.5, 1.0])])
def test_steps_with_a_part_of_their_own_are_blocks_of_their_own(name, values):
    found = settle(network(**{name: values}))
    assert len(found["blocks"]) == 3
    assert [getattr(block, name) for block in found["blocks"]] == values
    assert found["tau"] == tuple(block.tau_max / 2 for block in found["blocks"])
    for other in set(PARTS) - {name}:
        assert len({id(getattr(block, other)) for block in found["blocks"]}) == 1


def test_one_step_size_obeys_the_least_bound():
    assert network(scales=SPACES).tau == PerStep((0.25, 0.0625, 1.0))
    assert network(scales=SPACES, tau=0.125).tau == 0.125
    with pytest.raises(ValueError, match="tau must be at most tau_max = 0.125 .*; got 0.13 "):
        network(scales=SPACES, tau=0.13)
    with pytest.raises(ValueError, match="tau must be at most tau_max = 0.5 .*; got 0.6 "):
        network(scales=SPACES, tau=[0.6, 0.1, 1.9])
    assert network(scales=SPACES, tau=[0.5, 0.125, 2.0]).tau == PerStep((0.5, 0.125, 2.0))
    assert network(scales=SPACES, tau=[0.6, 0.1, 1.9], allow_unstable=True).tau[0] == 0.6


def test_rounding_of_the_bound_is_allowed():
    bound = network().tau_max
    assert network(tau=bound * (1 + 1e-10)).tau > bound
    with pytest.raises(ValueError, match="for stability"):
        network(tau=bound * (1 + 1e-8))


@pytest.mark.parametrize("options, message", [
    ({"steps": 2.0}, "steps must be a whole number >= 0; got 2.0"),
    ({"steps": 0, "tau": []}, "a list of one for each of the 0 steps; got a list of 0"),
    ({"flux": ()}, "flux must be one for all steps or a list of one for each of the 3 steps; got a "
                   "list of 0"),
    ({"reaction": np.ones(2)}, "reaction must be one for all .*; got a list of 2"),
    ({"scales": [*SPACES[:2], ScaleSpace([0.5])]}, "all steps must have the same sigmas .*2"),
    ({"tau": "0.1"}, "tau must be a finite number > 0; got '0.1'")])
def test_what_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        network(**options)


def test_numbers_of_any_kind_become_floats():
    found = network(tau=np.float32(0.25), reaction=np.int64(1))
    assert (type(found.tau), type(found.reaction)) == (float, float)
    own = network(reaction=np.array([0, 1, 2]))
    assert own.reaction == PerStep((0.0, 1.0, 2.0)) and type(own.reaction[0]) is float
    again = dataclasses.replace(own, allow_unstable=True)
    assert again.reaction == own.reaction and again.tau == own.tau
    assert pdenet.models.perona_malik(5.0).reaction is None
