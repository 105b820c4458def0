"""Annotations of GitHub Actions, shown beside the lines with keys.

An ``error`` is a key that fails the run, or an incomplete run; a ``warning`` is any other key,
or a gap; a ``notice`` is a note, or a key that was there before. Lines without a command have
the verdict and the number of findings without an annotation.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from boltz_keyscan.advice import PAST, advise
from boltz_keyscan.model.enums import Severity, Shape, Situation
from boltz_keyscan.model.finding import Finding, Location, ScanResult
from boltz_keyscan.policy import situation
from boltz_keyscan.records import dataclass
from boltz_keyscan.report.gaps import sort_gaps
from boltz_keyscan.report.locations import exposure_line, format_location
from boltz_keyscan.report.options import ReportOptions
from boltz_keyscan.report.relative_paths import relative_path
from boltz_keyscan.report.sentences import key_title, own_key_warning, status_sentence, use_warning
from boltz_keyscan.report.summary import verdict
from boltz_keyscan.report.wording import (
    OLD,
    count,
    gap_reason,
    is_old,
    is_whole,
    suppressed,
)
from boltz_keyscan.sanitize import harmless

MAX_ANNOTATIONS = 10
"""Limit of annotations per level that GitHub keeps of a step (github.com/orgs/community,
discussion 26680, "GitHub Actions annotation limitations")."""


@dataclass(frozen=True, slots=True)
class _Note:
    """One annotation."""

    level: str
    title: str
    lines: tuple[str, ...]
    place: Location | None = None
    """Location in a file of the checkout, if there is one."""


def report(result: ScanResult, stream: TextIO, options: ReportOptions) -> None:
    """Write the commands, then the verdict."""
    lines, cut = annotation_lines(result, options)
    stream.writelines(f"{command}\n" for command in lines)
    if cut:
        more = f"+{count(cut, 'more annotation')} than GitHub shows; see --report markdown=FILE or json=FILE"
        stream.write(more + "\n")
    if suppressed(result):
        stream.write(f"{count(suppressed(result), 'key')} suppressed, not annotated\n")
    if accepted := sort_gaps(result.gaps)[2]:
        stream.write(f"{count(len(accepted), 'gap')} accepted, not annotated\n")
    stream.writelines(f"{harmless(sentence)}\n" for sentence in verdict(result))


def annotation_lines(result: ScanResult, options: ReportOptions) -> tuple[list[str], int]:
    """Return the annotations within GitHub's limit, as lines, and the number of further ones."""
    left = dict.fromkeys(("error", "warning", "notice"), MAX_ANNOTATIONS)
    lines: list[str] = []
    cut = 0
    for note in _notes(result, options):
        if options.verbosity < 0 and note.level != "error":
            continue
        if left[note.level] == 0:
            cut += 1
            continue
        left[note.level] -= 1
        lines.append(_command(note))
    return lines, cut


def _notes(result: ScanResult, options: ReportOptions) -> Iterator[_Note]:
    # First: after ten keys the limit would leave no room for it.
    if not is_whole(result):
        yield _Note("error", "Boltz keys: the scan is not complete", tuple(verdict(result)))
    if first := own_key_warning(result):
        yield _Note("error", "Boltz keys: the key used for checking leaked", (first,))
    advised: set[Situation] = set()
    for finding in options.findings(result):
        if finding.suppression is None:
            kind = situation(finding)
            is_first = finding.shape is not Shape.PLACEHOLDER and kind not in advised
            yield _key(finding, is_first=is_first)
            advised.add(kind)
    for gap in sort_gaps(result.gaps)[0]:
        yield _Note("warning", "Boltz keys: not scanned", (f"{gap.where}: {gap_reason(gap)}",))


def _key(finding: Finding, *, is_first: bool) -> _Note:
    mild = finding.severity is Severity.NOTE or is_old(finding)
    level = "error" if finding.blocking else "notice" if mild else "warning"
    place = next(filter(_is_in_checkout, finding.locations), None)
    first = place or next(iter(finding.locations), None)
    lines = (
        f"{finding.shown} ({finding.fingerprint})" + (f" at {format_location(first)}" if first else ""),
        exposure_line(finding),
        f"{OLD}." if is_old(finding) else "",
        "" if finding.shape is Shape.CONFIRMED else f"Shape {finding.shape}: {finding.reason}",
        status_sentence(finding),
        use_warning(finding),
        advise(finding) if is_first else "",
    )
    return _Note(level, f"{key_title(finding)}: {finding.severity}", tuple(filter(None, lines)), place)


def _is_in_checkout(location: Location) -> bool:
    """Return True for a line of a file in the checkout, not a past version, member or outside path."""
    return (
        location.exposure not in PAST
        and not location.members
        and relative_path(location.path) == location.path
    )


def _command(note: _Note) -> str:
    # In the order of GitHub's own library (actions/toolkit, core), so that both can be compared.
    about = [f"title={_property(note.title)}"]
    if note.place is not None:
        about += [f"file={_property(note.place.path)}", f"line={note.place.line}", f"col={note.place.column}"]
    text = "\n".join(map(harmless, note.lines))
    return f"::{note.level} {','.join(about)}::{_data(text)}"


def _data(text: str) -> str:
    """Escape the message of a command, as the runner unescapes it (actions/toolkit, command.ts)."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """Escape a property of a command; a colon would end the properties, a comma the property."""
    return _data(harmless(text)).replace(":", "%3A").replace(",", "%2C")
