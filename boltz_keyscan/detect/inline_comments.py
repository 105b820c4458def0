"""Suppression comments beside a key: on its line, or on the line above.

Any comment syntax is accepted, because only the words are searched for. The comments are
returned redacted; ``triage`` decides if they suppress the key.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from boltz_keyscan.columns import width_of
from boltz_keyscan.detect import redact
from boltz_keyscan.detect.surroundings import AFTER, BEFORE
from boltz_keyscan.model.suppression import Comment

if TYPE_CHECKING:
    from boltz_keyscan.detect.readings import Key

_MAX_REASON_CHARS = 200

_MARKERS = (b"boltz-keyscan:", b"gitleaks:allow", b"pragma:")

_ENDS = r"(?![\w-])"
_OWN = re.compile(rf"boltz-keyscan:[ \t]*ignore{_ENDS}(?:[ \t]*=(.*))?")
_ON_LINE = (
    ("boltz-keyscan", _OWN),
    ("gitleaks", re.compile(rf"gitleaks:allow{_ENDS}()")),
    ("detect-secrets", re.compile(rf"pragma:[ \t]?(?:allow|white)list[ \t]+secret{_ENDS}()")),
)
_ABOVE = (
    ("boltz-keyscan", _OWN),
    ("detect-secrets", re.compile(rf"pragma:[ \t]?(?:allow|white)list[ \t]+nextline[ \t]+secret{_ENDS}()")),
)
"""For the other scanners see github.com/gitleaks/gitleaks README, "gitleaks:allow", and
github.com/Yelp/detect-secrets README, "Inline Allowlisting"."""

_CLOSING = ("*/", "-->", "#}", "%>", "*)", "]]", "|#", "\\n", '"', "'", ",", ";")
"""Ends of a comment, or of the JSON string that has it in a notebook."""

_TOKEN = re.compile(r"[A-Za-z0-9_-]{12,}")
"""A run that may be a part of a key, cut or wrapped; reasons are made of words."""

_LONG_WORD = re.compile(rb"[A-Za-z0-9_]{12}")
"""More than is in any word before a comment that is alone in its line."""

_ALONE = re.compile(r"(?:[^\w]|\b(?:rem|dnl))*", re.IGNORECASE)


def inline_comments(window: bytes, base: int, key: Key, redaction: redact.Redaction) -> tuple[Comment, ...]:
    """Return the comments beside a key.

    A comment is read in the text of the blob, not in an encoding that the key is in, because a
    reader does not see it there. Only UTF-16 and UTF-32 are decoded, because the whole line is.

    The line above counts only if it has nothing but the comment: a comment after one key must
    not suppress the key on the next line.

    Args:
        window: bytes of the blob, from its start or from ``BEFORE`` bytes before the key.
        base: the offset of the window in the blob.
        key: the key, encoded or not.
        redaction: the redaction applied to reasons.
    """
    start, end, body = key.start - base, key.end - base, key.secret
    coding = key.chain[0] if key.chain and key.chain[0].startswith("utf-") else ""
    # In whole characters from the key: ``BEFORE`` is a multiple of any width.
    low = max(start - BEFORE, start % width_of(coding) if coding else 0)
    near = window[low : end + AFTER]
    near = near.replace(b"\0", b"") if coding else near
    if not any(marker in near for marker in _MARKERS):
        return ()
    before = _read(window[low:start], coding).split(b"\n")
    after = _read(window[end : end + AFTER], coding).split(b"\n", 1)
    comments = []
    own = before[-1] + redact.MARK + after[0]
    line = _line(own, redaction, body) if _first_marker(own) >= 0 else ""
    for marker, form in _ON_LINE:
        if comment := form.search(line):
            comments.append(Comment(marker, _reason(comment[1])))
    # A line that begins before the window may have anything on it.
    whole = len(before) > 2 or (len(before) == 2 and start < BEFORE)
    above = _line(before[-2], redaction, body) if whole and _may_be_alone(before[-2]) else ""
    for marker, form in _ABOVE:
        comment = form.search(above)
        if comment and _ALONE.fullmatch(above, 0, comment.start()):
            comments.append(Comment(marker, _reason(comment[1])))
    return tuple(dict.fromkeys(comments))


def _first_marker(line: bytes) -> int:
    """Return the offset of the first marker in a line without NULs, or -1."""
    text = redact.without_nul(line)
    return min((at for at in map(text.find, _MARKERS) if at >= 0), default=-1)


def _may_be_alone(line: bytes) -> bool:
    """Return False if no marker is in the line, or a long word before it, which redaction keeps a word."""
    first = _first_marker(line)
    return first >= 0 and not _LONG_WORD.search(redact.without_nul(line), 0, first)


def _read(raw: bytes, coding: str) -> bytes:
    """Return text of two or four bytes a character as UTF-8, and other bytes unchanged."""
    return raw.decode(coding, "replace").encode() if coding else raw


def _line(raw: bytes, redaction: redact.Redaction, body: bytes) -> str:
    """Return a line, redacted; without tabs and the byte order mark, whose escapes would be words."""
    return redact.redact(raw.removeprefix(b"\xef\xbb\xbf").replace(b"\t", b" ").strip(), redaction, body)


def _reason(text: str | None) -> str:
    # In a loop: a regular expression for any number of these takes exponential time.
    reason, before = (text or "").strip(), None
    while reason != before:
        before = reason
        for closing in _CLOSING:
            reason = reason.removesuffix(closing).rstrip()
    return redact.without_random(_TOKEN.sub(_redact_token, reason))[:_MAX_REASON_CHARS]


def _redact_token(token: re.Match[str]) -> str:
    """Return a word, or a mark for any other token: words have neither digits nor capitals inside."""
    text = token.group()
    return redact.REDACTED if any(char.isdigit() or char.isupper() for char in text[1:]) else text
