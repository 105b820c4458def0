"""Names of repositories in results: their own, in place of the folder that was scanned."""

from __future__ import annotations

from boltz_keyscan.model.finding import ScanResult
from boltz_keyscan.records import replace
from boltz_keyscan.redaction import redacted


def rename_repository(result: ScanResult, folder: str, name: str) -> ScanResult:
    """Return a result with the name of a repository in place of its folder."""
    shown = redacted(folder)

    def rename(text: str) -> str:
        return text.replace(shown, name)

    gaps = tuple(
        replace(gap, where=rename(gap.where), detail=rename(gap.detail), paths=tuple(map(rename, gap.paths)))
        for gap in result.gaps
    )
    return replace(result, targets=(name,), gaps=gaps)
