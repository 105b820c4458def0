"""What earlier scans of an object store have seen, by names that never change their meaning.

A pack's name is the hash of what it holds, a loose object's of its content: what was
scanned once under a name need not be read again. The file holds those names, the ids of
objects that had something in them (they are read again each time, so nothing found is
ever taken from here) and, for those, the commits that brought them in. It holds no key
and nothing that could be one: paths that look like one are left out.

Boundary: one file per object store; believed only when it is whole, ours, and made by
this version with these rules. Anything else is as if it were not there.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Set as AbstractSet
from dataclasses import astuple, dataclass, field
from typing import Any

from boltz_keyscan import __version__
from boltz_keyscan.fsutil import read_private_file, replace_file

log = logging.getLogger("boltz_keyscan")

_FORM = 2
_LIMIT = 256 << 20
"""Bytes of a cache file that are read."""


@dataclass(frozen=True, slots=True)
class FirstCommit:
    """The first commit in which an object stood at a path."""

    time: int
    """Committer time, seconds since 1970: with the id, what "first" is decided by."""
    commit: str
    author_date: str
    reachable: bool


Places = dict[tuple[str, bytes], FirstCommit]
"""By object and path."""


@dataclass(frozen=True, slots=True)
class Attribution:
    """What walks over a history told of some objects: the earliest commit for each place."""

    born: Places = field(default_factory=dict)
    """It stands there, and nowhere there in any parent."""
    lost: Places = field(default_factory=dict)
    """The same of commits that no reference reaches; only of objects with nothing else."""

    def only(self, oids: AbstractSet[str]) -> Attribution:
        """What is known of these objects."""
        born, lost = (
            {place: commit for place, commit in places.items() if place[0] in oids}
            for places in (self.born, self.lost)
        )
        return Attribution(born, lost)


@dataclass(frozen=True, slots=True)
class Memory:
    """What is known of one object store."""

    packs: frozenset[str] = frozenset()
    """Names of packs that were scanned whole."""
    loose: frozenset[str] = frozenset()
    """Ids of loose objects that were scanned."""
    suspects: frozenset[str] = frozenset()
    """Ids of objects in which something was found."""
    tips: frozenset[str] = frozenset()
    """What references pointed to when ``told`` was learnt."""
    traced: frozenset[str] = frozenset()
    """Ids of objects whose commits were looked for then."""
    told: Attribution = field(default_factory=Attribution)
    """What was found of them."""


@dataclass(frozen=True, slots=True)
class Cache:
    """Where memories are kept, and for which rules."""

    folder: str
    rules: str
    """A digest of the rule set."""

    def recall(self, store: bytes) -> Memory:
        """The memory of an object store; an empty one when there is none to be trusted."""
        path = self._path(store)
        try:
            raw = _read(path)
        except FileNotFoundError:
            return Memory()
        except (OSError, ValueError) as error:
            told = error.strerror if isinstance(error, OSError) else str(error)
            log.warning("cache ignored: %s: %s", path, told)
            return Memory()
        try:
            return _memory(json.loads(raw), self._header(store))
        except (ValueError, TypeError, KeyError, AttributeError):
            log.warning("cache ignored: %s: not in the form this version writes", path)
            return Memory()

    def keep(self, store: bytes, memory: Memory) -> None:
        """Write the memory of an object store; trouble is told and costs only the next scan time."""
        document = {
            **self._header(store),
            "packs": sorted(memory.packs),
            "loose": sorted(memory.loose),
            "suspects": sorted(memory.suspects),
            "tips": sorted(memory.tips),
            "traced": sorted(memory.traced),
            "born": _rows(memory.told.born),
            "lost": _rows(memory.told.lost),
        }
        body = json.dumps(document, separators=(",", ":")).encode()
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            replace_file(self._path(store), hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
        except OSError as error:
            log.warning("cache not written: %s: %s", self._path(store), error.strerror)

    def _path(self, store: bytes) -> str:
        name = hashlib.sha256(os.path.realpath(store)).hexdigest()[:32]
        return os.path.join(self.folder, f"{name}.json")

    def _header(self, store: bytes) -> dict[str, object]:
        place = hashlib.sha256(os.path.realpath(store)).hexdigest()
        return {"form": _FORM, "tool": __version__, "rules": self.rules, "store": place}


def _read(path: str) -> bytes:
    """The body of a cache file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not to be believed; says why.
    """
    digest, _, body = read_private_file(path, _LIMIT).partition(b"\n")
    if hashlib.sha256(body).hexdigest().encode() != digest:
        raise ValueError("it is damaged")
    return body


def _memory(document: dict[str, Any], header: dict[str, object]) -> Memory:
    """The memory in a document; an empty one when it was made by another version or for other rules."""
    if {name: document[name] for name in header} != header:
        return Memory()
    return Memory(
        packs=frozenset(map(str, document["packs"])),
        loose=frozenset(map(str, document["loose"])),
        suspects=frozenset(map(str, document["suspects"])),
        tips=frozenset(map(str, document["tips"])),
        traced=frozenset(map(str, document["traced"])),
        told=Attribution(_places(document["born"]), _places(document["lost"])),
    )


def _rows(places: Places) -> list[list[object]]:
    return [[oid, os.fsdecode(path), *astuple(commit)] for (oid, path), commit in sorted(places.items())]


def _places(rows: list[list[Any]]) -> Places:
    return {
        (str(oid), os.fsencode(path)): FirstCommit(int(time), str(commit), str(date), reachable is True)
        for oid, path, time, commit, date, reachable in rows
    }
