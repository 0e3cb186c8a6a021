"""The command pdenet train: a model of Figure 4, or a denoiser for a user's own images."""

import argparse
import os
import platform
import sys
from importlib import metadata

from .. import __version__
from ..checks import check_count, check_number, check_workers
from ..files.images import MAX_PIXELS, UsageError, check_place, read
from ..images import from_planes, to_planes
from ..network.pretrained import PRETRAINED
from . import curves
from .inputs import connect

HELP = """\
The images are 100 of 256 x 256 pixels with rectangles at 30 degrees and noise
of standard deviation 60, as in Section 6 of the paper. An interrupted training
goes on where it was when the same command is given again: after every epoch
its state is in OUTPUT.checkpoint.

With MODEL denoiser the network of pdenet denoise --shared learns from your own
noisy images, even from one, without clean ones (Stein's unbiased risk
estimate); pdenet denoise --parameters takes the result.

examples:
  pdenet train anisotropic try.json --quick
  pdenet train isotropic isotropic.json --epochs 400
  pdenet train denoiser mine.json --noisy a.tif b.tif --sigma 15
"""


def add_command(commands):
    """Add the parser to those of the other commands."""
    command = commands.add_parser(
        "train", help="train a model of Figure 4, or a denoiser for your own images",
        description="Train a model of Figure 4, or a denoiser for your own images.",
        usage="pdenet train MODEL OUTPUT [options]", epilog=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    command.add_argument("model", metavar="MODEL", choices=(*PRETRAINED, "denoiser"),
                         help=f"{', '.join(PRETRAINED)}, or denoiser")
    command.add_argument("output", metavar="OUTPUT", help="JSON file for the parameters")
    command.add_argument("--noisy", nargs="+", metavar="FILE",
                         help="noisy images to learn from, for denoiser: PNG, JPEG, or TIFF with "
                              "one page")
    command.add_argument("--sigma", type=float, help="standard deviation of their noise, grey "
                         "levels (default: estimated for each, which needs PyWavelets)")
    command.add_argument("--epochs", type=int,
                         help="passes over the images (default: 400, with --quick 10, of "
                              "denoiser 100)")
    command.add_argument("--images", type=int,
                         help="number of training images (default: 100, with --quick 8)")
    command.add_argument("--batch-size", type=int,
                         help="images per update (default: 4, of denoiser 1)")
    command.add_argument("--learning-rate", type=float,
                         help="step size of the optimiser (default: 0.001, with --quick 0.02, of "
                              "denoiser 0.03)")
    command.add_argument("--alpha", type=float,
                         help="parameter of the discretisation (default: 0.41, of "
                              "anisotropic-invariant 0.45)")
    command.add_argument("--gamma", type=float, help="parameter of the discretisation (default: 0)")
    command.add_argument("--seed", type=int, default=0,
                         help="seed of the order of the images (default: %(default)s)")
    command.add_argument("--quick", action="store_true", help="a try of about a minute")
    command.add_argument("--scheduler", metavar="ADDRESS",
                         help="address of a dask cluster, such as tcp://host:8786, whose "
                              "workers compute the gradients")
    command.add_argument("--checkpoint", metavar="FILE",
                         help="keep the state here, also at the end (default: OUTPUT.checkpoint, "
                              "removed at the end)")
    curves.add_common(command)
    command.set_defaults(run=run)


def run(options):
    check_place(options.output, options.overwrite)
    if options.model == "denoiser":
        return _train_denoiser(options)
    _refuse(options, "noisy", "sigma")
    images = (8 if options.quick else 100) if options.images is None else options.images
    check_count("--images", images, least=1)
    gamma = options.gamma or 0.0
    epochs, batch_size, rate = _settle(options, *((10, 4, 0.02) if options.quick else
                                                  (400, 4, 0.001)))
    from ..experiments import figure4

    return _train(options, lambda **common: figure4.train(
        options.model, epochs, images, batch_size, rate, options.seed, options.alpha, gamma,
        **common), lambda fitted: (
            f"--epochs {epochs} --images {images} --batch-size {batch_size} --learning-rate "
            f"{rate:g} --alpha {fitted.operator.alpha:g} --gamma {gamma:g} --seed {options.seed}"))


def _train_denoiser(options):
    """The network of `denoise`, with the same parameters in all steps, from noisy images alone."""
    _refuse(options, "images", "alpha", "gamma", "scheduler")
    if not options.noisy:
        raise UsageError("denoiser learns from images: --noisy FILE ...")
    if options.sigma is not None:
        check_number("--sigma", options.sigma, above=0.0)
    epochs, batch_size, rate = _settle(options, 10 if options.quick else 100, 1, 0.03)
    from .. import denoising, estimates
    from ..learning.fit import fit_noisy
    from ..learning.optimizers import Adam

    images = [read(name, MAX_PIXELS) for name in options.noisy]
    stacks = [to_planes(image.pixels, image.channel_axis) for image in images]
    sigmas = [estimates.estimate_noise(planes) if options.sigma is None else options.sigma
              for planes in stacks]
    network = denoising.denoiser(
        sum(sigmas) / len(sigmas), channels=len(stacks[0]), shared=True,
        data_range=max(max(map(estimates.range_of, stacks)), 1e-6))
    noisy = [from_planes(planes, -1).astype("float32") for planes in stacks]
    return _train(options, lambda **common: fit_noisy(
        network, noisy, sigmas, epochs=epochs, batch_size=batch_size, channel_axis=-1,
        optimizer=Adam(rate, schedule="cosine"), rng=options.seed, **common), lambda fitted: (
            f"--noisy {' '.join(map(os.path.basename, options.noisy))} --sigma "
            f"{' '.join(f'{sigma:.6g}' for sigma in sigmas)} --epochs {epochs} --batch-size "
            f"{batch_size} --learning-rate {rate:g} --seed {options.seed}"))


def _refuse(options, *names):
    """Raise if an option was given that does not apply to the model."""
    for name in names:
        if getattr(options, name) is not None:
            raise UsageError(f"--{name} does not apply to {options.model}")


def _settle(options, epochs, batch_size, rate):
    """The common options of a training, by default these."""
    epochs = epochs if options.epochs is None else options.epochs
    batch_size = batch_size if options.batch_size is None else options.batch_size
    rate = rate if options.learning_rate is None else options.learning_rate
    check_count("--batch-size", batch_size, least=1)
    check_count("--seed", options.seed, least=0)
    check_count("--epochs", epochs, least=1)
    check_number("--learning-rate", rate, above=0.0)
    return epochs, batch_size, rate


def _train(options, train, command):
    """Run a training that goes on from its checkpoint, and save the network."""
    checkpoint = options.checkpoint or options.output + ".checkpoint"
    common = {"workers": check_workers(options.workers), "checkpoint": checkpoint,
              "progress": not options.quiet and sys.stderr.isatty()}
    try:
        if options.scheduler is None:
            fitted, history = train(**common)
        else:
            with connect(options.scheduler) as client:
                fitted, history = train(client=client, **common)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted; the same command goes on from "
                                f"{checkpoint}") from None
    last = history[-1]
    fitted.save(options.output, provenance={
        "command": f"pdenet train {options.model} {os.path.basename(options.output)} "
                   f"{command(fitted)}", "seed": options.seed, "versions": _versions(),
        "epochs": len(history), "loss": last["loss"], "psnr": last["psnr"]})
    if options.checkpoint is None:
        os.unlink(checkpoint)
    if not options.quiet:
        result = (f"{last['psnr']:.3f} dB on the training images" if last["psnr"] is not None
                  else f"an estimated mean squared error of {last['loss']:.4g}")
        print(f"{options.output}: {options.model}, {len(history)} epochs, in the last {result}")


def _versions():
    return {"pdenet": __version__, "numpy": metadata.version("numpy"),
            "numba": metadata.version("numba"), "python": platform.python_version(),
            "machine": platform.machine()}
