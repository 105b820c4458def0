"""An inventory: a saved listing of the organisation's keys.

With the file a scan can cross-reference keys without an admin key and without a network. It
is JSON with public fields only (``inventory-v1.schema.json``), and is rejected if any part is
invalid: with half a listing read as a whole one, a working key would be reported as not listed.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from boltz_keyscan._version import __version__
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.records import dataclass
from boltz_keyscan.triage.key_record import (
    Clean,
    Record,
    RecordError,
    identifier,
    moment,
    parse_record,
    public_fields,
    stamp,
)

KIND = "boltz-keyscan-inventory"
SCHEMA_VERSION = "1"

LIMIT = 16 << 20
"""Bytes of an inventory that are read; 40,000 keys fit."""

SKEW = timedelta(minutes=10)
"""The tolerated difference of two clocks."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The keys of an organisation at one time."""

    taken_at: datetime
    """The start of the listing: keys that were created later may be missing."""
    complete: bool
    records: tuple[Record, ...]
    organisation: str | None = None
    """The id of the organisation."""
    trouble: str = ""
    """One line: the reason for which it is not complete."""

    def stale(self, now: datetime, oldest: timedelta) -> bool:
        """Return True if it is older than ``oldest``, or from the future, so that its age is unknown."""
        return not -SKEW <= now - self.taken_at <= oldest

    @property
    def prefixes(self) -> frozenset[str]:
        """The prefixes of its keys."""
        return frozenset(record.key_prefix for record in self.records)


def serialize(listing: Listing) -> str:
    """Return the text of the file: one line for each key, in order of id."""
    head = {
        "schema_version": SCHEMA_VERSION,
        "kind": KIND,
        "tool": {"name": "boltz-keyscan", "version": __version__},
        "organisation": listing.organisation,
        "taken_at": stamp(listing.taken_at),
        "complete": listing.complete,
        "trouble": listing.trouble,
    }
    lines = (
        json.dumps(public_fields(record)) for record in sorted(listing.records, key=lambda record: record.id)
    )
    return json.dumps(head)[:-1] + ',\n"keys": [\n' + ",\n".join(lines) + "\n]}\n"


def read(name: str, raw: bytes, clean: Clean) -> Listing:
    """Read the listing in a file.

    Args:
        name: the name of the file, for errors.
        raw: its content.
        clean: the redaction applied to its texts.

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
    records: dict[str, Record] = {}
    for number, value in enumerate(keys):
        try:
            record = parse_record(value, clean)
        except RecordError as error:
            raise _broken(name, f"keys[{number}]: {error}") from None
        if record.id in records:
            raise _broken(name, f"keys[{number}]: the same id twice")
        records[record.id] = record
    return list(records.values())


def _broken(name: str, why: str) -> KeyscanError:
    return KeyscanError(
        f"inventory {name}: {why}", "Create it again with 'boltz-keyscan keys snapshot --output FILE'."
    )
