"""Denoising in one line, by networks whose parameters are smooth functions of the noise level.

The networks are those of `pdenet.learning.noise_levels`.
"""

from __future__ import annotations

import functools
import math
from dataclasses import replace
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .checks import check_count, check_number, check_workers
from .docstrings import fill
from .estimates import range_of
from .execution.chunks import is_lazy
from .execution.workers import Workers
from .images import Axes, Measured, from_units, sample_with, to_units
from .learning.channels import guide_of, mixed, principal_axes
from .learning.fit import fit_noisy
from .learning.noise_levels import RANGE, shipped, with_contrast_times
from .network.network import DiffusionNetwork
from .network.pairs import count
from .noise.level import levels_of
from .noise.model import NoiseModel, denoise_by_models
from .noise.varying import check_levels, denoise_varying
from .scheme.channels import Channels
from .scheme.spacing import check_spacing

__all__ = ["denoise", "denoiser"]

NOTHING = 1e-9  # of the range or of the noise; so little of the other is none
ADAPTED, EVALUATIONS = 384, 20  # adapt learns from 3 x 3 tiles of images larger than 384 x 384
GUIDING = 0.45  # the weight of a guide, see benchmarks/guiding.py
FADING = 2.0  # how fast distant slices tell less of each other, see `denoise`
ALONE = 0.08  # of a whole; a share below that is none
CHANCE = 1 / 3  # of sigma^2: what a parameter may gain by fitting the noise; many do nothing


def denoiser(sigma: float, *, data_range: float = RANGE, channels: int = 1,
             guided: bool = False, shared: bool = False, volumes: bool = False
             ) -> DiffusionNetwork:
    """The network that `denoise` applies for a noise level.

    Ten steps of the anisotropic model, steered by weights of their own, trained at noise levels
    from 5 to 80: see the provenance in the files in pdenet/network/pretrained. For images there are
    eight scales, for grey ones four scales of integration and a `Dictionary` beside the gradient,
    trained on photographs, textures and micrographs that come with scikit-image. For volumes there
    are four scales and three of integration, trained on templates and scans of magnetic resonance
    that come with nilearn and dipy, and on ellipsoids. No step lets the norm of an image without
    its mean grow by more than 5 %, and none that of a volume grow at all.

    Parameters
    ----------
    sigma : float
        Standard deviation of the noise, grey levels, > 0.
    data_range : float, optional
        Range of the images' grey levels, > 0.
    channels : int, optional
        Number of channels of the images; for more than one it is another network, which steers
        the channels together. `denoise` takes it for none.
    guided : bool, optional
        The same network for images with two channels of one range, of which the second is a guide:
        an image without noise, which steers with the weight 0.45 and stays as it is, see
        `Channels`.
    shared : bool, optional
        The same parameters for all steps, for grey images 38, instead of as many for each.
    volumes : bool, optional
        The network for volumes (D, H, W), of one channel, whose voxels are as long in each
        direction.

    Returns
    -------
    DiffusionNetwork

    Raises
    ------
    ValueError
        If a parameter is not allowed, or channels are given with guided or volumes.

    Examples
    --------
    >>> import pdenet
    >>> network = pdenet.denoiser(20.0, shared=True)
    >>> sorted(network.parameters)
    ['beta', 'contrast', 'integration', 'rates', 'sensitivities', 'steering', 'tau']
    >>> pdenet.denoiser(20.0).parameters["beta"].shape
    (10, 8)
    >>> pdenet.denoiser(20.0, volumes=True).spacing
    (1.0, 1.0, 1.0)
    """
    sigma = check_number("sigma", sigma, above=0.0)
    data_range = check_number("data_range", data_range, above=0.0)
    channels = check_count("channels", channels, least=1)
    # The squared gradient that the contrast is compared with is the sum over the channels.
    factor = data_range / RANGE * (1.0 if channels == 1 else math.sqrt(channels / 3))
    for value, what in ((guided, "beside the guide, with guided"),
                        (volumes, "with volumes")):
        if value and channels != 1:
            raise ValueError(f"channels must be 1, {what}; got {channels}")
    kind = "volume" if volumes else "grey" if channels == 1 else "colour"
    network = with_contrast_times(factor, shipped(kind, bool(shared)).at(
        sigma * RANGE / data_range))
    return replace(network, channels=Channels([1.0, GUIDING], guides=1)) if guided else network


