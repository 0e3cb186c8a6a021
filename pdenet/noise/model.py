"""What models of noise have in common: numbers, some of which are estimated, and a transform.

A model is a frozen dataclass. Its numbers are in grey levels of the image, None where they are to
be estimated. `stabilise` maps an image z with this noise to f(z), whose noise has a standard
deviation of about 1 everywhere; `restore` maps E f(z), which is what a denoiser makes of it, to the
image x without noise. That is not f^-1, as E f(z) is not f(x).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..checks import check_members
from ..docstrings import fill
from ..execution import chunks
from ..images import (Axes, from_units, sample_with, slices_of, to_array, to_units,
                      zero_outside)
from ..scheme.spacing import check_spacing

MEMBERS = ("complete", "estimated", "gaussian", "in_units", "silent", "stabilise_plane",
           "restore_plane")


class NoiseModel:
    """The methods of `PoissonNoise`, `SpeckleNoise` and `RicianNoise`."""

    numbers: ClassVar[tuple[str, ...]] = ()  # which are given or estimated
    in_grey_levels: ClassVar[tuple[str, ...]] = ()  # those that a factor on the image scales

    @property
    def known(self) -> Any:
        """The values of the numbers, in their order."""
        return tuple(getattr(self, name) for name in self.numbers)

    @property
    def complete(self) -> bool:
        """Whether no number is to be estimated."""
        raise NotImplementedError

    @property
    def gaussian(self) -> bool:
        """Whether noise after `stabilise` is so nearly Gaussian that an error can be estimated."""
        return True

    @property
    def silent(self) -> bool:
        """Whether there is no noise."""
        raise NotImplementedError

    def estimated(self, tiles) -> Any:
        """The model with all numbers, for tiles (pixels, measured pixels or None) of a plane."""
        raise NotImplementedError

    def stabilise_plane(self, plane):
        """Pixels of any shape, with noise of a standard deviation of about 1."""
        raise NotImplementedError

    def restore_plane(self, plane):
        """What pixels show of which these are the expectation after `stabilise_plane`."""
        raise NotImplementedError

    def in_units(self, unit: float) -> Any:
        """The model for an image in units of so many grey levels."""
        known = {name: getattr(self, name) / unit for name in self.in_grey_levels
                 if getattr(self, name) is not None}
        return self if unit == 1 else dataclasses.replace(self, **known)  # type: ignore[type-var]

    @fill
    def estimate(self, image: npt.ArrayLike, *, channel_axis: int | None = None,
                 spacing: Sequence[float] | None = None,
                 mask: npt.ArrayLike | None = None, nan_policy: str = "raise") -> Any:
        """The model with the numbers that were omitted, estimated from an image.

        Parameters
        ----------
        {image to estimate from}
        {spacing of what may be a volume}

        Returns
        -------
        model or list of models
            A list, one for each channel, where there is a channel axis.

        Raises
        ------
        TypeError, ValueError
            If the image is not a finite real array of that shape, or has values that the model
            excludes.
        """
        given = to_units(image, channel_axis, mask, nan_policy,
                         Axes(True, check_spacing(spacing)))
        found = [model.in_units(1 / given.unit) for model in
                 complete_models(self, given.planes, given.unit, given.mask)]
        return found[0] if channel_axis is None else found

    def stabilise(self, image: npt.ArrayLike) -> np.ndarray:
        """The image f(z), whose noise has a standard deviation of about 1 everywhere.

        Parameters
        ----------
        image : array_like
            Grey levels of any shape and real type.

        Returns
        -------
        ndarray
            float32 for float32, otherwise float64.

        Raises
        ------
        ValueError
            If numbers of the model are missing, see `estimate`, or the image has values that the
            model excludes.
        """
        return self._apply(self.stabilise_plane, image)

    def restore(self, image: npt.ArrayLike) -> np.ndarray:
        """What an image without noise shows of which f(z) has this expectation: the exact unbiased
        inverse of `stabilise`.

        Parameters
        ----------
        image : array_like
            What a denoiser made of `stabilise(z)`.

        Returns
        -------
        ndarray
            Grey levels; float32 for float32, otherwise float64.

        Raises
        ------
        ValueError
            If numbers of the model are missing, see `estimate`.
        """
        return self._apply(self.restore_plane, image)

    def sample(self, clean: npt.ArrayLike, rng: int | np.random.Generator = 0) -> np.ndarray:
        """A noisy image: random numbers of the model for each pixel of a clean one, not clipped.

        Parameters
        ----------
        clean : array_like
            Grey levels of any shape and real type.
        rng : int or numpy.random.Generator, optional
            The same seed gives the same noise.

        Returns
        -------
        ndarray
            float32 for float32, otherwise float64.

        Raises
        ------
        ValueError
            If numbers of the model are missing, or the image has values that the model excludes.
        """
        self._check_complete()
        clean = np.asarray(floating(clean))
        return self.draw(clean, np.random.default_rng(rng)).astype(clean.dtype)

    def draw(self, clean, rng):
        """`sample` of an array of floats."""
        raise NotImplementedError

    def _apply(self, function, image):
        self._check_complete()
        image = floating(image)
        return image.copy() if self.silent else chunks.on_values(function, image)

    def _check_complete(self):
        if not self.complete:
            raise ValueError(f"{self!r} has numbers that are missing; give them, or use "
                             f"estimate(image)")


def floating(image):
    """An array of float32 or float64."""
    array = to_array(image, "image")
    if array.dtype.kind not in "buif":
        raise TypeError(f"image must hold real numbers; got dtype {array.dtype}")
    return array.astype(np.float32 if array.dtype.newbyteorder("=") == np.float32 else np.float64,
                        copy=False)


def check_not_negative(plane, what):
    """Raise unless no pixel is negative."""
    least = plane.min(initial=0)
    if least < 0:
        raise ValueError(f"{what} must not be negative; the image has {least:.6g}")


def check_models(noise, channels):
    """Models, one for each channel, from one for all or a sequence."""
    if not isinstance(noise, (list, tuple)):
        noise = [noise] * channels
    elif len(noise) != channels:
        raise ValueError(f"noise must be one model, or one for each of the {channels} channels; "
                         f"got {len(noise)}")
    for model in noise:
        check_members("noise", model, MEMBERS, "PoissonNoise(), SpeckleNoise() or RicianNoise()")
    return noise


def complete_models(noise, planes, unit, measured=None):
    """A model for each of the planes (M, H, W), which are in a unit, estimated where numbers are
    missing, from the pixels of a mask (H, W)."""
    models = [model.in_units(unit) for model in check_models(noise, len(planes))]
    tiles: list = []
    if not all(model.complete for model in models):
        tiles = list(slices_of(sample_with(planes, measured)))
    return [model if model.complete else
            model.estimated([(tile[m], measured) for tile, measured in tiles])
            for m, model in enumerate(models)]


def denoise_by_models(noise, planes, unit, others, measured, denoise):
    """Planes (M, H, W), which are in a unit, without noise, in units of one; and the model of each.
    noise: a model, or one for each of the planes; others: what says the same, by name; measured:
    None, or a mask (H, W) outside which the planes are 0; denoise(planes, levels, adapts): takes
    noise of the standard deviation 1 off planes, or 0 where a model has none.
    """
    for name, value in others.items():
        if value is not None:
            raise ValueError(f"{name} must be omitted with noise, which says it; got {value!r}")
    models = complete_models(noise, planes, unit, measured)
    levels = np.array([float(not model.silent) for model in models])
    white = _each(planes, [model.stabilise_plane for model in models], levels)
    clean = denoise(zero_outside(white, measured), levels,
                    all(model.gaussian for model in models))
    clean = _each(clean, [model.restore_plane for model in models], levels)
    return from_units(clean, unit), [model.in_units(1 / unit) for model in models]


def _each(planes, functions, levels):
    """The planes after a function for each, where there is noise."""
    return np.stack([chunks.on_values(function, plane) if level else plane
                     for plane, function, level in zip(planes, functions, levels, strict=True)])
