"""Unit of work: one repository, from its address or folder to its outcome.

``scan_unit`` runs in a worker, on this machine or on another one. It raises nothing: whatever goes wrong is
an outcome with the reason.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from datetime import UTC, datetime

from boltz_keyscan import pipeline, rules
from boltz_keyscan import trust as trusts
from boltz_keyscan._version import __version__
from boltz_keyscan.errors import KeyscanError, describe_bug
from boltz_keyscan.fleet.digest import content_digest
from boltz_keyscan.fleet.large import scan_processes
from boltz_keyscan.fleet.mirror import FetchLimits, TokenSource, fetch, mark_scanned
from boltz_keyscan.fleet.naming import rename_repository
from boltz_keyscan.fleet.outcome import Outcome
from boltz_keyscan.fleet.sources import Listed
from boltz_keyscan.model.finding import Gap, ScanResult
from boltz_keyscan.model.fleet import RepositoryStatus
from boltz_keyscan.plan import Options, make_plan
from boltz_keyscan.policy import FailPolicy
from boltz_keyscan.records import dataclass, replace
from boltz_keyscan.redaction import redacted
from boltz_keyscan.scan_roots import Trust, scan_roots
from boltz_keyscan.sources.git.packs.shared_objects import SharedFolder
from boltz_keyscan.sources.git.repo.references import read_references
from boltz_keyscan.sources.git.repo.repository import Repository, open_usable
from boltz_keyscan.sources.git.run import tempdir
from boltz_keyscan.triage.text_file import TextFile
from boltz_keyscan.trust import SuppressionInputs


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of a fleet scan that workers need. Picklable, and without a token."""

    fail_policy: FailPolicy = FailPolicy()
    trust: str = "none"
    baseline: tuple[str, bytes] | None = None
    """Name and content of a baseline for all repositories."""
    token: TokenSource = TokenSource()
    limits: FetchLimits = FetchLimits()
    mirror_dir: str = ""
    """Folder for mirrors; empty for a temporary one."""
    keep_mirrors: bool = False
    shared_dir: str = ""
    """Folder of object ids that forks need not read again; empty for none."""
    jobs: int = 1
    """Processes for the scan of a large repository; see ``large``."""
    turn: str = ""
    """File that gives large repositories their turn; empty if they need not wait for each other."""

    def digest(self) -> str:
        """Return a digest of all that a result depends on besides the repository."""
        # Entries of a baseline and of an ignore file end on a day.
        is_dated = self.baseline is not None or self.trust != "none"
        values = (
            *(
                __version__,
                rules.digest(),
                self.fail_policy.fail_on.value,
                self.fail_policy.fail_on_unexposed,
                self.trust,
            ),
            hashlib.sha256(self.baseline[1]).hexdigest() if self.baseline is not None else None,
            datetime.now(UTC).date().isoformat() if is_dated else None,
        )
        return hashlib.sha256(json.dumps(values).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Unit:
    """A repository to scan."""

    repository: Listed
    settings: Settings
    digest: str = ""
    """Digest of the last complete scan; empty if there was none."""


def scan_unit(unit: Unit) -> Outcome:
    """Fetch and scan a repository, unless it is unchanged, and return the outcome."""
    repository = unit.repository
    try:
        if repository.refused is not None:
            return Outcome.failure(repository.id, repository.refused)
        return _scan_address(unit) if repository.address is not None else _scan_folder(unit)
    except KeyscanError as error:
        gap = Gap(repository.name, "failed", redacted(f"{error.message}; {error.hint}".removesuffix("; ")))
    except OSError as error:
        gap = Gap(repository.name, "failed", f"given up: {error.strerror or type(error).__name__}")
    except Exception as error:  # noqa: BLE001 - its message or its chain may quote scanned bytes
        gap = Gap(repository.name, "failed", describe_bug(error, 4))
    return Outcome.failure(repository.id, gap)


def _scan_folder(unit: Unit) -> Outcome:
    folder = unit.repository.folder
    digest = _combine(content_digest(folder), unit.settings)
    if digest and digest == unit.digest:
        return _unchanged(unit)
    result = _scan(folder, unit, files=True)
    return Outcome.of(unit.repository.id, result, digest)


def _scan_address(unit: Unit) -> Outcome:
    settings, address = unit.settings, unit.repository.address
    assert address is not None  # noqa: S101 - for the type checker
    parent = settings.mirror_dir or os.fsdecode(tempdir.folder())
    os.makedirs(parent, mode=0o700, exist_ok=True)
    own, _, remote = unit.digest.partition(":")
    known = remote if own == settings.digest() else ""
    mirrored = fetch(
        address, unit.repository.name, parent, token=settings.token, limits=settings.limits, digest=known
    )
    if mirrored.gap is not None:
        return Outcome.failure(unit.repository.id, mirrored.gap)
    if mirrored.unchanged:
        return _unchanged(unit)
    try:
        result = _scan(mirrored.folder, unit, files=False)
        outcome = Outcome.of(unit.repository.id, result, _combine(mirrored.digest, settings))
        if settings.keep_mirrors and outcome.digest:
            mark_scanned(mirrored.folder)
        return outcome
    finally:
        if not settings.keep_mirrors:
            shutil.rmtree(mirrored.folder, ignore_errors=True)


def _combine(content: str, settings: Settings) -> str:
    return f"{settings.digest()}:{content}" if content else ""


def _unchanged(unit: Unit) -> Outcome:
    return Outcome(unit.repository.id, RepositoryStatus.SCANNED, unit.digest, unchanged=True, fetched=True)


def _scan(folder: str, unit: Unit, *, files: bool) -> ScanResult:
    """Scan a repository on this machine; its folder is shown as the name of the repository."""
    settings = unit.settings
    options = Options(
        paths=(folder,),
        files=files,
        fail_policy=settings.fail_policy,
        jobs=1,
        # What git fetched it has hashed; a folder may hold anything under the id of another object.
        cache=SharedFolder(settings.shared_dir) if settings.shared_dir and not files else None,
    )
    trust = Trust.of(settings.trust, {})
    roots = scan_roots(options.paths, trust)
    text = None if settings.baseline is None else TextFile(*settings.baseline, "named")
    inputs = SuppressionInputs(text, unexposed=settings.fail_policy.fail_on_unexposed)
    step = trusts.suppressor(roots, trust, inputs)
    plan = make_plan(options)
    repository = open_usable(os.fsencode(folder))
    if repository is not None and not _has_references(repository):
        # A repository without a commit has nothing to scan.
        plan = replace(plan, fail_policy=replace(plan.fail_policy, empty_is_complete=True))
    objects = b"" if repository is None else repository.objects
    with scan_processes(objects, settings.jobs, settings.turn) as jobs:
        result = pipeline.run(replace(plan, jobs=jobs), (step,), accept_gap=step.accept_gap)
    return rename_repository(result, folder, unit.repository.name)


def _has_references(repository: Repository) -> bool:
    try:
        return bool(read_references(repository).tips)
    except (OSError, ValueError):
        return True
