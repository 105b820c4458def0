"""The checks of key hygiene, each on a key it has something to say of and on its neighbours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from boltz_keyscan.audit import local as local_audit
from boltz_keyscan.audit import organisation
from boltz_keyscan.audit.checks import CliVersion, SpendingLimit
from boltz_keyscan.audit.organisation import AuditInput, Limits
from boltz_keyscan.triage.key_record import Record, parse_record
from tests.boltz_api import Key
from tests.keys import fake_key

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def days(number: float) -> timedelta:
    return timedelta(days=number)


def well_kept(id_: str, kind: str = "ws", mode: str = "live", length: int = 20, **changes: Any) -> Record:
    """A key that no check has anything to say of."""
    values: dict[str, Any] = {
        "name": f"pipeline {id_}",
        "allowed_ips": ["192.0.2.1"],
        "created_at": NOW - days(40),
        "expires_at": NOW + days(100),
        "last_used_at": NOW - days(2),
    } | changes
    return parse_record(Key(id_, fake_key(kind, mode, id_), **values).record(length), str)


def found(*records: Record, limits: Limits = Limits(), **leaked: str) -> list[tuple[str, str, str]]:  # noqa: B008 - frozen
    return concerns(AuditInput(NOW, records, {"ws_old": "old"}, leaked, limits))


def concerns(ground: AuditInput) -> list[tuple[str, str, str]]:
    return [(each.check.id, each.subject, each.detail) for each in organisation.examine(ground)]


ROWS: dict[str, tuple[dict[str, Any], str]] = {
    "never-expires": ({"expires_at": None}, "it has no expiry date"),
    "expires-soon": ({"expires_at": NOW + days(3.5)}, "it expires in 3 days"),
    "old-key": ({"created_at": NOW - days(400.5)}, "it is 400 days old"),
    "unused-key": ({"last_used_at": NOW - days(91.5)}, "it was last used 91 days ago"),
    "never-used": ({"last_used_at": None}, "it was created 40 days ago and never used"),
    "no-ip-list": ({"allowed_ips": []}, "it works from any address"),
    "catch-all-ip-list": (
        {"allowed_ips": ["192.0.2.1", "0.0.0.0/0", "::/0"]},
        "its list has 0.0.0.0/0, ::/0",
    ),
    "private-ip-list": (
        {
            "allowed_ips": [
                "10.1.2.3",
                "192.0.2.1",
                "172.32.0.1",
                "fd00::/8",
                "0.0.0.0",
                "10.0.0.0/7",
                "fe80::1%1",
            ]
        },
        "its list has 10.1.2.3, fd00::/8, 0.0.0.0, fe80::1%1",
    ),
    "live-key-named-test": ({"name": "CI Test runner"}, "a live key whose name contains 'Test'"),
    "archived-workspace": (
        {"workspace_id": "ws_old"},
        "it is listed as active, and its workspace ws_old 'old' is archived",
    ),
}


CHANGES: dict[str, list[tuple[dict[str, Any], dict[str, Any], str]]] = {
    "widened-key": [
        ({}, {"allowed_ips": []}, "it was limited to addresses, and works from any"),
        ({}, {"allowed_ips": ["192.0.2.1", "192.0.2.2"]}, "its list has also 192.0.2.2"),
        ({}, {"allowed_ips": ["192.0.2.0/24"]}, "its list has also 192.0.2.0/24"),
        ({"allowed_ips": ["::/0"]}, {"allowed_ips": ["192.0.2.1"]}, "its list has also 192.0.2.1"),
        ({"is_active": False}, {}, "it did not work, and works again"),
        ({"expires_at": NOW - days(20)}, {}, "it did not work, and works again"),
        ({"workspace_id": "ws_2"}, {}, "its workspace was ws_2, and is ws_1"),
    ],
    "longer-lived-key": [
        ({"expires_at": NOW + days(1)}, {}, "it expired on 2026-06-02, and now on 2026-09-09"),
        ({}, {"expires_at": None}, "it expired on 2026-09-09, and never expires now"),
    ],
    "new-key": [],
}
"""What a key had in the older snapshot, what it has now, and the detail."""

SAME: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"allowed_ips": []}, {}),
    ({"allowed_ips": ["192.0.2.0/24"]}, {}),
    ({"allowed_ips": ["2001:db8::/32"]}, {"allowed_ips": ["2001:db8::1", "2001:db8:1::/48"]}),
    ({"expires_at": NOW + days(200)}, {}),
    ({"expires_at": None}, {}),
    ({"name": "pipeline of old"}, {}),
]


def against(*now: Record, older: tuple[Record, ...]) -> list[tuple[str, str, str]]:
    before = {record.id: record for record in older}
    found = concerns(AuditInput(NOW, now, older=before, older_at=NOW - days(10)))
    return [row for row in found if row[0] in CHANGES]


@pytest.mark.parametrize(
    ("check", "before", "after", "detail"), [(check, *row) for check, rows in CHANGES.items() for row in rows]
)
def test_keys_that_changed_since_a_snapshot(
    check: str, before: dict[str, Any], after: dict[str, Any], detail: str
) -> None:
    old, now = well_kept("k", **before), well_kept("k", **after)
    found = [row for row in against(now, older=(old,)) if row[0] == check]
    assert found == [(check, "k", detail)]


@pytest.mark.parametrize(("before", "after"), SAME)
def test_keys_that_can_do_no_more_than_before(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert against(well_kept("k", **after), older=(well_kept("k", **before),)) == []


def test_new_keys() -> None:
    made, hidden = well_kept("made", created_at=NOW - days(3)), well_kept("hidden")
    assert against(made, hidden, well_kept("k"), older=(well_kept("k"), well_kept("gone"))) == [
        ("new-key", "made", "it was created on 2026-05-29"),
        (
            "new-key",
            "hidden",
            "it was created on 2026-04-22, before the snapshot of 2026-05-22, which does not have it",
        ),
    ]


@pytest.mark.parametrize(
    ("spending", "wanted"),
    [
        (None, ("no-spending-limit", "ws_1", "workspace 'one' has live keys and no limit")),
        (
            SpendingLimit(None, 10**15),
            ("no-spending-limit", "ws_1", "workspace 'one' has live keys, and its limit is unlimited"),
        ),
        (SpendingLimit(10_000, 8_999), None),
        (
            SpendingLimit(10_000, 9_000),
            ("spending-limit-nearly-used", "ws_1", "workspace 'one': USD 9.00 of USD 10.00 are used"),
        ),
        (
            SpendingLimit(0, 0),
            ("spending-limit-nearly-used", "ws_1", "workspace 'one': USD 0.00 of USD 0.00 are used"),
        ),
    ],
)
def test_spending_limits(spending: SpendingLimit | None, wanted: tuple[str, str, str] | None) -> None:
    ground = AuditInput(NOW, (well_kept("k"),), spending={"ws_1": spending}, names={"ws_1": "one"})
    assert concerns(ground) == ([wanted] if wanted else [])


def test_keys_of_a_workspace_without_usage() -> None:
    keys = (
        well_kept("k"),
        well_kept("young", created_at=NOW - days(2)),
        well_kept("trial", mode="test"),
        well_kept("idle", last_used_at=None),
    )
    detail = "its workspace ws_1 had no billed usage in 90 days"
    for usage, wanted in (({}, True), ({"ws_1": 0}, True), ({"ws_1": 1}, False), (None, False)):
        found = [row for row in concerns(AuditInput(NOW, keys, usage=usage)) if row[1] != "idle"]
        assert found == ([("key-in-unused-workspace", "k", detail)] if wanted else [])


def test_admin_keys_in_daily_use() -> None:
    used = [
        well_kept(each, "admin", length=22, workspace_id=None, last_used_at=NOW - days(0.5)) for each in "ab"
    ]
    rare = well_kept("c", "admin", length=22, workspace_id=None)
    detail = "a live admin key that was used within the last day"
    # The key of the audit itself was used by the audit.
    assert concerns(AuditInput(NOW, (*used, rare), own="a")) == [("admin-key-in-use", "b", detail)]
    assert concerns(AuditInput(NOW, (*used, rare))) == []


@pytest.mark.parametrize(
    ("installed", "minimum", "old"),
    [("0.39.9", "0.40.0", True), ("0.40.0", "0.40.0", False), ("0.100.0", "v0.42.0", False)],
)
def test_the_version_of_the_cli(installed: str, minimum: str, old: bool) -> None:  # noqa: FBT001 - a row
    detail = f"version {installed} is installed; {minimum} is the oldest supported"
    found = concerns(AuditInput(NOW, (), cli=CliVersion(installed, minimum)))
    assert found == ([("cli-too-old", "boltz-api", detail)] if old else [])


def test_a_key_that_is_older_than_its_leak() -> None:
    """It was not replaced since; a key that was created later cannot be the one that leaked then."""
    seen = {"k": NOW - days(10)}
    detail = "it was created on 2026-04-22, leaked on 2026-05-22, 10 days ago, and still works"
    for word, created, wanted in (("yes", 40, True), ("maybe", 40, False), ("yes", 5, False)):
        key = well_kept("k", created_at=NOW - days(created))
        found = concerns(AuditInput(NOW, (key,), leaked={"k": word}, first_seen=seen))
        assert (("key-older-than-leak", "k", detail) in found) == wanted


@pytest.mark.parametrize("check", ROWS)
def test_each_check_of_one_key(check: str) -> None:
    changes, detail = ROWS[check]
    assert found(well_kept("good")) == []
    assert found(well_kept("good"), well_kept("bad", **changes)) == [(check, "bad", detail)]


def test_every_check_has_its_test_and_says_why_and_what_to_do() -> None:
    apart = {
        "many-admin-keys",
        "indistinguishable-prefix",
        "key-leaked",
        "key-may-have-leaked",
        "shared-name",
        "key-older-than-leak",
        "admin-key-in-use",
        "no-spending-limit",
        "spending-limit-nearly-used",
        "key-in-unused-workspace",
        "cli-too-old",
        *CHANGES,
    }
    assert set(organisation.CHECKS) == {*ROWS, *apart}
    for check in (*organisation.CHECKS.values(), *local_audit.CHECKS.values()):
        assert check.reason.endswith(".")
        assert check.remedy.endswith(".")


def test_checks_stand_worst_first() -> None:
    ranks = [list(type(check.severity)).index(check.severity) for check in organisation.CHECKS.values()]
    assert ranks == sorted(ranks)


def test_many_admin_keys() -> None:
    admins = [well_kept(f"admin-{number}", "admin", length=22) for number in range(4)]
    trial = well_kept("trial", "admin", "test", length=22)
    assert found(*admins[:3], trial) == []
    assert found(*admins, trial) == [
        ("many-admin-keys", "admin-keys", "4 live admin keys work; 3 are expected at most")
    ]
    assert found(*admins, limits=Limits(admin_keys=4)) == []


def test_live_keys_of_one_name() -> None:
    alike = well_kept("b", name="lab"), well_kept("a", name="lab")
    others = (
        well_kept("t", mode="test", name="lab"),
        well_kept("w", name="lab", workspace_id="ws_2"),
        well_kept("n", name=""),
        well_kept("m", name=""),
    )
    assert found(*alike, *others) == [("shared-name", "a", "2 live keys have the name 'lab': a, b")]


@pytest.mark.parametrize(("length", "told"), [(12, True), (14, True), (17, True), (18, False), (1000, False)])
def test_keys_that_cannot_be_told_apart(length: int, told: bool) -> None:  # noqa: FBT001 - a row
    same = [
        parse_record(Key("a", fake_key(seed=1)).record(length), str),
        parse_record(Key("b", fake_key(seed=1)).record(length), str),
    ]
    checks = {check for check, _, _ in found(*same)}
    assert ("indistinguishable-prefix" in checks) == told


@pytest.mark.parametrize(
    ("near", "far", "changes", "check"),
    [
        (Limits(expires_soon=21), Limits(expires_soon=20), {"expires_at": NOW + days(20.5)}, "expires-soon"),
        (Limits(oldest=19), Limits(oldest=20), {"created_at": NOW - days(20.5)}, "old-key"),
        (Limits(unused=19), Limits(unused=20), {"last_used_at": NOW - days(20.5)}, "unused-key"),
        (Limits(never_used=40), Limits(never_used=41), {"last_used_at": None}, "never-used"),
    ],
)
def test_thresholds(near: Limits, far: Limits, changes: dict[str, Any], check: str) -> None:
    edge = well_kept("edge", **changes)
    assert check in {each for each, _, _ in found(edge, limits=near)}
    assert check not in {each for each, _, _ in found(edge, limits=far)}


@pytest.mark.parametrize("name", ["test", "my-test", "Testing", "dev key", "sandbox", "demo2", "tmp"])
def test_names_of_tests(name: str) -> None:
    assert [check for check, _, _ in found(well_kept("k", name=name))] == ["live-key-named-test"]
    assert found(well_kept("k", mode="test", name=name)) == []


@pytest.mark.parametrize(
    "name", ["production", "latest", "contest", "developer portal", "attempt", "protein-design", ""]
)
def test_names_that_only_look_like_it(name: str) -> None:
    assert found(well_kept("k", name=name)) == []


def test_keys_that_leaked() -> None:
    keys = well_kept("a"), well_kept("b"), well_kept("c")
    assert found(*keys, a="yes", b="maybe") == [
        ("key-leaked", "a", "a scan found it"),
        ("key-may-have-leaked", "b", "a scan found a key that this may be"),
    ]
