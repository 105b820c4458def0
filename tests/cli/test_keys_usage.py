"""``keys usage`` as a user runs it: numbers beside those before, what differs, and what is missing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests import validation
from tests.boltz_api import (
    WORKSPACES,
    Fault,
    Key,
    Reply,
    Request,
    Running,
    Service,
    error,
    json_reply,
    running,
)
from tests.boltz_usage import JOBS, UNLIMITED, USAGE, Work
from tests.keys import fake_key, fake_link
from tests.repos import Repo
from tests.running import Ran, keyscan

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
LEAKED = fake_key("ws", "live", "leaked")


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


AHEAD = (18 - NOW.hour + 12) % 24 - 12
HERE = f"UTC{-AHEAD:+}"
"""A time zone in which it is between 18:00 and 19:00 now, whenever the tests run."""
NOON, NIGHT = NOW - hours(6), NOW - hours(15)
"""The last noon, and 3:00 in the last night, there."""


def steady(workspace: str = "ws_2", quantity: int = 10, days: int = 20) -> list[Work]:
    """Work at every noon of the last days."""
    return [Work(NOON - hours(24 * day), quantity, workspace) for day in range(days)]


@pytest.fixture
def service() -> Service:
    service = Service(
        Key("key-leaked", LEAKED, "nightly pipeline", "ws_2", last_used_at=NOW - hours(1)),
        Key("key-quiet", fake_key("ws", "live", "quiet"), "quiet", "ws_2", last_used_at=NOW - hours(999)),
        Key("key-one", fake_key("ws", "live", "one"), "one", "ws_1", last_used_at=NOW - hours(1)),
    )
    service.ledger.work = steady()
    return service


@pytest.fixture
def up(service: Service) -> Iterator[Running]:
    with running(service) as found:
        yield found


def usage(up: Running, *arguments: str | Path, **options: Any) -> Ran:
    env = {"BOLTZ_API_KEY": up.service.admin.raw, "CI": ""} | options.pop("env", {})
    changed = zone(options.pop("zone", HERE)) + options.pop("changed", "")
    return keyscan("keys", "usage", *arguments, "--api-base", up.url, env=env, changed=changed, **options)


def zone(name: str) -> str:
    """Lines that change the program's time zone."""
    return f"import os, time\nos.environ['TZ'] = {name!r}\ntime.tzset()\n"


def asked(up: Running, *arguments: str | Path, code: int = 0, **options: Any) -> Any:
    ran = usage(up, "--format", "json", *arguments, **options)
    assert ran.code == code, ran.errors
    document = json.loads(ran.out)
    validation.validate(document, validation.USAGE)
    assert document["exit_code"] == code
    assert document["complete"] == (code == 0) == (document["trouble"] == [])
    return document


def since(days: float) -> tuple[str, str]:
    return "--since", (NOW - hours(24 * days)).isoformat()


def refused(up: Running, *arguments: str | Path) -> str:
    ran = usage(up, *arguments)
    assert (ran.code, ran.out) == (2, b""), ran.text
    return ran.errors


