"""Images to planes (M, H, W), or volumes (M, D, H, W), and back, and what an image may be."""

from __future__ import annotations

import functools
import itertools
import math
import operator
from dataclasses import dataclass
from typing import Any, Iterator, NamedTuple

import numpy as np
import numpy.typing as npt

from .checks import check_choice
from .execution import chunks

Spacing = tuple[float, ...] | None

NAN_POLICIES = ("raise", "omit")
SAMPLE = 1024  # an image larger than the square of this is estimated on a sample of it


def to_planes(image: npt.ArrayLike, channel_axis: int | None = None, name: str = "image",
              axes: Axes | None = None):
    """The image as C-contiguous planes (M, H, W) of float32 or float64, never rescaled.

    float32 stays float32, every other real type becomes float64. The planes may share
    memory with the image, so they are read, never written. Arrays of dask and zarr become one of
    dask, which checks its values when it is computed.
    """
    return checked(*to_unchecked(image, channel_axis, name, axes))


def checked(planes, check):
    """The planes, whose values are looked at, or will be when they are computed."""
    if chunks.is_lazy(planes):
        return chunks.check_values(planes, check)
    check(planes)
    return planes


def to_units(image: npt.ArrayLike, channel_axis: int | None = None,
             mask: npt.ArrayLike | None = None, nan_policy: str = "raise",
             axes: Axes | None = None) -> Measured:
    """`to_measured` of an image of any size of values, in units of a power of two in which squares
    of the structure tensor are finite. Those of dask have the unit 1."""
    return to_measured(image, channel_axis, mask, nan_policy, any_size=True, axes=axes)


def _in_units(planes, largest):
    """Planes whose largest magnitude is given, in a unit, and the unit."""
    if largest == 0 or 2.0**-16 < largest < 2.0**20:
        return planes, 1.0
    exponent = int(np.frexp(largest)[1])
    return np.ldexp(planes, -exponent), math.ldexp(1.0, exponent)


def from_units(planes: np.ndarray, unit: float) -> np.ndarray:
    """Planes that are in a unit, in units of one."""
    return planes if unit == 1 else planes * planes.dtype.type(unit)


class Axes(NamedTuple):
    """What the axes of an array may be, beside that of the channels: those of images, unless
    `volumes` are allowed, too; with a spacing only those of its dimensions."""

    volumes: bool = False
    spacing: Spacing = None

    def of(self, shape, channel_axis, name) -> Axes:
        """The axes of an array of this shape."""
        dimensions = len(shape) - (channel_axis is not None)
        if self.volumes and self.spacing is None and dimensions == 3:
            small = [axis for axis in (-1, 0) if shape[axis] <= 4]
            if channel_axis is None and small:
                raise ValueError(f"{name} of shape {shape} may have channels or be a volume: give "
                                 f"channel_axis={small[0]}, or spacing=(1, 1, 1) for a volume")
            return self._replace(spacing=(1.0, 1.0, 1.0))
        return self

    @property
    def dimensions(self) -> int:
        """2 for images, 3 for volumes."""
        return 2 if self.spacing is None else len(self.spacing)

    @property
    def planar(self) -> bool:
        """Whether images become volumes of one slice, as their pixels are not of the size 1 x 1."""
        return self.dimensions == 2 and self.spacing not in (None, (1.0, 1.0))


def to_unchecked(image, channel_axis, name, axes=None):
    """`to_planes` without its look at the values, and the function that checks them."""
    array = to_array(image, name)
    if array.dtype.kind not in "buif":
        raise TypeError(f"{name} must hold real numbers (bool, integer or float); "
                        f"got dtype {array.dtype}")
    axes = (axes or Axes()).of(array.shape, channel_axis, name)
    _check_shape(array, channel_axis, name, axes)
    dtype = np.float32 if array.dtype.newbyteorder("=") == np.float32 else np.float64
    array = (array[np.newaxis] if channel_axis is None else
             np.moveaxis(array, channel_axis, 0))
    if axes.planar:
        array = array[:, np.newaxis]
    check = functools.partial(_check_values, channel_axis=channel_axis, name=name,
                              planar=axes.planar)
    if chunks.is_lazy(array):
        return array.astype(dtype), check
    return np.ascontiguousarray(array, dtype=dtype), check


