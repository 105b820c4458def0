"""Making bytes fit to be shown: no key in them, in any common disguise.

Everything this program prints that came from outside (context lines, paths, reference
names, messages of git and of the operating system) passes through here. It removes
more than the matcher finds: a line that holds a key next to the base64 of that key
must show neither.

Each disguise is a row of a table below, or one function that yields what to hide. All
of them look at the bytes as they are, in linear time; what they find is united and only
then replaced, so that none hides from another.
"""

from __future__ import annotations

import base64
import functools
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from boltz_keyscan.detect import engine, random_text
from boltz_keyscan.model.enums import Shape
from boltz_keyscan.sanitize import harmless

REDACTED = "[REDACTED]"
MARK = REDACTED.encode()

_SHORT = 8
"""Bodies below this are fillers worth reading (``example``) and are left as they are."""

MIN_SECRET_BYTES = 20
"""Bodies from this on are looked for without their prefix too."""

_STEM = 6
"""Bytes of a prefix that tell it in a disguise; rules have prefixes of 8 or more."""

_ENCODED = re.compile(rb"[A-Za-z0-9+/_=%\\;&#.-]+")
"""A run of base64, as it stands or escaped once more."""

_HEX = rb"[0-9A-Fa-f]"

_ESCAPED = re.compile(rb"[%=\\&]")
"""How every escape begins: without one of these there is none."""

# How formats write a character by its number: with the number of one character put in,
# this finds that character; with a pattern of numbers, any. ``x``, ``o`` and ``d`` stand
# for the number in hexadecimal, octal and decimal. Formats nest: backslashes double.
_ESCAPES = (
    rb"%%(?:25)*%(x)b",  # URL
    rb"=%(x)b",  # quoted-printable
    rb"\\{1,15}(?:x|u\{?0{0,4}|U0{0,6})%(x)b\}?",  # JSON, JavaScript, Python, C
    rb"\\{1,15}%(o)b",  # C, shell
    rb"&(?:amp;)*#(?:[xX]0{0,4}%(x)b|0{0,4}%(d)b);",  # HTML, XML
)
_NAMED = rb"\\{1,15}[_-]|&(?:amp;)*(?:lowbar|UnderBar|hyphen|dash);"
"""``_`` and ``-`` by other means than their number: Markdown, TeX, HTML."""

# How dumps write every byte by its number: the number of one byte, any number, and what
# stands between two. A NUL between two is UTF-16.
_DUMPS = (
    (b"%02x", _HEX + rb"{2}", rb"(?:[^0-9A-Fa-f]{0,4}(?:0[xX]|00)){0,6}[^0-9A-Fa-f]{0,4}"),
    (b"%d", rb"[0-9]{2,3}", rb"[^0-9]{1,4}(?:0{1,3}[^0-9]{1,4})?0?"),
    (b"%o", rb"[0-7]{2,3}", rb"[^0-9]{1,4}(?:0{1,3}[^0-9]{1,4})?0?"),
)

Span = tuple[int, int, bytes]
"""Start and end of what is hidden, and what is shown for it."""


@dataclass(frozen=True, slots=True)
class Redaction:
    """What to remove. The patterns are compiled when a text first needs them: they take 20 ms."""

    prefixes: tuple[bytes, ...]
    stems: tuple[bytes, ...]
    base64: tuple[bytes, ...]
    """What is somewhere in the base64, or the base64 of base64, of any text with a key in it."""


@functools.cache
def compiled(prefixes: tuple[bytes, ...]) -> Redaction:
    """What finds keys of these prefixes, plain and in common encodings."""
    stems = tuple(sorted({prefix[:_STEM] for prefix in prefixes}))
    needles = {needle for stem in stems for needle in _needles(stem)}
    return Redaction(prefixes, stems, tuple(sorted(needles)))


@functools.cache
def _plain(prefixes: tuple[bytes, ...]) -> re.Pattern[bytes]:
    """A key as it is."""
    plain = b"|".join(map(re.escape, prefixes))
    return re.compile(rb"(%b)((?:(?!%b)[A-Za-z0-9_-]){%d,})" % (plain, plain, _SHORT))


