"""Escapes of RTF, and detection of RTF: its escapes look like others but have another meaning."""

from __future__ import annotations

import re
from typing import Final

ESCAPES: Final = (
    rb"\\(?:'(?P<x>[0-9A-Fa-f]{2})|u(?P<d>[0-9]{1,3}) ?(?:\?|\\'[0-9A-Fa-f]{2})"
    rb"|(?P<h>_)|-|(?P<n>[\\{}~]))"
)
"""Numbered characters; non-breaking and optional hyphens; a blank; escaped signs."""

WORD: Final = 20
"""Bytes of the longest control word."""

_WORD = re.compile(
    rb"\\(?:rtf1|pard|fs[0-9]{1,3}|cf[0-9]{1,3}|lang[0-9]{1,5}|insrsid[0-9]{1,9})(?![A-Za-z0-9])"
)


_BEGINNING = re.compile(rb"\\(?:rtf1|pard|fs[0-9]|cf[0-9]|lang[0-9]|insrsid[0-9])")
"""The beginning of each control word, whatever follows."""


def find_beginning(text: bytes, low: int) -> int:
    """Return the offset before which no control word begins in ``text[low:]``."""
    found = _BEGINNING.search(text, low)
    return found.start() if found else len(text) - WORD


def is_rtf(text: bytes, low: int, high: int) -> bool:
    """Return True if ``text[low:high]`` has a control word that only RTF has."""
    return _WORD.search(text, low, high) is not None
