"""pdenet filter on volumes: NIfTI, MRC, TIFF stacks and zarr arrays, with the size of voxels."""

import re

import numpy as np
import pytest
import tifffile

import pdenet
from pdenet.commands.main import main
from pdenet.files import volume_files, voxels
from pdenet.files.contents import Metadata

U = np.random.default_rng(0).normal(100, 20, (6, 10, 12))
U[2:5, 3:8, 4:9] += 80
OPTIONS = ["--contrast", "20", "--time", "1.5", "--workers", "1"]
PARAMETERS = {"contrast": 20, "time": 1.5, "workers": 1}


def run(*words):
    return main(["filter", "eed", *map(str, words), *OPTIONS])


def expected(volume, spacing, **options):
    return pdenet.eed(volume, spacing=spacing, **PARAMETERS, **options)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_nifti_keeps_its_header(tmp_path, ending, dtype, capsys):
    nibabel = pytest.importorskip("nibabel")
    source, target = tmp_path / f"a{ending}", tmp_path / f"b{ending}"
    image = nibabel.Nifti1Image(U.astype(dtype), np.diag([2.0, 2, 5, 1]))
    image.header["descrip"] = b"of a test"
    image.to_filename(source)
    assert run(source, target) == 0
    assert "volume, voxels 1 x 1 x 2.5, eed" in capsys.readouterr().out
    result = nibabel.load(target)
    assert result.get_data_dtype() == dtype and result.header["descrip"] == b"of a test"
    np.testing.assert_array_equal(result.affine, image.affine)
    np.testing.assert_array_equal(result.header.get_zooms(), (2, 2, 5))
    filtered = expected(U.astype(dtype), (1, 1, 2.5))
    np.testing.assert_array_equal(np.asanyarray(result.dataobj), np.rint(filtered)
                                  if dtype == np.int16 else filtered)
    assert run(source, target) == 2  # exists already
    assert "--overwrite" in capsys.readouterr().err


def test_a_folder_of_scans(tmp_path, capsys):
    nibabel = pytest.importorskip("nibabel")
    (tmp_path / "scans").mkdir()
    for name in ("a.nii", "b.NII.gz"):
        nibabel.Nifti1Image(U.astype(np.float32), np.eye(4)).to_filename(tmp_path / "scans" / name)
    (tmp_path / "scans" / "notes.txt").write_text("of no kind")
    assert run(tmp_path / "scans", tmp_path / "out") == 0
    assert "2 written, 0 there already, 0 failed; 1 of other formats" in capsys.readouterr().out
    for name in ("a.nii", "b.NII.gz"):
        result = nibabel.load(tmp_path / "out" / name)
        np.testing.assert_array_equal(np.asanyarray(result.dataobj),
                                      expected(U.astype(np.float32), (1, 1, 1)))


def test_spacing_given_is_that_of_z_first(tmp_path, capsys):
    """The last axis of NIfTI is z."""
    nibabel = pytest.importorskip("nibabel")
    nibabel.Nifti1Image(U.astype(np.float32), np.eye(4)).to_filename(tmp_path / "a.nii")
    assert run(tmp_path / "a.nii", tmp_path / "b.nii", "--spacing", 3, 1, 1) == 0
    np.testing.assert_array_equal(np.asanyarray(nibabel.load(tmp_path / "b.nii").dataobj),
                                  expected(U.astype(np.float32), (1, 1, 3)))
    assert run(tmp_path / "a.nii", tmp_path / "c.nii", "--slices") == 2
    assert "--slices is for TIFF stacks" in capsys.readouterr().err


