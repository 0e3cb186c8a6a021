"""What the commands that measure curves of PSNR over the angle have in common."""

import os

from ..checks import check_workers, needs
from ..experiments import audit
from ..files.images import UsageError, check_place


def add_options(command, output=None, table=None):
    """Add the options of such a command, with these files by default."""
    command.add_argument("--count", type=int, default=10, metavar="N",
                         help="images per angle (default: %(default)s)")
    command.add_argument("--output", metavar="FILE", default=output,
                         help=f"picture of the curves (default: {output or 'none is drawn'})")
    command.add_argument("--table", metavar="FILE", default=table,
                         help=f"CSV file of the curves (default: {table or 'none is written'})")
    add_common(command)


def add_common(command):
    """Add what every command of the experiment has: threads, and how much it prints."""
    command.add_argument("--workers", type=int, metavar="N",
                         help="threads (default: PDENET_NUM_THREADS or all processors)")
    command.add_argument("--overwrite", action="store_true", help="replace existing files")
    command.add_argument("--quiet", action="store_true", help="print nothing but errors")


def check_targets(options):
    """Refuse now what could not be written or drawn after minutes of work."""
    for path in filter(None, (options.output, options.table)):
        check_place(path, options.overwrite)
    if options.output is None:
        return
    if os.path.splitext(options.output)[1].lower() not in audit.PICTURES:
        raise UsageError(f"{options.output}: a picture of curves is one of "
                         f"{', '.join(audit.PICTURES)}")
    needs("matplotlib", f"drawing {options.output}")


def report(functions, options):
    """Evaluate, write what is wanted, and print a line for each."""
    from ..experiments import figure4

    workers, width, results = check_workers(options.workers), max(map(len, functions)), {}
    if not options.quiet:
        print(f"{'':{width}}  mean PSNR  variance over {len(audit.ANGLES)} angles, "
              f"{options.count} images each", flush=True)
    for name, function in functions.items():
        results[name] = figure4.evaluate(function, options.count, workers)
        if not options.quiet:  # as soon as it is known
            print(f"{name:{width}}  {results[name].mean:6.2f} dB  {results[name].variance:8.4f} "
                  f"dB^2, standard error {results[name].standard_error:.4f}, systematic "
                  f"{results[name].systematic:.4f}", flush=True)
    for path, write in ((options.table, audit.write_table), (options.output, audit.draw)):
        if path:
            write(path, results)
            if not options.quiet:
                print(path)
