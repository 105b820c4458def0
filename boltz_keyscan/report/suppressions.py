"""Sentences on suppressions and on the trusted files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boltz_keyscan.report.wording import OLD, count, is_old, suppressors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from boltz_keyscan.model.finding import Finding
    from boltz_keyscan.model.suppression import Suppression, SuppressionCandidate, TrustReport


def format_suppression(each: SuppressionCandidate | Suppression) -> str:
    """Format a suppression that was used."""
    source = f" [{each.source}]" if each.source else ""
    return f"{each.kind}: {each.reason}{source}"


def suppression_sentences(finding: Finding, most: int | None = None) -> Iterator[str]:
    """Yield the suppressions of a finding; or each candidate that did not suffice, and why.

    Args:
        finding: the finding.
        most: limit of candidates that did not suffice; None for all.
    """
    for each in suppressors(finding):
        yield f"Suppressed ({each.kind}): {each.reason}" + (f" [{each.source}]" if each.source else "")
    if is_old(finding):
        yield f"{OLD}. 'boltz-keyscan .' shows all its places"
    spare = [excuse for excuse in finding.excuses if not excuse.used]
    if finding.suppression is not None:
        return
    for excuse in spare[:most]:
        yield f"Not excused by {excuse.kind} [{excuse.source}]: {_why(excuse, finding)}"
    if len(spare) > len(spare[:most]):
        yield f"+{len(spare) - len(spare[:most]):,} more excuses; see -v or --format json"


def _why(excuse: SuppressionCandidate, finding: Finding) -> str:
    if excuse.refused:
        return excuse.refused
    total = len(finding.locations)
    return f"it covers {len(excuse.covers):,} of {count(total, 'location')}"


def trust_lines(found: TrustReport | None) -> Iterator[tuple[str, str]]:
    """Yield label and text of each line on trust and configuration; none for the defaults."""
    if found is None:
        return
    if found.trust != "tree":
        at = f", which is {found.commit[:12]}" if found.commit else ""
        why = " (the default in CI)" if found.by_default else ""
        yield "Trust", f"{found.trust}{at}{why}"
    if found.unheard:
        yield "", f"not asked: {', '.join(found.unheard)}; --trust base:REV takes them from commit REV"
    sources: dict[str, list[str]] = {}
    for setting in found.settings:
        source = f"{setting.file} ({setting.where})"
        sources.setdefault(source, []).append(f"{setting.option} = {setting.value}")
    for source, options in sources.items():
        yield "Config", f"{source}: {', '.join(options)}"