def test_nifti_of_several_times_with_scaled_values(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    image = nibabel.Nifti1Image(np.stack([U, U + 7], -1), np.eye(4))
    image.set_data_dtype(np.int16)  # with a factor in the header
    image.to_filename(tmp_path / "a.nii")
    stored = np.asanyarray(nibabel.load(tmp_path / "a.nii").dataobj)
    assert run(tmp_path / "a.nii", tmp_path / "b.nii", "--dtype", "float32") == 0
    result = np.asanyarray(nibabel.load(tmp_path / "b.nii").dataobj)
    for k in range(2):
        np.testing.assert_allclose(result[..., k], expected(stored[..., k], (1, 1, 1)), rtol=1e-6)


def test_mrc_keeps_its_header(tmp_path):
    mrcfile = pytest.importorskip("mrcfile")
    source, target = tmp_path / "a.mrc", tmp_path / "b.rec"
    with mrcfile.new(source) as file:
        file.set_data(U.astype(np.float32))
        file.voxel_size = (1.1, 1.1, 2.2)
        file.header.origin.x = 12
        file.add_label("of a test")
    assert run(source, target) == 0
    with mrcfile.open(target) as file:
        assert "of a test" in file.get_labels() and file.header.origin.x == 12
        assert float(file.voxel_size.z) == pytest.approx(2.2)
        np.testing.assert_allclose(file.data, expected(U.astype(np.float32), (2, 1, 1)), rtol=1e-5)
    assert mrcfile.validate(target)


def test_tiff_stacks_of_slices(tmp_path, capsys):
    name = tmp_path / "imagej.tif"
    tifffile.imwrite(name, U.astype(np.uint8), imagej=True, resolution=(4, 4),
                     metadata={"axes": "ZYX", "spacing": 0.5, "unit": "um"})
    assert run(name, tmp_path / "out.tif") == 0
    assert "voxels 2 x 1 x 1" in capsys.readouterr().out
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        assert file.imagej_metadata["spacing"] == 0.5 and file.series[0].axes == "ZYX"
        np.testing.assert_array_equal(file.asarray(), np.rint(expected(U.astype(np.uint8),
                                                                       (2, 1, 1))))
    assert run(name, tmp_path / "slices.tif", "--slices") == 0
    slices = np.stack([pdenet.eed(plane, **PARAMETERS) for plane in U.astype(np.uint8)])
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "slices.tif"), np.rint(slices))
    assert run(name, tmp_path / "given.tif", "--spacing", 6, 2, 2) == 0
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "given.tif"),
                                  np.rint(expected(U.astype(np.uint8), (3, 1, 1))))


@pytest.mark.parametrize("axes, channel_axis", [("TZYX", None), ("ZTYX", None), ("ZCYX", 1),
                                                ("CZYX", 0)])
def test_ome_tiff_with_other_axes(tmp_path, axes, channel_axis):
    both = np.stack([U, U[::-1]], axes.index("C" if "C" in axes else "T")).astype(np.uint16)
    name = tmp_path / "a.ome.tif"
    tifffile.imwrite(name, both, metadata={
        "axes": axes, "PhysicalSizeX": 100, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.1,
        "PhysicalSizeZ": 0.3})
    assert run(name, tmp_path / "b.ome.tif") == 0
    result = tifffile.imread(tmp_path / "b.ome.tif")
    assert result.shape == both.shape
    if channel_axis is not None:
        filtered = expected(both, (3, 1, 1), channel_axis=channel_axis)
    else:
        axis = axes.index("T")
        filtered = np.stack([expected(np.take(both, k, axis), (3, 1, 1)) for k in range(2)], axis)
    np.testing.assert_allclose(result, np.rint(filtered), atol=1)
    assert np.mean(result == np.rint(filtered)) > 0.999


def test_plain_stacks_need_the_option(tmp_path):
    name = tmp_path / "plain.tif"
    tifffile.imwrite(name, U.astype(np.float32))
    assert run(name, tmp_path / "volume.tif", "--volume") == 0
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "volume.tif"),
                                  expected(U.astype(np.float32), (1, 1, 1)))
    assert run(name, tmp_path / "pages.tif") == 0
    assert np.abs(tifffile.imread(tmp_path / "pages.tif")
                  - tifffile.imread(tmp_path / "volume.tif")).max() > 1


