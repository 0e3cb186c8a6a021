"""How good and how fast is inpainting, beside its peers?

    python -m benchmarks.inpainting [--quick]

Camera, astronaut and coins, of 256 x 256 pixels as means of 2 x 2 (coins: cut out), of which 5, 10
and 20 % are known at random, the same for all; five rectangles; and a depth map with its own holes,
with and without the photograph as a guide. PSNR over all pixels, seconds. Then the time of
512 x 512 pixels, and that of more, which should be in proportion.
"""

import time

import numpy as np
from skimage import data, restoration

import pdenet

from . import script


def images():
    """Grey levels from 0 to 255."""
    def half(image):
        return (image[::2, ::2] + image[1::2, ::2] + image[::2, 1::2] + image[1::2, 1::2]) / 4

    grey = data.astronaut().astype(float) @ [0.299, 0.587, 0.114]
    return {"camera": half(data.camera().astype(float)), "astronaut": half(grey),
            "coins": data.coins()[:256, :256].astype(float)}


def rectangles(shape):
    """Five rectangles to be filled, with edges of 12 to 60 pixels."""
    mask, rng = np.zeros(shape, bool), np.random.default_rng(0)
    for _ in range(5):
        height, width = rng.integers(12, 61, 2)
        top, left = rng.integers(0, shape[0] - height), rng.integers(0, shape[1] - width)
        mask[top:top + height, left:left + width] = True
    return mask


def opencv(radius=3):
    import cv2

    def telea(image, mask):
        return cv2.inpaint(np.rint(image).astype(np.uint8), mask.astype(np.uint8), radius,
                           cv2.INPAINT_TELEA).astype(float)
    return telea


def cubic(image, mask):
    from scipy.interpolate import griddata

    places = np.argwhere(~mask)
    found = griddata(places, image[~mask], np.argwhere(mask), "cubic")
    near = griddata(places, image[~mask], np.argwhere(mask), "nearest")
    result = image.copy()
    result[mask] = np.where(np.isfinite(found), found, near)
    return result


def methods():
    return script.available({
        "eed": lambda: lambda image, mask: pdenet.inpaint(image, mask=mask),
        "homogeneous": lambda: lambda image, mask: pdenet.inpaint(image, mask=mask,
                                                                  method="homogeneous"),
        "biharmonic": lambda: lambda image, mask: 255 * restoration.inpaint_biharmonic(
            np.where(mask, 0, image) / 255, mask),
        "griddata, cubic": lambda: cubic, "Telea": opencv})


def psnr(found, image):
    return 10 * np.log10(255**2 / np.mean((np.clip(found, 0, 255) - image)**2))


def timed(function, *arguments):
    began = time.perf_counter()
    return function(*arguments), time.perf_counter() - began


def main(quick):
    print(script.machine("scikit-image", "scipy", "opencv-python-headless"))
    peers = methods()
    means: dict = {name: [] for name in peers}
    cases = [(f"{name} {share} %", image,
              np.random.default_rng(0).random(image.shape) >= share / 100)
             for name, image in images().items() for share in (5, 10, 20)]
    cases += [(f"{name} rectangles", image, rectangles(image.shape))
              for name, image in images().items()]
    pdenet.inpaint(cases[0][1], mask=cases[0][2])  # compiled
    for title, image, mask in cases[::4] if quick else cases:
        words = []
        for name, method in peers.items():
            found, seconds = timed(method, image, mask)
            words.append(f"{name} {psnr(found, image):.2f} dB {seconds:.2f} s")
            if title.endswith("%"):
                means[name].append(psnr(found, image))
        print(f"{title}: {', '.join(words)}")
    print("mean of the random pixels:", ", ".join(
        f"{name} {np.mean(values):.2f} dB" for name, values in means.items()))
    _depth()
    for size in (512, 1024) if quick else (512, 1024, 2048, 4096):
        image = np.tile(data.camera(), (size // 512,) * 2).astype(np.float32)
        mask = np.random.default_rng(0).random(image.shape) >= 0.1
        _, seconds = timed(lambda image, mask: pdenet.inpaint(image, mask=mask), image, mask)
        print(f"{size} x {size}, 10 % known: {seconds:.2f} s, {1e9 * seconds / size**2:.0f} ns "
              f"for each pixel")


def _depth():
    """Half of what is known of a depth map, filled with and without its photograph."""
    photograph, _, depth = data.stereo_motorcycle()
    known = np.isfinite(depth)
    kept = known & (np.random.default_rng(0).random(depth.shape) < 0.05)
    for name, guide in (("alone", None), ("guided by the photograph", photograph)):
        found, seconds = timed(lambda guide: pdenet.inpaint(depth, mask=~kept, guide=guide), guide)
        error = np.mean(np.abs(found - depth)[known])
        print(f"depth map, 5 % known, {name}: mean error {error:.3f} pixels, {seconds:.2f} s")


if __name__ == "__main__":
    main(script.is_quick(__doc__))
