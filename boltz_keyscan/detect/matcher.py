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
from boltz_keyscan.records import dataclass
from boltz_keyscan.rules import Rule

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
    prefixes = tuple(rule.prefix.encode("ascii") for rule in rules)
    bodies = {rule.prefix.encode("ascii"): regex.compile(rule.body.encode("ascii")) for rule in rules}
    search = make_search(prefixes, bodies)
    by_prefix = {rule.prefix.encode("ascii"): rule.id for rule in rules}
    return Patterns(search, by_prefix, redact.compile_redaction(prefixes))


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
        patterns: from ``compiled``.
        lookup: the lookup applied to each key.
        admits: the filter of keys to report; without it all are reported.
        edits: True to give each match the edits that redact it.
    """
    finder = KeyFinder(patterns.search)
    ruler, cells = Ruler(), Cells()
    window, base, done = b"", 0, 0
    undecided: list[Key] = []
    recent: list[Key] = []
    for chunk, last in _marked(chunks):
        window += chunk
        # A key that begins after the horizon may not be complete yet.
        horizon = base + len(window) - (0 if last else AHEAD + AFTER)
        if horizon - done < _STEP and not last:
            continue
        undecided += finder.keys(window, base, done - base, horizon - base)
        done = horizon
        # A later literal may belong to a key that begins up to ``BACK`` before it, and the context of a
        # key depends on the keys after it.
        sure = done if last else done - BACK - AFTER
        best = best_of_overlapping(undecided)
        count = next(
            (n for n, key in enumerate(best) if (key.start | (_CELL - 1)) >= sure or key.end > sure),
            len(best),
        )
        ready, undecided = (best, []) if last else (best[:count], best[count:])
        near = [*recent, *best]
        for _, cell in itertools.groupby(ready, lambda key: key.start // _CELL):
            yield from _matches(list(cell), near, window, base, ruler, cells, patterns, lookup, admits, edits)
        # A later key may begin up to ``BACK`` before ``done``, and its context needs the bytes before it.
        first = min([key.start for key in undecided] + [done])
        passed = (first & ~(_CELL - 1)) - BEFORE - BACK - base
        recent = [key for key in [*recent, *ready] if key.end > base + passed]
        if passed >= _STEP:
            if ruler.at < base + passed:
                _advance(ruler, cells, window, base, passed)
            window, base = window[passed:], base + passed


def _marked(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    for chunk in chunks:
        for at in range(0, len(chunk), _SLICE):
            yield chunk[at : at + _SLICE], False
    yield b"", True


def _matches(  # noqa: PLR0917 - the state of ``find``
    keys: list[Key],
    near: list[Key],
    window: bytes,
    base: int,
    ruler: Ruler,
    cells: Cells,
    patterns: Patterns,
    lookup: Lookup | Digests | None,
    admits: Admits | None,
    edits: bool,  # noqa: FBT001 - as above
) -> Iterator[Match]:
    """Yield the matches of keys that are close together; ``near`` has all keys around them."""
    wanted = []
    for key in keys:
        fingerprint = _fingerprint(key)
        place = (window, key.start - base, key.end - base, patterns.redaction, key.chain)
        shape = key.verdict.shape
        # A comment makes no difference to a placeholder, of which there may be very many.
        comments = () if shape is Shape.PLACEHOLDER else inline_comments(*place, body=_secret(key))
        rule = patterns.rules[key.prefix]
        if admits is None or admits(key.start, rule, shape, fingerprint, commented=bool(comments)):
            if shape is Shape.PLACEHOLDER:
                comments = inline_comments(*place)
            wanted.append((key, fingerprint, comments))
    if not wanted:
        return
    low = max(keys[0].start - BEFORE, base)
    high = max(key.end for key in keys) + AFTER
    known = [
        (key.start - base, key.end - base, key.prefix, _secret(key), bool(key.chain))
        for key in near
        if key.end > low and key.start < high
    ]
    around = Surroundings.of(window, low - base, high - base, patterns.redaction, known)
    for key, fingerprint, comments in wanted:
        _advance(ruler, cells, window, base, key.start - base)
        cell, where = cells.here, ruler.place(key.chain[0] if key.chain else "")
        yield Match(
            fingerprint=fingerprint,
            rule_id=patterns.rules[key.prefix],
            shape=key.verdict.shape,
            reason=key.verdict.reason,
            offset=ruler.at,
            length=key.end - key.start,
            line=where.line + 1,
            column=where.characters + 1,
            column_utf16=where.units + 1,
            context=around.context(key.start - base, key.end - base),
            decoded=key.chain,
            comments=comments,
            cell=cell.number if cell else None,
            cell_part=cell.words or None if cell else None,
            listed=lookup.matching_prefixes(key.raw) if lookup else (),
            sealed=lookup.seal(key.raw, fingerprint) if lookup else b"",
            edits=_find_edits(key, fingerprint) if edits else (),
        )


def _secret(key: Key) -> bytes:
    """Return the body of a key, no part of which may be printed; empty for a placeholder."""
    return b"" if key.verdict.shape is Shape.PLACEHOLDER else key.raw.removeprefix(key.prefix)


def _advance(ruler: Ruler, cells: Cells, window: bytes, base: int, to: int) -> None:
    if not ruler.at:
        ruler.begin(window)
    passed = window[ruler.at - base : to]
    ruler.advance(passed)
    cells.advance(passed)


def _find_edits(key: Key, fingerprint: str) -> tuple[Edit, ...]:
    from boltz_keyscan.detect.rewrite import find_edits  # noqa: PLC0415 - for redaction of files only

    return find_edits(key, fingerprint)


def _fingerprint(key: Key) -> str:
    return "bk1:" + hashlib.sha256(b"boltz-keyscan:key:v1\0" + key.raw).hexdigest()[:32]
