"""How well does `pdenet.denoise` denoise volumes, against its own slice by slice and other methods?

    python -m benchmarks.volume_denoising [--quick] [--methods NAME ...] [--picture]

Scans on which nothing was trained, see benchmarks.scans, a part of 64 x 64 x 64 voxels of each, get
white noise of 5, 10 and 20 % of their range. All methods know its level; total variation and
non-local means have the best of a few weights for each scan and level, by the clean scan, which
nobody has: upper bounds. BM4D has its own parameters (pip install bm4d). PSNR and SSIM without
clipping, for a range of 255, and seconds of the run. They are written to
data/volume_denoising.csv; what is there already is kept. --spacing takes every second, third, ...
slice of a scan and says what the spacing is worth; --picture writes data/volume_denoised.png.
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
# What is tried, in units of sigma.
TRIED = {"total variation": {"weight": (0.3, 0.4, 0.5, 0.6, 0.75, 0.9, 1.1, 1.4)},
         "non-local means": {"h": (0.3, 0.4, 0.55, 0.8)}}
SHOWN, SHOWN_PERCENT = "anisotropy template", 10


# Methods: (volume, sigma, clean) -> volume ---------------------------------------------------


def ours(volume, sigma, clean, shared=False):
    return pdenet.denoise(volume, sigma, spacing=(1, 1, 1), shared=shared)


def slices(volume, sigma, clean):
    return np.stack([pdenet.denoise(plane, sigma) for plane in volume])


def tv(volume, sigma, clean, weight):
    return restoration.denoise_tv_chambolle(volume, weight=weight * sigma, eps=1e-6,
                                            max_num_iter=500)


def non_local_means(volume, sigma, clean, h):
    return restoration.denoise_nl_means(volume, h=h * sigma, sigma=sigma, patch_size=5,
                                        patch_distance=6, fast_mode=True)


def bm4d(volume, sigma, clean):
    from bm4d import bm4d as denoised

    return denoised(volume.astype(np.float64), sigma)


METHODS = {"pdenet": ours, "pdenet, shared": functools.partial(ours, shared=True),
           "pdenet, slice by slice": slices, "total variation": tv,
           "non-local means": non_local_means, "BM4D": bm4d}


def run(method, noisy, sigma, clean):
    """The result of a method, and its seconds."""
    ((name, values),) = TRIED.get(method, {None: (None,)}).items()
    tried = [timed(functools.partial(METHODS[method], **({name: value} if name else {})), noisy,
                   sigma, clean) for value in values]
    return max(tried, key=lambda found: psnr(clean, found[0]))


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


def spacing():
    """What the spacing is worth on every f-th slice, for the same scans and 10 % of noise."""
    for name in scans.HELD_OUT:
        full, sigma = scans.part(scans.scan(*scans.HELD_OUT[name]), SIDE), 25.5
        for apart in (1, 2, 3, 4, 6):
            clean = np.ascontiguousarray(full[::apart])
            if len(clean) > 4:
                noisy = pdenet.add_noise(clean, sigma, apart)
                found = [psnr(clean, volume) for volume in (
                    slices(noisy, sigma, clean), ours(noisy, sigma, clean),
                    pdenet.denoise(noisy, sigma, spacing=(apart, 1, 1)))]
                print(f"{name:20} every {apart}. slice: slice by slice {found[0]:.2f}, "
                      f"without spacing {found[1]:.2f}, with it {found[2]:.2f} dB", flush=True)


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
    parser.add_argument("--spacing", action="store_true")
    options = parser.parse_args()
    if options.picture or options.spacing:
        return picture() if options.picture else spacing()
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
