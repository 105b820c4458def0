"""Lines and columns of offsets in a blob that may be UTF-8, UTF-16 or UTF-32.

UTF-8 is counted in every blob, because a blob that begins as UTF-16 may have plain keys too.
"""

from __future__ import annotations

import sys
from array import array
from typing import Final

from boltz_keyscan.records import dataclass, field

_UTF8_MARK: Final = b"\xef\xbb\xbf"
_MARKS: Final = (
    (b"\xff\xfe\0\0", "utf-32le"),
    (b"\0\0\xfe\xff", "utf-32be"),
    (b"\xff\xfe", "utf-16le"),
    (b"\xfe\xff", "utf-16be"),
)
_HEAD: Final = 4096
"""Bytes in which UTF-16 and UTF-32 without a byte order mark are detected."""

_CONTINUATION: Final = bytes(range(0x80, 0xC0))
_NOT_ASTRAL: Final = bytes(range(0xF0))
_TRAILING: Final = bytes(range(0xDC, 0xE0))
_TYPES: Final = {2: "H", 4: "I"}


def coding_of(head: bytes) -> str:
    """Return the coding of a text of two or four bytes a character from its beginning, or ""."""
    for mark, coding in _MARKS:
        if head.startswith(mark):
            return coding
    nuls = [head[at : _HEAD - _HEAD % 4 : 4].count(0) for at in range(4)]
    some = len(head[:_HEAD]) // 12 + 1
    for coding, filled, empty in (
        ("utf-32le", (1, 2, 3), (0,)),
        ("utf-32be", (0, 1, 2), (3,)),
        ("utf-16le", (1, 3), (0, 2)),
        ("utf-16be", (0, 2), (1, 3)),
    ):
        # A character such as U+0100 has its NUL at the other place: few may.
        least = min(nuls[at] for at in filled)
        if least >= some and all(2 * nuls[at] <= least for at in empty):
            return coding
    return ""


def width_of(coding: str) -> int:
    """Return the bytes of a code unit of UTF-16 or UTF-32."""
    return int(coding[4:6]) // 8


@dataclass(slots=True)
class Place:
    """A line, counted from 0, and a column in it."""

    line: int = 0
    characters: int = 0
    units: int = 0
    """UTF-16 code units, as SARIF counts."""


@dataclass(slots=True)
class Ruler:
    """A counter of line and column at an offset that only moves forward."""

    at: int = 0
    coding: str = ""
    """The coding of the blob, if it has two or four bytes a character."""
    plain: Place = field(default_factory=Place)
    wide: Place = field(default_factory=Place)
    _rest: bytes = b""

    def place(self, coding: str) -> Place:
        """Return the place of a text in a coding: the wide one if the whole blob has that coding."""
        return self.wide if coding and coding == self.coding else self.plain

    def begin(self, head: bytes) -> None:
        """Detect the coding from the beginning of the blob, before the first ``advance``."""
        self.coding = coding_of(head)
        if head.startswith(_UTF8_MARK):
            # Editors and SARIF viewers do not count the byte order mark.
            self.plain.characters = self.plain.units = -1
        if any(head.startswith(mark) for mark, coding in _MARKS if coding == self.coding):
            self.wide.characters = self.wide.units = -1

    def advance(self, passed: bytes) -> None:
        """Move over ``passed``, the bytes that follow ``at``."""
        self.at += len(passed)
        if self.coding:
            self._advance_wide(passed)
        place = self.plain
        breaks = passed.count(b"\n")
        if breaks:
            place.line += breaks
            place.characters = place.units = 0
            passed = passed[passed.rindex(b"\n") + 1 :]
        if passed.isascii():
            place.characters += len(passed)
            place.units += len(passed)
            return
        # A character is any byte that does not continue a UTF-8 sequence: exact for UTF-8,
        # and it adds up over arbitrary cuts, which decoding does not.
        characters = len(passed.translate(None, _CONTINUATION))
        place.characters += characters
        place.units += characters + len(passed.translate(None, _NOT_ASTRAL))

    def _advance_wide(self, passed: bytes) -> None:
        width, little = width_of(self.coding), self.coding.endswith("le")
        passed = self._rest + passed
        whole = len(passed) - len(passed) % width
        passed, self._rest = passed[:whole], passed[whole:]
        newline = (10).to_bytes(width, "little" if little else "big")
        place = self.wide
        if newline in passed:
            numbers = array(_TYPES[width], passed)
            if breaks := numbers.count(int.from_bytes(newline, sys.byteorder)):
                place.line += breaks
                place.characters = place.units = 0
                last = passed.rindex(newline)
                while last % width:
                    last = passed.rindex(newline, 0, last + width - 1)
                passed = passed[last + width :]
        count = len(passed) // width
        if width == 2:
            high = passed[1 if little else 0 :: 2]
            trailing = len(high) - len(high.translate(None, _TRAILING))
            place.characters += count - trailing
            place.units += count
        else:
            planes = passed[2 if little else 1 :: 4]
            place.characters += count
            place.units += count + count - planes.count(0)
