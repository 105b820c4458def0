"""A key of the organisation as the API lists it, checked field by field.

What comes from the API or from a file is a stranger's until it has passed here: types,
lengths and characters are checked by hand, so that a wrong shape is an error with a name
and never an empty list. Fields that are not known are ignored.

Boundary: JSON values to frozen data; pages are ``api.pager``, files ``inventory``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from boltz_keyscan import rules
from boltz_keyscan.model.enums import KeyType, Mode
from boltz_keyscan.sanitize import harmless

KEPT_PREFIX_CHARS = 7
"""Characters of the body that are kept of a listed prefix, however many the API gives.

They tell 2^42 keys apart, which is more than there are, and no report hides as few.
"""

_UNKNOWN_KEPT = 24
"""Characters kept of a prefix in a form that is not known, where the body begins is not known either."""

_MAX_NAME_CHARS = 200

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,199}")
"""What an id may be: it goes into the path of a request, so no slash, no percent, no dots in front."""

Clean = Callable[[str], str]
"""Makes a stranger's text fit to be shown, without keys: ``Detector.redact``."""


class RecordError(ValueError):
    """A value that is no record; says which field and what was expected."""


@dataclass(frozen=True, slots=True)
class Record:
    """One key of the organisation: public fields only."""

    id: str
    name: str
    """As its owner called it, redacted and harmless."""
    key_prefix: str
    """How the key begins, cut to ``KEPT`` characters of its body."""
    key_type: KeyType
    mode: Mode
    is_active: bool
    workspace_id: str | None
    allowed_ips: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None

    def expired(self, now: datetime) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and self.expires_at <= now

    def live(self, now: datetime) -> bool:
        """Whether the API accepts it."""
        return self.is_active and not self.expired(now)

    def state(self, now: datetime) -> str:
        """``active``, ``inactive`` (revoked) or ``expired``."""
        if not self.is_active:
            return "inactive"
        return "expired" if self.expired(now) else "active"

    @property
    def type_prefix(self) -> str:
        """How all keys of its type and mode begin."""
        return type_prefix(self.key_type, self.mode)

    @property
    def body_characters(self) -> int:
        """How many characters of its body the prefix gives away; may be none."""
        return max(len(self.key_prefix) - len(self.type_prefix), 0)

    @property
    def understood(self) -> bool:
        """Whether its prefix is the beginning of a key of its type, so that keys can be compared with it."""
        prefix = self.type_prefix
        return self.key_prefix.startswith(prefix) or prefix.startswith(self.key_prefix)


def type_prefix(key_type: KeyType, mode: Mode) -> str:
    """How keys of a type and mode begin."""
    return next(rule.prefix for rule in rules.load() if (rule.key_type, rule.mode) == (key_type, mode))


def record(value: object, clean: Clean) -> Record:
    """A record of a listing.

    Args:
        value: as JSON has it.
        clean: for the texts in it.

    Raises:
        RecordError: it is none.
    """
    if not isinstance(value, Mapping):
        raise RecordError("a key is not an object")
    key_type = _choice(value, "key_type", KeyType)
    mode = Mode.LIVE if _flag(value, "livemode") else Mode.TEST
    workspace = value.get("workspace_id")
    return Record(
        id=identifier(value.get("id"), "id"),
        name=clean(_text(value, "name", 2000))[:_MAX_NAME_CHARS],
        key_prefix=_cut(_text(value, "key_prefix", 2000), type_prefix(key_type, mode)),
        key_type=key_type,
        mode=mode,
        is_active=_flag(value, "is_active"),
        workspace_id=None if workspace is None else identifier(workspace, "workspace_id"),
        allowed_ips=_addresses(value.get("allowed_ips")),
        created_at=_time(value, "created_at"),
        expires_at=_time(value, "expires_at") if value.get("expires_at") is not None else None,
        last_used_at=_time(value, "last_used_at") if value.get("last_used_at") is not None else None,
    )


def public(found: Record) -> dict[str, object]:
    """A record as JSON, in the API's own names; ``record`` reads it back."""
    return {
        "id": found.id,
        "name": found.name,
        "key_prefix": found.key_prefix,
        "key_type": found.key_type.value,
        "livemode": found.mode is Mode.LIVE,
        "is_active": found.is_active,
        "workspace_id": found.workspace_id,
        "allowed_ips": found.allowed_ips,
        "created_at": stamp(found.created_at),
        "expires_at": found.expires_at and stamp(found.expires_at),
        "last_used_at": found.last_used_at and stamp(found.last_used_at),
    }


def identifier(value: object, field: str) -> str:
    """An id as the API gives them.

    Raises:
        RecordError: it is none, or one that must not become part of an address.
    """
    if not isinstance(value, str) or not _ID.fullmatch(value) or _looks_like_a_key(value):
        raise RecordError(f"{field} is not an id")
    return value


def moment(text: str) -> datetime:
    """A point in time from ISO 8601 with an offset, as UTC.

    Raises:
        ValueError: it is none.
    """
    when = datetime.fromisoformat(text)
    if when.tzinfo is None:
        raise ValueError("no offset")
    return when.astimezone(UTC)


def stamp(when: datetime) -> str:
    """A point in time as this program writes it: UTC, to the second."""
    return when.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _looks_like_a_key(text: str) -> bool:
    return any(rule.prefix in text for rule in rules.load())


def _cut(prefix: str, known: str) -> str:
    """As much of a listed prefix as is kept: the API may one day give the whole key."""
    kept = len(known) + KEPT_PREFIX_CHARS if prefix.startswith(known) else _UNKNOWN_KEPT
    return harmless(prefix[:kept])


def _text(value: Mapping[object, object], field: str, longest: int) -> str:
    text = value.get(field)
    if not isinstance(text, str) or len(text) > longest:
        raise RecordError(f"{field} is not a text")
    return text


def _flag(value: Mapping[object, object], field: str) -> bool:
    flag = value.get(field)
    if not isinstance(flag, bool):
        raise RecordError(f"{field} is neither true nor false")
    return flag


def _choice(value: Mapping[object, object], field: str, choices: type[KeyType]) -> KeyType:
    try:
        return choices(str(value.get(field)))
    except ValueError:
        raise RecordError(f"{field} is none that is known") from None


def _time(value: Mapping[object, object], field: str) -> datetime:
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
            raise RecordError("allowed_ips holds something else than addresses")
    return tuple(value)
