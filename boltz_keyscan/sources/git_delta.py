"""What the differences in a git pack make of the objects they differ from.

dulwich's compiled code does it: it checks every order against both sizes. What is read
here besides are those sizes, before anything is made, and how much stays as it was.

Boundary: two runs of bytes (gitformat-pack, "Deltified representation"); what to hold of
them, and where they come from, is the caller's.
"""

from __future__ import annotations

from typing import Final

from dulwich.errors import ApplyDeltaError
from dulwich.pack import apply_delta

IS_COMPILED: Final = not hasattr(apply_delta, "__code__")
"""Whether dulwich's compiled code is there; its Python code is slower than git."""

_DIGITS = 9
"""Bytes of a size: 63 bits of it."""


def read_sizes(change: bytes) -> tuple[int, int, int]:
    """Bytes of the base and of what is made from it, as a difference says, and where its orders begin.

    Raises:
        ValueError: it does not say them.
    """
    base, at = _number(change, 0)
    made, at = _number(change, at)
    return base, made, at


def apply(base: bytes, change: bytes) -> bytes:
    """What a difference makes of its base; see to it that its ``sizes`` can be held.

    Raises:
        ValueError: it is of another base, or damaged.
    """
    try:
        return b"".join(apply_delta(base, change))
    except ApplyDeltaError as error:
        raise ValueError(str(error)) from error


def measure_unchanged_prefix(change: bytes, at: int) -> int:
    """Bytes that the orders of a sound difference, which begin at ``at``, first leave where they were."""
    alike, end = 0, len(change)
    while at < end and (order := change[at]) > 127:
        at += 1
        start = 0
        if order & 15:
            for bit in range(4):
                if order >> bit & 1:
                    start |= change[at] << 8 * bit
                    at += 1
        if start != alike:
            break
        length = 0
        if order & 16:
            length = change[at]
            at += 1
        if order & 32:
            length |= change[at] << 8
            at += 1
        if order & 64:
            length |= change[at] << 16
            at += 1
        alike += length or 0x10000
    return alike


def _number(raw: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits to a byte, lowest first, and where it ends."""
    value = shift = 0
    for byte in raw[at : at + _DIGITS]:
        value |= (byte & 127) << shift
        shift += 7
        at += 1
        if byte < 128:
            return value, at
    raise ValueError("a number without an end")
