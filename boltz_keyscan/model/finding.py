"""The nouns of the pipeline, as frozen data, and the few protocols between its stages.

Boundary: nothing here reads bytes, prints, or decides. No type in this module has a
field that could hold a raw key; that is what makes every report, log and exception
downstream of ``detect/`` safe by construction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Protocol

# The words come with the nouns: whoever has one needs the other.
from boltz_keyscan.model.enums import ExitCode as ExitCode  # noqa: PLC0414 - told on to whoever imports the nouns
from boltz_keyscan.model.enums import Exposure as Exposure  # noqa: PLC0414 - told on to whoever imports the nouns
from boltz_keyscan.model.enums import KeyType as KeyType  # noqa: PLC0414 - told on to whoever imports the nouns
from boltz_keyscan.model.enums import Mode as Mode  # noqa: PLC0414 - told on to whoever imports the nouns
from boltz_keyscan.model.enums import Part as Part  # noqa: PLC0414 - told on to whoever imports the nouns
from boltz_keyscan.model.enums import Severity as Severity  # noqa: PLC0414 - told on to whoever imports the nouns
from boltz_keyscan.model.enums import Shape as Shape  # noqa: PLC0414 - told on to whoever imports the nouns
from boltz_keyscan.model.enums import Status as Status  # noqa: PLC0414 - told on to whoever imports the nouns

if TYPE_CHECKING:
    from boltz_keyscan.model.status import Evidence, StatusReport
    from boltz_keyscan.model.suppression import Comment, Suppression, SuppressionCandidate, TrustReport


@dataclass(frozen=True, slots=True)
class Match:
    """One key seen in one blob, as ``detect/`` lets it out: everything but the key."""

    fingerprint: str
    rule_id: str
    shape: Shape
    reason: str
    """Why the shape was chosen, in words."""
    offset: int
    """Bytes from the start of the blob, counted from 0."""
    length: int
    """Bytes of the key as it stands there, encoded or broken."""
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
    """In a notebook: the cell, counted from 1, and what of it, as ``output [7]``."""
    comments: tuple[Comment, ...] = ()
    """On its line, and on the line above."""
    listed: tuple[str, ...] = ()
    """Public prefixes of a listing that the key begins with; see ``detect.lookup``."""
    sealed: bytes = field(default=b"", repr=False)
    """The key under the seal of the run, for verification."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a blob came from. Its names may hold a key: only ``Detector.redact`` makes them text."""

    path: bytes
    part: Part = Part.CONTENT
    oid: str | None = None
    """Object id in hex, for git objects."""
    kind: str | None = None
    """git object type, for git objects."""
    child: str | None = None
    """For a tree entry whose name was the blob: the id of what it names."""
    members: tuple[bytes, ...] = ()
    """Archive members that lead to the blob, outermost first; raw bytes as ``path`` is."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A match together with the origin of its blob."""

    origin: Origin
    match: Match


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that was to be scanned and was not."""

    where: str
    """What was not scanned, redacted and harmless to print."""
    reason: str
    """One of a small set of kebab-case words, stable for programs."""
    detail: str = ""
    """One line for people: what happened and what to do."""
    by_design: bool = False
    """True for limits the user or the repository chose; see ``--require-complete``."""
    oid: str | None = None
    """The one git object it is about."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How much was looked at. Tallies add up."""

    files: int = 0
    blobs: int = 0
    bytes: int = 0
    commits: int = 0
    refs: int = 0
    objects_missing: int = 0
    cached: int = 0
    """git objects that an earlier scan has seen; they are not read again and not in ``blobs``."""

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(Tally)))


@dataclass(frozen=True, slots=True)
class ShardResult:
    """What one shard gave."""

    hits: tuple[Hit, ...] = ()
    gaps: tuple[Gap, ...] = ()
    tally: Tally = Tally()
    sources: tuple[Source, ...] = ()
    """What reading showed to be a source of its own (a git bundle); it is scanned after the others."""
    more: tuple[Shard, ...] = ()
    """Containers it met: to be opened in a process of their own."""
    explained: tuple[tuple[bytes, str | None, int], ...] = ()
    """Path, object and offset of keys in containers' own bytes that belong to members."""
    unpacked: tuple[int, int] = (0, 0)
    """Members of containers that were looked at, and bytes that came out."""


