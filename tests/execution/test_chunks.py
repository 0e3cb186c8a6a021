"""Images larger than memory: dask, zarr, and the command line tile by tile."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tifffile

import pdenet
from pdenet.commands import main as cli
from pdenet.execution import workers as threads
from pdenet.files import zarr_arrays

from ..commands.test_main import fails, here
from ..test_properties import every_model

dask_array = pytest.importorskip("dask.array")
zarr = pytest.importorskip("zarr")
assert here  # a fixture


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    monkeypatch.setattr("pdenet.execution.chunks.TILE", 30)
    monkeypatch.setattr("pdenet.execution.tiles.HALOS", 2)


def image(shape=(170, 131), dtype=np.float32, seed=0):
    return np.random.default_rng(seed).normal(100, 30, shape).astype(dtype)


def assert_same(lazy, expected, chunks=2):
    assert hasattr(lazy, "__dask_graph__") and lazy.dtype == expected.dtype
    assert lazy.npartitions >= chunks
    np.testing.assert_array_equal(lazy.compute(), expected)


@every_model
@pytest.mark.parametrize("scheme", ["fed", "explicit"])
def test_evolution_is_that_of_the_whole_image_bit_for_bit(case, scheme):
    network = case.network(30.0)
    u = case.image(shape=(170, 131)).astype(np.float32)
    time_ = 6 * network.tau_max
    expected = network.evolve(u, time_, scheme=scheme, channel_axis=case.channel_axis)
    found = network.evolve(dask_array.from_array(u, chunks=37), time_, scheme=scheme,
                           channel_axis=case.channel_axis)
    assert_same(found, expected)


@every_model
def test_networks_and_those_with_a_reaction_and_steps_of_their_own(case):
    u = case.image(shape=(170, 131))
    lazy = dask_array.from_array(u, chunks=(170, 20) + (1,) * (u.ndim - 2))
    pulled = case.network(30.0, steps=3, reaction=0.1).per_step()
    for network in (case.network(30.0, steps=4), pulled):
        assert_same(case.run(network, lazy), case.run(network, u))


def test_filters_with_estimated_parameters():
    for shape in (200, 200), (1100, 1000):  # of the larger one a sample is looked at
        u = image(shape)
        assert_same(pdenet.eed(dask_array.from_array(u, chunks=shape[0] // 2)), pdenet.eed(u))


@pytest.mark.parametrize("shared", [False, True])
def test_denoise(shared):
    u = image((300, 290))
    assert_same(pdenet.denoise(dask_array.from_array(u, chunks=100), shared=shared),
                pdenet.denoise(u, shared=shared), 1)
    colour = image((150, 160, 3), float)
    assert_same(pdenet.denoise(dask_array.from_array(colour), 30, channel_axis=-1),
                pdenet.denoise(colour, 30, channel_axis=-1), 1)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float64", ">f4"])
def test_arrays_of_zarr(dtype):
    u = image(dtype=dtype)
    assert_same(pdenet.perona_malik(zarr.array(u, chunks=(32, 32)), contrast=9, time=2),
                pdenet.perona_malik(u, contrast=9, time=2))


@pytest.mark.parametrize("scheduler", ["synchronous", "threads", "processes"])
def test_schedulers(scheduler):
    u = image()
    lazy = pdenet.eed(dask_array.from_array(u, chunks=50), contrast=5, time=2)
    np.testing.assert_array_equal(lazy.compute(scheduler=scheduler, num_workers=2),
                                  pdenet.eed(u, contrast=5, time=2))


@pytest.mark.parametrize("workers, expected", [(None, 1), (2, 2)])
def test_tasks_are_single_threads(workers, expected, monkeypatch):
    """As dask runs as many at once as there are processors; unless one asks for more."""
    counts = []
    monkeypatch.setenv("PDENET_NUM_THREADS", "7")
    monkeypatch.setattr("pdenet.execution.passes.Workers", lambda count: (
        counts.append(count), threads.Workers(count))[1])
    pdenet.eed(dask_array.from_array(image()), contrast=5, time=2, workers=workers).compute()
    assert set(counts) == {expected}


def test_nothing_is_computed_before():
    def explode(block):
        raise AssertionError
    lazy = dask_array.from_array(image(), chunks=50)
    lazy = lazy.map_blocks(explode, dtype=np.float32, meta=np.empty((0, 0), np.float32))
    pdenet.eed(lazy, contrast=5, time=2)


def test_only_what_is_needed_is_computed():
    seen = []

    def note(block, block_info=None):
        seen.append(block_info and block_info[0]["chunk-location"])
        return block
    lazy = dask_array.from_array(image((500, 50)), chunks=50).map_blocks(note, dtype=np.float32)
    pdenet.perona_malik(lazy, contrast=5, time=1)[:20, :20].compute(scheduler="synchronous")
    assert {place for place in seen if place} == {(0, 0), (1, 0)}


@pytest.mark.parametrize("bad, error, message", [
    (lambda u: u.astype(complex), TypeError, "image must hold real numbers"),
    (lambda u: u[0], ValueError, "image must have 2 or 3 dimensions"),
    (lambda u: u[:0], ValueError, "image must not be empty"),
    (lambda u: dask_array.stack([u] * 3, -1), ValueError, "give channel_axis=-1, or spacing")])
def test_bad_arrays(bad, error, message):
    with pytest.raises(error, match=message):
        pdenet.eed(bad(dask_array.from_array(image())), contrast=5, time=1)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_values_that_are_not_finite_are_found_where_they_are(axis):
    u = image((140, 130, 3))
    u[101, 77, 2] = np.nan
    place = [101, 77]
    place.insert(axis, 2)
    lazy = dask_array.from_array(np.moveaxis(u, -1, axis), chunks=40)
    with pytest.raises(ValueError, match=rf"1 of its values .* at index \({place[0]}, {place[1]}, "
                                         rf"{place[2]}\)"):
        pdenet.gerig(lazy, contrast=5, time=1, channel_axis=axis).compute()


# The command line -------------------------------------------------------------------------


@pytest.fixture
def slide(here):
    u = image((200, 190))
    zarr.save_array("in.zarr", u)
    return u


def test_filter_a_zarr_array(slide, capsys):
    arguments = ["filter", "eed", "in.zarr", "out.zarr", "--contrast", "5", "--time", "2"]
    assert cli.main(arguments) == 0
    assert capsys.readouterr().out == "out.zarr: 16 tiles, eed, contrast 5, time 2\n"
    np.testing.assert_array_equal(zarr.open_array("out.zarr", mode="r")[:],
                                  pdenet.eed(slide, contrast=5, time=2))
    fails(capsys, 2, "out.zarr: exists already", *arguments)
    assert cli.main([*arguments, "--overwrite", "--quiet", "--dtype", "uint8"]) == 0
    assert zarr.open_array("out.zarr", mode="r").dtype == np.uint8
    assert sorted(os.listdir()) == ["colour.png", "grey.png", "in.zarr", "out.zarr"]


def test_denoise_a_large_tiff(here, capsys):
    pixels = np.clip(image((200, 190, 3)), 0, 255).astype(np.uint8)
    tifffile.imwrite("in.tif", pixels, tile=(64, 64), photometric="rgb")
    assert cli.main(["denoise", "in.tif", "out.zarr", "--sigma", "20", "--shared"]) == 0
    expected = pdenet.denoise(pixels, 20, shared=True, channel_axis=-1)
    np.testing.assert_array_equal(zarr.open_array("out.zarr", mode="r")[:],
                                  np.clip(np.rint(expected), 0, 255))


class _Interrupted(Exception):
    pass


def test_an_interrupted_run_goes_on(slide, capsys, monkeypatch):
    arguments = ["filter", "eed", "in.zarr", "out.zarr", "--contrast", "5", "--time", "2"]
    record, calls = zarr_arrays._record, []

    def interrupt(*values):
        calls.append(values)
        record(*values)
        if len(calls) == 6:
            raise _Interrupted
    monkeypatch.setattr(zarr_arrays, "_record", interrupt)
    with pytest.raises(_Interrupted):
        cli.main(arguments)
    assert sorted(os.listdir()) == ["colour.png", "grey.png", "in.zarr", "out.zarr.partial"]
    assert cli.main([*arguments[:-1], "3"]) == 2  # another time
    assert "an interrupted run with other time; remove it" in capsys.readouterr().err
    calls.clear()
    monkeypatch.setattr(zarr_arrays, "_record",
                        lambda *values: (calls.append(values), record(*values)))
    assert cli.main(arguments) == 0
    assert len(calls) == 16 - 5
    np.testing.assert_array_equal(zarr.open_array("out.zarr", mode="r")[:],
                                  pdenet.eed(slide, contrast=5, time=2))


def test_killed_runs_end_with_the_same_bits(slide):
    code = ("import sys; from pdenet.execution import chunks, tiles; chunks.TILE = 30; "
            "tiles.HALOS = 2; from pdenet.commands.main import main; sys.exit(main(sys.argv[1:]))")
    command = [sys.executable, "-c", code, "filter", "eed", "in.zarr", "out.zarr", "--contrast",
               "5", "--time", "2"]
    for pause in (0.05, 0.1, 0.2, 0.4):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        until = time.monotonic() + 60
        while not os.path.exists("out.zarr.partial") and time.monotonic() < until \
                and process.poll() is None:
            time.sleep(0.01)
        time.sleep(pause)
        process.send_signal(signal.SIGKILL)
        process.wait()
        if os.path.exists("out.zarr"):
            break
    else:
        assert subprocess.run(command, timeout=100).returncode == 0
    np.testing.assert_array_equal(zarr.open_array("out.zarr", mode="r")[:],
                                  pdenet.eed(slide, contrast=5, time=2))
    assert not os.path.exists("out.zarr.partial")


@pytest.mark.parametrize("message, arguments", [
    ("missing.zarr: no such file", ["filter", "eed", "missing.zarr", "o.zarr"]),
    ("o.png: must end in .zarr", ["filter", "eed", "in.zarr", "o.png"]),
    ("there is no directory", ["denoise", "in.zarr", "no/o.zarr"]),
    ("--noise is for a single image", ["denoise", "in.zarr", "o.zarr", "--noise", 3])])
def test_wrong_usage(slide, capsys, message, arguments):
    fails(capsys, 2, message, *arguments)


def test_damaged_arrays(here, capsys):
    os.mkdir("bad.zarr")
    fails(capsys, 1, "bad.zarr: not a readable array", "filter", "eed", "bad.zarr", "o.zarr")
    zarr.save_array("volume.zarr", image((9, 8, 7)))
    fails(capsys, 1, "must have shape (H, W)", "filter", "eed", "volume.zarr", "o.zarr")
    os.mkdir("o.zarr.partial")
    zarr.save_array("in.zarr", image())
    fails(capsys, 2, "o.zarr.partial: is in the way", "filter", "eed", "in.zarr", "o.zarr",
          "--contrast", 5, "--time", 1)
