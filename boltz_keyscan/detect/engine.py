"""The search engine: every byte of a scan passes through it once.

One hyperscan database has every literal that a part of a type prefix is encoded to. It is
compiled once, saved in the user's cache (``engine_file``), and from then on loaded in under a
millisecond; without a usable cache it is compiled in this process.
"""

from __future__ import annotations

import bisect
import functools
import itertools
import threading
from typing import TYPE_CHECKING, Final

import hyperscan

from boltz_keyscan import rules
from boltz_keyscan.detect import engine_file, literals
from boltz_keyscan.detect.engine_file import Stored
from boltz_keyscan.detect.literals import BROKEN_REACH, LONGEST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from boltz_keyscan.detect.literals import Meaning

OVERLAP: Final = LONGEST - 1
"""Bytes that two neighbouring buffers share, so that no literal is cut by the boundary."""

_APART: Final = b"\xff"
"""A byte that is in no literal: they consist of ASCII characters and NULs."""

Found = tuple[int, bytes]
"""An offset and the literal found there."""

Buffer = bytes | bytearray | memoryview


class _Scratch(threading.local):
    """The working memory of one thread: hyperscan allows one scan at a time in each."""

    def __init__(self, database: hyperscan.Database) -> None:
        self.memory = hyperscan.Scratch(database)


class Engine:
    """A database and its literals.

    Args:
        database: compiled from the literals followed by the signatures; a match carries the position.
        stored: the literals and their meanings.
        prefixes: the type prefixes that the literals were made of.
    """

    def __init__(self, database: hyperscan.Database, stored: Stored, prefixes: tuple[bytes, ...]) -> None:
        self._database = database
        self._scratch = _Scratch(database)
        self._stored = stored
        self._literals: dict[int, bytes] = {}
        self._numbers: dict[bytes, int] = {}
        self._read: dict[bytes, tuple[Meaning, ...]] = {}
        self._ends = literals.prefix_endings(prefixes)
        self._exact = frozenset(filter(rules.is_exact, prefixes))

    def find(self, buffer: Buffer, end: int, marks: list[int] | None = None) -> list[Found]:
        """Find every literal in ``buffer[:end]``, in the order in which they end.

        Args:
            buffer: the bytes to search.
            end: the end of the search.
            marks: offsets where an archive may begin are appended to it.
        """
        matches = self._matches(memoryview(buffer)[:end], marks)
        return self._plausible(buffer, matches) if matches else []

    def find_in_each(self, texts: Sequence[bytes]) -> list[list[Found]]:
        """Find every literal in each of several texts, in order of offset, in one pass over all.

        Args:
            texts: the texts to search; a literal is never in two of them.
        """
        starts = [0, *itertools.accumulate(len(text) + len(_APART) for text in texts)]
        matches: list[list[tuple[int, int]]] = [[] for _ in texts]
        for stop, number in self._matches(_APART.join(texts)):
            index = bisect.bisect_left(starts, stop) - 1
            matches[index].append((stop - starts[index], number))
        return [
            sorted(set(self._plausible(text, own))) if own else []
            for text, own in zip(texts, matches, strict=True)
        ]

    def _matches(self, buffer: Buffer, marks: list[int] | None = None) -> list[tuple[int, int]]:
        """Return the end and the number of every literal in a buffer, in order of the ends."""
        matches: list[tuple[int, int]] = []
        count = len(self._stored.lengths)

        def note(number: int, _start: int, stop: int, _flags: int, _context: object) -> None:
            if number < count:
                matches.append((stop, number))
            elif marks is not None and (offset := stop - self._marks[number - count]) >= 0:
                marks.append(offset)

        self._database.scan(
            buffer,  # type: ignore[type-var]  # any buffer does
            match_event_handler=note,
            scratch=self._scratch.memory,
        )
        return matches

    def meanings(self, literal: bytes) -> tuple[Meaning, ...]:
        """Return the meanings of a literal."""
        if literal not in self._read:
            if literal not in self._numbers:
                # Not one that this engine found.
                for number in range(len(self._stored.lengths)):
                    self._literal(number)
            self._read[literal] = literals.read_meanings(self._lines[self._numbers[literal]])
        return self._read[literal]

    def _literal(self, number: int) -> bytes:
        if number not in self._literals:
            literal = self._stored.text[self._starts[number] : self._starts[number + 1]]
            self._literals[number] = literal
            self._numbers[literal] = number
        return self._literals[number]

    @functools.cached_property
    def _starts(self) -> tuple[int, ...]:
        return (0, *itertools.accumulate(self._stored.lengths))

    @functools.cached_property
    def _lines(self) -> list[bytes]:
        return self._stored.meanings.splitlines()

    @functools.cached_property
    def _marks(self) -> tuple[int, ...]:
        return tuple(map(int, self._stored.marks.split()))

    def _plausible(self, buffer: Buffer, matches: list[tuple[int, int]]) -> list[Found]:
        """Drop the ends of whole prefixes, ends without a beginning before them, and parts of names.

        For example ``news_test_`` and ``x86_shr_imm``.
        """
        found = []
        known, beginnings, exact = self._literals, self._ends, self._exact
        for stop, number in matches:
            literal = known.get(number) or self._literal(number)
            offset = stop - len(literal)
            if literal in exact and not _is_secret(buffer, offset, stop):
                continue
            if beginning := beginnings.get(literal):
                if buffer[max(offset - len(beginning), 0) : offset] == beginning:
                    continue
                if offset >= BROKEN_REACH:
                    before = bytes(buffer[offset - BROKEN_REACH : offset])
                    if not any(part in before for part in _halves(beginning)):
                        continue
            found.append((offset, literal))
        return found


