"""Plain keys that are broken: by a line break, by joined literals, or by markup.

Nothing is decoded: the break is left out, and the rest must be a key. If code joins literals,
the syntax proves that they belong together. After a line break the next word may be unrelated
to the key; then only a body of exactly the confirmed shape counts.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from boltz_keyscan.detect.classify import KEY_BODY, SHORTEST
from boltz_keyscan.detect.decoders import compile_pattern
from boltz_keyscan.detect.literals import STEM
from boltz_keyscan.records import dataclass

REACH: Final = 100
"""Bytes before the end of a prefix in which its beginning is searched for."""

_MAX_BODY_CHARS = 300

_BODY = frozenset(
    bytes([byte]) for byte in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
)

_YAML = (b" >", b" |", b" >-", b" |-", b" >+", b" |+")
"""Ends of the line before a YAML text in indented lines."""

_NARROW = 40
"""Columns from which two lines of equal width are taken for one wrapped text."""

_LINE = 400
"""Bytes of a line that are searched for a common line prefix."""

Joint = Callable[[bytes, int], int]
"""A function that returns the end of the break at an offset, or the offset if there is no break."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of break in a key."""

    name: str
    joint: Joint
    first: bytes
    """The bytes that it may begin with."""
    ends: bytes = b""
    """The line end, if that alone is the break: then the lines must be as wide as wrapped ones."""
    sure: bool = False
    """True if the break can have no other meaning."""

    def joint_at(self, text: bytes, at: int) -> Joint:
        """Return the joint of a key at an offset: lines may have a prefix in common with its line."""
        return _after_line_prefix(text, at) if self.joint is _end_of_line else self.joint


@dataclass(frozen=True, slots=True)
class Pieces:
    """A reassembled key, and the offset of each of its bytes."""

    kind: Kind
    prefix: bytes
    body: bytes
    places: tuple[int, ...]
    after: int
    """The offset after the key."""


def reassemble(text: bytes, at: int, stop: int, beginnings: Mapping[bytes, bytes]) -> Iterator[Pieces]:
    """Yield the keys that the text at ``at`` may be, for each kind of break and after each break.

    Args:
        text: the text to search.
        at: the offset of the beginning of a prefix, or of the rest of one.
        stop: the offset of the first break, if it is after ``at``.
        beginnings: for each whole prefix, its part before ``at``; empty if all of it follows.
    """
    if stop == at:
        for prefix, beginning in beginnings.items():
            yield from _reassemble_end(text, at, prefix, beginning)
        return
    for kind in _BY_FIRST.get(text[stop : stop + 1], ()):
        joint = kind.joint_at(text, at)
        after = joint(text, stop)
        if after == stop:
            continue
        for prefix in beginnings:
            if _is_continued(text, after, prefix, stop - at) and (places := _follow(text, at, prefix, joint)):
                yield from _bodies(text, kind, joint, prefix, places)


def _reassemble_end(text: bytes, at: int, prefix: bytes, beginning: bytes) -> Iterator[Pieces]:
    """Yield the keys that the text may be, of whose prefix all but the beginning is at ``at``."""
    starts = _starts(text, at, beginning)
    for kind in _kinds_after(frozenset([first_break for _, first_break in starts])):
        joint = kind.joint_at(text, at)
        for start, first_break in starts:
            if first_break not in kind.first:
                continue
            places = _follow(text, start, prefix, joint)
            if places and places[len(beginning)] == at:
                # After a whole stem, the stem finds the same key; but the lines may be other ones.
                is_found = len(beginning) == STEM and places[STEM - 1] == start + STEM - 1
                if not is_found or joint is not kind.joint:
                    yield from _bodies(text, kind, joint, prefix, places)
                break


def _is_continued(text: bytes, after: int, prefix: bytes, size: int) -> bool:
    """Return True if the text after a break may continue a key, of which ``size`` bytes are before it."""
    follows = text[after : after + 1]
    if size < len(prefix):
        return not size or follows == prefix[size : size + 1]
    return follows in _BODY and not text.startswith(prefix, after)


