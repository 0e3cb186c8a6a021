"""Images to planes (M, H, W) and back, and what an image may be."""

from __future__ import annotations

import functools
import math
import operator
from dataclasses import dataclass
from typing import Any, Iterator

import numpy as np
import numpy.typing as npt

from .checks import check_choice
from .execution import chunks

NAN_POLICIES = ("raise", "omit")
SAMPLE = 1024  # an image larger than the square of this is estimated on a sample of it


def to_planes(image: npt.ArrayLike, channel_axis: int | None = None, name: str = "image"):
    """The image as C-contiguous planes (M, H, W) of float32 or float64, never rescaled.

    float32 stays float32, every other real type becomes float64. The planes may share
    memory with the image, so they are read, never written. Arrays of dask and zarr become one of
    dask, which checks its values when it is computed.
    """
    return _checked(*_to_unchecked(image, channel_axis, name))


def _checked(planes, check):
    """The planes, whose values are looked at, or will be when they are computed."""
    if chunks.is_lazy(planes):
        return chunks.check_values(planes, check)
    check(planes)
    return planes


def to_units(image: npt.ArrayLike, channel_axis: int | None = None,
             mask: npt.ArrayLike | None = None, nan_policy: str = "raise") -> Measured:
    """`to_measured` of an image of any size of values, in units of a power of two in which squares
    of the structure tensor are finite. Those of dask have the unit 1."""
    return to_measured(image, channel_axis, mask, nan_policy, any_size=True)


def _in_units(planes, largest):
    """Planes whose largest magnitude is given, in a unit, and the unit."""
    if largest == 0 or 2.0**-16 < largest < 2.0**20:
        return planes, 1.0
    exponent = int(np.frexp(largest)[1])
    return np.ldexp(planes, -exponent), math.ldexp(1.0, exponent)


def from_units(planes: np.ndarray, unit: float) -> np.ndarray:
    """Planes that are in a unit, in units of one."""
    return planes if unit == 1 else planes * planes.dtype.type(unit)


