"""Enumerations: key types, modes, shapes, severities, statuses, exposures, exit codes."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class _Ranked(StrEnum):
    """An enumeration whose first member is the strongest, worst or widest."""

    @property
    def rank(self) -> int:
        """The position of the member, counted from 0."""
        return list(type(self)).index(self)


class KeyType(StrEnum):
    """The scope of a key: the organisation, or one workspace (``ws`` in the prefix)."""

    ADMIN = "admin"
    WORKSPACE = "workspace"


class Mode(StrEnum):
    """The mode of a key: real and billed calls, or synthetic ones."""

    LIVE = "live"
    TEST = "test"


class Shape(_Ranked):
    """The likeness of a body to one that the API issues; strongest first."""

    CONFIRMED = "confirmed"
    SUSPECTED = "suspected"
    PLACEHOLDER = "placeholder"


class Severity(_Ranked):
    """The harm that the key can do; worst first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    NOTE = "note"


class Status(StrEnum):
    """The state of the key according to the API or an inventory."""

    UNCHECKED = "unchecked"
    ACTIVE = "active"
    INACTIVE = "inactive"
    AMBIGUOUS = "ambiguous"
    NOT_LISTED = "not-listed"
    UNKNOWN = "unknown"


class Exposure(_Ranked):
    """The spread of a location; widest first."""

    TRACKED = "tracked"
    STAGED = "staged"
    HISTORY = "history"
    MODIFIED = "modified"
    """In the working file of a tracked path, but neither in HEAD nor in the index."""
    UNTRACKED = "untracked"
    FILE = "file"
    UNREACHABLE = "unreachable"
    LOCAL = "local"


class Situation(_Ranked):
    """The spread of a key, which decides the remediation; most urgent first."""

    PUSHED = "pushed"
    """A remote branch has it, or that is not known."""
    COMMITTED = "committed"
    """No remote branch known to this clone has it."""
    NOT_COMMITTED = "not-committed"
    UNREACHABLE = "unreachable"
    """In objects that no reference reaches, or in other files of git."""
    IN_PLACE = "in-place"
    """Only in files that git ignores, or in a private environment file."""
    DEAD = "proved-dead"


class Part(StrEnum):
    """The part of an origin that a blob is."""

    CONTENT = "content"
    NAME = "name"
    LINK = "link"


class ExitCode(IntEnum):
    """Exit codes of the process; a test compares them with the README's table."""

    CLEAN = 0
    BLOCKING = 1
    USAGE = 2
    INCOMPLETE = 3
    INTERNAL = 4
    INTERRUPTED = 130
