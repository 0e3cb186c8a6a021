"""The coordinates that an optimiser sees: a network's parameters as one vector without units.

The contrast and the sensitivities are replaced by their logarithms, which keep them positive, and
tau by log(tau / tau_limit); all others stay as they are. In these coordinates a learning rate of
0.001 is a small step whatever the grey levels are. beta may cross 0, as the strength depends on its
square alone; if it were cut off at 0, its derivative would vanish and it would stay there. The
reaction, log(tau / tau_limit), and rates that must not be negative are cut at 0, tau from above.
Where tau is at its bound, the derivative with respect to beta still includes how the bound changes
with beta.

Where a dictionary may amplify, all its negative rates are x / (1 + a / amplification), with a = tau
max sum |x_g| |F_g|^2 over the negative coordinates x: so a step amplifies by a / (1 + a /
amplification), less than is allowed, and no coordinate is cut.
"""

import dataclasses
import functools
import math
from typing import Any

import numpy as np

from ..network import adjoint, catalogue, per_step
from ..network.parameters import of_each_step, slot
from ..scheme import data_terms


LOGARITHMS = ("contrast", "sensitivities")
FARTHEST = 1e12  # a weight, a contrast or its inverse


def to_coordinates(network):
    """The parameters as one vector without units."""
    parts = {name: np.log(value) if name in LOGARITHMS else np.array(value)
             for name, value in network.parameters.items()}
    for k, _, dictionary, tau in _dictionaries(network):
        parts["rates"][k] = dictionary.unsaturated(tau)
    parts["tau"] = np.log(np.divide(parts["tau"], _limit(network)))
    return np.concatenate([np.ravel(value) for value in parts.values()])


def from_coordinates(network, x):
    """The network with the parameters of a vector; a tau above tau_max if it may be unstable."""
    parts = split(network.parameters, x)
    # Far beyond what is allowed the exponential need not be exact.
    for name in (*LOGARITHMS, "tau"):
        if name in parts:
            parts[name] = np.exp(np.minimum(parts[name], 700.0))
    parts = {name: part if part.ndim else float(part) for name, part in parts.items()}
    tau = parts.pop("tau")
    network = dataclasses.replace(network, tau=1e-300).with_parameters(parts)
    changed: dict[str, Any] = {"tau": tau * _limit(network, np.ndim(tau))}
    for k, _, dictionary, tau in _dictionaries(network, changed["tau"]):
        changed.setdefault("rates", np.array(network.parameters["rates"]))
        changed["rates"][k] = dictionary.saturated(tau)
    return network.with_parameters(changed)


def gradient_in_coordinates(network, gradient):
    """The chain rule, from the derivatives with respect to the parameters to those with respect to
    the coordinates: d/d log c = c d/dc, and tau = exp(x) tau_limit depends on beta, the rates and
    the reaction, too."""
    parameters, own_tau = network.parameters, "tau" in of_each_step(network)
    gradient = {name: np.array(value) for name, value in gradient.items()}
    for k, which, dictionary, tau in _dictionaries(network):
        gradient["rates"][k], by_tau = dictionary.saturation_adjoint(tau, gradient["rates"][k])
        gradient["tau"][which] += by_tau
    for name in (*LOGARITHMS, "tau"):
        if name in gradient:
            gradient[name] *= parameters[name]
    limits = np.broadcast_to(_limits(network), network.steps)
    for k, (block, _) in enumerate(network.each_step()):
        # A tau for all steps depends on the bound of the step with the least.
        by_limit = (gradient["tau"][k] if own_tau
                    else gradient["tau"] if k == limits.argmin() else 0.0)
        for name, slope in block.tau_limit_slopes.items():
            gradient[name][slot(network, name, k)] += by_limit * slope
    return np.concatenate([np.ravel(value) for value in gradient.values()])


def bounds(network):
    """The least and the largest vector for which tau <= tau_limit, and the reaction, and rates
    without amplification, are >= 0."""
    low, high = (np.full(to_coordinates(network).size, value) for value in (-np.inf, np.inf))
    split(network.parameters, high)["tau"][...] = 0
    for name, least in data_terms.PARAMETERS.items():
        if name in network.parameters:
            split(network.parameters, low)[name][...] = least
    for k, _, dictionary, _ in _dictionaries(network):
        if dictionary.amplification == 0:
            split(network.parameters, low)["rates"][k] = 0
    return low, high


def limits(network):
    """The least and the largest vector of which a network can be made, although no optimum is as
    far."""
    low, high = (np.full(to_coordinates(network).size, sign * FARTHEST) for sign in (-1, 1))
    below, above = split(network.parameters, low), split(network.parameters, high)
    below["tau"][...], above["tau"][...] = -500, 500
    for name in LOGARITHMS:
        if name in below:
            below[name][...], above[name][...] = -math.log(FARTHEST), math.log(FARTHEST)
    return low, high


def split(parameters, x):
    """The vector's parts under the names of the parameters, as views of it."""
    parts, first = {}, 0
    for name, value in parameters.items():
        size = np.size(value)
        parts[name] = x[first:first + size].reshape(np.shape(value))
        first += size
    return parts


def _limits(network):
    """tau_limit; where the blocks differ, one for each step."""
    limits = [block.tau_limit for block in network.blocks]
    return np.array(limits) if len(limits) > 1 else limits[0]


def _limit(network, ndim=None):
    """tau_limit; the least one of all steps where they have a common tau."""
    ndim = np.ndim(network.parameters["tau"]) if ndim is None else ndim
    return _limits(network) if ndim else float(np.min(_limits(network)))


def _dictionaries(network, taus=None):
    """For each dictionary, of all steps or of one: where its parameters are, where the largest of
    its step sizes is, the dictionary, and that step size."""
    if network.block.dictionary is None:
        return
    taus = network.parameters["tau"] if taus is None else taus
    if isinstance(network.dictionary, per_step.PerStep):
        for k, dictionary in enumerate(network.dictionary):
            yield (k, k, dictionary, taus[k]) if np.ndim(taus) else (k, ..., dictionary, taus)
    else:
        which = np.argmax(taus) if np.ndim(taus) else ...
        yield ..., which, network.dictionary, np.max(taus)


class Coordinates:
    """A network as a function of the vector that an optimiser changes."""

    def __init__(self, network):
        self.network, self.start = network, to_coordinates(network)

    def at(self, x):
        """The network with the parameters of a vector."""
        return from_coordinates(self.network, x)

    def gradient(self, x, tasks, team):
        """The sum of losses and its derivatives with respect to the vector."""
        network = self.at(x)
        loss, gradient = adjoint.batch_gradient(network, tasks, team)
        return loss, gradient_in_coordinates(network, gradient)

    @functools.cached_property
    def bounds(self):
        """The least and the largest vector that are allowed; any is, if the network may be
        unstable."""
        if self.network.allow_unstable:
            return -np.inf, np.inf
        return bounds(self.network)

    @functools.cached_property
    def limits(self):
        """The least and the largest vector that a search may try."""
        (least, most), (low, high) = self.bounds, limits(self.network)
        return np.maximum(low, least), np.minimum(high, most)

    def describe(self):
        """The network at the start, as a checkpoint must agree with it."""
        return catalogue.describe(self.network)
