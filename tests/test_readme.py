"""The README: its table, its code, its commands, and what its pictures are."""

import ast
import pathlib
import re

import pytest

import pdenet

ROOT = pathlib.Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
ROWS = [[cell.strip(" `") for cell in line.strip("|").split("|")]
        for line in README.splitlines() if re.match(r"\| (eq\.|Section)", line)]


def test_table_has_every_model():
    listed = {row[2] for row in ROWS}
    for name in ("perona_malik you_kaveh lysaker_lundervold_tai gerig weickert_brox eed "
                 "weickert_1994 multiscale").split():
        assert name in listed


@pytest.mark.parametrize("row", ROWS, ids=[f"{row[0]} {row[2]}" for row in ROWS])
def test_table_is_true(row):
    equations, _, name, file = row
    found = getattr(pdenet, name)
    text = found.__doc__ + (getattr(pdenet.models, name).__doc__
                            if hasattr(pdenet.models, name) else "")
    for equation in re.findall(r"eq\. \(\d+\)|Section 6", equations):
        assert equation in text or equation in (ROOT / file).read_text(encoding="utf-8")
    source = (ROOT / file).read_text(encoding="utf-8")
    names = {node.name for node in ast.walk(ast.parse(source))
             if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
    parts = {"weickert_1994": "Orientations", "eed": "Anisotropic", "perona_malik": "Isotropic",
             "gerig": "Isotropic", "weickert_brox": "Anisotropic", "multiscale": "ScaleSpace",
             "DiffusionNetwork": "DiffusionBlock", "you_kaveh": "Laplacian",
             "lysaker_lundervold_tai": "Hessian"}
    assert parts.get(name, name) in names


def test_python_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README, re.S)
    assert len(blocks) == 5
    exec("\n".join(blocks).replace("epochs=20", "epochs=1"), {})
    assert pdenet.load("mine.json").scales.sigmas.size == 8


def test_equations_are_cited_in_one_spelling():
    files = [*(ROOT / "pdenet").glob("*.py"), *(ROOT / "tests").glob("*.py")]
    for path in [ROOT / "README.md", *files]:
        text = path.read_text(encoding="utf-8")
        wrong = re.findall(r"\b(?:eqs|equation|Eq|eqn)\.? ?\(\d+\)", text)
        assert not wrong, (path.name, wrong)


def test_commands_and_pictures_are_there():
    assert "python -m pip install '.[plot,denoise]' && pdenet filter eed example:camera" in README
    assert "python -m pip install '.[test]' && python -m pytest" in README
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", README):
        assert (ROOT / picture).stat().st_size > 1000
