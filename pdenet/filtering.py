"""From an image to the filtered one, by the network of a model function."""

from __future__ import annotations

import functools

from . import estimates
from .checks import check_number
from .images import Axes, from_units, to_measured
from .scheme.spacing import check_spacing


def filter_image(image, model, contrast, time, diffusivity, scheme, channel_axis, mask, nan_policy,
                 workers, spacing=None):
    """The image at the diffusion time; `spacing` is that of its pixels or voxels."""
    scaled = isinstance(diffusivity, str)  # else it has a contrast of its own, in the image's units
    given = to_measured(image, channel_axis, mask, nan_policy, any_size=scaled,
                        axes=Axes(True, check_spacing(spacing)))
    model = functools.partial(model, spacing=given.axes.spacing)
    planes, _, _ = filter_planes(given.planes, given.unit, model, contrast, time, diffusivity,
                                 scheme, workers, measured=given.mask)
    return given.finish(planes)


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
