"""Literals of the engine, and their meanings; ``literal_table`` makes them.

This has no more than a saved engine needs.
"""

from __future__ import annotations

import functools
from typing import Final

from boltz_keyscan.rules import is_exact

HEAD: Final = 7
"""Bytes at the beginning of a prefix; encoded, they are rare by chance."""

STEM: Final = 6
"""Bytes at the beginning of a plain prefix that are searched for."""

LONGEST: Final = 160
"""Bytes of the longest literal."""

BROKEN_REACH: Final = 100
"""Bytes before the end of a broken prefix in which its beginning is searched for."""

DEPTH: Final = 3
"""Encodings in a chain, at most."""

PLAIN: Final = -1
"""Instead of the number of a form: the beginning of a plain prefix."""

BROKEN: Final = -2
"""Instead of the number of a form: the end of a prefix whose beginning is separated from it."""

Meaning = tuple[int, int]
"""The number of a form in ``FORMS``, and the phase of the literal in it."""


def write_meanings(meanings: tuple[Meaning, ...]) -> bytes:
    """Return the meanings of a literal as a line of text: ``number:phase`` for each."""
    return b" ".join(b"%d:%d" % meaning for meaning in meanings)


def read_meanings(line: bytes) -> tuple[Meaning, ...]:
    """Return the meanings that ``write_meanings`` wrote.

    Raises:
        ValueError: it is not such a line.
    """
    pairs = (word.split(b":") for word in line.split())
    return tuple((int(number), int(phase)) for number, phase in pairs)


@functools.cache
def prefix_endings(prefixes: tuple[bytes, ...]) -> dict[bytes, bytes]:
    """Return, by the end of each prefix, its beginning: the end finds a key whose beginning is broken."""
    cuts = {prefix: min(STEM, len(prefix) - HEAD) for prefix in prefixes if not is_exact(prefix)}
    return {prefix[cut:]: prefix[:cut] for prefix, cut in cuts.items()}