@dataclass(frozen=True)
class Measured:
    """An image some of whose pixels may be no measurement.

    Attributes
    ----------
    image : array_like
        As it was given.
    channel_axis : int or None
    planes : array of shape (M, H, W)
        As of `to_planes`, 0 in the pixels that are not measured.
    mask : ndarray of shape (H, W) or None
        True where a pixel is measured, of the shape of a plane; None if all are.
    unit : float
        Of the planes; a power of two.
    axes : Axes
        Those of the image.
    """

    image: Any
    channel_axis: int | None
    planes: Any
    mask: np.ndarray | None
    unit: float = 1.0
    axes: Axes = Axes()

    def like(self, image, name):
        """The planes of another image of the same shape, 0 in the pixels that are not measured."""
        if self.mask is None:
            return self.planes_of(image, name)
        other = to_measured(image, self.channel_axis, self._own_mask, name=name,
                            axes=self.axes).planes
        return _check_like(self.planes, other, self.channel_axis, name, self.axes)

    def planes_of(self, image, name):
        """The planes of another image of the same shape."""
        return to_planes_like(self.planes, image, self.channel_axis, name, self.axes)

    def image_of(self, planes):
        """The image of planes in units of one."""
        return from_planes(planes, self.channel_axis, self.axes.planar)

    @property
    def _own_mask(self):
        """The mask of the image's shape, or None."""
        return self.mask[0] if self.axes.planar and self.mask is not None else self.mask

    def finish(self, planes):
        """The image of planes (M, H, W) in units of one, with the pixels that are not measured as
        they were."""
        result = self.image_of(planes)
        if self.mask is None:
            return result
        mask = self._own_mask
        if self.channel_axis is not None:
            mask = np.expand_dims(mask, self.channel_axis)
        image = to_array(self.image, "image")
        if chunks.is_lazy(result):
            return chunks.where(mask, result, image)
        np.copyto(result, image, where=~mask)
        return result


def to_measured(image: npt.ArrayLike, channel_axis: int | None = None,
                mask: npt.ArrayLike | None = None, nan_policy: str = "raise", name: str = "image",
                any_size: bool = False, axes: Axes | None = None) -> Measured:
    """An image whose pixels are measured where the mask (H, W) is True, and, for nan_policy="omit",
    finite in all channels."""
    check_choice("nan_policy", nan_policy, NAN_POLICIES)
    (planes, check), measured = to_unchecked(image, channel_axis, name, axes), None
    axes = axes or Axes()
    if planes.ndim == 4 and axes.spacing is None:
        axes = axes._replace(spacing=(1.0, 1.0, 1.0))
    if mask is not None or nan_policy != "raise":
        measured = measured_in(mask, nan_policy, [planes], name, axes.planar)
    planes, unit = zero_outside(planes, measured), 1.0
    if any_size and not chunks.is_lazy(planes):
        planes, unit = _in_units(planes, check(planes, any_size=True))
    else:
        planes = checked(planes, check)
    return Measured(image, channel_axis, planes, measured, unit, axes)


def measured_in(mask, nan_policy, images, name, planar=False):
    """The pixels that are measured in all of these planes, or None if that are all pixels; of
    planar ones the mask has no axis of slices."""
    measured = np.ones(images[0].shape[1:], bool)
    if mask is not None:
        measured &= _check_mask(mask, measured.shape[1:] if planar else measured.shape)
    if nan_policy == "omit":
        if any(map(chunks.is_lazy, images)):
            raise ValueError(f'nan_policy="omit" needs {name} in memory; for an array of dask or '
                             f'zarr give a mask instead')
        for planes in images:
            measured &= np.isfinite(planes).all(axis=0)
    if not measured.any():
        raise ValueError(f"{name} must have at least one pixel that is measured; mask and "
                         f"nan_policy leave all of them out")
    return None if measured.all() else measured


