"""Redaction: bytes as text without a key, in any common form.

Everything this program prints that came from outside (context lines, paths, reference
names, messages of git and of the operating system) passes through here. It removes more
than the matcher finds: in a line with a key and the base64 of that key, both are removed.

Each form is a row of a table below, or one function that yields spans. All of them search
the original bytes, in linear time; their spans are merged before anything is replaced, so
that no replacement hides another key.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Iterable, Iterator

from boltz_keyscan.detect import base64_runs, boundaries, engine, random_text
from boltz_keyscan.late_pattern import late_pattern
from boltz_keyscan.model.enums import Shape
from boltz_keyscan.records import dataclass
from boltz_keyscan.rules import is_exact
from boltz_keyscan.sanitize import harmless

REDACTED = "[REDACTED]"
MARK = REDACTED.encode()

_SHORT = 8
"""Characters from which a body is removed; shorter ones are fillers (``example``) and readable."""

MIN_SECRET_BYTES = 20
"""Bytes from which a body is removed without its prefix too."""

_STEM = 6
"""Bytes of a prefix that are searched for in other forms."""

_HEX = rb"[0-9A-Fa-f]"

# Escapes of a character by its number, to be filled in with one number or with a pattern of
# numbers: ``x`` in hexadecimal, ``o`` in octal, ``d`` in decimal. Nested escapes double backslashes.
_ESCAPES = (
    rb"%%(?:25)*%(x)b",  # URL
    rb"=%(x)b",  # quoted-printable
    rb"\\{1,15}(?:x|u\{?0{0,4}|U0{0,6})%(x)b\}?",  # JSON, JavaScript, Python, C
    rb"\\{1,15}%(o)b",  # C, shell
    rb"&(?:amp;)*#(?:[xX]0{0,4}%(x)b|0{0,4}%(d)b);",  # HTML, XML
)
_UNSEEN = (
    (
        late_pattern(
            rb"(?<=\0)(?:[\x0b-\x0f\x28-\x2e\x60-\x6f]\x20|[\xff\0-\x0f]\xfe|\xad\0|\x4f\x03|\x0e\x18)+"
            rb"(?=[\x01-\x7f]\0)"
        ),
        late_pattern(rb"(?<=\0)(?:[\x10-\x15]\x20|\x12\x22)(?=[\x01-\x7f]\0)"),
        b"-\0",
    ),
    (
        late_pattern(
            rb"(?<=\0[\x01-\x7f])"
            rb"(?:\x20[\x0b-\x0f\x28-\x2e\x60-\x6f]|\xfe[\xff\0-\x0f]|\0\xad|\x03\x4f|\x18\x0e)+(?=\0)"
        ),
        late_pattern(rb"(?<=\0[\x01-\x7f])(?:\x20[\x10-\x15]|\x22\x12)(?=\0)"),
        b"\0-",
    ),
)
"""For UTF-16 of either byte order: characters without width between ASCII characters, those that look
like a hyphen, and the hyphen."""

_NAMED = rb"\\{1,15}[_-]|&(?:amp;)*(?:lowbar|UnderBar|hyphen|dash);"
"""Escapes of ``_`` and ``-`` without their number: Markdown, TeX, HTML."""

_ANY_ESCAPE = b"|".join(
    row % {b"x": _HEX + rb"{2}", b"o": rb"[0-7]{2,3}", b"d": rb"[0-9]{2,3}"} for row in _ESCAPES
)
_ESCAPED = late_pattern(rb"%b|%b" % (_ANY_ESCAPE, _NAMED))
"""Any escape: without one, a text has plain keys only, whose pattern is compiled in a tenth of the time."""

# Dumps of bytes as numbers: the number of one byte, any number, and the separator. A NUL
# between two is UTF-16.
_DUMPS = (
    (b"%02x", _HEX + rb"{2}", rb"(?:[^0-9A-Fa-f]{0,4}(?:0[xX]|00)){0,6}[^0-9A-Fa-f]{0,4}"),
    (b"%d", rb"[0-9]{2,3}", rb"[^0-9]{1,4}(?:0{1,3}[^0-9]{1,4})?0?"),
    (b"%o", rb"[0-7]{2,3}", rb"[^0-9]{1,4}(?:0{1,3}[^0-9]{1,4})?0?"),
)

Span = tuple[int, int, bytes]
"""Start and end of the redacted bytes, and their replacement."""


@dataclass(frozen=True, slots=True)
class Redaction:
    """The prefixes to redact. Patterns are compiled when a text first needs them: they take 20 ms."""

    prefixes: tuple[bytes, ...]
    stems: tuple[bytes, ...]
    mirrors: tuple[tuple[bytes | None, bool, tuple[bytes, ...]], ...]
    """A table, a flag for reversed text, and the stems in a text that is translated and reversed so."""
    base64: tuple[bytes, ...]
    """Literals of which every text with a key has one in its base64, or in the base64 of that."""


@functools.cache
def compile_redaction(prefixes: tuple[bytes, ...]) -> Redaction:
    """Return the redaction of keys with these prefixes, plain and in common encodings."""
    stems = tuple(sorted({prefix[:_STEM] for prefix in prefixes}))
    literals = {each for stem in stems for each in base64_runs.literals(stem)}
    # Turned round, an exact prefix is the end of many names.
    long = tuple(sorted({prefix[:_STEM] for prefix in prefixes if not is_exact(prefix)}))
    mirrors = tuple(
        (table, is_reversed, tuple(stem.translate(table)[:: -1 if is_reversed else 1] for stem in long))
        for table, is_reversed in itertools.product((None, random_text.ROT13), (False, True))
    )
    return Redaction(prefixes, stems, mirrors, tuple(sorted(literals)))


@functools.cache
def _plain(prefixes: tuple[bytes, ...]) -> re.Pattern[bytes]:
    """Return a pattern of a plain key."""
    return _pattern(prefixes, re.escape, rb"[A-Za-z0-9_-]")


@functools.cache
def _escaped(prefixes: tuple[bytes, ...]) -> re.Pattern[bytes]:
    """Return a pattern of a key with any of its characters escaped."""
    character = rb"(?:[A-Za-z0-9_-]|%b|%b)" % (_ANY_ESCAPE, _NAMED)
    return _pattern(prefixes, lambda prefix: b"".join(map(_plain_or_escaped, prefix)), character)


def _pattern(
    prefixes: tuple[bytes, ...], write: Callable[[bytes], bytes], character: bytes
) -> re.Pattern[bytes]:
    """Return a pattern of a key: of the pattern that each prefix is written as, and characters of a body."""
    begin = b"|".join(boundaries.with_boundaries(prefix, write(prefix), character) for prefix in prefixes)
    return re.compile(rb"(%b)((?:%b%b){%d,})" % (begin, boundaries.no_other(prefixes), character, _SHORT))


def _plain_or_escaped(char: int) -> bytes:
    """Return a pattern for one character, plain or escaped."""
    numbers = {b"x": b"(?i:%02x)" % char, b"o": b"%03o" % char, b"d": b"%d" % char}
    escapes = [row % numbers for row in _ESCAPES]
    named = [_NAMED] if char in b"_-" else []
    return b"(?:%b)" % b"|".join([re.escape(bytes([char])), *escapes, *named])


@functools.cache
def _dump(stem: bytes, form: bytes, number: bytes, between: bytes) -> re.Pattern[bytes]:
    """Return a pattern of a text that begins with ``stem``, written as numbers."""
    beginning = between.join(form % byte for byte in stem)
    return re.compile(rb"(?i:%b)(?:%b%b)*" % (beginning, between, number))


def redact(raw: bytes, redaction: Redaction, body: bytes = b"") -> str:
    """Return ``raw`` as text without keys, parts of ``body`` and terminal control characters."""
    views = [(text, hidden_spans(text, redaction, body=body)) for text in _as_seen(raw)]
    # With the wrong byte order a key has a character less, and is not hidden.
    text, hidden = max(views, key=lambda view: sum(end - start for start, end, _ in view[1]))
    return with_marks(text, hidden, 0, len(text))


def _as_seen(raw: bytes) -> list[bytes]:
    """Return ``raw`` as text: where it has characters of UTF-16 that cannot be seen, also without these."""
    views = [raw]
    if b"\0" in raw:
        views += [hyphens.sub(hyphen, unseen.sub(b"", raw)) for unseen, hyphens, hyphen in _UNSEEN]
    return list(dict.fromkeys(map(without_nul, views)))


def without_random(text: str) -> str:
    """Return ``text``, one redacted line, with a mark for each part that looks random."""
    raw = text.encode()
    parts = random_text.random_parts(raw, 0, len(raw))
    return with_marks(raw, list(_merge((*part, MARK) for part in parts)), 0, len(raw))


def hide(text: bytes, redaction: Redaction) -> bytes:
    """Return ``text`` without keys and otherwise unchanged: for text that was redacted before."""
    return replace_spans(text, hidden_spans(text, redaction), 0, len(text))


def without_nul(raw: bytes) -> bytes:
    """Return ``raw`` without NULs, so that UTF-16 is read as its text."""
    return raw.replace(b"\0", b"") if b"\0" in raw else raw


def with_marks(text: bytes, hidden: list[Span], low: int, high: int) -> str:
    """Return ``text[low:high]`` as harmless text, with a mark for each hidden span that overlaps it."""
    return harmless(replace_spans(text, hidden, low, high).decode("utf-8", "backslashreplace"))


def replace_spans(text: bytes, spans: Iterable[Span], low: int, high: int) -> bytes:
    """Return ``text[low:high]`` with its mark for each span, in order, that overlaps it."""
    parts = []
    at = low
    for start, end, mark in spans:
        if end > low and start < high:
            parts += [text[at:start], mark]
            at = end
    parts.append(text[at:high])
    return b"".join(parts)


def hidden_spans(
    text: bytes,
    redaction: Redaction,
    known: tuple[list[Span], list[bytes]] | None = None,
    *,
    body: bytes = b"",
) -> list[Span]:
    """Return the spans of ``text`` that must not be printed, in order, without overlaps.

    Args:
        text: the bytes to search.
        redaction: the keys to search for.
        known: for the text around keys, the spans of the encoded keys and the bodies of all; then
            everything that looks random is hidden too. Without it, encoded keys are searched for.
        body: one more body of which no part may be shown.
    """
    own, bodies = known or ([], [])
    if len(body) >= MIN_SECRET_BYTES:
        bodies.append(body)
    encoded = ((*run, MARK) for run in base64_runs.runs(text, redaction.base64))
    rows = (_keys(text, redaction, bodies), _dumps(text, redaction), encoded)
    mirrored = _mirrored(text, redaction, bodies)
    disguised = _disguised(text, redaction, bodies) if known is None else ()
    spans = list(_merge([*own, *itertools.chain(*rows, mirrored), *disguised]))
    if bodies:
        parts = list(random_text.parts_of(bodies, text, _visible(spans, len(text))))
        spans = list(_merge([*spans, *((*part, MARK) for part in parts)]))
    if known is not None:
        lines = [line for gap in _visible(spans, len(text)) for line in _lines(text, *gap)]
        parts = [part for line in lines for part in random_text.random_parts(text, *line)]
        spans = list(_merge([*spans, *((*part, MARK) for part in parts)]))
    return spans


def _visible(spans: list[Span], size: int) -> Iterator[random_text.Range]:
    """Yield the ranges between the spans."""
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
    """Yield keys with their prefix in the wrong case, in rot13, or either of them reversed."""
    lowered = text.lower()
    for table, is_reversed, stems in redaction.mirrors:
        # A quick test, before the text is copied.
        if not any(stem in lowered for stem in stems):
            continue
        view = lowered.translate(table)
        mirrored = view[::-1] if is_reversed else view
        # A plain key is in the first view too.
        if not any(mirrored.count(prefix) > text.count(prefix) for prefix in redaction.prefixes):
            continue
        for found in _plain(redaction.prefixes).finditer(mirrored):
            start, end = (len(text) - at for at in found.span()[::-1]) if is_reversed else found.span()
            if len(found[2]) >= MIN_SECRET_BYTES and not text.startswith(found[1], start):
                yield start, end, MARK
                bodies.append(found[2])


def _disguised(text: bytes, redaction: Redaction, bodies: list[bytes]) -> Iterator[Span]:
    """Yield the encoded and broken keys that a scan finds; append their bodies to ``bodies``."""
    hits = engine.find_literals(text, redaction.prefixes)
    if not hits:
        return
    from boltz_keyscan.detect import decode  # noqa: PLC0415 - most texts have no such key

    for key in decode.find_encoded_keys(text, hits, redaction.prefixes):
        if key.verdict.shape is not Shape.PLACEHOLDER:
            yield key.start, key.end, key.prefix + MARK
            bodies.append(key.raw.removeprefix(key.prefix))


def _keys(text: bytes, redaction: Redaction, bodies: list[bytes]) -> Iterator[Span]:
    """Yield plain and escaped keys; append their bodies to ``bodies``."""
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
    """Yield keys written as numbers."""
    lowered = text.lower()
    for stem in redaction.stems:
        for row in _DUMPS:
            # A quick test: the number of the first character.
            if row[0] % stem[0] in lowered:
                for found in _dump(stem, *row).finditer(text):
                    yield found.start(), found.end(), MARK


def _merge(spans: Iterable[Span]) -> Iterator[Span]:
    """Yield the spans in order, merging those that overlap under the mark of the first."""
    merged: Span | None = None
    for span in sorted(spans):
        if merged is None:
            merged = span
        elif span[0] < merged[1]:
            merged = (merged[0], max(merged[1], span[1]), merged[2])
        else:
            yield merged
            merged = span
    if merged is not None:
        yield merged
