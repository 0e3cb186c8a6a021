"""Images to planes and back: axes, types, shared memory, pairs, and where what is wrong lies."""

import re
import sys

import numpy as np
import pytest

from pdenet import images
from pdenet.network import pairs

RNG = np.random.default_rng(0)
COLOUR = RNG.normal(100, 30, (4, 5, 3))


@pytest.mark.parametrize("axis", [-3, -2, -1, 0, 1, 2, np.int64(2)])
def test_channels_go_to_the_front_and_back(axis):
    image = np.moveaxis(COLOUR, -1, axis)
    planes = images.to_planes(image, axis)
    assert planes.shape == (3, 4, 5) and planes.flags.c_contiguous
    np.testing.assert_array_equal(planes, np.moveaxis(COLOUR, -1, 0))
    again = images.from_planes(planes, axis)
    np.testing.assert_array_equal(again, image)
    assert again.flags.c_contiguous


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_image_that_fits_is_not_copied(dtype):
    image = COLOUR[..., 0].astype(dtype, order="C")
    planes = images.to_planes(image)
    assert planes.shape == (1, 4, 5) and np.shares_memory(planes, image)
    assert images.from_planes(planes).shape == (4, 5)
    assert np.shares_memory(images.from_planes(planes), image)
    one = images.to_planes(np.array([[7]], dtype))
    assert one.shape == (1, 1, 1) and one.dtype == dtype


@pytest.mark.parametrize("dtype, expected", [
    (bool, "f8"), ("u1", "f8"), ("i8", "f8"), ("f2", "f8"), (np.longdouble, "f8"), ("f4", "f4"),
    (">f4", "f4"), ("<f4", "f4"), (">f8", "f8")])
def test_types(dtype, expected):
    image = np.array([[0, 1], [1, 0]], dtype)
    planes = images.to_planes(image)
    assert planes.dtype == np.dtype(expected) and planes.dtype.isnative
    np.testing.assert_array_equal(planes[0], [[0, 1], [1, 0]])


@pytest.mark.parametrize("dtype, limit", [(np.float32, 4.29e8), (np.float64, 1.157e76)])
def test_the_largest_value(dtype, limit):
    for sign in (1, -1):
        image = np.array([[0, sign * limit]], dtype)
        assert images.to_planes(image)[0, 0, 1] == image[0, 1]
        with pytest.raises(ValueError, match="^u values must be at most .*; got") as raised:
            images.to_planes(1.01 * image, name="u")
        assert f"{np.dtype(dtype)}" in str(raised.value)
        assert f"got {1.01 * limit:.3g}" in str(raised.value)


@pytest.mark.parametrize("axis, place", [(0, (2, 1, 3)), (1, (1, 2, 3)), (2, (1, 3, 2)),
                                         (-1, (1, 3, 2)), (-3, (2, 1, 3))])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_found_in_the_callers_axes(axis, place, value):
    image = COLOUR.copy()
    image[1, 3, 2] = image[3, 4, 2] = value
    with pytest.raises(ValueError, match=re.escape(
            f"u must be finite; 2 of its values are NaN or infinite, the first at index {place}")):
        images.to_planes(np.moveaxis(image, -1, axis), axis, "u")


def test_another_image_must_have_the_same_shape():
    planes = images.to_planes(COLOUR, -1)
    assert images.to_planes_like(planes, COLOUR + 1, -1, "given").shape == planes.shape
    with pytest.raises(ValueError, match=re.escape(
            "given must have the shape of the image, (4, 5, 3); got (5, 4, 3)")):
        images.to_planes_like(planes, COLOUR.swapaxes(0, 1), -1, "given")
    with pytest.raises(TypeError, match="given must hold real numbers"):
        images.to_planes_like(planes, None, -1, "given")


