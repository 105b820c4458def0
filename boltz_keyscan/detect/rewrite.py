"""Edits that redact a key where it is: plain, broken, or within its encoding.

The replacement has as many characters as the key: its type prefix, the mark of redacted text, and the
first digits of its fingerprint. So each byte of a decoded text is replaced by one other byte, and only
the characters that encode it change: the length of a base64 text, its line breaks and everything around
the key stay.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias

from boltz_keyscan.detect.decoders import Reading, offsets
from boltz_keyscan.detect.layouts import dumps
from boltz_keyscan.detect.readings import Decoded, Key
from boltz_keyscan.detect.redact import MARK
from boltz_keyscan.model.finding import Edit

Changes: TypeAlias = Mapping[int, int]
"""The new values of bytes of a text, by their offset."""

_TAG: Final = b"[bk1:%b]"
_DIGITS: Final = 32
"""Digits of a fingerprint."""

_MIN_DIGITS: Final = 4
"""Digits by which a key can be named on the command line."""


class _UnknownError(Exception):
    """A key in a form that has no encoder here."""


def find_edits(key: Key, fingerprint: str) -> tuple[Edit, ...]:
    """Return the edits that redact a key, in order; none if its form cannot be written."""
    new = replacement(key.prefix, len(key.raw), fingerprint)
    merged: list[Edit] = []
    try:
        for start, end, text in sorted(_edits(key, new)):
            if merged and merged[-1][1] == start - key.start:
                first, _, before = merged.pop()
                merged.append((first, end - key.start, before + text))
            else:
                merged.append((start - key.start, end - key.start, text))
    except _UnknownError:
        return ()
    return tuple(merged)


def replacement(prefix: bytes, size: int, fingerprint: str) -> bytes:
    """Return the redacted form of a key, in as many bytes as the key has."""
    digits = fingerprint.removeprefix("bk1:").encode("ascii")
    room = size - len(prefix) - len(MARK) - len(_TAG % b"")
    tag = _TAG % digits[: min(room, _DIGITS)] if room >= _MIN_DIGITS else b""
    return (prefix + MARK + tag).ljust(size, b".")[:size]


def _edits(key: Key, new: bytes) -> list[Edit]:
    """Return the edits in the text in which ``key.start`` is an offset.

    Raises:
        _UnknownError: the form cannot be written.
    """
    size = len(key.prefix)
    if key.decoded is not None:
        decoded, inner = key.decoded
        changes = _by_byte(_edits(inner, new), decoded.reading.data)
        return [
            (decoded.base + start, decoded.base + end, text) for start, end, text in _encode(decoded, changes)
        ]
    if key.runs:
        shift = key.start - key.runs[0][0]
        body = zip(offsets(key.runs)[size:], new[size:], strict=False)
        return [(shift + at, shift + at + 1, bytes([byte])) for at, byte in body]
    return [(key.start + size, key.start + len(key.raw), new[size:])]


def _by_byte(edits: list[Edit], data: bytes) -> Changes:
    """Return edits of the same length as the changes of single bytes.

    Raises:
        _UnknownError: an edit has another length.
    """
    changes: dict[int, int] = {}
    for start, end, text in edits:
        if end - start != len(text):
            raise _UnknownError
        changes |= {at: byte for at, byte in enumerate(text, start) if data[at] != byte}
    return changes


def _encode(decoded: Decoded, changes: Changes) -> Iterator[Edit]:
    """Return the edits of an encoded text that change bytes of the decoded one.

    Raises:
        _UnknownError: its encoding cannot be written.
    """
    encode = _ENCODERS.get(decoded.reading.name, _encode_places)
    return encode(decoded.text, decoded.reading, changes)


_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_VALUES = {letter: value for value, letter in enumerate(_LETTERS)} | {ord("-"): 62, ord("_"): 63}
_SHARES = (
    ((0x00, 2, 0xFF), (0x0F, 4, 0x03)),
    ((0x30, 4, 0xFF), (0x03, 2, 0x0F)),
    ((0x3C, 6, 0xFF), (0, 0, 0x3F)),
)
"""For each byte of a group of three, its two letters: the bits kept, the shift of the byte, and its bits."""


def _encode_base64(text: bytes, reading: Reading, changes: Changes) -> Iterator[Edit]:
    """Change the letters of bytes. The new ones are never the two that differ between the alphabets."""
    values: dict[int, int] = {}
    for byte, new in changes.items():
        places = reading.start(byte), reading.end(byte) - 1
        for number, (at, (kept, shift, bits)) in enumerate(zip(places, _SHARES[byte % 3], strict=True)):
            part = (new & bits) << shift if number else new >> shift
            values[at] = (values.get(at, _VALUES[text[at]]) & kept) | part
    return ((at, at + 1, _LETTERS[value : value + 1]) for at, value in values.items())


def _encode_wide(text: bytes, reading: Reading, changes: Changes) -> Iterator[Edit]:
    for index, new in changes.items():
        start, end = reading.start(index), reading.end(index)
        at = start if text[start] else end - 1
        yield at, at + 1, bytes([new])


def _encode_hex(text: bytes, reading: Reading, changes: Changes) -> Iterator[Edit]:
    digits = text[reading.low : reading.high].replace(b"0x", b"").replace(b"0X", b"")
    form = b"%02X" if re.search(rb"[A-F]", digits) else b"%02x"
    for index, new in changes.items():
        end = reading.end(index)
        yield end - 2, end, form % new


def _encode_numbers(form: bytes) -> Callable[[bytes, Reading, Changes], Iterator[Edit]]:
    def encode(_text: bytes, reading: Reading, changes: Changes) -> Iterator[Edit]:
        for index, new in changes.items():
            yield reading.start(index), reading.end(index), form % new

    return encode


_ESCAPE = re.compile(
    rb"(?P<x>[%=]|\\(?:[uU]|u\{|x)0{0,6}|&#[xX]0{0,5}|\\')(?P<digits>[0-9A-Fa-f]{2})(?P<end>[};]?)"
    rb"|\\(?P<o>[0-7]{3})|&#(?P<d>[0-9]+);"
)


def _encode_escapes(text: bytes, reading: Reading, changes: Changes) -> Iterator[Edit]:
    """Write each escape in its own form, and a character that has a name as it is."""
    for index, new in changes.items():
        start, end = reading.start(index), reading.end(index)
        escape = _ESCAPE.fullmatch(text, start, end)
        if escape is None:
            encoded = bytes([new])
        elif escape["x"]:
            is_upper = re.search(rb"[A-F]", escape["digits"]) or not re.search(rb"[a-f]", escape["digits"])
            encoded = escape["x"] + (b"%02X" if is_upper else b"%02x") % new + escape["end"]
        elif escape["o"]:
            encoded = b"\\%03o" % new
        else:
            encoded = b"&#%0*d;" % (len(escape["d"]), new)
        yield start, end, encoded


def _encode_places(text: bytes, reading: Reading, changes: Changes) -> Iterator[Edit]:
    """Change bytes that are in the text as they are, one by one.

    Raises:
        _UnknownError: one is not.
    """
    for index, new in changes.items():
        start, end = reading.start(index), reading.end(index)
        # A dump shows each byte a second time, as a character.
        if reading.name == dumps.NAME or end - start != 1 or text[start] != reading.data[index]:
            raise _UnknownError
        yield start, end, bytes([new])


_ENCODERS: dict[str, Callable[[bytes, Reading, Changes], Iterator[Edit]]] = {
    "base64": _encode_base64,
    **dict.fromkeys(("utf-16le", "utf-16be", "utf-32le", "utf-32be"), _encode_wide),
    "hex": _encode_hex,
    "decimal": _encode_numbers(b"%d"),
    "octal": _encode_numbers(b"%03o"),
    **dict.fromkeys(("percent", "html", "quoted-printable", "rtf", "backslash"), _encode_escapes),
}
"""The encoders by the name of a reading; any other reading shows the bytes of the key as they are."""
