"""The pictures of the README: every model on a real image, grey and colour.

    python -m benchmarks.gallery            writes data/models.png and data/models_colour.png
    python -m benchmarks.gallery denoised   writes data/denoised.png: noisy, total variation, pdenet
                                            and BM3D (package bm3d) for a grey and a colour image
    python -m benchmarks.gallery inpainted  writes data/inpainted.png: pixels at random and a text,
                                            filled by scikit-image and by pdenet; and a swath with
                                            nodata around it, filtered with and without them
"""

import sys

import imageio.v3 as iio
import matplotlib
import numpy as np
from skimage import data

import pdenet

from . import denoising, inpainting
from .images import held_out, psnr
from .script import DATA

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

ISOTROPIC = {"coupling": "isotropic"}
# Stronger than the defaults, so that each model shows its character at the size of a page.
MODELS = {
    "Perona–Malik (7)": (pdenet.perona_malik, {"contrast": 8, "time": 20}),
    "You–Kaveh (11)": (pdenet.you_kaveh, {"contrast": 12, "time": 30}),
    "Lysaker–Lundervold–Tai (13)": (pdenet.lysaker_lundervold_tai, {"contrast": 12, "time": 30}),
    "Weickert–Brox (26)": (pdenet.weickert_brox, {"contrast": 8, "time": 20}),
    "edge-enhancing (2)": (pdenet.eed, {"contrast": 2, "sigma": 1, "time": 20}),
    "Weickert 1994 (1)": (pdenet.weickert_1994, {"contrast": 1, "sigma": 1, "time": 20}),
    "multiscale isotropic (32)": (pdenet.multiscale, {"contrast": 10, "time": 10} | ISOTROPIC),
    "multiscale anisotropic (34)": (pdenet.multiscale, {"contrast": 10, "time": 10}),
}


def page(image, models, columns, path, channel_axis=None):
    draw([("input", image)] + [
        (name, filter_(image, channel_axis=channel_axis, **options))
        for name, (filter_, options) in models.items()], columns, path)


def denoised(path, sigma=40.0):
    """What the denoisers make of a grey and a colour image that no network was trained on."""
    names = ("total variation", "pdenet, 38 parameters", "pdenet, 380 parameters", "BM3D")
    panels = []
    for name, part in (("camera", np.s_[60:300, 140:380]), ("coffee", np.s_[60:300, 200:440])):
        clean, axis = held_out(name)
        noisy = pdenet.add_noise(clean, sigma, 0)
        for title, image in [("clean", clean), (f"noise {sigma:g}", noisy)] + [
                (method, denoising.METHODS[method][0](
                    noisy, sigma, axis, **denoising.tuned(method, sigma, axis is not None)))
                for method in names]:
            image = np.clip(np.asarray(image, np.float64), 0, 255)
            if title != "clean":
                title = f"{title}: {psnr(clean, image):.2f} dB"
            panels.append((title, image[part]))
    draw(panels, len(names) + 2, path)


def inpainted(path):
    """What inpainting makes of a tenth of the pixels of a grey image, and of a text on another; and
    what filters make of an image with nodata, -9999, which they leave out, or not."""
    photographs = inpainting.images()
    panels = []
    for name, image, mask in (
            ("10 % known", photographs["camera"], inpainting.scattered((256, 256), 10)),
            ("text", photographs["coffee"][:, :200], inpainting.text((200, 200)))):
        where = mask if image.ndim == 2 else mask[..., np.newaxis]
        panels.append((name, np.where(where, 0 if image.ndim == 2 else 255, image)))
        for method, fill in (("homogeneous", inpainting.methods()["homogeneous"]),
                             ("biharmonic", inpainting.biharmonic),
                             ("edge-enhancing", inpainting.methods()["EED"])):
            found = np.clip(fill(image, mask), 0, 255)
            panels.append((f"{method}: {psnr(image, found):.2f} dB", found))
        panels.append(("original", image))
    draw(panels + left_out(photographs["camera"]), 5, path)


def left_out(clean):
    """Panels: a noisy swath with nodata around it and some dead pixels, and what becomes of it."""
    rng, (y, x) = np.random.default_rng(0), np.mgrid[:clean.shape[0], :clean.shape[1]]
    mask = (abs(x - 0.4 * y - 76) < 100) & (rng.random(clean.shape) < 0.95)
    image = np.where(mask, pdenet.add_noise(clean, 20, 0), -9999)
    panels = [("noise 20, nodata -9999 black", image)]
    for title, function, options in (
            ("eed of all pixels", pdenet.eed, {"contrast": 8, "time": 5}),
            ("eed, nodata left out", pdenet.eed, {"mask": mask}),
            ("denoise, nodata left out", pdenet.denoise, {"mask": mask})):
        found = np.clip(function(image, **options), 0, 255)
        if options.get("mask") is mask:
            title += f": {psnr(clean[mask], found[mask]):.2f} dB"
        panels.append((title, found))
    return panels + [("original", np.where(mask, clean, 0))]


def draw(panels, columns, path):
    """(title, image) in rows."""
    rows = -(-len(panels) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(3.1 * columns, 3.4 * rows + 0.1), dpi=80)
    for axis in axes.flat:
        axis.axis("off")
    for axis, (name, panel) in zip(axes.flat, panels, strict=False):
        axis.imshow(np.clip(panel, 0, 255).astype(np.uint8), cmap="gray", vmin=0, vmax=255,
                    interpolation="nearest")
        axis.set_title(name, fontsize=10)
    figure.tight_layout(pad=0.4)
    figure.canvas.draw()
    iio.imwrite(path, np.asarray(figure.canvas.buffer_rgba())[..., :3])
    print(path)


def main():
    DATA.mkdir(exist_ok=True)
    if sys.argv[1:] == ["denoised"]:
        denoised(DATA / "denoised.png")
        return
    if sys.argv[1:] == ["inpainted"]:
        inpainted(DATA / "inpainted.png")
        return
    page(data.camera()[40:280, 120:360], MODELS, 3, DATA / "models.png")
    colour = {"Gerig et al. (21)": (pdenet.gerig, {"contrast": 12, "time": 20})} | {
        name: MODELS[name] for name in
        ("Weickert–Brox (26)", "edge-enhancing (2)", "multiscale anisotropic (34)")}
    colour["edge-enhancing (2)"] = (pdenet.eed, {"contrast": 4, "sigma": 1, "time": 20})
    noisy = data.astronaut()[0:240, 100:340]
    noisy = noisy + np.random.default_rng(0).normal(0, 15, noisy.shape)
    page(noisy, colour, 5, DATA / "models_colour.png", channel_axis=-1)


if __name__ == "__main__":
    main()
