"""TIFF files with several pages: which files are such, their pages, and how they are written."""

import types

import numpy as np
import pytest
import tifffile

from pdenet.files.images import ImageFileError, UsageError
from pdenet.files.tiff_stacks import open_stack, write_stack

RNG = np.random.default_rng(0)
LIMIT = 10**6


def save(path, shape, axes=None, dtype=np.uint16, **options):
    pixels = RNG.integers(0, 250, shape).astype(dtype)
    colour = axes is not None and axes.endswith("S") and shape[-1] == 3
    tifffile.imwrite(path, pixels, metadata=axes and {"axes": axes},
                     **{"photometric": "rgb" if colour else "minisblack"} | options)
    return pixels


@pytest.mark.parametrize("shape, axes, options", [
    ((4, 5, 6), "TYX", {}), ((4, 5, 6), "ZYX", {"imagej": True}), ((2, 3, 5, 6), "TZYX", {}),
    ((4, 5, 6, 3), "TYXS", {"dtype": np.uint8}), ((2, 2, 5, 6), "TCYX", {"dtype": np.float32}),
    ((2, 1, 1), "TYX", {}), ((3, 5, 6), "TYX", {"tile": (16, 16)}),
    ((3, 5, 6), "TYX", {"compression": "zlib"})])
def test_pages_come_one_by_one_and_go_back_as_they_were(tmp_path, shape, axes, options):
    source, target = str(tmp_path / "a.tif"), str(tmp_path / "b.tiff")
    pixels = save(source, shape, axes, **options)
    with open_stack(source, LIMIT) as stack:
        colour = axes.endswith("S")
        size = 3 if colour else 2
        assert (stack.axes, stack.shape, stack.dtype) == (axes, shape, pixels.dtype)
        assert (stack.colour, stack.page_shape) == (colour, shape[-size:])
        pages = list(stack.pages())
        assert len(pages) == stack.count == int(np.prod(shape[:-size]))
        assert {page.channel_axis for page in pages} == {-1 if colour else None}
        for page, expected in zip(pages, pixels.reshape(-1, *shape[-size:]), strict=True):
            np.testing.assert_array_equal(page.pixels, expected)
            assert page.pixels.dtype == pixels.dtype
        write_stack(target, stack, (page.pixels for page in pages), None, False)
    with tifffile.TiffFile(target) as file:
        assert file.series[0].axes == axes
        np.testing.assert_array_equal(file.asarray(), pixels)
        assert file.pages[0].photometric.name == ("RGB" if colour else "MINISBLACK")
        assert not file.is_bigtiff


@pytest.mark.parametrize("shape, axes, options", [
    ((5, 6), "YX", {}), ((5, 6, 3), "YXS", {"dtype": np.uint8}), ((3, 5, 6), "CYX", {}),
    ((4, 5, 6, 4), "TYXS", {"dtype": np.uint8, "photometric": "rgb", "extrasamples": [2]})])
def test_other_images_are_for_the_reader_of_single_ones(tmp_path, shape, axes, options):
    save(tmp_path / "a.tif", shape, axes, **options)
    assert open_stack(str(tmp_path / "a.tif"), LIMIT) is None


def test_what_is_no_tiff_file_is_for_that_reader_too(tmp_path):
    for name in ("a.png", "b.tif"):
        (tmp_path / name).write_bytes(b"rubbish")
        assert open_stack(str(tmp_path / name), LIMIT) is None
    assert open_stack(str(tmp_path / "none.tif"), LIMIT) is None
    assert open_stack("example:camera", LIMIT) is None
    with tifffile.TiffWriter(tmp_path / "two.tif") as file:
        for size in (8, 9):
            file.write(np.zeros((3, size, 9), np.uint8), photometric="minisblack")
    assert open_stack(str(tmp_path / "two.tif"), LIMIT) is None


@pytest.mark.parametrize("options, limit, message", [
    ({}, 29, "a.tif: 5x6 are 30 pixels, more than the limit of 29"),
    ({"photometric": "palette", "colormap": np.zeros((3, 256), "u2"), "dtype": np.uint8}, LIMIT,
     "a.tif: holds palette indices"),
    ({"extratags": [(274, 3, 1, 6, True)]}, LIMIT, "a.tif: is to be shown turned")])
def test_stacks_that_are_refused(tmp_path, options, limit, message):
    save(tmp_path / "a.tif", (4, 5, 6), "TYX", **options)
    with pytest.raises(ImageFileError, match=message):
        open_stack(str(tmp_path / "a.tif"), limit)


def stack_of(shape=(2, 5, 6), axes="TYX", dtype=np.uint8):
    return types.SimpleNamespace(shape=shape, axes=axes, dtype=np.dtype(dtype), colour=False,
                                 count=shape[0])


@pytest.mark.parametrize("name, stack, dtype, message", [
    ("a.png", stack_of(), None, "a.png: must end in .tif or .tiff, as it has 2 pages"),
    ("a.tif", stack_of(dtype=bool), None, "a.tif: pages of type bool are not written"),
    ("none/a.tif", stack_of(), None, "there is no directory none"),
    ("old.tif", stack_of(), None, "old.tif: exists already; --overwrite replaces it")])
def test_targets_that_are_refused(tmp_path, monkeypatch, name, stack, dtype, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.tif").write_bytes(b"old")
    with pytest.raises(UsageError, match=message):
        write_stack(name, stack, iter([np.zeros((5, 6), np.uint8)] * 2), dtype, False)
    assert [path.name for path in tmp_path.iterdir()] == ["old.tif"]


def test_another_type_and_an_old_file_that_is_replaced(tmp_path):
    target = str(tmp_path / "old.tif")
    (tmp_path / "old.tif").write_bytes(b"old")
    pages = [np.full((5, 6), value, np.float32) for value in (0.25, 1e9)]
    write_stack(target, stack_of(), iter(pages), "float32", True)
    np.testing.assert_array_equal(tifffile.imread(target), np.stack(pages))


def test_a_page_that_fails_leaves_the_old_file(tmp_path):
    def pages():
        yield np.zeros((5, 6), np.uint8)
        raise ValueError("the second page")

    (tmp_path / "old.tif").write_bytes(b"old")
    with pytest.raises(ValueError, match="the second page"):
        write_stack(str(tmp_path / "old.tif"), stack_of(), pages(), None, True)
    assert (tmp_path / "old.tif").read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("shape, dtype, big", [
    ((2047, 1024, 1024), "uint8", False), ((2049, 1024, 1024), "uint8", True),
    ((257, 1024, 1024), "float64", True), ((10**5, 30000, 30000), "uint8", True)])
def test_files_of_more_than_two_gigabytes_are_big_tiff(tmp_path, monkeypatch, shape, dtype, big):
    seen = []
    monkeypatch.setattr(tifffile, "imwrite", lambda file, pages, **options: seen.append(options))
    write_stack(str(tmp_path / "a.tif"), stack_of(shape), iter(()), dtype, False)
    assert seen[0]["bigtiff"] == big
