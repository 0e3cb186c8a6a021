"""The READMEs: tables, code, commands, pictures, and the map of the source."""

import ast
import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

import pdenet

ROOT = pathlib.Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAP = (ROOT / "pdenet" / "README.md").read_text(encoding="utf-8")
ROWS = [[cell.strip(" `") for cell in line.strip("|").split("|")]
        for line in README.splitlines() if re.match(r"\| (eq\.|Section)", line)]
# Which functions run, in which file, when a model of the table does.
TRACE = """
import json, os, sys
import numpy as np
import pdenet
from pdenet import DiffusionNetwork, Exponential, ScaleSpace

found, image = {}, np.random.default_rng(0).normal(100, 20, (6, 7, 3))

def run(name, function, *arguments, **options):
    ran = found.setdefault(name, set())
    sys.setprofile(lambda frame, event, _: ran.add(
        (frame.f_code.co_filename, frame.f_code.co_name)) if event == "call" else None)
    function(*arguments, **options)
    sys.setprofile(None)

for name in pdenet.NAMES["filters"]:
    colour = name in ("gerig", "weickert_brox")
    for coupling in ("isotropic", "anisotropic") if name == "multiscale" else (None,):
        run(name, getattr(pdenet, name), image if colour else image[..., 0], contrast=9, time=0.05,
            scheme="explicit", channel_axis=-1 if colour else None,
            **({"coupling": coupling, "sigmas": [0, 1]} if coupling else {}))
for kind in (pdenet.Isotropic, pdenet.Anisotropic, pdenet.Uncoupled):
    network = DiffusionNetwork(flux=kind(Exponential(9.0)), scales=ScaleSpace([0, 1.0]), steps=1)
    run(kind.__name__, network, image[..., 0])
    run("DiffusionNetwork", network, image[..., 0])
print(json.dumps({name: sorted(ran) for name, ran in found.items()}))
"""


def functions(path):
    """The functions of a file with their docstrings."""
    return {node.name: ast.get_docstring(node) or "" for node in ast.walk(ast.parse(
        path.read_text(encoding="utf-8"))) if isinstance(node, ast.FunctionDef)}


@pytest.fixture(scope="module")
def ran():
    done = subprocess.run([sys.executable, "-c", TRACE], capture_output=True, text=True, cwd=ROOT,
                          env=os.environ | {"NUMBA_DISABLE_JIT": "1", "PDENET_NUM_THREADS": "1"},
                          timeout=120, check=True)
    return json.loads(done.stdout)


def test_table_has_every_model():
    assert set(pdenet.NAMES["filters"]) - {"ced"} <= {row[2] for row in ROWS}  # not in the paper


@pytest.mark.parametrize("row", ROWS, ids=[f"{row[0]} {row[2]}" for row in ROWS])
def test_the_file_of_an_equation_holds_the_formula_that_runs(row, ran):
    equations, _, name, place = row
    file, _, function = place.replace("`", "").partition(" ")
    function = function.rpartition(".")[2]
    cited = re.findall(r"eq\. \(\d+\)|Section 6", equations)
    assert cited and (hasattr(pdenet, name))
    if name == "DiffusionBlock":  # an identification, no formula
        assert all(equation in pdenet.DiffusionBlock.__doc__ for equation in cited)
        return
    path = ROOT / file
    assert [str(path), function] in ran[name]
    text = functions(path)[function]
    assert [equation for equation in cited if equation not in text] == []
    public = getattr(pdenet, name).__doc__ + pdenet.DiffusionBlock.__doc__ \
        + pathlib.Path(pdenet.scheme.block.__file__).read_text(encoding="utf-8")
    assert [equation for equation in cited if equation not in public] == []


def test_python_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README, re.S)
    assert len(blocks) == 4
    exec("\n".join(blocks).replace("checkpoint=", "epochs=2, checkpoint="), {})
    assert pdenet.load("mine.json").scales.sigmas.size == 8


def test_examples_of_the_map_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", MAP, re.S)
    assert len(blocks) >= 3
    exec("\n".join(blocks), {})


def test_the_map_shows_every_module():
    tree = re.search(r"```\n(pdenet/.*?)```", MAP, re.S).group(1)
    for path in sorted((ROOT / "pdenet").rglob("*.py")):
        if path.name not in ("__init__.py", "__main__.py"):
            assert re.search(rf"\b{path.stem}\b", tree), path
    for name in re.findall(r"\b([a-z_0-9]+)\.py\b", tree):
        assert list((ROOT / "pdenet").rglob(f"{name}.py")), name


def test_files_that_are_named_exist():
    for text, folder in ((README, ROOT), (MAP, ROOT)):
        for name in re.findall(r"`((?:pdenet|benchmarks|data|tests)/[\w./]+)`", text):
            assert (folder / name).exists(), name


def test_equations_are_cited_in_one_spelling():
    files = [path for folder in ("pdenet", "tests") for path in (ROOT / folder).rglob("*.py")]
    assert len(files) > 100
    for path in [ROOT / "README.md", ROOT / "pdenet" / "README.md", *files]:
        text = path.read_text(encoding="utf-8")
        wrong = re.findall(r"\b(?:eqs|equation|Eq|eqn)\.? ?\(\d+\)", text)
        assert not wrong, (path.name, wrong)


def test_commands_and_pictures_are_there():
    assert "python -m pip install '.[plot]' && pdenet filter eed example:camera" in README
    assert "python -m pip install '.[test]' && python -m pytest" in README
    assert len(README.splitlines()) <= 170
    pictures = re.findall(r"!\[.*?\]\((.*?)\)", README)
    assert len(pictures) == 5
    for picture in pictures:
        assert (ROOT / picture).stat().st_size > 1000


def test_the_paper_and_the_software_can_be_cited():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    for text in (README, citation):
        assert "2108.13993" in text and "Research in the Mathematical Sciences" in text
    assert f"version: {pdenet.__version__}" in citation
