"""The command pdenet audit: how rotationally invariant our models and scikit-image's denoisers
are."""

import argparse
import sys

from ..checks import check_choice, check_count, needs
from ..experiments.peers import PEERS
from ..network.pretrained import PRETRAINED
from . import curves

HELP = """\
PSNR over the angle of the image's content, and its variance, for shipped
models and for scikit-image's denoisers: tv, non-local-means, wavelet (needs
PyWavelets), bilateral.

examples:
  pdenet audit anisotropic tv non-local-means
  pdenet audit --count 5 --output audit.png --table audit.csv
"""


def add_command(commands):
    """Add the parser to those of the other commands."""
    command = commands.add_parser(
        "audit", help="measure rotation invariance",
        description="Measure the rotation invariance of denoisers.", epilog=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    command.add_argument("names", nargs="*", metavar="NAME",
                         help=f"{', '.join((*PRETRAINED, *PEERS))} (default: all)")
    command.add_argument("--tune", action="store_true",
                         help="search the peers' parameters anew, on training images")
    curves.add_options(command)
    command.set_defaults(run=run)


def run(options):
    check_count("--count", options.count, least=1)
    curves.check_targets(options)
    names = options.names or (*PRETRAINED, *PEERS)
    for name in names:
        check_choice("NAME", name, (*PRETRAINED, *PEERS))
    from ..experiments import figure4, peers
    from ..network.saved import pretrained

    functions = {}
    for name in names:
        if name in PRETRAINED:
            functions[name] = pretrained(name)
        elif not peers.available(name):
            if options.names:
                needs("pywt", name)
            print("wavelet: skipped, PyWavelets is not installed", file=sys.stderr)
        elif options.tune:
            psnr, parameters = peers.tune(name, *figure4.training_set(4))
            print(f"{name}: {parameters}, {psnr:.2f} dB on training images", file=sys.stderr)
            functions[name] = peers.peer(name, parameters)
        else:
            functions[name] = peers.peer(name)
    curves.report(functions, options)
