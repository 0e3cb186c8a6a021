"""What does each filter cost, and how far does it leave the range of the grey levels?

    python -m benchmarks.choice

The time is that of an image of 512 x 512 pixels in float32 with a given contrast, up to the
diffusion time at which linear diffusion leaves an eighth of white noise. What leaves the range is
told as a share of it, below the least or above the greatest grey level, for a disc of 255 on 0, the
same with noise of 20 grey levels, counts, and a single bright pixel; with the default parameters,
and the worst of twelve others.
"""

import time

import numpy as np

import pdenet
from pdenet import estimates, models

from . import script
from .images import random_image

FILTERS = pdenet.NAMES["filters"]


def images():
    y, x = np.mgrid[:128, :128] - 64
    disc = np.where(y**2 + x**2 < 900, 255.0, 0.0)
    point = np.zeros((31, 31))
    point[15, 15] = 255
    rng = np.random.default_rng(0)
    counts = rng.poisson(np.where(y**2 + x**2 < 900, 50, 0.2)).astype(float)
    return {"disc": disc, "noisy disc": disc + rng.normal(0, 20, disc.shape), "counts": counts,
            "pixel": point}


def beyond(image, result):
    """The share of the range by which a result leaves it."""
    return max(image.min() - result.min(), result.max() - image.max(), 0) / np.ptp(image)


def seconds(names, rounds):
    """The median time of each filter, measured in turns."""
    image, found = random_image(512, 512), {name: [] for name in names}
    times = {name: estimates._times(getattr(models, name)(10.0), [1 / 8])[0] for name in names}
    for _ in range(rounds + 1):
        for name in names:
            start = time.perf_counter()
            getattr(pdenet, name)(image, contrast=10, time=times[name])
            found[name].append(time.perf_counter() - start)
    return {name: np.median(one[1:]) for name, one in found.items()}


def main():
    quick = script.is_quick(__doc__)
    print(script.machine())
    took = seconds(FILTERS, 3 if quick else 15)
    print(f"{'':24}{'ms':>8}" + "".join(f"{name:>14}" for name in images())
          + f"{'worst':>10} (contrast, time)")
    for name in FILTERS:
        filter_ = getattr(pdenet, name)
        found = [beyond(image, filter_(image)) for image in images().values()]
        grid = {(contrast, time): max(beyond(image, filter_(image, contrast=contrast, time=time))
                                      for image in images().values())
                for contrast in (2, 10, 50, 250) for time in (1, 5, 25)}
        worst = max(grid, key=grid.get)
        print(f"{name:24}{1e3 * took[name]:8.1f}"
              + "".join(f"{share:14.2%}" for share in found)
              + f"{grid[worst]:10.2%} {worst}", flush=True)


if __name__ == "__main__":
    main()
