"""The last filter before anything is put out, in runs that hold raw keys.

Nothing that has a key should ever get here: findings have none, errors are told in our
words, the SDK has none to log. This is for the day when something does. It stands behind
standard output, standard error and every report; what is put out on purpose, the key that
``keys revoke --replace`` made, goes past it and nowhere else.

Boundary: text streams to text streams; what a key looks like is ``detect``'s.
"""

from __future__ import annotations

import functools
import io
import sys
from typing import TYPE_CHECKING, TextIO, cast

from boltz_keyscan import rules
from boltz_keyscan.detect import KeyDetector

if TYPE_CHECKING:
    from boltz_keyscan.model.finding import ScanResult
    from boltz_keyscan.report import Reporter, ReportOptions


class Firewall(io.TextIOBase):
    """A text stream that holds lines back until they are whole, and lets no key through."""

    def __init__(self, inner: TextIO) -> None:
        self.inner = inner
        self._held = ""

    def write(self, text: str) -> int:
        """Take text; what has come to the end of its line goes on."""
        if not isinstance(text, str):
            raise TypeError("text, not bytes")
        whole, newline, rest = (self._held + text).rpartition("\n")
        self._held = rest
        if newline:
            self.inner.write(clean(whole + newline))
        return len(text)

    def flush(self) -> None:
        """Let everything go on: a prompt has no end of line."""
        held, self._held = self._held, ""
        if held:
            self.inner.write(clean(held))
        self.inner.flush()

    def writable(self) -> bool:
        """Yes."""
        return True

    def isatty(self) -> bool:
        """As the stream behind it."""
        return self.inner.isatty()

    def fileno(self) -> int:
        """As the stream behind it."""
        return self.inner.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]  # the stream behind it knows
        """As the stream behind it."""
        return self.inner.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]  # as above
        """As the stream behind it."""
        return self.inner.errors


def clean(text: str) -> str:
    """``text`` without keys, and otherwise as it is."""
    return _detector().hide(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")


@functools.cache
def _detector() -> KeyDetector:
    return KeyDetector.of(rules.load())


def install() -> None:
    """Put the filter behind both streams, once."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, Firewall):
            setattr(sys, name, Firewall(stream))


def filtered(reporter: Reporter) -> Reporter:
    """The same reporter, with the filter before its stream."""

    def report(result: ScanResult, stream: TextIO, view: ReportOptions) -> None:
        wall = Firewall(stream)
        reporter(result, cast("TextIO", wall), view)
        wall.flush()

    return report
