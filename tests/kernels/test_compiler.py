"""The disk cache of compiled kernels: it may be missing, locked or damaged, never in the way."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

import pdenet
from pdenet.checks import check_number
from pdenet.kernels import compiler, formulas
from pdenet.kernels.vectors import fma

CODE = ("import numpy, pdenet, pdenet.kernels.compiler, pdenet.kernels.gaussian; "
        "u = numpy.arange(12.).reshape(3, 4); v = pdenet.eed(u, contrast=1, time=5); "
        "assert abs(v.mean() - u.mean()) < 1e-9; "
        "print(pdenet.kernels.compiler.cache_state(pdenet.kernels.gaussian.smooth))")


def run(folder, **environment):
    """Filter in a fresh process with a copy of the package, and return what it prints."""
    names = {"PATH", "LD_LIBRARY_PATH"}
    environment = {name: os.environ[name] for name in names & set(os.environ)} | environment
    done = subprocess.run([sys.executable, "-c", CODE], cwd=folder, env=environment, timeout=120,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def copy(tmp_path):
    source = pathlib.Path(pdenet.__file__).parent
    shutil.copytree(source, tmp_path / "pdenet", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_cache_is_used_and_damage_does_not_matter(tmp_path):
    folder, cache = copy(tmp_path), tmp_path / "cache"
    out, err = run(folder, NUMBA_CACHE_DIR=str(cache))
    assert str(cache) in out and err == ""
    indices = list(cache.rglob("*.nbi"))
    assert len(indices) > 3
    for k, index in enumerate(indices):  # truncated, overwritten, emptied
        index.write_bytes([index.read_bytes()[:40], b"nonsense" * 9, b""][k % 3])
    out, err = run(folder, NUMBA_CACHE_DIR=str(cache))
    assert err.count("pdenet compiles without its disk cache") == 1
    for content in cache.rglob("*.nbc"):
        content.write_bytes(b"nonsense")
    shutil.rmtree(cache)
    assert run(folder, NUMBA_CACHE_DIR=str(cache))[1] == ""


def test_no_place_for_the_cache(tmp_path):
    """A package on a read-only disk, and a user without a home."""
    folder = copy(tmp_path)
    kernels = folder / "pdenet" / "kernels"
    (kernels / "__pycache__").write_text("a file where the folder should be")
    blocked = tmp_path / "blocked"
    blocked.write_text("")
    out, err = run(folder, HOME=str(blocked), XDG_CACHE_HOME=str(blocked))
    assert err.count("pdenet compiles without its disk cache") == 1
    assert "UserWarning" in err and "Traceback" not in err
    assert out == "none: kernels are compiled at every start\n"


def test_the_contents_of_the_sources_decide_whether_the_cache_is_used(tmp_path):
    folder, cache = copy(tmp_path), tmp_path / "cache"

    def compiled():
        run(folder, NUMBA_CACHE_DIR=str(cache))
        return {path: path.stat().st_mtime_ns for path in cache.rglob("*.nbi")}

    first = compiled()
    source = folder / "pdenet" / "kernels" / "laws.py"
    os.utime(source, (1e9, 1e9))
    assert first and compiled() == first
    source.write_text(source.read_text() + "\n")
    again = compiled()
    assert again.keys() == first.keys() and all(again[path] > first[path] for path in first)


def test_every_file_of_the_folder_counts(tmp_path):
    folder = tmp_path / "kernels"
    shutil.copytree(formulas.FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    found = {compiler.stamp(folder)}
    sources = sorted(folder.rglob("*.py"))
    assert len(sources) >= 12
    for source in sources:
        text = source.read_text()
        source.write_text(text + "#")
        found.add(compiler.stamp(folder))
        source.write_text(text)
    assert len(found) == len(sources) + 1
    assert compiler.stamp(folder) == compiler.stamp(formulas.FOLDER)


def _outside(x):
    return fma(x, x, x) + _own(x)


def _with_a_class_of_the_package(x):
    return pdenet.DiffusionBlock(x)


def _own(x):
    return x


def _of_the_package(x):
    return check_number("x", x)


def _later(x):
    return fma(x, x, not_yet_defined(x))  # noqa: F821


@pytest.mark.parametrize("decorate", [compiler.kernel, formulas.formula])
@pytest.mark.parametrize("function, name", [
    (_outside, "_own"), (_of_the_package, "check_number"), (_later, "not_yet_defined"),
    (_with_a_class_of_the_package, "pdenet")])
def test_a_kernel_may_call_functions_of_its_folder_alone(decorate, function, name):
    with pytest.raises(TypeError, match=f"{function.__name__} uses {name}"):
        decorate(function)


def test_a_kernel_may_call_functions_of_its_folder():
    def inside(x):
        return fma(x, x, abs(x))

    assert formulas.formula(inside)(3.0) == 12.0
