"""How fast are the filters, beside their peers and beside each other?

    python -m pip install diplib opencv-contrib-python-headless medpy SimpleITK
    python -m benchmarks.filters            about five minutes; writes data/filters.csv
    python -m benchmarks.filters --quick    a minute, small images

All candidates of a table run in turn in one process. ns: nanoseconds per pixel and step.
"""

import argparse
import csv
import functools
import pathlib
import subprocess
import sys

import numpy as np

from pdenet import models

from . import peers, timing

DATA = pathlib.Path(__file__).parent.parent / "data"


def image_of(size, dtype=np.float32):
    return np.random.default_rng(0).uniform(0, 255, (size, size)).astype(dtype)


def against_peers(size, rounds):
    """20 explicit steps of Perona-Malik in float32, two threads for all that have threads."""
    image = image_of(size)
    slow = ("medpy", "SimpleITK gradient") if size > 1024 else ()
    found = peers.perona_malik(threads=2, skip=slow)
    candidates = {name: peer(image) if name.startswith("OpenCV") else functools.partial(peer, image)
                  for name, peer in found.items()}
    # The threads of some peers stay awake for a while after their work; NumPy has none.
    candidates["NumPy slices"] = candidates.pop("NumPy slices")
    for diffusivity in ("rational", "exponential"):
        network = models.perona_malik(peers.CONTRAST, diffusivity=diffusivity, tau=peers.TAU,
                                      steps=peers.STEPS)
        for workers in (1, 2):
            candidates[f"pdenet {diffusivity}, {workers} thread{'s' * (workers > 1)}"] = \
                functools.partial(network, image, workers=workers)
    seconds = timing.interleave(candidates, rounds)
    scale = 1e9 / (size**2 * peers.STEPS)
    fastest = min((seconds[name], name) for name in found)
    print(f"\nPerona-Malik, {peers.STEPS} explicit steps, {size} x {size}, float32")
    for name, value in sorted(seconds.items(), key=lambda item: item[1]):
        print(f"  {name:32}{value * scale:8.2f} ns  {fastest[0] / value:7.1f} x")
    print(f"  (x: times faster than the fastest peer, {fastest[1]})")
    return [("peers", size, name, value * scale, fastest[0] / value)
            for name, value in seconds.items()]


def models_beside_perona_malik(size, rounds):
    """One explicit step of every model relative to Perona-Malik, one thread."""
    image = image_of(size)
    networks = {
        "Perona-Malik": models.perona_malik(30.0), "EED": models.eed(30.0),
        "Weickert-Brox": models.weickert_brox(30.0), "Weickert 1994": models.weickert_1994(30.0),
        "You-Kaveh": models.you_kaveh(30.0),
        "Lysaker-Lundervold-Tai": models.lysaker_lundervold_tai(30.0)}
    for largest, count in [(2.0, 4), (5.0, 6), (10.0, 8)]:
        networks[f"multiscale, {count} scales to {largest:g}"] = models.multiscale(
            30.0, sigmas=np.geomspace(0.4, largest, count))
    seconds = timing.interleave(
        {name: functools.partial(network, image, workers=1) for name, network in networks.items()},
        rounds)
    scale = 1e9 / (size**2 * 10)
    reference = seconds["Perona-Malik"]
    print(f"\nOne explicit step, {size} x {size}, float32, one thread")
    for name, value in seconds.items():
        sigmas = networks[name].scales.sigmas.sum()
        growth = f"  {value * scale / sigmas:6.2f} ns per pixel of sigma" if sigmas > 0 else ""
        print(f"  {name:32}{value * scale:8.2f} ns  {value / reference:6.2f} of Perona-Malik"
              f"{growth}")
    return [("models", size, name, value * scale, value / reference)
            for name, value in seconds.items()]


