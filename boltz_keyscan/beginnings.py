"""First bytes of containers, plain and encoded, for the search engine and the check behind it.

A signature of three bytes or more is written at every alignment of base64, in hex, as escapes, as
numbers and in base85. The two bytes of zlib make short literals, so they are written where an encoded
text begins only, and the check requires that.
"""

from __future__ import annotations

import base64
import binascii
import functools
import re
from collections.abc import Iterable, Iterator
from typing import Final

from boltz_keyscan import base64_text

GZIP: Final = b"\x1f\x8b\x08"
ZLIB: Final = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
"""Headers of zlib for each level of compression (RFC 1950, section 2.2)."""

EMBEDDED: Final = (
    (b"PK\1\2", 0),
    (b"PK\3\4", 0),
    (b"7z\xbc\xaf\x27\x1c", 0),
    (b"\xfd7zXZ\0", 0),
    (b"1AY&SY", 4),
    (b"\x1f\x8b\x08", 0),
    (b"\x28\xb5\x2f\xfd", 0),
    (b"Rar!\x1a\7", 0),
    (b"MSCF\0\0\0\0", 0),
    (b"LZIP\1", 0),
    (b"ustar\0", 257),
    (b"ustar  ", 257),
    (b"koly\0\0\0\4", 0),
    (b"NullsoftInst", 4),
    (b"\x57\xfb\x80\x8b\x24\x75\x47\xdb", 0),
    (b"x\x01", 0),
    (b"x\x5e", 0),
    (b"x\x9c", 0),
    (b"x\xda", 0),
)
"""Signatures of archives that other bytes may precede: literal, and bytes of the archive before it.

The engine finds them in the same pass as keys; ``sources.signatures`` checks them. All are plain literals:
with expressions among them the engine takes a third longer."""

SIGNATURES: Final = (
    GZIP,
    b"PK\3\4",
    b"\xfd7zXZ\0",
    b"\x28\xb5\x2f\xfd",
    b"BZh",
    b"7z\xbc\xaf\x27\x1c",
    b"%PDF-",
    b"Rar!\x1a\7",
)
"""Signatures that encodings are searched for."""

_ONCE: Final = (
    b"\x04\x22\x4d\x18",
    b"# v2 git bundle\n",
    b"# v3 git bundle\n",
    b"SQLite format 3\0",
    b"\xd0\xcf\x11\xe0\xa1\xb1",
)
"""Signatures that base64 is searched for, once: of lz4, git bundles, databases and compound files."""

TEXTS: Final = (b"000000", b'data: {"', b"event: ", b'{"version":"1","enc')
"""Beginnings of texts that are read where base64 begins: dumps with an offset, streams of events, scenes of
Excalidraw."""

_STARTS: Final = (
    GZIP + b"\0",
    GZIP + b"\x08",
    b"PK\3\4",
    b"\xfd7zX",
    b"\x28\xb5\x2f\xfd",
    b"BZh9",
    b"7z\xbc\xaf",
    b"%PDF",
)
"""The first four bytes, which base85 writes as one group."""

_MIN_LITERAL_BYTES = 4

_URL_SAFE = bytes.maketrans(b"+/", b"-_")

_BOUNDARIES = b"\"'=:>, \n\t(./[|`\0"
"""Bytes before a text that begins with ``eNo``, which is also in words such as ``lineNo``."""

_DIGITS = re.compile("[0-9]*")

_ARRAY_SEPARATORS = (b",", b", ")

CONTEXTS: Final = (
    b"<diagram",
    b"&lt;diagram",
    b"%3Cdiagram",
    b"\\u003cdiagram",
    b"diagrams.net/#R",
    b"draw.io/#R",
    b"SAMLRequest",
    b"SAMLResponse",
    b"FromBase64String(",
    b"-----BEGIN PGP MESSAGE-----",
)
"""Text before base64 of raw deflate, which has no signature: draw.io (its "compressed" property), the
redirect binding of SAML 2.0 (saml-bindings-2.0-os, 3.4.4.1), PowerShell's ``DeflateStream``, and signed
messages of OpenPGP."""

PACKET: Final = b"\xa3\1"
"""Header of a packet of OpenPGP with raw deflate, up to its end, as gpg writes it (RFC 4880, 4.2 and 5.6)."""

PATCH: Final = b"GIT binary patch\n"
"""Line before the hunks of a binary patch (git-diff(1), ``--binary``)."""

Beginning = tuple[bytes, str, int]
"""A literal, the encoding, and the bytes of the encoded text before the literal; less than 0 if
the literal has bytes that precede the text."""


