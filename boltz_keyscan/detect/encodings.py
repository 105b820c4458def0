"""The table of encodings in which keys are found.

``spell`` returns the literals of a part of a type prefix; the engine searches for them. ``read``
returns the decoded text around such a literal, with the place of every byte. To add an encoding,
write these two functions in ``decoders`` or ``escapes`` and add one row here. Chains of encodings are made in
``literals``, keys that are broken but not encoded are found by ``split_keys``.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Final

from boltz_keyscan.detect import base32, decoders, escapes, rtf
from boltz_keyscan.detect.decoders import Reading, Spelling
from boltz_keyscan.detect.layouts import dumps, line_starts, markup, spaced, tables, values
from boltz_keyscan.records import dataclass

PLAIN_TEXT: Final = "plain"
"""Instead of the name of a form: a plain prefix, or a part of one."""

_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def base64_alignments(text: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield the base64 of ``text`` at each alignment, without characters that other bytes affect.

    Each comes with its position in its group of four. Both alphabets are used where they differ.
    """
    for phase in range(3):
        first, last = (phase * 8 + 5) // 6, (phase + len(text)) * 8 // 6
        encoded = binascii.b2a_base64(b"\0" * phase + text)[first:last]
        yield encoded, first % 4
        if b"+" in encoded or b"/" in encoded:
            yield encoded.translate(_URL_SAFE), first % 4


@dataclass(frozen=True, slots=True)
class Form:
    """One encoding."""

    name: str
    spell: Callable[[bytes], Iterable[Spelling]]
    """Encode a text, in each variant and each phase of the encoding."""
    read: Callable[[bytes, int, int, int], Iterable[Reading]]
    """Decode the text around the offset of a literal of a given phase, starting at a lower bound."""
    chain: Callable[[bytes], Iterable[Spelling]] = lambda _text: ()
    """Encode every byte of a text that is part of a chain, in the common variants."""
    whole: bool = False
    """True if it may be anywhere in a chain of three."""
    lined: bool = False
    """True if it is written in lines, so that in a chain it may break the text of another link again."""
    around: tuple[str, ...] = ()
    """Forms whose escapes it escapes again, leaving letters plain."""
    again: Callable[[bytes], Iterable[Spelling]] = lambda _text: ()
    """Encode a text in one of these forms."""
    like: str = ""
    """The form with the same reader, so that one reading serves both."""
    pieces: Callable[[bytes], Iterable[Spelling]] = lambda _prefix: ()
    """Encode parts of a whole prefix, for a form that ``spell`` does not serve."""
    is_layout: bool = False
    """True if nothing proves that the pieces belong together: then only confirmed keys count."""
    of: frozenset[str] = frozenset()
    """Forms whose literals it is read around too: it may be a layout of their text."""


def _escape(
    name: str,
    forms: tuple[bytes, ...],
    pattern: bytes,
    *,
    unit: bytes = escapes.CHARACTER,
    around: tuple[str, ...] = (),
    again: Callable[[bytes], Iterable[Spelling]] | None = None,
    like: str = "",
) -> Form:
    return Form(
        name,
        partial(escapes.escape_spell, forms),
        partial(escapes.escape_read, name=name, escapes=pattern, unit=unit),
        partial(escapes.escape_chain, forms),
        around=around,
        again=again or partial(escapes.escape_again, forms),
        like=like,
    )


def _layout(
    name: str,
    read: Callable[[bytes, int, int, int], Iterable[Reading]],
    spell: Callable[[bytes], Iterable[Spelling]] = lambda _prefix: (),
    *,
    of: frozenset[str] = frozenset(),
) -> Form:
    return Form(name, lambda _text: (), read, pieces=spell, is_layout=True, of=of)


def _wide(width: int) -> Form:
    spell = partial(decoders.wide_spell, width)
    return Form(f"utf-{8 * width}", spell, partial(decoders.wide_read, width), spell, whole=True)


_SOFT_BREAK: Final = rb"=[ \t]{0,9}\r?\n"

