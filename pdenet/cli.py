"""The command line: pdenet filter and info; `denoise_command` and `experiments` have the others."""

import argparse
import functools
import inspect
import os
import sys

from . import __version__, denoise_command, experiments

MODELS = ("perona-malik", "you-kaveh", "lysaker-lundervold-tai", "gerig", "weickert-brox",
          "eed", "weickert-1994", "multiscale")

FILTER_HELP = """\
models:
  perona-malik            isotropic, eq. (7)
  you-kaveh               fourth order, Laplacian, eq. (11)
  lysaker-lundervold-tai  fourth order, Hessian, eq. (13)
  gerig                   isotropic, all channels coupled, eq. (21)
  weickert-brox           anisotropic, all channels coupled, eq. (26)
  eed                     edge-enhancing diffusion, eq. (2)
  weickert-1994           all orientations integrated, eq. (1)
  multiscale              eq. (32) with --coupling isotropic, eq. (34) anisotropic

Grey levels are never rescaled: contrast and time are in those of the file. The output has
the type of the input; integers are rounded to nearest and clipped to their range. The
channels of a colour image are coupled; transparency is kept as it is. To a zarr array (a name that
ends in .zarr, from one or from a large TIFF file) it is written tile by tile, so that memory does
not grow with the image; after an interruption the same command goes on where it was.

examples:
  pdenet filter eed example:camera eed.png
  pdenet filter gerig photo.jpg smooth.jpg --contrast 8 --time 5
  pdenet filter eed slide.zarr smooth.zarr --contrast 4 --time 10
  pdenet filter multiscale cells.tif out.tif --coupling isotropic --dtype float32
"""

INFO_HELP = """\
example:
  pdenet info
"""


