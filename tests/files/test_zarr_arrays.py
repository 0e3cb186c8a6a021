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


def twice(array, axis, spacing=None):
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


def test_arrays_are_known_within_their_stores(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.makedirs("a.zarr/0")
    (tmp_path / "a.zarr" / "a.png").write_bytes(b"picture")
    assert zarr_arrays.is_big("a.zarr/0") and zarr_arrays.is_big("a.zarr/none/")
    assert not zarr_arrays.is_big("a.zarr/a.png")


@pytest.mark.parametrize("shape, axis", [
    ((5, 6), None), ((1, 1), None), ((5, 6, 3), 2), ((3, 5, 6), 0), ((3, 6, 4), 2), ((4, 5, 6), 0),
    ((5, 6, 2), 2)])
def test_the_channels_of_an_array_are_its_short_axis(tmp_path, shape, axis):
    pixels = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    zarr.save_array(str(tmp_path / "a.zarr"), pixels)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="minisblack",
                     planarconfig="contig" if axis == 2 else None,
                     metadata={"axes": {None: "YX", 0: "CYX", 2: "YXS"}[axis]})
    for name in ("a.zarr", "a.tif"):
        with zarr_arrays.open_array(str(tmp_path / name)) as found:
            assert found.array.shape == shape and found.channel_axis == axis and found.pages == ()
            np.testing.assert_array_equal(found.array[:], pixels)


@pytest.mark.parametrize("shape", [(7,), (5, 6, 7), (2, 3, 4, 5)])
def test_arrays_that_are_no_image(tmp_path, shape):
    zarr.save_array(str(tmp_path / "a.zarr"), np.zeros(shape))
    with pytest.raises(ImageFileError) as raised:
        with zarr_arrays.open_array(str(tmp_path / "a.zarr")):
            pass
    assert str(raised.value).endswith("with at most 4 channels, or name its axes, such as t, c, z, "
                                      f"y and x; has {shape}")


def test_tiles_are_written_rounded_and_clipped(here):
    count, moves = run()
    expected = np.clip(PIXELS * 2.0 - 20, 0, 255)
    found = zarr.open_array("out.zarr", mode="r")
    assert (count, found.dtype, found.chunks) == (9, np.uint8, (9, 11))
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

    return lambda array, axis, spacing: dask_array.from_array(array, chunks=4).map_blocks(
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
    ({"process": lambda array, *_: dask_array.from_array(array, chunks=5) * 1.0}, "tile")])
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


@pytest.mark.parametrize("chunks", [(2, 3), (4, 4), (9, 11), (5, 7)])
@pytest.mark.parametrize("version", [2, 3])
def test_the_output_is_like_the_input(here, chunks, version):
    names = ("y", "x") if version == 3 else None
    source = zarr.create_array("like.zarr", data=PIXELS, chunks=chunks, zarr_format=version,
                               attributes={"unit": "um", "nested": {"a": [1]}}, fill_value=7,
                               dimension_names=names, compressors=None,
                               chunk_key_encoding={"name": "v2", "separator": "/"})
    for dtype in (None, "float32"):
        with pytest.raises(InterruptedError):
            zarr_arrays.run("like.zarr", "o.zarr", interrupted(4), {}, dtype, True, Bar())
        assert zarr_arrays.run("like.zarr", "o.zarr", twice, {}, dtype, True, Bar()) == 9
        found = zarr.open_array("o.zarr", mode="r")
        assert (found.chunks, found.metadata.zarr_format) == (chunks, version)
        assert dict(found.attrs) == dict(source.attrs) and not found.compressors
        assert getattr(found.metadata, "dimension_names", None) == names
        assert os.path.exists("o.zarr/0/0") and found.dtype == (dtype or np.uint8)
        expected = PIXELS * 2.0 - 20
        np.testing.assert_array_equal(found[:], expected if dtype else np.clip(expected, 0, 255))


def test_shards_are_kept(here):
    zarr.create_array("like.zarr", data=PIXELS, chunks=(3, 3), shards=(6, 6))
    zarr_arrays.run("like.zarr", "o.zarr", twice, {}, None, False, Bar())
    found = zarr.open_array("o.zarr", mode="r")
    assert (found.chunks, found.shards) == ((3, 3), (6, 6))
    np.testing.assert_array_equal(found[:], np.clip(PIXELS * 2.0 - 20, 0, 255))


