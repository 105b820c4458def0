"""Objects about which every scan has something to report, and what the cache keeps of them.

An object with a hit is read again by each scan. Of a damaged container without one the gaps are kept: they
depend on its bytes only, and to unpack it again can take longer than the rest of the scan.
"""

from __future__ import annotations

from collections.abc import Iterable

from boltz_keyscan.model.finding import Detector, Gap, ShardResult
from boltz_keyscan.sanitize import harmless
from boltz_keyscan.sources.git.objects.scan_cache import Damage, Damages

_DAMAGED = "corrupt-container"
"""Reason of the gaps that are kept: those that depend on nothing but the bytes of the object."""

_MAX_DAMAGES = 20_000
"""Gaps that are kept, 3 MB of them; with more, all containers are read again."""


def flag_objects(
    gathered: ShardResult, where: str, known: Damages, detector: Detector
) -> tuple[frozenset[str], Damages]:
    """Return the ids of the objects to be read again, and the damages of those that need not be.

    Args:
        gathered: the result of a scan.
        where: name of the repository in gaps.
        known: damages that an earlier scan found.
        detector: the detector, which knows text that must not be kept.
    """
    suspects = {hit.origin.oid for hit in gathered.hits if hit.origin.oid is not None}
    found: dict[str, dict[Damage, None]] = {}
    for gap in gathered.gaps:
        if gap.oid is not None:
            damage = (gap.where.removeprefix(_name(where, gap.oid)), gap.detail)
            found.setdefault(gap.oid, {})[damage] = None
            if gap != _gap(where, gap.oid, damage):
                suspects.add(gap.oid)
    damages: dict[str, tuple[Damage, ...]] = {}
    for oid in found.keys() - suspects:
        rows = tuple(sorted(found[oid]))
        if rows == known.get(oid) or _may_be_kept(rows, detector):
            damages[oid] = rows
    if sum(map(len, damages.values())) > _MAX_DAMAGES:
        damages = {}
    return frozenset(suspects.union(found.keys() - damages.keys())), damages


def take_damaged(lines: bytes, damages: Damages, where: str) -> tuple[tuple[Gap, ...], bytes]:
    """Return the gaps of the damaged containers in a listing, and the lines of the other objects."""
    gaps: list[Gap] = []
    others: list[bytes] = []
    for line in lines.splitlines(keepends=True):
        oid = line.partition(b" ")[0].decode()
        gaps += (_gap(where, oid, damage) for damage in damages.get(oid, ()))
        others += [] if oid in damages else [line]
    return tuple(gaps), b"".join(others)


def _gap(where: str, oid: str, damage: Damage) -> Gap:
    place, detail = damage
    return Gap(_name(where, oid) + place, _DAMAGED, detail, oid=oid)


def _name(where: str, oid: str) -> str:
    return f"{where}: blob {oid}"


def _may_be_kept(damages: Iterable[Damage], detector: Detector) -> bool:
    """Return True if no text in the damages could be a key."""
    texts = {text.encode("utf-8", "surrogateescape") for damage in damages for text in damage}
    return all(is_unredacted(raw, detector) for raw in texts)


def is_unredacted(raw: bytes, detector: Detector) -> bool:
    """Return True if redaction takes nothing out of a text: it has no key."""
    return detector.redact(raw) == harmless(raw.decode("utf-8", "backslashreplace"))
