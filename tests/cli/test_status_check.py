"""``--inventory``, ``--check`` and ``--verify`` as a user runs them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from boltz_keyscan.triage.inventory import Listing, serialize
from boltz_keyscan.triage.key_record import parse_record
from tests import validation
from tests.boltz_api import (
    KEYS,
    ME,
    Key,
    Reply,
    Running,
    Service,
    closed_port,
    error,
    json_reply,
    running,
    stamp,
)
from tests.keys import PREFIXES, fake_key, fingerprint
from tests.leaks import leaks
from tests.repos import Repo
from tests.running import ROOT, Ran, keyscan

HEAD = '{"kind": "boltz-keyscan-inventory", "schema_version": "1", "trouble": "", "complete": '

WS, ADMIN, TEST = fake_key("ws", "live"), fake_key("admin", "live"), fake_key("ws", "test")


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    repo = Repo(tmp_path / "repo")
    repo.leak("a.py", f"key = '{WS}'\n", WS)
    return repo


@pytest.fixture
def service() -> Service:
    return Service(Key("key-ws", WS, "pipeline", last_used_at=datetime.now(UTC) + timedelta(days=1)))


@pytest.fixture
def up(service: Service) -> Iterator[Running]:
    with running(service) as found:
        yield found


def scan(repo: Repo, *arguments: str, up: Running | None = None, key: str | None = None, **env: str) -> Ran:
    base = ["--api-base", up.url] if up else []
    environment = {"BOLTZ_API_KEY": key if key is not None else up.service.admin.raw if up else "", **env}
    return keyscan(".", "--no-cache", *base, *arguments, cwd=repo.path, env=environment)


def told(repo: Repo, *arguments: str, **options: Any) -> Any:
    ran = scan(repo, *arguments, "--format", "json", **options)
    report = json.loads(ran.out)
    validation.validate(report, validation.REPORT)
    assert report["scan"]["exit_code"] == ran.code
    return report


def one(report: Any) -> Any:
    (finding,) = [each for each in report["findings"] if each["shape"] != "placeholder"]
    return finding


def saved(path: Path, *keys: Key, length: int = 12, days: float = 0, complete: bool = True) -> str:
    """An inventory of keys, as old as that."""
    taken = datetime.now(UTC) - timedelta(days=days)
    records = tuple(parse_record(key.record(length), str) for key in keys)
    trouble = "" if complete else "the API was asleep"
    path.write_text(serialize(Listing(taken, complete, records, "org_1", trouble)))
    return str(path)


class TestInventory:
    def test_a_short_prefix_says_which_keys_it_may_be(self, repo: Repo, tmp_path: Path) -> None:
        file = saved(tmp_path / "i.json", Key("a", WS, "one"), Key("b", fake_key(seed=1), is_active=False))
        report = told(repo, "--inventory", file)
        finding = one(report)
        assert (finding["status"], finding["severity"], finding["blocking"]) == ("ambiguous", "high", True)
        assert finding["candidates"] == ["a", "b"]
        assert finding["evidence"]["body_characters"] == 0
        assert finding["evidence"]["by"] == "listing"
        assert report["scan"]["asked"]["listing"] == "inventory"
        assert report["scan"]["asked"]["organisation"] == "org_1"
        text = scan(repo, "--inventory", file).text
        assert "Status: ambiguous" in text
        assert "carries 0 characters of the body" in " ".join(text.split())
        assert "May be a 'one': active, ws_1, never used" in text

    def test_a_key_that_is_proved_dead_is_a_note(self, repo: Repo, tmp_path: Path) -> None:
        file = saved(tmp_path / "i.json", Key("a", WS, is_active=False), length=20)
        report = told(repo, "--inventory", file)
        finding = one(report)
        assert (finding["status"], finding["severity"], finding["blocking"]) == ("inactive", "note", False)
        assert finding["evidence"]["by"] == "prefix"
        assert finding["evidence"]["body_characters"] == 6
        assert report["scan"]["exit_code"] == 0

    def test_use_after_the_commit_is_said(self, repo: Repo, tmp_path: Path) -> None:
        later = datetime.now(UTC) + timedelta(days=2)
        file = saved(tmp_path / "i.json", Key("a", WS, last_used_at=later), length=20)
        assert one(told(repo, "--inventory", file))["evidence"]["used_since"][:10] == stamp(later)[:10]
        assert f"It was used after it was committed: last on {stamp(later)[:10]}" in " ".join(
            scan(repo, "--inventory", file).text.split()
        )
        earlier = saved(
            tmp_path / "j.json", Key("a", WS, last_used_at=datetime(2001, 1, 1, tzinfo=UTC)), length=20
        )
        assert one(told(repo, "--inventory", earlier))["evidence"]["used_since"] is None

    def test_an_old_one_is_said(self, repo: Repo, tmp_path: Path) -> None:
        file = saved(tmp_path / "i.json", days=8)
        report = told(repo, "--inventory", file)
        assert one(report)["status"] == "unknown"
        assert report["scan"]["asked"]["stale"]
        assert "OLDER THAN ALLOWED" in " ".join(scan(repo, "--inventory", file).text.split())
        assert one(told(repo, "--inventory", file, "--inventory-max-age", "9"))["status"] == "not-listed"

    def test_one_from_the_future_has_no_age(self, repo: Repo, tmp_path: Path) -> None:
        assert one(told(repo, "--inventory", saved(tmp_path / "i.json", days=-1)))["status"] == "unknown"

    def test_one_that_is_not_complete_is_said(self, repo: Repo, tmp_path: Path) -> None:
        file = saved(tmp_path / "i.json", complete=False)
        assert one(told(repo, "--inventory", file))["status"] == "unknown"
        assert "the API was asleep" in scan(repo, "--inventory", file).text

    def test_it_needs_neither_key_nor_sdk_nor_network(self, repo: Repo, tmp_path: Path) -> None:
        file = saved(tmp_path / "i.json", Key("a", WS))
        (tmp_path / "boltz_api.py").write_text("raise ImportError\n")
        (tmp_path / "httpx.py").write_text("raise ImportError\n")
        ran = scan(repo, "--inventory", file, PYTHONPATH=f"{tmp_path}:{ROOT}")
        assert ran.code == 1
        assert "Status: ambiguous" in ran.text

    @pytest.mark.parametrize(
        "content",
        [
            "",
            "{",
            "[]",
            '{"schema_version": "1"}',
            '{"kind": "boltz-keyscan-inventory", "schema_version": "2"}',
            HEAD + 'true, "keys": []}',
            HEAD + '1, "keys": [], "taken_at": "2026-01-01T00:00:00Z"}',
            HEAD + 'true, "keys": [{}], "taken_at": "2026-01-01T00:00:00Z"}',
            HEAD + 'true, "keys": [], "taken_at": "2026-01-01"}',
        ],
    )
    def test_a_broken_one_is_an_error_and_nothing_is_scanned(
        self, content: str, repo: Repo, tmp_path: Path
    ) -> None:
        (tmp_path / "i.json").write_text(content)
        ran = scan(repo, "--inventory", str(tmp_path / "i.json"))
        assert (ran.code, ran.out) == (2, b"")
        assert "error: inventory" in ran.errors

    def test_one_in_the_tree_is_no_reason_to_believe_a_change_under_a_base(self, repo: Repo) -> None:
        saved(repo.path / "i.json", Key("a", WS), length=20)
        repo.run("add", "i.json")
        repo.commit("inventory")
        saved(repo.path / "i.json", Key("a", WS, is_active=False), length=20)
        assert one(told(repo, "--inventory", "i.json"))["status"] == "inactive"
        assert one(told(repo, "--inventory", "i.json", "--trust", "base:HEAD"))["status"] == "active"


class TestCheck:
    def test_the_listing_of_now(self, repo: Repo, up: Running) -> None:
        report = told(repo, "--check", up=up)
        assert one(report)["status"] == "ambiguous"
        assert one(report)["candidates"] == ["key-ws"]
        asked = report["scan"]["asked"]
        assert (asked["listing"], asked["complete"], asked["keys"]) == ("check", True, 2)
        assert not any(request.headers["x-api-key"] == WS for request in up.service.requests)

    @pytest.mark.parametrize("name", ["BOLTZ_API_KEY", "BOLTZ_COMPUTE_API_KEY"])
    def test_the_key_may_be_in_the_environment(self, name: str, repo: Repo, up: Running) -> None:
        env = {"BOLTZ_API_KEY": "", "BOLTZ_COMPUTE_API_KEY": "", name: up.service.admin.raw + "\n"}
        assert one(told(repo, "--check", up=up, key="", **env))["status"] == "ambiguous"

    def test_or_in_a_file_or_on_standard_input(self, repo: Repo, up: Running, tmp_path: Path) -> None:
        (tmp_path / "key").write_text(f"{up.service.admin.raw}\n")
        assert one(told(repo, "--check", "--api-key-file", str(tmp_path / "key"), up=up, key=""))["status"]
        ran = keyscan(
            ".", "--check", "--api-key-file", "-", "--api-base", up.url, cwd=repo.path,
            stdin=f"{up.service.admin.raw}\n".encode(), env={"BOLTZ_API_KEY": ""},
        )  # fmt: skip
        assert ran.code == 1
        assert "Compared check of org_1" in ran.text

    @pytest.mark.parametrize("key", ["", "something", WS, f"{ADMIN}\nHost: x", f"{ADMIN} "[:17]])
    def test_without_an_admin_key_nothing_is_asked(self, key: str, repo: Repo, up: Running) -> None:
        ran = scan(repo, "--check", up=up, key=key)
        assert (ran.code, ran.out) == (2, b"")
        assert up.service.requests == []
        assert not leaks(ran.err, WS, ADMIN)

    def test_the_key_that_asks_is_said_first_when_it_leaked(self, repo: Repo, up: Running) -> None:
        repo.leak("b.py", up.service.admin.raw, up.service.admin.raw)
        report = told(repo, "--check", up=up)
        assert report["scan"]["asked"]["own_key"] == fingerprint(up.service.admin.raw)
        assert scan(repo, "--check", up=up).text.startswith("THE KEY THAT WAS USED FOR CHECKING LEAKED")
        assert scan(repo, "--check", "-q", up=up).text.startswith("THE KEY THAT WAS USED FOR CHECKING LEAKED")
        sarif = json.loads(scan(repo, "--check", "--format", "sarif", up=up).out)
        first = sarif["runs"][0]["invocations"][0]["toolExecutionNotifications"][0]
        assert first["descriptor"]["id"] == "own-key-leaked"

    @pytest.mark.parametrize("fault", ["nobody", "500", "HTML", "401", "403", "half"])
    @pytest.mark.sampled(count=3)
    def test_trouble_hides_nothing_and_lowers_nothing(self, fault: str, repo: Repo, up: Running) -> None:
        service = up.service
        base = up.url
        if fault == "nobody":
            base = f"http://127.0.0.1:{closed_port()}"
        elif fault == "half":
            service.keys += [Key(f"k{number}", fake_key(seed=number)) for number in range(150)]
            service.fault = lambda request, _: (
                error(400, "bad_request") if "after_id" in request.query else None
            )
        else:
            reply = {
                "500": error(500, "internal_error"),
                "HTML": Reply(200, b"<html>"),
                "401": error(401, "unauthorized"),
                "403": error(403, "forbidden"),
            }[fault]
            service.fault = lambda _, __: reply
        report = told(repo, "--check", "--api-base", base, key=service.admin.raw)
        assert one(report)["severity"] == "high"
        assert one(report)["blocking"]
        assert one(report)["status"] in {"unknown", "ambiguous"}
        assert report["scan"]["exit_code"] == 1
        assert len(report["scan"]["asked"]["trouble"]) == 1
        assert "the listing is not complete" in report["scan"]["asked"]["trouble"][0]
        assert not report["scan"]["asked"]["complete"]

    def test_trouble_makes_the_run_incomplete_when_that_is_asked_for(
        self, tmp_path: Path, up: Running
    ) -> None:
        clean = Repo(tmp_path / "clean")
        clean.add("a.py", "nothing\n")
        clean.commit()
        up.service.fault = lambda _, __: error(400, "bad_request")
        assert told(clean, "--check", up=up)["scan"]["exit_code"] == 0
        report = told(clean, "--check", "--require-api", up=up)
        assert report["scan"]["exit_code"] == 3
        assert [gap["reason"] for gap in report["gaps"]] == ["api-unanswered"]


class TestVerify:
    def test_a_key_that_works(self, repo: Repo, up: Running) -> None:
        finding = one(told(repo, "--verify", up=up, key=""))
        assert finding["status"] == "active"
        assert finding["evidence"]["key_id"] == "key-ws"
        assert finding["evidence"]["by"] == "verification"
        assert [request.path for request in up.service.requests] == [ME]

    def test_with_a_listing_more_is_known_of_it(self, repo: Repo, up: Running) -> None:
        up.service.keys.append(Key("twin", fake_key(seed="twin")))
        finding = one(told(repo, "--verify", "--check", up=up))
        assert finding["candidates"] == ["key-ws"]
        assert finding["evidence"]["candidates"][0]["name"] == "pipeline"

    def test_a_key_that_was_revoked(self, repo: Repo, up: Running) -> None:
        up.service.keys[1].is_active = False
        report = told(repo, "--check", "--verify", up=up)
        assert (one(report)["status"], one(report)["severity"]) == ("inactive", "note")
        assert report["scan"]["exit_code"] == 0

    def test_a_refusal_alone_proves_nothing(self, repo: Repo, up: Running) -> None:
        before = one(told(repo))
        up.service.keys[1].is_active = False
        after = one(told(repo, "--verify", up=up))
        assert (after["status"], after["evidence"]["reason"]) == ("unknown", "rejected-here")
        assert after["evidence"]["detail"].startswith("rejected from this address (401)")
        assert [before[name] for name in ("severity", "blocking")] == [
            after[name] for name in ("severity", "blocking")
        ]

    @pytest.mark.parametrize(
        "body",
        [
            {"code": "unauthorised", "message": "no"},
            {"code": "blocked", "message": "no"},
            {"code": "unauthorized"},
            {"code": "unauthorized", "message": None},
            {"error": {"code": "unauthorized", "message": "no"}},
            ["unauthorized"],
        ],
    )
    @pytest.mark.sampled(count=3)
    def test_a_refusal_in_another_form_is_none(self, body: Any, repo: Repo, up: Running) -> None:
        up.service.keys[1].is_active = False
        up.service.fault = lambda request, _: (
            json_reply(body, 401) if request.headers["x-api-key"] == WS else None
        )
        finding = one(told(repo, "--verify", "--check", up=up))
        assert (finding["status"], finding["severity"]) == ("unknown", "high")
        assert finding["evidence"]["reason"] == "not-json"

    def test_a_key_for_other_addresses(self, repo: Repo, up: Running) -> None:
        up.service.keys[1].allowed_ips = ["192.0.2.7"]
        assert one(told(repo, "--verify", up=up))["evidence"]["reason"] == "forbidden"
        # Should the API say 401 to those, a listing says that it may be for the address.
        up.service.fault = lambda request, _: (
            error(401, "unauthorized") if request.headers["x-api-key"] == WS else None
        )
        assert one(told(repo, "--verify", up=up))["status"] == "unknown"
        finding = one(told(repo, "--verify", "--check", up=up))
        assert (finding["status"], finding["evidence"]["reason"]) == ("unknown", "rejected-here")

    @pytest.mark.parametrize(
        "answer",
        [{"key_type": "admin"}, {"mode": "test"}, {"api_key_id": "../x"}, {"principal_type": "user"}],
    )
    def test_an_answer_that_does_not_fit_is_none(
        self, answer: dict[str, str], repo: Repo, up: Running
    ) -> None:
        def fault(_: object, right: Reply) -> Reply:
            return json_reply(json.loads(right.body) | answer)

        up.service.fault = fault
        assert one(told(repo, "--verify", up=up))["status"] == "unknown"

    def test_each_key_is_asked_once_and_fillers_never(self, repo: Repo, up: Running) -> None:
        repo.leak("b.py", f"{WS} {WS}\n{ADMIN}\n{TEST}\n", WS)
        repo.add("c.py", f"{WS}\n{PREFIXES['ws', 'live']}your-key-here-please\n")
        repo.commit()
        told(repo, "--verify", "--jobs", "2", up=up)
        sent = [request.headers["x-api-key"] for request in up.service.requests]
        assert sorted(sent) == sorted([WS, ADMIN, TEST])

    def test_keys_found_by_workers_encoded_or_on_standard_input(self, tmp_path: Path, up: Running) -> None:
        folder = tmp_path / "tree"
        folder.mkdir()
        (folder / "wide.txt").write_bytes(ADMIN.encode("utf-16"))
        for number in range(3):
            (folder / f"large-{number}.bin").write_bytes(b"\0" * (20 << 20) + fake_key(seed=number).encode())
        ran = keyscan(
            "-",
            str(folder),
            "--verify",
            "--jobs",
            "2",
            "--api-base",
            up.url,
            "--format",
            "json",
            stdin=WS.encode(),
        )
        assert ran.code == 1
        sent = {request.headers["x-api-key"] for request in up.service.requests}
        assert sent == {WS, ADMIN, *(fake_key(seed=number) for number in range(3))}

    def test_a_flood_is_not_verified(self, tmp_path: Path, up: Running) -> None:
        (tmp_path / "flood").write_text("\n".join(fake_key(seed=number) for number in range(103)))
        report = keyscan(tmp_path / "flood", "--verify", "--api-base", up.url, "--format", "json").report
        assert len(up.service.requests) == 100
        reasons = [finding["evidence"]["reason"] for finding in report["findings"]]
        assert reasons.count("not-asked") == 3
        assert report["scan"]["asked"]["verified"] == 100
        assert (
            "3 keys not verified: only 100 keys are verified in a run" in report["scan"]["asked"]["trouble"]
        )

    @pytest.mark.parametrize("base", ["https://api.example.org", "https://boltz.example"])
    def test_a_key_that_was_found_goes_to_the_api_and_nowhere_else(self, base: str, repo: Repo) -> None:
        ran = scan(repo, "--verify", "--api-base", base)
        assert (ran.code, ran.out) == (2, b"")
        assert "to the Boltz API and nowhere else" in ran.errors

    def test_nobody_there(self, repo: Repo) -> None:
        base = f"http://127.0.0.1:{closed_port()}"
        report = told(repo, "--verify", "--require-api", "--api-base", base)
        assert (one(report)["status"], one(report)["severity"]) == ("unknown", "high")
        assert report["scan"]["exit_code"] == 1
        assert [gap["reason"] for gap in report["gaps"]] == ["api-unanswered"]


class TestOptions:
    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("--check", "--inventory", "x"), "both give a listing"),
            (("--require-api",), "has no effect without --check or --verify"),
            (("--api-base", "https://x.example"), "has no effect without --check or --verify"),
            (("--proxy", "http://x.example"), "has no effect without --check or --verify"),
            (("--api-key-file", "x"), "has no effect without --check"),
            (("--verify", "--api-key-file", "x"), "has no effect without --check"),
            (("--check", "--api-base", "http://x.example"), "in the clear"),
            (("--check", "--api-key-file", "nothing-there"), "cannot read nothing-there"),
            (("--inventory", "nothing-there"), "cannot read nothing-there"),
        ],
    )
    def test_mistakes(self, arguments: tuple[str, ...], words: str, repo: Repo) -> None:
        ran = scan(repo, *arguments, key=ADMIN)
        assert (ran.code, ran.out) == (2, b"")
        assert words in ran.errors

    def test_standard_input_is_one_thing_only(self) -> None:
        ran = keyscan("-", "--check", "--api-key-file", "-", stdin=b"x")
        assert ran.code == 2
        assert "standard input is needed for something else" in ran.errors

    @pytest.mark.parametrize(
        "option", ["check = true", "verify = true", 'api-base = "https://x.example"', 'proxy = "x"']
    )
    @pytest.mark.parametrize("how", ["tree", "named"])
    def test_no_configuration_makes_a_scan_send_anything(
        self, option: str, how: str, repo: Repo, up: Running
    ) -> None:
        repo.write("boltz-keyscan.toml", option + "\n")
        ran = scan(repo, *(["--config", "boltz-keyscan.toml"] if how == "named" else []))
        assert ran.code == 2
        assert up.service.requests == []

    def test_without_the_sdk(self, repo: Repo, tmp_path_factory: pytest.TempPathFactory) -> None:
        # Not beside what is scanned, where no module is taken from.
        folder = tmp_path_factory.mktemp("modules")
        (folder / "boltz_api.py").write_text("raise ImportError\n")
        ran = scan(repo, "--check", key=ADMIN, PYTHONPATH=f"{folder}:{ROOT}")
        assert (ran.code, ran.out) == (2, b"")
        assert "pip install '.[api]'" in ran.errors
        assert ran.errors.count("\n") == 2

    def test_a_scan_that_asks_nobody_loads_nothing_of_it(self, repo: Repo, tmp_path: Path) -> None:
        (tmp_path / "boltz_api.py").write_text("raise ImportError\n")
        ran = scan(repo, PYTHONPATH=f"{tmp_path}:{ROOT}", key=ADMIN)
        assert ran.code == 1
        assert json.loads(scan(repo, "--format", "json").out)["scan"]["asked"] is None


def test_the_request_log_of_the_server_works(repo: Repo, up: Running) -> None:
    """The tests above say what was not sent: this one shows that they would see it."""
    told(repo, "--check", up=up)
    assert [request.path for request in up.service.requests] == [ME, KEYS]
    assert up.service.requests[1].headers["x-api-key"] == up.service.admin.raw
