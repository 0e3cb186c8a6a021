"""Networks as JSON files: every number exactly, nothing executed.

    {"format": "pdenet network", "version": 1,
     "operator": {"name": "Gradient", "alpha": 0.41, "gamma": 0.0},
     "scales": {"sigmas": [...], "weights": [...]}, "steering": null or likewise,
     "flux": {"name": "Anisotropic", "diffusivity": {"name": "Exponential", "contrast": 20.0}},
     "tau": 0.1, "reaction": null, "steps": 10, "allow_unstable": false, "provenance": {...}}

scales, steering, flux, tau and reaction are lists of one for each step, where the steps differ.
"""

import json
import math
from dataclasses import fields

from ..files.atomic import atomic_file
from ..checks import check_choice
from ..scheme.diffusivities import DIFFUSIVITIES
from ..scheme.fluxes import Anisotropic, Isotropic, Orientations, Uncoupled
from .network import DiffusionNetwork
from ..scheme.operators import Gradient, Hessian, Laplacian
from ..scheme.scales import ScaleSpace

__all__ = ["load", "pretrained", "FormatError"]

FORMAT, VERSION = "pdenet network", 1
NETWORK = ("operator", "scales", "steering", "flux", "tau", "reaction", "steps", "allow_unstable")
LARGEST = 2**20  # bytes of a file
PARTS = {"operator": (Gradient, Laplacian, Hessian),
         "flux": (Isotropic, Anisotropic, Uncoupled, Orientations),
         "diffusivity": tuple(DIFFUSIVITIES.values())}
PRETRAINED = ("isotropic", "anisotropic", "uncoupled", "anisotropic-steered",
              "anisotropic-invariant")


class FormatError(ValueError):
    """A file that holds no network that this version can read; the message says why."""


def save(network, path, provenance=None):
    """Write a network to a JSON file, whole or not at all; `load` gives back the same numbers."""
    document = {"format": FORMAT, "version": VERSION, **describe(network),
                "provenance": provenance or {}}
    write(document, path)


def write(document, path):
    """Write JSON that `parse` can read, whole or not at all."""
    content = (json.dumps(document, indent=1, allow_nan=False) + "\n").encode()
    parse(content)  # what `load` would refuse is not written
    with atomic_file(path) as file:
        file.write(content)


def describe(network):
    """A network as the dict of its file, without header and provenance."""
    def part(value, kind):
        if type(value) not in PARTS[kind]:
            names = ", ".join(allowed.__name__ for allowed in PARTS[kind])
            raise TypeError(f"{kind} must be one of {names} to be written to a file; got {value!r}")
        inner = {name: part(x, name) if name in PARTS else x
                 for name, x in ((field.name, getattr(value, field.name))
                                 for field in fields(value))}
        return {"name": type(value).__name__, **inner}

    def scales(value):
        return value and {"sigmas": value.sigmas.tolist(), "weights": value.weights.tolist()}

    def each(value, write):
        return [write(own) for own in value] if isinstance(value, tuple) else write(value)

    return {"operator": part(network.operator, "operator"),
            "scales": each(network.scales, scales), "steering": each(network.steering, scales),
            "flux": each(network.flux, lambda flux: part(flux, "flux")),
            "tau": each(network.tau, float), "reaction": network.reaction,
            "steps": network.steps, "allow_unstable": network.allow_unstable}


def load(path):
    """The network in a JSON file that `DiffusionNetwork.save` has written.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    DiffusionNetwork

    Raises
    ------
    FormatError
        If the file holds anything else; nothing in it is executed.
    OSError
        If it cannot be read.

    Examples
    --------
    >>> import os, tempfile
    >>> import pdenet
    >>> name = os.path.join(tempfile.mkdtemp(), "network.json")
    >>> pdenet.models.eed(5.0).save(name)
    >>> pdenet.load(name).parameters == pdenet.models.eed(5.0).parameters
    True
    """
    with open(path, "rb") as file:
        content = file.read(LARGEST + 1)
    try:
        return build(parse(content))
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from None


