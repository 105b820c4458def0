"""Plain keys that are broken: by a line break, by joined literals, or by markup.

Nothing is decoded: the break is left out, and the rest must be a key. If code joins literals,
the syntax proves that they belong together. After a line break the next word may be unrelated
to the key; then only a body of exactly the confirmed shape counts.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from boltz_keyscan.detect.classify import KEY_BODY, SHORTEST
from boltz_keyscan.detect.decoders import ALPHANUMERIC, compile_pattern
from boltz_keyscan.detect.literals import BROKEN_REACH, STEM
from boltz_keyscan.records import dataclass

_MAX_BODY_CHARS = 300

_BODY = frozenset(bytes([byte]) for byte in ALPHANUMERIC + b"-_")

_BODY_RUN = re.compile(rb"[A-Za-z0-9_-]{0,200}")

_LINE_END: Final = rb"\r?\n"

_YAML = (b" >", b" |", b" >-", b" |-", b" >+", b" |+")
"""Ends of the line before a YAML text in indented lines."""

_NARROW = 40
"""Columns from which two lines of equal width are taken for one wrapped text."""

_LINE = 400
"""Bytes of a line that are searched for a common line prefix."""

Run = tuple[int, int]
"""Start and end of a range of the text without a break in it."""

Joint = Callable[[bytes, int], int]
"""A function that returns the end of the break at an offset, or the offset if there is no break."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of break in a key."""

    name: str
    pattern: bytes
    """The break."""
    first: bytes
    """The bytes that it may begin with; none is in a key."""
    ends: bytes = b""
    """The line end, if that alone is the break: then the lines must be as wide as wrapped ones."""
    sure: bool = False
    """True if the break can have no other meaning."""

    @property
    def is_line_end(self) -> bool:
        """True if the next line may begin as its own."""
        return self.pattern == _LINE_END

    def joint_at(self, text: bytes, at: int) -> Joint:
        """Return the joint of a key at an offset: lines may have a prefix in common with its line."""
        return _after_line_prefix(text, at) if self.is_line_end else _matching(self.pattern)

    def may_have_body(self, text: bytes, at: int) -> bool:
        """Return False if no body that counts is at an offset, as a quick test."""
        return self.is_line_end or _body(self.pattern, sure=self.sure).match(text, at) is not None


@dataclass(frozen=True, slots=True)
class Pieces:
    """A reassembled key."""

    kind: Kind
    prefix: bytes
    body: bytes
    runs: tuple[Run, ...]
    """The ranges of the text between the breaks."""
    after: int
    """The offset after the key."""

    def end(self, size: int) -> int:
        """Return the end of the first bytes."""
        return _offset(self.runs, size - 1) + 1


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
            if not _is_continued(text, after, prefix, stop - at):
                continue
            runs = _follow(text, at, prefix, joint)
            if runs and kind.may_have_body(text, runs[-1][1]):
                yield from _bodies(text, kind, joint, prefix, runs)


def _reassemble_end(text: bytes, at: int, prefix: bytes, beginning: bytes) -> Iterator[Pieces]:
    """Yield the keys that the text may be, of whose prefix all but the beginning is at ``at``."""
    starts = _starts(text, at, beginning)
    for kind in _kinds_after(frozenset([first_break for _, first_break in starts])):
        if not kind.may_have_body(text, at + len(prefix) - len(beginning)):
            continue
        joint = kind.joint_at(text, at)
        for start, first_break in starts:
            if first_break not in kind.first:
                continue
            runs = _follow(text, start, prefix, joint)
            if runs and _offset(runs, len(beginning)) == at:
                # After a whole stem, the stem finds the same key; but the lines may be other ones.
                is_found = len(beginning) == STEM and runs[0][1] - start >= STEM
                if not is_found or kind.is_line_end:
                    yield from _bodies(text, kind, joint, prefix, runs)
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
    return [(found.start(), found[1]) for found in pattern.finditer(text, max(at - BROKEN_REACH, 0), at)][
        ::-1
    ]


@functools.cache
def _in_part(beginning: bytes) -> bytes:
    """Return the pattern of as much of a beginning as there is before a break or the end of the text."""
    first, *rest = (re.escape(beginning[at : at + 1]) for at in range(len(beginning)))
    more = functools.reduce(lambda pattern, byte: b"(?:%b%b)?+" % (byte, pattern), reversed(rest), b"")
    # Looked ahead, because another start may be within.
    return rb"%b(?=%b([%b]|\Z))" % (first, more, re.escape(b"".join(sorted(FIRST))))


def _follow(text: bytes, start: int, prefix: bytes, joint: Joint) -> list[Run]:
    """Return the ranges of the prefix's bytes; none if the prefix is not there."""
    runs: list[Run] = []
    at, size = start, 0
    while not text.startswith(prefix[size:], at):
        first = at
        while text[at : at + 1] == prefix[size : size + 1]:
            at += 1
            size += 1
        runs.append((first, at))
        at = joint(text, at)
        if text[at : at + 1] != prefix[size : size + 1]:
            return []
    runs.append((at, at + len(prefix) - size))
    return runs


def _offset(runs: Iterable[Run], number: int) -> int:
    """Return the offset in the text of a byte of ranges; their end, if they have fewer bytes."""
    end = 0
    for start, end in runs:
        if start + number < end:
            return start + number
        number -= end - start
    return end


