"""Reports of ``secretlint --format json``: files with messages.

Fields: https://github.com/secretlint/secretlint, ``SecretLintCoreResult``. The text of the file is part of
the report, and a range counts UTF-16 units of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from boltz_keyscan.imports.entry import Entry, ShapeError, array, has, number, text

_RANGE = 2


def recognizes(item: object) -> bool:
    """Return True for a file."""
    return has(item, "filePath", "messages")


def entries(item: object) -> Iterator[Entry]:
    """Yield the messages."""
    units = text(item, "sourceContent").encode("utf-16-le", "surrogatepass")
    for message in array(item, "messages"):
        limits = [at for at in array(message, "range") if isinstance(at, int) and at >= 0]
        if len(limits) != _RANGE:
            raise ShapeError("range is not two counts")
        secret = units[2 * limits[0] : 2 * limits[1]].decode("utf-16-le", "surrogatepass")
        yield Entry(
            (secret,) if secret else (),
            text(item, "filePath"),
            number(message, "loc", "start", "line"),
            number(message, "loc", "start", "column") + 1,
        )
