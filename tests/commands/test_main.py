"""The command line as a user types it: results, messages, exit codes, files left behind."""

import fcntl
import os
import pty
import resource
import select
import signal
import stat
import struct
import subprocess
import sys
import termios
import time
import zlib

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from PIL import Image
from skimage import data

import pdenet
from pdenet.commands import main as cli, filter as filter_command
from pdenet.files import images as imagefiles

RNG = np.random.default_rng(0)
GREY = RNG.integers(40, 200, (20, 26)).astype(np.uint8)
COLOUR = RNG.integers(40, 200, (20, 26, 3)).astype(np.uint8)


def run(*arguments, **options):
    return subprocess.run([sys.executable, "-m", "pdenet", *map(str, arguments)],
                          capture_output=True, text=True, timeout=120, **options)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    iio.imwrite("grey.png", GREY)
    iio.imwrite("colour.png", COLOUR)
    return tmp_path


def fails(capsys, status, message, *arguments):
    """The command line fails with this status and one line, and writes no file."""
    before = sorted(os.listdir())
    try:
        code = cli.main([str(argument) for argument in arguments])
    except SystemExit as exit_:
        code = exit_.code
    out, err = capsys.readouterr()
    assert (code, out) == (status, "")
    last = err.strip().splitlines()[-1]
    assert message in last and "Traceback" not in err, err
    assert sorted(os.listdir()) == before


def test_first_contact(here):
    done = run("filter", "eed", "example:camera", "eed.png")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("eed.png: eed, contrast 0.1092, time ")
    image = data.camera()
    result = iio.imread("eed.png")
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, np.clip(np.rint(pdenet.eed(image)), 0, 255))
    assert os.listdir() == [name for name in os.listdir() if not name.startswith(".pdenet")]


@pytest.mark.parametrize("model", filter_command.MODELS)
@pytest.mark.parametrize("name", ["grey.png", "colour.png"])
def test_every_model_grey_and_colour(here, capsys, model, name):
    assert cli.main(["filter", model, name, "out.png", "--contrast", "9", "--time", "1"]) == 0
    image = iio.imread(name)
    axis = -1 if image.ndim == 3 else None
    filter_ = getattr(pdenet, model.replace("-", "_"))
    expected = filter_(image, contrast=9, time=1, channel_axis=axis)
    np.testing.assert_array_equal(iio.imread("out.png"), np.clip(np.rint(expected), 0, 255))


def test_options_reach_the_model(here, capsys):
    assert cli.main("filter eed grey.png a.tif --sigma 2.5 --time 3 --contrast 4 --diffusivity "
                    "rational --scheme explicit --workers 2 --dtype float64 --quiet".split()) == 0
    assert capsys.readouterr().out == ""
    expected = pdenet.eed(GREY, sigma=2.5, time=3, contrast=4, diffusivity="rational",
                          scheme="explicit")
    np.testing.assert_array_equal(tifffile.imread("a.tif"), expected)
    assert cli.main("filter multiscale grey.png b.tif --sigmas 0.5 1 --weights 1 0.5 --coupling "
                    "isotropic --time 3 --contrast 4 --dtype float32".split()) == 0
    expected = pdenet.multiscale(GREY, sigmas=[0.5, 1], weights=[1, 0.5], coupling="isotropic",
                                 time=3, contrast=4)
    np.testing.assert_array_equal(tifffile.imread("b.tif"), expected.astype(np.float32))


def test_examples_are_here():
    for name in imagefiles.EXAMPLES:
        assert imagefiles.read(f"example:{name}").pixels.size > 1000


