"""Other people's programs that read our reports, as ``make tools`` puts them into ``.tools``.

Boundary: where they stand and that they are there; what is asked of them is each test's.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, NoReturn

from tests.gate import absent

TOOLS = Path(__file__).parents[3] / ".tools"
PROGRAMS = TOOLS / "python/bin"


def missing(what: str) -> NoReturn:
    """End the test: a failure in CI, else a skip."""
    absent(f"{what} is not installed: make tools")


def program(name: str) -> str:
    """A program of the Python packages."""
    path = PROGRAMS / name
    if not path.exists():
        missing(f".tools/python/bin/{name}")
    return str(path)


def ran(name: str, *arguments: str | Path, code: int = 0) -> str:
    """What such a program prints when it ends with ``code``."""
    done = subprocess.run(
        [program(name), *map(str, arguments)], capture_output=True, check=False, timeout=300
    )
    assert done.returncode == code, (done.stdout + done.stderr).decode()
    return done.stdout.decode()


def asked(script: str, *arguments: str | Path) -> Any:
    """The JSON that a Python script prints which imports one of the packages."""
    return json.loads(ran("python", "-c", script, *arguments))


def node(package: str, script: str, stdin: str) -> str:
    """What a module prints that imports ``package`` and reads ``stdin``."""
    command = shutil.which("node")
    if command is None or not (TOOLS / "node_modules" / package).is_dir():
        missing(package)
    done = subprocess.run(
        [str(command), "--input-type=module", "--eval", script],
        cwd=TOOLS,
        input=stdin.encode(),
        capture_output=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def written(folder: Path, name: str, text: str) -> Path:
    """A report in a file, with the bytes the program writes."""
    path = folder / name
    path.write_text(text, encoding="utf-8", newline="\n")
    return path
