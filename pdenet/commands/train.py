"""The commands of the experiment: pdenet train, pdenet figure4, pdenet audit."""

import argparse
import os
import sys

MODELS = ("isotropic", "anisotropic", "uncoupled", "anisotropic-steered", "anisotropic-invariant")
PEERS = ("tv", "non-local-means", "wavelet", "bilateral")

TRAIN_HELP = """\
The images are 100 of 256 x 256 pixels with rectangles at 30 degrees and noise of standard deviation
60, as in Section 6 of the paper. An interrupted training goes on where it was when the same
command is given again: after every epoch its state is in OUTPUT.checkpoint.

With MODEL denoiser the network of pdenet denoise learns from your own noisy images, even from one,
without clean ones (Stein's unbiased risk estimate); the result goes to pdenet denoise --parameters.

examples:
  pdenet train anisotropic try.json --quick
  pdenet train isotropic isotropic.json --epochs 400
  pdenet train denoiser mine.json --noisy a.tif b.tif --sigma 15
"""

FIGURE4_HELP = """\
Evaluates the shipped parameters on rectangles at 5, 10, ..., 85 degrees and writes the curves as a
picture and as a table (with the mean and the variance over the angles in its last rows).

examples:
  pdenet figure4 --output figure4.png --table figure4.csv
  pdenet figure4 --full --parameters mine=try.json
"""

AUDIT_HELP = """\
PSNR over the angle of the image's content, and its variance, for shipped models and for
scikit-image's denoisers: tv, non-local-means, wavelet (needs PyWavelets), bilateral.

examples:
  pdenet audit anisotropic tv non-local-means
  pdenet audit --count 5 --output audit.png --table audit.csv
"""


def add_commands(commands):
    """Add the parsers to those of the other commands."""
    raw = argparse.RawDescriptionHelpFormatter
    command = commands.add_parser(
        "train", help="train a model of Figure 4, or a denoiser for your own images",
        description="Train a model of Figure 4, or a denoiser for your own images.",
        usage="pdenet train MODEL OUTPUT [options]", epilog=TRAIN_HELP, formatter_class=raw)
    command.add_argument("model", metavar="MODEL", choices=(*MODELS, "denoiser"),
                         help=f"{', '.join(MODELS)}, or denoiser")
    command.add_argument("output", metavar="OUTPUT", help="JSON file for the parameters")
    command.add_argument("--noisy", nargs="+", metavar="FILE",
                         help="noisy images to learn from, for denoiser")
    command.add_argument("--sigma", type=float, help="standard deviation of their noise, grey "
                         "levels (default: estimated for each, which needs PyWavelets)")
    command.add_argument("--epochs", type=int,
                         help="(default: 400, with --quick 10, of denoiser 100)")
    command.add_argument("--images", type=int, help="(default: 100, with --quick 8)")
    command.add_argument("--batch-size", type=int, help="(default: 4, of denoiser 1)")
    command.add_argument("--learning-rate", type=float,
                         help="(default: 0.001, with --quick 0.02, of denoiser 0.03)")
    command.add_argument("--alpha", type=float, help="of the discretisation (default: 0.41, of "
                         "anisotropic-invariant 0.45)")
    command.add_argument("--gamma", type=float, help="of the discretisation (default: 0)")
    command.add_argument("--seed", type=int, default=0,
                         help="of the order of the images (default: %(default)s)")
    command.add_argument("--quick", action="store_true", help="a try of about a minute")
    command.add_argument("--scheduler", metavar="ADDRESS",
                         help="of a dask cluster whose workers compute, such as tcp://host:8786")
    command.add_argument("--checkpoint", metavar="FILE",
                         help="keep the state here, also at the end (default: OUTPUT.checkpoint, "
                              "removed at the end)")
    _add_common(command)
    command.set_defaults(run=run_train)

    command = commands.add_parser(
        "figure4", help="evaluate the shipped parameters as in Figure 4",
        description="Evaluate the shipped parameters as in Figure 4.", epilog=FIGURE4_HELP,
        formatter_class=raw)
    _add_curves(command)
    command.add_argument("--full", action="store_const", dest="count", const=50,
                         help="50 images per angle, as in the paper")
    command.add_argument("--trained", metavar="FOLDER",
                         help="take FOLDER/NAME.json for each model instead of what is shipped")
    command.add_argument("--parameters", action="append", default=[], metavar="NAME=FILE",
                         help="another network to draw; may be repeated")
    _add_common(command)
    command.set_defaults(run=run_figure4, output="figure4.png", table="figure4.csv")

    command = commands.add_parser(
        "audit", help="measure rotation invariance",
        description="Measure the rotation invariance of denoisers.", epilog=AUDIT_HELP,
        formatter_class=raw)
    command.add_argument("names", nargs="*", metavar="NAME",
                         help=f"{', '.join((*MODELS, *PEERS))} (default: all)")
    command.add_argument("--tune", action="store_true",
                         help="search the peers' parameters anew, on training images")
    _add_curves(command)
    _add_common(command)
    command.set_defaults(run=run_audit)