@pytest.mark.parametrize("noisy, clean, axis, shapes", [
    (COLOUR[..., 0], COLOUR[..., 1], None, [(1, 4, 5)]),
    (np.ones((2, 4, 5)), np.ones((2, 4, 5)), None, [(1, 4, 5)] * 2),
    (COLOUR, COLOUR, -1, [(3, 4, 5)]), (np.moveaxis(COLOUR, -1, 0), np.ones((3, 4, 5)), 0,
                                        [(3, 4, 5)]),
    (np.ones((2, 3, 4, 5)), np.ones((2, 3, 4, 5)), 1, [(3, 4, 5)] * 2),
    (np.ones((2, 4, 5, 3)), np.ones((2, 4, 5, 3)).tolist(), -1, [(3, 4, 5)] * 2),
    ([np.ones((4, 5)), np.ones((6, 2))], [np.ones((4, 5)), np.ones((6, 2))], None,
     [(1, 4, 5), (1, 6, 2)]),
    ([np.ones((4, 5, 3)), np.ones((6, 2, 3))], (np.ones((4, 5, 3)), np.ones((6, 2, 3))), 2,
     [(3, 4, 5), (3, 6, 2)])])
def test_pairs_of_planes(noisy, clean, axis, shapes):
    found, _ = pairs.to_measured_pairs(noisy, clean, axis)
    assert [tuple(planes.shape for planes in pair) for pair in found] == [(s, s) for s in shapes]


@pytest.mark.parametrize("noisy, clean, expected", [
    ("f4", "f4", "f4"), ("f4", "u1", "f8"), ("u1", "f4", "f8"), ("f8", "f4", "f8")])
def test_pairs_have_one_type_and_keep_their_values(noisy, clean, expected):
    pair = np.arange(8).reshape(2, 2, 2)
    ((a, b), (c, d)), _ = pairs.to_measured_pairs(pair.astype(noisy), 3 * pair.astype(clean))
    assert {array.dtype for array in (a, b, c, d)} == {np.dtype(expected)}
    np.testing.assert_array_equal([a[0], c[0]], pair)
    np.testing.assert_array_equal([b[0], d[0]], 3 * pair)


@pytest.mark.parametrize("noisy, clean, axis, message", [
    (np.ones((2, 4, 5)), np.ones((3, 4, 5)), None, "must .*; got (2, 4, 5) and (3, 4, 5)"),
    ([np.ones((4, 5)), np.ones((6, 2))], [np.ones((4, 5)), np.ones((2, 6))], None,
     "x noisy[1] and clean[1] must have the same shape; got (6, 2) and (2, 6)"),
    ([np.ones((4, 5, 3)), np.ones((4, 5, 2))], COLOUR, -1,
     "x noisy must have the same number of channels; got [3, 2]"),
    ([[1, 2], [3]], np.ones((2, 2)), None, "x noisy must be a rectangular array of numbers"),
    (np.ones((2, 2)), [[[1, 2], [3, np.nan]]], None, "x clean[0] must be finite; 1 of its values"),
    (np.ones((2, 3, 4, 5)), np.ones((2, 3, 4, 5)), 0, "channel_axis must be .* of x noisy"),
    (np.ones(4), np.ones(4), None, "x noisy must have shape (H, W) or (N, H, W)")])
def test_pairs_that_do_not_fit(noisy, clean, axis, message):
    pattern = re.escape(message).replace(r"\.\*", ".*")
    with pytest.raises(ValueError, match=pattern):
        pairs.to_measured_pairs(noisy, clean, axis, prefix="x ")


def test_masks_are_not_lost_in_lists():
    stack = [np.ma.masked_array(np.ones((4, 5)), mask=False)] * 2
    with pytest.raises(TypeError, match=r"noisy\[0\] must not be a masked array"):
        pairs.to_measured_pairs(stack, np.ones((2, 4, 5)))


def test_arrays_of_dask_are_computed_at_the_end():
    array = pytest.importorskip("dask.array")
    found, _ = pairs.to_measured_pairs(array.from_array(np.ones((2, 4, 5), np.float32)),
                                       np.ones((2, 4, 5)))
    assert [hasattr(planes, "__dask_graph__") for planes in found[0]] == [True, False]
    for pair in pairs.in_memory(found):
        assert all(type(planes) is np.ndarray and planes.dtype == float for planes in pair)


