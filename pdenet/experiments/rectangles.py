"""The images of Section 6: rotated rectangles, and noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..checks import check_count, check_number
from ..noise.model import NoiseModel
from ..noise.varying import check_map

__all__ = ["rectangles", "add_noise"]

RECTANGLES, LENGTH, WIDTH = 20, 140.0, 70.0  # per image; pixels


def rectangles(count: int, angle: float, size: int = 256, rng: int | np.random.Generator = 0, *,
               samples: int = 4) -> np.ndarray:
    """White rectangles of 140 x 70 pixels on black, all at one angle: the images of Section 6.

    Each image has 20 of them, whose centres are uniform in the image.

    Parameters
    ----------
    count : int
        Number of images.
    angle : float
        Angle of the long sides to the x-axis, degrees, counter-clockwise.
    size : int, optional
        Height and width in pixels.
    rng : int or numpy.random.Generator, optional
        The same seed gives the same centres at every angle and begins with the same images for
        every count, so that sets for different angles differ by their angle alone.
    samples : int, optional
        A pixel is the mean of samples x samples points, which approximates its area. 1 samples
        points, as many drawing programs do.

    Returns
    -------
    ndarray of shape (count, size, size)
        float32 grey levels in [0, 255].

    Raises
    ------
    ValueError
        If count is not a whole number >= 0, size or samples not one >= 1, or angle not finite.

    Examples
    --------
    >>> import pdenet
    >>> images = pdenet.rectangles(2, 30)
    >>> images.shape, images.dtype, float(images.min()), float(images.max())
    ((2, 256, 256), dtype('float32'), 0.0, 255.0)
    """
    count, size = check_count("count", count, least=0), check_count("size", size, least=1)
    samples = check_count("samples", samples, least=1)
    theta = np.deg2rad(check_number("angle", angle))
    images = np.empty((count, size, size), np.float32)
    for image, centres in zip(images, np.random.default_rng(rng).uniform(
            0, size, (count, RECTANGLES, 2)), strict=True):
        inside = _inside(centres, theta, size * samples, 1 / samples)
        blocks = inside.reshape(size, samples, size, samples)
        image[:] = blocks.sum(axis=(1, 3), dtype=np.int32) * (255 / samples**2)
    return images


def _inside(centres, theta, count, spacing):
    """Whether each of count x count points, `spacing` pixels apart, lies in a rectangle.

    A row of points cuts a rectangle in an interval, the intersection of two strips.
    """
    up = centres[:, 0] - spacing * (np.arange(count)[:, np.newaxis] + 0.5)
    cos, sin = np.cos(theta), np.sin(theta)
    low, high = np.full(up.shape, -np.inf), np.full(up.shape, np.inf)
    with np.errstate(divide="ignore"):
        for slope, offset, half in [(cos, sin * up, LENGTH / 2), (-sin, cos * up, WIDTH / 2)]:
            ends = (-half - offset) / slope, (half - offset) / slope
            low, high = np.maximum(low, np.minimum(*ends)), np.minimum(high, np.maximum(*ends))
    first, last = (np.clip(np.ceil((end + centres[:, 1]) / spacing - 0.5), 0, count).astype(int)
                   for end in (low, high))
    last = np.maximum(first, last)
    changes = np.zeros((count, count + 1), np.int8)  # +1 where an interval begins, -1 behind it
    rows = np.broadcast_to(np.arange(count)[:, np.newaxis], first.shape)
    np.add.at(changes, (rows, first), 1)
    np.add.at(changes, (rows, last), -1)
    return np.cumsum(changes[:, :-1], axis=1, dtype=np.int8) > 0


def add_noise(images: npt.ArrayLike, sigma: float | npt.ArrayLike | NoiseModel = 60.0,
              rng: int | np.random.Generator = 0) -> np.ndarray:
    """Images plus Gaussian noise, images + sigma * N(0, 1), or with noise of a model; not clipped.

    Parameters
    ----------
    images : array_like
        float32 stays float32, everything else becomes float64.
    sigma : float, array_like or noise model, optional
        Standard deviation in grey levels, >= 0; an array like the images, or like their last axes,
        for one of each pixel; or for instance `PoissonNoise(gain=2, sigma=5)`.
    rng : int or numpy.random.Generator, optional
        The same seed gives the same noise for images of the same shape and type.

    Returns
    -------
    ndarray
        The noisy images, of the images' shape; float32 for float32, otherwise float64.

    Raises
    ------
    TypeError
        If the images hold no real numbers, or are a masked array.
    ValueError
        If sigma is not a finite number >= 0, nor an array of such of a shape that fits, or the
        numbers of a model are missing.

    Examples
    --------
    >>> import numpy as np
    >>> import pdenet
    >>> noisy = pdenet.add_noise(np.zeros((100, 100)), sigma=5)
    >>> bool(abs(noisy.std() - 5) < 0.2)
    True
    """
    if isinstance(images, np.ma.MaskedArray):
        raise TypeError("images must not be a masked array, whose mask would be lost")
    clean = np.asarray(images)
    if clean.dtype.kind not in "buif":
        raise TypeError(f"images must hold real numbers; got dtype {clean.dtype}")
    if isinstance(sigma, NoiseModel):
        return sigma.sample(clean, rng)
    level: Any = (check_map(sigma, clean.shape) if np.ndim(sigma) else
                  check_number("sigma", sigma, least=0.0))
    single = clean.dtype.newbyteorder("=") == np.float32
    dtype: Any = np.float32 if single else np.float64
    noise = np.random.default_rng(rng).standard_normal(clean.shape, dtype)
    return clean.astype(dtype) + np.asarray(level, dtype) * noise
