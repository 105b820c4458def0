"""Wanted objects below each tree: each tree is read once, whatever the number of paths to it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BufferedReader

from boltz_keyscan.errors import GitError
from boltz_keyscan.sources.git.objects.reader import MAX_TREE_BYTES
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.git.run.output import parsing_git_output

_MOST_TREES = 500_000
"""Trees that are remembered, 100 MB of them; between commits all may be forgotten and read again."""

_MOST_ENTRIES = 200_000
"""Entries that are kept beside, 40 MB of them; then all are forgotten and read again."""

_TREE = 0o040000
_KIND = 0o170000


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a tree that is wanted, or leads to something wanted."""

    name: bytes
    oid: bytes
    wanted: int
    """The bit of the object if it is itself wanted, otherwise 0."""
    tree: bool
    """Something wanted lies below."""


@dataclass(slots=True)
class _Open:
    """A tree whose subtrees are being looked into."""

    oid: bytes
    entries: list[tuple[bool, bytes, bytes]]
    pending: Iterator[bytes]


class Closure:
    """Trees with the wanted objects below them. Ids are raw bytes."""

    def __init__(
        self, view: git.RepoView, wanted: Mapping[bytes, frozenset[bytes] | None], until: float
    ) -> None:
        """Look for these objects, each under these names (None for any), until a time (monotonic)."""
        self.problems: list[str] = []
        self._view = view
        self._names = wanted
        self._bits = {oid: 1 << number for number, oid in enumerate(wanted)}
        self._until = until
        self._child: git.GitProcess | None = None
        self._output: BufferedReader
        self._masks: dict[bytes, int] = {}
        """For each tree that was read, a bit for each wanted object below it."""
        self._same: dict[int, int] = {0: 0}
        """One object for equal masks: thousands of trees share a few."""
        self._entries: dict[bytes, dict[bytes, Entry]] = {}
        self._kept = 0

    def holds(self, root: bytes) -> bool:
        """Return True if a tree leads to a wanted object.

        Raises:
            StoppedError: time is up.
        """
        if len(self._masks) > _MOST_TREES:
            self._masks.clear()
            self._entries.clear()
            self._kept = 0
        return bool(self._mask(root))

    def root(self, revision: bytes) -> bytes | None:
        """The tree of a commit, or the tree itself; None when git does not have it."""
        words = self._ask(b"info %s^{tree}\n" % revision.hex().encode())
        with parsing_git_output():
            return bytes.fromhex(words[0].decode("ascii", "replace")) if len(words) == 3 else None

    def entries(self, tree: bytes) -> dict[bytes, Entry]:
        """The entries of a tree that lead to something wanted, by name, in its order."""
        if not self._mask(tree):
            return {}
        found = self._entries.get(tree)
        return self._leading(tree, self._read(tree)) if found is None else found

    def at(self, root: bytes, path: bytes) -> str | None:
        """The object at a path that is known to lead to something wanted."""
        *folders, name = path.split(b"/")
        tree = root
        for folder in folders:
            entry = self.entries(tree).get(folder)
            if entry is None or not entry.tree:
                return None
            tree = entry.oid
        entry = self.entries(tree).get(name)
        return entry.oid.hex() if entry is not None and entry.wanted else None

    def on_time(self) -> None:
        """Raise StoppedError when time is up."""
        if time.monotonic() > self._until:
            raise git.StoppedError("its trees are nested in a way that takes too long to walk")

    def close(self) -> None:
        """End the git that reads."""
        if self._child is not None:
            self._child.__exit__()
            self._child = None

    def _mask(self, root: bytes) -> int:
        """Return the wanted objects below a tree; computed for all trees below too, deepest first."""
        if root not in self._masks:
            opened = [self._open(root)]
            while opened:
                last = opened[-1]
                child = next((oid for oid in last.pending if oid not in self._masks), None)
                if child is not None:
                    opened.append(self._open(child))
                    continue
                opened.pop()
                mask = 0
                for entry in self._leading(last.oid, last.entries).values():
                    mask |= entry.wanted | (self._masks[entry.oid] if entry.tree else 0)
                self._masks[last.oid] = self._same.setdefault(mask, mask)
        return self._masks[root]

    def _open(self, tree: bytes) -> _Open:
        self.on_time()
        # Known from now on: a store can be forged so that a tree lies within itself.
        self._masks[tree] = 0
        entries = self._read(tree)
        return _Open(tree, entries, iter([oid for is_tree, _, oid in entries if is_tree]))

    def _leading(self, tree: bytes, entries: list[tuple[bool, bytes, bytes]]) -> dict[bytes, Entry]:
        found = {}
        for is_tree, name, oid in entries:
            below = is_tree and self._masks.get(oid, 0) != 0
            bit = self._bits.get(oid, 0)
            if bit and (names := self._names[oid]) is not None and name not in names:
                bit = 0
            if bit or below:
                # A name that comes twice, which only forged trees have, hides nothing.
                key = name if name not in found else name + b"\0" + oid
                found[key] = Entry(name, oid, bit, below)
        if self._kept > _MOST_ENTRIES:
            self._entries.clear()
            self._kept = 0
        if found and tree not in self._entries:
            self._entries[tree] = found
            self._kept += len(found)
        return found

    def _read(self, tree: bytes) -> list[tuple[bool, bytes, bytes]]:
        """Return True for a tree, with name and id of each entry; on an error none, and a problem."""
        try:
            return list(_entries(self._content(tree), self._view.id_bytes))
        except (GitError, OSError) as error:
            self.close()
            told = error.message if isinstance(error, GitError) else str(error.strerror)
            self.problems.append(told)
            return []

    def _content(self, tree: bytes) -> bytes:
        words = self._ask(b"contents %s\n" % tree.hex().encode())
        if len(words) != 3 or not words[2].isdigit():
            raise GitError(f"git does not have tree {tree.hex()}")
        size = int(words[2])
        if words[1] != b"tree" or size > MAX_TREE_BYTES:
            raise GitError(f"tree {tree.hex()} is none, or too large to be read")
        content = self._output.read(size + 1)
        if len(content) != size + 1:
            raise GitError(f"git cannot read tree {tree.hex()}")
        return content[:-1]

    def _ask(self, command: bytes) -> list[bytes]:
        if self._child is None:
            self._child = git.GitProcess(self._view, "cat-file", "--batch-command", stdin=subprocess.PIPE)
            self._output = BufferedReader(self._child.output, 1 << 16)
        self._child.write(command)
        return self._output.readline().split()


def _entries(tree: bytes, id_bytes: int) -> Iterator[tuple[bool, bytes, bytes]]:
    """Entries of a tree (gitformat: ``mode SP name NUL id``); stops where it is broken."""
    at = 0
    while 0 <= (space := tree.find(b" ", at)) < (nul := tree.find(b"\0", space)):
        mode, at, after = tree[at:space], nul + 1 + id_bytes, nul + 1
        is_tree = mode in (b"40000", b"040000")
        yield is_tree, tree[space + 1 : nul], tree[after:at]
