"""The disk cache of compiled kernels: it may be missing, locked or damaged, never in the way."""

import os
import pathlib
import shutil
import subprocess
import sys

import pdenet

CODE = ("import numpy, pdenet, sys; u = numpy.arange(12.).reshape(3, 4); "
        "v = pdenet.eed(u, contrast=1, time=5); "
        "assert abs(v.mean() - u.mean()) < 1e-9; print(pdenet.compiling.cache_state("
        "pdenet.kernels.gaussian.smooth))")


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
    """As for a package on a read-only disk, and a user without a home."""
    folder = copy(tmp_path)
    (folder / "pdenet" / "__pycache__").write_text("a file where the folder should be")
    blocked = tmp_path / "blocked"
    blocked.write_text("")
    out, err = run(folder, HOME=str(blocked), XDG_CACHE_HOME=str(blocked))
    assert err.count("pdenet compiles without its disk cache") == 1
    assert "UserWarning" in err and "Traceback" not in err
    assert out == "none: kernels are compiled at every start\n"


def test_changed_sources_void_the_cache(tmp_path):
    folder, cache = copy(tmp_path), tmp_path / "cache"
    run(folder, NUMBA_CACHE_DIR=str(cache))
    before = {path: path.stat().st_mtime_ns for path in cache.rglob("kernels*.nbi")}
    os.utime(folder / "pdenet" / "compiling.py", (1e9, 1e9))
    run(folder, NUMBA_CACHE_DIR=str(cache))
    assert before and all(path.stat().st_mtime_ns > old for path, old in before.items())
