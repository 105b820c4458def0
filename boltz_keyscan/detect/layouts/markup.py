"""Text as a person sees it: without tags, invisible characters and terminal sequences.

Characters that look like ``-`` or ``_``, and TeX commands for them, are read as these.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from boltz_keyscan.detect.decoders import AHEAD, BACK, Reading, Spelling, compile_pattern
from boltz_keyscan.detect.escapes import read_parts, split_at
from boltz_keyscan.detect.layouts.pieces import Pieces

NAME: Final = "markup"
WIDE_NAME: Final = "wide-markup"
JOINED: Final = "literals"

_ESC: Final = rb"(?:\x1b|\\{1,3}(?:u001[bB]|x1[bB]|033|e|E)|\^\[|\xe2\x90\x9b)"
_SHOWN_ESC: Final = (
    rb"(?:\#(?:033|x?1[bB])|<(?:0[xX])?1[bB]>|<ESC>|\\{1,3}u\{1[bB]\}|&\#(?:27|[xX]0{0,2}1[bB]);|[%=]1[bB]"
    rb"|\xef\xbf\xbd|\xe2\x86\x90|\\\[\\(?:e|033))"
)
"""The same as loggers, editors and consoles write it, before a CSI; in a prompt of bash, too."""

_LAID_OUT: Final = rb"\s|\\{1,3}n(?:\",\s{0,60}\")?|\xe2\x94[\x82\x83]|\xe2\x95\x91"
"""A part of what separates two lines of a panel: their end, an indent, a border."""

_TERMINAL: Final = (
    _SHOWN_ESC
    + rb"\[[0-?]{0,40}[ -/]{0,3}[@-~](?:\\\])?|\[[0-9;:]{1,20}m|"
    # CSI; colours end with a line, and begin again in the next one.
    + _ESC
    + rb"(?:\[[0-?]{0,40}[ -/]{0,3}[@-~](?:(?:%(l)b){1,200}(?=%(e)b\[[0-9;:]{1,40}m))?"
    rb"|[\]PX^_][^\x07\x1b\n]{0,2000}?(?:\x07|\x1b\\|\\{1,3}(?:u0007|x07|007|a)|\^G|%(e)b\\{1,2})"  # OSC, DCS
    rb"|[ -/]{1,2}[0-~]|[0-Z\\^-~])"  # character sets, others
    rb"|\xc2\x9b[0-?]{0,40}[ -/]{0,3}[@-~]|[\x0e\x0f]| (?:\r(?!\n)|\\r(?!\\n))"
    % {b"e": _ESC, b"l": _LAID_OUT}
)
_TAGS: Final = (
    rb"<!--.{0,2000}?-->|<!\[CDATA\[|\]\]>"
    # Of a terminal as SVG or HTML, also what is between its lines.
    rb"|(?:<\\{0,3}/?[A-Za-z?][^<>]{0,4000}>(?:(?:%b){1,200}(?=<))?)"
    rb"|\\{1,3}(?:u003[cC]|x3[cC])[^<>\"]{0,2000}?\\{1,3}(?:u003[eE]|x3[eE])"
    rb"|&(?:lt|\#60|\#x3[cC]);/?[A-Za-z](?:(?!&(?:lt|gt|\#6[02]|\#x3[cCeE]);)[^<>]){0,2000}"
    rb"&(?:gt|\#62|\#x3[eE]);"
    rb"|%%3[cC][^<>\s]{0,600}?%%3[eE]"
    rb"|\[/?[a-z]{1,9}(?:=[^\]\n]{0,80})?\]|\{color(?::[^}\n]{1,20})?\}"  # BBCode, Jira
    rb"|\)[ \t\r\n]{0,3}-?[0-9.]{1,12}[ \t\r\n]{0,3}\("  # PDF
    rb"|\}[ \t\r\n]{0,9}\{(?:\\[a-z]{1,20}-?[0-9]{0,9} ?|\\\*|[\r\n]){1,60}" % _LAID_OUT  # RTF
)
_INVISIBLE: Final = (
    rb"\xe2\x80[\x8b-\x8f\xaa-\xae]|\xe2\x81[\xa0-\xaf]|\xef\xbb\xbf|\xc2?\xad|\xcd\x8f|\xe1\xa0\x8e|\xef\xb8[\x80-\x8f]"
    rb"|\\{1,7}u\{?(?:200[b-fB-F]|202[a-eA-E]|206[0-9a-fA-F]|[fF][eE](?:[fF][fF]|0[0-9a-fA-F])|00[aA][dD]|034[fF]"
    rb"|180[eE])\}?"
    rb"|\\{1,7}x(?:e2\\{1,7}x80\\{1,7}x8[b-f]|e2\\{1,7}x81\\{1,7}xa0|ef\\{1,7}xbb\\{1,7}xbf|c2\\{1,7}xad|ad)"
    rb"|&(?:amp;)?(?:shy|ZeroWidthSpace|zwn?j|NoBreak|lrm|rlm"
    rb"|\#(?:820[3-7]|8288|173|847|6158|6503[89]|65279)"
    rb"|\#[xX]0{0,2}(?:200[b-fB-F]|2060|[aA][dD]|34[fF]|180[eE]|[fF][eE](?:[fF][fF]|0[eEfF])));"
    rb"|%[eE]2%80%8[b-fB-F]|%[eE]2%81%[aA]0|%[cC]2%[aA][dD]|%[eE][fF]%[bB][bB]%[bB][fF]"
    rb"|=E2=80=8[B-F]|=C2=AD|=E2=81=A0|=EF=BB=BF"
)
_HYPHEN: Final = (
    rb"\xe2\x80[\x90-\x95]|\xe2\x88\x92|\xef\xb9\xa3|\xef\xbc\x8d"
    rb"|\\{1,7}u\{?(?:201[0-5]|2212|[fF][eE]63|[fF][fF]0[dD])\}?"
    rb"|&(?:amp;)?(?:ndash|mdash|minus|hyphen|dash|\#(?:820[89]|821[0-3]|8722)|\#[xX](?:201[0-5]|2212));"
    rb"|%[eE]2%80%9[0-5]|%[eE]2%88%92|=E2=80=9[0-5]"
    rb"|\\PYZhy\{\}|\{-\}|\\text(?:endash|hyphen|minus)(?:\{\}|[ ])?|-\\/|-\{\}"
)
_UNDERSCORE: Final = (
    rb"\xef\xbc\xbf|\\PYZus\{\}|\\textunderscore(?:\{\}|[ ])?|\{\\_\}|\\char(?:95|`\\_)[ ]?"
    rb"|\\(?:BreakableUnderscore|_)(?:\{\})?|\\{1,7}u[fF][fF]3[fF]"
)
_TEX: Final = (
    rb"\\(?:allowbreak|linebreak|discretionary(?:\{\}){3}|penalty-?[0-9]{1,5}|hspace\{0pt\}|hskip0pt)"
    rb"(?:\{\}|[ ])?"
    rb"|\\[-+/]"
)
_TOKENS: Final = rb"\x08(?:[ ]\x08|%b\[K)?|%b|%b|%b|%b|%b|%b" % (
    _ESC,
    _HYPHEN,
    _UNDERSCORE,
    _INVISIBLE,
    _TERMINAL,
    _TAGS,
    _TEX,
)
_FIRST: Final = re.compile(rb"[\x08\x0e\x0f\r\x1b%&\[\\\]^<){}\x80-\xff]|=[1CE]")
"""A byte that each token has."""

_RUN: Final = re.compile(rb"[A-Za-z0-9_+/%=&;#\\-]{30}")
"""Characters of a line that a key or its encoding may fill."""

_UNSEEN: Final = "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad\u034f\u180e\ufe0e\ufe0f"
"""Characters without width, which web pages, chats and word processors put where a line may break."""

_ENTITIES: Final = (b"&shy;", b"&ZeroWidthSpace;", b"&zwnj;", b"&zwj;", b"&NoBreak;", b"&lrm;", b"&rlm;")


def _forms(character: str) -> Iterator[tuple[bytes, bytes]]:
    """Yield what writes an invisible character, from behind its backslash on, and its first byte."""
    code, octets = ord(character), character.encode()
    yield octets, octets
    yield from ((form % code, b"&#") for form in (b"&#%d;", b"&#x%x;", b"&#x%X;"))
    yield from ((form % code, b"\\") for form in (b"u%04x", b"u%04X"))
    yield from ((form * len(octets) % (*octets,), form[:1]) for form in (b"%%%02X", b"=%02X"))
    yield b"x%02x" % octets[-1], b"\\"


_BREAKS: Final = (
    *((text, b"") for text in (b"<wbr>", b"<wbr/>", b"<wbr />")),
    *((text, text) for text in _ENTITIES),
    *(form for character in _UNSEEN for form in _forms(character)),
)
"""Places to break a line behind, before or between characters, and the beginning of another."""

_UNDERSCORES: Final = (
    *(b"\\PYZus{}", b"{\\_}", b"\\textunderscore{}", b"\\textunderscore ", b"\\+\\_\\+", b"\\_\\+"),
    *(b"\xef\xbc\xbf", b"\\char`\\_", b"\\char95 ", b"\\_\\allowbreak ", b"\\_\\allowbreak{}"),
)


_QUOTE: Final = rb"(?:\\{0,7}(?:\"\"\"|'''|[\"'`])|&(?:quot|apos|\#3[49]);)"
_GAP: Final = (
    rb"(?:[ \t\r\n]|\\{1,7}[nrt]|/\*.{0,200}?\*/|(?://|\#|--|%|!)[^\n]{0,200}\n|\.\.\.[^\n]{0,80}\n"
    rb"|[&_\\^][ \t]{0,9}\r?\n[ \t]{0,60}&?){0,80}+"
)
_CALL: Final = rb"(?:[A-Za-z_][\w.:]{0,40}\()?"
_OPERATOR: Final = (
    rb"(?:\)?%(g)b(?:\+\+?|\.\.?|&(?:amp;)?|\|\||<[>+]?|<<|&lt;&gt;|~|%%|\*|\^|//|,"
    rb"|\.[ ]?(?:concat|append|Append|push|push_str|plus|write)\("
    rb"|;?%(g)b\$?[A-Za-z_][\w.]{0,40}[ ]?(?:\+|\.|\|\||<>|\*|&)=|;%(g)b[\w.]{1,40}[ ]?<<))?" % {b"g": _GAP}
)
_TEXT_FIELD: Final = rb"(?:log|message|msg|text|line|content|output|body|data|MESSAGE)"
_FIELD: Final = rb"\"[^\"\\\n]{1,40}\":[ ]?(?:\"[^\"\\\n]{0,80}\"|[0-9.]{1,20}|true|false|null)"
_RECORDS: Final = rb"\"(?:,[ ]?%b){0,6}+[ ]?\}\r?\n\{[ ]?(?:(?!\"%b\")%b,[ ]?){0,6}+\"%b\":[ ]?\"" % (
    _FIELD,
    _TEXT_FIELD,
    _FIELD,
    _TEXT_FIELD,
)
"""The end of one record and the beginning of the next: Docker cuts a line of 16 KiB into records."""

_JOINTS: Final = rb"%(q)b%(g)b%(o)b%(g)b%(c)b[bfrRuUL@$]{0,2}%(q)b|\\[ \t]{0,9}\r?\n[ \t\r\n]{0,60}\\" % {
    b"q": _QUOTE,
    b"g": _GAP,
    b"o": _OPERATOR,
    b"c": _CALL,
}


def _either(name: bytes, characters: str, encoding: str) -> bytes:
    return b"(?P<%b>%b)" % (
        name,
        b"|".join(re.escape(character.encode(encoding)) for character in characters),
    )


_HYPHENS: Final = "\u2010\u2011\u2012\u2013\u2212"
_WIDE: Final = b"|".join(
    _either(name, characters, encoding)
    for name, characters, encoding in (
        (b"a", _UNSEEN, "utf-16-le"),
        (b"b", _HYPHENS, "utf-16-le"),
        (b"c", _UNSEEN, "utf-16-be"),
        (b"d", _HYPHENS, "utf-16-be"),
    )
)


def spell(prefix: bytes) -> Iterator[Spelling]:
    """Yield a part of a prefix with ``_`` in the ways that only this form reads."""
    for name in _UNDERSCORES:
        yield prefix[1:5].replace(b"_", name), 0
    for mark, other in _BREAKS:
        # Any number of backslashes may be before one.
        if other == b"\\":
            yield from ((mark + rest, 0) for rest in (prefix[3:6], prefix[2:5], b"_\\"))
        else:
            forms = (b"_" + mark + prefix[3:5], mark + prefix[2:5], mark + b"_" + other)
            yield from ((prefix[1:2] + form, 0) for form in forms)
    # Bold, as terminals without colours have it.
    yield b"".join(b"%c\b%c" % (byte, byte) for byte in prefix[1:4]), 0


def spell_wide(prefix: bytes) -> Iterator[Spelling]:
    """Yield a part of a prefix in UTF-16 with a character without width at ``_``; it begins at a low byte."""
    for mark in _UNSEEN:
        for encoding in ("utf-16-le", "utf-16-be"):
            skipped = encoding == "utf-16-be"
            text = prefix[1:5].decode()
            for marked in (text.replace("_", "_" + mark), text.replace("_", mark + "_"), mark.join(text[:3])):
                wide = marked.encode(encoding)
                yield wide[skipped : len(wide) - (not skipped)], 0


def read(text: bytes, at: int, _phase: int, _low: int) -> Iterator[Reading]:
    """Read the text around an offset as a person sees it."""
    yield _strip(text, at, NAME, _TOKENS)


def read_joined(text: bytes, at: int, _phase: int, _low: int) -> Iterator[Reading]:
    """Read code around an offset as if adjacent literals were one; and a long line cut into records."""
    yield _strip(text, at, JOINED, _JOINTS)
    if compile_pattern(rb"\}\r?\n\{").search(text, max(at - BACK, 0), at + BACK):
        yield _strip(text, at, JOINED, _RECORDS)


def read_wide(text: bytes, at: int, _phase: int, _low: int) -> Iterator[Reading]:
    """Read UTF-16 without invisible characters, still as UTF-16; ``at`` is the low byte of a character."""
    pieces = Pieces()
    low, high = max(at - BACK, 0), min(at + AHEAD, len(text))
    last = low
    for found in compile_pattern(_WIDE).finditer(text, low, high):
        begin, end = found.span()
        is_little = found.lastgroup in ("a", "b")
        if (begin - at) % 2 == (not is_little):
            pieces.add(text, last, begin)
            last = end
            if found.lastgroup in ("b", "d"):
                pieces.put(b"-\0" if is_little else b"\0-", begin, end)
    if last > low:
        pieces.add(text, last, high)
    yield pieces.reading(WIDE_NAME, low, high)


def _strip(text: bytes, at: int, name: str, tokens: bytes) -> Reading:
    low, high = max(at - BACK, 0), min(at + AHEAD, len(text))
    if name == NAME and not _FIRST.search(text, low, high):
        return read_parts(name, [], [], low, high, doubt=1)
    parts = split_at(tokens, text[low:high])
    found = {token: _seen_as(token) if name == NAME else b"" for token in set(parts[1::2])}
    decoded = parts.copy()
    decoded[1::2] = map(found.__getitem__, parts[1::2])
    if b"\b" in found.values():
        _remove_overwritten(decoded)
    reading = read_parts(name, parts, decoded, low, high, doubt=1)
    # Without a token it is the text that was searched before.
    if len(parts) > 1 and _RUN.search(reading.data):
        return reading
    return read_parts(name, [], [], low, high, doubt=1)


def _seen_as(token: bytes) -> bytes:
    """Return the character that a person sees for a token; a backspace for one that takes the last away."""
    if token.startswith(b"\b"):
        return b"\b"
    if compile_pattern(_HYPHEN).fullmatch(token):
        return b"-"
    return b"_" if compile_pattern(_UNDERSCORE).fullmatch(token) else b""


def _remove_overwritten(decoded: list[bytes]) -> None:
    """Remove from parts the last character before each backspace, and these."""
    counts = list(map(len, decoded))
    filled: list[int] = []
    """Numbers of the parts that something is left of."""
    for number, part in enumerate(decoded):
        if number % 2 and part == b"\b":
            counts[number] = 0
            if filled:
                counts[filled[-1]] -= 1
                if not counts[filled[-1]]:
                    filled.pop()
        elif part:
            filled.append(number)
    decoded[:] = [part[:count] for part, count in zip(decoded, counts, strict=True)]
