"""Values that are no measurement: which they are, what fills them, and that they stay."""

import numpy as np
import pytest

from pdenet.files import excluded
from pdenet.files.contents import Image, Metadata, UsageError

RNG = np.random.default_rng(0)
NAN = float("nan")


def image(pixels, nodata=None, axis=None, **others):
    return Image(np.asarray(pixels), axis, metadata=Metadata(nodata=nodata), **others)


def test_an_image_that_is_measured_everywhere():
    source = image(RNG.normal(size=(5, 6)), "-9999")
    found = excluded.find("a", source)
    assert (found.mask, found.report, found.count, found.nothing_left) == (None, "", 0, False)
    assert found.filled() is source and found.restored(source) is source


@pytest.mark.parametrize("dtype, text, value", [
    ("f4", "-9999", -9999), ("f4", "-3.4028234663852886e+38", np.finfo(np.float32).min),
    ("f4", "0.1", np.float32(0.1)), ("i2", "-32768", -32768), ("u1", " 255", 255),
    ("u1", "255.0", 255), ("u8", "18446744073709551615", 2**64 - 1), ("f8", "1e-3", 0.001)])
def test_nodata_is_compared_in_the_type_of_the_file(dtype, text, value):
    pixels = np.full((4, 5), 7, dtype)
    pixels[1, 2:4] = value
    found = excluded.find("a", image(pixels, text))
    assert found.count == 2 and (~found.mask == (pixels == np.array(value, dtype))).all()
    assert found.report.startswith("of 20 pixels 2 are nodata (")
    assert (found.filled().pixels == 7).all()
    given = excluded.find("a", image(pixels, "7"), text)  # in the place of the file's own
    assert given.count == 2


@pytest.mark.parametrize("dtype, text", [("u1", "-9999"), ("u1", "255.5"), ("i2", "nan"),
                                         ("f4", "nan"), ("f4", "none"), ("f4", None), ("?", "1"),
                                         ("i8", "9223372036854775808"), ("u1", "inf")])
def test_what_no_pixel_can_be(dtype, text):
    assert excluded.number(text, np.dtype(dtype)) is None


def test_a_measured_value_fills():
    pixels = np.arange(48.0).reshape(6, 8)
    places = RNG.random((6, 8)) < 0.6
    places[3, 4] = False
    pixels[places] = np.where(RNG.random(places.sum()) < 0.5, NAN, np.inf)
    found = excluded.find("a", image(pixels))
    assert found.report == (f"of 48 pixels {places.sum()} are NaN or infinite: they take no part "
                            f"and stay as they are")
    filled = found.filled().pixels
    np.testing.assert_array_equal(filled, np.where(places, pixels[~places][0], pixels))
    np.testing.assert_array_equal(found.mask, ~places)


@pytest.mark.parametrize("axis", [0, -1, 2])
def test_each_channel_by_itself(axis):
    planes = RNG.integers(1, 9, (4, 6, 7)).astype(np.int16)
    planes[0, 2, 3] = planes[1, 4, 5] = planes[2, 4, 5] = -1
    planes[3] = -1  # nowhere measured
    source = image(np.moveaxis(planes, 0, axis), "-1", axis)
    found = excluded.find("a", source)
    filled = np.moveaxis(found.filled().pixels, axis, 0)
    assert (filled[:3] > 0).all() and (filled[3] == 0).all() and not found.nothing_left
    expected = np.ones((6, 7), bool)
    expected[2, 3] = expected[4, 5] = False
    np.testing.assert_array_equal(found.mask, expected)
    new = Image(np.full_like(source.pixels, 5), axis)
    restored = np.moveaxis(found.restored(new).pixels, axis, 0)
    np.testing.assert_array_equal(restored, np.where(planes == -1, -1, 5))
    assert found.count == 42 and "of 42 pixels 42 are nodata (-1)" in found.report


def test_transparent_pixels_take_no_part():
    pixels = RNG.integers(0, 200, (5, 6, 3)).astype(np.uint8)
    alpha = np.full((5, 6), 3, np.uint8)
    alpha[:, 4:] = 0
    pixels[alpha == 0] = 255
    found = excluded.find("a", image(pixels, axis=-1, alpha=alpha))
    assert found.filled().pixels.max() < 200
    np.testing.assert_array_equal(found.mask, alpha > 0)
    assert found.report.startswith("of 30 pixels 10 are transparent: ")
    new = found.restored(Image(np.zeros_like(pixels), -1, alpha=alpha))
    expected = np.where(alpha == 0, 255, 0)
    np.testing.assert_array_equal(new.pixels, np.dstack([expected] * 3))


def test_causes_are_counted_once():
    pixels = np.array([[NAN, -1, 2, 3]], np.float32)
    found = excluded.find("a", image(pixels, "-1", alpha=np.array([[0, 1, 0, 1]], np.float32)))
    assert found.report == ("of 4 pixels 1 is nodata (-1) and 1 is NaN or infinite and 1 is "
                            "transparent: they take no part and stay as they are")
    assert found.count == 3


def test_an_image_of_nothing():
    found = excluded.find("a", image(np.full((3, 4), NAN)))
    assert found.nothing_left and found.count == 12 and (found.filled().pixels == 0).all()


@pytest.mark.parametrize("dtype, nodata, before, expected", [
    ("u1", 0, [0, 1, 9], [0, 1, 1]), ("u1", 255, [255, 200, 3], [255, 254, 254]),
    ("i2", -7, [-7, -9, 5], [-7, -8, -6]), ("i2", -32768, [-32768, 1, 5], [-32768, -32767, -32767]),
    ("f4", 0, [0, 1, -9], [0, np.nextafter(np.float32(0), np.float32(1)),
                           np.nextafter(np.float32(0), np.float32(-1))])])
def test_a_result_never_becomes_nodata_by_chance(dtype, nodata, before, expected):
    source = image(np.array([before], dtype), str(nodata))
    found = excluded.find("a", source)
    new = found.restored(image(np.full((1, 3), nodata, dtype)))
    np.testing.assert_array_equal(new.pixels, np.array([expected], dtype))
    assert new.pixels.dtype == np.dtype(dtype)


@pytest.mark.parametrize("pixels, nodata, dtype, what", [
    (np.float32([[NAN, 1]]), None, "uint8", "NaN or infinite"),
    (np.float32([[-9999, 1]]), "-9999", "uint16", r"nodata \(-9999\)"),
    (np.float32([[0.5, 1]]), "0.5", "int16", r"nodata \(0.5\)"),
    (np.float64([[-1e300, 1]]), "-1e300", "float32", r"nodata \(-1e\+300\)")])
def test_types_that_cannot_hold_what_stays(pixels, nodata, dtype, what):
    source = image(pixels, nodata)
    with pytest.raises(UsageError, match=f"^a: {dtype} cannot hold the pixels that are {what}; "):
        excluded.find("a", source, None, dtype)
    assert excluded.find("a", source, None, "float64").count == 1


def test_a_type_that_can_hold_what_stays():
    source = image(np.float32([[-9999, 1]]), "-9999")
    found = excluded.find("a", source, None, "int16")
    new = found.restored(image(np.array([[3, 4]], np.int16)))
    assert new.pixels.tolist() == [[-9999, 4]] and new.pixels.dtype == np.int16
