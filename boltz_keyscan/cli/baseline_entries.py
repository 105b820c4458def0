"""Entries of a baseline for the keys and gaps of a scan, and for keys accepted for another scanner."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import date

import click

from boltz_keyscan.cli.resolve import ResolvedOptions
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.imports.accepted import read_accepted, take_over
from boltz_keyscan.model.finding import Finding, Gap
from boltz_keyscan.records import dataclass, replace
from boltz_keyscan.redaction import redacted
from boltz_keyscan.report.wording import and_more, count, moment
from boltz_keyscan.sources.trusted_files import read_named_file
from boltz_keyscan.triage.baseline import PATH, Entry, capped_places, exposed_paths, path_key
from boltz_keyscan.triage.suppress import object_keys
from boltz_keyscan.trust import path_from

_SHA256_DIGITS = 64

ToBaseline = Callable[[str], str]
"""Function from a path in reports to that path in the baseline."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """The reason, person and last day of an acceptance of keys and gaps."""

    reason: str
    by: str
    until: date | None
    to_baseline: ToBaseline

    def keys(self, findings: Iterable[Finding]) -> Iterator[Entry]:
        """Yield an entry for each key."""
        for finding in findings:
            # The oldest location stays the same after a rename and on every machine.
            dated = [place for place in finding.locations if place.author_date]
            first = min(dated, key=lambda place: (moment(place.author_date), place.path), default=None)
            path = self.to_baseline((first or finding.locations[0]).path)
            yield self._entry(finding.fingerprint, finding.rule_id, path, self.places(finding, path))

    def places(self, finding: Finding, first: str) -> tuple[str, ...]:
        """Return the paths to record of a key beside the first."""
        return capped_places([self.to_baseline(path) for path in exposed_paths(finding.locations)], first)

    def gaps(self, gaps: Iterable[Gap]) -> Iterator[Entry]:
        """Yield one entry for each content of objects and files, and for each file that cannot be read.

        A file and a git object of the same content have one entry. A changed file is a new gap.
        """
        gaps = tuple(gaps)
        by_sha256 = any(gap.oid is not None and len(gap.oid) == _SHA256_DIGITS for gap in gaps)
        found: dict[str, Entry] = {}
        for gap in gaps:
            if names := object_keys(gap):
                where = self.to_baseline(gap.paths[0]) if gap.paths else gap.where
                new = [self._entry(names[-1 if by_sha256 else 0], gap.reason, where)]
            else:
                new = [self._entry(PATH, gap.reason, self.to_baseline(path)) for path in gap.paths]
            for entry in new:
                found.setdefault(entry.key, entry)
        yield from found.values()

    def _entry(self, what: str, kind: str, path: str, places: tuple[str, ...] = ()) -> Entry:
        return Entry(what, kind, path, redacted(self.reason), redacted(self.by), self.until, places=places)


def to_baseline(resolved: ResolvedOptions, file: bytes) -> ToBaseline:
    """Return the function that makes paths in reports relative to the folder of a baseline in the tree."""
    root = resolved.roots[0]
    if resolved.named is not None:
        return lambda path: path
    base = path_from(file, root)
    return lambda path: base + path[len(root.scope) :] if path.startswith(root.scope) else path


def gap_keys(gap: Gap, to_base: ToBaseline) -> tuple[set[str], set[str]]:
    """Return the keys of entries for a gap: those that accept it alone, and those needed together."""
    return set(object_keys(gap)), {path_key(to_base(path)) for path in gap.paths}


def open_gaps(gaps: Iterable[Gap], accepted: Collection[str], to_base: ToBaseline) -> list[Gap]:
    """Return the gaps that are not accepted, given the keys of the valid entries."""
    return [gap for gap in gaps if gap.accepted is None and not _is_accepted(gap, set(accepted), to_base)]


def _is_accepted(gap: Gap, accepted: set[str], to_base: ToBaseline) -> bool:
    alone, together = gap_keys(gap, to_base)
    return bool(alone & accepted) or (bool(together) and together <= accepted)


def with_new_places(entry: Entry, finding: Finding, acceptance: Acceptance) -> Entry:
    """Return an entry that names the present places of its key too."""
    now = [acceptance.to_baseline(path) for path in exposed_paths(finding.locations)]
    if all(map(entry.names, now)):
        return entry
    return replace(entry, places=capped_places({*entry.places, *now}, entry.path))


def author(given: str | None) -> str:
    """Return the person who accepts: as given, or git's author, or the login name.

    Raises:
        KeyscanError: none of them is known.
    """
    if given:
        return given
    from boltz_keyscan.cli.hook_folder import git_author  # noqa: PLC0415 - loads GitPython

    if found := git_author():
        return found
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError) as error:
        # A container whose user id has no name.
        raise KeyscanError("nobody is known to accept these keys", "Give your name with --by WHO.") from error


def take_over_keys(
    found: Sequence[Finding], source: str, acceptance: Acceptance
) -> tuple[list[Finding], list[Entry]]:
    """Return the keys that a file accepts at each path, and their entries; report the others.

    Args:
        found: the keys of the scan.
        source: path of a ``.secrets.baseline`` or ``.gitleaksignore``.
        acceptance: its reason is that of entries without one of their own.

    Raises:
        KeyscanError: the file cannot be read, or accepts none of the keys.
    """
    path = os.path.abspath(os.fsencode(source))
    accepted = read_accepted(path, source, read_named_file(path, source), acceptance.reason)
    known = take_over(found, accepted)
    taken = [each for each in found if each.fingerprint in known and not known[each.fingerprint][1]]
    if not taken and not any(left for _, left in known.values()):
        raise KeyscanError(
            f"{source} accepts none of the {count(len(found), 'key')} found",
            "Its paths are relative to its folder; scan that folder.",
        )
    for fingerprint, (_, left) in known.items():
        if left:
            places = f"{left[0]}{and_more(len(left) - 1, 'path')}"
            click.echo(redacted(f"not taken over: {fingerprint} is also in {places}"))
    if others := len(found) - len(known):
        click.echo(redacted(f"{count(others, 'key')} not accepted in {source}."))
    entries = [
        entry
        for each in taken
        for entry in replace(acceptance, reason=known[each.fingerprint][0]).keys([each])
    ]
    return taken, entries
