"""A network's parameters: where they are in its parts, for all steps or for each."""

import dataclasses
from typing import Any, NamedTuple

import numpy as np

from ..scheme.diffusivities import with_contrast
from ..scheme.scales import ScaleSpace


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
    if not isinstance(parameters, dict):
        raise TypeError(f"values must be a dict of parameters by name; got {parameters!r}")
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
