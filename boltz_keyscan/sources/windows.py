"""Exact matches of a long stream, window by window, without holding all of it.

Searching each byte for each encoding takes a hundred times as long as the fast pass, so the
exact pass runs only over windows where the fast pass found a candidate. The matches are those
of ``Detector.find`` over the whole blob (tested against it); only the notebook cell is lost
behind the first window.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator

from boltz_keyscan.columns import Ruler
from boltz_keyscan.model.enums import Shape
from boltz_keyscan.model.finding import Admits, Detector, Match
from boltz_keyscan.records import dataclass, field, replace
from boltz_keyscan.sources.signatures import HEAD, checked_marks

WINDOW_BYTES = 4 << 20
"""Bytes searched together. Nearly all blobs are shorter and are searched whole."""

MARGIN_BYTES = 32 << 10
"""Bytes of context kept on both sides of a key where a long blob is cut."""

_REPORT = re.compile(
    rb"""\s*\{\s*"(?:\$schema|record|schema_version|version)"\s*:.{0,2000}?"name"\s*:\s*"boltz-keyscan"
    |\#\# [ ] Boltz [ ] keys\n
    |"record","severity","fails_run",
    |<\?xml [^>]{0,99}>\s*<testsuites [ ] name="boltz-keyscan" """,
    re.DOTALL | re.VERBOSE,
)
"""Beginning of a report of this program in JSON (four formats), Markdown, CSV or JUnit XML."""

_FINGERPRINT = re.compile(rb"bk1:[0-9a-f]{8}")

_NOTEBOOK = b'"cells"'
"""First field of a notebook, because Jupyter sorts them."""


def find_matches(
    detector: Detector, chunks: Iterable[bytes], admits: Admits | None = None
) -> Iterator[Match]:
    """Yield the matches of one blob in order, as ``Detector.find`` does."""
    matcher = WindowMatcher(detector, admits=admits)
    chunks = iter(chunks)
    head = next(chunks, b"")
    chunks = itertools.chain([head], chunks)
    if _NOTEBOOK in head[:HEAD]:
        # Cells are counted from the beginning of the notebook.
        yield from detector.find(chunks, admits)
        return
    for chunk in chunks:
        yield from matcher.feed(chunk)
    yield from matcher.finish()


def _is_report(beginning: bytearray) -> bool:
    """Return True for the beginning of a report of this program, or of a log that shows one as text."""
    if _REPORT.match(beginning):
        return True
    return b"[REDACTED]" in beginning and _FINGERPRINT.search(beginning) is not None


@dataclass(slots=True)
class WindowMatcher:
    """A search for the matches of one blob, fed in chunks."""

    detector: Detector
    base: int = 0
    """Offset of the current window in the blob."""
    admits: Admits | None = None
    """Filter of the matches to report; None reports all."""
    marks: dict[int, str] = field(default_factory=dict)
    """Formats of the archives that begin in the blob, by offset."""
    _window: bytearray = field(default_factory=bytearray)
    _is_first: bool = True
    _is_report: bool = False
    _ruler: Ruler = field(default_factory=Ruler)

    def feed(self, chunk: bytes) -> Iterator[Match]:
        """Add bytes; yield the matches that are final."""
        self._window += chunk
        while len(self._window) >= WINDOW_BYTES + 2 * MARGIN_BYTES:
            rest = self._window[WINDOW_BYTES + 2 * MARGIN_BYTES :]
            del self._window[WINDOW_BYTES + 2 * MARGIN_BYTES :]
            yield from self._search(len(self._window) - MARGIN_BYTES)
            self._advance(len(self._window) - 2 * MARGIN_BYTES)
            self._window += rest

    def finish(self) -> Iterator[Match]:
        """Yield the remaining matches."""
        yield from self._search(len(self._window))
        self._window.clear()

    def _search(self, high: int) -> Iterator[Match]:
        low = 0 if self._is_first else MARGIN_BYTES
        if self._is_first:
            # A report shows prefixes, rules and redacted lines; only a key in it is news.
            self._is_report = _is_report(self._window)
        marks: list[int] = []
        offsets = self.detector.candidate_offsets(self._window, len(self._window), marks)
        self.marks.update(
            (self.base + at, kind) for at, kind in checked_marks(self._window, len(self._window), marks)
        )
        if not offsets:
            return

        def admits(offset: int, rule_id: str, shape: Shape, fingerprint: str, *, commented: bool) -> bool:
            # A match in the margins belongs to the next or previous window.
            is_shown = self._is_report and shape is Shape.PLACEHOLDER
            return (low <= offset < high and not is_shown) and (
                self.admits is None or self.admits(offset, rule_id, shape, fingerprint, commented=commented)
            )

        for match in self.detector.find([bytes(self._window)], admits):
            yield self._shift(match) if self.base else match

    def _shift(self, match: Match) -> Match:
        """Return a match with its position in the whole blob; its notebook cell is unknown."""
        before = self._ruler.place(match.decoded[0] if match.decoded else "")
        first = match.line == 1
        return replace(
            match,
            offset=match.offset + self.base,
            line=match.line + before.line,
            column=match.column + (before.characters if first else 0),
            column_utf16=match.column_utf16 + (before.units if first else 0),
            cell=None,
            cell_part=None,
        )

    def _advance(self, count: int) -> None:
        """Drop bytes from the window and count their lines and columns."""
        dropped = bytes(self._window[:count])
        del self._window[:count]
        if self._is_first:
            self._ruler.begin(dropped)
        self._is_first = False
        self.base += count
        self._ruler.advance(dropped)
