"""Options of reports, and the form of a reporter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TextIO, TypeAlias

from boltz_keyscan.model.enums import Shape
from boltz_keyscan.model.finding import Finding, ScanResult
from boltz_keyscan.records import dataclass

if TYPE_CHECKING:
    from boltz_keyscan.model.fleet import FleetKey, FleetResult


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """Options of reports; formats for programs use only those that leave findings out."""

    color: bool = False
    width: int = 80
    """Width of the terminal in columns."""
    show_placeholders: bool = False
    verbosity: int = 0
    """-1: blocking findings and the verdict; 0: findings to act on; 1: every location."""
    drop_suppressed: bool = False
    """True to leave suppressed findings out of SARIF, for readers that ignore suppressions."""
    file_filter: Callable[[Reporter], Reporter] = lambda reporter: reporter
    """Wrapper of the reporters of files."""

    def findings(self, result: ScanResult) -> tuple[Finding, ...]:
        """Return the findings to report: placeholders only on request."""
        return result.findings if self.show_placeholders else result.keys

    def fleet_keys(self, result: FleetResult) -> Iterator[FleetKey]:
        """Yield the keys of a fleet to report: placeholders only on request."""
        for key in result.findings():
            if self.show_placeholders or key.finding.shape is not Shape.PLACEHOLDER:
                yield key

    def limit(self, most: int) -> int | None:
        """Return the limit of a list, as the end of a slice: none when verbose."""
        return None if self.verbosity > 0 else most


Reporter: TypeAlias = Callable[[ScanResult, TextIO, ReportOptions], None]
