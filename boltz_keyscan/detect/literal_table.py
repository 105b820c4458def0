"""The table of literals that the engine searches for: every form that a part of a type prefix may have.

Single literals are prefixes that are plain, broken or encoded once; chain literals are encoded
more than once. All are made from the prefixes of the rules, so a new rule has them too.

A line break may be inside a literal. So each prefix has two fragments, its beginning (``HEAD``
bytes) and its end (``_TAIL``), and one break leaves one of them whole. That needs lines of 24
columns or more, and of 60 in a chain; narrower lines may cut both. If two links of a chain are in
lines, there may be two breaks: such literals are cut in two, or include the inner break. UTF-16 of
two links in lines is left out: it would take a thousand literals more.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import Final

from boltz_keyscan.detect import base32
from boltz_keyscan.detect.encodings import FORMS, Form, Spell
from boltz_keyscan.detect.literals import BROKEN, HEAD, LONGEST, PLAIN, STEM, Meaning, prefix_endings
from boltz_keyscan.records import dataclass
from boltz_keyscan.rules import is_exact

_SHORTEST: Final = 4
"""Bytes of the shortest literal of an exact prefix."""

_TAIL: Final = 6
"""Bytes at the end of a prefix: its mode."""

_PART: Final = 12
"""Bytes of each part of a longer literal, at most."""

_LEAST: Final = 6
"""Characters of the shortest part of a link: base64 makes seven of them, enough for a literal."""

_BREAKS: Final = (b"\n", b"\r\n", b"\\n")
"""Line breaks, without indentation."""

Row = tuple[int, Form]
"""A form, behind its number."""

_ROWS: Final = tuple(enumerate(FORMS))
_LINKS: Final = tuple((number, form) for number, form in _ROWS if form.is_link)
_LINED: Final = tuple((number, form) for number, form in _ROWS if form.is_lined)


@dataclass(frozen=True, slots=True)
class Table:
    """All literals, those of one encoding before those of chains."""

    literals: tuple[bytes, ...]
    meanings: tuple[tuple[Meaning, ...], ...]
    """The meanings of each literal."""


@functools.cache
def make_table(prefixes: tuple[bytes, ...]) -> Table:
    """Return the table for a set of type prefixes."""
    exact = tuple(filter(is_exact, prefixes))
    others = tuple(prefix for prefix in prefixes if prefix not in exact)
    meanings: dict[bytes, dict[Meaning, None]] = {}
    _collect(_single_literals(others), meanings, frozenset())
    _collect(_chain_literals(others), meanings, frozenset(meanings))
    _collect(_exact_literals(exact), meanings, frozenset(), _SHORTEST)
    return Table(tuple(meanings), tuple(tuple(own) for own in meanings.values()))


def _collect(
    pairs: Iterable[tuple[bytes, Meaning]],
    meanings: dict[bytes, dict[Meaning, None]],
    known: frozenset[bytes],
    shortest: int = STEM,
) -> None:
    for literal, meaning in pairs:
        if shortest <= len(literal) <= LONGEST and literal not in known:
            meanings.setdefault(literal, {})[meaning] = None


def _fragments(prefixes: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Return the beginnings and the ends of the prefixes, which are looked for in every encoding."""
    return tuple(sorted({prefix[:HEAD] for prefix in prefixes} | {prefix[-_TAIL:] for prefix in prefixes}))


def _single_literals(prefixes: tuple[bytes, ...]) -> Iterator[tuple[bytes, Meaning]]:
    """Yield the literals of prefixes that are plain, broken or encoded once."""
    for prefix in prefixes:
        yield prefix[:STEM], (PLAIN, 0)
    for rest in prefix_endings(prefixes):
        yield rest, (BROKEN, 0)
    fragments = _fragments(prefixes)
    for number, form in _ROWS:
        yield from _spell(number, form.spell, fragments)
    for number, form in _ROWS:
        yield from _spell(number, form.spell_prefix, prefixes)
    for number, form in _ROWS:
        yield from _outer_literals(number, form, fragments)


def _exact_literals(prefixes: tuple[bytes, ...]) -> Iterator[tuple[bytes, Meaning]]:
    """Yield the literals of exact prefixes: plain, encoded once, or twice.

    They are too short to be found in parts, and the literals of longer chains are too many: with them the
    engine would take a third longer.
    """
    yield from ((prefix, (PLAIN, 0)) for prefix in prefixes)
    links = _encode_first(_ROWS, prefixes)
    for number, form in _ROWS:
        yield from _spell(number, form.spell, prefixes)
        yield from _outer_literals(number, form, prefixes)
        if form.is_lined:
            yield from _spell_broken(number, form.spell, prefixes)
        if form.name == base32.NAME:
            yield from _spell(number, base32.spell_whole, prefixes)
        yield from _spell(number, form.spell_link, links)


