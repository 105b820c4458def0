"""What the files of triage have in common: text with one entry a line, read whole or not at all.

Boundary: bytes to numbered lines, and the one form of complaint: file, line, reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from boltz_keyscan.errors import KeyscanError

_CONFLICT = re.compile(r"(?:<{7}|>{7}|\|{7})(?:\s.*)?|={7}")
"""The lines git puts around what it could not merge (git-merge, "HOW CONFLICTS ARE PRESENTED")."""

_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


@dataclass(frozen=True, slots=True)
class Text:
    """A file of triage, by the name under which complaints speak of it."""

    name: str
    raw: bytes
    where: str = ""
    """Whose words these are, for people: ``in the tree``."""

    def at(self, line: int) -> str:
        """How a suppression names its source."""
        return f"{self.name}:{line}" + (f" ({self.where})" if self.where else "")

    def broken(self, line: int, reason: str, hint: str = "") -> KeyscanError:
        """The error for a line; it quotes nothing of it, which may be anybody's file."""
        return KeyscanError(f"{self.name}:{line}: {reason}", hint)


def numbered(text: Text, advice: str = "") -> Iterator[tuple[int, str]]:
    """The lines, counted from 1, without their ends and the white space around them.

    Windows line ends, a byte order mark and UTF-16 with one are read for what they are:
    editors and shells re-encode files that nobody meant to change.

    Args:
        text: the file.
        advice: what else to tell who left a conflict in it.

    Raises:
        KeyscanError: not text, or git left a conflict in it.
    """
    encoding = next((name for mark, name in _MARKS if text.raw.startswith(mark)), "utf-8")
    try:
        content = text.raw.decode(encoding)
    except UnicodeDecodeError as error:
        good = text.raw[: error.start].count(b"\n") if encoding == "utf-8" else 0
        raise text.broken(good + 1, "not text in UTF-8", "Save it as UTF-8.") from None
    # Not splitlines: it also splits at characters that may stand in a reason.
    for number, line in enumerate(content.split("\n"), 1):
        line = line.strip()  # noqa: PLW2901 - nothing else is wanted of it
        if _CONFLICT.fullmatch(line):
            raise text.broken(
                number,
                "a merge conflict that was not resolved",
                f"Keep what holds of both sides, and delete the marks.{advice}",
            )
        if "\0" in line:
            raise text.broken(number, "not text", "It holds NUL bytes.")
        yield number, line
