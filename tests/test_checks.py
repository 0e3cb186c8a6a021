"""What an argument may be: every bound, every kind of number, and the words of each refusal."""

import decimal
import fractions
import math
import os
import sys

import numpy as np
import pytest

from pdenet import checks


class Three:
    def __index__(self):
        return 3


@pytest.mark.parametrize("value", [3, 3.0, np.float32(3), np.int8(3), np.array(3.0),
                                   fractions.Fraction(3), decimal.Decimal("3.0")])
def test_a_number_of_any_kind_becomes_a_float(value):
    found = checks.check_number("x", value, least=3.0, most=3.0)
    assert type(found) is float and found == 3


@pytest.mark.parametrize("bounds, allowed", [
    ({}, "a finite number"), ({"above": 0.5}, "a finite number > 0.5"),
    ({"least": 2.0}, "a finite number >= 2"), ({"most": 3.0}, "a finite number <= 3"),
    ({"least": 2.0, "most": 3.0}, "a finite number >= 2 and <= 3")])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "2.5", b"2", True, None, [2.5],
                                   2j, 10**400, np.True_, np.array(True), bytearray(b"3"),
                                   np.complex128(3 + 1j), np.array(2.5 + 0j)])
def test_what_is_no_finite_number_is_refused(bounds, allowed, value):
    with pytest.raises(ValueError) as raised:
        checks.check_number("x", value, **bounds)
    assert str(raised.value) == f"x must be {allowed}; got {value!r}"


@pytest.mark.parametrize("bounds, right, wrong", [
    ({"above": 0.0}, [5e-324, 1e308], [0.0, -1.0]), ({"least": 0.0}, [0.0, -0.0], [-5e-324]),
    ({"most": 1.0}, [1.0, -1e308], [np.nextafter(1, 2)]),
    ({"least": -1.0, "most": 1.0}, [-1.0, 1.0], [-1.5, 1.5])])
def test_bounds_are_exact(bounds, right, wrong):
    assert [checks.check_number("x", value, **bounds) for value in right] == right
    for value in wrong:
        with pytest.raises(ValueError, match="^x must be .*; got "):
            checks.check_number("x", value, **bounds)


@pytest.mark.parametrize("value", [3, np.int8(3), np.uint64(3), Three()])
def test_a_count_of_any_kind_becomes_an_int(value):
    found = checks.check_count("n", value, least=3, most=3)
    assert type(found) is int and found == 3


@pytest.mark.parametrize("value", [2, -1, 3.0, "3", None, True, np.True_, np.float64(3), [3]])
def test_what_is_no_count_is_refused(value):
    with pytest.raises(ValueError) as raised:
        checks.check_count("n", value, least=3)
    assert str(raised.value) == f"n must be a whole number >= 3; got {value!r}"


def test_counts_that_are_too_large():
    assert checks.check_count("n", 2**63 - 1, least=0) == 2**63 - 1
    assert checks.check_count("n", 10**30, least=0, most=math.inf) == 10**30
    with pytest.raises(ValueError, match=f"^n must be at most {2**63 - 1}; got {2**63}$"):
        checks.check_count("n", 2**63, least=0)
    with pytest.raises(ValueError, match="^n must be at most 7; got 10*\\.\\.\\.0*$") as raised:
        checks.check_count("n", 10**300, least=0, most=7)
    assert len(str(raised.value)) < 80


@pytest.mark.parametrize("choices", [("a", "bc"), {"a": 1, "bc": 2}])
def test_choices(choices):
    assert checks.check_choice("x", "bc", choices) == "bc"
    for value in ("b", "", None, ["a"], 0):
        with pytest.raises(ValueError) as raised:
            checks.check_choice("x", value, choices)
        assert str(raised.value) == f"x must be one of a, bc; got {value!r}"
    with pytest.raises(ValueError, match="got 'Perona-Malick'; did you mean perona_malik[?]$"):
        checks.check_choice("x", "Perona-Malick", ("perona_malik", "eed"))
    with pytest.raises(ValueError, match="got 'implicit'$"):  # no misspelling
        checks.check_choice("x", "implicit", ("fed", "explicit"))


def test_members():
    assert checks.check_members("x", Three(), ("__index__",), "a Three") is None
    with pytest.raises(TypeError, match="^x must be a Three; got 3.5, which has no a, b$"):
        checks.check_members("x", 3.5, ("a", "real", "b"), "a Three")
    with pytest.raises(TypeError, match="^x must be an object such as a Three; got the class Thr"):
        checks.check_members("x", Three, ("__index__",), "a Three")


@pytest.mark.parametrize("text, expected", [("3", 3), (" 12 ", 12), ("007", 7)])
def test_threads_of_the_environment(text, expected, monkeypatch):
    monkeypatch.setenv("PDENET_NUM_THREADS", text)
    assert checks.check_workers(None) == expected
    assert checks.check_workers(5) == 5


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "two", "٣", "1_0", "+2"])
def test_environments_that_are_refused(text, monkeypatch):
    monkeypatch.setenv("PDENET_NUM_THREADS", text)
    with pytest.raises(ValueError) as raised:
        checks.check_workers(None)
    assert str(raised.value) == f"PDENET_NUM_THREADS must be a whole number >= 1; got {text!r}"
    with pytest.raises(ValueError, match="^workers must be a whole number >= 1; got 0$"):
        checks.check_workers(0)


@pytest.mark.parametrize("text", [None, "", "  "])
def test_threads_by_default_are_the_processors_that_may_be_used(text, monkeypatch):
    if text is None:
        monkeypatch.delenv("PDENET_NUM_THREADS", raising=False)
    else:
        monkeypatch.setenv("PDENET_NUM_THREADS", text)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 2, 5}, raising=False)
    assert checks.check_workers(None) == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert checks.check_workers(None) == 1


@pytest.mark.parametrize("module, package, name", [
    ("dask.array", "'dask[array]'", "dask"), ("pywt", "PyWavelets", "PyWavelets"),
    ("tqdm", "tqdm", "tqdm")])
def test_a_missing_package_is_an_error_that_helps(module, package, name, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError) as raised:
        checks.needs(module, "this filter")
    assert str(raised.value) == f"this filter needs {name}: python -m pip install {package}"
    assert checks.needs("os.path", "anything") is os.path
