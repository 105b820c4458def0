"""Redaction of one text file: a copy without keys takes its place, in one step."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import tempfile
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO, Final

from boltz_keyscan import fsutil
from boltz_keyscan.fsutil import FOLLOWING_READ_FLAGS, READ_FLAGS, replacing
from boltz_keyscan.model.finding import Detector
from boltz_keyscan.records import dataclass
from boltz_keyscan.redactor.in_use import find_use
from boltz_keyscan.redactor.stream import MAX_PASSES, rewrite
from boltz_keyscan.sources.archives.reader import FileSpace
from boltz_keyscan.sources.signatures import HEAD, is_container_head
from boltz_keyscan.system.paths import release_file

SUFFIX: Final = b".boltz-keyscan-backup"

BACKUP = re.compile(re.escape(SUFFIX) + rb"(?:-[0-9]+)?$")
"""The end of the name of a backup."""

_TEXT_BYTES: Final = 8000
"""Bytes in which a NUL makes a file binary, as for git (``buffer_is_binary``)."""

_WIDE: Final = (b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")
"""Byte order marks of UTF-16 and UTF-32, whose text has NULs."""

_STEP_NS: Final = 1_000_000_000
"""A second, by which the time of a redacted file is later: its size is the same, and programs that copy
changed files compare the two."""


class RefusedError(Exception):
    """A file that is left as it is.

    Attributes:
        reason: a part of a sentence.
        hint: what to do; may be empty.
    """

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


class _NothingReplacedError(Exception):
    """A file whose keys all have forms that cannot be written."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result for one file."""

    replaced: Counter[str]
    """Count of places replaced, by fingerprint."""
    backup: bytes = b""
    """Path of the backup."""
    is_use_known: bool = True
    """False if the system does not report which programs write to it."""


@contextlib.contextmanager
def open_for_replacement(path: bytes) -> Iterator[tuple[int, os.stat_result]]:
    """Open a file that may be replaced.

    Raises:
        RefusedError: it is of a kind that is left as it is.
        OSError: it cannot be opened.
    """
    if os.path.islink(path):
        raise RefusedError("it is a symbolic link", "Name the file itself.")
    descriptor = os.open(path, READ_FLAGS)
    try:
        facts = os.fstat(descriptor)
        _check(facts)
        yield descriptor, facts
    finally:
        os.close(descriptor)


def _check(facts: os.stat_result) -> None:
    if not stat.S_ISREG(facts.st_mode):
        raise RefusedError("it is not a regular file")
    if facts.st_nlink > 1:
        raise RefusedError(
            f"it has {facts.st_nlink} names (hard links), and the others would keep the key",
            "Delete the other names, or redact a copy.",
        )
    if not facts.st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
        raise RefusedError("it is read-only", "Allow writing: chmod u+w.")
    if not fsutil.may_replace(facts):
        raise RefusedError("it belongs to another user", "Let its owner redact it.")


def check_use(descriptor: int) -> bool:
    """Return False if the system does not report writers.

    Raises:
        RefusedError: a program writes to it or has locked it.
    """
    use = find_use(descriptor)
    if use.program:
        raise RefusedError(f"it is in use by {use.program}", "End that program first.")
    return use.is_known


def redact_text(path: bytes, detector: Detector, *, backup: bool, dry_run: bool) -> Outcome:
    """Replace the keys of a text file; after an error or a kill the old file is there, complete.

    Args:
        path: path of the file.
        detector: a detector whose matches have edits.
        backup: keep the old file, readable by its owner only.
        dry_run: only count.

    Raises:
        RefusedError: it is left as it is.
        OSError: it cannot be read or replaced.
    """
    with open_for_replacement(path) as (descriptor, facts):
        _check_content(descriptor)
        is_known = check_use(descriptor)
        space = FileSpace(descriptor, facts.st_size)
        if dry_run:
            return Outcome(Counter(rewrite(space, len, detector).replaced), is_use_known=is_known)
        kept = b""
        try:
            with replacing(os.fsdecode(path)) as copy:
                replaced = _rewrite_whole(space, copy, detector)
                if not replaced:
                    raise _NothingReplacedError  # noqa: TRY301 - ends the block without a new file
                _keep_facts(descriptor, copy, facts)
                _check_unchanged(os.fstat(descriptor), path, facts)
                check_use(descriptor)
                kept = _link(path, facts, copied=backup)
                is_released = release_file(descriptor)
            if not is_released:
                # Written to in the last moment: what was written is in the old file.
                _check_unchanged(os.fstat(descriptor), b"", facts)
        except _NothingReplacedError:
            return Outcome(Counter(), is_use_known=is_known)
        except BaseException:
            if kept:
                _undo(kept, path)
            raise
        if backup:
            os.chmod(kept, stat.S_IRUSR | stat.S_IWUSR)
        elif kept:
            os.unlink(kept)
        sync_folder(path)
        return Outcome(replaced, kept if backup else b"", is_known)


