"""What does a mask cost? Filters with and without one.

    python -m benchmarks.masks [--quick]    writes data/masks.csv, unless --quick

512 x 512 pixels in float32 and float64, one thread, time of the processor for the same diffusion
with a mask over the time without: a disc that is measured, as that of a scanner, and nine of ten
pixels at random. Then volumes of 64 x 64 x 64 voxels, with a ball and nine of ten voxels.
"""

import functools
import itertools
import time

import numpy as np
from skimage import data

import pdenet

from . import script, timing

FILTERS = {name: functools.partial(getattr(pdenet, name), contrast=10, time=amount, workers=1)
           for name, amount in (("perona_malik", 5), ("weickert_brox", 5), ("eed", 5),
                                ("weickert_1994", 2), ("multiscale", 2), ("you_kaveh", 5),
                                ("lysaker_lundervold_tai", 5))}
FILTERS["eed, explicit"] = functools.partial(FILTERS["eed"], scheme="explicit")
FILTERS["perona_malik, explicit"] = functools.partial(FILTERS["perona_malik"], scheme="explicit")
FILTERS["denoise"] = functools.partial(pdenet.denoise, sigma=20, workers=1)


OF_VOLUMES = {name: functools.partial(FILTERS[name], time=3)
              for name in ("perona_malik", "weickert_brox", "eed")}


def masks(shape):
    middle = np.reshape(shape, (-1, *[1] * len(shape))) / 2
    return {"disc": np.linalg.norm(np.indices(shape) - middle, axis=0) < min(shape) / 2,
            "random": np.random.default_rng(0).random(shape) < 0.9}


def main():
    quick = script.is_quick(__doc__)
    machine, rows = script.machine(), []
    print(machine)
    volume = np.random.default_rng(0).normal(100, 30, (64,) * 3)
    for dtype, (kind, whole, filters) in itertools.product((np.float32, np.float64), (
            ("", data.camera(), FILTERS), (", volume", volume, OF_VOLUMES))):
        image = whole.astype(dtype)
        for name, function in filters.items():
            name += kind
            runs = {"none": functools.partial(function, image)} | {
                kind: functools.partial(function, image, mask=mask)
                for kind, mask in masks(image.shape).items()}
            seconds = timing.interleave(runs, 3 if quick else 11, clock=time.thread_time)
            ratios = {kind: seconds[kind] / seconds["none"] for kind in ("disc", "random")}
            rows.append((name, dtype.__name__, seconds["none"], *ratios.values()))
            print(f"{name:24} {dtype.__name__}  {1e3 * seconds['none']:7.1f} ms"
                  + "".join(f"   {kind} {ratio:.2f}" for kind, ratio in ratios.items()), flush=True)
    print(f"=> at most {max(row[3] for row in rows):.2f} times the time for a disc, "
          f"{max(row[4] for row in rows):.2f} times for pixels at random")
    if not quick:
        script.write_table("masks", [("filter", "type", "seconds without a mask", "disc", "random"),
                                     *rows], machine, ".4f")


if __name__ == "__main__":
    main()