def main(arguments=None):
    """Run the command line; returns 0 (done), 1 (failed), 2 (wrong usage) or 130 (Ctrl-C)."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    from .imagefiles import ImageFileError, UsageError
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


def build_parser():
    parser = argparse.ArgumentParser(
        prog="pdenet", description="Diffusion filters for images.",
        epilog="example:\n  pdenet filter eed example:camera eed.png",
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", action="version", version=f"pdenet {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    command = commands.add_parser(
        "filter", help="filter an image", description="Filter an image by a diffusion model.",
        usage="pdenet filter MODEL INPUT OUTPUT [options]",
        epilog=FILTER_HELP, formatter_class=argparse.RawDescriptionHelpFormatter)
    command.add_argument("model", metavar="MODEL", choices=MODELS, help="see below")
    command.add_argument("input", metavar="INPUT",
                         help="PNG, JPEG or TIFF file, zarr array, or example:NAME "
                              "(example:camera)")
    command.add_argument("output", metavar="OUTPUT", help="PNG, JPEG or TIFF file, or zarr array")
    command.add_argument("--contrast", type=float, metavar="LAMBDA",
                         help="contrast parameter, grey levels per pixel (default: estimated)")
    command.add_argument("--time", type=float, metavar="T",
                         help="diffusion time, pixels squared, for fourth order to the fourth "
                              "power (default: estimated)")
    command.add_argument("--sigma", type=float,
                         help="presmoothing of eed and weickert-1994, pixels (default: 1)")
    command.add_argument("--sigmas", type=float, nargs="+", metavar="SIGMA",
                         help="scales of multiscale, pixels (default: eight from 0.4 to 10)")
    command.add_argument("--weights", type=float, nargs="+", metavar="BETA",
                         help="weights of the scales of multiscale (default: all 1)")
    command.add_argument("--coupling", choices=("anisotropic", "isotropic", "uncoupled"),
                         help="coupling of multiscale (default: anisotropic)")
    command.add_argument("--diffusivity", default="exponential",
                         choices=("exponential", "rational", "charbonnier", "weickert"),
                         help="(default: %(default)s)")
    command.add_argument("--scheme", default="fed", choices=("fed", "explicit"),
                         help="how the time is reached (default: %(default)s)")
    command.add_argument("--dtype", choices=("uint8", "uint16", "float32", "float64"),
                         help="type of the output (default: that of the input)")
    command.add_argument("--workers", type=int, metavar="N",
                         help="threads (default: PDENET_NUM_THREADS or all processors)")
    command.add_argument("--max-pixels", type=int, metavar="N",
                         help="refuse larger images (default: 2**28)")
    command.add_argument("--overwrite", action="store_true", help="replace an existing OUTPUT")
    command.add_argument("--quiet", action="store_true", help="print nothing but errors")
    command.set_defaults(run=run_filter)

    denoise_command.add_command(commands)
    experiments.add_commands(commands)

    command = commands.add_parser(
        "info", help="show versions, threads and the state of the cache",
        description="Show versions, threads and the state of the compiled kernels' cache.",
        epilog=INFO_HELP, formatter_class=argparse.RawDescriptionHelpFormatter)
    command.set_defaults(run=run_info)
    return parser


def run_filter(options):
    from . import big, estimates, imagefiles, models
    from .checks import check_count, from_planes, to_planes

    check = big.check_target if big.is_big(options.input, options.output) else \
        imagefiles.check_target
    check(options.output, options.overwrite)
    model = getattr(models, options.model.replace("-", "_"))
    parts = {name: getattr(options, name) for name in ("sigma", "sigmas", "weights", "coupling")
             if getattr(options, name) is not None}
    for name in parts:
        if name not in inspect.signature(model).parameters:
            raise imagefiles.UsageError(f"--{name} does not apply to {options.model}")
    model = functools.partial(model, **parts)

    if check is big.check_target:
        return _filter_big(options, model)
    limit = (imagefiles.MAX_PIXELS if options.max_pixels is None
             else check_count("--max-pixels", options.max_pixels, least=1))
    image = imagefiles.read(options.input, limit)
    imagefiles.check_fit(options.output, image, options.dtype or image.pixels.dtype)
    image.with_result(image.pixels[:0], options.dtype)  # refuse now what cannot be written later
    planes = to_planes(image.pixels, image.channel_axis)
    network, time = estimates.prepare(planes, model, options.contrast, options.time,
                                      options.diffusivity)
    with _ProgressBar(options.quiet) as progress:
        planes = network.evolve_planes(planes, time, scheme=options.scheme,
                                       workers=options.workers, progress=progress)
    result = image.with_result(from_planes(planes, image.channel_axis), options.dtype)
    imagefiles.write(options.output, result, options.overwrite)
    if not options.quiet:
        print(f"{denoise_command.printable(options.output)}: {options.model}, contrast "
              f"{network.flux.diffusivity.contrast:.4g}, time {time:.4g}", flush=True)


def _filter_big(options, model):
    """The same for a zarr array or a large TIFF file, tile by tile."""
    from . import big, estimates
    from .checks import check_workers, from_planes, to_planes

    def process(array, axis):
        planes = to_planes(array, axis)
        network, time = estimates.prepare(planes, model, options.contrast, options.time,
                                          options.diffusivity)
        return from_planes(network.evolve_planes(planes, time, scheme=options.scheme,
                                                 workers=check_workers(options.workers)), axis)
    settings = {name: getattr(options, name) for name in (
        "model", "contrast", "time", "sigma", "sigmas", "weights", "coupling", "diffusivity",
        "scheme")}
    with denoise_command.bar(options, "tile") as bar:
        tiles = big.run(options.input, options.output, process, settings, options.dtype,
                        options.overwrite, bar)
    if not options.quiet:
        print(f"{denoise_command.printable(options.output)}: {options.model}, {tiles} tiles",
              flush=True)


def run_info(options):
    import platform
    from importlib import metadata

    from . import compiling, stencils
    from .checks import check_workers

    threads = check_workers(None)
    versions = {"pdenet": __version__, "Python": platform.python_version()}
    for package in ("numpy", "numba", "scipy", "scikit-image", "imageio", "tifffile"):
        versions[package] = metadata.version(package)
    for name, version in versions.items():
        print(f"{name:14}{version}")
    print(f"{'threads':14}{threads} of {os.cpu_count()} processors; PDENET_NUM_THREADS "
          f"is {os.environ.get('PDENET_NUM_THREADS') or 'not set'}")
    print(f"{'cache':14}{compiling.cache_state(stencils.smooth)}")


class _ProgressBar:
    """A progress bar on standard error, where that is a terminal and tqdm is installed."""

    def __init__(self, quiet):
        self._bar = None
        self._wanted = not quiet and sys.stderr.isatty()

    def __enter__(self):
        if not self._wanted:
            return None
        try:
            import tqdm
        except ImportError:
            return None
        self._bar = tqdm.tqdm(unit="cycle", leave=False)
        return self._update

    def _update(self, done, total):
        self._bar.total = total
        self._bar.update(done - self._bar.n)

    def __exit__(self, *error):
        if self._bar is not None:
            self._bar.close()


def _fail(status, error):
    print("pdenet: " + " ".join(str(error).split()), file=sys.stderr)
    return status
