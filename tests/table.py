"""ALL_MODELS: every model of the package, with the number of channels of its images."""

import dataclasses
from dataclasses import dataclass

import numpy as np

from pdenet import Channels, Dictionary, Gradient, ScaleSpace, models

SIGMAS, WEIGHTS = [0.0, 0.8, 1.7], [0.9, -0.6, 0.5]


@dataclass(frozen=True)
class Case:
    """A model as function of its contrast, and what is known of it."""

    build: object
    channels: int = 1
    energy: bool = True

    def network(self, contrast=12.0, **options):
        return self.build(contrast, **options)

    def linear(self, **options):
        """The network with D = I: a contrast that nothing reaches, and as much diffusion where
        there is no line."""
        network = self.network(1e9, **options)
        if hasattr(network.flux, "least"):
            flux = dataclasses.replace(network.flux, least=1.0)
            network = dataclasses.replace(network, flux=flux)
        return network

    def image(self, seed=0, shape=(13, 18), scale=60.0):
        full = shape + (self.channels,) if self.channels > 1 else shape
        return np.random.default_rng(seed).normal(100, scale, full)

    @property
    def channel_axis(self):
        return -1 if self.channels > 1 else None

    def run(self, network, image, **options):
        return network(image, channel_axis=self.channel_axis, **options)


def _multiscale(coupling, **fixed):
    return lambda contrast, **options: models.multiscale(
        contrast, sigmas=SIGMAS, weights=WEIGHTS, coupling=coupling, **fixed, **options)


def _named(diffusivity):
    return lambda contrast, **options: models.perona_malik(contrast, diffusivity=diffusivity,
                                                           **options)


def _without_twist(build):
    return lambda contrast, **options: build(
        contrast, operator=Gradient(alpha=0.3, structure_twist=0.0), **options)


def _oblique(build):
    return lambda contrast, **options: build(
        contrast, operator=Gradient(alpha=0.3, gamma=1.0), **options)


def _averaged(build):
    return lambda contrast, **options: build(
        contrast, integration=ScaleSpace([0.0, 0.7, 1.3], [0.4, -0.8, 0.6]), **options)


def _flowing(contrast, **options):
    return models.ced(contrast / 6, rho=1.5, **options)


def _with_dictionary(build, rates, **fixed):
    dictionary = Dictionary(rates, [0.8, 2.0, 0.6, 1.2, 0.9, 1.7, 0.5, 1.4], **fixed)
    return lambda contrast, **options: build(contrast, dictionary=dictionary, **options)


def _weighted(build, guiding):
    return lambda contrast, **options: build(contrast, channels=Channels(guiding), **options)


RATES = [0.3, 0.5, 0.1, 0.7, 0.35, 0.25, 0.2, 0.6]
ALL_MODELS = {
    "perona_malik": Case(models.perona_malik),
    "perona_malik-rational": Case(_named("rational")),
    "perona_malik-charbonnier": Case(_named("charbonnier")),
    "perona_malik-weickert": Case(_named("weickert")),
    "you_kaveh": Case(models.you_kaveh),
    "lysaker_lundervold_tai": Case(models.lysaker_lundervold_tai),
    "gerig": Case(models.gerig, channels=3),
    "weickert_brox": Case(models.weickert_brox, channels=3),
    "weickert_brox-grey": Case(models.weickert_brox),
    "perona_malik-twist": Case(_without_twist(models.perona_malik), energy=False),
    "weickert_brox-twist": Case(_without_twist(models.weickert_brox), channels=2, energy=False),
    "weickert_brox-gamma": Case(_oblique(models.weickert_brox), channels=2, energy=False),
    "multiscale-isotropic": Case(_multiscale("isotropic")),
    "multiscale-anisotropic": Case(_multiscale("anisotropic")),
    "multiscale-uncoupled": Case(_multiscale("uncoupled")),
    "multiscale-colour": Case(_multiscale("anisotropic"), channels=3),
    "multiscale-isotropic-colour": Case(_multiscale("isotropic"), channels=3),
    "multiscale-gamma": Case(_oblique(_multiscale("anisotropic")), energy=False),
    "eed": Case(models.eed, energy=False),
    "eed-colour": Case(models.eed, channels=3, energy=False),
    "eed-gamma": Case(_oblique(models.eed), energy=False),
    "weickert_1994": Case(models.weickert_1994, energy=False),
    "weickert_1994-rational": Case(
        lambda contrast, **options: models.weickert_1994(contrast, diffusivity="rational",
                                                         **options), energy=False),
    "ced": Case(_flowing, energy=False),
    "ced-colour": Case(_flowing, channels=3, energy=False),
    "perona_malik-integration": Case(_averaged(_named("rational")), energy=False),
    "multiscale-integration": Case(_averaged(_multiscale("anisotropic")), energy=False),
    "multiscale-uncoupled-integration": Case(_averaged(_multiscale("uncoupled")), energy=False),
    "perona_malik-dictionary": Case(_with_dictionary(models.perona_malik, RATES), energy=False),
    "multiscale-dictionary": Case(_with_dictionary(_multiscale("anisotropic"), RATES,
                                                   smoothing=0.0), channels=2),
    "you_kaveh-dictionary": Case(_with_dictionary(models.you_kaveh, RATES, smoothing=0.5),
                                 energy=False),
    "multiscale-weighted": Case(_weighted(_multiscale("anisotropic"), [0.7, -1.2, 0.5]), channels=3,
                                energy=False),
    "eed-integration": Case(_averaged(models.eed), channels=2, energy=False),
}
