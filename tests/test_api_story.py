"""The story: a live key leaks; it is found, checked, verified, replaced, revoked; the next scan passes."""

from __future__ import annotations

import json
from pathlib import Path

from tests.boltz_api import Key, Service, running
from tests.keys import fake_key, fingerprint
from tests.leaks import leaks
from tests.repos import Repo
from tests.running import keyscan

LEAKED = fake_key("ws", "live", "leaked")


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
