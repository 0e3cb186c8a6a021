"""Speckle of coherent waves, as of radar, ultrasound and lasers: noise that multiplies."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ..checks import check_number
from .curve import robust_fit, variances
from .model import NoiseModel, check_not_negative

POWER = 1 / 3  # of intensities of a gamma law, by which they are nearly Gaussian
SKEWED = 16  # looks; the logarithm of fewer ones is too skewed for Stein's estimate of an error
MOST = 1e12  # looks; for more of them there is no noise


@dataclass(frozen=True)
class SpeckleNoise(NoiseModel):
    """Speckle: intensities z = x s, where s has a gamma law of the mean 1 and the variance 1/looks.

    The logarithm turns it into noise of one level for all x; with the digamma function psi,

        E log z = log x + psi(L) - log L,        Var log z = psi'(L),        L = looks,

    so that exp(E log z - psi(L) + log L) is the intensity without noise. Amplitudes are
    the roots of intensities; what they show is the root of the mean intensity.

    Parameters
    ----------
    looks : float, optional
        Number of independent looks that were averaged, > 0, not necessarily whole; by default
        estimated from the ratio of standard deviation and mean of patches with little texture.
    amplitude : bool, optional
        Whether the image shows amplitudes, not intensities.
    floor : float, optional
        Intensities, or amplitudes, below this one count as if they were it, > 0, grey levels; by
        default half of the least positive one, as zeros have no logarithm.

    Raises
    ------
    ValueError
        If a number is not allowed.

    Examples
    --------
    >>> import pdenet
    >>> from skimage import data
    >>> noisy = pdenet.SpeckleNoise(looks=4, floor=1).sample(data.camera() + 1.0)
    >>> found = pdenet.SpeckleNoise().estimate(noisy)
    >>> 3.5 < found.looks < 4.5
    True
    >>> smooth = pdenet.denoise(noisy, noise=pdenet.SpeckleNoise(looks=4))
    """

    looks: float | None = None
    amplitude: bool = False
    floor: float | None = None

    numbers = ("looks",)
    in_grey_levels = ("floor",)

    def __post_init__(self):
        if self.looks is not None and self.looks != math.inf:
            check_number("looks", self.looks, above=0.0)
        if self.floor is not None:
            check_number("floor", self.floor, above=0.0)

    @property
    def complete(self):
        return self.looks is not None and self.floor is not None

    @property
    def gaussian(self):
        return self.looks is None or self.looks >= SKEWED

    @property
    def silent(self):
        return self.looks is not None and self.looks > MOST

    def estimated(self, tiles):
        looks, floor = self.looks, self.floor
        for tile, _ in tiles:
            check_not_negative(tile, self._what)
        if floor is None:
            positive = [tile[tile > 0] for tile, _ in tiles]
            floor = min((float(part.min()) for part in positive if part.size), default=2.0) / 2
        if looks is None:
            power = 2 * POWER if self.amplitude else POWER
            means, found = variances([(tile**power, measured) for tile, measured in tiles])
            looks = math.inf
            if found.max() > 0:
                start = found.mean() / np.mean(means**2)
                looks = _looks(robust_fit(lambda x: x[0] * means**2, found, [start])[0][0])
        return replace(self, looks=looks, floor=floor)

    def stabilise_plane(self, plane):
        check_not_negative(plane, self._what)
        number = plane.dtype.type
        return np.log(np.maximum(plane, number(self.floor))) * number(1 / self._law[1])

    def restore_plane(self, plane):
        number, (mean, deviation) = plane.dtype.type, self._law
        return np.exp(plane * number(deviation) - number(mean))

    @property
    def _law(self):
        """Mean and standard deviation of the logarithm."""
        from scipy.special import polygamma, psi

        (looks,), factor = self.known, 0.5 if self.amplitude else 1.0
        return (factor * float(psi(looks) - math.log(looks)),
                factor * math.sqrt(polygamma(1, looks)))

    @property
    def _what(self):
        return f"{'amplitudes' if self.amplitude else 'intensities'} with speckle"

    def draw(self, clean, rng):
        check_not_negative(clean, self._what)
        if self.silent:
            return clean.copy()
        looks, = self.known
        factors = rng.gamma(looks, 1 / looks, clean.shape)
        return clean * (np.sqrt(factors) if self.amplitude else factors)


def _looks(ratio):
    """The number of looks for the ratio of variance and squared mean of intensities to POWER."""
    from scipy.optimize import brentq
    from scipy.special import gammaln

    def excess(logarithm):
        looks = math.exp(logarithm)
        return (gammaln(looks) + gammaln(looks + 2 * POWER) - 2 * gammaln(looks + POWER)
                - math.log1p(ratio))

    if ratio <= 1e-9:
        return math.inf
    return math.exp(brentq(excess, math.log(1e-3), math.log(1e9)))
