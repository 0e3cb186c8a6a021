"""Every part of a network by its name: as JSON, and back.

    {"operator": {"name": "Gradient", "alpha": 0.41, "gamma": 0.0, "structure_twist": 1.0},
     "scales": {"sigmas": [...], "weights": [...]}, "steering": null or in the form of scales,
     "flux": {"name": "Anisotropic", "diffusivity": {"name": "Exponential", "contrast": 20.0}},
     "tau": 0.1, "reaction": null, "integration": null or in the form of scales,
     "dictionary": null, "channels": null, "steps": 10, "allow_unstable": false}

All but the operator, steps and allow_unstable are lists of one for each step, where the steps
differ. A dictionary is {"rates": [...], "sensitivities": [...], "smoothing": 1.0, "amplification":
0.0}, channels are {"guiding": [...], "guides": 0}. Only parts that stand here can be written to a
file and read from one.
"""

from dataclasses import fields

import numpy as np

from . import per_step
from ..files.document import FormatError, check_keys, number, short
from ..scheme.channels import Channels
from ..scheme.coherence import CoherenceEnhancing
from ..scheme.dictionary import Dictionary
from ..scheme.diffusivities import DIFFUSIVITIES
from ..scheme.fluxes import Anisotropic, Isotropic, Orientations, Uncoupled
from ..scheme.operators import Gradient, Hessian, Laplacian
from ..scheme.scales import ScaleSpace

FORMAT, VERSION = "pdenet network", 1
# Fields of parts, and keys, that files of earlier versions do not have.
LATER = "structure_twist", "spacing"
LATER_KEYS = "integration", "dictionary", "channels"
OPTIONAL = ("spacing",)  # fields that are written where they are not None
KEYS = ("operator", "scales", "steering", "flux", "tau", "reaction", "steps", "allow_unstable")
PARTS = {"operator": (Gradient, Laplacian, Hessian),
         "flux": (Isotropic, Anisotropic, Uncoupled, Orientations, CoherenceEnhancing),
         "diffusivity": tuple(DIFFUSIVITIES.values())}


# To JSON ---------------------------------------------------------------------------------------


def describe(network):
    """A network as a dict, which `arguments` reads.

    Raises
    ------
    TypeError
        If it has parts that do not stand in the catalogue.
    """
    return {"operator": _describe_part("operator", network.operator),
            "scales": per_step.convert(network.scales, _describe_scales),
            "steering": per_step.convert(network.steering, _describe_scales),
            "flux": per_step.convert(network.flux, lambda flux: _describe_part("flux", flux)),
            "integration": per_step.convert(network.integration, _describe_scales),
            "dictionary": per_step.convert(network.dictionary, _describe_values),
            "channels": per_step.convert(network.channels, _describe_values),
            "tau": per_step.convert(network.tau, float), "reaction": network.reaction,
            "steps": network.steps, "allow_unstable": network.allow_unstable}


def _describe_part(kind, value):
    if type(value) not in PARTS[kind]:
        names = ", ".join(allowed.__name__ for allowed in PARTS[kind])
        raise TypeError(f"{kind} must be one of {names} to be written to a file; got {value!r}")
    inner = {field.name: getattr(value, field.name) for field in fields(value)
             if field.name not in OPTIONAL or getattr(value, field.name) is not None}
    return {"name": type(value).__name__,
            **{name: _describe_part(name, own) if name in PARTS else own
               for name, own in inner.items()}}


def _describe_values(part):
    """The numbers of a part, of one kind only, by the names of its fields."""
    return part and {field.name: np.asarray(getattr(part, field.name)).tolist()
                     for field in fields(part)}


def _describe_scales(value):
    return value and {"sigmas": value.sigmas.tolist(), "weights": value.weights.tolist()}


# From JSON -------------------------------------------------------------------------------------


def arguments(document):
    """The arguments of `DiffusionNetwork` for a parsed document with these KEYS and perhaps some of
    the LATER_KEYS.

    Raises
    ------
    FormatError, TypeError, ValueError
        If a part is not what it should be.
    """
    if not isinstance(document["allow_unstable"], bool):
        raise FormatError(f"allow_unstable must be true or false; got "
                          f"{short(document['allow_unstable'])}")
    return {"operator": _part("operator", document["operator"]),
            "steps": document["steps"], "allow_unstable": document["allow_unstable"],
            **{name: _each(name, document.get(name), read) for name, read in (
                ("scales", _scales), ("steering", _optional(_scales)), ("flux", _part),
                ("tau", number), ("reaction", _optional(number)),
                ("integration", _optional(_scales)), ("dictionary", _optional(_dictionary)),
                ("channels", _optional(_channels)))}}


def _each(name, value, read):
    """What is read, or a list of it for each step."""
    if not isinstance(value, list):
        return read(name, value)
    if not 1 <= len(value) <= 1000:
        raise FormatError(f"{name} must be a list of 1 to 1000, one for each step; got "
                          f"{len(value)}")
    return [read(name, own) for own in value]


def _optional(read):
    return lambda name, value: None if value is None else read(name, value)


def _part(kind, document):
    known = {allowed.__name__: allowed for allowed in PARTS[kind]}
    if not isinstance(document, dict) or document.get("name") not in list(known):
        raise FormatError(f"{kind} must be an object whose name is one of {', '.join(known)}; got "
                          f"{short(document)}")
    found = known[document["name"]]
    names = [field.name for field in fields(found)
             if field.name in document or field.name not in LATER]
    check_keys(kind, document, ("name", *names))
    return found(**{name: _part(name, value) if name in PARTS else
                    _numbers(name, value) if name in OPTIONAL else number(name, value)
                    for name, value in document.items() if name != "name"})


def _scales(name, document):
    check_keys(name, document, ("sigmas", "weights"))
    return ScaleSpace(*(_numbers(f"{name}.{key}", document[key]) for key in ("sigmas", "weights")))


def _dictionary(name, document):
    check_keys(name, document, [field.name for field in fields(Dictionary)])
    lists = ("rates", "sensitivities")
    return Dictionary(**{key: (_numbers if key in lists else number)(f"{name}.{key}", value)
                         for key, value in document.items()})


def _channels(name, document):
    check_keys(name, document, [field.name for field in fields(Channels)])
    return Channels(_numbers(f"{name}.guiding", document["guiding"]), document["guides"])


def _numbers(name, values):
    if not isinstance(values, list) or not 1 <= len(values) <= 100:
        raise FormatError(f"{name} must be a list of 1 to 100 numbers; got {short(values)}")
    return [number(name, value) for value in values]
