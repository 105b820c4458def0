"""A fleet from end to end: the same report from every way to scan it, whatever is killed on the way."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import jsonschema
import pytest
import trustme
from referencing import Registry, Resource

from tests.fleet import scene
from tests.fleet.git_server import TOKEN, Behaviour, serving
from tests.gate import absent
from tests.keys import fingerprint
from tests.leaks import leaks
from tests.running import COMMAND, ROOT, Ran, keyscan

DASHBOARD = (
    *("/info/main/workers.html", "/info/main/logs.html", "/info/logs.html", "/json/counts.json"),
    *("/json/identity.json", "/json/index.html", "/metrics", "/health"),
)
"""Pages of a scheduler from which the others are linked, but for those of bokeh: see ``test_dashboard``."""

SCHEMAS = ROOT / "boltz_keyscan/report/schema"


@dataclass
class Fleet:
    """The server, the list of its repositories, and a first complete scan."""

    base: str
    server: Behaviour
    folder: Path
    urls: list[str]
    first: Ran

    def scan(
        self, state: str, *more: str, listed: bytes | None = None, path: str = "", **options: Any
    ) -> Ran:
        """Scan into a state."""
        stdin = scene.as_github(self.urls) if listed is None else listed
        env = {"BOLTZ_KEYSCAN_GIT_TOKEN": TOKEN, **({"PATH": path} if path else {})}
        arguments = ("fleet", "scan", "--repos", "-", "--state", state, "--jobs", "2", *more)
        return keyscan(*arguments, cwd=self.folder, stdin=stdin, env=env, **options)

    def report(self, state: str, form: str = "json") -> Ran:
        """Report on a state."""
        return keyscan("fleet", "report", "--state", state, "--format", form, cwd=self.folder)


def spy(folder: Path) -> str:
    """Put a git first on the path that writes down its arguments; the path."""
    (folder / "bin").mkdir()
    script = folder / "bin/git"
    log = shlex.quote(str(folder / "arguments"))
    real = shlex.quote(str(shutil.which("git")))
    script.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> {log}\nexec {real} "$@"\n')
    script.chmod(0o755)
    return os.pathsep.join([str(script.parent), os.environ["PATH"]])


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("fleet")
    scene.build(folder / "served")
    with serving(folder / "served") as (base, server):
        urls = scene.addresses(base)
        fleet = Fleet(base, server, folder, urls, Ran(0, b"", b""))
        fleet.first = fleet.scan("first", path=spy(folder))
        yield fleet


def test_the_report_has_every_repository_and_each_key_once(fleet: Fleet) -> None:
    assert (fleet.first.code, fleet.first.errors) == (1, "")
    document = fleet.report("first").report
    registry: Registry[Any] = Registry().with_resources(
        (each["$id"], Resource.from_contents(each))
        for each in (json.loads(path.read_bytes()) for path in SCHEMAS.iterdir())
    )
    schema = json.loads((SCHEMAS / "fleet-v1.schema.json").read_bytes())
    jsonschema.Draft202012Validator(schema, registry=registry).validate(document)
    coverage = document["fleet"]["coverage"]
    count, failed = len(fleet.urls), len(scene.FAILING)
    assert coverage == {
        "discovered": count,
        "fetched": count - failed,
        "scanned": count - failed,
        "partial": 0,
        "failed": failed,
        "pending": 0,
    }
    reasons = {
        each["name"].removeprefix(f"{fleet.base}/"): each["gaps"][0]["reason"]
        for each in document["repositories"]
        if each["status"] == "failed"
    }
    assert reasons == scene.FAILING
    shared, pulled, private = document["findings"]
    assert [each["fingerprint"] for each in (shared, pulled, private)] == list(map(fingerprint, scene.KEYS))
    forks = [f"{fleet.base}/open/{name}.git" for name in ("fork-0", "fork-1", "fork-2", "fork-3", "origin")]
    assert [each["repository"] for each in shared["occurrences"]] == forks
    assert (shared["repository_count"], shared["still_present"], shared["first"]["path"]) == (
        5,
        False,
        "settings.py",
    )
    (where,) = pulled["occurrences"]
    assert where["finding"]["locations"][0]["path"] == "config.env"
    assert (private["blocking"], private["severity"]) == (False, "low")


def test_every_format(fleet: Fleet) -> None:
    text = fleet.report("first", "text").text
    assert text == fleet.first.text
    assert text.index("Fleet  ") < text.index("fetch-redirected") < text.index("CRITICAL")
    assert "in 5 repositories, 5 places, gone from all branches" in text
    rows = fleet.report("first", "csv").text.splitlines()
    assert sum('"scanned","key"' in row for row in rows) == 7
    page = fleet.report("first", "html").text
    assert page.index("(2 fetch-failed, 1 fetch-redirected)") < page.index("What was not scanned")
    assert page.count("<article") == len(scene.KEYS)
    assert "5 repositories, 5 places" in page
    assert leaks(page.encode(), *scene.KEYS) == []
    arguments = ("fleet", "report", "--state", "first", "--format", "sarif")
    assert keyscan(*arguments, cwd=fleet.folder).code == 2
    assert keyscan(*arguments, "--output", "sarif", cwd=fleet.folder).code == 1
    logs = [json.loads(path.read_bytes()) for path in (fleet.folder / "sarif").iterdir()]
    assert len(logs) == len(fleet.urls)
    assert sum(len(run["results"]) for log in logs for run in log["runs"]) == 7


def test_no_key_and_no_token_leaves_the_workers(fleet: Fleet) -> None:
    written = b"".join(path.read_bytes() for path in (fleet.folder / "first").rglob("*") if path.is_file())
    arguments = (fleet.folder / "arguments").read_bytes()
    shown = b"".join((fleet.first.out, fleet.first.err, arguments))
    assert b"clone\n" in arguments
    assert leaks(written + shown, *scene.KEYS) == []
    assert TOKEN.encode() not in written + shown
    assert fleet.server.tokens == {TOKEN}


def test_shards_merged_are_the_whole(fleet: Fleet) -> None:
    for number in (1, 2, 3):
        listed = (scene.as_gitlab(fleet.urls), "\n".join(fleet.urls).encode())[number % 2]
        fleet.scan(f"part-{number}", "--shard", f"{number}/3", listed=listed)
    halves = keyscan("fleet", "merge", "--state", "merged", "part-1", "part-3", cwd=fleet.folder)
    assert "shard-missing" in halves.text
    assert "2 of 3" in halves.text
    whole = keyscan("fleet", "merge", "--state", "merged", "part-2", "part-3", cwd=fleet.folder)
    assert whole.code == 1
    assert fleet.report("merged").out == fleet.report("first").out
    assert "<svg" in fleet.report("merged", "html").text


@pytest.mark.sampled(count=0)
@pytest.mark.parametrize("engine", ["dask"])
def test_workers_of_dask_give_the_same_report(fleet: Fleet, engine: str) -> None:
    """Those of a cluster of its own; below they are those of a cluster with certificates."""
    needs_dask()
    ran = fleet.scan("dask", "--engine", engine, started=True)
    assert (ran.code, ran.errors) == (1, "")
    assert fleet.report("dask").out == fleet.report("first").out


@dataclass
class Cluster:
    """A cluster in processes of its own, and the certificate for it."""

    process: subprocess.Popen[bytes]
    pages: str
    workers: list[int]
    over_tls: tuple[str, ...]
    """Options that name it, and the authority of its certificates."""
    certificate: tuple[str, ...]


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Start a cluster with TLS and two workers."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    ca, cert, key = (str(folder / f"{name}.pem") for name in ("ca", "cert", "key"))
    authority.cert_pem.write_to_path(ca)
    issued.cert_chain_pems[0].write_to_path(cert)
    issued.private_key_pem.write_to_path(key)
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "tests/fleet/cluster.py"), ca, cert, key, "2"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), "BOLTZ_KEYSCAN_GIT_TOKEN": TOKEN},
    )
    assert process.stdout is not None
    try:
        address, pages, *pids = process.stdout.readline().decode().split()
        assert address.startswith("tls://")
        over_tls = ("--engine", "dask", "--scheduler", address, "--tls-ca", ca)
        certificate = ("--tls-cert", cert, "--tls-key", key)
        yield Cluster(process, pages.removesuffix("/status"), list(map(int, pids)), over_tls, certificate)
    finally:
        process.communicate()


def test_a_cluster_with_certificates_one_of_whose_workers_is_killed(fleet: Fleet, tmp_path: Path) -> None:
    needs_dask()
    with cluster(tmp_path) as dask:
        bare = fleet.scan("denied", *dask.over_tls)
        assert (bare.code, "needs certificates" in bare.errors) == (2, True)
        other = trustme.CA().issue_cert("127.0.0.1")
        other.private_key_and_cert_chain_pem.write_to_path(tmp_path / "other.pem")
        mine = str(tmp_path / "other.pem")
        denied = fleet.scan("denied", *dask.over_tls, "--tls-cert", mine, "--tls-key", mine, started=True)
        assert (denied.code, "cannot use the cluster" in denied.errors) == (2, True)
        fleet.server.requests.clear()
        killing = threading.Thread(target=kill_at_work, args=(fleet.server, dask.workers[0]))
        killing.start()
        # Work goes on when the page of a task was read.
        fleet.server.hold.clear()
        fleet.server.waiting = True
        with watching(dask.pages, fleet.server.hold) as shown:
            ran = fleet.scan("tls", *dask.over_tls, *dask.certificate, started=True)
        fleet.server.waiting = False
        killing.join()
    assert (ran.code, ran.errors) == (1, "")
    assert fleet.report("tls").out == fleet.report("first").out
    seen = b"".join(shown.values())
    # The page of a task that was under way, and the numbers of all.
    assert any("/info/task/" in path for path in shown), sorted(shown)
    assert b"scan-" in seen
    assert TOKEN.encode() not in seen
    assert leaks(seen, *scene.KEYS) == []


@pytest.mark.sampled(count=0)
@pytest.mark.parametrize("engine", ["dask"])
def test_a_scheduler_that_vanishes_ends_the_scan_which_goes_on_later(
    fleet: Fleet, engine: str, tmp_path: Path
) -> None:
    needs_dask()
    with cluster(tmp_path) as dask:
        fleet.server.requests.clear()
        killing = threading.Thread(target=kill_at_work, args=(fleet.server, dask.process.pid))
        killing.start()
        ran = fleet.scan("vanished", *dask.over_tls, *dask.certificate, started=True)
        killing.join()
    assert (ran.code, ran.out, engine) == (2, b"", "dask"), ran
    assert "Repeat the command" in ran.errors
    half = fleet.report("vanished").report
    assert half["fleet"]["coverage"]["pending"] > 0
    assert not any(gap["reason"] == "worker-died" for each in half["repositories"] for gap in each["gaps"])
    fleet.scan("vanished")
    assert fleet.report("vanished").out == fleet.report("first").out


@contextlib.contextmanager
def watching(pages: str, has_task: threading.Event) -> Iterator[dict[str, bytes]]:
    """Read all pages of a scheduler again and again, following their links; the content of each."""
    shown: dict[str, bytes] = {}
    over = threading.Event()

    def read(path: str) -> None:
        with contextlib.suppress(OSError), urllib.request.urlopen(pages + path, timeout=5) as answer:
            shown[path] = shown.get(path, b"")[-1_000_000:] + answer.read(1_000_000)
            links = re.findall(r'href="([^"#]+)"', shown[path].decode("utf-8", "replace"))
            for each in {urljoin(path, link) for link in links} - shown.keys():
                if each.startswith(("/info/", "/json/")) and not over.is_set():
                    read(each)

    def watch() -> None:
        while not over.wait(0.3):
            for path in (*DASHBOARD, *shown):
                read(path)
            if any("/info/task/" in path for path in shown):
                has_task.set()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield shown
    finally:
        over.set()
        thread.join()


def test_an_open_scheduler_is_refused(fleet: Fleet) -> None:
    needs_dask()
    (fleet.folder / "scheduler.json").write_text('{"address": "tcp://192.0.2.1:8786"}')
    for scheduler in ("tcp://192.0.2.1:8786", "ucx://host.invalid:1", "scheduler.json"):
        ran = fleet.scan("open", "--engine", "dask", "--scheduler", scheduler)
        assert ran.code == 2
        assert "on another machine and not encrypted" in ran.errors
    assert fleet.scan("open", "--engine", "dask", "--scheduler", "nowhere.json").code == 2
    assert fleet.scan("open", "--scheduler", "tls://127.0.0.1:1").code == 2


def kill_at_work(server: Behaviour, pid: int) -> None:
    """Kill a process once the server was asked for something."""
    deadline = time.monotonic() + 60
    while len(server.requests) < 6 and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)


def needs_dask() -> None:
    """Skip a test where Dask is not installed."""
    if importlib.util.find_spec("distributed") is None:
        absent("the extra 'fleet' is not installed")


def test_a_second_scan_reads_what_changed(fleet: Fleet) -> None:
    fleet.server.requests.clear()
    assert fleet.scan("first").out == fleet.first.out
    fetched = {path for path, _ in fleet.server.requests if path.endswith("git-upload-pack")}
    # Protocol 2 lists references with the same request; nothing else was asked for.
    assert len(fetched) <= len(fleet.urls)
    status = keyscan("fleet", "status", "--state", "first", cwd=fleet.folder)
    assert (status.code, "failed" in status.text) == (0, True)


def test_a_driver_that_was_killed_goes_on(fleet: Fleet) -> None:
    slow = f"{fleet.base}/slow/origin.git"
    (fleet.folder / "served/slow").symlink_to("open")
    fleet.server.hold.clear()
    process = subprocess.Popen(
        [*COMMAND, "fleet", "scan", "--repos", "-", "--state", "killed", "--jobs", "2"],
        cwd=fleet.folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT), "BOLTZ_KEYSCAN_GIT_TOKEN": TOKEN},
    )
    assert process.stdin is not None
    process.stdin.write("\n".join([*fleet.urls, slow]).encode())
    process.stdin.close()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        status = keyscan("fleet", "status", "--state", "killed", cwd=fleet.folder)
        busy = fleet.scan("killed", listed=slow.encode()) if "scanned" in status.text else None
        if busy is not None and any("/slow/" in path for path, _ in fleet.server.requests):
            assert busy.code == 2
            assert "another fleet scan uses this state: process" in busy.errors
            break
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    half = fleet.report("killed").report
    assert half["fleet"]["complete"] is False
    assert half["fleet"]["coverage"]["pending"] > 0
    fleet.server.hold.set()
    fleet.scan("killed")
    again = fleet.report("killed").report
    first = fleet.report("first").report
    assert again["findings"] == first["findings"]
    assert [each for each in again["repositories"] if each["name"] != slow] == first["repositories"]


def test_a_server_that_went_away_costs_gaps_and_no_key(fleet: Fleet) -> None:
    fleet.server.down = True
    try:
        assert fleet.scan("first").code == 1
    finally:
        fleet.server.down = False
    document = fleet.report("first").report
    assert document["fleet"]["coverage"]["failed"] == len(fleet.urls)
    assert len(document["findings"]) == len(scene.KEYS)
    assert fleet.scan("first").out == fleet.first.out


def test_a_single_address(fleet: Fleet) -> None:
    ran = keyscan(f"{fleet.base}/open/pulled.git", "--format", "json", cwd=fleet.folder)
    assert ran.code == 1
    (finding,) = ran.report["findings"]
    assert finding["fingerprint"] == fingerprint(scene.PULLED)
    assert ran.report["scan"]["targets"] == [f"{fleet.base}/open/pulled.git"]
    assert keyscan(fleet.urls[0], ".", cwd=fleet.folder).code == 2
    assert keyscan(f"{fleet.base}/open/absent.git", cwd=fleet.folder).code == 2
