"""The table of encodings in which keys are found: to add one, add a row to ``FORMS``.

``spell`` returns the literals of a part of a type prefix; the engine searches for them. ``read``
returns the decoded text around such a literal, with the place of every byte. Both are functions of
``decoders``, ``escapes`` or ``layouts``; many encodings need only new arguments for those there are.
Chains of encodings are made in ``literals``, keys that are broken but not encoded are found by
``split_keys``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final, TypeAlias

from boltz_keyscan.detect import base32, decoders, escapes
from boltz_keyscan.detect.decoders import Reading, Spelling
from boltz_keyscan.detect.escapes import Escapes
from boltz_keyscan.detect.layouts import dumps, line_starts, markup, spaced, tables, values
from boltz_keyscan.records import dataclass

PLAIN_TEXT: Final = "plain"
"""Instead of the name of a form: a plain prefix, or a part of one."""

Spell: TypeAlias = Callable[[bytes], Iterable[Spelling]]
"""Encode a text: return it in each variant and each phase of an encoding."""

Read: TypeAlias = Callable[[bytes, int, int, int], Iterable[Reading]]
"""Decode the text around the offset of a literal of a given phase, starting at a lower bound."""


def _spell_nothing(_text: bytes) -> tuple[Spelling, ...]:
    """Return no literal: for an encoding that those of others lead to, or that is in no chain."""
    return ()


@dataclass(frozen=True, slots=True)
class Form:
    """One encoding."""

    name: str
    spell: Spell
    """Encode a fragment of a type prefix."""
    read: Read
    spell_link: Spell = _spell_nothing
    """Encode every byte of a text that is part of a chain, in the common variants."""
    spell_prefix: Spell = _spell_nothing
    """Encode parts of a whole prefix, for a form that ``spell`` does not serve."""
    is_link: bool = False
    """True if it may be anywhere in a chain of three."""
    is_lined: bool = False
    """True if it is written in lines, so that in a chain it may break the text of another link again."""
    outer_of: tuple[str, ...] = ()
    """Forms whose escapes it escapes again, leaving letters plain."""
    spell_outer: Spell = _spell_nothing
    """Encode a text in one of these forms."""
    is_layout: bool = False
    """True if nothing proves that the pieces belong together: then only confirmed keys count."""
    layout_of: frozenset[str] = frozenset()
    """Forms whose literals it is read around too: it may be a layout of their text."""


def _escape(
    name: str,
    forms: tuple[bytes, ...],
    decoder: Escapes,
    outer_of: tuple[str, ...] = (),
    spell_outer: Spell | None = None,
) -> Form:
    """Return the row of escapes, which are written in these forms of a number."""
    return Form(
        name,
        partial(escapes.escape_spell, forms),
        decoder.read,
        partial(escapes.escape_chain, forms),
        outer_of=outer_of,
        spell_outer=spell_outer or partial(escapes.escape_again, forms),
    )


def _layout(name: str, read: Read, spell: Spell = _spell_nothing, *, of: Iterable[str] = ()) -> Form:
    """Return the row of a layout."""
    return Form(name, _spell_nothing, read, spell_prefix=spell, is_layout=True, layout_of=frozenset(of))


def _wide(width: int) -> Form:
    """Return the row of a coding with so many bytes a character."""
    spell = partial(decoders.wide_spell, width)
    return Form(f"utf-{8 * width}", spell, partial(decoders.wide_read, width), spell, is_link=True)


_DECIMAL_SPELL: Final = partial(decoders.numbers_spell, b"%d")
_BACKSLASHES: Final = ("unicode-escape", "hex-escape", "octal-escape", "backslash")

FORMS: Final[tuple[Form, ...]] = (
    Form(
        "base64",
        decoders.base64_spell,
        decoders.base64_read,
        decoders.base64_spell,
        is_link=True,
        is_lined=True,
    ),
    _wide(2),
    _wide(4),
    # In no chain: its literals would be a fifth of all.
    Form(base32.NAME, _spell_nothing, base32.read, spell_prefix=base32.spell),
    Form(
        "hex",
        decoders.hex_spell,
        decoders.HEX.read,
        decoders.hex_chain,
        is_link=True,
        outer_of=("utf-16",),
        spell_outer=decoders.hex_spell,
    ),
    Form("decimal", _DECIMAL_SPELL, decoders.DECIMAL.read, outer_of=("utf-16",), spell_outer=_DECIMAL_SPELL),
    Form("octal", partial(decoders.numbers_spell, b"%03o"), decoders.OCTAL.read),
    _escape("percent", (b"%%%02X", b"%%%02x"), escapes.PERCENT, ("percent", "utf-16")),
    _escape(
        "unicode-escape", (b"\\u%04x", b"\\u%04X", b"\\u{%x}", b"\\U%08x"), escapes.BACKSLASH, ("utf-16",)
    ),
    _escape("hex-escape", (b"\\x%02x", b"\\x%02X"), escapes.BACKSLASH, ("utf-16",)),
    _escape("octal-escape", (b"\\%03o",), escapes.BACKSLASH),
    _escape(
        "html",
        (b"&#%d;", b"&#x%x;", b"&#x%X;", b"&#x%04x;"),
        escapes.HTML,
        ("html",),
        partial(escapes.double_escape, b"&", b"&amp;"),
    ),
    _escape("quoted-printable", (b"=%02X", b"=%02x"), escapes.QUOTED_PRINTABLE),
    Form(
        "html-mixed",
        _spell_nothing,
        escapes.HTML.read,
        spell_prefix=partial(escapes.mixed_spell, (b"&#%d;", b"&#x%x;", b"&#x%X;")),
    ),
    Form(
        "html-name",
        partial(escapes.named_spell, (b"&lowbar;", b"&UnderBar;", b"&#095;")),
        escapes.HTML.read,
    ),
    # Only read: RTF writes ``_`` plainly, so that a prefix is found without more literals.
    _escape("rtf", (), escapes.RTF),
    _layout(dumps.NAME, dumps.read, dumps.spell),
    _layout(spaced.NAME, spaced.read, spaced.spell),
    _layout(values.NAME, values.read, values.spell, of=(PLAIN_TEXT, "base64", "hex")),
    _layout(line_starts.NAME, line_starts.read, of=(PLAIN_TEXT, "base64", "hex")),
    _layout(tables.NAME, tables.read, of=(PLAIN_TEXT,)),
    _layout(markup.WIDE_NAME, markup.read_wide, markup.spell_wide, of=("utf-16",)),
    _layout(markup.JOINED, markup.read_joined, of=(PLAIN_TEXT,)),
    _layout(markup.NAME, markup.read, markup.spell, of=(PLAIN_TEXT, "backslash")),
    Form(
        "backslash",
        partial(escapes.named_spell, (b"\\_",)),
        escapes.BACKSLASH.read,
        outer_of=_BACKSLASHES,
        spell_outer=partial(escapes.double_escape, b"\\", b"\\\\"),
    ),
)
"""The rows, in order of preference where bytes have two readings."""
