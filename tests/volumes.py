"""VOLUMES: the models of volumes, with spacing and channels, as `table` has those of images."""

import dataclasses
from dataclasses import dataclass

import numpy as np

from pdenet import ScaleSpace, models

from .table import SIGMAS, WEIGHTS, Case

CUBES, FLAT = (1.0, 1.0, 1.0), (1.7, 1.0, 0.8)


@dataclass(frozen=True)
class Volume(Case):
    """A model of volumes with this spacing."""

    spacing: tuple = CUBES

    def network(self, contrast=12.0, **options):
        return super().network(contrast, **{"spacing": self.spacing} | options)

    def image(self, seed=0, shape=(5, 6, 7), scale=60.0):
        return super().image(seed, shape, scale)

    def planes(self, image):
        return np.moveaxis(image, -1, 0) if self.channels > 1 else image[np.newaxis]


def _multiscale(coupling):
    return lambda contrast, **options: models.multiscale(
        contrast, sigmas=SIGMAS, weights=WEIGHTS, coupling=coupling, **options)


def _averaged(build):
    return lambda contrast, **options: build(
        contrast, integration=ScaleSpace([0.0, 0.7, 1.3], [0.4, -0.8, 0.6]), **options)


def _flowing(contrast, **options):
    network = models.ced(contrast / 6, rho=1.5, **options)
    return dataclasses.replace(network, flux=dataclasses.replace(network.flux, least=0.05))


VOLUMES = {
    "perona_malik": Volume(models.perona_malik),
    "perona_malik-flat": Volume(models.perona_malik, spacing=FLAT),
    "gerig-flat": Volume(models.gerig, channels=2, spacing=FLAT),
    "weickert_brox": Volume(models.weickert_brox),
    "weickert_brox-flat": Volume(models.weickert_brox, channels=2, spacing=FLAT),
    "eed": Volume(models.eed, energy=False),
    "eed-flat": Volume(models.eed, channels=2, energy=False, spacing=FLAT),
    "weickert_1994-flat": Volume(models.weickert_1994, energy=False, spacing=FLAT),
    "multiscale-isotropic": Volume(_multiscale("isotropic"), spacing=FLAT),
    "multiscale-anisotropic": Volume(_multiscale("anisotropic"), spacing=FLAT),
    "multiscale-uncoupled": Volume(_multiscale("uncoupled"), spacing=FLAT),
    "eed-integration": Volume(_averaged(models.eed), energy=False, spacing=FLAT),
    "ced-flat": Volume(_flowing, energy=False, spacing=FLAT),
}
