"""The exact pass: the keys in one blob, with offset, line, column, shape and fingerprint.

Raw keys live here, in local variables, and leave only as a hash. Blobs of any size go
through a sliding window, so memory is flat; whatever the read boundaries were, the
result is the same.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import regex

from boltz_keyscan.detect import redact
from boltz_keyscan.detect.classify import classify
from boltz_keyscan.detect.remarks import remarks
from boltz_keyscan.model import Match
from boltz_keyscan.rules import Rule

RUN = 200
"""The longest body looked at; real ones have 43 characters."""

_STEP = 1 << 12
"""Bytes by which the window moves at least: moving it copies it, and chunks may be tiny."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_CONTINUATION = bytes(range(0x80, 0xC0))
_NOT_ASTRAL = bytes(range(0xF0))


@dataclass(frozen=True, slots=True)
class Patterns:
    """A rule set compiled for the exact pass."""

    keys: regex.Pattern[bytes]
    by_prefix: dict[bytes, tuple[str, regex.Pattern[bytes]]]
    redaction: redact.Redaction


@functools.cache
def compiled(rules: tuple[Rule, ...]) -> Patterns:
    """Patterns for a rule set.

    There is no left boundary: in JSON, logs and URLs a letter or digit really does stand
    before a key. A body ends where the next prefix begins, so that keys side by side
    stay two.
    """
    prefixes = tuple(rule.prefix.encode("ascii") for rule in rules)
    any_prefix = b"|".join(regex.escape(prefix) for prefix in prefixes)
    body = rb"(?:(?!%b)[A-Za-z0-9_-]){0,%d}+" % (any_prefix, RUN)
    return Patterns(
        keys=regex.compile(rb"(%b)(%b)" % (any_prefix, body)),
        by_prefix={
            rule.prefix.encode("ascii"): (rule.id, regex.compile(rule.body.encode("ascii"))) for rule in rules
        },
        redaction=redact.compiled(prefixes),
    )


@dataclass(slots=True)
class _Ruler:
    """Line and column of one offset, which only moves forward."""

    at: int = 0
    line: int = 1
    characters: int = 0
    units: int = 0

    def advance(self, passed: bytes) -> None:
        """Move over ``passed``, the bytes that follow ``at``.

        A character is any byte that does not continue a UTF-8 sequence: exact for UTF-8,
        and it adds up over arbitrary cuts, which decoding does not.
        """
        if self.at == 0 and passed.startswith(_BYTE_ORDER_MARK):
            # Editors and SARIF viewers do not count it.
            self.characters = self.units = -1
        self.at += len(passed)
        breaks = passed.count(b"\n")
        if breaks:
            self.line += breaks
            self.characters = self.units = 0
            passed = passed[passed.rindex(b"\n") + 1 :]
        characters = len(passed.translate(None, _CONTINUATION))
        self.characters += characters
        self.units += characters + len(passed.translate(None, _NOT_ASTRAL))


def find(chunks: Iterable[bytes], patterns: Patterns) -> Iterator[Match]:
    """The keys of one blob, in order of offset.

    Args:
        chunks: the blob's bytes in order, cut anywhere.
        patterns: from ``compiled``.
    """
    longest = max(map(len, patterns.by_prefix)) + RUN
    window, base, settled = b"", 0, 0
    ruler = _Ruler()
    for chunk, last in _marked(chunks):
        window += chunk
        # A key that begins after the horizon may not have its end, or what follows, yet.
        horizon = len(window) if last else len(window) - longest - redact.AFTER
        for found in patterns.keys.finditer(window, max(settled - base, 0)):
            if found.start() >= horizon:
                break
            ruler.advance(window[ruler.at - base : found.start()])
            yield _match(found, window, ruler, patterns)
            settled = base + found.end()
        settled = max(settled, base + horizon)
        passed = horizon - redact.BEFORE
        if passed >= _STEP:
            ruler.advance(window[ruler.at - base : passed])
            window, base = window[passed:], base + passed


def _marked(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    for chunk in chunks:
        yield chunk, False
    yield b"", True


def _match(found: regex.Match[bytes], window: bytes, ruler: _Ruler, patterns: Patterns) -> Match:
    prefix, body = found.group(1), found.group(2)
    rule_id, body_pattern = patterns.by_prefix[prefix]
    verdict = classify(body, window[found.end() : found.end() + 16], body_pattern)
    key = prefix + body[: verdict.length]
    return Match(
        fingerprint="bk1:" + hashlib.sha256(b"boltz-keyscan:key:v1\0" + key).hexdigest()[:32],
        rule_id=rule_id,
        shape=verdict.shape,
        reason=verdict.reason,
        offset=ruler.at,
        length=len(key),
        line=ruler.line,
        column=ruler.characters + 1,
        column_utf16=ruler.units + 1,
        context=redact.context(window, found.start(), found.end(), patterns.redaction),
        comments=remarks(window, found.start(), found.end(), patterns.redaction),
    )
