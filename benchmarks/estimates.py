"""How much is lost where contrast and time are estimated from the image?

For noise of several levels on four images: the PSNR with the estimated contrast against the best
of seven quantiles of the gradient, each at its own best time of eight; and the PSNR with
both estimated.

    python -m benchmarks.estimates
"""

import numpy as np
from skimage import data

import pdenet
from pdenet import models
from pdenet.kernels.workspace import Workspace

from .images import psnr

QUANTILES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)
TIMES = (0.5, 1, 2, 4, 8, 16, 32, 64)


def main():
    rng = np.random.default_rng(0)
    print(f"{'model':14}{'image':8}{'noise':>6}{'best':>8}{'contrast':>10}{'both':>8}   dB")
    losses = []
    for name in ("perona_malik", "eed"):
        model = getattr(models, name)
        for image in ("camera", "coins", "moon", "brick"):
            clean = getattr(data, image)()[::2, ::2].astype(float)
            for noise in (10, 20, 40, 60):
                noisy = clean + rng.normal(0, noise, clean.shape)

                def score(contrast, time, model=model, clean=clean, noisy=noisy):
                    return psnr(clean, model(contrast).evolve(noisy, time))

                block, work = model(1.0).block, Workspace()
                squares = block.trace(block.steering_layers(noisy[np.newaxis], work), work)
                best = max(score(contrast, time) for time in TIMES for contrast in
                           np.sqrt(np.quantile(squares[squares > 0], QUANTILES)))
                contrast = pdenet.estimate_contrast(model(1.0), noisy)
                ours = max(score(contrast, time) for time in TIMES)
                both = score(contrast, pdenet.estimate_time(model(contrast), noisy))
                losses.append((best - ours, best - both))
                print(f"{name:14}{image:8}{noise:6}{best:8.2f}{ours - best:10.2f}"
                      f"{both - best:8.2f}")
    contrast, both = np.array(losses).T
    print(f"lost by the estimated contrast: mean {contrast.mean():.2f}, at most "
          f"{contrast.max():.2f} dB; with the time as well: mean {both.mean():.2f}, at most "
          f"{both.max():.2f} dB")


if __name__ == "__main__":
    main()
