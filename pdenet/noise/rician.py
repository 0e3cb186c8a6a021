"""Magnitudes of complex numbers with noise, as of magnetic resonance: Rician noise."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np

from ..checks import check_number
from .curve import robust_fit, variances
from .model import NoiseModel, check_not_negative

MOST, NODES = 20.0, 801  # of true magnitudes over sigma; the law is nearly Gaussian for more
WIDE, FINE = 9.0, 2001  # the law is sampled so often within so many standard deviations


@dataclass(frozen=True)
class RicianNoise(NoiseModel):
    """Magnitudes z = ((x + sigma n)^2 + (sigma n')^2)^(1/2), with n and n' ~ N(0, 1).

    Their mean m(x) is larger than x, in the background 1.25 sigma instead of 0, and their standard
    deviation s grows with x from 0.66 sigma to sigma. The transform f with f'(m) = 1 / s(m)
    makes noise of about one level of it, from 0.89 to 1.06. Of E f(z), which is what denoising
    yields, the exact unbiased inverse makes x, by a table of E f(z) over x, which is
    integrated over the law. It cannot be below zero, so that the background remains slightly above.

    Parameters
    ----------
    sigma : float, optional
        Standard deviation of the noise of real and imaginary part, grey levels, >= 0; by default
        estimated from the curve s(m) for groups of patches with little texture.

    Raises
    ------
    ValueError
        If sigma is not allowed.

    References
    ----------
    C. G. Koay, P. J. Basser, "Analytically exact correction scheme for signal extraction from noisy
    magnitude MR signals", Journal of Magnetic Resonance 179, 317-322 (2006).

    A. Foi, "Noise estimation and removal in MR imaging: the variance-stabilization approach", IEEE
    International Symposium on Biomedical Imaging, 1809-1814 (2011).

    Examples
    --------
    >>> import pdenet
    >>> from skimage import data
    >>> noisy = pdenet.RicianNoise(sigma=20).sample(data.camera())
    >>> found = pdenet.RicianNoise().estimate(noisy)
    >>> 18 < found.sigma < 22
    True
    >>> smooth = pdenet.denoise(noisy, noise=pdenet.RicianNoise(sigma=20))
    """

    sigma: float | None = None

    numbers = in_grey_levels = ("sigma",)

    def __post_init__(self):
        if self.sigma is not None:
            check_number("sigma", self.sigma, least=0.0)

    @property
    def complete(self):
        return self.sigma is not None

    @property
    def silent(self):
        return self.sigma == 0

    def estimated(self, tiles):
        for tile, _ in tiles:
            check_not_negative(tile, "magnitudes")
        means, found = variances(tiles)
        if not found.max() > 0:
            return replace(self, sigma=0.0)
        _, mean, deviation = _law()

        def curve(x):
            return x[0]**2 * np.interp(means / x[0], mean, deviation)**2

        (sigma,), _ = robust_fit(curve, found, [np.median(found)**0.5])
        return replace(self, sigma=float(sigma))

    def stabilise_plane(self, plane):
        check_not_negative(plane, "magnitudes")
        return _transform(plane / plane.dtype.type(self.known[0])).astype(plane.dtype)

    def restore_plane(self, plane):
        values, squares = _inverse()
        found = np.sqrt(np.interp(plane, values, squares))
        beyond = np.maximum(plane - values[-1], 0)
        return (self.known[0] * (found + beyond)).astype(plane.dtype)

    def draw(self, clean, rng):
        check_not_negative(clean, "magnitudes")
        real, imaginary = self.known[0] * rng.standard_normal((2, *clean.shape))
        return np.hypot(clean + real, imaginary)


# The law for sigma = 1 ----------------------------------------------------------------------


def _expectations(function):
    """E function(z) for each of the true magnitudes x."""
    from scipy.special import i0e

    x = _magnitudes()[:, np.newaxis]
    z = np.linspace(np.maximum(x[:, 0] - WIDE, 0), x[:, 0] + WIDE, FINE, axis=1)
    law = z * np.exp(-(z - x)**2 / 2) * i0e(z * x)
    return np.sum(law * function(z), axis=1) / law.sum(axis=1)


def _magnitudes():
    """Close to each other where they are small."""
    return MOST * np.linspace(0, 1, NODES)**1.5


@functools.cache
def _law():
    """The true magnitudes, and the mean and the standard deviation of the law of each."""
    mean = _expectations(lambda z: z)
    return _magnitudes(), mean, np.sqrt(_expectations(np.square) - mean**2)


@functools.cache
def _integral():
    """The integral of 1 / s(m) over the means m."""
    from scipy.integrate import cumulative_trapezoid

    _, mean, deviation = _law()
    return mean, cumulative_trapezoid(1 / deviation, mean, initial=0.0), deviation


def _transform(z):
    """f(z), with straight ends."""
    mean, integral, deviation = _integral()
    return (np.interp(z, mean, integral) + np.minimum(z - mean[0], 0) / deviation[0]
            + np.maximum(z - mean[-1], 0) / deviation[-1])


@functools.cache
def _inverse():
    """E f(z), and the squared true magnitudes, which are smooth functions of it."""
    return _expectations(_transform), _magnitudes()**2
