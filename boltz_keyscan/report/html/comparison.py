"""HTML page of a comparison: the keys that are new, gone, spread further or changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TextIO

from boltz_keyscan.model.enums import ExitCode
from boltz_keyscan.report.diff import INCOMPLETE, Comparison
from boltz_keyscan.report.html.rendering import heading, write_page
from boltz_keyscan.report.wording import count

MAX_ROWS = 2_000
"""Changes of a kind on a page; further ones are counted."""

MAX_PATHS = 10
"""Paths of a change; further ones are counted."""

_TITLES = {"new": "New", "gone": "Gone", "spread": "Spread further", "changed": "Changed"}

_VERDICTS = {
    ExitCode.CLEAN: ("PASSED", "green"),
    ExitCode.BLOCKING: ("FAILED", "red"),
    ExitCode.INCOMPLETE: ("INCOMPLETE", "red"),
}


def html(comparison: Comparison, stream: TextIO, redact: Callable[[str], str]) -> None:
    """Write the page; ``redact`` is applied to each string of the reports."""
    code, blocking, new = comparison.exit_code, comparison.blocking, comparison.new
    label, color = _VERDICTS[code]
    verdict = f"{label}: {count(blocking, 'key')} newly {'fails' if blocking == 1 else 'fail'} the run"
    sentences = [INCOMPLETE if code == ExitCode.INCOMPLETE else f"{verdict} (exit {int(code)})"]
    if code == ExitCode.BLOCKING and not new.complete:
        sentences.append(INCOMPLETE)
    write_page(
        "diff.html",
        stream,
        title=sentences[0],
        verdict=[heading(sentence) for sentence in sentences],
        color=color,
        subject=f"boltz-keyscan diff, {redact(', '.join(new.targets))}",
        taken_at="",
        lead=comparison.total,
        caution=redact(comparison.mismatch),
        redact=redact,
        max_rows=MAX_ROWS,
        max_paths=MAX_PATHS,
        sections=[
            (title, changed)
            for kind, title in _TITLES.items()
            if (changed := [each for each in comparison.changes if each.kind == kind])
        ],
    )
