"""What the fast pass looks for: every literal that a piece of a type prefix turns into.

Two tiers. The shallow one holds prefixes as they are, broken, and encoded once; the deep
one holds chains. All are made from the prefixes of the rules, so a new rule has them too.

A line break may fall inside a literal. So each prefix gives at least two pieces, and one
break leaves one of them whole: its beginning (``HEAD`` bytes) and its end (``TAIL``). That
takes lines of 24 columns or more, and of 60 in a chain; in narrower ones both may be cut.
Where two links of a chain come in lines there may be two breaks: of such the literals are
cut in two, or have the inner break in them. Not so in UTF-16 of two links in lines: that
would take a thousand literals more, and above 6,500 the engine takes half as long again.

Boundary: literals only; finding them is ``engine``, undoing the encodings is ``dig``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from boltz_keyscan.detect.decoders import Spelling
    from boltz_keyscan.detect.encodings import Form

HEAD: Final = 7
"""Bytes at the beginning of a prefix; encoded, they are seldom met by chance."""

STEM: Final = 6
"""Bytes of a prefix as it is by which it is found, even when the next one is another break."""

TAIL: Final = 6
"""Bytes at the end of a prefix, its mode."""

PART: Final = 12
"""Bytes of each part of a literal that is longer, at most."""

LEAST: Final = 6
"""Characters of a link of which base64 makes enough to be looked for: seven."""

_BREAKS = (b"\n", b"\r\n", b"\\n")
"""What stands between lines, with nothing before the next."""

LONGEST: Final = 160
"""Bytes of the longest literal."""

DEPTH: Final = 3
"""Encodings undone one after the other, at most."""

PLAIN: Final = -1
"""In place of the number of a form: the beginning of a prefix as it is."""

BROKEN: Final = -2
"""The same for the end of a prefix whose beginning stands apart."""

Meaning = tuple[int, int]
"""The number of a form in ``FORMS``, and the phase at which the literal stands in it."""


@dataclass(frozen=True, slots=True)
class Table:
    """All literals, those of one encoding before those of chains."""

    literals: tuple[bytes, ...]
    meanings: tuple[tuple[Meaning, ...], ...]
    """All that each may mean."""


@functools.cache
def table(prefixes: tuple[bytes, ...]) -> Table:
    """Return the literals for a set of type prefixes."""
    meanings: dict[bytes, dict[Meaning, None]] = {}
    _collect(_shallow(prefixes), meanings, frozenset())
    _collect(_deep(prefixes), meanings, frozenset(meanings))
    return Table(tuple(meanings), tuple(tuple(found) for found in meanings.values()))


def _collect(
    pairs: Iterable[tuple[bytes, Meaning]],
    meanings: dict[bytes, dict[Meaning, None]],
    known: frozenset[bytes],
) -> None:
    for literal, meaning in pairs:
        if STEM <= len(literal) <= LONGEST and literal not in known:
            meanings.setdefault(literal, {})[meaning] = None


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
def prefix_fragments(prefixes: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Return the beginnings and the ends of the prefixes, which are looked for in every encoding."""
    return tuple(sorted({prefix[:HEAD] for prefix in prefixes} | {prefix[-TAIL:] for prefix in prefixes}))


@functools.cache
def prefix_endings(prefixes: tuple[bytes, ...]) -> dict[bytes, bytes]:
    """Return, by the end of each prefix, its beginning: the end finds a key whose beginning is broken."""
    cuts = {prefix: min(STEM, len(prefix) - HEAD) for prefix in prefixes}
    return {prefix[cut:]: prefix[:cut] for prefix, cut in cuts.items()}


def _shallow(prefixes: tuple[bytes, ...]) -> Iterator[tuple[bytes, Meaning]]:
    from boltz_keyscan.detect.encodings import FORMS  # noqa: PLC0415 - a saved engine needs none of them

    for prefix in prefixes:
        yield prefix[:STEM], (PLAIN, 0)
    for rest in prefix_endings(prefixes):
        yield rest, (BROKEN, 0)
    parts = prefix_fragments(prefixes)
    for number, form in enumerate(FORMS):
        yield from _spelt(number, form.spell, parts)
    for number, form in enumerate(FORMS):
        inner = (literal for each in FORMS if each.name in form.around for literal in _first(each, parts))
        yield from _spelt(number, form.again, inner)


