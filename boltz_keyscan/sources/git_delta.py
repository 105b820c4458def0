"""Deltas of a git pack (gitformat-pack, "Deltified representation").

dulwich's compiled code applies them: it checks every instruction against both sizes. The sizes are
read here first, so that the caller can refuse a large result before it is built.
"""

from __future__ import annotations

from typing import Final

from dulwich.errors import ApplyDeltaError
from dulwich.pack import apply_delta

IS_COMPILED: Final = not hasattr(apply_delta, "__code__")
"""True if dulwich's compiled code is installed; its Python code is slower than git."""

_MAX_SIZE_BYTES = 9
"""Bytes of the longest size that is read: 63 bits."""


def read_sizes(delta: bytes) -> tuple[int, int, int]:
    """Return the sizes of base and result that a delta declares, and the offset of its instructions.

    Raises:
        ValueError: the sizes cannot be read.
    """
    base, at = _read_varint(delta, 0)
    result, at = _read_varint(delta, at)
    return base, result, at


def apply(base: bytes, delta: bytes) -> bytes:
    """Return the result of a delta applied to its base; check ``read_sizes`` first.

    Raises:
        ValueError: the delta belongs to another base, or is damaged.
    """
    try:
        return b"".join(apply_delta(base, delta))
    except ApplyDeltaError as error:
        raise ValueError(str(error)) from error


def measure_unchanged_prefix(delta: bytes, at: int) -> int:
    """Return how many first bytes of the base a valid delta keeps; its instructions begin at ``at``."""
    prefix, end = 0, len(delta)
    while at < end and (instruction := delta[at]) > 127:
        at += 1
        start = 0
        if instruction & 15:
            for bit in range(4):
                if instruction >> bit & 1:
                    start |= delta[at] << 8 * bit
                    at += 1
        if start != prefix:
            break
        length = 0
        if instruction & 16:
            length = delta[at]
            at += 1
        if instruction & 32:
            length |= delta[at] << 8
            at += 1
        if instruction & 64:
            length |= delta[at] << 16
            at += 1
        prefix += length or 0x10000
    return prefix


def _read_varint(raw: bytes, at: int) -> tuple[int, int]:
    """Return a number stored as seven bits a byte, lowest first, and the offset behind it."""
    value = shift = 0
    for byte in raw[at : at + _MAX_SIZE_BYTES]:
        value |= (byte & 127) << shift
        shift += 7
        at += 1
        if byte < 128:
            return value, at
    raise ValueError("a number without an end")
