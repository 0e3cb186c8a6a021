"""What a public docstring must hold: its sections, its arguments by name, and their types."""

import importlib
import inspect
import os
import pathlib
import re

import pytest

import pdenet
from pdenet.execution.workers import Team
from pdenet.learning.losses import Loss
from pdenet.learning.optimizers import Optimizer
from pdenet.scheme.data_terms import DataTerm
from pdenet.scheme.diffusivities import Diffusivity
from pdenet.scheme.fluxes import Flux
from pdenet.scheme.operators import Operator


def functions():
    """All public functions, and the public methods and initialisers of public classes."""
    for module in (pdenet, pdenet.filters, pdenet.models, pdenet.testing):
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isfunction(value):
                yield f"{module.__name__}.{name}", value
            elif inspect.isclass(value) and not issubclass(value, Exception):
                yield f"{module.__name__}.{name}", value
                for inner, method in vars(value).items():
                    method = getattr(method, "__func__", method)
                    if inspect.isfunction(method) and (inner[0] != "_" or inner == "__call__"):
                        yield f"{module.__name__}.{name}.{inner}", method


PUBLIC = dict(functions())
# The rest are methods that parts of the package call, and need no sections.
DOORS = {name: value for name, value in PUBLIC.items()
         if name.count(".") == 1 or name.startswith(("pdenet.models.", "pdenet.testing."))
         or name.startswith("pdenet.DiffusionNetwork.") and name.rsplit(".")[-1] in (
             "__call__", "evolve", "vjp", "loss_and_gradient", "save", "energy", "with_parameters")}
PARTS = (Operator, Flux, Diffusivity, DataTerm, Loss, Optimizer, Team)
each_door = pytest.mark.parametrize("name", DOORS)


def sections(value):
    """The sections of a docstring by their names; that before the first has none."""
    lines = inspect.getdoc(value).split("\n")
    found, title = {"": []}, ""
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if re.fullmatch("-{3,}", following) and len(following) == len(line):
            title = line
            found[title] = []
        elif not re.fullmatch("-{3,}", line):
            found[title].append(line)
    return found


def arguments(value):
    return [name for name in inspect.signature(value).parameters if name != "self"]


@each_door
def test_it_has_the_sections(name):
    value = DOORS[name]
    found = sections(value)
    assert len(found[""][0]) <= 100 and found[""][0].endswith("."), "a first sentence in one line"
    if arguments(value):
        assert "Parameters" in found
        listed = re.findall(r"^(\S.*?)(?: : .*)?$", "\n".join(found["Parameters"]), re.M)
        named = [part.strip(" *") for line in listed for part in line.split(",")]
        assert sorted(named) == sorted(arguments(value))
        assert "Raises" in found
    if not inspect.isclass(value) and inspect.signature(value).return_annotation != "None":
        assert inspect.signature(value).return_annotation is None or "Returns" in found
    if "__call__" not in name and "loss_and_gradient" not in name and "with_par" not in name \
            and ".save" not in name:
        assert any(">>>" in line for line in found["Examples"])


def unannotated(function):
    signature = inspect.signature(function)
    bare = [argument.name for argument in signature.parameters.values()
            if argument.annotation is argument.empty and argument.name not in ("self", "cls")
            and argument.kind not in (argument.VAR_KEYWORD, argument.VAR_POSITIONAL)]
    returns = function.__name__ == "__init__" or signature.return_annotation is not signature.empty
    return bare if returns else [*bare, "return"]


@pytest.mark.parametrize("name", DOORS)
def test_it_is_annotated(name):
    value = DOORS[name]
    assert unannotated(value.__init__ if inspect.isclass(value) else value) == []


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_contracts_are_annotated_and_say_what_each_member_does(part):
    members = {name: value for name, value in vars(part).items()
               if name[0] != "_" or name in ("__len__", "__enter__", "__exit__")}
    assert len(members) >= 3 and "------" in part.__doc__ or "any object" in part.__doc__.lower()
    for name, value in members.items():
        function = value.fget if isinstance(value, property) else value
        assert unannotated(function) == [], name
        listed = re.search(rf"^ +{name} : ", part.__doc__, re.M)
        assert function.__doc__ or listed or name.startswith("__"), name


def test_there_is_something_to_judge():
    assert len(DOORS) > 45


def kernels():
    folder = pathlib.Path(pdenet.__file__).parent / "kernels"
    for path in sorted(folder.rglob("*.py")):
        inner = ".".join(path.relative_to(folder).with_suffix("").parts)
        module = importlib.import_module(f"pdenet.kernels.{inner}")
        for name, value in vars(module).items():
            function = getattr(value, "py_func", value)
            if inspect.isfunction(function) and function.__module__ == module.__name__:
                if function is not value or os.environ.get("NUMBA_DISABLE_JIT"):
                    yield module, function


@pytest.mark.parametrize("module, function", [*kernels()], ids=lambda part: part.__name__)
def test_every_argument_of_a_kernel_is_named(module, function):
    named = list(inspect.signature(function).parameters)
    assert len(named) <= 10
    text = f"{module.__doc__} {function.__doc__}"
    assert [name for name in named if not re.search(rf"\b{name}(?![A-Za-z])", text)] == []