def _outer_literals(number: int, form: Form, texts: Iterable[bytes]) -> Iterator[tuple[bytes, Meaning]]:
    """Encode texts in the forms whose escapes a form escapes again, and then in this form."""
    inner = [row for row in _ROWS if row[1].name in form.outer_of]
    return _spell(number, form.spell_outer, _encode_first(inner, texts))


def _spell_broken(number: int, spell: Spell, texts: Iterable[bytes]) -> Iterator[tuple[bytes, Meaning]]:
    """Encode texts that are too short for parts, with a line break at each place."""
    for literal, meaning in _spell(number, spell, texts):
        for at in range(1, len(literal)):
            yield from ((literal[:at] + line_break + literal[at:], meaning) for line_break in _BREAKS)


def _chain_literals(prefixes: tuple[bytes, ...]) -> Iterator[tuple[bytes, Meaning]]:
    """Yield the literals of prefixes that are encoded two or three times."""
    fragments = _fragments(prefixes)
    inner = _encode_first(_ROWS, fragments)
    twice = _encode_parts(_LINKS, _encode_first(_LINKS, fragments))
    once = _encode_first(_LINED, fragments)
    again = _encode_parts(_LINED, once)
    for number, form in _ROWS:
        yield from _parts(number, form, inner | _halves(once) if form.is_lined else inner)
    for number, form in _LINKS:
        if form.is_lined:
            texts = (twice - again) | _halves(again)
        elif _is_wide(form):
            # Literals that are found in the text without its NULs.
            texts = twice | _encode_parts(_LINED, _ends(once)) | _registry_values(fragments)
        else:
            texts = twice | _ends(again)
        yield from _parts(number, form, texts)


def _registry_values(fragments: Iterable[bytes]) -> set[bytes]:
    """Return UTF-16 as comma-separated hex, as a .reg file has it, which is UTF-16 itself.

    Its lines of 80 columns have 25 bytes: halves of the fragments, so that a break leaves one whole.
    """
    halves = {half for fragment in fragments for half in (fragment[:4], fragment[-4:])}
    return {half.decode("ascii").encode("utf-16-le").hex(",").encode() for half in halves}


def _is_wide(form: Form) -> bool:
    return form.name.startswith("utf-")


def _encode_parts(rows: Iterable[Row], texts: set[bytes]) -> set[bytes]:
    """Encode texts in a link of a chain around another, in parts."""
    return {literal for number, form in rows for literal, _ in _parts(number, form, texts)}


def _encode_first(rows: Iterable[Row], texts: Iterable[bytes]) -> set[bytes]:
    """Encode texts in the innermost link of a chain."""
    return {
        literal
        for _, form in rows
        for text in texts
        for literal, _ in (form.spell_link if form.is_link else form.spell)(text)
    }


def _halves(links: Iterable[bytes]) -> set[bytes]:
    """Return the parts that one line break leaves whole of each link."""
    return {text for link in links for text in _break(link)}


def _break(link: bytes) -> Iterator[bytes]:
    """Yield the parts that one line break leaves whole; where they are too short, all with the break."""
    yield from _ends((link,))
    size = len(link)
    for at in range(size - _LEAST + 1, _LEAST):
        yield from (link[:at] + line_break + link[at:] for line_break in _BREAKS)
        # The text next to the break before an indented line.
        if at >= _LEAST // 2:
            yield link[:at] + b"\n    "[: _LEAST - at]
        else:
            yield b"    "[: _LEAST - size + at] + link[at:]


def _ends(links: Iterable[bytes]) -> set[bytes]:
    return {end for link in links for end in (link[:_LEAST], link[-_LEAST:])}


def _parts(number: int, form: Form, texts: Iterable[bytes]) -> Iterator[tuple[bytes, Meaning]]:
    """Encode literals, and cut long ones into parts, so that a break leaves one whole."""
    wide = _is_wide(form)
    # UTF-16 of UTF-16 is found as UTF-32.
    fit = (text for text in texts if not (wide and 0 in text))
    for literal, (_, phase) in _spell(number, form.spell_link, fit):
        if len(literal) <= _PART + 4 or wide:
            yield literal, (number, phase)
        else:
            # The first and the last do not overlap: a break in one leaves the other whole.
            part = min(_PART, len(literal) // 2)
            last = len(literal) - part
            for at in (0, last):
                yield literal[at : at + part], (number, (phase + at) % 4)


def _spell(number: int, spell: Spell, texts: Iterable[bytes]) -> Iterator[tuple[bytes, Meaning]]:
    """Yield what texts are encoded to, but for those that are the same encoded."""
    for text in sorted(texts):
        for literal, phase in spell(text):
            if literal != text:
                yield literal, (number, phase)