@pytest.mark.parametrize("names, shape, axis", [
    ("tyx", (3, 9, 11), None), ("tcyx", (2, 3, 9, 11), 0), ("czyx", (2, 3, 9, 11), 0),
    ("tzyxc", (2, 2, 9, 11, 3), 2), ("yxt", (9, 11, 2), None)])
def test_page_by_page(here, names, shape, axis):
    pixels = np.random.default_rng(0).integers(20, 120, shape).astype(np.uint8)
    zarr.create_array("pages.zarr", data=pixels, chunks=tuple(min(n, 4) for n in shape),
                      dimension_names=tuple(names))
    seen = []

    def process(array, found, spacing):
        seen.append(found)
        planes = dask_array.asarray(array)
        kept = tuple(4 if size > 3 else size for size in planes.shape)
        return (planes * 2.0 - planes.max(keepdims=True)).rechunk(kept)  # of its page alone

    count = zarr_arrays.run("pages.zarr", "o.zarr", process, {}, None, False, Bar())
    pages = int(np.prod([n for letter, n in zip(names, shape) if letter in "tz"]))
    assert seen == [axis] * pages and count == 9 * pages
    others = tuple(k for k, letter in enumerate(names) if letter not in "tz")
    np.testing.assert_array_equal(
        zarr.open_array("o.zarr", mode="r")[:],
        np.clip(pixels * 2.0 - pixels.max(axis=others, keepdims=True), 0, 255))


def test_pages_go_on_where_they_were_interrupted(here):
    zarr.create_array("pages.zarr", data=np.stack([PIXELS] * 3), chunks=(1, 9, 11),
                      dimension_names=("z", "y", "x"))

    def process(after):
        tiles = interrupted(after)
        return lambda array, axis, spacing: tiles(PIXELS, axis, spacing)

    with pytest.raises(InterruptedError):
        zarr_arrays.run("pages.zarr", "o.zarr", process(4), {}, None, False, Bar())
    journal = json.loads((here / "o.zarr.partial" / zarr_arrays.JOURNAL).read_text())
    assert journal["done"] == [[0, 0, 0], [0, 0, 1], [0, 0, 2], [0, 1, 0]]
    bar = Bar()
    assert zarr_arrays.run("pages.zarr", "o.zarr", process(23), {}, None, False, bar) == 27
    assert bar.moves[0] == (4, 27) and bar.moves[-1] == (27,)


def test_an_interruption_tells_what_is_written(here):
    def process(array, axis, spacing):
        def stop(values, block_info=None):
            if block_info and block_info[0]["chunk-location"] == (0, 2):
                raise KeyboardInterrupt
            return values

        return dask_array.from_array(array, chunks=4).map_blocks(stop, dtype=float,
                                                                 meta=np.empty((0, 0)))

    with pytest.raises(KeyboardInterrupt, match="^interrupted; 2 tiles are written to "
                       "out.zarr.partial, the same command goes on$"):
        run(process)


@pytest.mark.parametrize("name", ["a.tif", "a.zarr"])
def test_nodata_is_refused_where_there_is_any(here, name):
    pixels = PIXELS.astype(np.int16)
    if name == "a.tif":
        tifffile.imwrite(name, pixels, extratags=[(42113, "s", 0, "-9999", True)])
    else:
        zarr.create_array(name, data=pixels, attributes={"_FillValue": -9999})
    run_it = (name, "o.zarr", lambda array, axis, spacing: array * 2.0, {}, None, True, Bar())
    assert zarr_arrays.run(*run_it) == 1
    pixels[3, 4:6] = -9999
    if name == "a.tif":
        tifffile.imwrite(name, pixels, extratags=[(42113, "s", 0, "-9999", True)])
    else:
        zarr.open_array(name)[:] = pixels
    with pytest.raises(ValueError, match=r"^2 values of a tile are nodata \(-9999\), which an arr"):
        zarr_arrays.run(*run_it)