FORMS: Final[tuple[Form, ...]] = (
    Form("base64", base64_alignments, decoders.base64_read, base64_alignments, whole=True, lined=True),
    _wide(2),
    _wide(4),
    # In no chain: its literals would be a fifth of all.
    Form(base32.NAME, lambda _text: (), base32.read, pieces=base32.spell),
    Form(
        "hex",
        decoders.hex_spell,
        partial(
            decoders.numbers_read,
            name="hex",
            unit=decoders.HEX,
            digits=rb"(?:0[xX])?([0-9A-Fa-f]{2})" + decoders.BETWEEN,
            base=16,
        ),
        decoders.hex_chain,
        whole=True,
        around=("utf-16",),
        again=decoders.hex_spell,
    ),
    Form(
        "decimal",
        partial(decoders.numbers_spell, b"%d"),
        partial(
            decoders.numbers_read, name="decimal", unit=decoders.DECIMAL, digits=rb"([0-9]{1,3})", base=10
        ),
        around=("utf-16",),
        again=partial(decoders.numbers_spell, b"%d"),
    ),
    Form(
        "octal",
        partial(decoders.numbers_spell, b"%03o"),
        partial(decoders.numbers_read, name="octal", unit=decoders.OCTAL, digits=rb"([0-7]{3})", base=8),
    ),
    _escape(
        "percent",
        (b"%%%02X", b"%%%02x"),
        rb"%(?P<x>[0-9A-Fa-f]{2})",
        around=("percent", "utf-16"),
    ),
    _escape(
        "unicode-escape",
        (b"\\u%04x", b"\\u%04X", b"\\u{%x}", b"\\U%08x"),
        escapes.BACKSLASHED,
        around=("utf-16",),
        like="backslash",
    ),
    _escape(
        "hex-escape", (b"\\x%02x", b"\\x%02X"), escapes.BACKSLASHED, around=("utf-16",), like="backslash"
    ),
    _escape("octal-escape", (b"\\%03o",), escapes.BACKSLASHED, like="backslash"),
    _escape(
        "html",
        (b"&#%d;", b"&#x%x;", b"&#x%X;", b"&#x%04x;"),
        escapes.HTML,
        around=("html",),
        again=partial(escapes.double_escape, b"&", b"&amp;"),
    ),
    _escape(
        "quoted-printable",
        (b"=%02X", b"=%02x"),
        rb"=(?P<x>[0-9A-Fa-f]{2})|" + _SOFT_BREAK,
        unit=_SOFT_BREAK + b"|" + escapes.CHARACTER,
    ),
    Form(
        "html-mixed",
        lambda _text: (),
        partial(escapes.escape_read, name="html", escapes=escapes.HTML),
        like="html",
        pieces=partial(escapes.mixed_spell, (b"&#%d;", b"&#x%x;", b"&#x%X;")),
    ),
    Form(
        "html-name",
        partial(escapes.named_spell, (b"&lowbar;", b"&UnderBar;")),
        partial(escapes.escape_read, name="html", escapes=escapes.HTML),
        like="html",
    ),
    # Only read: RTF writes ``_`` plainly, so that a prefix is found without more literals.
    _escape("rtf", (), rtf.ESCAPES, unit=rtf.ESCAPES + b"|" + escapes.CHARACTER),
    _layout(dumps.NAME, dumps.read, dumps.spell),
    _layout(spaced.NAME, spaced.read, spaced.spell),
    _layout(values.NAME, values.read, values.spell, of=frozenset({PLAIN_TEXT, "base64", "hex"})),
    _layout(line_starts.NAME, line_starts.read, of=frozenset({PLAIN_TEXT, "base64", "hex"})),
    _layout(tables.NAME, tables.read, of=frozenset({PLAIN_TEXT})),
    _layout(markup.WIDE_NAME, markup.read_wide, of=frozenset({"utf-16"})),
    _layout(markup.JOINED, markup.read_joined, of=frozenset({PLAIN_TEXT})),
    _layout(markup.NAME, markup.read, markup.spell, of=frozenset({PLAIN_TEXT, "backslash"})),
    Form(
        "backslash",
        partial(escapes.named_spell, (b"\\_",)),
        partial(escapes.escape_read, name="backslash", escapes=escapes.BACKSLASHED),
        around=("unicode-escape", "hex-escape", "octal-escape", "backslash"),
        again=partial(escapes.double_escape, b"\\", b"\\\\"),
    ),
)
"""The rows, in order of preference where bytes have two readings."""