def _base64(signature: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield base64 at each alignment and in both alphabets, and the characters before it in its group."""
    for encoded, first in base64_text.alignments(signature):
        for text in dict.fromkeys((encoded, encoded.translate(_URL_SAFE))):
            if len(text) >= _MIN_LITERAL_BYTES:
                yield text, first


def _zlib_base64() -> Iterator[tuple[bytes, int]]:
    """Yield the first three characters of base64 of zlib: the third has two bits of the next byte."""
    for header in ZLIB:
        for bits in range(0, 256, 64):
            yield binascii.b2a_base64(header + bytes([bits]), newline=False)[:3], 0


def _zlib_twice() -> Iterator[tuple[bytes, int]]:
    """Yield base64 of the same as a string of JSON: only one alignment of the characters is long enough.

    That one finds also the text whose quote ends a group.
    """
    for text, _ in _zlib_base64():
        yield from ((literal[:_MIN_LITERAL_BYTES], at) for literal, at in _base64(b'"' + text) if at < 3)


def _all() -> Iterator[Beginning]:
    """Yield the beginnings; a literal that begins with another one is left out later."""
    once = [
        *_base64_of((*SIGNATURES, *_STARTS[:2])),
        *(literal for literal in _zlib_base64() if literal[0] != b"eNo"),
    ]
    once += ((bytes([byte]) + b"eNo", -1) for byte in _BOUNDARIES)
    first = sorted({text for text, before in once if not before})
    twice = [*_base64_of(first), *_zlib_twice()]
    common = sorted({text for text in first if text.startswith((b"H4sI", b"UEsDB"))})
    wide = {_widen(text): 0 for text in first if len(text) > _MIN_LITERAL_BYTES - 1}
    wide |= {_widen(text): 2 * before for text, before in _base64_of((b"PK\3\4", *_STARTS[:2]))}
    thrice = _base64_of(text for inner in common for text, _ in _base64(inner))
    once += _base64_of(_ONCE)
    once += ((binascii.b2a_base64(text)[: len(text) * 8 // 6], 0) for text in TEXTS)
    yield from ((text, "base64", before) for text, before in (*once, *twice, *thrice))
    # UTF-16 is searched for without the NUL at its end, which is at its beginning in the other order.
    yield from ((text, "utf-16", before) for text, before in wide.items())
    for text in wide:
        if text.translate(None, b"\0") in common:
            yield from ((literal, "base64", before) for literal, before in _base64(text))
    for signature in (*SIGNATURES, *ZLIB):
        yield from _by_bytes(signature)
    yield b"\\u001f\\u008b", "escape", 0
    yield b"\\u001f\xc2\x8b", "escape", 0
    yield b"\\037\\213", "escape", 0
    yield from ((b'"x' + level, "escape", -1) for level in (b"\xc2\x9c", b"\xc3\x9a"))
    for signature in _STARTS:
        yield base64.b85encode(signature), "base85", 0
        yield base64.a85encode(signature), "ascii85", 0
        text = base64.b32encode(signature)[:6]
        yield from ((text, "base32", 0), (text.lower(), "base32", 0))
        for has_graves in (False, True):
            line = binascii.b2a_uu(signature + bytes(45 - len(signature)), backtick=has_graves)
            yield line[:6], "uuencode", 0
    for quote in (b"'", b'"'):
        yield from ((quote + text, "base85", -1) for text in (b"c$", b"c-"))
        yield from ((quote + text, "ascii85", -1) for text in (b"Ga", b"Gb", b"Gh"))
    yield from ((b"<~" + text, "ascii85", -2) for text in (b"Ga", b"Gb", b"Gh"))
    yield from ((text, "base64 > deflate", 0) for text in CONTEXTS)
    yield PATCH, "git-patch", 0


def _widen(text: bytes) -> bytes:
    return b"\0".join(text[at : at + 1] for at in range(len(text)))


def _base64_of(texts: Iterable[bytes]) -> Iterator[tuple[bytes, int]]:
    return (pair for text in texts for pair in _base64(text))


def _by_bytes(signature: bytes) -> Iterator[Beginning]:
    """Yield a signature with each byte as a number or as an escape."""
    # Digits alone are the same in either case.
    size = len(_DIGITS.match(signature.hex())[0]) // 2  # type: ignore[index]  # it may be empty
    for digits in (b"%02x", b"%02X"):
        pairs = [digits % byte for byte in (signature[:size] if size > 3 else signature)]
        yield b"".join(pairs), "hex", 0
        if len(pairs) > 2:
            yield b" ".join(pairs), "hex", 0
        for separator in _ARRAY_SEPARATORS:
            yield separator.join(b"0x" + pair for pair in pairs), "hex", 0
    for separator in _ARRAY_SEPARATORS:
        yield separator.join(b"%#x" % byte for byte in signature) + b",", "hex", 0
    for separator in _ARRAY_SEPARATORS:
        yield separator.join(b"%d" % byte for byte in signature) + b",", "decimal", 0
    for encoding, form in (("percent", b"%%%02X"), ("percent", b"%%%02x"), ("quoted-printable", b"=%02X")):
        escaped = (b"%c" % byte if byte < 128 and chr(byte).isalnum() else form % byte for byte in signature)
        yield b"".join(escaped), encoding, 0
    # As Python, C and JSON write bytes in a string.
    yield repr(signature)[2:-1].encode(), "escape", 0
    yield b"".join(b"%c" % byte if 32 <= byte < 127 else b"\\u%04x" % byte for byte in signature), "escape", 0


@functools.cache
def encoded_beginnings() -> tuple[Beginning, ...]:
    """Return the beginnings, without those that begin with another one."""
    plain = {*SIGNATURES, *ZLIB, b"BZh"}
    found = {beginning[0]: beginning for beginning in _all() if beginning[0] not in plain}
    return tuple(
        beginning
        for literal, beginning in found.items()
        if not any(
            found.get(literal[:size], ("", "", None))[2] == beginning[2] for size in range(3, len(literal))
        )
    )


def literals() -> tuple[tuple[bytes, int], ...]:
    """Return the signatures as they are and as encodings write them, with the bytes before each."""
    encoded = ((literal, before) for literal, _, before in encoded_beginnings())
    return (*EMBEDDED, *encoded)
