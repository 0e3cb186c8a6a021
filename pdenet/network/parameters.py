"""A network's parameters: where they are in its parts, for all steps or for each."""

import dataclasses
from typing import Any, NamedTuple

import numpy as np

from . import per_step
from ..scheme import data_terms
from ..scheme.diffusivities import with_contrast
from ..scheme.fluxes import with_diffusivity
from ..scheme.scales import ScaleSpace


class _Place(NamedTuple):
    """Where a parameter is: the name of the part of a network that holds it, how to read it from
    that part (None if there is none), how to make the part with another value, and how many axes
    the value has."""

    part: str
    read: Any = lambda part: part
    change: Any = lambda part, value: value
    ndim: int = 0


def _scales(part):
    return _Place(part, lambda scales: scales and scales.weights,
                  lambda scales, value: ScaleSpace(scales.sigmas, value), ndim=1)


def _dictionary(name):
    return _Place("dictionary", lambda dictionary: dictionary and getattr(dictionary, name),
                  lambda dictionary, value: dictionary.with_values(**{name: value}), ndim=1)


PLACES = {"beta": _scales("scales"), "steering": _scales("steering"),
          "integration": _scales("integration"),
          "contrast": _Place("flux", lambda flux: getattr(flux.diffusivity, "contrast", None),
                             lambda flux, value: with_diffusivity(
                                 flux, with_contrast(flux.diffusivity, value))),
          **{name: _dictionary(name) for name in ("rates", "sensitivities")},
          "guiding": _Place("channels", lambda channels: channels and channels.guiding,
                            lambda channels, value: channels.with_guiding(value), ndim=1),
          **{name: _Place(name) for name in data_terms.PARAMETERS}, "tau": _Place("tau")}


def read(network):
    """The parameters by name, with an axis of steps in front where each step has its own."""
    found = {name: per_step.convert(getattr(network, place.part), place.read)
             for name, place in PLACES.items()}
    return {name: per_step.stack(value) for name, value in found.items()
            if (value[0] if isinstance(value, per_step.PerStep) else value) is not None}


def of_each_step(network):
    """The names of the parameters of which each step has its own."""
    return {name for name, place in PLACES.items()
            if isinstance(getattr(network, place.part), per_step.PerStep)}


def slot(network, name, k):
    """The index of what belongs to step k in an array of the shape of a parameter, see
    `per_step.slot`."""
    return per_step.slot(getattr(network, PLACES[name].part), k)


def change(network, values):
    """The network with other values of some parameters, for all steps or for each."""
    if not isinstance(values, dict):
        raise TypeError(f"values must be a dict of parameters by name; got {values!r}")
    known: dict[str, Any] = read(network)
    changed: dict[str, Any] = {}
    for name, value in values.items():
        if name not in known:
            raise ValueError(f"parameters of this network are {', '.join(known)}; got {name!r}")
        place = PLACES[name]
        part = changed.get(place.part, getattr(network, place.part))
        each = np.ndim(value) == place.ndim + 1
        # Where a part has several parameters, it stays one for each step if another needs it.
        others = [other for other in known if other != name and PLACES[other].part == place.part]
        if each or isinstance(part, per_step.PerStep) and any(
                np.ndim(values.get(other, known[other])) > PLACES[other].ndim for other in others):
            value = (per_step.check(name, value, network.steps) if each
                     else (value,) * network.steps)
            parts = per_step.each(part, network.steps)
            changed[place.part] = per_step.PerStep(map(place.change, parts, value))
        else:
            changed[place.part] = place.change(per_step.each(part, 1)[0], value)
    return dataclasses.replace(network, **changed)