def test_a_sample_of_a_large_image_is_sixteen_tiles(monkeypatch):
    monkeypatch.setattr(images, "SAMPLE", 16)
    y, x = np.mgrid[:40, :33]
    planes = np.stack([y, x]).astype(np.float32)
    tiles = list(images.sample(planes))
    assert {tile.shape for tile in tiles} == {(2, 4, 4)} and len(tiles) == 16
    corners = {tuple(tile[:, 0, 0].astype(int)) for tile in tiles}
    assert corners == {(top, left) for top in (0, 12, 24, 36) for left in (0, 9, 19, 29)}
    for tile in tiles:
        np.testing.assert_array_equal(tile - tile[:, :1, :1], planes[:, :4, :4])
    whole, = images.sample(planes[:, :16, ::2][:, :, :16])
    assert whole.flags.c_contiguous and whole.shape == (2, 16, 16)
    assert {tile.shape for tile in images.sample(planes[:, :2])} == {(2, 2, 33)}
    thin = list(images.sample(np.ones((1, 2, 300))))
    assert [tile.shape for tile in thin] == [(1, 2, 8)] * 4
    assert [tile.shape for tile in images.sample(np.ones((1, 300, 2)))] == [(1, 8, 2)] * 4


def test_arrays_of_other_packages_have_the_values_of_their_numpy_array():
    xarray, array = pytest.importorskip("xarray"), pytest.importorskip("dask.array")
    pandas, pillow = pytest.importorskip("pandas"), pytest.importorskip("PIL.Image")
    pixels = np.arange(20, dtype=np.uint8).reshape(4, 5)
    for image in (xarray.DataArray(pixels, dims=("y", "x")), pandas.DataFrame(pixels),
                  pillow.fromarray(pixels), pixels.tolist(), memoryview(pixels)):
        planes = images.to_planes(image)
        assert type(planes) is np.ndarray
        np.testing.assert_array_equal(planes[0], pixels)
    labelled = xarray.DataArray(array.from_array(pixels, chunks=2))
    planes = images.to_planes(labelled)
    assert isinstance(planes, array.Array)
    np.testing.assert_array_equal(planes.compute()[0], pixels)
    with pytest.raises(TypeError, match="what dask computes, an array is needed; got Delayed"):
        images.to_planes(pytest.importorskip("dask").delayed(pixels))


def test_a_labelled_array_in_memory_needs_no_dask(monkeypatch):
    class Labelled:  # what an array of xarray is like
        def __array__(self, dtype=None, copy=None):
            return np.ones((4, 5))

        def __dask_graph__(self):
            return None

    monkeypatch.setitem(sys.modules, "dask.array", None)
    np.testing.assert_array_equal(images.to_planes(Labelled()), np.ones((1, 4, 5)))


class Tensor:
    """What a tensor of torch is like that needs a gradient."""

    def __init__(self, values, needs_gradient=True):
        self.values, self.needs_gradient = values, needs_gradient

    def detach(self):
        return Tensor(self.values, False)

    def cpu(self):
        return self

    def __array__(self, dtype=None, copy=None):
        if self.needs_gradient:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")
        return self.values


def test_tensors_are_detached():
    np.testing.assert_array_equal(images.to_planes(Tensor(COLOUR), -1),
                                  np.moveaxis(COLOUR, -1, 0))
    (noisy, clean), = pairs.to_measured_pairs([Tensor(COLOUR)], [COLOUR], -1)[0]
    np.testing.assert_array_equal(noisy, clean)


def test_what_is_no_array_of_grey_levels():
    pillow = pytest.importorskip("PIL.Image")
    with pytest.raises(TypeError, match=r"palette, which are no grey levels; use image.convert"):
        images.to_planes(pillow.new("P", (5, 4)))

    class Strange:
        def __array__(self, dtype=None, copy=None):
            raise RuntimeError("not now")

    with pytest.raises(ValueError, match="^image must be a rectangular array .*not now$"):
        images.to_planes(Strange())
