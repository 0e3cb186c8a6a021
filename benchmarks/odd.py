"""Odd files, images, arguments and commands, at random: how many were tried and survived."""

import contextlib
import inspect
import io
import json
import os
import pathlib
import random
import reprlib
import signal

import imageio.v3 as iio
import numpy as np

import pdenet
from pdenet.learning import noise_levels
from pdenet.commands import main as command_line
from pdenet.files import document
from pdenet.learning.checkpoints import Checkpoint
from pdenet.network import catalogue


def odd_documents(count):
    """Parameter files, denoisers and checkpoints with bytes or entries changed at random."""
    network = pdenet.models.multiscale(5.0, sigmas=[0.0, 1.0], steps=2)
    network.save("good.json")
    good = pathlib.Path("good.json").read_bytes()
    family = json.dumps({"format": noise_levels.FORMAT, "version": catalogue.VERSION,
                         "provenance": {}, **noise_levels.constant(network, 2).describe()}).encode()
    with Checkpoint("checkpoint.json", lambda: {"a": 1}) as file:
        file.save({"x": [1.0, 2.0]})
    state = pathlib.Path("checkpoint.json").read_bytes()
    generator, survived = random.Random(0), 0
    for k in range(count):
        original, read = ((good, pdenet.load), (family, _load_denoiser),
                          (state, _load_checkpoint))[k % 3]
        with open("odd.json", "wb") as file:
            file.write(_spoil(original, generator))
        try:
            with _limited():
                read("odd.json")
            survived += 1
        except ValueError as error:  # FormatError, or another training's checkpoint
            survived += len(str(error)) < 2000
    return count, survived


def _load_denoiser(name):
    noise_levels.build(document.read(name))


def _load_checkpoint(name):
    with Checkpoint(name, lambda: {"a": 1}) as file:
        file.load()


TOKENS = (b"null", b"NaN", b"-1", b"1e999", b"[]", b"{}", b'"x"', b"true", b"0", b"9" * 400,
          b"[" * 2000, b"\xff\xfe", b"", b"1e-320", b'{"name": "os.system"}')


def _spoil(content, generator):
    content = bytearray(content)
    for _ in range(generator.randint(1, 4)):
        place = generator.randrange(len(content) + 1)
        kind = generator.random()
        if kind < 0.3:
            del content[place:place + generator.randint(1, 40)]
        elif kind < 0.6:
            content[place:place + generator.randint(0, 12)] = generator.choice(TOKENS)
        elif kind < 0.8 and place < len(content):
            content[place] = generator.randrange(256)
        else:
            del content[place:]
    return bytes(content)


def odd_arrays(count):
    """Images of odd types, layouts, shapes and values: an image of the same shape, or an error."""
    rng, survived = np.random.default_rng(0), 0
    types = ("u1", "i8", "f2", "f4", "f8", ">f4", ">i2", "?", "c8", "U3", "O", "M8[s]", "g")
    pdenet.denoise(np.eye(9), 10)  # compiles, without a limit of time
    pdenet.denoise(np.random.default_rng(1).normal(size=(6, 7, 8)), 10, spacing=(1, 1, 1))
    for _ in range(count):
        shape = tuple(rng.integers(0, 9, rng.integers(0, 5)))
        with np.errstate(all="ignore"):
            image = (rng.normal(0, 10.0**rng.integers(-30, 40), shape)
                     if rng.random() < 0.8 else rng.choice([np.nan, np.inf, 0], shape))
            kind = rng.choice(types)
            image = (np.zeros(shape, kind) if kind in ("U3", "M8[s]") else
                     np.asarray(image).astype(kind))
        if image.ndim and rng.random() < 0.3:
            image = image[::-1]
        axis = [None, -1, 0, 5, "x", True][rng.integers(6)]
        try:
            with _limited():
                result = pdenet.denoise(image, 10, channel_axis=axis)
            survived += result.shape == image.shape and bool(np.isfinite(result).all())
        except (TypeError, ValueError) as error:  # AxisError, too
            survived += len(str(error)) < 2000
    return count, survived


