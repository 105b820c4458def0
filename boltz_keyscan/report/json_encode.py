"""JSON encoder: strict in its input types, safe to print in CI logs."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, TypeAlias

from boltz_keyscan._version import __version__
from boltz_keyscan.late_pattern import late_pattern

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

TOOL = {"name": "boltz-keyscan", "version": __version__}
"""Member ``tool`` of a document."""

_SURROGATE = late_pattern("[\ud800-\udfff]")


def plain(value: object) -> Json:
    """Return ``value`` as JSON types, with lone surrogates escaped.

    Bytes, sets, enums and objects raise: ``str()`` would silently put ``b'...'`` or a class name
    into a report. A lone surrogate would be valid ASCII output and break the reader (RFC 8259
    section 8.2).

    Raises:
        TypeError: a value, or the key of a mapping, is of no JSON type.
    """
    # Exact types: isinstance() accepts an enum as a str, and its str() may be anything.
    match value:
        case None | bool():
            return value
        case int() | float() if type(value) in {int, float}:
            return value
        case str() if type(value) is str:
            return value if value.isascii() else _SURROGATE.sub(_spell, value)
        case list() | tuple():
            return [plain(item) for item in value]
        case dict():
            return {member_name(name): plain(item) for name, item in value.items()}
        case _:
            raise TypeError(f"{type(value).__name__} is not a JSON type")


def member_name(name: object) -> str:
    """Return ``name`` as the name of a JSON member.

    Raises:
        TypeError: it is not a string; ``json`` would convert ``1`` and ``None``.
    """
    if type(name) is not str:
        raise TypeError(f"{type(name).__name__} cannot name a JSON member")
    return name if name.isascii() else _SURROGATE.sub(_spell, name)


def _spell(found: re.Match[str]) -> str:
    return f"\\u{ord(found.group()):04x}"


def items(values: Iterable[object]) -> Iterator[str]:
    """Yield the items of an array, one a line, with the commas between them."""
    return joined((dumps(value),) for value in values)


def joined(values: Iterable[Iterable[str]], start: str = "\n") -> Iterator[str]:
    """Yield the items of an array, given in parts, each after a comma and ``start``, the first after that."""
    separator = start
    for parts in values:
        yield separator
        yield from parts
        separator = f",{start}"


def dumps(value: object) -> str:
    """Encode ``value`` as one line of ASCII.

    A report on standard output is a line of a CI log. JSON leaves two things in it that a log
    reader could act on: the older workflow command ``##[...]`` (obeyed anywhere in a line by the
    GitHub and Azure runners) and DEL. Both are written as JSON escapes.

    Raises:
        TypeError: a value is of no JSON type.
        ValueError: a number is infinite or not a number.
    """
    text = json.dumps(plain(value), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("##", "#\\u0023").replace("\x7f", "\\u007f")
