"""A listed key of the organisation, checked field by field.

Data of the API or of a file is untrusted until it is checked here: a wrong type, length or
character is an error that names the field, and never an empty list. Unknown fields are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from boltz_keyscan import rules
from boltz_keyscan.model.enums import KeyType, Mode
from boltz_keyscan.records import dataclass
from boltz_keyscan.sanitize import harmless

KEPT_PREFIX_CHARS = 7
"""Characters of the body that are kept of a listed prefix, even if the API returns more.

They distinguish 2^42 keys, more than there are, and are too few for the redaction of a report.
"""

_UNKNOWN_KEPT = 24
"""Characters kept of a prefix in an unknown form, in which the start of the body is unknown too."""

_MAX_NAME_CHARS = 200

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,199}")
"""An id. It is put into the path of a request, so no slash, no percent, no leading dots."""

Clean = Callable[[str], str]
"""A function that makes untrusted text printable and removes keys: ``Detector.redact``."""


class RecordError(ValueError):
    """An invalid record; the message has the field and the expected value."""


@dataclass(frozen=True, slots=True)
class Record:
    """One key of the organisation: public fields only."""

    id: str
    name: str
    """The name given by its owner, redacted and safe to print."""
    key_prefix: str
    """The listed prefix of the key, cut to ``KEPT_PREFIX_CHARS`` characters of its body."""
    key_type: KeyType
    mode: Mode
    is_active: bool
    workspace_id: str | None
    allowed_ips: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None

    def expired(self, now: datetime) -> bool:
        """Return True if the key has expired."""
        return self.expires_at is not None and self.expires_at <= now

    def live(self, now: datetime) -> bool:
        """Return True if the API accepts the key."""
        return self.is_active and not self.expired(now)

    def state(self, now: datetime) -> str:
        """Return ``active``, ``inactive`` (revoked) or ``expired``."""
        if not self.is_active:
            return "inactive"
        return "expired" if self.expired(now) else "active"

    @property
    def kind(self) -> tuple[KeyType, Mode]:
        """Its type and mode."""
        return self.key_type, self.mode

    @property
    def type_prefix(self) -> str:
        """The prefix of all keys of its type and mode."""
        return type_prefix(self.key_type, self.mode)

    @property
    def body_characters(self) -> int:
        """The number of characters of its body in the listed prefix; may be 0."""
        return max(len(self.key_prefix) - len(self.type_prefix), 0)

    @property
    def understood(self) -> bool:
        """True if its prefix is that of a key of its type, so that keys can be compared with it."""
        prefix = self.type_prefix
        return self.key_prefix.startswith(prefix) or prefix.startswith(self.key_prefix)


def type_prefix(key_type: KeyType, mode: Mode) -> str:
    """Return the prefix of all keys of a type and mode."""
    return next(rule.prefix for rule in rules.load() if (rule.key_type, rule.mode) == (key_type, mode))


def parse_record(value: object, clean: Clean) -> Record:
    """Return the record of a key.

    Args:
        value: the JSON value.
        clean: the redaction applied to its texts.

    Raises:
        RecordError: it is not a valid record.
    """
    if not isinstance(value, Mapping):
        raise RecordError("a key is not an object")
    try:
        key_type = KeyType(str(value.get("key_type")))
    except ValueError:
        raise RecordError("key_type is unknown") from None
    mode = Mode.LIVE if read_flag(value, "livemode") else Mode.TEST
    workspace = value.get("workspace_id")
    return Record(
        id=identifier(value.get("id"), "id"),
        name=clean(_text(value, "name", 2000))[:_MAX_NAME_CHARS],
        key_prefix=_cut(_text(value, "key_prefix", 2000), type_prefix(key_type, mode)),
        key_type=key_type,
        mode=mode,
        is_active=read_flag(value, "is_active"),
        workspace_id=None if workspace is None else identifier(workspace, "workspace_id"),
        allowed_ips=_addresses(value.get("allowed_ips")),
        created_at=read_time(value, "created_at"),
        expires_at=read_time(value, "expires_at") if value.get("expires_at") is not None else None,
        last_used_at=read_time(value, "last_used_at") if value.get("last_used_at") is not None else None,
    )


def public_fields(record: Record) -> dict[str, object]:
    """Return a record as JSON with the API's names of fields; ``parse_record`` reads it."""
    return {
        "id": record.id,
        "name": record.name,
        "key_prefix": record.key_prefix,
        "key_type": record.key_type.value,
        "livemode": record.mode is Mode.LIVE,
        "is_active": record.is_active,
        "workspace_id": record.workspace_id,
        "allowed_ips": record.allowed_ips,
        "created_at": stamp(record.created_at),
        "expires_at": record.expires_at and stamp(record.expires_at),
        "last_used_at": record.last_used_at and stamp(record.last_used_at),
    }


def identifier(value: object, field: str) -> str:
    """Check an id of the API.

    Raises:
        RecordError: it is not an id, or must not be part of a URL.
    """
    if isinstance(value, str) and _ID.fullmatch(value) and not any(x.prefix in value for x in rules.load()):
        return value
    raise RecordError(f"{field} is not an id")


def moment(text: str) -> datetime:
    """Parse a time in ISO 8601 with an offset, as UTC.

    Raises:
        ValueError: it is not such a time.
    """
    when = datetime.fromisoformat(text)
    if when.tzinfo is None:
        raise ValueError("no offset")
    return when.astimezone(UTC)


def stamp(when: datetime) -> str:
    """Format a time in ISO 8601: UTC, to the second."""
    return when.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _cut(prefix: str, known: str) -> str:
    """Cut a listed prefix: a future API may return the whole key."""
    kept = len(known) + KEPT_PREFIX_CHARS if prefix.startswith(known) else _UNKNOWN_KEPT
    return harmless(prefix[:kept])


def _text(value: Mapping[object, object], field: str, longest: int) -> str:
    text = value.get(field)
    if not isinstance(text, str) or len(text) > longest:
        raise RecordError(f"{field} is not a text")
    return text


def read_flag(value: Mapping[Any, object], field: str) -> bool:
    """Return a field that is true or false.

    Raises:
        RecordError: it is neither.
    """
    flag = value.get(field)
    if not isinstance(flag, bool):
        raise RecordError(f"{field} is neither true nor false")
    return flag


def read_time(value: Mapping[Any, object], field: str) -> datetime:
    """Return a field that is a time, as UTC.

    Raises:
        RecordError: it is none.
    """
    text = value.get(field)
    try:
        return moment(text if isinstance(text, str) else "")
    except (ValueError, OverflowError):
        raise RecordError(f"{field} is not a time") from None


def _addresses(value: object) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)):
        raise RecordError("allowed_ips is not a list")
    for address in value:
        if not isinstance(address, str) or not re.fullmatch(r"[0-9A-Fa-f:.%/]{1,64}", address):
            raise RecordError("allowed_ips has a value that is not an address")
    return tuple(value)
