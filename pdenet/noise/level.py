"""The noise level of an image, from those of its patches in which there is little else."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..docstrings import fill
from ..images import Axes, sample_with, slices_of, to_units
from ..kernels.patches import add_moments
from ..scheme.spacing import check_spacing

__all__ = ["estimate_noise"]

SIZES = (7, 5, 3)     # of patches, pixels; smaller ones where the larger are too few
NEEDED = 16           # patches for each pixel of one
MOST = 16384          # patches of which a covariance is computed, an eighth for those of one mean
QUANTILE = 0.99       # of the texture that noise alone has
ROUNDS = 3


@fill
def estimate_noise(image: npt.ArrayLike, *, channel_axis: int | None = None,
                   spacing: Sequence[float] | None = None,
                   mask: npt.ArrayLike | None = None, nan_policy: str = "raise",
                   per_channel: bool = False) -> Any:
    """The standard deviation of white noise, from the patches with the least texture.

    sigma^2 is the mean of the smallest eigenvalues of the covariance of patches of 7 x 7 pixels:
    in the directions in which the image itself does not vary, only noise does. Those eigenvalues
    count that are within the limits between which sampling spreads equal ones, (1 +- sqrt(m / n))^2
    for m of them and n patches (Marchenko and Pastur, 1967). Then only patches are kept whose
    texture, the sum of squared central differences, is below the 99 % quantile of that of noise of
    this level, and so three times (Liu, Tanaka and Okutomi, 2013).

    Pixels that are no measurement do not decide: areas of one value, as in padding, bars or
    overexposed parts, and both ends of the grey values where many pixels are clipped to them.
    Where hardly anything else is left, all patches count, as in sparse counts, unless they are
    those of a drawing, which has no noise.
    On photographs with noise of 5 to 40 grey levels the estimate is 3 % off on average
    (benchmarks/noise.py). A factor on the image is one on the result, and an offset changes
    nothing. Noise that is correlated between pixels is underestimated. The patches of a volume are
    those of all its slices.

    Parameters
    ----------
    {image to estimate from}
    {spacing of what may be a volume}
    per_channel : bool, optional
        One number for each channel instead of their mean.

    Returns
    -------
    float or ndarray of shape (C,)
        Grey levels; 0.0 for a constant image and where there are fewer than three pixels in a row.

    Raises
    ------
    TypeError
        If the image does not hold real numbers, or is a masked array.
    ValueError
        If the image has another shape or values that are not finite.

    References
    ----------
    X. Liu, M. Tanaka, M. Okutomi, "Single-image noise level estimation for blind denoising", IEEE
    Transactions on Image Processing 22, 5226-5237 (2013).

    V. A. Marchenko, L. A. Pastur, "Distribution of eigenvalues for some sets of random matrices",
    Mathematics of the USSR-Sbornik 1, 457-483 (1967).

    Examples
    --------
    >>> import numpy as np
    >>> import pdenet
    >>> from skimage import data
    >>> noisy = pdenet.add_noise(data.camera().astype(float), sigma=20)
    >>> bool(abs(pdenet.estimate_noise(noisy) - 20) < 1)
    True
    """
    given = to_units(image, channel_axis, mask, nan_policy, Axes(True, check_spacing(spacing)))
    sigmas = levels_of(given.planes, given.mask) * given.unit
    return sigmas if per_channel else float(sigmas.mean())


def levels_of(planes: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """The noise level of each of the planes (M, H, W), whose measured pixels are mask (H, W)."""
    tiles = list(slices_of(sample_with(planes, mask)))
    return np.array([_level([(tile[m], measured) for tile, measured in tiles])
                     for m in range(len(planes))])


def _level(tiles):
    """The noise level of one plane, of which there are tiles (pixels, measured pixels or None)."""
    tiles, _ = centred(tiles)
    patches, lively = best_patches(tiles)
    if patches is None:
        return from_rows(tiles)
    return patches.weakest() if lively else patches.white()


def centred(tiles):
    """The tiles in float64 less the mean of their measured pixels, 0 elsewhere; and this mean."""
    known = np.concatenate([_measured(tile, measured) for tile, measured in tiles])
    offset = known.mean(dtype=np.float64) if known.size else 0.0
    return [(np.where(True if measured is None else measured,
                      np.subtract(tile, offset, dtype=np.float64), 0), measured)
            for tile, measured in tiles], offset


def best_patches(tiles, sparse=False):
    """The patches that show noise best, of the pixels that are a measurement and neither constant
    nor clipped; and whether it is so. Otherwise of all measured pixels, or None where there are too
    few. sparse: an image that is clipped nearly everywhere shows sparse counts, all of which count.
    """
    unflat = _without_constants(tiles)
    lively = _without_clipped(tiles, unflat)
    largest, *smaller = SIZES
    patches = Patches(tiles, lively, largest)
    if patches.enough:
        return patches, True
    textured = Patches(tiles, unflat, largest)
    for size in smaller:
        patches = Patches(tiles, lively, size)
        if patches.enough and (textured.enough and not sparse or patches.share > 0.5):
            return patches, True
    if textured.enough and not sparse:  # but clipped nearly everywhere
        return textured, True
    for size in SIZES:
        patches = Patches(tiles, [measured for _, measured in tiles], size)
        if patches.enough:
            return patches, False
    return None, False


class Patches:
    """The patches of some tiles all of whose pixels may count."""

    def __init__(self, tiles, allowed, size):
        self.tiles = [tile for tile, _ in tiles]
        rows, columns = self.tiles[0].shape
        self.shape = min(size, rows), min(size, columns)
        self.pixels = self.shape[0] * self.shape[1]
        self.places = [_whole(pixels, tile.shape, self.shape)
                       for tile, pixels in zip(self.tiles, allowed, strict=True)]
        self.count = sum(map(len, self.places))
        self.enough = self.count >= NEEDED * self.pixels
        self.all = [np.ones(len(places), bool) for places in self.places]
        self.share = self.count / sum(
            (tile.shape[0] - self.shape[0] + 1) * (tile.shape[1] - self.shape[1] + 1)
            for tile in self.tiles)

    def weakest(self):
        """The noise level from the patches with little texture."""
        return self.weakest_of(self.all)[0] ** 0.5

    def weakest_of(self, kept, alike=False):
        """The variance of the noise from those of some patches with little texture; and these.
        alike: they were chosen by their mean, which therefore says nothing of the noise."""
        limit = _texture_of_noise(*self.shape)
        some = kept
        variance = _smallest(*self.eigenvalues(kept, alike))
        for _ in range(ROUNDS):
            weak = [mine & (texture <= limit * variance)
                    for mine, texture in zip(some, self.textures, strict=True)]
            if sum(map(np.count_nonzero, weak)) < NEEDED * self.pixels:
                break
            kept, variance = weak, _smallest(*self.eigenvalues(weak, alike))
        return variance, kept

    @functools.cached_property
    def textures(self):
        """Of the patches of each tile."""
        return [_texture(tile, self.shape)[places]
                for tile, places in zip(self.tiles, self.places, strict=True)]

    @functools.cached_property
    def means(self):
        """Of the patches of each tile."""
        return [_box(tile, *self.shape).ravel()[places] / self.pixels
                for tile, places in zip(self.tiles, self.places, strict=True)]

    def white(self):
        """The noise level from all patches; 0 where they do not look like noise, whose eigenvalues
        are nearly equal, but like a drawing."""
        eigenvalues, count = self.eigenvalues(self.all)
        if eigenvalues[0] < np.median(eigenvalues) / 2:
            return 0.0
        return _smallest(eigenvalues, count) ** 0.5

    def eigenvalues(self, kept, alike=False):
        """Those of the covariance of the patches that are kept, or of their deviations from their
        mean; and of how many patches it is."""
        first = np.zeros(self.pixels)
        second = np.zeros((self.pixels, -(-self.pixels // 8) * 8))
        every = -(-sum(map(np.count_nonzero, kept)) // (MOST // 8 if alike else MOST))
        count = 0
        for tile, places, mine in zip(self.tiles, self.places, kept, strict=True):
            places = places[mine][::every]
            rows, columns = np.divmod(places, tile.shape[1] - self.shape[1] + 1)
            add_moments(tile, rows, columns, self.shape, first, second)
            count += len(places)
        mean = first / count
        covariance = second[:, :self.pixels] / count - np.outer(mean, mean)
        if alike:
            deviations = np.linalg.qr(np.eye(self.pixels)[:, :-1] - 1 / self.pixels)[0]
            covariance = deviations.T @ covariance @ deviations
        return np.maximum(np.linalg.eigvalsh(covariance), 0), count


def _smallest(eigenvalues, count):
    """The mean of the smallest eigenvalues of a covariance that may be equal but for sampling."""
    number = np.arange(1, eigenvalues.size + 1)
    spread = np.sqrt(number / count)
    alike = eigenvalues <= eigenvalues[0] * ((1 + spread) / (1 - spread))**2
    return float(eigenvalues[:number[alike].max()].mean())


def _whole(allowed, image, patch):
    """The numbers of the patches, counted along the rows, all of whose pixels are allowed."""
    shape = image[0] - patch[0] + 1, image[1] - patch[1] + 1
    if allowed is None:
        return np.arange(shape[0] * shape[1])
    return np.flatnonzero(_box(~allowed, *patch) == 0)


def _box(image, height, width):
    """The sum over height x width pixels from each on, (H - height + 1, W - width + 1)."""
    for axis, size in enumerate((height, width)):
        dtype = np.int64 if image.dtype == bool else image.dtype
        sums = np.zeros([n + (k == axis) for k, n in enumerate(image.shape)], dtype)
        np.cumsum(image, axis=axis, out=sums[1:] if axis == 0 else sums[:, 1:])
        image = sums[size:] - sums[:-size] if axis == 0 else sums[:, size:] - sums[:, :-size]
    return image


def _texture(image, patch):
    """The sum of squared central differences within each patch."""
    height, width = patch
    texture = np.zeros((image.shape[0] - height + 1, image.shape[1] - width + 1))
    if width > 2:
        texture += _box(((image[:, 2:] - image[:, :-2]) / 2)**2, height, width - 2)
    if height > 2:
        texture += _box(((image[2:] - image[:-2]) / 2)**2, height - 2, width)
    return texture.ravel()


@functools.cache
def _texture_of_noise(height, width):
    """The quantile of the texture of a patch of white noise of variance 1.

    Texture is p' A p. Its law is taken to be a gamma law with the mean tr A and rank(A) / 2 as
    shape, as in the paper.
    """
    from scipy.stats import gamma

    def differences(size):
        return (np.eye(size, k=2) - np.eye(size))[:max(size - 2, 0)] / 2

    operator = np.concatenate([np.kron(np.eye(height), differences(width)),
                               np.kron(differences(height), np.eye(width))])
    rank = np.linalg.matrix_rank(operator)
    return float(gamma.ppf(QUANTILE, rank / 2) * 2 / rank * np.sum(operator**2))


def _without_constants(tiles):
    """For each tile the pixels that are measured, and in no 3 x 3 of one value; None for all."""
    allowed = []
    for tile, measured in tiles:
        unflat = np.ones(tile.shape, bool) if measured is None else measured.copy()
        flat = _constant(tile)
        for i, j in np.ndindex(3, 3) if flat.any() else ():
            unflat[i:i + flat.shape[0], j:j + flat.shape[1]] &= ~flat
        allowed.append(None if unflat.all() else unflat)
    return allowed


def _without_clipped(tiles, allowed):
    """The pixels of each tile that are allowed and not clipped; None for all."""
    ends = _clipped(tiles)
    if not ends:
        return allowed
    found = []
    for (tile, _), before in zip(tiles, allowed, strict=True):
        inside = np.ones(tile.shape, bool) if before is None else before.copy()
        for end in ends:
            inside &= tile != end
        found.append(inside)
    return found


def _constant(tile):
    """Where 3 x 3 pixels, or three in a row of an image with fewer rows, have one value."""
    height, width = (min(3, size) for size in tile.shape)
    across = tile[:, 1:] == tile[:, :-1]
    down = tile[1:] == tile[:-1]
    shape = tile.shape[0] - height + 1, tile.shape[1] - width + 1
    flat = np.ones(shape, bool)
    for i, j in np.ndindex(height, width - 1):
        flat &= across[i:i + shape[0], j:j + shape[1]]
    for i in range(height - 1):
        flat &= down[i:i + shape[0], :shape[1]]
    return flat


def _measured(tile, measured):
    return tile.ravel() if measured is None else tile[measured]


def _clipped(tiles):
    """The least and the greatest value, where more than 0.1 % of all pixels have it, and more than
    twice as many as have the next one."""
    pixels = np.concatenate([_measured(tile, measured) for tile, measured in tiles])
    ends: list[float] = []
    for outermost in (np.min, np.max) if pixels.size else ():
        end = outermost(pixels)
        at_end = pixels == end
        count = np.count_nonzero(at_end)
        if 1e-3 * pixels.size < count < pixels.size:
            inside = pixels[~at_end]
            if count > 2 * np.count_nonzero(inside == outermost(inside)):
                ends.append(end)
    return ends


def from_rows(tiles):
    """For a few pixels: the median magnitude of second differences, as Gaussian noise has it."""
    found = []
    for tile, measured in tiles:
        for axis in (0, 1):
            values = np.moveaxis(tile, axis, 0)
            known = np.ones(tile.shape, bool) if measured is None else measured
            known = np.moveaxis(known, axis, 0)
            known = known[2:] & known[1:-1] & known[:-2]
            found.append(np.abs(values[2:] - 2 * values[1:-1] + values[:-2])[known])
    differences = np.concatenate(found)
    return float(np.median(differences)) / (0.6745 * 6**0.5) if differences.size else 0.0