def zero_outside(planes, measured):
    """The planes, 0 in the pixels that are not measured."""
    if measured is None:
        return planes
    zero = planes.dtype.type(0)
    return (chunks.where(measured, planes, zero) if chunks.is_lazy(planes) else
            np.where(measured, planes, zero))


def _check_mask(mask, shape):
    """The mask as an array, if it is one of bool of an image's shape (H, W)."""
    mask = np.asarray(mask)
    if mask.dtype != bool or mask.shape != shape:
        raise ValueError(f"mask must be an array of bool of shape {shape}, True where a pixel is "
                         f"measured; got {mask.dtype} of shape {mask.shape}")
    return mask


def to_array(image, name):
    """An array of NumPy, or of dask for what is computed later."""
    if isinstance(image, np.ma.MaskedArray):
        raise TypeError(f"{name} must not be a masked array, whose mask would be lost; "
                        f"give its values, image.data, and mask=~np.ma.getmaskarray(image)")
    if chunks.is_lazy(image):
        return chunks.as_dask(image)
    if getattr(image, "mode", None) in ("P", "PA"):  # of Pillow
        raise TypeError(f"{name} holds the numbers of colours in a palette, which are no grey "
                        f"levels; use image.convert('RGB')")
    if hasattr(image, "detach"):  # a tensor of torch, which may be on its way to a gradient
        image = image.detach().cpu()
    try:
        return np.asarray(image)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{name} must be a rectangular array of numbers; {error}") from None


def to_planes_like(planes: np.ndarray, image: npt.ArrayLike, channel_axis: int | None, name: str,
                   axes: Axes | None = None):
    """`to_planes` of an image that must have the shape of the one whose planes are given."""
    other = to_planes(image, channel_axis, name, axes)
    return _check_like(planes, other, channel_axis, name, axes or Axes())


def _check_like(planes, other, channel_axis, name, axes):
    """The other planes, if they have the shape of the first."""
    planar = axes.planar
    if other.shape != planes.shape:
        raise ValueError(f"{name} must have the shape of the image, "
                         f"{from_planes(planes, channel_axis, planar).shape}; got "
                         f"{from_planes(other, channel_axis, planar).shape}")
    return other


def from_planes(planes: np.ndarray, channel_axis: int | None = None, planar: bool = False
                ) -> np.ndarray:
    """The image (H, W), or with its channels moved back, of planes (M, H, W); of volumes those. The
    only slice of planar ones is the image."""
    if planar:
        planes = planes[:, 0]
    if channel_axis is None:
        return planes[0]
    image = np.moveaxis(planes, 0, channel_axis)
    return image if chunks.is_lazy(image) else np.ascontiguousarray(image)


def sample(planes: Any, size: int | None = None, across: int = 4) -> Iterator[np.ndarray]:
    """The planes themselves, or `across` x `across` tiles evenly spread over an image of more than
    size^2 pixels, together as many as these; fewer and longer ones of a thin image. Of volumes of
    as many voxels 2 x 2 x 2 tiles."""
    for box in _boxes(planes.shape[1:], size, across):
        yield np.ascontiguousarray(planes[:, *box])


def sample_with(planes: Any, mask: np.ndarray | None, size: int | None = None,
                across: int = 4) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """The `sample` of planes, each tile with its part of a mask (H, W), or None; of the tiles those
    in which something is measured, or if none is such, one around the first measured pixel."""
    boxes = list(_boxes(planes.shape[1:], size, across))
    if mask is not None:
        first = boxes[0]
        boxes = [box for box in boxes if mask[box].any()]
        if not boxes:
            boxes = [tuple(slice(low := min(int(place), size - part.stop), low + part.stop)
                           for place, size, part in zip(
                               np.unravel_index(mask.argmax(), mask.shape), mask.shape, first,
                               strict=True))]
    for box in boxes:
        yield (np.ascontiguousarray(planes[:, *box]), None if mask is None else mask[box])


def slices_of(tiles: Any) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """Tiles of `sample_with`, those of volumes slice by slice, as tiles of images; without slices
    of which nothing is measured."""
    for tile, mask in tiles:
        if tile.ndim == 3:
            yield tile, mask
            continue
        for k in range(tile.shape[1]):
            if mask is None or mask[k].any():
                yield np.ascontiguousarray(tile[:, k]), None if mask is None else mask[k]


