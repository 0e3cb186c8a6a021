"""What a command does with an image, a stack of pages, a folder, or an array larger than memory.

A command is a function process(pixels, channel_axis, options, progress) that returns the new pixels
and a line about them. `pixels` may be an array of zarr, `progress` is None or a function of what is
done and of all there is to do. Files are written whole or not at all; what a folder or an array has
already is kept, so that the same command goes on after an interruption.
"""

import argparse
import os
import sys

from ..checks import check_count, check_workers, needs
from ..files import images, tiff_stacks, zarr_arrays
from ..files.images import ImageFileError, UsageError
from ..progress import Progress

FILES_HELP = """\
INPUT is a PNG, JPEG or TIFF file, a folder of such files, a zarr array, or
example:NAME. A TIFF file may have several pages, which are processed one by
one. OUTPUT is a folder if INPUT is one. If it ends in .zarr, it is written
tile by tile, from a zarr array or a large TIFF file, so that memory does not
grow with the image. After an interruption the same command goes on: it keeps
the files and tiles that are there. The output has the type of the input;
integers are rounded to nearest and clipped to their range.
"""


def add_options(command):
    """Add what all such commands have in common."""
    command.add_argument("--dtype", choices=("uint8", "uint16", "float32", "float64"),
                         help="type of the output (default: that of the input)")
    command.add_argument("--workers", type=int, metavar="N",
                         help="threads (default: PDENET_NUM_THREADS or all processors)")
    command.add_argument("--scheduler", metavar="ADDRESS",
                         help="address of a dask cluster, such as tcp://host:8786, whose workers "
                              "process the files of a folder; they must see the same folders")
    command.add_argument("--max-pixels", type=int, metavar="N",
                         help="refuse larger images (default: 2**28)")
    command.add_argument("--overwrite", action="store_true", help="replace existing files")
    command.add_argument("--quiet", action="store_true", help="print nothing but errors")


def run(options, process, settings, alone=None):
    """Process options.input to options.output; returns 1 if a file of a folder failed.

    settings: names of the options on which the pixels depend; alone: an option that was given and
    is for a single image.
    """
    options.workers = check_workers(options.workers)
    options.max_pixels = (images.MAX_PIXELS if options.max_pixels is None
                          else check_count("--max-pixels", options.max_pixels, least=1))
    array = zarr_arrays.is_big(options.input, options.output)
    folder = os.path.isdir(options.input) and not array
    if options.scheduler and not folder:
        raise UsageError("--scheduler is for the files of a folder")
    if alone and (array or folder):
        raise UsageError(f"{alone} is for a single image")
    if folder:
        return _run_folder(options, process)
    check = zarr_arrays.check_target if array else images.check_target
    check(options.output, options.overwrite)
    with _progress(options, "tile" if array else "cycle") as shown:
        report = (_run_array(options, process, settings, shown) if array else
                  _run_file(options.input, options.output, options, process, alone, shown))
    if not options.quiet:
        print(f"{printable(options.output)}: {report}", flush=True)
    return 0


def _run_file(source, target, options, process, alone=None, shown=None):
    """Read, process and write one file; returns a line about it."""
    stack = tiff_stacks.open_stack(source, options.max_pixels)
    if stack is not None:
        with stack:
            if alone:
                raise UsageError(f"{alone} is for a single image")
            return _run_stack(stack, target, options, process, shown)
    image = images.read(source, options.max_pixels)
    images.check_fit(target, image, options.dtype or image.pixels.dtype)
    image.with_result(image.pixels[:0], options.dtype)  # refuse now what cannot be written later
    progress = shown.move if shown is not None and shown.shown else None
    result, report = process(image.pixels, image.channel_axis, options, progress)
    images.write(target, image.with_result(result, options.dtype), options.overwrite)
    return report


