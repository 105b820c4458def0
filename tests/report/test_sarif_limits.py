"""SARIF: what was not scanned, and what does not fit."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from boltz_keyscan.model.enums import ExitCode, KeyType, Mode
from boltz_keyscan.model.finding import Gap, ScanResult
from boltz_keyscan.report import sarif, sarif_log
from tests.report import samples
from tests.report.samples import finding, location, make_result, past, told
from tests.report.samples import sarif_result as one
from tests.report.samples import sarif_runs as runs

ADMIN, WORKSPACE, LIVE, TEST = KeyType.ADMIN, KeyType.WORKSPACE, Mode.LIVE, Mode.TEST


def test_gaps_are_notifications_and_the_run_is_not_successful() -> None:
    for run in runs(samples.incomplete()):
        (invocation,) = run["invocations"]
        assert invocation["executionSuccessful"] is False
        assert invocation["exitCode"] == 3
        assert invocation["startTimeUtc"] == "2025-03-01T12:00:00.000Z"
        assert invocation["endTimeUtc"] == "2025-03-01T12:00:09.200Z"
        notes = invocation["toolExecutionNotifications"]
        assert [(note["descriptor"]["id"], note["level"]) for note in notes] == [
            ("unreadable", "error"),
            ("corrupt", "error"),
            ("shallow", "note"),
        ]


@pytest.mark.parametrize(
    ("result", "successful"),
    [
        (samples.empty(), True),
        (samples.history(), True),
        (samples.by_design(), True),
        (samples.incomplete_with_keys(), False),
        (make_result(code=ExitCode.INCOMPLETE), False),
        (make_result(code=ExitCode.INTERNAL), False),
        (make_result(code=ExitCode.INTERRUPTED), False),
    ],
)
def test_success_means_that_the_run_saw_everything(result: ScanResult, successful: bool) -> None:  # noqa: FBT001
    assert runs(result)[0]["invocations"][0]["executionSuccessful"] is successful


def test_too_many_results_are_cut_worst_first_and_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """With limits of a hundredth; "make nightly" has a report that the real ones cut."""
    most = sarif_log.MAX_RESULTS // 100
    monkeypatch.setattr(sarif, "MAX_RESULTS", most)
    monkeypatch.setattr(sarif, "MAX_RELATED_IN_RUN", sarif.MAX_RELATED_IN_RUN // 100)
    low = finding(WORKSPACE, TEST, *(location(f"low/{number}") for number in range(most)))
    worst = finding(
        ADMIN, LIVE, *(location("worst", line) for line in range(1, 200)), *(past(n) for n in range(3))
    )
    tree, history = runs(make_result(low, worst))
    assert len(tree["results"]) == most
    assert tree["results"][0]["level"] == "error"
    (note,) = tree["invocations"][0]["toolExecutionNotifications"]
    assert note["message"]["text"] == f"1 more results are not listed here; the {most} worst are."
    assert note["level"] == "warning"
    assert "toolExecutionNotifications" not in history["invocations"][0]
    # The more results, the fewer related locations each: the file has to stay small.
    assert len(tree["results"][0]["relatedLocations"]) == 4


def within_githubs_limits(text: str) -> Any:
    """The report, held to every number of docs.github.com, "SARIF support for code scanning".

    More than any of them, and GitHub rejects the file.
    """
    assert len(gzip.compress(text.encode(), mtime=0)) <= 10_000_000
    document = json.loads(text)
    assert len(document["runs"]) <= 20
    for run in document["runs"]:
        assert len(run["results"]) <= 25_000
        assert len(run["tool"]["driver"]["rules"]) <= 25_000
        assert len(run["tool"].get("extensions", ())) <= 100
        for rule in run["tool"]["driver"]["rules"]:
            assert len(rule["properties"]["tags"]) <= 20
            assert max(len(rule[name]["text"]) for name in ("shortDescription", "fullDescription")) <= 1024
        for each in run["results"]:
            assert len(each["locations"]) + len(each.get("relatedLocations", ())) <= 1000
            assert "codeFlows" not in each
    return document


@pytest.mark.sampled(count=0)
def test_25000_findings_stay_within_githubs_limits_and_the_cut_is_said() -> None:
    """Each key in three files and three versions of one, under paths that do not compress well."""
    here = [location(), location("b.py", 7), location("c/d.ipynb", 9, cell=4)]
    shapes = {
        (kind, mode): finding(kind, mode, *here, *(past(number) for number in range(3)))
        for kind in KeyType
        for mode in Mode
    }
    many = []
    for number in range(25_000):
        base = list(shapes.values())[number % len(shapes)]
        seed = samples.oid(number)
        places = tuple(replace(place, path=f"{seed}/{seed[::-1]}/{place.path}") for place in base.locations)
        many.append(replace(base, fingerprint=f"bk1:{seed[:32]}", locations=places))
    text = told("sarif", make_result(*many))
    tree, history = within_githubs_limits(text)["runs"]
    for run, paths in ((tree, 75_000), (history, 25_000)):
        assert len(run["results"]) == sarif_log.MAX_RESULTS
        # Worst first: there are more critical ones than GitHub keeps.
        assert Counter(each["ruleId"] for each in run["results"]) == {"boltz-admin-live-key": 5000}
        (note,) = run["invocations"][0]["toolExecutionNotifications"]
        assert note["descriptor"]["id"] == "results-cut"
        told_so = f"{paths - 5000} more results are not listed here; the 5000 worst are."
        assert note["message"]["text"] == told_so


@pytest.mark.sampled(count=0)
def test_few_findings_at_many_places_stay_within_the_limits_too() -> None:
    everywhere = [
        finding(ADMIN, LIVE, *(location(line=line) for line in range(1, 200)), seed=seed)
        for seed in range(200)
    ]
    tree, _ = within_githubs_limits(told("sarif", make_result(*everywhere)))["runs"]
    assert {len(each["relatedLocations"]) for each in tree["results"]} == {100}


def test_related_locations_are_bounded() -> None:
    result = one(finding(ADMIN, LIVE, *(location(line=line) for line in range(1, 500))))
    assert len(result["relatedLocations"]) == 100


def test_notifications_are_bounded_and_keep_the_real_gaps() -> None:
    aside = [Gap(f"a{number:05}", "excluded", by_design=True) for number in range(sarif.MAX_NOTIFICATIONS)]
    notes = runs(make_result(gaps=(*aside, Gap("z", "unreadable"))))[0]["invocations"][0][
        "toolExecutionNotifications"
    ]
    assert len(notes) == sarif.MAX_NOTIFICATIONS + 1
    assert notes[0]["message"]["text"] == "Not scanned: z (unreadable)."
    assert notes[-1]["message"]["text"] == "1 more gaps are not listed here."


def test_strangers_text_makes_no_link_and_no_placeholder() -> None:
    (note,) = runs(make_result(gaps=(Gap("[a](http://x){0}", "unreadable", "{"),)))[0]["invocations"][0][
        "toolExecutionNotifications"
    ]
    assert note["message"]["text"] == "Not scanned: [a] (http://x){{0}} (unreadable: {{)."
    result = one(finding(ADMIN, LIVE, location("a.zip", members=("[b](http://x)", "{1}"))))
    assert "in archive member [b] (http://x)!{{1}} at 3:9." in result["message"]["text"]
