"""How good are the defaults for contrast and time?

    python -m benchmarks.estimates            an hour; writes data/estimates.csv
    python -m benchmarks.estimates --quick    three images, two levels

Each filter with its defaults on crops of 192 x 192 pixels of photographs and drawings with noise of
five levels, against the best of a grid of 12 contrasts and 11 times for each image, which sees the
image without noise. Rows of an interrupted run are kept.
"""

import numpy as np

import pdenet
from pdenet import estimates, models

from . import script
from .images import psnr
from .noise import photographs

LEVELS, SIZE = (5, 10, 20, 40, 60), 192
EXPONENTS = range(-5, 7)
FILTERS = tuple(pdenet.NAMES["filters"])
HEADER = ["filter", "image", "noise", "noisy dB", "default dB", "best dB"]


def drawings():
    """Images that are nothing but edges."""
    y, x = np.mgrid[:SIZE, :SIZE]
    return {"edge": (x >= 96) * 255.0, "bars": x // 16 % 2 * 255.0,
            "checkerboard": (x // 16 + y // 16) % 2 * 255.0,
            "disc": 20.0 + 200 * ((y - 96)**2 + (x - 96)**2 < 60**2)}


def images():
    """The middle of each photograph, and the drawings."""
    found = {}
    for name, image in photographs().items():
        top, left = (max(0, (size - SIZE) // 2) for size in image.shape)
        found[name] = image[top:top + SIZE, left:left + SIZE]
    return found | drawings()


def best(model, clean, noisy, level):
    """The greatest PSNR of the grid."""
    unit = level * estimates._response(model(1.0))
    found = []
    for exponent in EXPONENTS:
        network, result, before = model(unit * 2 ** (exponent / 2)), noisy, 0.0
        for time in estimates._times(network):
            result, before = network.evolve(result, time - before, cycles=2), time
            found.append(psnr(clean, result))
    return max(found)


def measure(name, image, clean, level):
    noisy = clean + np.random.default_rng(level).normal(0, level, clean.shape)
    noisy = noisy.astype(np.float32)
    return [name, image, str(level), f"{psnr(clean, noisy):.3f}",
            f"{psnr(clean, getattr(pdenet, name)(noisy)):.3f}",
            f"{best(getattr(models, name), clean, noisy, level):.3f}"]


def summarise(name, rows):
    noise, noisy, default, top = np.array([row[2:] for row in rows if row[0] == name], float).T
    lost = (top - default)[noise >= 10]
    print(f"{name:24} noisy {noisy.mean():6.2f}  default {default.mean():6.2f}  best "
          f"{top.mean():6.2f} dB; for noise >= 10 lost {lost.mean():5.2f} on average, "
          f"{lost.max():5.2f} at most; gain over the noisy image at least "
          f"{(default - noisy).min():5.2f}", flush=True)


def main():
    quick = script.is_quick(__doc__)
    print(script.machine("scipy", "scikit-image"))
    rows = [] if quick else script.read_rows("estimates")
    chosen = images()
    if quick:
        chosen = {name: chosen[name] for name in ("camera", "page", "bars")}
    for name in FILTERS:
        for image, clean in chosen.items():
            for level in (10, 40) if quick else LEVELS:
                if [name, image, str(level)] in [row[:3] for row in rows]:
                    continue
                rows.append(measure(name, image, clean, level))
                if not quick:
                    script.append_row("estimates", HEADER, rows[-1])
        summarise(name, rows)


if __name__ == "__main__":
    main()
