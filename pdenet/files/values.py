"""Grey levels: from the numbers that a filter returns to the type that a file holds."""

import numpy as np

FEW = 16  # grey levels; a picture of fewer shows little


def cast(result, dtype):
    """The values as dtype: integers are rounded to nearest and clipped to their range."""
    dtype = np.dtype(dtype)
    if dtype.kind in "ui":
        # Clip in the integers' own range; float64 holds neither end of 64 bits exactly.
        limits = np.iinfo(dtype)
        rounded = np.rint(result).astype(np.float64)
        inside = np.clip(rounded, float(limits.min), np.nextafter(float(limits.max), 0)
                         if limits.bits == 64 else float(limits.max))
        return inside.astype(dtype)
    if dtype.kind == "b":
        return result >= 0.5
    largest = np.finfo(dtype).max
    return np.clip(result, -largest, largest).astype(dtype)


def rescaled(result, dtype, bounds):
    """Values from LOW to HIGH as ones from end to end of an integer type; None: as they are."""
    if bounds is None:
        return result
    low, high = bounds
    limits = np.iinfo(dtype)
    share = (np.asarray(result, np.float64) - low) / (high - low)
    return limits.min + share * (float(limits.max) - limits.min)


def warning(result, source, dtype, bounds):
    """What is lost by another type, where that is much: a line, or None."""
    dtype = np.dtype(dtype)
    if dtype.kind not in "ui" or dtype == source:
        return None
    result = rescaled(result, dtype, bounds)
    low, high, limits = float(result.min()), float(result.max()), np.iinfo(dtype)
    outside = np.count_nonzero((result < limits.min - 0.5) | (result > limits.max + 0.5))
    if outside > 0.01 * result.size:
        what = f"{outside / result.size:.0%} of its values are clipped to " \
               f"{limits.min}..{limits.max}"
    elif high > low and np.rint(high) - np.rint(low) + 1 < FEW:
        what = f"only {np.rint(high) - np.rint(low) + 1:.0f} grey levels are left of its values"
    else:
        return None
    if bounds is not None:
        return f"{what} after --rescale {bounds[0]:g} {bounds[1]:g}"
    return f"{what}, which lie in {low:.4g}..{high:.4g}; " \
           f"--rescale {' '.join(_bounds(low, high))} would map them to all of {dtype}"


def advice(pixels):
    """The options that write such pixels with eight bits."""
    low, high = float(pixels.min()), float(pixels.max())
    if low == high or 0 <= low and FEW <= high - low and high <= 255:
        return "--dtype uint8, which rounds to nearest and clips to 0..255 and never rescales"
    return f"--dtype uint8 --rescale {' '.join(_bounds(low, high))}, which maps these values to " \
           f"0..255"


def _bounds(low, high):
    """LOW and HIGH for --rescale: 0 and 1 where that is the range which is meant."""
    return ("0", "1") if -0.5 <= low and high <= 1.5 else (f"{low:.6g}", f"{high:.6g}")