def sixteen_bit_colour_png(name):
    """A PNG that Pillow would read with 8 bits."""
    def chunk(kind, body):
        check = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + check

    header = struct.pack(">IIBBBBB", 26, 20, 16, 2, 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in (COLOUR.astype(">u2") * 256))
    with open(name, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
                   + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def bomb(name):
    """A PNG header that promises 10 gigapixels."""
    sixteen_bit_colour_png(name)
    with open(name, "rb") as file:
        content = bytearray(file.read())
    content[16:24] = (100_000).to_bytes(4, "big") * 2
    content[24:26] = bytes([8, 0])
    content[29:33] = zlib.crc32(bytes(content[12:29])).to_bytes(4, "big")
    with open(name, "wb") as file:
        file.write(content)


def test_bad_inputs(here, capsys):
    def bad(status, message, name, *options):
        fails(capsys, status, message, "filter", "eed", name, "x.tif", *options)

    bad(2, "missing.png: no such file", "missing.png")
    bad(2, "http://x.org/a.png: no such file", "http://x.org/a.png")
    bad(2, "example:nothing: the examples are astronaut, brick, camera", "example:nothing")
    os.mkdir("folder.png")
    bad(2, "folder.png: holds no files that end in one of .png,", "folder.png")
    (here / "text.png").write_text("not an image")
    bad(1, "text.png: not a readable PNG image", "text.png")
    (here / "empty.tif").write_bytes(b"")
    bad(1, "empty.tif: not a readable TIFF image", "empty.tif")
    (here / "half.png").write_bytes((here / "colour.png").read_bytes()[:400])
    bad(1, "half.png: not a readable PNG image", "half.png")
    (here / "array.npy").write_bytes(b"x")
    bad(2, "array.npy: the name must end in one of .png, .jpg, .jpeg, .tif, .tiff", "array.npy")
    bomb("bomb.png")
    bad(1, "are 10000000000 pixels, more than the limit of 268435456; --max-pixels",
        "bomb.png")
    bad(1, "grey.png: 20x26 are 520 pixels, more than the limit of 500; --max-pixels raises it",
        "grey.png", "--max-pixels", "500")
    with tifffile.TiffWriter("two.tif") as file:
        for size in (8, 9):
            file.write(np.zeros((size, 9), np.uint8), photometric="minisblack")
    bad(1, "two.tif: must hold one image or pages of one size; it has 2 series of shapes (8, 9)",
        "two.tif")
    Image.fromarray(GREY).save("two.png", save_all=True, append_images=[Image.fromarray(GREY + 1)])
    bad(1, "two.png: holds several images; split it first", "two.png")
    tifffile.imwrite("palette.tif", GREY, photometric="palette", colormap=np.zeros((3, 256), "u2"))
    bad(1, "palette.tif: holds palette indices, which cannot be filtered", "palette.tif")
    tifffile.imwrite("complex.tif", np.array([[1j, 2]]))
    bad(2, "complex.tif: image must hold real numbers (bool, integer or float); got dtype complex1",
        "complex.tif")


def test_bad_outputs(here, capsys):
    def bad(status, message, name, *options):
        fails(capsys, status, message, "filter", "eed", "grey.png", name, *options)

    bad(2, "grey.png: exists already; --overwrite replaces it", "grey.png")
    bad(2, "x.gif: the name must end in one of", "x.gif")
    bad(2, "none/x.png: there is no directory none", "none/x.png")
    bad(2, "x.png: PNG cannot hold float32 grey values; write a .tif, or add --dtype uint8, which "
        "rounds to nearest and clips to 0..255 and never rescales", "x.png", "--dtype", "float32")
    bad(2, "x.jpg: JPEG cannot hold uint16 grey values", "x.jpg", "--dtype", "uint16")
    assert cli.main("filter eed grey.png colour.png --overwrite".split()) == 0
    assert iio.imread("colour.png").shape == GREY.shape


def test_bad_options(here, capsys):
    def bad(message, *options, model="eed"):
        fails(capsys, 2, message, "filter", model, "grey.png", "x.png", *options)

    bad("contrast must be a finite number > 0; got -3.0", "--contrast", "-3")
    bad("contrast must be a finite number > 0; got nan", "--contrast", "nan")
    bad("argument --contrast: invalid float value: 'big'", "--contrast", "big")
    bad("time must be a finite number >= 0; got -1.0", "--time", "-1")
    bad("sigma must be a finite number >= 0; got -1.0", "--sigma", "-1")
    bad("--sigma does not apply to gerig", "--sigma", "1", model="gerig")
    bad("--coupling does not apply to eed", "--coupling", "isotropic")
    bad("sigmas must be increasing and >= 0; got [2.0, 1.0]", "--sigmas", "2", "1",
        model="multiscale")
    bad("weights must have one value for each of the 2 sigmas; got 1", "--sigmas", "1", "2",
        "--weights", "1", model="multiscale")
    bad("workers must be a whole number >= 1; got 0", "--workers", "0")
    bad("argument MODEL: invalid choice: 'blur' (choose from ", model="blur")
    bad("argument MODEL: invalid choice: 'edd'; did you mean eed? (choose from ", model="edd")
    bad("invalid choice: 'perona_malik'; did you mean perona-malik? (", model="perona_malik")
    bad("invalid choice: 'exponental'; did you mean exponential? (", "--diffusivity", "exponental")
    bad("unrecognized arguments: --contrst=3; did you mean --contrast?", "--contrst=3")
    bad("unrecognized arguments: -x", "-x")
    fails(capsys, 2, "invalid choice: 'denoize'; did you mean denoise? (", "denoize", "a", "b")
    fails(capsys, 2, "unrecognized arguments: x", "info", "x")
    fails(capsys, 2, "the following arguments are required: COMMAND")
    fails(capsys, 2, "the following arguments are required: OUTPUT", "filter", "eed", "grey.png")


@pytest.mark.parametrize("arguments", [[], ["filter"], ["info"]])
def test_help_has_an_example(capsys, arguments):
    with pytest.raises(SystemExit) as exit_:
        cli.main([*arguments, "--help"])
    out = capsys.readouterr().out
    assert exit_.value.code == 0 and "example" in out and "\n  pdenet " in out
    assert max(map(len, out.splitlines())) <= 100


def test_info(capsys):
    assert cli.main(["info"]) == 0
    out = capsys.readouterr().out
    for word in ("pdenet", pdenet.__version__, "numba", np.__version__, "threads", "cache"):
        assert word in out
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"pdenet {pdenet.__version__}\n"


def test_progress_where_stderr_is_a_terminal(here):
    pytest.importorskip("tqdm")
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    done = subprocess.run([sys.executable, "-m", "pdenet", "filter", "eed", "grey.png", "x.png"],
                          stderr=slave, stdout=subprocess.PIPE, timeout=120)
    ready, _, _ = select.select([master], [], [], 5)
    shown = os.read(master, 10_000).decode() if ready else ""
    os.close(slave)
    os.close(master)
    assert done.returncode == 0 and "cycle" in shown


def test_ctrl_c_stops_within_a_second_and_leaves_nothing(here):
    iio.imwrite("large.png", np.tile(GREY, (60, 50)))
    command = [sys.executable, "-m", "pdenet", "filter", "perona-malik", "large.png", "x.png",
               "--scheme", "explicit", "--time"]
    subprocess.run([*command, "1"], check=True, timeout=120)  # compiles undisturbed
    os.remove("x.png")
    process = subprocess.Popen([*command, "100000"], stderr=subprocess.PIPE, text=True)
    time.sleep(4)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    begin = time.monotonic()
    _, err = process.communicate(timeout=30)
    assert time.monotonic() - begin < 10  # a second, and room for a busy machine
    assert process.returncode == 130
    assert err == "pdenet: interrupted; nothing was written\n"
    assert sorted(os.listdir()) == ["colour.png", "grey.png", "large.png"]


def limit_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def test_disk_full_keeps_the_old_file(here, tmp_path):
    before = (here / "grey.png").read_bytes()
    # Compiled kernels could not be stored either; that is a warning, not the point here.
    done = run("filter", "eed", "example:coins", "grey.png", "--overwrite", "--quiet",
               preexec_fn=limit_files, env=os.environ | {"PYTHONWARNINGS": "ignore"})
    assert done.returncode == 1
    assert done.stderr.startswith("pdenet: grey.png: cannot be written (")
    assert len(done.stderr.splitlines()) == 1
    assert (here / "grey.png").read_bytes() == before
    assert sorted(os.listdir()) == ["colour.png", "grey.png"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_folder(here, capsys):
    os.mkdir("locked")
    os.chmod("locked", stat.S_IRUSR | stat.S_IXUSR)
    assert cli.main(["filter", "eed", "grey.png", "locked/x.png"]) == 1
    assert "locked/x.png: cannot be written (" in capsys.readouterr().err


def test_written_files_have_ordinary_permissions(here, capsys):
    assert cli.main("filter eed grey.png x.png".split()) == 0
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(os.stat("x.png").st_mode) == 0o666 & ~mask


def test_a_file_made_meanwhile_is_not_replaced(here, capsys, monkeypatch):
    encode = imagefiles._encode

    def encode_slowly(*arguments):
        encode(*arguments)
        (here / "x.png").write_text("mine")
    monkeypatch.setattr(imagefiles, "_encode", encode_slowly)
    assert cli.main("filter eed grey.png x.png".split()) == 2
    assert "x.png: exists already" in capsys.readouterr().err
    assert (here / "x.png").read_text() == "mine"
    assert sorted(os.listdir()) == ["colour.png", "grey.png", "x.png"]


def test_overwriting_keeps_permissions_and_links(here, capsys):
    os.chmod("grey.png", 0o600)
    os.symlink("grey.png", "link.png")
    assert cli.main("filter eed colour.png link.png --overwrite".split()) == 0
    assert os.path.islink("link.png") and iio.imread("grey.png").shape == COLOUR.shape
    assert stat.S_IMODE(os.stat("grey.png").st_mode) == 0o600


def test_output_names_in_any_encoding(here):
    done = run("filter", "eed", "grey.png", "é.png", env=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0 and os.path.exists("é.png")


def test_a_folder_and_a_stack(here, capsys):
    """The manners are those of `pdenet denoise`, tested there; here that the filter is right."""
    os.mkdir("in")
    stack = np.stack([GREY, GREY[::-1]])
    iio.imwrite("in/a.png", GREY)
    iio.imwrite("in/b.png", COLOUR)
    tifffile.imwrite("in/c.tif", stack, photometric="minisblack")
    with open("in/d.png", "wb") as file:
        file.write(b"rubbish")
    arguments = ["filter", "eed", "in", "out", "--contrast", "9", "--time", "2"]
    assert cli.main(arguments) == 1
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "out/a.png: eed, contrast 9, time 2", "out/b.png: eed, contrast 9, time 2",
        "out/c.tif: 2 pages, eed, contrast 9, time 2", "out: 3 written, 0 there already, 1 failed"]
    assert err.startswith("pdenet: in/d.png: ") and len(err.splitlines()) == 1
    for name, pixels, axis in (("a.png", GREY, None), ("b.png", COLOUR, -1)):
        expected = pdenet.eed(pixels, contrast=9, time=2, channel_axis=axis)
        np.testing.assert_array_equal(iio.imread(f"out/{name}"),
                                      np.clip(np.rint(expected), 0, 255))
    for page, pixels in zip(tifffile.imread("out/c.tif"), stack, strict=True):
        expected = pdenet.eed(pixels, contrast=9, time=2)
        np.testing.assert_array_equal(page, np.clip(np.rint(expected), 0, 255))
    fails(capsys, 2, "--sigmas does not apply to eed", *arguments, "--sigmas", 3)
    fails(capsys, 2, "--scheduler is for the files of a folder", "filter", "eed", "grey.png",
          "x.png", "--scheduler", "tcp://127.0.0.1:1")
