"""Does memory stay what it is when the image grows beyond it?

    python -m benchmarks.large --quick    2 000^2 and 4 000^2 pixels
    python -m benchmarks.large            5 000^2, 10 000^2 and 20 000^2 (1.6 GB in float32)

Each run is the command line as a user types it, `pdenet filter eed` and `pdenet denoise
--parameters` with a network of ten steps and eight scales, from one zarr array to another, in a
process of its own: its seconds, its peak of resident memory, and whether a piece in the middle is,
bit for bit, what the filter makes of it in memory.
"""

import contextlib
import os
import sys
import tempfile
import time

import numpy as np
import zarr
from skimage import data

import pdenet

from . import script

NETWORK = pdenet.denoiser(20.0)
COMMANDS = {"eed": (["filter", "eed"], ["--contrast", "5", "--time", "5"],
                    lambda u: pdenet.eed(u, contrast=5, time=5)),
            "network": (["denoise"], ["--parameters", "network.json"], NETWORK)}
TILE = 2000


def make(path, size):
    """A photograph repeated, with noise: written tile by tile."""
    array = zarr.create_array(path, shape=(size, size), chunks=(TILE, TILE), dtype="float32")
    photo = np.tile(data.camera().astype(np.float32), (4, 4))[:TILE, :TILE]
    rng = np.random.default_rng(0)
    for top in range(0, size, TILE):
        for left in range(0, size, TILE):
            part = array[top:top + TILE, left:left + TILE].shape
            array[top:top + TILE, left:left + TILE] = photo[:part[0], :part[1]] + rng.normal(
                0, 20, part).astype(np.float32)


def run(arguments):
    """Seconds and peak resident bytes of a command."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "pdenet", *arguments, "--quiet"]
    process = os.spawnv(os.P_NOWAIT, sys.executable, command)
    _, status, usage = os.wait4(process, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    return time.perf_counter() - start, usage.ru_maxrss * 1024


def same(source, target, function, halo=900):
    """Whether the middle 300 x 300 pixels are those that the filter makes of them in memory."""
    middle = source.shape[0] // 2
    first = max(middle - 150 - halo, 0)  # what there is of the halo
    outer, inner = slice(first, middle + 150 + halo), slice(middle - 150, middle + 150)
    part = slice(inner.start - first, inner.stop - first)
    return bool(np.array_equal(target[inner, inner], function(source[outer, outer])[part, part]))


def main():
    quick = script.is_quick(__doc__)
    machine = script.machine("dask", "zarr")
    print(machine)
    table = [["size", "command", "seconds", "peak_bytes", "input_bytes", "middle_equal"]]
    peaks = []
    for size in (2000, 4000) if quick else (5000, 10000, 20000):
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            make("in.zarr", size)
            NETWORK.save("network.json")
            for name, (command, arguments, function) in COMMANDS.items():
                seconds, peak = run([*command, "in.zarr", f"{name}.zarr", *arguments])
                equal = same(zarr.open_array("in.zarr", mode="r"),
                             zarr.open_array(f"{name}.zarr", mode="r"), function)
                peaks.append(peak)
                table.append([size, name, f"{seconds:.1f}", peak, 4 * size * size, equal])
                print(f"{size:6} x {size:<6} {name:8} {seconds:7.1f} s  "
                      f"{1e9 * seconds / size**2:6.1f} ns per pixel  peak {peak / 1e9:.2f} GB for "
                      f"{4e-9 * size * size:.2f} GB, middle equal: {equal}", flush=True)
    print(f"=> at most {max(peaks) / 1e9:.2f} GB")
    if not quick:
        script.write_table("large", table, machine)


if __name__ == "__main__":
    main()
