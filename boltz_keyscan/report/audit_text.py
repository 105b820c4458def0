"""Audit of keys as text and as JSON."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterator, Sequence
from typing import TextIO

from boltz_keyscan.model.audit import Audit, Concern, KeyPlace
from boltz_keyscan.model.enums import ExitCode
from boltz_keyscan.report.json_encode import TOOL, dumps, items
from boltz_keyscan.report.json_report import members
from boltz_keyscan.report.wording import count, describe_rest, leak_mark, write_lines
from boltz_keyscan.sanitize import harmless

SCHEMA_VERSION = "1"

MAX_CONCERNS = 10
"""Limit of concerns shown per check, unless verbose."""

MAX_PLACES = 10
"""Limit of places shown per key, unless verbose."""

_WIDTH = 100


def text(audit: Audit, stream: TextIO, verbose: bool) -> None:  # noqa: FBT001 - signature of audit formats
    """Write the audit by check, worst first, with remedies."""
    write_lines(_lines(audit, verbose=verbose), stream)


def _lines(audit: Audit, *, verbose: bool) -> Iterator[str]:
    for check, found in audit.sections:
        yield f"{check.severity.upper():<10}{check.title} ({check.id}): {len(found):,}"
        yield from _wrapped(check.reason, "  Why:      ")
        yield from _wrapped(check.remedy, "  Remedy:   ")
        shown = found if verbose else found[:MAX_CONCERNS]
        for concern in shown:
            yield from _concern_lines(concern, verbose=verbose)
        if len(shown) < len(found):
            yield f"    {describe_rest(len(found) - len(shown))}"
        yield ""
    for trouble in audit.trouble:
        yield from _wrapped(f"NOT COMPLETE: {trouble}", "")
    yield verdict(audit)


def _wrapped(words: str, first: str) -> list[str]:
    return textwrap.wrap(harmless(words), _WIDTH, initial_indent=first, subsequent_indent=" " * 12)


def _concern_lines(concern: Concern, *, verbose: bool) -> Iterator[str]:
    yield f"    {subject(concern)}: {concern.detail}{leak_mark(concern.leaked)}"
    if concern.fix:
        yield f"        {concern.fix}"
    for text in _places(concern.places, verbose=verbose):
        yield f"        {text}"


def _places(places: Sequence[KeyPlace], *, verbose: bool) -> Iterator[str]:
    """Yield the places of a key, and after those of one kind the remedy."""
    shown = places if verbose else places[:MAX_PLACES]
    for (kind, remedy), group in itertools.groupby(shown, key=lambda each: (each.place, each.remedy)):
        for place in group:
            yield f"{place_name(place)}   {kind}"
            if place.fix:
                yield f"    {place.fix}"
        yield f"    {remedy}"
    if len(shown) < len(places):
        yield describe_rest(len(places) - len(shown))


def place_name(place: KeyPlace) -> str:
    """Return the path of a place, with its line."""
    return f"{place.path}:{place.line}" if place.line else place.path


def subject(concern: Concern) -> str:
    """Return the key or the line of a file that a concern is about."""
    place = f"{concern.subject}:{concern.line}" if concern.line else concern.subject
    return f"{place} {concern.name!r}" if concern.name else place


def verdict(audit: Audit) -> str:
    """Return the verdict in one sentence."""
    one, many = ("key that works", "keys that work") if audit.scope == "organisation" else ("file", "files")
    seen = f"{audit.examined:,} {one if audit.examined == 1 else many}"
    words = {
        ExitCode.CLEAN: "Passed",
        ExitCode.BLOCKING: "FAILED",
        ExitCode.INCOMPLETE: "INCOMPLETE",
    }.get(audit.exit_code, "ERROR")
    whose = f" of {audit.organisation}" if audit.organisation else ""
    found = count(len(audit.concerns), "concern")
    return f"{words}: {found} with {seen}{whose} (exit {int(audit.exit_code)})."


def to_json(audit: Audit, stream: TextIO, verbose: bool) -> None:  # noqa: ARG001, FBT001 - programs see everything
    """Write the audit as JSON; its member names are stable, as those of a scan's report."""
    head = {
        "schema_version": SCHEMA_VERSION,
        "tool": TOOL,
        **members(audit, "scope organisation taken_at examined complete trouble"),
        "exit_code": int(audit.exit_code),
        "checks": [members(check, "id severity title reason remedy") for check in audit.checks],
    }
    stream.write(dumps(head)[:-1] + ',\n"concerns":[')
    stream.writelines(items(map(_concern_object, audit.concerns)))
    stream.write("]}\n")


def _concern_object(concern: Concern) -> dict[str, object]:
    return {
        "check": concern.check.id,
        "severity": concern.check.severity.value,
        **members(concern, "subject name line detail fix leaked"),
        "fix": concern.fix or None,
        "places": [
            {**members(place, "path line place remedy"), "fix": place.fix or None} for place in concern.places
        ],
    }