@functools.cache
def _escaped(prefixes: tuple[bytes, ...]) -> re.Pattern[bytes]:
    """The same with any of its characters escaped."""
    plain = b"|".join(map(re.escape, prefixes))
    escaped = b"|".join(b"".join(map(_spelt, prefix)) for prefix in prefixes)
    any_escape = b"|".join(
        row % {b"x": _HEX + rb"{2}", b"o": rb"[0-7]{2,3}", b"d": rb"[0-9]{2,3}"} for row in _ESCAPES
    )
    return re.compile(
        rb"(%b)((?:(?!%b)(?:[A-Za-z0-9_-]|%b|%b)){%d,})" % (escaped, plain, any_escape, _NAMED, _SHORT)
    )


def _spelt(char: int) -> bytes:
    """A pattern for one character, as it is and escaped."""
    numbers = {b"x": b"(?i:%02x)" % char, b"o": b"%03o" % char, b"d": b"%d" % char}
    escapes = [row % numbers for row in _ESCAPES]
    named = [_NAMED] if char in b"_-" else []
    return b"(?:%b)" % b"|".join([re.escape(bytes([char])), *escapes, *named])


@functools.cache
def _dump(stem: bytes, form: bytes, number: bytes, between: bytes) -> re.Pattern[bytes]:
    """A text that begins with ``stem``, written as numbers."""
    beginning = between.join(form % byte for byte in stem)
    return re.compile(rb"(?i:%b)(?:%b%b)*" % (beginning, between, number))


def _needles(stem: bytes) -> Iterator[bytes]:
    text = stem.decode("ascii")
    for form in (stem, text.encode("utf-16-le"), text.encode("utf-16-be")):
        for needle in _phases(form):
            yield needle
            yield from _phases(needle)


def _phases(text: bytes) -> Iterator[bytes]:
    """What ``text`` becomes inside base64, at each of the three phases, less the mixed ends."""
    for phase in range(3):
        encoded = base64.b64encode(b"\0" * phase + text)
        first = (phase * 8 + 5) // 6
        last = (phase + len(text)) * 8 // 6
        yield encoded[first:last]


def redact(raw: bytes, redaction: Redaction, body: bytes = b"") -> str:
    """``raw`` as text without keys, or parts of ``body``, and without characters that act on a terminal."""
    text = without_nul(raw)
    return with_marks(text, hidden_spans(text, redaction, body=body), 0, len(text))


def without_random(text: str) -> str:
    """Return ``text``, of one line and made fit to be shown, with a mark for each part that looks random."""
    raw = text.encode()
    parts = random_text.random_parts(raw, 0, len(raw))
    return with_marks(raw, list(_united((*part, MARK) for part in parts)), 0, len(raw))


def hide(text: bytes, redaction: Redaction) -> bytes:
    """``text`` without keys, and otherwise as it is: for what was made fit to be shown before."""
    parts, at = [], 0
    for start, end, mark in hidden_spans(text, redaction):
        parts += [text[at:start], mark]
        at = end
    return b"".join([*parts, text[at:]])


def without_nul(raw: bytes) -> bytes:
    """UTF-16 text loses its NULs, so that it is seen as the text it is."""
    return raw.replace(b"\0", b"") if b"\0" in raw else raw


def with_marks(text: bytes, hidden: list[Span], low: int, high: int) -> str:
    """``text[low:high]`` with a mark for everything hidden that reaches into it."""
    parts = []
    at = low
    for start, end, mark in hidden:
        if end > low and start < high:
            parts += [text[at : max(start, at)], mark]
            at = end
    parts.append(text[at:high])
    return harmless(b"".join(parts).decode("utf-8", "backslashreplace"))


def hidden_spans(
    text: bytes,
    redaction: Redaction,
    known: tuple[list[Span], list[bytes]] | None = None,
    *,
    body: bytes = b"",
) -> list[Span]:
    """Return what must not be shown of ``text``, in order, without overlaps.

    Args:
        text: the bytes to look at.
        redaction: what to look for.
        known: for the text around keys, those in disguise and the bodies of all; then nothing in it
            that looks random may be shown either. Without it, keys in disguise are looked for.
        body: one more body of which no part may be shown.
    """
    own, bodies = known or ([], [])
    if len(body) >= MIN_SECRET_BYTES:
        bodies.append(body)
    rows = (_keys(text, redaction, bodies), _dumps(text, redaction), _encoded(text, redaction))
    mirrored = _mirrored(text, redaction, bodies)
    found = _found(text, redaction, bodies) if known is None else ()
    spans = list(_united([*own, *itertools.chain(*rows, mirrored), *found]))
    if bodies:
        parts = list(random_text.parts_of(bodies, text, _visible(spans, len(text))))
        spans = list(_united([*spans, *((*part, MARK) for part in parts)]))
    if known is not None:
        lines = [line for gap in _visible(spans, len(text)) for line in _lines(text, *gap)]
        parts = [part for line in lines for part in random_text.random_parts(text, *line)]
        spans = list(_united([*spans, *((*part, MARK) for part in parts)]))
    return spans


