"""Comments beside a key that ask to let it pass: on its line, or on the line above.

Any comment syntax will do, because only the words are looked for. What they mean for the
verdict is for ``triage``: here they are noted, redacted, and nothing is let pass.

Boundary: a window of bytes to ``Comment``; looks as far as ``surroundings`` does.
"""

from __future__ import annotations

import re

from boltz_keyscan.detect import redact
from boltz_keyscan.detect.surroundings import AFTER, BEFORE
from boltz_keyscan.model.suppression import Comment

_LONGEST = 200
"""Characters of a reason that are kept."""

_NEEDLES = (b"boltz-keyscan:", b"gitleaks:allow", b"pragma:")

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
"""The two others: github.com/gitleaks/gitleaks README, "gitleaks:allow", and
github.com/Yelp/detect-secrets README, "Inline Allowlisting"."""

_CLOSING = ("*/", "-->", "#}", "%>", "*)", "]]", "|#", "\\n", '"', "'", ",", ";")
"""What ends a comment, or the JSON string that a notebook keeps it in."""

_TOKEN = re.compile(r"[A-Za-z0-9_-]{12,}")
"""What a part of a key looks like, in whatever way it was cut or wrapped; reasons are made of words."""

_ALONE = re.compile(r"(?:[^\w]|\b(?:rem|dnl)\b)*", re.IGNORECASE)


def inline_comments(
    window: bytes,
    start: int,
    end: int,
    redaction: redact.Redaction,
    chain: tuple[str, ...] = (),
    *,
    body: bytes = b"",
) -> tuple[Comment, ...]:
    """The comments beside the key in ``window[start:end]``.

    They are those of the text as it stands, also when the key is encoded there: what is
    encoded with the key is no comment that anybody sees. Only UTF-16 and UTF-32 are read
    first, because there the whole line is.

    The line above counts only when nothing but the comment stands on it: a remark behind
    one key must not let the key on the next line pass.

    Args:
        window: bytes of the blob, from its start or from ``BEFORE`` bytes before the key.
        start: where in it the key begins, encoded or not.
        end: where it ends.
        redaction: what to remove from reasons.
        chain: how the key is encoded, the outermost first.
        body: the key's body, no part of which may be shown.
    """
    coding = chain[0] if chain and chain[0].startswith("utf-") else ""
    # In whole characters from the key: ``BEFORE`` is a multiple of any width.
    low = max(start - BEFORE, start % (int(coding[4:6]) // 8) if coding else 0)
    near = window[low : end + AFTER]
    near = near.replace(b"\0", b"") if coding else near
    if not any(needle in near for needle in _NEEDLES):
        return ()
    before = _read(window[low:start], coding).split(b"\n")
    after = _read(window[end : end + AFTER], coding).split(b"\n", 1)
    found = []
    line = _line(before[-1] + redact.REDACTED.encode() + after[0], redaction, body)
    for marker, form in _ON_LINE:
        if told := form.search(line):
            found.append(Comment(marker, _reason(told[1])))
    # A line of which the beginning is out of sight may have anything on it.
    whole = len(before) > 2 or (len(before) == 2 and start < BEFORE)
    above = _line(before[-2], redaction, body) if whole else ""
    for marker, form in _ABOVE:
        told = form.search(above)
        if told and _ALONE.fullmatch(above, 0, told.start()):
            found.append(Comment(marker, _reason(told[1])))
    return tuple(dict.fromkeys(found))


def _read(raw: bytes, coding: str) -> bytes:
    """Text of two or four bytes a character as UTF-8; other bytes as they are."""
    return raw.decode(coding, "replace").encode() if coding else raw


def _line(raw: bytes, redaction: redact.Redaction, body: bytes) -> str:
    """A line, redacted; without what would become an escape, and so a word, on the way."""
    return redact.redact(raw.removeprefix(b"\xef\xbb\xbf").replace(b"\t", b" ").strip(), redaction, body)


def _reason(text: str | None) -> str:
    # In a loop: an expression that takes any number of any of these takes exponential time.
    reason, before = (text or "").strip(), None
    while reason != before:
        before = reason
        for closing in _CLOSING:
            reason = reason.removesuffix(closing).rstrip()
    return redact.without_random(_TOKEN.sub(_shown, reason))[:_LONGEST]


def _shown(token: re.Match[str]) -> str:
    """A word, or a mark for what is none: words have neither digits nor capitals inside."""
    text = token.group()
    return redact.REDACTED if any(char.isdigit() or char.isupper() for char in text[1:]) else text
