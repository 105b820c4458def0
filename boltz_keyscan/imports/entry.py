"""An entry of a report of another scanner, and the functions that read its fields.

A report may come from an untrusted source: a field of the wrong type is an error that names the field
and never quotes its value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from boltz_keyscan.records import dataclass, field


class ShapeError(ValueError):
    """A report that is not as its format has it; the message has the field, no value."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One secret at one place."""

    texts: tuple[str, ...] = field(default=(), repr=False)
    """The secret, then texts around it, as the report has them; without them the place is read."""
    path: str = ""
    line: int = 0
    """Counted from 1; 0 if it is unknown."""
    column: int = 0
    """Counted from 1; 0 if it is unknown."""
    commit: str = ""
    date: str = ""
    """The author date of the commit, as the report has it."""
    digest: str = ""
    """A hash of the secret in hex, of a form that ``detect.lookup.Digests`` knows."""
    pushed: bool | None = None
    """True if the scanner read it from a server."""
    is_accepted: bool = False
    """A person marked it as no secret."""


def member(value: object, *names: str) -> Any:  # noqa: ANN401 - JSON, checked by the caller
    """Return a member of nested JSON objects; None if there is none.

    Raises:
        ShapeError: one on the way is no object.
    """
    for at, name in enumerate(names):
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise ShapeError(f"{'.'.join(names[:at]) or 'an item'} is not an object")
        value = value.get(name)
    return value


def _typed(value: object, names: tuple[str, ...], kind: type, word: str) -> Any:  # noqa: ANN401 - of that type
    found = member(value, *names)
    if found is not None and not isinstance(found, kind):
        raise ShapeError(f"{'.'.join(names)} is not a {word}")
    return found


def text(value: object, *names: str) -> str:
    """Return a text; empty if there is none.

    Raises:
        ShapeError: it is of another type.
    """
    return without_surrogates(_typed(value, names, str, "text") or "")


def without_surrogates(found: str) -> str:
    """Return a text of JSON that can be encoded: an escape there may be half of a UTF-16 letter."""
    return found.encode("utf-8", "replace").decode("utf-8")


def number(value: object, *names: str) -> int:
    """Return a whole number; 0 if there is none.

    Raises:
        ShapeError: it is of another type, or negative.
    """
    found = member(value, *names)
    if found is None:
        return 0
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found < 1 << 53:
        raise ShapeError(f"{'.'.join(names)} is not a count")
    return found


def array(value: object, *names: str) -> list[object]:
    """Return a list; empty if there is none.

    Raises:
        ShapeError: it is of another type.
    """
    return _typed(value, names, list, "list") or []


def has(value: object, *names: str) -> bool:
    """Return True for a JSON object with all of these members."""
    return isinstance(value, Mapping) and all(name in value for name in names)
