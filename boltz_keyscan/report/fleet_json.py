"""JSON report of a fleet, version 1: stable, for other programs to read.

``schema/fleet-v1.schema.json`` has its form. Findings and gaps have the members that they have in the
report of a scan. Each repository and each occurrence of a key is one line. Nothing is kept in memory: an
occurrence is written location by location.
It has no time of the run, so that the same repositories give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from boltz_keyscan.model.fleet import FleetKey, FleetResult, Occurrence, RepositoryEntry
from boltz_keyscan.report.json_encode import TOOL, dumps, items, joined
from boltz_keyscan.report.json_report import FACTS, finding_head, gap_object, location_object, members
from boltz_keyscan.report.options import ReportOptions

SCHEMA_VERSION = "1"

_COVERAGE = "discovered fetched scanned partial failed pending"
_REPOSITORY = "name status fetched refs objects keys blocking"
_FINDING = "fingerprint rule_id key_type mode type_prefix shape severity confidence blocking"
_KEY = "suppressed situation still_present"


def report(result: FleetResult, stream: TextIO, options: ReportOptions) -> None:  # noqa: ARG001 - programs see everything
    """Write the report: coverage, repositories, keys with their occurrences."""
    stream.write(f'{{"schema_version":{dumps(SCHEMA_VERSION)},\n')
    stream.write(f'"tool":{dumps(TOOL)},\n')
    fleet = {
        "complete": result.complete,
        "exit_code": int(result.exit_code),
        "coverage": members(result.coverage, _COVERAGE),
        "gaps": [gap_object(gap) for gap in result.gaps()],
    }
    stream.write(f'"fleet":{dumps(fleet)},\n"repositories":[')
    stream.writelines(items(map(_repository, result.repositories())))
    stream.write('],\n"findings":[')
    stream.writelines(joined(_key(result, key) for key in result.findings()))
    stream.write("]}\n")


def _repository(entry: RepositoryEntry) -> dict[str, object]:
    return members(entry, _REPOSITORY) | {"gaps": [gap_object(gap) for gap in entry.gaps]}


def _key(result: FleetResult, key: FleetKey) -> Iterator[str]:
    first = key.first and members(key.first, "repository path commit author_date")
    extent = {"first": first, "repository_count": key.repositories, "location_count": key.locations}
    head = dumps(members(key.finding, _FINDING) | members(key, _KEY) | extent)
    yield head.removesuffix("}") + ',"occurrences":['
    yield from joined(map(_occurrence, result.occurrences(key.finding.fingerprint)))
    yield "]}"


def _occurrence(each: Occurrence) -> Iterator[str]:
    head = dumps({"repository": each.repository, "finding": finding_head(each.finding, members(each, FACTS))})
    yield head.removesuffix("}}") + ',"locations":['
    yield from joined(((dumps(location_object(place)),) for place in each.locations), start="")
    yield "]}}"
