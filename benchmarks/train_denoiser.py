"""From where do the parameters of `pdenet.denoise` come? Trains them, from nothing.

    python -m benchmarks.train_denoiser FOLDER [NAME ...] [--images FOLDER]

NAME is denoiser-KIND-shared or denoiser-KIND, with the kind grey, colour or volume (default: all);
FOLDER/NAME.json is written, and what exists is kept. An interrupted training goes on where it
was. The networks with parameters of each step begin with the shared ones, which must be there.

Crops of images that come with scikit-image, or of all images in a folder of one's own, and of the
volumes of benchmarks.scans, their range of grey levels stretched to 255, get white noise of seven
levels from 5 to 80 (five for volumes); minus the mean PSNR over all of them at once is minimised by
L-BFGS. Flips and rotations by 90 degrees would teach nothing: they commute with the networks, see
tests/test_properties.py.
"""

import os
import platform

import numba
import numpy as np
import skimage

import pdenet
from pdenet.learning import noise_levels
from pdenet.checks import check_workers
from pdenet.execution.workers import Workers
from pdenet.files import document
from pdenet.learning import training_loop
from pdenet.learning.losses import Levels
from pdenet.network import catalogue

from . import scans, script
from .images import TRAINED_COLOUR, TRAINED_GREY, folder_images, training_images

LEVELS = np.geomspace(noise_levels.LEAST, noise_levels.MOST, 7)
SIZE = 96
LEVELS_OF_VOLUMES = np.geomspace(noise_levels.LEAST, noise_levels.MOST, 5)
SIZE_OF_VOLUMES = 40
DEGREE = 2
INTEGRATION = [0.0, 1.0, 2.24, 5.0], [0.9, 0.4, 0.2, 0.1]  # scales in pixels, and weights
INTEGRATION_OF_VOLUMES = [0.0, 1.0, 2.24], [0.9, 0.4, 0.2]
RATE, AMPLIFICATION = 0.05, 0.05  # of the dictionary


def crops(images, rounds, seed):
    """`rounds` crops of each image at each level."""
    rng = np.random.default_rng(seed)
    pairs, levels = [], []
    for planes in images:
        for level in np.repeat(LEVELS if planes.ndim == 3 else LEVELS_OF_VOLUMES, rounds):
            part = crop(planes, rng)
            pairs.append((part + rng.normal(0, level, part.shape).astype(np.float32), part))
            levels.append(float(level))
    return Levels(pairs, levels, noise_levels.RANGE)


def crop(planes, rng):
    """A part of SIZE x SIZE pixels, or less of a small image, of planes (M, H, W); of volumes
    SIZE_OF_VOLUMES voxels long."""
    longest = SIZE if planes.ndim == 3 else SIZE_OF_VOLUMES
    sides = [min(longest, size) for size in planes.shape[1:]]
    corner = [rng.integers(size - side + 1) for size, side
              in zip(planes.shape[1:], sides, strict=True)]
    return np.ascontiguousarray(planes[:, *(slice(first, first + side) for first, side
                                            in zip(corner, sides, strict=True))])


def start(name, folder):
    """The denoiser where a training begins."""
    if not name.endswith("-shared"):
        path = os.path.join(folder, f"{name}-shared.json")
        return noise_levels.build(document.read(path)).per_step()
    if "volume" in name:
        return noise_levels.constant(network(
            12.0, largest=2.5, count=4, spacing=(1, 1, 1),
            integration=pdenet.ScaleSpace(*INTEGRATION_OF_VOLUMES)), DEGREE)
    return noise_levels.constant(network(
        12.0, integration=pdenet.ScaleSpace(*INTEGRATION),
        dictionary=pdenet.Dictionary([RATE] * 8, amplification=AMPLIFICATION)), DEGREE)


def network(contrast, smallest=0.3, largest=5.0, count=8, steered=True, alpha=0.25, spacing=None,
            **options):
    """Several scales, the coarse ones with less weight, steered by weights of their own."""
    sigmas = pdenet.ScaleSpace.exponential(smallest, largest, count).sigmas
    weights = np.exp(-4 / count * np.arange(count))
    return pdenet.models.multiscale(
        contrast, sigmas=sigmas, weights=weights, operator=pdenet.Gradient(alpha, spacing=spacing),
        steering=pdenet.ScaleSpace(sigmas, weights) if steered else None,
        **{"diffusivity": "rational", "steps": 10} | options)


def train(name, folder, source, epochs, rounds, workers):
    target, colour = os.path.join(folder, f"{name}.json"), "colour" in name
    if "volume" in name:
        names, volumes = zip(*scans.trained(), strict=True)
        images = [volume[np.newaxis] for volume in volumes]
    else:
        names, images = folder_images(source, colour) if source else (
            TRAINED_COLOUR if colour else TRAINED_GREY, list(training_images(colour)))
    loss, held = crops(images, rounds, seed=1), crops(images, 1, seed=2)
    fitted, history = training_loop.train(
        noise_levels.Polynomials(start(name, folder)), loss, epochs=epochs, batch_size=len(loss),
        optimizer=pdenet.LBFGS(), rng=0, team=Workers(check_workers(workers)),
        checkpoint=target + ".checkpoint", progress=True)
    result = {"psnr": round(max(entry["psnr"] for entry in history), 3),
              "psnr on other crops": judge(fitted, held)}
    provenance = {
        "command": f"python -m benchmarks.train_denoiser FOLDER {name} --epochs {epochs} "
                   f"--rounds {rounds}" + (" --images FOLDER" if source else ""),
        "images": names,
        "levels": sorted({round(level, 3) for level in loss.sigmas}), "seed": 0, **result,
        "versions": {
            "pdenet": pdenet.__version__, "numpy": np.__version__, "numba": numba.__version__,
            "scikit-image": skimage.__version__, "python": platform.python_version()}}
    document.write({"format": noise_levels.FORMAT, "version": catalogue.VERSION,
                    **fitted.describe(), "provenance": provenance}, target)
    os.unlink(target + ".checkpoint")
    print(f"{target}: {result}", flush=True)


def judge(fitted, held):
    """PSNR for each level on crops that were not trained on, dB."""
    table = {}
    for level in sorted(set(held.sigmas)):
        network = fitted.at(level)
        found = [10 * np.log10(noise_levels.RANGE**2 / np.mean((network.run(noisy) - clean)**2))
                 for (noisy, clean), own in zip(held.pairs, held.sigmas, strict=True)
                 if own == level]
        table[f"{level:.3g}"] = round(float(np.mean(found)), 3)
    return table


def main():
    names = [f"denoiser-{kind}{end}" for kind in ("grey", "colour", "volume")
             for end in ("-shared", "")]
    parser = script.parser(__doc__, quick=None)
    parser.add_argument("folder")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    parser.add_argument("--images", metavar="FOLDER",
                        help="clean images to train on (default: those of scikit-image)")
    parser.add_argument("--epochs", type=int, default=400,
                        help="evaluations of all crops (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=2,
                        help="crops of each image at each level (default: %(default)s)")
    parser.add_argument("--workers", type=int)
    options = parser.parse_args()
    os.makedirs(options.folder, exist_ok=True)
    for name in options.names or names:
        if not os.path.exists(os.path.join(options.folder, f"{name}.json")):
            train(name, options.folder, options.images, options.epochs, options.rounds,
                  options.workers)


if __name__ == "__main__":
    main()
