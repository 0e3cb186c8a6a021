"""The command pdenet figure4: the shipped parameters evaluated as in Figure 4 of the paper."""

import argparse
import os

from ..checks import check_count
from ..files.images import UsageError
from ..network.pretrained import PRETRAINED
from . import curves

HELP = """\
Evaluates the shipped parameters on rectangles at 5, 10, ..., 85 degrees and
writes the curves as a picture and as a table (with the mean and the variance
over the angles in its last rows).

examples:
  pdenet figure4 --output figure4.png --table figure4.csv
  pdenet figure4 --full --parameters mine=try.json
"""


def add_command(commands):
    """Add the parser to those of the other commands."""
    command = commands.add_parser(
        "figure4", help="evaluate the shipped parameters as in Figure 4",
        description="Evaluate the shipped parameters as in Figure 4.", epilog=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    curves.add_options(command)
    command.add_argument("--full", action="store_const", dest="count", const=50,
                         help="50 images per angle, as in the paper")
    command.add_argument("--trained", metavar="FOLDER",
                         help="take FOLDER/NAME.json for each model instead of what is shipped")
    command.add_argument("--parameters", action="append", default=[], metavar="NAME=FILE",
                         help="another network to draw; may be repeated")
    command.set_defaults(run=run, output="figure4.png", table="figure4.csv")


def run(options):
    check_count("--count", options.count, least=1)
    curves.check_targets(options)
    from ..experiments import figure4
    from ..network.saved import load

    networks = (figure4.shipped() if options.trained is None else
                {name: load(os.path.join(options.trained, f"{name}.json"))
                 for name in PRETRAINED})
    for text in options.parameters:
        name, separator, path = text.partition("=")
        if not (name and separator and path):
            raise UsageError(f"--parameters must be NAME=FILE; got {text!r}")
        networks[name] = load(path)
    curves.report(networks, options)