def _boxes(shape, size, across):
    """The slices of the axes of the tiles of a `sample`, of one size, the first at 0."""
    size = SAMPLE if size is None else size
    if math.prod(shape) <= size**2:
        yield tuple(slice(0, length) for length in shape)
        return
    if len(shape) == 3 and shape[0] > 1:
        edges = [min(length, round((size**2 / 8)**(1 / 3))) for length in shape]
        # In the middle of each octant, as the corners of a scan show nothing but air.
        starts = ([(length - 2 * edge) // 4, (3 * length - 2 * edge) // 4]
                  if length > 2 * edge else _evenly(length - edge, 2)
                  for length, edge in zip(shape, edges, strict=True))
        for corner in itertools.product(*starts):
            yield tuple(slice(first, first + edge)
                        for first, edge in zip(corner, edges, strict=True))
        return
    *slices, rows, columns = shape
    pixels = (size // across)**2
    height = min(rows, max(size // across, pixels // columns))
    width = min(columns, pixels // height)
    for top in _evenly(rows - height, across):
        for left in _evenly(columns - width, across):
            yield (*map(slice, slices), slice(top, top + height), slice(left, left + width))


def _evenly(last, count):
    """So many numbers from 0 to the last, or fewer if there are not so many."""
    return np.unique(np.linspace(0, last, count).astype(int))


def _check_shape(image, channel_axis, name, axes):
    kind = "(H, W)" if axes.dimensions == 2 else "(D, H, W)"
    if channel_axis is None and image.ndim == 3 == axes.dimensions + 1:
        channels = [axis for axis in (-1, 0) if image.shape[axis] <= 4]
        hint = f"; did you mean channel_axis={channels[0]}?" if channels else ""
        raise ValueError(f"{name} must have shape {kind} unless channel_axis is given; "
                         f"got shape {image.shape}{hint}")
    if channel_axis is not None:
        if isinstance(channel_axis, bool) or not hasattr(channel_axis, "__index__"):
            raise ValueError(f"channel_axis must be None or a whole number; got {channel_axis!r}")
        if not -image.ndim <= channel_axis < image.ndim:
            raise np.exceptions.AxisError(operator.index(channel_axis), image.ndim,
                                          msg_prefix="channel_axis")
    expected = axes.dimensions + (channel_axis is not None)
    if image.ndim != expected:
        spacing = "" if axes.spacing is None else f" and spacing={axes.spacing}"
        more = f" or {expected + 1}" if axes.volumes and axes.spacing is None else ""
        raise ValueError(f"{name} must have {expected}{more} dimensions with "
                         f"channel_axis={channel_axis}{spacing}; got shape {image.shape}")
    if image.size == 0:
        raise ValueError(f"{name} must not be empty; got shape {image.shape}")


def _check_values(planes, first=(0,) * 4, *, channel_axis, name, any_size=False, planar=False):
    """The largest magnitude; raise unless planes are finite and not too large, or of any size.
    first: where they are in the image."""
    largest = max(-planes.min(), planes.max())
    if not np.isfinite(largest):
        # Point at the pixel in the caller's own axes.
        bad = ~np.isfinite(from_planes(planes, channel_axis, planar))
        offset = list(first[1:planes.ndim])
        if planar:
            del offset[0]
        if channel_axis is not None:
            offset.insert(channel_axis % (len(offset) + 1), first[0])
        index = tuple(int(i + low) for i, low in zip(
            np.unravel_index(bad.argmax(), bad.shape), offset, strict=True))
        raise ValueError(f"{name} must be finite; {bad.sum()} of its values are NaN or infinite, "
                         f"the first at index {index}")
    limit = np.finfo(planes.dtype).max**0.25 / 10
    if largest > limit and not any_size:
        raise ValueError(f"{name} values must be at most {limit:.1g} in {planes.dtype}, so that "
                         f"squares of the structure tensor are finite; got {largest:.3g}")
    return float(largest)
