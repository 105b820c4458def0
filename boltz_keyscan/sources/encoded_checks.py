"""Checks of text in which the signature of a container was found in an encoded form."""

from __future__ import annotations

import binascii
import contextlib
import functools
import mmap
import re
import zlib

from boltz_keyscan import beginnings
from boltz_keyscan.sources import signature_checks, stream_checks
from boltz_keyscan.sources.encoded import decode_head
from boltz_keyscan.sources.encoded_lines import LINES

_MAX_NESTED = 4
"""Encodings in one another that are checked before a text is opened."""

_MIN_BYTES = 48
"""Bytes of the shortest container that can hold a key, of which 32 are random."""

_STEP_BYTES = 4
_MIN_SOUND_BYTES = 128
_MIN_OUTPUT_BYTES = 32
"""Bytes of a damaged zlib stream that are valid, and of what they decompress to."""

_BOUNDARY = re.compile(rb"(?:^|[^A-Za-z0-9+_-]|\\[nrt]|%[0-9A-Fa-f]{2}|\\u00[0-9A-Fa-f]{2}|[0\\][xX])\Z")
_RUN = re.compile(rb"(?:[A-Za-z0-9+/_-]|%2[BbFf]|\\{1,7}/){60}")
_LAST_GROUPS = re.compile(rb"((?:[A-Za-z0-9+/]{4}){1,4})(?:%b)?\Z" % LINES)
"""Base64 of the twelve bytes before an encoded text, or of fewer; a line may end there."""

CONTEXT_BYTES = 400
"""Bytes in which the base64 of raw deflate begins, behind the text that announces it."""

_PATCH = re.compile(re.escape(beginnings.PATCH) + rb"(?:literal|delta) [0-9]+\r?\n")


@functools.cache
def _by_start() -> dict[bytes, tuple[str, ...]]:
    """Return the encodings of the beginnings by their first three bytes."""
    found: dict[bytes, tuple[str, ...]] = {}
    for literal, name, before in beginnings.encoded_beginnings():
        start = literal[-min(before, 0) :][:2] if before else literal[:2]
        if before <= 0 and name not in found.get(start, ()):
            found[start] = (*found.get(start, ()), name)
    return found


Buffer = bytes | bytearray | memoryview | mmap.mmap

_ZLIB_BYTE = ord("x")
_SHORT_STARTS = frozenset(b"7e")
_TEXT_STARTS = frozenset(binascii.b2a_base64(text)[:4] for text in beginnings.TEXTS)
_WORD = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+_-")

_NO_MARKS = bytes(set(range(256)) - set(b"\\%xX"))

_FIRST_BYTES = 48
"""Bytes of a text that are decoded for the first test."""

_HEX = re.compile(rb"[0-9A-Fa-f]{48}")
_NUMBERS = re.compile(rb"(?:[0-9]{1,3},\s{0,60}){40}")
_DIGITS = frozenset(b"0123456789")
_LETTERS = re.compile(rb"[A-Za-z0-9+/_-]{16}")
_SHORT_PATTERNS = {b"78": _HEX} | dict.fromkeys((b"eA", b"eF", b"eJ", b"eN"), _LETTERS)
_DENSE = frozenset({"base64", "base32", "hex", "utf-16", "base85", "ascii85", "uuencode"})
_SPARSE_BYTES = 240

_PIXELS = re.compile(rb"(?:IDAT|fdAT.{4})\Z", re.DOTALL)
"""Bytes before the pixels of PNG: the name of their chunk, in an animation also its number."""


def is_worth_checking(buffer: Buffer, at: int) -> bool:
    """Return False for most of the short beginnings that are not one, by the bytes around them."""
    first = buffer[at]
    if first == _ZLIB_BYTE and bytes(buffer[at : at + 2]) in beginnings.ZLIB:
        is_block = stream_checks.is_block(bytes(buffer[at + 2 : at + 7]))
        return is_block and not _PIXELS.search(bytes(buffer[max(at - 8, 0) : at]))
    if first in _DIGITS and b"," in bytes(buffer[at + 2 : at + 4]):
        return _NUMBERS.match(buffer, at) is not None
    start = bytes(buffer[at : at + 4])
    # A beginning of text, and not that of 7z.
    if not start.isascii() or (first not in _SHORT_STARTS and start not in _TEXT_STARTS):
        return True
    if at and buffer[at - 1] in _WORD:
        before = bytes(buffer[max(at - 6, 0) : at])
        # In most cases there is no escape, and a test for its mark takes a tenth of the time.
        if not before.translate(None, _NO_MARKS) or not _BOUNDARY.search(before):
            return False
    pattern = _SHORT_PATTERNS.get(bytes(buffer[at : at + 2]))
    return pattern is None or pattern.match(buffer, at) is not None


