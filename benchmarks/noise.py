"""How true is the estimate of the noise level, beside Immerkaer's and the median of wavelets?

    python -m benchmarks.noise            writes data/noise.csv
    python -m benchmarks.noise --quick    six images

White noise of five levels is added to the photographs that come with scikit-image, scikit-learn,
PyWavelets and matplotlib, as far as these are installed, and the level is estimated.
"""

import contextlib
import pathlib
import time

import numpy as np
from scipy import ndimage
from skimage import data
from skimage.color import rgb2gray

import pdenet

from . import script

LEVELS = (2, 5, 10, 20, 40)
NAMES = ("astronaut", "brick", "camera", "cat", "cell", "clock", "coffee", "coins", "grass",
         "gravel", "hubble_deep_field", "immunohistochemistry", "microaneurysms", "moon", "page",
         "retina", "rocket", "text")


def photographs():
    """Grey images in float64 with a range of up to 255, by name."""
    found = {name: getattr(data, name)() for name in NAMES}
    with contextlib.suppress(ImportError):
        from sklearn.datasets import load_sample_images
        samples = load_sample_images()
        found |= dict(zip(map(str, samples.filenames), samples.images, strict=True))
    with contextlib.suppress(ImportError):
        import pywt.data
        found |= {"ascent": pywt.data.ascent(), "aero": pywt.data.aero()}
    with contextlib.suppress(ImportError):
        import imageio.v3 as iio
        import matplotlib
        folder = pathlib.Path(matplotlib.get_data_path()) / "sample_data"
        found |= {path.name: iio.imread(path) for path in sorted(folder.iterdir())
                  if path.suffix in (".jpg", ".png")}
    return {pathlib.Path(name).name: _grey(image) for name, image in found.items()}


def _grey(image):
    image = np.asarray(image)
    return image.astype(float) if image.ndim == 2 else 255 * rgb2gray(image[..., :3])


def immerkaer(image):
    """From a Laplacian that straight edges do not pass (Immerkaer, 1996)."""
    mask = np.outer([1, -2, 1], [1, -2, 1])
    found = ndimage.convolve(image, mask)[1:-1, 1:-1]
    return np.sqrt(np.pi / 2) / 6 * np.abs(found).mean()


def wavelets(image):
    """The median of the finest wavelet coefficients, by scikit-image."""
    from skimage.restoration import estimate_sigma

    return estimate_sigma(image)


def main():
    quick = script.is_quick(__doc__)
    print(script.machine("scipy", "scikit-image", "PyWavelets", "scikit-learn", "matplotlib"))
    ways = {"pdenet": pdenet.estimate_noise, "Immerkaer": immerkaer, "wavelet MAD": wavelets}
    images = photographs()
    images = dict(list(images.items())[:6]) if quick else images
    rows, errors = [["image", "method", "clean", *map(str, LEVELS)]], {}
    for image, clean in images.items():
        noisy = [clean + np.random.default_rng(1).normal(0, level, clean.shape) for level in LEVELS]
        for name, way in ways.items():
            found = [float(way(clean)), *(float(way(one)) for one in noisy)]
            rows.append([image, name, *(f"{level:.3f}" for level in found)])
            errors[name, image] = np.array(found)
    print(f"\n{len(images)} images\nmethod         clean  rms error for noise of "
          + "".join(f"{level:7}" for level in LEVELS) + "   5 to 40   worst of these     512 x 512")
    for name, way in ways.items():
        found = np.array([errors[name, image] for image in images])
        error = found[:, 1:] / LEVELS - 1
        rms = np.sqrt(np.mean(error**2, axis=0))
        image, level = np.unravel_index(np.abs(error[:, 1:]).argmax(), error[:, 1:].shape)
        camera, seconds = images["camera"], []
        for _ in range(7):
            start = time.perf_counter()
            way(camera)
            seconds.append(time.perf_counter() - start)
        print(f"{name:13}{found[:, 0].mean():7.2f}{'':24}"
              + "".join(f"{one:7.1%}" for one in rms)
              + f"{np.sqrt(np.mean(error[:, 1:]**2)):10.1%}   {error[image, level + 1]:+.1%} "
              f"({list(images)[image]}, {LEVELS[level + 1]}){1e3 * np.median(seconds):9.1f} ms")
    if not quick:
        script.write_table("noise", rows)


if __name__ == "__main__":
    main()