def test_zarr_arrays_tile_by_tile(tmp_path, monkeypatch, capsys):
    zarr = pytest.importorskip("zarr")
    pytest.importorskip("dask.array")
    group = zarr.open_group(tmp_path / "ome.zarr", mode="w")
    axes = [{"name": axis, "type": "space"} for axis in "zyx"]
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": [{
        "path": "0", "coordinateTransformations": [{"type": "scale", "scale": [0.6, 0.2, 0.2]}]}]}]
    array = group.create_array("0", shape=U.shape, dtype="f4", chunks=(3, 5, 6))
    array[:] = U
    monkeypatch.setattr("pdenet.execution.chunks.TILE_OF_VOLUMES", 4)
    monkeypatch.setattr("pdenet.execution.tiles.HALOS", 0)
    assert run(tmp_path / "ome.zarr" / "0", tmp_path / "out.zarr") == 0
    assert " tiles, eed" in capsys.readouterr().out
    result = zarr.open_array(tmp_path / "out.zarr", mode="r")[:]
    np.testing.assert_array_equal(result, expected(U.astype(np.float32), (3, 1, 1)))
    plain = zarr.create_array(tmp_path / "plain.zarr", shape=U.shape, dtype="f4", chunks=(3, 5, 6))
    plain[:] = U
    assert run(tmp_path / "plain.zarr", tmp_path / "no.zarr") == 1
    assert "--volume filters it as a volume" in capsys.readouterr().err
    assert run(tmp_path / "plain.zarr", tmp_path / "yes.zarr", "--volume") == 0
    np.testing.assert_array_equal(zarr.open_array(tmp_path / "yes.zarr", mode="r")[:],
                                  expected(U.astype(np.float32), (1, 1, 1)))


@pytest.mark.parametrize("words, message", [
    (("scan.dcm", "out.nii"), "DICOM is not read, .* convert it to NIfTI first"),
    (("scan.nii", "out.tif"), "must end in .nii or .nii.gz, as"),
    (("missing.nii", "out.nii"), "no such file"),
    (("scan.nii", "out.nii", "--mask", "small.nii"), "one value for each voxel, 6 x 10 x 12; it"),
    (("scan.nii", "out.nii", "--mask", "m.png"), "m.png: no such file"),
    (("scan.nii", "out.nii", "--spacing", 2, 1), "--spacing must be DZ DY DX for a volume"),
    (("scan.nii", "out.nii", "--spacing", 2), "--spacing must be DZ DY DX for volumes"),
    (("scan.nii", "out.nii", "--spacing", 2, 0, 1), r"spacing\[1\] must be a finite number"),
    (("scan.nii", "out.nii", "--rescale", 0, 1), "--rescale is for integers"),
    (("nothing.nii", "out.nii"), "not a readable NIfTI file"),
    (("nothing.mrc", "out.mrc"), "not a readable MRC file")])
def test_what_cannot_be_meant(tmp_path, monkeypatch, capsys, words, message):
    nibabel = pytest.importorskip("nibabel")
    pytest.importorskip("mrcfile")
    monkeypatch.chdir(tmp_path)
    nibabel.Nifti1Image(U.astype(np.float32), np.eye(4)).to_filename("scan.nii")
    nibabel.Nifti1Image(U[:3].astype(np.float32), np.eye(4)).to_filename("small.nii")
    for name in ("nothing.nii", "nothing.mrc"):
        (tmp_path / name).write_bytes(b"nothing" * 300)
    assert run(*words) == 2 or run(*words) == 1
    error = capsys.readouterr().err
    assert re.search(message, error), error
    assert not (tmp_path / "out.nii").exists()


def volume_with_holes(dtype):
    """Voxels, some of which are -9999 or NaN, those outside a mask, and what is measured."""
    volume, outside = U.astype(dtype), np.zeros(U.shape, np.uint8)
    volume[1, 2:4, 5] = -9999
    if dtype != np.int16:
        volume[4, 6, 7:9] = np.nan
    outside[:, 8:, :3] = 1
    return volume, outside, (volume > -9999) & (outside == 0)


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_voxels_that_are_no_measurement_stay_and_take_no_part(tmp_path, dtype, capsys):
    nibabel = pytest.importorskip("nibabel")
    volume, outside, measured = volume_with_holes(dtype)
    for name, array in (("a.nii.gz", volume), ("mask.nii", 1 - outside)):
        nibabel.Nifti1Image(array, np.diag([2.0, 2, 5, 1])).to_filename(tmp_path / name)
    assert run(tmp_path / "a.nii.gz", tmp_path / "b.nii.gz", "--nodata", -9999, "--mask",
               tmp_path / "mask.nii") == 0
    line = capsys.readouterr().out
    assert "of 720 voxels 2 are nodata (-9999)" in line and "36 are outside the mask" in line
    result = np.asanyarray(nibabel.load(tmp_path / "b.nii.gz").dataobj)
    filtered = expected(volume, (1, 1, 2.5), mask=measured)
    assert result.dtype == dtype
    np.testing.assert_array_equal(result[~measured], volume[~measured])
    np.testing.assert_array_equal(result[measured], (np.rint(filtered) if dtype == np.int16
                                                     else filtered)[measured])


