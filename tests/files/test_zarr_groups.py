"""OME-Zarr: which arrays a group holds, and which axes an array has."""

import os

import numpy as np
import pytest

from pdenet.files import zarr_arrays, zarr_groups
from pdenet.files.images import ImageFileError, UsageError

zarr = pytest.importorskip("zarr")
pytest.importorskip("dask.array")
AXES = [{"name": name, "type": kind} for name, kind in (
    ("t", "time"), ("c", "channel"), ("y", "space"), ("x", "space"))]


@pytest.fixture(params=[2, 3])
def image(request, tmp_path, monkeypatch):
    """An image of two resolutions, in this order, with labels beside them."""
    monkeypatch.chdir(tmp_path)
    group = zarr.open_group("image.zarr", mode="w", zarr_format=request.param)
    about = [{"axes": AXES, "datasets": [{"path": "full"}, {"path": "0.5"}]}]
    group.attrs.update({"multiscales": about} if request.param == 2
                       else {"ome": {"version": "0.5", "multiscales": about}})
    for path, size in (("0.5", 4), ("full", 8)):
        group.create_array(path, data=np.ones((2, 3, size, size), np.uint8))
    group.create_group("labels").create_array("cells", data=np.zeros((8, 8), np.int32))
    return "image.zarr"


def message(name, error=ImageFileError):
    with pytest.raises(error) as raised:
        with zarr_arrays.open_array(name):
            pass
    return str(raised.value)


def test_a_group_says_which_arrays_it_holds(image):
    arrays = ("image.zarr/full (2, 3, 8, 8), image.zarr/0.5 (2, 3, 4, 4), "
              "image.zarr/labels/cells (8, 8)")
    for name in (image, image + "/"):
        assert message(name) == (f"{name}: is a group of zarr arrays, not an array; name one of "
                                 f"those it holds: {arrays}")
    assert message("image.zarr/labels").endswith("it holds: image.zarr/labels/cells (8, 8)")
    assert message("image.zarr/7", UsageError) == \
        f"image.zarr/7: no such array; name one of those it holds: {arrays}"
    assert message("none.zarr/7", UsageError) == "none.zarr/7: no such file"


def test_a_group_of_many_arrays_and_of_none(image):
    group = zarr.open_group("many.zarr", mode="w")
    assert message("many.zarr").endswith("not an array; it holds none")
    for k in range(14):
        group.create_array(f"a{k:02}", data=np.zeros((2, 2)))
    assert message("many.zarr").endswith("many.zarr/a11 (2, 2) and 2 more")


@pytest.mark.parametrize("name", ["image.zarr/full", "image.zarr/full/", "./image.zarr//0.5"])
def test_the_axes_are_those_of_the_image(image, name):
    with zarr_arrays.open_array(name) as found:
        assert (found.channel_axis, found.pages, found.stored) == (1, (0,), True)
    with zarr_arrays.open_array("image.zarr/labels/cells") as found:
        assert (found.channel_axis, found.pages) == (None, ())


def test_the_axes_that_an_array_names_itself(tmp_path):
    name = str(tmp_path / "a.zarr")
    zarr.create_array(name, data=np.ones((7, 8, 9)), attributes={
        "_ARRAY_DIMENSIONS": ["band", "lat", "lon"]}, zarr_format=2)
    with zarr_arrays.open_array(name) as found:
        assert (found.channel_axis, found.pages) == (0, ())


@pytest.mark.parametrize("names, channels, pages", [
    (["y", "x"], None, ()), (["c", "y", "x"], 0, ()), (["y", "x", "c"], 2, ()),
    (["t", "c", "z", "y", "x"], 1, (0, 2)), (["time", "lat", "lon"], None, (0,)),
    (["x", "y", "z"], None, (2,)), (["a", "b", "channel"], 2, ())])
def test_layouts(names, channels, pages):
    array = np.empty((2,) * len(names))
    assert zarr_groups.layout("a.zarr", array, names) == (channels, pages)


@pytest.mark.parametrize("names", [["c", "y"], ["c", "s", "y", "x"], ["x"]])
def test_layouts_that_are_refused(names):
    with pytest.raises(ImageFileError, match=f"has {', '.join(names)} of shape"):
        zarr_groups.layout("a.zarr", np.empty((2,) * len(names)), names)


def test_damaged_groups_are_told(image):
    for folder, _, files in os.walk(image):
        for name in files:
            if name in (".zarray", "zarr.json") and folder != image:
                with open(os.path.join(folder, name), "w") as file:
                    file.write("rubbish")
    assert "image.zarr: is a group of zarr arrays, not an array; " in message(image)


@pytest.mark.parametrize("name, store", [
    ("a.zarr", "a.zarr"), ("a.zarr/0/", "a.zarr"), ("/b/a.zarr/x/y", "/b/a.zarr"), ("a/b", None),
    ("/", None), ("", None), ("b.zarr/a.zarr/0", "b.zarr/a.zarr")])
def test_stores(name, store):
    assert zarr_groups.store_of(name) == store
