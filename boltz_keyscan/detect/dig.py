"""Keys in disguise: around each needle the encoding is undone, and what it gives is looked at again.

Each reading is bounded (``codecs.BACK``, ``codecs.AHEAD``) and serves all needles of its
encoding in its first half, so a text made of nothing but needles costs no more than its
length for each encoding. What is found depends on the bytes alone, not on where a read ended.

Boundary: raw keys pass through here and go to ``match``, which lets out a hash.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import regex

from boltz_keyscan.detect import engine, joined, literals
from boltz_keyscan.detect.classify import CONFIRMED, KEY_BODY, BodyPattern, Verdict, classify
from boltz_keyscan.detect.codecs import AHEAD, Reading
from boltz_keyscan.detect.forms import FORMS
from boltz_keyscan.detect.literals import BROKEN, DEPTH, PLAIN
from boltz_keyscan.errors import FloodError
from boltz_keyscan.model import Shape

MOST = 20_000
"""Looks at one blob. Each takes about as long as reading 100 KB."""

RUN = 200
"""The longest body looked at; real ones have 43 characters."""

_ESCAPED = tuple(
    number
    for number, form in enumerate(FORMS)
    if form.name in ("percent", "unicode-escape", "html", "quoted-printable")
)
"""What may begin within a body, its prefix being plain."""


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

    def moved(self, by: int) -> Key:
        """The same, counted from elsewhere."""
        return replace(self, start=self.start + by, end=self.end + by)


@dataclass(frozen=True, slots=True)
class _Done:
    """A reading, where the text it was made of begins, and up to where in the blob it serves."""

    base: int
    until: int
    reading: Reading


@dataclass(slots=True)
class _Progress:
    """How far the search of one text has come."""

    readings: dict[int, list[_Done]] = field(default_factory=dict)
    """By form the last ones; of base64 there are four ways to read one text."""
    left: int = MOST

    def spend(self) -> None:
        """Count one look.

        Raises:
            FloodError: it was the last one.
        """
        self.left -= 1
        if self.left < 0:
            raise FloodError


@dataclass(slots=True)
class Digger:
    """The keys of one blob, given in windows."""

    search: Search
    flooded: bool = False
    """Whether it was given up to look for more than plain keys."""
    _progress: _Progress = field(default_factory=_Progress)

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
            yield _key(found, window, self.search).moved(base)
        if self.flooded:
            return
        # With what stands before, on which it depends whether a prefix is a broken one.
        first = max(low - joined.REACH, 0)
        part = window[first : high + literals.LONGEST]
        hits = [
            (at + first, literal)
            for at, literal in engine.find_literals(part, self.search.prefixes)
            if low <= at + first < high
        ]
        try:
            for key in _dug(window, base, hits, self.search, progress=self._progress, depth=1):
                yield key.moved(base)
        except FloodError:
            self.flooded = True


def _key(found: regex.Match[bytes], text: bytes, search: Search) -> Key:
    prefix, body = found.group(1), found.group(2)
    verdict = classify(body, text[found.end() : found.end() + 16], search.bodies[prefix])
    raw = prefix + body[: verdict.length]
    return Key(found.start(), found.start() + len(raw), (), prefix, verdict, raw)


def _dug(
    text: bytes, base: int, hits: list[engine.Found], search: Search, *, progress: _Progress, depth: int
) -> Iterator[Key]:
    meanings = engine.engine(search.prefixes).meanings
    for at, literal in hits:
        for number, phase in meanings(literal):
            if number in (PLAIN, BROKEN):
                yield from _broken(text, at, literal, number, search, progress)
                continue
            done = [each for each in progress.readings.get(number, ()) if base + at < each.until]
            progress.readings[number] = done
            if any(each.reading.fits(base + at - each.base, phase) for each in done):
                continue
            progress.spend()
            for reading in FORMS[number].read(text, at, phase):
                until = at + AHEAD // 2
                done.append(_Done(base, base + until, reading))
                yield from (key for key in _within(reading, search, depth) if key.start < until)


def _within(reading: Reading, search: Search, depth: int) -> Iterator[Key]:
    data = reading.data
    inner = [_cut(_key(found, data, search), found, reading, search) for found in search.keys.finditer(data)]
    if depth < DEPTH:
        inner += _dug(
            data,
            0,
            engine.find_literals(data, search.prefixes),
            search,
            progress=_Progress(),
            depth=depth + 1,
        )
    for key in inner:
        start, end = reading.start(key.start), reading.end(key.end - 1)
        # A text may be itself, but for an escape elsewhere.
        if end - start > len(key.raw) or key.chain:
            chain = (reading.name, *key.chain)
            yield Key(start, end, chain, key.prefix, key.verdict, key.raw, reading.doubt + key.doubt)


def _cut(key: Key, found: regex.Match[bytes], reading: Reading, search: Search) -> Key:
    """A key that ends with a line of its encoding: the next line may be another text."""
    end = found.end(1) + KEY_BODY
    if found.end() <= end or reading.start(end) == reading.end(end - 1):
        return key
    body = found.group(2)[:KEY_BODY]
    verdict = classify(body, b"", search.bodies[key.prefix])
    return replace(key, verdict=verdict) if verdict.shape is Shape.CONFIRMED else key


def _broken(  # noqa: PLR0917 - as its caller has them
    text: bytes, at: int, literal: bytes, number: int, search: Search, progress: _Progress
) -> Iterator[Key]:
    """Keys whose prefix is plain, in whole or in part, but which are broken or escaped further on."""
    if number == BROKEN:
        progress.spend()
        beginning = literals.prefix_endings(search.prefixes)[literal]
        yield from _mended(text, at, at, {beginning + literal: beginning}, search)
        return
    prefixes = [prefix for prefix in search.prefixes if prefix.startswith(literal)]
    plain = search.keys.match(text, at)
    known = {prefix: _common(text, at, prefix) for prefix in prefixes} if not plain else {}
    stop = plain.end() if plain else at + max(known.values())
    if text[stop : stop + 1] not in joined.FIRST:
        return
    if plain and _key(plain, text, search).verdict.shape is Shape.CONFIRMED:
        return
    progress.spend()
    if plain and text[stop : stop + 1] in (b"%", b"\\", b"&", b"="):
        for form in _ESCAPED:
            for reading in FORMS[form].read(text, at, 0):
                for key in _within(reading, search, DEPTH):
                    if key.start == at and key.verdict.shape is Shape.CONFIRMED:
                        yield key
    fit = [plain[1]] if plain else [prefix for prefix in prefixes if at + known[prefix] == stop]
    yield from _mended(text, at, stop, dict.fromkeys(fit, b""), search)


def _common(text: bytes, at: int, prefix: bytes) -> int:
    """Bytes of ``prefix`` that stand at ``at``."""
    size = len(prefix)
    while not text.startswith(prefix[:size], at):
        size -= 1
    return size


def _mended(
    text: bytes, at: int, stop: int, beginnings: Mapping[bytes, bytes], search: Search
) -> Iterator[Key]:
    for pieces in joined.mended(text, at, stop, beginnings):
        after = text[pieces.after : pieces.after + 16]
        verdict = classify(pieces.body, after, search.bodies[pieces.prefix])
        enough = verdict.shape is Shape.CONFIRMED or (pieces.kind.sure and verdict.shape is Shape.SUSPECTED)
        size = len(pieces.prefix) + verdict.length
        start, end = pieces.places[0], pieces.places[size - 1] + 1
        if enough and end - start > size:
            raw = pieces.prefix + pieces.body[: verdict.length]
            yield Key(start, end, (pieces.kind.name,), pieces.prefix, verdict, raw)


def disguised(text: bytes, hits: list[engine.Found], prefixes: tuple[bytes, ...]) -> Iterator[Key]:
    """The keys in ``text`` that do not stand there as they are."""
    return _dug(text, 0, hits, searching(prefixes), progress=_Progress(), depth=1)


def settled(keys: list[Key]) -> list[Key]:
    """Of keys that stand at one place, the one that reads best; the others in order of offset.

    A place reads in several ways when encodings look alike: UTF-16 in either order, text
    with an escape in it, a key that a line's end cuts and the same key whole.
    """
    ordered = sorted(keys, key=lambda key: (key.start, key.end, _badness(key)))
    return [key for number, key in enumerate(ordered) if not _worse(key, number, ordered)]


def _worse(key: Key, number: int, ordered: list[Key]) -> bool:
    """Whether another key at the same place reads better, or as well and comes first."""
    rank = _badness(key)
    before = ordered[max(number - _RIVALS, 0) : number]
    return any(_same_place(key, rival) and _badness(rival) <= rank for rival in before) or any(
        _same_place(key, rival) and _badness(rival) < rank for rival in _following(ordered, number)
    )


def _following(ordered: list[Key], number: int) -> Iterator[Key]:
    end = ordered[number].end
    for rival in ordered[number + 1 : number + 1 + _RIVALS]:
        if rival.start >= end:
            return
        yield rival


def _same_place(key: Key, rival: Key) -> bool:
    shared = min(key.end, rival.end) - max(key.start, rival.start)
    return 2 * shared > min(key.end - key.start, rival.end - rival.start)


_SHAPES = list(Shape)

_RIVALS = 16
"""Keys on either side that are compared; a place has as many readings as there are forms at most."""


def _badness(key: Key) -> tuple[int, int, int, tuple[str, ...]]:
    return _SHAPES.index(key.verdict.shape), key.doubt, len(key.chain), key.chain
