"""Scan of ``templates/boltz-keyscan.yml``: reads the variables of GitLab, runs the scanner, writes reports.

Names are those of docs.gitlab.com, "Predefined CI/CD variables reference". Of the names of branches only
that of the default branch is used. The reports are at the paths of the artifacts in the template.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

# Isolated, Python does not look beside the script; last, so that what is installed goes first.
sys.path.append(str(Path(__file__).resolve().parent.parent))

from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.sanitize import harmless
from pipelines.part import FETCH_ALL, SCANS, Change, choose, commit, remote, shallow, words

if TYPE_CHECKING:
    from collections.abc import Mapping

PAGE = "boltz-keyscan.html"

REPORTS = {
    "gitlab": "gl-secret-detection-report.json",
    "junit": "boltz-keyscan.junit.xml",
    "json": "boltz-keyscan.json",
    "html": PAGE,
}
"""Paths below the folder of the project; only files there can become artifacts."""

_DEEPER = "Set GIT_DEPTH to 0 for this job."


def change(variables: Mapping[str, str]) -> Change:
    """Return the commits of a pipeline; the whole repository unless it is for a push or a merge request."""
    default = remote(variables.get("CI_DEFAULT_BRANCH"))
    source, end = variables.get("CI_PIPELINE_SOURCE"), commit(variables.get("CI_COMMIT_SHA"))
    if source == "merge_request_event":
        # The first is set in pipelines of merged results, and is their base.
        target = variables.get("CI_MERGE_REQUEST_TARGET_BRANCH_SHA")
        start = target or variables.get("CI_MERGE_REQUEST_DIFF_BASE_SHA")
        return Change(end, commit(start), default)
    branch = variables.get("CI_COMMIT_BRANCH")
    if source == "push" and branch:
        before = commit(variables.get("CI_COMMIT_BEFORE_SHA"))
        return Change(end, before, default, to_default=remote(branch) == default)
    return Change(default=default)


def run(variables: Mapping[str, str]) -> int:
    """Scan, write the reports, and return the exit code of the scanner.

    Raises:
        KeyscanError: an input is invalid, or the clone lacks the commit of the pipeline.
    """
    folder = Path(variables["CI_PROJECT_DIR"])
    scan = variables.get("KEYSCAN_SCAN") or SCANS[0]
    if scan not in SCANS:
        raise KeyscanError(f"not a value for scan: {scan}", f"Give one of {', '.join(SCANS)}.")
    part = choose(folder, change(variables), scan)
    print(part.description, flush=True)
    fail_on = variables.get("KEYSCAN_FAIL_ON", "")
    command = [
        *(sys.executable, "-I", "-m", "boltz_keyscan", ".", *part.options),
        *("--trust", part.trust),
        *(f"--report={name}={path}" for name, path in REPORTS.items()),
        # An incomplete scan must fail, and a cache of another job is not trusted.
        *("--require-complete", "--no-cache"),
        *((f"--fail-on={fail_on}",) if fail_on else ()),
        *words(variables.get("KEYSCAN_ARGS", "")),
    ]
    code = subprocess.run(command, cwd=folder, check=False).returncode  # noqa: S603 - our own program
    if code != 0 and shallow(folder):
        print(f"{FETCH_ALL.capitalize()}. {_DEEPER}", file=sys.stderr)
    if (address := variables.get("CI_JOB_URL")) and (folder / PAGE).exists():
        print(f"The report as a page: {harmless(address)}/artifacts/file/{PAGE}")
    return code if code >= 0 else 4


def main() -> int:
    """Scan, and return the exit code."""
    try:
        return run(os.environ)
    except KeyscanError as error:
        print(f"error: {harmless(error.message)}\nhelp: {harmless(error.hint)}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
