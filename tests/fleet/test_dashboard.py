"""Pages of a scheduler while a fleet is scanned: names of tasks and counts, nothing of what is scanned."""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.fleet.dashboard import fetch
from tests.fleet.git_server import TOKEN
from tests.fleet.test_fleet import cluster, needs_dask
from tests.keys import fake_key
from tests.leaks import leaks
from tests.repos import Repo
from tests.running import COMMAND, ROOT

KEY = fake_key("admin", "live", "on a dashboard")
NAME = "confidential"
"""A part of the name of each repository."""


def slow_git(folder: Path) -> Path:
    """Put a git first on the path that waits for a file; the file."""
    (folder / "bin").mkdir()
    script, go = folder / "bin/git", folder / "go"
    real = shlex.quote(str(shutil.which("git")))
    wait = f"while test ! -e {shlex.quote(str(go))}; do sleep 0.2; done"
    script.write_text(f'#!/bin/sh\ncase $* in *{NAME}*) {wait} ;; esac\nexec {real} "$@"\n')
    script.chmod(0o755)
    return go


def test_no_page_shows_a_key_a_token_or_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs_dask()
    if importlib.util.find_spec("bokeh") is None:
        # Its 60 MB are for this test alone; without it a scheduler has no other pages than test_fleet reads.
        pytest.skip("bokeh is not installed: pip install bokeh")
    urls = []
    for number in range(4):
        repo = Repo(tmp_path / f"{NAME}-{number}")
        repo.leak("settings.env", f"KEY={KEY}\n")
        urls.append(f"file://{repo.path}")
    go = slow_git(tmp_path)
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path / "bin"), os.environ["PATH"]]))
    env = {**os.environ, "PYTHONPATH": str(ROOT), "BOLTZ_KEYSCAN_GIT_TOKEN": TOKEN}
    with cluster(tmp_path) as dask:
        command = [*COMMAND, "fleet", "scan", *urls, "--state", "state", *dask.over_tls, *dask.certificate]
        reader = [sys.executable, str(ROOT / "tests/fleet/dashboard.py"), dask.pages]
        with subprocess.Popen(command, cwd=tmp_path, env=env, stdout=subprocess.PIPE) as scan:
            try:
                while not json.loads(fetch(f"{dask.pages}/json/counts.json"))["processing"]:
                    assert scan.poll() is None
                    time.sleep(0.2)
                pages = json.loads(subprocess.run(reader, stdout=subprocess.PIPE, check=True).stdout)
            finally:
                go.touch()
            assert b"4 repositories: 4 scanned" in scan.communicate()[0]
    drawn = [page for page in pages if page.endswith("(drawn)")]
    # Pages of the scheduler, of both workers, of a task and of its stack.
    assert len({page.split("/")[2] for page in drawn}) == 3, sorted(pages)
    for part in ("/info/task/", "/info/call-stack", "/info/worker/", "/info/logs/"):
        assert any(part in page for page in pages), sorted(pages)
    shown = json.dumps(pages).encode()
    assert b"scan-" in shown
    assert leaks(shown, KEY) == []
    assert [page for page, text in pages.items() if NAME in text or TOKEN in text] == []