@fill
def denoise(image: npt.ArrayLike, sigma: float | Sequence[float] | np.ndarray | None = None, *,
            noise: NoiseModel | Sequence[NoiseModel] | None = None,
            data_range: float | None = None, channel_axis: int | None = None,
            spacing: Sequence[float] | None = None,
            mask: npt.ArrayLike | None = None, nan_policy: str = "raise",
            shared: bool = False, adapt: bool = False, progress: bool = False,
            workers: int | None = None) -> np.ndarray:
    """Remove noise from an image or a volume by a diffusion network trained for it.

    u <- u - tau_k sum_l w_l G_l K' g(J) K G_l u for ten steps k, eq. (36) with eq. (40), for images
    with further derivatives beside the gradient, and parameters for the noise level: see
    `denoiser`. The channels of an image are brought to one noise level and turned to the principal
    axes of their gradients: what they have in common has the noise of all, what differs is smoothed
    more. The axis with most structure, the luminance of a photograph, is denoised first and then
    guides the others, whose edges are where it has them.

    Volumes are denoised as a whole, so that slices help each other. The less they are alike, the
    less they do: where their distance is f times that of the pixels in them, the result is
    w v + (1 - w) s with w = exp((1 - f) / 2), of the volume v that is denoised as a whole, whatever
    its spacing, and the one s that is denoised slice by slice.

    Parameters
    ----------
    image : array_like of shape (H, W) or (D, H, W), or with channels
        Grey levels of any real type and range. It is computed in float32, whose rounding is far
        below noise. An array of dask or zarr gives an array of dask.
    sigma : float, sequence of float or ndarray of shape (H, W) or (D, H, W), optional
        Standard deviation of white noise, grey levels of the image, >= 0, of all channels or of
        each, or of each pixel in all channels; by default estimated for each channel by
        `estimate_noise`.
    noise : PoissonNoise, SpeckleNoise, RicianNoise or sequence of them, optional
        Noise that depends on the grey level, of all channels or of each, instead of sigma and
        data_range. The image is brought to noise of one level by a transform of the model and,
        without it, back by the exact unbiased inverse; omitted numbers are estimated. Magnitudes
        of magnetic resonance have `RicianNoise`.
    data_range : float, optional
        The range of the image's grey levels without noise, > 0, which says how strong an edge
        may be; by default estimated by the 0.1 % and the 99.9 % quantile of the image
        smoothed by a Gaussian of standard deviation 2, of volumes slice by slice. Multiplying image
        and sigma by a factor, or adding a constant, does the same to the result.
    channel_axis : int, optional
        The axis of the channels.
    spacing : sequence of float, optional
        The distances (dz, dy, dx) of voxels; 1 each by default. Only the ratio f of the largest to
        the mean of the others counts, see above: on a template of a brain, to know it gained 0.3 dB
        at f = 2 and 0.9 dB at f = 3 (benchmarks/volume_denoising.py). An array of three axes, one
        of which may be that of channels, is a volume only with a spacing.
    {mask}
    shared : bool, optional
        The same parameters for all steps, for grey images 38, instead of as many for each.
    adapt : bool, optional
        Whether the parameters learn from the image itself first, by 20 evaluations of Stein's
        estimate of the error on up to nine tiles of 128 x 128 pixels, see `fit_noisy`, of a volume
        on up to eight of 26 x 26 x 26 voxels; of an image with channels those for the axis with
        most structure. It takes seconds and gained 0.3 dB on average on images, and 1.7 dB at most
        (benchmarks/adapting.py). What chance alone may give is not taken, so that hardly any image
        is worse for it. Speckle of fewer than 16 looks is too skewed for the estimate, and left
        without.
    progress : bool, optional
        Show the progress of adapt with tqdm.
    workers : int, optional
        Threads, which share the image; by default PDENET_NUM_THREADS or all processors.
        The result does not depend on it.

    Returns
    -------
    ndarray
        The image without noise, of the image's shape; float32 for float32, otherwise float64; not
        clipped.

    Raises
    ------
    TypeError, ValueError
        If the image is not a finite real array of that shape, or a parameter is not allowed.

    Examples
    --------
    >>> import numpy as np
    >>> import pdenet
    >>> from skimage import data
    >>> clean = data.camera()[:128, :128]
    >>> noisy = pdenet.add_noise(clean.astype(float), sigma=20)
    >>> smooth = pdenet.denoise(noisy, sigma=20)
    >>> bool(np.mean((smooth - clean)**2) < 0.3 * np.mean((noisy - clean)**2))
    True
    """
    if data_range is not None:
        data_range = check_number("data_range", data_range, above=0.0)
    given = to_units(image, channel_axis, mask, nan_policy, Axes(True, of_volumes(spacing)))
    planes, _ = denoise_planes(given, sigma, noise, Options(
        data_range, shared, adapt, progress, check_workers(workers)))
    return given.finish(planes)


