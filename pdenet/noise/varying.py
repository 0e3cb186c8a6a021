"""Noise whose level differs from pixel to pixel, by denoisers of one level each."""

from typing import Any

import numpy as np

from ..checks import check_number
from ..execution import chunks
from ..images import from_units, zero_outside

RATIO = 1.3  # of neighbouring levels
MOST = 1.0  # of the range, the noise of pixels that tell anything
NEAR, HALO = 1.5, 6  # pixels, the standard deviation of that Gaussian, and its end
SPREAD = 1e4  # of the largest level; less noise than this part of it is taken off in proportion


def denoise_varying(planes, unit, sigma, measured, denoise):
    """Planes (M, H, W), which are in a unit, without noise of the level sigma (H, W), in units of
    one; and this level. measured: None, or a mask (H, W) outside which the planes are 0;
    denoise(planes, level) takes off noise of one level.

    From the largest level l to the least, pixels with more noise than l are drawn towards the last
    result until their noise has the level l, so that their neighbours do not suffer from it; then
    all are denoised for l. A pixel's result is that of the levels around its own. Pixels with noise
    beyond MOST of the image's range tell next to nothing, as dead ones do: they begin as a mean of
    their neighbours, weighted by the inverse of the variances.
    """
    from ..estimates import range_of  # only here, for a quick start of the command line

    known = check_map(sigma, planes.shape[1:])
    sigma = known / unit
    largest = sigma.max()
    if largest == 0:
        return from_units(planes.copy(), unit), known
    lowest = max(sigma.min(), largest / SPREAD)
    number = int(np.ceil(np.log(largest / lowest) / np.log(RATIO) - 1e-9))
    levels = np.geomspace(largest, lowest, number + 1)
    # How far down the levels each pixel is.
    depth = np.interp(-np.log(np.maximum(sigma, lowest)), -np.log(levels), np.arange(number + 1))
    last: Any = None
    result: Any = None
    begun = _weighted_mean(planes, np.maximum(sigma, lowest), measured)
    first = int(np.sum(levels > MOST * range_of(begun, measured)))
    if 0 < first and depth.max() >= first:
        last = result = begun
        depth = np.where(depth < first, number, depth)
    for k, level in enumerate(levels):
        if not np.any(np.abs(depth - k) < 1) or last is begun and k < first:
            continue
        if last is None:
            last = result = denoise(planes, level)
            continue
        left = np.minimum(1, level / np.maximum(sigma, level)).astype(planes.dtype)
        last = denoise(zero_outside(last + left * (planes - last), measured), level)
        mine = np.clip(depth - k + 1, 0, 1).astype(planes.dtype)
        result = result + mine * (last - result)
    little = np.minimum(sigma / lowest, 1).astype(planes.dtype)
    result = np.where(little < 1, planes + little * (result - planes), result)
    return from_units(result, unit), known


def _weighted_mean(planes, sigma, measured):
    """The mean of neighbours under a Gaussian, weighted by the inverse of their variances."""
    weights = np.square(sigma.min() / sigma).astype(planes.dtype)[np.newaxis]
    if measured is not None:
        weights = weights * measured
    if chunks.is_lazy(planes):
        import dask.array

        both = dask.array.concatenate([planes * weights, dask.array.from_array(weights)])
        total = chunks.run_passes(both, [(HALO, ())], _smoothed)
    else:
        total = _smoothed(np.concatenate([planes * weights, weights]))
    found = total[:-1] / np.maximum(total[-1:], np.finfo(planes.dtype).tiny)
    return zero_outside(found, measured)


def _smoothed(planes, first=None, cycles=None):
    """Planes under that Gaussian; as a task of dask, too."""
    from ..kernels.workspace import Workspace
    from ..scheme.scales import ScaleSpace

    return ScaleSpace([NEAR]).smooth(np.ascontiguousarray(planes), Workspace())


def check_map(sigma, shape):
    """A noise level for each pixel of such an image, or of its last axes; or a ValueError."""
    levels = np.asarray(sigma)
    if levels.dtype.kind not in "uif" or levels.shape != shape[len(shape) - levels.ndim:]:
        raise ValueError(f"sigma must be a number, or hold one for each of the "
                         f"{' x '.join(map(str, shape))} pixels; got an array of {levels.dtype} of "
                         f"shape {levels.shape}")
    levels = levels.astype(np.float64)
    wrong = ~((levels >= 0) & (levels < np.inf))
    if wrong.any():
        raise ValueError(f"sigma must hold finite numbers >= 0; got {levels[wrong][0]}")
    return levels


def check_levels(sigma, channels):
    """Noise levels, one for each channel, from one for all or a sequence."""
    if np.ndim(sigma) == 0:
        return np.full(channels, check_number("sigma", sigma, least=0.0))
    if np.shape(sigma) != (channels,):
        raise ValueError(f"sigma must be one number, or one for each of the {channels} channels; "
                         f"got {sigma!r}")
    return np.array([check_number("sigma", level, least=0.0) for level in sigma])
