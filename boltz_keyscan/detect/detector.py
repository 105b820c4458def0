"""The detector: the engine, the matcher and the redaction for a rule set.

Each part is imported when it is first needed, because most hook runs find no key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from boltz_keyscan.detect import engine
from boltz_keyscan.records import dataclass, replace
from boltz_keyscan.rules import Rule, list_prefixes

if TYPE_CHECKING:
    from boltz_keyscan.detect.lookup import Digests, Lookup
    from boltz_keyscan.model.finding import Admits, Match

_MAX_NAME_BYTES = 8
"""Bytes of a word that holds no key in any form: of a key, so many behind its prefix are removed."""


@dataclass(frozen=True, slots=True)
class KeyDetector:
    """The implementation of ``model.finding.Detector`` for a set of rules."""

    rules: tuple[Rule, ...]
    prefixes: tuple[bytes, ...]
    overlap: int = engine.OVERLAP
    """Bytes that two neighbouring buffers share."""
    lookup: Lookup | Digests | None = None
    """The lookup applied to each key."""
    edits: bool = False
    """True if each match has the edits that redact it."""

    @classmethod
    def of(cls, rules: tuple[Rule, ...]) -> KeyDetector:
        """Return a detector for the keys of ``rules``."""
        return cls(rules, list_prefixes(rules))

    def candidate_offsets(
        self, buffer: bytes | bytearray | memoryview, end: int, marks: list[int] | None = None
    ) -> list[int]:
        """Return the offsets in ``buffer[:end]`` where a key may begin, plain or encoded.

        Offsets where an archive may begin are appended to ``marks``.
        """
        return engine.candidate_offsets(buffer, end, self.prefixes, marks)

    def asking(self, lookup: Lookup | Digests | None) -> KeyDetector:
        """Return the same detector with a lookup for each key."""
        return replace(self, lookup=lookup)

    def with_edits(self) -> KeyDetector:
        """Return the same detector, whose matches have the edits that redact them."""
        return replace(self, edits=True)

    def find(self, chunks: Iterable[bytes], admits: Admits | None = None) -> Iterator[Match]:
        """Return the keys in one blob, in order of offset, redacted; all, or those that are admitted."""
        from boltz_keyscan.detect import matcher  # noqa: PLC0415 - only for blobs with a candidate

        return matcher.find(
            chunks, matcher.compile_rules(self.rules), self.lookup, admits=admits, edits=self.edits
        )

    def hide(self, text: bytes) -> bytes:
        """Return text of this program with any key in it removed, and unchanged otherwise."""
        from boltz_keyscan.detect import redact  # noqa: PLC0415 - only for output, after a scan

        return redact.hide(text, redact.compile_redaction(self.prefixes))

    def replace(self, text: bytes, matches: Iterable[Match]) -> bytes:
        """Return ``text`` with a mark for each key that was found in it, and otherwise unchanged."""
        from boltz_keyscan.detect import replacement  # noqa: PLC0415 - only for text with a key

        return replacement.replace_keys(text, matches, self.prefixes)

    def redact(self, raw: bytes) -> str:
        """Return any bytes as text without keys and without control characters."""
        if raw == b"." or (len(raw) <= _MAX_NAME_BYTES and raw.isalnum()):
            # The target of most scans, and the name of most settings: no import needed.
            return raw.decode("ascii")
        from boltz_keyscan.detect import redact  # noqa: PLC0415 - a clean hook run does not need it

        return redact.redact(raw, redact.compile_redaction(self.prefixes))