@pytest.mark.parametrize("channels", [False, True])
def test_voxels_of_tiff_stacks_that_are_no_measurement(tmp_path, channels, capsys):
    volume, outside, measured = volume_with_holes(np.float32)
    volume[1, 2:4, 5] = np.inf
    both = np.stack([volume, U.astype(np.float32)], 1) if channels else volume
    tifffile.imwrite(tmp_path / "a.tif", both, imagej=True,
                     metadata={"axes": "ZCYX" if channels else "ZYX", "spacing": 2})
    tifffile.imwrite(tmp_path / "mask.tif", 1 - outside, photometric="minisblack")
    assert run(tmp_path / "a.tif", tmp_path / "b.tif", "--mask", tmp_path / "mask.tif") == 0
    assert "NaN or infinite" in capsys.readouterr().out
    axis = 1 if channels else None
    filtered = expected(both, (2, 1, 1), mask=measured, channel_axis=axis)
    result, bad = tifffile.imread(tmp_path / "b.tif"), ~measured
    if channels:
        bad = np.stack([bad, outside > 0], 1)  # what of a channel is measured has a value
    np.testing.assert_array_equal(result[bad], both[bad])
    np.testing.assert_array_equal(result[~bad], filtered[~bad])


def test_inpaint(tmp_path, capsys):
    nibabel = pytest.importorskip("nibabel")
    hole = np.zeros(U.shape, np.uint8)
    hole[2:5, 3:7, 4:8] = 1
    for name, array in (("a.nii", U.astype(np.float32)), ("mask.nii", hole),
                        ("many.nii", np.stack([U, U], -1))):
        nibabel.Nifti1Image(array, np.diag([2.0, 2, 5, 1])).to_filename(tmp_path / name)
    source, mask, target = (str(tmp_path / name) for name in ("a.nii", "mask.nii", "b.nii"))
    assert main(["inpaint", source, mask, target]) == 0
    assert "48 of 720 voxels filled" in capsys.readouterr().out
    result = np.asanyarray(nibabel.load(target).dataobj)
    np.testing.assert_array_equal(result, pdenet.inpaint(U.astype(np.float32), mask=hole > 0,
                                                         spacing=(1, 1, 2.5)))
    assert main(["inpaint", source, str(tmp_path / "c.nii"), "--random", "30"]) == 0
    assert "PSNR" in capsys.readouterr().out
    assert main(["inpaint", str(tmp_path / "many.nii"), mask, str(tmp_path / "d.nii")]) == 2
    assert "must hold one volume" in capsys.readouterr().err


def test_images_whose_pixels_are_not_squares(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", U[0].astype(np.float32))
    assert run(tmp_path / "a.tif", tmp_path / "b.tif", "--spacing", 3, 1) == 0
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "b.tif"),
                                  expected(U[0].astype(np.float32), (3, 1)))


def test_sizes_of_voxels_in_files():
    assert voxels.relative((0.3, 0.1, 0.2)) == pytest.approx((3, 1, 2))
    assert voxels.usable((1, 0, 2)) is None and voxels.usable((1, "a", 2)) is None
    assert voxels.of_tiff(Metadata()) is None
    half = Metadata(imagej={"spacing": 1.5}, resolution=((2, 1), (4, 1)))
    assert voxels.of_tiff(half) == (1.5, 0.25, 0.5)
    words = '<Pixels PhysicalSizeX="1" PhysicalSizeY="2" PhysicalSizeZ="3" PhysicalSizeZUnit="mm">'
    assert voxels.of_tiff(Metadata(ome=words)) == (3000, 2, 1)
    assert voxels.of_tiff(Metadata(ome=words.replace('"mm"', '"pixel"'))) is None
    assert volume_files.format_of("a.NII.GZ") == "NIfTI" and volume_files.format_of("a.png") is None
