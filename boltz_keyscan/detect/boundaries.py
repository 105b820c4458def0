r"""Boundaries of exact prefixes, which other words have too: ``shr_`` is in ``x86_shr_imm``.

No letter, digit or ``_`` may be before such a prefix, unless it ends an escape: in ``\nshr_`` and
``%3Dshr_`` the character before is not that letter.
"""

from __future__ import annotations

import re
from typing import Final

from boltz_keyscan.detect.classify import KEY_BODY
from boltz_keyscan.detect.split_keys import FIRST
from boltz_keyscan.rules import is_exact

_ESCAPES: Final = (
    rb"\\[abefnrtv0]",
    # With ``#``, as rsyslog writes it.
    rb"[\\#][0-3][0-7]{2}",
    rb"\\x[0-9A-Fa-f]{2}",
    rb"\\u[0-9A-Fa-f]{4}",
    rb"\\U[0-9A-Fa-f]{8}",
    rb"[%=][0-9A-Fa-f]{2}",
    # The end of a colour of a terminal; the longest has a style and 24 bits.
    *(rb"\[[0-9;]{%d}[mK]" % size for size in range(20)),
)
"""Escapes before a secret, each of one length."""

LEFT: Final = b"(?:(?<![A-Za-z0-9_])|%b)" % b"|".join(b"(?<=%b)" % escape for escape in _ESCAPES)
"""A place where an exact prefix may begin."""

BEFORE: Final = 160
"""Bytes before a prefix that decide if it may begin a secret: an escape, or an address and its length."""

AFTER: Final = 4 * KEY_BODY
"""Bytes after a prefix that decide if it may begin a secret: a body, and what breaks it."""

_ZEROS: Final = (1, 3, 7)
"""Zeros behind the lowest byte of a length of 16, 32 or 64 bits."""

_HALF: Final = KEY_BODY // 2
"""Characters from which a secret that was cut is removed from text."""

_LEFT: Final = re.compile(LEFT)
_TEXT: Final = re.compile(rb"[ -~]*+")
_RUN: Final = re.compile(rb"[A-Za-z0-9_-]*+")
_CAPITAL: Final = re.compile(rb"[A-Z]")
_CAPITALS: Final = re.compile(rb"(?:[^A-Z]*+[A-Z]){3}")
"""Of the 43 characters of a body, 17 are capitals; one of 10 million has fewer than three."""


def after_boundary(prefix: bytes) -> bytes:
    """Return a pattern of a prefix after a boundary.

    It begins with the prefix: looking behind first would be tried at each byte, and takes ten times as long.
    """
    text = re.escape(prefix)
    escapes = b"|".join(b"(?<=%b%b)" % (escape, text) for escape in _ESCAPES)
    return b"%b(?:(?<![A-Za-z0-9_]%b)|%b)" % (text, text, escapes)


def may_be_secret(text: bytes, at: int, stop: int) -> bool:
    """Return True if the exact prefix ``text[at:stop]`` may begin a secret, whole or broken.

    Most are parts of names, and end here.
    """
    if not _LEFT.match(text, at):
        return False
    end = _RUN.match(text, stop).end()  # type: ignore[union-attr]  # it may be empty
    size = len(text[stop:end].rstrip(b"-_"))
    if size >= KEY_BODY or end == len(text):
        return size <= KEY_BODY or ends_by_length(text, at, stop + KEY_BODY)
    # Names of code end in what may break a body, too, but hardly one has a capital behind this prefix.
    is_broken = text[end : end + 1] in FIRST and _CAPITALS.match(text, stop) is not None
    return is_broken or _CAPITAL.search(text, stop, end) is not None


def ends_by_length(text: bytes, at: int, stop: int) -> bool:
    """Return True if the string that a secret ends has its length before it, as binary formats write it.

    Pickles, protocol buffers, bytecode and others have no boundary behind a string. The length has one byte,
    behind another one at most that is a character (the type), or more, the lowest first, that are 0.

    Args:
        text: the bytes around the secret.
        at: the offset of the secret in them.
        stop: its end.
    """
    before = text[max(at - BEFORE, 0) : at]
    start = len(before) - _TEXT.match(before[::-1]).end()  # type: ignore[union-attr]  # it may be empty
    length = stop - at + len(before) - start
    number = before[:start].rstrip(b"\0")
    if start - len(number) in _ZEROS and number[-1:] == bytes([length]):
        return True
    return start > 0 and any(
        before[start + skipped - 1 : start + skipped] == bytes([length - skipped]) for skipped in range(3)
    )


def with_boundaries(prefix: bytes, pattern: bytes, character: bytes) -> bytes:
    """Return the pattern of a prefix to redact; of an exact one where a body as long as a secret follows.

    After a boundary half of it is enough: it may be a secret that was cut.
    """
    if not is_exact(prefix):
        return pattern
    longer = rb"%b(?=%b{%d})" % (pattern, character, KEY_BODY)
    return rb"(?:%b|%b%b(?=%b{%d}))" % (longer, LEFT, pattern, character, _HALF)


def no_other(prefixes: tuple[bytes, ...]) -> bytes:
    """Return a pattern of a place where no other key begins."""
    others = b"|".join(re.escape(prefix) for prefix in prefixes if not is_exact(prefix))
    return b"(?!%b)" % others if others else b""
