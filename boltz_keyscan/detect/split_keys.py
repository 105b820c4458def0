"""Keys as they are, but broken: by a line's end, a joining of literals, or marks between.

Nothing here is decoded: what breaks a key is left out, and what is left must be one. Where
code joins literals the syntax says so. Where only a line ends, the next word may have
nothing to do with the key; then only a body of exactly the confirmed shape counts.

Boundary: one key from the place where its prefix begins, or where the rest of it stands.
"""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from boltz_keyscan.detect.classify import KEY_BODY

if TYPE_CHECKING:
    import regex

REACH: Final = 100
"""Bytes in which the beginning of a broken prefix stands."""

_LONGEST = 300
"""Characters of a body that are gathered."""

_BODY = frozenset(
    bytes([byte]) for byte in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
)

_YAML = (b" >", b" |", b" >-", b" |-", b" >+", b" |+")
"""With what the line ends before a text that goes on in indented lines."""

_NARROW = 40
"""Columns, at least, of lines of which two are believed to be one text."""

_LINE = 400
"""Bytes of a line that are looked at for what all lines begin with."""

Joint = Callable[[bytes, int], int]
"""Where what breaks a key at an offset ends; the offset itself when nothing does."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One way in which a key is broken."""

    name: str
    joint: Joint
    first: bytes
    """With what it begins."""
    ends: bytes = b""
    """What ends a line, where that alone breaks a key: then the lines must be as wide as wrapped ones."""
    sure: bool = False
    """Whether what breaks it cannot mean anything else."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """A key put together, and where each of its bytes stands."""

    kind: Kind
    prefix: bytes
    body: bytes
    places: tuple[int, ...]
    after: int
    """Where what follows it begins."""


def reassemble(text: bytes, at: int, stop: int, beginnings: Mapping[bytes, bytes]) -> Iterator[Pieces]:
    """What stands at ``at`` when it is broken: for each kind, and after each break, what it may be.

    Args:
        text: what to look at.
        at: where the beginning of a prefix stands, or the rest of one.
        stop: where the first break is, when that is behind ``at``.
        beginnings: for each whole prefix what of it stands before ``at``; empty when all follows.
    """
    starts = {
        prefix: list(_starts(text, at, beginning)) if beginning else [(at, b"")]
        for prefix, beginning in beginnings.items()
    }
    first = text[stop : stop + 1]
    for kind in KINDS if any(starts.values()) else ():
        if stop > at and first not in kind.first:
            continue
        joint = _after_line_prefix(text, at) if kind.joint is _end_of_line else kind.joint
        if stop > at and joint(text, stop) == stop:
            continue
        after = joint(text, stop) if stop > at else stop
        for prefix, each in starts.items():
            beginning = beginnings[prefix]
            size = stop - at
            follows = text[after : after + 1]
            if size >= len(prefix):
                if follows not in _BODY or text.startswith(prefix, after):
                    continue
            elif size and follows != prefix[size : size + 1]:
                continue
            for start in _broken_by(kind, each):
                whole = text.startswith(prefix, start)
                places = (
                    list(range(start, start + len(prefix))) if whole else _follow(text, start, prefix, joint)
                )
                if places and (not beginning or places[len(beginning)] == at):
                    yield from _bodies(text, kind, joint, prefix, places)
                    break


def _broken_by(kind: Kind, starts: list[tuple[int, bytes]]) -> Iterator[int]:
    return (start for start, broken in starts if broken in kind.first)


def _starts(text: bytes, at: int, beginning: bytes) -> Iterator[tuple[int, bytes]]:
    """Where a prefix may begin of which the rest stands at ``at``, and with what the break in it begins."""
    low = max(at - REACH, 0)
    start = text.rfind(beginning[:1], low, at)
    while start >= 0:
        # It breaks after the first bytes of it, if it is one.
        stop = start + len(os.path.commonprefix((text[start:at], beginning)))  # noqa: RUF071 - bytes, no paths
        if stop == at or text[stop : stop + 1] in FIRST:
            yield start, b"" if stop == at else text[stop : stop + 1]
        start = text.rfind(beginning[:1], low, start)


def _follow(text: bytes, start: int, prefix: bytes, joint: Joint) -> list[int]:
    """The places of the prefix's bytes; nothing when it does not stand there."""
    places: list[int] = []
    at = start
    for byte in prefix:
        if text[at : at + 1] != bytes([byte]):
            at = joint(text, at)
            if text[at : at + 1] != bytes([byte]):
                return []
        places.append(at)
        at += 1
    return places


def _bodies(text: bytes, kind: Kind, joint: Joint, prefix: bytes, places: list[int]) -> Iterator[Pieces]:
    body = bytearray()
    at = places[-1] + 1
    while len(body) < _LONGEST:
        # What was joined so far may be the whole; what a break follows may be another word.
        run = _pattern(rb"[A-Za-z0-9_-]{0,200}").match(text, at)
        end = run.end() if run else at
        body += text[at:end]
        places.extend(range(at, end))
        at = joint(text, end)
        if text.startswith(prefix, at):
            at = end  # another key
        whole = places[-1] - places[0] >= len(places) and (at == end or len(body) >= KEY_BODY)
        if whole and (
            not kind.ends or _is_wrapped(text, places[: len(prefix) + KEY_BODY], len(prefix), kind.ends)
        ):
            yield Pieces(kind, prefix, bytes(body), tuple(places), end)
        if at == end or len(body) > KEY_BODY:
            return


def _is_wrapped(text: bytes, places: list[int], size: int, ends: bytes) -> bool:
    """Return whether lines that break a key are as wide as lines that a program wraps.

    Such a program fills its lines: those that go on in the next one are equally wide, as is the one
    before, and the last is no wider. Two short lines that follow each other are only that,
    unless it is the prefix that goes on in the other, or YAML says that they are one text.
    """
    if places[-1] - places[size - 1] < len(places) - size + 1:
        return True
    stops = [one + 1 for one, other in itertools.pairwise(places) if other - one > 1]
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


@functools.cache
def _pattern(pattern: bytes) -> regex.Pattern[bytes]:
    import regex  # noqa: PLC0415 - only blobs with a hit pay for it

    return regex.compile(pattern)


def _matching(pattern: bytes) -> Joint:
    def joint(text: bytes, at: int) -> int:
        found = _pattern(pattern).match(text, at)
        return found.end() if found else at

    return joint


def _after_line_prefix(text: bytes, at: int) -> Joint:
    """A line's end, with what stands before the text of both lines: ``web-1  | ``, ``# ``, ``> ``."""
    begin = text.rfind(b"\n", max(at - _LINE, 0), at) + 1
    line = text[begin:at]

    def joint(text: bytes, at: int) -> int:
        end = _end_of_line(text, at)
        if end == at:
            return at
        shared = 0
        for one, other in zip(line, text[end : end + _LINE], strict=False):
            if one != other:
                break
            shared += 1
        while shared and (line[shared - 1 : shared].isalnum() or line[shared - 1] in b"_-"):
            shared -= 1
        return _blanks(text, end + shared)

    return joint


_end_of_line = _matching(rb"\r?\n")
_blanks = _matching(rb"[ \t]{0,60}")

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
"""The rows; one more is one more way to break a key."""

FIRST: Final = frozenset(bytes([byte]) for kind in KINDS for byte in kind.first) | {b"%", b"&", b"=", b"\\"}
"""With what a break begins, or an escape."""
