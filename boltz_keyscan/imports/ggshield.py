"""Reports of ``ggshield secret scan --json``: scans in scans, with the secrets of each file.

Fields: https://github.com/GitGuardian/ggshield, ``ggshield/verticals/secret/output/schemas.py``. Secrets are
masked but for ``--show-secrets``; ``ignore_sha`` is a hash of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from boltz_keyscan.imports.entry import Entry, has, number, text
from boltz_keyscan.imports.entry import items as listed


def recognizes(item: object) -> bool:
    """Return True for a scan."""
    return has(item, "type", "total_incidents") or has(item, "entities_with_incidents")


def entries(items: Sequence[object]) -> Iterator[Entry]:
    """Yield each occurrence of each incident."""
    waiting = deque(items)
    while waiting:
        scan = waiting.popleft()
        waiting += listed(scan, "scans")
        for file in listed(scan, "entities_with_incidents"):
            for incident in listed(file, "incidents"):
                for occurrence in listed(incident, "occurrences"):
                    yield Entry(
                        (text(occurrence, "match"),),
                        text(file, "filename"),
                        number(occurrence, "line_start"),
                        commit=text(scan, "id"),
                        digest=text(incident, "ignore_sha").lower(),
                    )
