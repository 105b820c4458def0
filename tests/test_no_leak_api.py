"""The canary test for all that talks to the API: no byte put out gives a key away, and none goes elsewhere.

The keys: one to ask with, one that was found, one that the API makes, and one in each
place where the API, a file or the environment could put one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from boltz_keyscan.report import REPORTERS
from tests.boltz_api import (
    KEYS,
    ME,
    Key,
    Reply,
    Request,
    Running,
    Service,
    closed_port,
    error,
    json_reply,
    running,
)
from tests.boltz_usage import CLI, JOBS, USAGE, Work
from tests.depth import NIGHTLY
from tests.keys import fake_key
from tests.leaks import leaks
from tests.repos import Repo
from tests.running import Ran, keyscan

FOUND = fake_key("ws", "live", "found")
ASKING = fake_key("admin", "live", "the one that asks")
PLACES = ("name", "prefix", "error", "header", "workspace", "environment", "argument", "file", "org", "usage")
CANARY = {place: fake_key("ws", "live", place) for place in PLACES}
MADE = [fake_key("ws", "live", ("created", number)) for number in range(1, 4)]
EVERY = [FOUND, ASKING, *CANARY.values(), *MADE]


@dataclass(frozen=True)
class Case:
    name: str
    arguments: str
    codes: tuple[int, ...]
    fault: str = ""
    env: dict[str, str] = field(default_factory=dict)
    stdin: bytes = b""


EVERY_FORMAT = " ".join(f"--report {name}={{out}}/report.{name}" for name in REPORTERS)
"""All of them from one run, which is what takes long."""
SCANS = ("--check", "--verify", "--check --verify", "--inventory {keys}", "--inventory {keys} --verify")
LOUD = {
    "BOLTZ_LOG": "debug",
    "PYTHONFAULTHANDLER": "1",
    "PYTHONDEVMODE": "1",
    "HTTPX_LOG_LEVEL": "trace",
    "SSLKEYLOGFILE": "{out}/tls-keys",
}
DIVERTING = {
    "BOLTZ_BASE_URL": "{elsewhere}",
    "BOLTZ_CUSTOM_HEADERS": "x-api-key: {0}\nHost: elsewhere\nX-Also: {0}".format(CANARY["environment"]),
    "HTTP_PROXY": "{elsewhere}",
    "HTTPS_PROXY": "{elsewhere}",
    "ALL_PROXY": "{elsewhere}",
    "http_proxy": "{elsewhere}",
    "all_proxy": "{elsewhere}",
}


def _cases() -> Iterator[Case]:
    for options in SCANS:
        yield Case(f"scan {options}", f"{{repo}} --no-cache {options} -v {EVERY_FORMAT}", (0, 1))
    for form in ("text", "json"):
        yield Case(f"list {form}", f"keys list --format {form}", (0,))
    for form in ("text -v", "json", "sarif", "html"):
        yield Case(f"audit {form}", f"keys audit --format {form}", (0, 1))
        yield Case(
            f"audit with a report, {form}", f"keys audit --with-report {{scan}} --format {form}", (0, 1)
        )
        yield Case(f"local {form}", f"keys audit --local --history --format {form}", (1,))
        yield Case(f"against a snapshot, {form}", f"keys audit --against {{keys}} --format {form}", (0, 1))
    for form in ("text", "json", "html"):
        yield Case(f"usage {form}", f"keys usage --format {form}", (0,))
        yield Case(
            f"usage from a report, {form}", f"keys usage --from-report {{dated}} --format {form}", (0,)
        )
    yield Case("usage to a file", "keys usage --format html --output {out}/usage.html", (0,))
    yield Case("a key for a time", f"keys usage --since {CANARY['argument']}", (2,))
    yield Case("a key for a workspace", f"keys usage --workspace {CANARY['argument']}", (2,))
    yield Case("a key for a report of usage", f"keys usage --from-report {CANARY['argument']}", (2,))
    yield Case("a key for a snapshot", f"keys audit --against {CANARY['argument']}", (2,))
    yield Case("a key in a snapshot", "keys audit --against {broken}", (2,))
    yield Case("snapshot", "keys snapshot --output {out}/keys.json", (0,))
    yield Case("revoke, shown", "keys revoke --id key-1", (0,))
    yield Case("revoke from a report", "keys revoke --from-report {scan} --allow-self", (0,))
    yield Case("a key for an id", f"keys revoke --id {CANARY['argument']}", (2,))
    yield Case("a key for a report", f"keys revoke --from-report {CANARY['argument']}", (2,))
    yield Case("a key for a file", f"keys list --api-key-file {CANARY['argument']}", (2,))
    yield Case("a key for an address", f"keys list --api-base https://{CANARY['argument']}", (2, 3))
    yield Case(
        "a key in an address", f"keys list --api-base https://x:{CANARY['argument']}@example.org", (2,)
    )
    yield Case("a key for a proxy", f"keys list --proxy http://{CANARY['argument']}:x@localhost", (2,))
    yield Case("a key for a command", f"keys {CANARY['argument']}", (2,))
    yield Case("a key for an option", f"keys list --{CANARY['argument']}", (2,))
    yield Case("a key for a threshold", f"keys audit --max-age {CANARY['argument']}", (2,))
    yield Case("a key for an inventory", f"{{repo}} --inventory {CANARY['argument']}", (2,))
    yield Case("a key in an inventory", "{repo} --inventory {broken}", (2,))
    yield Case(
        "a place that cannot be written", f"keys snapshot --output /nonexistent/{CANARY['argument']}", (2,)
    )
    for name, value in {
        "a line break": f"{ASKING}\nHost: x",
        "a NUL's neighbour": f"{ASKING}\x01",
        "two keys": f"{ASKING} {FOUND}",
        "quotes": f'"{ASKING}"',
        "a workspace key": FOUND,
    }.items():
        yield Case(f"{name} in the variable", "keys list", (2,), env={"BOLTZ_API_KEY": value})
        yield Case(f"{name} on standard input", "keys list --api-key-file -", (0, 2), stdin=value.encode())


ASKED = {
    case.name: case
    for case in (
        Case("scan", "{repo} --no-cache --check --verify -v", (0, 1)),
        Case("list", "keys list", (0, 2, 3)),
        Case("usage", "keys usage --since 2026-06-01 --by day", (0, 2, 3)),
        Case("audit", "keys audit --against {keys}", (0, 1, 2, 3)),
        Case("revoke", "keys revoke --yes --id key-1 --replace --new-key-file {out}/../new", (0, 1, 2)),
    )
}
"""The commands that ask the API, each of which may get each of the faults for an answer."""


def _in_odd_environments() -> Iterator[Case]:
    """Runs that cannot be copies, as the SDK reads its variables when it is loaded: seconds each."""
    for name, env in {"loud": LOUD, "diverting": DIVERTING, "both": LOUD | DIVERTING}.items():
        yield Case(f"scan, {name}", "{repo} --no-cache --check --verify -v", (1,), env=env)
        yield Case(f"audit, {name}", "keys audit -v", (0, 1), env=env)
        yield Case(f"revoke, {name}", "keys revoke --yes --id key-1", (0,), env=env)


def _html(_: Request, __: Reply) -> Reply:
    return Reply(200, f"<html>{CANARY['error']} {ASKING}".encode(), (("Content-Type", "text/html"),))


def _echo(request: Request, _: Reply) -> Reply:
    """Says back what it was told, as some gateways do."""
    told = request.headers["x-api-key"]
    return json_reply({"code": told, "message": f"bad key {told}", "key": told}, 400, ("X-Told", told))


def _echo_401(request: Request, _: Reply) -> Reply:
    told = request.headers["x-api-key"]
    return json_reply({"code": "unauthorized", "message": told}, 401, ("Retry-After", told))


def _echo_items(request: Request, right: Reply) -> Reply | None:
    if request.path != KEYS or request.method == "POST":
        return None
    page = json.loads(right.body)
    for item in page["data"]:
        item["workspace_id"] = item["allowed_ips"] = request.headers["x-api-key"]
    return json_reply(page)


def _echo_usage(request: Request, right: Reply) -> Reply | None:
    """Says the key, and others, in each text of usage, jobs and limits."""
    told = request.headers["x-api-key"]
    page = json.loads(right.body)
    if request.path == CLI:
        return json_reply(page | {"minimum_supported": told, "message": told})
    if request.path.endswith("/spending-limit"):
        return json_reply({"type": told, "limit": {"amount": told, "currency": told}, "accrued_usage": told})
    if request.path not in {USAGE, *JOBS}:
        return None
    fields = ("application", "workspace_id", "status", "id", "start_time", "created_at", "quantity")
    data = [{**item, field: CANARY["usage"]} for item in page["data"] for field in fields]
    return json_reply(page | {"data": data, "next_page": told, "first_id": told})


def _echo_me(request: Request, right: Reply) -> Reply | None:
    if request.path != ME:
        return None
    told = request.headers["x-api-key"]
    return json_reply(
        json.loads(right.body) | {"api_key_id": told, "organization_id": told, "workspace_id": told}
    )


def _first_time(request: Request, _: Reply) -> Reply | None:
    return error(500, ASKING) if request.headers.pop("x-first", "") else None


def _raw(request: Request, _: Reply) -> Reply:
    return Reply(raw=f"HTTP/1.1 200 {ASKING}\r\nx: {request.headers['x-api-key']}\0\r\n\r\n".encode())


FAULTS = {
    "HTML": _html,
    "echo": _echo,
    "echo 401": _echo_401,
    "echo in items": _echo_items,
    "echo in me": _echo_me,
    "echo in usage": _echo_usage,
    "broken headers": _raw,
    "redirect": lambda request, _: Reply(307, b"{}", (("Location", f"{{elsewhere}}{request.path}"),)),
    "500 at first": _first_time,
    "429 for long": lambda _, __: error(429, "rate_limited", ("Retry-After", "9999")),
    "cut": lambda _, __: Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n" + ASKING.encode()),
}

PATIENT_NO_MORE = "from boltz_keyscan.api import client\nclient._FIRST_PAUSE_S = 0.01\n"
"""The program that tries again at once."""

CASES = {case.name: case for case in _cases()}
ODDLY = {case.name: case for case in _in_odd_environments()}


@dataclass(frozen=True)
class Scene:
    """Two services, of which only one is to be talked to; what is scanned; and what is read."""

    up: Running
    elsewhere: Running
    folder: Path
    made: Path


def _service() -> Service:
    service = Service(
        Key("key-1", FOUND, f"\x1b[1mname {CANARY['name']}\n{CANARY['name'].encode().hex()}"),
        Key("key-2", CANARY["prefix"], "listed whole", is_active=False),
        Key("key-3", CANARY["org"], "old", "ws_x"),
    )
    assert service.admin.raw == ASKING
    service.prefix_length = 1000
    service.workspaces.append(("ws_x", CANARY["workspace"], True))
    recent = datetime.now(UTC) - timedelta(hours=5)
    service.ledger.work = [Work(recent, 5, space) for space in ("ws_1", "ws_x")]
    service.keys[1].last_used_at = recent
    return service


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An inventory and a report, as earlier runs left them."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "a.py").write_text(f"{FOUND}\n{ASKING}\n")
    env = {"BOLTZ_API_KEY": ASKING}
    with running(_service()) as up:
        base = ("--api-base", up.url)
        assert keyscan("keys", "snapshot", "--output", folder / "keys.json", *base, env=env).code == 0
        scan = ("--verify", "--report", f"json={folder / 'scan.json'}")
        assert keyscan(folder / "a.py", *scan, *base, env=env).code == 1
    report = json.loads((folder / "scan.json").read_text())
    for each in report["findings"]:
        each["first_seen"] = f"{datetime.now(UTC) - timedelta(days=2):%Y-%m-%dT%H:%M:%SZ}"
    (folder / "dated.json").write_text(json.dumps(report))
    for name in ("keys.json", "scan.json"):
        assert not leaks((folder / name).read_bytes(), *EVERY)
    return folder


@pytest.fixture
def scene(tmp_path: Path, made: Path) -> Iterator[Scene]:
    service = _service()
    repo = Repo(tmp_path / "repo")
    repo.leak("a.py", f"{FOUND}\n{ASKING}\n", FOUND)
    home = tmp_path / "home"
    home.mkdir()
    (home / ".bashrc").write_text(f"export BOLTZ_API_KEY={CANARY['file']}\n")
    (home / ".bash_history").write_text(f"curl -H 'x-api-key: {CANARY['file']}'\n")
    (home / ".env").write_text(f"BOLTZ_API_KEY={CANARY['file']}\n")
    (home / ".env").chmod(0o644)
    (tmp_path / "broken.json").write_text(f'{{"kind": "{CANARY["file"]}", "x": {CANARY["file"]}')
    other = Service()
    with running(service) as up, running(other) as elsewhere:
        yield Scene(up, elsewhere, tmp_path, made)


@pytest.mark.parametrize("name", CASES)
def test_no_run_gives_a_key_away(name: str, scene: Scene) -> None:
    _given_away_by_none(CASES[name], scene)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", ASKED)
@pytest.mark.sampled
def test_no_fault_of_the_api_does(name: str, fault: str, scene: Scene) -> None:
    _given_away_by_none(replace(ASKED[name], fault=fault), scene)


@pytest.mark.parametrize("name", ODDLY)
@pytest.mark.sampled(count=1)
def test_no_run_in_an_odd_environment_does(name: str, scene: Scene) -> None:
    _given_away_by_none(ODDLY[name], scene)


def _given_away_by_none(case: Case, scene: Scene) -> None:
    folder, service = scene.folder, scene.up.service
    out, temporary = folder / "out", folder / "temporary"
    out.mkdir()
    temporary.mkdir()
    env = {
        "BOLTZ_API_KEY": ASKING,
        "HOME": str(folder / "home"),
        "XDG_CONFIG_HOME": "",
        "XDG_CACHE_HOME": str(folder / "cache"),
        "TMPDIR": str(temporary),
    }
    words = {
        "{repo}": str(folder / "repo"),
        "{out}": str(out),
        "{keys}": str(scene.made / "keys.json"),
        "{scan}": str(scene.made / "scan.json"),
        "{dated}": str(scene.made / "dated.json"),
        "{broken}": str(folder / "broken.json"),
        "{elsewhere}": scene.elsewhere.url,
    }

    def filled(text: str) -> str:
        for word, value in words.items():
            text = text.replace(word, value)
        return text

    base = ("--api-base", scene.up.url)
    if case.fault:
        service.fault = FAULTS[case.fault]
    first: set[str] = set()

    def marked(request: Request) -> None:
        if request.path not in first:
            request.headers["x-first"] = "yes"
            first.add(request.path)

    service.between = marked
    arguments = [filled(word) for word in case.arguments.split(" ")]
    local = "--local" in arguments or "--api-base" in arguments
    asks = arguments[0] == "keys" or {"--check", "--verify"} & set(arguments)
    ran = keyscan(
        *arguments,
        *(() if local or not asks else base),
        cwd=folder / "home",
        stdin=case.stdin,
        env=env | {key: filled(value) for key, value in case.env.items()},
        changed=PATIENT_NO_MORE if case.fault else "",
    )
    assert ran.code in case.codes, (ran.code, ran.text, ran.errors)
    assert "Traceback" not in ran.errors
    _check(ran, folder)
    if EVERY_FORMAT in case.arguments:
        assert {path.name for path in out.iterdir()} == {f"report.{name}" for name in REPORTERS}
        # A report that tells of no key proves nothing.
        assert all(b"_[REDACTED]" in path.read_bytes() for path in out.iterdir())
    assert scene.elsewhere.service.requests == []
    for request in service.requests:
        assert request.headers["x-api-key"] in {ASKING, FOUND}, request.path
        assert "x-also" not in request.headers


def _check(ran: Ran, folder: Path) -> None:
    """Everything that is left behind, but what was planted and what was asked for."""
    contents = {"standard output": ran.out, "standard error": ran.err}
    for place in ("out", "temporary", "cache"):
        for path in sorted((folder / place).rglob("*")):
            if path.is_file():
                contents[str(path)] = path.read_bytes()
    for where, content in contents.items():
        if leaks(content, *EVERY):
            told = [key[:14] for key in EVERY if leaks(content, key)]
            pytest.fail(f"{where} gives away {told}: {content[:4000]!r}")
    assert not (folder / "out/tls-keys").exists()
    assert list((folder / "temporary").iterdir()) == []


def test_the_canary_test_can_fail(scene: Scene) -> None:
    """What it looks for is there: in the requests, and in the file for the new key."""
    ran = keyscan(
        "keys", "revoke", "--yes", "--id", "key-1", "--replace", "--new-key-file", scene.folder / "new",
        "--api-base", scene.up.url, env={"BOLTZ_API_KEY": ASKING},
    )  # fmt: skip
    assert ran.code == 0
    assert leaks((scene.folder / "new").read_bytes(), *MADE)
    assert leaks(repr(scene.up.service.requests).encode(), ASKING)


def test_a_verification_that_goes_nowhere_gives_nothing_away(scene: Scene) -> None:
    base = f"http://127.0.0.1:{closed_port()}"
    ran = keyscan(
        *(scene.folder / "repo", "--no-cache", "--verify", "-v", "--api-base", base),
        # What is loud takes a start of its own, with the SDK; above, some runs have it.
        env=os.environ | (LOUD if NIGHTLY else {}),
        changed=PATIENT_NO_MORE,
    )
    assert ran.code == 1
    assert not leaks(ran.out + ran.err, *EVERY)