class TestNumbers:
    def test_beside_the_days_before_by_workspace_and_application(self, up: Running) -> None:
        up.service.ledger.work += [
            Work(NOW - hours(5), 7, "ws_1", "adme"),
            Work(NOW - hours(5), 99, "ws_1", "adme", live=False),
        ]
        document = asked(up, *since(3))
        rows = [
            (row["workspace_id"], row["application"], row["before"], row["since"])
            for row in document["usage"]
        ]
        assert rows == [("ws_1", "adme", 0, 7), ("ws_2", "structure_and_binding", 70, 30)]
        assert document["unit"] == "hour"
        for row in document["usage"]:
            assert sum(bucket["quantity"] for bucket in row["buckets"]) == row["before"] + row["since"]
        assert [job["application"] for job in document["jobs"]] == ["adme"] * 2 + [
            "structure_and_binding"
        ] * 3
        assert [job["live"] for job in document["jobs"][:2]].count(False) == 1

    def test_it_says_that_it_is_not_by_key(self, up: Running) -> None:
        document = asked(up, *since(3))
        assert document["per_key"] is False
        assert [(use["id"], use["workspace_id"]) for use in document["keys"]] == [
            ("key-one", "ws_1"),
            ("key-leaked", "ws_2"),
        ]
        ran = usage(up, *since(3))
        assert "counts usage by workspace, not by key" in ran.text
        assert "Not listed by the API: jobs of small_molecule_explore." in ran.text
        assert (
            ran.text.splitlines()[-1] == "COMPLETE: 30 billed since the leak, 3 jobs, 0 anomalies (exit 0)."
        )

    def test_bars_in_text(self, up: Running) -> None:
        up.service.ledger.work = [Work(NOW - hours(24 * day), 10 * day, "ws_2") for day in range(1, 9)]
        ran = usage(up, *since(4), "--by", "day")
        bars = next(line.strip() for line in ran.text.splitlines() if "|" in line and "▁" in line)
        before, _, after = bars.partition("|")
        assert (len(before), len(after)) == (7, 5)
        assert before.startswith("...█▇▆")
        assert after.endswith("▁.")
        plain = usage(
            up, *since(4), "--by", "day", changed="import sys\nsys.stdout.reconfigure(encoding='ascii')\n"
        )
        assert "...@#" in plain.text
        assert plain.out.isascii()

    def test_one_workspace(self, up: Running) -> None:
        up.service.ledger.work += [Work(NOW - hours(5), 7, "ws_1")]
        document = asked(up, *since(3), "--workspace", "ws_1")
        assert [row["workspace_id"] for row in document["usage"]] == ["ws_1"]
        assert {job["workspace_id"] for job in document["jobs"]} == {"ws_1"}
        assert [use["id"] for use in document["keys"]] == ["key-one"]
        assert all(request.query["workspace_ids[]"] == ["ws_1"] for request in up.service.asked(USAGE))

    def test_the_page(self, up: Running, tmp_path: Path) -> None:
        up.service.ledger.work += [Work(NOW - hours(5), 700, "ws_2")]
        assert usage(up, *since(3), "--format", "html", "--output", tmp_path / "usage.html").code == 0
        page = (tmp_path / "usage.html").read_text()
        assert '<rect class="bar"' in page
        assert "by workspace, not by key" in page
        assert "the busiest day before" in page

    @pytest.mark.parametrize(
        ("options", "window", "requests"),
        [
            ((*since(3),), "HOUR", 1),
            ((*since(20),), "DAY", 1),
            ((*since(20), "--by", "hour"), "HOUR", 2),
            ((*since(300), "--by", "hour"), "HOUR", 11),
            ((*since(400),), "DAY", 2),
            ((*since(3), "--by", "day"), "DAY", 1),
        ],
    )
    def test_no_request_is_for_more_time_than_the_api_allows(
        self, up: Running, options: tuple[str, ...], window: str, requests: int
    ) -> None:
        up.service.ledger.work = steady(days=500)
        document = asked(up, *options)
        sent = up.service.asked(USAGE)
        assert {request.query["window_size"][0] for request in sent} == {window}
        assert len({request.query["starting_at"][0] for request in sent}) == requests
        days = float((NOW - datetime.fromisoformat(options[1])) / hours(24))
        (row,) = document["usage"]
        assert row["since"] in {10 * int(days), 10 * int(days) + 10}
        assert row["before"] == 10 * min(max(int(days), 7), 30)

    def test_all_pages_are_read(self, up: Running) -> None:
        up.service.ledger.page = 3
        document = asked(up, *since(3))
        assert document["usage"][0]["since"] == 30
        assert len(up.service.asked(USAGE)) == 4

    def test_old_jobs_are_not_read_to_the_end(self, up: Running) -> None:
        up.service.ledger.work += [Work(NOW - hours(24 * 40 + number), 1) for number in range(900)]
        path = next(path for path, name in JOBS.items() if name == "structure_and_binding")
        document = asked(up, *since(3), "--workspace", "ws_1")
        assert document["jobs"] == []
        assert len(up.service.asked(path)) == 1


