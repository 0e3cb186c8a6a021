"""The experiment of Section 6: training on rectangles at 30 degrees, and Figure 4."""

import functools
import itertools
import os
import platform
from importlib import metadata

import numpy as np

from . import audit
from .. import __version__, models
from ..checks import check_choice
from ..learning.fit import fit
from ..network.network import DiffusionNetwork
from ..network.pretrained import PRETRAINED
from ..network.saved import load, pretrained
from ..scheme.operators import Gradient
from ..scheme.scales import ScaleSpace
from .rectangles import add_noise, rectangles

ANGLE, SIGMA = 30, 60.0
LAYOUTS, NOISE = 0, 1  # seeds of the training images
SIGMAS = ScaleSpace.exponential(0.4, 10.0, 8).sigmas
IMAGES = 100


def training_set(images=IMAGES, size=256):
    """Noisy and clean training images."""
    clean = rectangles(images, ANGLE, size, LAYOUTS)
    return add_noise(clean, SIGMA, NOISE), clean


def start(name, alpha=None, gamma=0.0, structure_twist=None):
    """The network from which the training of a model begins.

    All scales diffuse equally much, omega beta^2 = 1, at nine tenths of the largest stable step.
    The structure tensor has its twist, so that the models have an energy, but for
    anisotropic-invariant.
    """
    check_choice("name", name, PRETRAINED)
    coupling, _, variant = name.partition("-")
    usual = (0.45, 0.0) if variant == "invariant" else (0.41, 1.0)
    alpha, structure_twist = (own if value is None else value for value, own in zip(
        (alpha, structure_twist), usual, strict=True))
    weights = 1 / np.sqrt(ScaleSpace(SIGMAS).omega)
    steering = ScaleSpace(SIGMAS, weights) if variant == "steered" else None
    network = models.multiscale(60.0, sigmas=SIGMAS, weights=weights, coupling=coupling, steps=10,
                                operator=Gradient(alpha, gamma, structure_twist),
                                steering=steering)
    return network.with_parameters({"tau": 0.9 * network.tau_max})


def train(name, images=IMAGES, alpha=None, gamma=0.0, structure_twist=None, **options):
    """Train a model on the paper's images; further options go to `fit`. By default that is L-BFGS;
    the paper's protocol is optimizer=Adam(), batch_size=4, epochs=400."""
    noisy, clean = training_set(images)
    return fit(start(name, alpha, gamma, structure_twist), noisy, clean, **options)


def save(network, history, path, command):
    """Write a trained network with its provenance; returns in words how training ended."""
    entry = _evaluated(network, history)
    ended = {"stopped": history[-1]["stopped"], "loss": entry["loss"], "psnr": entry["psnr"]}
    network.save(path, provenance={
        "command": command, "epochs": len(history), **ended,
        "versions": {"pdenet": __version__, "numpy": metadata.version("numpy"),
                     "numba": metadata.version("numba"), "scipy": metadata.version("scipy"),
                     "python": platform.python_version(), "machine": platform.machine()}})
    quality = (f"{ended['psnr']:.3f} dB on the training images" if ended["psnr"] is not None
               else f"an estimated mean squared error of {ended['loss']:.4g}")
    count = f"{len(history)} epochs"
    return ", ".join(dict.fromkeys([count, ended["stopped"], quality]))


def _evaluated(network, history):
    """The entry with the loss of a network's parameters, which are those after the entry before;
    the last entry, where they were never evaluated, as the last ones of Adam."""
    own = {name: np.asarray(value).tolist() for name, value in network.parameters.items()}
    for before, entry in itertools.pairwise(history):
        if before["parameters"] == own:
            return entry
    return history[-1]


def from_nothing(name, folder, **options):
    """Train a model, go on with its training, or take it if it is trained already:
    FOLDER/NAME.json.

    Returns the network and, in words, how training ended.
    """
    path, state = (os.path.join(folder, f"{name}.{kind}") for kind in ("json", "state"))
    if os.path.exists(path):
        return load(path), "trained already"
    network, history = train(name, checkpoint=state, **options)
    ended = save(network, history, path, f"pdenet figure4 {name} --from-nothing {folder}")
    os.unlink(state)
    return network, ended


def evaluate(function, count=10, workers=1):
    """The RotationAudit of a network or any other denoiser on the test images."""
    if isinstance(function, DiffusionNetwork):
        function = functools.partial(function, workers=1)  # the images have the threads
    return audit.rotation_audit(function, count=count, sigma=SIGMA, workers=workers)


def shipped():
    """The networks with the parameters in the package, by name."""
    return {name: pretrained(name) for name in PRETRAINED}
