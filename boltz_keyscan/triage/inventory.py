"""An inventory: a listing of the organisation's keys, and the file it is saved in.

The file lets a scan compare what it finds without an admin key and without a network. It
is JSON with public fields only (``inventory-v1.schema.json``), and is believed only when
all of it is as it should be: half a listing that reads as a whole one would say of a key
that works that nobody has it.

Boundary: bytes to a ``Listing`` and back. Where a listing comes from is ``api``, what
follows from one is ``join``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from boltz_keyscan import __version__
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.triage.key_record import (
    Clean,
    Record,
    RecordError,
    identifier,
    moment,
    public,
    record,
    stamp,
)

KIND = "boltz-keyscan-inventory"
SCHEMA_VERSION = "1"

LIMIT = 16 << 20
"""Bytes of an inventory that are read; 40,000 keys fit."""

SKEW = timedelta(minutes=10)
"""By how much two clocks may differ."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Keys of an organisation as they stood at one time."""

    taken_at: datetime
    """When it was begun: what was made since may be missing."""
    complete: bool
    records: tuple[Record, ...]
    organisation: str | None = None
    """Its id."""
    trouble: str = ""
    """Why it is not complete, in a line."""

    def stale(self, now: datetime, oldest: timedelta) -> bool:
        """Whether it is older than it may be, or from the future, which says nothing of its age."""
        return not -SKEW <= now - self.taken_at <= oldest

    @property
    def prefixes(self) -> frozenset[str]:
        """What its keys begin with."""
        return frozenset(each.key_prefix for each in self.records)


def written(listing: Listing) -> str:
    """The listing as a file, one line for each key, in the order of their ids."""
    head = {
        "schema_version": SCHEMA_VERSION,
        "kind": KIND,
        "tool": {"name": "boltz-keyscan", "version": __version__},
        "organisation": listing.organisation,
        "taken_at": stamp(listing.taken_at),
        "complete": listing.complete,
        "trouble": listing.trouble,
    }
    lines = (json.dumps(public(each)) for each in sorted(listing.records, key=lambda each: each.id))
    return json.dumps(head)[:-1] + ',\n"keys": [\n' + ",\n".join(lines) + "\n]}\n"


def read(name: str, raw: bytes, clean: Clean) -> Listing:
    """The listing in a file.

    Args:
        name: of the file, for errors.
        raw: its content.
        clean: for the texts in it.

    Raises:
        KeyscanError: it is no inventory, of another version, or not whole; with the reason.
    """
    if len(raw) > LIMIT:
        raise _broken(name, f"larger than {LIMIT >> 20} MiB")
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        # A decode error quotes what it could not decode.
        raise _broken(name, "not JSON") from None
    if not isinstance(document, dict) or document.get("kind") != KIND:
        raise _broken(name, "not an inventory")
    if document.get("schema_version") != SCHEMA_VERSION:
        raise _broken(name, f"of another version: expected schema_version {SCHEMA_VERSION}")
    complete, trouble, keys = (document.get(field) for field in ("complete", "trouble", "keys"))
    if not isinstance(complete, bool) or not isinstance(trouble, str) or not isinstance(keys, list):
        raise _broken(name, "complete, trouble and keys are not as the schema has them")
    try:
        taken_at = moment(str(document.get("taken_at")))
        organisation = document.get("organisation")
        if organisation is not None:
            organisation = identifier(organisation, "organisation")
    except (ValueError, OverflowError):
        raise _broken(name, "taken_at and organisation are not as the schema has them") from None
    records = tuple(_records(name, keys, clean))
    return Listing(taken_at, complete, records, organisation, clean(trouble)[:300])


def _records(name: str, keys: list[object], clean: Clean) -> list[Record]:
    found: dict[str, Record] = {}
    for number, value in enumerate(keys):
        try:
            each = record(value, clean)
        except RecordError as error:
            raise _broken(name, f"keys[{number}]: {error}") from None
        if each.id in found:
            raise _broken(name, f"keys[{number}]: the same id twice")
        found[each.id] = each
    return list(found.values())


def _broken(name: str, why: str) -> KeyscanError:
    return KeyscanError(
        f"inventory {name}: {why}", "Make it anew with 'boltz-keyscan keys snapshot --output FILE'."
    )