ANOMALIES: dict[str, tuple[Callable[[], list[Work]], list[tuple[str, str, str]]]] = {
    "nothing": (list, []),
    "a new application": (
        lambda: [Work(NOON, 5, "ws_2", "adme")],
        [("first-use", "adme", "first used since the leak: 5, and nothing in the 7 days before")],
    ),
    "a jump on one day": (
        lambda: [Work(NOON, 90, "ws_2")],
        [("jump", "structure_and_binding", "10.0 times the busiest day before (10)")],
    ),
    "nights": (
        lambda: [Work(NIGHT, 4, "ws_2")],
        [("night", "None", f"4 at night (22:00 to 06:00, UTC{AHEAD:+03}:00), and nothing at night before")],
    ),
}


class TestAnomalies:
    @pytest.mark.parametrize("name", ANOMALIES)
    def test_each_is_said_in_words(self, up: Running, name: str) -> None:
        work, wanted = ANOMALIES[name]
        up.service.ledger.work += work()
        found = asked(up, *since(3))["anomalies"]
        assert [(each["kind"], str(each["application"])) for each in found] == [row[:2] for row in wanted]
        for each, (_, _, detail) in zip(found, wanted, strict=True):
            assert each["detail"].endswith(detail)
            assert each["detail"] in usage(up, *since(3)).text

    def test_a_workspace_that_was_not_used_before(self, up: Running) -> None:
        up.service.ledger.work += [Work(NOW - hours(5), 7, "ws_1"), Work(NOW - hours(6), 7, "ws_1", "adme")]
        (found,) = asked(up, *since(3))["anomalies"]
        assert (found["workspace_id"], found["application"]) == ("ws_1", None)
        assert found["detail"] == "14 since the leak, and nothing in the 7 days before"

    def test_nights_are_those_of_this_machine(self, up: Running) -> None:
        up.service.ledger.work += [Work(NIGHT, 4, "ws_2")]
        assert asked(up, *since(3), zone=f"UTC{-AHEAD - 5:+}")["anomalies"] == []
        assert [each["kind"] for each in asked(up, *since(3))["anomalies"]] == ["night"]


