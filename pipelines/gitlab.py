"""The scan of ``templates/boltz-keyscan.yml``: what GitLab says about the pipeline in, reports out.

Names are those of docs.gitlab.com, "Predefined CI/CD variables reference". Variables that hold
names of branches are not used, other than that of the default branch.

Boundary: as ``github``; the reports lie where the template's artifacts are looked for.
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
from pipelines.part import FETCH_ALL, SCANS, Change, chosen, commit, remote, shallow, words

if TYPE_CHECKING:
    from collections.abc import Mapping

REPORTS = {
    "gitlab": "gl-secret-detection-report.json",
    "junit": "boltz-keyscan.junit.xml",
    "json": "boltz-keyscan.json",
}
"""Names below the project's folder; only what lies there can become an artifact."""

_DEEPER = "Set GIT_DEPTH to 0 for this job."


def change(variables: Mapping[str, str]) -> Change:
    """What a pipeline is about; the whole repository unless it is a push or a merge request."""
    default = remote(variables.get("CI_DEFAULT_BRANCH"))
    source, end = variables.get("CI_PIPELINE_SOURCE"), commit(variables.get("CI_COMMIT_SHA"))
    if source == "merge_request_event":
        # The first is there in pipelines of merged results, whose base it is.
        target = variables.get("CI_MERGE_REQUEST_TARGET_BRANCH_SHA")
        start = target or variables.get("CI_MERGE_REQUEST_DIFF_BASE_SHA")
        return Change(end, commit(start), default)
    branch = variables.get("CI_COMMIT_BRANCH")
    if source == "push" and branch:
        before = commit(variables.get("CI_COMMIT_BEFORE_SHA"))
        return Change(end, before, default, to_default=remote(branch) == default)
    return Change(default=default)


def run(variables: Mapping[str, str]) -> int:
    """Scan, and write the reports; the scanner's exit code.

    Raises:
        KeyscanError: an input is wrong, or the clone is not what the pipeline is about.
    """
    folder = Path(variables["CI_PROJECT_DIR"])
    scan = variables.get("KEYSCAN_SCAN") or SCANS[0]
    if scan not in SCANS:
        raise KeyscanError(f"not a value for scan: {scan}", f"Give one of {', '.join(SCANS)}.")
    part = chosen(folder, change(variables), scan)
    print(part.told, flush=True)
    fail_on = variables.get("KEYSCAN_FAIL_ON", "")
    command = [
        *(sys.executable, "-I", "-m", "boltz_keyscan", ".", *part.options),
        *("--trust", part.trust),
        *(f"--report={name}={path}" for name, path in REPORTS.items()),
        # A gate that saw half of it is none; what other jobs left in a cache is not believed.
        *("--require-complete", "--no-cache"),
        *((f"--fail-on={fail_on}",) if fail_on else ()),
        *words(variables.get("KEYSCAN_ARGS", "")),
    ]
    code = subprocess.run(command, cwd=folder, check=False).returncode  # noqa: S603 - our own program
    if code != 0 and shallow(folder):
        print(f"{FETCH_ALL.capitalize()}. {_DEEPER}", file=sys.stderr)
    return code if code >= 0 else 4


def main() -> int:
    """Run, and end as the scanner ended."""
    try:
        return run(os.environ)
    except KeyscanError as error:
        print(f"error: {harmless(error.message)}\nhelp: {harmless(error.hint)}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
