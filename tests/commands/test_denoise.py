"""pdenet denoise and pdenet train denoiser as a user types them."""

import json
import os
import pathlib

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from skimage import data

import pdenet
from pdenet.commands import main as cli

from .test_main import COLOUR, GREY, fails, here, run

assert here  # a fixture

NOISY = np.clip(data.camera()[100:164, 200:280] + np.random.default_rng(0).normal(0, 20, (64, 80)),
                0, 255).astype(np.uint8)


def denoise(*arguments):
    return cli.main(["denoise", *map(str, arguments)])


def test_first_contact(here):
    done = run("denoise", "example:camera", "--noise", "40", "out.png")
    assert done.returncode == 0, done.stderr
    before, after = (float(word) for word in done.stdout.split() if word.startswith(("1", "2"))
                     and "." in word)
    assert 16 < before < 17 and 27.5 < after < 29
    result = iio.imread("out.png")
    assert result.dtype == np.uint8
    error = np.mean((result.astype(float) - data.camera())**2)
    assert 10 * np.log10(255**2 / error) == pytest.approx(after, abs=0.03)  # the file is cut at 0


def test_a_file(here, capsys):
    iio.imwrite("noisy.png", NOISY)
    assert denoise("noisy.png", "out.png", "--sigma", 20) == 0
    assert capsys.readouterr().out == "out.png: noise 20\n"
    expected = np.clip(np.rint(pdenet.denoise(NOISY, 20)), 0, 255)
    np.testing.assert_array_equal(iio.imread("out.png"), expected)
    assert denoise("noisy.png", "shared.tif", "--shared", "--dtype", "float32") == 0
    assert capsys.readouterr().out.startswith("shared.tif: estimated noise ")
    np.testing.assert_allclose(tifffile.imread("shared.tif"), pdenet.denoise(NOISY, shared=True),
                               rtol=1e-6)


def test_colour_is_coupled(here):
    assert denoise("colour.png", "out.png", "--sigma", 30, "--quiet") == 0
    expected = np.clip(np.rint(pdenet.denoise(COLOUR, 30, channel_axis=-1)), 0, 255)
    np.testing.assert_array_equal(iio.imread("out.png"), expected)


@pytest.mark.parametrize("imagej", [False, True])
@pytest.mark.parametrize("axes, shape", [("TYX", (3, 20, 26)), ("TYXS", (3, 20, 26, 3)),
                                         ("TZYX", (2, 3, 20, 26))])
