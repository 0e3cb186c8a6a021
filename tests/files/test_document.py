"""JSON documents: numbers to the last bit, limits, and the words for what is wrong."""

import math

import pytest

from pdenet.files import document
from pdenet.files.document import FormatError

NUMBERS = [0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -0.0, 2**53 + 1, 10**63, -10**60, 0]


def test_every_number_comes_back_as_it_was(tmp_path):
    path = tmp_path / "a.json"
    written = {"numbers": NUMBERS, "text": "größe \ud83d\ude00".encode("utf-16", "surrogatepass")
               .decode("utf-16"), "nested": [{"a": None}, [True, []]]}
    document.write(written, path)
    found = document.read(path)
    assert found == written
    for value, expected in zip(found["numbers"], NUMBERS, strict=True):
        assert type(value) is type(expected) and math.copysign(1, value) == math.copysign(1,
                                                                                          expected)
    assert path.read_bytes().endswith(b"}\n")


@pytest.mark.parametrize("content, message", [
    (b'[{"a": {"b": 1, "c": 2, "b": 1}}]', "'b' occurs twice"), (b"[1e400]", "^1e400 is no"),
    (b"[-1e400]", "^-1e400 is no"), (b"[NaN]", "^NaN is no"),
    (b"[" + b"7" * 65 + b"]", r"^7{20}\.\.\. is no"), (b"[1] 2", "is not JSON .Extra data"),
    (b'"\xff"', "is not JSON"), (b"\xef\xbb\xbf1", "is not JSON"), (b"   ", "is not JSON")])
def test_what_is_no_document(content, message):
    with pytest.raises(FormatError, match=message):
        document.parse(content)


def test_limits_are_exact(tmp_path):
    path = tmp_path / "a.json"
    assert document.parse(b"[" + b"7" * 64 + b"]") == [int("7" * 64)]
    assert document.parse(b"[1]", largest=3) == [1]
    path.write_bytes(b"[1] ")
    assert document.read(path, largest=4) == [1]
    for read in (lambda: document.parse(b"[1] ", 3), lambda: document.read(path, 3)):
        with pytest.raises(FormatError, match="^must have at most 3 bytes$"):
            read()
    with pytest.raises(FileNotFoundError):
        document.read(tmp_path / "none")


@pytest.mark.parametrize("wrong, error", [
    ({"a": math.nan}, ValueError), ({"a": "x" * 2**20}, FormatError), ({1: 1, "1": 2}, FormatError),
    ({"a": 10**64}, FormatError), ({"a": {1, 2}}, TypeError)])
def test_what_would_not_be_read_is_not_written(wrong, error, tmp_path):
    path = tmp_path / "a.json"
    document.write({"old": 1}, path)
    with pytest.raises(error):
        document.write(wrong, path)
    assert document.read(path) == {"old": 1} and list(tmp_path.iterdir()) == [path]


HEADER = {"format": "things", "version": 3, "size": 1, "provenance": {}}


@pytest.mark.parametrize("change, message", [
    ({"format": "other"}, "format must be 'things'; got 'other'"),
    ({"version": 4}, "version must be 3; got 4 (a newer pdenet may read it)"),
    ({"provenance": None}, "provenance must be an object; got None"),
    ({"weight": 1, "colour": 2}, "the file has an unknown key 'weight'"),
    ({"size": ...}, "the file has no 'size'"), ({"format": ...}, "the file has no 'format'")])
def test_headers(change, message):
    document.check_header(HEADER, "things", 3, ("size",))
    wrong = {key: value for key, value in (HEADER | change).items() if value is not ...}
    with pytest.raises(FormatError) as raised:
        document.check_header(wrong, "things", 3, ("size",))
    assert str(raised.value) == message


def test_other_things_than_objects_and_numbers():
    with pytest.raises(FormatError, match=r"^part must be an object with a, b; got \[1\]$"):
        document.check_keys("part", [1], ("a", "b"))
    assert document.check_keys("part", {}, ()) is None
    assert [document.number("x", value) for value in (3, -0.5)] == [3, -0.5]
    for value in (True, "3", None, [3]):
        with pytest.raises(FormatError) as raised:
            document.number("size", value)
        assert str(raised.value) == f"size must be a number; got {value!r}"


def test_long_values_are_cut_at_60_characters():
    assert document.short("x" * 58) == repr("x" * 58)
    assert document.short("x" * 59) == "'" + "x" * 56 + "..."
    assert len(document.short(list(range(100)))) == 60
