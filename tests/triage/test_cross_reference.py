"""The tables of docs/cross-reference.md, each row against the real join and real answers of a server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from boltz_keyscan import policy, rules
from boltz_keyscan.api.address import Endpoint, api_base
from boltz_keyscan.api.deadline import Clock, Deadline
from boltz_keyscan.api.secret import Secret
from boltz_keyscan.api.whoami import verify
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.detect.lookup import Lookup
from boltz_keyscan.model.enums import KeyType, Mode, Severity, Shape, Status
from boltz_keyscan.model.finding import Match
from boltz_keyscan.triage.cross_reference import ListingContext, Verification, candidate_records, join
from boltz_keyscan.triage.inventory import Listing
from boltz_keyscan.triage.key_record import parse_record
from tests.boltz_api import Key, Patience, Service, closed_port, running
from tests.keys import fake_body, fake_key
from tests.report.samples import finding
from tests.running import ROOT

DOCUMENT = ROOT / "docs/cross-reference.md"
NOW = datetime(2026, 6, 1, tzinfo=UTC)
ANSWERS = ("not asked", "200", "401", "403", "no answer")
KINDS = {"workspace": "ws", "admin": "admin"}
LENGTHS = {"12": 12, "16": 16, "20": 20, "full": 1000}


def tables() -> list[list[list[str]]]:
    """All tables of the document, as rows of cells, without their headings."""
    found: list[list[list[str]]] = []
    for block in re.findall(r"(?:^\|.*\n)+", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE):
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()]
        found.append([rows[0], *rows[2:]])
    return found


@dataclass(frozen=True)
class Case:
    """One cell: a key, a prefix length, candidates, an answer, and the status that must follow."""

    kind: str
    mode: str
    length: str
    candidates: str
    answer: str
    status: str

    def __str__(self) -> str:
        return f"{self.kind}, {self.mode}, {self.length}, {self.candidates}, {self.answer}"


def cases() -> Iterator[Case]:
    heading, *rows = next(table for table in tables() if table[0][-1] == "no answer")
    assert tuple(heading[3:]) == ANSWERS
    for kind, lengths, which, *statuses in rows:
        for each in KINDS if kind == "any" else [kind]:
            for length in lengths.split(", "):
                for answer, status in zip(ANSWERS, statuses, strict=True):
                    for mode in ("live", "test"):
                        yield Case(each, mode, length, which, answer, status.strip("`"))


CASES = list(cases())


def test_the_table_is_whole() -> None:
    groups = {(case.kind, case.length, case.candidates) for case in CASES}
    for kind in KINDS:
        for length in LENGTHS:
            assert sum(group[:2] == (kind, length) for group in groups) >= 11
    assert {case.status for case in CASES} == {status.value for status in Status}


@pytest.fixture(scope="module")
def answers() -> dict[tuple[str, str, str], Verification]:
    """What a server says of a key that works, is revoked, is for other addresses; and what nobody says."""
    found: dict[tuple[str, str, str], Verification] = {}
    for kind, short in KINDS.items():
        for mode in ("live", "test"):
            service = Service(
                Key("right", fake_key(short, mode, "works")),
                Key("dead", fake_key(short, mode, "dead"), is_active=False),
                Key("away", fake_key(short, mode, "away"), allowed_ips=["192.0.2.1"]),
            )
            patience = Patience()
            with running(service) as up:
                for answer, seed, url in (
                    ("200", "works", up.url),
                    ("401", "dead", up.url),
                    ("403", "away", up.url),
                    ("no answer", "works", f"http://127.0.0.1:{closed_port()}"),
                ):
                    found[kind, mode, answer] = verify(
                        Endpoint(api_base(url)),
                        Secret(fake_key(short, mode, seed)),
                        (KeyType(kind), Mode(mode)),
                        Deadline(60, Clock(patience.now, patience.sleep)),
                    )
    return found


def listing(case: Case, raw: str) -> Listing | None:
    """Keys as the words of the table describe them, among others that are none of them."""
    if case.length == "no listing":
        return None
    short = KINDS[case.kind]
    keys: list[Key] = []
    other_mode = "test" if case.mode == "live" else "live"
    other_kind = "ws" if short == "admin" else "admin"
    # Keys of other types and modes, of which some begin alike when the prefix is short.
    for other, mode in ((short, other_mode), (other_kind, case.mode)):
        keys.append(Key(f"other-{len(keys)}", fake_key(other, mode, "other")))
    which, *remarks = re.split(r", (?=listing)", case.candidates)
    for part in which.split(", "):
        if part == "none":
            continue
        count, _, state = part.partition(" ")
        for _ in range(int(count)):
            # Alike in more characters than any listing has, and different in the end.
            alike = raw[: raw.rindex("_live_" if case.mode == "live" else "_test_") + 6 + 9]
            key = Key(f"key-{len(keys)}", alike + fake_body(("twin", len(keys)))[:34])
            key.is_active = "inactive" not in state
            key.expires_at = NOW - timedelta(days=1) if "expired" in state else NOW + timedelta(days=9)
            key.allowed_ips = ["192.0.2.1"] if "IP list" in state else []
            keys.append(key)
    records = tuple(parse_record(key.record(LENGTHS[case.length]), str) for key in keys)
    return Listing(NOW, "listing not complete" not in remarks, records)


def matched(raw: str, found: Listing | None) -> Match:
    detector = KeyDetector.of(rules.load()).asking(Lookup.of(found.prefixes if found else ()))
    return next(detector.find([raw.encode()]))


@pytest.mark.parametrize("asked", sorted({case.answer for case in CASES}))
def test_every_row(asked: str, answers: dict[tuple[str, str, str], Verification]) -> None:
    for case in CASES:
        if case.answer == asked:
            try:
                _is_as_written(case, answers)
            except AssertionError as error:
                error.add_note(str(case))
                raise


def _is_as_written(case: Case, answers: dict[tuple[str, str, str], Verification]) -> None:
    raw = fake_key(KINDS[case.kind], case.mode, "found")
    found = listing(case, raw)
    match = matched(raw, found)
    known = ListingContext(NOW, found, stale="listing too old" in case.candidates)
    answer = answers.get((case.kind, case.mode, case.answer))
    assert (answer is None) == (case.answer == "not asked")
    before = finding(KeyType(case.kind), Mode(case.mode))
    joined = join(before, match.listed, known, answer)
    assert joined.status == case.status
    judged = policy.judge(joined, policy.FailPolicy())
    assert (judged.severity is Severity.NOTE) == (case.status == "inactive")
    assert (joined.evidence is None) == (case.status == "unchecked")
    if joined.evidence is None:
        return
    if joined.status is Status.INACTIVE:
        assert joined.evidence.by in {"verification", "prefix"}
    if case.answer == "200":
        assert joined.evidence.key_id == "right"
    elif found is not None:
        wanted = sum(
            int(number) for number in re.findall(r"\d+(?= (?:active|inactive|expired))", case.candidates)
        )
        assert joined.evidence.candidate_count == wanted == len(joined.candidates)
        assert joined.evidence.body_characters == (characters(case) if wanted else None)


def characters(case: Case) -> int:
    """What the first table of the document says."""
    heading, *rows = tables()[0]
    row = next(row for row in rows if row[0] == f"{case.kind} {case.mode}")
    return int(row[heading.index(case.length)])


@pytest.mark.parametrize(("kind", "mode"), [(kind, mode) for kind in KINDS for mode in ("live", "test")])
def test_the_type_prefixes(kind: str, mode: str) -> None:
    row = next(row for row in tables()[0] if row[0] == f"{kind} {mode}")
    rule = next(rule for rule in rules.load() if (rule.key_type, rule.mode) == (kind, mode))
    assert int(row[1]) == len(rule.prefix)


def test_what_is_kept_of_a_key_is_never_more_than_seven_characters() -> None:
    raw = fake_key("ws", "live", "whole")
    kept = parse_record(Key("k", raw).record(1000), str)
    assert kept.key_prefix == raw[: len("sk_bc_ws_live_") + 7]


def test_candidates_are_what_the_definition_says() -> None:
    raw = fake_key("admin", "live", "found")
    keys = [Key("same", raw), Key("test", fake_key("admin", "test", 1)), Key("ws", fake_key("ws", "live", 1))]
    found = Listing(NOW, complete=True, records=tuple(parse_record(key.record(12), str) for key in keys))
    match = matched(raw, found)
    # Live and test admin keys are listed with the same 12 characters.
    assert match.listed == (raw[:12],)
    assert [
        each.id for each in candidate_records(finding(KeyType.ADMIN, Mode.LIVE), match.listed, found)
    ] == ["same"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_of_a_key_that_is_rejected_is_not_dead(
    kind: str, answers: dict[tuple[str, str, str], Verification]
) -> None:
    before = finding(KeyType(kind), Mode.LIVE, shape=Shape.SUSPECTED)
    joined = join(before, (), ListingContext(NOW), answers[kind, "live", "401"])
    assert joined.status is Status.UNKNOWN
    assert joined.evidence is not None
    assert joined.evidence.reason == "rejected-in-part"
    whole = join(finding(KeyType(kind), Mode.LIVE), (), ListingContext(NOW), answers[kind, "live", "401"])
    assert whole.evidence is not None
    assert whole.evidence.reason == "rejected-here"


@pytest.mark.parametrize("kind", KINDS)
def test_a_listed_prefix_that_is_not_understood_may_be_a_key_with_an_address_list(
    kind: str, answers: dict[tuple[str, str, str], Verification]
) -> None:
    raw = fake_key(KINDS[kind], "live", "found")
    keys = [Key("same", raw, is_active=False), Key("strange", fake_key(KINDS[kind], "live", "strange"))]
    for addresses, status in (([], Status.INACTIVE), (["192.0.2.1"], Status.UNKNOWN)):
        keys[1].allowed_ips = addresses
        first, second = (key.record(12) for key in keys)
        second["key_prefix"] = "abcd"
        found = Listing(NOW, complete=True, records=(parse_record(first, str), parse_record(second, str)))
        joined = join(
            finding(KeyType(kind), Mode.LIVE),
            (found.records[0].key_prefix,),
            ListingContext(NOW, found),
            answers[kind, "live", "401"],
        )
        assert joined.status is status


def test_fillers_are_left_alone(answers: dict[tuple[str, str, str], Verification]) -> None:
    filler = finding(KeyType.ADMIN, Mode.LIVE, shape=Shape.PLACEHOLDER)
    assert join(filler, (), ListingContext(NOW), answers["admin", "live", "200"]) is filler
