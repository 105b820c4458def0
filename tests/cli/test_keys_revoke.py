"""``keys revoke``: shown first, asked twice, done by exact id, looked up afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.boltz_api import KEYS, ME, NOW, Key, Reply, Request, Running, Service, error, json_reply, running
from tests.keys import fake_key, fake_link, fingerprint, short_fingerprint
from tests.leaks import leaks
from tests.running import ROOT, Ran, begin, keyscan

WS = fake_key("ws", "live")


@pytest.fixture
def service() -> Service:
    return Service(
        Key("key-1", WS, "pipeline", last_used_at=NOW),
        Key("key-2", fake_key("ws", "test", 2), "trial", "ws_2", is_active=False),
        Key("key-3", fake_key("ws", "live", 3), "other"),
    )


@pytest.fixture
def up(service: Service) -> Iterator[Running]:
    with running(service) as found:
        yield found


def revoke(up: Running, *arguments: str | Path, **options: Any) -> Ran:
    env = {"BOLTZ_API_KEY": up.service.admin.raw}
    return keyscan("keys", "revoke", *arguments, "--api-base", up.url, env=env, **options)


def asked_to_revoke(up: Running) -> list[str]:
    return [
        request.path.split("/")[-2] for request in up.service.requests if request.path.endswith("/revoke")
    ]


def audit_lines(ran: Ran) -> list[Any]:
    lines = (line.removeprefix("audit: ") for line in ran.errors.splitlines() if line.startswith("audit: "))
    return [json.loads(line) for line in lines]


class TestShowing:
    def test_nothing_is_done_unless_asked(self, up: Running) -> None:
        ran = revoke(up, "--id", "key-1")
        assert ran.code == 0
        assert (
            "key-1 'pipeline': workspace live key of workspace ws_1, active, last used 2026-06-01"
            in ran.errors
        )
        assert "Whatever starts or reads jobs in workspace ws_1 with it will get a 401" in ran.errors
        assert "Nothing was done." in ran.errors
        assert asked_to_revoke(up) == []

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ((), "no key was named"),
            (("--yes",), "Give the ids with --id"),
            (("--yes", "--from-report", "x"), "Give the ids with --id"),
            (("--execute", "--id", "key-1"), "cannot be asked for without a terminal"),
            (("--id", "../key-1"), "is not an id"),
            (("--id", "key-1/revoke"), "is not an id"),
            (("--id", "key%2d1"), "is not an id"),
            (("--id", WS), "is not an id"),
            (("--id", "key-1", "--new-key-file", "x"), "--new-key-file has no effect without --replace"),
            (("--id", "key-1", "--id", "key-3", "--replace"), "one key at a time"),
            (("--id", "key_admin", "--replace"), "the API cannot create admin keys"),
            (("--id", "key-2", "--replace"), "no longer works"),
        ],
    )
    def test_mistakes(self, arguments: tuple[str, ...], words: str, up: Running) -> None:
        ran = revoke(up, *arguments)
        assert (ran.code, ran.out) == (2, b"")
        assert words in ran.errors
        assert asked_to_revoke(up) == []
        assert not leaks(ran.err, WS)

    def test_the_last_live_admin_key_is_warned_of(self, up: Running) -> None:
        up.service.keys.append(Key("key-a", fake_key("admin", "test", 1), "trial admin", None))
        assert "the last live admin key" in revoke(up, "--id", "key_admin", "--allow-self").errors
        assert "the last live admin key" not in revoke(up, "--id", "key-a").errors
        up.service.keys.append(Key("key-b", fake_key("admin", "live", 1), "spare", None))
        assert "the last live admin key" not in revoke(up, "--id", "key_admin", "--allow-self").errors


class TestDoing:
    def test_by_id_without_asking(self, up: Running) -> None:
        ran = revoke(up, "--yes", "--id", "key-1", "--id", "key-2", "--id", "key-1")
        assert ran.code == 0
        assert asked_to_revoke(up) == ["key-1"]
        assert [(line["id"], line["outcome"], line["by"]) for line in audit_lines(ran)] == [
            ("key-1", "revoked", "key_admin"),
            ("key-2", "already-inactive", "key_admin"),
        ]
        assert [key.is_active for key in up.service.keys] == [True, False, False, True]
        # Looked up in a new listing after it.
        paths = [request.path for request in up.service.requests]
        assert paths.index(f"{KEYS}/key-1/revoke") < len(paths) - paths[::-1].index(KEYS) - 1

    def test_a_key_that_is_not_there(self, up: Running) -> None:
        ran = revoke(up, "--yes", "--id", "key-9", "--id", "key-1")
        assert ran.code == 1
        assert "key-9: no such key is listed" in ran.errors
        assert asked_to_revoke(up) == ["key-1"]

    def test_the_key_that_asks_is_left_alone_unless_told(self, up: Running) -> None:
        ran = revoke(up, "--yes", "--id", "key_admin", "--id", "key-1")
        assert ran.code == 1
        assert "REFUSED: this command authenticates with it" in ran.errors
        assert asked_to_revoke(up) == ["key-1"]
        ran = revoke(up, "--yes", "--id", "key_admin", "--id", "key-3", "--allow-self")
        assert ran.code == 0
        assert asked_to_revoke(up) == ["key-1", "key-3", "key_admin"]
        assert {line["outcome"] for line in audit_lines(ran)} == {"revoked"}

    def test_when_nobody_says_which_key_asks_no_admin_key_is_touched(self, up: Running) -> None:
        up.service.fault = lambda request, _: error(403, "forbidden") if request.path == ME else None
        assert "this command may authenticate with it" in revoke(up, "--yes", "--id", "key_admin").errors
        assert asked_to_revoke(up) == []

    def test_one_failure_does_not_keep_the_others_alive(self, up: Running) -> None:
        def refusing(request: Request, _: Reply) -> Reply | None:
            if "/key-1/" not in request.path:
                return None
            up.service.keys[1].is_active = True
            return error(404, "not_found")

        up.service.fault = refusing
        ran = revoke(up, "--yes", "--id", "key-1", "--id", "key-3")
        assert ran.code == 1
        assert {line["id"]: line["outcome"] for line in audit_lines(ran)} == {
            "key-1": "failed",
            "key-3": "revoked",
        }

    def test_what_counts_is_the_listing_and_not_the_answer(self, up: Running) -> None:
        up.service.fault = lambda request, _: error(404, "not_found") if "/key-1/" in request.path else None
        ran = revoke(up, "--yes", "--id", "key-1")
        assert ran.code == 0
        assert [line["outcome"] for line in audit_lines(ran)] == ["revoked"]

    def test_what_the_listing_does_not_confirm_failed(self, up: Running) -> None:
        def forgetful(request: Request, right: Reply) -> Reply | None:
            if "/key-1/" in request.path:
                up.service.keys[1].is_active = True
                return right
            return None

        up.service.fault = forgetful
        ran = revoke(up, "--yes", "--id", "key-1", "--id", "key-3")
        assert ran.code == 1
        assert {line["id"]: line["outcome"] for line in audit_lines(ran)} == {
            "key-1": "failed",
            "key-3": "revoked",
        }
        assert "still lists the key as active" in ran.errors

    def test_when_it_cannot_be_looked_up_it_is_not_confirmed(self, up: Running) -> None:
        up.service.fault = lambda request, _: (
            error(400, "bad_request") if request.path == KEYS and asked_to_revoke(up) else None
        )
        ran = revoke(up, "--yes", "--id", "key-1")
        assert ran.code == 1
        assert [line["outcome"] for line in audit_lines(ran)] == ["not-confirmed"]

    def test_an_audit_line_has_no_secret(self, up: Running) -> None:
        up.service.keys[1].name = f"for {WS}"
        ran = revoke(up, "--yes", "--id", "key-1")
        assert audit_lines(ran)[0]["name"] == "for sk_bc_ws_live_[REDACTED]"
        assert not leaks(ran.out + ran.err, *(key.raw for key in up.service.keys))


@dataclass
class Terminal:
    """The program with somebody before it."""

    up: Running

    def type(self, answers: list[str], *arguments: str | Path) -> tuple[int, str]:
        """The exit code and all that was shown, having typed a line for each question."""
        master, slave = pty.openpty()
        env = {"BOLTZ_API_KEY": self.up.service.admin.raw, "TERM": "dumb"}
        ended = begin(
            *("keys", "revoke", *arguments, "--api-base", self.up.url),
            streams=(slave, slave, slave),
            env=env,
        )
        os.close(slave)
        shown = b""
        waiting = list(answers)
        with contextlib.suppress(OSError):
            while part := os.read(master, 4096):
                shown += part
                if waiting and shown.count(b"type its name: ") == len(answers) - len(waiting) + 1:
                    os.write(master, waiting.pop(0).encode() + b"\n")
        os.close(master)
        return ended(), shown.decode()


class TestAsking:
    def test_the_name_is_typed(self, up: Running) -> None:
        code, shown = Terminal(up).type(["pipeline"], "--execute", "--id", "key-1")
        assert code == 0
        assert asked_to_revoke(up) == ["key-1"]
        assert "key-1 'pipeline': revoked" in shown

    @pytest.mark.parametrize("answer", ["", "y", "yes", "Pipeline", "key-1"])
    def test_anything_else_leaves_it_alone(self, answer: str, up: Running) -> None:
        ids = ("--id", "key-1", "--id", "key-3")
        code, shown = Terminal(up).type([answer, "other"], "--execute", *ids)
        assert code == 1
        assert asked_to_revoke(up) == ["key-3"]
        assert "That is not its name" in shown

    def test_a_key_without_a_name_is_asked_for_by_its_id(self, up: Running) -> None:
        up.service.keys[1].name = " "
        assert Terminal(up).type(["key-1"], "--execute", "--id", "key-1")[0] == 0
        assert asked_to_revoke(up) == ["key-1"]

    def test_from_a_report_only_what_verification_proved(self, up: Running, tmp_path: Path) -> None:
        (tmp_path / "leak.txt").write_text(f"{WS}\n{fake_key('ws', 'live', 'of nobody')}\n")
        for option in ("--check", "--verify"):
            keyscan(
                tmp_path / "leak.txt", option, "--api-base", up.url,
                "--report", f"json={tmp_path / f'{option}.json'}",
                env={"BOLTZ_API_KEY": up.service.admin.raw},
            )  # fmt: skip
        ran = revoke(up, "--from-report", tmp_path / "--check.json")
        assert ran.code == 2
        assert "note: 2 keys of the report not identified; scan with --verify" in ran.errors
        assert "key-1 'pipeline'" in revoke(up, "--from-report", tmp_path / "--verify.json").errors
        code, _ = Terminal(up).type(["pipeline"], "--execute", "--from-report", tmp_path / "--verify.json")
        assert code == 0
        assert asked_to_revoke(up) == ["key-1"]

    def test_a_share_link_of_a_report_is_not_one_of_its_keys(self, up: Running, tmp_path: Path) -> None:
        link, report = fake_link(), tmp_path / "r.json"
        (tmp_path / "leak.txt").write_text(f"{WS}\n {link}\n")
        keyscan(
            tmp_path / "leak.txt", "--check", "--verify", "--api-base", up.url, "--report", f"json={report}",
            env={"BOLTZ_API_KEY": up.service.admin.raw},
        )  # fmt: skip
        ran = revoke(up, "--from-report", report)
        assert "not identified" not in ran.errors
        note = (
            f"note: {fingerprint(link)} is a share link; --share-link {short_fingerprint(link)} archives it"
        )
        assert note in ran.errors

    @pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema_version": "1", "findings": [{}]}'])
    def test_a_report_that_is_none(self, content: str, up: Running, tmp_path: Path) -> None:
        (tmp_path / "r.json").write_text(content)
        assert revoke(up, "--from-report", tmp_path / "r.json").code == 2


class TestReplacing:
    def new(self, up: Running) -> Key:
        return next(key for key in up.service.keys if key.id == "key_new_1")

    def test_the_successor_is_like_it_and_goes_to_standard_output(self, up: Running) -> None:
        old = up.service.keys[1]
        old.allowed_ips, old.workspace_id = ["192.0.2.1", "2001:db8::1"], "ws_2"
        ran = revoke(up, "--yes", "--id", "key-1", "--replace")
        assert ran.code == 0
        new = self.new(up)
        assert ran.out == new.raw.encode() + b"\n"
        assert not leaks(ran.err, new.raw, WS)
        assert (new.name, new.workspace_id, new.mode, new.allowed_ips, new.expires_at) == (
            "pipeline",
            "ws_2",
            "live",
            old.allowed_ips,
            None,
        )
        order = [request.path for request in up.service.requests if request.method == "POST"]
        assert order == [KEYS, f"{KEYS}/key-1/revoke"]
        assert [line["outcome"] for line in audit_lines(ran)] == ["created", "revoked"]

    def test_it_ends_when_the_old_one_would_have(self, up: Running) -> None:
        now = datetime.now(UTC)
        up.service.keys[1].expires_at = now + timedelta(days=9, hours=5)
        assert revoke(up, "--yes", "--id", "key-1", "--replace").code == 0
        (request,) = [each for each in up.service.asked(KEYS) if each.method == "POST"]
        assert json.loads(request.body)["expires_in_days"] == 10

    def test_into_a_file_of_ones_own(self, up: Running, tmp_path: Path) -> None:
        path = tmp_path / "key"
        ran = revoke(up, "--yes", "--id", "key-1", "--replace", "--new-key-file", path)
        assert (ran.code, ran.out) == (0, b"")
        assert path.read_text() == self.new(up).raw + "\n"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    @pytest.mark.parametrize("kind", ["file", "link", "folder", "nowhere"])
    def test_nothing_is_made_when_there_is_no_place_for_it(
        self, kind: str, up: Running, tmp_path: Path
    ) -> None:
        path = tmp_path / "key"
        if kind == "file":
            path.write_text("mine")
        elif kind == "link":
            path.symlink_to(tmp_path / "other")
        elif kind == "folder":
            path.mkdir()
        else:
            path = tmp_path / "no/key"
        assert revoke(up, "--yes", "--id", "key-1", "--replace", "--new-key-file", path).code == 2
        assert [request for request in up.service.requests if request.method == "POST"] == []

    def test_without_a_successor_the_old_one_stays(self, up: Running, tmp_path: Path) -> None:
        up.service.fault = lambda request, _: (
            error(500, "internal_error") if request.method == "POST" else None
        )
        ran = revoke(up, "--yes", "--id", "key-1", "--replace", "--new-key-file", tmp_path / "key")
        assert ran.code == 2
        assert "key-1 was not revoked" in ran.errors
        assert asked_to_revoke(up) == []
        # Once only: a second try could make a second key.
        assert sum(request.method == "POST" for request in up.service.requests) == 1
        assert not (tmp_path / "key").exists()

    @pytest.mark.parametrize(
        "change",
        [
            {"workspace_id": "ws_1"},
            {"livemode": False},
            {"key_type": "admin"},
            {"allowed_ips": []},
        ],
    )
    def test_a_successor_that_opens_more_is_none(self, change: dict[str, object], up: Running) -> None:
        up.service.keys[1].allowed_ips, up.service.keys[1].workspace_id = ["192.0.2.1"], "ws_2"

        def fault(request: Request, right: Reply) -> Reply | None:
            if request.method != "POST" or request.path != KEYS:
                return None
            answer = json.loads(right.body)
            answer["key_details"] |= change
            return json_reply(answer, 201)

        up.service.fault = fault
        ran = revoke(up, "--yes", "--id", "key-1", "--replace")
        assert (ran.code, ran.out) == (2, b"")
        assert "the new key key_new_1 is not in use: revoke it" in ran.errors
        assert asked_to_revoke(up) == []

    @pytest.mark.parametrize(
        "key", [None, 7, "", "word", "sk_bc_ws_live_x\r\ny", fake_key("admin", "live", 9)]
    )
    def test_what_is_no_key_is_not_handed_over(self, key: object, up: Running) -> None:
        def fault(request: Request, right: Reply) -> Reply | None:
            if request.method != "POST" or request.path != KEYS:
                return None
            return json_reply(json.loads(right.body) | {"key": key}, 201)

        up.service.fault = fault
        ran = revoke(up, "--yes", "--id", "key-1", "--replace")
        assert (ran.code, ran.out) == (2, b"")
        assert asked_to_revoke(up) == []

    def test_a_reader_that_went_away_keeps_the_old_one_alive(self, up: Running) -> None:
        read, write = os.pipe()
        os.close(read)
        env = {**os.environ, "PYTHONPATH": str(ROOT), "BOLTZ_API_KEY": up.service.admin.raw}
        arguments = ["keys", "revoke", "--yes", "--id", "key-1", "--replace", "--api-base", up.url]
        ran = subprocess.run(
            [sys.executable, "-m", "boltz_keyscan", *arguments],
            stdout=write,
            stderr=subprocess.PIPE,
            env=env,
            check=False,
            timeout=60,
        )
        os.close(write)
        assert ran.returncode == 2
        assert b"the new key key_new_1 is not in use" in ran.stderr
        assert asked_to_revoke(up) == []


def test_fingerprints_are_what_a_scan_shows() -> None:
    assert fingerprint(WS).startswith("bk1:")
