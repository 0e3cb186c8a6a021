"""The size of pixels and voxels: lengths, times and contrasts are in its units."""

from __future__ import annotations

import numpy as np

from ..checks import check_number

SMALLEST, LARGEST = 1e-6, 1e6  # of a size


def check_spacing(spacing) -> tuple[float, ...] | None:
    """The distances of pixels (dy, dx) or voxels (dz, dy, dx) as floats; None for None.

    Raises
    ------
    ValueError
        If they are not two or three numbers from SMALLEST to LARGEST.
    """
    if spacing is None:
        return None
    try:
        values = [] if isinstance(spacing, str) else list(spacing)
    except TypeError:
        values = []
    if len(values) not in (2, 3):
        raise ValueError(f"spacing must be two numbers (dy, dx) for an image or three (dz, dy, dx) "
                         f"for a volume; got {spacing!r}")
    return tuple(check_number(f"spacing[{k}]", value, least=SMALLEST, most=LARGEST)
                 for k, value in enumerate(values))


def is_planar(spacing) -> bool:
    """Whether this is the spacing of images whose pixels are not of the size 1 x 1. They are
    treated as volumes of one slice."""
    return spacing is not None and len(spacing) == 2 and spacing != (1.0, 1.0)


def of_voxels(spacing) -> tuple[float, float, float]:
    """The size of voxels along columns, rows and slices, hx, hy and hz; the last has no influence
    where there is but one slice."""
    if spacing is None:
        return 1.0, 1.0, 1.0
    *hz, hy, hx = spacing
    return hx, hy, hz[0] if hz else max(hx, hy)


def inverse_squares(spacing) -> np.ndarray:
    """1/h^2 along columns, rows and, for volumes, slices."""
    sizes = (1.0, 1.0) if spacing is None else spacing
    return 1 / np.square(sizes[::-1])
