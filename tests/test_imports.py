"""What imports what: downwards only, in a circle never, and nothing heavy before it is needed."""

import ast
import importlib
import pathlib
import subprocess
import sys

import pytest

import pdenet

ROOT = pathlib.Path(pdenet.__file__).parent
# From the lowest floor to the highest: a module imports from its own floor and from those below.
FLOORS = ("checks docstrings progress", "kernels", "execution", "images", "files",
          "scheme", "network", "learning", "models estimates noise", "filtering",
          "denoising filters inpainting testing", "sweeping", "experiments", "commands",
          "__main__")
MODULES = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
           for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py"}


def imported(name):
    """The modules of the package that a module imports, at the top or within a function."""
    path = MODULES[name]
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[:len(package) + 1 - node.level]
            assert node.level <= len(package) + 1, (name, node.level)
            base += node.module.split(".") if node.module else []
            for alias in node.names:
                inner = ".".join([*base, alias.name])
                found = inner if inner in MODULES else ".".join(base)
                if found:  # else a name of pdenet itself, such as its version
                    yield found
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [
                node.module]
            assert not any(used.split(".")[0] == "pdenet" for used in names), (name, names)


IMPORTS = {name: set(imported(name)) - {name} for name in MODULES}


def floor(name):
    return [k for k, rooms in enumerate(FLOORS) if name.split(".")[0] in rooms.split()]


def test_every_module_has_one_floor():
    assert all(len(floor(name)) == 1 for name in MODULES), [
        name for name in MODULES if len(floor(name)) != 1]


@pytest.mark.parametrize("name", MODULES)
def test_imports_run_downwards(name):
    above = [other for other in IMPORTS[name] if floor(other) > floor(name)]
    assert above == []


def test_there_is_no_circle():
    """A circle within a room, too: an order in which all modules can be imported."""
    done, waiting = set(), dict(IMPORTS)
    while waiting:
        ready = [name for name, needed in waiting.items() if needed <= done]
        assert ready, f"a circle among {sorted(waiting)}"
        done.update(ready)
        for name in ready:
            del waiting[name]


def test_there_are_imports_to_judge():
    assert IMPORTS["scheme.block"] >= {"scheme.fluxes", "kernels.planes"}
    assert "network.adjoint" in IMPORTS["network.network"]
    assert sum(map(len, IMPORTS.values())) > 150


def stub():
    """The public names of the stub with the modules that it takes them from."""
    found = {}
    for node in ast.parse((ROOT / "__init__.pyi").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                assert alias.asname == alias.name
                found[alias.name] = node.module
    return found


def test_the_stub_shows_every_public_name():
    names = stub()
    assert sorted(names) == sorted(pdenet.__all__)
    for name, module in names.items():
        home = importlib.import_module(f"pdenet.{module}" if module else "pdenet")
        assert getattr(pdenet, name) is getattr(home, name)
    assert set(pdenet.__all__) <= set(dir(pdenet))


def test_unknown_names_are_refused():
    with pytest.raises(AttributeError, match="module 'pdenet' has no attribute 'nonsense'"):
        pdenet.nonsense


@pytest.mark.parametrize("code, heavy", [
    ("import pdenet", "numpy numba scipy skimage PIL tifffile"),
    ("import pdenet.commands.main; pdenet.commands.main.build_parser()",
     "numba scipy skimage PIL tifffile dask distributed zarr matplotlib"),
    ("import numpy, pdenet; pdenet.perona_malik(numpy.eye(9), contrast=1, time=1)",
     "scipy.special skimage PIL tifffile dask distributed zarr matplotlib")])
def test_what_is_heavy_waits_until_it_is_needed(code, heavy):
    done = subprocess.run([sys.executable, "-c", f"import sys; {code}; print(*sys.modules)"],
                          capture_output=True, text=True, timeout=120, check=True)
    assert set(done.stdout.split()) & set(heavy.split()) == set()
