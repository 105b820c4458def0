"""Failed fetches as gaps: git's error output to a reason for programs and a line for people.

Only the reason is kept. What a server prints is neither stored nor shown.
"""

from __future__ import annotations

import functools
import re
import tomllib

from boltz_keyscan.fsutil import package_text
from boltz_keyscan.late_pattern import late_pattern
from boltz_keyscan.model.finding import Gap
from boltz_keyscan.report.wording import size

_TOO_LARGE = late_pattern(r"File too large|signal 25\b|status -25\b")
"""git or one of its processes wrote more than the limit of files: SIGXFSZ is signal 25."""

_PROBABLY_TOO_LARGE = late_pattern(r"invalid index-pack output")
"""The process that indexes a pack ended without a message, as at the limit of files; see ``_TOO_LARGE``."""


@functools.cache
def _known_failures() -> list[dict[str, str]]:
    failures: list[dict[str, str]] = tomllib.loads(package_text("fleet/fetch_errors.toml"))["failure"]
    return failures


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
    for known in _known_failures():
        if re.search(known["pattern"], error):
            return Gap(name, known["reason"], known["detail"])
    if _PROBABLY_TOO_LARGE.search(error):
        return too_large
    return Gap(name, "fetch-failed", "git could not fetch it; try 'git ls-remote' with its address")
