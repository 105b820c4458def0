"""HTML page of an audit of keys: what needs attention, by check, worst first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from boltz_keyscan.model.audit import Audit, Check, Concern, KeyPlace
from boltz_keyscan.model.enums import ExitCode, Severity
from boltz_keyscan.records import dataclass
from boltz_keyscan.report.audit_text import place_name, subject, verdict
from boltz_keyscan.report.html.rendering import heading, write_page
from boltz_keyscan.report.wording import count, format_time, leak_mark

MAX_SHOWN = 10
"""Concerns of a check that are shown; the others are folded."""

MAX_FOLDED = 490
"""Concerns of a check that are folded; further ones are counted."""

MAX_PLACES = 100
"""Places of a key that are on the page; further ones are counted."""


@dataclass(frozen=True, slots=True)
class Item:
    """A concern as the template needs it."""

    subject: str
    detail: str
    mark: str
    fix: str
    places: tuple[KeyPlace, ...]
    left: int
    """Places that are not on the page."""


@dataclass(frozen=True, slots=True)
class Section:
    """A check with its concerns."""

    check: Check
    total: int
    shown: tuple[Item, ...]
    folded: tuple[Item, ...]


def html(audit: Audit, stream: TextIO, verbose: bool) -> None:  # noqa: ARG001, FBT001 - signature of audit formats
    """Write the page."""
    sections = []
    for check in audit.checks:
        found = [concern for concern in audit.concerns if concern.check.id == check.id]
        if found:
            sections.append(_section(check, found))
    color = {ExitCode.CLEAN: "yellow" if audit.concerns else "green"}.get(ExitCode(audit.exit_code), "red")
    write_page(
        "audit.html",
        stream,
        title=verdict(audit),
        verdict=[heading(verdict(audit))],
        place_name=place_name,
        color=color,
        subject=f"boltz-keyscan keys audit{' --local' if audit.scope == 'local' else ''}",
        taken_at=format_time(audit.taken_at),
        counts=[(level, sum(c.check.severity is level for c in audit.concerns)) for level in Severity],
        trouble=audit.trouble,
        trouble_title=count(len(audit.trouble), "part"),
        sections=sections,
    )


def _section(check: Check, found: Sequence[Concern]) -> Section:
    items = tuple(
        Item(
            subject(concern),
            concern.detail,
            leak_mark(concern.leaked).strip(" []"),
            concern.fix,
            concern.places[:MAX_PLACES],
            max(len(concern.places) - MAX_PLACES, 0),
        )
        for concern in found[: MAX_SHOWN + MAX_FOLDED]
    )
    return Section(check, len(found), items[:MAX_SHOWN], items[MAX_SHOWN:])