def _to_unchecked(image, channel_axis, name):
    """`to_planes` without its look at the values, and the function that checks them."""
    array = to_array(image, name)
    if array.dtype.kind not in "buif":
        raise TypeError(f"{name} must hold real numbers (bool, integer or float); "
                        f"got dtype {array.dtype}")
    _check_shape(array, channel_axis, name)
    dtype = np.float32 if array.dtype.newbyteorder("=") == np.float32 else np.float64
    array = (array[np.newaxis] if channel_axis is None else
             np.moveaxis(array, channel_axis, 0))
    check = functools.partial(_check_values, channel_axis=channel_axis, name=name)
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
        True where a pixel is measured; None if all are.
    unit : float
        Of the planes; a power of two.
    """

    image: Any
    channel_axis: int | None
    planes: Any
    mask: np.ndarray | None
    unit: float = 1.0

    def like(self, image, name):
        """The planes of another image of the same shape, 0 in the pixels that are not measured."""
        if self.mask is None:
            return to_planes_like(self.planes, image, self.channel_axis, name)
        other = to_measured(image, self.channel_axis, self.mask, name=name).planes
        return _check_like(self.planes, other, self.channel_axis, name)

    def finish(self, planes):
        """The image of planes (M, H, W) in units of one, with the pixels that are not measured as
        they were."""
        result = from_planes(planes, self.channel_axis)
        if self.mask is None:
            return result
        mask = self.mask
        if self.channel_axis is not None:
            mask = np.expand_dims(mask, self.channel_axis)
        image = to_array(self.image, "image")
        if chunks.is_lazy(result):
            return chunks.where(mask, result, image)
        np.copyto(result, image, where=~mask)
        return result


def to_measured(image: npt.ArrayLike, channel_axis: int | None = None,
                mask: npt.ArrayLike | None = None, nan_policy: str = "raise", name: str = "image",
                any_size: bool = False) -> Measured:
    """An image whose pixels are measured where the mask (H, W) is True, and, for nan_policy="omit",
    finite in all channels."""
    check_choice("nan_policy", nan_policy, NAN_POLICIES)
    (planes, check), measured = _to_unchecked(image, channel_axis, name), None
    if mask is not None or nan_policy != "raise":
        measured = _measured(mask, nan_policy, [planes], name)
    planes, unit = zero_outside(planes, measured), 1.0
    if any_size and not chunks.is_lazy(planes):
        planes, unit = _in_units(planes, check(planes, any_size=True))
    else:
        planes = _checked(planes, check)
    return Measured(image, channel_axis, planes, measured, unit)


def _measured(mask, nan_policy, images, name):
    """The pixels that are measured in all of these planes, or None if that are all pixels."""
    measured = np.ones(images[0].shape[1:], bool)
    if mask is not None:
        measured &= _check_mask(mask, measured.shape)
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


def to_planes_like(planes: np.ndarray, image: npt.ArrayLike, channel_axis: int | None, name: str):
    """`to_planes` of an image that must have the shape of the one whose planes are given."""
    return _check_like(planes, to_planes(image, channel_axis, name), channel_axis, name)


def _check_like(planes, other, channel_axis, name):
    """The other planes, if they have the shape of the first."""
    if other.shape != planes.shape:
        raise ValueError(f"{name} must have the shape of the image, "
                         f"{from_planes(planes, channel_axis).shape}; got "
                         f"{from_planes(other, channel_axis).shape}")
    return other


def to_pairs(noisy, clean, channel_axis=None, prefix=""):
    """Pairs of images and their targets, as planes (M, H, W) of one type."""
    return to_measured_pairs(noisy, clean, channel_axis, prefix=prefix)[0]


def to_measured_pairs(noisy, clean, channel_axis=None, mask=None, nan_policy="raise", prefix=""):
    """`to_pairs`, and for each pair None or a mask (H, W) of the pixels that are measured in both
    images, outside which both are 0."""
    check_choice("nan_policy", nan_policy, NAN_POLICIES)
    stacks, axes = zip(*(_to_stack(prefix + name, images, channel_axis)
                         for name, images in (("noisy", noisy), ("clean", clean))), strict=True)
    shapes = [(len(stack), *from_planes(stack[0][0], axis).shape)
              for stack, axis in zip(stacks, axes, strict=True)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"{prefix}noisy and clean must have the same shape; got {shapes[0]} and "
                         f"{shapes[1]}")
    pairs, found = [], []
    for k, (pair, own) in enumerate(zip(zip(*stacks, strict=True),
                                        _masks(mask, len(stacks[0]), prefix), strict=True)):
        planes, checks = zip(*pair, strict=True)
        first, second = (from_planes(each, axis).shape
                         for each, axis in zip(planes, axes, strict=True))
        if first != second:
            raise ValueError(f"{prefix}noisy[{k}] and clean[{k}] must have the same shape; got "
                             f"{first} and {second}")
        measured = None
        if own is not None or nan_policy != "raise":
            measured = _measured(own, nan_policy, planes, f"{prefix}noisy[{k}]")
        pairs.append([_checked(zero_outside(each, measured), check)
                      for each, check in zip(planes, checks, strict=True)])
        found.append(measured)
    dtype = np.result_type(*(planes for pair in pairs for planes in pair))
    return [tuple(planes.astype(dtype, copy=False) for planes in pair) for pair in pairs], found


def _masks(mask, count, prefix):
    """A mask or None for each of so many images."""
    if mask is None or (not isinstance(mask, (list, tuple)) and np.ndim(mask) == 2):
        return [mask] * count
    if len(mask) != count:
        raise ValueError(f"{prefix}mask must be one for all images or one for each of the "
                         f"{count}; got {len(mask)}")
    return list(mask)


def count(planes, measured):
    """How many values planes have in the pixels that are measured."""
    return planes.size if measured is None else len(planes) * int(np.count_nonzero(measured))


def in_memory(pairs):
    """The pairs with arrays of dask computed."""
    return [tuple(map(np.ascontiguousarray, pair)) for pair in pairs]


def _to_stack(name, images, channel_axis):
    """Images (N, H, W) or one (H, W), with or without channels, `_to_unchecked`, and the axis of
    the channels of each; a list may hold images of different sizes.
    """
    if isinstance(images, (list, tuple)):
        images = [to_array(image, f"{name}[{k}]") for k, image in enumerate(images)]
        if (len({image.shape for image in images}) > 1 and min(image.ndim for image in images) > 1
                or any(map(chunks.is_lazy, images))):
            stack = [_to_unchecked(image, channel_axis, f"{name}[{k}]")
                     for k, image in enumerate(images)]
            if len({len(planes) for planes, _ in stack}) > 1:
                raise ValueError(f"{name} must have the same number of channels; got "
                                 f"{[len(planes) for planes, _ in stack]}")
            return stack, channel_axis
    images = to_array(images, name)
    dimensions = images.ndim - (channel_axis is not None)
    if dimensions == 2:
        return [_to_unchecked(images, channel_axis, name)], channel_axis
    if dimensions != 3 or len(images) == 0:
        raise ValueError(f"{name} must have shape (H, W) or (N, H, W), N >= 1, and with "
                         f"channel_axis one axis more; got shape {images.shape} and "
                         f"channel_axis={channel_axis}")
    if channel_axis is None and images.shape[2] <= 4 < min(images.shape[:2]):
        raise ValueError(f"{name} of shape {images.shape} without channel_axis are "
                         f"{len(images)} images of {images.shape[1]} x {images.shape[2]} pixels; "
                         f"did you mean channel_axis=-1?")
    if channel_axis is not None:
        if (not hasattr(channel_axis, "__index__") or isinstance(channel_axis, bool)
                or channel_axis not in (-3, -2, -1, 1, 2, 3)):
            raise ValueError(f"channel_axis must be another axis of {name} than the first, that of "
                             f"the images; got {channel_axis!r}")
        channel_axis = channel_axis - 1 if channel_axis > 0 else channel_axis
    return [_to_unchecked(image, channel_axis, f"{name}[{k}]")
            for k, image in enumerate(images)], channel_axis


def from_planes(planes: np.ndarray, channel_axis: int | None = None) -> np.ndarray:
    """The image (H, W), or with its channels moved back, of planes (M, H, W)."""
    if channel_axis is None:
        return planes[0]
    image = np.moveaxis(planes, 0, channel_axis)
    return image if chunks.is_lazy(image) else np.ascontiguousarray(image)


def sample(planes: Any, size: int | None = None, across: int = 4) -> Iterator[np.ndarray]:
    """The planes themselves, or `across` x `across` tiles evenly spread over an image of more than
    size^2 pixels, together as many as these; fewer and longer ones of a thin image."""
    for rows, columns in _boxes(planes.shape[1:], size, across):
        yield np.ascontiguousarray(planes[:, rows, columns])


def sample_with(planes: Any, mask: np.ndarray | None, size: int | None = None,
                across: int = 4) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """The `sample` of planes, each tile with its part of a mask (H, W), or None; of the tiles those
    in which something is measured, or if none is such, one around the first measured pixel."""
    boxes = list(_boxes(planes.shape[1:], size, across))
    if mask is not None:
        rows, columns = boxes[0]
        boxes = [box for box in boxes if mask[box].any()]
        if not boxes:
            boxes = [tuple(slice(low := min(int(first), size - part.stop), low + part.stop)
                           for first, size, part in zip(
                               np.unravel_index(mask.argmax(), mask.shape), mask.shape,
                               (rows, columns), strict=True))]
    for rows, columns in boxes:
        yield (np.ascontiguousarray(planes[:, rows, columns]),
               None if mask is None else mask[rows, columns])


def _boxes(shape, size, across):
    """The rows and columns of the tiles of a `sample`, of one size, the first at 0 and 0."""
    rows, columns = shape
    size = SAMPLE if size is None else size
    if rows * columns <= size**2:
        yield slice(0, rows), slice(0, columns)
        return
    pixels = (size // across)**2
    height = min(rows, max(size // across, pixels // columns))
    width = min(columns, pixels // height)
    for top in _evenly(rows - height, across):
        for left in _evenly(columns - width, across):
            yield slice(top, top + height), slice(left, left + width)


def _evenly(last, count):
    """So many numbers from 0 to the last, or fewer if there are not so many."""
    return np.unique(np.linspace(0, last, count).astype(int))


def _check_shape(image, channel_axis, name):
    if channel_axis is None and image.ndim == 3:
        channels = [axis for axis in (-1, 0) if image.shape[axis] <= 4]
        hint = f"; did you mean channel_axis={channels[0]}?" if channels else ""
        raise ValueError(f"{name} must have shape (H, W) unless channel_axis is given; "
                         f"got shape {image.shape}{hint}")
    if channel_axis is not None:
        if isinstance(channel_axis, bool) or not hasattr(channel_axis, "__index__"):
            raise ValueError(f"channel_axis must be None or a whole number; got {channel_axis!r}")
        if not -image.ndim <= channel_axis < image.ndim:
            raise np.exceptions.AxisError(operator.index(channel_axis), image.ndim,
                                          msg_prefix="channel_axis")
    expected = 2 if channel_axis is None else 3
    if image.ndim != expected:
        raise ValueError(f"{name} must have {expected} dimensions with "
                         f"channel_axis={channel_axis}; got shape {image.shape}")
    if image.size == 0:
        raise ValueError(f"{name} must not be empty; got shape {image.shape}")


def _check_values(planes, first=(0, 0, 0), *, channel_axis, name, any_size=False):
    """The largest magnitude; raise unless planes are finite and not too large, or of any size.
    first: where they are in the image."""
    largest = max(-planes.min(), planes.max())
    if not np.isfinite(largest):
        # Point at the pixel in the caller's own axes.
        bad = ~np.isfinite(from_planes(planes, channel_axis))
        offset = list(first[1:])
        if channel_axis is not None:
            offset.insert(channel_axis % 3, first[0])
        index = tuple(int(i + low) for i, low in zip(
            np.unravel_index(bad.argmax(), bad.shape), offset, strict=True))
        raise ValueError(f"{name} must be finite; {bad.sum()} of its values are NaN or infinite, "
                         f"the first at index {index}")
    limit = np.finfo(planes.dtype).max**0.25 / 10
    if largest > limit and not any_size:
        raise ValueError(f"{name} values must be at most {limit:.1g} in {planes.dtype}, so that "
                         f"squares of the structure tensor are finite; got {largest:.3g}")
    return float(largest)
