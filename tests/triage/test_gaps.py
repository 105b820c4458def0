"""Gaps that entries of the ignore file and the baseline accept, and paths that are excluded."""

from __future__ import annotations

from datetime import date

import pytest

from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.model.enums import ExitCode, Exposure, KeyType, Mode, Shape
from boltz_keyscan.model.finding import Gap, Location, Match
from boltz_keyscan.policy import FailPolicy, exit_code
from boltz_keyscan.records import replace
from boltz_keyscan.triage.baseline import Entry
from boltz_keyscan.triage.exclusion import Exclusion
from boltz_keyscan.triage.ignore_file import parse
from boltz_keyscan.triage.suppress import SuppressionFile, Suppressor
from boltz_keyscan.triage.text_file import TextFile
from tests.report.samples import finding, location

TODAY = date(2030, 6, 1)
OID = f"{7:040x}"
FILE = Gap("enc.zip!a.txt", "encrypted", paths=("enc.zip",))
OBJECT = Gap(f".: blob {OID}", "encrypted", oid=OID, paths=("enc.zip", "old/enc.zip"))
NAMELESS = replace(OBJECT, paths=())
RUN = Gap("part of the scan", "failed")


def suppressor(text: str = "", *entries: Entry, scope: str = "", within: str = "") -> Suppressor:
    ignores = parse(TextFile("ignore", text.encode()))
    accepted = {entry.key: entry for entry in entries}
    files = (
        SuppressionFile(TextFile("base", b""), accepted, scope=scope, is_whole=True),
        SuppressionFile(
            *(TextFile("ignore", b""), ignores.named, ignores.globs, ignores.gaps),
            scope=scope,
            within=within,
            is_whole=True,
        ),
    )
    return Suppressor(files, TODAY)


def entry(what: str, path: str = "enc.zip", until: date | None = None) -> Entry:
    return Entry(what, "encrypted", path, "test data", "Ana", until, 3)


@pytest.mark.parametrize(
    ("text", "gap", "accepted"),
    [
        ("enc.zip  # gap: x", FILE, True),
        ("*.zip  # gap: x", FILE, True),
        ("other.zip  # gap: x", FILE, False),
        # An entry for keys accepts no gap.
        ("enc.zip  # x", FILE, False),
        ("enc.zip  # gap: x", OBJECT, True),
        # Every path of an object has to be covered.
        ("/enc.zip  # gap: x", OBJECT, False),
        ("/enc.zip  # gap: x\nold/  # gap: y", OBJECT, True),
        (f"object:{OID}  # gap: x", OBJECT, True),
        (f"object:{OID}  # gap: x", NAMELESS, True),
        (f"object:{8:040x}  # gap: x", OBJECT, False),
        ("?*  # gap: x", NAMELESS, False),
        ("?*  # gap: x", RUN, False),
    ],
)
def test_ignore_entries(text: str, gap: Gap, accepted: bool) -> None:  # noqa: FBT001 - a table
    found = suppressor(text).accept_gap(gap)
    assert (found.accepted is not None) is accepted
    for strict in (False, True):
        fail_policy = FailPolicy(require_complete=strict)
        assert exit_code((), [found], fail_policy) == (ExitCode.CLEAN if accepted else ExitCode.INCOMPLETE)


def test_a_gap_by_design_can_be_accepted_under_require_complete() -> None:
    gap = replace(FILE, by_design=True)
    fail_policy = FailPolicy(require_complete=True)
    assert exit_code((), [gap], fail_policy) == ExitCode.INCOMPLETE
    assert exit_code((), [suppressor("enc.zip # gap: x").accept_gap(gap)], fail_policy) == ExitCode.CLEAN


def test_baseline_entries() -> None:
    assert suppressor("", entry("path")).accept_gap(FILE).accepted is not None
    assert suppressor("", entry("path")).accept_gap(OBJECT).accepted is None
    assert suppressor("", entry(f"object:{OID}")).accept_gap(OBJECT).accepted is not None
    lapsed = suppressor("", entry("path", until=date(2030, 5, 31))).accept_gap(FILE)
    assert lapsed.accepted is None
    assert "expired: its last day was 2030-05-31" in lapsed.detail


def test_paths_are_relative_to_the_folder_of_the_file() -> None:
    assert (
        suppressor("sub/enc.zip # gap: x", scope="t/", within="sub/")
        .accept_gap(replace(FILE, paths=("t/enc.zip",)))
        .accepted
    )
    assert not suppressor("enc.zip # gap: x", scope="t/").accept_gap(FILE).accepted


def test_the_first_entry_is_the_one_that_accepts() -> None:
    accepted = suppressor("/enc.zip  # gap: x\nold/  # gap: y").accept_gap(OBJECT).accepted
    assert accepted is not None
    assert (accepted.reason, accepted.source) == ("x", "ignore:1")


PINNED = f"object:{OID}  # gap: x"


BY_DESIGN = replace(FILE, by_design=True)


