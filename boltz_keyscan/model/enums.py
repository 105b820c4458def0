"""The words with a fixed set of values: types, modes, shapes, severities, exposures, exit codes.

Boundary: names only. The data that carries them is ``model``, what they are worth ``policy``.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum


class KeyType(StrEnum):
    """What a key may speak for: the organisation, or one workspace (spelt ``ws`` in the key)."""

    ADMIN = "admin"
    WORKSPACE = "workspace"


class Mode(StrEnum):
    """Whether calls with the key are real and billed, or synthetic."""

    LIVE = "live"
    TEST = "test"


class Shape(StrEnum):
    """How much the body looks like one the API hands out; strongest first."""

    CONFIRMED = "confirmed"
    SUSPECTED = "suspected"
    PLACEHOLDER = "placeholder"


class Severity(StrEnum):
    """What the key can do; worst first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    NOTE = "note"


class Status(StrEnum):
    """What is known of the key beyond its text."""

    UNCHECKED = "unchecked"
    ACTIVE = "active"
    INACTIVE = "inactive"
    AMBIGUOUS = "ambiguous"
    NOT_LISTED = "not-listed"
    UNKNOWN = "unknown"


class Exposure(StrEnum):
    """How far a location has spread; widest first."""

    TRACKED = "tracked"
    STAGED = "staged"
    HISTORY = "history"
    MODIFIED = "modified"
    """Only in the working file of a tracked path: neither HEAD nor the index has it there."""
    UNTRACKED = "untracked"
    FILE = "file"
    UNREACHABLE = "unreachable"
    LOCAL = "local"


class Part(StrEnum):
    """Which part of an origin the bytes are."""

    CONTENT = "content"
    NAME = "name"
    LINK = "link"


class ExitCode(IntEnum):
    """The verdict of a run, as the process tells it; the README's table is checked against this."""

    CLEAN = 0
    BLOCKING = 1
    USAGE = 2
    INCOMPLETE = 3
    INTERNAL = 4
    INTERRUPTED = 130
