"""The command pdenet denoise: an image, a stack of pages, or a folder of them."""

import argparse
import sys

import numpy as np

from ..checks import check_count, check_number
from ..experiments.rectangles import add_noise
from ..files.images import UsageError
from ..images import to_units
from . import inputs
from .report import psnr

HELP = f"""\
{inputs.FILES_HELP}
The noise is taken to be white, with one standard deviation sigma in all of an
image. If it is not given, it is estimated for each image and each of its
channels. Grey levels are not rescaled, unless --rescale is given.

examples:
  pdenet denoise example:camera --noise 40 out.png
  pdenet denoise photo.jpg clean.jpg
  pdenet denoise scans/ denoised/ --sigma 12
  pdenet denoise stack.tif clean.tif --parameters mine.json
"""


def add_command(commands):
    """Add the parser to those of the other commands."""
    command = commands.add_parser(
        "denoise", help="remove noise from images",
        usage="pdenet denoise INPUT [INPUT ...] OUTPUT [options]",
        description="Remove noise from images by learned diffusion networks.", epilog=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    inputs.add_files(command)
    command.add_argument("--sigma", type=float,
                         help="standard deviation of the noise, grey levels (default: estimated)")
    command.add_argument("--noise", type=float, metavar="SIGMA",
                         help="add Gaussian noise of this standard deviation, grey levels, "
                              "first, denoise for it unless --sigma is given, and print the PSNR "
                              "before and after")
    command.add_argument("--seed", type=int, default=0,
                         help="seed of the noise that is added (default: %(default)s)")
    command.add_argument("--shared", action="store_true",
                         help="the network with the same 18 parameters in all steps")
    command.add_argument("--adapt", action="store_true",
                         help="learn from each image first, which takes seconds")
    command.add_argument("--parameters", metavar="FILE",
                         help="a network of your own, as written by pdenet train")
    inputs.add_options(command)
    command.set_defaults(run=run)


def run(options):
    for name in ("sigma", "noise"):
        if getattr(options, name) is not None:
            check_number(f"--{name}", getattr(options, name), above=0.0)
    check_count("--seed", options.seed, least=0)
    for name in ("sigma", "shared", "adapt"):
        if options.parameters and getattr(options, name):
            raise UsageError(f"--{name} does not apply with --parameters, which holds the network")
    options.network = None
    if options.parameters:
        from ..network.saved import load

        options.network = load(options.parameters)
    return inputs.run(options, denoise_pixels, ("sigma", "shared", "adapt", "parameters"),
                      alone=options.noise is not None and "--noise")


def denoise_pixels(pixels, channel_axis, options, progress, mask=None):
    """The denoised pixels, what was done, and the numbers of it."""
    if options.noise is None:
        return _denoise(pixels, channel_axis, options, mask)
    noisy = add_noise(pixels.astype(np.float64), options.noise, options.seed)
    result, report, numbers = _denoise(noisy, channel_axis, options, mask)
    before, after = (psnr(pixels, image) for image in (noisy, result))
    return result, f"{report}, PSNR {before:.2f} dB before and {after:.2f} dB after", numbers


def _denoise(pixels, channel_axis, options, mask=None):
    from ..denoising import denoise_planes

    if options.network is not None:
        result = options.network(pixels, channel_axis=channel_axis, mask=mask,
                                 workers=options.workers)
        return result, f"by {options.parameters}", {}
    given = to_units(pixels, channel_axis, mask)
    sigma = options.sigma or options.noise
    planes, levels = denoise_planes(
        given.planes, given.unit, sigma, None, options.shared, options.workers, options.adapt,
        not options.quiet and sys.stderr.isatty(), given.mask)
    told, how = (levels, "estimated noise") if sigma is None else (levels[:1], "noise")
    return (given.finish(planes),
            f"{how} {', '.join(f'{level:.4g}' for level in told)}",
            {"sigma": told if told.size > 1 else float(told[0])})
