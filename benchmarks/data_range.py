"""Which range of grey levels should `pdenet.denoise` assume: the estimated one, 255, or a choice?

    python -m benchmarks.data_range            writes data/data_range.csv
    python -m benchmarks.data_range --quick    three images, one level

White noise of five levels on 8-bit photographs in grey, PSNR of results cut at [0, 255] with the
range that `denoise` estimates, and what others gain: 255; and that of its multiples 1/8, ..., 8 for
which Stein's estimate of the error is least on 3 x 3 tiles of 64 x 64 pixels, unless the gain is
within two standard errors. What the choice does where noise is not as it is said to be is measured
at the level 20: told three quarters of it, with the heavy tails of Laplace's law, and with a level
that grows eightfold along the rows.
"""

import numpy as np

import pdenet
from pdenet.estimates import range_of
from pdenet.images import sample

from . import script
from .images import psnr
from .noise import photographs

LEVELS = (5, 10, 20, 40, 60)
SIDE = 384  # pixels, the middle of an image
PROBE, BLOCK, MARGIN, FARTHEST = 0.1, 16, 2.0, 8.0


def best_multiple(filtered, image, sigma):
    """The power of two m for which filtered(image, m) is best by Stein's estimate, not by
    chance."""
    probe = sigma * np.random.default_rng(0).choice(np.array([-1, 1], image.dtype), image.shape)

    def errors(multiple):
        smooth = filtered(image, multiple)
        found = (smooth - image)**2 + 2 / PROBE * probe * (
            filtered(image + image.dtype.type(PROBE) * probe, multiple) - smooth)
        rows, columns = (size // BLOCK for size in found.shape)
        return found[:rows * BLOCK, :columns * BLOCK].reshape(
            rows, BLOCK, columns, BLOCK).mean(axis=(1, 3))

    usual = errors(1.0)

    def most(multiple):
        gain = errors(multiple) - usual
        return gain.mean() + MARGIN * gain.std() / gain.size**0.5

    best, multiple = min((most(factor), factor) for factor in (2.0, 0.5))
    if best >= 0:
        return 1.0
    factor = multiple
    while 1 / FARTHEST < multiple < FARTHEST and (found := most(multiple * factor)) < best:
        best, multiple = found, multiple * factor
    return multiple


def ways(clean, noisy, sigma):
    """PSNR for the estimated range, and for 255 and the chosen range what they gain."""
    noisy = noisy.astype(np.float32)
    estimated = range_of(noisy[np.newaxis])

    def with_range(image, data_range):
        return pdenet.denoise(image, sigma, data_range=data_range)

    tiles = np.concatenate(list(sample(noisy[np.newaxis], 192, 3)), axis=2)[0]
    multiple = best_multiple(lambda image, m: with_range(image, m * estimated), tiles, sigma)
    plain, usual, chosen = (psnr(clean, np.clip(with_range(noisy, data_range), 0, 255))
                            for data_range in (estimated, 255.0, multiple * estimated))
    return plain, usual - plain, chosen - plain


def main():
    quick = script.is_quick(__doc__)
    print(script.machine("scikit-image"))
    images = {name: image for name, image in photographs().items() if image.max() > 1}
    rows, kinds = [["image", "noise", "estimated", "255", "chosen"]], {}
    for name in list(images)[:3] if quick else images:
        top, left = (max(0, (size - SIDE) // 2) for size in images[name].shape)
        clean = images[name][top:top + SIDE, left:left + SIDE]
        rng = np.random.default_rng(0)
        white = rng.standard_normal(clean.shape)
        tasks = [(f"white {sigma}", sigma * white, sigma) for sigma in LEVELS[2:3 if quick else 5]]
        tasks += [(f"white {sigma}", sigma * white, sigma) for sigma in LEVELS[:0 if quick else 2]]
        rows_of = np.geomspace(1, 8, clean.shape[1])
        rows_of /= np.sqrt(np.mean(rows_of**2))
        tasks += [("told 15", 20 * white, 15), ("level of rows", 20 * rows_of * white, 20),
                  ("Laplace", rng.laplace(0, 20 / 2**0.5, clean.shape), 20)]
        for kind, noise, sigma in tasks:
            found = ways(clean, clean + noise, sigma)
            kinds.setdefault(kind, []).append(found)
            rows.append([name, kind, *(f"{value:.3f}" for value in found)])
            print(f"{name:22}{kind:15}{found[0]:8.2f} dB   255 {found[1]:+.2f}   "
                  f"chosen {found[2]:+.2f}", flush=True)
    print("\nnoise            gain of 255: mean, least, most      of the choice: mean, least, most")
    for kind, found in sorted(kinds.items()):
        _, usual, chosen = np.array(found).T
        print(f"{kind:25}" + "          ".join(
            f"{gain.mean():+8.3f} {gain.min():+8.3f} {gain.max():+8.3f}"
            for gain in (usual, chosen)))
    if not quick:
        script.write_table("data_range", rows)


if __name__ == "__main__":
    main()
