"""How good is `pdenet.denoise` beside scikit-image's denoisers and BM3D, and how fast?

    python -m benchmarks.denoising --quick    one image, one noise level
    python -m benchmarks.denoising            five grey and two colour images that no network was
                                              trained on, four noise levels, three seeds

PSNR and SSIM, means over images and seeds, results cut at [0, 255]. scikit-image's denoisers have
the parameters that are best on the training images (crops of 128 x 128), for each noise level; all
methods are told the noise level. BM3D, which takes half a minute an image, sees one seed. What has
been measured is kept in data/denoising_runs.csv, so that an interrupted run goes on where it was.
`--audit` measures all of them as `pdenet audit` does.
"""

import functools
import itertools
import warnings

import numpy as np
from skimage import restoration
from skimage.metrics import structural_similarity

import pdenet

from . import script, timing
from .images import COLOUR, GREY, held_out, psnr, training_images

SIGMAS, SEEDS = (10.0, 20.0, 40.0, 60.0), (0, 1, 2)
RUNS, TUNED = "denoising_runs", "denoising_tuned"


# Methods: (image, sigma, channel_axis, parameters) -> image --------------------------------


def tv(image, sigma, axis, weight):
    return restoration.denoise_tv_chambolle(image, weight=weight * sigma, eps=1e-6,
                                            max_num_iter=500, channel_axis=axis)


def non_local_means(image, sigma, axis, h, patch_size, patch_distance):
    return restoration.denoise_nl_means(image, h=h * sigma, sigma=sigma, patch_size=patch_size,
                                        patch_distance=patch_distance, channel_axis=axis)


def wavelet(image, sigma, axis, name):
    with warnings.catch_warnings():  # of too many levels for a small image
        warnings.simplefilter("ignore")
        return restoration.denoise_wavelet(image, sigma=sigma, wavelet=name, method="BayesShrink",
                                           convert2ycbcr=axis is not None, channel_axis=axis)


def bilateral(image, sigma, axis, sigma_color, sigma_spatial):
    low = min(image.min(), 0.0)  # it refuses negative grey levels
    return restoration.denoise_bilateral(
        image - low, sigma_color=sigma_color * sigma, sigma_spatial=sigma_spatial,
        channel_axis=axis) + low


def bm3d(image, sigma, axis):
    from bm3d import bm3d as grey, bm3d_rgb as colour

    return (grey if axis is None else colour)(image, sigma)


def ours(image, sigma, axis, shared, coupled=True):
    image = image.astype(np.float32)
    if axis is not None and not coupled:
        return np.stack([pdenet.denoise(plane, sigma, shared=shared)
                         for plane in np.moveaxis(image, axis, 0)], axis)
    return pdenet.denoise(image, sigma, channel_axis=axis, shared=shared)


# Name: function, number of parameters for one noise level, what is tried of each parameter.
METHODS = {
    "pdenet, 380 parameters": (functools.partial(ours, shared=False), 380, {}),
    "pdenet, 38 parameters": (functools.partial(ours, shared=True), 38, {}),
    "pdenet, channel by channel": (functools.partial(ours, shared=False, coupled=False), 380, {}),
    "total variation": (tv, 1, {"weight": [0.4, 0.55, 0.7, 0.85, 1.0, 1.2, 1.5]}),
    "non-local means": (non_local_means, 3, {"h": [0.2, 0.3, 0.4, 0.55, 0.7, 0.85],
                                             "patch_size": [5, 7], "patch_distance": [10]}),
    "wavelet": (wavelet, 1, {"name": ["db1", "db2", "db4", "sym4", "sym8", "coif2"]}),
    "bilateral": (bilateral, 2, {"sigma_color": [0.5, 0.7, 1.0, 1.5, 2.0, 3.0],
                                 "sigma_spatial": [1.0, 1.5, 2.5, 4.0]}),
    "BM3D": (bm3d, 0, {}),
}


