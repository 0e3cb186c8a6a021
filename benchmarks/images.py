"""The images of the scripts: random ones, photographs that come with scikit-image; and the PSNR."""

import os

import numpy as np
import skimage
from skimage import data
from skimage.metrics import peak_signal_noise_ratio

from pdenet.learning import noise_levels
from pdenet.estimates import range_of
from pdenet.images import to_planes

# Those on which `pdenet.denoise` was trained, and those on which it never was.
TRAINED_COLOUR = ("astronaut", "cat", "hubble_deep_field", "retina", "rocket")
TRAINED_GREY = (*TRAINED_COLOUR, "brick", "clock", "grass", "gravel", "microaneurysms", "text")
GREY = ("camera", "cell", "coins", "moon", "page")
COLOUR = ("coffee", "immunohistochemistry")


def random_image(*shape):
    """Uniform grey levels up to 255 in float32."""
    return np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32)


def held_out(name):
    """A photograph in float64, and its channel axis."""
    pixels = np.asarray(getattr(data, name)()).astype(np.float64)
    return pixels, None if pixels.ndim == 2 else -1


def training_images(colour):
    """The photographs for training as planes (M, H, W) of float32, with a range of 255."""
    for name in TRAINED_COLOUR if colour else TRAINED_GREY:
        yield _planes(np.asarray(getattr(data, name)()), colour)


def _planes(pixels, colour):
    if pixels.ndim == 3 and not colour:
        pixels = skimage.color.rgb2gray(pixels)
    planes = to_planes(pixels.astype(np.float32), -1 if colour else None)
    return planes * np.float32(noise_levels.RANGE / range_of(planes))


def folder_images(folder, colour):
    """The names of all images in a folder, and their planes (M, H, W) of float32, with a range of
    255: colour images as grey ones, or only those that have colours."""
    names, images = [], []
    for name in sorted(os.listdir(folder)):
        pixels = np.asarray(skimage.io.imread(os.path.join(folder, name)))[..., :3]
        if (pixels.ndim == 3) >= colour:
            names.append(name)
            images.append(_planes(pixels, colour))
    return names, images


def psnr(clean, result):
    """Of images with a range of 255, dB."""
    return peak_signal_noise_ratio(np.asarray(clean, np.float64), np.asarray(result, np.float64),
                                   data_range=255)
