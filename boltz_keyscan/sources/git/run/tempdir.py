"""A temporary folder, for the few scans in which git needs links to parts of a store.

It is removed when this process ends in any way: a second process waits for the end and
cleans up. If that is killed too (with the whole session, say), the next scan removes it.

Boundary: no scanned content is ever written there, except a large container that came
through a pipe, unchanged (``files.stdin``).
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os

from boltz_keyscan.fsutil import is_own
from boltz_keyscan.late_pattern import late_pattern
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.system.processes import is_running

_FOLDER_NAME = late_pattern(r"boltz-keyscan-(\d{1,9})-\w+")


def folder() -> bytes:
    """Create a new folder and return its path."""
    path = os.path.join(_process_folder(), os.urandom(8).hex())
    os.mkdir(path, 0o700)
    return os.fsencode(path)


def new_store() -> bytes:
    """Create an empty object store and return its path."""
    store = folder()
    os.mkdir(os.path.join(store, b"pack"))
    return store


@functools.cache
def _process_folder() -> str:
    import shutil  # noqa: PLC0415 - most scans need no folder
    import tempfile  # noqa: PLC0415 - as above

    top = tempfile.gettempdir()
    _remove_stale_folders(top)
    path = os.path.join(top, f"boltz-keyscan-{os.getpid()}-{os.urandom(8).hex()}")
    # Started before there is anything to clean up.
    cleaner = git.start_cleanup_process(path)
    if cleaner.stdin is not None:
        # A fork of this process may inherit it (``workers.process``): forks end with this process.
        os.set_inheritable(cleaner.stdin.fileno(), True)  # noqa: FBT003 - it takes no keyword

    def clean() -> None:
        shutil.rmtree(path, ignore_errors=True)
        cleaner.kill()
        cleaner.communicate()

    atexit.register(clean)
    os.mkdir(path, 0o700)
    return path


def _remove_stale_folders(top: str) -> None:
    """Remove folders left by killed sessions: named by this program after a process that is gone."""
    import shutil  # noqa: PLC0415 - as above

    with contextlib.suppress(OSError), os.scandir(top) as entries:
        for entry in entries:
            match = _FOLDER_NAME.fullmatch(entry.name)
            if (
                match
                and entry.is_dir(follow_symlinks=False)
                and is_own(entry.stat())
                and not is_running(int(match[1]))
            ):
                shutil.rmtree(entry.path, ignore_errors=True)
