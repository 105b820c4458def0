"""What people's own scripts use: ``from boltz_keyscan import scan, write_report``.

The same plan, pipeline and reports as the command line's, called as functions. They print
nothing, ask nobody, read no configuration and no variable of the environment, and install
nothing that outlives the call: no signal handler, no logging, no working folder.

Boundary: arguments in, a ``ScanResult`` out; what arguments mean is ``plan``. The names
imported here are the public ones; ``boltz_keyscan`` hands them on.
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
from boltz_keyscan.report.writer import write_report as _written
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

    What could not be scanned is no error: it is in ``gaps`` of the result, and its
    ``exit_code`` is then 3. Look at that, or at ``complete``, before you believe that there
    is no key. Nothing in a result can hold a key.

    Safe to call from threads, notebooks and scripts without an ``if __name__ ==
    "__main__"`` guard. Large scans start worker processes; so does a scan that meets an archive.

    Args:
        paths: a file, a folder, a repository or a git bundle, or several of them.
        history: scan the whole git history of every repository.
        files: scan the files.
        commits: scan instead what these commits brought: ``A..B``, or ``REV..HEAD``.
        fail_on: which keys are ``blocking``: ``live``, ``admin`` (live ones), ``any``, ``never``.
        fail_on_unexposed: keys in ignored files and unreachable objects are blocking too.
        require_complete: gaps by design (a shallow clone) count as well.
        trust: whose baseline, ignores and comments excuse keys: ``none``, ``tree``, ``base:REV``.
            Unlike on the command line the default is always nobody's: a script that looks at
            strangers' trees does not let them excuse themselves. No configuration file counts.
        baseline: a file of keys that are known and accepted, whatever ``trust`` is.
        jobs: processes to use, 1 to 256; one for each core unless told.
        cache: a folder for what earlier scans have seen; nothing is kept unless it is given.
            Trouble with it is logged by the logger ``boltz_keyscan``.

    Raises:
        KeyscanError: nothing can be said at all: a path that is not there, arguments that
            contradict each other, a broken baseline, git that cannot be used.
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
            return _scanned(options, commits, trust, accepted)
    except KeyscanError as error:
        failed = _redacted(error)
    except OSError as error:
        failed = KeyscanError(f"could not go on: {error.strerror or type(error).__name__}")
    except Exception as error:  # noqa: BLE001 - its message or its chain could quote what was being read
        failed = _internal(error)
    # Outside of the handlers: an exception remembers the one it came from.
    raise failed


def write_report(result: ScanResult, format: str, to: TextIO | StrPath) -> None:  # noqa: A002 - what it is called everywhere
    """Write a report, as ``--report FORMAT=FILE`` does.

    Args:
        result: of ``scan``.
        format: ``text``, ``json``, ``sarif`` or another that ``boltz-keyscan --help`` lists.
        to: a text stream, or a path, where the file appears when it is complete.

    Raises:
        KeyscanError: no format has this name.
        OutputError: the file was not written; one that was there is as it was. What a stream
            raises comes as it is.
    """
    with Guard():
        if isinstance(to, (str, bytes, os.PathLike)):
            _written(format, _path(to), result, ReportOptions())
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
    """The arguments as the command line would have them."""
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
    kept = None if cache is None or not flags["history"] else _path(cache)
    return Options(targets, fail_on=FailOn(fail_on), jobs=jobs, cache=kept, **flags)


def _path(path: StrPath) -> str:
    """As the rest of the program has paths: text that leads back to the bytes of the name."""
    try:
        text = os.fsdecode(path)
        os.fsencode(text)
    except UnicodeError as error:
        raise KeyscanError("not a path: it has characters that no file name has") from error
    if not text or "\0" in text:
        raise KeyscanError("not a path: it is empty or has a NUL in it")
    # A file of that name: standard input is the command line's.
    return os.path.join(".", text) if text == STDIN else text


def _scanned(options: Options, commits: str | None, trust: str, accepted: str | None) -> ScanResult:
    for path in options.paths:
        named.check(path, history_only=not options.files)
    plan = _plan(options, commits)
    step, ground = _triage(options, Trust.of(trust, {}), accepted, part=commits is not None)
    if options.cache is not None:
        import logging  # noqa: PLC0415 - only the cache has warnings

        # Whoever set up no logging shall not have it printed.
        logger = logging.getLogger("boltz_keyscan")
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())
    result = pipeline.run(plan.targets, plan.sources, plan.terms, plan.jobs, (step,))
    return replace(result, ground=ground)


def _plan(options: Options, commits: str | None) -> Plan:
    if commits is None:
        return scan_plan(options)
    if not options.history or not options.files:
        raise KeyscanError("commits chooses what to scan", "Leave out history and files.")
    return range_plan(options, commits)


def _triage(
    options: Options, trust: Trust, accepted: str | None, *, part: bool
) -> tuple[Suppressor, TrustReport]:
    """The step that knows what is excused, and whose word that is."""
    if part:
        # Paths in a part of a repository count from its root.
        tops = [os.fsdecode(find_tree_top(os.path.abspath(os.fsencode(path)))) for path in options.paths]
        targets = [(top, "") for top in tops]
    else:
        targets = [(path, os.fsdecode(before)) for path, before in choose_prefixes(options.paths).items()]
    standing = trusts.scan_roots(targets, trust)
    text = None if accepted is None else trusts.named_text(accepted, standing)
    say = SuppressionInputs(text, unexposed=options.fail_on_unexposed)
    step = trusts.suppressor(standing, trust, say, datetime.now(UTC).date())
    commit = next((getattr(stand.shelf, "commit", None) for stand in standing), None)
    unheard = tuple(map(_told, trusts.untrusted_files(standing, trust)))
    return step, TrustReport(_told(str(trust)), commit, (), unheard)


def _told(text: str) -> str:
    """Text without keys and without characters that act."""
    try:
        return KeyDetector.of(rules.load()).redact(text.encode("utf-8", "surrogateescape"))
    except KeyscanError:
        # About the rule files themselves; it quotes nothing scanned.
        return harmless(text)


def _redacted(error: KeyscanError) -> KeyscanError:
    """The same without keys: messages quote paths and the words of git."""
    return type(error)(_told(error.message), _told(error.hint))


def _internal(error: Exception) -> InternalError:
    """Where it happened, without values."""
    import traceback  # noqa: PLC0415 - only when there is one

    frames = traceback.extract_tb(error.__traceback__)[-8:]
    places = ", ".join(f"{os.path.basename(frame.filename)}:{frame.lineno}" for frame in frames)
    return InternalError(
        f"internal error: {type(error).__name__} at {places}", "This is a bug; please report this line."
    )
