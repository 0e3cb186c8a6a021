"""How far are the kernels from what this processor can do?

    python -m benchmarks.roofline            two minutes; writes data/roofline.csv
    python -m benchmarks.roofline --quick    few rounds, smaller images

First the limits, measured: bytes copied per second (read and written) where data lie in the second
cache, in the third and in memory, and float32 operations per second of fused multiply-adds
that wait for nothing; on one thread and on two. Then how long work would take if only its
operations, or only its traffic with memory, counted, and how long it takes.

Operations are those of the formulas: a Gaussian of radius r has 2 r + 1 multiply-adds in either
direction (the kernel does with half of the multiplications, and may so beat its limit), a
layer has 45 in a step and 105 in the adjoint, the tensor 60 and 160.
"""

import functools

import numba
import numpy as np

from pdenet import ScaleSpace, models
from pdenet.execution.workers import Workers
from pdenet.experiments import figure4
from pdenet.kernels.compiler import OPTIONS
from pdenet.kernels.vectors import BYTES, fma, load, splat, store
from pdenet.kernels.workspace import Workspace

from . import script, timing, training_step
from .images import random_image


@numba.njit(**OPTIONS)
def copy(source, target, rounds):
    for _ in range(rounds):
        for j in range(0, source.size, BYTES // source.itemsize):
            store(target, j, load(source, j))


@numba.njit(**OPTIONS)
def multiply_add(x, rounds):
    """Eight independent chains of multiply-adds of vectors."""
    factor = splat(x, np.float32(0.5))
    a, b, c, d = load(x, 0), load(x, 32), load(x, 64), load(x, 96)
    e, f, g, h = load(x, 128), load(x, 160), load(x, 192), load(x, 224)
    for _ in range(rounds):
        a, b, c, d = (fma(a, factor, a), fma(b, factor, b), fma(c, factor, c), fma(d, factor, d))
        e, f, g, h = (fma(e, factor, e), fma(f, factor, f), fma(g, factor, g), fma(h, factor, h))
    store(x, 0, ((a + b) + (c + d)) + ((e + f) + (g + h)))


def limits(threads, rounds):
    """{name: bytes per second}, and operations per second."""
    arrays = [np.zeros(2 * 2**24, np.float32) for _ in range(threads)]
    found = {}
    with Workers(threads) as team:
        for place, kilobytes in (("second cache", 256), ("third cache", 4096),
                                 ("memory", 64 * 1024)):
            count, repeat = kilobytes * 2**10 // 8, max(1, 2**18 // kilobytes)

            def run(array, work, count=count, repeat=repeat):
                copy(array[:count], array[2**24:2**24 + count], repeat)

            seconds = timing.interleave({"": lambda run=run: team.map(run, arrays)}, rounds)[""]
            found[place] = threads * 8 * count * repeat / seconds
        repeat, chains = 2**16, np.zeros((threads, 256), np.float32)
        seconds = timing.interleave({"": lambda: team.map(
            lambda x, work: multiply_add(x, repeat), list(chains))}, rounds)[""]
    return found, threads * 2 * 8 * 32 * repeat / seconds


def work(quick):
    """Rows: what, function, threads, operations, bytes by the place they come from."""
    edge = 1024 if quick else 4096
    large, small = random_image(edge, edge), random_image(1, 256, 256)
    noisy, clean = (images.astype(np.float32) for images in figure4.training_set(2, 256))
    scales, workspace = ScaleSpace(figure4.SIGMAS), Workspace()
    taps = sum(2 * int(4 * sigma + 0.5) + 1 for sigma in figure4.SIGMAS)
    smoothing, count = 4 * taps, figure4.SIGMAS.size
    perona_malik = models.perona_malik(30.0, tau=0.2, steps=20)
    network = figure4.start("anisotropic")
    steps = network.steps
    # Each of the layers is written and read: smoothed, and as what is to be gathered.
    layers = 4 * count * 4
    for threads in (1, 2):
        yield (f"Perona-Malik, 20 steps, {edge} x {edge}",
               functools.partial(perona_malik, large, workers=threads), threads,
               20 * edge**2 * 45, 20 * edge**2 * 8, "memory")
    yield ("8 Gaussians, 256 x 256", lambda: scales.smooth(small, workspace), 1,
           256**2 * smoothing, 256**2 * 4 * (1 + 3 * count), "third cache")
    for threads in (1, 2):
        yield ("training step, 256 x 256, 2 images",
               functools.partial(training_step.own(network, threads), noisy, clean), threads,
               2 * 256**2 * steps * (4 * smoothing + count * (45 + 105) + 60 + 160),
               2 * 256**2 * steps * 2.5 * layers, "third cache")


def main():
    quick = script.is_quick(__doc__)
    machine, rounds = script.machine(), 5 if quick else 15
    print(machine)
    rows, measured = [], {}
    for threads in (1, 2):
        bandwidth, operations = measured[threads] = limits(threads, rounds)
        print(f"{threads} thread{'s' * (threads > 1)}: copies "
              + ", ".join(f"{value / 1e9:.0f} GB/s in the {place}".replace("the memory", "memory")
                          for place, value in bandwidth.items())
              + f"; {operations / 1e9:.0f} GFLOP/s")
        rows += [("limit", place, threads, value / 1e9, "", "", "")
                 for place, value in bandwidth.items()]
        rows.append(("limit", "operations", threads, operations / 1e9, "", "", ""))
    tasks = list(work(quick))
    seconds = timing.interleave({n: task[1] for n, task in enumerate(tasks)}, rounds, calls=3)
    print(f"\n  {'':40}{'threads':>8}{'ms':>9}{'operations':>12}{'traffic':>9}   of the limit")
    for n, (name, _, threads, operations, traffic, place) in enumerate(tasks):
        bandwidth, peak = measured[threads]
        by_operations, by_traffic = operations / peak, traffic / bandwidth[place]
        share = max(by_operations, by_traffic) / seconds[n]
        print(f"  {name:40}{threads:8}{seconds[n] * 1e3:9.2f}{by_operations * 1e3:12.2f}"
              f"{by_traffic * 1e3:9.2f}{share:10.0%}  ({place})")
        rows.append(("work", name, threads, seconds[n] * 1e3, by_operations * 1e3,
                     by_traffic * 1e3, share))
    if not quick:
        header = ["kind", "name", "threads", "GB/s, GFLOP/s or ms", "ms by operations",
                  "ms by traffic", "share of the limit"]
        script.write_table("roofline", [header, *rows], machine, ".3g")
    print("=> " + "; ".join(f"{name}: {share:.0%} of the limit"
                            for kind, name, threads, *_, share in rows
                            if kind == "work" and threads == 1))


if __name__ == "__main__":
    main()
