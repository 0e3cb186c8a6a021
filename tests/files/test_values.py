"""Grey levels: rounding, clipping and rescaling, and what is warned of and advised."""

import numpy as np
import pytest

from pdenet.files import values

RAMP = np.linspace(0, 1, 101)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "int64",
                                   "uint64"])
def test_integers_are_rounded_and_clipped(dtype):
    limits = np.iinfo(dtype)
    result = values.cast(np.array([-1e30, 1.4, 1.6, 1e30]), dtype)
    assert result.dtype == dtype and result[1:3].tolist() == [1, 2]
    room = 2**12 if "64" in dtype else 0  # float64 does not hold their ends
    assert result[0] == limits.min and int(result[3]) >= limits.max - room


def test_other_types():
    assert values.cast(np.array([0.4, 0.6]), bool).tolist() == [False, True]
    assert values.cast(np.array([1e30, -1e30, 0.5]), np.float16).tolist() == [65504, -65504, 0.5]


@pytest.mark.parametrize("dtype, low, high", [("uint8", 0, 255), ("int16", -32768, 32767)])
def test_rescaling_maps_the_bounds_to_the_ends(dtype, low, high):
    result = values.rescaled(np.array([-2.0, 0.5, 3.0]), np.dtype(dtype), (-2.0, 3.0))
    np.testing.assert_allclose(result, [low, (low + high) / 2, high])
    assert values.rescaled(RAMP, np.dtype(dtype), None) is RAMP


@pytest.mark.parametrize("result, source, dtype, bounds, message", [
    (RAMP, "f4", "uint8", None, "only 2 grey levels are left of its values, which lie in 0..1; "
     "--rescale 0 1 would map them to all of uint8"),
    (RAMP * 3000 - 2000, "f4", "uint8", None, "91% of its values are clipped to 0..255, which lie "
     "in -2000..1000; --rescale -2000 1000 would map them to all of uint8"),
    (RAMP * 4000, "u2", "uint8", None, "93% of its values are clipped to 0..255, which lie in "
     "0..4000; --rescale 0 4000 would map them to all of uint8"),
    (RAMP * 4000, "u2", "uint8", (0, 2000), "50% of its values are clipped to 0..255 after "
     "--rescale 0 2000"),
    (RAMP, "f4", "uint8", (0, 100), "only 4 grey levels are left of its values after --rescale 0 "
     "100"),
    (RAMP * 255, "f4", "uint8", None, None), (RAMP * 16, "f8", "uint16", None, None),
    (RAMP, "f4", "uint8", (0, 1), None), (RAMP, "f4", "float16", None, None),
    (RAMP, "u1", "uint8", None, None), (RAMP * 0 + 7, "f4", "uint8", None, None)])
def test_what_is_warned_of(result, source, dtype, bounds, message):
    assert values.warning(result, np.dtype(source), dtype, bounds) == message


@pytest.mark.parametrize("pixels, options", [
    (RAMP, "--dtype uint8 --rescale 0 1"), (RAMP * 1.2 - 0.1, "--dtype uint8 --rescale 0 1"),
    (RAMP * 200, "--dtype uint8"), (RAMP * 4095, "--dtype uint8 --rescale 0 4095"),
    (RAMP * 10, "--dtype uint8 --rescale 0 10"), (RAMP > 0.5, "--dtype uint8 --rescale 0 1"),
    (RAMP * 3000 - 2000, "--dtype uint8 --rescale -2000 1000"), (RAMP * 0, "--dtype uint8")])
def test_advice_is_about_these_values(pixels, options):
    assert values.advice(pixels).partition(", which ")[0] == options
