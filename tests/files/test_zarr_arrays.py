"""Arrays larger than memory by themselves: their axes, tiles that are missing, and journals."""

import json
import os

import numpy as np
import pytest
import tifffile

from pdenet.files import zarr_arrays
from pdenet.files.images import ImageFileError, UsageError

dask_array = pytest.importorskip("dask.array")
zarr = pytest.importorskip("zarr")
PIXELS = np.random.default_rng(0).integers(0, 200, (9, 11)).astype(np.uint8)


class Bar:
    """Notes how far it was moved."""

    def __init__(self):
        self.moves = []

    def move(self, *values):
        self.moves.append(values)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    zarr.save_array("in.zarr", PIXELS)
    return tmp_path


def twice(array, axis):
    return dask_array.from_array(array, chunks=4) * 2.0 - 20


def run(process=twice, settings=None, dtype=None, overwrite=False, target="out.zarr"):
    bar = Bar()
    count = zarr_arrays.run("in.zarr", target, process, settings or {"time": 3.0}, dtype,
                            overwrite, bar)
    return count, bar.moves


@pytest.mark.parametrize("name, big", [("a.zarr", True), ("a.zarr/", True), ("b/a.zarr//", True),
                                       ("a.png", False), ("a.zarr.tif", False), ("zarr", False)])
def test_arrays_are_known_by_their_names(name, big):
    assert zarr_arrays.is_big(name) == zarr_arrays.is_big("a.tif", name) == big


@pytest.mark.parametrize("shape, axis", [
    ((5, 6), None), ((1, 1), None), ((5, 6, 3), 2), ((3, 5, 6), 0), ((3, 6, 4), 2), ((4, 5, 6), 0),
    ((5, 6, 2), 2)])
def test_the_channels_of_an_array_are_its_short_axis(tmp_path, shape, axis):
    pixels = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    zarr.save_array(str(tmp_path / "a.zarr"), pixels)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="minisblack",
                     planarconfig="contig" if axis == 2 else None)
    for name in ("a.zarr", "a.tif"):
        with zarr_arrays.open_array(str(tmp_path / name)) as (array, found):
            assert array.shape == shape and found == axis
            np.testing.assert_array_equal(array[:], pixels)


@pytest.mark.parametrize("shape", [(7,), (5, 6, 7), (2, 3, 4, 5)])
def test_arrays_that_are_no_image(tmp_path, shape):
    zarr.save_array(str(tmp_path / "a.zarr"), np.zeros(shape))
    with pytest.raises(ImageFileError) as raised:
        with zarr_arrays.open_array(str(tmp_path / "a.zarr")):
            pass
    assert str(raised.value).endswith(f"with at most 4 channels; has {shape}")


def test_tiles_are_written_rounded_and_clipped(here):
    count, moves = run()
    expected = np.clip(PIXELS * 2.0 - 20, 0, 255)
    found = zarr.open_array("out.zarr", mode="r")
    assert (count, found.dtype, found.chunks) == (9, np.uint8, (4, 4))
    np.testing.assert_array_equal(found[:], expected)
    assert moves == [(0, 9), *[(done,) for done in range(1, 10)]]
    assert sorted(os.listdir()) == ["in.zarr", "out.zarr"]
    assert zarr_arrays.JOURNAL not in os.listdir("out.zarr")


def test_another_type_replaces_the_old_array(here):
    run(target="out.zarr/")
    count, _ = run(dtype="float32", overwrite=True)
    found = zarr.open_array("out.zarr", mode="r")
    assert found.dtype == np.float32 and count == 9
    np.testing.assert_array_equal(found[:], PIXELS * 2.0 - 20)


def interrupted(after):
    """Process that fails when the tile of this number is computed."""
    computed = []

    def fail(values):
        computed.append(values.shape)
        if len(computed) > after:
            raise InterruptedError
        return values * 2.0 - 20

    return lambda array, axis: dask_array.from_array(array, chunks=4).map_blocks(
        fail, dtype=float, meta=np.empty((0, 0)))


def test_an_interrupted_run_computes_what_is_missing(here):
    with pytest.raises(InterruptedError):
        run(interrupted(4))
    journal = json.loads((here / "out.zarr.partial" / zarr_arrays.JOURNAL).read_text())
    assert journal["done"] == [[0, 0], [0, 1], [0, 2], [1, 0]]
    assert journal["settings"] == {"source": str(here / "in.zarr"), "shape": [9, 11], "time": 3.0,
                                   "dtype": "uint8", "tile": [4, 4]}
    count, moves = run(interrupted(5))
    assert (count, moves[:2], moves[-1]) == (9, [(4, 9), (5,)], (9,))
    np.testing.assert_array_equal(zarr.open_array("out.zarr", mode="r")[:],
                                  np.clip(PIXELS * 2.0 - 20, 0, 255))


@pytest.mark.parametrize("options, what", [
    ({"settings": {"time": 4.0}}, "time"), ({"dtype": "uint16"}, "dtype"),
    ({"process": lambda array, axis: dask_array.from_array(array, chunks=5) * 1.0}, "tile")])
def test_an_interrupted_run_of_other_settings_is_in_the_way(here, options, what):
    with pytest.raises(InterruptedError):
        run(interrupted(1))
    with pytest.raises(UsageError, match=f"partial: is of an interrupted run with other {what}; "):
        run(**options)
    assert run()[0] == 9


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"settings": [], "done": []}',
                                  '{"settings": {}, "done": 3}', "[" * 10000])
def test_a_damaged_journal_is_told(here, text):
    with pytest.raises(InterruptedError):
        run(interrupted(1))
    path = here / "out.zarr.partial" / zarr_arrays.JOURNAL
    path.write_text(text)
    if text == '{"settings": [], "done": []}':  # of another run, as no setting is known
        with pytest.raises(UsageError, match="of an interrupted run with other"):
            run()
        return
    with pytest.raises(UsageError, match=f"{zarr_arrays.JOURNAL}: is damaged; remove out.zarr.par"):
        run()


@pytest.mark.parametrize("name, message", [
    ("out.tif", "out.tif: must end in .zarr"), ("none/out.zarr", "there is no directory none"),
    ("in.zarr", "in.zarr: exists already"), ("in.zarr/", "in.zarr: exists already")])
def test_targets(here, name, message):
    with pytest.raises(UsageError, match=message):
        zarr_arrays.check_target(name, False)
    assert zarr_arrays.check_target("new.zarr/", False) is None
    assert zarr_arrays.check_target("in.zarr", True) is None


def test_what_is_in_the_way_is_left_alone(here):
    (here / "out.zarr.partial").mkdir()
    (here / "out.zarr.partial" / "mine").write_text("mine")
    with pytest.raises(UsageError, match="out.zarr.partial: is in the way, and not of an interr"):
        run()
    assert (here / "out.zarr.partial" / "mine").read_text() == "mine"
    with pytest.raises(UsageError, match="none.zarr: no such file"):
        zarr_arrays.run("none.zarr", "o.zarr", twice, {}, None, False, Bar())