def _is_secret(buffer: Buffer, offset: int, stop: int) -> bool:
    """Return True if an exact prefix may begin a secret."""
    from boltz_keyscan.detect import boundaries  # noqa: PLC0415 - only for buffers with such a prefix

    low = max(offset - boundaries.BEFORE, 0)
    text = bytes(buffer[low : stop + boundaries.AFTER])
    return boundaries.may_be_secret(text, offset - low, stop - low)


def candidate_offsets(
    buffer: Buffer, end: int, prefixes: tuple[bytes, ...], marks: list[int] | None = None
) -> list[int]:
    """Return the offsets in ``buffer[:end]`` where a key may begin, in order.

    Offsets where an archive may begin are appended to ``marks``.
    """
    found = engine(prefixes).find(buffer, end, marks)
    return sorted({offset for offset, _ in found}) if found else []


def find_literals(buffer: bytes, prefixes: tuple[bytes, ...]) -> list[Found]:
    """Find every literal in ``buffer``, in order of offset."""
    found = engine(prefixes).find(buffer, len(buffer))
    return sorted(set(found)) if found else []


def find_in_each(texts: Sequence[bytes], prefixes: tuple[bytes, ...]) -> list[list[Found]]:
    """Find every literal in each of several texts, in order of offset."""
    return engine(prefixes).find_in_each(texts) if texts else []


@functools.cache
def engine(prefixes: tuple[bytes, ...]) -> Engine:
    """Return the engine for a set of type prefixes, from the cache or compiled and saved there."""
    identity = engine_file.identity(prefixes)
    # Only for the bundled rules: the prefix of another rule could be a key.
    is_bundled = prefixes == rules.list_prefixes(rules.load())
    if is_bundled and (loaded := engine_file.load(identity)) is not None:
        return Engine(*loaded, prefixes)
    database, stored = _compile(prefixes)
    if is_bundled:
        engine_file.save(identity, database, stored)
    return Engine(database, stored, prefixes)


def _compile(prefixes: tuple[bytes, ...]) -> tuple[hyperscan.Database, Stored]:
    """Return the database of all literals of type prefixes, and of the signatures of archives."""
    # A saved engine needs neither.
    from boltz_keyscan import beginnings  # noqa: PLC0415 - see above
    from boltz_keyscan.detect import literal_table  # noqa: PLC0415 - see above

    table = literal_table.make_table(prefixes)
    signatures = beginnings.literals()
    stored = Stored(
        lengths=bytes(map(len, table.literals)),
        text=b"".join(table.literals),
        meanings=b"\n".join(map(literals.write_meanings, table.meanings)),
        marks=b" ".join(b"%d" % (before + len(literal)) for literal, before in signatures),
    )
    return compile_literals((*table.literals, *(literal for literal, _ in signatures))), stored


def compile_literals(texts: tuple[bytes, ...]) -> hyperscan.Database:
    """Compile a database whose matches carry the position of the literal in ``texts``."""
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        # Hyperscan's literal compiler ends a literal at a NUL, so bytes are given as \xHH.
        expressions=[b"\\x" + text.hex("\t").encode().replace(b"\t", b"\\x") for text in texts],
        ids=list(range(len(texts))),
        elements=len(texts),
        flags=[0] * len(texts),
    )
    return database


@functools.cache
def _halves(beginning: bytes) -> tuple[bytes, ...]:
    """Return the parts of ``beginning`` of which one is whole after any single break."""
    half = max(len(beginning) // 2, 1)
    return tuple({beginning[at : at + half] for at in range(len(beginning) - half + 1)})
