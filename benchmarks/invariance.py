"""What limits the rotation invariance of the coupled models?

    python -m benchmarks.invariance            20 minutes on two cores; writes data/invariance.csv
    python -m benchmarks.invariance --quick    a few minutes, 5 images per angle, one alpha

Four tables:
parts    Error of a trained model around one rectangle: along its edges per pixel of length, in
         its four corners, and in the flat rest, for angles.
sampling The shipped parameters on images whose pixels are means of 1, 16 and 256 points.
layout   How much the boundary of the test images varies over the angles by itself: PSNR of a
         denoiser whose squared error is proportional to the length of all edges.
alpha    The frontier: models trained on crops of 128 x 128 for every alpha and gamma, PSNR and
         variance.
"""

import numpy as np
from skimage import measure

import pdenet
from pdenet.experiments import audit, figure4, rectangles

from . import script


def coupled():
    """The networks that come with the package, but for the uncoupled one, by name."""
    return {name: network for name, network in figure4.shipped().items() if name != "uncoupled"}


def parts(networks, count):
    """Mean squared error around one rectangle, summed over its edges, corners and the rest."""
    rows = []
    y, x = np.mgrid[:256, :256] + 0.5
    centres = 128 + np.random.default_rng(0).uniform(-3, 3, (count, 2))
    for name, network in networks.items():
        print(f"\n{name}: error around one rectangle\n  angle  edges/px   corners      flat")
        for angle in (5, 15, 30, 45, 60, 75, 85):
            theta, sums = np.deg2rad(angle), np.zeros(3)
            for k, centre in enumerate(centres):
                inside = rectangles._inside(centre[np.newaxis], theta, 1024, 1 / 4)
                clean = (255 * inside.reshape(256, 4, 256, 4).mean((1, 3))).astype(np.float32)
                error = (network(rectangles.add_noise(clean, 60, k)) - clean.astype(float))**2
                right, up = x - centre[1], centre[0] - y
                along = np.abs(right * np.cos(theta) + up * np.sin(theta)) - rectangles.LENGTH / 2
                across = np.abs(up * np.cos(theta) - right * np.sin(theta)) - rectangles.WIDTH / 2
                corner = np.hypot(along, across) < 12
                edge = (((np.abs(across) < 12) & (along < -12))
                        | ((np.abs(along) < 12) & (across < -12))) & ~corner
                length = 4 * (rectangles.LENGTH / 2 + rectangles.WIDTH / 2 - 24)
                sums += (error[edge].sum() / length, error[corner].sum(),
                         error[~edge & ~corner].mean())
            values = sums / count
            print("  {:5}{:10.0f}{:10.0f}{:10.2f}".format(angle, *values))
            rows.append(("parts", name, angle, *values))
    return rows


def sampling(networks, count):
    rows = []
    print("\nPoints per pixel, mean PSNR and variance")
    for samples in (1, 4, 16):
        for name, network in networks.items():
            result = pdenet.rotation_audit(network, count=count, samples=samples)
            print(f"  {samples**2:4} {name:22}{result.mean:8.3f} dB{result.variance:9.4f} dB^2")
            rows.append(("sampling", name, samples**2, result.mean, result.variance, ""))
    return rows


def layout(counts):
    rows = []
    print("\nVariance over the angles of the length of all edges, as PSNR")
    for count in counts:
        lengths = [np.sum([np.hypot(*np.diff(line, axis=0).T).sum()
                           for image in rectangles.rectangles(count, angle, rng=audit.LAYOUTS)
                           for line in measure.find_contours(image, 127.5)])
                   for angle in audit.ANGLES]
        variance = np.var(10 * np.log10(lengths))
        print(f"  {count:4} images {variance:9.4f} dB^2")
        rows.append(("layout", "edges", count, "", variance, ""))
    return rows


def crops():
    """80 training images of 128 x 128, from anywhere in the images of the protocol."""
    corners = np.random.default_rng(5).integers(0, 129, (80, 2))
    clean = np.stack([image[i:i + 128, j:j + 128] for image, (i, j) in zip(
        rectangles.rectangles(80, figure4.ANGLE), corners, strict=True)])
    return rectangles.add_noise(clean, figure4.SIGMA, figure4.NOISE), clean


def frontier(names, settings, count):
    rows = []
    print("\nAlpha and gamma, trained on crops: mean PSNR and variance")
    for name in names:
        for alpha, gamma in settings:
            start = figure4.start(name, alpha, gamma)
            network, _ = pdenet.fit(start, *crops())
            result = pdenet.rotation_audit(network, count=count)
            print(f"  {name:22}{alpha:5.2f}{gamma:5.1f}{result.mean:8.3f} dB"
                  f"{result.variance:9.4f} dB^2", flush=True)
            rows.append(("alpha", name, f"{alpha:g}, {gamma:g}", result.mean, result.variance, ""))
    return rows


def main():
    quick = script.is_quick(__doc__)
    networks, count = coupled(), 5 if quick else 20
    rows = parts(networks, 3 if quick else 10)
    rows += sampling(networks, count)
    rows += layout([10, 50] if quick else [10, 50, 400])
    names = ["anisotropic"] if quick else ["isotropic", "anisotropic"]
    alphas = [0.41] if quick else [0.3, 0.38, 0.41, 0.43, 0.45, 0.47, 0.5]
    rows += frontier(names, [(alpha, 0.0) for alpha in alphas] + ([] if quick else [(0.41, 1.0)]),
                     count)
    if not quick:
        header = ["table", "model", "setting", "psnr or edges", "variance or corners", "flat"]
        script.write_table("invariance", [header, *rows], script.machine(), ".4f")


if __name__ == "__main__":
    main()
