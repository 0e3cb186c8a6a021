"""Volumes that come inside Python packages: those on which `pdenet.denoise` was trained, and those on
which it never was.

    pip install nibabel
    pip install --no-deps nilearn dipy tractseg flowdec

Only their files are read, so that the packages need none of theirs.
"""

from importlib import metadata

import numpy as np
import tifffile
from skimage.measure import block_reduce

from pdenet.learning import noise_levels

# Name: package, file, and the factor by which its resolution is reduced.
TRAINED = {
    "T1 template": ("nilearn", "datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz", 1),
    "T1 template, halved": (
        "nilearn", "datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz", 2),
    "grey matter, halved": (
        "nilearn", "datasets/data/mni_icbm152_gm_tal_nlin_sym_09a_converted.nii.gz", 2),
    "diffusion 4 mm": ("dipy", "data/files/aniso_vox.nii.gz", 1),
    "diffusion 2 mm": ("dipy", "data/files/S0_10slices.nii.gz", 1),
}
HELD_OUT = {
    "anisotropy template": ("tractseg", "resources/MNI_FA_template.nii.gz", 1),
    "echo-planar": ("nibabel", "tests/data/example4d.nii.gz", 1),
    "anatomical": ("nibabel", "tests/data/anatomical.nii", 1),
    "neuron": ("flowdec", "datasets/neuron-25pct/data.tif", 1),
}
BACKGROUND = 0.1  # of the range


def scan(package, file, reduced):
    """A volume (D, H, W) of float32 without the background around it. Between its 0.1 % and its
    99.9 % quantile there are 255 grey levels. Of several in a file it is the first."""
    path = metadata.distribution(package).locate_file(f"{package}/{file}")
    if file.endswith(".tif"):
        volume = tifffile.imread(path).astype(np.float32)
    else:
        import nibabel

        volume = np.asarray(nibabel.load(path).dataobj, np.float32)
        volume = volume[(..., *[0] * (volume.ndim - 3))].T
    volume = block_reduce(volume, reduced, np.mean).astype(np.float32)
    low, high = np.quantile(volume, [0.001, 0.999])
    volume = (volume - low) * (noise_levels.RANGE / (high - low))
    inside = np.nonzero(volume > BACKGROUND * noise_levels.RANGE)
    return np.ascontiguousarray(volume[tuple(slice(places.min(), places.max() + 1)
                                             for places in inside)], np.float32)


def part(volume, side):
    """The middle of a volume, at most so many voxels long in each direction."""
    return np.ascontiguousarray(volume[tuple(
        slice((size - min(size, side)) // 2, (size + min(size, side)) // 2)
        for size in volume.shape)])
