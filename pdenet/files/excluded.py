"""Values that are no measurement: nodata, NaN and infinite ones, colours of what is transparent.

They take no part and stay as they are: a mask leaves their pixels out of what is done.
"""

from dataclasses import dataclass, replace

import numpy as np

from .contents import Image, UsageError


NODATA = 42113  # GDAL's tag


@dataclass(frozen=True)
class Excluded:
    """The values of an image that are no measurement; `report` tells how many pixels they are."""

    image: Image
    places: np.ndarray | None    # of the pixels' shape, True where no measurement is; None: nowhere
    nodata: float | None
    report: str = ""
    count: int = 0

    @property
    def mask(self):
        """Where all channels are measured (H, W), or (D, H, W), but for those that nowhere are;
        None: everywhere."""
        axis = self.image.channel_axis
        if self.places is None or axis is None:
            return None if self.places is None else ~self.places
        planes = np.moveaxis(self.places, axis, 0)
        return ~planes[~planes.reshape(len(planes), -1).all(axis=1)].any(axis=0)

    @property
    def nothing_left(self):
        """Whether no value is measured."""
        return self.places is not None and bool(self.places.all())

    def filled(self):
        """The image with a measured value of the channel, or 0 if it has none, in place of each
        that is none: for what looks at all values alone, as for their range; the mask leaves it
        out."""
        if self.places is None:
            return self.image
        axis = self.image.channel_axis
        pixels = self.image.pixels.copy()
        planes, places = (array[np.newaxis] if axis is None else np.moveaxis(array, axis, 0)
                          for array in (pixels, self.places))
        for plane, where in zip(planes, places, strict=True):
            first = np.unravel_index(where.argmin(), where.shape)
            plane[where] = 0 if where.all() else plane[first]
        return replace(self.image, pixels=pixels)

    def restored(self, result):
        """A result with the values that are no measurement as they were, and no others like them.
        """
        if self.places is None:
            return result
        pixels, before = result.pixels.copy(), self.image.pixels
        if self.nodata is not None:
            chance = ~self.places & (pixels == self.nodata)
            up = before[chance] > self.nodata
            pixels[chance] = _beside(self.nodata, up, pixels.dtype)
        pixels[self.places] = before[self.places]
        return replace(result, pixels=pixels)


def find(name, image, nodata=None, dtype=None, outside=None):
    """What is excluded of an image that is to become one of this type.

    nodata: a text, such as "-9999" or "nan"; None: that of the file, if any. outside: the pixels
    (H, W), or voxels, outside a mask, or None. Raises if the type cannot hold what stays.
    """
    pixels, dtype = image.pixels, np.dtype(dtype or image.pixels.dtype)
    value = number(image.metadata.nodata if nodata is None else nodata, pixels.dtype)
    found = []
    if value is not None:
        found.append((f"nodata ({value:.15g})", pixels == value))
    if pixels.dtype.kind == "f":
        found.append(("NaN or infinite", ~np.isfinite(pixels)))
    for what, pixel in (("transparent", None if image.alpha is None else image.alpha == 0),
                        ("outside the mask", outside)):
        if pixel is not None:
            found.append((what, np.broadcast_to(
                pixel if image.channel_axis is None else np.expand_dims(pixel, image.channel_axis),
                pixels.shape)))
    found = [(what, where) for what, where in found if where.any()]
    if not found:
        return Excluded(image, None, None)
    places, parts = np.zeros(pixels.shape, bool), []
    for what, where in found:
        _check_type(name, what, pixels, where & ~places, dtype)
        number_of = np.count_nonzero(_any_channel(image, where & ~places))
        parts.append(f"{number_of} {'is' if number_of == 1 else 'are'} {what}")
        places |= where
    count = int(np.count_nonzero(_any_channel(image, places)))
    kind = "voxels" if image.is_volume else "pixels"
    return Excluded(image, places, value, f"of {places.size // _channels(image)} {kind} "
                    f"{' and '.join(parts)}: they take no part and stay as they are", count)


def number(text, dtype):
    """The value of nodata as this type has it; None if it has none, or for NaN, known anyway."""
    if text is None:
        return None
    try:
        value = int(text) if dtype.kind in "ui" and text.lstrip("+-").isdigit() else float(text)
    except ValueError:
        return None
    if value != value or dtype.kind == "b":
        return None
    if dtype.kind in "ui":
        limits = np.iinfo(dtype)
        return int(value) if limits.min <= value <= limits.max and value == int(value) else None
    with np.errstate(over="ignore"):
        return float(dtype.type(value))


def _check_type(name, what, pixels, where, dtype):
    """Raise unless these values stay what they are in another type."""
    if dtype == pixels.dtype or not where.any() or what == "transparent":
        return
    kept = pixels[where]
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            lost = np.isfinite(kept) & (kept.astype(dtype) != kept)
    else:
        limits = np.iinfo(dtype)
        lost = ~((kept >= limits.min) & (kept <= limits.max) & (kept == np.rint(kept)))
    if lost.any():
        raise UsageError(f"{name}: {dtype} cannot hold the pixels that are {what}; choose another "
                         f"--dtype")


def _beside(value, up, dtype):
    """The values of a type next to this one, above it where `up`, else below, if there are any."""
    if dtype.kind == "f":
        value = dtype.type(value)
        with np.errstate(over="ignore"):  # beside the largest value of all
            beside = [np.nextafter(value, dtype.type(end)) for end in (np.inf, -np.inf)]
        largest = np.finfo(dtype).max
        return np.where(up, *np.clip(beside, -largest, largest))
    limits = np.iinfo(dtype)
    up = (up | (value == limits.min)) & (value != limits.max)
    return np.where(up, min(value + 1, limits.max), max(value - 1, limits.min)).astype(dtype)


def _any_channel(image, places):
    return places if image.channel_axis is None else places.any(axis=image.channel_axis)


def _channels(image):
    return 1 if image.channel_axis is None else image.pixels.shape[image.channel_axis]
