"""Keys that are encoded or broken: the text around each literal is decoded and searched again.

Each reading is bounded (``decoders.BACK``, ``decoders.AHEAD``) and serves all literals of its
encoding in its range (``decoders.SERVED``); it is searched for keys once. So a text that consists
of literals costs no more than its length for each encoding. The result depends on the bytes alone,
not on the boundaries of reads.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping

import regex

from boltz_keyscan.detect import engine, literals, rtf, split_keys
from boltz_keyscan.detect.classify import CONFIRMED, KEY_BODY, BodyPattern, Verdict, classify
from boltz_keyscan.detect.decoders import AHEAD, BACK, SERVED, Reading
from boltz_keyscan.detect.encodings import FORMS, PLAIN_TEXT
from boltz_keyscan.detect.literals import BROKEN, DEPTH, PLAIN
from boltz_keyscan.model.enums import Shape
from boltz_keyscan.records import dataclass, field, replace

RUN = 200
"""Characters of the longest body; real ones have 43."""

_NUMBERS = {form.name: number for number, form in enumerate(FORMS)}
_READERS = tuple(_NUMBERS[form.like or form.name] for form in FORMS)
"""The number of the form that reads each form."""

_LAYOUTS = {
    name: tuple(number for number, form in enumerate(FORMS) if name in form.of)
    for name in {name for form in FORMS for name in form.of}
}
"""The layouts that are read around literals, by the name of a form."""

_ESCAPED = {b"%": "percent", b"&": "html", b"=": "quoted-printable", b"\\": "backslash"}
"""The first byte of an escape in the body of a key with a plain prefix, and the form that decodes it."""

_BACKSLASHES = {b"x": "hex-escape", b"u": "unicode-escape", b"U": "unicode-escape"} | dict.fromkeys(
    (b"0", b"1", b"2", b"3"), "octal-escape"
)
"""The name of an escape by the byte after the backslash; any other is ``backslash``."""


@dataclass(frozen=True, slots=True)
class Search:
    """The compiled search for the keys of a rule set."""

    prefixes: tuple[bytes, ...]
    keys: regex.Pattern[bytes]
    """A prefix and a body, as its two groups."""
    bodies: Mapping[bytes, BodyPattern]


@functools.cache
def _pattern(prefixes: tuple[bytes, ...]) -> regex.Pattern[bytes]:
    any_prefix = b"|".join(regex.escape(prefix) for prefix in prefixes)
    body = rb"(?:(?!%b)[A-Za-z0-9_-]){0,%d}+" % (any_prefix, RUN)
    return regex.compile(rb"(%b)(%b)" % (any_prefix, body))


def make_search(prefixes: tuple[bytes, ...], bodies: Mapping[bytes, BodyPattern] | None = None) -> Search:
    """Return a search for keys with these prefixes; ``bodies`` defaults to the usual pattern.

    There is no left boundary: in JSON, logs and URLs a letter or digit may precede a key.
    A body ends where the next prefix begins, so that adjacent keys are two matches.
    """
    return Search(prefixes, _pattern(prefixes), bodies or dict.fromkeys(prefixes, CONFIRMED))


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


@dataclass(slots=True)
class _Decoded:
    """A reading with its place in the blob and its keys."""

    base: int
    until: int
    text: bytes = field(repr=False)
    reading: Reading
    search: Search
    layouts: tuple[str, ...] = ()
    """The layouts that its text is free of: then only confirmed keys count."""
    reported: bool = False
    _plain: dict[int, Key] | None = None

    @property
    def plain(self) -> dict[int, Key]:
        """The plain keys in the decoded text, by their offset in the blob."""
        if self._plain is None:
            data, search = self.reading.data, self.search
            inner = (
                _key(match, data, search)
                if self.layouts
                else _cut(_key(match, data, search), match, self.reading, search)
                for match in search.keys.finditer(data)
            )
            self._plain = {key.start: key for key in self._outer(inner)}
        return self._plain

    def report(self, depth: int, *, is_rtf: bool) -> Iterator[Key]:
        """Yield the keys in it, except those that begin after its range."""
        self.reported = True
        yield from (key for key in self.plain.values() if key.start < self.until)
        if depth < DEPTH:
            data = self.reading.data
            hits = engine.find_literals(data, self.search.prefixes)
            decodings = _Decodings(self.search, depth + 1, is_rtf, self.layouts)
            inner = _decode_hits(data, 0, hits, decodings) if hits else ()
            yield from (key for key in self._outer(inner) if key.start < self.until)

    def _outer(self, inner: Iterable[Key]) -> Iterator[Key]:
        """Yield keys of the decoded text with their places in the blob."""
        reading, base = self.reading, self.base
        for key in inner:
            if self.layouts and key.verdict.shape is not Shape.CONFIRMED:
                continue
            start, end = reading.start(key.start), reading.end(key.end - 1)
            # The key itself may have no escape in it.
            if end - start > len(key.raw) or key.chain:
                chain = (self._name(start, end), *key.chain)
                doubt = reading.doubt + key.doubt
                yield Key(base + start, base + end, chain, key.prefix, key.verdict, key.raw, doubt)

    def _name(self, start: int, end: int) -> str:
        """Return the name of the form; for the backslash reading, that of the first escape."""
        if self.reading.name != "backslash":
            return self.reading.name
        first = self.text.find(b"\\", start, end) + 1
        return _BACKSLASHES.get(self.text[first : first + 1], "backslash")


@dataclass(slots=True)
class _Decodings:
    """The latest readings of one text, shared by the literals in their ranges."""

    search: Search
    depth: int = 1
    rtf: bool = False
    """True if the text has RTF control words."""
    layouts: tuple[str, ...] = ()
    """The layouts that the text is free of."""
    _searched: int = 0
    """The end of the part that was searched for RTF control words."""
    _latest: dict[int, list[_Decoded]] = field(default_factory=dict)
    """The latest readings by form; base64 has four for one text."""
    _ends: dict[int, int] = field(default_factory=dict)
    """The end of the latest reading by form; a later reading does not begin before it."""

    def around(self, text: bytes, base: int, at: int, number: int, phase: int) -> list[_Decoded]:
        """Return the readings of a form that serve an offset of the text, decoding it if needed."""
        offset = base + at
        number = _READERS[number]
        if number == _NUMBERS["backslash"] and self._is_rtf(text, base, at):
            number = _NUMBERS["rtf"]
        latest = self._latest.get(number, [])
        fit = []
        # A loop, because it runs for every literal: a comprehension takes half as long again.
        for decoded in latest:
            if offset < decoded.until and decoded.reading.fits(offset - decoded.base, phase):
                fit.append(decoded)  # noqa: PERF401
        if not fit:
            latest = [decoded for decoded in latest if offset < decoded.until]
            before = self._ends.get(number, 0)
            low = max(before - base, 0) if before <= offset else 0
            for reading in FORMS[number].read(text, at, phase, low):
                until = base + min(at + SERVED, reading.high)
                fit.append(_Decoded(base, until, text, reading, self.search, self._layouts_of(number)))
                end = reading.high if reading.high < at + AHEAD else reading.high - BACK
                self._ends[number] = base + end
            self._latest[number] = latest + fit
        return fit

    def admits(self, number: int) -> bool:
        """Return True if a form may be in this text: layouts are outermost, but for markup in records.

        Any other combination would be read too, and together they take a hundred times as long.
        """
        form = FORMS[number]
        within = (self.layouts, form.name) == (("records",), "markup")
        return not form.is_layout or self.depth == 1 or within

    def _layouts_of(self, number: int) -> tuple[str, ...]:
        form = FORMS[number]
        return (*self.layouts, form.name) if form.is_layout else self.layouts

    def _is_rtf(self, text: bytes, base: int, at: int) -> bool:
        """Return True if the text before an offset is RTF; each byte is searched once."""
        if not self.rtf and base + at > self._searched:
            self.rtf = rtf.is_rtf(text, max(self._searched - base - rtf.WORD, 0), at)
            self._searched = base + at
        return self.rtf


@dataclass(slots=True)
class KeyFinder:
    """A finder of the keys in one blob, given in windows."""

    search: Search
    _decodings: _Decodings = field(init=False)

    def __post_init__(self) -> None:
        """Start without readings."""
        self._decodings = _Decodings(self.search)

    def keys(self, window: bytes, base: int, low: int, high: int) -> Iterator[Key]:
        """Yield the keys of the literals in ``window[low:high]``, with offsets from the start of the blob.

        Args:
            window: bytes of the blob.
            base: the offset of the window in the blob.
            low: the start of the part that was not searched yet.
            high: its end; ``AHEAD`` bytes follow, or the end of the blob.
        """
        for match in self.search.keys.finditer(window, low):
            if match.start() >= high:
                break
            yield _key(match, window, self.search, base)
        # With the bytes before: they decide if a prefix is a broken one.
        first = max(low - split_keys.REACH, 0)
        part = window[first : high + literals.LONGEST]
        hits = [
            (at + first, literal)
            for at, literal in engine.find_literals(part, self.search.prefixes)
            if low <= at + first < high
        ]
        yield from _decode_hits(window, base, hits, self._decodings)


def _key(match: regex.Match[bytes], text: bytes, search: Search, base: int = 0) -> Key:
    prefix, body = match.group(1, 2)
    start, end = match.span()
    verdict = classify(body, text[end : end + 16], search.bodies[prefix])
    raw = prefix + body[: verdict.length]
    return Key(base + start, base + start + len(raw), (), prefix, verdict, raw)


def _decode_hits(text: bytes, base: int, hits: list[engine.Found], decodings: _Decodings) -> Iterator[Key]:
    """Yield the encoded and broken keys of the literals in a text."""
    meanings = engine.engine(decodings.search.prefixes).meanings
    for at, literal in hits:
        for number, phase in meanings(literal):
            if number in (PLAIN, BROKEN):
                yield from _broken(text, base, at, literal, number, decodings)
                continue
            yield from _laid_out(text, base, at, FORMS[number].name, decodings)
            for decoded in (
                decodings.around(text, base, at, number, phase) if decodings.admits(number) else ()
            ):
                if not decoded.reported:
                    yield from decoded.report(decodings.depth, is_rtf=decodings.rtf)


def _laid_out(text: bytes, base: int, at: int, name: str, decodings: _Decodings) -> Iterator[Key]:
    """Yield the keys of the layouts that may be around a literal of a form."""
    for number in _LAYOUTS.get(name, ()):
        if decodings.admits(number):
            for decoded in decodings.around(text, base, at, number, 0):
                if not decoded.reported:
                    yield from decoded.report(decodings.depth, is_rtf=decodings.rtf)


def _cut(key: Key, match: regex.Match[bytes], reading: Reading, search: Search) -> Key:
    """Return a key cut at the end of a line of its encoding: the next line may be another text."""
    end = match.end(1) + KEY_BODY
    if match.end() <= end or reading.start(end) == reading.end(end - 1):
        return key
    body = match.group(2)[:KEY_BODY]
    verdict = classify(body, b"", search.bodies[key.prefix])
    return replace(key, verdict=verdict) if verdict.shape is Shape.CONFIRMED else key


def _broken(  # noqa: PLR0917 - the arguments of its caller
    text: bytes, base: int, at: int, literal: bytes, number: int, decodings: _Decodings
) -> Iterator[Key]:
    """Yield keys that are broken or escaped after a plain prefix or a plain part of it."""
    search = decodings.search
    if number == BROKEN:
        beginning = literals.prefix_endings(search.prefixes)[literal]
        yield from _laid_out(text, base, at, PLAIN_TEXT, decodings)
        yield from _reassemble(text, base, at, at, {beginning + literal: beginning}, search)
        return
    plain = search.keys.match(text, at)
    if plain:
        stop, fit = plain.end(), [plain[1]]
    else:
        beginnings = _by_beginning(search.prefixes)
        stop = at + len(literal)
        while text[at : stop + 1] in beginnings and stop < len(text):
            stop += 1
        fit = beginnings[text[at:stop]]
    if plain and _key(plain, text, search).verdict.shape is Shape.CONFIRMED:
        return
    yield from _laid_out(text, base, at, PLAIN_TEXT, decodings)
    if text[stop : stop + 1] not in split_keys.FIRST:
        return
    name = _ESCAPED.get(text[stop : stop + 1]) if plain else None
    if name:
        for decoded in decodings.around(text, base, at, _NUMBERS[name], 0):
            key = decoded.plain.get(base + at)
            if key and key.verdict.shape is Shape.CONFIRMED:
                yield key
    yield from _reassemble(text, base, at, stop, dict.fromkeys(fit, b""), search)


@functools.cache
def _by_beginning(prefixes: tuple[bytes, ...]) -> dict[bytes, list[bytes]]:
    """Return the prefixes with each beginning."""
    beginnings = {prefix[:size] for prefix in prefixes for size in range(1, len(prefix) + 1)}
    return {
        beginning: [prefix for prefix in prefixes if prefix.startswith(beginning)] for beginning in beginnings
    }


def _reassemble(  # noqa: PLR0917 - the arguments of its caller
    text: bytes, base: int, at: int, stop: int, beginnings: Mapping[bytes, bytes], search: Search
) -> Iterator[Key]:
    for pieces in split_keys.reassemble(text, at, stop, beginnings):
        after = text[pieces.after : pieces.after + 16]
        verdict = classify(pieces.body, after, search.bodies[pieces.prefix])
        enough = verdict.shape is Shape.CONFIRMED or (pieces.kind.sure and verdict.shape is Shape.SUSPECTED)
        size = len(pieces.prefix) + verdict.length
        start, end = pieces.places[0], pieces.places[size - 1] + 1
        if enough and end - start > size:
            raw = pieces.prefix + pieces.body[: verdict.length]
            yield Key(base + start, base + end, (pieces.kind.name,), pieces.prefix, verdict, raw)


def find_encoded_keys(text: bytes, hits: list[engine.Found], prefixes: tuple[bytes, ...]) -> Iterator[Key]:
    """Return the encoded and broken keys in ``text``."""
    return _decode_hits(text, 0, hits, _Decodings(make_search(prefixes)))
