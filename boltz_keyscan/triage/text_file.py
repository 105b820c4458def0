"""Text files of triage: one entry a line, and errors with file, line and reason."""

from __future__ import annotations

from collections.abc import Iterator

from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.late_pattern import late_pattern
from boltz_keyscan.records import dataclass

_CONFLICT = late_pattern(r"(?:<{7}|>{7}|\|{7})(?:\s.*)?|={7}")
"""Conflict markers of git (git-merge, "HOW CONFLICTS ARE PRESENTED")."""

_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


@dataclass(frozen=True, slots=True)
class TextFile:
    """A triage file, with its name in errors."""

    name: str
    raw: bytes
    where: str = ""
    """The origin of the file, for people: ``in the tree``."""

    def at(self, line: int) -> str:
        """Return the source of a suppression: file, line and origin."""
        return f"{self.name}:{line}" + (f" ({self.where})" if self.where else "")

    def broken(self, line: int, reason: str, hint: str = "") -> KeyscanError:
        """Return the error for a line; it does not quote the line, because that may be secret."""
        return KeyscanError(f"{self.name}:{line}: {reason}", hint)


def numbered(text: TextFile, advice: str = "") -> Iterator[tuple[int, str]]:
    """Yield the lines, counted from 1, without their ends and the white space around them.

    Windows line ends, a byte order mark and UTF-16 with one are accepted, because editors and
    shells re-encode files unasked.

    Args:
        text: the file.
        advice: advice added to the error for a merge conflict.

    Raises:
        KeyscanError: it is not text, or has a merge conflict.
    """
    encoding = next((name for mark, name in _MARKS if text.raw.startswith(mark)), "utf-8")
    try:
        content = text.raw.decode(encoding)
    except UnicodeDecodeError as error:
        good = text.raw[: error.start].count(b"\n") if encoding == "utf-8" else 0
        raise text.broken(good + 1, "not text in UTF-8", "Save it as UTF-8.") from None
    # Not splitlines: it also splits at characters that may be in a reason.
    for number, line in enumerate(content.split("\n"), 1):
        line = line.strip()  # noqa: PLW2901 - only the stripped line is used
        if _CONFLICT.fullmatch(line):
            raise text.broken(
                number,
                "an unresolved merge conflict",
                f"Keep the valid lines of both sides, and delete the marks.{advice}",
            )
        if "\0" in line:
            raise text.broken(number, "not text", "It has NUL bytes.")
        yield number, line
