"""Contrast, diffusion time and noise level, estimated from an image where they are not given."""

from __future__ import annotations

from typing import Callable

import numpy as np
import numpy.typing as npt

from .checks import check_number
from .docstrings import fill
from .images import sample, to_planes
from .kernels.workspace import Workspace
from .network.network import DiffusionNetwork, check_network
from .scheme.diffusivities import Diffusivity
from .scheme.scales import ScaleSpace

__all__ = ["estimate_contrast", "estimate_time"]


@fill
def estimate_contrast(network: DiffusionNetwork, image: npt.ArrayLike, *,
                      channel_axis: int | None = None) -> float:
    """The median gradient magnitude of an image, as a network measures it.

    The contrast is the median of sqrt(tr J) over the cells where tr J is not zero; J is the
    structure tensor of the layers that steer, summed over scales and channels. Perona and Malik
    (1990) propose a quantile of this distribution, Black et al. (1998) its median, which is robust.
    In a noisy image it is close to the gradient of the noise itself: for noise of 10 to 60 grey
    levels the filtered image was 0.04 dB below that with the best quantile on average, and 0.43 dB
    at most (benchmarks/estimates.py).

    Parameters
    ----------
    network : DiffusionNetwork
        Its own contrast has no influence.
    {image to estimate from}

    Returns
    -------
    float
        Grey levels per pixel (per pixel squared for second-order operators); 1.0 for a
        constant image, which no filter changes.

    {errors of an estimate}

    References
    ----------
    M. J. Black, G. Sapiro, D. H. Marimont, D. Heeger, "Robust anisotropic diffusion", IEEE
    Transactions on Image Processing 7, 421-432 (1998).

    Examples
    --------
    >>> import numpy as np
    >>> import pdenet
    >>> ramp = np.tile(3.0 * np.arange(16), (16, 1))
    >>> round(pdenet.estimate_contrast(pdenet.models.perona_malik(1.0), ramp), 6)
    3.0
    """
    return contrast_of(check_network(network), to_planes(image, channel_axis))


@fill
def estimate_time(network: DiffusionNetwork, image: npt.ArrayLike, *,
                  channel_axis: int | None = None) -> float:
    """The diffusion time that removes an image's noise where nothing is to be kept.

    The time T solves r(T) = r. Here r(T) = (mean over frequencies of exp(-2 T rho))^(1/2) is the
    share of white noise that is left at the time T where g = 1, with the symbol rho of the
    network's step; r = s / (20 n) cut to [1/16, 1/8] is the share that may be left, with the
    standard deviation s of the image and its noise level n = median |A - B - C + D| / (2 * 0.6745)
    over all 2 x 2 pixels (Donoho and Johnstone, 1994). An image with little noise has r = 1/8,
    which simplifies it visibly; the PSNR is 1.6 dB lower on average than at the best time
    (benchmarks/estimates.py).

    Parameters
    ----------
    network : DiffusionNetwork
        Its own tau and steps have no influence.
    {image to estimate from}

    Returns
    -------
    float
        The diffusion time, at most 1000 times the network's tau_max.

    {errors of an estimate}

    References
    ----------
    D. L. Donoho, I. M. Johnstone, "Ideal spatial adaptation by wavelet shrinkage", Biometrika 81,
    425-455 (1994).

    Examples
    --------
    >>> import numpy as np
    >>> import pdenet
    >>> flat = np.zeros((16, 16))
    >>> round(pdenet.estimate_time(pdenet.models.perona_malik(1.0), flat), 2)
    2.67
    """
    return time_of(check_network(network), to_planes(image, channel_axis))


def prepare(planes: np.ndarray, model: Callable[..., DiffusionNetwork], contrast: float | None,
            time: float | None, diffusivity: str | Diffusivity) -> tuple[DiffusionNetwork, float]:
    """The network of a model function and the time, both estimated where they are None."""
    if contrast is None and isinstance(diffusivity, str):
        contrast = contrast_of(model(1.0, diffusivity=diffusivity), planes)
    network = model(contrast, diffusivity=diffusivity)
    time = time_of(network, planes) if time is None else time
    return network, check_number("time", time, least=0.0)


def contrast_of(network: DiffusionNetwork, planes: np.ndarray) -> float:
    """`estimate_contrast` for planes (M, H, W)."""
    block, parts = network.block, []
    for part in sample(planes):
        work = Workspace()
        parts.append(block.trace(block.steering_layers(part, work), work).ravel())
    squares = np.concatenate(parts)
    squares = squares[squares > 0]
    return float(np.sqrt(np.median(squares))) if squares.size else 1.0


def time_of(network: DiffusionNetwork, planes: np.ndarray) -> float:
    """`estimate_time` for planes (M, H, W)."""
    parts = list(sample(planes))
    twist = np.concatenate([np.abs(u[:-1, :-1] - u[:-1, 1:] - u[1:, :-1] + u[1:, 1:]).ravel()
                            for part in parts for u in part])
    noise = float(np.median(twist)) / (2 * 0.6745) if twist.size else 0.0
    spread = float(np.std(np.concatenate([part.ravel() for part in parts]), dtype=np.float64))
    share = np.clip(spread / (20 * noise), 1 / 16, 1 / 8) if noise > 0 else 1 / 8

    frequencies = np.pi * (np.arange(64) + 0.5) / 64
    rho = network.block.symbol(frequencies, frequencies)
    times = network.tau_max * np.geomspace(1e-3, 1e3, 241)
    shares = np.array([np.sqrt(np.mean(np.exp(-2 * time * rho))) for time in times])
    return float(np.exp(np.interp(-np.log(share), -np.log(shares), np.log(times))))


def range_of(planes: np.ndarray) -> float:
    """Between the 0.1 % and the 99.9 % quantile of planes, smoothed so that noise counts little."""
    smooth = np.concatenate([ScaleSpace([2.0]).smooth(part, Workspace()).ravel()
                             for part in sample(planes)])
    low, high = np.quantile(smooth, [0.001, 0.999])
    return float(high - low)
