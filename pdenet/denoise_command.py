"""The command pdenet denoise: an image, a stack of pages, or a folder of them."""

import argparse
import contextlib
import os
import sys

import numpy as np

HELP = """\
INPUT is a PNG, JPEG or TIFF file, a TIFF file with several pages, which are denoised one by one, a
folder of such files, a zarr array, or example:NAME. OUTPUT is a folder if INPUT is one; files that
are in it already are kept, so that the same command goes on after an interruption. So it does where
OUTPUT is a zarr array, from one or from a large TIFF file, which is written tile by tile.

The noise is taken to be white, of one standard deviation sigma in all of an image. Without --sigma
it is estimated for each image (which needs PyWavelets). Grey levels are never rescaled. The output
has the type of the input; integers are rounded to nearest and clipped to their range.

examples:
  pdenet denoise example:camera --noise 40 out.png
  pdenet denoise photo.jpg clean.jpg
  pdenet denoise scans/ denoised/ --sigma 12
  pdenet denoise stack.tif clean.tif --parameters mine.json
"""


def add_command(commands):
    """Add the parser to those of the other commands."""
    command = commands.add_parser(
        "denoise", help="remove noise from images", usage="pdenet denoise INPUT OUTPUT [options]",
        description="Remove noise from images by learned diffusion networks.", epilog=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    command.add_argument("input", metavar="INPUT", help="see below")
    command.add_argument("output", metavar="OUTPUT", help="file, or folder")
    command.add_argument("--sigma", type=float,
                         help="standard deviation of the noise, grey levels (default: estimated)")
    command.add_argument("--noise", type=float, metavar="SIGMA",
                         help="add noise first, and print the PSNR before and after")
    command.add_argument("--seed", type=int, default=0,
                         help="of the noise added (default: %(default)s)")
    command.add_argument("--shared", action="store_true",
                         help="the network with the same 18 parameters in all steps")
    command.add_argument("--parameters", metavar="FILE",
                         help="a network of your own, as written by pdenet train")
    command.add_argument("--dtype", choices=("uint8", "uint16", "float32", "float64"),
                         help="type of the output (default: that of the input)")
    command.add_argument("--workers", type=int, metavar="N",
                         help="threads (default: PDENET_NUM_THREADS or all processors)")
    command.add_argument("--scheduler", metavar="ADDRESS",
                         help="of a dask cluster whose workers denoise the files of a folder, "
                              "which they must see, too, such as tcp://host:8786")
    command.add_argument("--max-pixels", type=int, metavar="N",
                         help="refuse larger images (default: 2**28)")
    command.add_argument("--overwrite", action="store_true", help="replace existing files")
    command.add_argument("--quiet", action="store_true", help="print nothing but errors")
    command.set_defaults(run=run)


def run(options):
    """Returns 1 if a file of a folder failed."""
    from . import big, imagefiles, parameterfiles
    from .checks import check_count, check_number, check_workers

    check_workers(options.workers)
    for name in ("sigma", "noise"):
        if getattr(options, name) is not None:
            check_number(f"--{name}", getattr(options, name), above=0.0)
    check_count("--seed", options.seed, least=0)
    options.max_pixels = (imagefiles.MAX_PIXELS if options.max_pixels is None
                          else check_count("--max-pixels", options.max_pixels, least=1))
    for name in ("sigma", "shared"):
        if options.parameters and getattr(options, name):
            raise imagefiles.UsageError(f"--{name} does not apply with --parameters, which holds "
                                        f"the network")
    options.network = options.parameters and parameterfiles.load(options.parameters)
    if options.scheduler and not os.path.isdir(options.input):
        raise imagefiles.UsageError("--scheduler is for the files of a folder")
    if big.is_big(options.input, options.output):
        return _denoise_big(options)
    if os.path.isdir(options.input):
        return _run_folder(options)
    imagefiles.check_target(options.output, options.overwrite)
    with bar(options, "page") as pages:
        report = _denoise_file(options.input, options.output, options, pages)
    if not options.quiet:
        print(f"{printable(options.output)}: {report}", flush=True)
    return 0


def _run_folder(options):
    """Each image file of a folder; a line for each that fails, and a summary."""
    from .imagefiles import SUFFIXES, UsageError

    if options.noise is not None:
        raise UsageError("--noise is for a single image")
    names = sorted(name for name in os.listdir(options.input) if not name.startswith(".")
                   and os.path.splitext(name)[1].lower() in SUFFIXES)
    if not names:
        raise UsageError(f"{options.input}: holds no files that end in one of "
                         f"{', '.join(SUFFIXES)}")
    if os.path.exists(options.output) and os.path.samefile(options.input, options.output):
        raise UsageError(f"{options.output}: is the input, too; write to another folder")
    os.makedirs(options.output, exist_ok=True)
    tasks = [tuple(os.path.join(path, name) for path in (options.input, options.output))
             for name in names]
    missing = [task for task in tasks if options.overwrite or not os.path.exists(task[1])]
    done, kept, failed = 0, len(tasks) - len(missing), 0
    with bar(options, "file", len(tasks)) as files:
        files.update(kept)
        for error in _each(missing, options):
            if error is None:
                done += 1
            else:
                failed += 1
                print(f"pdenet: {error}", file=sys.stderr)
            files.update()
    if not options.quiet:
        print(f"{printable(options.output)}: {done} denoised, {kept} there already, "
              f"{failed} failed", flush=True)
    return 1 if failed else 0


def _each(tasks, options):
    """For each (source, target) None, or why it failed; here or by the workers of a cluster."""
    if options.scheduler is None:
        yield from (_try(*task, options) for task in tasks)
        return
    from . import cluster

    # The workers run tasks at once, so each task is one thread.
    options = argparse.Namespace(**vars(options) | {
        "run": None, "workers": 1, "input": None, "output": None})
    with cluster.connect(options.scheduler) as client:
        futures = [client.submit(_try, *map(os.path.abspath, task), options, pure=False)
                   for task in tasks]
        for (source, _), future in zip(tasks, futures, strict=True):
            error = future.result()
            yield error and error.replace(os.path.abspath(source), source)


def _try(source, target, options):
    """Denoise one file; why it failed, or None."""
    from .imagefiles import ImageFileError

    try:
        _denoise_file(source, target, options, None)
        return None
    except (ImageFileError, OSError, ValueError, TypeError, MemoryError) as error:
        text = " ".join((str(error) or "not enough memory").split())
        return text if source in text else f"{source}: {text}"


def _denoise_file(source, target, options, shown):
    """Read, denoise and write one file; returns a line about it."""
    from . import imagefiles, stacks
    from .datasets import add_noise

    stack = stacks.open_stack(source, options.max_pixels)
    if stack is not None:
        with stack:
            return _denoise_stack(stack, target, options, shown)
    image = imagefiles.read(source, options.max_pixels)
    dtype = options.dtype or image.pixels.dtype
    imagefiles.check_fit(target, image, dtype)
    image.with_result(image.pixels[:0], options.dtype)  # refuse now what cannot be written later
    noisy = image.pixels
    if options.noise is not None:
        noisy = add_noise(noisy.astype(np.float64), options.noise, options.seed)
    result, report = _denoise(noisy, image.channel_axis, options)
    result = image.with_result(result, options.dtype)
    imagefiles.write(target, result, options.overwrite)
    if options.noise is not None:
        before, after = (_psnr(image.pixels, pixels) for pixels in (noisy, result.pixels))
        report += f", PSNR {before:.2f} dB before and {after:.2f} dB after"
    return report


def _denoise_stack(stack, target, options, shown):
    """Page by page, so that memory does not grow with their number."""
    from . import stacks
    from .imagefiles import UsageError

    if options.noise is not None:
        raise UsageError("--noise is for a single image")

    def pages():
        for image in stack.pages():
            yield image.with_result(_denoise(image.pixels, image.channel_axis, options)[0],
                                    options.dtype).pixels
            if shown is not None:
                shown.total = stack.count
                shown.update()

    stacks.write_stack(target, stack, pages(), options.dtype, options.overwrite)
    return f"{stack.count} pages"


def _denoise_big(options):
    """A zarr array or a large TIFF file, tile by tile."""
    from . import big
    from .checks import check_workers
    from .imagefiles import UsageError

    if options.noise is not None:
        raise UsageError("--noise is for a single image in memory")
    big.check_target(options.output, options.overwrite)
    options.workers = check_workers(options.workers)
    report = []

    def process(array, axis):
        result, line = _denoise(array, axis, options)
        report.append(line)
        return result

    with bar(options, "tile") as shown:
        tiles = big.run(options.input, options.output, process, {
            "sigma": options.sigma, "shared": options.shared, "parameters": options.parameters},
            options.dtype, options.overwrite, shown)
    if not options.quiet:
        print(f"{printable(options.output)}: {tiles} tiles, {report[0]}", flush=True)
    return 0


def _denoise(pixels, channel_axis, options):
    """The denoised pixels, and what was done."""
    from .denoising import denoise
    from .estimates import estimate_noise
    from .checks import to_planes

    if options.network is not None:
        result = options.network(pixels, channel_axis=channel_axis, workers=options.workers)
        return result, f"by {options.parameters}"
    sigma = options.sigma or options.noise
    how = "noise"
    if sigma is None:
        sigma, how = estimate_noise(to_planes(pixels, channel_axis)), "estimated noise"
    result = denoise(pixels, sigma, channel_axis=channel_axis, shared=options.shared,
                     workers=options.workers)
    return result, f"{how} {sigma:.4g}"


def _psnr(clean, pixels):
    from skimage.metrics import peak_signal_noise_ratio

    clean = np.asarray(clean, dtype=np.float64)
    limits = np.iinfo(pixels.dtype) if pixels.dtype.kind in "ui" else None
    data_range = float(limits.max - limits.min) if limits else float(np.ptp(clean)) or 1.0
    return peak_signal_noise_ratio(clean, np.asarray(pixels, np.float64), data_range=data_range)


@contextlib.contextmanager
def bar(options, unit, total=None):
    """A progress bar on standard error, where that is a terminal and tqdm is installed."""
    try:
        import tqdm
    except ImportError:
        yield _Silent()
        return
    silent = options.quiet or not sys.stderr.isatty()
    with tqdm.tqdm(total=total, unit=unit, leave=False, disable=silent,
                   delay=1) as shown:
        yield shown


class _Silent:
    total = None

    def update(self, count=1):
        pass


def printable(text):
    return text.encode(sys.stdout.encoding, "backslashreplace").decode(sys.stdout.encoding)
