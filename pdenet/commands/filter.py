"""The command pdenet filter: the filters of the package on files."""

import argparse
import functools
import inspect

from .. import NAMES
from ..files import excluded, images
from ..files.images import UsageError
from ..images import Axes, to_units
from ..network.timesteps import SCHEMES
from ..scheme.diffusivities import DIFFUSIVITIES
from ..scheme.fluxes import COUPLINGS
from . import inputs, volumes
from .one_file import outside

MODELS = tuple(name.replace("_", "-") for name in NAMES["filters"])
SWEPT = {"contrast": float, "time": float, "sigma": float, "rho": float, "coupling": str,
         "diffusivity": str, "scheme": str}
PARTS = ("sigma", "rho", "sigmas", "weights", "coupling")  # which some of the models have

HELP = f"""\
models and what they suit; how long they take beside perona-malik, and by how
much of it grey levels may leave the range of the image:
  perona-malik            1     0  eq. (7): sharp edges; some speckles stay
  gerig                   1     0  eq. (21): the same with coupled channels
  weickert-brox         1.3   1 %  eq. (26): sharp edges, also in colour
  eed                     2  10 %  eq. (2): much noise, also along edges; text
  weickert-1994          18   6 %  eq. (1): between the two
  multiscale             13  13 %  eq. (32) with --coupling isotropic, eq. (34)
                                   anisotropic: large structures
  ced                     4  10 %  lines and flows: fingerprints, fibres, layers
  you-kaveh               5   7 %  eq. (11): ramps, smooth surfaces
  lysaker-lundervold-tai 16   7 %  eq. (13): ramps, smooth surfaces, better
White noise alone is removed better by pdenet denoise. Of images with speckle
filter the logarithm, of counts u 2 sqrt(u + 3/8). Correlated noise is taken
for structure: give contrast and time, see --sweep.

The contrast is in the grey levels of the file. Where contrast or time are not
given, they are those of the least estimated error, for each image and page.
The channels of a colour image steer the diffusion together; transparency is
kept as it is.

{inputs.FILES_HELP}
{volumes.HELP}
examples:
  pdenet filter eed example:camera eed.png
  pdenet filter gerig photo.jpg smooth.jpg --contrast 8 --time 5
  pdenet filter weickert-brox scans/ smooth/ --contrast 8 --time 5
  pdenet filter ced example:brick flow.png --rho 3
  pdenet filter eed scan.png sheet.png --sweep contrast=2,4,8 time=5,20
  pdenet filter eed scan.nii.gz smooth.nii.gz --contrast 30 --time 3
  pdenet filter weickert-brox cells.ome.tif smooth.ome.tif --slices
  pdenet filter eed slide.zarr smooth.zarr --contrast 4 --time 10
  pdenet filter multiscale cells.tif out.tif --coupling isotropic --dtype float32
"""


def add_command(commands):
    """Add the parser to those of the other commands."""
    command = commands.add_parser(
        "filter", help="filter images", description="Filter images by a diffusion model.",
        usage="pdenet filter MODEL INPUT [INPUT ...] OUTPUT [options]",
        epilog=HELP, formatter_class=argparse.RawDescriptionHelpFormatter)
    command.add_argument("model", metavar="MODEL", choices=MODELS, help="see below")
    inputs.add_files(command)
    command.add_argument("--contrast", type=float, metavar="LAMBDA",
                         help="contrast parameter, grey levels per pixel, for fourth order "
                              "per pixel squared (default: estimated)")
    command.add_argument("--time", type=float, metavar="T",
                         help="diffusion time, pixels squared, for fourth order to the fourth "
                              "power (default: estimated)")
    command.add_argument("--sigma", type=float,
                         help="presmoothing of eed, weickert-1994 and ced, pixels (default: 1, "
                              "of ced 0.7)")
    command.add_argument("--rho", type=float,
                         help="integration scale of the structure tensor, pixels (default: 0, "
                              "of ced 4)")
    command.add_argument("--sigmas", type=float, nargs="+", metavar="SIGMA",
                         help="scales of multiscale, pixels (default: eight from 0.4 to 10)")
    command.add_argument("--weights", type=float, nargs="+", metavar="BETA",
                         help="weights of the scales of multiscale (default: all 1)")
    command.add_argument("--coupling", choices=tuple(COUPLINGS),
                         help="coupling of multiscale (default: anisotropic)")
    command.add_argument("--diffusivity", choices=tuple(DIFFUSIVITIES),
                         help="the function g (default: exponential, of ced coherence)")
    command.add_argument("--scheme", default="fed", choices=SCHEMES,
                         help="how the time is reached (default: %(default)s)")
    command.add_argument("--sweep", nargs="+", metavar="NAME=V,V", action="extend",
                         help="write a contact sheet of all combinations of these values instead, "
                              f"to choose by eye; names: {', '.join(SWEPT)}")
    volumes.add_options(command)
    inputs.add_options(command)
    command.set_defaults(run=run)


