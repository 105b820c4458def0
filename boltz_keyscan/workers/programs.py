"""Short programs: run, with a time limit, for their output."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence

from boltz_keyscan.sources.git.run.environment import absolute_path
from boltz_keyscan.system.processes import CREATION_FLAGS

_TIMEOUT_S = 30.0
"""Seconds for a short program."""

_VERSION_TIMEOUT_S = 5.0
"""Seconds in which a program prints its version."""


def read_output(command: Sequence[str]) -> bytes | None:
    """Return the output of a short program; None when it fails or takes too long."""
    ended = run_program(command, b"")
    return ended[1] if ended is not None and ended[0] == 0 else None


def run_program(
    command: Sequence[str],
    stdin: bytes,
    *,
    environment: Mapping[str, str] | None = None,
    seconds: float = _TIMEOUT_S,
) -> tuple[int, bytes, bytes] | None:
    """Return exit code, output and errors of a short program; None when it does not start or end."""
    try:
        ended = subprocess.run(  # noqa: S603 - an absolute path, fixed arguments
            command,
            input=stdin,
            capture_output=True,
            cwd=os.sep,
            env=environment,
            check=False,
            timeout=seconds,
            creationflags=CREATION_FLAGS,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return ended.returncode, ended.stdout, ended.stderr


def read_version(program: str) -> str | None:
    """Return the version that an installed program prints; None if there is none.

    It gets none of our variables, so no key, and relative folders of PATH are left out.

    Args:
        program: its name.
    """
    path = shutil.which(program, path=absolute_path())
    if path is None:
        return None
    variables = {"PATH": absolute_path()}
    ended = run_program([path, "--version"], b"", environment=variables, seconds=_VERSION_TIMEOUT_S)
    found = re.search(rb"[0-9]{1,9}(?:\.[0-9]{1,9}){2}", ended[1][:1000] if ended is not None else b"")
    return found.group().decode("ascii") if found else None