@pytest.mark.parametrize(
    ("step", "gap", "is_read", "accepted"),
    [
        (suppressor(), FILE, True, False),
        (suppressor(PINNED), FILE, True, True),
        (suppressor(f"object:{8:040x}  # gap: x"), FILE, True, False),
        # Content is read of one file, and for a gap by design only if an entry names content.
        (suppressor(), BY_DESIGN, False, False),
        (suppressor("a  # gap: x", entry("path", "a")), BY_DESIGN, False, False),
        (suppressor(PINNED), BY_DESIGN, True, True),
        (suppressor("", entry(f"object:{OID}")), BY_DESIGN, True, True),
        (Suppressor((), TODAY), BY_DESIGN, False, False),
        (suppressor(PINNED), replace(FILE, paths=("enc.zip", "b.zip")), False, False),
        (suppressor(PINNED), replace(OBJECT, oid=f"{8:040x}", paths=("enc.zip",)), False, False),
        (suppressor(PINNED), RUN, False, False),
    ],
)
def test_an_entry_may_name_the_content_of_a_file(
    step: Suppressor,
    gap: Gap,
    is_read: bool,  # noqa: FBT001 - a table
    accepted: bool,  # noqa: FBT001 - a table
) -> None:
    read: list[str] = []

    def content(path: str) -> tuple[str, ...]:
        read.append(path)
        return f"{9:040x}", OID

    found = replace(step, content_ids=content).accept_gap(gap)
    assert read == (["enc.zip"] if is_read else [])
    assert (found.accepted is not None) is accepted


def test_entries_that_match_nothing_are_reported() -> None:
    entries = (entry("path"), replace(entry("path", "gone.zip"), line=4))
    found = suppressor(f"enc.zip  # gap: x\nno.zip  # gap: y\nobject:{8:040x}  # gap: z", *entries)
    assert list(found.unmatched([], [FILE])) == ["base:4", "ignore:2", "ignore:3"]
    named = suppressor(f"object:{OID}  # gap: x", entry(f"object:{OID}"), replace(entry("path", "b"), line=4))
    assert list(named.unmatched([], [NAMELESS])) == ["base:4"]


def test_without_files_or_entries_nothing_is_reported_as_unmatched() -> None:
    assert list(Suppressor((), TODAY).unmatched([], [FILE])) == []
    assert list(suppressor().unmatched([], [FILE])) == []


def test_a_key_elsewhere_matches_no_glob_of_a_folder() -> None:
    step = suppressor("a  # for tests\nb  # for tests", scope="t/")
    found = finding(KeyType.WORKSPACE, Mode.LIVE, location("u/a"), location("t/b"))
    assert list(step.unmatched([found], [])) == ["ignore:1"]


def test_a_key_in_places_that_its_entry_does_not_name() -> None:
    places = (
        location("a"),
        location("b"),
        location("c", exposure=Exposure.LOCAL),
        location(f".git/commit/{OID}", blob=OID),
    )
    key = finding(KeyType.WORKSPACE, Mode.LIVE, *places)
    known = replace(entry(key.fingerprint, "a"), rule_id=key.rule_id)
    suppressed = suppressor("", known)(key).suppression
    assert suppressed is not None
    assert suppressed.spread == ("b",)


# Exclusion.

MATCH = Match("bk1:" + "0" * 32, "r", Shape.CONFIRMED, "", 5, 43, 1, 1, 1, "")


def pair(path: str, blob: str | None = None) -> tuple[Match, Location]:
    return MATCH, location(path, blob=blob)


@pytest.mark.parametrize(
    ("pairs", "kept", "omitted"),
    [
        ([pair("data/a")], [], 1),
        ([pair("src/a")], ["src/a"], 0),
        # One place of an object outside is enough to report all of them.
        ([pair("data/a", OID), pair("src/a", OID)], ["data/a", "src/a"], 0),
        ([pair("data/a", OID), pair("data/b", OID), pair("src/a", "1" * 40)], ["src/a"], 1),
        ([pair("data/a"), pair("src/a")], ["src/a"], 1),
        # An object without a path is at no excluded one.
        ([pair(f".git/blob/{OID}", OID)], [f".git/blob/{OID}"], 0),
    ],
)
def test_keys_at_excluded_paths(pairs: list[tuple[Match, Location]], kept: list[str], omitted: int) -> None:
    shown, gaps = Exclusion.of(["data/", ".git"]).filter(pairs, ())
    assert [place.path for _, place in shown] == kept
    assert [(gap.reason, gap.by_design) for gap in gaps] == [("excluded", True)] * omitted


def test_gaps_at_excluded_paths() -> None:
    _, gaps = Exclusion.of(["/enc.zip"]).filter((), [FILE, OBJECT, NAMELESS, RUN])
    *kept, omitted = gaps
    assert kept == [OBJECT, NAMELESS, RUN]
    assert (omitted.where, omitted.by_design) == ("/enc.zip", True)


@pytest.mark.parametrize("glob", ["", "!a", "../a", "**", "/", "a\\b"])
def test_globs_that_cannot_be_used(glob: str) -> None:
    with pytest.raises(KeyscanError):
        Exclusion.of([glob])
