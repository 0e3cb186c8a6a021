"""Contrast and diffusion time where they are not given: those of the least estimated error.

For noise of the levels n_m in the channels m, Stein's unbiased estimate of the mean squared error
of a filter F is, but for a constant,

    sum_m |F_m(f) - f_m|^2 + 2 n_m^2 tr (d F_m / d f_m),

whose trace a random probe z of +-1 shows: tr (d F / d f) ~ z' (F(f + h z) - F(f)) / h. It is
computed on a few tiles of the image beside each other, for contrasts in proportion to that of the
noise alone, and for times at which linear diffusion leaves certain shares of the noise.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Callable, Sequence

import numpy as np
import numpy.typing as npt

from . import models
from .checks import check_choice, check_number, check_workers
from .docstrings import fill
from .execution.workers import Workers
from .images import Axes, sample_with, slices_of, to_units
from .kernels.workspace import Workspace
from .network.network import DiffusionNetwork, check_network
from .noise.level import levels_of
from .scheme.coherence import CoherenceEnhancing
from .scheme.diffusivities import Diffusivity
from .scheme.scales import ScaleSpace
from .scheme.spacing import check_spacing
from .scheme.tensors import eigenvalues

__all__ = ["estimate_contrast", "estimate_time"]

DETAIL = 0.02            # of the image's range: what is removed where there is no noise
SIDE, ACROSS = 192, 3    # of a larger image than 192 x 192 pixels 3 x 3 tiles of 64 x 64; of a
# volume with more than four times as many voxels eight tiles of 26 x 26 x 26
PROBE = 0.1              # h, in standard deviations of the noise
START, LAST = (-2, 1, 4), (-6, 10)  # exponents i of the contrasts 2^(i / 2) times the noise's
SHARES = (0.85, 0.7, 0.5, 0.35, 0.25, 0.18, 0.125, 0.09, 0.0625, 0.045, 0.03)
USUAL = 0.125            # the share where there is nothing to estimate from
FLOWING = 20.0           # the time of coherence-enhancing diffusion


@fill
def estimate_contrast(network: DiffusionNetwork | str, image: npt.ArrayLike, *,
                      channel_axis: int | None = None, spacing: Sequence[float] | None = None,
                      mask: npt.ArrayLike | None = None, nan_policy: str = "raise") -> float:
    """The contrast with which a filter comes closest to the image without noise.

    It is a multiple 2^(i/2) of the root mean square of sqrt(tr J) for white noise of the image's
    level, where J is the structure tensor of the layers that steer: that i for which the estimated
    mean squared error at the best time is least (Stein, 1981; Ramani, Blu and Unser, 2008). In an
    image without noise, details of 2 % of its range count as noise, so that it is simplified and
    keeps its edges. For coherence-enhancing diffusion it is the coherence that noise alone does not
    reach.

    Parameters
    ----------
    network : DiffusionNetwork or str
        The name of a filter, such as "eed", or a network, whose own contrast has no influence.
    {image to estimate from}
    {spacing}

    Returns
    -------
    float
        Grey levels per pixel (per pixel squared for second-order operators); 1.0 for a
        constant image, which no filter changes.

    {errors of an estimate}

    {references of an estimate}

    Examples
    --------
    >>> import pdenet
    >>> from skimage import data
    >>> noisy = pdenet.add_noise(data.camera().astype(float), sigma=20)
    >>> clean = pdenet.estimate_contrast("eed", data.camera())
    >>> bool(pdenet.estimate_contrast("eed", noisy) > clean)
    True
    """
    given, model, _ = _given(network, image, channel_axis, spacing, mask, nan_policy)
    return given.unit * Search(model, given.planes, measured=given.mask).contrast(None)


@fill
def estimate_time(network: DiffusionNetwork | str, image: npt.ArrayLike, *,
                  channel_axis: int | None = None, spacing: Sequence[float] | None = None,
                  mask: npt.ArrayLike | None = None, nan_policy: str = "raise") -> float:
    """The diffusion time at which a filter comes closest to the image without noise.

    Of eleven times, at which linear diffusion leaves from 85 % to 3 % of white noise, it is the one
    with the least estimated mean squared error, as for `estimate_contrast`.

    Parameters
    ----------
    network : DiffusionNetwork or str
        A network, of which tau and steps have no influence; or the name of a filter, such as "eed",
        with the contrast that `estimate_contrast` gives.
    {image to estimate from}
    {spacing}

    Returns
    -------
    float
        The diffusion time, at most 1000 times the network's tau_max.

    {errors of an estimate}

    {references of an estimate}

    Examples
    --------
    >>> import pdenet
    >>> from skimage import data
    >>> noisy = pdenet.add_noise(data.camera().astype(float), sigma=20)
    >>> network = pdenet.models.perona_malik(20.0)
    >>> bool(pdenet.estimate_time(network, noisy) > pdenet.estimate_time(network, data.camera()))
    True
    """
    given, model, contrast = _given(network, image, channel_axis, spacing, mask, nan_policy)
    search = Search(model, given.planes, measured=given.mask)
    return search.time(search.contrast(None) if contrast is None else contrast / given.unit)


def _given(network, image, channel_axis, spacing, mask, nan_policy):
    """The image in units, a function that makes a network for it of a contrast, and the contrast
    where there is one."""
    if isinstance(network, str):
        check_choice("network", network, models.__all__)
    else:
        spacing = check_network(network).spacing if spacing is None else spacing
    given = to_units(image, channel_axis, mask, nan_policy, Axes(True, check_spacing(spacing)))
    if isinstance(network, str):
        return given, functools.partial(getattr(models, network), spacing=given.axes.spacing), None
    if given.axes.spacing != network.spacing:
        network = dataclasses.replace(network, spacing=given.axes.spacing)

    def with_contrast(contrast):
        return network.with_parameters({"contrast": contrast})

    return given, with_contrast, network.parameters["contrast"]


def prepare(planes: np.ndarray, model: Callable[..., DiffusionNetwork], contrast: float | None,
            time: float | None, diffusivity: str | Diffusivity, workers: int | None = None,
            measured: np.ndarray | None = None) -> tuple[DiffusionNetwork, float]:
    """The network of a model function and the time, both estimated where they are None; measured:
    None, or a mask (H, W) outside which the planes are 0."""
    model = functools.partial(model, diffusivity=diffusivity)
    if time is not None:
        time = check_number("time", time, least=0.0)
    own = contrast is None and not isinstance(diffusivity, str)
    network = model(contrast) if own or contrast is not None else None
    if network is None or time is None:
        search = Search(model if network is None else lambda contrast: network, planes, workers,
                        measured)
        if network is None:
            network = model(search.contrast(time))
        time = search.time(network.parameters["contrast"]) if time is None else time
    return network, time


class Search:
    """The search for the contrast and the time of a model on planes (M, H, W).

    Parameters
    ----------
    model : callable
        Makes a network of a contrast.
    planes : ndarray of shape (M, H, W)
        Of NumPy or dask.
    workers : int, optional
        Threads that try contrasts; the result does not depend on it.
    measured : ndarray of shape (H, W), optional
        True where a pixel is measured; the planes are 0 elsewhere.
    """

    def __init__(self, model, planes, workers=None, measured=None):
        self.model, self.workers = model, check_workers(workers)
        self.levels = _with_details(levels_of(planes, measured), range_of(planes, measured))
        side = 2 * SIDE if planes.ndim == 4 and planes.shape[1] > 1 else SIDE
        tiles, masks = zip(*sample_with(planes, measured, side, ACROSS), strict=True)
        self.image = np.concatenate(tiles, axis=-1)
        measured = None if measured is None else np.concatenate(masks, axis=-1)
        one = self.image.dtype.type
        levels = self.levels.astype(self.image.dtype).reshape(-1, *[1] * (planes.ndim - 1))
        self.probe = levels * np.random.default_rng(0).choice(
            np.array([-1, 1], self.image.dtype), self.image.shape)
        if measured is not None:
            self.probe *= measured
        self.moved = self.image + one(PROBE) * self.probe
        # For all networks of the model, which differ in their contrast alone.
        self.mask = model(1.0).mask_of(measured, self.image.dtype, self.workers)
        self._known: dict = {}

    def contrast(self, time):
        """The best contrast, at a given time or at the best one of each contrast."""
        if not self.levels.any():
            return 1.0
        network = self.model(1.0)
        level = np.sqrt(np.sum(self.levels**2))
        if isinstance(network.flux, CoherenceEnhancing):
            return float(level * _coherence_of_noise(network))
        unit = level * _response(network)

        def at(exponent):
            return float(unit * 2 ** (exponent / 2))

        def least(exponents):
            new = [at(i) for i in exponents if (at(i), time) not in self._known]
            with Workers(self.workers) as team:
                found = team.map(lambda contrast, work: self._best(contrast, time), new)
            self._known |= {(contrast, time): best
                            for contrast, best in zip(new, found, strict=True)}
            return min(exponents, key=lambda i: self._known[at(i), time])

        best, found = None, least(START)
        while found != best:
            best = found
            found = least([i for i in (best - 1, best, best + 1) if LAST[0] <= i <= LAST[1]])
        return at(best)

    def time(self, contrast):
        """The best time for a contrast; for coherence-enhancing diffusion always the same."""
        if isinstance(self.model(contrast).flux, CoherenceEnhancing):
            return FLOWING
        if not self.levels.any():
            return _times(self.model(contrast), [USUAL])[0]
        if (contrast, None) not in self._known:
            self._known[contrast, None] = self._best(contrast, None)
        return self._known[contrast, None][1]

    @functools.cached_property
    def times(self):
        """The times that are tried; no contrast has an influence on them."""
        return _times(self.model(1.0))

    def _best(self, contrast, time):
        """The least error of a contrast, and its time."""
        network, plain, moved, before = self.model(contrast), self.image, self.moved, 0.0
        times, cycles = (self.times, 1) if time is None else ([time], None)
        found: list[tuple[float, float]] = []
        for time in times:
            plain, moved = (network.evolve_planes(planes, time - before, cycles=cycles, workers=1,
                                                  mask=self.mask)
                            for planes in (plain, moved))
            before = time
            error = (plain - self.image)**2 + plain.dtype.type(2 / PROBE) * self.probe * (
                moved - plain)
            found.append((float(np.sum(error, dtype=np.float64)), time))
            if len(found) > 2 and found[-3][0] < found[-2][0] < found[-1][0]:
                break
        return min(found)


def _with_details(levels, data_range):
    """The noise levels, where they are next to nothing those of details that may go, too; without a
    jump between, as frames of a series may lie on both sides."""
    return np.maximum(levels, DETAIL * data_range - 2.5 * levels)


def _response(network):
    """The root mean square of sqrt(tr J) for white noise of the standard deviation 1."""
    block, work = network.block, Workspace()
    widest = max(scales.sigmas.max() for scales in (network.scales, network.steering)
                 if scales is not None) / min(block.spacing or (1.0,))
    size = 2 * int(np.ceil(4 * widest)) + 17
    shape = (size,) * block.dimensions if block.of_images or block.dimensions == 3 else (
        1, size, size)
    impulse = np.zeros((1, *shape))
    impulse[(0, *(length // 2 for length in shape))] = 1
    return float(np.sqrt(block.trace(block.steering_layers(impulse, work), work).sum()))


def _coherence_of_noise(network):
    """The contrast that white noise of the standard deviation 1 does not reach: the square root of
    three times the mean difference of the eigenvalues of its structure tensor."""
    block, work = network.block, Workspace()
    shape = (256, 256) if block.of_images else (1, 256, 256) if block.dimensions == 2 else (40,) * 3
    noise = np.random.default_rng(0).normal(size=(1, *shape))
    structure = block.structure(block.steering_layers(noise, work), work)
    if block.of_images:
        return np.sqrt(3 * np.mean(2 * np.hypot(*structure[1:])))
    nu = eigenvalues(structure)
    return np.sqrt(3 * np.mean(nu[-2] - nu[-1]))


def _times(network, shares=SHARES):
    """The times at which diffusion with g = 1 leaves these shares of noise's standard deviation:
    (mean over frequencies of exp(-2 T rho))^(1/2), with the symbol rho of the network's step; none
    is longer than 1000 tau_max, where noise may never fall as far."""
    dimensions = network.block.dimensions
    count = 64 if dimensions == 2 else 16
    frequencies = np.pi * (np.arange(count) + 0.5) / count
    rho = network.block.symbol(*[frequencies] * dimensions)
    times = network.tau_max * np.geomspace(1e-3, 1e3, 241)
    left = np.array([np.sqrt(np.mean(np.exp(-2 * time * rho))) for time in times])
    found = np.exp(np.interp(-np.log(shares), -np.log(left), np.log(times)))
    return [float(time) for time in np.unique(found)]


def range_of(planes: np.ndarray, measured: np.ndarray | None = None) -> float:
    """Between the 0.1 % and the 99.9 % quantile of planes, smoothed so that noise counts little;
    measured: None, or a mask (H, W) outside which the planes are 0."""
    scales, work = ScaleSpace([2.0]), Workspace()
    smooth = []
    for part, known in slices_of(sample_with(planes, measured)):
        if known is None:
            smooth.append(scales.smooth(part, work).flatten())  # a copy, as the next overwrites it
        else:
            offset = part[:, known][:, :1, np.newaxis]  # so that constants stay, bit for bit
            near = scales.smooth(known[np.newaxis].astype(part.dtype), work)[:, known].copy()
            found = scales.smooth((part - offset) * known, work)[:, known] / near
            smooth.append((found + offset[..., 0]).ravel())
    low, high = np.quantile(np.concatenate(smooth), [0.001, 0.999])
    return float(high - low)
