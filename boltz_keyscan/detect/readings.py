"""Readings of the text around literals, and the keys in them.

Each is bounded (``decoders.BACK``, ``decoders.AHEAD``) and serves all literals of its encoding in
its range (``decoders.SERVED``).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from operator import itemgetter

from boltz_keyscan.detect.classify import KEY_BODY, Verdict
from boltz_keyscan.detect.decoders import AHEAD, BACK, SERVED, Reading
from boltz_keyscan.detect.encodings import FORMS
from boltz_keyscan.detect.plain_keys import Search
from boltz_keyscan.detect.rtf import ControlWords
from boltz_keyscan.model.enums import Shape
from boltz_keyscan.records import dataclass, field

NUMBERS = {form.name: number for number, form in enumerate(FORMS)}
"""The number of each form."""

_READERS = tuple(
    next(number for number, other in enumerate(FORMS) if other.read == form.read) for form in FORMS
)
"""The number of the first form with the same reader as each form, so that one reading serves all of them."""

_LAYOUTS = {
    name: tuple(number for number, form in enumerate(FORMS) if name in form.layout_of)
    for name in {name for form in FORMS for name in form.layout_of}
}
"""The layouts that are read around literals, by the name of a form."""

_FREE = 3 << 13
"""Bytes that one layout may read again, beyond each byte once; of a text within another an eighth of them."""

_ATTEMPT = 1 << 11
"""Bytes that a reading of fewer counts for: it takes as long."""

_BACKSLASH, _RTF = _READERS[NUMBERS["backslash"]], NUMBERS["rtf"]

_BACKSLASHES = {b"x": "hex-escape", b"u": "unicode-escape", b"U": "unicode-escape"} | dict.fromkeys(
    (b"0", b"1", b"2", b"3"), "octal-escape"
)
"""The name of an escape by the byte after the backslash; any other is ``backslash``."""


@dataclass(slots=True)  # not frozen: several are made for each key, and it takes ten times as long
class Key:
    """A key and its place in the blob. It is not changed, and never leaves ``detect/``."""

    start: int
    end: int
    chain: tuple[str, ...]
    prefix: bytes
    verdict: Verdict
    raw: bytes = field(repr=False)
    doubt: int = 0
    """More than 0 if another reading of the same bytes is better."""
    decoded: tuple[Decoded, Key] | None = field(default=None, repr=False)
    """The reading that it was decoded by, and the key in the decoded text."""
    runs: tuple[tuple[int, int], ...] = ()
    """The ranges of a broken key between its breaks, in the text that it was found in."""

    @property
    def secret(self) -> bytes:
        """The body, no part of which may be printed; empty for a placeholder."""
        return b"" if self.verdict.shape is Shape.PLACEHOLDER else self.raw.removeprefix(self.prefix)


def make_key(match: re.Match[bytes], text: bytes, search: Search, base: int = 0) -> Key | None:
    """Return the plain key of a match of ``Search.find`` in a text with a base in the blob, if it is one."""
    prefix, body = match.groups()
    start, end = match.span()
    verdict = search.classify(prefix, body, text, end)
    return _plain_key(prefix, body, verdict, base + start) if verdict else None


def _plain_key(prefix: bytes, body: bytes, verdict: Verdict, start: int) -> Key:
    raw = prefix + body[: verdict.length]
    return Key(start, start + len(raw), (), prefix, verdict, raw)


def _cut(key: Key | None, match: re.Match[bytes], reading: Reading, search: Search) -> Key | None:
    """Return a key cut at the end of a line of its encoding: the next line may be another text."""
    end = match.end(1) + KEY_BODY
    if match.end() <= end or reading.start(end) == reading.end(end - 1):
        return key
    prefix, body = match[1], match[2][:KEY_BODY]
    verdict = search.classify(prefix, body)
    if verdict is None or verdict.shape is not Shape.CONFIRMED:
        return key
    return _plain_key(prefix, body, verdict, match.start())


@dataclass(slots=True)
class Decoded:
    """A reading with its place in the blob and its keys."""

    base: int
    until: int
    text: bytes = field(repr=False)
    reading: Reading
    search: Search
    layouts: tuple[str, ...] = ()
    """The layouts that its text is free of: then only confirmed keys count."""
    is_reported: bool = False
    within_rtf: bool = False
    """True if the text before the literal that reported it is RTF."""
    inner: Sequence[Key | Decoded] = ()
    """The keys and readings that the literals in it lead to."""
    _plain: dict[int, Key] | None = None
    _confirmed: list[tuple[int, int]] | None = None
    """The ranges in the blob of the plain keys that are confirmed."""

    def confirms(self, offset: int) -> bool:
        """Return True if a confirmed key is at an offset of the blob, and no other reading is better."""
        if self._confirmed is None:
            keys = () if self.reading.doubt else self.plain.values()
            self._confirmed = [(key.start, key.end) for key in keys if key.verdict.shape is Shape.CONFIRMED]
        at = bisect_right(self._confirmed, offset, key=itemgetter(0))
        return at > 0 and offset < self._confirmed[at - 1][1]

    @property
    def plain(self) -> dict[int, Key]:
        """The plain keys in the decoded text, by their offset in the blob."""
        if self._plain is None:
            data, search = self.reading.data, self.search
            self._plain = {}
            for match in search.find(data):
                if self.layouts and match.end() - match.end(1) != KEY_BODY:
                    continue  # only a body of this length may be confirmed
                key = make_key(match, data, search)
                if not self.layouts:
                    key = _cut(key, match, self.reading, search)
                if key and (outer := self.outer(key)):
                    self._plain[outer.start] = outer
        return self._plain

    def outer(self, key: Key) -> Key | None:
        """Return a key of the decoded text with its place in the blob; None if it has no escape in it.

        Also None if it is not confirmed, and the text that of a layout.
        """
        if self.layouts and key.verdict.shape is not Shape.CONFIRMED:
            return None
        reading, base, raw = self.reading, self.base, key.raw
        start, end = reading.start(key.start), reading.end(key.end - 1)
        if end - start <= len(raw) and not key.chain:
            return None
        chain = (self._name(start, end) if reading.name == "backslash" else reading.name, *key.chain)
        doubt = reading.doubt + key.doubt
        return Key(base + start, base + end, chain, key.prefix, key.verdict, raw, doubt, (self, key))

    def _name(self, start: int, end: int) -> str:
        """Return the name of the first escape with a backslash."""
        first = self.text.find(b"\\", start, end) + 1
        return _BACKSLASHES.get(self.text[first : first + 1], "backslash")


@dataclass(slots=True)
class Decodings:
    """The latest readings of one text, shared by the literals in their ranges."""

    search: Search
    text: bytes = field(default=b"", repr=False)
    """The text, or the window of it that is searched."""
    base: int = 0
    """The offset of ``text`` in the whole text."""
    depth: int = 1
    layouts: tuple[str, ...] = ()
    """The layouts that the text is free of."""
    control_words: ControlWords = field(default_factory=ControlWords)
    served: dict[tuple[int, int, int], int] = field(default_factory=dict)
    """The end of the part in which literals lead to no other reading, by form, phase and offset modulo 4."""
    confirmed: Sequence[tuple[int, int]] = ()
    """The ranges of the prefix of the latest confirmed broken key: its parts lead to no other."""
    _read: dict[int, int] = field(default_factory=dict)
    """The bytes that each layout has read."""
    _passed: dict[str, int] = field(default_factory=dict)
    """The end of the part for which no layout has to be read, by the name of a form."""
    _latest: dict[int, list[Decoded]] = field(default_factory=dict)
    """The latest readings by form; base64 has four for one text."""
    _ends: dict[int, int] = field(default_factory=dict)
    """The end of the latest reading by form; a later reading does not begin before it."""

    def move(self, text: bytes, base: int) -> None:
        """Go on with the next window of the text."""
        self.text, self.base = text, base

    def around(self, at: int, number: int, phase: int) -> list[Decoded]:
        """Return the readings of a form that serve an offset of the text, decoding it if needed."""
        offset = self.base + at
        number = _READERS[number]
        if number == _BACKSLASH and self.control_words.are_before(self.text, self.base, at):
            number = _RTF
        latest = self._latest.get(number, [])
        fit = [
            decoded
            for decoded in latest
            if decoded.base + decoded.reading.low <= offset < decoded.until
            and decoded.reading.is_aligned(offset - decoded.base, phase)
        ]
        is_layout = FORMS[number].is_layout
        if fit or (is_layout and self._allowed_from(number) > offset):
            return fit
        new = self._decode(at, number, phase)
        if is_layout:
            served = max([offset + _ATTEMPT, *(decoded.until for decoded in new)]) - offset
            # A list of keys is read to its end.
            if served > _ATTEMPT or not any(decoded.plain for decoded in new):
                self._read[number] = self._read.get(number, 0) + served * max(len(new), 1)
        self._latest[number] = [decoded for decoded in latest if offset < decoded.until] + new
        return new

    def _decode(self, at: int, number: int, phase: int) -> list[Decoded]:
        """Return new readings of a form around an offset of the text."""
        text, base, form = self.text, self.base, FORMS[number]
        before = self._ends.get(number, 0) - base
        low = max(before, 0) if before <= at else 0
        layouts = (*self.layouts, form.name) if form.is_layout else self.layouts
        new = [
            Decoded(base, base + min(at + SERVED, reading.high), text, reading, self.search, layouts)
            for reading in form.read(text, at, phase, low)
        ]
        if new:
            high = new[-1].reading.high
            self._ends[number] = base + (high if high < at + AHEAD else high - BACK)
        return new

    def served_until(self, number: int, readings: list[Decoded]) -> int:
        """Return the end of the part that readings serve, for literals of one phase and alignment.

        Args:
            number: the number of their form.
            readings: the readings of it that serve such a literal.
        """
        if not all(decoded.reading.period for decoded in readings):
            return 0
        ends = [max((decoded.until for decoded in readings), default=0)]
        if FORMS[number].name in _LAYOUTS:
            ends.append(self._passed.get(FORMS[number].name, 0))
        if _READERS[number] == _BACKSLASH and not self.control_words.are_found:
            ends.append(self.control_words.next_from)
        return min(ends)

    def layouts_around(self, at: int, name: str, own: Sequence[Decoded] = ()) -> list[Decoded]:
        """Return the readings of the layouts that may be around a literal of a form.

        None if its own readings have a confirmed key there: one of a layout would count less.
        """
        offset = self.base + at
        if name not in _LAYOUTS or offset < self._passed.get(name, 0):
            return []
        admitted = list(filter(self.admits, _LAYOUTS[name])) if len(self.text) > KEY_BODY else []
        if admitted and any(decoded.confirms(offset) for decoded in own):
            return []
        fit: list[Decoded] = []
        passed = []
        for number in admitted:
            own = self.around(at, number, 0)
            fit += own
            passed.append(max([self._allowed_from(number), *(decoded.until for decoded in own)]))
        self._passed[name] = min(passed, default=self.base + len(self.text))
        return fit

    def _allowed_from(self, number: int) -> int:
        """Return the offset from which a layout may read again: the work for each byte is limited."""
        free = _FREE if self.depth == 1 else _FREE >> 3
        return self._read.get(number, 0) - free

    def admits(self, number: int) -> bool:
        """Return True if a form may be in this text: layouts are outermost, but for markup in records.

        Any other combination would be read too, and together they take a hundred times as long.
        """
        form = FORMS[number]
        return not form.is_layout or self.depth == 1 or (self.layouts, form.name) == (("records",), "markup")
