"""Pairs of images, or of volumes, for training: noisy ones and what a network should make of them.
"""

from __future__ import annotations

import numpy as np

from ..checks import check_choice
from ..execution import chunks
from ..images import (Axes, NAN_POLICIES, checked, from_planes, measured_in, to_array,
                      to_unchecked, zero_outside)


def to_measured_pairs(noisy, clean, channel_axis=None, mask=None, nan_policy="raise", prefix="",
                      spacing=None):
    """Pairs of images and their targets, as planes (M, H, W) of one type, and for each pair None or
    a mask (H, W) of the pixels that are measured in both, outside which both are 0. With the
    spacing of volumes they are volumes."""
    axes = Axes(volumes=spacing is not None, spacing=spacing)
    check_choice("nan_policy", nan_policy, NAN_POLICIES)
    stacks, channel_axes = zip(*(_to_stack(prefix + name, images, channel_axis, axes)
                                 for name, images in (("noisy", noisy), ("clean", clean))),
                               strict=True)
    shapes = [(len(stack), *from_planes(stack[0][0], axis, axes.planar).shape)
              for stack, axis in zip(stacks, channel_axes, strict=True)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"{prefix}noisy and clean must have the same shape; got {shapes[0]} and "
                         f"{shapes[1]}")
    pairs, found = [], []
    for k, (pair, own) in enumerate(zip(zip(*stacks, strict=True),
                                        _masks(mask, len(stacks[0]), prefix, axes), strict=True)):
        planes, checks = zip(*pair, strict=True)
        first, second = (from_planes(each, axis, axes.planar).shape
                         for each, axis in zip(planes, channel_axes, strict=True))
        if first != second:
            raise ValueError(f"{prefix}noisy[{k}] and clean[{k}] must have the same shape; got "
                             f"{first} and {second}")
        measured = None
        if own is not None or nan_policy != "raise":
            measured = measured_in(own, nan_policy, planes, f"{prefix}noisy[{k}]", axes.planar)
        pairs.append([checked(zero_outside(each, measured), check)
                      for each, check in zip(planes, checks, strict=True)])
        found.append(measured)
    dtype = np.result_type(*(planes for pair in pairs for planes in pair))
    return [tuple(planes.astype(dtype, copy=False) for planes in pair) for pair in pairs], found


def _masks(mask, count, prefix, axes):
    """A mask or None for each of so many images."""
    if mask is None or (not isinstance(mask, (list, tuple)) and np.ndim(mask) == axes.dimensions):
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


def _to_stack(name, images, channel_axis, axes):
    """Images (N, H, W) or one (H, W), with or without channels, `to_unchecked`, and the axis of
    the channels of each; a list may hold images of different sizes. With the axes of volumes they
    have one axis more.
    """
    if isinstance(images, (list, tuple)):
        images = [to_array(image, f"{name}[{k}]") for k, image in enumerate(images)]
        if (len({image.shape for image in images}) > 1 and min(image.ndim for image in images) > 1
                or any(map(chunks.is_lazy, images))):
            stack = [to_unchecked(image, channel_axis, f"{name}[{k}]", axes)
                     for k, image in enumerate(images)]
            if len({len(planes) for planes, _ in stack}) > 1:
                raise ValueError(f"{name} must have the same number of channels; got "
                                 f"{[len(planes) for planes, _ in stack]}")
            return stack, channel_axis
    images = to_array(images, name)
    more = images.ndim - (channel_axis is not None) - axes.dimensions
    if more == 0:
        return [to_unchecked(images, channel_axis, name, axes)], channel_axis
    if more != 1 or len(images) == 0:
        kind = "H, W" if axes.dimensions == 2 else "D, H, W"
        raise ValueError(f"{name} must have shape ({kind}) or (N, {kind}), N >= 1, and with "
                         f"channel_axis one axis more; got shape {images.shape} and "
                         f"channel_axis={channel_axis}")
    if channel_axis is None and images.ndim == 3 and images.shape[2] <= 4 < min(images.shape[:2]):
        raise ValueError(f"{name} of shape {images.shape} without channel_axis are "
                         f"{len(images)} images of {images.shape[1]} x {images.shape[2]} pixels; "
                         f"did you mean channel_axis=-1?")
    if channel_axis is not None:
        if (not hasattr(channel_axis, "__index__") or isinstance(channel_axis, bool)
                or not -images.ndim < channel_axis < images.ndim or channel_axis == 0):
            raise ValueError(f"channel_axis must be another axis of {name} than the first, that of "
                             f"the images; got {channel_axis!r}")
        channel_axis = channel_axis - 1 if channel_axis > 0 else channel_axis
    return [to_unchecked(image, channel_axis, f"{name}[{k}]", axes)
            for k, image in enumerate(images)], channel_axis
