"""TIFF files with several pages: which files are such, their pages, and how they are written."""

import numpy as np
import pytest
import tifffile

from pdenet.files.contents import Image, ImageFileError, UsageError
from pdenet.files.tiff_stacks import open_stack, write_stack

RNG = np.random.default_rng(0)
LIMIT = 10**6


def save(path, shape, axes=None, dtype=np.uint16, **options):
    pixels = RNG.integers(0, 250, shape).astype(dtype)
    colour = axes is not None and axes.endswith("S") and shape[-1] == 3
    tifffile.imwrite(path, pixels, metadata=axes and {"axes": axes},
                     **{"photometric": "rgb" if colour else "minisblack"} | options)
    return pixels


@pytest.mark.parametrize("shape, axes, axis, options", [
    ((4, 5, 6), "TYX", None, {}), ((4, 5, 6), "ZYX", None, {"imagej": True}),
    ((2, 3, 5, 6), "TZYX", None, {}), ((4, 5, 6, 3), "TYXS", -1, {"dtype": np.uint8}),
    ((2, 2, 5, 6), "TCYX", 0, {"dtype": np.float32}), ((2, 3, 5, 6), "CZYX", 0, {}),
    ((3, 2, 5, 6), "ZCYX", 0, {}), ((2, 3, 2, 5, 6), "TZCYX", 0, {"imagej": True}),
    ((2, 3, 2, 5, 6), "CTZYX", 0, {"dtype": np.float64}), ((3, 5, 6), "QYX", None, {}),
    ((2, 3, 5, 6, 3), "CTYXS", -1, {"dtype": np.uint8}), ((2, 1, 1), "TYX", None, {}),
    ((3, 5, 6), "TYX", None, {"tile": (16, 16)}), ((3, 5, 6), "TYX", None, {"compression": "zlib"}),
    ((3, 5, 6), "TYX", None, {"dtype": bool}), ((2, 3, 5, 6), "TCYX", 0, {"dtype": np.int8}),
    ((3, 5, 6), "TYX", None, {"bigtiff": True}), ((3, 5, 6), "TYX", None, {"byteorder": ">"}),
    ((3, 16, 16), "ZYX", None, {"volumetric": True, "tile": (16, 16, 16)})])
def test_images_come_one_by_one_and_go_back_as_they_were(tmp_path, shape, axes, axis, options):
    source, target = str(tmp_path / "a.tif"), str(tmp_path / "b.tiff")
    pixels = save(source, shape, axes, **options)
    ends = "YXS" if axes.endswith("S") else "YX"
    with open_stack(source, LIMIT) as stack:
        assert (stack.axes, stack.shape, stack.dtype) == (axes, shape, pixels.dtype)
        channels = "C" if axis == 0 else ""
        assert stack.pages == tuple(length for letter, length in zip(axes, shape)
                                    if letter not in ends + channels)
        images = [stack.read(index) for index in stack.indices()]
        assert len(images) == stack.count == int(np.prod(stack.pages))
        assert {image.channel_axis for image in images} == {axis}
        # The channels of an image together, pages in their order.
        expected = pixels
        if axis == 0:
            expected = np.moveaxis(pixels, axes.index("C"), -3)
        expected = expected.reshape(-1, *expected.shape[-images[0].pixels.ndim:])
        for image, one in zip(images, expected, strict=True):
            np.testing.assert_array_equal(image.pixels, one)
            assert image.pixels.dtype == pixels.dtype
        assert write_stack(target, stack, iter(images), None, False) == []
    with tifffile.TiffFile(target) as file:
        assert file.series[0].axes == axes
        np.testing.assert_array_equal(file.asarray(), pixels)
        assert file.pages[0].photometric.name == ("RGB" if axis == -1 else "MINISBLACK")
        assert not file.is_bigtiff and file.is_imagej == bool(options.get("imagej"))


def test_transparency_in_stacks(tmp_path):
    source, target = str(tmp_path / "a.tif"), str(tmp_path / "b.tif")
    pixels = save(source, (3, 5, 6, 4), "TYXS", np.uint8, photometric="rgb", extrasamples=[2])
    with open_stack(source, LIMIT) as stack:
        images = [stack.read(index) for index in stack.indices()]
        assert [image.pixels.shape for image in images] == [(5, 6, 3)] * 3
        np.testing.assert_array_equal(images[1].alpha, pixels[1, ..., 3])
        write_stack(target, stack, iter(images), None, False)
    with tifffile.TiffFile(target) as file:
        np.testing.assert_array_equal(file.asarray(), pixels)
        assert [int(kind) for kind in file.pages[0].extrasamples] == [2]


@pytest.mark.parametrize("shape, axes, options", [
    ((5, 6), "YX", {}), ((5, 6, 3), "YXS", {"dtype": np.uint8}), ((3, 5, 6), "CYX", {}),
    ((5, 6, 4), "YXS", {"dtype": np.uint8, "photometric": "rgb", "extrasamples": [2]})])
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


@pytest.fixture
def stack(tmp_path, monkeypatch):
    """Two pages of 5 x 6 pixels, and beside them an old file."""
    monkeypatch.chdir(tmp_path)
    save("in.tif", (2, 5, 6), "TYX", np.uint8)
    (tmp_path / "old.tif").write_bytes(b"old")
    with open_stack("in.tif", LIMIT) as found:
        yield found


@pytest.mark.parametrize("name, message", [
    ("a.png", "a.png: must end in .tif or .tiff, as it has 2 pages"),
    ("none/a.tif", "there is no directory none"),
    ("old.tif", "old.tif: exists already; --overwrite replaces it")])
def test_targets_that_are_refused(tmp_path, stack, name, message):
    with pytest.raises(UsageError, match=message):
        write_stack(name, stack, iter([stack.about] * 2), None, False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.tif", "old.tif"]


def test_another_type_and_an_old_file_that_is_replaced(stack):
    pages = [np.full((5, 6), value, np.float32) for value in (0.25, 1e9)]
    write_stack("old.tif", stack, (Image(page) for page in pages), "float32", True)
    np.testing.assert_array_equal(tifffile.imread("old.tif"), np.stack(pages))


def test_a_page_that_fails_leaves_the_old_file(tmp_path, stack):
    def images():
        yield stack.read((0,))
        raise ValueError("the second page")

    with pytest.raises(ValueError, match="the second page"):
        write_stack("old.tif", stack, images(), None, True)
    assert (tmp_path / "old.tif").read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 2


def test_a_disk_that_is_full(stack, monkeypatch):
    def fail(*arguments, **options):
        raise OSError("no space left")

    monkeypatch.setattr(tifffile, "imwrite", fail)
    with pytest.raises(ImageFileError, match=r"a.tif: cannot be written \(no space left\)"):
        write_stack("a.tif", stack, iter(()), None, False)


@pytest.mark.parametrize("shape, dtype, big", [
    ((2047, 1024, 1024), "uint8", False), ((2049, 1024, 1024), "uint8", True),
    ((257, 1024, 1024), "float64", True), ((10**5, 30000, 30000), "uint8", True)])
def test_files_of_more_than_two_gigabytes_are_big_tiff(stack, monkeypatch, shape, dtype, big):
    seen = []
    monkeypatch.setattr(tifffile, "imwrite", lambda file, pages, **options: seen.append(options))
    stack.shape = shape
    write_stack("a.tif", stack, iter(()), dtype, False)
    assert seen[0]["bigtiff"] == big
