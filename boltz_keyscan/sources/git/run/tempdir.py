"""A temporary folder, for the few scans in which git needs links to some of what there is.

It goes with the process that made it, however that ends: a second process waits for the
end and cleans up. Should that be killed too (with the whole session, say), the next folder
made removes what is left.

Boundary: folders with links in them; no content of anything scanned is ever put there, but
for a large container that came through a pipe, as it came (``spool``).
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import re
import shutil
import tempfile

from boltz_keyscan.sources.git.run import command as git

_OURS = re.compile(r"boltz-keyscan-(\d{1,9})-\w+")


def folder() -> bytes:
    """A new folder of this process."""
    return os.fsencode(tempfile.mkdtemp(dir=_top()))


@functools.cache
def _top() -> str:
    _sweep()
    path = os.path.join(tempfile.gettempdir(), f"boltz-keyscan-{os.getpid()}-{os.urandom(8).hex()}")
    # Who cleans up is there before there is anything to clean up.
    keeper = git.start_cleanup_process(path)
    if keeper.stdin is not None:
        # A copy of this process may have it too (``workers.process``): copies end with this one.
        os.set_inheritable(keeper.stdin.fileno(), True)  # noqa: FBT003 - it takes no keyword

    def clean() -> None:
        shutil.rmtree(path, ignore_errors=True)
        keeper.kill()
        keeper.communicate()

    atexit.register(clean)
    os.mkdir(path, 0o700)
    return path


def _sweep() -> None:
    """Remove what a killed session left: folders of ours named after a process that is no more."""
    with contextlib.suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        for entry in entries:
            named = _OURS.fullmatch(entry.name)
            if named and entry.is_dir(follow_symlinks=False) and entry.stat().st_uid == os.geteuid():
                try:
                    os.kill(int(named[1]), 0)
                except ProcessLookupError:
                    shutil.rmtree(entry.path, ignore_errors=True)
