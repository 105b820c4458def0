"""Public functions for scripts: ``from boltz_keyscan import scan, write_report``.

They use the same plan, pipeline and reports as the command line. They print nothing, send nothing, read no
configuration and no environment variable, and change no signal handler, logging or working folder. The
names in ``__all__`` are public, and re-exported by ``boltz_keyscan``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Literal, TextIO, TypeAlias

from boltz_keyscan import pipeline
from boltz_keyscan import trust as trusts
from boltz_keyscan.errors import InternalError, KeyscanError, OutputError, describe_bug
from boltz_keyscan.model.enums import ExitCode, Exposure, KeyType, Mode, Severity, Shape, Status
from boltz_keyscan.model.finding import Finding, Gap, Location, ScanResult, Tally
from boltz_keyscan.model.suppression import Suppression
from boltz_keyscan.module_search import Guard
from boltz_keyscan.plan import STDIN, Options, check_path, make_plan
from boltz_keyscan.policy import FailOn, FailPolicy
from boltz_keyscan.records import replace
from boltz_keyscan.redaction import redacted
from boltz_keyscan.report import ReportOptions, load
from boltz_keyscan.report.writer import write_report as _write_file
from boltz_keyscan.scan_roots import Trust, scan_roots
from boltz_keyscan.trust import SuppressionInputs

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
    exclude: Iterable[str] = (),
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
        exclude: globs of paths that are not scanned, as of ``--exclude``; each is a gap by design.

    Raises:
        KeyscanError: no scan is possible: a path does not exist, arguments contradict each other, the
            baseline is malformed, or git cannot be used.
        InternalError: a bug of this library; a ``KeyscanError`` too.
    """
    if not history and not files:
        raise KeyscanError("history=False and files=False leave nothing to scan", "Leave out one of them.")
    options = Options(
        paths=_targets(paths),
        history=history,
        files=files,
        commits=commits,
        fail_policy=FailPolicy(_fail_on(fail_on), fail_on_unexposed, require_complete),
        jobs=_jobs(jobs),
        cache=None if cache is None or not history else _path(cache),
        exclude=(exclude,) if isinstance(exclude, str) else tuple(exclude),
    )
    accepted = None if baseline is None else _path(baseline)
    try:
        with Guard(options.paths):
            return _scan(options, Trust.of(trust, {}), accepted)
    except Exception as error:  # noqa: BLE001 - its message or its chain may quote scanned bytes
        failed = _describe(error)
    # Raised outside of the handler, so that it does not carry the original exception as its context.
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


def _targets(paths: StrPath | Iterable[StrPath]) -> tuple[str, ...]:
    several = [paths] if isinstance(paths, (str, bytes, os.PathLike)) else paths
    targets = tuple(dict.fromkeys(_path(path) for path in several))
    if not targets:
        raise KeyscanError("no path was given", "Name at least one.")
    return targets


def _fail_on(value: Failing) -> FailOn:
    if value not in tuple(FailOn):
        raise KeyscanError(f"not a choice for fail_on: {value}", f"One of {', '.join(FailOn)}.")
    return FailOn(value)


def _jobs(number: int | None) -> int | None:
    if number is not None and not 1 <= number <= 256:
        raise KeyscanError(f"not a number of processes: {number}", "Give 1 to 256, or None for one per core.")
    return number


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


def _scan(options: Options, trust: Trust, accepted: str | None) -> ScanResult:
    for path in options.paths:
        check_path(path, history_only=not options.files)
    is_range = options.commits is not None
    if is_range and not (options.history and options.files):
        raise KeyscanError("commits chooses what to scan", "Leave out history and files.")
    plan = make_plan(options)
    roots = scan_roots(options.paths, trust, part=is_range)
    text = None if accepted is None else trusts.named_text(accepted, roots)
    inputs = SuppressionInputs(text, unexposed=options.fail_policy.fail_on_unexposed)
    step = trusts.suppressor(roots, trust, inputs)
    trust_report = trusts.trust_report(roots, trust)
    return replace(pipeline.run(plan, (step,), accept_gap=step.accept_gap), ground=trust_report)


def _describe(error: Exception) -> KeyscanError:
    """Return an error that quotes no key, in place of one of a scan."""
    match error:
        case KeyscanError():
            # It may quote paths and messages of git.
            return type(error)(redacted(error.message), redacted(error.hint))
        case OSError():
            return KeyscanError(f"stopped by a system error: {error.strerror or type(error).__name__}")
        case _:
            return InternalError(describe_bug(error, 8), "This is a bug; please report this line.")
