"""What an optimiser sees of a network: its parameters as one vector without units.

In these coordinates a learning rate of 0.001 is a small step whatever the grey levels: contrast and
tau by their logarithms, which keeps them positive, all others as they are. beta counts squared, so
its sign has no meaning, and it may cross 0; cut off there, it would have no gradient any more. The
reaction counts plainly and is cut at 0, tau is cut at `tau_max`.
"""

import dataclasses

import numpy as np

from . import parameterfiles

LOGARITHMIC = ("contrast", "tau")  # parameters that have to stay positive


def to_coordinates(parameters):
    """The parameters as one vector without units."""
    return np.concatenate([np.ravel(np.log(value) if name in LOGARITHMIC else value)
                           for name, value in parameters.items()])


def from_coordinates(network, x):
    """The network with the parameters of a vector."""
    parameters = {}
    for name, part in split(network.parameters, x).items():
        # Far beyond what is allowed the exponential need not be exact.
        part = np.exp(np.minimum(part, 700.0)) if name in LOGARITHMIC else part
        parameters[name] = part if part.ndim else float(part)
    return network.with_parameters(parameters)


def gradient_in_coordinates(parameters, gradient):
    """The chain rule: d/d log c = c d/dc."""
    return np.concatenate([np.ravel(value * gradient[name] if name in LOGARITHMIC
                                    else gradient[name])
                           for name, value in parameters.items()])


def project(network, x):
    """The vector with the reaction cut at 0 and tau at tau_max of the others.

    The network accepts a tau above, as it has that of the vector at first.
    """
    x = x.copy()
    parts = split(network.parameters, x)
    if "reaction" in parts:
        np.maximum(parts["reaction"], 0, out=parts["reaction"])
    if "tau" in parts:
        np.minimum(parts["tau"], np.log(from_coordinates(network, x).tau_max), out=parts["tau"])
    return x


class Coordinates:
    """A network as a function of the vector that an optimiser changes."""

    def __init__(self, network):
        self.network, self.start = network, to_coordinates(network.parameters)
        # tau is projected, so it need not be checked each time.
        self.free = dataclasses.replace(network, allow_unstable=True)

    def at(self, x):
        """The network with the parameters of a vector."""
        return from_coordinates(self.network, x)

    def gradient(self, x, tasks, team):
        """The sum of losses and its derivatives by the vector."""
        network = from_coordinates(self.free, x)
        loss, gradient = network.batch_gradient(tasks, team)
        return loss, gradient_in_coordinates(network.parameters, gradient)

    def project(self, x):
        """The nearest vector that is allowed."""
        return x if self.network.allow_unstable else project(self.free, x)

    def describe(self):
        """What a checkpoint must agree with."""
        return parameterfiles.describe(self.network)


def split(parameters, x):
    """The vector's parts under the names of the parameters, as views of it."""
    parts, first = {}, 0
    for name, value in parameters.items():
        size = np.size(value)
        parts[name] = x[first:first + size].reshape(np.shape(value))
        first += size
    return parts
