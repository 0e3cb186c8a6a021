"""The command line: its parser, and what a command's errors become. `pdenet info` is here, too."""

import argparse
import logging
import os
import re
import sys

from .. import __version__
from ..checks import meant
from ..files.images import ImageFileError, UsageError
from . import audit, denoise, figure4, filter, inpaint, train

HELP = """\
It ends with exit code 0 when all is done, 1 if something failed, 2 after wrong
usage, and 130 after Ctrl-C. Numbers of equations are those of the paper
"Designing Rotationally Invariant Neural Networks from PDEs and Variational
Methods", arXiv:2108.13993.

example:
  pdenet filter eed example:camera eed.png
"""
INFO_HELP = """\
example:
  pdenet info
"""


def main(arguments=None):
    """Run the command line; returns 0 (done), 1 (failed), 2 (wrong usage) or 130 (Ctrl-C)."""
    options = _parse(build_parser(), arguments)
    logging.getLogger("tifffile").addHandler(logging.NullHandler())  # what matters is told here
    try:
        return options.run(options) or 0
    except (UsageError, TypeError, ValueError) as error:
        return _fail(2, error)
    except (ImageFileError, FloatingPointError, ImportError) as error:
        return _fail(1, error)
    except MemoryError:
        return _fail(1, "not enough memory for an image of this size")
    except KeyboardInterrupt as error:
        return _fail(130, str(error) or "interrupted; nothing was written")
    except OSError as error:  # of standard output
        return _fail(1, error)


class Parser(argparse.ArgumentParser):
    """A parser that knows what a misspelt name may have meant, and -3.4e38 for a number."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self._negative_number_matcher = re.compile(r"-\.?\d")

    def error(self, message):
        """Say what is wrong with the usage, and exit with 2."""
        if found := re.search(r"(invalid choice: '(.*?)') (\(choose from (.*)\))", message):
            names = re.findall(r"[\w.-]+", found[4])
            hint = meant(found[2], names, 0.6)
            message = message.replace(found[0], f"{found[1]}{hint} {found[3]}")
        super().error(message)


def _parse(parser, arguments):
    """The options; inputs may also stand behind the options."""
    options, rest = parser.parse_known_args(arguments)
    unknown = [word for word in rest if word.startswith("-") and word != "-"]
    if unknown or rest and not hasattr(options, "inputs"):
        names = [word for action in _actions(parser, options) for word in action.option_strings]
        parser.error(f"unrecognized arguments: {' '.join(rest)}"
                     + (meant(unknown[0].split("=")[0], names, 0.6) if unknown else ""))
    if rest:
        words = [*options.inputs, options.output, *rest]
        options.inputs, options.output = words[:-1], words[-1]
    return options


def _actions(parser, options):
    """The actions of the command that was given."""
    commands, = (action for action in parser._actions
                 if isinstance(action, argparse._SubParsersAction))
    return commands.choices[options.command]._actions


def build_parser():
    parser = Parser(
        prog="pdenet", description="Diffusion filters and learned denoisers for images.",
        epilog=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", action="version", version=f"pdenet {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND",
                                     dest="command")
    for module in (filter, denoise, inpaint, train, figure4, audit):
        module.add_command(commands)
    command = commands.add_parser(
        "info", help="show versions, threads and the state of the cache",
        description="Show versions, threads and the state of the compiled kernels' cache.",
        epilog=INFO_HELP, formatter_class=argparse.RawDescriptionHelpFormatter)
    command.set_defaults(run=run_info)
    return parser


def run_info(options):
    import platform
    from importlib import metadata

    from ..checks import check_workers
    from ..kernels import compiler, gaussian

    threads = check_workers(None)
    versions = {"pdenet": __version__, "Python": platform.python_version()}
    for package in ("numpy", "numba", "scipy", "scikit-image", "pillow", "tifffile"):
        versions[package] = metadata.version(package)
    for name, version in versions.items():
        print(f"{name:14}{version}")
    print(f"{'threads':14}{threads} of {os.cpu_count()} processors; PDENET_NUM_THREADS "
          f"is {os.environ.get('PDENET_NUM_THREADS') or 'not set'}")
    print(f"{'cache':14}{compiler.cache_state(gaussian.smooth)}")


def _fail(status, error):
    print("pdenet: " + " ".join(str(error).split()), file=sys.stderr)
    return status
