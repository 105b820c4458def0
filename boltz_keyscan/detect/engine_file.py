"""The compiled engine in the user's cache.

One file for each rule set, version of this program, version of hyperscan and processor. It
is trusted only if it belongs to this user and no other user may write to it, its checksum is
right, hyperscan accepts it for this processor, and a probe finds all its literals. A file that
fails is replaced. The format is plain: a header line, the sizes of the sections, and the
sections with every byte inverted.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import zlib
from typing import NoReturn

import hyperscan

from boltz_keyscan._version import __version__
from boltz_keyscan.errors import warn
from boltz_keyscan.fsutil import PLATFORM, machine, read_private_file, replace_file, user_cache_dir
from boltz_keyscan.records import dataclass

_FORMAT = b"boltz-keyscan engine 2"

_MAX_BYTES = 64 << 20
"""Bytes of a file that are read; real ones have about 900 kB."""

_SOURCE_MODULES = (
    *("base32", "decoders", "encodings", "engine", "escapes", "literal_table", "literals"),
    *(f"layouts/{name}" for name in ("cells", "dumps", "markup", "spaced", "values")),
    *("../base64_text", "../beginnings", "../rules"),
)
"""Modules that determine the literals: in a checkout they change without the version."""

_INVERTED = bytes(range(255, -1, -1))
"""Every byte inverted: a scan of the folder that the file is in must not find its literals."""

_MAX_FILES = 8
"""Engines in the cache: a machine may have several installations of several versions."""

_PROBE_STEP = 61
"""The probe has one in so many literals; a prime, so that it has some of every encoding."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The literals of an engine in their stored form."""

    lengths: bytes
    """The length of each literal, one byte each."""
    text: bytes
    """All literals, one after the other."""
    meanings: bytes
    """A line for each literal."""
    marks: bytes
    """For each signature of an archive the bytes from the beginning of the archive to its end, in decimal."""


def identity(prefixes: tuple[bytes, ...]) -> bytes:
    """Return the identity of an engine: equal exactly if two engines are interchangeable."""
    # The build of hyperscan decides what the serialised form is; hyperscan itself checks the processor.
    built = hyperscan.__version__  # type: ignore[attr-defined]  # its stubs leave it out
    parts = (__version__, built, PLATFORM, machine(), _module_stamps())
    return " ".join(parts).encode() + b" " + b" ".join(prefixes)


def _module_stamps() -> str:
    """Return sizes and times of the modules that determine the literals."""
    folder = os.path.dirname(__file__)
    stamps = []
    for name in _SOURCE_MODULES:
        with contextlib.suppress(OSError):
            facts = os.stat(os.path.join(folder, f"{name}.py"))
            stamps.append(f"{facts.st_size}:{facts.st_mtime_ns}")
    return ",".join(stamps)


def path(identity: bytes) -> str | None:
    """Return the path of an engine in the user's cache; None if this user has no cache."""
    folder = user_cache_dir()
    return None if folder is None else os.path.join(folder, f"engine-{zlib.crc32(identity):08x}")


def load(identity: bytes) -> tuple[hyperscan.Database, Stored] | None:
    """Load an engine; return None if it is missing, and with a warning if it is not trusted."""
    place = path(identity)
    if place is None:
        return None
    try:
        database, stored = _parse(read_private_file(place, _MAX_BYTES), identity)
        _prove(database, stored)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, hyperscan.HyperscanError) as error:
        reason = (error.strerror if isinstance(error, OSError) else str(error)) or type(error).__name__
        warn(f"cache ignored: {place}: {reason}")
        return None
    return database, stored


def save(identity: bytes, database: hyperscan.Database, stored: Stored) -> None:
    """Write an engine to the user's cache; a failure is a warning and slows down the next run only."""
    place = path(identity)
    if place is None:
        return
    sections = (
        identity,
        hyperscan.dumpb(database),
        stored.lengths,
        stored.text,
        stored.meanings,
        stored.marks,
    )
    sizes = " ".join(str(len(section)) for section in sections).encode()
    body = sizes + b"\n" + b"".join(sections).translate(_INVERTED)
    try:
        os.makedirs(os.path.dirname(place), mode=0o700, exist_ok=True)
        replace_file(place, b"%b %08x\n%b" % (_FORMAT, zlib.crc32(body), body))
        _remove_old(os.path.dirname(place))
    except OSError as error:
        warn(f"cache not written: {place}: {error.strerror}")


def _parse(raw: bytes, identity: bytes) -> tuple[hyperscan.Database, Stored]:
    """Read the sections of a file.

    Raises:
        ValueError: it is damaged, or has another identity.
        hyperscan.HyperscanError: its database does not run here.
    """
    head, _, body = raw.partition(b"\n")
    if head != b"%b %08x" % (_FORMAT, zlib.crc32(body)):
        _refuse("it is damaged")
    sizes, _, body = body.partition(b"\n")
    body = body.translate(_INVERTED)
    sections = []
    for size in map(int, sizes.split()):
        sections.append(body[:size])
        body = body[size:]
    own_identity, serialised, lengths, text, meanings, marks = sections
    if own_identity != identity or sum(lengths) != len(text):
        _refuse("it is for another version")
    return hyperscan.loadb(serialised, hyperscan.HS_MODE_BLOCK), Stored(lengths, text, meanings, marks)


def _prove(database: hyperscan.Database, stored: Stored) -> None:
    """Check that the database finds a sample of the literals at their offsets.

    Raises:
        ValueError: it does not.
    """
    starts = [0, *itertools.accumulate(stored.lengths)]
    expected: set[tuple[int, int]] = set()
    probe = b""
    for number in range(0, len(stored.lengths), _PROBE_STEP):
        probe += b"\x80" + stored.text[starts[number] : starts[number + 1]]
        expected.add((number, len(probe)))
    found: set[tuple[int, int]] = set()
    database.scan(
        probe,
        match_event_handler=lambda number, _start, stop, _flags, _context: found.add((number, stop)),
        scratch=hyperscan.Scratch(database),
    )
    if not expected or not expected <= found:
        _refuse("it does not find what it must")


def _refuse(reason: str) -> NoReturn:
    raise ValueError(reason)


def _remove_old(folder: str) -> None:
    names = [name for name in os.listdir(folder) if name.startswith("engine-")]
    paths = [os.path.join(folder, name) for name in names]
    for old in sorted(paths, key=lambda path: os.lstat(path).st_mtime)[:-_MAX_FILES]:
        os.unlink(old)
