"""``keys list``, ``keys snapshot`` and ``keys audit`` as a user runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from boltz_keyscan.triage import inventory
from tests import validation
from tests.boltz_api import KEYS, ME, WORKSPACES, Key, Reply, Running, Service, error, json_reply, running
from tests.boltz_usage import CLI, UNLIMITED, USAGE, Work
from tests.depth import NIGHTLY
from tests.keys import fake_key, fingerprint
from tests.leaks import leaks
from tests.running import ROOT, Ran, keyscan

NOW = datetime.now(UTC)


def days(number: float) -> timedelta:
    return timedelta(days=number)


def well_kept(id_: str, **changes: Any) -> Key:
    """A key that no check has anything to say of."""
    values: dict[str, Any] = {
        "name": f"pipeline {id_}",
        "allowed_ips": ["127.0.0.1"],
        "created_at": NOW - days(40),
        "expires_at": NOW + days(100),
        "last_used_at": NOW - days(2),
    } | changes
    return Key(id_, fake_key("ws", "live", id_), **values)


@pytest.fixture
def service() -> Service:
    service = Service(well_kept("key-1"), Key("key-2", fake_key("ws", "test", 2), "trial", is_active=False))
    service.admin.allowed_ips = ["127.0.0.1"]
    service.admin.expires_at = NOW + days(100)
    service.admin.created_at, service.admin.last_used_at = NOW - days(40), NOW
    service.ledger.limits = {"ws_1": (10_000, 10), "ws_2": (10_000, 10)}
    service.ledger.work = [Work(NOW - days(3))]
    return service


@pytest.fixture
def up(service: Service) -> Iterator[Running]:
    with running(service) as found:
        yield found


def keys(up: Running, *arguments: str | Path, **options: Any) -> Ran:
    env = {"BOLTZ_API_KEY": up.service.admin.raw, "CI": ""} | options.pop("env", {})
    return keyscan("keys", *arguments, "--api-base", up.url, env=env, **options)


class TestList:
    def test_a_table(self, up: Running) -> None:
        ran = keys(up, "list")
        assert (ran.code, ran.errors) == (0, "")
        lines = ran.text.splitlines()
        assert lines[0].split() == [
            "ID",
            "NAME",
            "KIND",
            "STATE",
            "WORKSPACE",
            "CREATED",
            "EXPIRES",
            "LAST",
            "USED",
            "FROM",
            "PREFIX",
        ]
        assert lines[2].split()[:6] == ["key-1", "pipeline", "key-1", "workspace", "live", "active"]
        assert "inactive" in lines[3]
        assert lines[-1] == "3 keys"

    def test_json_is_an_inventory(self, up: Running) -> None:
        ran = keys(up, "list", "--format", "json")
        found = inventory.read("list", ran.out, str)
        assert [each.id for each in found.records] == ["key-1", "key-2", "key_admin"]
        assert found.complete

    def test_names_cannot_act_and_show_no_key(self, up: Running) -> None:
        secret = fake_key("ws", "live", "in a name")
        up.service.keys[1].name = f"\x1b[31mred\n::error::x {secret}"
        for form in ("text", "json"):
            ran = keys(up, "list", "--format", form)
            assert b"\x1b" not in ran.out
            assert not leaks(ran.out + ran.err, secret)
        assert "[REDACTED]" in ran.text

    def test_part_of_it_is_told_as_part(self, up: Running) -> None:
        up.service.keys += [well_kept(f"more-{number}") for number in range(150)]
        up.service.fault = lambda request, _: (
            error(400, "bad_request") if "after_id" in request.query else None
        )
        ran = keys(up, "list")
        assert ran.code == 3
        assert "100 keys; there may be more" in ran.text
        assert "warning: the listing is not complete" in ran.errors

    @pytest.mark.parametrize(("status", "code"), [(401, "unauthorized"), (403, "no")])
    def test_a_key_that_may_not(self, status: int, code: str, up: Running) -> None:
        up.service.fault = lambda _, __: error(status, code)
        ran = keys(up, "list")
        assert (ran.code, ran.out) == (2, b"")
        assert f"({status})" in ran.errors


class TestSnapshot:
    def test_it_is_whole_public_and_as_the_schema_has_it(self, up: Running, tmp_path: Path) -> None:
        up.service.prefix_length = 1000
        ran = keys(up, "snapshot", "--output", tmp_path / "keys.json")
        assert ran.code == 0
        assert "3 keys of org_1, complete" in ran.text
        raw = (tmp_path / "keys.json").read_bytes()
        assert not leaks(raw, *(key.raw for key in up.service.keys))
        for key in up.service.keys:
            body = key.raw.rpartition("_live_" if "_live_" in key.raw[:20] else "_test_")[2]
            assert body[:8].encode() not in raw
        validation.validate(json.loads(raw), validation.INVENTORY)
        found = inventory.read("it", raw, str)
        assert inventory.serialize(found).encode() == raw
        assert found.organisation == "org_1"

    def test_one_that_is_not_complete_says_so(self, up: Running, tmp_path: Path) -> None:
        up.service.keys += [well_kept(f"more-{number}") for number in range(150)]
        up.service.fault = lambda request, _: (
            error(400, "bad_request") if "after_id" in request.query else None
        )
        ran = keys(up, "snapshot", "--output", tmp_path / "keys.json")
        assert ran.code == 3
        found = inventory.read("it", (tmp_path / "keys.json").read_bytes(), str)
        assert not found.complete
        assert "400" in found.trouble

    def test_nothing_is_written_when_nothing_is_known(self, up: Running, tmp_path: Path) -> None:
        up.service.fault = lambda _, __: error(401, "unauthorized")
        assert keys(up, "snapshot", "--output", tmp_path / "keys.json").code == 2
        assert list(tmp_path.iterdir()) == []

    def test_a_place_that_cannot_be_written(self, up: Running, tmp_path: Path) -> None:
        assert keys(up, "snapshot", "--output", tmp_path / "no/keys.json").code == 2


def audited(up: Running, *arguments: str | Path, code: int = 0, **options: Any) -> Any:
    ran = keys(up, "audit", "--format", "json", *arguments, **options)
    assert ran.code == code, ran.errors
    document = json.loads(ran.out)
    validation.validate(document, validation.AUDIT)
    assert document["exit_code"] == code
    return document


def concerns(document: Any) -> set[tuple[str, str]]:
    return {(each["check"], each["subject"]) for each in document["concerns"]}


class TestAudit:
    def test_concerns_and_thresholds(self, up: Running) -> None:
        assert concerns(audited(up)) == set()
        up.service.keys += [
            well_kept("endless", expires_at=None),
            well_kept("archived", workspace_id="ws_old"),
            well_kept("idle", last_used_at=NOW - days(50.5)),
            well_kept("ending", expires_at=NOW + days(20.5)),
            well_kept("aged", created_at=NOW - days(50.5)),
        ]
        alike = ("indistinguishable-prefix", "sk_bc_ws_liv workspace live")
        assert concerns(audited(up, code=1)) == {
            ("never-expires", "endless"),
            ("archived-workspace", "archived"),
            alike,
        }
        strict = ("--max-idle", "49", "--expires-soon", "21", "--max-age", "49", "--max-admin-keys", "0")
        assert concerns(audited(up, *strict, "--fail-on", "never")) >= {
            ("unused-key", "idle"),
            ("expires-soon", "ending"),
            ("old-key", "aged"),
            ("many-admin-keys", "admin-keys"),
        }

    @pytest.mark.parametrize(
        ("fail_on", "code"), [("critical", 0), ("high", 0), ("medium", 1), ("low", 1), ("never", 0)]
    )
    def test_what_fails(self, fail_on: str, code: int, up: Running) -> None:
        up.service.keys.append(well_kept("bad", expires_at=None))
        audited(up, "--fail-on", fail_on, code=code)

    def test_keys_that_leaked_are_marked(self, up: Running, tmp_path: Path) -> None:
        up.service.keys += [well_kept("bad", expires_at=None), well_kept("good")]
        leak = up.service.keys[-2]
        (tmp_path / "leak.txt").write_text(f"{leak.raw}\n{fake_key('ws', 'live', 'of nobody')}\n")
        for options, wanted in (
            (("--verify",), {"bad": "yes"}),
            (("--check",), {"bad": "maybe", "good": "maybe", "key-1": "maybe"}),
        ):
            scanned = keyscan(
                tmp_path / "leak.txt", *options, "--api-base", up.url,
                "--report", f"json={tmp_path / 'scan.json'}",
                env={"BOLTZ_API_KEY": up.service.admin.raw},
            )  # fmt: skip
            assert scanned.code == 1
            document = audited(up, "--with-report", tmp_path / "scan.json", "--fail-on", "never")
            marked = {each["subject"]: each["leaked"] for each in document["concerns"] if each["leaked"]}
            assert marked == wanted
            check = "key-leaked" if options == ("--verify",) else "key-may-have-leaked"
            assert (check, "bad") in concerns(document)
            text = keys(up, "audit", "--with-report", tmp_path / "scan.json").text
            assert ("[LEAKED]" in text) == (options == ("--verify",))

    def test_workspaces_that_nobody_tells_of(self, up: Running) -> None:
        up.service.fault = lambda request, _: error(403, "forbidden") if request.path == WORKSPACES else None
        document = audited(up, code=3)
        assert not document["complete"]
        assert "archived" in document["trouble"][0]

    def test_spending_and_usage(self, up: Running) -> None:
        up.service.keys.append(well_kept("other", workspace_id="ws_2"))
        up.service.ledger.limits = {"ws_1": (UNLIMITED, 10)}
        assert concerns(audited(up)) == {
            ("no-spending-limit", "ws_1"),
            ("no-spending-limit", "ws_2"),
            ("key-in-unused-workspace", "other"),
            ("indistinguishable-prefix", "sk_bc_ws_liv workspace live"),
        }
        assert len(up.service.asked(USAGE)) == 1

    @pytest.mark.parametrize(
        ("path", "answer", "words"),
        [
            ("/spending-limit", error(404, "not_found"), "spending limits: the API has none for ws_1 (404)"),
            ("/spending-limit", error(403, "forbidden"), "spending limits: the API does not allow this"),
            (
                "/spending-limit",
                json_reply({"limit": {"amount": -1, "currency": "MILLI_USD"}}),
                "for ws_1 is not as documented: limit is negative",
            ),
            (
                "/spending-limit",
                json_reply({"limit": {"amount": 1, "currency": "EUR"}}),
                "limit is not an amount in MILLI_USD",
            ),
            (USAGE, error(404, "not_found"), "the feature is off; see the Boltz console; so keys of unused"),
        ],
    )
    def test_what_the_api_lacks(self, up: Running, path: str, answer: Reply, words: str) -> None:
        up.service.fault = lambda request, _: answer if request.path.endswith(path) else None
        document = audited(up, code=3)
        assert [line for line in document["trouble"] if words in line]

    def test_the_cli(self, up: Running, tmp_path: Path) -> None:
        """It is started by its absolute path, without our variables, and without a folder of the project."""
        program = tmp_path / "bin" / "boltz-api"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\nenv >{tmp_path}/env\necho boltz-api version 0.39.1\n")
        program.chmod(0o755)
        assert concerns(audited(up)) == set()
        path = {"PATH": f"bin{os.pathsep}{os.environ['PATH']}"}
        assert concerns(audited(up, env=path, cwd=tmp_path)) == set()
        path = {"PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}
        document = audited(up, env=path)
        assert concerns(document) == {("cli-too-old", "boltz-api")}
        assert "BOLTZ" not in (tmp_path / "env").read_text()
        up.service.fault = lambda request, _: json_reply({}) if request.path == CLI else None
        assert "minimum_supported is not a version" in audited(up, env=path, code=3)["trouble"][0]

    def test_against_a_snapshot(self, up: Running, tmp_path: Path) -> None:
        old = tmp_path / "old.json"
        up.service.keys += [well_kept("wide"), well_kept("long"), well_kept("gone")]
        assert keys(up, "snapshot", "--output", old).code == 0
        up.service.keys.pop()
        up.service.find("wide").allowed_ips = []  # type: ignore[union-attr]
        up.service.find("long").expires_at = NOW + days(200)  # type: ignore[union-attr]
        up.service.keys.append(well_kept("made", created_at=NOW))
        changed = {each for each in concerns(audited(up, "--against", old)) if each[0].endswith("key")}
        assert changed == {("widened-key", "wide"), ("longer-lived-key", "long"), ("new-key", "made")}
        document = json.loads(old.read_text())
        for change, words in (
            ({"taken_at": "2999-01-01T00:00:00Z"}, "is from the future"),
            ({"organisation": "org_9"}, "the older snapshot is of org_9"),
            ({"kind": "other"}, "not an inventory"),
            ({"schema_version": "9"}, "of another version"),
        ):
            old.write_text(json.dumps(document | change))
            ran = keys(up, "audit", "--against", old)
            assert (ran.code, ran.out) == (2, b"")
            assert words in ran.errors
        old.write_text(json.dumps(document | {"complete": False}))
        assert "a new key may be an old one" in audited(up, "--against", old, code=3)["trouble"][0]
        ran = keyscan("keys", "audit", "--local", "--against", old)
        assert "--against has no effect with --local" in ran.errors

    def test_text_and_sarif(self, up: Running, tmp_path: Path) -> None:
        up.service.keys.append(well_kept("bad", workspace_id="ws_old"))
        ran = keys(up, "audit")
        assert ran.code == 1
        assert "HIGH      Key of an archived workspace (archived-workspace): 1" in ran.text
        assert "Remedy:   Revoke it, and report it to Boltz." in ran.text
        assert ran.text.splitlines()[-1] == "FAILED: 2 concerns with 3 keys that work of org_1 (exit 1)."
        assert keys(up, "audit", "--format", "sarif", "--output", tmp_path / "a.sarif").code == 1
        log = json.loads((tmp_path / "a.sarif").read_text())
        validation.validate(log, validation.SARIF)
        results = log["runs"][0]["results"]
        assert [(each["ruleId"], each["level"]) for each in results] == [
            ("archived-workspace", "error"),
            ("indistinguishable-prefix", "note"),
        ]

    @pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from /proc")
    def test_thousands_of_keys(self, tmp_path: Path) -> None:
        """Complete, in pages of a hundred, and in hardly more memory than fifty."""
        many = 5000 if NIGHTLY else 400
        used: dict[int, int] = {}
        probe = tmp_path / "probe.py"
        probe.write_text(
            "import json, sys\n"
            "from pathlib import Path\n"
            "from boltz_keyscan.cli import main\n"
            # One after the other, as the SDK takes longer to load than both.
            "for url, output in zip(sys.argv[1::2], sys.argv[2::2]):\n"
            "    options = ['--format', 'json', '--output', output, '--api-base', url]\n"
            "    code = main(['keys', 'audit', *options])\n"
            # Not ru_maxrss: that begins at the size of the process that started this one.
            "    peak = Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0]\n"
            "    print(json.dumps([code, int(peak)]), file=sys.stderr)\n"
        )
        few, more = (
            Service(*(well_kept(f"key-{number}", expires_at=None) for number in range(count)))
            for count in (50, many)
        )
        with running(few) as up, running(more) as other:
            services = {50: (up, tmp_path / "50.json"), many: (other, tmp_path / f"{many}.json")}
            ran = _probed(probe, services.values())
        for line, (count, (up, output)) in zip(ran.errors.splitlines(), services.items(), strict=True):
            service = up.service
            code, used[count] = json.loads(line)
            assert code == 0, ran.errors
            document = json.loads(output.read_text())
            assert document["complete"]
            assert document["examined"] == count + 1
            assert sum(each["check"] == "never-expires" for each in document["concerns"]) == count + 1
            assert len(service.requests) < count // 100 + 10
            assert len(service.asked(KEYS)) == count // 100 + 1
            assert (len(service.asked(ME)), len(service.asked(WORKSPACES))) == (1, 1)
        assert used[many] - used[50] < 40 << 10
        assert used[many] < 200 << 10


def _probed(probe: Path, services: Iterable[tuple[Running, Path]]) -> Ran:
    (key,) = {up.service.admin.raw for up, _ in services}
    ran = subprocess.run(
        [sys.executable, probe, *(word for up, output in services for word in (up.url, output))],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "BOLTZ_API_KEY": key},
        timeout=120,
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)


class TestLocal:
    @pytest.fixture
    def home(self, tmp_path: Path) -> Path:
        home = tmp_path / "home"
        home.mkdir()
        (tmp_path / "project").mkdir()
        return home

    def local(self, home: Path, *arguments: str, code: int) -> Any:
        ran = keyscan(
            "keys", "audit", "--local", "--format", "json", *arguments, cwd=home.parent / "project",
            env={"HOME": str(home), "XDG_CONFIG_HOME": "", "BOLTZ_API_KEY": ""},
        )  # fmt: skip
        assert ran.code == code, ran.errors
        return json.loads(ran.out)

    def put(self, path: Path, text: str, mode: int = 0o600) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def test_a_tidy_machine(self, home: Path) -> None:
        self.put(
            home / ".bashrc",
            "export PATH\nexport BOLTZ_API_KEY=$(pass show boltz)\n# BOLTZ_API_KEY=x\n",
            0o644,
        )
        self.put(home / ".config/boltz/credentials.json", "{}")
        self.put(home.parent / "project/.env", f"BOLTZ_API_KEY={fake_key()}\n")
        self.put(home.parent / "project/.mcp.json", '{"env": {"BOLTZ_API_KEY": "${BOLTZ_API_KEY}"}}', 0o644)
        document = self.local(home, code=0)
        assert document["concerns"] == []
        assert document["examined"] == 4

    @pytest.mark.parametrize(
        ("name", "text", "line"),
        [
            (".bashrc", "\nexport BOLTZ_API_KEY={key}\n", 2),
            (".zshrc", "BOLTZ_COMPUTE_API_KEY='something'\n", 1),
            (".profile", "alias b='curl -H x-api-key:{key}'\n", 1),
            (".config/fish/config.fish", "set -gx BOLTZ_API_KEY {key}\n", 1),
            (".cshrc", "setenv BOLTZ_API_KEY {key}\n", 1),
            (".config/environment.d/boltz.conf", "BOLTZ_API_KEY={key}\n", 1),
        ],
    )
    def test_keys_in_start_up_files(self, name: str, text: str, line: int, home: Path) -> None:
        self.put(home / name, text.replace("{key}", fake_key()))
        (found,) = self.local(home, code=1)["concerns"]
        assert (found["check"], found["line"]) == ("key-in-startup-file", line)
        assert found["subject"] == str(home / name)

    @pytest.mark.parametrize("name", ["BOLTZ_BASE_URL", "BOLTZ_CUSTOM_HEADERS"])
    def test_variables_that_divert_the_sdk(self, name: str, home: Path) -> None:
        self.put(home / ".bashrc", f"export {name}=http://elsewhere\n")
        (found,) = self.local(home, code=1)["concerns"]
        assert (found["check"], found["detail"]) == ("sdk-diverted", f"{name} is set")

    def test_files_that_others_can_read_and_the_command_that_mends_it(self, home: Path) -> None:
        env = self.put(home.parent / "project/.env", f"A=1\nBOLTZ_API_KEY={fake_key()}\n", 0o644)
        credentials = self.put(home / ".config/boltz-api/credentials.json", '{"refresh_token": "x"}', 0o640)
        document = self.local(home, code=1)
        assert [(each["check"], each["fix"]) for each in document["concerns"]] == [
            ("credentials-readable", f"chmod 600 {credentials}"),
            ("env-readable", f"chmod 600 {env}"),
        ]
        for each in document["concerns"]:
            assert os.system(each["fix"]) == 0
        assert self.local(home, code=0)["concerns"] == []

    @pytest.mark.parametrize(
        "name", [".mcp.json", ".cursor/mcp.json", ".vscode/mcp.json", ".claude/settings.json"]
    )
    def test_keys_in_the_configuration_of_tools(self, name: str, home: Path) -> None:
        self.put(home.parent / "project" / name, json.dumps({"env": {"BOLTZ_API_KEY": fake_key()}}))
        (found,) = self.local(home, code=1)["concerns"]
        assert found["check"] == "key-in-tool-config"
        assert fingerprint(fake_key()) in found["detail"]

    def test_what_cannot_be_read_is_said(self, home: Path) -> None:
        os.mkfifo(home / ".bashrc")
        (home / ".zshrc").mkdir()
        document = self.local(home, code=3)
        assert len(document["trouble"]) == 2

    def test_nothing_is_asked_and_nothing_shown(self, home: Path) -> None:
        self.put(home / ".bashrc", f"export BOLTZ_API_KEY={fake_key()}\n")
        (home / "boltz_api.py").write_text("raise ImportError\n")
        for form in ("text", "json", "sarif"):
            ran = keyscan(
                "keys", "audit", "--local", "--format", form, cwd=home.parent / "project",
                env={"HOME": str(home), "PYTHONPATH": f"{home}:{ROOT}", "BOLTZ_API_KEY": fake_key("admin")},
            )  # fmt: skip
            assert ran.code == 1
            assert not leaks(ran.out + ran.err, fake_key(), fake_key("admin"))