def _visible(spans: list[Span], size: int) -> Iterator[random_text.Range]:
    """Yield what is between the spans."""
    starts, ends = [start for start, _, _ in spans], [end for _, end, _ in spans]
    for end, start in zip([0, *ends], [*starts, size], strict=True):
        if end < start:
            yield end, start


def _lines(text: bytes, low: int, high: int) -> Iterator[random_text.Range]:
    """Yield the parts of ``text[low:high]`` that are in one line each."""
    while low < high:
        end = text.find(b"\n", low, high)
        end = high if end < 0 else end
        if low < end:
            yield low, end
        low = end + 1


def _mirrored(text: bytes, redaction: Redaction, bodies: list[bytes]) -> Iterator[Span]:
    """Keys with their prefix in the wrong case, in rot13, or either of them reversed."""
    lowered = text.lower()
    for view, is_reversed in itertools.product(
        (lowered, lowered.translate(random_text.ROT13)), (False, True)
    ):
        mirrored = view[::-1] if is_reversed else view
        # A key as it should be is in the first view too.
        if not any(mirrored.count(prefix) > text.count(prefix) for prefix in redaction.prefixes):
            continue
        for found in _plain(redaction.prefixes).finditer(mirrored):
            start, end = (len(text) - at for at in found.span()[::-1]) if is_reversed else found.span()
            if len(found[2]) >= MIN_SECRET_BYTES and not text.startswith(found[1], start):
                yield start, end, MARK
                bodies.append(found[2])


def _found(text: bytes, redaction: Redaction, bodies: list[bytes]) -> Iterator[Span]:
    """Keys in whatever disguise a scan would find them in; their bodies are noted."""
    hits = engine.find_literals(text, redaction.prefixes)
    if not hits:
        return
    from boltz_keyscan.detect import decode  # noqa: PLC0415 - most texts have no such key

    for key in decode.disguised(text, hits, redaction.prefixes):
        if key.verdict.shape is not Shape.PLACEHOLDER:
            yield key.start, key.end, key.prefix + MARK
            bodies.append(key.raw.removeprefix(key.prefix))


def _keys(text: bytes, redaction: Redaction, bodies: list[bytes]) -> Iterator[Span]:
    """Keys, plain or escaped; their bodies are noted."""
    if _ESCAPED.search(text):
        pattern = _escaped(redaction.prefixes)
    elif any(stem in text for stem in redaction.stems):
        pattern = _plain(redaction.prefixes)
    else:
        return
    for found in pattern.finditer(text):
        prefix, body = found.groups()
        yield found.start(), found.end(), prefix + MARK
        if len(body) >= MIN_SECRET_BYTES:
            bodies.append(body)


def _dumps(text: bytes, redaction: Redaction) -> Iterator[Span]:
    """Keys written as numbers."""
    lowered = text.lower()
    for stem in redaction.stems:
        for row in _DUMPS:
            # The number of the first character, without which there is none of the others.
            if row[0] % stem[0] in lowered:
                for found in _dump(stem, *row).finditer(text):
                    yield found.start(), found.end(), MARK


def _encoded(text: bytes, redaction: Redaction) -> Iterator[Span]:
    """Runs of base64 with a key in them, whole: where in it the key ends cannot be told."""
    if not any(needle in text for needle in redaction.base64):
        return
    for run in _ENCODED.finditer(text):
        if any(needle in run.group() for needle in redaction.base64):
            yield run.start(), run.end(), MARK


def _united(spans: Iterable[Span]) -> Iterator[Span]:
    """The spans in order, those that overlap as one under the mark of the first."""
    united: Span | None = None
    for span in sorted(spans):
        if united is None:
            united = span
        elif span[0] < united[1]:
            united = (united[0], max(united[1], span[1]), united[2])
        else:
            yield united
            united = span
    if united is not None:
        yield united