class Options(NamedTuple):
    """How `denoise` denoises, whatever the noise; the range in grey levels of the image."""

    data_range: float | None = None
    shared: bool = False
    adapt: bool = False
    progress: bool = False
    workers: int | None = None


def denoise_planes(given: Measured, sigma, noise, options: Options):
    """The planes (M, H, W) of an image without their noise, in units of one; and its level in each,
    which is estimated where sigma is None, or its models.

    Channels that have noise are brought to one level and turned to their principal axes, in which
    white noise stays white; each axis is denoised, guided by the first one, and all are turned
    back.
    """
    planes, unit, measured, data_range = given.planes, given.unit, given.mask, options.data_range
    options = options._replace(data_range=data_range and data_range / unit)

    def again(planes, levels, adapts=True):
        return denoise_planes(replace(given, planes=planes, unit=1.0), levels, None,
                              options._replace(adapt=options.adapt and adapts))[0]

    if noise is not None:
        return denoise_by_models(noise, planes, unit, {"sigma": sigma, "data_range": data_range},
                                 measured, again)
    if np.ndim(sigma) > 1:
        return denoise_varying(planes, unit, sigma, measured, again)
    levels = (levels_of(planes, measured) if sigma is None
              else check_levels(sigma, len(planes)) / unit)
    if len(planes) == 1:
        planes = _denoise_plane(planes, levels[0], None, given.axes.spacing, measured, options)
    elif levels.any():
        planes = _denoise_axes(planes, levels, given.axes.spacing, measured, options)
    else:
        planes = planes.copy()
    return from_units(planes, unit), levels * unit


def of_volumes(spacing):
    """The spacing as floats, None for images, whose pixels are alike."""
    spacing = check_spacing(spacing)
    if spacing in (None, (1.0, 1.0)):
        return None
    if len(spacing) == 2:
        raise ValueError(f"spacing must be (dz, dy, dx) for volumes, as images are denoised by "
                         f"pixels of the size 1 x 1; got {spacing}")
    return spacing


def _denoise_axes(planes, levels, spacing, measured, options):
    """The planes of several channels, of which at least one has noise, without it."""
    noisy = np.flatnonzero(levels)
    sigma = levels[noisy].min()
    factors = (sigma / levels[noisy]).astype(planes.dtype).reshape(-1, *[1] * (planes.ndim - 1))
    alike = planes[noisy] * factors
    axes = principal_axes(alike, sigma, measured)
    data_range = options.data_range
    clean: list[np.ndarray] = []
    guides: dict[int, np.ndarray] = {}
    for k, axis in enumerate(axes):
        # The largest difference along the axis of channels that have the range.
        most = max(axis[axis > 0].sum(), -axis[axis < 0].sum())
        first = guide_of(axes, k)
        if first is not None and first not in guides:
            unit = range_of(clean[first], measured) / RANGE or 1.0
            guides[first] = _normalised(clean[first], unit, measured)[0]
        clean.append(_denoise_plane(mixed(alike, axis), sigma,
                                    None if first is None else guides[first], spacing, measured,
                                    options._replace(data_range=data_range and data_range * most)))
    alike = np.concatenate([mixed(np.concatenate(clean), column) for column in axes.T]) / factors
    found = iter(alike)
    return np.stack([next(found) if level > 0 else plane
                     for plane, level in zip(planes, levels, strict=True)])