def identify(window: bytes, before: bytes = b"", nested: int = 0) -> str | None:
    """Return the encoding, or zlib, of the container that begins where a literal was found; None for none.

    Args:
        window: bytes from that offset on.
        before: bytes before it.
        nested: encodings around it.
    """
    if window[:2] in signature_checks.CHECKS and stream_checks.is_zlib(window) and _lasts(window):
        return "zlib"
    names = _by_start().get(window[:2], ())
    if window[1:2] == b"\0":
        names = ("utf-16",)
    elif "base64" not in names and _LETTERS.match(window):
        names = (*names, "base64")
    for name in names:
        match name:
            case "git-patch":
                is_container = _PATCH.match(window) is not None
            case "base64 > deflate":
                is_container = is_raw_deflate(window)
            case _:
                is_container = _holds_container(name, window, before, nested)
        if is_container:
            return name
    return None


def _lasts(window: bytes) -> bool:
    """Return False if a zlib stream fails near its beginning, or before it has output.

    Of 32 MiB of random bytes, about one stream passes the check that a file gets: its code lengths alone,
    which decompress to nothing, are longer than ``_MIN_BYTES``.
    """
    with contextlib.suppress(zlib.error):
        # Most streams are sound: where another one fails is found step by step.
        zlib.decompressobj().decompress(window)
        return True
    engine = zlib.decompressobj()
    output = 0
    for at in range(0, len(window), _STEP_BYTES):
        try:
            output += len(engine.decompress(window[at : at + _STEP_BYTES]))
        except zlib.error:
            return at >= _MIN_SOUND_BYTES and output >= _MIN_OUTPUT_BYTES
    return True


def _holds_container(name: str, window: bytes, before: bytes, nested: int) -> bool:
    """Return True if the decoded text begins as a container, or as a text that has one."""
    # A few characters exclude nearly all texts that only begin like one.
    data = decode_head(name, window[:_FIRST_BYTES])
    offsets = (0, 1, 2) if name == "base64" else (0,)
    starts = [at for at in offsets if signature_checks.has_signature(data[at:])]
    is_wide = name == "utf-16"
    inner = [at for at in offsets if is_wide or (name in _CHAINED and _may_be_encoded(data[at : at + 2]))]
    if not starts and (not inner or nested >= _MAX_NESTED):
        return False
    if data[:1] == b"x" and (not _BOUNDARY.search(before) or _PIXELS.search(_decode_before(name, before))):
        return False
    # Numbers and escapes take up to six bytes each, and time.
    data = decode_head(name, window if name in _DENSE else window[:_SPARSE_BYTES])
    if len(data) < _MIN_BYTES and len(window) > 4 * _MIN_BYTES:
        return False
    if any(signature_checks.identify(data[at:]) or data.startswith(b"%PDF-", at) for at in starts):
        return True
    return nested < _MAX_NESTED and any(
        identify(data[at:], data[:at] or _decode_before(name, before), nested + 1) for at in inner
    )


def _decode_before(name: str, before: bytes) -> bytes:
    """Return the last decoded bytes before an encoded text; none where it begins or they are not known."""
    groups = _LAST_GROUPS.search(before) if name == "base64" else None
    return decode_head(name, groups[1]) if groups else b""


def _may_be_encoded(start: bytes) -> bool:
    return start in _by_start() or (start[1:] == b"\0" and start[:1].isalnum())


_CHAINED = frozenset({"base64", "percent", "hex"})
"""Encodings of a text that is encoded itself."""


def find_run(window: bytes) -> int:
    """Return the offset of the base64 behind a text that announces raw deflate; -1 for none."""
    found = _RUN.search(window, 0, CONTEXT_BYTES)
    return found.start() if found else -1


def is_raw_deflate(window: bytes) -> bool:
    """Return True if base64 of raw deflate follows."""
    at = find_run(window)
    return at >= 0 and stream_checks.is_deflate(
        decode_head("base64", window[at:]).removeprefix(beginnings.PACKET)
    )
