"""Scan cache: names of the packs and objects that earlier scans of a store have read.

A pack's name is a hash of its objects, a loose object's of its content: content scanned under
a name need not be read again. The file holds those names, the ids of objects in which
something was found (they are read again each time, so no finding comes from the cache), the commits that
introduced them or took them away, the damages of containers, and what a partial clone left out. It holds no
key and nothing that could be one: paths that look like a key are left out.

There is one file per object store. It is trusted only if it is complete, owned by the user,
and written by this version for the same rules; otherwise it is ignored.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, TypeVar

from boltz_keyscan import fsutil
from boltz_keyscan._version import __version__
from boltz_keyscan.errors import warn
from boltz_keyscan.fsutil import read_private_file, replace_file
from boltz_keyscan.records import dataclass, field

_FORMAT_VERSION = 11
_MAX_FILE_BYTES = 256 << 20
"""Bytes of the largest cache file that is read."""

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class FirstCommit:
    """The first commit that has an object at a path."""

    time: int
    """Committer time, seconds since 1970; "first" is decided by it and the id."""
    commit: str
    author_date: str
    reachable: bool


Damage = tuple[str, str]
"""Place in a damaged container, as it is added to the name of its object, and detail of a gap."""

Damages = Mapping[str, tuple[Damage, ...]]
"""Damages of containers by object id."""

Place = tuple[str, bytes]
"""Object id and path."""

Places = dict[Place, FirstCommit]
"""First commits by object id and path."""


@dataclass(frozen=True, slots=True)
class LastChange:
    """The last of the reachable commits that put an object at a path or took it away."""

    time: int
    """Committer time, seconds since 1970; "last" is decided by it."""
    commit: str
    author_date: str
    removed: bool
    """True if it took the object away; False if it put it there, or if the order is unclear."""


@dataclass(frozen=True, slots=True)
class Attribution:
    """The first commit of each object and path, from walks over a history."""

    reachable: Places = field(default_factory=dict)
    """First reachable commit that has the object at this path while no parent has it there."""
    unreachable: Places = field(default_factory=dict)
    """The same for unreachable commits; only for objects without a reachable one."""
    last: dict[Place, LastChange] = field(default_factory=dict)
    """Last reachable change of the object at this path."""

    def only(self, oids: AbstractSet[str]) -> Attribution:
        """Return the part about these objects."""
        reachable, unreachable = (
            {place: commit for place, commit in places.items() if place[0] in oids}
            for places in (self.reachable, self.unreachable)
        )
        last = {place: change for place, change in self.last.items() if place[0] in oids}
        return Attribution(reachable, unreachable, last)


@dataclass(frozen=True, slots=True)
class Memory:
    """The cached state of one object store."""

    packs: frozenset[str] = frozenset()
    """Names of packs that were scanned completely."""
    loose: frozenset[str] = frozenset()
    """Ids of loose objects that were scanned."""
    suspects: frozenset[str] = frozenset()
    """Ids of objects in which something was found, or of which something could not be read."""
    damages: Damages = field(default_factory=dict)
    """Damages of containers in which nothing was found, instead of their ids."""
    tips: frozenset[str] = frozenset()
    """Targets of the references; none for a shallow clone, in which they reach more or less later."""
    traced: frozenset[str] = frozenset()
    """Ids of the objects whose commits were searched then."""
    attribution: Attribution = field(default_factory=Attribution)
    """First commits and last changes of those objects."""
    missing: int | None = None
    """Objects that a partial clone leaves out, counted with these packs, loose objects and references."""
    left_out: frozenset[str] = frozenset()
    """Their ids; none if they are too many."""
    reached: int | None = None
    """Commits that the references reach; None if they were not counted."""


@dataclass(frozen=True, slots=True)
class Cache:
    """The cache folder, for one rule set."""

    folder: str
    rules: str
    """A digest of the rule set."""

    def load(self, store: bytes) -> Memory:
        """Return the cached state of an object store; an empty one if there is none to be trusted."""
        path = self._path(store)
        try:
            raw = _read(path)
        except FileNotFoundError:
            return Memory()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            warn(f"cache ignored: {path}: {reason}")
            return Memory()
        try:
            return _memory(json.loads(raw), self._header(store))
        except (ValueError, TypeError, KeyError, AttributeError):
            warn(f"cache ignored: {path}: not in the form this version writes")
            return Memory()

    def save(self, store: bytes, memory: Memory) -> None:
        """Write the state of an object store. An error is logged; it only makes the next scan slower."""
        document = {
            **self._header(store),
            "packs": sorted(memory.packs),
            "loose": sorted(memory.loose),
            "suspects": sorted(memory.suspects),
            "damages": dict(sorted(memory.damages.items())),
            "tips": sorted(memory.tips),
            "traced": sorted(memory.traced),
            "born": _rows(memory.attribution.reachable),
            "lost": _rows(memory.attribution.unreachable),
            "last": _rows(memory.attribution.last),
            "missing": memory.missing,
            "left_out": sorted(memory.left_out),
            "reached": memory.reached,
        }
        body = json.dumps(document, separators=(",", ":")).encode()
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            replace_file(self._path(store), hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
        except OSError as error:
            warn(f"cache not written: {self._path(store)}: {error.strerror}")

    def _path(self, store: bytes) -> str:
        name = hashlib.sha256(os.path.realpath(store)).hexdigest()[:32]
        return os.path.join(self.folder, f"{name}.json")

    def _header(self, store: bytes) -> dict[str, object]:
        place = hashlib.sha256(os.path.realpath(store)).hexdigest()
        return {"form": _FORMAT_VERSION, "tool": __version__, "rules": self.rules, "store": place}


def _read(path: str) -> bytes:
    """Return the body of a cache file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not to be trusted; the message has the reason.
    """
    digest, _, body = read_private_file(path, _MAX_FILE_BYTES).partition(b"\n")
    if hashlib.sha256(body).hexdigest().encode() != digest:
        raise ValueError("it is damaged")
    return body


def _memory(document: dict[str, Any], header: dict[str, object]) -> Memory:
    """Return the state in a document; an empty one if another version wrote it or for other rules."""
    if {name: document[name] for name in header} != header:
        return Memory()
    return Memory(
        packs=frozenset(map(str, document["packs"])),
        loose=frozenset(map(str, document["loose"])),
        suspects=frozenset(map(str, document["suspects"])),
        damages={
            str(oid): tuple((str(place), str(detail)) for place, detail in rows)
            for oid, rows in document["damages"].items()
        },
        tips=frozenset(map(str, document["tips"])),
        traced=frozenset(map(str, document["traced"])),
        attribution=Attribution(
            _places(document["born"], FirstCommit),
            _places(document["lost"], FirstCommit),
            _places(document["last"], LastChange),
        ),
        missing=None if document["missing"] is None else int(document["missing"]),
        left_out=frozenset(map(str, document["left_out"])),
        reached=None if document["reached"] is None else int(document["reached"]),
    )


def _rows(places: Mapping[Place, FirstCommit | LastChange]) -> list[list[object]]:
    return [
        [
            oid,
            fsutil.decode(path),
            *(getattr(places[oid, path], name) for name in places[oid, path].__match_args__),
        ]
        for oid, path in sorted(places)
    ]


def _places(rows: list[list[Any]], kind: Callable[[int, str, str, bool], Value]) -> dict[Place, Value]:
    return {
        (str(oid), os.fsencode(path)): kind(int(time), str(commit), str(date), flag is True)
        for oid, path, time, commit, date, flag in rows
    }
