"""Reports of ``ggshield secret scan --json``: scans in scans, with the secrets of each file.

Fields: https://github.com/GitGuardian/ggshield, ``ggshield/verticals/secret/output/schemas.py``. Secrets are
masked but for ``--show-secrets``; ``ignore_sha`` is a hash of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from boltz_keyscan.imports.entry import Entry, array, has, number, text


def recognizes(item: object) -> bool:
    """Return True for a scan."""
    return has(item, "type", "total_incidents") or has(item, "entities_with_incidents")


def entries(item: object) -> Iterator[Entry]:
    """Yield each occurrence of each incident."""
    waiting = deque([item])
    while waiting:
        scan = waiting.popleft()
        waiting += array(scan, "scans")
        for file in array(scan, "entities_with_incidents"):
            for incident in array(file, "incidents"):
                for occurrence in array(incident, "occurrences"):
                    yield Entry(
                        (text(occurrence, "match"),),
                        text(file, "filename"),
                        number(occurrence, "line_start"),
                        commit=text(scan, "id"),
                        digest=text(incident, "ignore_sha").lower(),
                    )
