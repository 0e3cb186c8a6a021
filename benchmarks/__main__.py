"""All speed benchmarks, one after the other, and a summary of their last lines.

    python -m benchmarks                     quick: small images, few rounds; ten minutes
    python -m benchmarks smoothing growth    some of them
    python -m benchmarks --full              an hour; writes data/*.csv and benchmarks/README.md
"""

import importlib
import pathlib
import subprocess
import sys
import time

from . import script

SCRIPTS = ("roofline", "smoothing", "filters", "training_step", "whole_training", "growth",
           "startup", "denoising")
README = pathlib.Path(__file__).with_name("README.md")


def run(name, *options):
    """Run a script, show what it prints, and return that and its last line."""
    lines = []
    with subprocess.Popen([sys.executable, "-u", "-m", f"benchmarks.{name}", *options], text=True,
                          stdout=subprocess.PIPE) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line.rstrip())
    if process.returncode:
        return None, f"failed with exit code {process.returncode}"
    return "\n".join(lines), lines[-1].removeprefix("=> ")


def record(name, printed):
    """Replace or add the script's chapter in README.md: its question, its command, its tables."""
    introduction, *chapters = README.read_text().split("\n## ")
    question = importlib.import_module(f"benchmarks.{name}").__doc__.split("\n", 1)[0]
    found = {chapter.split("\n", 1)[0]: chapter for chapter in chapters}
    found[name] = (f"{name}\n\n{question} `python -m benchmarks.{name}` printed last:\n\n"
                   f"```\n{printed}\n```\n")
    order = [*SCRIPTS, *(other for other in found if other not in SCRIPTS)]
    README.write_text("\n## ".join([introduction.rstrip() + "\n", *(
        found[other].rstrip() + "\n" for other in order if other in found)]))


def main():
    parser = script.parser(__doc__, quick=None)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(SCRIPTS)}")
    parser.add_argument("--full", action="store_true", help="the runs that are published")
    options = parser.parse_args()
    names = options.names or SCRIPTS
    unknown = [name for name in names if name not in SCRIPTS]
    if unknown:
        parser.error(f"NAME must be one of {', '.join(SCRIPTS)}; got {unknown[0]!r}")
    summary, failed = [], False
    for name in names:
        print(f"\n=== {name} ===", flush=True)
        start = time.perf_counter()
        printed, last = run(name, *([] if options.full else ["--quick"]))
        failed |= printed is None
        if options.full and printed is not None:
            record(name, printed)
        summary.append(f"{name:15}{time.perf_counter() - start:5.0f} s  {last}")
    print("\n=== Summary ===", *summary, sep="\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