def parse(content, largest=LARGEST):
    """JSON of at most so many bytes, without repeated keys, NaN or infinite numbers."""
    def unique(pairs):
        found = {}
        for name, value in pairs:
            if name in found:
                raise FormatError(f"{_short(name)} occurs twice")
            found[name] = value
        return found

    def refuse(text):
        raise FormatError(f"{text} is no number")

    def finite(text):
        value = float(text)
        return value if math.isfinite(value) else refuse(text)

    def whole(text):
        return int(text) if len(text) <= 64 else refuse(text[:20] + "...")

    if len(content) > largest:
        raise FormatError(f"must have at most {largest} bytes")
    try:
        return json.loads(content.decode(), object_pairs_hook=unique, parse_constant=refuse,
                          parse_float=finite, parse_int=whole)
    except FormatError:
        raise
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else error
        raise FormatError(f"is not JSON ({reason})") from None


def build(document):
    """The network that a parsed file describes."""
    check_header(document, FORMAT, NETWORK)
    return build_network(document)


def check_header(document, kind, keys):
    """Raise unless a parsed file is of this format and has these keys."""
    check_keys("the file", document, ("format", "version", *keys, "provenance"))
    if document["format"] != kind:
        raise FormatError(f"format must be {kind!r}; got {_short(document['format'])}")
    if document["version"] != VERSION:
        raise FormatError(f"version must be {VERSION}; got {_short(document['version'])}"
                          f" (a newer pdenet may read it)")
    if not isinstance(document["provenance"], dict):
        raise FormatError(f"provenance must be an object; got {_short(document['provenance'])}")


def build_network(document):
    """The network that `describe` has described."""
    if not isinstance(document["allow_unstable"], bool):
        raise FormatError(f"allow_unstable must be true or false; got "
                          f"{_short(document['allow_unstable'])}")
    try:
        return DiffusionNetwork(
            operator=_part("operator", document["operator"]),
            steps=document["steps"], allow_unstable=document["allow_unstable"],
            **{name: _each(name, document[name], read) for name, read in (
                ("scales", _scales), ("steering", _optional(_scales)), ("flux", _part),
                ("tau", _number), ("reaction", _optional(_number)))})
    except FormatError:
        raise
    except (TypeError, ValueError, OverflowError, MemoryError) as error:
        raise FormatError(str(error)) from None


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
                          f"{_short(document)}")
    found = known[document["name"]]
    check_keys(kind, document, ("name", *(field.name for field in fields(found))))
    return found(**{name: _part(name, value) if name in PARTS else _number(name, value)
                    for name, value in document.items() if name != "name"})


def _scales(name, document):
    check_keys(name, document, ("sigmas", "weights"))
    lists = []
    for key in ("sigmas", "weights"):
        values = document[key]
        if not isinstance(values, list) or not 1 <= len(values) <= 100:
            raise FormatError(f"{name}.{key} must be a list of 1 to 100 numbers; got "
                              f"{_short(values)}")
        lists.append([_number(f"{name}.{key}", value) for value in values])
    return ScaleSpace(*lists)


def _number(name, value):
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise FormatError(f"{name} must be a number; got {_short(value)}")
    return value


def check_keys(name, document, keys):
    if not isinstance(document, dict):
        raise FormatError(f"{name} must be an object with {', '.join(keys)}; got "
                          f"{_short(document)}")
    for key in keys:
        if key not in document:
            raise FormatError(f"{name} has no {key!r}")
    for key in document:
        if key not in keys:
            raise FormatError(f"{name} has an unknown key {_short(key)}")


def _short(value):
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def pretrained(name):
    """A network trained by the protocol of Section 6 to remove noise of standard deviation 60.

    Eight scales, ten steps, trained on rectangles at 30 degrees: see the provenance in the
    files in pdenet/pretrained.

    Parameters
    ----------
    name : str
        "isotropic", "anisotropic" or "uncoupled", the models of Figure 4; "anisotropic-steered",
        with separate steering weights; or "anisotropic-invariant", with alpha = 0.45 instead of
        0.41, which depends less on the angle and removes less noise.

    Returns
    -------
    DiffusionNetwork

    Raises
    ------
    ValueError
        If the name is unknown.

    Examples
    --------
    >>> import pdenet
    >>> pdenet.pretrained("anisotropic").steps
    10
    """
    check_choice("name", name, PRETRAINED)
    return build(shipped(name))


def shipped(name):
    """A parsed file of those that come with the package."""
    from importlib import resources

    return parse(resources.files(__package__).joinpath("pretrained", f"{name}.json").read_bytes())
