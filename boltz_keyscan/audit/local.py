"""Audit of this machine: keys in files, and variables that redirect the SDK.

``audit.local_files`` reads the files. To add a check, add a row.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from typing import Protocol

from boltz_keyscan.model.audit import Check, Concern
from boltz_keyscan.model.enums import Severity, Shape
from boltz_keyscan.model.finding import Match


class Kept(Protocol):
    """The content of a file; see ``audit.local_files``."""

    @property
    def path(self) -> str: ...  # noqa: D102 - a field of facts
    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def shared(self) -> bool: ...  # noqa: D102
    @property
    def variables(self) -> tuple[tuple[str, int], ...]: ...  # noqa: D102
    @property
    def keys(self) -> tuple[Match, ...]: ...  # noqa: D102


_STARTUP, _ENVIRONMENT, _CREDENTIALS, _TOOL = (
    "shell start-up file",
    "environment file",
    "credentials of the Boltz CLI",
    "configuration of a tool",
)

IN_STARTUP = Check(
    "key-in-startup-file",
    Severity.HIGH,
    "Key in a shell start-up file",
    "Every program started from a shell gets it, and the file ends up in backups and dotfile repositories.",
    "Read it from a secret store when it is needed.",
)
DIVERTED = Check(
    "sdk-diverted",
    Severity.HIGH,
    "Variable that diverts the Boltz SDK",
    "BOLTZ_BASE_URL says where the SDK sends keys, BOLTZ_CUSTOM_HEADERS what it sends with them.",
    "Take the line out unless you put it there and know the address.",
)
READABLE = Check(
    "credentials-readable",
    Severity.HIGH,
    "Credentials that others can read",
    "Whoever has an account on this machine can use them.",
    "Let only yourself read the file.",
)
IN_TOOL = Check(
    "key-in-tool-config",
    Severity.HIGH,
    "Key in the configuration of a tool",
    "Such files are shared, committed and read by agents.",
    "Name the variable BOLTZ_API_KEY there in place of the key, and set it elsewhere.",
)
ENV_READABLE = Check(
    "env-readable",
    Severity.MEDIUM,
    "Environment file that others can read",
    "Whoever has an account on this machine can read the key in it.",
    "Let only yourself read the file.",
)

CHECKS = (IN_STARTUP, DIVERTED, READABLE, IN_TOOL, ENV_READABLE)

_SECRETS = frozenset({"BOLTZ_API_KEY", "BOLTZ_COMPUTE_API_KEY"})
_DIVERTING = frozenset({"BOLTZ_BASE_URL", "BOLTZ_CUSTOM_HEADERS"})


def examine(files: Iterable[Kept]) -> tuple[Concern, ...]:
    """Return the concerns about files, worst first, then by path and line."""
    concerns = [concern for file in files for concern in _concerns(file)]
    concerns.sort(key=lambda concern: (CHECKS.index(concern.check), concern.subject, concern.line or 0))
    return tuple(concerns)


def _concerns(file: Kept) -> Iterator[Concern]:
    keys = [match for match in file.keys if match.shape is not Shape.PLACEHOLDER]
    secrets = {line: f"{name} is set" for name, line in file.variables if name in _SECRETS}
    secrets |= {match.line: f"a key, {match.fingerprint}" for match in keys}
    for name, line in file.variables:
        if name in _DIVERTING:
            yield _at(DIVERTED, file, f"{name} is set", line)
    if file.kind == _STARTUP:
        for line, what in sorted(secrets.items()):
            yield _at(IN_STARTUP, file, what, line)
    if file.kind == _TOOL:
        for match in keys:
            yield _at(IN_TOOL, file, f"a key, {match.fingerprint}", match.line)
    if not file.shared:
        return
    mend = f"chmod 600 {shlex.quote(file.path)}"
    if file.kind == _CREDENTIALS:
        yield Concern(READABLE, file.path, "", "others may read it", mend)
    elif secrets and file.kind == _ENVIRONMENT:
        yield Concern(
            ENV_READABLE, file.path, "", "others may read it, and it holds a key", mend, min(secrets)
        )


def _at(check: Check, file: Kept, detail: str, line: int) -> Concern:
    return Concern(check, file.path, "", detail, line=line)
