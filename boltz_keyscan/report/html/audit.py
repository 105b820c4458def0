"""HTML page of an audit of keys: what needs attention, by check, worst first."""

from __future__ import annotations

from typing import TextIO

from boltz_keyscan.model.audit import Audit
from boltz_keyscan.model.enums import ExitCode, Severity
from boltz_keyscan.report.audit_text import place_name, subject, verdict
from boltz_keyscan.report.html.rendering import heading, write_page
from boltz_keyscan.report.wording import count, format_time, leak_mark

MAX_SHOWN = 10
"""Concerns of a check that are shown; the others are folded."""

MAX_FOLDED = 490
"""Concerns of a check that are folded; further ones are counted."""

MAX_PLACES = 100
"""Places of a key that are on the page; further ones are counted."""


def html(audit: Audit, stream: TextIO, verbose: bool) -> None:  # noqa: ARG001, FBT001 - signature of audit formats
    """Write the page."""
    color = {ExitCode.CLEAN: "yellow" if audit.concerns else "green"}.get(audit.exit_code, "red")
    write_page(
        "audit.html",
        stream,
        title=verdict(audit),
        verdict=[heading(verdict(audit))],
        place_name=place_name,
        subject_of=subject,
        leak_mark=leak_mark,
        max_places=MAX_PLACES,
        color=color,
        subject=f"boltz-keyscan keys audit{' --local' if audit.scope == 'local' else ''}",
        taken_at=format_time(audit.taken_at),
        counts=[(level, sum(c.check.severity is level for c in audit.concerns)) for level in Severity],
        trouble=audit.trouble,
        trouble_title=count(len(audit.trouble), "part"),
        sections=audit.sections,
        max_shown=MAX_SHOWN,
        max_on_page=MAX_SHOWN + MAX_FOLDED,
    )