def odd_images(count):
    """Image files with bytes changed at random: one line and a code, no file half-written."""
    files = {}
    for suffix in (".png", ".tif", ".jpg"):
        buffer = io.BytesIO()
        iio.imwrite(buffer, np.random.default_rng(0).integers(0, 255, (9, 11)).astype(np.uint8),
                    extension=suffix)
        files[suffix] = buffer.getvalue()
    generator, survived = random.Random(1), 0
    for k in range(count):
        suffix = sorted(files)[k % 3]
        with open(f"odd{suffix}", "wb") as file:
            file.write(_spoil(files[suffix], generator))
        message = _StandardError()
        with contextlib.redirect_stderr(message), _limited():
            status = command_line.main(["denoise", f"odd{suffix}", "odd-out.png", "--sigma", "5",
                                        "--quiet"])
        lines = message.text.splitlines()
        survived += (status == 0 and os.path.exists("odd-out.png")
                     or status in (1, 2) and not os.path.exists("odd-out.png")
                     and bool(lines) and lines[-1].startswith("pdenet: "))
        pathlib.Path("odd-out.png").unlink(missing_ok=True)
    return count, survived


NETWORK = pdenet.models.multiscale(5.0, sigmas=[0.0, 1.0], steps=2)
SMALL = np.random.default_rng(0).uniform(0, 255, (9, 7))
ODD = (None, True, False, 0, 1, -1, 3, 2.5, 1e-300, 1e300, 10**400, float("nan"), float("inf"), "",
       "eed", "fed", b"x", [], [1.0], [3, 2, 1], {}, object(), SMALL, SMALL > 9, SMALL * 1j, print,
       np.float32(2), np.int8(3), np.array(4.0), pdenet.Exponential(5.0), NETWORK, (1, 2))
CALLS = (*((getattr(pdenet, name), (SMALL,), {"contrast": 5.0, "time": 1.0})
           for name in ("perona_malik", "you_kaveh", "lysaker_lundervold_tai", "gerig",
                        "weickert_brox", "eed", "weickert_1994", "multiscale")),
         (pdenet.denoise, (SMALL, 10), {}), (pdenet.denoiser, (10.0,), {}),
         (NETWORK, (SMALL,), {}), (NETWORK.evolve, (SMALL, 1.0), {}),
         (NETWORK.vjp, (SMALL,), {}), (NETWORK.loss_and_gradient, (SMALL, SMALL), {}),
         (NETWORK.with_parameters, ({"tau": 0.1},), {}), (NETWORK.energy, (SMALL,), {}),
         (pdenet.fit, (NETWORK, SMALL, SMALL), {"epochs": 1}),
         (pdenet.fit_noisy, (NETWORK, SMALL, 10), {"epochs": 1}), (pdenet.Adam, (), {}),
         (pdenet.LBFGS, (), {}),
         (pdenet.ScaleSpace, ([0.0, 1.0],), {}), (pdenet.Gradient, (), {}),
         (pdenet.DiffusionBlock, (NETWORK.operator, NETWORK.scales, NETWORK.flux), {}),
         (pdenet.DiffusionNetwork, (NETWORK.operator, NETWORK.scales, NETWORK.flux), {}),
         (pdenet.rectangles, (1, 30), {}), (pdenet.add_noise, (SMALL, 10), {}),
         (pdenet.estimate_contrast, (NETWORK, SMALL), {}),
         (pdenet.estimate_time, (NETWORK, SMALL), {}), (pdenet.pretrained, ("anisotropic",), {}))


