"""Output filter of runs that handle raw keys: a second line of defence.

No output should contain a key: findings hold none, error messages are our own, the SDK logs
none. The filter covers standard output, standard error and every report. Only the new key of
``keys revoke --replace`` bypasses it.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO, cast

from boltz_keyscan import rules
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.errors import writing
from boltz_keyscan.redaction import redacted
from boltz_keyscan.report.writer import write_text

if TYPE_CHECKING:
    from boltz_keyscan.model.finding import ScanResult
    from boltz_keyscan.report import Reporter, ReportOptions


class RedactingStream(io.TextIOBase):
    """Text stream that buffers whole lines and redacts keys in them."""

    def __init__(self, inner: TextIO) -> None:
        self.inner = inner
        self._held = ""

    def write(self, text: str) -> int:
        """Buffer text; whole lines are redacted and written."""
        if not isinstance(text, str):
            raise TypeError("text, not bytes")
        whole, newline, rest = (self._held + text).rpartition("\n")
        self._held = rest
        if newline:
            self.inner.write(clean(whole + newline))
        return len(text)

    def flush(self) -> None:
        """Write the unfinished line too: a prompt has no newline."""
        held, self._held = self._held, ""
        if held:
            self.inner.write(clean(held))
        self.inner.flush()

    def writable(self) -> bool:
        """Return True."""
        return True

    def isatty(self) -> bool:
        """Return the value of the inner stream."""
        return self.inner.isatty()

    def fileno(self) -> int:
        """Return the descriptor of the inner stream."""
        return self.inner.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a property here
        """Encoding of the inner stream."""
        return self.inner.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]  # a property here
        """Error handler of the inner stream."""
        return self.inner.errors


def clean(text: str) -> str:
    """Return ``text`` with keys redacted and nothing else changed."""
    detector = KeyDetector.of(rules.load())
    return detector.hide(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")


def install() -> None:
    """Wrap standard output and standard error in the filter, once."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, RedactingStream):
            setattr(sys, name, RedactingStream(stream))


def write_report(fill: Callable[[TextIO], object], path: str | None) -> None:
    """Write what ``fill`` writes to a stream to standard output, or to a file.

    Raises:
        OutputError: the file could not be written; an existing one is unchanged.
    """
    if path is None:
        fill(sys.stdout)
        return
    text = io.StringIO()
    fill(text)
    write_file(path, text.getvalue())


def write_file(path: str, text: str) -> None:
    """Write text to a file, with keys redacted.

    Raises:
        OutputError: it could not be written; an existing file is unchanged.
    """
    with writing(redacted(path), "Name a file that you may write."):
        write_text(path, clean(text))


def filtered(reporter: Reporter) -> Reporter:
    """Return the reporter with the filter before its stream."""

    def report(result: ScanResult, stream: TextIO, view: ReportOptions) -> None:
        wrapped = RedactingStream(stream)
        reporter(result, cast("TextIO", wrapped), view)
        wrapped.flush()

    return report