def _run_stack(stack, target, options, process, shown):
    """Page by page, so that memory does not grow with their number."""
    def pages():
        for k, image in enumerate(stack.pages()):
            result, _ = process(image.pixels, image.channel_axis, options, None)
            yield image.with_result(result, options.dtype).pixels
            if shown is not None:
                shown.move(k + 1, stack.count, "page")

    tiff_stacks.write_stack(target, stack, pages(), options.dtype, options.overwrite)
    return f"{stack.count} pages"


def _run_array(options, process, settings, shown):
    """A zarr array or a large TIFF file, tile by tile."""
    report = []

    def lazily(array, axis):
        result, line = process(array, axis, options, None)
        report.append(line)
        return result

    tiles = zarr_arrays.run(
        options.input, options.output, lazily, {name: getattr(options, name) for name in settings},
        options.dtype, options.overwrite, shown)
    return f"{tiles} tiles, {report[0]}"


def _run_folder(options, process):
    """Each image file of a folder; a line for each that fails, and a summary."""
    names = sorted(name for name in os.listdir(options.input) if not name.startswith(".")
                   and os.path.splitext(name)[1].lower() in images.SUFFIXES)
    if not names:
        raise UsageError(f"{options.input}: holds no files that end in one of "
                         f"{', '.join(images.SUFFIXES)}")
    if os.path.exists(options.output) and os.path.samefile(options.input, options.output):
        raise UsageError(f"{options.output}: is the input, too; write to another folder")
    if os.path.lexists(options.output) and not os.path.isdir(options.output):
        raise UsageError(f"{options.output}: must be a folder, as {options.input} is one")
    os.makedirs(options.output, exist_ok=True)
    tasks = [tuple(os.path.join(path, name) for path in (options.input, options.output))
             for name in names]
    missing = [task for task in tasks if options.overwrite or not os.path.exists(task[1])]
    done, kept, failed = 0, len(tasks) - len(missing), 0
    with _progress(options, "file", len(tasks)) as files:
        files.move(kept)
        for error in _each(missing, options, process):
            if error is None:
                done += 1
            else:
                failed += 1
                print(f"pdenet: {error}", file=sys.stderr)
            files.move(kept + done + failed)
    if not options.quiet:
        print(f"{printable(options.output)}: {done} written, {kept} there already, "
              f"{failed} failed", flush=True)
    return 1 if failed else 0


def _each(tasks, options, process):
    """For each (source, target) None, or why it failed; here or by the workers of a cluster."""
    if options.scheduler is None:
        yield from (_try(source, target, options, process) for source, target in tasks)
        return
    # The workers run tasks at once, so each task is one thread.
    options = argparse.Namespace(**vars(options) | {
        "run": None, "workers": 1, "input": None, "output": None})
    with connect(options.scheduler) as client:
        futures = [client.submit(_try, *map(os.path.abspath, task), options, process, pure=False)
                   for task in tasks]
        for (source, _), future in zip(tasks, futures, strict=True):
            error = future.result()
            yield error and error.replace(os.path.abspath(source), source)


def _try(source, target, options, process):
    """Process one file; why it failed, or None."""
    try:
        _run_file(source, target, options, process)
        return None
    except (ImageFileError, OSError, ValueError, TypeError, MemoryError) as error:
        text = " ".join((str(error) or "not enough memory").split())
        return text if source in text else f"{source}: {text}"


def connect(address, timeout=10):
    """A client of the scheduler at an address such as tcp://10.0.0.1:8786."""
    distributed = needs("distributed", "--scheduler")
    try:
        return distributed.Client(address, timeout=timeout, set_as_default=False)
    except (OSError, ValueError, TimeoutError):
        raise ImageFileError(f"no scheduler answers at {address}") from None


# On the terminal --------------------------------------------------------------------------


def _progress(options, unit, total=None):
    return Progress(unit, total, shown=False if options.quiet else None)


def printable(text):
    """A text in which what the terminal cannot show is escaped."""
    return text.encode(sys.stdout.encoding, "backslashreplace").decode(sys.stdout.encoding)