def _denoise_plane(plane, sigma, guide, spacing, measured, options):
    """A plane (1, H, W) without its noise, or a volume; guide: None, or a plane without noise whose
    edges are likely to be those of this one, around 0 and with a range of 255."""
    data_range = (range_of(plane, measured) if options.data_range is None
                  else options.data_range)
    if data_range <= NOTHING * sigma or sigma <= NOTHING * data_range:
        return plane.copy()
    number, unit = plane.dtype.type, data_range / RANGE
    values, offset = _normalised(plane, unit, measured)
    network = functools.partial(denoiser, sigma / unit, guided=guide is not None,
                                shared=options.shared)
    both = values if guide is None else np.concatenate([values, guide])
    axis, weight = _slices(values.shape, spacing)
    found: Any = None
    if weight > 0:
        whole = network(volumes=spacing is not None)
        if options.adapt and guide is None:
            whole = _adapted(whole, values, sigma / unit, measured, options)
        found = _run(whole, both, measured, options.workers)
    if weight < 1:
        apart = _run_slices(network(), both, measured, axis, options.workers)
        one = values.dtype.type
        found = apart if found is None else apart + one(weight) * (found - apart)
    return found.astype(plane.dtype) * number(unit) + number(offset)


def _slices(shape, spacing):
    """Along which axis of planes slices are farthest apart, and the weight of the volume as a whole
    beside them; that of images is 1."""
    if spacing is None:
        return 1, 1.0
    axis = int(np.argmax(spacing))
    others = np.delete(spacing, axis).mean()
    weight = math.exp((1 - spacing[axis] / others) / FADING)
    if weight < ALONE or shape[1 + axis] == 1:
        return 1 + axis, 0.0
    return 1 + axis, weight if weight < 1 - ALONE else 1.0


def _run(network, planes, measured, workers):
    """The first of the planes after the network, (1, H, W), and so of volumes."""
    return network.run(planes, workers, network.mask_of(measured, planes.dtype, workers))[:1]


def _run_slices(network, volumes, measured, axis, workers):
    """`_run` of each slice of volumes (M, D, H, W) across an axis."""
    slices = np.moveaxis(volumes, axis, 0)
    masks = [None] * len(slices) if measured is None else np.moveaxis(measured, axis - 1, 0)

    def one(task, work):
        planes, mask = task
        if mask is not None and not mask.any():
            return planes[:1]
        return _run(network, planes if is_lazy(planes) else np.ascontiguousarray(planes), mask, 1)

    with Workers(workers) as team:
        return np.stack(team.map(one, list(zip(slices, masks, strict=True))), axis)


def _normalised(plane, unit, measured):
    """A plane in float32 around 0 and with a range of 255, so that it holds any image, 0 where it
    is not measured; and what stood at 0."""
    number, offset = plane.dtype.type, _mean(plane, measured)
    values = ((plane - number(offset)) / number(unit)).astype(np.float32)
    return (values if measured is None else values * measured), offset


def _mean(plane, measured):
    """The mean of the means of the sample's tiles, of what is measured of them."""
    return float(np.mean([part.mean(where=True if known is None else known, dtype=np.float64)
                          for part, known in sample_with(plane, measured)]))


def _adapted(network, plane, sigma, measured, options):
    """The network after learning from a plane (1, H, W), or itself, if it gains less than chance
    may give: the estimated squared error, summed over the pixels, falls by about sigma^2 for each
    parameter that only fits the noise."""
    tiles, masks = zip(*sample_with(plane, measured, ADAPTED, 3), strict=True)
    fitted, history = fit_noisy(network, np.concatenate(tiles), sigma, epochs=EVALUATIONS,
                                mask=None if measured is None else masks, workers=options.workers,
                                progress=options.progress)
    losses = [entry["loss"] for entry in history]
    gained = (losses[0] - min(losses)) * sum(map(count, tiles, masks)) / sigma**2
    parameters = sum(map(np.size, network.parameters.values()))
    return fitted if gained > CHANCE * parameters else network
