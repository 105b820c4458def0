"""What the fast pass looks for: every literal that a piece of a type prefix turns into.

Two tiers. The shallow one holds prefixes as they are, broken, and encoded once; the deep
one holds chains. All are made from the prefixes of the rules, so a new rule has them too.

A line break may fall inside a literal. So each prefix gives at least two pieces, and one
break leaves one of them whole: its beginning (``HEAD`` bytes) and its end (``TAIL``). That
takes lines of 24 columns or more, and of 60 in a chain; in narrower ones both may be cut.
Where two links of a chain come in lines there may be two breaks: of such the literals are
cut in two, or have the inner break in them. Not so in UTF-16 of two links in lines: that
would take a thousand literals more, and above 6,500 the engine takes half as long again.

Boundary: literals only; finding them is ``prefilter``, undoing the encodings is ``dig``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final

from boltz_keyscan.detect.phases import phases

if TYPE_CHECKING:
    from boltz_keyscan.detect.codecs import Spelling
    from boltz_keyscan.detect.forms import Form

HEAD: Final = 7
"""Bytes at the beginning of a prefix; with fewer, no word of four is whole at each alignment."""

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
"""Bytes of the longest needle."""

DEPTH: Final = 3
"""Encodings undone one after the other, at most."""

PLAIN: Final = -1
"""In place of the number of a form: the beginning of a prefix as it is."""

BROKEN: Final = -2
"""The same for the end of a prefix whose beginning stands apart."""

Meaning = tuple[int, int]
"""The number of a form in ``FORMS``, and the phase at which the literal stands in it."""


Needles = dict[bytes, tuple[Meaning, ...]]
"""The literals of one tier, each with all it may mean."""


@functools.cache
def shallow(prefixes: tuple[bytes, ...]) -> Needles:
    """Prefixes as they are, broken, and encoded once; and escapes of escapes."""
    return _collected(_shallow(prefixes))


@functools.cache
def deep(prefixes: tuple[bytes, ...]) -> Needles:
    """Chains of two and three encodings, less what is in the first tier."""
    known = shallow(prefixes)
    return _collected((literal, meaning) for literal, meaning in _deep(prefixes) if literal not in known)


def _collected(pairs: Iterable[tuple[bytes, Meaning]]) -> Needles:
    meanings: dict[bytes, dict[Meaning, None]] = {}
    for literal, meaning in pairs:
        if STEM <= len(literal) <= LONGEST:
            meanings.setdefault(literal, {})[meaning] = None
    return {literal: tuple(found) for literal, found in meanings.items()}


@functools.cache
def pieces(prefixes: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """The beginnings and the ends of the prefixes: what is looked for in every encoding."""
    return tuple(sorted({prefix[:HEAD] for prefix in prefixes} | {prefix[-TAIL:] for prefix in prefixes}))


@functools.cache
def rests(prefixes: tuple[bytes, ...]) -> dict[bytes, bytes]:
    """The end of each prefix, by which it is found when its beginning is broken, and that beginning."""
    cuts = {prefix: min(STEM, len(prefix) - HEAD) for prefix in prefixes}
    return {prefix[cut:]: prefix[:cut] for prefix, cut in cuts.items()}


@functools.cache
def usual(prefixes: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """The literals of plain and of broken prefixes and of base64, first by what is met most."""
    base64 = (literal for piece in pieces(prefixes) for literal, _ in phases(piece))
    return tuple(dict.fromkeys((*(prefix[:STEM] for prefix in prefixes), *rests(prefixes), *base64)))


def _shallow(prefixes: tuple[bytes, ...]) -> Iterator[tuple[bytes, Meaning]]:
    from boltz_keyscan.detect.forms import FORMS  # noqa: PLC0415 - most files need none of them

    for prefix in prefixes:
        yield prefix[:STEM], (PLAIN, 0)
    for rest in rests(prefixes):
        yield rest, (BROKEN, 0)
    parts = pieces(prefixes)
    for number, form in enumerate(FORMS):
        yield from _spelt(number, form.spell, parts)
    for number, form in enumerate(FORMS):
        inner = (literal for each in FORMS if each.name in form.around for literal in _first(each, parts))
        yield from _spelt(number, form.again, inner)


def _deep(prefixes: tuple[bytes, ...]) -> Iterator[tuple[bytes, Meaning]]:
    from boltz_keyscan.detect.forms import FORMS  # noqa: PLC0415 - as above

    inner = {literal for form in FORMS for literal in _first(form, pieces(prefixes))}
    whole = [(number, form) for number, form in enumerate(FORMS) if form.whole]
    twice = {
        literal
        for number, form in whole
        for literal, _ in _parts(
            number, form, (each for _, first in whole for each in _first(first, pieces(prefixes)))
        )
    }
    lined = [(number, form) for number, form in enumerate(FORMS) if form.lined]
    once = {literal for _, form in lined for literal in _first(form, pieces(prefixes))}
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
