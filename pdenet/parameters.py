"""A network's parameters: where they are in its parts, and what an optimiser sees of them.

An optimiser sees one vector of coordinates without units, in which a learning rate of 0.001 is a
small step whatever the grey levels: contrast and tau by their logarithms, which keeps them
positive, all others as they are. beta counts squared, so its sign has no meaning, and it may cross
0; cut off there, it would have no gradient any more. The reaction counts plainly and is cut at 0,
tau is cut at `tau_max`.
"""

import dataclasses
from typing import Any, NamedTuple

import numpy as np

from .diffusivities import with_contrast
from .scalespace import ScaleSpace

LOGARITHMIC = ("contrast", "tau")  # parameters that have to stay positive


class _Place(NamedTuple):
    """The part of a network that holds a parameter; how it is read, and the part with another."""

    part: str
    read: Any = lambda part: part
    change: Any = lambda part, value: value
    ndim: int = 0


def _scales(part):
    return _Place(part, lambda scales: scales and scales.weights,
                  lambda scales, value: ScaleSpace(scales.sigmas, value), ndim=1)


PLACES = {"beta": _scales("scales"), "steering": _scales("steering"),
          "contrast": _Place("flux", lambda flux: getattr(flux.diffusivity, "contrast", None),
                             lambda flux, value: dataclasses.replace(
                                 flux, diffusivity=with_contrast(flux.diffusivity, value))),
          "reaction": _Place("reaction"), "tau": _Place("tau")}


def read(network):
    """The parameters by name, with an axis of steps in front where each step has its own."""
    found = {}
    for name, place in PLACES.items():
        part = getattr(network, place.part)
        values = [place.read(own) for own in (part if isinstance(part, tuple) else (part,))]
        if values[0] is not None:
            found[name] = np.stack(values) if isinstance(part, tuple) else values[0]
    return found


def of_each_step(network):
    """The names of the parameters of which each step has its own."""
    return {name for name, place in PLACES.items()
            if isinstance(getattr(network, place.part), tuple)}


def change(network, parameters):
    """The network with other values of some parameters, for all steps or for each."""
    known, changed = read(network), {}
    for name, value in parameters.items():
        if name not in known:
            raise ValueError(f"parameters of this network are {', '.join(known)}; got {name!r}")
        place = PLACES[name]
        parts = network.each(place.part)
        if np.ndim(value) == place.ndim + 1:
            if len(value) != len(parts):
                raise ValueError(f"{name} must be one for all steps or a list of one for each of "
                                 f"the {len(parts)} steps; got a list of {len(value)}")
            changed[place.part] = [place.change(*pair) for pair in zip(parts, value, strict=True)]
        else:
            changed[place.part] = place.change(parts[0], value)
    return dataclasses.replace(network, **changed)


# Coordinates ----------------------------------------------------------------------------


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


def split(parameters, x):
    """The vector's parts under the names of the parameters, as views of it."""
    parts, first = {}, 0
    for name, value in parameters.items():
        size = np.size(value)
        parts[name] = x[first:first + size].reshape(np.shape(value))
        first += size
    return parts
