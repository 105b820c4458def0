"""Summary of a run for people: headline, next command, receipt, gaps, verdict.

An incomplete run never reads as clean.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence

from boltz_keyscan.advice import LEAKED, STEPS
from boltz_keyscan.model.enums import ExitCode, Exposure, Mode, Severity, Situation
from boltz_keyscan.model.finding import Finding, Gap, ScanResult
from boltz_keyscan.model.kinds import describe_kind, describe_noun, describe_secret, is_link
from boltz_keyscan.policy import COMMITTED, pushed, situation
from boltz_keyscan.report.gaps import sort_gaps
from boltz_keyscan.report.locations import places
from boltz_keyscan.report.options import ReportOptions
from boltz_keyscan.report.sentences import (
    format_suppression,
    spread_sentence,
    status_check_lines,
    trust_lines,
)
from boltz_keyscan.report.wording import (
    capped,
    count,
    count_secrets,
    gap_reason,
    is_old,
    short_fingerprints,
    size,
    suppressors,
)

MAX_LINES = 10
"""Limit of gaps listed per kind, and of suppressions and entries without effect, unless verbose."""

MAX_KEPT = 5
"""Limit of listed keys that are where they belong, unless verbose."""


def headline(result: ScanResult) -> str:
    """Return the number of leaked keys, and if any was pushed; empty without a leaked key."""
    leaked = [finding for finding in result.keys if is_leaked(finding)]
    if not leaked:
        return ""
    committed = [
        finding
        for finding in leaked
        if pushed(finding) or {x.exposure for x in finding.locations} & COMMITTED
    ]
    word = "leaked" if committed else "found"
    return f"{_types(leaked)} {word}; {_describe_pushes(leaked, committed)}"


def is_leaked(finding: Finding) -> bool:
    """Return True for a key that has to be dealt with."""
    return finding.suppression is None and not is_old(finding) and situation(finding) in LEAKED


def _types(findings: Sequence[Finding]) -> str:
    kinds = Counter(describe_kind(finding) for finding in findings)
    nouns = {describe_noun(finding) for finding in findings}
    if len(kinds) == 1:
        return count(len(findings), describe_secret(findings[0]).replace(f" {Mode.LIVE} ", " "))
    listed = ", ".join(f"{number:,} {kind}" for kind, number in kinds.items())
    return f"{count(len(findings), nouns.pop() if len(nouns) == 1 else 'secret')} ({listed})"


def _describe_pushes(leaked: Sequence[Finding], committed: Sequence[Finding]) -> str:
    total = len(leaked)
    states = [pushed(finding) for finding in committed]
    if True in states:
        some = states.count(True)
        if some < total:
            return f"{some:,} {'is' if some == 1 else 'are'} PUSHED"
        return {1: "it is", 2: "both are"}.get(total, "all are") + " PUSHED"
    if None in states:
        return f"this clone does not show if {'it was' if total == 1 else 'they were'} pushed"
    if committed:
        none = {1: "it is not", 2: "neither is"}.get(total, "none is")
        return f"{none} pushed, as far as this clone knows"
    exposures = {location.exposure for finding in leaked for location in finding.locations}
    return "outside git" if exposures <= {Exposure.FILE, Exposure.LOCAL} else "not committed"


def urgent_situations(result: ScanResult) -> list[tuple[Situation, bool]]:
    """Return the situations of what is not suppressed, most urgent first, each once; True for share links."""
    kinds = {
        (situation(finding), is_link(finding))
        for finding in result.keys
        if finding.suppression is None and not is_old(finding)
    }
    urgent = (kind for kind in kinds if kind[0] is not Situation.IN_PLACE)
    return sorted(urgent, key=lambda kind: (kind[0].rank, kind[1]))


def explain_command(result: ScanResult, fingerprint: str = "") -> str:
    """Return the command that explains a key of a run, or lists its keys."""
    # Of an address a clone is explained: it has a path for each command.
    targets = [
        "CLONE" if "://" in target else target for target in result.targets if result.targets != (".",)
    ]
    return shlex.join(filter(None, ("boltz-keyscan", "explain", fingerprint, *targets)))


def next_command(result: ScanResult, fingerprint: str) -> str:
    """Return the command that explains a key, with its purpose."""
    return f"{explain_command(result, fingerprint)}     commands, step by step"


def next_lines(result: ScanResult) -> Iterator[tuple[str, str]]:
    """Yield label and text of the next command."""
    names = short_fingerprints(finding.fingerprint for finding in result.findings)
    for finding in sorted(result.keys, key=lambda finding: situation(finding).rank):
        kind = situation(finding)
        if finding.suppression is None and not is_old(finding) and len(STEPS[kind]) > 1:
            yield "Next", next_command(result, names[finding.fingerprint])
            return


def kept_lines(result: ScanResult, limit: int | None) -> Iterator[tuple[str, str]]:
    """Yield label and text on the keys that are where they belong."""
    kept = [
        f for f in result.keys if situation(f) is Situation.IN_PLACE and not f.blocking and not f.suppression
    ]
    if not kept:
        return
    names = short_fingerprints(finding.fingerprint for finding in result.findings)
    rows = [
        f"{names[finding.fingerprint]} {place.where}, {place.story}"
        for finding in kept
        for place in places(finding)
    ]
    if len(rows) == 1:
        one = f"{count_secrets(kept)} where it belongs: {rows[0]}"
        yield "Kept", f"{one}; 'boltz-keyscan keys audit --local' has the rest"
        return
    where = "where it belongs" if len(kept) == 1 else "where they belong"
    yield "Kept", f"{count_secrets(kept)} {where}; 'boltz-keyscan keys audit --local' has the rest:"
    yield from _listed("", rows, limit)


def summary(result: ScanResult, options: ReportOptions) -> Iterator[tuple[str, str]]:
    """Yield label and text of each line; an empty label continues the one before."""
    yield from next_lines(result)
    yield from kept_lines(result, options.limit(MAX_KEPT))
    yield "Read", _receipt(result, verbose=options.verbosity > 0)
    yield from status_check_lines(result.asked)
    limit = options.limit(MAX_LINES)
    unread, aside, accepted = sort_gaps(result.gaps)
    yield from _gaps("Gaps", "not read", unread, limit)
    yield from _gaps("Left out", "by design", aside, limit)
    yield from _gaps("Accepted", "not read, as agreed", accepted, limit)
    yield from _suppressed(result, limit)
    yield from trust_lines(result.ground)
    unmatched = result.ground.unmatched if result.ground else ()
    unused = [f"{source}: this entry matches no key or gap" for source in unmatched]
    yield from _listed("Unused", unused, limit)
    hidden = len(result.placeholders)
    if hidden and not options.show_placeholders:
        yield "Notes", f"{count(hidden, 'placeholder')} not shown; --show-placeholders"


def verdict_rows(result: ScanResult) -> Iterator[tuple[str, str]]:
    """Yield label and text of the verdict: one row, or two if a failed run is also incomplete."""
    match result.exit_code:
        case ExitCode.CLEAN if result.complete:
            yield _passed(result)
        case ExitCode.CLEAN | ExitCode.INCOMPLETE:
            yield "INCOMPLETE", f"{_missed(result)}; no key that was seen fails this run"
        case ExitCode.BLOCKING:
            yield "FAILED", count_secrets(finding for finding in result.findings if finding.blocking)
            if not result.complete:
                yield "INCOMPLETE", f"{_missed(result)}; there may be more"
        case ExitCode.INTERRUPTED:
            yield "INTERRUPTED", "the scan was stopped; the rest was not scanned"
        case _:
            yield "ERROR", "the scan failed; it has no result"


def verdict(result: ScanResult) -> Iterator[str]:
    """Yield the verdict in sentences."""
    blocking = sum(finding.blocking for finding in result.findings)
    for number, (label, text) in enumerate(verdict_rows(result)):
        fails = f" {'fails' if blocking == 1 else 'fail'} this run" if label == "FAILED" else ""
        code = f" {format_code(result)}" if number == 0 else ""
        name = label.capitalize() if label in {"CLEAN", "PASSED"} else label
        yield f"{name}: {text}{fails}{code}."


def format_code(result: ScanResult) -> str:
    """Return the exit code in brackets."""
    return f"(exit {int(result.exit_code)})"


def verdict_color(result: ScanResult) -> str:
    """Return the colour of the verdict: green only for a complete run with no key but where it belongs."""
    if result.exit_code != ExitCode.CLEAN or not result.complete:
        return "red"
    return "yellow" if any(map(_is_noteworthy, result.keys)) or result.gaps else "green"


def _is_noteworthy(finding: Finding) -> bool:
    return finding.suppression is not None or situation(finding) is not Situation.IN_PLACE


def _passed(result: ScanResult) -> tuple[str, str]:
    _, aside, accepted = sort_gaps(result.gaps)
    parts = [f"{count(len(aside), 'gap')} by design"] if aside else []
    parts += [f"{count(len(accepted), 'gap')} accepted"] if accepted else []
    but = f" in what was scanned, {', '.join(parts)}" if parts else ""
    if not result.keys:
        return "CLEAN", f"no Boltz key{but}"
    if not any(map(_is_noteworthy, result.keys)):
        return "CLEAN", f"no leaked key{but}"
    return "PASSED", f"{count_secrets(result.keys)}{but}, none fails this run"


def _missed(result: ScanResult) -> str:
    # Under --require-complete the run fails on the gaps by design.
    unread, aside, _ = sort_gaps(result.gaps)
    return f"{count(len(unread or aside), 'gap')}, so not everything was scanned"


def _receipt(result: ScanResult, *, verbose: bool) -> str:
    tally = result.tally
    files = count(tally.files - tally.git_files, "file")
    if tally.git_files:
        files += f" and {tally.git_files:,} of git's own"
    parts = [files]
    if tally.commits or tally.cached:
        parts.append(_describe_history(result))
    elif tally.blobs > tally.files:
        parts.append(f"{count(tally.blobs, 'object')} of archives or git")
    if verbose and tally.commits:
        parts.append(f"{count(tally.blobs, 'git object')} and {count(tally.refs, 'reference')}")
    if tally.objects_missing:
        parts.append(f"{count(tally.objects_missing, 'object')} not in this clone")
    if verbose:
        parts.append(f"{size(tally.bytes)} in {result.duration_s:.1f} s")
    if tally.excluded:
        parts.append(f"{tally.excluded:,} excluded")
    words = ("skipped", "left out by design", "skipped as agreed")
    skipped = [
        f"{len(gaps):,} {word}" for gaps, word in zip(sort_gaps(result.gaps), words, strict=True) if gaps
    ]
    parts.append(", ".join(skipped) or "nothing skipped")
    return "; ".join(parts)


def _describe_history(result: ScanResult) -> str:
    tally = result.tally
    new = f" ({tally.commits:,} new since the last scan)" if tally.cached else ""
    # Objects that no reference reaches are read too, and a cache does not keep their number.
    read = 0 if tally.cached else tally.commits
    total = read if tally.stores_uncounted else tally.commits_reached or read
    is_shallow = any(gap.reason == "shallow" for gap in result.gaps)
    # Without files of git a part of the history was chosen.
    is_whole = tally.git_files > 0 and not is_shallow
    if not total:
        return f"{'all commits' if is_whole else 'commits'}{new}"
    every = "all " if is_whole and total > 1 else ""
    return f"{every}{count(total, 'commit')}{' of a shallow clone' if is_shallow else ''}{new}"


def _gaps(label: str, what: str, gaps: Sequence[Gap], limit: int | None) -> Iterator[tuple[str, str]]:
    if gaps:
        yield label, f"{len(gaps):,} {what}:"
        yield from _listed("", [f"{gap.where}: {gap_reason(gap)}" for gap in gaps], limit)


def _suppressed(result: ScanResult, limit: int | None) -> Iterator[tuple[str, str]]:
    """Yield each suppression that was used, with its source, so that a green run is explained."""
    names = short_fingerprints(finding.fingerprint for finding in result.findings)
    excused = [finding for finding in result.findings if finding.suppression is not None]
    used = [
        f"{names[finding.fingerprint]} {format_suppression(suppressor)}"
        for finding in result.findings
        for suppressor in suppressors(finding)
    ]
    if used:
        shown = "" if limit is None else ", shown with -v"
        yield "Excused", f"{count_secrets(excused)} suppressed{shown}:"
        yield from _listed("", used, limit)
    yield from _listed("Spread", list(_list_spread(result)), limit)


def _list_spread(result: ScanResult) -> Iterator[str]:
    """Yield a line for each accepted key that is in places which its baseline entry does not name."""
    for finding in result.findings:
        if finding.suppression is not None and finding.suppression.spread:
            yield f"{finding.fingerprint} {spread_sentence(finding.suppression.spread)}"


def _listed(label: str, lines: Sequence[str], limit: int | None) -> Iterator[tuple[str, str]]:
    """Yield the lines up to a limit; only the first has the label."""
    for number, line in enumerate(capped(lines, limit)):
        yield ("" if number else label), line


def severity_counts(findings: Sequence[Finding]) -> str:
    """Return the number of findings of each severity: ``2 critical, 1 high``."""
    found = [finding.severity for finding in findings]
    return ", ".join(f"{found.count(severity):,} {severity}" for severity in Severity if severity in found)
