"""The command pdenet inpaint: fill the pixels of an image that are not known."""

import argparse
import time

import numpy as np

from ..checks import check_count, check_number
from ..files import images
from ..files.images import UsageError
from .report import psnr

METHODS = "eed", "homogeneous"

HELP = """\
INPUT is a PNG, JPEG or TIFF file, or example:NAME. MASK is a grey image of the
same size, in which the pixels to be filled are not 0. With --random there is
no MASK: of INPUT only so many of a hundred pixels are kept, at random, and the
PSNR of what is made of them is printed.

examples:
  pdenet inpaint photo.png scratches.png repaired.png
  pdenet inpaint depth.tif holes.png filled.tif --guide photo.png
  pdenet inpaint example:camera camera.png --random 10
"""


def add_command(commands):
    """Add the parser to those of the other commands."""
    command = commands.add_parser(
        "inpaint", help="fill unknown pixels", usage="pdenet inpaint INPUT [MASK] OUTPUT [options]",
        description="Fill the pixels of an image that are not known by diffusion.",
        epilog=HELP, formatter_class=argparse.RawDescriptionHelpFormatter)
    command.add_argument("files", metavar="FILE", nargs="+", help="INPUT, MASK and OUTPUT")
    command.add_argument("--method", default="eed", choices=METHODS,
                         help="edge-enhancing or homogeneous diffusion (default: %(default)s)")
    command.add_argument("--contrast", type=float, metavar="LAMBDA",
                         help="contrast parameter, grey levels per pixel (default: 8/255 of the "
                              "range)")
    command.add_argument("--sigma", type=float,
                         help="smoothing of what steers, pixels (default: 1.5)")
    command.add_argument("--guide", metavar="FILE",
                         help="another image of the same size, whose edges steer")
    command.add_argument("--random", type=float, metavar="PERCENT",
                         help="keep so many pixels at random, and print the PSNR")
    command.add_argument("--seed", type=int, default=0,
                         help="seed of the random pixels (default: %(default)s)")
    command.add_argument("--max-pixels", type=int, metavar="N",
                         help="refuse larger images (default: 2**28)")
    command.add_argument("--overwrite", action="store_true", help="replace an existing file")
    command.add_argument("--quiet", action="store_true", help="print nothing but errors")
    command.set_defaults(run=run)


def run(options):
    from ..inpainting import SIGMA, inpaint

    expected = 3 if options.random is None else 2
    if len(options.files) != expected:
        raise UsageError("give INPUT, MASK and OUTPUT; or INPUT and OUTPUT with --random")
    most = (images.MAX_PIXELS if options.max_pixels is None
            else check_count("--max-pixels", options.max_pixels, least=1))
    source, target = options.files[0], options.files[-1]
    images.check_target(target, options.overwrite)
    image = images.read(source, most)
    guide = None if options.guide is None else images.read(options.guide, most).pixels
    mask = _mask(options, image, most)
    began = time.perf_counter()
    result = inpaint(image.pixels, mask=mask, method=options.method, contrast=options.contrast,
                     sigma=SIGMA if options.sigma is None else options.sigma, guide=guide,
                     channel_axis=image.channel_axis)
    took = time.perf_counter() - began
    images.write(target, image.with_result(result, image.pixels.dtype), options.overwrite)
    if not options.quiet:
        found = "" if options.random is None else f", PSNR {psnr(image.pixels, result):.2f} dB"
        print(f"{target}: {np.count_nonzero(mask)} of {mask.size} pixels filled in {took:.1f} s"
              f"{found}")
    return 0


def _mask(options, image, most):
    """The pixels to be filled."""
    axis = image.channel_axis
    shape = image.pixels.shape if axis is None else tuple(np.delete(image.pixels.shape, axis))
    if options.random is not None:
        share = check_number("--random", options.random, above=0.0, most=100.0) / 100
        rng = np.random.default_rng(check_count("--seed", options.seed, least=0))
        return rng.random(shape) >= share
    mask = images.read(options.files[1], most)
    if mask.channel_axis is not None or mask.pixels.shape != shape:
        raise UsageError(f"{options.files[1]}: a mask must be a grey image of {shape[0]} x "
                         f"{shape[1]} pixels, as the image is")
    return mask.pixels != 0
