"""Audit of this machine: keys in files, and variables that redirect the SDK.

``audit.local_files`` reads the files. To add a check, add a row.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

from boltz_keyscan.audit.local_files import Kind, LocalFile
from boltz_keyscan.model.audit import Check, Concern
from boltz_keyscan.model.enums import Severity, Shape

IN_STARTUP = Check(
    "key-in-startup-file",
    Severity.HIGH,
    "Key in a shell start-up file",
    "Every program started from a shell gets it, and backups and dotfile repositories copy the file.",
    "Read it from a secret store when it is needed.",
)
REDIRECTED = Check(
    "sdk-diverted",
    Severity.HIGH,
    "Variable that redirects the Boltz SDK",
    "BOLTZ_BASE_URL sets the address that the SDK sends keys to; BOLTZ_CUSTOM_HEADERS adds headers.",
    "Remove the line unless you added it and know the address.",
)
READABLE = Check(
    "credentials-readable",
    Severity.HIGH,
    "Credentials that other users can read",
    "Every user of this machine can use them.",
    "Allow only yourself to read the file.",
)
IN_TOOL = Check(
    "key-in-tool-config",
    Severity.HIGH,
    "Key in the configuration of a tool",
    "Such files are shared, committed and read by agents.",
    "Refer to the variable BOLTZ_API_KEY there, and set it elsewhere.",
)
ENV_READABLE = Check(
    "env-readable",
    Severity.MEDIUM,
    "Environment file that other users can read",
    "Every user of this machine can read the key in it.",
    "Allow only yourself to read the file.",
)

CHECKS = (IN_STARTUP, REDIRECTED, READABLE, IN_TOOL, ENV_READABLE)

_SECRETS = frozenset({"BOLTZ_API_KEY", "BOLTZ_COMPUTE_API_KEY"})
_REDIRECTING = frozenset({"BOLTZ_BASE_URL", "BOLTZ_CUSTOM_HEADERS"})


def examine(files: Iterable[LocalFile]) -> tuple[Concern, ...]:
    """Return the concerns about files, worst first, then by path and line."""
    concerns = [concern for file in files for concern in _concerns(file)]
    concerns.sort(key=lambda concern: (CHECKS.index(concern.check), concern.subject, concern.line or 0))
    return tuple(concerns)


def _concerns(file: LocalFile) -> Iterator[Concern]:
    keys = [match for match in file.keys if match.shape is not Shape.PLACEHOLDER]
    secrets = {line: f"{name} is set" for name, line in file.variables if name in _SECRETS}
    secrets |= {match.line: f"a key, {match.fingerprint}" for match in keys}
    for name, line in file.variables:
        if name in _REDIRECTING:
            yield _concern(REDIRECTED, file, f"{name} is set", line)
    if file.kind is Kind.STARTUP:
        for line, what in sorted(secrets.items()):
            yield _concern(IN_STARTUP, file, what, line)
    if file.kind is Kind.TOOL:
        for match in keys:
            yield _concern(IN_TOOL, file, f"a key, {match.fingerprint}", match.line)
    if not file.shared:
        return
    fix = f"chmod 600 {shlex.quote(file.path)}"
    if file.kind is Kind.CREDENTIALS:
        yield Concern(READABLE, file.path, "", "other users can read it", fix)
    elif secrets and file.kind is Kind.ENVIRONMENT:
        yield Concern(
            ENV_READABLE, file.path, "", "other users can read it, and it has a key", fix, min(secrets)
        )


def _concern(check: Check, file: LocalFile, detail: str, line: int) -> Concern:
    return Concern(check, file.path, "", detail, line=line)
