"""Networks in JSON files: those of a user, and those that come with the package.

A file holds {"format": "pdenet network", "version": 1, ..., "provenance": {...}}, with the parts as
`catalogue` describes them.
"""

import os
from importlib import resources

from . import catalogue
from ..checks import check_choice
from ..files import document
from ..files.document import FormatError
from .network import DiffusionNetwork
from .pretrained import PRETRAINED

__all__ = ["load", "pretrained"]


def load(path: str | os.PathLike) -> DiffusionNetwork:
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
    try:
        return build(document.read(path))
    except FormatError as error:
        raise FormatError(f"{os.fsdecode(path)}: {error}") from None


def build(parsed) -> DiffusionNetwork:
    """The network of a parsed file."""
    document.check_header(parsed, catalogue.FORMAT, catalogue.VERSION, catalogue.KEYS,
                          catalogue.LATER_KEYS)
    return build_network(parsed)


def build_network(parsed) -> DiffusionNetwork:
    """The network that `catalogue.describe` has described; other keys have been checked."""
    try:
        return DiffusionNetwork(**catalogue.arguments(parsed))
    except FormatError:
        raise
    except (TypeError, ValueError, OverflowError, MemoryError) as error:
        raise FormatError(str(error)) from None


def pretrained(name: str) -> DiffusionNetwork:
    """A network trained by the protocol of Section 6 to remove noise of standard deviation 60.

    Eight scales, ten steps, trained on rectangles at 30 degrees: see the provenance in the
    files in pdenet/network/pretrained.

    Parameters
    ----------
    name : str
        "isotropic", "anisotropic" or "uncoupled", the models of Figure 4; "anisotropic-steered",
        with separate steering weights; or "anisotropic-invariant", with alpha = 0.45 instead of
        0.41 and without the twist in the structure tensor, which depends less on the angle.

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
    return build(shipped(check_choice("name", name, PRETRAINED)))


def shipped(name):
    """The parsed file of a network or a denoiser that comes with the package."""
    folder = resources.files(f"{__package__}.pretrained")
    return document.parse(folder.joinpath(f"{name}.json").read_bytes())
