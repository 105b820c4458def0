"""SARIF results: one per key and path, so that one alert is one file to fix."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import sarif_om as om

from boltz_keyscan.advice import advise, describe_exposure
from boltz_keyscan.model.enums import Shape, Status
from boltz_keyscan.model.finding import Finding, Location
from boltz_keyscan.model.kinds import describe_kind, describe_noun
from boltz_keyscan.records import dataclass, field
from boltz_keyscan.report.json_report import members
from boltz_keyscan.report.relative_paths import relative_uri
from boltz_keyscan.report.sarif_log import LEVEL, ROOT, plain_message, short_hash
from boltz_keyscan.report.sentences import status_sentence, use_warning
from boltz_keyscan.report.wording import OLD, count, earliest, moment, suppressors

MAX_RELATED = 100
"""Limit of related locations: GitHub shows 100 of a result and rejects a file with more than 1,000
(docs.github.com, "SARIF support for code scanning", "Validating your SARIF file")."""


@dataclass(frozen=True, slots=True)
class Builder:
    """Builder of the results of one run; counts its line hashes."""

    rule_index: dict[str, int]
    suppressing: bool
    """True if any result of the run is suppressed: then every result must have ``suppressions``
    (SARIF 2.1.0 section 3.27.23)."""
    most_related: int
    """Limit of related locations per result."""
    hashes: Counter[str] = field(default_factory=Counter)

    def result(self, finding: Finding, locations: tuple[Location, ...]) -> om.Result:
        """Return the result for one key under one path, from its locations there."""
        first, *further = sorted(locations, key=_order)
        old = all(location.old for location in locations)
        return om.Result(
            rule_id=finding.rule_id,
            rule_index=self.rule_index.get(finding.rule_id, -1),
            level="note" if old and not finding.blocking else LEVEL[finding.severity],
            message=om.Message(text=_message(finding, first, further, old=old)),
            locations=[self._location(first)],
            related_locations=[self._related(*item) for item in enumerate(further[: self.most_related], 1)]
            or None,
            partial_fingerprints=self._fingerprints(finding, first),
            suppressions=_suppressions(finding) if self.suppressing else None,
            properties=_present(
                **members(finding, "fingerprint shape"),
                exposure=first.exposure.value,
                old=old or None,
                **members(first, "commit blob author_date members decoded cell cell_part"),
                status=None if finding.status is Status.UNCHECKED else finding.status.value,
                evidence=finding.evidence and f"{finding.evidence.by}/{finding.evidence.reason}",
                key_id=finding.evidence and finding.evidence.key_id,
                candidates=finding.candidates,
            ),
        )

    def _related(self, number: int, location: Location) -> om.Location:
        related = self._location(location)
        related.id = number
        related.message = om.Message(text=_sentence(_story(location)))
        return related

    def _location(self, location: Location) -> om.Location:
        artifact = om.ArtifactLocation(uri=relative_uri(location.path), uri_base_id=ROOT)
        if location.members:
            # Lines and bytes of a member are not those of the artifact, but GitHub requires a
            # region of every location ("SARIF support for code scanning", "physicalLocation").
            region = om.Region(start_line=1, start_column=1, end_line=1, end_column=1)
        else:
            region = om.Region(start_line=location.line, start_column=location.column_utf16)
            # An encoded key may span lines, and has another length.
            if not location.decoded:
                region.end_line = location.line
                region.end_column = location.column_utf16 + location.length
                region.byte_offset = location.offset
                region.byte_length = location.length
        return om.Location(physical_location=om.PhysicalLocation(artifact_location=artifact, region=region))

    def _fingerprints(self, finding: Finding, location: Location) -> dict[str, str]:
        # GitHub matches alerts by this value alone, and would otherwise compute it from the line's
        # text, which past versions do not have on disk. By key and path, the alert stays the same
        # when lines above it change.
        digest = short_hash(finding.rule_id, finding.fingerprint, relative_uri(location.path))
        self.hashes[digest] += 1
        return {
            "primaryLocationLineHash": f"{digest}:{self.hashes[digest]}",
            "boltzKeyFingerprint/v1": finding.fingerprint,
        }


def by_path(
    findings: Iterable[Finding], belongs: Callable[[Location], bool]
) -> Iterator[tuple[Finding, tuple[Location, ...]]]:
    """Yield each finding with its locations under each path, in the order of the findings."""
    for finding in findings:
        groups: dict[str, list[Location]] = {}
        for location in filter(belongs, finding.locations):
            groups.setdefault(location.path, []).append(location)
        for _, group in sorted(groups.items()):
            yield finding, tuple(group)


def _order(location: Location) -> tuple[object, ...]:
    return (
        location.exposure.rank,
        moment(location.author_date),
        location.commit or "",
        location.line,
        location.column,
        location.offset,
        location.members,
    )


def _message(finding: Finding, first: Location, further: list[Location], *, old: bool) -> str:
    # Without the path: it is shown beside the message, and is untrusted text.
    what = "Placeholder" if finding.shape is Shape.PLACEHOLDER else f"Boltz {describe_noun(finding)}"
    kind = f"{describe_kind(finding)}, {finding.fingerprint}" if finding.key_type else finding.fingerprint
    sentences = [_sentence(f"{what} {finding.shown} ({kind}) {_story(first)}")]
    if old:
        sentences.append(_sentence(OLD))
    start = earliest((first, *further))
    if start is not None and start is not first:
        sentences.append(_sentence(f"Earliest {_commit(start)}"))
    if further:
        sentences.append(f"{count(len(further), 'further location')} under this path.")
    if finding.shape is not Shape.CONFIRMED:
        sentences.append(_sentence(f"Shape {finding.shape}: {plain_message(finding.reason)}"))
    sentences += [
        _sentence(plain_message(sentence))
        for sentence in (status_sentence(finding), use_warning(finding))
        if sentence
    ]
    if finding.shape is not Shape.PLACEHOLDER and finding.suppression is None and not old:
        sentences.append(_sentence(plain_message(advise(finding))))
    return " ".join(sentences)


def _story(location: Location) -> str:
    story = describe_exposure(location)
    if location.members:
        story += f", in archive member {plain_message('!'.join(location.members))}"
        story += f" at {location.line}:{location.column}"
    if location.commit is not None:
        story += f"; first {_commit(location)}"
    return story


def _commit(location: Location) -> str:
    date = f" of {location.author_date[:10]}" if location.author_date else ""
    return plain_message(f"in commit {(location.commit or '')[:12]}{date}")


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith(".") else f"{text}."


def _suppressions(finding: Finding) -> list[om.Suppression]:
    if finding.suppression is None:
        return []
    return [
        om.Suppression(
            kind="inSource" if used.kind == "inline" else "external",
            justification=f"{used.reason} [{used.source}]" if used.source else used.reason,
        )
        for used in suppressors(finding)
    ]


def _present(**values: object) -> dict[str, object]:
    return {name: value for name, value in values.items() if value not in {None, ()}}
