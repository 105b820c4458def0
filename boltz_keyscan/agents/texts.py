"""Texts in a JSON value: all strings and names, and a copy with other texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

WITHHELD = "[withheld by boltz-keyscan: a key is in this text and could not be replaced]"

COPIES = frozenset({"persistedOutputPath", "persistedOutputSize"})
"""Fields of Claude Code that name a file with the whole output, which the model may read."""


def texts(value: object) -> Iterator[str]:
    """Yield every string in a JSON value and every name of its objects.

    Not recursive: an agent passes on whatever a tool returned, however deep.
    """
    left = [value]
    while left:
        each = left.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, dict):
            left += [*each.values(), *each]
        elif isinstance(each, list):
            left += each


def with_texts(value: object, change: Callable[[str], str], dropped: frozenset[str] = frozenset()) -> object:
    """Return a copy of a JSON value with every string and name changed.

    Args:
        value: the value; not deeper than the parser of JSON allows.
        change: returns the new text.
        dropped: names that are left out.
    """
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [with_texts(each, change, dropped) for each in value]
    if isinstance(value, dict):
        return {
            change(name): with_texts(each, change, dropped)
            for name, each in value.items()
            if name not in dropped
        }
    return value


def encode(text: str) -> bytes:
    """Return the bytes of a text; JSON has surrogates that UTF-8 has not."""
    return text.encode("utf-8", "surrogatepass")


def decode(raw: bytes) -> str:
    """Return the text of bytes from ``encode``."""
    return raw.decode("utf-8", "surrogatepass")
