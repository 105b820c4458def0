"""The detector: a rule set made ready to look at bytes.

Boundary: glue between engine, matcher and redaction, frozen and picklable so that
it travels to worker processes; each part is loaded when first needed, because most
hook runs see no key and should not pay for the matcher.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from boltz_keyscan.detect import engine
from boltz_keyscan.rules import Rule

if TYPE_CHECKING:
    from boltz_keyscan.detect.lookup import Lookup
    from boltz_keyscan.model.finding import Admits, Match


@dataclass(frozen=True, slots=True)
class KeyDetector:
    """Implements ``model.Detector`` for a set of rules."""

    rules: tuple[Rule, ...]
    prefixes: tuple[bytes, ...]
    overlap: int = engine.OVERLAP
    """What a boundary between two buffers can hide."""
    lookup: Lookup | None = None
    """What else is asked of each key that is found."""

    @classmethod
    def of(cls, rules: tuple[Rule, ...]) -> KeyDetector:
        """A detector for the keys of ``rules``."""
        return cls(rules, tuple(rule.prefix.encode("ascii") for rule in rules))

    def candidate_offsets(
        self, buffer: bytes | bytearray | memoryview, end: int, marks: list[int] | None = None
    ) -> list[int]:
        """Offsets of what may be a key, plain or in disguise, in ``buffer[:end]``.

        ``marks`` takes the offsets where an archive may begin.
        """
        return engine.candidate_offsets(buffer, end, self.prefixes, marks)

    def asking(self, lookup: Lookup | None) -> KeyDetector:
        """The same detector, with questions for each key."""
        return replace(self, lookup=lookup)

    def find(self, chunks: Iterable[bytes], admits: Admits | None = None) -> Iterator[Match]:
        """The keys in one blob, in order of offset, redacted; all, or those that are admitted."""
        from boltz_keyscan.detect import matcher  # noqa: PLC0415 - only blobs with a hit pay for it

        return matcher.find(chunks, matcher.compiled(self.rules), self.lookup, admits=admits)

    def hide(self, text: bytes) -> bytes:
        """Text of our own without keys, should there be one after all, and otherwise as it is."""
        from boltz_keyscan.detect import redact  # noqa: PLC0415 - only where raw keys are about

        return redact.hide(text, redact.compiled(self.prefixes))

    def redact(self, raw: bytes) -> str:
        """Any bytes as text without keys and without characters that act."""
        if raw == b".":
            # The target of a hook.
            return "."
        from boltz_keyscan.detect import redact  # noqa: PLC0415 - as above

        return redact.redact(raw, redact.compiled(self.prefixes))
