"""Volumes that come inside Python packages: on which `pdenet.denoise` was trained, and on which it
never was.

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
ELLIPSOIDS = "ellipsoids"  # the name of `ellipsoids`, on which was trained, too


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


def trained():
    """Name and volume of all on which was trained."""
    for name, where in TRAINED.items():
        yield name, scan(*where)
    yield ELLIPSOIDS, ellipsoids()


def ellipsoids(size=80, count=120, finer=2):
    """Ellipsoids of any place, direction and grey level, one over the other, with sharp edges, as
    scans of magnetic resonance do not have them and those of tomography do: the mean of
    `finer`^3 samples for each voxel."""
    rng = np.random.default_rng(0)
    length = size * finer
    volume = np.full((length,) * 3, 128, np.float32)
    places = np.stack(np.meshgrid(*[np.arange(length)] * 3, indexing="ij")).astype(np.float32)
    for _ in range(count):
        centre = rng.uniform(0, length, 3)
        axes = np.linalg.qr(rng.normal(size=(3, 3)))[0] / rng.uniform(0.02, 0.25, (3, 1)) / length
        box = tuple(slice(max(int(middle - length / 4), 0), int(middle + length / 4) + 1)
                    for middle in centre)
        offset = places[:, *box] - centre[:, np.newaxis, np.newaxis, np.newaxis]
        inside = np.sum(np.einsum("ij,jzyx->izyx", axes, offset)**2, axis=0) < 1
        volume[box][inside] = rng.uniform(0, 255)
    return block_reduce(volume, finer, np.mean).astype(np.float32)


def part(volume, side):
    """At most so many voxels in each direction, around the centre of mass of what is brighter than
    the mean."""
    mass = np.maximum(volume - volume.mean(), 0)
    slices = []
    for axis, size in enumerate(volume.shape):
        along = mass.sum(axis=tuple(other for other in range(3) if other != axis))
        middle = round(float(np.average(np.arange(size), weights=along)))
        first = min(max(middle - side // 2, 0), max(size - side, 0))
        slices.append(slice(first, first + side))
    return np.ascontiguousarray(volume[tuple(slices)])
