"""Lists of repositories: folders of clones and mirrors, addresses, and files that name both.

A list that others wrote, such as the output of ``gh repo list``, may name anything. An entry that cannot be
used becomes a repository that failed, so that it is never left out silently.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from typing import Any

from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.fleet.addresses import Address, display_address, is_address, parse_address
from boltz_keyscan.model.finding import Gap
from boltz_keyscan.records import dataclass
from boltz_keyscan.redaction import redacted
from boltz_keyscan.sources.git.repo.repository import is_git_dir

_MEMBERS = ("http_url_to_repo", "clone_url", "url", "sshUrl", "ssh_url_to_repo", "path")
"""Members of an object that name a repository: GitLab's projects API, GitHub's, ``gh --json``, our own."""

MAX_LIST_BYTES = 1 << 30
"""Bytes of the longest list that is read."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A repository to scan."""

    id: str
    name: str
    """Its address or path as it was given, redacted."""
    address: Address | None = None
    folder: str = ""
    """Absolute path; empty for an address."""
    refused: Gap | None = None
    """The reason for which it cannot be scanned."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The repositories of all sources, each once, sorted by name, and gaps of the list itself."""

    repositories: tuple[Listed, ...]
    gaps: tuple[Gap, ...]


def list_sources(sources: Iterable[str], lists: Iterable[tuple[str, bytes]] = ()) -> Listing:
    """List the repositories of sources.

    Args:
        sources: folders and addresses from the command line.
        lists: name and content of files that list repositories.

    Raises:
        KeyscanError: a source does not exist, has no repository or is refused, or a file is malformed.
    """
    gaps: list[Gap] = []
    named = [each for source in sources for each in _listed_source(source, gaps)]
    named += [_listed_entry(entry) for name, content in lists for entry in _entries(name, content)]
    # The first name counts.
    found = {each.id: each for each in reversed(named)}
    if not found and not gaps:
        raise KeyscanError("there is no repository to scan", "Name one, or a list with --repos.")
    ordered = sorted(found.values(), key=lambda each: (each.name, each.id))
    return Listing(tuple(ordered), tuple(gaps))


def _listed_source(source: str, gaps: list[Gap]) -> list[Listed]:
    """Return the repositories of a folder or an address from the command line; adds the gaps of a folder."""
    if is_address(source):
        return [_listed(source, _parse(source))]
    count = len(gaps)
    found = list(_below(source, gaps))
    if not found and len(gaps) == count:
        raise KeyscanError(f"no repository in {source}", "Name a repository, or a folder that has some.")
    return found


def _parse(text: str) -> Address:
    address = parse_address(text)
    if redacted(address.url) != address.url:
        # git gets it as an argument, which any user of this machine can read.
        raise KeyscanError("an address that is not used: it has a key in it", "Rename the repository.")
    return address


def _listed(text: str, address: Address | None, folder: str = "", refused: Gap | None = None) -> Listed:
    identity = address.url if address is not None else folder or text
    digest = hashlib.sha256(b"fleet:repository\0" + os.fsencode(identity)).hexdigest()[:32]
    shown = display_address(address.url if address is not None else text) if not folder else text
    return Listed(digest, redacted(shown), address, folder, refused)


def _listed_entry(entry: str) -> Listed:
    """Return an entry of a list, as a refused one if it cannot be used."""
    try:
        if is_address(entry):
            return _listed(entry, _parse(entry))
        folder = os.path.abspath(entry)
        if _is_repository(os.fsencode(folder)):
            return _listed(entry, None, folder)
        detail = "it is no address, and no folder with a repository"
    except (KeyscanError, ValueError) as error:
        detail = (
            error.message.rpartition(": ")[2] if isinstance(error, KeyscanError) else "it has a NUL in it"
        )
    text = entry.encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape").replace("\0", "\\0")
    where = redacted(display_address(text))
    return _listed(text, None, refused=Gap(where, "address-refused", detail))


def _is_repository(folder: bytes) -> bool:
    return os.path.lexists(os.path.join(folder, b".git")) or is_git_dir(folder)


def _below(source: str, gaps: list[Gap]) -> Iterator[Listed]:
    """Yield the outermost repositories in a folder; those inside of them are scanned with them.

    Raises:
        KeyscanError: the source is no folder.
    """
    top = os.path.abspath(os.fsencode(source))
    if not os.path.isdir(top):
        raise KeyscanError(f"no such folder or address: {source}", "Check the spelling.")

    def report(error: OSError) -> None:
        where = redacted(os.fsdecode(error.filename or top))
        gaps.append(Gap(where, "unreadable", f"not searched: {error.strerror}", paths=(where,)))

    for folder, folders, _ in os.walk(top, onerror=report):
        if _is_repository(folder):
            folders.clear()
            inside = os.path.relpath(folder, top)
            name = source if inside == b"." else os.path.join(source, os.fsdecode(inside))
            yield _listed(name, None, os.fsdecode(folder))
        folders.sort()


def _entries(name: str, content: bytes) -> Iterator[str]:
    """Yield the entries of a list: one a line, or those of JSON documents one after the other.

    Raises:
        KeyscanError: it is JSON of another form, or no text.
    """
    try:
        text = content.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise KeyscanError(f"{name} is no text", "Give one address or path a line, or JSON.") from error
    if text[:1] not in {"[", "{"}:
        lines = (line.strip() for line in text.splitlines())
        yield from (line for line in lines if line and not line.startswith("#"))
        return
    decoder, position = json.JSONDecoder(), 0
    while position < len(text):
        try:
            document, position = decoder.raw_decode(text, position)
        except (json.JSONDecodeError, RecursionError) as error:
            raise KeyscanError(f"{name} is not JSON", "Was the output of the command cut off?") from error
        yield from _names_in(name, document)
        while position < len(text) and text[position] in " \t\r\n,":
            position += 1


def _names_in(name: str, document: Any) -> Iterator[str]:  # noqa: ANN401 - JSON, checked here
    for item in document if isinstance(document, list) else [document]:
        if isinstance(item, str):
            yield item
            continue
        found = [item[member] for member in _MEMBERS if item.get(member)] if isinstance(item, dict) else []
        if not found or not isinstance(found[0], str):
            members = ", ".join(_MEMBERS)
            raise KeyscanError(f"{name}: an entry names no repository", f"It needs one of: {members}.")
        yield found[0]


def parse_shard(text: str) -> tuple[int, int]:
    """Return number and count of ``I/N``.

    Raises:
        KeyscanError: it is no shard.
    """
    number, _, count = text.partition("/")
    if number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count):
        return int(number), int(count)
    raise KeyscanError(f"not a shard: {text}", "Give I/N with I from 1 to N, such as 2/8.")


def select_shard(listing: Listing, shard: tuple[int, int]) -> tuple[Listed, ...]:
    """Return the repositories of a shard. A repository stays in its shard when the list changes."""
    number, count = shard
    return tuple(each for each in listing.repositories if int(each.id[:12], 16) % count == number - 1)