class TestFromReport:
    def scanned(self, up: Running, folder: Path, *options: str, key: str = LEAKED, date: str = "") -> Path:
        repo = Repo(folder / "repo")
        when = date or f"{NOW - hours(72):%Y-%m-%dT%H:%M:%S}+00:00"
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("GIT_AUTHOR_DATE", when)
            patch.setenv("GIT_COMMITTER_DATE", when)
            repo.leak("a.py", f"key = '{key}'\n", key)
        report = folder / "scan.json"
        ran = keyscan(
            repo.path, "--no-cache", *options, "--report", f"json={report}",
            *(("--api-base", up.url) if options else ()),
            env={"BOLTZ_API_KEY": up.service.admin.raw},
        )  # fmt: skip
        assert ran.code == 1, ran.errors
        return report

    def test_time_key_and_workspace_are_the_report_s(self, up: Running, tmp_path: Path) -> None:
        up.service.ledger.work += [Work(NOW - hours(5), 7, "ws_1")]
        report = self.scanned(up, tmp_path, "--verify")
        document = asked(up, "--from-report", report)
        assert document["since"] == f"{NOW - hours(72):%Y-%m-%dT%H:%M:%SZ}"
        assert [each["id"] for each in document["workspaces"]] == ["ws_2"]
        assert [(use["id"], use["leaked"]) for use in document["keys"]] == [("key-leaked", "yes")]
        assert "[LEAKED]" in usage(up, "--from-report", report).text

    def test_a_key_that_is_not_identified_may_be_of_any_workspace(self, up: Running, tmp_path: Path) -> None:
        for options in ((), ("--check",)):
            document = asked(up, "--from-report", self.scanned(up, tmp_path / str(len(options)), *options))
            assert document["whole_organisation"]
            assert {use["leaked"] for use in document["keys"]} == ({"maybe"} if options else {None})

    def test_an_admin_key_can_use_all_workspaces(self, up: Running, tmp_path: Path) -> None:
        report = self.scanned(up, tmp_path, "--verify", key=f"{up.service.admin.raw} {LEAKED}")
        assert asked(up, "--from-report", report)["whole_organisation"]

    def test_a_commit_of_a_clock_that_was_wrong(self, up: Running, tmp_path: Path) -> None:
        ahead = self.scanned(up, tmp_path / "ahead", date="2099-01-01T00:00:00+00:00")
        assert "the leak is in the future: 2099-01-01 00:00 UTC" in refused(up, "--from-report", ahead)
        early = self.scanned(up, tmp_path / "early", date="2006-01-01T00:00:00+00:00")
        assert "more than 1,826 days ago: 2006-01-01" in refused(up, "--from-report", early)

    def test_reports_that_date_nothing(self, up: Running, tmp_path: Path) -> None:
        (tmp_path / "a.py").write_text(f"key = '{LEAKED}'\n")
        report = tmp_path / "scan.json"
        keyscan(tmp_path / "a.py", "--report", f"json={report}")
        assert "has a date" in refused(up, "--from-report", report)
        (tmp_path / "a.py").write_text("")
        keyscan(tmp_path / "a.py", "--report", f"json={report}")
        assert "has no key" in refused(up, "--from-report", report)
        (tmp_path / "a.py").write_text(f" {fake_link()}\n")
        keyscan(tmp_path / "a.py", "--report", f"json={report}")
        assert "has no key, and share links cost nothing" in refused(up, "--from-report", report)
        report.write_text("{")
        assert "not JSON" in refused(up, "--from-report", report)
        assert "Give one of them." in refused(up, "--from-report", report, "--since", "2026-01-01")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--since", "yesterday"), "--since is not a date"),
        (("--since", "2026-05-03T10:00"), "a time without a zone"),
        (("--since", "0001-01-01T00:00+23:00"), "--since is not a date"),
        (("--since", "2999-01-01"), "the leak is in the future"),
        (("--since", "2019-01-01"), "more than 1,826 days ago"),
        ((*since(400), "--by", "hour"), "Give --by day."),
        (("--workspace", "../x"), "not the id of a workspace"),
        (("--workspace", "ws_none"), "the organisation has no workspace ws_none"),
        (("--output", "no/such/folder/x"), "cannot write"),
    ],
)
def test_options_that_cannot_be(up: Running, options: tuple[str, ...], words: str) -> None:
    assert words in refused(up, *options)


def on(path: str, change: Callable[[dict[str, Any]], object]) -> Fault:
    """A fault of the answers of one path; ``change`` changes one, or gives another."""

    def fault(request: Request, right: Reply) -> Reply | None:
        if request.path != path:
            return None
        page = json.loads(right.body)
        changed = change(page)
        return changed if isinstance(changed, Reply) else json_reply(page)

    return fault


def first(**values: object) -> Callable[[dict[str, Any]], None]:
    return lambda page: page["data"][0].update(values)


STRUCTURE = "/compute/v1/predictions/structure-and-binding"

