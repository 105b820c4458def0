r"""Boundaries of exact prefixes, which other words have too: ``shr_`` is in ``x86_shr_imm``.

No letter, digit or ``_`` may be before such a prefix, unless it ends an escape: in ``\nshr_`` and
``%3Dshr_`` the character before is not that letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from boltz_keyscan.detect.classify import KEY_BODY
from boltz_keyscan.detect.split_keys import FIRST
from boltz_keyscan.rules import is_exact

_ESCAPES: Final = (
    rb"\\[abefnrtv0]",
    rb"\\[0-3][0-7]{2}",
    rb"\\x[0-9A-Fa-f]{2}",
    rb"\\u[0-9A-Fa-f]{4}",
    rb"\\U[0-9A-Fa-f]{8}",
    rb"[%=][0-9A-Fa-f]{2}",
    # The end of a colour of a terminal.
    *(rb"\[%b[mK]" % number for number in (b"", rb"[0-9]", rb"[0-9]{2}", rb"[0-9];[0-9]{2}")),
)
"""Escapes before a secret, each of one length."""

LEFT: Final = b"(?:(?<![A-Za-z0-9_])|%b)" % b"|".join(b"(?<=%b)" % escape for escape in _ESCAPES)
"""A place where an exact prefix may begin."""

BEFORE: Final = 10
"""Bytes of the longest escape."""

AFTER: Final = 2 * KEY_BODY
"""Bytes after a prefix that decide if it may begin a secret."""

_LEFT: Final = re.compile(LEFT)
_RUN: Final = re.compile(rb"[A-Za-z0-9_-]*+")


def any_prefix(prefixes: Iterable[bytes]) -> bytes:
    """Return a pattern of any prefix, an exact one only after a boundary."""
    return b"|".join(
        LEFT + re.escape(prefix) if is_exact(prefix) else re.escape(prefix) for prefix in prefixes
    )


def may_be_secret(text: bytes, at: int, stop: int) -> bool:
    """Return True if the exact prefix ``text[at:stop]`` may begin a secret, whole or broken.

    Most are parts of names, and end here.
    """
    if not _LEFT.match(text, at):
        return False
    end = _RUN.match(text, stop).end()  # type: ignore[union-attr]  # it may be empty
    size = len(text[stop:end].rstrip(b"-_"))
    return size == KEY_BODY or (size < KEY_BODY and (end == len(text) or text[end : end + 1] in FIRST))