def _starts(text: bytes, at: int, beginning: bytes) -> list[tuple[int, bytes]]:
    """Return possible starts of the prefix whose rest is at ``at``, with the first byte of the break.

    The nearest comes first. The break, if any, follows the bytes that the text and the beginning
    have in common; it is empty if there is none.
    """
    if not beginning:
        return [(at, b"")]
    pattern = compile_pattern(_in_part(beginning))
    return [(found.start(), found[1]) for found in pattern.finditer(text, max(at - REACH, 0), at)][::-1]


@functools.cache
def _in_part(beginning: bytes) -> bytes:
    """Return the pattern of as much of a beginning as there is before a break or the end of the text."""
    first, *rest = (re.escape(beginning[at : at + 1]) for at in range(len(beginning)))
    more = functools.reduce(lambda pattern, byte: b"(?:%b%b)?+" % (byte, pattern), reversed(rest), b"")
    # Looked ahead, because another start may be within.
    return rb"%b(?=%b([%b]|\Z))" % (first, more, re.escape(b"".join(sorted(FIRST))))


def _follow(text: bytes, start: int, prefix: bytes, joint: Joint) -> list[int]:
    """Return the offsets of the prefix's bytes; empty if the prefix is not there."""
    places: list[int] = []
    at, size = start, 0
    while not text.startswith(prefix[size:], at):
        first = at
        while text[at : at + 1] == prefix[size : size + 1]:
            at += 1
            size += 1
        places.extend(range(first, at))
        at = joint(text, at)
        if text[at : at + 1] != prefix[size : size + 1]:
            return []
    places.extend(range(at, at + len(prefix) - size))
    return places


def _bodies(text: bytes, kind: Kind, joint: Joint, prefix: bytes, places: list[int]) -> Iterator[Pieces]:
    body_run = compile_pattern(rb"[A-Za-z0-9_-]{0,200}").match
    body = bytearray()
    stops: list[int] = []  # the ends of lines in the body
    at = places[-1] + 1
    while len(body) < _MAX_BODY_CHARS:
        # The key may be complete before a break; the text after it may be another word.
        run = body_run(text, at)
        end = run.end() if run else at
        if end > at > places[-1] + 1:
            stops.append(places[-1] + 1)
        body += text[at:end]
        places.extend(range(at, end))
        at = joint(text, end)
        if text.startswith(prefix, at):
            at = end  # another key
        is_whole = places[-1] - places[0] >= len(places) and (at == end or len(body) >= KEY_BODY)
        # A shorter body is a placeholder, which counts only where it is plain.
        if (
            is_whole
            and len(body) >= SHORTEST
            and (
                not kind.ends
                or _is_wrapped(text, places[: len(prefix) + KEY_BODY], len(prefix), stops, kind.ends)
            )
        ):
            yield Pieces(kind, prefix, bytes(body), tuple(places), end)
        if at == end or len(body) > KEY_BODY:
            return


def _is_wrapped(text: bytes, places: list[int], size: int, stops: list[int], ends: bytes) -> bool:
    """Return True if the lines that break a key are as wide as lines that a program wraps.

    Such a program fills its lines: all but the last are equally wide, as is the one before them,
    and the last is no wider. Two short lines are not taken for one text, unless the break is in
    the prefix, or YAML marks them as one text.
    """
    if places[-1] - places[size - 1] < len(places) - size + 1:
        return True
    own = places[:size]
    stops = [
        *(one + 1 for one, other in itertools.pairwise(own) if other - one > 1),
        *(stop for stop in stops if stop <= places[-1]),
    ]
    widths = [stop - _line_start(text, stop, ends) for stop in stops]
    if not widths or places[-1] + 1 - _line_start(text, places[-1] + 1, ends) > max(widths):
        return False
    if min(widths) >= _NARROW or (len(widths) > 1 and len(set(widths)) == 1):
        return True
    start = _line_start(text, stops[0], ends)
    before = text[_line_start(text, max(start - len(ends), 0), ends) : max(start - len(ends), 0)]
    before = before.removesuffix(b"\r")
    return len(widths) == 1 and (len(before) == widths[0] or before.rstrip().endswith(_YAML))


def _line_start(text: bytes, at: int, ends: bytes) -> int:
    low = max(at - _LINE, 0)
    found = max(
        (text.rfind(ends, low, at) + 1 or 1 - len(ends)) - 1 + len(ends), text.rfind(b"\n", low, at) + 1, low
    )
    # The text of a string in JSON begins at its quote.
    return max(found, text.rfind(b'"', low, at) + 1) if ends != b"\n" else found


