"""Counts of a sensor with the noise of its electronics: Poisson and Gaussian noise."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace

import numpy as np

from ..checks import check_number
from .curve import robust_fit, variances
from .model import NoiseModel

TINY = 1e-9  # of sigma; so small a gain is none
MOST = 400.0  # counts; for more E f(z) is known by a formula
NODES = 500
CONVINCING = 0.8  # so much less must a line with an offset deviate from the variances
WIDE, FINE = 8.0, 1601  # the Gaussian law is sampled so often within so many standard deviations


@dataclass(frozen=True)
class PoissonNoise(NoiseModel):
    """Photon counts and camera noise: z = gain P + offset + sigma n, with P ~ Poisson(p).

    The variance is a line over the mean, gain (E z - offset) + sigma^2. By the generalised Anscombe
    transform

        f(z) = 2 (z' + 3/8 + s^2)^(1/2) - 2 s,      z' = (z - offset) / gain,      s = sigma / gain,

    noise has a standard deviation of about 1, but for the darkest pixels with less than about one
    count. Of E f(z), which is what denoising yields, the exact unbiased inverse makes the counts p:
    for many counts D^2 / 4 + s D - 1/8 with D = E f(z), for few ones by a table of D, which is
    summed over both laws. (The closed form of Makitalo and Foi is up to 0.04 counts off.)

    Parameters
    ----------
    gain : float, optional
        Grey levels for each count, >= 0; 0 for Gaussian noise alone.
    sigma : float, optional
        Standard deviation of the camera noise, grey levels, >= 0.
    offset : float, optional
        Grey level of no light. If gain and sigma are given it is 0 by default.

        What is omitted is estimated by a robust line of variance over mean, for groups of patches
        with little texture. From a line follow two numbers; so the offset is 0 unless the variance
        vanishes at a mean above it, and then it is that mean.

    Raises
    ------
    ValueError
        If a number is not allowed.

    References
    ----------
    M. Makitalo, A. Foi, "Optimal inversion of the generalized Anscombe transformation for
    Poisson-Gaussian noise", IEEE Transactions on Image Processing 22, 91-103 (2013).

    A. Foi, M. Trimeche, V. Katkovnik, K. Egiazarian, "Practical Poissonian-Gaussian noise modeling
    and fitting for single-image raw-data", IEEE Transactions on Image Processing 17, 1737-1754
    (2008).

    Examples
    --------
    >>> import pdenet
    >>> from skimage import data
    >>> camera = pdenet.PoissonNoise(gain=8, sigma=5)
    >>> noisy = camera.sample(data.camera())
    >>> found = pdenet.PoissonNoise().estimate(noisy)
    >>> 7 < found.gain < 9
    True
    >>> smooth = pdenet.denoise(noisy, noise=pdenet.PoissonNoise())
    """

    gain: float | None = None
    sigma: float | None = None
    offset: float | None = None

    numbers = in_grey_levels = ("gain", "sigma", "offset")

    def __post_init__(self):
        for name in ("gain", "sigma"):
            if getattr(self, name) is not None:
                check_number(name, getattr(self, name), least=0.0)
        if self.offset is not None:
            check_number("offset", self.offset)
        elif self.complete:
            object.__setattr__(self, "offset", 0.0)

    @property
    def complete(self):
        return self.gain is not None and self.sigma is not None

    @property
    def silent(self):
        return self.gain == 0 == self.sigma

    def estimated(self, tiles):
        means, found = variances(tiles)
        if not found.max() > 0:
            return replace(self, gain=self.gain or 0.0, sigma=self.sigma or 0.0)
        # At the offset the variance is that of the camera alone.
        offset = 0.0 if self.offset is None else self.offset
        gain, variance, cost = self._line(means, found, offset)
        if self.offset is None and len(means) > 2:
            slope, least, better = self._line(means, found, means[0])
            beginning = means[0] - (least - (self.sigma or 0.0)**2) / slope if slope > 0 else 0.0
            if better < CONVINCING * cost and beginning > 0:
                gain, variance, offset = slope, (self.sigma or 0.0)**2, float(beginning)
        return replace(self, gain=gain, sigma=math.sqrt(variance) if self.sigma is None
                       else self.sigma, offset=offset)

    def _line(self, means, found, offset):
        """The gain, the variance at an offset, and the deviation from the line through them."""
        light = np.maximum(means - offset, 0)
        free = {}  # the variance is known + the sum of these columns with factors >= 0
        known = np.zeros(len(means))
        if self.gain is None:
            free["gain"] = light
        else:
            known += self.gain * light
        if self.sigma is not None and offset != means[0]:
            known += self.sigma**2
        elif len(means) > 1 or not light.any() or self.gain is not None:
            free["variance"] = np.ones(len(means))
        columns = np.array(list(free.values()))
        start = found.mean() / len(free) / np.maximum(columns.mean(axis=1), 1e-12 * found.max())
        factors, cost = robust_fit(lambda x: known + x @ columns, found, start)
        line = dict(zip(free, map(float, factors), strict=True))
        return line.get("gain", self.gain), line.get("variance", (self.sigma or 0.0)**2), cost

    def stabilise_plane(self, plane):
        number, (gain, sigma, offset) = plane.dtype.type, self.known
        if gain <= TINY * sigma:
            return plane / number(sigma)
        return _transform(plane / number(gain) - number(offset / gain), number(sigma / gain))

    def restore_plane(self, plane):
        number, (gain, sigma, offset) = plane.dtype.type, self.known
        if gain <= TINY * sigma:
            return plane * number(sigma)
        values, rest = _rest(sigma / gain)
        root = np.maximum(plane, number(-2 * sigma / gain))
        counts = root * (root / 4 + number(sigma / gain)) + np.interp(
            plane, values, rest).astype(plane.dtype)
        if sigma == 0:
            counts = np.maximum(counts, 0)
        return number(gain) * counts + number(offset)

    def draw(self, clean, rng):
        gain, sigma, offset = self.known
        if gain > 0:
            light = np.maximum(clean.astype(np.float64) - offset, 0)
            clean = gain * rng.poisson(light / gain) + offset
        return clean + sigma * rng.standard_normal(clean.shape)


def _transform(counts, sigma):
    """2 (counts + 3/8 + sigma^2)^(1/2) - 2 sigma, without cancellation; 0 for a negative root."""
    number = counts.dtype.type
    light = np.maximum(counts + number(3 / 8), -sigma**2)
    root = np.sqrt(light + sigma**2) + sigma
    return 2 * light / np.maximum(root, np.finfo(counts.dtype).tiny)


@functools.lru_cache(64)
def _rest(sigma):
    """D = E f(z), and what the counts are more than D^2 / 4 + sigma D; for Gaussian noise of so
    many counts."""
    from scipy.stats import poisson

    counts = np.linspace(0, math.sqrt(MOST), NODES)**2
    n = np.arange(int(MOST + 12 * math.sqrt(MOST)), dtype=float)
    x = np.linspace(-WIDE, WIDE, FINE) if sigma > 0 else np.zeros(1)
    law = np.exp(-x**2 / 2)
    transformed = _transform(n[:, np.newaxis] + sigma * x, sigma) @ (law / law.sum())
    values = poisson.pmf(n, counts[:, np.newaxis]) @ transformed
    return values, counts - values * (values / 4 + sigma)
