"""Keys in disguise: around each needle the encoding is undone, and what it gives is looked at again.

Each reading is bounded (``codecs.BACK``, ``codecs.AHEAD``) and serves all needles of its
encoding in what it was made for (``codecs.SERVED``), whoever asks; the keys in it are looked
for once. So a text made of nothing but needles costs no more than its length for each encoding.
What is found depends on the bytes alone, not on where a read ended.

Boundary: raw keys pass through here and go to ``match``, which lets out a hash.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import regex

from boltz_keyscan.detect import engine, literals, rtf, split_keys
from boltz_keyscan.detect.classify import CONFIRMED, KEY_BODY, BodyPattern, Verdict, classify
from boltz_keyscan.detect.decoders import AHEAD, BACK, SERVED, Reading
from boltz_keyscan.detect.encodings import FORMS
from boltz_keyscan.detect.literals import BROKEN, DEPTH, PLAIN
from boltz_keyscan.model.enums import Shape

RUN = 200
"""The longest body looked at; real ones have 43 characters."""

_NUMBERS = {form.name: number for number, form in enumerate(FORMS)}
_READERS = tuple(_NUMBERS[form.like or form.name] for form in FORMS)
"""For each form the one that reads it."""

_ESCAPED = {b"%": "percent", b"&": "html", b"=": "quoted-printable", b"\\": "backslash"}
"""What may begin within a body, its prefix being plain, and the form that undoes it."""

_BACKSLASHES = {b"x": "hex-escape", b"u": "unicode-escape", b"U": "unicode-escape"} | dict.fromkeys(
    (b"0", b"1", b"2", b"3"), "octal-escape"
)
"""The name of an escape by what follows the backslash; others are called after that."""


@dataclass(frozen=True, slots=True)
class Search:
    """A rule set, ready to be looked for."""

    prefixes: tuple[bytes, ...]
    keys: regex.Pattern[bytes]
    """A prefix and a body, as its two groups."""
    bodies: Mapping[bytes, BodyPattern]


@functools.cache
def _pattern(prefixes: tuple[bytes, ...]) -> regex.Pattern[bytes]:
    any_prefix = b"|".join(regex.escape(prefix) for prefix in prefixes)
    body = rb"(?:(?!%b)[A-Za-z0-9_-]){0,%d}+" % (any_prefix, RUN)
    return regex.compile(rb"(%b)(%b)" % (any_prefix, body))


def searching(prefixes: tuple[bytes, ...], bodies: Mapping[bytes, BodyPattern] | None = None) -> Search:
    """A search for keys with these prefixes; without patterns for bodies, with the usual one.

    There is no left boundary: in JSON, logs and URLs a letter or digit really does stand
    before a key. A body ends where the next prefix begins, so that keys side by side
    stay two.
    """
    return Search(prefixes, _pattern(prefixes), bodies or dict.fromkeys(prefixes, CONFIRMED))


@dataclass(frozen=True, slots=True)
class Key:
    """A key and where it stands. Never leaves ``detect/``."""

    start: int
    end: int
    chain: tuple[str, ...]
    prefix: bytes
    verdict: Verdict
    raw: bytes = field(repr=False)
    doubt: int = 0
    """More than 0 when the same bytes read better in another way."""


@dataclass(slots=True)
class _Decoded:
    """A reading, where the text it was made of begins, up to where in the blob it serves, and its keys."""

    base: int
    until: int
    text: bytes = field(repr=False)
    reading: Reading
    search: Search
    reported: bool = False
    _plain: dict[int, Key] | None = None

    @property
    def plain(self) -> dict[int, Key]:
        """The keys that are in it as they are, by where in the blob they begin."""
        if self._plain is None:
            inner = (
                _cut(_key(found, self.reading.data, self.search), found, self.reading, self.search)
                for found in self.search.keys.finditer(self.reading.data)
            )
            self._plain = {key.start: key for key in self._outer(inner)}
        return self._plain

    def report(self, depth: int, *, is_rtf: bool) -> Iterator[Key]:
        """Return the keys in it, at most once, less those that the next one has whole."""
        if self.reported:
            return
        self.reported = True
        yield from (key for key in self.plain.values() if key.start < self.until)
        if depth < DEPTH:
            data = self.reading.data
            hits = engine.find_literals(data, self.search.prefixes)
            inner = _dug(data, 0, hits, _Decodings(self.search, depth + 1, is_rtf)) if hits else ()
            yield from (key for key in self._outer(inner) if key.start < self.until)

    def _outer(self, inner: Iterable[Key]) -> Iterator[Key]:
        """Keys of the text that was read, as they are in the blob."""
        reading, base = self.reading, self.base
        for key in inner:
            start, end = reading.start(key.start), reading.end(key.end - 1)
            # A text may be itself, but for an escape elsewhere.
            if end - start > len(key.raw) or key.chain:
                chain = (self._name(start, end), *key.chain)
                doubt = reading.doubt + key.doubt
                yield Key(base + start, base + end, chain, key.prefix, key.verdict, key.raw, doubt)

    def _name(self, start: int, end: int) -> str:
        """The form of the first escape, where one reading undoes several."""
        if self.reading.name != "backslash":
            return self.reading.name
        first = self.text.find(b"\\", start, end) + 1
        return _BACKSLASHES.get(self.text[first : first + 1], "backslash")


@dataclass(slots=True)
class _Decodings:
    """What of one text has been decoded, as far as needles to come may be in it."""

    search: Search
    depth: int = 1
    rtf: bool = False
    """Whether words of RTF were seen."""
    _searched: int = 0
    """Up to where they were looked for."""
    _latest: dict[int, list[_Decoded]] = field(default_factory=dict)
    """By form; of base64 there are four ways to read one text."""
    _ends: dict[int, int] = field(default_factory=dict)
    """By form, the end of what was read last: what comes after it does not begin before it."""

    def around(self, text: bytes, base: int, at: int, number: int, phase: int) -> list[_Decoded]:
        """Return the readings of a form that serve an offset of the text, decoded once."""
        place = base + at
        number = _READERS[number]
        if number == _NUMBERS["backslash"] and self._is_rtf(text, base, at):
            number = _NUMBERS["rtf"]
        latest = [each for each in self._latest.get(number, ()) if place < each.until]
        fit = [each for each in latest if each.reading.fits(place - each.base, phase)]
        if not fit:
            before = self._ends.get(number, 0)
            low = max(before - base, 0) if before <= place else 0
            for reading in FORMS[number].read(text, at, phase, low):
                until = base + min(at + SERVED, reading.high)
                fit.append(_Decoded(base, until, text, reading, self.search))
                ends = reading.high if reading.high < at + AHEAD else reading.high - BACK
                self._ends[number] = base + ends
            latest += fit
        self._latest[number] = latest
        return fit

    def _is_rtf(self, text: bytes, base: int, at: int) -> bool:
        """Whether the text before an offset is RTF; each byte of it is looked at once."""
        if not self.rtf and base + at > self._searched:
            self.rtf = rtf.is_rtf(text, max(self._searched - base - rtf.WORD, 0), at)
            self._searched = base + at
        return self.rtf


@dataclass(slots=True)
class KeyFinder:
    """The keys of one blob, given in windows."""

    search: Search
    _decodings: _Decodings = field(init=False)

    def __post_init__(self) -> None:
        """Begin with nothing decoded."""
        self._decodings = _Decodings(self.search)

    def keys(self, window: bytes, base: int, low: int, high: int) -> Iterator[Key]:
        """The keys by the needles in ``window[low:high]``, with offsets from the start of the blob.

        Args:
            window: bytes of the blob.
            base: where in the blob they begin.
            low: where what was not yet looked at begins.
            high: where it ends; ``AHEAD`` bytes follow, or the end of the blob.
        """
        for found in self.search.keys.finditer(window, low):
            if found.start() >= high:
                break
            yield _key(found, window, self.search, base)
        # With what stands before, on which it depends whether a prefix is a broken one.
        first = max(low - split_keys.REACH, 0)
        part = window[first : high + literals.LONGEST]
        hits = [
            (at + first, literal)
            for at, literal in engine.find_literals(part, self.search.prefixes)
            if low <= at + first < high
        ]
        yield from _dug(window, base, hits, self._decodings)


def _key(found: regex.Match[bytes], text: bytes, search: Search, base: int = 0) -> Key:
    prefix, body = found.group(1, 2)
    start, end = found.span()
    verdict = classify(body, text[end : end + 16], search.bodies[prefix])
    raw = prefix + body[: verdict.length]
    return Key(base + start, base + start + len(raw), (), prefix, verdict, raw)


def _dug(text: bytes, base: int, hits: list[engine.Found], decodings: _Decodings) -> Iterator[Key]:
    meanings = engine.engine(decodings.search.prefixes).meanings
    for at, literal in hits:
        for number, phase in meanings(literal):
            if number in (PLAIN, BROKEN):
                yield from _broken(text, base, at, literal, number, decodings)
                continue
            for each in decodings.around(text, base, at, number, phase):
                yield from each.report(decodings.depth, is_rtf=decodings.rtf)


def _cut(key: Key, found: regex.Match[bytes], reading: Reading, search: Search) -> Key:
    """A key that ends with a line of its encoding: the next line may be another text."""
    end = found.end(1) + KEY_BODY
    if found.end() <= end or reading.start(end) == reading.end(end - 1):
        return key
    body = found.group(2)[:KEY_BODY]
    verdict = classify(body, b"", search.bodies[key.prefix])
    return replace(key, verdict=verdict) if verdict.shape is Shape.CONFIRMED else key


def _broken(  # noqa: PLR0917 - as its caller has them
    text: bytes, base: int, at: int, literal: bytes, number: int, decodings: _Decodings
) -> Iterator[Key]:
    """Keys whose prefix is plain, in whole or in part, but which are broken or escaped further on."""
    search = decodings.search
    if number == BROKEN:
        beginning = literals.prefix_endings(search.prefixes)[literal]
        yield from _mended(text, base, at, at, {beginning + literal: beginning}, search)
        return
    plain = search.keys.match(text, at)
    if plain:
        stop, fit = plain.end(), [plain[1]]
    else:
        known = {
            prefix: _common(text, at, prefix) for prefix in search.prefixes if prefix.startswith(literal)
        }
        stop = at + max(known.values())
        fit = [prefix for prefix in known if at + known[prefix] == stop]
    if text[stop : stop + 1] not in split_keys.FIRST:
        return
    if plain and _key(plain, text, search).verdict.shape is Shape.CONFIRMED:
        return
    name = _ESCAPED.get(text[stop : stop + 1]) if plain else None
    if name:
        for each in decodings.around(text, base, at, _NUMBERS[name], 0):
            key = each.plain.get(base + at)
            if key and key.verdict.shape is Shape.CONFIRMED:
                yield key
    yield from _mended(text, base, at, stop, dict.fromkeys(fit, b""), search)


def _common(text: bytes, at: int, prefix: bytes) -> int:
    """Bytes of ``prefix`` that stand at ``at``."""
    size, most = 0, min(len(prefix), len(text) - at)
    while size < most and text[at + size] == prefix[size]:
        size += 1
    return size


def _mended(  # noqa: PLR0917 - as its caller has them
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


def disguised(text: bytes, hits: list[engine.Found], prefixes: tuple[bytes, ...]) -> Iterator[Key]:
    """The keys in ``text`` that do not stand there as they are."""
    return _dug(text, 0, hits, _Decodings(searching(prefixes)))


def best_of_overlapping(keys: list[Key]) -> list[Key]:
    """Of keys that stand at one place, the one that reads best; the others in order of offset.

    A place reads in several ways when encodings look alike: UTF-16 in either order, text
    with an escape in it, a key that a line's end cuts and the same key whole.
    """
    ranked = sorted(((key.start, key.end, _badness(key)), number) for number, key in enumerate(keys))
    ordered = [(keys[number], rank[2]) for rank, number in ranked]
    worse: set[int] = set()
    for number, (key, rank) in enumerate(ordered):
        for other in range(number + 1, min(number + 1 + _RIVALS, len(ordered))):
            rival, rivals = ordered[other]
            if rival.start >= key.end:
                break
            if _same_place(key, rival):
                worse.add(other if rank <= rivals else number)
    return [key for number, (key, _) in enumerate(ordered) if number not in worse]


def _same_place(key: Key, rival: Key) -> bool:
    shared = min(key.end, rival.end) - max(key.start, rival.start)
    return 2 * shared > min(key.end - key.start, rival.end - rival.start)


_SHAPES = list(Shape)

_RIVALS = 16
"""Keys on either side that are compared; a place has as many readings as there are forms at most."""


def _badness(key: Key) -> tuple[int, int, int, tuple[str, ...]]:
    return _SHAPES.index(key.verdict.shape), key.doubt, len(key.chain), key.chain
