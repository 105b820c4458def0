"""Running the program as a user does: another process, its exit code and its bytes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Ran:
    """What a process left behind."""

    code: int
    out: bytes
    err: bytes

    @property
    def text(self) -> str:
        """Standard output as text."""
        return self.out.decode()

    @property
    def errors(self) -> str:
        """Standard error as text."""
        return self.err.decode()

    @property
    def report(self) -> Any:
        """Standard output as the JSON report it is."""
        return json.loads(self.out)


def keyscan(
    *arguments: str | os.PathLike[str] | bytes,
    cwd: Path | None = None,
    stdin: bytes = b"",
    env: dict[str, str] | None = None,
    before: tuple[str, ...] = (),
) -> Ran:
    """Run ``boltz-keyscan`` from this checkout, with ``before`` in front of the command (``setpriv`` ...)."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}
    command = [*before, sys.executable, "-m", "boltz_keyscan", *arguments]
    ran = subprocess.run(
        command, cwd=cwd, input=stdin, capture_output=True, env=environment, check=False, timeout=120
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def scan_json(*arguments: str | os.PathLike[str] | bytes, cwd: Path | None = None, **options: Any) -> Any:
    """The JSON report of a scan."""
    return keyscan(*arguments, "--format", "json", cwd=cwd, **options).report
