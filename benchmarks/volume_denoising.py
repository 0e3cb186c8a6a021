"""How well does `pdenet.denoise` denoise volumes, against its own slice by slice and other methods?

    python -m benchmarks.volume_denoising [--quick] [--methods NAME ...] [--picture]

Scans on which nothing was trained, see benchmarks.scans, a part of 64 x 64 x 64 voxels of each, get
white noise of 5, 10 and 20 % of their range. All methods know its level; that of total variation
has the best of a grid of weights for each scan and level, by the clean scan, so that it is an upper
bound; non-local means has h = 0.8 sigma, and BM4D its own parameters (pip install bm4d). PSNR and
SSIM without clipping, for a range of 255; seconds of the same run. They are written to
data/volume_denoising.csv; what is there already is kept. --picture writes
data/volume_denoised.png instead.
"""

import functools
import itertools
import time

import numpy as np
from skimage import restoration
from skimage.metrics import structural_similarity

import pdenet

from . import scans, script
from .images import psnr

RUNS = "volume_denoising"
PERCENT = (5, 10, 20)
SIDE = 64
WEIGHTS = (0.3, 0.4, 0.5, 0.6, 0.75, 0.9, 1.1, 1.4)  # of total variation, in units of sigma
SHOWN, SHOWN_PERCENT = "anisotropy template", 10


# Methods: (volume, sigma, clean) -> volume ---------------------------------------------------


def ours(volume, sigma, clean, shared=False):
    return pdenet.denoise(volume, sigma, spacing=(1, 1, 1), shared=shared)


def slices(volume, sigma, clean):
    return np.stack([pdenet.denoise(plane, sigma) for plane in volume])


def tv(volume, sigma, clean, weight):
    return restoration.denoise_tv_chambolle(volume, weight=weight * sigma, eps=1e-6,
                                            max_num_iter=500)


def non_local_means(volume, sigma, clean):
    return restoration.denoise_nl_means(volume, h=0.8 * sigma, sigma=sigma, patch_size=5,
                                        patch_distance=6, fast_mode=True)


def bm4d(volume, sigma, clean):
    from bm4d import bm4d as denoised

    return denoised(volume.astype(np.float64), sigma)


METHODS = {"pdenet": ours, "pdenet, shared": functools.partial(ours, shared=True),
           "pdenet, slice by slice": slices, "total variation": tv,
           "non-local means": non_local_means, "BM4D": bm4d}


def run(method, noisy, sigma, clean):
    """The result of a method, and its seconds."""
    if method == "total variation":
        tried = [timed(functools.partial(tv, weight=weight), noisy, sigma, clean)
                 for weight in WEIGHTS]
        return max(tried, key=lambda found: psnr(clean, found[0]))
    return timed(METHODS[method], noisy, sigma, clean)


def timed(function, *arguments):
    begun = time.perf_counter()
    result = np.asarray(function(*arguments), np.float32)
    return result, time.perf_counter() - begun


@functools.cache
def volumes(name):
    """A part of a scan, and its noisy ones for each level."""
    clean = scans.part(scans.scan(*scans.HELD_OUT[name]), SIDE)
    return clean, {percent: pdenet.add_noise(clean, 2.55 * percent, percent)
                   for percent in PERCENT}


def measure(methods, names, levels):
    """Rows of what is asked for; what is missing is measured and written."""
    known = {tuple(row[:3]): row for row in script.read_rows(RUNS)}
    for name, percent, method in itertools.product(names, levels, methods):
        key = name, str(percent), method
        if key not in known:
            clean, noisy = volumes(name)
            result, seconds = run(method, noisy[percent], 2.55 * percent, clean)
            similar = structural_similarity(clean, result, data_range=255)
            known[key] = [*key, f"{psnr(clean, result):.3f}", f"{similar:.4f}", f"{seconds:.3f}"]
            script.append_row(RUNS, ["scan", "percent", "method", "psnr", "ssim", "seconds"],
                              known[key])
        yield known[key]


def report(rows):
    """PSNR of each method, scan and level, and seconds for all."""
    columns = list(dict.fromkeys((row[0], row[1]) for row in rows))
    lines = ["dB, and seconds for all", *(f"  {k + 1}: {name}, {percent} %" for k, (name, percent)
                                          in enumerate(columns))]
    lines.append(f"{'':24}" + "".join(f"{k + 1:>7}" for k in range(len(columns)))
                 + f"{'mean':>8}{'s':>9}")
    for method in dict.fromkeys(row[2] for row in rows):
        own = {(row[0], row[1]): row for row in rows if row[2] == method}
        found = [float(own[column][3]) for column in columns]
        lines.append(f"{method:24}" + "".join(f"{value:7.2f}" for value in found)
                     + f"{np.mean(found):8.2f}{sum(float(row[5]) for row in own.values()):9.2f}")
    return lines


def picture():
    """data/volume_denoised.png: the middle slice of a scan."""
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    clean, noisy = volumes(SHOWN)
    given = noisy[SHOWN_PERCENT]
    shown = {"clean": clean, "noisy": given}
    for method in ("pdenet, slice by slice", "pdenet", "BM4D"):
        shown[method] = run(method, given, 2.55 * SHOWN_PERCENT, clean)[0]
    figure, axes = plt.subplots(1, len(shown), figsize=(2.6 * len(shown), 2.9))
    for axis, (title, volume) in zip(axes, shown.items(), strict=True):
        axis.imshow(volume[SIDE // 2], cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axis.set_title(title if volume is clean else f"{title}, {psnr(clean, volume):.1f} dB",
                       fontsize=9)
        axis.set_axis_off()
    figure.tight_layout()
    figure.savefig(script.DATA / "volume_denoised.png", dpi=110)


def main():
    parser = script.parser(__doc__, quick="one scan and level, without BM4D")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS),
                        metavar="METHOD", help=", ".join(METHODS))
    parser.add_argument("--picture", action="store_true")
    options = parser.parse_args()
    if options.picture:
        return picture()
    print(script.machine("scikit-image", "bm4d"))
    methods = [method for method in options.methods if not (options.quick and method == "BM4D")]
    names, levels = list(scans.HELD_OUT), PERCENT
    if options.quick:
        names, levels = names[:1], levels[1:2]
    warm = np.zeros((8, 8, 8), np.float32) + np.arange(8, dtype=np.float32)
    for method in methods:
        run(method, warm, 1.0, warm)
    print(*report(list(measure(methods, names, levels))), sep="\n")
    return None


if __name__ == "__main__":
    main()
