"""Bytes of a container that is written as text.

An encoding is a row of ``ENCODINGS``: the characters that hold data, what may stand between them, and
their bytes. A text is read as far as its characters go; the container in it ends by itself.
"""

from __future__ import annotations

import base64
import binascii
import functools
import re
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import NamedTuple

_BREAK = rb"(?:\r?\n|(?:\\{1,7}r)?\\{1,7}n|%0[dD]%0[aA]|%0[aA]|&#(?:10|xA|x0A);)"
_JOINED = rb"[\"'][ \t]{0,9}[,+.]?[ \t]{0,9}(?:\\?\r?\n[ \t]{0,60})?[+.]?[ \t]{0,9}[bru]?[\"']"
_LINES = (
    rb"[ \t]{0,9}[=\\^`]?"
    + _BREAK
    + rb"[ \t]{0,60}(?:(?:#|//(?= )|[>|*]) ?)?(?:[\"'][,+.]?[ \t\r\n]{0,60}[\"'])?|"
    + _JOINED
)

_MARGIN_BYTES = 256
"""Bytes at the end of a buffer that are left for the next one: more than the longest separator has."""

_GUTTER_BYTES = 2048
"""Bytes in which the beginning of the lines of a text is searched for."""

_MAX_GUTTER_BYTES = 80
_MIN_COLUMNS = 16


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
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")


def _unescape_base64(letters: bytes) -> bytes:
    if letters.translate(None, b"%\\&") != letters:
        return _TO_CHARACTER.sub(_base64_character, letters)
    return letters


def _base64_character(escape: re.Match[bytes]) -> bytes:
    return b"/" if escape[0].lower().rstrip(b";").endswith((b"f", b"/", b"47")) else b"+"


def _decode_base64(letters: bytes) -> bytes:
    size = len(letters) * 6 // 8
    return binascii.a2b_base64(letters.translate(_TO_STANDARD) + b"A" * (-len(letters) % 4))[:size]


def _decode_uu(lines: bytes) -> bytes:
    return b"".join(map(binascii.a2b_uu, lines.split(b"\n")))


_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")


def _percent_byte(escape: re.Match[bytes]) -> bytes:
    return bytes([int(escape[1], 16)])


