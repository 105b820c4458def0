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
from boltz_keyscan.detect.readings import (
    NUMBERS,
    Decoded,
    Decodings,
    Key,
    Search,
    classify_body,
    make_key,
    make_search,
)
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
        first = max(low - split_keys.REACH, 0)
        part = window[first : high + REACH + literals.LONGEST]
        hits = [
            (at + first, literal)
            for at, literal in engine.find_literals(part, self.search.prefixes)
            if low <= at + first
        ]
        yield from _decode_hits(window, base, self._floods.keep(hits, base, high), self._decodings)


def _decode_hits(text: bytes, base: int, hits: list[engine.Found], decodings: Decodings) -> Iterator[Key]:
    """Yield the encoded and broken keys of the literals in a text."""
    for first in range(0, len(hits), _BATCH):
        found = _decode_around(text, base, hits[first : first + _BATCH], decodings)
        new = found
        for depth in range(decodings.depth, DEPTH):
            new = _search_readings(new, Decodings(decodings.search, depth + 1))
        yield from _keys(found)


def _decode_around(
    text: bytes, base: int, hits: list[engine.Found], decodings: Decodings
) -> list[Key | Decoded]:
    """Return the readings around literals and the broken keys, in order; a reading only the first time."""
    meanings = engine.engine(decodings.search.prefixes).meanings
    found: list[Key | Decoded] = []
    served = decodings.served
    for at, literal in hits:
        offset = base + at
        for number, phase in meanings(literal):
            if number in (PLAIN, BROKEN):
                found += _broken(text, base, at, literal, number, decodings)
                continue
            place = number, phase, offset & 3
            if offset < served.get(place, 0):
                continue
            own = decodings.around(text, base, at, number, phase) if decodings.admits(number) else []
            found += _first_time(own, decodings)
            if layouts := decodings.layouts_around(text, base, at, FORMS[number].name, own):
                found += _first_time(layouts, decodings)
            if own and own[-1].reading.period and own[-1].until > offset + _MANY:
                served[place] = decodings.served_until(number, own)
    return found


def _first_time(readings: Iterable[Decoded], decodings: Decodings) -> list[Decoded]:
    """Return the readings that no literal before has led to."""
    new = [decoded for decoded in readings if not decoded.is_reported]
    for decoded in new:
        decoded.is_reported, decoded.within_rtf = True, decodings.rtf
    return new


def _search_readings(found: list[Key | Decoded], decodings: Decodings) -> list[Key | Decoded]:
    """Search readings together for literals, and return the readings and keys that these lead to."""
    # The text of a layout has no key that counts if it is shorter than a confirmed one.
    readings = [
        each
        for each in found
        if isinstance(each, Decoded) and (not each.layouts or len(each.reading.data) > KEY_BODY)
    ]
    new: list[Key | Decoded] = []
    meanings = engine.engine(decodings.search.prefixes).meanings
    texts = [decoded.reading.data for decoded in readings]
    shortest = min(map(len, decodings.search.prefixes)) + SHORTEST
    for decoded, own in zip(readings, engine.find_in_each(texts, decodings.search.prefixes), strict=True):
        data = decoded.reading.data
        hits = own
        if len(data) < shortest:
            # No room for a broken key: only another encoding may be in it.
            hits = [hit for hit in own if any(number >= 0 for number, _ in meanings(hit[1]))]
        if hits:
            decodings.restart(rtf=decoded.within_rtf, layouts=decoded.layouts)
            kept = hits if len(hits) <= ALLOWED else FloodFilter(meanings).keep(hits, 0, len(data))
            decoded.inner = _decode_around(data, 0, kept, decodings)
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


def _broken(  # noqa: PLR0917 - the arguments of its caller
    text: bytes, base: int, at: int, literal: bytes, number: int, decodings: Decodings
) -> Iterator[Key | Decoded]:
    """Yield keys that are broken or escaped after a plain prefix or a plain part of it.

    Layouts are read only where there is no confirmed one: a key of a layout would count less than it.
    """
    search = decodings.search
    if number == BROKEN:
        if any(start <= base + at < end for start, end in decodings.confirmed):
            return
        beginning = literals.prefix_endings(search.prefixes)[literal]
        keys = list(_reassemble(text, base, at, at, {beginning + literal: beginning}, search))
    else:
        plain = search.match(text, at)
        if plain and _is_confirmed(plain, text, search):
            return
        keys = list(_continued(text, base, at, literal, plain, decodings))
    yield from keys
    confirmed = [key for key in keys if key.verdict.shape is Shape.CONFIRMED]
    if confirmed:
        decodings.confirmed = [part for key in confirmed for part in _prefix_ranges(key, base)]
    else:
        yield from _first_time(decodings.layouts_around(text, base, at, PLAIN_TEXT), decodings)


def _prefix_ranges(key: Key, base: int) -> Iterator[split_keys.Run]:
    """Yield the ranges in the blob of a broken prefix, without its breaks: another key may be in these."""
    size = len(key.prefix)
    for start, end in key.runs:
        if size > 0:
            yield base + start, base + min(end, start + size)
        size -= end - start


def _continued(  # noqa: PLR0917 - the arguments of its caller
    text: bytes, base: int, at: int, literal: bytes, plain: re.Match[bytes] | None, decodings: Decodings
) -> Iterator[Key]:
    """Yield keys that an escape or a break continues after a plain prefix, or after the beginning of one."""
    search = decodings.search
    if plain:
        stop, fit = plain.end(), [plain[1]]
    else:
        beginnings = _by_beginning(search.prefixes)
        stop = at + len(literal)
        while text[at : stop + 1] in beginnings and stop < len(text):
            stop += 1
        fit = beginnings[text[at:stop]]
    if text[stop : stop + 1] not in split_keys.FIRST:
        return
    name = _ESCAPED.get(text[stop : stop + 1])
    if name and plain and _ESCAPED_BODY.match(text, plain.start(2)):
        for decoded in decodings.around(text, base, at, NUMBERS[name], 0):
            key = decoded.plain.get(base + at)
            if key and key.verdict.shape is Shape.CONFIRMED:
                yield key
    if not _WHOLE.intersection(decodings.layouts):
        yield from _reassemble(text, base, at, stop, dict.fromkeys(fit, b""), search)


def _is_confirmed(plain: re.Match[bytes], text: bytes, search: Search) -> bool:
    # Only a body of this length may be confirmed.
    key = make_key(plain, text, search) if len(plain[2]) == KEY_BODY else None
    return key is not None and key.verdict.shape is Shape.CONFIRMED


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
        verdict = classify_body(pieces.prefix, pieces.body, after, search)
        if verdict is None:
            continue
        enough = verdict.shape is Shape.CONFIRMED or (pieces.kind.sure and verdict.shape is Shape.SUSPECTED)
        size = len(pieces.prefix) + verdict.length
        if not enough:
            continue
        start, end = base + pieces.runs[0][0], base + pieces.end(size)
        if end - start > size:
            raw = pieces.prefix + pieces.body[: verdict.length]
            yield Key(start, end, (pieces.kind.name,), pieces.prefix, verdict, raw, runs=pieces.runs)


def find_encoded_keys(text: bytes, hits: list[engine.Found], prefixes: tuple[bytes, ...]) -> Iterator[Key]:
    """Return the encoded and broken keys in ``text``."""
    return _decode_hits(text, 0, hits, Decodings(make_search(prefixes)))
