"""Runs with something in front of them, or changed in the program, without a start for each.

As in ``tests/running.py`` a run is a copy of a process that has loaded the program. That process is started
under the same limits or rights, and with the same changes, as the runs of it are to have, and they inherit
these. Where processes cannot be copied, each run is started in full.

Boundary: for tests that run the program many times in one such way.
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.running import COPIES, PATIENCE, ROOT, Ran, Warm

_STARTED = """
import sys
from boltz_keyscan.cli import entry
sys.argv[0] = "boltz-keyscan"
entry()
"""

_KEPT = """
from tests import warm
warm.main()
"""


def kept(
    *arguments: str | bytes,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
    before: tuple[str, ...] = (),
    changed: str = "",
) -> Ran:
    """Run ``boltz-keyscan`` as ``before``, a command that runs another, has it (``setpriv`` ...).

    Args:
        arguments: those of the program.
        cwd: the folder it is run in.
        env: what its environment has beside ours.
        before: nothing that ends by itself (``timeout``), as it is there for more than one run.
        changed: lines of Python that the program is changed by.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}
    if (warm := _warm(before, changed)) is not None and warm.suits(environment):
        return warm.run(arguments, cwd, b"", environment)
    command = [*before, sys.executable, "-c", f"{changed}\n{_STARTED}", *arguments]
    ran = subprocess.run(
        command, cwd=cwd, input=b"", capture_output=True, env=environment, check=False, timeout=PATIENCE
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)


@functools.cache
def _warm(before: tuple[str, ...], changed: str) -> Warm | None:
    """The one for these runs, started when it is first needed; it ends with us."""
    if not COPIES:
        return None
    folder = tempfile.mkdtemp(prefix="boltz-keyscan-kept-")
    ambient = {name: value for name, value in os.environ.items() if not name.startswith("BOLTZ_")}
    warm = Warm(folder, {**ambient, "PYTHONPATH": str(ROOT), "HOME": folder})
    process = subprocess.Popen(
        [*before, sys.executable, "-c", f"{changed}\n{_KEPT}", warm.socket],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=warm.environment,
        cwd=ROOT,
    )

    def end() -> None:
        process.communicate()
        shutil.rmtree(folder)

    atexit.register(end)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return warm
