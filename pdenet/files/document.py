"""JSON documents: every number exactly, nothing executed, and one clear error for what is wrong."""

import json
import math

from .atomic import atomic_file

__all__ = ["FormatError"]

LARGEST = 2**20  # bytes of a document


class FormatError(ValueError):
    """A file that this version cannot read as what it should be; the message says why."""


def parse(content, largest=LARGEST):
    """JSON of at most so many bytes, without repeated keys, NaN or infinite numbers."""
    def unique(pairs):
        found = {}
        for name, value in pairs:
            if name in found:
                raise FormatError(f"{short(name)} occurs twice")
            found[name] = value
        return found

    def refuse(text):
        raise FormatError(f"{text} is no number")

    def finite(text):
        value = float(text)
        return value if math.isfinite(value) else refuse(text)

    def whole(text):
        return int(text) if len(text) <= 64 else refuse(text[:20] + "...")

    if len(content) > largest:
        raise FormatError(f"must have at most {largest} bytes")
    try:
        return json.loads(content.decode(), object_pairs_hook=unique, parse_constant=refuse,
                          parse_float=finite, parse_int=whole)
    except FormatError:
        raise
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else error
        raise FormatError(f"is not JSON ({reason})") from None


def read(path, largest=LARGEST):
    """The parsed document of a file; FormatError without the file's name, OSError as it is."""
    with open(path, "rb") as file:
        return parse(file.read(largest + 1), largest)


def write(document, path):
    """Write JSON that `parse` can read, whole or not at all."""
    content = (json.dumps(document, indent=1, allow_nan=False) + "\n").encode()
    parse(content)  # what `read` would refuse is not written
    with atomic_file(path) as file:
        file.write(content)


def check_header(document, kind, version, keys, later=()):
    """Raise unless a parsed document is of this format and version and has these keys."""
    check_keys("the file", document, ("format", "version", *keys, "provenance"), later)
    if document["format"] != kind:
        raise FormatError(f"format must be {kind!r}; got {short(document['format'])}")
    if document["version"] != version:
        raise FormatError(f"version must be {version}; got {short(document['version'])}"
                          f" (a newer pdenet may read it)")
    if not isinstance(document["provenance"], dict):
        raise FormatError(f"provenance must be an object; got {short(document['provenance'])}")


def check_keys(name, document, keys, later=()):
    """Raise unless it is an object with these keys, `later` ones perhaps, and no others."""
    if not isinstance(document, dict):
        raise FormatError(f"{name} must be an object with {', '.join(keys)}; got "
                          f"{short(document)}")
    for key in keys:
        if key not in document:
            raise FormatError(f"{name} has no {key!r}")
    for key in document:
        if key not in (*keys, *later):
            raise FormatError(f"{name} has an unknown key {short(key)}")


def number(name, value):
    """The value, if it is a number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise FormatError(f"{name} must be a number; got {short(value)}")
    return value


def short(value):
    """A value for a message, at most 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
