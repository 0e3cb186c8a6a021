"""From an image to the filtered one, by the network of a model function."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

from . import estimates
from .checks import check_number
from .images import Axes, from_units, to_measured
from .scheme.spacing import check_spacing


class Input(NamedTuple):
    """An image, and what says which axes, pixels and distances of pixels or voxels it has."""

    image: Any
    channel_axis: Any
    mask: Any
    nan_policy: Any
    spacing: Any = None


def filter_image(given, model, contrast, time, diffusivity, scheme, workers):
    """The image of an `Input` at the diffusion time."""
    scaled = isinstance(diffusivity, str)  # else it has a contrast of its own, in the image's units
    found = to_measured(given.image, given.channel_axis, given.mask, given.nan_policy,
                        any_size=scaled, axes=Axes(True, check_spacing(given.spacing)))
    model = functools.partial(model, spacing=found.axes.spacing)
    planes, _, _ = filter_planes(found.planes, found.unit, model, contrast, time, diffusivity,
                                 scheme, workers, measured=found.mask)
    return found.finish(planes)


def filter_planes(planes, unit, model, contrast, time, diffusivity, scheme, workers, progress=None,
                  measured=None):
    """Planes (M, H, W), which are in a unit, at the diffusion time, in units of one; and the
    contrast and the time, which are estimated where they are None.

    progress: function of the cycles done and of all; measured: None, or a mask (H, W) outside which
    the planes are 0.
    """
    if contrast is not None:
        contrast = check_number("contrast", contrast, above=0.0) / unit
    network, time = estimates.prepare(planes, model, contrast, time, diffusivity, workers, measured)
    planes = network.evolve_planes(planes, time, scheme, workers=workers, progress=progress,
                                   mask=network.mask_of(measured, planes.dtype, workers))
    contrast = network.parameters.get("contrast", 1.0) * unit
    return from_units(planes, unit), contrast, time
