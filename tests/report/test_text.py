"""The text report: what a person sees, at 80 columns and without colour."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from boltz_keyscan import rules
from boltz_keyscan.model.enums import ExitCode, KeyType, Mode, Status
from boltz_keyscan.model.finding import Finding, Gap, ScanResult
from tests.report import goldens, samples
from tests.report.samples import finding, location, make_result, told

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
    assert all(line.startswith("    deploy/a very long folder name/") for line in wide)


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
        "Scanned   1,234 files, 45,678 git objects (120 commits, 8 refs), 8.1 GB in 9.2 s",
        "Clean: no Boltz key (exit 0).",
    ]


def last(result: ScanResult, lines: int = 1) -> str:
    return " ".join(told("text", result, width=200).splitlines()[-lines:])


GAP = Gap("a", "unreadable")
ASIDE = Gap("a", "shallow", by_design=True)
LOW = finding(KeyType.WORKSPACE, Mode.TEST)


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (make_result(), "Clean: no Boltz key (exit 0)."),
        (make_result(gaps=(ASIDE,)), "Clean: no Boltz key in what was scanned, 1 gap by design (exit 0)."),
        (make_result(LOW), "Passed: 1 key, none fails this run (exit 0)."),
        (make_result(finding()), "FAILED: 1 key fails this run (exit 1)."),
        (make_result(finding(), finding(seed=1)), "FAILED: 2 keys fail this run (exit 1)."),
        (
            make_result(gaps=(GAP, ASIDE)),
            "INCOMPLETE: 1 gap, so not everything was scanned; no key that was seen fails this run (exit 3).",
        ),
        (
            make_result(gaps=(ASIDE,), code=ExitCode.INCOMPLETE),
            "INCOMPLETE: 1 gap, so not everything was scanned; no key that was seen fails this run (exit 3).",
        ),
        (
            make_result(gaps=(GAP,), code=ExitCode.CLEAN),
            "INCOMPLETE: 1 gap, so not everything was scanned; no key that was seen fails this run (exit 0).",
        ),
        (
            make_result(code=ExitCode.INTERRUPTED),
            "INTERRUPTED: the scan was stopped; the rest was not scanned (exit 130).",
        ),
        (
            make_result(code=ExitCode.INTERNAL),
            "ERROR: the scan failed; it has no result (exit 4).",
        ),
    ],
)
def test_the_verdict(result: ScanResult, words: str) -> None:
    assert last(result) == words


def test_a_failed_run_says_that_it_is_also_incomplete() -> None:
    failed = "FAILED: 1 key fails this run (exit 1)."
    more = "INCOMPLETE: 1 gap, so not everything was scanned; there may be more."
    assert last(make_result(finding(), gaps=(GAP,)), 2) == f"{failed} {more}"


def test_quiet_shows_blocking_keys_and_the_verdict() -> None:
    quiet = told("text", make_result(finding(), LOW, gaps=(GAP,)), verbosity=-1)
    assert quiet.startswith("CRITICAL")
    assert "LOW" not in quiet
    assert "What to do" not in quiet
    assert "Scanned" not in quiet
    assert told("text", make_result(LOW), verbosity=-1) == "Passed: 1 key, none fails this run (exit 0).\n"


def test_locations_and_gaps_are_capped_unless_verbose() -> None:
    many = finding(KeyType.ADMIN, Mode.LIVE, *(location(f"path{number:03}") for number in range(300)))
    result = make_result(many, gaps=tuple(Gap(f"gap{number:03}", "unreadable") for number in range(300)))
    usual = told("text", result)
    assert usual.count("    path") == 10
    assert "    +290 more paths; see -v or --format json" in usual
    assert usual.count("  gap") == 10
    assert "+290 more; see -v or --format json" in usual
    verbose = told("text", result, verbosity=1)
    assert (verbose.count("    path"), verbose.count("  gap")) == (300, 300)
    assert "more" not in verbose.replace("there may be more", "")


def test_real_gaps_and_those_by_design_stand_apart() -> None:
    lines = told("text", samples.incomplete()).splitlines()
    assert "Gaps      2 not scanned:" in lines
    assert "By design 1 left out:" in lines
    assert lines.index("By design 1 left out:") > lines.index("Gaps      2 not scanned:")


def test_what_to_do_stands_once_for_each_kind_of_key() -> None:
    text = told("text", make_result(*(finding(seed=seed) for seed in range(3)), LOW))
    admin, low = rules.load()[0], rules.load()[-1]
    assert text.count("boltz-keyscan explain FINGERPRINT") == 1
    assert [line for line in text.splitlines() if line.startswith("What to do")] == [
        f"What to do: {admin.title}",
        f"What to do: {low.title}",
    ]
    flat = " ".join(text.split())
    assert all(step in flat for step in (*admin.remediation, *low.remediation))


@pytest.mark.parametrize("done", [finding(status=Status.INACTIVE), samples.suppressed().findings[0]])
def test_nothing_is_to_be_done_about_what_is_dealt_with(done: Finding) -> None:
    assert "What to do" not in told("text", make_result(done))
    assert "explain" not in told("text", make_result(done))


def test_suppressed_keys_are_listed_and_whole_when_verbose() -> None:
    result = samples.suppressed()
    plain = told("text", result)
    assert "b.py" not in plain
    assert "2 keys suppressed" in plain
    assert all(f"{finding.fingerprint} " in plain for finding in result.findings if finding.suppression)
    verbose = told("text", result, verbosity=1)
    assert "b.py" in verbose
    assert "Suppressed (inline): demo" in verbose


def test_placeholders_are_counted_or_shown() -> None:
    result = samples.placeholders()
    assert "Notes     3 placeholders not shown; --show-placeholders" in told("text", result)
    shown = told("text", result, show_placeholders=True)
    assert "docs/2.md:3:9" in shown
    assert "not shown" not in shown


def test_status_and_candidates_are_told_once_known() -> None:
    assert "Status" not in told("text", make_result(finding()))
    text = told("text", make_result(finding(status=Status.AMBIGUOUS, candidates=("key_a", "key_b"))))
    assert "  Status: ambiguous; candidates: key_a, key_b" in text


def test_a_rule_that_is_not_bundled_has_a_title_all_the_same() -> None:
    strange = replace(finding(), rule_id="of-my-own")
    assert told("text", make_result(strange)).startswith("CRITICAL  Boltz admin live key ")


def test_a_long_context_is_cut_around_the_key() -> None:
    context = "a" * 90 + " sk_bc_admin_live_[REDACTED] " + "b" * 80
    text = told("text", make_result(finding(KeyType.ADMIN, Mode.LIVE, location(context=context))))
    (line,) = (line for line in text.splitlines() if line.startswith("      | "))
    assert len(line) <= 80
    assert "sk_bc_admin_live_[REDACTED]" in line
    assert line.startswith("      | ...a")
    assert line.endswith("...")


def test_a_narrow_terminal_still_gets_every_word() -> None:
    words = told("text", samples.incomplete(), width=5).split()
    assert "INCOMPLETE:" in words
    assert "secret/store.db:" in words
