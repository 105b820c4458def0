"""Reading of the places of a machine: small files, environments of programs, and lists of large files.

``audit.places`` has the table; ``audit.local`` checks what is read here.
"""

from __future__ import annotations

import glob
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping

from boltz_keyscan.audit.places import PLACES, Kind, Place
from boltz_keyscan.fsutil import FOLLOWING_READ_FLAGS, others_may_read
from boltz_keyscan.model.finding import Detector, Match
from boltz_keyscan.records import dataclass
from boltz_keyscan.system.processes import own_processes

MAX_FILE_BYTES = 32 << 20
"""Bytes of a small file that are read; agents keep megabytes in their settings."""

_ASSIGNMENT_START = rb"(?m)^[ \t]*(?:export[ \t]+|setenv[ \t]+|set[ \t]+(?:-\S+[ \t]+)*)?"
_SET = re.compile(_ASSIGNMENT_START + rb"[\"']?(BOLTZ_[A-Z_]+)[\"']?[ \t]*[ \t=:]([^\n]*)")
"""A variable and its value, in the forms of shells and of ``.env`` files."""

_REFERENCE = re.compile(rb"[ \t]*[\"']?(?:[$`]|op://|vault:|$|#)")
"""A value that is a reference to a secret store or another variable."""

_ADDRESS = re.compile(
    rb"(?m)^[ \t]*\{?[ \t]*[\"']?"
    rb"(issuer_url|authorization_url|token_url|userinfo_url|revocation_url|endpoint|signup_url)"
    rb"[\"']?[ \t]*:[ \t]*[\"']?([^\s\"',}]+)"
)
"""A setting of a Boltz tool that is an address, in YAML or JSON (boltz-api-cli ``authconfig``, boltz-lab)."""

_OWN_ADDRESS = re.compile(rb"https://(?:[a-z0-9-]+\.)*boltz\.bio(?::443)?(?:/|$)")


@dataclass(frozen=True, slots=True)
class LocalFile:
    """The content of one of these files, or the environment of a program."""

    path: str
    """The path, redacted and safe to print."""
    place: Place
    shared: bool = False
    """True if other users of this machine may read it."""
    variables: tuple[tuple[str, int, str], ...] = ()
    """``BOLTZ_*`` variables with a literal value: name, line, and ``debug`` where that is the value."""
    addresses: tuple[tuple[str, int], ...] = ()
    """Settings of a Boltz tool that are addresses of others, with their lines."""
    keys: tuple[Match, ...] = ()
    trouble: str = ""
    """The reason for which it could not be read."""

    @property
    def kind(self) -> Kind:
        """Return the kind of its place."""
        return self.place.kind


def list_files(
    bases: Mapping[str, tuple[str, ...]], *, deep: bool, user: str
) -> Iterator[tuple[bytes, Place]]:
    """Yield the files that exist in places, each once, with its place.

    Args:
        bases: the folders of the bases; see ``places.base_folders``.
        deep: yield the places that are searched only on request, and no others.
        user: the name of the user, for ``{user}`` in a pattern.
    """
    seen: set[bytes] = set()
    for place in PLACES:
        for path in _expand(place.patterns.replace("{user}", user), bases):
            real = os.path.realpath(path)
            if real not in seen:
                # A file counts for its first row, also when only the others are asked for.
                seen.add(real)
                if place.deep is deep:
                    yield path, place


def _expand(patterns: str, bases: Mapping[str, tuple[str, ...]]) -> Iterator[bytes]:
    for pattern in patterns.split():
        base, _, name = pattern.partition(":")
        is_whole = name.endswith("**")
        for folder in bases[base]:
            start = os.path.join(glob.escape(folder), name.removesuffix("**").rstrip("/"))
            for path in sorted(glob.glob(os.fsencode(start), include_hidden=True)):
                if is_whole:
                    yield from _walk(path)
                else:
                    yield path


def _walk(folder: bytes) -> Iterator[bytes]:
    """Yield the files below a folder, without following links; a folder that cannot be listed as itself."""
    unlisted: list[bytes] = []
    for parent, folders, names in os.walk(folder, onerror=lambda error: unlisted.append(error.filename)):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(parent, name)
            if not os.path.islink(path):
                yield path
    yield from unlisted


def read_files(files: Iterable[tuple[bytes, Place]], detector: Detector) -> Iterator[LocalFile]:
    """Read small files."""
    return (_read_file(path, place, detector) for path, place in files)


def read_environment_files(project: bytes, detector: Detector) -> Iterator[LocalFile]:
    """Read the environment files of a project, without following links."""
    (place,) = (each for each in PLACES if each.kind is Kind.ENVIRONMENT)
    for path in _expand(place.patterns, {"home": (), "project": (os.fsdecode(project),)}):
        if not os.path.islink(path):
            yield _read_file(path, place, detector)


def read_environments(environ: Mapping[bytes, bytes], detector: Detector) -> Iterator[LocalFile]:
    """Read the environment of this program, and where the system has ``/proc``, the keys in all others.

    Args:
        environ: the environment of this program.
        detector: the detector for keys in them.
    """
    own = b"\n".join(name + b"=" + value.replace(b"\n", b" ") for name, value in environ.items())
    place = Place(Kind.PROCESS, "")
    keys = tuple(detector.find([own]))
    yield LocalFile("this program", place, variables=_variables(own), keys=keys)
    for number, name, content in own_processes(MAX_FILE_BYTES):
        shown = f"process {number} ({detector.redact(name)})"
        yield LocalFile(shown, place, keys=tuple(detector.find([content])))


def _read_file(path: bytes, place: Place, detector: Detector) -> LocalFile:
    shown = detector.redact(path)
    try:
        descriptor = os.open(path, FOLLOWING_READ_FLAGS)
        with open(descriptor, "rb") as file:
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode):
                return LocalFile(shown, place, trouble="not a regular file")
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        return LocalFile(shown, place, trouble=error.strerror or type(error).__name__)
    trouble = f"only the first {MAX_FILE_BYTES >> 20} MiB were read" if len(content) > MAX_FILE_BYTES else ""
    addresses: Iterable[re.Match[bytes]] = ()
    if place.kind in {Kind.SETTINGS, Kind.CREDENTIALS}:
        addresses = (found for found in _ADDRESS.finditer(content) if not _OWN_ADDRESS.match(found[2]))
    return LocalFile(
        shown,
        place,
        others_may_read(facts),
        _variables(content),
        tuple((found[1].decode("ascii"), _line(content, found.start(1))) for found in addresses),
        tuple(detector.find([content])),
        trouble,
    )


def _variables(content: bytes) -> tuple[tuple[str, int, str], ...]:
    return tuple(
        (found[1].decode("ascii"), _line(content, found.start(1)), _level(found[2]))
        for found in _SET.finditer(content)
        if not _REFERENCE.match(found[2])
    )


def _level(value: bytes) -> str:
    return "debug" if value.strip(b" \t\r\"'").lower() in {b"debug", b"trace"} else ""


def _line(content: bytes, offset: int) -> int:
    return content.count(b"\n", 0, offset) + 1