def _deep(prefixes: tuple[bytes, ...]) -> Iterator[tuple[bytes, Meaning]]:
    from boltz_keyscan.detect.encodings import FORMS  # noqa: PLC0415 - as above

    inner = {literal for form in FORMS for literal in _first(form, prefix_fragments(prefixes))}
    whole = [(number, form) for number, form in enumerate(FORMS) if form.whole]
    twice = {
        literal
        for number, form in whole
        for literal, _ in _parts(
            number, form, (each for _, first in whole for each in _first(first, prefix_fragments(prefixes)))
        )
    }
    lined = [(number, form) for number, form in enumerate(FORMS) if form.lined]
    once = {literal for _, form in lined for literal in _first(form, prefix_fragments(prefixes))}
    again = _made(lined, once)
    for number, form in enumerate(FORMS):
        yield from _parts(number, form, inner | _halves(once) if form.lined else inner)
    for number, form in whole:
        if form.lined:
            texts = (twice - again) | _halves(again)
        elif _is_wide(form):
            # What is found in a text without its NULs, by those who look for it there.
            texts = twice | _made(lined, _ends(once))
        else:
            texts = twice | _ends(again)
        yield from _parts(number, form, texts)


def _is_wide(form: Form) -> bool:
    return form.name.startswith("utf-")


def _made(forms: Iterable[tuple[int, Form]], texts: set[bytes]) -> set[bytes]:
    return {literal for number, form in forms for literal, _ in _parts(number, form, texts)}


def _first(form: Form, texts: Iterable[bytes]) -> Iterator[bytes]:
    """What a form makes of the pieces when it is the innermost of a chain."""
    return (literal for text in texts for literal, _ in (form.chain if form.whole else form.spell)(text))


def _halves(links: Iterable[bytes]) -> set[bytes]:
    """What one break leaves whole of literals in lines."""
    return {text for link in links for text in _broken(link)}


def _broken(link: bytes) -> Iterator[bytes]:
    """The same of one; where too little is left, all of it with the break."""
    yield from _ends((link,))
    size = len(link)
    for at in range(size - LEAST + 1, LEAST):
        yield from (link[:at] + each + link[at:] for each in _BREAKS)
        # What is before an indented line, as far as it is known.
        if at >= LEAST // 2:
            yield link[:at] + b"\n    "[: LEAST - at]
        else:
            yield b"    "[: LEAST - size + at] + link[at:]


def _ends(links: Iterable[bytes]) -> set[bytes]:
    return {end for link in links for end in (link[:LEAST], link[-LEAST:])}


def _parts(number: int, form: Form, texts: Iterable[bytes]) -> Iterator[tuple[bytes, Meaning]]:
    """What a form makes of literals; of long ones parts, so that a break leaves one whole."""
    wide = _is_wide(form)
    # UTF-16 of UTF-16 is no more than UTF-32.
    fit = (text for text in texts if not (wide and 0 in text))
    for literal, (_, phase) in _spelt(number, form.chain, fit):
        if len(literal) <= PART + 4 or wide:
            yield literal, (number, phase)
        else:
            # With nothing in common: a break in one leaves the others whole.
            part = min(PART, len(literal) // 2)
            last = len(literal) - part
            for at in (*(range(0, last - part + 1, part) if form.lined else (0,)), last):
                yield literal[at : at + part], (number, (phase + at) % 4)


def _spelt(
    number: int, spell: Callable[[bytes], Iterable[Spelling]], texts: Iterable[bytes]
) -> Iterator[tuple[bytes, Meaning]]:
    for text in sorted(texts):
        for literal, phase in spell(text):
            if literal != text:
                yield literal, (number, phase)
