"""Matches, locations, findings and results, and the protocols between the stages of a scan.

Boundary: no field here can hold a raw key, so reports, logs and exceptions outside ``detect/`` are safe.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Protocol, TypeAlias

from boltz_keyscan.model.enums import Exposure, KeyType, Mode, Part, Severity, Shape, Status
from boltz_keyscan.records import dataclass, field

if TYPE_CHECKING:
    from boltz_keyscan.model.status import Evidence, StatusReport
    from boltz_keyscan.model.suppression import Comment, Suppression, SuppressionCandidate, TrustReport

Edit: TypeAlias = tuple[int, int, bytes]
"""Start and end of a range, counted from the start of a key, and the bytes that replace it."""


@dataclass(frozen=True, slots=True)
class Match:
    """One key in one blob, without the key itself."""

    fingerprint: str
    rule_id: str
    shape: Shape
    reason: str
    """The reason for the shape, for people."""
    offset: int
    """Bytes from the start of the blob, counted from 0."""
    length: int
    """Bytes of the key in the blob, encoded or broken as it is there."""
    line: int
    """Counted from 1; lines end at LF."""
    column: int
    """Characters from the start of the line, counted from 1."""
    column_utf16: int
    """The same in UTF-16 code units, as SARIF counts."""
    context: str
    """The line around the key, redacted, control characters escaped, at most 200 characters."""
    decoded: tuple[str, ...] = ()
    cell: int | None = None
    cell_part: str | None = None
    """In a notebook: the cell, counted from 1, and its part, such as ``output [7]``."""
    comments: tuple[Comment, ...] = ()
    """Suppression comments on its line and on the line above."""
    listed: tuple[str, ...] = ()
    """Listed key prefixes that the key begins with; see ``detect.lookup``."""
    sealed: bytes = field(default=b"", repr=False)
    """The key, encrypted with the secret of the run, for verification."""
    edits: tuple[Edit, ...] = ()
    """The changes of the blob that redact the key, if they were requested and are known."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The origin of a blob. Its names may hold a key: only ``Detector.redact`` makes them text."""

    path: bytes
    part: Part = Part.CONTENT
    oid: str | None = None
    """Object id in hex, for git objects."""
    kind: str | None = None
    """Object type, for git objects."""
    child: str | None = None
    """For the name of a tree entry: the id of the object it names."""
    members: tuple[bytes, ...] = ()
    """Archive members that lead to the blob, outermost first; raw bytes like ``path``."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A match and the origin of its blob."""

    origin: Origin
    match: Match


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that was to be scanned and was not."""

    where: str
    """The content that was not scanned, redacted and safe to print."""
    reason: str
    """One of a small set of kebab-case words, stable for programs."""
    detail: str = ""
    """One line for people: what happened and what to do."""
    by_design: bool = False
    """True for limits that the user or the repository chose; see ``--require-complete``."""
    oid: str | None = None
    """The git object, if it is about a single one."""
    paths: tuple[str, ...] = ()
    """Paths of the file or object, as in locations; none if it is about something else."""
    content: tuple[str, ...] = ()
    """Ids that git gives to the content of its file, for entries that accept this content only."""
    accepted: Suppression | None = None
    """The entry that accepts it, so that it does not fail the run."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of scanned content. Tallies can be added."""

    files: int = 0
    blobs: int = 0
    bytes: int = 0
    commits: int = 0
    refs: int = 0
    objects_missing: int = 0
    cached: int = 0
    """git objects that an earlier scan covered: not read again, and not in ``blobs``."""
    excluded: int = 0
    """Files and folders that were not read because the user excluded them."""
    git_files: int = 0
    """Files below a ``.git``; in ``files`` too."""
    commits_reached: int = 0
    """Commits that references reach, of the repositories where they were counted."""
    stores_uncounted: int = 0
    """Repositories whose reachable commits were not counted."""

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(getattr(self, name) + getattr(other, name) for name in Tally.__match_args__))


@dataclass(frozen=True, slots=True)
class BundleFile:
    """A git bundle in a file."""

    name: bytes
    """Relative to ``root``."""
    shown: bytes
    """Its path in reports."""
    root: bytes
    """Absolute; what is below it is opened without following links."""
    follow: bool = False
    """True if the user named it: it may be a symbolic link."""


@dataclass(frozen=True, slots=True)
class ShardResult:
    """The result of scanning one shard."""

    hits: tuple[Hit, ...] = ()
    gaps: tuple[Gap, ...] = ()
    tally: Tally = Tally()
    bundles: tuple[BundleFile, ...] = ()
    """git bundles found while reading; they are scanned after the other sources."""
    more: tuple[Shard, ...] = ()
    """Containers discovered while reading; each is opened in a process of its own."""
    explained: tuple[tuple[bytes, str | None, int], ...] = ()
    """Path, object and offset of keys in the bytes of a container that belong to its members."""
    unpacked: tuple[int, int] = (0, 0)
    """Container members that were scanned, and bytes that were unpacked."""
    left_out: frozenset[str] = frozenset()
    """Ids of the objects that a partial clone left out; none if they are too many."""


