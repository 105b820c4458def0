"""Failed fetches as gaps: git's error output to a reason for programs and a line for people.

Only the reason is kept. What a server prints is neither stored nor shown.
"""

from __future__ import annotations

from boltz_keyscan.late_pattern import late_pattern
from boltz_keyscan.model.finding import Gap
from boltz_keyscan.report.wording import size

_TOO_LARGE = late_pattern(r"File too large|signal 25\b|status -25\b")
"""git or one of its processes wrote more than the limit of files: SIGXFSZ is signal 25."""

_PROBABLY_TOO_LARGE = late_pattern(r"invalid index-pack output")
"""The process that indexes a pack ended without a message, as at the limit of files; see ``_TOO_LARGE``."""

_KINDS = (
    (
        late_pattern(r"(?i)redirect|\bHTTP 30\d|returned error: 30\d"),
        "fetch-redirected",
        "the server redirects to another address, which is not followed; list that address",
    ),
    (
        late_pattern(
            r"(?i)could not read (?:Username|Password)|authentication|returned error: 40[13]|"
            r"permission denied|host key verification"
        ),
        "fetch-denied",
        "the server asks for credentials or refuses them; give a token with --token-file, or an ssh key",
    ),
    (
        late_pattern(r"(?i)no space left|disk quota|cannot (?:create|write)|unable to (?:create|write)"),
        "fetch-failed",
        "the disk of the mirrors is full or cannot be written",
    ),
    (
        late_pattern(
            r"(?i)not found|does not exist|does not appear to be a git repository|returned error: 404"
        ),
        "fetch-failed",
        "there is no such repository, or it is not visible without credentials",
    ),
    (
        late_pattern(
            r"(?i)could not resolve|failed to connect|connection (?:refused|timed out|reset)|unreachable"
        ),
        "fetch-failed",
        "the server cannot be reached",
    ),
    (late_pattern(r"(?i)operation too slow|timed out"), "fetch-timed-out", "the transfer was too slow"),
    (
        late_pattern(
            r"(?i)repository corruption|unable to read [0-9a-f]{40}|bad object|missing (?:blob|tree|commit)"
        ),
        "fetch-failed",
        "the repository is damaged: git cannot read its objects on the server",
    ),
    (
        late_pattern(r"(?i)early EOF|unexpected disconnect|hung up|bytes? of body are still expected"),
        "fetch-failed",
        "the connection ended in the middle of the transfer",
    ),
    (late_pattern(r"(?i)transport '.*' not allowed"), "fetch-failed", "its protocol is not allowed"),
)
"""Expressions for git's messages, and the reason and the explanation for each; the first that fits counts."""


def describe_failure(name: str, error: str, seconds: float, max_bytes: int) -> Gap:
    """Return the gap of a fetch that failed.

    Args:
        name: name of the repository.
        error: output of git, or the reason for which it was stopped.
        seconds: time limit of the fetch.
        max_bytes: size limit of the mirror.
    """
    if error == "timed out":
        return Gap(name, "fetch-timed-out", f"it took longer than {seconds:.0f} s; see --fetch-timeout")
    too_large = Gap(
        name, "fetch-too-large", f"its mirror is larger than {size(max_bytes)}; see --max-mirror-size"
    )
    if error == "too large" or _TOO_LARGE.search(error):
        return too_large
    for pattern, reason, detail in _KINDS:
        if pattern.search(error):
            return Gap(name, reason, detail)
    if _PROBABLY_TOO_LARGE.search(error):
        return too_large
    return Gap(name, "fetch-failed", "git could not fetch it; try 'git ls-remote' with its address")
