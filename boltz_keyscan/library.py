"""Public functions for scripts: ``from boltz_keyscan import scan, write_report``.

They use the same plan, pipeline and reports as the command line. They print nothing, send nothing, read no
configuration and no environment variable, and change no signal handler, logging or working folder. The
names in ``__all__`` are public, and re-exported by ``boltz_keyscan``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, TextIO, TypeAlias

from boltz_keyscan import paths as named
from boltz_keyscan import pipeline, rules
from boltz_keyscan import trust as trusts
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.errors import InternalError, KeyscanError, OutputError
from boltz_keyscan.model.enums import ExitCode, Exposure, KeyType, Mode, Severity, Shape, Status
from boltz_keyscan.model.finding import Finding, Gap, Location, ScanResult, Tally
from boltz_keyscan.model.suppression import Suppression, TrustReport
from boltz_keyscan.module_search import Guard
from boltz_keyscan.plan import STDIN, Options, Plan, choose_prefixes, range_plan, scan_plan
from boltz_keyscan.policy import FailOn
from boltz_keyscan.report import ReportOptions, load
from boltz_keyscan.report.writer import write_report as _write_file
from boltz_keyscan.sanitize import harmless
from boltz_keyscan.sources.trusted_files import find_tree_top
from boltz_keyscan.trust import SuppressionInputs, Trust

if TYPE_CHECKING:
    from boltz_keyscan.triage.suppress import Suppressor

__all__ = [
    "ExitCode",
    "Exposure",
    "FailOn",
    "Finding",
    "Gap",
    "InternalError",
    "KeyType",
    "KeyscanError",
    "Location",
    "Mode",
    "OutputError",
    "ScanResult",
    "Severity",
    "Shape",
    "Status",
    "Suppression",
    "Tally",
    "scan",
    "write_report",
]

StrPath: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]

Failing: TypeAlias = FailOn | Literal["live", "admin", "any", "never"]


def scan(
    paths: StrPath | Iterable[StrPath] = ".",
    *,
    history: bool = True,
    files: bool = True,
    commits: str | None = None,
    fail_on: Failing = FailOn.LIVE,
    fail_on_unexposed: bool = False,
    require_complete: bool = False,
    trust: str = "none",
    baseline: StrPath | None = None,
    jobs: int | None = None,
    cache: StrPath | None = None,
) -> ScanResult:
    """Find Boltz API keys in files, and in the git history of repositories.

    Anything that could not be scanned raises no error: it is listed in ``gaps``, and ``exit_code`` is 3.
    Check that, or ``complete``, before you conclude that there is no key. A result contains no raw key.

    Safe to call from threads, notebooks and scripts without an ``if __name__ == "__main__"`` guard. Large
    scans, and scans of archives, start worker processes.

    Args:
        paths: a file, a folder, a repository or a git bundle, or several of them.
        history: scan the whole git history of every repository.
        files: scan the files.
        commits: scan only these commits: ``A..B``, or ``REV..HEAD``.
        fail_on: keys that are ``blocking``: ``live``, ``admin`` (live ones), ``any``, ``never``.
        fail_on_unexposed: keys in ignored files and unreachable objects are blocking too.
        require_complete: gaps by design (a shallow clone) count as well.
        trust: source of the baseline, ignores and comments that suppress keys: ``none``, ``tree``,
            ``base:REV``. Unlike on the command line the default is always ``none``, so that a scanned
            tree cannot suppress its own keys. No configuration file is read.
        baseline: a file of keys that are known and accepted, whatever ``trust`` is.
        jobs: number of processes, 1 to 256; one per core by default.
        cache: folder of the scan cache; no cache by default. Its problems are logged by the logger
            ``boltz_keyscan``.

    Raises:
        KeyscanError: no scan is possible: a path does not exist, arguments contradict each other, the
            baseline is malformed, or git cannot be used.
        InternalError: a bug of this library; a ``KeyscanError`` too.
    """
    options = _options(
        paths,
        history=history,
        files=files,
        fail_on=fail_on,
        fail_on_unexposed=fail_on_unexposed,
        require_complete=require_complete,
        jobs=jobs,
        cache=cache,
    )
    accepted = None if baseline is None else _path(baseline)
    failed: KeyscanError | None = None
    try:
        with Guard(options.paths):
            return _scan(options, commits, trust, accepted)
    except KeyscanError as error:
        failed = _redact_error(error)
    except OSError as error:
        failed = KeyscanError(f"could not go on: {error.strerror or type(error).__name__}")
    except Exception as error:  # noqa: BLE001 - its message or its chain may quote scanned bytes
        failed = _describe_bug(error)
    # Raised outside of the handlers, so that it does not carry the original exception as its context.
    raise failed


def write_report(result: ScanResult, format: str, to: TextIO | StrPath) -> None:  # noqa: A002 - the name of the option
    """Write a report, as ``--report FORMAT=FILE`` does.

    Args:
        result: result of ``scan``.
        format: ``text``, ``json``, ``sarif`` or another that ``boltz-keyscan --help`` lists.
        to: a text stream, or the path of a file, which is written atomically.

    Raises:
        KeyscanError: no format has this name.
        OutputError: the file was not written; an existing one is unchanged. Errors of a stream are passed
            on.
    """
    with Guard():
        if isinstance(to, (str, bytes, os.PathLike)):
            _write_file(format, _path(to), result, ReportOptions())
        else:
            load(format)(result, to, ReportOptions())


def _options(
    paths: StrPath | Iterable[StrPath],
    *,
    fail_on: Failing,
    jobs: int | None,
    cache: StrPath | None,
    **flags: bool,
) -> Options:
    """Convert the arguments to options of the command line."""
    several = [paths] if isinstance(paths, (str, bytes, os.PathLike)) else paths
    targets = tuple(dict.fromkeys(_path(path) for path in several))
    if not targets:
        raise KeyscanError("no path was given", "Name at least one.")
    if fail_on not in tuple(FailOn):
        raise KeyscanError(f"not a choice for fail_on: {fail_on}", f"One of {', '.join(FailOn)}.")
    if jobs is not None and not 1 <= jobs <= 256:
        raise KeyscanError(f"not a number of processes: {jobs}", "Give 1 to 256, or None for one per core.")
    if not flags["history"] and not flags["files"]:
        raise KeyscanError("history=False and files=False leave nothing to scan", "Leave out one of them.")
    folder = None if cache is None or not flags["history"] else _path(cache)
    return Options(targets, fail_on=FailOn(fail_on), jobs=jobs, cache=folder, **flags)


def _path(path: StrPath) -> str:
    """Convert a path to text that ``os.fsencode`` turns back into its bytes."""
    try:
        text = os.fsdecode(path)
        os.fsencode(text)
    except UnicodeError as error:
        raise KeyscanError("not a path: it has characters that no file name has") from error
    if not text or "\0" in text:
        raise KeyscanError("not a path: it is empty or has a NUL in it")
    # A file named "-": only the command line reads standard input.
    return os.path.join(".", text) if text == STDIN else text


def _scan(options: Options, commits: str | None, trust: str, accepted: str | None) -> ScanResult:
    for path in options.paths:
        named.check(path, history_only=not options.files)
    plan = _plan(options, commits)
    step, trust_report = _triage(options, Trust.of(trust, {}), accepted, is_range=commits is not None)
    result = pipeline.run(plan.targets, plan.sources, plan.terms, plan.jobs, (step,))
    return replace(result, ground=trust_report)


def _plan(options: Options, commits: str | None) -> Plan:
    if commits is None:
        return scan_plan(options)
    if not options.history or not options.files:
        raise KeyscanError("commits chooses what to scan", "Leave out history and files.")
    return range_plan(options, commits)


def _triage(
    options: Options, trust: Trust, accepted: str | None, *, is_range: bool
) -> tuple[Suppressor, TrustReport]:
    """Return the suppression step, and the report of its sources."""
    if is_range:
        # Paths in a range of commits are relative to the root of the repository.
        tops = [os.fsdecode(find_tree_top(os.path.abspath(os.fsencode(path)))) for path in options.paths]
        targets = [(top, "") for top in tops]
    else:
        targets = [(path, os.fsdecode(prefix)) for path, prefix in choose_prefixes(options.paths).items()]
    roots = trusts.scan_roots(targets, trust)
    text = None if accepted is None else trusts.named_text(accepted, roots)
    inputs = SuppressionInputs(text, unexposed=options.fail_on_unexposed)
    step = trusts.suppressor(roots, trust, inputs, datetime.now(UTC).date())
    commit = next((getattr(root.trusted_files, "commit", None) for root in roots), None)
    untrusted = tuple(map(_redact, trusts.untrusted_files(roots, trust)))
    return step, TrustReport(_redact(str(trust)), commit, (), untrusted)


def _redact(text: str) -> str:
    """Remove keys and control characters from a text."""
    try:
        return KeyDetector.of(rules.load()).redact(text.encode("utf-8", "surrogateescape"))
    except KeyscanError:
        # The rule files are malformed; the text quotes nothing scanned.
        return harmless(text)


def _redact_error(error: KeyscanError) -> KeyscanError:
    """Remove keys from an error, which may quote paths and messages of git."""
    return type(error)(_redact(error.message), _redact(error.hint))


def _describe_bug(error: Exception) -> InternalError:
    """Describe a bug by its type and lines, without values."""
    import traceback  # noqa: PLC0415 - only needed for a bug

    frames = traceback.extract_tb(error.__traceback__)[-8:]
    places = ", ".join(f"{os.path.basename(frame.filename)}:{frame.lineno}" for frame in frames)
    return InternalError(
        f"internal error: {type(error).__name__} at {places}", "This is a bug; please report this line."
    )
