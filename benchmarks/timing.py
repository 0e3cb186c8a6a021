"""Interleaved timing: every candidate once per round, so that all see the same machine; memory."""

import time
import tracemalloc

import numpy as np


def interleave(candidates, rounds, calls=1, clock=time.perf_counter):
    """Median seconds of each of {name: function without arguments}, one call in advance.

    Short ones by several calls a round, after one that finds the caches full of the others'. With
    clock=time.thread_time those that the processor spends on this thread, which other programs
    hardly change.
    """
    seconds = {name: [] for name in candidates}
    for function in candidates.values():
        function()
    for _ in range(rounds):
        for name, function in candidates.items():
            if calls > 1:
                function()
            start = clock()
            for _ in range(calls):
                function()
            seconds[name].append((clock() - start) / calls)
    return {name: float(np.median(values)) for name, values in seconds.items()}


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
