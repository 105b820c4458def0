"""Text of the hooks that ``hook install`` writes, and a parser for existing ones."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import re
import shlex
import sys

from boltz_keyscan import module_search
from boltz_keyscan._version import __version__
from boltz_keyscan.package_data import read_text
from boltz_keyscan.records import dataclass
from boltz_keyscan.system.paths import HAS_OTHER_SHELLS, quote_for_shells, slashed_text
from boltz_keyscan.workers.programs import read_output

_PYTHON_PATH = slashed_text(sys.executable)
"""With slashes also on Windows: hooks run in the shell that Git for Windows brings."""

OURS = "# written by 'boltz-keyscan hook install'"

SHARED = {
    "pre-commit": "env PYTHONPATH= boltz-keyscan hook pre-commit",
    "pre-push": 'env PYTHONPATH= boltz-keyscan hook pre-push "$@"',
}
"""Commands for shared files: without a path of this machine, and without modules of the worktree."""

_START = """\
import sys
sys.path[3:3] = {folders}
try:
    from boltz_keyscan.cli import entry
except ModuleNotFoundError as error:
    sys.exit(
        f"boltz-keyscan: this hook cannot run: {{error}}, in {{sys.executable}}. "
        "Install boltz-keyscan, and run [boltz-keyscan hook install] here again."
    )
entry()"""
# -I ignores the environment, the working folder and the user's packages. A program installed in one of
# these (pip install --user, PYTHONPATH) is found by its folder, added after Python's own.

_AGAIN = "Run 'boltz-keyscan hook install' here again."

_PYTHON = re.compile(r"^(?:python=|exec )(?P<python>\S.*?)(?: -P -m boltz_keyscan .*)?$", re.MULTILINE)
_FOLDERS = re.compile(r"^sys\.path\[3:3\] = (\[.*\])$", re.MULTILINE)
_AGENT_CODE = re.compile(
    r"(?:import sys; sys\.path\[3:3\] = (\[[^\]]*\]); )?from boltz_keyscan\.cli import entry; entry\(\)"
)
_ANSWER = re.compile(rb"boltz-keyscan (\S+)\n")


def folders() -> list[str]:
    """Return the folders that this program needs and an isolated Python does not search."""
    answer = read_output([sys.executable, "-I", "-c", r"import sys; print(*sys.path, sep='\0', end='')"])
    isolated = {os.path.realpath(entry) for entry in os.fsdecode(answer or b"").split("\0")}
    beside = os.path.realpath(os.path.dirname(sys.argv[0]))
    trusted = module_search.trusted_folders()
    more = [folder for folder in trusted if os.path.realpath(folder) not in {*isolated, beside}]
    return list(map(slashed_text, more))


def _literal(more: list[str]) -> str:
    """Return a Python list literal without single quotes, which a shell's quotes cannot contain."""
    return json.dumps(more).replace("'", r"\u0027")


def text(name: str, more: list[str]) -> str:
    """Return the script for a hook."""
    start = shlex.quote(_START.format(folders=_literal(more)))
    return read_text("cli/hook.sh").format(
        ours=OURS, python=shlex.quote(_PYTHON_PATH), start=start, name=name, help=_AGAIN
    )


def line(name: str, more: list[str]) -> str:
    """Return the line that calls this program from another script."""
    code = f"import sys; sys.path[3:3] = {_literal(more)}; from boltz_keyscan.cli import entry; entry()"
    start = f"-c {shlex.quote(code)}" if more else "-m boltz_keyscan"
    return f'{shlex.quote(_PYTHON_PATH)} -I {start} hook {name} "$@"'


def agent_command() -> str:
    """Return the command for the settings of a coding agent, with absolute paths.

    Its last part is for a Python that is gone: to most agents any code but 2 means that all is well.
    """
    more = folders()
    path = f"import sys; sys.path[3:3] = {_literal(more)}; " if more else ""
    code = f"{path}from boltz_keyscan.cli import entry; entry()"
    quote = quote_for_shells if HAS_OTHER_SHELLS else shlex.quote
    return f"{quote(_PYTHON_PATH)} -I -c {quote(code)} hook agent || exit 2"


@dataclass(frozen=True, slots=True)
class AgentProgram:
    """Program that an entry in the settings of an agent calls."""

    command: tuple[str, ...] = ()
    """Empty if it was not written by ``hook install``: such a command is not run."""
    python: str = ""
    asked: bool = True
    """False if the interpreter is inside the project and must not be run."""


def parse_agent_command(text: str, inside: str) -> AgentProgram:
    """Return the program of an entry.

    Args:
        text: the command in the settings.
        inside: folder of the project; its author may have planted an interpreter.
    """
    with contextlib.suppress(ValueError, SyntaxError):
        match shlex.split(text):
            case [python, "-I", "-c", code, "hook", "agent", "||", "exit", "2"] if (
                found := _AGENT_CODE.fullmatch(code)
            ):
                more: list[str] = ast.literal_eval(found[1] or "[]")
                if any(_is_inside(path, inside) for path in (python, *more)):
                    return AgentProgram(python=python, asked=False)
                return AgentProgram((python, "-I", "-c", code, "hook", "agent"), python)
    return AgentProgram()


@dataclass(frozen=True, slots=True)
class HookProgram:
    """Program that a hook calls."""

    python: str
    version: str | None = None
    """Version of boltz-keyscan; None if it does not run."""
    asked: bool = True
    """False if the interpreter is inside the repository and was not run."""
    outdated: bool = False
    """True if this version writes another script."""


def parse_program(script: str, name: str, inside: str) -> HookProgram | None:
    """Return the program that an installed hook calls; None for any other script.

    An interpreter inside the repository is not run: the repository's author could have planted it.

    Args:
        script: text of the script.
        name: name of the hook.
        inside: folder of the repository.
    """
    found = _PYTHON.search(script)
    if OURS not in script or found is None:
        return None
    try:
        python = shlex.split(found["python"])[0]
        named = _FOLDERS.search(script)
        more: list[str] = json.loads(named[1]) if named else []
    except (ValueError, IndexError):
        # The script was edited.
        return None
    if python == _PYTHON_PATH:
        return HookProgram(python, __version__, outdated=script != text(name, folders()))
    if any(_is_inside(path, inside) for path in (python, *more)):
        return HookProgram(python, asked=False)
    answer = read_output([python, "-I", "-c", _START.format(folders=_literal(more)), "--version"])
    version = _ANSWER.fullmatch(answer or b"")
    return HookProgram(python, version and version[1].decode("ascii", "replace"))


def _is_inside(path: str, folder: str) -> bool:
    return not os.path.isabs(path) or is_within(path, folder)


def is_within(path: str, folder: str) -> bool:
    """Return True if a path is a folder or below it, links followed."""
    real, root = os.path.realpath(path), os.path.realpath(folder)
    return real == root or real.startswith(root.rstrip(os.sep) + os.sep)
