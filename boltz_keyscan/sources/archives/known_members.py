"""Members in which nothing was found, which are not read again where the same bytes are packed again.

The versions of an archive in a history share most of their members. What comes out of packed bytes, and of
the containers in it, depends on these bytes, the method, the checksum, the ending of the name and the
containers around it. So a scan has the same result, whatever its process knows.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sized

from boltz_keyscan.model.finding import Detector
from boltz_keyscan.sources.archives.limits import Limits, Meter
from boltz_keyscan.sources.archives.office import is_part
from boltz_keyscan.sources.archives.zip_headers import Entry
from boltz_keyscan.sources.signatures import is_brotli

MAX_PACKED_BYTES = 4 << 20
"""Bytes of the largest member that is recognised, as it is packed."""

_MAX_OUTPUT_BYTES = 8 << 20
"""Bytes that come out of it, and of the containers in it, at most."""

_MAX_MEMBERS = 1 << 16
"""Members that a process remembers, about 15 MB."""

_PROPERTIES = struct.Struct("<HIB")

_Key = tuple[bytes, int]
"""Identity of a member, and the count of containers around it."""

_Cost = tuple[int, int]
"""Members in it, and bytes of output."""

_known: dict[_Key, _Cost] = {}
"""Members in which nothing was found, with their cost."""

_found_by: list[tuple[Detector, Limits]] = []
"""The detector that found nothing in them, and the limits: one pair at a time."""


def identify(packed: bytes | None, entry: Entry) -> bytes:
    """Return the identity of a member; members with the same one have the same content, read alike.

    Args:
        packed: its bytes in the container; None if they are not at hand, and it has no identity.
        entry: its header. Of its name only what ``is_part`` and ``is_brotli`` read makes a difference.
    """
    if packed is None:
        return b""
    kind = 1 if is_part(entry.name) else 2 * is_brotli(entry.name)
    return _PROPERTIES.pack(entry.method, entry.crc, kind) + hashlib.sha256(packed).digest()


class KnownMembers:
    """The members that one extraction need not read, and those that later ones need not read.

    Args:
        detector: detector of the extraction.
        meter: its budgets.
        gaps: its gaps.
    """

    def __init__(self, detector: Detector, meter: Meter, gaps: Sized) -> None:
        self._meter = meter
        self._gaps = gaps
        self._begun: dict[_Key, tuple[int, int, int]] = {}
        """Members and bytes before a member, and gaps."""
        self._clean: dict[_Key, _Cost] = {}
        if (detector, meter.limits) not in _found_by:
            _known.clear()
            _found_by[:] = [(detector, meter.limits)]

    def recall(self, identity: bytes, depth: int) -> bool:
        """Return True, and count the cost, if nothing was found in a member with this identity."""
        key = identity, depth
        cost = _known.get(key)
        if cost is not None and self._meter.can_hold(cost[1]) and self._meter.can_add(*cost):
            self._meter.add_members(cost[0])
            self._meter.add_output(cost[1])
            return True
        if identity:
            self._begun[key] = (*self._meter.cost, len(self._gaps))
        return False

    def complete(self, identity: bytes, depth: int) -> None:
        """Record that a member was read, unless it was known, from its first packed byte to its last."""
        key = identity, depth
        if key not in self._begun:
            # It was known, or has no identity.
            return
        members, output, gaps = self._begun.pop(key)
        cost = self._meter.cost[0] - members - 1, self._meter.cost[1] - output
        has_gap = not gaps == len(self._gaps) < self._meter.limits.gaps
        is_small = cost[1] <= _MAX_OUTPUT_BYTES and self._meter.can_hold(cost[1])
        if is_small and not has_gap and len(self._clean) < _MAX_MEMBERS:
            self._clean[key] = cost

    def retract(self) -> None:
        """Drop what was recorded: a member has more in it than was counted for it."""
        self._clean.clear()

    def remember(self) -> None:
        """Remember the members without a gap, as nothing was found in the whole container."""
        if len(_known) + len(self._clean) > _MAX_MEMBERS:
            _known.clear()
        _known.update(self._clean)