def _add_curves(command):
    command.add_argument("--count", type=int, default=10, metavar="N",
                         help="images per angle (default: %(default)s)")
    command.add_argument("--output", metavar="FILE",
                         help="picture of the curves (default: %(default)s)")
    command.add_argument("--table", metavar="FILE",
                         help="CSV file of the curves (default: %(default)s)")


def _add_common(command):
    command.add_argument("--workers", type=int, metavar="N",
                         help="threads (default: PDENET_NUM_THREADS or all processors)")
    command.add_argument("--overwrite", action="store_true", help="replace existing files")
    command.add_argument("--quiet", action="store_true", help="print nothing but errors")


def run_train(options):
    from ..experiments import figure4
    from ..checks import check_count

    _check_targets(options, options.output)
    if options.model == "denoiser":
        return _train_denoiser(options)
    _refuse(options, "noisy", "sigma")
    images = (8 if options.quick else 100) if options.images is None else options.images
    check_count("--images", images, least=1)
    gamma = options.gamma or 0.0
    epochs, batch_size, rate = _settle(options, *((10, 4, 0.02) if options.quick else
                                                  (400, 4, 0.001)))
    return _train(options, lambda **common: figure4.train(
        options.model, epochs, images, batch_size, rate, options.seed, options.alpha, gamma,
        **common), lambda fitted: (
            f"--epochs {epochs} --images {images} --batch-size {batch_size} --learning-rate "
            f"{rate:g} --alpha {fitted.operator.alpha:g} --gamma {gamma:g} --seed {options.seed}"))


def _train_denoiser(options):
    """The network of `denoise`, with the same parameters in all steps, from noisy images alone."""
    from .. import denoising, estimates
    from ..checks import check_number, from_planes, to_planes
    from ..files.images import MAX_PIXELS, UsageError, read
    from ..learning.fit import Adam, fit_noisy

    _refuse(options, "images", "alpha", "gamma", "scheduler")
    if not options.noisy:
        raise UsageError("denoiser learns from images: --noisy FILE ...")
    if options.sigma is not None:
        check_number("--sigma", options.sigma, above=0.0)
    epochs, batch_size, rate = _settle(options, 10 if options.quick else 100, 1, 0.03)
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
    from ..files.images import UsageError

    for name in names:
        if getattr(options, name) is not None:
            raise UsageError(f"--{name} does not apply to {options.model}")


def _settle(options, epochs, batch_size, rate):
    """The common options of a training, by default these."""
    from ..checks import check_count, check_number

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
    from .. import __version__
    from ..checks import check_workers

    checkpoint = options.checkpoint or options.output + ".checkpoint"
    common = {"workers": check_workers(options.workers), "checkpoint": checkpoint,
              "progress": not options.quiet and sys.stderr.isatty()}
    try:
        if options.scheduler is None:
            fitted, history = train(**common)
        else:
            from ..execution import cluster
            with cluster.connect(options.scheduler) as client:
                fitted, history = train(client=client, **common)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted; the same command goes on from "
                                f"{checkpoint}") from None
    last = history[-1]
    fitted.save(options.output, provenance={
        "command": f"pdenet train {options.model} {os.path.basename(options.output)} "
                   f"{command(fitted)}", "seed": options.seed, "versions": _versions(__version__),
        "epochs": len(history), "loss": last["loss"], "psnr": last["psnr"]})
    if options.checkpoint is None:
        os.unlink(checkpoint)
    if not options.quiet:
        result = (f"{last['psnr']:.3f} dB on the training images" if last["psnr"] is not None
                  else f"an estimated mean squared error of {last['loss']:.4g}")
        print(f"{options.output}: {options.model}, {len(history)} epochs, in the last {result}")


