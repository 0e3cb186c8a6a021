"""The public door: what an argument may be, said once, with one clear error each."""

import math
import operator
import os

import numpy as np


def check_number(name, value, *, above=None, least=None, most=None):
    """The value as a float, or a ValueError naming it and what is allowed."""
    allowed = "a finite number"
    if above is not None:
        allowed += f" > {above:g}"
    if least is not None:
        allowed += f" >= {least:g}"
    if most is not None:
        allowed += f" and <= {most:g}" if least is not None else f" <= {most:g}"
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if (isinstance(value, (str, bytes, bool)) or not math.isfinite(number)
            or (above is not None and not number > above)
            or (least is not None and not number >= least)
            or (most is not None and not number <= most)):
        raise ValueError(f"{name} must be {allowed}; got {value!r}")
    return number


def check_count(name, value, *, least):
    """The value as an int, or a ValueError naming it and what is allowed."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, (bool, np.bool_)) or number < least:
        raise ValueError(f"{name} must be a whole number >= {least}; got {value!r}")
    return number


def check_choice(name, value, choices):
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}; got {value!r}")
    return value


def check_workers(workers):
    """Number of threads: the argument, else PDENET_NUM_THREADS, else the usable processors."""
    if workers is not None:
        return check_count("workers", workers, least=1)
    text = os.environ.get("PDENET_NUM_THREADS", "").strip()
    if not text:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ValueError(f"PDENET_NUM_THREADS must be a whole number >= 1; got {text!r}")
    return int(text)


def to_planes(image, channel_axis=None):
    """The image as C-contiguous planes (M, H, W) of float32 or float64, never rescaled.

    float32 stays float32, every other real type becomes float64. The planes may share
    memory with the image, so they are read, never written.
    """
    if isinstance(image, np.ma.MaskedArray):
        raise TypeError("image must not be a masked array, whose mask would be lost; "
                        "fill it first, for example image.filled(image.mean())")
    try:
        image = np.asarray(image)
    except ValueError as error:
        raise ValueError(f"image must be a rectangular array of numbers; {error}") from None
    if image.dtype.kind not in "buif":
        raise TypeError(f"image must hold real numbers (bool, integer or float); "
                        f"got dtype {image.dtype}")
    _check_shape(image, channel_axis)
    single = image.dtype.newbyteorder("=") == np.float32
    if channel_axis is not None:
        image = np.moveaxis(image, channel_axis, 0)
    else:
        image = image[np.newaxis]
    planes = np.ascontiguousarray(image, dtype=np.float32 if single else np.float64)
    _check_values(planes, channel_axis)
    return planes


def to_pairs(noisy, clean, channel_axis=None):
    """Images and their targets as planes (N, M, H, W) of one type, float32 if both are."""
    stacks = []
    for name, images in (("noisy", noisy), ("clean", clean)):
        try:
            images = np.ma.asanyarray(images) if np.ma.isMaskedArray(images) else np.asarray(images)
        except ValueError as error:
            raise ValueError(f"{name} must be a rectangular array of numbers; {error}") from None
        stacks.append(images)
    if stacks[0].shape != stacks[1].shape:
        raise ValueError(f"noisy and clean must have the same shape; got {stacks[0].shape} and "
                         f"{stacks[1].shape}")
    dimensions = stacks[0].ndim - (channel_axis is not None)
    if dimensions not in (2, 3):
        raise ValueError(f"noisy and clean must have shape (H, W) or (N, H, W), and with "
                         f"channel_axis one axis more; got shape {stacks[0].shape} with "
                         f"channel_axis={channel_axis}")
    if dimensions == 2:
        planes = [to_planes(images, channel_axis)[np.newaxis] for images in stacks]
    else:
        if channel_axis is not None:
            axis = operator.index(channel_axis)
            if not -4 <= axis < 4 or axis % 4 == 0:
                raise ValueError(f"channel_axis must be another axis than that of the images; "
                                 f"got {axis}")
            stacks, channel_axis = [np.moveaxis(images, axis, 1) for images in stacks], 0
        planes = [[to_planes(image, channel_axis) for image in images] for images in stacks]
    return planes


def from_planes(planes, channel_axis=None):
    """The image (H, W), or with its channels moved back, of planes (M, H, W)."""
    if channel_axis is None:
        return planes[0]
    return np.ascontiguousarray(np.moveaxis(planes, 0, channel_axis))


def _check_shape(image, channel_axis):
    if channel_axis is None and image.ndim == 3:
        channels = [axis for axis in (-1, 0) if image.shape[axis] <= 4]
        hint = f"; did you mean channel_axis={channels[0]}?" if channels else ""
        raise ValueError(f"image must have shape (H, W) unless channel_axis is given; "
                         f"got shape {image.shape}{hint}")
    if channel_axis is not None:
        if isinstance(channel_axis, bool) or not hasattr(channel_axis, "__index__"):
            raise ValueError(f"channel_axis must be None or a whole number; got {channel_axis!r}")
        if not -image.ndim <= channel_axis < image.ndim:
            raise np.exceptions.AxisError(operator.index(channel_axis), image.ndim,
                                          msg_prefix="channel_axis")
    expected = 2 if channel_axis is None else 3
    if image.ndim != expected:
        raise ValueError(f"image must have {expected} dimensions with channel_axis={channel_axis}; "
                         f"got shape {image.shape}")
    if image.size == 0:
        raise ValueError(f"image must not be empty; got shape {image.shape}")


def _check_values(planes, channel_axis):
    largest = max(-planes.min(), planes.max())
    if not np.isfinite(largest):
        # Point at the pixel in the caller's own axes.
        bad = ~np.isfinite(from_planes(planes, channel_axis))
        first = tuple(int(i) for i in np.unravel_index(bad.argmax(), bad.shape))
        raise ValueError(f"image must be finite; {bad.sum()} of its values are NaN or infinite, "
                         f"the first at index {first}")
    limit = np.finfo(planes.dtype).max**0.25 / 10
    if largest > limit:
        raise ValueError(f"image values must be at most {limit:.1g} in {planes.dtype}, so that "
                         f"squares of the structure tensor are finite; got {largest:.3g}")
