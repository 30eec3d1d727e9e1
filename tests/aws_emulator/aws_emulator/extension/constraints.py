"""What a service's model demands of a value: required members, types, lengths, ranges, patterns, enumerations.

Owns: finding what a value breaks, for requests and answers alike. Must not know: AWS's words for it (`validation`), or
what follows from it.

Source: botocore's models, their traits `required`, `min`, `max`, `pattern` and `enum`.
"""

import datetime
import functools
import re
from collections.abc import Iterator
from typing import Any, NamedTuple


class Broken(NamedTuple):
    """One demand that is not met. `path` has botocore's names, and the numbers of a list's items, from 1 on."""

    shape: str
    path: tuple
    value: Any
    #: missing, type, pattern, enum; length or value: too small; too long or too large: length limit, value limit.
    rule: str
    bound: Any = None


_TYPES = {
    "structure": dict,
    "map": dict,
    "list": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "long": int,
    "double": (int, float),
    "float": (int, float),
    "timestamp": (int, float, datetime.datetime),
    "blob": (str, bytes),
}


def broken(shape, value, path: tuple = ()) -> Iterator[Broken]:
    """Every demand of the shape that the value, in botocore's form, does not meet."""
    kind = shape.type_name
    if not isinstance(value, _TYPES[kind]) or (kind != "boolean" and isinstance(value, bool)):
        yield Broken(shape.name, path, value, "type", kind)
    elif kind == "structure":
        yield from _structure(shape, value, path)
    elif kind == "map":
        yield from _size(shape, len(value), path, value, "length")
        for key, item in value.items():
            yield from broken(shape.key, key, (*path, key))
            yield from broken(shape.value, item, (*path, key))
    elif kind == "list":
        yield from _size(shape, len(value), path, value, "length")
        for number, item in enumerate(value, 1):
            yield from broken(shape.member, item, (*path, number))
    elif kind == "string":
        yield from _string(shape, value, path)
    elif kind in ("integer", "long", "double", "float"):
        yield from _size(shape, value, path, value, "value")


def _structure(shape, value: dict, path: tuple) -> Iterator[Broken]:
    for name in shape.required_members:
        if value.get(name) is None:
            yield Broken(shape.name, (*path, name), None, "missing")
    for name, member in value.items():
        if member is not None:
            yield from broken(shape.members[name], member, (*path, name))


def _string(shape, value: str, path: tuple) -> Iterator[Broken]:
    yield from _size(shape, len(value), path, value, "length")
    pattern = shape.metadata.get("pattern")
    if pattern and not _pattern(pattern).fullmatch(value):
        yield Broken(shape.name, path, value, "pattern", pattern)
    if shape.enum and value not in shape.enum:
        yield Broken(shape.name, path, value, "enum", shape.enum)


def _size(shape, size: float, path: tuple, value, what: str) -> Iterator[Broken]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and size < low:
        yield Broken(shape.name, path, value, what, low)
    if high is not None and size > high:
        yield Broken(shape.name, path, value, f"{what} limit", high)


@functools.cache
def _pattern(pattern: str) -> re.Pattern:
    if r"\p{" not in pattern:
        return re.compile(pattern, re.ASCII | re.DOTALL)
    # Java's \p{L}, \p{N} and the underscore together are Python's \w; \p{Z} are Unicode's separators.
    separators = "\u0020\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
    return re.compile(pattern.replace(r"\p{L}", r"\w").replace(r"\p{N}", "").replace(r"\p{Z}", separators))
