"""Bytes of a container that is written as text.

An encoding is a row of ``ENCODINGS``: the characters that hold data, what may stand between them, and
their bytes. A text is read as far as its characters go; the container in it ends by itself.
"""

from __future__ import annotations

import base64
import binascii
import re
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import NamedTuple

from boltz_keyscan import base64_text
from boltz_keyscan.sources.encoded_lines import (
    GUTTER_BYTES,
    LINES,
    LINES_OF_SIGNS,
    MARGIN_BYTES,
    compile_tokens,
    find_joint,
)


class Encoding(NamedTuple):
    """A row of the table."""

    tokens: bytes
    """Regular expression of a token: group 1 for characters with data, otherwise a separator."""
    decode: Callable[[bytes], bytes]
    """Decode the characters, without separators; raises ValueError for those that are not valid."""
    ratio: tuple[int, int] = (1, 1)
    """Characters of a group, and its bytes; for some encodings a character has any number of bytes."""
    is_regular: bool = False
    """True if every group of characters has the same count of bytes."""
    alphabet: bytes = b""
    """All characters with data, of an encoding whose groups are all valid."""
    joint: bytes = b""
    """Bytes between the characters of two tokens for ``decode``."""
    normalise: Callable[[bytes], bytes] = bytes
    """Replace characters that are escaped or abbreviated."""


_ESCAPED_BASE64 = rb"%2[BbFf]|\\{1,7}/|\\{1,7}u002[BbFf]|&#(?:x2[BbFf]|43|47);"
_TO_CHARACTER = re.compile(_ESCAPED_BASE64)
_SECTIONS = rb"={0,2}[ \t\r\n]{0,9}\]\]>[ \t\r\n]{0,9}<!\[CDATA\[[ \t\r\n]{0,9}(?=[A-Za-z0-9+/])"
"""End of a section of XML and begin of the next, as in an SVG of Illustrator: each has its own padding."""


def _unescape_base64(letters: bytes) -> bytes:
    if b"]]>" in letters:
        return letters[: letters.index(b"]")].strip()
    if letters.translate(None, b"%\\&") != letters:
        return _TO_CHARACTER.sub(_base64_character, letters)
    return letters


def _base64_character(escape: re.Match[bytes]) -> bytes:
    return b"/" if escape[0].lower().rstrip(b";").endswith((b"f", b"/", b"47")) else b"+"


def _decode_base64(letters: bytes) -> bytes:
    return b"".join(map(base64_text.decode, letters.replace(b"==", b"=").split(b"=")))


