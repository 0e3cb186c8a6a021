"""What do models of noise gain over taking all noise for white, and beside BM3D with the same ones?

    python -m benchmarks.noise_models            half an hour; writes data/noise_models.csv
    python -m benchmarks.noise_models --quick    one image

Poisson noise with camera noise, speckle, Rician noise, and white noise whose level grows from
column to column or differs from pixel to pixel, on the middle of five images that no network was
trained on. PSNR of results cut at [0, 255]: of the noisy image; of `pdenet.denoise` that takes
noise for white, its level estimated; with the model given; with the model estimated; and of BM3D on
the same transform with the same inverse. For a level of each pixel BM3D is given the image over the
level. The mean error, in grey levels, is that of the result with the model given.
"""

import numpy as np

import pdenet

from . import script
from .images import GREY, held_out, psnr

SIDE = 192  # pixels
MODELS = {
    "Poisson, gain 4, sigma 4": pdenet.PoissonNoise(4, 4),
    "Poisson, gain 32": pdenet.PoissonNoise(32, 0),
    "Poisson, gain 128, sigma 20": pdenet.PoissonNoise(128, 20),
    "speckle, 1 look": pdenet.SpeckleNoise(1, floor=0.05),
    "speckle, 4 looks": pdenet.SpeckleNoise(4, floor=0.05),
    "speckle, 16 looks": pdenet.SpeckleNoise(16, floor=0.05),
    "Rician, sigma 10": pdenet.RicianNoise(10),
    "Rician, sigma 30": pdenet.RicianNoise(30),
    "Rician, sigma 60": pdenet.RicianNoise(60)}
LEVELS = {
    "white, sigma 5 to 40 along the rows": lambda shape: np.broadcast_to(
        np.geomspace(5, 40, shape[1]), shape),
    "white, sigma 5 to 40 at random": lambda shape: 5 * 8**np.random.default_rng(1).random(shape)}
COLUMNS = ("noisy", "taken for white", "model given", "model estimated", "BM3D")


def middle(name):
    """SIDE x SIDE pixels of an image, or all rows, without zeros."""
    clean, _ = held_out(name)
    top, left = (max(0, (size - SIDE) // 2) for size in clean.shape)
    return np.maximum(clean[top:top + SIDE, left:left + SIDE], 1)


def bm3d(image):
    from bm3d import bm3d

    return bm3d(image, 1.0)


def results(name, clean):
    """The noisy image, and the images of the other columns, None where there is no such way."""
    if name in LEVELS:
        sigma = LEVELS[name](clean.shape)
        noisy = pdenet.add_noise(clean, sigma)
        return (noisy, pdenet.denoise(noisy), pdenet.denoise(noisy, sigma), None,
                bm3d(noisy / sigma) * sigma)
    model = MODELS[name]
    blank = type(model)(amplitude=model.amplitude) if isinstance(
        model, pdenet.SpeckleNoise) else type(model)()
    noisy = pdenet.add_noise(clean, model)
    return (noisy, pdenet.denoise(noisy), pdenet.denoise(noisy, noise=model),
            pdenet.denoise(noisy, noise=blank), model.restore(bm3d(model.stabilise(noisy))))


def main():
    quick = script.is_quick(__doc__)
    print(script.machine("bm3d"))
    print(f"{'':38}" + "".join(f"{column:>17}" for column in COLUMNS) + "       mean error")
    rows, gains = [["noise", "image", *COLUMNS, "mean error"]], []
    for name in (*MODELS, *LEVELS):
        found = []
        for image in GREY[:1] if quick else GREY:
            clean = middle(image)
            images = results(name, clean)
            found.append([np.nan if one is None else psnr(clean, np.clip(one, 0, 255))
                          for one in images] + [float(np.mean(images[2] - clean))])
            rows.append([name, image, *(f"{value:.3f}" for value in found[-1])])
        mean = np.mean(found, axis=0)
        gains.append(mean[2] - mean[1])
        print(f"{name:38}" + "".join(f"{value:17.2f}" for value in mean[:-1])
              + f"{mean[-1]:+17.2f}", flush=True)
    print(f"=> gain {np.mean(gains):.1f} dB on average, {min(gains):.1f} to {max(gains):.1f}")
    if not quick:
        script.write_table("noise_models", rows)


if __name__ == "__main__":
    main()
