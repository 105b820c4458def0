"""Words, sizes, dates and places."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from boltz_keyscan.advice import EXPOSURE, STEPS, TITLE, Verb, choose_verb, numbered_steps
from boltz_keyscan.model.enums import Exposure, KeyType, Mode, Situation
from boltz_keyscan.model.finding import Location
from boltz_keyscan.policy import situation
from boltz_keyscan.records import replace
from boltz_keyscan.report.locations import Place, exposure_line
from boltz_keyscan.report.locations import places as places_of
from boltz_keyscan.report.relative_paths import relative_uri
from boltz_keyscan.report.wording import count, earliest, moment, size
from tests.report.samples import finding, location, oid, past


def places(locations: list[Location]) -> list[Place]:
    return places_of(finding(KeyType.WORKSPACE, Mode.LIVE, *locations))


def test_every_exposure_has_words() -> None:
    assert set(EXPOSURE) == set(Exposure)
    assert len(set(EXPOSURE.values())) == len(EXPOSURE)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_960, "1.0 MB"),
        (8_100_000_000, "8.1 GB"),
        (5_300_000_000_000, "5.3 TB"),
        (12_000_000_000_000_000, "12,000.0 TB"),
    ],
)
def test_sizes(number: int, words: str) -> None:
    assert size(number) == words


def test_counts() -> None:
    assert (count(0, "file"), count(1, "file"), count(1234, "file")) == ("0 files", "1 file", "1,234 files")


def test_moments_compare_across_zones_and_without_one() -> None:
    assert moment("2024-05-01T23:00:00-05:00") > moment("2024-05-02T01:00:00Z")
    assert moment("2024-05-01T00:00:00") == moment("2024-05-01T00:00:00+00:00")
    assert moment("rubbish") == moment(None) > moment("2999-01-01T00:00:00Z")


def test_the_earliest_commit_is_by_date_not_by_text() -> None:
    late = past(1, author_date="2024-05-01T23:00:00-05:00")
    early = past(2, author_date="2024-05-02T01:00:00+00:00")
    assert earliest([late, early, location()]) is early
    assert earliest([location()]) is None


def test_many_versions_of_a_path_are_one_place() -> None:
    [row] = places([location(), *(past(number) for number in range(41))])
    first = oid(("commit", "src/app.py", 0))[:7]
    assert (row.verb, row.where) == (Verb.TAKE_OUT, "src/app.py:3")
    assert row.story == f"({first}), and in 41 older versions"


def test_a_file_on_disk_and_in_head_is_one_spot() -> None:
    (row,) = places([location(), location(blob=oid(1)), location(line=7), location(line=8), location(line=9)])
    assert (row.where, row.story) == ("src/app.py:3, 7, 8, 9", "in HEAD")
    (row,) = places([location(line=line) for line in range(1, 7)])
    assert row.where == "src/app.py:1, 2, 3, 4 and 2 more"


def test_a_file_that_left_git_but_not_the_disk_has_both() -> None:
    (row,) = places([location(".env", exposure=Exposure.LOCAL), past(1, ".env"), past(2, ".env")])
    assert row.verb is Verb.REPLACE
    assert re.fullmatch(
        r"ignored by git \(\w{7}\), and in 2 older versions; put the new key there", row.story
    )


def test_history_outranks_what_no_reference_reaches() -> None:
    (row,) = places([past(1, exposure=Exposure.UNREACHABLE, line=1), past(2, line=2)])
    assert row.where == "src/app.py:2"
    assert row.story.endswith(" (gone from HEAD), 2 versions")


def test_what_another_branch_has_is_not_gone() -> None:
    (row,) = places([past(1), replace(past(2), present=True)])
    assert row.story.endswith(" (on another branch or tag), 2 versions")


def test_an_object_without_a_path_is_called_an_object() -> None:
    lost = location(f".git/blob/{oid(1)}", exposure=Exposure.UNREACHABLE, blob=oid(1))
    message = past(1, f".git/commit/{oid(2)}", blob=oid(2))
    (first, second) = places([lost, message])
    assert (first.where, second.where) == (
        f"commit object {oid(2)[:10]}, line 3",
        f"blob object {oid(1)[:10]}, line 3",
    )
    assert first.story.endswith("its message or header has the key")
    assert second.story == (
        "in unreachable objects; in no commit: left by git add, an amend, a rebase or a dropped stash"
    )


def test_members_cells_and_decodings_are_there() -> None:
    (row,) = places([location("a.zip", members=("b.tar", "c.ipynb"), cell=4, decoded=("gzip", "base64"))])
    assert row.where == "a.zip!b.tar!c.ipynb   cell 4, line 3 (gzip > base64)"


def test_places_are_ordered_by_exposure_then_path() -> None:
    found = places([past(1, "a"), location("z"), location("b"), location("c", exposure=Exposure.STAGED)])
    assert [row.where for row in found] == ["b:3", "z:3", "c:3", "a:3"]


@pytest.mark.parametrize(
    ("where", "verb"),
    [
        (location("a.py"), Verb.TAKE_OUT),
        (location("a.ipynb", cell=1, cell_part="output [3]"), Verb.CLEAR),
        (location("a.ipynb", cell=1, cell_part="source"), Verb.TAKE_OUT),
        (location("logs/x.txt", exposure=Exposure.UNTRACKED), Verb.DELETE),
        (location("x/.ipynb_checkpoints/a.ipynb", exposure=Exposure.UNTRACKED), Verb.DELETE),
        (location("catalogs/x.txt", exposure=Exposure.UNTRACKED), Verb.TAKE_OUT),
        (location(".env", exposure=Exposure.UNTRACKED), Verb.IGNORE),
        (location("sub/.env.local", exposure=Exposure.FILE), Verb.PROTECT),
        (location(".env.example", exposure=Exposure.FILE), Verb.TAKE_OUT),
        (location(".env", exposure=Exposure.LOCAL), Verb.KEEP),
        (past(1), Verb.REWRITE),
        (past(1, exposure=Exposure.UNREACHABLE), Verb.EXPIRE),
    ],
    ids=lambda each: each.path if isinstance(each, Location) else "",
)
def test_each_place_has_the_verb_that_fits(where: Location, verb: Verb) -> None:
    assert choose_verb(where, Situation.COMMITTED) is verb


def test_spread_is_one_line_over_all() -> None:
    spread = finding(
        KeyType.ADMIN, Mode.LIVE, past(5, "b"), location(), past(3), location(exposure=Exposure.LOCAL)
    )
    told = exposure_line(spread)
    assert told == "in HEAD, in history, ignored by git; 4 locations in 2 paths, since 2024-05-04"


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("src/app.py", "src/app.py"),
        ("./src//app.py", "src/app.py"),
        ("/etc/passwd", "etc/passwd"),
        ("../../etc/passwd", "etc/passwd"),
        ("a/../../b", "b"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("c:/d e#f?%.py", "c%3A/d%20e%23f%3F%25.py"),
        ("a\\x1b.py", "a%5Cx1b.py"),
        ("caf\u00e9/\U0001f600", "caf%C3%A9/%F0%9F%98%80"),
        ("\udce9", "%3F"),
        ("{0}[a](b)", "%7B0%7D%5Ba%5D%28b%29"),
    ],
)
def test_uris_are_relative_and_encoded(path: str, uri: str) -> None:
    assert relative_uri(path) == uri


def test_the_guide_has_the_steps_of_each_situation() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "incident-response.md").read_text(encoding="utf-8")
    assert set(STEPS) == set(TITLE) == set(Situation)
    for kind in Situation:
        assert f"| {TITLE[kind]} | {' '.join(numbered_steps(kind))} |" in guide


@pytest.mark.parametrize(
    ("locations", "kind"),
    [
        ((location(blob=oid(1), pushed=True), location(exposure=Exposure.LOCAL)), Situation.PUSHED),
        ((location(),), Situation.PUSHED),
        ((past(1, pushed=False), past(2, pushed=None)), Situation.PUSHED),
        ((past(1, pushed=False), location()), Situation.COMMITTED),
        ((location(exposure=Exposure.STAGED),), Situation.NOT_COMMITTED),
        ((location(exposure=Exposure.FILE), location(exposure=Exposure.LOCAL)), Situation.NOT_COMMITTED),
        ((past(1, exposure=Exposure.UNREACHABLE),), Situation.UNREACHABLE),
        ((location(".git/config", exposure=Exposure.LOCAL),), Situation.UNREACHABLE),
        ((location(".env", exposure=Exposure.LOCAL),), Situation.IN_PLACE),
    ],
)
def test_the_situation_follows_from_the_locations(locations: tuple[Location, ...], kind: Situation) -> None:
    found = finding(KeyType.WORKSPACE, Mode.LIVE, *locations)
    assert situation(found) is kind
