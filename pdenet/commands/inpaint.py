"""The command pdenet inpaint: fill the pixels of an image that are not known."""

import argparse
import time

import numpy as np

from ..checks import check_count, check_number
from ..files import excluded, images, volume_files, voxels
from ..files.images import UsageError
from . import volumes
from .inputs import check_nodata
from .processing import named
from .report import psnr

METHODS = "eed", "homogeneous"

HELP = """\
INPUT is a PNG, JPEG or TIFF file, or example:NAME; or a volume as a NIfTI or
MRC file, whose voxels are of the size that the file says. MASK is a grey image,
or such a file, of the same size, in which the pixels to be filled are not 0.
Nodata and NaN of INPUT are filled, too, and so are the colours of transparent
pixels; with these there may be no MASK. With --random there is none: of INPUT
only so many of a hundred pixels are kept, at random, and the PSNR of what is
made of them is printed.

examples:
  pdenet inpaint photo.png scratches.png repaired.png
  pdenet inpaint depth.tif holes.png filled.tif --guide photo.png
  pdenet inpaint scene.tif whole.tif --nodata -9999
  pdenet inpaint example:camera camera.png --random 10
  pdenet inpaint scan.nii.gz lesions.nii.gz filled.nii.gz
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
                              "range, of volumes 2/255)")
    command.add_argument("--sigma", type=float,
                         help="smoothing of what steers, pixels (default: 1.5, of volumes 1)")
    command.add_argument("--guide", metavar="FILE",
                         help="another image of the same size, whose edges steer")
    command.add_argument("--random", type=float, metavar="PERCENT",
                         help="keep so many pixels at random, and print the PSNR")
    command.add_argument("--seed", type=int, default=0,
                         help="seed of the random pixels (default: %(default)s)")
    command.add_argument("--nodata", metavar="VALUE",
                         help="the value of pixels that are to be filled as well (default: what "
                              "GDAL_NODATA says); NaN always is one")
    command.add_argument("--workers", type=int, metavar="N",
                         help="threads (default: PDENET_NUM_THREADS or all processors)")
    command.add_argument("--max-pixels", type=int, metavar="N",
                         help="refuse larger images (default: 2**28)")
    command.add_argument("--overwrite", action="store_true", help="replace an existing file")
    command.add_argument("--quiet", action="store_true", help="print nothing but errors")
    command.set_defaults(run=run)


def run(options):
    from ..inpainting import inpaint

    most = (images.MAX_PIXELS if options.max_pixels is None
            else check_count("--max-pixels", options.max_pixels, least=1))
    if len(options.files) not in ((2, 3) if options.random is None else (2,)):
        raise UsageError("give INPUT, MASK and OUTPUT; or INPUT and OUTPUT with --random, or where "
                         "INPUT has nodata or NaN")
    check_nodata(options.nodata)
    source, target = options.files[0], options.files[-1]
    volume = None
    if volumes.is_file(source):
        volume_files.check_target(target, source, options.overwrite)
        volume, image = _volume(source, most)
    else:
        images.check_target(target, options.overwrite)
        image = images.read(source, most).straight()
    guide = None if options.guide is None else _pixels(options.guide, most).pixels
    mask = _mask(options, image, most)
    began = time.perf_counter()
    try:
        result = inpaint(image.pixels, mask=mask, method=options.method, contrast=options.contrast,
                         sigma=options.sigma, guide=guide, channel_axis=image.channel_axis,
                         spacing=volume and voxels.relative(volume.spacing or (1.0, 1.0, 1.0)),
                         workers=options.workers)
    except (ValueError, TypeError) as error:
        raise type(error)(named(source, error)) from None
    took = time.perf_counter() - began
    new = image.with_result(result, image.pixels.dtype)
    if volume is not None:
        volume_files.write(target, volume, new.pixels, options.overwrite)
    else:
        images.write(target, new.premultiplied() if image.alpha_kind == 1
                     and image.alpha is not None else new, options.overwrite)
    if not options.quiet:
        found = "" if options.random is None else f", PSNR {psnr(image.pixels, result):.2f} dB"
        what = "pixels" if volume is None else "voxels"
        print(f"{target}: {np.count_nonzero(mask)} of {mask.size} {what} filled in {took:.1f} s"
              f"{found}")
    return 0


def _volume(name, most):
    """The volume of a NIfTI or MRC file, as `volume_files.VolumeFile` and as an `Image`."""
    volume = volume_files.read(name, most)
    if volume.array.ndim != 3:
        raise UsageError(f"{name}: must hold one volume; it has {volume.array.shape}")
    return volume, images.Image(volume.array)


def _pixels(name, most):
    """The `Image` of a mask or a guide, or the volume of such a file."""
    return _volume(name, most)[1] if volumes.is_file(name) else images.read(name, most)


def _mask(options, image, most):
    """The pixels to be filled: those of the mask, and those that are no measurement."""
    axis, source = image.channel_axis, options.files[0]
    shape = image.pixels.shape if axis is None else tuple(np.delete(image.pixels.shape, axis))
    found = excluded.find(source, image, options.nodata).places
    unknown = np.zeros(shape, bool) if found is None else (
        found if axis is None else found.any(axis=axis))
    if options.random is not None:
        share = check_number("--random", options.random, above=0.0, most=100.0) / 100
        rng = np.random.default_rng(check_count("--seed", options.seed, least=0))
        return unknown | (rng.random(shape) >= share)
    if len(options.files) == 2:
        if not unknown.any():
            raise UsageError(f"{source}: has no nodata, NaN or transparent pixels that could be "
                             f"filled; give a MASK")
        return unknown
    mask = _pixels(options.files[1], most)
    if mask.channel_axis is not None or mask.pixels.shape != shape:
        kind = "grey image" if len(shape) == 2 else "volume"
        raise UsageError(f"{options.files[1]}: a mask must be a {kind} of "
                         f"{' x '.join(map(str, shape))}, as {source} is")
    return unknown | (mask.pixels != 0)