def test_pages_of_a_stack(here, capsys, axes, shape, imagej):
    pixels = np.random.default_rng(0).integers(0, 60000, shape).astype(np.uint16)
    if axes.endswith("S"):
        pixels = (pixels // 256).astype(np.uint8)
    tifffile.imwrite("stack.tif", pixels, imagej=imagej, metadata={"axes": axes},
                     photometric="rgb" if axes.endswith("S") else "minisblack")
    assert denoise("stack.tif", "out.tif", "--sigma", 50, "--slices") == 0
    count = int(np.prod(shape[:2])) if axes == "TZYX" else 3
    assert capsys.readouterr().out == f"out.tif: {count} pages, noise 50\n"
    with tifffile.TiffFile("out.tif") as file:
        assert file.series[0].axes == axes
        result = file.asarray()
    assert result.dtype == pixels.dtype and result.shape == shape
    size = 3 if axes.endswith("S") else 2
    for page, source in zip(result.reshape(-1, *shape[-size:]),
                            pixels.reshape(-1, *shape[-size:]), strict=True):
        expected = pdenet.denoise(source, 50, channel_axis=-1 if size == 3 else None)
        np.testing.assert_array_equal(page, np.clip(np.rint(expected), 0,
                                                    np.iinfo(page.dtype).max))


def test_stacks_that_are_refused_leave_nothing(here, capsys):
    pixels = np.random.default_rng(0).normal(size=(3, 20, 26)).astype(np.complex64)
    tifffile.imwrite("stack.tif", pixels, photometric="minisblack")
    fails(capsys, 2, "stack.tif page 1: image must hold real numbers", "denoise", "stack.tif",
          "out.tif", "--sigma", 1)
    fails(capsys, 2, "out.png: must end in .tif", "denoise", "stack.tif", "out.png", "--sigma", 1)
    fails(capsys, 2, "--noise is for a single image", "denoise", "stack.tif", "out.tif",
          "--noise", 1)


@pytest.fixture
def folder(here):
    os.mkdir("in")
    for name in ("a.png", "b.tif", "c.png"):
        iio.imwrite(f"in/{name}", NOISY)
    with open("in/notes.txt", "w") as file:
        file.write("no image")
    return here


def test_a_folder_goes_on_where_it_was(folder, capsys):
    assert denoise("in", "out", "--sigma", 20) == 0
    assert capsys.readouterr().out == (
        "out/a.png: noise 20\nout/b.tif: noise 20\nout/c.png: noise 20\n"
        "out: 3 written, 0 there already, 0 failed; 1 of other formats skipped\n")
    assert sorted(os.listdir("out")) == [".pdenet.json", "a.png", "b.tif", "c.png"]
    np.testing.assert_array_equal(iio.imread("out/a.png"),
                                  np.clip(np.rint(pdenet.denoise(NOISY, 20)), 0, 255))
    os.unlink("out/b.tif")
    before = os.stat("out/a.png").st_mtime_ns
    assert denoise("in", "out", "--sigma", 20) == 0
    assert "\nout: 1 written, 2 there already, 0 failed; 1 of" in capsys.readouterr().out
    assert os.stat("out/a.png").st_mtime_ns == before
    assert denoise("in", "out", "--sigma", 20, "--overwrite", "--quiet") == 0
    assert os.stat("out/a.png").st_mtime_ns > before
    assert capsys.readouterr().out == ""


def test_failures_in_a_folder(folder, capsys):
    with open("in/bad.png", "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\nrubbish")
    tifffile.imwrite("in/complex.tif", np.full((9, 9), 1j))
    assert denoise("in", "out", "--sigma", 20) == 1
    out, err = capsys.readouterr()
    assert "\nout: 3 written, 0 there already, 2 failed; 1 of other formats skipped\n" in out
    lines = err.strip().splitlines()
    assert len(lines) == 2 and "Traceback" not in err
    assert lines[0].startswith("pdenet: in/bad.png: ")
    assert lines[1].startswith("pdenet: in/complex.tif: image must hold real numbers")
    assert sorted(os.listdir("out")) == [".pdenet.json", "a.png", "b.tif", "c.png"]


@pytest.mark.parametrize("message, arguments", [
    ("missing.png: no such file", ["missing.png", "out.png"]),
    ("grey.png: exists already", ["grey.png", "grey.png"]),
    ("out.gif: the name must end in one of", ["grey.png", "out.gif"]),
    ("--sigma must be a finite number > 0; got 0.0", ["grey.png", "out.png", "--sigma", 0]),
    ("out.png: is an image of this command", ["grey.png", "out.png", "--report", "out.png"]),
    ("grey.png: is an image of this command", ["grey.png", "out.png", "--report", "./grey.png"]),
    ("--noise must be a finite number > 0; got -3.0", ["grey.png", "out.png", "--noise", -3]),
    ("--shared does not apply with --parameters", ["grey.png", "out.png", "--shared",
                                                   "--parameters", "grey.png"]),
    ("empty: holds no files", ["empty", "out"]),
    ("grey.png: must be a folder, as in is one", ["in", "grey.png"]),
    ("in: is the input, too", ["in", "in"]), ("--noise is for a single", ["in", "o", "--noise", 1]),
    ("example:what: the examples are", ["example:what", "out.png"])])
def test_wrong_usage(folder, capsys, message, arguments):
    os.mkdir("empty")
    fails(capsys, 2, message, "denoise", *arguments)


def test_learning_from_noisy_files(here, capsys):
    iio.imwrite("a.png", NOISY)
    iio.imwrite("b.png", NOISY[:40])
    arguments = ["train", "denoiser", "mine.json", "--noisy", "a.png", "b.png", "--epochs", "6"]
    assert cli.main([*arguments, "--sigma", "20"]) == 0
    assert "mine.json: denoiser, 6 epochs, an estimated mean squared error of " \
        in capsys.readouterr().out
    with open("mine.json") as file:
        provenance = json.load(file)["provenance"]
    assert provenance["command"].startswith("pdenet train denoiser mine.json --noisy a.png b.png "
                                            "--sigma 20 20 --optimizer lbfgs --epochs 6")
    network = pdenet.load("mine.json")
    assert sum(map(np.size, network.parameters.values())) == 38
    assert denoise("a.png", "out.png", "--parameters", "mine.json") == 0
    np.testing.assert_array_equal(iio.imread("out.png"),
                                  np.clip(np.rint(network(NOISY)), 0, 255))
    assert not os.path.exists("mine.json.checkpoint")


@pytest.mark.parametrize("message, arguments", [
    ("denoiser learns from images: --noisy FILE", ["denoiser", "o.json"]),
    ("--alpha does not apply to denoiser", ["denoiser", "o.json", "--noisy", "grey.png", "--alpha",
                                            0.3]),
    ("--noisy does not apply to isotropic", ["isotropic", "o.json", "--noisy", "grey.png"]),
    ("noisy must have the same number of channels; got [1, 3]",
     ["denoiser", "o.json", "--sigma", 5, "--noisy", "grey.png", "colour.png"]),
    ("grey.png: exists already", ["denoiser", "grey.png", "--noisy", "grey.png"])])
def test_wrong_training(here, capsys, message, arguments):
    assert GREY.ndim == 2
    fails(capsys, 2, message, "train", *arguments)


# Models of noise ----------------------------------------------------------------------------


@pytest.mark.parametrize("words, model, line", [
    ("poisson --gain 8 --sigma 4 --offset 0", pdenet.PoissonNoise(8, 4, 0),
     "noise poisson: gain 8, sigma 4, offset 0"),
    ("speckle --looks 5", pdenet.SpeckleNoise(5), "noise speckle: looks 5"),
    ("speckle --looks 5 --amplitude", pdenet.SpeckleNoise(5, True), "noise speckle: looks 5"),
    ("rician --sigma 20", pdenet.RicianNoise(20), "noise rician: sigma 20"),
    ("poisson", pdenet.PoissonNoise(), "estimated noise poisson: gain "),
    ("speckle", pdenet.SpeckleNoise(), "estimated noise speckle: looks "),
    ("rician", pdenet.RicianNoise(), "estimated noise rician: sigma ")])
def test_models_of_noise(here, capsys, words, model, line):
    iio.imwrite("noisy.png", NOISY)
    assert denoise("noisy.png", "out.tif", "--dtype", "float64", "--noise-model", *words.split(),
                   "--report", "report.csv") == 0
    assert capsys.readouterr().out.startswith(f"out.tif: {line}")
    np.testing.assert_array_equal(tifffile.imread("out.tif"), pdenet.denoise(NOISY, noise=model))
    header, row = pathlib.Path("report.csv").read_text().splitlines()
    found = dict(zip(header.split(","), row.split(","), strict=True))
    for name, value in zip(model.numbers, model.estimate(NOISY).known, strict=True):
        assert float(found[name]) == pytest.approx(value, rel=1e-4)


def test_models_of_channels_are_told_each(here, capsys):
    assert denoise("colour.png", "out.png", "--noise-model", "rician") == 0
    told = capsys.readouterr().out.rpartition("sigma ")[2].split(", ")
    expected = [model.sigma for model in pdenet.RicianNoise().estimate(COLOUR, channel_axis=-1)]
    np.testing.assert_allclose([float(value) for value in told], expected, rtol=1e-3)


@pytest.mark.parametrize("words, message", [
    ("--gain 3", "--gain is of --noise-model poisson"),
    ("--noise-model rician --gain 3", "--gain is of --noise-model poisson"),
    ("--noise-model poisson --looks 3", "--looks is of --noise-model speckle"),
    ("--amplitude", "--amplitude is of --noise-model speckle"),
    ("--noise-model speckle --sigma 3", "--sigma does not apply with --noise-model speckle"),
    ("--noise-model rician --noise 3", "--noise adds Gaussian noise, which --noise-model does not"),
    ("--noise-model poisson --gain -1", "gain must be a finite number >= 0; got -1"),
    ("--noise-model speckle --looks 0", "looks must be a finite number > 0; got 0"),
    ("--noise-model salt", "invalid choice: 'salt'")])
def test_mistakes_about_models(here, capsys, words, message):
    iio.imwrite("noisy.png", NOISY)
    fails(capsys, 2, message, "denoise", "noisy.png", "out.png", *words.split())


def test_speckle_has_no_negative_intensities(here, capsys):
    tifffile.imwrite("noisy.tif", NOISY.astype(np.float32) - 150)
    fails(capsys, 2, "noisy.tif: intensities with speckle must not be negative; the image has -",
          "denoise", "noisy.tif", "out.tif", "--noise-model", "speckle")
