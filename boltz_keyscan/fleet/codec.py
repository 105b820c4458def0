"""JSON form of findings and gaps, for the state of a fleet: complete, and read without executing anything."""

from __future__ import annotations

import dataclasses
import functools
import json
from enum import StrEnum
from typing import Any, TypeVar

from boltz_keyscan.model.enums import Exposure, KeyType, Mode, Severity, Shape, Status
from boltz_keyscan.model.finding import Finding, Gap, Location
from boltz_keyscan.model.suppression import Comment, Suppression, SuppressionCandidate

_KINDS: dict[str, type] = {
    kind.__name__: kind for kind in (Comment, Finding, Gap, Location, Suppression, SuppressionCandidate)
}
_ENUMS: dict[str, type[StrEnum]] = {
    kind.__name__: kind for kind in (Exposure, KeyType, Mode, Severity, Shape, Status)
}
_KIND = "class"
"""Member with the name of the class: a word of Python, which no field has."""

Record = TypeVar("Record", Finding, Gap, Location)


def encode(record: Finding | Gap | Location) -> str:
    """Return a record as one line of JSON, without the fields that have their default.

    Raises:
        TypeError: a value is of no known type.
    """
    return json.dumps(_plain(record), ensure_ascii=True, separators=(",", ":"))


def decode(kind: type[Record], text: str) -> Record:
    """Return the record that was encoded.

    Raises:
        ValueError: the text is something else.
    """
    try:
        record = _record(json.loads(text))
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError("not an encoded record") from error
    if not isinstance(record, kind):
        raise ValueError("another kind of record")  # noqa: TRY004 - malformed input, not a wrong argument
    return record


@functools.cache
def _defaults(kind: type) -> dict[str, object]:
    """Return the defaults of the fields by name; ``dataclasses.MISSING`` for a required one."""
    return {each.name: each.default for each in dataclasses.fields(kind)}


@functools.cache
def _enums(kind: type) -> dict[str, type[StrEnum] | None]:
    """Return the enumeration of each field by name; None for a field of another type."""
    annotations = {name: str(kind.__annotations__[name]) for name in _defaults(kind)}
    return {name: _ENUMS.get(text.removesuffix(" | None")) for name, text in annotations.items()}


def _plain(value: object) -> object:
    if value is None or type(value) in {bool, int, float, str}:
        return value
    if isinstance(value, StrEnum):
        return str(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if _KINDS.get(type(value).__name__) is not type(value):
        raise TypeError(f"{type(value).__name__} is not stored")
    kind: type = type(value)
    fields = ((name, default, getattr(value, name)) for name, default in _defaults(kind).items())
    given = {name: _plain(item) for name, default, item in fields if item != default}
    return {_KIND: kind.__name__, **given}


def _record(value: Any) -> object:  # noqa: ANN401 - JSON, checked here
    match value:
        case list():
            return tuple(_record(item) for item in value)
        case dict():
            kind = _KINDS[value.pop(_KIND)]
            enums = _enums(kind)
            given = {}
            for name, item in value.items():
                enum = enums[name]
                given[name] = _record(item) if enum is None or item is None else enum(item)
            return kind(**given)
        case _:
            return value
