"""The matcher: the keys in one blob, with offset, line, column, shape and fingerprint.

Raw keys are held in local variables here, and only their hash is returned. Blobs pass through a
sliding window, so memory does not grow with their size, and the result does not depend on the
boundaries of reads.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import regex

from boltz_keyscan.columns import Ruler
from boltz_keyscan.detect import redact
from boltz_keyscan.detect.decode import KeyFinder
from boltz_keyscan.detect.decoders import AHEAD, BACK
from boltz_keyscan.detect.inline_comments import inline_comments
from boltz_keyscan.detect.notebook import Cells
from boltz_keyscan.detect.overlaps import best_of_overlapping
from boltz_keyscan.detect.plain_keys import Search, make_search
from boltz_keyscan.detect.readings import Key
from boltz_keyscan.detect.surroundings import AFTER, BEFORE, Surroundings
from boltz_keyscan.model.enums import Shape
from boltz_keyscan.model.finding import Admits, Edit, Match
from boltz_keyscan.model.suppression import Comment
from boltz_keyscan.records import dataclass, field
from boltz_keyscan.rules import Rule, list_prefixes

if TYPE_CHECKING:
    from boltz_keyscan.detect.lookup import Digests, Lookup

_STEP = 1 << 12
"""Bytes by which the window moves at least: each move copies it, and chunks may be tiny."""

_SLICE = 1 << 16
"""Bytes by which the window moves at most, so that few keys are in them."""

_CELL = 1 << 13
"""Bytes of a blob whose keys have their surroundings redacted together."""


@dataclass(frozen=True, slots=True)
class Patterns:
    """A rule set compiled for the matcher."""

    search: Search
    rules: dict[bytes, str]
    """The id of the rule of each prefix."""
    redaction: redact.Redaction


@functools.cache
def compile_rules(rules: tuple[Rule, ...]) -> Patterns:
    """Return the patterns of a rule set."""
    prefixes = list_prefixes(rules)
    bodies = [regex.compile(rule.body.encode("ascii")) for rule in rules]
    search = make_search(prefixes, dict(zip(prefixes, bodies, strict=True)))
    names = dict(zip(prefixes, (rule.id for rule in rules), strict=True))
    return Patterns(search, names, redact.compile_redaction(prefixes))


def find(
    chunks: Iterable[bytes],
    patterns: Patterns,
    lookup: Lookup | Digests | None = None,
    *,
    admits: Admits | None = None,
    edits: bool = False,
) -> Iterator[Match]:
    """Yield the keys of one blob, in order of offset.

    Args:
        chunks: the blob's bytes in order, cut anywhere.
        patterns: from ``compile_rules``.
        lookup: the lookup applied to each key.
        admits: the filter of keys to report; without it all are reported.
        edits: True to give each match the edits that redact it.
    """
    finder, window = KeyFinder(patterns.search), _Window(patterns, lookup, admits, edits)
    done = 0
    undecided: list[Key] = []
    recent: list[Key] = []
    for chunk, is_last in _slices(chunks):
        window.data += chunk
        base, end = window.base, window.base + len(window.data)
        # A key that begins after the horizon may not be complete yet.
        horizon = end if is_last else end - AHEAD - AFTER
        if horizon - done < _STEP and not is_last:
            continue
        undecided += finder.keys(window.data, base, done - base, horizon - base)
        done = horizon
        best = best_of_overlapping(undecided)
        count = len(best) if is_last else _count_decided(best, done)
        ready, undecided = best[:count], best[count:]
        near = [*recent, *best]
        for _, cell in itertools.groupby(ready, lambda key: key.start // _CELL):
            yield from window.matches(list(cell), near)
        # A later key may begin up to ``BACK`` before ``done``, and its context needs the bytes before it.
        first = min([key.start for key in undecided] + [done])
        needed = (first & ~(_CELL - 1)) - BEFORE - BACK
        recent = [key for key in [*recent, *ready] if key.end > needed]
        window.drop(needed)


def _slices(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Yield the chunks in small parts, and at last an empty one with True."""
    for chunk in chunks:
        for at in range(0, len(chunk), _SLICE):
            yield chunk[at : at + _SLICE], False
    yield b"", True


