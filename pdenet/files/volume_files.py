"""NIfTI and MRC files: volumes with the size of their voxels, whose header and affine are kept."""

import gzip
import os
from typing import Any, NamedTuple

import numpy as np

from ..checks import needs
from . import voxels
from .contents import ImageFileError, UsageError, check_size, one_line
from .images import check_new, written

SUFFIXES = {".nii": "NIfTI", ".nii.gz": "NIfTI", ".mrc": "MRC", ".map": "MRC", ".rec": "MRC"}
DICOM = (".dcm", ".dicom", ".ima")


class VolumeFile(NamedTuple):
    """Volumes of a file: an array with their three axes first or, of MRC, alone; the distances of
    its voxels along these axes, or None; and what holds the header."""

    array: np.ndarray
    spacing: tuple | None
    header: Any


def format_of(name):
    """The format of a file of volumes by its name; None if it is none. DICOM is refused."""
    lower = name.rstrip("/").lower()
    if lower.endswith(DICOM) or os.path.isdir(name) and any(
            inner.lower().endswith(DICOM) or inner == "DICOMDIR" for inner in os.listdir(name)):
        raise UsageError(f"{name}: DICOM is not read, as a series of files says in many ways where "
                         f"its slices lie; convert it to NIfTI first, for instance by dcm2niix")
    return next((kind for suffix, kind in SUFFIXES.items() if lower.endswith(suffix)), None)


def check_target(name, source, overwrite):
    """Raise unless a file of this name can hold the volumes of the source."""
    if format_of(name) != format_of(source):
        endings = [suffix for suffix, kind in SUFFIXES.items() if kind == format_of(source)]
        raise UsageError(f"{name}: must end in {' or '.join(endings)}, as {source} is "
                         f"{format_of(source)}, whose header is kept")
    if os.path.isdir(name):
        raise UsageError(f"{name}: is a directory")
    check_new(name, overwrite)


def read(name, max_pixels):
    """The volumes of a file."""
    if not os.path.exists(name):
        raise UsageError(f"{name}: no such file")
    try:
        found = (_read_nifti if format_of(name) == "NIfTI" else _read_mrc)(name, max_pixels)
    except (ImageFileError, ImportError, MemoryError):
        raise
    except Exception as error:  # readers raise whatever they like
        raise ImageFileError(f"{name}: not a readable {format_of(name)} file "
                             f"({one_line(error)})") from None
    if found.array.size == 0 or found.array.dtype.kind not in "uif":
        raise ImageFileError(f"{name}: must hold real numbers; has {found.array.dtype} of shape "
                             f"{found.array.shape}")
    return found


def write(name, volume, result, overwrite):
    """Write a result with the header of a volume, whole or not at all, in the result's type."""
    with written(name, overwrite) as file:
        write_one = _write_nifti if format_of(name) == "NIfTI" else _write_mrc
        write_one(file, name, volume, result)


def _read_nifti(name, max_pixels):
    nibabel = needs("nibabel", "a NIfTI file")
    image = nibabel.load(name)
    shape = image.shape
    if len(shape) < 3:
        raise ImageFileError(f"{name}: must hold a volume; has shape {shape}")
    check_size(name, shape, max_pixels)
    array = np.asanyarray(image.dataobj)  # scaled, where the header says so
    return VolumeFile(array, voxels.usable(image.header.get_zooms()[:3]), image)


def _write_nifti(file, name, volume, result):
    """With the header and the affine of the file that was read."""
    header = volume.header.header.copy()
    header.set_data_dtype(result.dtype)
    header.set_slope_inter(1, 0)
    header["cal_min"] = header["cal_max"] = 0  # how bright it is to be shown, by its old values
    content = type(volume.header)(result, volume.header.affine, header).to_bytes()
    if name.lower().endswith(".gz"):
        content = gzip.compress(content, 6, mtime=0)
    file.write(content)


def _read_mrc(name, max_pixels):
    mrcfile = needs("mrcfile", "an MRC file")
    with mrcfile.open(name, permissive=True) as file:
        if file.data is None or file.data.ndim != 3 or not file.is_volume() and not \
                file.is_image_stack():
            raise ImageFileError(f"{name}: must hold a volume")
        check_size(name, file.data.shape, max_pixels)
        size = file.voxel_size
        spacing = voxels.usable((size.z, size.y, size.x))
        header = file.header.copy(), np.array(file.extended_header)
        return VolumeFile(np.array(file.data), spacing, header)


def _write_mrc(file, name, volume, result):
    """With all that the header of the file that was read says, but of the values."""
    mrcfile = needs("mrcfile", "an MRC file")
    header, extended = volume.header
    with mrcfile.new(file.name, overwrite=True) as new:
        new.set_data(result)
        for field in ("cella", "cellb", "mapc", "mapr", "maps", "ispg", "nxstart", "nystart",
                      "nzstart", "mx", "my", "mz", "origin", "nlabl", "label", "exttyp"):
            new.header[field] = header[field]
        if extended.size:
            new.set_extended_header(extended)
