"""Large repositories: scanned one after the other, each by as many processes as there are workers.

The units of such a scan are the shards of the pipeline, 64 MiB of objects each. The worker that has the
repository hands them out and joins their results, so that the outcome is that of any scan, and whole. The
other workers go on with other repositories; one that meets another large repository waits.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Iterator

from boltz_keyscan.fsutil import NO_LINK, lock_file

MIN_STORE_BYTES = 64 << 20
"""Bytes of the smallest store that counts as large: about ten seconds of processor time."""

_POLL_INTERVAL_S = 0.2

_HELD = frozenset({errno.EACCES, errno.EAGAIN, errno.EDEADLK})
"""Errors of a lock that another process has, on all systems."""


@contextlib.contextmanager
def scan_processes(objects: str | bytes, jobs: int, turn: str) -> Iterator[int]:
    """Yield the number of processes for the scan of a repository, in the turn of a large one.

    Args:
        objects: its object store.
        jobs: number of processes for a large one.
        turn: path of the file that is locked by the worker whose turn it is; empty not to wait.
    """
    with contextlib.ExitStack() as stack:
        if jobs > 1 and store_bytes(objects) >= MIN_STORE_BYTES:
            yield jobs if not turn or _wait(turn, stack) else 1
        else:
            yield 1


def store_bytes(objects: str | bytes) -> int:
    """Return the bytes of the packs of an object store, and of what is beside them."""
    total = 0
    for place in (os.path.join(os.fsencode(objects), b"pack"), os.fsencode(objects)):
        try:
            with os.scandir(place) as entries:
                total += sum(entry.stat(follow_symlinks=False).st_size for entry in entries)
        except OSError:
            continue
    return total


def _wait(turn: str, stack: contextlib.ExitStack) -> bool:
    """Wait until no other worker has the lock, and take it; False if files cannot be locked there."""
    try:
        descriptor = os.open(turn, os.O_RDWR | os.O_CREAT | NO_LINK, 0o600)
    except OSError:
        return False
    stack.callback(os.close, descriptor)
    while True:
        try:
            lock_file(descriptor)
        except OSError as error:
            if error.errno not in _HELD:
                return False
            time.sleep(_POLL_INTERVAL_S)
        else:
            return True
