"""How much should the luminance steer what else is in colours?

    python -m benchmarks.guiding            writes data/guiding.csv
    python -m benchmarks.guiding --quick    one image, one level

`pdenet.denoise` takes the principal axes of the channels one by one; the first, without noise,
guides the others with a weight. Mean PSNR, results cut at [0, 255], of the colour images on which
the network was trained, by which the weight is chosen, and of two on which it was not.
"""

import numpy as np

import pdenet
from pdenet import denoising

from . import script
from .images import COLOUR, TRAINED_COLOUR, held_out, psnr

WEIGHTS, SIGMAS, SIDE = (0.0, 0.3, 0.45, 0.6, 0.8), (10.0, 20.0, 40.0, 60.0), 400


def gains(name, sigma):
    """PSNR for each weight."""
    clean, axis = held_out(name)
    top, left = (max(0, size - SIDE) // 2 for size in clean.shape[:2])
    clean = clean[top:top + SIDE, left:left + SIDE]
    noisy, usual = pdenet.add_noise(clean, sigma, 0).astype(np.float32), denoising.GUIDING
    try:
        for denoising.GUIDING in WEIGHTS:
            result = pdenet.denoise(noisy, sigma, channel_axis=axis)
            yield psnr(clean, np.clip(result, 0, 255))
    finally:
        denoising.GUIDING = usual


def main():
    quick = script.is_quick(__doc__)
    print(script.machine("scikit-image"))
    rows = [["image", "sigma", *WEIGHTS]]
    for kind, names in (("trained on", TRAINED_COLOUR), ("not trained on", COLOUR)):
        for sigma in SIGMAS[1:2] if quick else SIGMAS:
            own = [[name, sigma, *gains(name, sigma)] for name in names[:1 if quick else None]]
            rows += own
            mean = np.mean([row[2:] for row in own], axis=0)
            print(f"{kind:15} noise {sigma:g}: alone {mean[0]:.2f} dB, " + ", ".join(
                f"weight {weight:g} {gain:+.3f}" for weight, gain
                in zip(WEIGHTS[1:], mean[1:] - mean[0], strict=True)), flush=True)
    if not quick:
        script.write_table("guiding", rows, script.machine("scikit-image"), ".3f")


if __name__ == "__main__":
    main()
