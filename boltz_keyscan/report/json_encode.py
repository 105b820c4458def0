"""JSON that is what it says: strict in what goes in, safe in what comes out.

Boundary: values to text. What the values mean is the business of each format.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

_SURROGATE = re.compile("[\ud800-\udfff]")


def plain(value: object) -> Json:
    """``value`` as JSON types, lone surrogates spelt out.

    Nothing is converted: bytes, sets, enums and objects raise, where ``str()`` would put
    ``b'...'`` or a class name into a report unseen. A lone surrogate would be valid ASCII
    on the way out and break the reader (RFC 8259 section 8.2).

    Raises:
        TypeError: a value, or the key of a mapping, is of no JSON type.
    """
    # Exact types: an enum is a str to isinstance, and its str() is the author's choice.
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
    """``name`` as the name of a JSON member.

    Raises:
        TypeError: it is not a string; ``json`` alone would turn ``1`` and ``None`` into one.
    """
    if type(name) is not str:
        raise TypeError(f"{type(name).__name__} cannot name a JSON member")
    return name if name.isascii() else _SURROGATE.sub(_spell, name)


def _spell(found: re.Match[str]) -> str:
    return f"\\u{ord(found.group()):04x}"


def dumps(value: object) -> str:
    """``value`` as one line of ASCII.

    A report on standard output is a line of a CI log. The only text in it that a log
    reader could act on is the older workflow command ``##[...]`` (obeyed anywhere in a
    line by the GitHub and Azure runners) and DEL, which JSON leaves as it is: both are
    written as JSON escapes, so that a parser reads the same string back.

    Raises:
        TypeError: a value is of no JSON type.
        ValueError: a number is infinite or not a number.
    """
    text = json.dumps(plain(value), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("##", "#\\u0023").replace("\x7f", "\\u007f")
