"""Classification of a body: confirmed, suspected or placeholder.

A placeholder never blocks, so a real key must not become one: the rows of ``FILLERS``
together must take less than one random 43-character body in 10^6 for a filler. The bound
after each row is for one such body; they add up to 2e-9.
"""

from __future__ import annotations

import functools
import re
from operator import sub
from typing import TYPE_CHECKING, Final, Protocol

from boltz_keyscan.late_pattern import late_pattern
from boltz_keyscan.model.enums import Shape
from boltz_keyscan.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

KEY_BODY: Final = 43
"""Characters of the body of a real key: 32 bytes in base64url without padding."""

SHORTEST: Final = 20
"""Characters of the shortest body that is not a placeholder for its length."""

CONFIRMED: Final = re.compile(rb"[A-Za-z0-9_-]{42}[048AEIMQUYcgkosw]")
"""The default for ``classify``: 32 bytes leave 4 bits to the last character, so 16 choices."""


class BodyPattern(Protocol):
    """A compiled pattern of bytes, from ``re`` or ``regex``."""

    def fullmatch(self, string: bytes, /) -> object | None:
        """Return a match of all of ``string``, or None."""

    def __hash__(self) -> int:
        """Return the hash under which a verdict is cached."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The shape of a body, the reason, and the length of the key in it."""

    shape: Shape
    reason: str
    length: int
    """Bytes of the body that belong to the key."""


@functools.lru_cache(maxsize=1 << 12)
def classify(body: bytes, after: bytes = b"", body_pattern: BodyPattern = CONFIRMED) -> Verdict:
    """Return the verdict on one body. Cached, because several searches find each key.

    Args:
        body: the run of base64url characters after a type prefix.
        after: the few bytes after the run.
        body_pattern: the rule's pattern of a confirmed body.
    """
    if not body:
        return Verdict(Shape.PLACEHOLDER, _why_empty(after), 0)
    head = body[:KEY_BODY]
    if body_pattern.fullmatch(head) and filler(head) is None:
        if len(body) == KEY_BODY:
            return Verdict(Shape.CONFIRMED, _WHY_CONFIRMED, KEY_BODY)
        return Verdict(Shape.SUSPECTED, "43 characters, then text glued on", KEY_BODY)
    # ``KEY-->`` and ``KEY_`` are the same key as ``KEY``, and must have its fingerprint.
    core = body.rstrip(b"-_")
    # The length of all of it: a short key that ends in - or _ must not become a placeholder.
    if len(body) < SHORTEST:
        return Verdict(Shape.PLACEHOLDER, "body shorter than 20", len(core))
    reason = filler(core)
    if reason is not None:
        return Verdict(Shape.PLACEHOLDER, reason, len(core))
    return Verdict(Shape.SUSPECTED, _why_unconfirmed(len(core), after), len(core))


def classify_exact(body: bytes, body_pattern: BodyPattern = CONFIRMED) -> Verdict | None:
    """Return the verdict on a body after an exact prefix; None for a part of a name.

    Args:
        body: the run of base64url characters after the prefix.
        body_pattern: the rule's pattern of a confirmed body.
    """
    core = body.rstrip(b"-_")
    if len(core) != KEY_BODY:
        return None
    if reason := filler(core):
        return Verdict(Shape.PLACEHOLDER, reason, KEY_BODY)
    if not body_pattern.fullmatch(core) or _is_name(core):
        return None
    return Verdict(Shape.CONFIRMED, _WHY_CONFIRMED, KEY_BODY)


def _is_name(body: bytes) -> bool:
    """Return True for a name in code: mostly words in small letters, or letters of one case only.

    Words of three or more small letters that have 31 of 43 characters: 5e-7. No letter of a case: 4e-10.
    """
    words = sum(map(len, _SMALL.findall(body)))
    return words >= _NAME_LETTERS or body in {body.lower(), body.upper()}


def filler(body: bytes) -> str | None:
    """Return the reason of the first row of ``FILLERS`` that applies to a body of 20 or more characters."""
    return next((reason for reason, applies in FILLERS if applies(body)), None)


def _why_empty(after: bytes) -> str:
    return next((reason for reason, pattern in AFTER_PREFIX if pattern.match(after)), "prefix only")


def _why_unconfirmed(length: int, after: bytes) -> str:
    if length == KEY_BODY:
        return "43 characters, ends as no 32-byte value can"
    if length > KEY_BODY:
        return "longer than 43 characters"
    if _MASK.match(after):
        return "cut short by a mask"
    return "shorter than 43 characters"


