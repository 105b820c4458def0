"""Scan of ``action.yml``: reads the event of GitHub, runs the scanner, writes reports and outputs.

Names and forms are those of docs.github.com: "Variables reference", "Webhook events and payloads" (push,
pull_request, merge_group), "Workflow commands for GitHub Actions". The author of a push writes the event:
only its commit ids and the name of the default branch are used, and nothing of it is printed.

The scanner runs isolated from ``PYTHONPATH`` and from the scanned folder.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Isolated, Python does not look beside the script; last, so that what is installed goes first.
sys.path.append(str(Path(__file__).resolve().parent.parent))

from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.sanitize import harmless
from pipelines.part import FETCH_ALL, SCANS, Change, Nothing, choose, commit, is_zero, remote, shallow, words

if TYPE_CHECKING:
    from collections.abc import Mapping

CATEGORY = "boltz-keyscan"

DEPENDABOT = "dependabot[bot]"
"""Actor of pushes whose token may only read (docs.github.com, "Dependabot on GitHub Actions")."""
"""Prefix of the categories of the SARIF runs."""

UPLOADS = ("auto", "always", "never")
PAGES = ("never", "always")

_DEEPER = "Give actions/checkout 'fetch-depth: 0'."
_UNFILTERED = "This clone left objects out. Leave 'filter' out of actions/checkout."


@dataclass(frozen=True, slots=True)
class Done:
    """Outputs for later steps of the workflow."""

    code: int
    keys: int = 0
    failing: int = 0
    gaps: int = 0
    json: str = ""
    sarif: str = ""
    html: str = ""
    upload: bool = False
    keep_page: bool = False


def change(event: str, payload: Mapping[str, Any], default: str) -> Change:
    """Return the commits of an event; the whole repository for an event without commits.

    Raises:
        Nothing: the event deleted a branch or tag.
    """
    if event == "push":
        if payload.get("deleted") is True or is_zero(payload.get("after")):
            raise Nothing
        ref = payload.get("ref")
        if not isinstance(ref, str) or not ref.startswith("refs/heads/"):
            # A tag has a message, which is in no range of commits.
            return Change(default=default)
        return Change(
            commit(payload.get("after")),
            commit(payload.get("before")),
            default,
            to_default=remote(ref.removeprefix("refs/heads/")) == default,
        )
    if event in {"pull_request", "pull_request_target"}:
        head, base = (_at(payload, "pull_request", end, "sha") for end in ("head", "base"))
        return Change(commit(head), commit(base), default)
    if event == "merge_group":
        head, base = (_at(payload, "merge_group", f"{end}_sha") for end in ("head", "base"))
        return Change(commit(head), commit(base), default)
    return Change(default=default)


def run(environment: Mapping[str, str]) -> Done:
    """Scan, and write the reports.

    Raises:
        KeyscanError: an input is invalid, or the checkout lacks the commit of the event.
    """
    event = environment.get("GITHUB_EVENT_NAME", "")
    payload = _payload(environment.get("GITHUB_EVENT_PATH", ""))
    folder = _folder(environment)
    scan = _one_of(environment, "KEYSCAN_SCAN", SCANS)
    upload = _one_of(environment, "KEYSCAN_UPLOAD", UPLOADS)
    page = _one_of(environment, "KEYSCAN_PAGE", PAGES)
    default = remote(_at(payload, "repository", "default_branch"))
    part = choose(folder, change(event, payload, default), scan)
    print(part.description, flush=True)
    reports = Path(tempfile.mkdtemp(prefix="boltz-keyscan-", dir=environment.get("RUNNER_TEMP") or None))
    files = {name: reports / f"boltz-keyscan.{name}" for name in ("json", "sarif", "html")}
    command = [
        *(sys.executable, "-I", "-m", "boltz_keyscan", ".", *part.options),
        *("--trust", environment.get("KEYSCAN_TRUST") or part.trust),
        *(f"--report={name}={path}" for name, path in files.items()),
        # Annotations and the summary of the step, whatever a configuration says.
        *("--format", "auto"),
        # An incomplete scan must fail, and a cache of another job is not trusted.
        *("--require-complete", "--no-cache"),
        *_input_option(environment, "fail-on"),
        *_input_option(environment, "baseline"),
        *words(environment.get("KEYSCAN_ARGS", "")),
    ]
    code = subprocess.run(command, cwd=folder, check=False).returncode  # noqa: S603 - our own program
    if not files["json"].exists() or code < 0:
        return Done(code if code > 0 else 4)
    report = json.loads(files["json"].read_bytes())
    if not report["scan"]["complete"] and shallow(folder):
        print(f"::error title=boltz-keyscan::{FETCH_ALL.capitalize()}. {_DEEPER}")
    if any(gap["reason"] == "partial-clone" for gap in report["gaps"]):
        print(f"::error title=boltz-keyscan::{_UNFILTERED}")
    keys = [finding for finding in report["findings"] if finding["shape"] != "placeholder"]
    failing = sum(finding["blocking"] for finding in keys)
    if files["sarif"].exists():
        _recategorize(files["sarif"], environment.get("KEYSCAN_CATEGORY") or CATEGORY)
    sends, why = _uploads(upload, event, complete=report["scan"]["complete"], part=bool(part.options))
    if sends and event == "push" and environment.get("GITHUB_ACTOR") == DEPENDABOT:
        sends, why = (
            False,
            "SARIF not uploaded: GitHub takes none of Dependabot's pushes, but of its pull requests.",
        )
    if why:
        print(why)
    sarif, html = (str(files[name]) if files[name].exists() else "" for name in ("sarif", "html"))
    return Done(
        code,
        len(keys),
        failing,
        len(report["gaps"]),
        json=str(files["json"]),
        sarif=sarif,
        html=html,
        upload=sends and bool(sarif),
        keep_page=page == "always" and bool(html),
    )


def _uploads(upload: str, event: str, *, complete: bool, part: bool) -> tuple[bool, str]:
    """Return whether to upload the report to code scanning, and the reason if not.

    An upload replaces the one of the same category on the same branch, and closes the alerts that it does
    not contain. A pull request is scanned from its base every time; a push is not.
    """
    if upload == "never":
        return False, ""
    if not complete:
        return False, "SARIF not uploaded: GitHub takes none of a scan that is not complete."
    if upload == "auto" and part and event == "push":
        reason = "SARIF not uploaded: the next push would close its alerts. 'scan: all' uploads on a push."
        return False, reason
    return True, ""


def _payload(path: str) -> Mapping[str, Any]:
    """Read the payload of the event."""
    try:
        payload = json.loads(Path(path).read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise KeyscanError(
            "cannot read the event: GITHUB_EVENT_PATH names no JSON file",
            "Run this inside GitHub Actions; elsewhere call boltz-keyscan itself.",
        ) from error
    return payload if isinstance(payload, dict) else {}


def _at(payload: object, *names: str) -> object:
    """Return a value of the event; None where the event has another form."""
    for name in names:
        payload = payload.get(name) if isinstance(payload, dict) else None
    return payload


def _folder(environment: Mapping[str, str]) -> Path:
    """Return the folder of the checkout."""
    return Path(environment.get("GITHUB_WORKSPACE", ""), environment.get("KEYSCAN_PATH", ""))


def _one_of(environment: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    value = environment.get(name) or choices[0]
    if value not in choices:
        option = name.removeprefix("KEYSCAN_").lower()
        raise KeyscanError(f"not a value for {option}: {value}", f"Give one of {', '.join(choices)}.")
    return value


def _input_option(environment: Mapping[str, str], option: str) -> tuple[str, ...]:
    """Return the option that an input sets, if any; otherwise the configuration or the default applies."""
    value = environment.get(f"KEYSCAN_{option.upper().replace('-', '_')}", "")
    return (f"--{option}={value}",) if value else ()


def _recategorize(path: Path, category: str) -> None:
    """Change the category of the runs, which takes precedence over the input of upload-sarif."""
    if category == CATEGORY:
        return
    log = json.loads(path.read_bytes())
    for sarif_run in log["runs"]:
        details = sarif_run["automationDetails"]
        details["id"] = category + details["id"].removeprefix(CATEGORY)
    path.write_text(json.dumps(log), encoding="utf-8")


def _write_outputs(output: str, done: Done) -> None:
    """Write the outputs of the step."""
    outputs = {
        "exit-code": done.code,
        "keys": done.keys,
        "failing-keys": done.failing,
        "gaps": done.gaps,
        "json-file": done.json,
        "sarif-file": done.sarif,
        "html-file": done.html,
        "keep-page": str(done.keep_page).lower(),
        "upload": str(done.upload).lower(),
    }
    with Path(output).open("a", encoding="utf-8") as stream:
        stream.writelines(f"{name}={value}\n" for name, value in outputs.items())


def main() -> int:
    """Scan, write the outputs, and return the exit code of the scanner."""
    try:
        done = run(os.environ)
    except Nothing:
        print("Nothing to scan: a branch or tag was deleted.")
        done = Done(0)
    except KeyscanError as error:
        deeper = f" {_DEEPER}" if shallow(_folder(os.environ)) else ""
        message = harmless(f"{error.message}. {error.hint}{deeper}")
        print(f"::error title=boltz-keyscan::{message.replace('%', '%25')}")
        done = Done(2)
    _write_outputs(os.environ["GITHUB_OUTPUT"], done)
    return done.code


if __name__ == "__main__":
    sys.exit(main())
