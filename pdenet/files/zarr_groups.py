"""Zarr stores: which arrays a group holds, and what the axes of an array are, by its metadata."""

import os

from . import voxels
from .contents import ImageFileError, UsageError

SHOWN = 12  # arrays of a group in a message
CHANNELS = ("c", "channel", "channels", "band", "bands", "wavelength", "s", "sample", "samples",
            "rgb")


def store_of(name):
    """The store within which a name lies, itself or a folder above it; None if in none."""
    path = name.rstrip("/")
    while path and not path.endswith(".zarr"):
        path = os.path.dirname(path) if os.path.dirname(path) != path else ""
    return path or None


def check_exists(name):
    """Raise unless there is something of this name; a store tells what it holds instead."""
    if os.path.exists(name):
        return
    store = store_of(name)
    if store is not None and store != name.rstrip("/") and os.path.isdir(store):
        raise UsageError(f"{name}: no such array; {_held(store)}")
    raise UsageError(f"{name}: no such file")


def check_array(name):
    """Raise if a group has this name, with the names of its arrays."""
    import zarr

    try:
        group = zarr.open_group(name, mode="r")
    except Exception:  # whatever it is, it is no group
        return
    held = _held(name, group)
    raise ImageFileError(f"{name}: is a group of zarr arrays, not an array; {held}")


def _held(name, group=None):
    """Which arrays a group has, those of an image with several resolutions in their order."""
    import zarr

    try:
        group = zarr.open_group(name, mode="r") if group is None else group
        order = [part["path"] for image in _multiscales(dict(group.attrs))
                 for part in image["datasets"]]
        arrays = [(path, array.shape) for path, array in group.members(max_depth=None)
                  if hasattr(array, "shape")]
    except Exception:  # a damaged group
        return "it cannot be read"
    if not arrays:
        return "it holds none"
    arrays.sort(key=lambda held: (order.index(held[0]) if held[0] in order else len(order),
                                  held[0]))
    shown = [f"{name.rstrip('/')}/{path} {shape}" for path, shape in arrays[:SHOWN]]
    more = f" and {len(arrays) - SHOWN} more" if len(arrays) > SHOWN else ""
    return f"name one of those it holds: {', '.join(shown)}{more}"


def axes_of(name, array):
    """The names of an array's axes in small letters, or None: its own, or those of its image."""
    names = getattr(array.metadata, "dimension_names", None) or array.attrs.get(
        "_ARRAY_DIMENSIONS")
    if not names or None in names:
        names = _image_axes(name)
    if not names or len(names) != array.ndim:
        return None
    return [str(axis).lower() for axis in names]


def _image_axes(name):
    """The axes that OME-Zarr's description of an image gives to this array, or None."""
    import zarr

    folder, path = os.path.split(os.path.abspath(name.rstrip("/")))
    try:
        for image in _multiscales(dict(zarr.open_group(folder, mode="r").attrs)):
            if any(part["path"] == path for part in image["datasets"]):
                return [axis["name"] if isinstance(axis, dict) else axis for axis in image["axes"]]
    except Exception:  # there is none that can be read
        pass
    return None


def _multiscales(attributes):
    """The images that a group describes, as OME-Zarr 0.4 or 0.5 has them."""
    return attributes.get("ome", attributes).get("multiscales", [])


def spacing_of(name, names):
    """The distances (dz, dy, dx) that OME-Zarr's description of an image gives to the voxels of
    this array, or None."""
    import zarr

    folder, path = os.path.split(os.path.abspath(name.rstrip("/")))
    try:
        for image in _multiscales(dict(zarr.open_group(folder, mode="r").attrs)):
            for part in image["datasets"]:
                if part["path"] == path:
                    both = [*part.get("coordinateTransformations", ()),
                            *image.get("coordinateTransformations", ())]
                    return voxels.of_ome_zarr(both, names)
    except Exception:  # there is none that can be read
        pass
    return None


def layout(name, array, names, volumes="none"):
    """Which axis is that of the channels, or None, and which are pages.

    names: of the axes, or None: then an axis of at most four before or behind the others is that of
    the channels. volumes: "none"; "named", where slices, an axis z, are no pages; or "all", where
    an array of three axes without names is a volume, too.
    """
    if names is None:
        if array.ndim == 2 or array.ndim == 3 and volumes == "all":
            return None, ()
        channels = [axis for axis in (2, 0) if array.ndim == 3 and array.shape[axis] <= 4]
        if channels:
            return channels[0], ()
        raise ImageFileError(
            f"{name}: must have shape (H, W), (H, W, C) or (C, H, W) with at most 4 channels, or "
            f"name its axes, such as t, c, z, y and x; has {array.shape}"
            + ("; --volume filters it as a volume" if volumes == "named" and array.ndim == 3
               else ""))
    channels = [k for k, axis in enumerate(names) if axis in CHANNELS]
    others = [k for k in range(array.ndim) if k not in channels]
    if len(channels) > 1 or len(others) < 2:
        raise ImageFileError(f"{name}: must have two axes beside those of pages and one of "
                             f"channels; has {', '.join(names)} of shape {array.shape}")
    plane = [names.index(axis) for axis in ("y", "x") if axis in names]
    plane = plane if len(plane) == 2 else others[-2:]
    if volumes != "none" and "z" in names and names.index("z") not in plane:
        plane = [names.index("z"), *plane]
    return channels[0] if channels else None, tuple(k for k in others if k not in plane)
