"""Dense literals: beginnings of keys that follow each other so closely that no key can be between them.

A text made of nothing else would cost much more than any other, because the text around each
literal is decoded. After the first of them only those are kept that a body may follow.
"""

from __future__ import annotations

import bisect
from typing import TYPE_CHECKING, Final

from boltz_keyscan.detect.classify import SHORTEST
from boltz_keyscan.detect.literals import LONGEST
from boltz_keyscan.records import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from boltz_keyscan.detect.literals import Meaning

REACH: Final = LONGEST + SHORTEST
"""Bytes after the beginning of a literal in which the next one makes it a dense one."""

ALLOWED: Final = 1 << 9
"""Dense literals in a row that are kept: more than the placeholders that are reported of a file."""


@dataclass(slots=True)
class FloodFilter:
    """A filter of the literals of one text, which are given in order, in one or more parts."""

    meanings: Callable[[bytes], tuple[Meaning, ...]]
    _rows: dict[tuple[int, ...], tuple[int, int]] = field(default_factory=dict)
    """For the literals of the same forms: the end of the reach of the latest, and how many are in a row."""
    _forms_of: dict[bytes, tuple[int, ...]] = field(default_factory=dict)

    def keep(self, hits: Sequence[tuple[int, bytes]], base: int, high: int) -> list[tuple[int, bytes]]:
        """Return the literals before ``high`` that a key may follow.

        Args:
            hits: offset and bytes of each literal, in order, up to ``REACH`` after ``high``.
            base: the offset of this part in the text.
            high: the end of this part, from its start.
        """
        kept = []
        starts: dict[tuple[int, ...], list[int]] = {}
        for at, literal in hits:
            if at >= high:
                break
            forms = self._forms(literal)
            end, count = self._rows.get(forms, (0, 0))
            count = count + 1 if base + at < end else 1
            self._rows[forms] = base + at + len(literal) + SHORTEST, count
            if count > ALLOWED:
                if not starts:
                    starts = self._starts(hits)
                own = starts[forms]
                following = bisect.bisect_left(own, at + len(literal))
                if following < len(own) and own[following] < at + len(literal) + SHORTEST:
                    continue
            kept.append((at, literal))
        return kept

    def _starts(self, hits: Sequence[tuple[int, bytes]]) -> dict[tuple[int, ...], list[int]]:
        """Return the offsets of the literals, by their forms."""
        starts: dict[tuple[int, ...], list[int]] = {}
        for at, literal in hits:
            starts.setdefault(self._forms(literal), []).append(at)
        return starts

    def _forms(self, literal: bytes) -> tuple[int, ...]:
        """Return the numbers of the forms of a literal."""
        forms = self._forms_of.get(literal)
        if forms is None:
            forms = self._forms_of[literal] = tuple(number for number, _ in self.meanings(literal))
        return forms