_ESCAPE = (
    rb"\\(?:x(?P<x>[0-9A-Fa-f]{2})|u00(?P<u>[0-9A-Fa-f]{2})|(?P<o>[0-3][0-7]{2})|(?P<n>[0abtnvfr\"'\\/]))"
    rb"|(?P<w>[\xc2\xc3][\x80-\xbf])"
)
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
        rb"((?:[A-Za-z0-9+/_-]|" + _ESCAPED_BASE64 + rb")+)|" + _LINES,
        _decode_base64,
        (4, 3),
        is_regular=True,
        alphabet=b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_",
        normalise=_unescape_base64,
    ),
    "utf-16": Encoding(
        rb"((?:[\x01-\x7f]\x00)+[\x01-\x7f]?)",
        lambda wide: wide.replace(b"\0", b""),
        (2, 1),
        is_regular=True,
    ),
    "hex": Encoding(
        rb"0[xX](?=[0-9A-Fa-f]{2})|((?:[0-9A-Fa-f]{2})+)|\\{1,7}[xX]|"
        + _LINES
        + rb"|(?:[ \t]{1,3}[,;:._-]?|[,;:._-])[ \t]{0,3}(?:\\?\r?\n[ \t]{0,60})?",
        lambda digits: bytes.fromhex(digits.decode("ascii")),
        (2, 1),
        is_regular=True,
        alphabet=b"0123456789abcdefABCDEF",
    ),
    "decimal": Encoding(
        rb"([0-9]{1,3})|[ \t]{0,3}[,;:][ \t]{0,3}(?:(?:\r?\n|\\{1,7}n)[ \t]{0,60})?|" + _LINES,
        lambda numbers: bytes(map(int, numbers.split())),
        joint=b" ",
    ),
    "percent": Encoding(
        rb"((?:%[0-9A-Fa-f]{2}|[A-Za-z0-9_.~!*'()+/-])+)",
        lambda text: _PERCENT.sub(_percent_byte, text.replace(b"+", b" ")),
    ),
    "quoted-printable": Encoding(rb"((?:=[0-9A-Fa-f]{2}|[ -<>-~\t])+)|=[ \t]{0,9}\r?\n", binascii.a2b_qp),
    "escape": Encoding(
        rb"[\"'][ \t]{0,9}\+?\\?\r?\n[ \t]{0,60}\+?[ \t]{0,9}b?[\"']"
        rb"|((?:" + re.sub(rb"\?P<\w>", b"?:", _ESCAPE) + rb"|[ -\[\]-\x7f])+)",
        lambda text: _ESCAPES.sub(_escaped_byte, text),
    ),
    "base85": Encoding(
        rb"([0-9A-Za-z!#$%&()*+;<=>?@^_`{|}~-]+)|" + _LINES, base64.b85decode, (5, 4), is_regular=True
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
            if chunk and len(text) < _GUTTER_BYTES:
                continue
            pattern = pattern or _compile(_gutter(text, row) + row.tokens)
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

    def _tokens(
        self, text: bytes, base: int, pattern: re.Pattern[bytes], *, last: bool
    ) -> tuple[int, bytes, bool]:
        """Return the size of the tokens that begin a text, their characters, and True at their end."""
        limit = len(text) if last else len(text) - _MARGIN_BYTES
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
                    if end - at < _MARGIN_BYTES:
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
    low, high = 0, len(characters) // row.ratio[0]
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


@functools.lru_cache(maxsize=64)
def _compile(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern)


_FIRST_BREAK = re.compile(_BREAK)
_DIGITS = re.compile(rb"[ ]*[0-9]+")


def _gutter(text: bytes, row: Encoding) -> bytes:
    """Return a pattern of a line break and the beginning of a line; empty if lines have none.

    Lines of one length end with as many characters as the first one has; whatever precedes them
    is their beginning: a number, a time, a name.
    """
    head = text[:_GUTTER_BYTES]
    if not row.is_regular or (b"\n" not in head and b"\\n" not in head):
        return b""
    found = _FIRST_BREAK.search(head)
    if found is None or found.start() < _MIN_COLUMNS:
        return b""
    columns = found.start()
    following = _FIRST_BREAK.search(head, found.end())
    line = head[found.end() : following.start() if following else len(head)]
    token = _compile(row.tokens)
    first = token.fullmatch(head, 0, columns)
    if first is None or not first.lastindex:
        return b""
    for size in range(len(line) - columns, 0, -1) if following else range(1, _MAX_GUTTER_BYTES):
        beginning = line[:size]
        if size > _MAX_GUTTER_BYTES or not beginning.strip(b" \t#>|*"):
            break
        rest = token.fullmatch(line, size)
        # A beginning of nothing but data is the end of a line that begins before the text.
        if rest is not None and rest.lastindex and not beginning.isalnum() and not token.fullmatch(beginning):
            parts, digits = _DIGITS.split(beginning), _DIGITS.findall(beginning)
            # A line number may get longer; digits next to the data do not.
            numbers = [
                b"[ ]*[0-9]+" if number[:1] == b" " else b"[0-9]{%d}" % len(number) for number in digits
            ]
            if digits and not parts[-1]:
                numbers[-1] = b"[ 0-9]{%d}" % len(digits[-1])
            shape = b"".join(
                re.escape(part) + number for part, number in zip(parts, [*numbers, b""], strict=True)
            )
            return re.escape(found[0]) + shape + b"|"
        if following:
            break
    return b""


def decode_head(name: str, window: bytes) -> bytes:
    """Return the first bytes of an encoded text, of which ``window`` is the beginning."""
    row = ENCODINGS[name]
    if row.alphabet:
        size = len(window) - len(window.lstrip(row.alphabet))
        if size == len(window):
            # Nothing to leave out, as in most texts.
            return row.decode(window[: size - size % row.ratio[0]])
    return b"".join(Decoder(name, iter((window,))))
