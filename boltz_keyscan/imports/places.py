"""The places of entries without a secret: files of the working folder, searched for keys."""

from __future__ import annotations

import os
import stat

from boltz_keyscan.detect.lookup import Digests
from boltz_keyscan.imports.entry import Entry
from boltz_keyscan.model.finding import Detector, Match
from boltz_keyscan.records import dataclass, field
from boltz_keyscan.sources.safe_open import open_file

MAX_FILE_BYTES = 16 << 20
"""Bytes of a file that is read again, at most."""


class UnresolvedError(Exception):
    """A place that cannot be read, so that its secret remains unknown; with the reason."""


@dataclass(frozen=True, slots=True)
class _File:
    """The keys of a file, or the reason for which it was not read."""

    matches: tuple[Match, ...] = ()
    lines: int = 0
    problem: str = ""


@dataclass(slots=True)
class Places:
    """Reader of places below a folder; no link is followed."""

    folder: bytes
    detector: Detector
    """A detector with the lookup of ``detector_of_hashes``."""
    _files: dict[str, _File] = field(default_factory=dict)

    def matches(self, entry: Entry) -> list[Match]:
        """Return the keys at the place of an entry: those of its hash, else those on its line.

        Raises:
            UnresolvedError: it cannot be known.
        """
        name = relative(entry.path, self.folder)
        if name not in self._files:
            self._files[name] = self._read(name)
        file = self._files[name]
        if file.problem:
            raise UnresolvedError(file.problem)
        here = [match for match in file.matches if match.line == entry.line]
        same = [match for match in file.matches if entry.digest and entry.digest in match.listed]
        found = [match for match in same if match.line == entry.line] or same or here
        if not found and entry.commit:
            raise UnresolvedError("it is in a commit; scan the history instead")
        if not found and not entry.digest and not 0 < entry.line <= file.lines:
            raise UnresolvedError("the file has no such line")
        return found

    def _read(self, name: str) -> _File:
        try:
            descriptor = open_file(self.folder, os.fsencode(name))
        except OSError as error:
            return _File(problem=f"not read again: {error.strerror or type(error).__name__}")
        except ValueError:
            return _File(problem="not a path")
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return _File(problem="not a regular file")
            with open(descriptor, "rb", closefd=False) as file:
                raw = file.read(MAX_FILE_BYTES + 1)
        except OSError as error:
            return _File(problem=f"not read again: {error.strerror or type(error).__name__}")
        finally:
            os.close(descriptor)
        if len(raw) > MAX_FILE_BYTES:
            return _File(problem=f"larger than {MAX_FILE_BYTES >> 20} MiB")
        return _File(tuple(self.detector.find([raw])), raw.count(b"\n") + 1)


def relative(path: str, folder: bytes) -> str:
    """Return a path of a report relative to a folder.

    Raises:
        UnresolvedError: it is outside of it.
    """
    top = os.fsdecode(folder)
    try:
        name = os.path.relpath(os.path.join(top, path), top)
    except ValueError as error:
        raise UnresolvedError("not a path") from error
    if not path or name == os.pardir or name.startswith(os.path.join(os.pardir, "")):
        raise UnresolvedError("it is outside of the working folder")
    return name


def hash_lookup(entries: list[Entry]) -> Digests:
    """Return the lookup that recognizes the keys of entries by their hashes."""
    return Digests(frozenset(entry.digest for entry in entries if entry.digest))
