"""Keys that are encoded or broken: the text around each literal is decoded and searched again.

Each reading (``readings``) serves many literals, and is searched for keys once. So a text that
consists of literals costs no more than its length for each encoding. The result depends on the bytes
alone, not on the boundaries of reads.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping

from boltz_keyscan.detect import engine, literals, split_keys
from boltz_keyscan.detect.classify import KEY_BODY, SHORTEST
from boltz_keyscan.detect.encodings import FORMS, PLAIN_TEXT
from boltz_keyscan.detect.floods import ALLOWED, REACH, FloodFilter
from boltz_keyscan.detect.layouts import dumps, spaced
from boltz_keyscan.detect.literals import BROKEN, DEPTH, PLAIN
from boltz_keyscan.detect.plain_keys import Search, make_search
from boltz_keyscan.detect.readings import NUMBERS, Decoded, Decodings, Key, make_key
from boltz_keyscan.detect.rtf import ControlWords
from boltz_keyscan.model.enums import Shape
from boltz_keyscan.records import dataclass, field

_ESCAPED = {b"%": "percent", b"&": "html", b"=": "quoted-printable", b"\\": "backslash"}
"""The first byte of an escape in the body of a key with a plain prefix, and the form that decodes it."""

_ESCAPED_BODY = re.compile(rb"(?:[ -~]|=[ \t]{0,9}\r?\n){%d}" % KEY_BODY)
"""As much text as the body of a confirmed key has at least, with escapes in it."""

_WHOLE = frozenset({dumps.NAME, spaced.NAME})
"""Layouts in which keys are not broken too."""

_MANY = 1 << 8
"""Bytes of a reading that may serve many literals."""

_BATCH = 1 << 8
"""Literals whose readings are searched together: a search of its own costs as much as 1 kB."""


@dataclass(slots=True)
class KeyFinder:
    """A finder of the keys in one blob, given in windows."""

    search: Search
    _decodings: Decodings = field(init=False)
    _floods: FloodFilter = field(init=False)

    def __post_init__(self) -> None:
        """Start without readings."""
        self._decodings = Decodings(self.search)
        self._floods = FloodFilter(engine.engine(self.search.prefixes).meanings)

    def keys(self, window: bytes, base: int, low: int, high: int) -> Iterator[Key]:
        """Yield the keys of the literals in ``window[low:high]``, with offsets from the start of the blob.

        Args:
            window: bytes of the blob.
            base: the offset of the window in the blob.
            low: the start of the part that was not searched yet.
            high: its end; ``AHEAD`` bytes follow, or the end of the blob.
        """
        for match in self.search.find(window, low):
            if match.start() < high and (key := make_key(match, window, self.search, base)):
                yield key
        # With the bytes before: they decide if a prefix is a broken one.
        first = max(low - literals.BROKEN_REACH, 0)
        part = window[first : high + REACH + literals.LONGEST]
        hits = [
            (at + first, literal)
            for at, literal in engine.find_literals(part, self.search.prefixes)
            if low <= at + first
        ]
        self._decodings.move(window, base)
        yield from _decode_hits(self._decodings, self._floods.keep(hits, base, high))


def _decode_hits(decodings: Decodings, hits: list[engine.Found]) -> Iterator[Key]:
    """Yield the encoded and broken keys of the literals in a text."""
    for first in range(0, len(hits), _BATCH):
        found = new = _decode_around(decodings, hits[first : first + _BATCH])
        for depth in range(2, DEPTH + 1):
            new = _search_readings(new, decodings.search, depth)
        yield from _keys(found)


def _decode_around(decodings: Decodings, hits: list[engine.Found]) -> list[Key | Decoded]:
    """Return the readings around literals and the broken keys, in order; a reading only the first time."""
    meanings = engine.engine(decodings.search.prefixes).meanings
    found: list[Key | Decoded] = []
    served = decodings.served
    for at, literal in hits:
        offset = decodings.base + at
        for number, phase in meanings(literal):
            if number in (PLAIN, BROKEN):
                found += _broken(decodings, at, literal, number)
                continue
            place = number, phase, offset & 3
            if offset < served.get(place, 0):
                continue
            own = decodings.around(at, number, phase) if decodings.admits(number) else []
            found += _take_new(decodings, own)
            if layouts := decodings.layouts_around(at, FORMS[number].name, own):
                found += _take_new(decodings, layouts)
            if own and own[-1].reading.period and own[-1].until > offset + _MANY:
                served[place] = decodings.served_until(number, own)
    return found


def _take_new(decodings: Decodings, readings: Iterable[Decoded]) -> list[Decoded]:
    """Return the readings that no literal before has led to."""
    new = [decoded for decoded in readings if not decoded.is_reported]
    for decoded in new:
        decoded.is_reported, decoded.within_rtf = True, decodings.control_words.are_found
    return new


def _search_readings(found: list[Key | Decoded], search: Search, depth: int) -> list[Key | Decoded]:
    """Search readings together for literals, and return the readings and keys that these lead to."""
    # The text of a layout has no key that counts if it is shorter than a confirmed one.
    readings = [
        each
        for each in found
        if isinstance(each, Decoded) and (not each.layouts or len(each.reading.data) > KEY_BODY)
    ]
    new: list[Key | Decoded] = []
    meanings = engine.engine(search.prefixes).meanings
    texts = [decoded.reading.data for decoded in readings]
    shortest = min(map(len, search.prefixes)) + SHORTEST
    for decoded, text, own in zip(readings, texts, engine.find_in_each(texts, search.prefixes), strict=True):
        hits = own
        if len(text) < shortest:
            # No room for a broken key: only another encoding may be in it.
            hits = [hit for hit in own if any(number >= 0 for number, _ in meanings(hit[1]))]
        if hits:
            kept = hits if len(hits) <= ALLOWED else FloodFilter(meanings).keep(hits, 0, len(text))
            inner = Decodings(
                search,
                text,
                depth=depth,
                layouts=decoded.layouts,
                control_words=ControlWords(decoded.within_rtf),
            )
            decoded.inner = _decode_around(inner, kept)
            new += decoded.inner
    return new


def _keys(found: Iterable[Key | Decoded]) -> Iterator[Key]:
    """Yield keys, and those in readings, in order."""
    for each in found:
        if isinstance(each, Key):
            yield each
            continue
        # Those that begin after the range of a reading are found in another.
        for key in each.plain.values():
            if key.start < each.until:
                yield key
        if each.inner:
            for key in _keys(each.inner):
                outer = each.outer(key)
                if outer and outer.start < each.until:
                    yield outer
            each.inner = ()


def _broken(decodings: Decodings, at: int, literal: bytes, number: int) -> Iterator[Key | Decoded]:
    """Yield keys that are broken or escaped after a plain prefix or a plain part of it.

    Layouts are read only where there is no confirmed one: a key of a layout would count less than it.
    """
    search = decodings.search
    if number == BROKEN:
        if any(start <= decodings.base + at < end for start, end in decodings.confirmed):
            return
        beginning = literals.prefix_endings(search.prefixes)[literal]
        keys = list(_reassemble(decodings, at, at, {beginning + literal: beginning}))
    else:
        plain = search.match(decodings.text, at)
        if plain and _is_confirmed(plain, decodings.text, search):
            return
        keys = list(_continued(decodings, at, literal, plain))
    yield from keys
    confirmed = [key for key in keys if key.verdict.shape is Shape.CONFIRMED]
    if confirmed:
        decodings.confirmed = [part for key in confirmed for part in _prefix_ranges(key, decodings.base)]
    else:
        yield from _take_new(decodings, decodings.layouts_around(at, PLAIN_TEXT))


def _prefix_ranges(key: Key, base: int) -> Iterator[split_keys.Run]:
    """Yield the ranges in the blob of a broken prefix, without its breaks: another key may be in these."""
    size = len(key.prefix)
    for start, end in key.runs:
        if size > 0:
            yield base + start, base + min(end, start + size)
        size -= end - start


def _continued(decodings: Decodings, at: int, literal: bytes, plain: re.Match[bytes] | None) -> Iterator[Key]:
    """Yield keys that an escape or a break continues after a plain prefix, or after the beginning of one."""
    text = decodings.text
    if plain:
        stop, fit = plain.end(), [plain[1]]
    else:
        beginnings = _by_beginning(decodings.search.prefixes)
        stop = at + len(literal)
        while text[at : stop + 1] in beginnings and stop < len(text):
            stop += 1
        fit = beginnings[text[at:stop]]
    if text[stop : stop + 1] not in split_keys.FIRST:
        return
    name = _ESCAPED.get(text[stop : stop + 1])
    if name and plain and _ESCAPED_BODY.match(text, plain.start(2)):
        for decoded in decodings.around(at, NUMBERS[name], 0):
            key = decoded.plain.get(decodings.base + at)
            if key and key.verdict.shape is Shape.CONFIRMED:
                yield key
    if not _WHOLE.intersection(decodings.layouts):
        yield from _reassemble(decodings, at, stop, dict.fromkeys(fit, b""))


def _is_confirmed(plain: re.Match[bytes], text: bytes, search: Search) -> bool:
    # Only a body as long as this may be confirmed.
    key = make_key(plain, text, search) if len(plain[2]) >= KEY_BODY else None
    return key is not None and key.verdict.shape is Shape.CONFIRMED


@functools.cache
def _by_beginning(prefixes: tuple[bytes, ...]) -> dict[bytes, list[bytes]]:
    """Return the prefixes with each beginning."""
    beginnings = {prefix[:size] for prefix in prefixes for size in range(1, len(prefix) + 1)}
    return {
        beginning: [prefix for prefix in prefixes if prefix.startswith(beginning)] for beginning in beginnings
    }


def _reassemble(decodings: Decodings, at: int, stop: int, beginnings: Mapping[bytes, bytes]) -> Iterator[Key]:
    """Yield the broken keys at an offset; for the arguments see ``split_keys.reassemble``."""
    for pieces in split_keys.reassemble(decodings.text, at, stop, beginnings):
        verdict = decodings.search.classify(pieces.prefix, pieces.body, decodings.text, pieces.after)
        if verdict is None:
            continue
        is_enough = verdict.shape is Shape.CONFIRMED or (
            pieces.kind.sure and verdict.shape is Shape.SUSPECTED
        )
        raw = pieces.prefix + pieces.body[: verdict.length]
        start, end = pieces.runs[0][0], pieces.end(len(raw))
        if is_enough and end - start > len(raw):
            base, chain = decodings.base, (pieces.kind.name,)
            yield Key(base + start, base + end, chain, pieces.prefix, verdict, raw, runs=pieces.runs)


def find_encoded_keys(text: bytes, hits: list[engine.Found], prefixes: tuple[bytes, ...]) -> Iterator[Key]:
    """Return the encoded and broken keys in ``text``."""
    return _decode_hits(Decodings(make_search(prefixes), text), hits)
