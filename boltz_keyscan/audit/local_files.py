"""Files of a user and of a project that may have keys.

Shell start-up files, ``.env`` files, the credentials of the Boltz CLI, and configuration
of editors and agents: a fixed list of names, and no other files. ``audit.local`` checks them.
"""

from __future__ import annotations

import glob
import os
import re
import stat
from collections.abc import Iterator
from enum import StrEnum

from boltz_keyscan.fsutil import FOLLOWING_READ_FLAGS, others_may_read
from boltz_keyscan.model.finding import Detector, Match
from boltz_keyscan.records import dataclass

MAX_FILE_BYTES = 4 << 20
"""Bytes of a file that are read."""


class Kind(StrEnum):
    """The purpose of a file."""

    STARTUP = "shell start-up file"
    ENVIRONMENT = "environment file"
    CREDENTIALS = "credentials of the Boltz CLI"
    TOOL = "configuration of a tool"


_HOME = {
    Kind.STARTUP: """
        .profile .bashrc .bash_profile .bash_login .bash_aliases .zshrc .zshenv .zprofile .zlogin .kshrc
        .cshrc .tcshrc .login .xonshrc .pam_environment .config/fish/config.fish
        .config/fish/conf.d/*.fish .config/environment.d/*.conf
    """,
    Kind.ENVIRONMENT: ".env",
    Kind.CREDENTIALS: """
        .config/boltz*/credentials.json .boltz*/credentials.json
        Library/Application?Support/boltz*/credentials.json
    """,
    Kind.TOOL: """
        .mcp.json .cursor/mcp.json .claude.json .claude/settings.json .claude/settings.local.json
        .codex/config.toml .gemini/settings.json .continue/config.json .continue/config.yaml
        .codeium/windsurf/mcp_config.json .config/Claude/claude_desktop_config.json
        Library/Application?Support/Claude/claude_desktop_config.json
        .config/Code/User/mcp.json .config/Code/User/settings.json .config/zed/settings.json
    """,
}
"""Names below the home folder, as patterns of ``glob``."""

_PROJECT = {
    Kind.ENVIRONMENT: ".env .env.* .envrc",
    Kind.TOOL: """
        .mcp.json .cursor/mcp.json .vscode/mcp.json .vscode/settings.json .claude/settings.json
        .claude/settings.local.json .codex/config.toml .gemini/settings.json .zed/settings.json
    """,
}
"""Names below the folder of a project."""

_ASSIGNMENT_START = rb"(?m)^[ \t]*(?:export[ \t]+|setenv[ \t]+|set[ \t]+(?:-\S+[ \t]+)*)?"
_SET = re.compile(_ASSIGNMENT_START + rb"[\"']?(BOLTZ_[A-Z_]+)[\"']?[ \t]*[ \t=:]([^\n]*)")
"""A variable and its value, in the forms of shells and of ``.env`` files."""

_REFERENCE = re.compile(rb"[ \t]*[\"']?(?:[$`]|op://|vault:|$|#)")
"""A value that is a reference to a secret store or another variable."""


@dataclass(frozen=True, slots=True)
class LocalFile:
    """The content of one of these files."""

    path: str
    """The path, redacted and safe to print."""
    raw: bytes
    kind: Kind
    shared: bool = False
    """True if other users of this machine may read it."""
    variables: tuple[tuple[str, int], ...] = ()
    """``BOLTZ_*`` variables with a literal value, with their lines."""
    keys: tuple[Match, ...] = ()
    trouble: str = ""
    """The reason for which it could not be read."""


def read_files(home: bytes, project: bytes, detector: Detector) -> Iterator[LocalFile]:
    """Read all of these files that exist, each once.

    Args:
        home: the home folder of the user.
        project: the folder of the project.
        detector: the detector for keys in them.
    """
    seen: set[bytes] = set()
    config = os.environ.get("XDG_CONFIG_HOME")
    for folder, table in ((home, _HOME), (project, _PROJECT)):
        for kind, names in table.items():
            for name in names.split():
                parent, rest = folder, name
                if config and folder is home and name.startswith(".config/"):
                    parent, rest = os.fsencode(config), name.removeprefix(".config/")
                pattern = os.path.join(glob.escape(parent), os.fsencode(rest))
                for path in sorted(glob.glob(pattern, include_hidden=True)):
                    real = os.path.realpath(path)
                    if real not in seen:
                        seen.add(real)
                        yield _read_file(path, kind, detector)


def read_environment_files(project: bytes, detector: Detector) -> Iterator[LocalFile]:
    """Read the environment files of a project, without following links."""
    for name in _PROJECT[Kind.ENVIRONMENT].split():
        for path in sorted(
            glob.glob(os.path.join(glob.escape(project), os.fsencode(name)), include_hidden=True)
        ):
            if not os.path.islink(path):
                yield _read_file(path, Kind.ENVIRONMENT, detector)


def _read_file(path: bytes, kind: Kind, detector: Detector) -> LocalFile:
    shown = detector.redact(path)
    try:
        descriptor = os.open(path, FOLLOWING_READ_FLAGS)
        with open(descriptor, "rb") as file:
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode):
                return LocalFile(shown, path, kind, trouble="not a regular file")
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        return LocalFile(shown, path, kind, trouble=error.strerror or type(error).__name__)
    trouble = f"only the first {MAX_FILE_BYTES >> 20} MiB were read" if len(content) > MAX_FILE_BYTES else ""
    variables = tuple(
        (found[1].decode("ascii"), content.count(b"\n", 0, found.start(1)) + 1)
        for found in _SET.finditer(content)
        if not _REFERENCE.match(found[2])
    )
    shared = others_may_read(facts)
    return LocalFile(shown, path, kind, shared, variables, tuple(detector.find([content])), trouble)
