"""RTF: its escapes, which begin as those of other texts do and mean something else, and how it is known.

Boundary: patterns; reading by them is ``codecs``, which texts they are read in is ``dig``.
"""

from __future__ import annotations

import re
from typing import Final

ESCAPES: Final = (
    rb"\\(?:'(?P<x>[0-9A-Fa-f]{2})|u(?P<d>[0-9]{1,3}) ?(?:\?|\\'[0-9A-Fa-f]{2})"
    rb"|(?P<h>_)|-|(?P<n>[\\{}~]))"
)
"""Characters by their number; a hyphen that does not break, one that is optional, a blank; signs as such."""

WORD: Final = 20
"""Bytes of the longest word by which it is known."""

_WORD = re.compile(
    rb"\\(?:rtf1|pard|fs[0-9]{1,3}|cf[0-9]{1,3}|lang[0-9]{1,5}|insrsid[0-9]{1,9})(?![A-Za-z0-9])"
)


def is_rtf(text: bytes, low: int, high: int) -> bool:
    """Return whether a part of a text has words of RTF, which no other markup has."""
    return _WORD.search(text, low, high) is not None