def _few_characters(body: bytes) -> bool:
    """Return True for six or fewer different characters: ``xxxx…``, ``XXXX-XXXX``, ``0000…``.

    C(64, 6) sets times (6/64)^43: 1e-36. At 20 characters 2e-13; a cap that does not grow
    with the length keeps long hexadecimal bodies out.
    """
    return len(set(body)) <= 6


def _long_run(body: bytes) -> bool:
    """Return True for one letter or digit 8 times in a row: ``FAKE00000000``, ``abcxxxxxxxxx``.

    36 places times 62 characters over 64^8: 8e-12.
    """
    return _is_filler_at(body, _RUN.search(body))


def _repetition(body: bytes) -> bool:
    """Return True for one group repeated: ``abc123abc123``, ``deadbeefdeadbeef``.

    The second half must repeat the first: 64^-22, summed over periods: 2e-40.
    """
    # A quick test: any period of at most half of the body repeats its first 8 characters.
    if body.find(body[:8], 1) < 0:
        return False
    return any(body[period:] == body[:-period] for period in range(1, len(body) // 2 + 1))


def _counting(body: bytes) -> bool:
    """Return True if three neighbours in five are equal or consecutive: ``abc123def456``, ``a1b2c3d4``.

    Two random characters do so, case aside, with p = 0.082: C(42, 26) p^26 for neighbours, and
    C(41, 25) p^25 for characters two apart: 2e-17. At 20 characters 2e-8.
    """
    lowered = body.lower()
    return _steps(lowered, lowered[1:]) or _steps(lowered, lowered[2:])


def _steps(left: bytes, right: bytes) -> bool:
    near = sum(map(_NEAR.__contains__, map(sub, left, right)))
    return 5 * near >= 3 * len(right)


def _stock(body: bytes) -> bool:
    """Return True for 8 characters of an alphabet, a keyboard row or a hexadecimal word.

    36 places times 12 sequences times 3 spellings over 64^8: 5e-12.
    """
    return _is_filler_at(body, _STOCK.search(body))


def _filler_word(body: bytes) -> bool:
    """Return True for a filler word of 7 letters or more: ``EXAMPLE``, ``your-key``.

    37 places times at most 5 spellings over 64^7: 4e-11 for each phrase of 7 letters, and 64
    times less for each letter more: 1e-9 for all. ``test`` alone, in 3 spellings, would be 7e-6.
    """
    # The exact pattern is slow; the set of the words' first 7 letters excludes nearly every body.
    folded = body.translate(None, b"-_").lower()
    if _HEADS.isdisjoint(folded[at : at + 7] for at in range(len(folded) - 6)):
        return False
    return _is_filler_at(body, _WORD.search(body))


def _plain_words(body: bytes) -> bool:
    """Return True for nothing but numbers and words of one case, or capitalised: ``not-a-real-secret``.

    A letter of a given case is 26 in 64, a separator 2 in 64; over all ways to cut 43
    characters into such words that leaves 1e-12. At 20 characters 5e-6.
    """
    return WORDS.fullmatch(body) is not None


def _date(body: bytes) -> bool:
    """Return True for a date or a time, alone or among words: ``2026-01-02T03-04-05Z``.

    A date takes 8 digits, of which the month, the day and the century leave 1 in 700: 3e-12 at each of
    36 places; a time since 1970 takes 10: 4e-10. The rest must be words: less than 1e-12 for all.
    """
    return any(
        _SIDE.fullmatch(body, 0, date.start()) and _SIDE.fullmatch(body, date.end())
        for date in _STAMP.finditer(body)
    )


def _is_filler_at(body: bytes, match: re.Match[bytes] | None) -> bool:
    """Return True if an embedded filler makes the whole body a filler.

    In a body of another length than a key's, the bytes before the filler may be a key (cut, or
    of an unknown length) with the filler text appended.
    """
    return match is not None and (match.start() < SHORTEST or len(body) == KEY_BODY)


PHRASES: Final = (
    "actual key", "actual token", "api key here", "api token", "bad token", "changeit", "change me",
    "change this", "demo key", "demo token", "do not use", "dont use", "dummy key", "dummy secret",
    "dummy token", "dummy value", "example", "fake api", "fake key", "fake secret", "fake token",
    "fake value", "fill me in", "fixture", "for demo", "for docs", "for test", "goes here", "insert key",
    "insert your", "invalid", "just a test", "key goes", "key here", "lorem ipsum", "mock key",
    "mock secret", "mock token", "my api key", "my secret", "my token", "not a key", "not a real",
    "not a secret", "not real", "not secret", "not valid", "paste key", "paste your", "placeholder",
    "put your", "redacted", "removed", "replace", "sample key", "sample token", "sanitized",
    "schema only", "secret here", "secret key", "some key", "super secret", "synthetic", "template",
    "test key", "test only", "test secret", "test token", "testing", "this is a", "this is not",
    "token here", "undefined", "unit test", "value here", "your actual", "your admin", "your api",
    "your boltz", "your key", "your live", "your secret", "your test", "your token", "your workspace",
)  # fmt: skip
"""Filler words of 7 letters or more, in parts that a separator or a capital may separate."""

SEQUENCES: Final = (
    "01234567", "12345678", "abcdefgh", "abcd1234", "abc123de", "a1b2c3d4", "1a2b3c4d", "76543210",
    "qwertyui", "asdfghjk", "deadbeef", "cafebabe",
)  # fmt: skip


def spellings(phrase: str) -> frozenset[str]:
    """Return ``phrase`` in snake, SNAKE, Pascal, camel and Sentence case."""
    first, *rest = phrase.split(" ")
    camel = " ".join((first, *(part.title() for part in rest)))
    return frozenset({phrase, phrase.upper(), phrase.title(), camel, phrase.capitalize()})


def _any_of(phrases: tuple[str, ...]) -> re.Pattern[bytes]:
    """Return a pattern of all spellings, with optional separators; compiling the words takes 20 ms."""
    alternatives = sorted(spelling for phrase in phrases for spelling in spellings(phrase))
    return late_pattern("|".join(spelling.replace(" ", "[-_]?") for spelling in alternatives).encode())


_WHY_CONFIRMED = "43 characters, ends as a 32-byte value can"
_SMALL = re.compile(rb"[a-z]{3,}")
_NAME_LETTERS = 31
"""Letters in words from which a body is a name."""

_RUN = re.compile(rb"([A-Za-z0-9])\1{7}")
_STOCK = _any_of(SEQUENCES)
_WORD = _any_of(PHRASES)
_HEADS = frozenset(phrase.replace(" ", "").encode()[:7] for phrase in PHRASES)
_NEAR = frozenset({-1, 0, 1})
_TOKEN = rb"(?:[A-Z]?[a-z]+[0-9]{0,3}|[A-Z]+[0-9]{0,3}|[0-9]+)"
WORDS = re.compile(rb"[-_]*" + _TOKEN + rb"(?:[-_]+" + _TOKEN + rb")*")
_CLOCK = rb"(?:[01][0-9]|2[0-3])[-_]?[0-5][0-9](?:[-_]?[0-5][0-9](?:[-_]?[0-9]{1,9})?)?"
_STAMP = re.compile(
    rb"(?:(?:19|20)[0-9]{2}[-_]?(?:0[1-9]|1[0-2])[-_]?(?:0[1-9]|[12][0-9]|3[01])"
    rb"(?:[-_]*[Tt]?[-_]?%b)?(?:[Zz]|[-_]*(?:UTC|GMT))?(?:[-_]*[0-9]{2}[-_]?[0-9]{2})?"
    rb"|1[0-9]{9}(?:[0-9]{3}){0,3})" % _CLOCK
)
_SIDE = re.compile(rb"[-_]*+(?:%b(?:[-_]++%b)*+)?[-_]*+" % (_TOKEN, _TOKEN))
_MASK = re.compile(
    rb"\.\.|\*|\?\?|##|\[(?i:redact|mask|hid)"
    rb"|\xe2\x80[\xa2\xa6]|\xe2\x97\x8f|\xe2\x96\x88|\\u202[26]|&(?:hellip|bull);"
)

FILLERS: Final[tuple[tuple[str, Callable[[bytes], bool]], ...]] = (
    ("few different characters", _few_characters),  # 1e-36
    ("one character repeated", _long_run),  # 8e-12
    ("one group repeated", _repetition),  # 2e-40
    ("counting run", _counting),  # 2e-17
    ("stock sequence", _stock),  # 5e-12
    ("filler word", _filler_word),  # 1e-9
    ("plain words", _plain_words),  # 1e-12
    ("date or time", _date),  # 1e-12
)
"""The kinds of filler, in order of preference; to add one, add a row."""

AFTER_PREFIX: Final[tuple[tuple[str, re.Pattern[bytes]], ...]] = (
    ("prefix and a regex", re.compile(rb"\(*(?:\[\^?(?:\S-\S|\\|\[?:)|\\+[wSd.]|\(\?|\.[*+?{])")),
    ("prefix and a mask", _MASK),
    ("prefix and a template", re.compile(rb"[${<\[]|%[sdv({]|#\{|&lt;|\\u003c")),
)
"""Kinds of text after a bare type prefix, in order; any other is "prefix only"."""