@dataclass(frozen=True, slots=True)
class Location:
    """Where a key stands, ready for a report: every string is redacted and harmless."""

    path: str
    line: int
    column: int
    column_utf16: int
    offset: int
    length: int
    exposure: Exposure
    context: str
    commit: str | None = None
    """The first commit that brought it in, in full hex."""
    blob: str | None = None
    author_date: str | None = None
    """ISO 8601 with offset, of ``commit``."""
    members: tuple[str, ...] = ()
    decoded: tuple[str, ...] = ()
    cell: int | None = None
    cell_part: str | None = None
    comments: tuple[Comment, ...] = ()
    old: bool = False
    """The file had the key before the change that was scanned, so that change did not bring it."""

    @classmethod
    def of(
        cls,
        match: Match,
        path: str,
        exposure: Exposure,
        *,
        commit: str | None = None,
        blob: str | None = None,
        author_date: str | None = None,
        members: tuple[str, ...] = (),
        old: bool = False,
    ) -> Location:
        """Where ``match`` stands, now that its path and exposure are known."""
        return cls(
            path=path,
            line=match.line,
            column=match.column,
            column_utf16=match.column_utf16,
            offset=match.offset,
            length=match.length,
            exposure=exposure,
            context=match.context,
            commit=commit,
            blob=blob,
            author_date=author_date,
            members=members,
            decoded=match.decoded,
            cell=match.cell,
            cell_part=match.cell_part,
            comments=match.comments,
            old=old,
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """One distinct key with all its locations."""

    fingerprint: str
    rule_id: str
    key_type: KeyType
    mode: Mode
    type_prefix: str
    shape: Shape
    reason: str
    severity: Severity
    confidence: str
    status: Status
    exposure: Exposure
    """The widest exposure of any location."""
    blocking: bool
    locations: tuple[Location, ...]
    suppression: Suppression | None = None
    candidates: tuple[str, ...] = ()
    excuses: tuple[SuppressionCandidate, ...] = ()
    """All that asks to let it pass, in the order in which it is considered."""
    evidence: Evidence | None = None

    @property
    def shown(self) -> str:
        """The only form in which a key is ever shown."""
        return f"{self.type_prefix}[REDACTED]"


@dataclass(frozen=True, slots=True)
class ScanResult:
    """All that a run saw, and its verdict."""

    targets: tuple[str, ...]
    started_at: str
    """ISO 8601, UTC."""
    duration_s: float
    findings: tuple[Finding, ...]
    """Worst first; placeholders included, last."""
    gaps: tuple[Gap, ...]
    tally: Tally
    complete: bool
    """No gap but those by design."""
    exit_code: int
    ground: TrustReport | None = None
    asked: StatusReport | None = None

    @property
    def keys(self) -> tuple[Finding, ...]:
        """The findings that are not placeholders."""
        return tuple(f for f in self.findings if f.shape is not Shape.PLACEHOLDER)

    @property
    def placeholders(self) -> tuple[Finding, ...]:
        """Documentation and test fillers: notes, never blocking."""
        return tuple(f for f in self.findings if f.shape is Shape.PLACEHOLDER)


class Admits(Protocol):
    """The choice of the keys that are reported, made before what takes time is known of each."""

    def __call__(
        self, offset: int, rule_id: str, shape: Shape, fingerprint: str, /, *, commented: bool
    ) -> bool:
        """Whether a key is reported; asked once for each, in order."""


class Detector(Protocol):
    """What ``detect/`` offers to the sources. Picklable, so that it travels to workers."""

    @property
    def overlap(self) -> int:
        """Bytes that two neighbouring buffers must share so that ``sniff`` misses nothing."""

    def candidate_offsets(
        self, buffer: bytes | bytearray | memoryview, end: int, marks: list[int] | None = None
    ) -> list[int]:
        """Offsets in ``buffer[:end]`` where a key may begin; the fast pass over everything.

        ``marks`` takes the offsets where an archive may begin, for ``sources.magic`` to check.
        """

    def find(self, chunks: Iterable[bytes], admits: Admits | None = None) -> Iterator[Match]:
        """The keys in one blob given in order; the exact pass over blobs with a hit."""

    def redact(self, raw: bytes) -> str:
        """Any bytes as harmless text without a key."""


class Shard(Protocol):
    """A small frozen picklable unit of work."""

    @property
    def weight(self) -> int:
        """Bytes, roughly; 0 when it must run in this process or costs nothing."""

    def scan(self, detector: Detector) -> ShardResult:
        """Look at every byte of the shard. Pure: no state outside the arguments."""


class Source(Protocol):
    """Where bytes come from, cut into shards, and what is known of a hit's whereabouts."""

    def shards(self) -> Iterator[Shard | Source]:
        """The work, lazily; a source met on the way (a repository in a folder) is handed out too."""

    def locate(self, gathered: ShardResult, detector: Detector) -> Located:
        """Exposure, commit and path for each hit. Work is done only for hits.

        Called once, after the last shard, with what all of the source's shards gave.
        """


@dataclass(frozen=True, slots=True)
class Located:
    """What ``Source.locate`` learnt: matches with their locations, and what it could not learn."""

    pairs: tuple[tuple[Match, Location], ...] = ()
    gaps: tuple[Gap, ...] = ()
    tally: Tally = field(default_factory=Tally)
