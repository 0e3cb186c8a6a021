"""pdenet inpaint."""

import numpy as np
import pytest
import tifffile
from PIL import Image
from skimage import data

from pdenet.commands import inpaint
from pdenet.commands.main import main
from pdenet.inpainting import METHODS


@pytest.fixture
def files(tmp_path):
    image = data.camera()[100:160, 200:270].copy()
    mask = np.zeros(image.shape, np.uint8)
    mask[20:26] = 255
    Image.fromarray(image).save(tmp_path / "in.png")
    Image.fromarray(mask).save(tmp_path / "mask.png")
    return tmp_path, image, mask > 0


def test_a_mask(files, capsys):
    folder, image, mask = files
    names = [str(folder / name) for name in ("in.png", "mask.png", "out.png")]
    assert main(["inpaint", *names]) == 0
    out = np.asarray(Image.open(names[2]))
    np.testing.assert_array_equal(out[~mask], image[~mask])
    assert out.dtype == np.uint8 and 0 < np.abs(out[mask] - image[mask].astype(float)).mean() < 40
    assert "420 of 4200 pixels filled" in capsys.readouterr().out
    assert main(["inpaint", *names, "--method", "homogeneous", "--overwrite", "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    assert (np.asarray(Image.open(names[2])) != out).any()
    assert main(["inpaint", *names, "--guide", names[0], "--contrast", "9", "--sigma", "1",
                 "--overwrite"]) == 0


def test_random_pixels_of_an_example(tmp_path, capsys):
    assert main(["inpaint", "example:coins", str(tmp_path / "out.png"), "--random", "20"]) == 0
    line = capsys.readouterr().out
    assert float(line.split("PSNR ")[1].split(" dB")[0]) > 24


@pytest.mark.parametrize("nodata, tag, words", [
    (-9999, None, ["--nodata", "-9999"]), (-1, "-1", []), (np.nan, None, [])])
def test_nodata_is_filled_with_and_without_a_mask(files, capsys, nodata, tag, words):
    folder, image, mask = files
    pixels = image.astype(np.float32)
    pixels[40:44, 5:9] = nodata
    tags = [] if tag is None else [(42113, "s", 0, tag, True)]
    tifffile.imwrite(folder / "in.tif", pixels, extratags=tags)
    for number, names in ((16, ["in.tif", "a.tif"]), (436, ["in.tif", "mask.png", "b.tif"])):
        names = [str(folder / name) for name in names]
        assert main(["inpaint", *names, *words]) == 0
        assert f"{number} of 4200 pixels filled" in capsys.readouterr().out
        out = tifffile.imread(names[-1])
        assert -20 < out.min() and out.max() < 275
        known = ~mask if number > 16 else np.ones(mask.shape, bool)
        known[40:44, 5:9] = False
        np.testing.assert_array_equal(out[known], pixels[known])


def test_transparent_colours_do_not_come_into_the_image(files, capsys):
    folder, image, mask = files
    outs = []
    for colour in (0, 255):
        alpha = np.full(image.shape, 255, np.uint8)
        alpha[10:14, 3:60] = 0
        pixels = np.where(alpha == 0, colour, image).astype(np.uint8)
        Image.fromarray(np.dstack([pixels, alpha]), "LA").save(folder / "la.png")
        names = [str(folder / name) for name in ("la.png", "mask.png", "o.png")]
        assert main(["inpaint", *names, "--overwrite"]) == 0
        outs.append(np.asarray(Image.open(names[2])))
        np.testing.assert_array_equal(outs[-1][..., 1], alpha)
    np.testing.assert_array_equal(*outs)


@pytest.mark.parametrize("arguments, message", [
    (["in.png", "out.png"], "in.png: has no nodata, NaN or transparent pixels that could be"),
    (["in.png"], "give INPUT, MASK and OUTPUT"),
    (["in.png", "mask.png", "out.png", "--nodata", "x"], "--nodata must be a number or nan"),
    (["in.png", "mask.png", "out.png", "--workers", "0"], "workers must be"),
    (["in.png", "mask.png", "out.png", "--random", "5"], "give INPUT, MASK and OUTPUT"),
    (["mask.png", "small.png", "out.png"], "a mask must be a grey image of 60 x 70"),
    (["in.png", "mask.png", "out.png", "--contrast", "0"], "contrast must be"),
    (["in.png", "out.png", "--random", "0"], "--random must be")])
def test_errors(files, capsys, arguments, message):
    folder = files[0]
    Image.fromarray(np.zeros((5, 6), np.uint8)).save(folder / "small.png")
    arguments = [str(folder / one) if one.endswith("png") else one for one in arguments]
    assert main(["inpaint", *arguments]) != 0
    assert message in capsys.readouterr().err
    assert not (folder / "out.png").exists()


def test_methods_are_those_of_the_function():
    assert inpaint.METHODS == METHODS
