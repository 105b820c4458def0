"""Detection of RTF: its escapes look like those with a backslash, but have another meaning."""

from __future__ import annotations

import re
from typing import Final

from boltz_keyscan.records import dataclass

_MAX_BYTES: Final = 20
"""Bytes of the longest control word."""

_WORD = re.compile(
    rb"\\(?:rtf1|pard|fs[0-9]{1,3}|cf[0-9]{1,3}|lang[0-9]{1,5}|insrsid[0-9]{1,9})(?![A-Za-z0-9])"
)
"""A control word that only RTF has."""

_BEGINNING = re.compile(rb"\\(?:rtf1|pard|fs[0-9]|cf[0-9]|lang[0-9]|insrsid[0-9])")
"""The beginning of each control word, whatever follows."""


@dataclass(slots=True)
class ControlWords:
    """A search of one text for control words, up to offsets that grow; each byte is searched once."""

    are_found: bool = False
    next_from: int = 0
    """The end of the part in which none begins."""
    _searched: int = 0
    """The end of the part that was searched."""

    def are_before(self, text: bytes, base: int, at: int) -> bool:
        """Return True if there are control words before an offset of a text, whose own offset is ``base``."""
        if not self.are_found and base + at > max(self._searched, self.next_from):
            low = max(self._searched - base - _MAX_BYTES, 0)
            self.are_found = _WORD.search(text, low, at) is not None
            self._searched = base + at
            following = _BEGINNING.search(text, max(at - _MAX_BYTES, 0))
            self.next_from = base + (following.start() if following else len(text) - _MAX_BYTES)
        return self.are_found
