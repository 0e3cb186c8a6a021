"""The command pdenet figure4: the experiment of Figure 4, with the shipped parameters or from
nothing."""

import argparse
import os
import sys

from ..checks import check_choice, check_count, check_workers
from ..files.images import UsageError
from ..network.pretrained import PRETRAINED
from . import curves

HELP = """\
Evaluates networks on rectangles at 5, 10, ..., 85 degrees and writes the curves
as a picture and as a table, with the mean and the variance over the angles in
its last rows: the standard error of the variance, and the part of it that is
not chance, too. With --from-nothing it trains them first, on the 100 images of
the paper; after an interruption the same command goes on.

examples:
  pdenet figure4 --output figure4.png --table figure4.csv
  pdenet figure4 --full --parameters mine=try.json
  pdenet figure4 isotropic anisotropic uncoupled --full --from-nothing trained/
"""


def add_command(commands):
    """Add the parser to those of the other commands."""
    command = commands.add_parser(
        "figure4", help="train and evaluate networks as in Figure 4",
        usage="pdenet figure4 [NAME ...] [options]", epilog=HELP,
        description="Evaluate networks as in Figure 4, the shipped ones or from nothing.",
        formatter_class=argparse.RawDescriptionHelpFormatter)
    command.add_argument("names", metavar="NAME", nargs="*",
                         help=f"of {', '.join(PRETRAINED)} (default: all)")
    curves.add_options(command, "figure4.png", "figure4.csv")
    command.add_argument("--full", action="store_const", dest="count", const=50,
                         help="50 images per angle, as in the paper")
    command.add_argument("--from-nothing", metavar="FOLDER",
                         help="train the networks, or go on, and keep them as FOLDER/NAME.json")
    command.add_argument("--images", type=int, metavar="N",
                         help="number of training images (default: 100)")
    command.add_argument("--parameters", action="append", default=[], metavar="NAME=FILE",
                         help="another network to draw; may be repeated")
    command.set_defaults(run=run)


def run(options):
    check_count("--count", options.count, least=1)
    for name in options.names:
        check_choice("NAME", name, PRETRAINED)
    if options.images is not None:
        check_count("--images", options.images, least=1)
        if options.from_nothing is None:
            raise UsageError("--images applies with --from-nothing only")
    if options.from_nothing is not None:
        os.makedirs(options.from_nothing, exist_ok=True)  # pictures may go there, too
    curves.check_targets(options)
    from ..network.saved import load, pretrained

    others = {}
    for text in options.parameters:
        name, separator, path = text.partition("=")
        if not (name and separator and path):
            raise UsageError(f"--parameters must be NAME=FILE; got {text!r}")
        others[name] = load(path)
    names = list(dict.fromkeys(options.names)) or PRETRAINED
    networks = {name: pretrained(name) if options.from_nothing is None else _train(name, options)
                for name in names}
    curves.report(networks | others, options)


def _train(name, options):
    """A network from nothing; a line tells how its training ended."""
    from ..experiments import figure4

    try:
        network, ended = figure4.from_nothing(
            name, options.from_nothing, workers=check_workers(options.workers),
            images=figure4.IMAGES if options.images is None else options.images,
            progress=not options.quiet and sys.stderr.isatty())
    except KeyboardInterrupt:
        raise KeyboardInterrupt("interrupted; the same command goes on") from None
    if not options.quiet:
        print(f"{name}: {ended}", flush=True)
    return network
