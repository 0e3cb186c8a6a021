"""How fast are eight Gaussians of an image, and which way is fastest?

    python -m pip install threadpoolctl diplib opencv-contrib-python-headless SimpleITK
    python -m benchmarks.smoothing            a minute; writes data/smoothing.csv
    python -m benchmarks.smoothing --quick    few rounds

The smoothing of the multiscale models: standard deviations from 0.4 to 10 pixels, a float32 image
of 256 x 256, one thread. All candidates run in turn in one process. Deviation: the largest
difference from SciPy's in float64, in shares of the image's range. Recursive filters have other
kernels, and the cascade smooths what the scale before has left, so that they deviate.
"""

import functools

import numpy as np
from scipy import fft, ndimage
from threadpoolctl import threadpool_limits

from pdenet import ScaleSpace
from pdenet.experiments import figure4
from pdenet.kernels.workspace import Workspace
from pdenet.scheme.scales import sampled_gaussian

from . import plain_loops, script, timing
from .images import random_image

SIZE = 256


def direct(u, sigmas):
    scales, work = ScaleSpace(sigmas), Workspace()
    return lambda: scales.smooth(u[np.newaxis], work)


def cascade(u, sigmas):
    """Each scale from the one before by the Gaussian of the variances' difference, as soon as that
    is wide enough for its samples.
    """
    steps, work = np.sqrt(np.diff(np.square(sigmas), prepend=0)), Workspace()
    apart = ScaleSpace(sigmas[steps <= 1])
    following = [ScaleSpace([step]) for step in steps[steps > 1]]

    def run():
        out = list(apart.smooth(u[np.newaxis], work))
        for n, scale in enumerate(following):
            out += list(scale.smooth(out[-1][np.newaxis], work.part(n)))
        return out
    return run


def plain(u, sigmas):
    out, between = np.empty((len(sigmas),) + u.shape, u.dtype), np.empty_like(u)

    def run():
        for sigma, plane in zip(sigmas, out, strict=True):
            plain_loops.smooth(u, sampled_gaussian(sigma).astype(u.dtype), between, plane)
        return out
    return run


def scipy_filter(u, sigmas):
    return lambda: np.stack([ndimage.gaussian_filter(u, sigma, truncate=4.0) for sigma in sigmas])


def matrix_products(u, sigmas):
    """G u G with banded matrices held dense, as BLAS has no faster product for them."""
    matrices = np.stack([ndimage.correlate1d(np.eye(SIZE), sampled_gaussian(sigma), 0)
                         for sigma in sigmas]).astype(u.dtype)
    return lambda: matrices @ (u @ matrices)


def cosine_transform(u, sigmas):
    """The mirrored image is a sum of cosines, which every G multiplies by its symbol."""
    symbols = ScaleSpace(sigmas).symbol(np.pi * np.arange(SIZE) / SIZE).astype(u.dtype)
    symbols = symbols[:, :, np.newaxis] * symbols[:, np.newaxis]
    return lambda: fft.idctn(symbols * fft.dctn(u), axes=(1, 2))


def opencv(u, sigmas):
    import cv2
    cv2.setNumThreads(1)
    return lambda: np.stack([cv2.sepFilter2D(u, -1, taps, taps, borderType=cv2.BORDER_REFLECT)
                             for taps in map(sampled_gaussian, sigmas)])


def diplib(u, sigmas):
    import diplib as dip
    dip.SetNumberOfThreads(1)
    return lambda: np.stack([np.asarray(dip.GaussFIR(dip.Image(u), sigma, truncation=4.0))
                             for sigma in sigmas])


def simpleitk(u, sigmas):
    """Recursive filters (Deriche), whose cost does not depend on sigma."""
    import SimpleITK as sitk
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    image = sitk.GetImageFromArray(u)
    return lambda: np.stack([sitk.GetArrayViewFromImage(sitk.SmoothingRecursiveGaussian(
        image, float(sigma))) for sigma in sigmas])


CANDIDATES = {"pdenet": direct, "pdenet in a cascade": cascade,
              "plain loops (Numba)": plain, "SciPy": scipy_filter,
              "matrix products (OpenBLAS)": matrix_products, "cosine transform": cosine_transform,
              "OpenCV": opencv, "DIPlib": diplib, "SimpleITK, recursive": simpleitk}


def main():
    quick = script.is_quick(__doc__)
    threadpool_limits(1)  # of OpenBLAS
    machine = script.machine("scipy", "opencv-contrib-python-headless", "diplib", "SimpleITK")
    print(machine)
    sigmas = figure4.SIGMAS
    u = random_image(SIZE, SIZE)
    exact = [ndimage.gaussian_filter(u.astype(float), sigma, truncate=4.0) for sigma in sigmas]
    candidates = script.available({name: functools.partial(build, u, sigmas)
                                   for name, build in CANDIDATES.items()})
    deviations = {name: np.abs(np.stack(candidate()) - exact).max() / 255
                  for name, candidate in candidates.items()}
    seconds = timing.interleave(candidates, 7 if quick else 51, calls=5)
    print(f"\nEight Gaussians to {sigmas[-1]:g} pixels, {SIZE} x {SIZE}, float32, one thread\n"
          f"  {'':30}{'ms':>8}{'x pdenet':>10}{'deviation':>11}")
    rows = []
    for name, value in sorted(seconds.items(), key=lambda item: item[1]):
        rows.append((name, value * 1e3, value / seconds["pdenet"], deviations[name]))
        print("  {:30}{:8.2f}{:10.1f}{:11.1e}".format(*rows[-1]))
    if not quick:
        header = ["candidate", "ms", "times pdenet", "deviation"]
        script.write_table("smoothing", [header, *rows], machine, ".3g")
    peer = min((value, name) for name, value in seconds.items()
               if "pdenet" not in name and "plain" not in name)
    print(f"=> 8 Gaussians of {SIZE} x {SIZE}: {seconds['pdenet'] * 1e3:.2f} ms, "
          f"{peer[0] / seconds['pdenet']:.1f} times faster than the fastest peer, {peer[1]}")


if __name__ == "__main__":
    main()