def _bodies(text: bytes, kind: Kind, joint: Joint, prefix: bytes, runs: list[Run]) -> Iterator[Pieces]:
    """Yield the keys after a prefix in ``runs``, to which the ranges of the body are added."""
    start, at = runs[0][0], runs[-1][1]
    first, size = len(runs), 0
    while size < _MAX_BODY_CHARS:
        # The key may be complete before a break; the text after it may be another word.
        run = _BODY_RUN.match(text, at)
        end = run.end() if run else at
        if end == at and size >= KEY_BODY:
            return  # the same body again
        if end > at:
            runs.append((at, end))
            size += end - at
        at = joint(text, end)
        if text.startswith(prefix, at):
            at = end  # another key
        is_broken = runs[-1][1] - start > len(prefix) + size
        # A shorter body is a placeholder, which counts only where it is plain.
        if (
            is_broken
            and (size >= KEY_BODY or (kind.sure and at == end and size >= SHORTEST))
            and (not kind.ends or _is_wrapped(text, runs, first, len(prefix), kind.ends))
        ):
            body = b"".join([text[low:high] for low, high in runs[first:]])
            yield Pieces(kind, prefix, body, tuple(runs), end)
        if at == end or size > KEY_BODY:
            return


def _is_wrapped(text: bytes, runs: list[Run], first: int, size: int, ends: bytes) -> bool:
    """Return True if the lines that break a key are as wide as lines that a program wraps.

    Such a program fills its lines: all but the last are equally wide, as is the one before them,
    and the last is no wider. Two short lines are not taken for one text, unless the break is in
    the prefix, or YAML marks them as one text.

    Args:
        text: the text.
        runs: the ranges of the prefix and the body.
        first: the number of those of the prefix.
        size: bytes of the prefix.
        ends: the line end.
    """
    last = _offset(runs, size + KEY_BODY - 1)
    if last - _offset(runs, size - 1) == KEY_BODY:
        return True
    stops = [one for (_, one), (other, _) in itertools.pairwise(runs[:first]) if other > one]
    stops += [
        one for (_, one), (other, _) in itertools.pairwise(runs[first - 1 :]) if other > one and one <= last
    ]
    widths = [stop - _line_start(text, stop, ends) for stop in stops]
    if not widths or last + 1 - _line_start(text, last + 1, ends) > max(widths):
        return False
    if min(widths) >= _NARROW or (len(widths) > 1 and len(set(widths)) == 1):
        return True
    start = _line_start(text, stops[0], ends)
    before = text[_line_start(text, max(start - len(ends), 0), ends) : max(start - len(ends), 0)]
    before = before.removesuffix(b"\r").removesuffix(b"\\r")
    return len(widths) == 1 and (len(before) == widths[0] or before.rstrip().endswith(_YAML))


def _line_start(text: bytes, at: int, ends: bytes) -> int:
    low = max(at - _LINE, 0)
    last = text.rfind(ends, low, at)
    found = max(last + len(ends) if last >= 0 else 0, text.rfind(b"\n", low, at) + 1, low)
    # The text of a string in JSON begins at its quote.
    return max(found, text.rfind(b'"', low, at) + 1) if ends != b"\n" else found


@functools.cache
def _matching(pattern: bytes) -> Joint:
    """Return the joint of a pattern."""

    def joint(text: bytes, at: int) -> int:
        found = match(text, at)
        return found.end() if found else at

    match = compile_pattern(pattern).match
    return joint


@functools.cache
def _body(pattern: bytes, *, sure: bool) -> re.Pattern[bytes]:
    """Return the pattern of a body with breaks; where they are not sure, only a confirmed one counts."""
    size = b"{%d}" % SHORTEST if sure else rb"{%d}+(?![A-Za-z0-9_-])" % KEY_BODY
    return re.compile(rb"(?:(?>%b)*+[A-Za-z0-9_-])%b" % (pattern, size))


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


_blanks = _matching(rb"[ \t]{0,60}")
_BLANK = frozenset((b" ", b"\t"))

_SPACE = rb"(?:[ \t\r\n]|\\{1,7}n\",[ \t\r\n]{0,60}\"|\\{1,7}[nrt]|\\{1,7}\r?\n)"
_QUOTE = rb"(?:\\{0,7}(?:\"\"\"|'''|[\"'`]))"
_CODE = (
    rb"(?:\\{1,2}|[`^])[ \t]{0,9}\r?\n[ \t]{0,60}"  # a line continued, also in the history of zsh
    rb"|\\{2,7}n(?:\",[ \t\r\n]{0,60}\")?[ \t]{0,60}"  # the same, in JSON
    rb"|%(q)b%(s)b{0,80}+(?:(?:\+|\.\.?|&|\|\||<>|~|%%|_)%(s)b{0,80}+)?[bfrRuUL@$]{0,2}%(q)b"  # "a" + "b"
    rb"|\$?\{{1,2}[ \t]{0,9}%(q)b|%(q)b[ \t]{0,9}\}{1,2}(?:\$\{[ \t]{0,9}%(q)b)?"  # `a${"b"}`
    rb"|[\"']"  # sh
) % {b"q": _QUOTE, b"s": _SPACE}

KINDS: Final[tuple[Kind, ...]] = (
    Kind("quoted-printable", rb"=[ \t]{0,9}\r?\n", b"=", sure=True),
    Kind("joined", _CODE, b"\"'`\\^${%", sure=True),
    Kind("wrapped", _LINE_END, b"\r\n", ends=b"\n"),
    Kind("wrapped", rb"(?:\\{1,7}r)?\\{1,7}n(?:\",[ \t\r\n]{0,60}\")?[ \t]{0,60}", b"\\", ends=b"\\n"),
    Kind("ansi", rb"(?:(?:\x1b|\\{1,3}(?:u001[bB]|x1[bB]|033|e))\[[0-9;]{0,20}[A-Za-z])+", b"\x1b\\"),
    Kind(
        "markup",
        rb"(?:</?[A-Za-z]{1,9}[^<>\n]{0,80}>|\xe2\x80\x8b|\xc2\xad|&(?:shy|ZeroWidthSpace);)+",
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
