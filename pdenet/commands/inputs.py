"""What commands on files have in common: their options, and which kind of input they are given.

A command is a function process(pixels, channel_axis, options, progress, mask=None) that returns the
new pixels, a line about them, and numbers for the report, by name. `pixels` may be an array of
zarr, `progress` is None or a function of what is done and of all there is to do, and `mask` None or
an array (H, W), True where a pixel is measured; the others hold values of no meaning. Files are
written whole or not at all; what a folder or an array has already is kept, so that the same
command goes on after an interruption.
"""

import argparse
import math
import os

from ..checks import check_count, check_workers
from ..files import images, volume_files, zarr_arrays
from ..files.images import UsageError
from ..progress import Progress
from . import volumes
from .folders import run_files, run_folder
from .one_file import run_array, run_file
from .report import Teller

TYPES = ("uint8", "uint16", "uint32", "int8", "int16", "int32", "float16", "float32", "float64")
FILES_HELP = """\
INPUT is a PNG, JPEG or TIFF file, several of them, a folder of such files, a
zarr array, or example:NAME. A TIFF file may have several pages, which are
processed one by one, those of its channels together. OUTPUT is a folder if
INPUT is one, or several files. If it ends in .zarr, it is written tile by
tile, from a zarr array or a large TIFF file, so that memory does not grow with
the image. After an interruption the same command goes on: it keeps the files
and tiles that are there. The output has the type of the input; integers are
rounded to nearest and clipped to their range. What a file says beside its
pixels, such as profile, resolution and EXIF, is kept, or a line tells what is
not. Nodata, NaN and transparent pixels take no part and stay as they are.
"""


class _Inputs(argparse.Action):
    """Keeps all inputs as `inputs`, and the first one as `input`."""

    def __call__(self, parser, namespace, values, option_string=None):
        namespace.inputs, namespace.input = list(values), values[0]


def add_files(command):
    """Add the positional arguments: one or more inputs, and an output."""
    command.add_argument("input", metavar="INPUT", nargs="+", action=_Inputs, help="see below")
    command.add_argument("output", metavar="OUTPUT", help="file, or folder")


def add_options(command):
    """Add what all such commands have in common."""
    command.add_argument("--dtype", choices=TYPES,
                         help="type of the output (default: that of the input)")
    command.add_argument("--rescale", type=float, nargs=2, metavar=("LOW", "HIGH"),
                         help="map the values from LOW to HIGH to all of an integer type, for "
                              "instance 0 1 for uint8 (default: values stay as they are)")
    command.add_argument("--nodata", metavar="VALUE",
                         help="the value of pixels that are no measurement (default: what "
                              "GDAL_NODATA says); NaN always is one")
    command.add_argument("--mask", metavar="FILE",
                         help="a grey image of the same size, 0 where a pixel is no measurement")
    command.add_argument("--report", metavar="FILE.csv",
                         help="write what was estimated for each file and page; a report that is "
                              "there already is continued")
    command.add_argument("--workers", type=int, metavar="N",
                         help="threads (default: PDENET_NUM_THREADS or all processors)")
    command.add_argument("--scheduler", metavar="ADDRESS",
                         help="address of a dask cluster, such as tcp://host:8786, whose workers "
                              "process the files of a folder; they must see the same folders")
    command.add_argument("--max-pixels", type=int, metavar="N",
                         help="refuse larger images (default: 2**28)")
    command.add_argument("--overwrite", action="store_true", help="replace existing files")
    command.add_argument("--quiet", action="store_true", help="print nothing but warnings and "
                                                              "errors")


def run(options, process, settings, alone=None):
    """Process the inputs to options.output; returns 1 if a file or a page of several failed.

    settings: names of the options on which the pixels depend; alone: an option that was given and
    is for a single image.
    """
    check_options(options)
    array = zarr_arrays.is_big(*options.inputs, options.output)
    folder = os.path.isdir(options.input) and not array
    several = len(options.inputs) > 1 or not folder and not array and (
        os.path.isdir(options.output) or options.output.endswith(os.sep))
    if array and len(options.inputs) > 1:
        raise UsageError("zarr arrays are processed one by one; give one input")
    if options.scheduler and not folder and not several:
        raise UsageError("--scheduler is for the files of a folder")
    if alone and (array or folder or several):
        raise UsageError(f"{alone} is for a single image")
    with Teller(options).reporting() as tell:
        if folder or several:
            settings = (*settings, "dtype", "rescale", "nodata", "mask")
            return (run_files if several else run_folder)(options, process, settings, tell)
        if volumes.is_file(options.input):
            volume_files.check_target(options.output, options.input, options.overwrite)
        else:
            check = zarr_arrays.check_target if array else images.check_target
            check(options.output, options.overwrite)
        with Progress("tile" if array else "cycle", shown=False if options.quiet else None) as bar:
            line, failed = (run_array(options, process, settings, tell, bar), 0) if array else \
                run_file(options.input, options.output, options, process, tell, alone, bar)
        tell("line", f"{options.output}: {line}")
        return 1 if failed else 0


def check_options(options):
    """Raise unless the options can be meant; workers and max_pixels get their values."""
    options.workers = check_workers(options.workers)
    volumes.check_options(options)
    options.max_pixels = (images.MAX_PIXELS if options.max_pixels is None
                          else check_count("--max-pixels", options.max_pixels, least=1))
    if options.report is not None and os.path.abspath(options.report) in map(
            os.path.abspath, (*options.inputs, options.output)):
        raise UsageError(f"{options.report}: is an image of this command; choose another name for "
                         f"the report")
    if options.rescale is not None:
        low, high = options.rescale
        if not -math.inf < low < high < math.inf:
            raise ValueError(f"--rescale must be two finite numbers LOW < HIGH; got {low} {high}")
    check_nodata(options.nodata)


def check_nodata(text):
    """Raise unless this is what --nodata may be, or None."""
    if text is not None:
        try:
            float(text)
        except ValueError:
            raise ValueError(f"--nodata must be a number or nan; got {text!r}") from None
