"""Is it the models, or the square pixels of the test images, that depend on the angle?

    python -m benchmarks.aperture            about eight minutes; writes data/aperture.csv
    python -m benchmarks.aperture --quick    four images per angle

A pixel that is the mean of its square blurs an edge at 45 degrees over 1.41 times as many pixels
as one along the axes: this sampling is not rotationally invariant itself. Here shipped networks,
trained on such pixels, are tested on images that are sampled by a Gaussian instead, which is.
Besides the variance over the angles its systematic part: the covariance, over the angles, of the
mean PSNR of two halves of the images, in which the chance of their layouts cancels.
"""

import numpy as np
from scipy.ndimage import gaussian_filter

from pdenet.checks import check_workers
from pdenet.execution.workers import Workers
from pdenet.experiments import audit, figure4, rectangles

from . import script
from .images import psnr
from .invariance import coupled

POINTS = 8  # per pixel and direction, before the aperture


def sampled_by_gaussian(count, angle, sigma, size=256):
    """`pdenet.rectangles`, sampled by a Gaussian of this standard deviation, pixels."""
    centres = np.random.default_rng(audit.LAYOUTS).uniform(
        0, size, (count, rectangles.RECTANGLES, 2))
    for own in centres:
        inside = rectangles._inside(own, np.deg2rad(angle), size * POINTS, 1 / POINTS)
        blurred = gaussian_filter(inside.astype(np.float32), sigma * POINTS)
        # A pixel's centre lies between four points.
        middle = blurred.reshape(size, POINTS, size, POINTS)
        middle = middle[:, POINTS // 2 - 1:POINTS // 2 + 1, :, POINTS // 2 - 1:POINTS // 2 + 1]
        yield 255 * middle.mean((1, 3))


def evaluate(networks, sigma, count):
    """PSNR of each network for all angles and images: {name: (A, N)}."""
    found = {name: [] for name in networks}
    with Workers(check_workers(None)) as team:
        for angle in audit.ANGLES:
            clean = (rectangles.rectangles(count, angle, rng=audit.LAYOUTS) if sigma == 0 else
                     np.stack(list(sampled_by_gaussian(count, angle, sigma))))
            noisy = rectangles.add_noise(clean, figure4.SIGMA, audit.NOISE)
            for name, network in networks.items():
                found[name].append(team.map(
                    lambda pair, work, network=network: psnr(
                        pair[1], network(pair[0], workers=1)),
                    list(zip(noisy, clean, strict=True))))
    return {name: np.array(values) for name, values in found.items()}


def main():
    quick = script.is_quick(__doc__)
    networks, count, rows = coupled(), 4 if quick else 50, []
    print(script.machine())
    for sigma in (0.0, 0.4) if quick else (0.0, 0.3, 0.4, 0.5):
        name = "square" if sigma == 0 else f"Gaussian, {sigma:g} pixels"
        print(f"\n{name}: mean PSNR, variance over the angles, its systematic part")
        for model, found in evaluate(networks, sigma, count).items():
            halves = [found[:, k::2].mean(axis=1) for k in (0, 1)]
            values = (found.mean(), found.mean(axis=1).var(), np.cov(*halves, ddof=0)[0, 1])
            print("  {:22}{:8.2f} dB{:9.4f}{:9.4f} dB^2".format(model, *values), flush=True)
            rows.append([name, model, *(f"{value:.4f}" for value in values)])
    if not quick:
        header = ["aperture", "model", "psnr", "variance", "systematic"]
        script.write_table("aperture", [header, *rows])


if __name__ == "__main__":
    main()
