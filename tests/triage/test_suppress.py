"""What excuses which location, and when that is enough."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boltz_keyscan.model.enums import Exposure, KeyType, Mode, Shape
from boltz_keyscan.model.finding import Finding, Location
from boltz_keyscan.model.suppression import Comment
from boltz_keyscan.policy import FailOn, FailPolicy, Outcome, judge, outcome
from boltz_keyscan.triage.baseline import Entry
from boltz_keyscan.triage.ignore_file import IgnoreEntry
from boltz_keyscan.triage.suppress import SuppressionFile, Suppressor
from boltz_keyscan.triage.text_file import TextFile
from tests.report.samples import finding, location

TODAY = date(2030, 6, 1)
ANY = FailPolicy(FailOn.ANY)

OURS = Comment("boltz-keyscan", "made up")
THEIRS = Comment("gitleaks", "")


def baseline(key: str, *, until: date | None = None, scope: str | None = "") -> SuppressionFile:
    entry = Entry(key, "boltz-workspace-live-key", "a", "old", "Ana", until, 3)
    return SuppressionFile(TextFile("base", b"", "in the tree"), {key: entry}, scope=scope)


def ignores(*globs: str, key: str = "", scope: str = "", within: str = "") -> SuppressionFile:
    keys = {key: IgnoreEntry(key, "known", 1)} if key else {}
    found = tuple(IgnoreEntry(glob, f"about {glob}", line) for line, glob in enumerate(globs, 2))
    return SuppressionFile(TextFile("ignore", b""), keys, found, scope=scope, within=within)


def leak(*places: Location, kind: KeyType = KeyType.WORKSPACE) -> Finding:
    return finding(kind, Mode.LIVE, *places)


def at(path: str, *comments: Comment, exposure: Exposure = Exposure.TRACKED, line: int = 3) -> Location:
    return location(path, line, comments=comments, exposure=exposure)


KEY = leak(at("x")).fingerprint
ADMIN = leak(at("x"), kind=KeyType.ADMIN).fingerprint

TABLE = [
    # By the key.
    ("nothing", leak(at("a")), [], None),
    ("baseline", leak(at("a"), at("b")), [baseline(KEY)], "baseline"),
    ("another key's baseline", leak(at("a")), [baseline(ADMIN)], None),
    ("last day", leak(at("a")), [baseline(KEY, until=TODAY)], "baseline"),
    ("expired", leak(at("a")), [baseline(KEY, until=date(2030, 5, 31))], None),
    (
        "expired and ignored",
        leak(at("a")),
        [baseline(KEY, until=date(2030, 5, 31)), ignores(key=KEY)],
        "ignore",
    ),
    ("ignored", leak(at("a"), at("b")), [ignores(key=KEY)], "ignore"),
    ("an admin key by its key", leak(at("a"), kind=KeyType.ADMIN), [baseline(ADMIN)], "baseline"),
    # By the place.
    ("a glob", leak(at("docs/a"), at("docs/b")), [ignores("docs/")], "ignore"),
    ("a glob for one of two", leak(at("docs/a"), at("b")), [ignores("docs/")], None),
    ("two globs", leak(at("docs/a"), at("b")), [ignores("docs/", "b")], "ignore"),
    ("a comment", leak(at("a", OURS)), [], "inline"),
    ("a comment at one of two", leak(at("a", OURS), at("b")), [], None),
    ("a comment and a glob", leak(at("a", OURS), at("docs/b")), [ignores("docs/")], "ignore"),
    ("an admin key by a comment", leak(at("a", OURS), kind=KeyType.ADMIN), [], None),
    (
        "an admin key by a comment and, elsewhere, a glob",
        leak(at("a", OURS), at("docs/b"), kind=KeyType.ADMIN),
        [ignores("docs/")],
        None,
    ),
    ("an admin key by a glob", leak(at("docs/b"), kind=KeyType.ADMIN), [ignores("docs/")], "ignore"),
    ("a comment for another scanner", leak(at("a", THEIRS)), [], None),
    # Corners of this machine need no excuse, and are none.
    ("unexposed beside excused", leak(at("a", OURS), at("b", exposure=Exposure.LOCAL)), [], "inline"),
    ("excused beside exposed", leak(at("a", OURS, exposure=Exposure.LOCAL), at("b")), [], None),
    ("only unexposed", leak(at("a", exposure=Exposure.UNREACHABLE)), [], None),
    ("only unexposed, excused", leak(at("a", OURS, exposure=Exposure.UNREACHABLE)), [], "inline"),
    # Of several trees each speaks for itself.
    ("its own tree", leak(at("one/a")), [baseline(KEY, scope="one/")], "baseline"),
    ("another tree", leak(at("two/a")), [baseline(KEY, scope="one/")], None),
    (
        "both trees",
        leak(at("one/a"), at("two/a")),
        [baseline(KEY, scope="one/"), ignores("a", scope="two/")],
        "baseline",
    ),
    ("one of both", leak(at("one/a"), at("two/a")), [baseline(KEY, scope="one/")], None),
    ("named for all", leak(at("one/a"), at("two/a")), [baseline(KEY, scope=None)], "baseline"),
    (
        "the inner of two",
        leak(at("one/in/a")),
        [ignores(key=KEY, scope="one/"), ignores("b", scope="one/in/")],
        None,
    ),
    # Globs count from the folder of their file.
    ("below the file's folder", leak(at("one/a")), [ignores("src/a", scope="one/", within="src/")], "ignore"),
    ("not from the scanned one", leak(at("one/a")), [ignores("/a", scope="one/", within="src/")], None),
]


@pytest.mark.parametrize(
    ("found", "known", "kind"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_the_table(found: Finding, known: list[SuppressionFile], kind: str | None) -> None:
    judged = judge(Suppressor(tuple(known), TODAY)(found), ANY)
    assert (judged.suppression and judged.suppression.kind) == kind
    exposed = found.exposure is not Exposure.UNREACHABLE
    assert judged.blocking is (kind is None and exposed)


def test_unexposed_places_need_an_excuse_when_they_count() -> None:
    found = leak(at("a", OURS), at("b", exposure=Exposure.LOCAL))
    assert Suppressor((), TODAY)(found).suppression
    assert not Suppressor((), TODAY, unexposed=True)(found).suppression


def test_comments_for_others_count_when_asked() -> None:
    assert Suppressor((), TODAY, foreign=True)(leak(at("a", THEIRS))).suppression


def test_placeholders_are_left_alone() -> None:
    filler = finding(KeyType.WORKSPACE, Mode.LIVE, at("a", OURS), shape=Shape.PLACEHOLDER)
    assert Suppressor((ignores("a"),), TODAY)(filler) == filler


def test_the_source_and_every_reason_are_kept() -> None:
    found = Suppressor((baseline(KEY, until=date(2030, 1, 1)), ignores("a")), TODAY)(
        leak(at("a", OURS), at("b", OURS), at("b", OURS, line=9), at("b", OURS, line=9))
    )
    assert [(each.kind, each.source, each.covers, each.used) for each in found.excuses] == [
        ("baseline", "base:3 (in the tree)", (0, 1, 2, 3), False),
        ("ignore", "ignore:2", (0,), True),
        ("inline", "a:3", (0,), False),
        ("inline", "b:3", (1,), True),
        ("inline", "b:9", (2, 3), True),
    ]
    assert "expired" in found.excuses[0].refused
    assert found.suppression is not None
    assert found.suppression.source == "ignore:2"


def test_why_a_comment_is_not_heard_is_told() -> None:
    step = Suppressor((), TODAY, allowed=lambda _, __, ___: "not there")
    assert [each.refused for each in step(leak(at("a", OURS))).excuses] == ["not there"]


def test_what_strangers_wrote_is_made_fit_to_be_shown() -> None:
    step = Suppressor((ignores("a"),), TODAY, redact=lambda text: text.replace("about", "[REDACTED]"))
    found = step(leak(at("a")))
    assert found.suppression is not None
    assert found.suppression.reason == "[REDACTED] a"


PLACES = st.builds(
    at,
    st.sampled_from(["a", "docs/b", "one/a", "one/docs/b"]),
    st.sampled_from([OURS, THEIRS]),
    exposure=st.sampled_from(Exposure),
) | st.builds(at, st.sampled_from(["a", "docs/b"]), exposure=st.sampled_from(Exposure))
FINDINGS = st.builds(
    lambda places, kind, mode, shape: finding(kind, mode, *places, shape=shape),
    st.lists(PLACES, min_size=1, max_size=4),
    st.sampled_from(KeyType),
    st.sampled_from(Mode),
    st.sampled_from(Shape),
)


@given(
    st.lists(FINDINGS, max_size=6),
    st.sampled_from(FailOn),
    st.booleans(),
    st.lists(st.sampled_from(["a", "docs/", "one/", "*"]), max_size=2),
    st.booleans(),
)
def test_suppression_changes_what_blocks_and_nothing_else(
    found: list[Finding],
    fail_on: FailOn,
    unexposed: bool,  # noqa: FBT001 - drawn
    globs: list[str],
    known: bool,  # noqa: FBT001 - drawn
) -> None:
    fail_policy = FailPolicy(fail_on, unexposed)
    accepted = [baseline(each.fingerprint) for each in found[:1] if known]
    step = Suppressor((ignores(*globs), *accepted), TODAY, unexposed=unexposed)
    judged = [judge(step(each), fail_policy) for each in found]
    plain = [judge(each, fail_policy) for each in found]

    def bare(each: Finding) -> Finding:
        return replace(each, suppression=None, excuses=(), blocking=False)

    assert list(map(bare, judged)) == list(map(bare, plain))
    # Nothing begins to block because something was excused.
    assert all(before.blocking or not after.blocking for before, after in zip(plain, judged, strict=True))
    counts = [sum(outcome(each, fail_policy) is kind for each in judged) for kind in Outcome]
    assert sum(counts) == len(found)
    assert counts[0] == sum(each.blocking for each in judged)
    if fail_on is FailOn.ANY:
        # Blocking, suppressed, unexposed and notes are then all there is.
        assert counts[list(Outcome).index(Outcome.BELOW)] == 0