def _versions(version):
    import platform

    import numba
    import numpy

    return {"pdenet": version, "numpy": numpy.__version__, "numba": numba.__version__,
            "python": platform.python_version(), "machine": platform.machine()}


def run_figure4(options):
    from ..experiments import figure4
    from ..network import saved as parameterfiles
    from ..checks import check_count

    check_count("--count", options.count, least=1)
    _check_targets(options, options.output, options.table)
    _check_drawing(options.output)
    networks = (figure4.shipped() if options.trained is None else
                {name: parameterfiles.load(os.path.join(options.trained, f"{name}.json"))
                 for name in MODELS})
    for text in options.parameters:
        name, separator, path = text.partition("=")
        if not (name and separator and path):
            from ..files.images import UsageError
            raise UsageError(f"--parameters must be NAME=FILE; got {text!r}")
        networks[name] = parameterfiles.load(path)
    _report(networks, options)


def run_audit(options):
    from ..experiments import figure4, peers
    from ..network import saved as parameterfiles
    from ..checks import check_choice, check_count

    check_count("--count", options.count, least=1)
    _check_targets(options, options.output, options.table)
    _check_drawing(options.output)
    names = options.names or (*MODELS, *PEERS)
    functions = {}
    for name in names:
        check_choice("NAME", name, (*MODELS, *PEERS))
    for name in names:
        if name in MODELS:
            functions[name] = parameterfiles.pretrained(name)
        elif not peers.available(name):
            if options.names:
                from ..files.images import ImageFileError
                raise ImageFileError("wavelet needs PyWavelets: python -m pip install PyWavelets")
            print("wavelet: skipped, PyWavelets is not installed", file=sys.stderr)
        elif options.tune:
            psnr, parameters = peers.tune(name, *figure4.training_set(4))
            print(f"{name}: {parameters}, {psnr:.2f} dB on training images", file=sys.stderr)
            functions[name] = peers.peer(name, parameters)
        else:
            functions[name] = peers.peer(name)
    _report(functions, options)


def _report(functions, options):
    """Evaluate, write what is wanted, and print a line for each."""
    from ..experiments import audit, figure4
    from ..checks import check_workers

    workers, width, results = check_workers(options.workers), max(map(len, functions)), {}
    if not options.quiet:
        print(f"{'':{width}}  mean PSNR  variance over {len(audit.ANGLES)} angles, "
              f"{options.count} images each", flush=True)
    for name, function in functions.items():
        results[name] = figure4.evaluate(function, options.count, workers)
        if not options.quiet:  # as soon as it is known
            print(f"{name:{width}}  {results[name].mean:6.2f} dB  {results[name].variance:8.4f} "
                  f"dB^2", flush=True)
    for path, write in ((options.table, audit.write_table), (options.output, audit.draw)):
        if path:
            write(path, results)
            if not options.quiet:
                print(path)


def _check_drawing(path):
    """Refuse now what could not be drawn after minutes of work."""
    import importlib.util

    from ..experiments.audit import PICTURES
    from ..files.images import ImageFileError, UsageError

    if path is None:
        return
    if os.path.splitext(path)[1].lower() not in PICTURES:
        raise UsageError(f"{path}: a picture of curves is one of {', '.join(PICTURES)}")
    if importlib.util.find_spec("matplotlib") is None:
        raise ImageFileError(f"{path}: drawing needs matplotlib: python -m pip install matplotlib")


def _check_targets(options, *paths):
    from ..files.images import check_place

    for path in filter(None, paths):
        check_place(path, options.overwrite)
