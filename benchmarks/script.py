"""What the scripts have in common: options, what may be missing, the machine, tables in data/."""

import argparse
import csv
import pathlib
import platform
import subprocess
import sys
from importlib import metadata

DATA = pathlib.Path(__file__).parents[1] / "data"


def parser(doc, quick="smaller, and fewer rounds"):
    """A parser described by the question with which a script's docstring begins; with --quick,
    unless the help for that is None.
    """
    found = argparse.ArgumentParser(description=doc.partition("\n")[0])
    if quick is not None:
        found.add_argument("--quick", action="store_true", help=quick)
    return found


def is_quick(doc):
    """Whether --quick was given to a script without other options."""
    return parser(doc).parse_args().quick


def available(builders):
    """{name: build()} without those whose packages are missing, which is told."""
    found = {}
    for name, build in builders.items():
        try:
            found[name] = build()
        except ImportError as error:
            print(f"{name}: skipped, {error}")
    return found


def answer(name, *words):
    """The number that a script prints last for these words, in a process of its own."""
    command = [sys.executable, "-m", f"benchmarks.{name}", *map(str, words)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(printed.splitlines()[-1])


def machine(*packages):
    """One line: processor, Python, versions."""
    try:
        with open("/proc/cpuinfo") as file:
            names = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = [platform.processor()]
    versions = []
    for package in ("pdenet", "numpy", "numba", *packages):
        try:
            versions.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            pass
    return f"{len(names)} x {names[0]}, Python {platform.python_version()}, {', '.join(versions)}"


# Tables ----------------------------------------------------------------------------------------


def path_of(name):
    """data/NAME.csv."""
    return DATA / f"{name}.csv"


def write_table(name, rows, machine=None, decimals="", command=None):
    """Write data/NAME.csv, the first of the rows the header.

    machine: of a script of this name, which a comment before the header then tells, too; decimals:
    the format of floating-point numbers; command: what wrote it, if not the script of this name.
    """
    with path_of(name).open("w", newline="") as file:
        if machine is not None:
            file.write(f"# python -m benchmarks.{command or name}; {machine}\n")
        csv.writer(file, lineterminator="\n").writerows(
            [[format(cell, decimals) if isinstance(cell, float) else cell for cell in row]
             for row in rows])


def read_rows(name):
    """The rows of data/NAME.csv below the header, none if there is no such file."""
    if not path_of(name).exists():
        return []
    with path_of(name).open(newline="") as file:
        return list(csv.reader(file))[1:]


def append_row(name, header, row):
    """Add a row to data/NAME.csv, which begins with the header."""
    new = not path_of(name).exists()
    with path_of(name).open("a", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, row] if new else [row])
