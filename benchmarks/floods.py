"""Texts made of nothing but what looks like the beginning of a key, in every form the scanner knows.

They are made from the tables of the detector and from the hiding places of the conformance suite, so
that a new encoding is among them without being named here.
"""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING

from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.detect.encodings import FORMS
from boltz_keyscan.rules import load
from boltz_keyscan.sources.blob import Quota
from conformance import encodings, layouts
from tests.keys import PREFIXES, fake_key, fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterator

_SPELLINGS = 3
"""Of each form, at most; there are up to two dozen."""

PREFIX = PREFIXES["ws", "live"]
BEHIND = fake_key("admin", "live", "behind a flood")
"""The key that follows each flood."""


def units() -> Iterator[tuple[str, bytes]]:
    """Give each flood a name and the text that it repeats."""
    prefix, key = PREFIX.encode(), fake_key("ws", "live", "flood").encode()
    yield "prefixes", prefix
    yield "lines of a prefix", prefix + b"\n"
    yield "masked lines", b"key=" + prefix + b"****1234\n"
    yield "one key again and again", key + b"\n"
    yield "keys with comments", key + b"  # boltz-keyscan: ignore = so\n"
    yield "different keys", b"".join(fake_key("ws", "live", n).encode() + b"\n" for n in range(4000))
    yield "stems", prefix[:6]
    yield "lines of a stem", prefix[:6] + b"\n"
    yield "ends of prefixes", prefix[3:]
    yield "joined literals", prefix + b'ab"+"'
    for form in FORMS:
        for number, (literal, _) in enumerate(itertools.islice(form.spell(prefix), _SPELLINGS)):
            yield f"{form.name}, {number}", literal
            yield f"{form.name}, {number}, in lines", literal + b"\n"
        for number, (literal, _) in enumerate(itertools.islice(form.spell(prefix * 40), _SPELLINGS)):
            yield f"{form.name}, {number}, of much", literal
        for inner in FORMS:
            if form.is_link or inner.is_link:
                for text, _ in list(inner.spell_link(prefix * 8))[:1]:
                    for literal, _ in list(form.spell_link(text))[:1]:
                        yield f"{form.name} of {inner.name}", literal
                        yield f"{form.name} of {inner.name}, in lines", literal + b"\n"
    for hiding in (*encodings.HIDINGS, *layouts.HIDINGS):
        yield f"{hiding.name}, a prefix", hiding.build(PREFIX)
        yield f"{hiding.name}, a key", hiding.build(fake_key("ws", "live", hiding.name))


def flood(unit: bytes, size: int) -> bytes:
    """Repeat a unit up to a size, with a key behind it."""
    return (unit * (size // len(unit) + 1))[:size] + b"\n\x01\n\nkey = " + BEHIND.encode() + b"\n"


def measured(size: int) -> Iterator[tuple[float, str, bool]]:
    """Give seconds of processor time for a MB of each flood, its name, and whether the key was found."""
    detector = KeyDetector.of(load())
    list(detector.find([flood(b"x", 10)]))
    for name, unit in units():
        blob = flood(unit, size)
        started = time.process_time()
        found = {match.fingerprint for match in detector.find([blob], Quota())}
        yield (time.process_time() - started) / len(blob) * 1e6, name, fingerprint(BEHIND) in found
