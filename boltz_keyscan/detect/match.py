"""The exact pass: the keys in one blob, with offset, line, column, shape and fingerprint.

Raw keys live here, in local variables, and leave only as a hash. Blobs of any size go
through a sliding window, so memory is flat; whatever the read boundaries were, the
result is the same.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import regex

from boltz_keyscan.detect import redact
from boltz_keyscan.detect.codecs import AHEAD, BACK
from boltz_keyscan.detect.dig import Digger, Key, Search, searching, settled
from boltz_keyscan.detect.notebook import Cells
from boltz_keyscan.detect.remarks import remarks
from boltz_keyscan.errors import FloodError
from boltz_keyscan.model import Match, Shape
from boltz_keyscan.rules import Rule

if TYPE_CHECKING:
    from boltz_keyscan.detect.lookup import Lookup

_STEP = 1 << 12
"""Bytes by which the window moves at least: moving it copies it, and chunks may be tiny."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_CONTINUATION = bytes(range(0x80, 0xC0))
_NOT_ASTRAL = bytes(range(0xF0))


@dataclass(frozen=True, slots=True)
class Patterns:
    """A rule set compiled for the exact pass."""

    search: Search
    rules: dict[bytes, str]
    """The rule of each prefix."""
    redaction: redact.Redaction


@functools.cache
def compiled(rules: tuple[Rule, ...]) -> Patterns:
    """Patterns for a rule set."""
    prefixes = tuple(rule.prefix.encode("ascii") for rule in rules)
    bodies = {rule.prefix.encode("ascii"): regex.compile(rule.body.encode("ascii")) for rule in rules}
    search = searching(prefixes, bodies)
    by_prefix = {rule.prefix.encode("ascii"): rule.id for rule in rules}
    return Patterns(search, by_prefix, redact.compiled(prefixes))


@dataclass(slots=True)
class _Ruler:
    """Line and column of one offset, which only moves forward."""

    at: int = 0
    line: int = 1
    characters: int = 0
    units: int = 0
    cells: Cells = field(default_factory=Cells)

    def advance(self, passed: bytes) -> None:
        """Move over ``passed``, the bytes that follow ``at``.

        A character is any byte that does not continue a UTF-8 sequence: exact for UTF-8,
        and it adds up over arbitrary cuts, which decoding does not.
        """
        if self.at == 0 and passed.startswith(_BYTE_ORDER_MARK):
            # Editors and SARIF viewers do not count it.
            self.characters = self.units = -1
        self.at += len(passed)
        self.cells.advance(passed)
        breaks = passed.count(b"\n")
        if breaks:
            self.line += breaks
            self.characters = self.units = 0
            passed = passed[passed.rindex(b"\n") + 1 :]
        characters = len(passed.translate(None, _CONTINUATION))
        self.characters += characters
        self.units += characters + len(passed.translate(None, _NOT_ASTRAL))


def find(
    chunks: Iterable[bytes], patterns: Patterns, lookup: Lookup | None = None, *, bulk: bool = False
) -> Iterator[Match]:
    """The keys of one blob, in order of offset.

    Args:
        chunks: the blob's bytes in order, cut anywhere.
        patterns: from ``compiled``.
        lookup: what else is asked of each key.
        bulk: whether the engine for much data is loaded anyhow.

    Raises:
        FloodError: after the last key, when not all that may hide one was looked at.
    """
    digger = Digger(patterns.search)
    ruler = _Ruler()
    window, base, done = b"", 0, 0
    waiting: list[Key] = []
    for chunk, last in _marked(chunks):
        window += chunk
        # What begins after the horizon may not have its end, or what follows, yet.
        horizon = base + len(window) - (0 if last else AHEAD + redact.AFTER)
        if horizon - done < _STEP and not last:
            continue
        waiting += digger.keys(window, base, done - base, horizon - base, bulk=bulk)
        done = horizon
        # A needle to come may belong to a key that begins a little before it.
        sure = done if last else done - BACK
        best = settled(waiting)
        waiting = [key for key in best if key.end > sure and not last]
        for key in best:
            if key.end > sure and not last:
                break
            ruler.advance(window[ruler.at - base : key.start - base])
            yield _match(key, window, base, ruler, patterns, lookup)
        # A key to come begins up to ``BACK`` before what is done, and is shown with what stands before.
        passed = min([key.start for key in waiting] + [done]) - redact.BEFORE - BACK - base
        if passed >= _STEP:
            if ruler.at < base + passed:
                ruler.advance(window[ruler.at - base : passed])
            window, base = window[passed:], base + passed
    if digger.flooded:
        raise FloodError


def _marked(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    for chunk in chunks:
        yield chunk, False
    yield b"", True


def _match(  # noqa: PLR0917 - all that is known of one key
    key: Key, window: bytes, base: int, ruler: _Ruler, patterns: Patterns, lookup: Lookup | None
) -> Match:
    cell = ruler.cells.here
    body = b"" if key.verdict.shape is Shape.PLACEHOLDER else key.raw.removeprefix(key.prefix)
    fingerprint = "bk1:" + hashlib.sha256(b"boltz-keyscan:key:v1\0" + key.raw).hexdigest()[:32]
    return Match(
        fingerprint=fingerprint,
        rule_id=patterns.rules[key.prefix],
        shape=key.verdict.shape,
        reason=key.verdict.reason,
        offset=ruler.at,
        length=key.end - key.start,
        line=ruler.line,
        column=ruler.characters + 1,
        column_utf16=ruler.units + 1,
        context=redact.context(
            window,
            key.start - base,
            key.end - base,
            patterns.redaction,
            body,
            key.prefix if key.chain else None,
        ),
        decoded=key.chain,
        comments=remarks(window, key.start - base, key.end - base, patterns.redaction, key.chain, body=body),
        cell=cell.number if cell else None,
        cell_part=cell.words or None if cell else None,
        listed=lookup.begins(key.raw) if lookup else (),
        sealed=lookup.sealed(key.raw, fingerprint) if lookup else b"",
    )
