"""The text report: what a person sees, at 80 columns and without colour."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from boltz_keyscan.advice import TITLE, numbered_steps
from boltz_keyscan.model.enums import ExitCode, Exposure, KeyType, Mode, Situation, Status
from boltz_keyscan.model.finding import Finding, Gap, ScanResult
from boltz_keyscan.report.wording import short_fingerprints
from tests.report import goldens, samples
from tests.report.samples import finding, location, make_result, past, told

SGR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize("name", samples.RESULTS)
def test_golden(name: str) -> None:
    goldens.check(f"{name}.txt", told("text", samples.RESULTS[name]()))


@pytest.mark.parametrize("name", samples.RESULTS)
@pytest.mark.parametrize("verbosity", [-1, 0, 1])
def test_only_a_path_may_be_wider_than_the_terminal(name: str, verbosity: int) -> None:
    wide = [
        line
        for line in told(
            "text", samples.RESULTS[name](), verbosity=verbosity, show_placeholders=True
        ).splitlines()
        if len(line) > 80
    ]
    assert all("deploy/a very long folder name/" in line for line in wide)


@pytest.mark.parametrize("name", samples.RESULTS)
def test_colour_adds_only_colour(name: str) -> None:
    result = samples.RESULTS[name]()
    plain = told("text", result)
    coloured = told("text", result, color=True)
    assert "\x1b" not in plain
    assert SGR.sub("", coloured) == plain
    assert coloured != plain


def green(result: ScanResult) -> bool:
    return "\x1b[32m" in told("text", result, color=True)


def test_only_a_complete_run_without_keys_looks_green() -> None:
    assert green(samples.empty())
    assert green(samples.placeholders())
    for sample in (
        samples.tree,
        samples.incomplete,
        samples.incomplete_with_keys,
        samples.suppressed,
        samples.by_design,
    ):
        assert not green(sample()), sample.__name__
    # Should a verdict ever contradict its gaps, the gaps are believed.
    assert not green(replace(samples.incomplete(), exit_code=ExitCode.CLEAN))


def test_a_clean_run_is_two_lines() -> None:
    assert told("text", samples.empty()).splitlines() == [
        "Read    1,234 files; 120 commits; nothing skipped",
        "CLEAN   no Boltz key (exit 0)",
    ]


def last(result: ScanResult, lines: int = 1) -> str:
    return " ".join(told("text", result, width=200).splitlines()[-lines:])


GAP = Gap("a", "unreadable")
ASIDE = Gap("a", "shallow", by_design=True)
LOW = finding(KeyType.WORKSPACE, Mode.TEST)


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (make_result(), "CLEAN   no Boltz key (exit 0)"),
        (make_result(gaps=(ASIDE,)), "CLEAN   no Boltz key in what was scanned, 1 gap by design (exit 0)"),
        (make_result(LOW), "PASSED  1 key, none fails this run (exit 0)"),
        (make_result(finding()), "FAILED  1 key (exit 1)"),
        (make_result(finding(), finding(seed=1)), "FAILED  2 keys (exit 1)"),
        (
            make_result(gaps=(GAP, ASIDE)),
            "INCOMPLETE 1 gap, so not everything was scanned; no key that was seen fails this run (exit 3)",
        ),
        (
            make_result(gaps=(ASIDE,), code=ExitCode.INCOMPLETE),
            "INCOMPLETE 1 gap, so not everything was scanned; no key that was seen fails this run (exit 3)",
        ),
        (
            make_result(gaps=(GAP,), code=ExitCode.CLEAN),
            "INCOMPLETE 1 gap, so not everything was scanned; no key that was seen fails this run (exit 0)",
        ),
        (
            make_result(code=ExitCode.INTERRUPTED),
            "INTERRUPTED the scan was stopped; the rest was not scanned (exit 130)",
        ),
        (
            make_result(code=ExitCode.INTERNAL),
            "ERROR   the scan failed; it has no result (exit 4)",
        ),
    ],
)
def test_the_verdict(result: ScanResult, words: str) -> None:
    assert last(result) == words


def test_a_failed_run_says_that_it_is_also_incomplete() -> None:
    failed = "FAILED  1 key (exit 1)"
    more = "INCOMPLETE 1 gap, so not everything was scanned; there may be more"
    assert last(make_result(finding(), gaps=(GAP,)), 2) == f"{failed} {more}"


def test_quiet_shows_blocking_keys_and_the_verdict() -> None:
    quiet = told("text", make_result(finding(), LOW, gaps=(GAP,)), verbosity=-1)
    assert quiet.startswith("CRITICAL")
    assert "LOW" not in quiet
    assert "What to do" not in quiet
    assert "Read" not in quiet
    assert told("text", make_result(LOW), verbosity=-1) == "PASSED  1 key, none fails this run (exit 0)\n"


def test_locations_and_gaps_are_capped_unless_verbose() -> None:
    many = finding(KeyType.ADMIN, Mode.LIVE, *(location(f"path{number:03}") for number in range(300)))
    result = make_result(many, gaps=tuple(Gap(f"gap{number:03}", "unreadable") for number in range(300)))
    usual = told("text", result)
    assert usual.count("take out path") == 10
    assert "  +290 more paths; see -v or --format json" in usual
    assert usual.count("  gap") == 10
    assert "+290 more; see -v or --format json" in usual
    verbose = told("text", result, verbosity=1)
    assert (verbose.count("take out path"), verbose.count("  gap")) == (300, 300)
    assert "more" not in verbose.replace("there may be more", "")


def test_real_gaps_and_those_by_design_stand_apart() -> None:
    lines = told("text", samples.incomplete()).splitlines()
    assert lines.index("Left out 1 by design:") > lines.index("Gaps    2 not read:")


def test_the_steps_of_a_situation_are_there_once_whatever_the_kinds_of_keys() -> None:
    leaked = [
        finding(KeyType.ADMIN, Mode.LIVE, past(1, pushed=True, remote="origin/main"), seed=seed)
        for seed in (1, 2)
    ]
    test = finding(KeyType.WORKSPACE, Mode.TEST, past(2, pushed=True))
    local = finding(KeyType.WORKSPACE, Mode.LIVE, past(3, "b.py", pushed=False))
    text = told("text", make_result(*leaked, test, local), verbosity=1)
    assert [line for line in text.splitlines() if line.startswith("What to do")] == [
        f"What to do: {TITLE[kind]}" for kind in (Situation.PUSHED, Situation.COMMITTED)
    ]
    flat = " ".join(text.split())
    for kind in (Situation.PUSHED, Situation.COMMITTED):
        assert " ".join(numbered_steps(kind)) in flat
    assert text.count("boltz-keyscan explain ") == 1


def test_of_many_keys_the_worst_are_shown_and_the_others_counted() -> None:
    here: dict[str, Any] = {"pushed": False, "exposure": Exposure.HISTORY, "blob": "b" * 40}
    worst = finding(KeyType.ADMIN, Mode.LIVE, location("worst.py", **here))
    many = [finding(KeyType.WORKSPACE, Mode.LIVE, location(f"{n}.py", **here), seed=n) for n in range(1199)]
    text = told("text", make_result(*many, worst))
    lines = text.splitlines()
    assert len(lines) < 80
    assert lines[0] == "1,200 keys (1 admin live, 1,199 workspace live) leaked; none is pushed, as far"
    assert sum(line.startswith(("CRITICAL", "HIGH")) for line in lines) == 20
    at = lines.index("+1,180 more keys: 1,180 high")
    assert lines[at + 1] == "  boltz-keyscan explain     lists every key"
    assert lines[-1] == "FAILED  1,200 keys (exit 1)"
    assert len(told("text", make_result(*many, worst), verbosity=1).splitlines()) > 3_600


def test_a_key_where_it_belongs_is_one_quiet_green_line() -> None:
    kept = finding(KeyType.WORKSPACE, Mode.LIVE, location(".env", 1, exposure=Exposure.LOCAL))
    result = make_result(kept)
    assert green(result)
    lines = told("text", result, width=120).splitlines()
    assert lines[0] == (
        f"Kept    1 key where it belongs: {kept.fingerprint[:12]} .env:1, ignored by git; "
        "'boltz-keyscan keys audit --local' has the rest"
    )
    assert lines[-1] == "CLEAN   no leaked key (exit 0)"
    assert len(lines) == 3


def test_the_example_of_a_small_project() -> None:
    goldens.check("small_project.txt", told("text", samples.small_project(), width=110))
    narrow = told("text", samples.small_project(), width=40).splitlines()
    assert all(len(line) <= 40 or "/" in line or "explain" in line for line in narrow)


@pytest.mark.parametrize(
    ("states", "words"),
    [
        ((True,), "1 workspace key leaked; it is PUSHED"),
        ((None,), "1 workspace key leaked; this clone does not show if it was pushed"),
        ((False,), "1 workspace key leaked; it is not pushed, as far as this clone knows"),
        ((True, True), "2 workspace keys leaked; both are PUSHED"),
        ((True, None, False), "3 workspace keys leaked; 1 is PUSHED"),
        ((False, False, False), "3 workspace keys leaked; none is pushed, as far as this clone knows"),
    ],
)
def test_the_headline_has_the_fact_that_decides(states: tuple[bool | None, ...], words: str) -> None:
    keys = [
        finding(KeyType.WORKSPACE, Mode.LIVE, past(1, f"{n}.py", pushed=state), seed=n)
        for n, state in enumerate(states)
    ]
    assert told("text", make_result(*keys)).splitlines()[0] == words


def test_fingerprints_are_as_long_as_they_have_to_be() -> None:
    one, other, third = "bk1:" + "a" * 32, "bk1:" + "a" * 10 + "b" * 22, "bk1:" + "c" * 32
    assert short_fingerprints([third, one, other]) == {
        one: "bk1:" + "a" * 11,
        other: "bk1:" + "a" * 10 + "b",
        third: "bk1:" + "c" * 8,
    }


@pytest.mark.parametrize("done", [samples.asked().findings[-1], samples.suppressed().findings[0]])
def test_nothing_is_to_be_done_about_what_is_dealt_with(done: Finding) -> None:
    assert "What to do" not in told("text", make_result(done))
    assert "explain" not in told("text", make_result(done))


def test_suppressed_keys_are_listed_and_whole_when_verbose() -> None:
    result = samples.suppressed()
    plain = told("text", result)
    assert "b.py" not in plain
    assert "2 keys suppressed" in plain
    assert all(f"{finding.fingerprint[:12]} " in plain for finding in result.findings if finding.suppression)
    verbose = told("text", result, verbosity=1)
    assert "b.py" in verbose
    assert "Suppressed (inline): demo" in verbose


def test_placeholders_are_counted_or_shown() -> None:
    result = samples.placeholders()
    assert "Notes   3 placeholders not shown; --show-placeholders" in told("text", result)
    shown = told("text", result, show_placeholders=True)
    assert "docs/2.md:3" in shown
    assert "not shown" not in shown


def test_status_and_candidates_are_told_once_known() -> None:
    assert "Status" not in told("text", make_result(finding()))
    text = told("text", make_result(finding(status=Status.AMBIGUOUS, candidates=("key_a", "key_b"))))
    assert "  Status: ambiguous; candidates: key_a, key_b" in text


def test_a_rule_that_is_not_bundled_has_a_title_all_the_same() -> None:
    strange = replace(finding(), rule_id="of-my-own")
    assert told("text", make_result(strange)).startswith("1 admin key leaked; ")


def test_a_long_context_is_cut_around_the_key() -> None:
    context = "a" * 90 + " sk_bc_admin_live_[REDACTED] " + "b" * 80
    text = told(
        "text", make_result(finding(KeyType.ADMIN, Mode.LIVE, location(context=context))), verbosity=1
    )
    (line,) = (line for line in text.splitlines() if line.startswith("    | "))
    assert len(line) <= 80
    assert "sk_bc_admin_live_[REDACTED]" in line
    assert line.startswith("    | ...a")
    assert line.endswith("...")


def test_a_narrow_terminal_still_gets_every_word() -> None:
    words = told("text", samples.incomplete(), width=5).split()
    assert "INCOMPLETE" in words
    assert "secret/store.db:" in words