def odd_arguments(count):
    """One argument or two of a public function are odd: a result, or an error that names them."""
    generator, survived = random.Random(2), 0
    pdenet.denoise(SMALL, 10, adapt=True)  # what is compiled first takes its time
    for _ in range(count):
        function, given, named = generator.choice(CALLS)
        given, named = list(given), dict(named)
        names = [name for name, parameter in inspect.signature(function).parameters.items()
                 if parameter.kind is not parameter.VAR_KEYWORD]
        for _ in range(generator.randint(1, 2)):
            k = generator.randrange(len(names))
            if names[k] in ("callback", "progress", "client"):  # called, whatever they are
                continue
            if k < len(given):
                given[k] = generator.choice(ODD)
            else:
                named[names[k]] = generator.choice(ODD)
        named = {name: value for name, value in named.items() if name not in names[:len(given)]}
        try:
            with _limited():
                function(*given, **named)
            survived += 1
        except (TypeError, ValueError, FileNotFoundError, FloatingPointError) as error:
            survived += 0 < len(str(error)) < 2000
        except BaseException as error:
            print(f"  {getattr(function, '__qualname__', function)}: {reprlib.repr(given)}, "
                  f"{reprlib.repr(named)}: {type(error).__name__}: {error}")
    return count, survived


WORDS = ("filter", "denoise", "train", "info", "eed", "multiscale", "isotropic", "in.png", "no.png",
         "odd-out.png", "folder", ".", "", "--contrast", "--time", "--sigma", "--sigmas", "--dtype",
         "uint8", "float32", "--workers", "--overwrite", "--max-pixels", "--parameters", "--noise",
         "--seed", "--epochs", "--images", "--optimizer", "adam", "lbfgs", "--checkpoint", "-1",
         "0", "1", "2.5", "1e400", "nan", "in.json", "\x00", "example:camera",
         "http://localhost/a.png", "out.zarr", "--help")


def odd_commands(count):
    """Words of the command line at random: done, or one line and a code; the input stays."""
    iio.imwrite("in.png", SMALL.astype(np.uint8))
    NETWORK.save("in.json")
    os.makedirs("folder", exist_ok=True)
    before = [pathlib.Path(name).read_bytes() for name in ("in.png", "in.json")]
    generator, survived = random.Random(3), 0
    for _ in range(count):
        words = [generator.choice(WORDS[:4]), *generator.choices(WORDS, k=generator.randint(0, 6))]
        if generator.random() < 0.5:  # likely to begin work
            words[1:1] = generator.choice((["eed", "in.png", "odd-out.png"], ["in.png", "odd.tif"]))
        if words[0] == "train":
            words += ["--epochs", "1", "--images", "1"]
        message = _StandardError()
        try:
            with (contextlib.redirect_stderr(message), contextlib.redirect_stdout(_StandardError()),
                  _limited()):
                status = command_line.main(words)
        except SystemExit as error:  # argparse
            status = error.code
        except BaseException as error:
            print(f"  {words}: {type(error).__name__}: {error}")
            continue
        kept = [pathlib.Path(name).read_bytes() for name in ("in.png", "in.json")] == before
        survived += (kept or "--overwrite" in words) and (
            status == 0 or status in (1, 2) and "Traceback" not in message.text
            and "pdenet" in message.text.splitlines()[-1])
        for name in {*os.listdir(), *(f"folder/{name}" for name in os.listdir("folder"))}:
            if os.path.isfile(name) and name not in ("in.png", "in.json"):
                os.unlink(name)
        if not kept:
            pathlib.Path("in.png").write_bytes(before[0])
            pathlib.Path("in.json").write_bytes(before[1])
    return count, survived


class _Hang(BaseException):
    """No Exception, as the command line makes one line of those."""


@contextlib.contextmanager
def _limited(seconds=20):
    """Raise _Hang after so many seconds."""
    def stop(*_):
        raise _Hang
    old = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, old)


class _StandardError:
    encoding = "utf-8"

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text

    def flush(self):
        pass

    def isatty(self):
        return False
