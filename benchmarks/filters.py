"""How fast are the filters, beside their peers and beside each other?

    python -m pip install diplib opencv-contrib-python-headless medpy SimpleITK
    python -m benchmarks.filters            about ten minutes; writes data/filters.csv
    python -m benchmarks.filters --quick    a minute, small images

All candidates of a table run in turn in one process. ns: nanoseconds per pixel and step. Beside the
package's own vectors are the same formulas in plain loops, see `plain_loops`.
"""

import functools

import numpy as np

from pdenet import models

from . import peers, plain_loops, script, timing
from .images import random_image

SINGLE_SCALE = {
    "Perona-Malik": models.perona_malik(30.0), "EED": models.eed(30.0),
    "Weickert-Brox": models.weickert_brox(30.0), "Weickert 1994": models.weickert_1994(30.0),
    "You-Kaveh": models.you_kaveh(30.0),
    "Lysaker-Lundervold-Tai": models.lysaker_lundervold_tai(30.0)}


def against_peers(size, threads, rounds):
    """20 explicit steps of Perona-Malik in float32, as many threads for all that have threads."""
    image = random_image(size, size)
    slow = ("medpy", "SimpleITK gradient") if size > 1024 else ()
    found = peers.perona_malik(threads, skip=slow)
    candidates = {name: peer(image) if name.startswith("OpenCV") else functools.partial(peer, image)
                  for name, peer in found.items()}
    # The threads of some peers stay awake for a while after their work; NumPy has none.
    candidates["NumPy slices"] = candidates.pop("NumPy slices")
    for diffusivity in ("rational", "exponential"):
        candidates[f"pdenet {diffusivity}"] = functools.partial(
            models.perona_malik(peers.CONTRAST, diffusivity=diffusivity, tau=peers.TAU,
                                steps=peers.STEPS), image, workers=threads)
    return compare("Perona-Malik", size, threads, peers.STEPS, candidates, found, rounds)


def tensor_driven(size, threads, rounds):
    """Ten explicit steps of diffusion by a tensor: EED here, coherence enhancing there.

    No peer has edge-enhancing diffusion; its steps cost as much, as they differ in the
    eigenvalues only.
    """
    image, steps = random_image(size, size), 10
    found = peers.coherence_enhancing(threads, steps)
    network = models.eed(30.0, tau=0.2, steps=steps)
    candidates = {name: functools.partial(peer, image) for name, peer in found.items()}
    candidates["pdenet EED"] = functools.partial(network, image, workers=threads)
    return compare("tensor", size, threads, steps, candidates, found, rounds)


def compare(what, size, threads, steps, candidates, found, rounds):
    seconds = timing.interleave(candidates, rounds, calls=5 if size < 512 else 1)
    scale = 1e9 / (size**2 * steps)
    fastest = min((seconds[name], name) for name in found) if found else (np.nan, "none found")
    print(f"\n{what}, {steps} explicit steps, {size} x {size}, float32, {threads} "
          f"thread{'s' * (threads > 1)}\n  {'':32}{'ns':>11}{'x':>11}{'images':>9}")
    rows = []
    for name, value in sorted(seconds.items(), key=lambda item: item[1]):
        # A small image is lost beside what a process holds anyway.
        images = (script.answer("filters", "--memory", what, name, size, threads)
                  if size >= 1024 else np.nan)
        rows.append((f"{what}, {threads} threads", size, name, value * scale, fastest[0] / value,
                     images))
        print(f"  {name:32}{value * scale:8.2f} ns{fastest[0] / value:9.1f} x{images:9.1f}",
              flush=True)
    print(f"  (x: times faster than the fastest peer, {fastest[1]}; images: memory at the peak)")
    return rows


def print_peak(what, name, size, threads):
    """Peak resident memory of a candidate beyond its input, in images; asked by `compare`, which
    wants a process of its own. First a small image, for what is loaded and compiled.
    """
    size, threads = int(size), int(threads)
    for edge in (128, size):
        image = random_image(edge, edge)
        if name.startswith("pdenet"):
            network = (models.eed(30.0, tau=0.2, steps=10) if what == "tensor" else
                       models.perona_malik(30.0, diffusivity=name.split()[1], tau=0.2, steps=20))
            function = functools.partial(network, image, workers=threads)
        else:
            found = (peers.coherence_enhancing(threads, 10) if what == "tensor"
                     else peers.perona_malik(threads))
            function = (found[name](image) if name.startswith("OpenCV")
                        else functools.partial(found[name], image))
        peak = timing.peak_resident(function)
    print(peak / image.nbytes)


def models_beside_perona_malik(size, rounds):
    """One explicit step of every model relative to Perona-Malik, one thread."""
    image, networks = random_image(size, size), dict(SINGLE_SCALE)
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
    return [("models", size, name, value * scale, value / reference, "")
            for name, value in seconds.items()]


def memory(size):
    """Peak memory beyond the input, in images of its size and type, the output included."""
    image = random_image(size, size)
    print(f"\nPeak memory beyond input and output, images of {size} x {size}, float32, two threads")
    rows = []
    for name, network in SINGLE_SCALE.items():
        for scheme in ("explicit", "fed"):
            time = 20 * network.tau_max
            peak = timing.peak_bytes(functools.partial(network.evolve, image, time, scheme=scheme,
                                                       workers=2)) / image.nbytes - 1
            print(f"  {name + ', ' + scheme:32}{peak:8.2f}")
            rows.append(("memory", size, f"{name}, {scheme}", "", "", peak))
    return rows


def main():
    parser = script.parser(__doc__)
    parser.add_argument("--memory", nargs=4, metavar=("TABLE", "NAME", "SIZE", "THREADS"),
                        help="only print the memory of a candidate, in images")
    arguments = parser.parse_args()
    if arguments.memory:
        return print_peak(*arguments.memory)
    quick = arguments.quick
    machine = script.machine("diplib", "opencv-contrib-python-headless", "medpy", "SimpleITK")
    print(machine)
    rows = []
    for size, rounds in [(256, 15), (1024, 9)] if quick else [(256, 31), (1024, 15), (4096, 5)]:
        for threads in [2] if quick else [1, 2]:
            rows += against_peers(size, threads, rounds)
    for size, rounds in [(256, 3)] if quick else [(256, 9), (1024, 3)]:
        for threads in [2] if quick else [1, 2]:
            rows += tensor_driven(size, threads, rounds)
    rows += models_beside_perona_malik(512, 3 if quick else 11)
    rows += plain_loops.compare(512, 7 if quick else 31)
    rows += memory(512 if quick else 2048)
    if not quick:
        header = ["table", "size", "candidate", "value", "ratio", "images"]
        script.write_table("filters", [header, *rows], machine, ".3f")
    best = {row[:2]: row[4] for row in reversed(rows) if row[2].startswith("pdenet")}
    print("=> times faster than the fastest peer: " + "; ".join(
        f"{what}, {size} x {size}: {ratio:.1f}" for (what, size), ratio in best.items()
        if what.endswith("2 threads")))


if __name__ == "__main__":
    main()