def training_crops(colour):
    """The middle of each training image."""
    for planes in training_images(colour):
        top, left = ((size - min(size, 128)) // 2 for size in planes.shape[1:])
        part = planes[:, top:top + 128, left:left + 128].astype(np.float64)
        yield np.moveaxis(part, 0, -1) if colour else part[0]


@functools.cache
def tuned(method, sigma, colour):
    """The parameters with the highest mean PSNR on the training crops; remembered on disk."""
    function, _, grid = METHODS[method]
    if not grid:
        return {}
    key = [method, f"{sigma:g}", "colour" if colour else "grey"]
    for *found, values in script.read_rows(TUNED):
        if found == key:
            return {name: type(tried[0])(value) for (name, tried), value in zip(
                grid.items(), values.split(), strict=True)}
    best = None
    for values in itertools.product(*grid.values()):
        parameters = dict(zip(grid, values, strict=True))
        mean = np.mean([score(clean, function(
            pdenet.add_noise(clean, sigma, 9), sigma, -1 if colour else None, **parameters))[0]
            for clean in training_crops(colour)])
        best = max(best or (mean, parameters), (mean, parameters), key=lambda pair: pair[0])
    script.append_row(TUNED, ["method", "sigma", "kind", "parameters"],
                      [*key, " ".join(map(str, best[1].values()))])
    return best[1]


def score(clean, result):
    result = np.clip(np.asarray(result, np.float64), 0, 255)
    axis = None if clean.ndim == 2 else -1
    return psnr(clean, result), structural_similarity(clean, result, data_range=255,
                                                      channel_axis=axis)


def measure(methods, names, sigmas, seeds):
    """{(method, image, sigma, seed): (psnr, ssim)}, what is missing measured and written."""
    found = {tuple(row[:4]): tuple(map(float, row[4:])) for row in script.read_rows(RUNS)}
    wanted = {}
    for method, name, sigma, seed in itertools.product(methods, names, sigmas, seeds):
        clean, axis = held_out(name)
        if (method == "pdenet, channel by channel" and axis is None
                or method == "BM3D" and seed > 0):
            continue
        key = (method, name, f"{sigma:g}", str(seed))
        if key not in found:
            parameters = tuned(method, sigma, axis is not None)
            noisy = pdenet.add_noise(clean, sigma, seed)
            found[key] = score(clean, METHODS[method][0](noisy, sigma, axis, **parameters))
            script.append_row(RUNS, ["method", "image", "sigma", "seed", "psnr", "ssim"],
                              [*key, *(f"{value:.4f}" for value in found[key])])
        wanted[key] = found[key]
    return wanted


def seconds(methods, colour, sigma=20.0, rounds=3):
    """Median seconds of each method for one image, interleaved."""
    clean, axis = held_out("coffee" if colour else "camera")
    image = pdenet.add_noise(clean, sigma, 0)
    return timing.interleave(
        {method: functools.partial(METHODS[method][0], image, sigma, axis,
                                   **tuned(method, sigma, colour)) for method in methods}, rounds)


def report(methods, results, sigmas, times):
    lines = [f"{'':28}" + "".join(f"{f'sigma {sigma:g}':>16}" for sigma in sigmas)
             + f"{'seconds':>9}{'parameters':>12}"]
    for method in methods:
        cells = []
        for sigma in sigmas:
            values = [value for (own, _, level, _), value in results.items()
                      if own == method and level == f"{sigma:g}"]
            if values:
                cells.append("{:8.2f}{:8.3f}".format(*np.mean(values, axis=0)))
        if cells:
            lines.append(f"{method:28}" + "".join(cells) + f"{times[method]:9.2f}"
                         f"{METHODS[method][1] or '':>12}")
    return lines


def audit(methods):
    """The rotation audit at sigma = 60, four images an angle; BM3D with one. Rows of methods that
    are not asked for stay as they are."""
    table = [["method", "images", "psnr", "variance"]]
    known = {row[0]: row for row in script.read_rows("denoising_audit")}
    for method, (function, *_) in METHODS.items():
        if method == "pdenet, channel by channel":
            continue
        if method not in methods:
            table += [known[method]] if method in known else []
            continue
        parameters, count = tuned(method, 60.0, False), 1 if method == "BM3D" else 4
        result = pdenet.rotation_audit(
            lambda image, function=function, parameters=parameters: function(
                image.astype(np.float64), 60.0, None, **parameters), count=count)
        table.append([method, count, f"{result.mean:.3f}", f"{result.variance:.4f}"])
        print(f"{method:28} mean {result.mean:.2f} dB, variance {result.variance:.4f} dB^2",
              flush=True)
    script.write_table("denoising_audit", table)


def main():
    parser = script.parser(__doc__)
    parser.add_argument("--audit", action="store_true")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS),
                        metavar="METHOD", help=", ".join(METHODS))
    options = parser.parse_args()
    if options.audit:
        return audit(options.methods)
    methods = [method for method in options.methods if not (options.quick and method == "BM3D")]
    print(script.machine("scikit-image", "PyWavelets", "bm3d"))
    for kind, names in (("grey", GREY), ("colour", COLOUR)):
        own = [method for method in methods if kind == "colour" or "channel" not in method]
        names, sigmas, seeds = ((names[:1], (20.0,), (0,)) if options.quick
                                else (names, SIGMAS, SEEDS))
        print(f"\n{kind}: {', '.join(names)}; dB, SSIM; seconds for {names[0]}, sigma 20",
              flush=True)
        results = measure(own, names, sigmas, seeds)
        times = seconds(own, kind == "colour", rounds=1 if options.quick else 3)
        print(*report(own, results, sigmas, times), sep="\n", flush=True)
        speed = (f", {times['BM3D'] / times[own[0]]:.0f} times as fast as BM3D" if "BM3D" in own
                 else "")
        print(f"=> {kind}: {times[own[0]]:.2f} s{speed}", flush=True)
    return None


if __name__ == "__main__":
    main()
