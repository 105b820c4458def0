"""Explanation of one key as text. Every line is made harmless once more."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from boltz_keyscan.advice import describe_exposure, describe_situation
from boltz_keyscan.model.enums import KeyType, Severity, Shape
from boltz_keyscan.model.finding import Finding, Location, ScanResult
from boltz_keyscan.model.kinds import describe_kind, describe_noun
from boltz_keyscan.policy import FailPolicy, Outcome, outcome
from boltz_keyscan.report.locations import exposure_line, format_location, places
from boltz_keyscan.report.sentences import STATUS_WORDS, suppression_sentences
from boltz_keyscan.report.summary import next_command
from boltz_keyscan.report.text import wrap
from boltz_keyscan.report.wording import and_more, count, short_fingerprints, write_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from boltz_keyscan.report.file_actions import Instruction
    from boltz_keyscan.rules import Rule

_WIDTH = 100
"""Columns of the steps. Commands and paths are never wrapped, so that they can be copied."""


def explain(
    finding: Finding, rule: Rule, fail_policy: FailPolicy, steps: Iterable[Instruction], stream: TextIO
) -> None:
    """Write everything about one key."""
    write_lines(_lines(finding, rule, fail_policy, steps), stream)


def _lines(
    finding: Finding, rule: Rule, fail_policy: FailPolicy, steps: Iterable[Instruction]
) -> Iterator[str]:
    yield f"{finding.shown}  {finding.fingerprint}"
    yield ""
    for label, text in _facts(finding, rule, fail_policy):
        yield f"{label:<11}{text}"
    yield ""
    yield f"Found at {count(len(finding.locations), 'location')}"
    for place in finding.locations:
        yield f"  {format_location(place)}"
        yield f"      {_story(place)}"
        if place.context:
            yield f"      | {place.context}"
    yield ""
    yield "What to do, in this order"
    for number, step in enumerate(steps, 1):
        yield from wrap(f"{number}. {step.text}", _WIDTH, "  ", "     ")
        yield from (f"       {command}" for command in step.commands)
        for condition, commands in step.others:
            yield f"     Or, {condition}:"
            yield from (f"       {command}" for command in commands)


def list_keys(result: ScanResult, stream: TextIO) -> None:
    """Write one line for each key of a result, worst first, and the command that explains one."""
    write_lines(_key_lines(result), stream)


def _key_lines(result: ScanResult) -> Iterator[str]:
    names = short_fingerprints(finding.fingerprint for finding in result.findings)
    for finding in result.keys:
        first, *others = places(finding)
        kind = f"{finding.severity.upper():<8}  {describe_kind(finding):<14}  {names[finding.fingerprint]}"
        accepted = "; accepted" if finding.suppression is not None else ""
        yield f"{kind}  {describe_situation(finding)}{accepted}"
        yield f"    {first.where}{and_more(len(others), 'path')}"
    if result.keys:
        yield ""
        yield next_command(result, names[result.keys[0].fingerprint])
    else:
        yield "No key was found." if result.complete else "No key was found, but the scan is incomplete."


def _facts(finding: Finding, rule: Rule, fail_policy: FailPolicy) -> Iterator[tuple[str, str]]:
    yield "Rule", f"{finding.rule_id}: {rule.title}"
    yield "Severity", f"{finding.severity}: {_severity(finding, rule)}"
    yield "Shape", f"{finding.shape} (confidence {finding.confidence}): {finding.reason}"
    candidates = f"; candidates: {', '.join(finding.candidates)}" if finding.candidates else ""
    yield "Status", f"{finding.status}: {STATUS_WORDS[finding.status]}{candidates}"
    yield "Situation", describe_situation(finding)
    yield "Exposure", exposure_line(finding)
    yield "Verdict", _verdict(finding, fail_policy)
    sentences = list(suppression_sentences(finding))
    if not sentences:
        sentences = ["no baseline entry, ignore entry or comment applies"]
    for number, sentence in enumerate(sentences):
        yield ("Excuses" if number == 0 else ""), sentence


def _severity(finding: Finding, rule: Rule) -> str:
    if finding.shape is Shape.PLACEHOLDER:
        return f"a filler from documentation or a test, not a {describe_noun(finding)}"
    if finding.severity is Severity.NOTE:
        return f"a {describe_noun(finding)} that no longer works"
    if finding.key_type is None:
        return f"a {describe_noun(finding)}. {rule.summary}"
    article = "an" if finding.key_type is KeyType.ADMIN else "a"
    return f"{article} {finding.key_type} key, {finding.mode}. {rule.summary}"


def _verdict(finding: Finding, fail_policy: FailPolicy) -> str:
    limit = f"--fail-on {fail_policy.fail_on}"
    if (kind := outcome(finding, fail_policy)) is Outcome.BLOCKING:
        return f"fails a run: {finding.severity} counts for {limit}, exposed, and nothing suppresses it"
    reason = {
        Outcome.SUPPRESSED: "it is suppressed",
        Outcome.UNEXPOSED: "no clone or push copies it; --fail-on-unexposed counts it",
        Outcome.OLD: "its files had it before the change that was scanned",
        Outcome.BELOW: f"{finding.severity} does not count for {limit}",
        Outcome.NOTE: "it is a note",
    }[kind]
    return f"does not fail a run: {reason}"


def _story(place: Location) -> str:
    parts = [describe_exposure(place)]
    if place.commit:
        parts.append(f"first in commit {place.commit} of {(place.author_date or 'an unknown date')[:10]}")
    if place.blob:
        parts.append(f"object {place.blob}")
    return ", ".join(parts)
