"""The size of voxels, as files of volumes say it."""

import re

# Of the units that OME-TIFF and ImageJ have, in micrometres.
UNITS = {"nm": 1e-3, "µm": 1.0, "um": 1.0, "\\u00B5m": 1.0, "micron": 1.0, "microns": 1.0,
         "mm": 1e3, "cm": 1e4, "m": 1e6, "Å": 1e-4}


def relative(spacing):
    """The distances of voxels with the smallest as unit, so that lengths are in voxels."""
    smallest = min(spacing)
    return tuple(distance / smallest for distance in spacing)


def usable(spacing):
    """The distances (dz, dy, dx) as floats if all are positive and finite, otherwise None."""
    try:
        values = tuple(float(distance) for distance in spacing)
    except (TypeError, ValueError):
        return None
    return values if len(values) == 3 and all(0 < value < 1e30 for value in values) else None


def of_tiff(metadata):
    """The distances (dz, dy, dx) that OME-XML or ImageJ give to the voxels of a TIFF file, or
    None."""
    if metadata.ome is not None:
        return _of_ome(metadata.ome)
    if metadata.imagej is not None and "spacing" in metadata.imagej:
        across, down = (_distance(number) for number in metadata.resolution or (1.0, 1.0))
        return usable((metadata.imagej["spacing"], down, across))
    return None


def _of_ome(xml):
    pixels = re.search(r"<(?:\w+:)?Pixels\b[^>]*>", xml)
    words = dict(re.findall(r'\b(PhysicalSize[XYZ](?:Unit)?)="([^"]*)"',
                            pixels[0] if pixels else ""))
    found = []
    for axis in "ZYX":
        size, unit = words.get(f"PhysicalSize{axis}"), words.get(f"PhysicalSize{axis}Unit", "µm")
        if size is None or unit not in UNITS:
            return None
        found.append(float(size) * UNITS[unit])
    return usable(found)


def _distance(number):
    """The distance of pixels from their number per unit, which TIFF has as a fraction."""
    count, per = number if isinstance(number, tuple) else (number, 1)
    return per / count if count else None


def of_ome_zarr(transformations, names):
    """The distances (dz, dy, dx) of the scales in the description of an OME-Zarr image, or None."""
    scale = [1.0] * len(names)
    for one in transformations:
        if one.get("type") == "scale":
            scale = [a * float(b) for a, b in zip(scale, one["scale"], strict=True)]
    return usable([scale[names.index(axis)] for axis in "zyx" if axis in names])
