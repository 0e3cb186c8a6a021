"""Interleaved timing: every candidate once per round, so that all see the same machine."""

import csv
import platform
import time
import tracemalloc
from importlib import metadata

import numpy as np


def interleave(candidates, rounds, calls=1):
    """Median seconds of each of {name: function without arguments}, one call in advance.

    Short ones by several calls a round, after one that finds the caches full of the others'.
    """
    seconds = {name: [] for name in candidates}
    for function in candidates.values():
        function()
    for _ in range(rounds):
        for name, function in candidates.items():
            if calls > 1:
                function()
            start = time.perf_counter()
            for _ in range(calls):
                function()
            seconds[name].append((time.perf_counter() - start) / calls)
    return {name: float(np.median(values)) for name, values in seconds.items()}


def write_table(path, rows, note=None):
    """A CSV file, its first row the header, a note as a comment before it."""
    with path.open("w", newline="") as file:
        if note is not None:
            file.write(f"# {note}\n")
        csv.writer(file, lineterminator="\n").writerows(rows)


def peak_resident(function):
    """The most memory that this process held during a call beyond that before it; Linux only."""
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # forget earlier peaks
    before = _status("VmRSS")
    function()
    return _status("VmHWM") - before


def _status(name):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(name))


def peak_bytes(function):
    """The most memory that NumPy and Python held during a call beyond that before it."""
    function()
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


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
