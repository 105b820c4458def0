"""The patterns of plain keys, and the verdict on what they match."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Final

from boltz_keyscan.detect import boundaries
from boltz_keyscan.detect.classify import CONFIRMED, KEY_BODY, BodyPattern, Verdict, classify, classify_exact
from boltz_keyscan.records import dataclass
from boltz_keyscan.rules import is_exact

_RUN: Final = 200
"""Characters of the longest body; real ones have 43."""

_AFTER: Final = 16
"""Bytes after a body that its verdict depends on."""


@dataclass(frozen=True, slots=True)
class Search:
    """The compiled search for the keys of a rule set."""

    prefixes: tuple[bytes, ...]
    patterns: tuple[tuple[bytes, re.Pattern[bytes]], ...]
    """Patterns of a prefix and a body, as two groups, each with the text that they begin with."""
    bodies: Mapping[bytes, BodyPattern]

    def find(self, text: bytes, start: int = 0) -> Iterator[re.Match[bytes]]:
        """Yield the matches in a text from an offset on: those of keys, then those of exact prefixes."""
        for beginning, pattern in self.patterns:
            if text.find(beginning, start) >= 0:
                yield from pattern.finditer(text, start)

    def match(self, text: bytes, at: int) -> re.Match[bytes] | None:
        """Return the match at an offset of a text."""
        return next(filter(None, (pattern.match(text, at) for _, pattern in self.patterns)), None)

    def classify(self, prefix: bytes, body: bytes, text: bytes = b"", end: int = 0) -> Verdict | None:
        """Return the verdict on the body after a prefix; None if the prefix is a part of a name.

        Args:
            prefix: the type prefix.
            body: the characters of a body after it.
            text: the text that they are in; empty if nothing follows them.
            end: the offset after them in the text.
        """
        at = end - len(prefix) - len(body)
        # A key in pieces is not in the text as it is.
        if len(body) > KEY_BODY and at >= 0 and text.startswith(prefix + body, at):
            stop = at + len(prefix) + KEY_BODY
            body = body[:KEY_BODY] if boundaries.ends_by_length(text, at, stop) else body
        if is_exact(prefix):
            return classify_exact(body, self.bodies[prefix])
        return classify(body, text[end : end + _AFTER], self.bodies[prefix])


def make_search(prefixes: tuple[bytes, ...], bodies: Mapping[bytes, BodyPattern] | None = None) -> Search:
    """Return a search for keys with these prefixes; ``bodies`` defaults to the usual pattern.

    There is no left boundary: in JSON, logs and URLs a letter or digit may precede a key. Only exact
    prefixes have one.
    A body ends where the next prefix begins, so that adjacent keys are two matches.
    """
    return Search(prefixes, _patterns(prefixes), bodies or dict.fromkeys(prefixes, CONFIRMED))


@functools.cache
def _patterns(prefixes: tuple[bytes, ...]) -> tuple[tuple[bytes, re.Pattern[bytes]], ...]:
    others = b"|".join(re.escape(prefix) for prefix in prefixes if not is_exact(prefix))
    # Within a body there is no boundary, so no exact prefix.
    body = rb"((?:%b[A-Za-z0-9_-]){0,%d}+)" % (boundaries.no_other(prefixes), _RUN)
    found = [(b"", re.compile(rb"(%b)%b" % (others, body)))] if others else []
    found += [
        (prefix, re.compile(rb"(%b)%b" % (boundaries.after_boundary(prefix), body)))
        for prefix in filter(is_exact, prefixes)
    ]
    return tuple(found)