def _check_content(descriptor: int) -> None:
    head = fsutil.read_at(descriptor, max(HEAD, _TEXT_BYTES), 0)
    if not head.startswith(_WIDE) and is_container_head(head[:HEAD]):
        raise RefusedError("it is an archive or a compound file", "Unpack it, and redact the files in it.")
    if b"\0" in head[:_TEXT_BYTES] and not head.startswith(_WIDE):
        raise RefusedError("it is binary, and a change may damage it", "Delete it, or make it again.")


def _rewrite_whole(space: FileSpace, copy: BinaryIO, detector: Detector) -> Counter[str]:
    """Write a copy without keys, and search it again until nothing in it can be replaced any more."""
    result = rewrite(space, copy.write, detector)
    replaced = Counter(result.replaced)
    copy.flush()
    for _ in range(MAX_PASSES - 1):
        if not result.replaced:
            break
        with open(copy.name, "rb") as file, tempfile.TemporaryFile(dir=os.path.dirname(copy.name)) as again:
            result = rewrite(FileSpace(file.fileno(), os.fstat(file.fileno()).st_size), again.write, detector)
            if result.replaced:
                again.seek(0)
                copy.seek(0)
                copy.truncate()
                shutil.copyfileobj(again, copy)
                copy.flush()
                replaced += result.replaced
    return replaced


def _keep_facts(descriptor: int, copy: BinaryIO, facts: os.stat_result) -> None:
    """Give the copy the owner, permissions, attributes and times of the file, and write it to the disk."""
    copy.flush()
    fsutil.keep_facts(descriptor, copy, facts, facts.st_mtime_ns + _STEP_NS)
    os.fsync(copy.fileno())


def _check_unchanged(now: os.stat_result, path: bytes, facts: os.stat_result) -> None:
    """Check that a file, and what its path leads to, is as it was."""
    is_same = (now.st_size, now.st_mtime_ns) == (facts.st_size, facts.st_mtime_ns)
    if is_same and path:
        is_same = os.path.samestat(os.stat(path, follow_symlinks=False), now)
    if not is_same:
        raise RefusedError("it changed while it was redacted", "Run this again.")


def _link(path: bytes, facts: os.stat_result, *, copied: bool) -> bytes:
    """Give the old file a second name; where files have only one, copy it if ``copied``."""
    for name in backup_names(path):
        with contextlib.suppress(FileExistsError):
            try:
                os.link(path, name)
            except FileExistsError:
                continue
            except OSError:
                if not copied:
                    return b""
                with open(path, "rb") as old, open(create_private(name), "wb") as new:
                    shutil.copyfileobj(old, new)
                    os.utime(new.fileno(), ns=(facts.st_atime_ns, facts.st_mtime_ns))
            return name
    raise RefusedError("it has too many backups", "Delete them.")


def _undo(kept: bytes, path: bytes) -> None:
    """Take the second name of a file back; a rename between two names of one file does nothing."""
    if os.path.samefile(kept, path):
        os.unlink(kept)
    else:
        os.replace(kept, path)


def backup_names(path: bytes) -> Iterator[bytes]:
    """Yield the names that a backup may have."""
    yield path + SUFFIX
    for number in range(2, 1000):
        yield path + SUFFIX + b"-%d" % number


def create_private(path: bytes) -> int:
    """Create a file that only its owner may read, and return its descriptor.

    Raises:
        FileExistsError: it exists.
        OSError: it cannot be created.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | fsutil.NO_LINK
    return os.open(path, flags, stat.S_IRUSR | stat.S_IWUSR)


def sync_folder(path: bytes) -> None:
    """Write the folder of a file to the disk, where the system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(os.path.dirname(os.path.abspath(path)), FOLLOWING_READ_FLAGS)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