@dataclass(frozen=True, slots=True)
class Location:
    """One place of a key, ready for a report: every string is redacted and safe to print."""

    path: str
    line: int
    column: int
    column_utf16: int
    offset: int
    length: int
    exposure: Exposure
    context: str
    commit: str | None = None
    """The first commit that added it, in full hex."""
    blob: str | None = None
    author_date: str | None = None
    """The author date of ``commit``, ISO 8601 with offset."""
    members: tuple[str, ...] = ()
    decoded: tuple[str, ...] = ()
    cell: int | None = None
    cell_part: str | None = None
    comments: tuple[Comment, ...] = ()
    old: bool = False
    """The file had the key before the change that was scanned."""
    pushed: bool | None = None
    """True if a remote branch of this clone has it, False if none has, None if that is unknown."""
    remote: str = ""
    """A remote branch that has it, such as ``origin/main``; empty if none is known."""
    subject: str = ""
    """The first line of the message of ``commit``."""
    stash: str = ""
    """The stash that has it, such as ``stash@{0}``."""
    private: bool = False
    """An environment file outside git that only its owner can read."""
    removed_commit: str | None = None
    """The commit that took it from its path, in full hex; None if a branch has it, or if that is unknown."""
    removed_date: str | None = None
    """The author date of ``removed_commit``, ISO 8601 with offset."""
    present: bool | None = None
    """For a git object: True if a reference or an index has it there now, False if none, None if unknown."""
    traced: bool = False
    """The whole history was searched for it, so that ``commit`` is the first one."""
    open_to_others: bool = False
    """An environment file ignored by git that other users of this machine can read."""
    gone: bool = False
    """A file of HEAD that is deleted from the worktree."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One distinct key with all its locations."""

    fingerprint: str
    rule_id: str
    key_type: KeyType | None
    mode: Mode | None
    type_prefix: str
    shape: Shape
    reason: str
    severity: Severity
    confidence: str
    status: Status
    exposure: Exposure
    """The widest exposure of its locations."""
    blocking: bool
    locations: tuple[Location, ...]
    suppression: Suppression | None = None
    candidates: tuple[str, ...] = ()
    excuses: tuple[SuppressionCandidate, ...] = ()
    """Suppression candidates, in the order in which they are considered."""
    evidence: Evidence | None = None

    @property
    def shown(self) -> str:
        """The redacted key: the only form that is ever printed."""
        return f"{self.type_prefix}[REDACTED]"


@dataclass(frozen=True, slots=True)
class ScanResult:
    """The result of a run."""

    targets: tuple[str, ...]
    started_at: str
    """ISO 8601, UTC."""
    duration_s: float
    findings: tuple[Finding, ...]
    """Worst first; placeholders included, last."""
    gaps: tuple[Gap, ...]
    tally: Tally
    complete: bool
    """True if the only gaps are those by design and accepted ones."""
    exit_code: int
    ground: TrustReport | None = None
    asked: StatusReport | None = None

    @property
    def keys(self) -> tuple[Finding, ...]:
        """Findings that are not placeholders."""
        return tuple(f for f in self.findings if f.shape is not Shape.PLACEHOLDER)

    @property
    def placeholders(self) -> tuple[Finding, ...]:
        """Fillers in documentation and tests: notes, never blocking."""
        return tuple(f for f in self.findings if f.shape is Shape.PLACEHOLDER)


class Admits(Protocol):
    """A filter of the keys to report, applied before the expensive fields are computed."""

    def __call__(
        self, offset: int, rule_id: str, shape: Shape, fingerprint: str, /, *, commented: bool
    ) -> bool:
        """Return True to report a key; called once for each key, in order of offset."""


class Detector(Protocol):
    """The interface of ``detect/`` for the sources. Picklable, because workers get a copy."""

    @property
    def overlap(self) -> int:
        """Bytes that two neighbouring buffers share so that ``candidate_offsets`` misses nothing."""

    def candidate_offsets(
        self, buffer: bytes | bytearray | memoryview, end: int, marks: list[int] | None = None
    ) -> list[int]:
        """Return the offsets in ``buffer[:end]`` where a key may begin: the fast pass over all bytes.

        Offsets where an archive may begin are appended to ``marks``; ``sources.signatures`` checks them.
        """

    def find(self, chunks: Iterable[bytes], admits: Admits | None = None) -> Iterator[Match]:
        """Yield the keys in one blob, given in order: the exact pass over blobs with a candidate."""

    def redact(self, raw: bytes) -> str:
        """Return any bytes as printable text without a key."""


class Shard(Protocol):
    """A small frozen picklable unit of work."""

    @property
    def weight(self) -> int:
        """Approximate bytes to read; 0 if it must run in this process or costs nothing."""

    def scan(self, detector: Detector) -> ShardResult:
        """Scan every byte of the shard. Pure: no state outside the arguments."""


@dataclass(frozen=True, slots=True)
class Discovered:
    """A source found on the way, such as a repository in a folder, opened for the same run."""

    reader: SourceReader


class SourceReader(Protocol):
    """A reader of one source in one run, which keeps what the run learns of it."""

    def work(self) -> Iterator[Shard | Discovered]:
        """Yield the shards of the source, and sources discovered on the way."""

    def locate(self, gathered: ShardResult, detector: Detector) -> Located:
        """Return exposure, commit and path of each hit; called once, with the combined result of shards."""


class Source(Protocol):
    """A source of bytes. Frozen, and picklable."""

    def open(self) -> SourceReader:
        """Return a reader for one run."""


@dataclass(frozen=True, slots=True)
class Located:
    """The result of ``SourceReader.locate``: matches with their locations, and gaps."""

    pairs: tuple[tuple[Match, Location], ...] = ()
    gaps: tuple[Gap, ...] = ()
    paths: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Paths of the git objects that have gaps, by object id, redacted; only where all are known."""