FAULTS: dict[str, tuple[Fault, str]] = {
    "usage 403": (on(USAGE, lambda _: error(403, "forbidden")), "does not show it to this key (403)"),
    "usage 404": (on(USAGE, lambda _: error(404, "not_found")), "the feature is off"),
    "usage 400": (on(USAGE, lambda _: error(400, "bad_request")), "the API answered 400, bad_request"),
    "quantity negative": (on(USAGE, first(quantity=-5)), "quantity is negative"),
    "quantity enormous": (on(USAGE, first(quantity=10**30)), "quantity is 2^53 - 1 or more"),
    "quantity unlimited": (on(USAGE, first(quantity=UNLIMITED)), "quantity is 2^53 - 1 or more"),
    "quantity a fraction": (on(USAGE, first(quantity=1.5)), "quantity is not a whole number"),
    "quantity true": (on(USAGE, first(quantity=True)), "quantity is not a whole number"),
    "a time without a zone": (on(USAGE, first(start_time="2026-05-03T10:00:00")), "start_time is not a time"),
    "a time that was not asked for": (
        on(USAGE, first(start_time="1999-01-01T00:00:00Z")),
        "a bucket is outside the requested time",
    ),
    "an end before the start": (on(USAGE, first(end_time="1999-01-01T00:00:00Z")), "ends before it starts"),
    "an application that is none": (on(USAGE, first(application="<b>")), "application is not a word"),
    "a bucket twice": (on(USAGE, lambda page: page["data"].append(page["data"][0])), "the same bucket twice"),
    "data missing": (on(USAGE, lambda page: page.pop("data")), "data is not a list"),
    "has_more a text": (on(USAGE, lambda page: page.update(has_more="no")), "neither true nor false"),
    "more without a cursor": (
        on(USAGE, lambda page: page.update(has_more=True)),
        "has_more without next_page",
    ),
    "a cursor that is none": (
        on(USAGE, lambda page: page.update(has_more=True, next_page=7)),
        "next_page is not a cursor",
    ),
    "the same page for ever": (
        on(USAGE, lambda page: page.update(data=[], has_more=True, next_page="cursor-0")),
        "the same page twice",
    ),
    "workspaces 403": (
        on(WORKSPACES, lambda _: error(403, "forbidden")),
        "workspaces: the API does not allow",
    ),
    "jobs of another form": (on(STRUCTURE, first(created_at="now")), "jobs of structure_and_binding"),
    "jobs 500": (
        on(STRUCTURE, lambda _: error(418, "no")),
        "jobs of structure_and_binding: the API answered 418",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_missing_is_said(up: Running, name: str) -> None:
    up.service.fault, words = FAULTS[name]
    document = asked(up, *since(3), code=3)
    assert any(words in line for line in document["trouble"]), document["trouble"]
    if name.startswith("quantity"):
        # The other buckets count.
        assert (document["usage"][0]["before"], document["usage"][0]["since"]) == (60, 30)


def test_an_incomplete_report_in_text(up: Running) -> None:
    up.service.fault, words = FAULTS["usage 404"]
    ran = usage(up, *since(3))
    assert ran.code == 3
    assert "NOT COMPLETE: usage: " in ran.text
    assert words in " ".join(ran.text.split())
    assert "Nothing in what the API returned, which is not all." in ran.text
    assert ran.text.splitlines()[-1].startswith("INCOMPLETE: ")


@pytest.mark.parametrize(("status", "code"), [(403, "no"), (404, "not_found")])
def test_jobs_that_the_api_does_not_list(up: Running, status: int, code: str) -> None:
    up.service.fault = on("/compute/v1/predictions/adme", lambda _: error(status, code))
    document = asked(up, *since(3), "--workspace", "ws_2")
    assert document["jobs_not_listed"] == ["small_molecule_explore", "adme in ws_2"]
    assert len(document["jobs"]) == 3


def test_a_later_api(up: Running) -> None:
    """A new application and new members change nothing; nor does usage without an application."""
    up.service.fault = on(USAGE, first(application="protein_folding_2", added=1))
    assert "protein_folding_2" in {row["application"] for row in asked(up, *since(3))["usage"]}
    up.service.fault = on(USAGE, lambda page: [row.pop("application") for row in page["data"]])
    assert [row["application"] for row in asked(up, *since(3))["usage"]] == [None]
    up.service.fault = on(USAGE, lambda page: page.pop("has_more"))
    assert asked(up, *since(3))["usage"][0]["since"] == 30


def test_the_time_of_all_requests_together(up: Running) -> None:
    up.service.fault = lambda request, _: (
        Reply(raw=b"HTTP/1.1 200 OK\r\n", drip=0.05) if request.path == USAGE else None
    )
    ran = usage(
        up, *since(3), "--format", "json",
        changed="from boltz_keyscan.cli import api_options\napi_options.TOTAL_TIMEOUT_S = 0.5\n",
    )  # fmt: skip
    assert ran.code == 3
    assert any("usage: the time limit" in line for line in json.loads(ran.out)["trouble"])
