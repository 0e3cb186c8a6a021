"""Several values of a filter's parameters beside each other, to choose among them by eye."""

from __future__ import annotations

import inspect
import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from . import denoising, filters
from .checks import check_choice
from .images import to_array

__all__ = ["sweep"]

FILTERS = (*filters.__all__, "denoise")
MOST = 100                # panels
SIDE, GAP, LABEL = 512, 8, 16  # pixels: of a panel at most, between panels, of letters


@dataclass(frozen=True, eq=False)
class Sweep:
    """The results of a filter for several values of its parameters.

    Attributes
    ----------
    settings : list of dict
        The parameters of each result, those with several values.
    images : list of ndarray
        The results, of the image's shape.
    sheet : ndarray of shape (height, width, 3)
        uint8: the image and, in rows and columns, the middle of each result with its parameters.
    """

    settings: list[dict[str, Any]]
    images: list[np.ndarray]
    sheet: np.ndarray


def sweep(name: str, image: npt.ArrayLike, *, channel_axis: int | None = None,
          **parameters) -> Sweep:
    """Apply a filter with all combinations of several values of its parameters.

    Each parameter that is a list is tried with all its values. The contact sheet has a row for each
    combination of all lists but the last, and a column for each value of that; each row begins with
    the image itself. Its grey levels are those of images of 8 bits; others are shown from the 0.1 %
    to the 99.9 % quantile of the image.

    Parameters
    ----------
    name : str
        The name of a filter, such as "eed", or "denoise".
    image : array_like of shape (H, W), or with channels
        Grey levels of any real type.
    channel_axis : int, optional
        The axis of the channels; None for a grey image of shape (H, W).
    **parameters
        Parameters of the filter by their names, at least one of them a list of values.

    Returns
    -------
    Sweep
        With `settings`, `images` and `sheet`.

    Raises
    ------
    TypeError
        If the filter has no such parameter, or the image does not hold real numbers.
    ValueError
        If there is no filter of this name, no list, or more than 100 combinations; or as by the
        filter.

    Examples
    --------
    >>> import pdenet
    >>> from skimage import data
    >>> found = pdenet.sweep("eed", data.camera(), contrast=[2, 4, 8], time=[5, 20])
    >>> len(found.images), found.settings[1], found.sheet.shape
    (6, {'contrast': 2, 'time': 20}, (1632, 1552, 3))
    """
    check_choice("name", name, FILTERS)
    function = getattr(denoising if name == "denoise" else filters, name)
    known = [one for one in inspect.signature(function).parameters if one != "image"]
    for one in parameters:
        if one not in known:
            raise TypeError(f"{name} has no parameter {one!r}; it has {', '.join(known)}")
    lists = {one: value for one, value in parameters.items() if isinstance(value, list)}
    if not lists:
        raise ValueError(f"at least one parameter must be a list of values; got "
                         f"{parameters or 'none'}")
    for one, values in lists.items():
        if not values:
            raise ValueError(f"{one} must be a list of at least one value; got []")
    settings = [dict(zip(lists, values, strict=True))
                for values in itertools.product(*lists.values())]
    if len(settings) > MOST:
        raise ValueError(f"there must be at most {MOST} combinations; got {len(settings)}")
    image = np.asarray(to_array(image, "image"))
    images = [function(image, channel_axis=channel_axis, **parameters | one) for one in settings]
    columns = len(list(lists.values())[-1])
    return Sweep(settings, images, _sheet(image, images, settings, columns, channel_axis))


def _sheet(image, images, settings, columns, channel_axis):
    """The contact sheet: rows of the image and so many results."""
    labels = [", ".join(f"{name} {_short(value)}" for name, value in one.items())
              for one in settings]
    limits = _limits(image)
    panels = [_grey_levels(one, limits, channel_axis) for one in (image, *images)]
    font = ImageFont.load_default(LABEL)
    width = GAP + max(panels[0].width, *(int(font.getlength(label)) + 2 for label in labels))
    height = panels[0].height + 2 * LABEL
    sheet = Image.new("RGB", ((columns + 1) * width - GAP, len(labels) // columns * height),
                      "white")
    draw = ImageDraw.Draw(sheet)
    for k in range(len(labels) // columns * (columns + 1)):
        row, column = divmod(k, columns + 1)
        number = row * columns + column if column else 0
        place = column * width, row * height
        draw.text((place[0], place[1] + LABEL // 2), labels[number - 1] if column else "image",
                  "black", font)
        sheet.paste(panels[number], (place[0], place[1] + 2 * LABEL))
    return np.asarray(sheet)


def _limits(image):
    """The grey levels that are black and white."""
    if image.dtype == np.uint8:
        return 0.0, 255.0
    values = image.astype(np.float64)
    low, high = np.quantile(values[np.isfinite(values)], [0.001, 0.999])
    return float(low), float(high) if high > low else float(low) + 1


def _grey_levels(image, limits, channel_axis):
    """The middle of an image as a picture of 8 bits."""
    planes = image[np.newaxis] if channel_axis is None else np.moveaxis(image, channel_axis, 0)
    top, left = (max(0, (size - SIDE) // 2) for size in planes.shape[1:])
    planes = planes[:, top:top + SIDE, left:left + SIDE].astype(np.float64)
    if len(planes) != 3:
        planes = planes.mean(axis=0, keepdims=True).repeat(3, axis=0)
    low, high = limits
    planes = np.nan_to_num(planes, nan=low)  # of pixels that are no measurement
    levels = np.clip(np.rint(255 * (planes - low) / (high - low)), 0, 255).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(np.moveaxis(levels, 0, -1)))


def _short(value):
    return f"{value:.4g}" if isinstance(value, (int, float)) else str(value)
