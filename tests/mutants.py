"""Do checks notice what is wrong? A mutant is one place of the package, written otherwise."""

import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys

import pdenet


def survives(folder, code, mutant):
    """Whether checks, a program, pass with this mutant, (file, old text, new text), or with None,
    without compilation; the program sees in `sys.argv[1]` which of these."""
    copy = folder / f"{abs(hash(mutant))}"
    for source, name in ((pathlib.Path(pdenet.__file__).parent, "pdenet"),
                         (pathlib.Path(__file__).parent, "tests")):
        shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    if mutant is not None:
        name, old, new = mutant
        text = (copy / "pdenet" / name).read_text()
        assert text.count(old) == 1, (name, old, text.count(old))
        (copy / "pdenet" / name).write_text(text.replace(old, new))
    done = subprocess.run(
        [sys.executable, "-c", code, "none" if mutant is None else "mutant"], cwd=copy, timeout=900,
        env=os.environ | {"NUMBA_DISABLE_JIT": "1", "PDENET_NUM_THREADS": "1"}, text=True,
        capture_output=True)
    assert done.returncode == 0 or "AssertionError" in done.stderr, (mutant, done.stderr)
    return done.returncode == 0


def assert_all_are_killed(folder, code, mutants):
    """The checks pass without a mutant, and with none of these."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        first, *others = pool.map(lambda mutant: survives(folder, code, mutant), [None, *mutants])
    assert first
    assert [mutant for mutant, alive in zip(mutants, others, strict=True) if alive] == []