def cost_over_pixels(sizes, rounds):
    """Is the cost linear in the pixels? 20 explicit steps of Perona-Malik, one thread.

    Each size is called so often that all work on as many pixels.
    """
    network = models.perona_malik(30.0, tau=0.2, steps=20)

    def repeated(size):
        image, calls = image_of(size), (sizes[-1] // size)**2

        def run():
            for _ in range(calls):
                network(image, workers=1)
        return run

    seconds = timing.interleave({size: repeated(size) for size in sizes}, rounds)
    scaled = {size: value * 1e9 / (sizes[-1]**2 * 20) for size, value in seconds.items()}
    print("\nCost over pixels, Perona-Malik, float32, one thread")
    for size, value in scaled.items():
        print(f"  {size:5} x {size:<5}{value:8.2f} ns")
    print(f"  largest / smallest: {max(scaled.values()) / min(scaled.values()):.2f}")
    return [("pixels", size, "Perona-Malik", value, value / min(scaled.values()))
            for size, value in scaled.items()]


def memory(size):
    """Peak memory beyond the input, in images of its size and type, the output included."""
    image = image_of(size)
    networks = {"Perona-Malik": models.perona_malik(30.0), "EED": models.eed(30.0),
                "Weickert-Brox": models.weickert_brox(30.0), "You-Kaveh": models.you_kaveh(30.0),
                "Lysaker-Lundervold-Tai": models.lysaker_lundervold_tai(30.0),
                "Weickert 1994": models.weickert_1994(30.0)}
    print(f"\nPeak memory beyond input and output, images of {size} x {size}, float32, two threads")
    rows = []
    for name, network in networks.items():
        for scheme in ("explicit", "fed"):
            time = 20 * network.tau_max
            peak = timing.peak_bytes(functools.partial(network.evolve, image, time, scheme=scheme,
                                                       workers=2)) / image.nbytes - 1
            print(f"  {name + ', ' + scheme:32}{peak:8.2f}")
            rows.append(("memory", size, f"{name}, {scheme}", peak, ""))
    return rows


def start_up():
    """Seconds of whole processes, medians of five."""
    commands = {
        "python -c pass": ["-c", "pass"], "import numpy": ["-c", "import numpy"],
        "import numpy, pdenet": ["-c", "import numpy, pdenet"],
        "pdenet filter eed example:camera": ["-m", "pdenet", "filter", "eed", "example:camera",
                                             str(DATA / "start.png"), "--overwrite"]}
    seconds = timing.interleave(
        {name: functools.partial(subprocess.run, [sys.executable, *command], check=True,
                                 stdout=subprocess.DEVNULL) for name, command in commands.items()},
        5)
    (DATA / "start.png").unlink(missing_ok=True)
    print("\nWhole processes, seconds (kernels cached)")
    for name, value in seconds.items():
        print(f"  {name:40}{value:6.2f}")
    return [("start", "", name, value, "") for name, value in seconds.items()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small images, few rounds")
    quick = parser.parse_args().quick
    machine = timing.machine("diplib", "opencv-contrib-python-headless", "medpy", "SimpleITK")
    print(machine)
    rows = []
    for size, rounds in [(256, 15), (1024, 9)] if quick else [(256, 31), (1024, 21), (4096, 5)]:
        rows += against_peers(size, rounds)
    rows += models_beside_perona_malik(512, 3 if quick else 11)
    rows += cost_over_pixels([256, 512, 1024, 2048] + ([] if quick else [4096]), 3 if quick else 7)
    rows += memory(512 if quick else 2048)
    rows += start_up()
    if not quick:
        with open(DATA / "filters.csv", "w", newline="") as file:
            file.write(f"# python -m benchmarks.filters; {machine}\n")
            writer = csv.writer(file)
            writer.writerow(["table", "size", "candidate", "value", "ratio"])
            writer.writerows([[*row[:3], *(f"{x:.3f}" if isinstance(x, float) else x
                                           for x in row[3:])] for row in rows])


if __name__ == "__main__":
    main()
