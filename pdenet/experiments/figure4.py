"""The experiment of Section 6: training on rectangles at 30 degrees, and Figure 4."""

import functools

import numpy as np

from . import audit
from .. import models
from ..checks import check_choice
from ..learning.fit import fit
from ..learning.optimizers import Adam
from ..network.network import DiffusionNetwork
from ..network.pretrained import PRETRAINED
from ..network.saved import pretrained
from ..scheme.operators import Gradient
from ..scheme.scales import ScaleSpace
from .rectangles import add_noise, rectangles

ANGLE, SIGMA = 30, 60.0
LAYOUTS, NOISE = 0, 1  # seeds of the training images
SIGMAS = ScaleSpace.exponential(0.4, 10.0, 8).sigmas
EPOCHS, IMAGES, BATCH = 400, 100, 4


def training_set(images=IMAGES, size=256):
    """Noisy and clean training images."""
    clean = rectangles(images, ANGLE, size, LAYOUTS)
    return add_noise(clean, SIGMA, NOISE), clean


def start(name, alpha=None, gamma=0.0):
    """The network from which the training of a model begins.

    All scales diffuse equally much, omega beta^2 = 1, at nine tenths of the largest stable step.
    """
    check_choice("name", name, PRETRAINED)
    coupling, _, variant = name.partition("-")
    if alpha is None:
        alpha = 0.45 if variant == "invariant" else 0.41
    weights = 1 / np.sqrt(ScaleSpace(SIGMAS).omega)
    steering = ScaleSpace(SIGMAS, weights) if variant == "steered" else None
    network = models.multiscale(60.0, sigmas=SIGMAS, weights=weights, coupling=coupling, steps=10,
                                operator=Gradient(alpha, gamma), steering=steering)
    return network.with_parameters({"tau": 0.9 * network.tau_max})


def train(name, epochs=EPOCHS, images=IMAGES, batch_size=BATCH, learning_rate=1e-3, rng=0,
          alpha=None, gamma=0.0, **options):
    """Train a model by the paper's protocol; further options go to `fit`."""
    noisy, clean = training_set(images)
    return fit(start(name, alpha, gamma), noisy, clean, epochs=epochs, batch_size=batch_size,
               optimizer=Adam(learning_rate), rng=rng, **options)


def evaluate(function, count=10, workers=1):
    """The RotationAudit of a network or any other denoiser on the test images."""
    if isinstance(function, DiffusionNetwork):
        function = functools.partial(function, workers=1)  # the images have the threads
    return audit.rotation_audit(function, count=count, sigma=SIGMA, workers=workers)


def shipped():
    """The networks with the parameters in the package, by name."""
    return {name: pretrained(name) for name in PRETRAINED}
