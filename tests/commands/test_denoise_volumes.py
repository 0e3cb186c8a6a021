"""pdenet denoise on volumes: NIfTI, MRC, TIFF stacks and zarr arrays."""

import numpy as np
import pytest
import tifffile

import pdenet
from pdenet.commands.main import main

U = np.random.default_rng(0).normal(100, 12, (6, 10, 12)).astype(np.float32)
U[2:5, 3:8, 4:9] += 80


def run(*words):
    return main(["denoise", *map(str, words), "--workers", "1"])


def test_nifti_with_the_size_of_its_voxels(tmp_path, capsys):
    nibabel = pytest.importorskip("nibabel")
    source, target = tmp_path / "a.nii.gz", tmp_path / "b.nii.gz"
    nibabel.Nifti1Image(U, np.diag([2.0, 2, 5, 1])).to_filename(source)
    assert run(source, target, "--sigma", 12) == 0
    assert "volume, voxels 1 x 1 x 2.5, noise 12" in capsys.readouterr().out
    result = nibabel.load(target)
    np.testing.assert_array_equal(result.header.get_zooms(), (2, 2, 5))
    found = np.asanyarray(result.dataobj)
    np.testing.assert_array_equal(found, pdenet.denoise(U, 12, spacing=(1, 1, 2.5)))
    assert np.abs(found - pdenet.denoise(U, 12)).max() > 0.1
    assert run(source, target, "--overwrite") == 0
    line = capsys.readouterr().out
    assert f"estimated noise {pdenet.estimate_noise(U):.4g}" in line


def test_mrc_with_a_model_of_noise(tmp_path):
    mrcfile = pytest.importorskip("mrcfile")
    with mrcfile.new(tmp_path / "a.mrc", np.abs(U)) as file:
        file.voxel_size = 1.5
    assert run(tmp_path / "a.mrc", tmp_path / "b.mrc", "--noise-model", "rician", "--sigma",
               12) == 0
    with mrcfile.open(tmp_path / "b.mrc") as file:
        np.testing.assert_array_equal(file.data, pdenet.denoise(
            np.abs(U), noise=pdenet.RicianNoise(12.0), spacing=(1, 1, 1)))


def test_tiff_stacks_as_volumes_or_page_by_page(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", U, metadata={"axes": "ZYX", "spacing": 2.0}, imagej=True)
    whole = pdenet.denoise(U, 12, spacing=(2, 1, 1))
    pages = np.stack([pdenet.denoise(page, 12) for page in U])
    for words, expected in (([], whole), (["--slices"], pages),
                            (["--spacing", 1, 1, 1], pdenet.denoise(U, 12))):
        assert run(tmp_path / "a.tif", tmp_path / "b.tif", "--sigma", 12, "--overwrite",
                   *words) == 0
        np.testing.assert_array_equal(tifffile.imread(tmp_path / "b.tif"), expected)
    tifffile.imwrite(tmp_path / "plain.tif", U)
    for words, expected in (([], pages), (["--volume"], pdenet.denoise(U, 12))):
        assert run(tmp_path / "plain.tif", tmp_path / "c.tif", "--sigma", 12, "--overwrite",
                   *words) == 0
        np.testing.assert_array_equal(tifffile.imread(tmp_path / "c.tif"), expected)


def test_a_network_of_ones_own(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", U)
    network = pdenet.models.perona_malik(30.0, steps=2, tau=0.1, spacing=(1, 1, 1))
    network.save(tmp_path / "own.json")
    assert run(tmp_path / "a.tif", tmp_path / "b.tif", "--volume", "--parameters",
               tmp_path / "own.json") == 0
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "b.tif"), network(U))


def test_zarr_arrays(tmp_path):
    zarr = pytest.importorskip("zarr")
    pytest.importorskip("dask.array")
    array = zarr.create_array(tmp_path / "a.zarr", shape=U.shape, dtype="f4", chunks=(3, 5, 6))
    array[:] = U
    assert run(tmp_path / "a.zarr", tmp_path / "b.zarr", "--volume", "--sigma", 12) == 0
    np.testing.assert_array_equal(zarr.open_array(tmp_path / "b.zarr", mode="r")[:],
                                  pdenet.denoise(U, 12))


def test_pixels_that_are_no_squares_are_refused(tmp_path, capsys):
    tifffile.imwrite(tmp_path / "a.tif", U[0])
    assert run(tmp_path / "a.tif", tmp_path / "b.tif", "--spacing", 3, 1) != 0
    assert "spacing must be (dz, dy, dx) for volumes" in capsys.readouterr().err