def _matching(pattern: bytes) -> Joint:
    def joint(text: bytes, at: int) -> int:
        found = compile_pattern(pattern).match(text, at)
        return found.end() if found else at

    return joint


def _after_line_prefix(text: bytes, at: int) -> Joint:
    """Return a joint of a line end and the common prefix of both lines: ``web-1  | ``, ``# ``, ``> ``."""
    begin = text.rfind(b"\n", max(at - _LINE, 0), at) + 1
    line = text[begin:at]

    def joint(text: bytes, at: int) -> int:
        end = at + 1 + text.startswith(b"\r", at)
        if text[end - 1 : end] != b"\n":
            return at
        shared = 0
        for one, other in zip(line, text[end : end + _LINE], strict=False):
            if one != other:
                break
            shared += 1
        while shared and (line[shared - 1 : shared].isalnum() or line[shared - 1] in b"_-"):
            shared -= 1
        end += shared
        return _blanks(text, end) if text[end : end + 1] in _BLANK else end

    return joint


_end_of_line = _matching(rb"\r?\n")
_blanks = _matching(rb"[ \t]{0,60}")
_BLANK = frozenset((b" ", b"\t"))

_SPACE = rb"(?:[ \t\r\n]|\\{1,7}n\",[ \t\r\n]{0,60}\"|\\{1,7}[nrt]|\\{1,7}\r?\n)"
_QUOTE = rb"(?:\\{0,7}(?:\"\"\"|'''|[\"'`]))"
_CODE = (
    rb"[\\`^][ \t]{0,9}\r?\n[ \t]{0,60}"  # a line continued
    rb"|\\{2,7}n(?:\",[ \t\r\n]{0,60}\")?[ \t]{0,60}"  # the same, in JSON
    rb"|%(q)b%(s)b{0,80}+(?:(?:\+|\.\.?|&|\|\||<>|~|%%|_)%(s)b{0,80}+)?[bfrRuUL@$]{0,2}%(q)b"  # "a" + "b"
    rb"|\$?\{{1,2}[ \t]{0,9}%(q)b|%(q)b[ \t]{0,9}\}{1,2}(?:\$\{[ \t]{0,9}%(q)b)?"  # `a${"b"}`
    rb"|[\"']"  # sh
) % {b"q": _QUOTE, b"s": _SPACE}

KINDS: Final[tuple[Kind, ...]] = (
    Kind("quoted-printable", _matching(rb"=[ \t]{0,9}\r?\n"), b"=", sure=True),
    Kind("joined", _matching(_CODE), b"\"'`\\^${%", sure=True),
    Kind("wrapped", _end_of_line, b"\r\n", ends=b"\n"),
    Kind("wrapped", _matching(rb"\\{1,7}n(?:\",[ \t\r\n]{0,60}\")?[ \t]{0,60}"), b"\\", ends=b"\\n"),
    Kind(
        "ansi", _matching(rb"(?:(?:\x1b|\\{1,3}(?:u001[bB]|x1[bB]|033|e))\[[0-9;]{0,20}[A-Za-z])+"), b"\x1b\\"
    ),
    Kind(
        "markup",
        _matching(rb"(?:</?[A-Za-z]{1,9}[^<>\n]{0,80}>|\xe2\x80\x8b|\xc2\xad|&(?:shy|ZeroWidthSpace);)+"),
        b"<\xe2\xc2&",
    ),
)
"""The kinds of break; to add one, add a row."""

_BY_FIRST: Final = {
    bytes([byte]): tuple(kind for kind in KINDS if byte in kind.first)
    for byte in b"".join(kind.first for kind in KINDS)
}
"""The kinds by their first byte."""

FIRST: Final = frozenset(bytes([byte]) for kind in KINDS for byte in kind.first) | {b"%", b"&", b"=", b"\\"}
"""First bytes of breaks and escapes."""


@functools.lru_cache(1 << 8)
def _kinds_after(breaks: frozenset[bytes]) -> list[Kind]:
    """Return the kinds of break that one of these bytes begins; all, if there is a place without one."""
    return [kind for kind in KINDS if any(first in kind.first for first in breaks)]