def run(options):
    parameters = inspect.signature(_model(options)).parameters
    for name in PARTS:
        if getattr(options, name) is not None and name not in parameters:
            raise UsageError(f"--{name} does not apply to {options.model}")
    if options.sweep:
        return _sweep(options)
    return inputs.run(options, filter_pixels, (
        "model", "contrast", "time", *PARTS, "diffusivity", "scheme", "volumes", "spacing"))


def filter_pixels(pixels, channel_axis, options, progress, mask=None):
    """The filtered pixels, what was done, and the numbers of it."""
    from ..filtering import filter_planes

    given = to_units(pixels, channel_axis, mask, axes=Axes(True, options.voxels))
    parts = {name: getattr(options, name) for name in PARTS if getattr(options, name) is not None}
    model = functools.partial(_model(options), **parts, spacing=given.axes.spacing)
    diffusivity = options.diffusivity or inspect.signature(model).parameters["diffusivity"].default
    planes, contrast, time = filter_planes(
        given.planes, given.unit, model, options.contrast, options.time, diffusivity,
        options.scheme, options.workers, progress, given.mask)
    return (given.finish(planes), f"{options.model}, contrast {contrast:.4g}, time "
            f"{time:.4g}", {"contrast": float(contrast), "time": time})


def _sweep(options):
    """Write the contact sheet of an image."""
    from ..sweeping import sweep

    inputs.check_options(options)
    if len(options.inputs) > 1:
        raise UsageError("--sweep is for a single image")
    images.check_target(options.output, options.overwrite)
    image = images.read(options.input, options.max_pixels)
    straight = image.straight()
    found = excluded.find(options.input, straight, options.nodata,
                          outside=outside(options, straight))
    if found.nothing_left:
        raise UsageError(f"{options.input}: no pixel is measured")
    filled = found.filled()
    swept = dict(map(_values, options.sweep))
    given = {name: getattr(options, name) for name in (*PARTS, *SWEPT)
             if name not in swept and getattr(options, name) is not None}
    results = sweep(options.model.replace("-", "_"), filled.pixels,
                    channel_axis=filled.channel_axis, workers=options.workers, mask=found.mask,
                    **given, **swept)
    images.write(options.output, images.Image(results.sheet, -1), options.overwrite)
    if not options.quiet:
        report = f"; {found.report}" if found.report else ""
        print(f"{options.output}: {len(results.images)} results of {options.model}{report}")


def _values(text):
    """The name and the values of NAME=V,V,..."""
    name, _, values = text.partition("=")
    if name not in SWEPT:
        raise UsageError(f"--sweep {text}: the name must be one of {', '.join(SWEPT)}")
    parts = [value.strip() for value in values.split(",")]
    if not all(parts):
        raise UsageError(f"--sweep {text}: give at least one value, as in {name}=1,2")
    if SWEPT[name] is not float:
        return name, parts
    try:
        return name, [float(value) for value in parts]
    except ValueError:
        raise UsageError(f"--sweep {text}: the values of {name} must be numbers") from None


def _model(options):
    from .. import models

    return getattr(models, options.model.replace("-", "_"))
