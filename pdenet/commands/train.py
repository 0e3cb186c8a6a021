"""The command pdenet train: a model of Figure 4, or a denoiser for a user's own images."""

import argparse
import os
import sys

from ..checks import check_count, check_number, check_workers
from ..files.images import MAX_PIXELS, UsageError, check_place, read
from ..images import from_planes, to_planes
from ..network.pretrained import PRETRAINED
from . import curves
from .folders import connect

HELP = """\
The images are 100 of 256 x 256 pixels with rectangles at 30 degrees and noise
of standard deviation 60, as in Section 6 of the paper. L-BFGS stops where
nothing is left to gain, after about 40 passes over the images; --optimizer adam
is the paper's protocol. An interrupted training goes on where it was when the
same command is given again: after every pass its state is in OUTPUT.checkpoint.

With MODEL denoiser the network of pdenet denoise --shared learns from your own
noisy images, even from one, without clean ones (Stein's unbiased risk
estimate); pdenet denoise --parameters takes the result.

examples:
  pdenet train anisotropic try.json --quick
  pdenet train isotropic paper.json --optimizer adam --epochs 400
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
                         "levels (default: estimated for each)")
    command.add_argument("--optimizer", choices=("lbfgs", "adam"), default="lbfgs",
                         help="(default: %(default)s)")
    command.add_argument("--epochs", type=int,
                         help="passes over the images at most (default: 400, of denoiser 60)")
    command.add_argument("--images", type=int,
                         help="number of training images (default: 100, with --quick 8)")
    command.add_argument("--batch-size", type=int,
                         help="images per update of adam (default: 4, of denoiser 1)")
    command.add_argument("--learning-rate", type=float,
                         help="step size of adam (default: 0.001, of denoiser 0.03)")
    command.add_argument("--alpha", type=float,
                         help="parameter of the discretisation (default: 0.41, of "
                              "anisotropic-invariant 0.45)")
    command.add_argument("--gamma", type=float, help="parameter of the discretisation (default: 0)")
    command.add_argument("--structure-twist", type=float, metavar="WEIGHT",
                         help="weight of the twist in the structure tensor, 0 to 1 (default: 1, of "
                              "anisotropic-invariant 0)")
    command.add_argument("--seed", type=int, default=0,
                         help="seed of the order of the images, of adam, and of the probes, of "
                              "denoiser (default: %(default)s)")
    command.add_argument("--quick", action="store_true", help="a try of seconds: 8 images")
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
    common, words = _settle(options, 400, 4, 0.001, "constant")
    from ..experiments import figure4

    return _train(options, lambda **others: figure4.train(
        options.model, images, options.alpha, gamma, options.structure_twist, **common, **others),
        lambda fitted: (
            f"--images {images} --alpha {fitted.operator.alpha:g} --gamma {gamma:g} "
            f"--structure-twist {fitted.operator.structure_twist:g} {words}"))


def _train_denoiser(options):
    """The network of `denoise`, with the same parameters in all steps, from noisy images alone."""
    _refuse(options, "images", "alpha", "gamma", "structure_twist", "scheduler")
    if not options.noisy:
        raise UsageError("denoiser learns from images: --noisy FILE ...")
    if options.sigma is not None:
        check_number("--sigma", options.sigma, above=0.0)
    common, words = _settle(options, 60, 1, 0.03, "cosine")
    from .. import denoising, estimates
    from ..noise.level import levels_of
    from ..learning.fit import fit_noisy

    images = [read(name, MAX_PIXELS) for name in options.noisy]
    stacks = [to_planes(image.pixels, image.channel_axis) for image in images]
    sigmas = [float(levels_of(planes).mean()) if options.sigma is None else options.sigma
              for planes in stacks]
    network = denoising.denoiser(
        sum(sigmas) / len(sigmas), channels=len(stacks[0]), shared=True,
        data_range=max(max(map(estimates.range_of, stacks)), 1e-6))
    noisy = [from_planes(planes, -1).astype("float32") for planes in stacks]
    return _train(options, lambda **others: fit_noisy(
        network, noisy, sigmas, channel_axis=-1, **common, **others), lambda fitted: (
            f"--noisy {' '.join(map(os.path.basename, options.noisy))} --sigma "
            f"{' '.join(f'{sigma:.6g}' for sigma in sigmas)} {words}"))


def _refuse(options, *names):
    """Raise if an option was given that does not apply to the model."""
    for name in names:
        if getattr(options, name) is not None:
            raise UsageError(f"--{name.replace('_', '-')} does not apply to {options.model}")


def _settle(options, epochs, batch_size, rate, schedule):
    """Arguments of `fit` and `fit_noisy`, by default these, and how to write them as options."""
    from ..learning.optimizers import LBFGS, Adam

    epochs = epochs if options.epochs is None else options.epochs
    check_count("--epochs", epochs, least=1)
    check_count("--seed", options.seed, least=0)
    common = {"epochs": epochs, "rng": options.seed, "optimizer": LBFGS()}
    words = f"--optimizer {options.optimizer} --epochs {epochs} --seed {options.seed}"
    if options.optimizer == "lbfgs":
        for name in ("batch_size", "learning_rate"):
            if getattr(options, name) is not None:
                raise UsageError(f"--{name.replace('_', '-')} applies to --optimizer adam only")
        return common, words
    batch_size = batch_size if options.batch_size is None else options.batch_size
    rate = rate if options.learning_rate is None else options.learning_rate
    check_count("--batch-size", batch_size, least=1)
    check_number("--learning-rate", rate, above=0.0)
    common |= {"batch_size": batch_size, "optimizer": Adam(rate, schedule=schedule)}
    return common, f"{words} --batch-size {batch_size} --learning-rate {rate:g}"


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
    from ..experiments import figure4

    result = figure4.save(fitted, history, options.output, f"pdenet train {options.model} "
                          f"{os.path.basename(options.output)} {command(fitted)}")
    if options.checkpoint is None:
        os.unlink(checkpoint)
    if not options.quiet:
        print(f"{options.output}: {options.model}, {result}")
