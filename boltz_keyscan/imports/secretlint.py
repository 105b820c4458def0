"""Reports of ``secretlint --format json``: files with messages.

Fields: https://github.com/secretlint/secretlint, ``SecretLintCoreResult``. The text of the file is part of
the report, and a range counts UTF-16 units of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from boltz_keyscan.imports.entry import Entry, ShapeError, has, number, text
from boltz_keyscan.imports.entry import items as listed

_RANGE = 2


def recognizes(item: object) -> bool:
    """Return True for a file."""
    return has(item, "filePath", "messages")


def entries(items: Sequence[object]) -> Iterator[Entry]:
    """Yield the messages."""
    for item in items:
        units = text(item, "sourceContent").encode("utf-16-le", "surrogatepass")
        for message in listed(item, "messages"):
            limits = [at for at in listed(message, "range") if isinstance(at, int) and at >= 0]
            if len(limits) != _RANGE:
                raise ShapeError("range is not two counts")
            secret = units[2 * limits[0] : 2 * limits[1]].decode("utf-16-le", "surrogatepass")
            yield Entry(
                (secret,) if secret else (),
                text(item, "filePath"),
                number(message, "loc", "start", "line"),
                number(message, "loc", "start", "column") + 1,
            )
