"""The command pdenet denoise: an image, a volume, a stack of pages, or a folder of them."""

import argparse
import dataclasses
import sys

import numpy as np

from ..checks import check_count, check_number
from ..experiments.rectangles import add_noise
from ..files.images import UsageError
from ..images import Axes, to_units
from . import inputs, volumes
from .report import psnr

MODELS = ("poisson", "speckle", "rician")

HELP = f"""\
{inputs.FILES_HELP}
{volumes.HELP}
The noise is taken to be white, with one standard deviation sigma in all of an
image, unless --noise-model says how it depends on the grey level:
  poisson  photon counts and camera noise: --gain grey levels for each count,
           --sigma of the camera noise, --offset grey level of no light
  speckle  of radar, ultrasound, lasers: --looks averaged, --amplitude unless
           the image has intensities
  rician   magnitudes of magnetic resonance: --sigma
What is not given is estimated for each image and each of its channels. Grey
levels are not rescaled, unless --rescale is given.

examples:
  pdenet denoise example:camera --noise 40 out.png
  pdenet denoise photo.jpg clean.jpg
  pdenet denoise scans/ denoised/ --sigma 12
  pdenet denoise cells.tif clean.tif --noise-model poisson
  pdenet denoise scan.nii.gz clean.nii.gz --noise-model rician
  pdenet denoise radar.tif clean.tif --noise-model speckle --looks 4
  pdenet denoise stack.tif clean.tif --parameters mine.json
"""


def add_command(commands):
    """Add the parser to those of the other commands."""
    command = commands.add_parser(
        "denoise", help="remove noise from images and volumes",
        usage="pdenet denoise INPUT [INPUT ...] OUTPUT [options]",
        description="Remove noise from images and volumes by learned diffusion networks.",
        epilog=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    inputs.add_files(command)
    command.add_argument("--sigma", type=float,
                         help="standard deviation of the noise, grey levels (default: estimated)")
    command.add_argument("--noise-model", choices=MODELS,
                         help="how noise depends on the grey level (default: not at all)")
    command.add_argument("--gain", type=float,
                         help="poisson: grey levels for each count (default: estimated)")
    command.add_argument("--offset", type=float,
                         help="poisson: grey level of no light (default: 0, or estimated)")
    command.add_argument("--looks", type=float,
                         help="speckle: number of looks that were averaged (default: estimated)")
    command.add_argument("--amplitude", action="store_true",
                         help="speckle: the image has amplitudes, the roots of intensities")
    command.add_argument("--noise", type=float, metavar="SIGMA",
                         help="add Gaussian noise of this standard deviation, grey levels, "
                              "first, denoise for it unless --sigma is given, and print the PSNR "
                              "before and after")
    command.add_argument("--seed", type=int, default=0,
                         help="seed of the noise that is added (default: %(default)s)")
    command.add_argument("--shared", action="store_true",
                         help="the network with the same parameters in all steps")
    command.add_argument("--adapt", action="store_true",
                         help="learn from each image first, which takes seconds")
    command.add_argument("--parameters", metavar="FILE",
                         help="a network of your own, as written by pdenet train")
    volumes.add_options(command)
    inputs.add_options(command)
    command.set_defaults(run=run)


def run(options):
    for name in ("sigma", "noise"):
        if getattr(options, name) is not None and not (name == "sigma" and options.noise_model):
            check_number(f"--{name}", getattr(options, name), above=0.0)
    _model(options)  # refuse now what cannot be meant
    check_count("--seed", options.seed, least=0)
    for name in ("sigma", "noise_model", "shared", "adapt"):
        if options.parameters and getattr(options, name):
            raise UsageError(f"--{name.replace('_', '-')} does not apply with --parameters, which "
                             f"holds the network")
    options.network = None
    if options.parameters:
        from ..network.saved import load

        options.network = load(options.parameters)
    settings = ("sigma", "noise_model", "gain", "offset", "looks", "amplitude", "shared", "adapt",
                "parameters", "volumes", "spacing")
    return inputs.run(options, denoise_pixels, settings,
                      alone=options.noise is not None and "--noise")


def _model(options):
    """The model of --noise-model with its numbers, or None."""
    from ..noise.poisson import PoissonNoise  # only here, so that the parser needs no Numba
    from ..noise.rician import RicianNoise
    from ..noise.speckle import SpeckleNoise

    models = dict(zip(MODELS, (PoissonNoise, SpeckleNoise, RicianNoise), strict=True))
    chosen = models.get(options.noise_model)
    numbers = {name.name: getattr(options, name.name) for name in dataclasses.fields(chosen)
               if hasattr(options, name.name)} if chosen else {}
    for owner, model in models.items():
        for name in {field.name for field in dataclasses.fields(model)} - {*numbers, "sigma"}:
            if getattr(options, name, None):
                raise UsageError(f"--{name} is of --noise-model {owner}")
    if chosen is None:
        return None
    if options.noise is not None:
        raise UsageError("--noise adds Gaussian noise, which --noise-model does not expect")
    if options.sigma is not None and "sigma" not in numbers:
        raise UsageError(f"--sigma does not apply with --noise-model {options.noise_model}")
    return chosen(**numbers)


def denoise_pixels(pixels, channel_axis, options, progress, mask=None):
    """The denoised pixels, what was done, and the numbers of it."""
    if options.noise is None:
        return _denoise(pixels, channel_axis, options, mask)
    noisy = add_noise(pixels.astype(np.float64), options.noise, options.seed)
    result, report, numbers = _denoise(noisy, channel_axis, options, mask)
    before, after = (psnr(pixels, image) for image in (noisy, result))
    return result, f"{report}, PSNR {before:.2f} dB before and {after:.2f} dB after", numbers


def _denoise(pixels, channel_axis, options, mask=None):
    from ..denoising import Options, denoise_planes, of_volumes

    if options.network is not None:
        network = options.network if options.voxels is None else dataclasses.replace(
            options.network, spacing=options.voxels)
        result = network(pixels, channel_axis=channel_axis, mask=mask, workers=options.workers)
        return result, f"by {options.parameters}", {}
    given = to_units(pixels, channel_axis, mask, axes=Axes(True, of_volumes(options.voxels)))
    model = _model(options)
    sigma = None if model else options.sigma or options.noise
    planes, levels = denoise_planes(given, sigma, model, Options(
        None, options.shared, options.adapt, not options.quiet and sys.stderr.isatty(),
        options.workers))
    if model:
        return given.finish(planes), *_told(model, levels, options.noise_model)
    told, how = (levels, "estimated noise") if sigma is None else (levels[:1], "noise")
    return (given.finish(planes),
            f"{how} {', '.join(f'{level:.4g}' for level in told)}",
            {"sigma": told if told.size > 1 else float(told[0])})


def _told(model, found, name):
    """A line about the models of the channels, and their numbers for the report."""
    numbers = {number: np.array([getattr(one, number) for one in found])
               for number in model.numbers}
    if model.complete:
        numbers = {number: values[:1] for number, values in numbers.items()}
    line = ", ".join(f"{number} {', '.join(f'{value:.4g}' for value in values)}"
                     for number, values in numbers.items())
    how = "noise" if all(getattr(model, number) is not None for number in numbers) else \
        "estimated noise"
    return f"{how} {name}: {line}", {number: values if values.size > 1 else float(values[0])
                                     for number, values in numbers.items()}
