"""How fast are the filters of volumes, beside their peers, and what do they hold in memory?

    python -m pip install diplib medpy SimpleITK
    python -m benchmarks.volumes            some minutes; writes data/volumes.csv
    python -m benchmarks.volumes --quick    a minute, 64^3 voxels
    python -m benchmarks.volumes picture    writes data/volumes.png: three orthogonal slices of a
                                            magnetic resonance scan, which comes with nibabel,
                                            before and after pdenet.eed

All candidates of a table run in turn in one process, on volumes of random float32. ns: nanoseconds
per voxel and step. Memory is that beyond input and output, in volumes.
"""

import functools
import sys

import numpy as np

from pdenet import models

from . import script, timing
from .images import random_image
from .script import DATA

STEPS, CONTRAST, CUBES = 5, 30.0, (1.0, 1.0, 1.0)
NETWORKS = {"Perona-Malik": models.perona_malik, "Weickert-Brox": models.weickert_brox,
            "EED": models.eed}


def _diplib(threads, steps):
    import diplib
    diplib.SetNumberOfThreads(threads)
    return lambda volume: diplib.PeronaMalikDiffusion(
        diplib.Image(volume), iterations=steps, K=CONTRAST, stepSizeLambda=0.125, g="quadratic")


def _medpy(threads, steps):
    from medpy.filter.smoothing import anisotropic_diffusion
    return lambda volume: anisotropic_diffusion(volume, niter=steps, kappa=CONTRAST, gamma=0.1,
                                                option=2)


def _simpleitk(threads, steps):
    import SimpleITK
    SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
    return lambda volume: SimpleITK.GradientAnisotropicDiffusion(
        SimpleITK.GetImageFromArray(volume), timeStep=0.0625, conductanceParameter=3.0,
        numberOfIterations=steps)


def _coherence(threads, steps):
    import diplib
    diplib.SetNumberOfThreads(threads)
    return lambda volume: diplib.CoherenceEnhancingDiffusion(
        diplib.Image(volume), derivativeSigma=1, regularizationSigma=3, iterations=steps)


PEERS = {"DIPlib quadratic": _diplib, "medpy": _medpy, "SimpleITK gradient": _simpleitk}


def network(name, steps, **options):
    return NETWORKS[name](CONTRAST, spacing=CUBES, tau=0.25, steps=steps, **options)


def against_peers(size, threads, rounds, steps=STEPS):
    """Explicit steps of Perona-Malik, and of the models that no peer has."""
    volume = random_image(size, size, size)
    peers = script.available({name: functools.partial(build, threads, steps)
                              for name, build in PEERS.items()})
    candidates = {name: functools.partial(peer, volume) for name, peer in peers.items()}
    for name in NETWORKS:
        candidates[f"pdenet {name}"] = functools.partial(network(name, steps), volume,
                                                         workers=threads)
    return report("Perona-Malik", size, threads, steps, candidates, peers, rounds)


def coherence(size, threads, rounds, steps=1):
    """Steps of coherence-enhancing diffusion and of edge-enhancing diffusion."""
    volume = random_image(size, size, size)
    peers = script.available({"DIPlib coherence enhancing": functools.partial(
        _coherence, threads, steps)})
    candidates = {name: functools.partial(peer, volume) for name, peer in peers.items()}
    candidates["pdenet EED"] = functools.partial(network("EED", steps), volume, workers=threads)
    flow = models.ced(CONTRAST, sigma=1.0, rho=3.0, spacing=CUBES, steps=steps)
    candidates["pdenet coherence enhancing"] = functools.partial(flow, volume, workers=threads)
    return report("tensor", size, threads, steps, candidates, peers, rounds)


def report(what, size, threads, steps, candidates, peers, rounds):
    """Print and return the rows of a table."""
    seconds = timing.interleave(candidates, rounds)
    fastest = min((seconds[name], name) for name in peers) if peers else (np.nan, "none found")
    print(f"\n{what}, {steps} explicit step{'s' * (steps > 1)}, {size}^3, float32, {threads} "
          f"thread{'s' * (threads > 1)}")
    rows = []
    for name, value in sorted(seconds.items(), key=lambda item: item[1]):
        each = value * 1e9 / (size**3 * steps)
        rows.append((f"{what}, {threads} threads", size, name, each, fastest[0] / value, ""))
        print(f"  {name:32}{each:10.2f} ns{fastest[0] / value:9.1f} x", flush=True)
    print(f"  (x: times faster than the fastest peer, {fastest[1]})")
    return rows


