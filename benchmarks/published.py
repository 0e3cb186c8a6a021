"""How good is `pdenet.denoise` by the protocol of published tables, and with how many numbers?

    python -m benchmarks.published FOLDER    clean grey images, such as the 68 of the Berkeley
                                             Segmentation Dataset (BSD68); writes
                                             data/published.csv and data/published.png
    python -m benchmarks.published FOLDER --quick    two images

Noise of standard deviation 15, 25 and 50 is added, neither clipped nor rounded; the mean of the
PSNRs of all images, results cut at [0, 255], of the noise level told and estimated. The folder is
for testing alone: no network was trained on these images. Beside it stands what others have
published for BSD68, with the numbers that they learn for one noise level; ours are the coefficients
for all levels together.
"""

import os
import time

import numpy as np
import skimage

import pdenet
from pdenet.learning import noise_levels

from . import script
from .images import psnr

SIGMAS = (15.0, 25.0, 50.0)
# dB for each of these levels, how many numbers are learned, and by whom.
PUBLISHED = {
    "BM3D": ((31.07, 28.57, 25.62), 0, "Dabov et al. 2007; figures of Zhang et al. 2017"),
    "CRR-NN": ((30.54, 28.10, None), 13763, "Goujon et al. 2023"),
    "TNRD": ((31.42, 28.92, 25.97), 26645, "Chen and Pock 2017"),
    "DnCNN-S": ((31.73, 29.23, 26.23), 556000, "Zhang et al. 2017")}


def images(folder):
    for name in sorted(os.listdir(folder)):
        pixels = np.asarray(skimage.io.imread(os.path.join(folder, name)))
        yield (pixels if pixels.ndim == 2 else 255 * skimage.color.rgb2gray(pixels)).astype(float)


def methods():
    """{name: (function of an image and a level, how many numbers)}."""
    found = {}
    for shared in (True, False):
        learned = np.count_nonzero(noise_levels.shipped("grey", shared).coefficients)
        kind = "one set for all steps" if shared else "own in each step"
        for told in (True, False):
            name = f"pdenet, {kind}" + ("" if told else ", blind")
            found[name] = (lambda image, sigma, shared=shared, told=told: pdenet.denoise(
                image, sigma if told else None, shared=shared), learned)
    return found


def measure(clean, function):
    """The mean PSNR at each level, and the seconds for an image."""
    found, seconds = np.zeros((len(clean), len(SIGMAS))), []
    for n, image in enumerate(clean):
        for k, sigma in enumerate(SIGMAS):
            noisy = pdenet.add_noise(image, sigma, n).astype(np.float32)
            start = time.perf_counter()
            result = function(noisy, sigma)
            seconds.append(time.perf_counter() - start)
            found[n, k] = psnr(image, np.clip(result, 0, 255))
    return found.mean(axis=0), float(np.median(seconds))


def draw(rows, path):
    """PSNR at the middle level over how many numbers are learned."""
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(7, 4), dpi=100)
    for name, learned, *values in rows:
        if "blind" in name:
            continue
        ours = name.startswith("pdenet")
        axis.plot(max(learned, 30), values[1], "o" if ours else "s", color="C3" if ours else "C0")
        axis.annotate(name, (max(learned, 30), values[1]), textcoords="offset points",
                      xytext=(6, -12 if ours else 5), fontsize=9)
    axis.set_xscale("log")
    axis.margins(y=0.12)
    axis.set_xlim(20, 6e6)
    axis.set_xlabel("numbers that are learned (BM3D: none)")
    axis.set_ylabel("PSNR, dB, noise 25")
    axis.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path)
    print(path)


def main():
    parser = script.parser(__doc__, "two images")
    parser.add_argument("folder")
    options = parser.parse_args()
    clean = list(images(options.folder))[:2 if options.quick else None]
    print(script.machine("scikit-image"))
    print(f"{len(clean)} images, noise {', '.join(f'{sigma:g}' for sigma in SIGMAS)}")
    rows = []
    for name, (function, learned) in methods().items():
        values, seconds = measure(clean, function)
        rows.append([name, learned, *(float(value) for value in values)])
        print(f"{name:36}{learned:8}  " + "  ".join(f"{value:.2f}" for value in values)
              + f" dB, {seconds:.3f} s an image", flush=True)
    for name, (values, learned, source) in PUBLISHED.items():
        rows.append([name, learned, *("" if value is None else value for value in values)])
        told = "  ".join("  -  " if value is None else f"{value:.2f}" for value in values)
        print(f"{name:36}{learned:8}  {told} dB, {source}")
    if not options.quick:
        script.write_table("published", [["method", "numbers", *SIGMAS], *rows],
                           script.machine("scikit-image"), ".3f")
        draw(rows, script.DATA / "published.png")


if __name__ == "__main__":
    main()