def _decode_base32(letters: bytes) -> bytes:
    return base64.b32decode(letters + b"A" * (-len(letters) % 8), casefold=True)[: len(letters) * 5 // 8]


def _decode_uu(lines: bytes) -> bytes:
    return b"".join(map(binascii.a2b_uu, lines.split(b"\n")))


_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")


def _percent_byte(escape: re.Match[bytes]) -> bytes:
    return bytes([int(escape[1], 16)])


_ESCAPE = (
    rb"\\(?:x(?P<x>[0-9A-Fa-f]{2})|u00(?P<u>[0-9A-Fa-f]{2})|(?P<o>[0-3][0-7]{2})|(?P<n>[0abtnvfr\"'\\/]))"
    rb"|(?P<w>[\xc2\xc3][\x80-\xbf])"
)
_LINE_END = rb"[\"'][ \t]{0,9}\+?[ \t]?\\?\r?\n"
_ESCAPES = re.compile(_ESCAPE)
_CHARACTERS = dict(zip(b"0abtnvfr", b"\0\7\x08\t\n\x0b\x0c\r", strict=True))


def _escaped_byte(escape: re.Match[bytes]) -> bytes:
    match escape.lastgroup, escape[escape.lastgroup or 0]:
        case "w", wide:
            return wide.decode().encode("latin-1")
        case "n", name:
            return bytes([_CHARACTERS.get(name[0], name[0])])
        case kind, digits:
            return bytes([int(digits, 8 if kind == "o" else 16)])


ENCODINGS = {
    "base64": Encoding(
        rb"((?:[A-Za-z0-9+/_-]|" + _ESCAPED_BASE64 + rb")+|" + _SECTIONS + rb")|" + LINES,
        _decode_base64,
        (4, 3),
        is_regular=True,
        alphabet=b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_",
        normalise=_unescape_base64,
    ),
    "base32": Encoding(
        rb"([A-Za-z2-7]+)|" + LINES,
        _decode_base32,
        (8, 5),
        is_regular=True,
        alphabet=b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz234567",
    ),
    "utf-16": Encoding(
        rb"((?:[\x01-\x7f]\x00)+[\x01-\x7f]?)",
        lambda wide: wide.replace(b"\0", b""),
        (2, 1),
        is_regular=True,
    ),
    "hex": Encoding(
        rb"0[xX](?=[0-9A-Fa-f]{2})|((?:[0-9A-Fa-f]{2})+|0[xX][0-9A-Fa-f](?![0-9A-Fa-f]))|\\{1,7}[xX]|"
        + LINES
        + rb"|(?:[ \t]{1,3}[,;:._-]?|[,;:._-])[ \t]{0,3}(?:\\?\r?\n[ \t]{0,60})?",
        lambda digits: bytes.fromhex(digits.decode("ascii")),
        (2, 1),
        is_regular=True,
        alphabet=b"0123456789abcdefABCDEF",
        # A number below 16, as rcc of Qt writes it.
        normalise=lambda digits: digits.replace(b"x", b"").replace(b"X", b""),
    ),
    "decimal": Encoding(
        rb"([0-9]{1,3})|[ \t]{0,3}[,;:][ \t]{0,3}(?:(?:\r?\n|\\{1,7}n)[ \t]{0,60})?|" + LINES,
        lambda numbers: bytes(map(int, numbers.split())),
        joint=b" ",
    ),
    "percent": Encoding(
        rb"((?:%[0-9A-Fa-f]{2}|[A-Za-z0-9_.~!*'()+/-])+)",
        lambda text: _PERCENT.sub(_percent_byte, text.replace(b"+", b" ")),
    ),
    "quoted-printable": Encoding(rb"((?:=[0-9A-Fa-f]{2}|[ -<>-~\t])+)|=[ \t]{0,9}\r?\n", binascii.a2b_qp),
    "escape": Encoding(
        _LINE_END + rb"[ \t]{0,60}\+?[ \t]{0,9}b?[\"']"
        rb"|((?:" + re.sub(rb"\?P<\w>", b"?:", _ESCAPE) + rb"|(?!" + _LINE_END + rb")[ -\[\]-\x7f])+)",
        lambda text: _ESCAPES.sub(_escaped_byte, text),
    ),
    "base85": Encoding(
        rb"([0-9A-Za-z!#$%&()*+;<=>?@^_`{|}~-]+)|" + LINES_OF_SIGNS, base64.b85decode, (5, 4), is_regular=True
    ),
    "ascii85": Encoding(
        rb"([!-uz]+)|[ \t]*\r?\n[ \t]*",
        base64.a85decode,
        (5, 4),
        is_regular=True,
        normalise=lambda letters: letters.replace(b"z", b"!!!!!"),
    ),
    "uuencode": Encoding(rb"([ -`]{1,62})|\r?\n", _decode_uu, joint=b"\n"),
}
"""The encodings by their names in ``decoded``."""


class Decoder:
    """The decoding of one text, in pieces.

    Args:
        name: its encoding.
        chunks: the text, and any bytes behind it.
    """

    def __init__(self, name: str, chunks: Iterator[bytes]) -> None:
        self._row = ENCODINGS[name]
        self._chunks = chunks
        self._characters, self._ends = array("Q"), array("Q")
        """Count of characters up to the end of each token, and that end in the encoded text."""

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes of the text, as far as it is valid."""
        row, held, text, base, ended = self._row, b"", b"", 0, False
        pattern = None
        while not ended:
            chunk = next(self._chunks, b"")
            text += chunk
            if chunk and len(text) < GUTTER_BYTES:
                continue
            pattern = pattern or compile_tokens(self._joint(text) + row.tokens)
            size, characters, ended = self._tokens(text, base, pattern, last=not chunk)
            text, base = text[size:], base + size
            held = held + row.joint + characters if held and characters else held + characters
            size = len(held) if ended or row.joint else len(held) - len(held) % row.ratio[0]
            ready, held = held[:size], held[size:]
            if ready:
                output, is_valid = _decode(row, ready)
                ended = ended or not is_valid
                if output:
                    yield output

    def _joint(self, text: bytes) -> bytes:
        """Return a pattern of what is between the lines of a regular encoding, beside line breaks."""
        row = self._row
        return find_joint(text[:GUTTER_BYTES], row.tokens, row.alphabet) if row.is_regular else b""

    def _tokens(
        self, text: bytes, base: int, pattern: re.Pattern[bytes], *, last: bool
    ) -> tuple[int, bytes, bool]:
        """Return the size of the tokens that begin a text, their characters, and True at their end."""
        limit = len(text) if last else len(text) - MARGIN_BYTES
        count = self._characters[-1] if self._characters else 0
        parts: list[bytes] = []
        at = 0
        while at < limit:
            token = pattern.match(text, at)
            if token is None or token.end() == at:
                return at, self._row.joint.join(parts), True
            end = token.end()
            if token.lastindex:
                if end > limit:
                    if end - at < MARGIN_BYTES:
                        break
                    # Not within an escape, which has fewer bytes than the margin.
                    end = _cut(text, at, limit)
                    if end == at:
                        break
                characters = self._row.normalise(text[token.start(1) : end])
                parts.append(characters)
                count += len(characters)
                self._characters.append(count)
                self._ends.append(base + end)
            elif end > limit:
                break
            at = end
        return at, self._row.joint.join(parts), last

    def locate(self, size: int) -> int:
        """Return the end in the text of its first ``size`` bytes; 0 if the encoding is not regular."""
        if not self._row.is_regular or not self._ends:
            return 0
        characters, octets = self._row.ratio
        wanted = -(-size * characters // octets)
        number = min(bisect_left(self._characters, wanted), len(self._ends) - 1)
        return max(self._ends[number] - max(self._characters[number] - wanted, 0), 0)


def _cut(text: bytes, start: int, end: int) -> int:
    """Return an even distance from the start of a token, near an end, at which no escape is cut."""
    end -= (end - start) % 2
    last = max(
        text.rfind(mark, max(end - 16, start), end) for mark in (b"%", b"\\", b"&", b"=", b"\xc2", b"\xc3")
    )
    if last >= 0:
        while last > start and text[last - 1 : last] == b"\\":
            last -= 1
        return last
    return end


def _decode(row: Encoding, characters: bytes) -> tuple[bytes, bool]:
    """Return the bytes of characters, and False if only some of them are valid."""
    try:
        return row.decode(characters), True
    except ValueError:
        pass
    # Also if all groups are valid, and what follows the last is not.
    low, high = 0, -(-len(characters) // row.ratio[0])
    if row.joint:
        parts = characters.split(row.joint)
        low, high = 0, len(parts)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            row.decode(_first(row, characters, middle))
            low = middle
        except ValueError:
            high = middle
    try:
        return row.decode(_first(row, characters, low)), False
    except ValueError:
        return b"", False


def _first(row: Encoding, characters: bytes, count: int) -> bytes:
    if row.joint:
        return row.joint.join(characters.split(row.joint)[:count])
    return characters[: count * row.ratio[0]]


def decode_head(name: str, window: bytes) -> bytes:
    """Return the first bytes of an encoded text, of which ``window`` is the beginning."""
    row = ENCODINGS[name]
    if row.alphabet:
        size = len(window) - len(window.lstrip(row.alphabet))
        if size == len(window):
            # Nothing to leave out, as in most texts.
            return row.decode(window[: size - size % row.ratio[0]])
    return b"".join(Decoder(name, iter((window,))))
