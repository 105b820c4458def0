"""Breaks between the lines of an encoded text, with the beginnings of lines and the fields of records.

Lines of one length end with as many characters as the first one has. Whatever precedes them is their
beginning: a number, a time, a name, the fields of a record. It is read from the first two lines.
"""

from __future__ import annotations

import functools
import re

_BREAK = (
    rb"(?:\r{0,2}\n|\r|(?:\\{1,7}r)?\\{1,7}n|%0[dD]%0[aA]|%0[aA]"
    rb"|&#(?:1[03]|[xX]0?[aAdD]);|<br ?/?>|=0[dD]=0[aA])"
)
_JOINED = rb"[\"'][ \t]{0,9}[,+.]?[ \t]{0,9}(?:\\?\r?\n[ \t]{0,60})?[+.]?[ \t]{0,9}[bru]?[\"']"


def _lines(sign: bytes) -> bytes:
    """Return a pattern of what is between two lines, with a sign of comments or quotations in the second."""
    return (
        rb"[ \t]{0,9}[=\\^`$|]?"
        + _BREAK
        + rb"[ \t]{0,60}(?:%b)?(?:[\"'][,+.]?[ \t\r\n]{0,60}[\"'])?|" % sign
        + _JOINED
    )


LINES = _lines(rb"(?:#|//(?= )|[>|*]) ?")
LINES_OF_SIGNS = _lines(rb"(?:#|//|[>|*]) ")
"""The same for an encoding whose characters include these signs: without a blank they are data."""

MARGIN_BYTES = 700
"""Bytes at the end of a buffer that are left for the next one: more than the longest separator has."""

GUTTER_BYTES = 2048
"""Bytes in which the beginning of the lines of a text is searched for."""

_MAX_BEGINNING_BYTES = 80
_MAX_RECORD_BYTES = 600
_MIN_COLUMNS = 16


_FIRST_BREAK = re.compile(_BREAK)
_DIGITS = re.compile(rb"[ ]*[0-9]+")


@functools.lru_cache(maxsize=64)
def compile_tokens(pattern: bytes) -> re.Pattern[bytes]:
    """Return a compiled pattern; those of the latest texts are kept."""
    return re.compile(pattern)


def find_joint(head: bytes, tokens: bytes, alphabet: bytes) -> bytes:
    """Return a pattern of what is between two lines, with ``|`` behind it; empty for a plain break.

    Args:
        head: the first bytes of a text.
        tokens: the pattern of a token of its encoding.
        alphabet: all characters with data, of an encoding whose groups are all valid.
    """
    if b"\n" not in head and b"\\n" not in head:
        return b""
    token = compile_tokens(tokens)
    first = token.match(head)
    if first is None or not first.lastindex or first.end() < _MIN_COLUMNS:
        return b""
    columns = first.end()
    found = _FIRST_BREAK.match(head, columns)
    if found is None:
        return _find_record(head, columns, alphabet)
    following = _FIRST_BREAK.search(head, found.end())
    line = head[found.end() : following.start() if following else len(head)]
    for size in range(len(line) - columns, 0, -1) if following else range(1, _MAX_BEGINNING_BYTES):
        beginning = line[:size]
        if size > _MAX_BEGINNING_BYTES or not beginning.strip(b" \t#>|*"):
            break
        rest = token.fullmatch(line, size)
        # A beginning of nothing but data is the end of a line that begins before the text.
        if rest is not None and rest.lastindex and not beginning.isalnum() and not token.fullmatch(beginning):
            return re.escape(found[0]) + _shape(beginning) + b"|"
        if following:
            break
    return _find_record(head, columns, alphabet)


def _find_record(head: bytes, columns: int, alphabet: bytes) -> bytes:
    """Return a pattern of what is between two values of records; empty for none.

    The second value is as long as the first, or the longest text of its record.
    """
    if not alphabet:
        return b""
    area = head[: columns + _MAX_RECORD_BYTES + columns]
    run = compile_tokens(b"[" + re.escape(alphabet) + b"]{%d,}" % _MIN_COLUMNS)
    runs = [found.span() for found in run.finditer(area, columns)]
    if not runs:
        return b""
    start, _ = max(runs, key=lambda span: min(span[1] - span[0], columns))
    record = area[columns:start]
    return _shape(record) + b"|" if record.count(b'"') > 1 and len(record) <= _MAX_RECORD_BYTES else b""


def _shape(beginning: bytes) -> bytes:
    """Return a pattern of the beginning of a line, in which numbers differ from line to line."""
    parts, digits = _DIGITS.split(beginning), _DIGITS.findall(beginning)
    # A line number may get longer; digits next to the data do not.
    numbers = [b"[ ]*[0-9]+" if number[:1] == b" " else b"[0-9]{%d}" % len(number) for number in digits]
    if digits and not parts[-1]:
        numbers[-1] = b"[ 0-9]{%d}" % len(digits[-1])
    return b"".join(re.escape(part) + number for part, number in zip(parts, [*numbers, b""], strict=True))
