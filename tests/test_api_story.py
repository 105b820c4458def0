"""The story: a live key leaks; it is found, verified, replaced, revoked, cleaned; the incident is closed."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.boltz_api import Key, Link, Service, running
from tests.boltz_usage import Work
from tests.keys import fake_key, fake_link, fingerprint
from tests.leaks import leaks
from tests.repos import Repo
from tests.running import keyscan

LEAKED = fake_key("ws", "live", "leaked")
LINK = fake_link("leaked")


def test_from_the_leak_to_a_green_run(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "project")
    repo.leak("predict.ipynb", json.dumps({"cells": [{"source": [f"KEY = '{LEAKED}'"]}]}), LEAKED)
    service = Service(
        Key("key-leaked", LEAKED, "nightly pipeline", "ws_2"),
        Key("key-other", fake_key("ws", "live", "other"), "another"),
    )
    with running(service) as up:
        env = {"BOLTZ_API_KEY": service.admin.raw}

        def scan(*options: str) -> tuple[int, dict[str, object]]:
            ran = keyscan(
                ".", "--format", "json", "--no-cache", "--api-base", up.url, *options, cwd=repo.path, env=env
            )
            assert not leaks(ran.out + ran.err, LEAKED, service.admin.raw)
            (found,) = json.loads(ran.out)["findings"]
            return ran.code, found

        # Found, and checked: the listing cannot say which key it is.
        code, found = scan("--check")
        assert (code, found["status"], found["fingerprint"]) == (1, "ambiguous", fingerprint(LEAKED))
        assert set(found["candidates"]) == {"key-leaked", "key-other"}  # type: ignore[call-overload]

        # Verified: it works, and this is the one.
        code, found = scan("--check", "--verify", "--report", f"json={tmp_path / 'scan.json'}")
        assert (code, found["status"]) == (1, "active")
        assert found["evidence"]["key_id"] == "key-leaked"  # type: ignore[index]

        # Shown, then replaced and revoked.
        report = tmp_path / "scan.json"
        shown = keyscan("keys", "revoke", "--from-report", report, "--replace", "--api-base", up.url, env=env)
        assert shown.code == 0
        assert "key-leaked 'nightly pipeline': workspace live key of workspace ws_2, active" in shown.errors
        done = keyscan(
            "keys", "revoke", "--yes", "--id", "key-leaked", "--replace",
            "--new-key-file", tmp_path / "new-key", "--api-base", up.url, env=env,
        )  # fmt: skip
        assert done.code == 0
        new = (tmp_path / "new-key").read_text().strip()
        assert not leaks(done.out + done.err, LEAKED, new, service.admin.raw)
        states = {key.raw: (key.is_active, key.workspace_id, key.allowed_ips) for key in service.keys}
        assert states[LEAKED][0] is False
        assert states[new] == (True, "ws_2", [])

        # The next scan finds it still, says that it is dead, and passes.
        code, found = scan("--verify", "--check", "--require-api")
        assert (code, found["status"], found["severity"]) == (0, "inactive", "note")
        assert found["evidence"]["by"] == "verification"  # type: ignore[index]
        # Without verification nothing proves it, and the run fails as before.
        code, found = scan("--check")
        assert (code, found["status"]) == (1, "ambiguous")
        # An API that lists more of its keys proves it too, and so does what is saved of it.
        service.prefix_length = 20
        code, found = scan("--check")
        assert (code, found["status"], found["evidence"]["by"]) == (0, "inactive", "prefix")  # type: ignore[index]
        saved = keyscan("keys", "snapshot", "--output", tmp_path / "keys.json", "--api-base", up.url, env=env)
        assert saved.code == 0
    offline = keyscan(
        ".", "--format", "json", "--no-cache", "--inventory", tmp_path / "keys.json", cwd=repo.path
    )
    assert offline.code == 0
    assert offline.report["findings"][0]["status"] == "inactive"


def _leak(folder: Path, when: datetime) -> tuple[Repo, Repo]:
    """A repository that pushed a key and a share link, and its server."""
    server, repo = Repo(folder / "server.git", bare=True), Repo(folder / "project")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"):
            patch.setenv(name, f"{when:%Y-%m-%dT%H:%M:%S}+00:00")
        repo.leak("predict.py", f"KEY = '{LEAKED}'\n")
        repo.leak("notes.md", f"Results: https://lab.boltz.bio/share/{LINK}\n")
    repo.run("remote", "add", "origin", str(server.path))
    repo.run("push", "--quiet", "--set-upstream", "origin", "main")
    return server, repo


def _misused(now: datetime) -> Service:
    """An API whose keys and usage show that somebody used the leaked key."""
    service = Service(
        Key("key-leaked", LEAKED, "nightly pipeline", "ws_2", last_used_at=now - timedelta(hours=1)),
        Key("key-other", fake_key("ws", "live", "other"), "another"),
    )
    service.links = [Link(LINK, "ws_2", expires_at=now + timedelta(days=300))]
    service.ledger.work = [Work(now - timedelta(days=day), 10, "ws_2") for day in range(1, 11)]
    service.ledger.work += [Work(now - timedelta(days=2), 9_000, "ws_2", "small_molecule_design")]
    return service


def _rewrite(server: Repo, folder: Path) -> None:
    """Clean the history of the server, in a fresh clone, by the expressions in ``drop.txt``."""
    fresh = folder / "fresh"
    server.run("clone", "--quiet", "--no-local", ".", str(fresh))
    clean = ["git", "filter-repo", "--quiet", "--replace-text", str(folder / "drop.txt")]
    subprocess.run(clean, cwd=fresh, check=True, capture_output=True, env=os.environ, timeout=60)
    Repo.there(fresh).run("push", "--quiet", "--force", str(server.path), "main")


def test_an_incident_from_the_alert_to_closed(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    leaked_at = now - timedelta(days=3)
    server, repo = _leak(tmp_path, leaked_at)
    service = _misused(now)
    report, old = tmp_path / "scan.json", tmp_path / "keys.json"

    with running(service) as up:

        def told(*words: str | Path, code: int = 0, cwd: Path = repo.path) -> str:
            asks = words[0] == "keys" or "--check" in words
            base = ("--api-base", up.url) if asks else ()
            ran = keyscan(*words, *base, cwd=cwd, env={"BOLTZ_API_KEY": service.admin.raw})
            assert ran.code == code, ran.text + ran.errors
            assert not leaks(ran.out + ran.err, LEAKED, LINK, service.admin.raw)
            return ran.text + ran.errors

        def finding(secret: str) -> dict[str, Any]:
            found = json.loads(report.read_text())["findings"]
            return next(each for each in found if each["fingerprint"] == fingerprint(secret))

        # A snapshot from before, as a scheduled job makes it.
        told("keys", "snapshot", "--output", old)

        # Found and verified: both work, and were pushed.
        told(".", "--no-cache", "--check", "--verify", "--report", f"json={report}", code=1)
        assert (finding(LINK)["status"], finding(LINK)["pushed"]) == ("active", True)
        found = finding(LEAKED)
        assert (found["status"], found["pushed"], found["evidence"]["key_id"]) == (
            "active",
            True,
            "key-leaked",
        )

        # Its use since the commit: somebody ran what this workspace never ran, and the job is listed.
        usage = json.loads(told("keys", "usage", "--from-report", report, "--format", "json"))
        assert usage["since"] == f"{leaked_at:%Y-%m-%dT%H:00:00Z}"
        assert [each["id"] for each in usage["workspaces"]] == ["ws_2"]
        (strange,) = [each for each in usage["anomalies"] if each["application"] == "small_molecule_design"]
        assert strange["detail"].startswith("first used since the leak: 9,000")
        assert "small_molecule_design" in {job["application"] for job in usage["jobs"]}
        assert [(key["id"], key["leaked"]) for key in usage["keys"]] == [("key-leaked", "yes")]

        # Replaced and revoked; whoever had the key has created none.
        new = tmp_path / "new"
        told("keys", "revoke", "--yes", "--id", "key-leaked", "--replace", "--new-key-file", new)
        assert not next(key for key in service.keys if key.raw == LEAKED).is_active
        options = ("--with-report", report, "--format", "json", "--fail-on", "never")
        audit = json.loads(told("keys", "audit", "--against", old, *options))
        made = [each["subject"] for each in audit["concerns"] if each["check"] == "new-key"]
        assert made == ["key_new_1"]
        assert "key-leaked" not in {each["check"] for each in audit["concerns"]}

        # The share link is shown, then archived.
        archive = ("keys", "revoke", "--share-link", fingerprint(LINK))
        assert "1 prediction" in told(*archive)
        assert not service.archived(LINK)
        told(*archive, "--yes")
        assert service.archived(LINK)
        told(".", "--no-cache", "--check", "--verify", "--report", f"json={report}")
        assert [finding(secret)["status"] for secret in (LINK, LEAKED)] == ["inactive", "inactive"]

        # Cleaned: the file, then the history, which is pushed again.
        repo.leak(
            "predict.py", "import os\n\nKEY = os.environ['BOLTZ_API_KEY']\n", "read it from the environment"
        )
        repo.leak("notes.md", "Results: ask Ana\n", "take the share link out")
        told("explain", fingerprint(LEAKED), fingerprint(LINK), "--replace-text", tmp_path / "drop.txt")
        repo.run("push", "--quiet")
        _rewrite(server, tmp_path)

        # Closed: what the server has now is clean, and the key is dead.
        closed = tmp_path / "closed"
        repo.run("clone", "--quiet", "--no-local", str(server.path), str(closed))
        told(".", "--no-cache", "--fail-on", "any", cwd=closed)
        assert "inactive" in told(".", "--no-cache", "--check", "--verify", "--require-api")