def _count_decided(keys: list[Key], done: int) -> int:
    """Return the number of keys at the beginning that the bytes after an offset can no longer change.

    A later literal may belong to a key that begins up to ``BACK`` before it, and the context of a key
    depends on the keys after it.
    """
    sure = done - BACK - AFTER
    decided = itertools.takewhile(lambda key: (key.start | (_CELL - 1)) < sure and key.end <= sure, keys)
    return sum(1 for _ in decided)


@dataclass(slots=True)
class _Window:
    """The part of a blob that is held, from which matches are made of keys."""

    patterns: Patterns
    lookup: Lookup | Digests | None
    admits: Admits | None
    edits: bool
    data: bytes = field(default=b"", repr=False)
    base: int = 0
    """The offset of ``data`` in the blob."""
    _ruler: Ruler = field(default_factory=Ruler)
    _cells: Cells = field(default_factory=Cells)

    def matches(self, keys: list[Key], near: list[Key]) -> Iterator[Match]:
        """Yield the matches of keys that are close together; ``near`` has all keys around them."""
        if admitted := list(self._admitted(keys)):
            around = Surroundings.of(self.data, self.base, keys, near, self.patterns.redaction)
            for key, fingerprint, comments in admitted:
                yield self._match(key, fingerprint, comments, around)

    def _admitted(self, keys: list[Key]) -> Iterator[tuple[Key, str, tuple[Comment, ...]]]:
        """Yield the keys to report, with their fingerprints and the comments beside them."""
        for key in keys:
            fingerprint, shape = _fingerprint(key), key.verdict.shape
            # A comment makes no difference to a placeholder, of which there may be very many.
            comments = () if shape is Shape.PLACEHOLDER else self._comments(key)
            rule = self.patterns.rules[key.prefix]
            if self.admits is None or self.admits(
                key.start, rule, shape, fingerprint, commented=bool(comments)
            ):
                yield key, fingerprint, self._comments(key) if shape is Shape.PLACEHOLDER else comments

    def _comments(self, key: Key) -> tuple[Comment, ...]:
        return inline_comments(self.data, self.base, key, self.patterns.redaction)

    def _match(
        self, key: Key, fingerprint: str, comments: tuple[Comment, ...], around: Surroundings
    ) -> Match:
        self._advance(key.start)
        cell, place = self._cells.here, self._ruler.place(key.chain[0] if key.chain else "")
        return Match(
            fingerprint=fingerprint,
            rule_id=self.patterns.rules[key.prefix],
            shape=key.verdict.shape,
            reason=key.verdict.reason,
            offset=key.start,
            length=key.end - key.start,
            line=place.line + 1,
            column=place.characters + 1,
            column_utf16=place.units + 1,
            context=around.context(key.start, key.end),
            decoded=key.chain,
            comments=comments,
            cell=cell.number if cell else None,
            cell_part=cell.words or None if cell else None,
            listed=self.lookup.matching_prefixes(key.raw) if self.lookup else (),
            sealed=self.lookup.seal(key.raw, fingerprint) if self.lookup else b"",
            edits=_find_edits(key, fingerprint) if self.edits else (),
        )

    def drop(self, before: int) -> None:
        """Drop the bytes before an offset of the blob, if they are enough to be worth a copy."""
        passed = before - self.base
        if passed >= _STEP:
            self._advance(before)
            self.data, self.base = self.data[passed:], before

    def _advance(self, offset: int) -> None:
        """Count the lines and cells up to an offset of the blob."""
        ruler = self._ruler
        if not ruler.at:
            ruler.begin(self.data)
        passed = self.data[ruler.at - self.base : offset - self.base]
        ruler.advance(passed)
        self._cells.advance(passed)


def _find_edits(key: Key, fingerprint: str) -> tuple[Edit, ...]:
    from boltz_keyscan.detect.rewrite import find_edits  # noqa: PLC0415 - for redaction of files only

    return find_edits(key, fingerprint)


def _fingerprint(key: Key) -> str:
    return "bk1:" + hashlib.sha256(b"boltz-keyscan:key:v1\0" + key.raw).hexdigest()[:32]