def memory(size, names=tuple(NETWORKS), schemes=("explicit", "fed")):
    """Peaks beyond input and output, of two threads."""
    volume = random_image(size, size, size)
    print(f"\nPeak memory beyond input and output, volumes of {size}^3, float32, two threads")
    rows = []
    for name in names:
        for scheme in schemes:
            run = functools.partial(network(name, 1).evolve, volume, 2.5, scheme=scheme, workers=2)
            peak = timing.peak_bytes(run) / volume.nbytes - 1
            rows.append(("memory", size, f"{name}, {scheme}", "", "", peak))
            print(f"  {name + ', ' + scheme:32}{peak:8.2f}", flush=True)
    return rows


def linear(sizes):
    """Nanoseconds per voxel and step of EED, whatever the size: two threads."""
    print("\nOne explicit step of EED, float32, two threads")
    rows = []
    for size in sizes:
        volume = random_image(size, size, size)
        run = functools.partial(network("EED", 1), volume, workers=2)
        each = timing.interleave({"EED": run}, 1 if size > 256 else 5)["EED"] * 1e9 / size**3
        rows.append(("growth", size, "EED", each, "", ""))
        print(f"  {size:4}^3{each:10.2f} ns", flush=True)
    return rows


def picture(path):
    """Three orthogonal slices before and after, of a scan with voxels of 2 x 2 x 2.2 mm."""
    import imageio.v3 as iio
    import matplotlib
    import nibabel
    from nibabel.testing import data_path

    import pdenet

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    scan = nibabel.load(f"{data_path}/example4d.nii.gz")
    volume = np.asarray(scan.dataobj)[..., 0].astype(np.float32)
    spacing = tuple(map(float, scan.header.get_zooms()[:3]))
    result = pdenet.eed(volume, spacing=spacing, contrast=4, sigma=2, time=6)
    places = [size // 2 for size in volume.shape]
    figure, axes = plt.subplots(2, 3, figsize=(9, 5.6), dpi=80)
    for row, (title, shown) in zip(axes, (("scan", volume), ("pdenet.eed", result)), strict=True):
        for axis, place, panel in zip(range(3), places, row, strict=True):
            plane = np.take(shown, place, axis).T[::-1]
            y, x = np.delete(spacing, axis)[::-1]
            panel.imshow(plane, cmap="gray", vmin=0, vmax=np.quantile(volume, 0.995), aspect=y / x)
            panel.set_title(f"{title}, {'xyz'[axis]} = {place}", fontsize=10)
            panel.axis("off")
    figure.tight_layout(pad=0.4)
    figure.canvas.draw()
    iio.imwrite(path, np.asarray(figure.canvas.buffer_rgba())[..., :3])
    print(path)


def main():
    if sys.argv[1:] == ["picture"]:
        picture(DATA / "volumes.png")
        return
    quick = script.is_quick(__doc__)
    machine = script.machine("diplib", "medpy", "SimpleITK")
    print(machine)
    rows = []
    for size, rounds, steps in [(64, 5, STEPS)] if quick else [(128, 5, STEPS), (256, 3, 2)]:
        for threads in [2] if quick or size > 128 else [1, 2]:
            rows += against_peers(size, threads, rounds, steps)
    rows += coherence(24 if quick else 96, 2, 1)
    rows += memory(96 if quick else 256)
    if not quick:
        rows += memory(512, ["EED"], ["explicit"])
    rows += linear([64, 128] if quick else [64, 128, 256, 512])
    if not quick:
        header = ["table", "size", "candidate", "ns", "ratio", "volumes"]
        script.write_table("volumes", [header, *rows], machine, ".3f")
    ours = {row[2]: row for row in rows if row[0] == "Perona-Malik, 2 threads"
            and row[1] == (64 if quick else 128)}
    print(f"=> Perona-Malik {ours['pdenet Perona-Malik'][4]:.1f} times faster than the fastest "
          f"peer, EED {ours['pdenet EED'][3]:.1f} ns per voxel and step")


if __name__ == "__main__":
    main()
