"""What a command tells about files: lines, notes, warnings, and rows of --report FILE.csv."""

import contextlib
import csv
import io
import os
import sys

import numpy as np

from ..files.atomic import atomic_file
from ..files.images import UsageError, check_place

FIRST, LAST = ("file", "page"), ("excluded", "error")


class Teller:
    """Prints lines, notes and warnings, and collects rows.

    A line is a result, a note what an output does not keep; both are left out by --quiet. Warnings
    are about results that are hardly meant, and about what failed.
    """

    def __init__(self, options):
        self._quiet, self._path, self._rows = options.quiet, options.report, []
        self._old = _read(self._path) if self._path else []

    def __call__(self, kind, value):
        if kind == "row":
            self._rows.append(value)
        elif kind == "line" and not self._quiet:
            with _between_bars():
                print(printable(value), flush=True)
        elif kind == "warning" or kind == "note" and not self._quiet:
            with _between_bars():
                print(f"pdenet: {' '.join(value.split())}", file=sys.stderr, flush=True)

    @contextlib.contextmanager
    def reporting(self):
        """A context that writes the report at its end, also after an error."""
        try:
            yield self
        finally:
            if self._path and self._rows:
                new = {row["file"] for row in self._rows}
                _write(self._path, [row for row in self._old if row["file"] not in new]
                       + self._rows)


class PageLines:
    """Tells the lines of pages one by one, unless they are all the same."""

    def __init__(self, tell):
        self._tell, self._held, self._differ = tell, [], False

    def add(self, name, line):
        self._held.append((name, line))
        self._differ = self._differ or line != self._held[0][1]
        if self._differ:
            for held in self._held:
                self._tell("line", ": ".join(held))
            self._held = []

    @property
    def common(self):
        """The line of all pages, in a list, or an empty one."""
        return [line for _, line in self._held[:1]]


def row(file, page=None, numbers=(), excluded=0, error=""):
    """A row of the report; numbers: what was given or estimated, by name."""
    return {"file": file, "page": page, **dict(numbers), "excluded": excluded, "error": error}


def printable(text):
    """A text in which what the terminal cannot show is escaped."""
    return text.encode(sys.stdout.encoding, "backslashreplace").decode(sys.stdout.encoding)


def _between_bars():
    """A context in which no progress bar is on the terminal."""
    tqdm = sys.modules.get("tqdm")
    if tqdm is None or not sys.stderr.isatty():
        return contextlib.nullcontext()
    return tqdm.tqdm.external_write_mode(file=sys.stderr)


def _read(path):
    """The rows of a report that is there already, to which others are added."""
    if not os.path.exists(path):
        check_place(path, False)
        return []
    try:
        with open(path, newline="", encoding="utf-8") as file:
            table = csv.DictReader(file)
            names, rows = table.fieldnames or (), list(table)
    except (UnicodeDecodeError, csv.Error, IsADirectoryError):
        names, rows = (), []
    if not {*FIRST, *LAST} <= set(names):
        raise UsageError(f"{path}: is there already, and no report; choose another name")
    return rows


def _write(path, rows):
    names = dict.fromkeys(name for found in rows for name in found)
    middle = [name for name in names if name and name not in (*FIRST, *LAST)]
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, [*FIRST, *middle, *LAST], restval="", extrasaction="ignore")
    table.writeheader()
    table.writerows({name: _text(value) for name, value in found.items()} for found in rows)
    with atomic_file(path) as file:
        file.write(text.getvalue().encode())


def _text(value):
    """A number, or one for each channel, in words that a table holds."""
    if value is None or isinstance(value, (str, int)):
        return value
    if hasattr(value, "__len__"):
        return " ".join(f"{number:.6g}" for number in value)
    return f"{value:.6g}"


def psnr(clean, image):
    """The PSNR of an image in dB, for the range of its integer type, or that of its values."""
    from skimage.metrics import peak_signal_noise_ratio

    limits = np.iinfo(clean.dtype) if clean.dtype.kind in "ui" else None
    data_range = float(limits.max - limits.min) if limits else float(np.ptp(clean)) or 1.0
    return peak_signal_noise_ratio(clean.astype(np.float64), image, data_range=data_range)
