"""``boltz-keyscan explain [FINGERPRINT]... [PATH]...``: everything known about some keys, and what to do."""

from __future__ import annotations

import io
import itertools
import os
import re
import shlex
from collections.abc import Iterator, Mapping

import click

from boltz_keyscan import rules
from boltz_keyscan.advice import OF_THE_KEY
from boltz_keyscan.cli.key_repositories import find_worktree, is_root, key_repositories
from boltz_keyscan.cli.options import FILE_OPTIONS
from boltz_keyscan.cli.parameters import FILE
from boltz_keyscan.cli.resolve import ResolvedOptions, ScanCommand
from boltz_keyscan.cli.scanning import plan_scan, run_scan
from boltz_keyscan.errors import KeyscanError, OutputError, writing
from boltz_keyscan.fsutil import read_regular_file
from boltz_keyscan.model.enums import ExitCode
from boltz_keyscan.model.finding import Finding, ScanResult
from boltz_keyscan.plan import choose_prefixes
from boltz_keyscan.records import replace
from boltz_keyscan.redaction import redacted
from boltz_keyscan.report.explain import explain as write_explanation
from boltz_keyscan.report.explain import list_keys
from boltz_keyscan.report.file_actions import Instruction
from boltz_keyscan.report.history_rewrite import are_expressions, expression
from boltz_keyscan.report.json_findings import read_findings
from boltz_keyscan.report.recipe import Recipe
from boltz_keyscan.report.remediation import instructions
from boltz_keyscan.report.wording import count
from boltz_keyscan.report.writer import write_text
from boltz_keyscan.rules import Rule
from boltz_keyscan.sanitize import harmless
from boltz_keyscan.sources.trusted_files import read_whole_file

_PREFIX = re.compile(r"(?:bk1:)?([0-9a-f]{4,32})|bk1:.*")
"""First digits of a fingerprint. With ``bk1:``, anything is meant as one."""

_MAX_EXPRESSIONS = 10_000
"""Bytes of a file of expressions that are read."""

_MAX_NAMED = 10
"""Limit of fingerprints in the message about a prefix that fits several."""


def _is_prefix(name: str) -> bool:
    """Return True for the beginning of a fingerprint; without ``bk1:`` an existing path is one."""
    return _PREFIX.fullmatch(name) is not None and (name.startswith("bk1:") or not os.path.lexists(name))


class _ExplainCommand(ScanCommand):
    """Command whose first arguments may be fingerprints, and whose paths may exist in history only.

    Of a path in a repository the repository is scanned: its history has the key at other paths too, and
    the commits that have to be rewritten.
    """

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Return the arguments as the usage line shows them."""
        *first, paths = super().collect_usage_pieces(ctx)
        return [*first, "[FINGERPRINT]...", paths]

    def invoke(self, ctx: click.Context) -> object:
        """Take the first arguments that are beginnings of fingerprints from the paths."""
        paths = ctx.params["paths"]
        names = tuple(itertools.takewhile(_is_prefix, paths))
        ctx.params["fingerprints"] = names
        given = paths[len(names) :]
        found = {path: find_worktree(path) or (path, b".") for path in given or (".",)}
        ctx.params["paths"] = tuple(dict.fromkeys(top for top, _ in found.values()))
        ctx.params["wanted"] = found if given else {}
        return super().invoke(ctx)


@click.command(
    "explain",
    cls=_ExplainCommand,
    names=("fail_on", "fail_on_unexposed", *FILE_OPTIONS),
    short_help="List the keys, or show everything about some and what to do.",
)
@click.option(
    "--replace-text",
    **FILE,
    help="Write the expressions for 'git filter-repo --replace-text' to FILE. They contain no key.",
)
@click.option(
    "--from-report",
    **FILE,
    help="Take the keys from a JSON report, of a scan or of 'import', instead of a scan.",
)
def explain(
    *,
    resolved: ResolvedOptions,
    fingerprints: tuple[str, ...],
    wanted: dict[str, tuple[str, bytes]],
    replace_text: str | None,
    from_report: str | None,
) -> int:
    """Show everything about keys: why they do or do not fail a run, where they are, what to do.

    PATH is as for a scan, or one that only the history of a repository has; the default is the
    repository of the current folder. Fingerprints before it, or instead of it, name the keys:
    copied from a report, or their first digits if no other key has them. Without one the keys
    are listed.
    """
    plan = plan_scan(resolved.options)
    if from_report is not None:
        if wanted:
            raise KeyscanError("--from-report reads no other files", "Leave out the paths.")
        result = _read_result(from_report)
    else:
        step = resolved.suppressor(unexposed=resolved.options.fail_on_unexposed)
        result = run_scan(plan, resolved, step)
        if any(name != b"." for _, name in wanted.values()):
            result = _at_paths(result, wanted)
    text = io.StringIO()
    findings = list(dict.fromkeys(_find(prefix, result) for prefix in fingerprints))
    loaded = {rule.id: rule for rule in rules.load()}
    if replace_text is not None:
        if not findings:
            raise KeyscanError("--replace-text is about some keys", "Give a fingerprint too.")
        kinds = dict.fromkeys(loaded[finding.rule_id] for finding in findings)
        _write(replace_text, "".join(map(expression, kinds)))
        # A step of the recipe: the other steps are on the screen already.
        titles = " and ".join(f"every {rule.title}" for rule in kinds)
        text.write(f"{harmless(replace_text)}: expressions that remove {titles}; no key is in it.\n")
    elif findings:
        for number, finding in enumerate(findings):
            text.write("\n" if number else "")
            rule = loaded[finding.rule_id]
            paths = resolved.options.paths if from_report is None else ()
            steps = _steps(finding, rule, paths)
            write_explanation(finding, rule, plan.fail_policy, steps, text)
    else:
        list_keys(result, text)
    click.echo(text.getvalue(), nl=False)
    return ExitCode.CLEAN if result.complete else ExitCode.INCOMPLETE


def _steps(finding: Finding, rule: Rule, targets: tuple[str, ...]) -> Iterator[Instruction]:
    """Yield what to do about a key of a scan of some targets, in each repository that has it."""
    if not targets:
        # A report has no branches.
        yield from instructions(Recipe(finding, rule, is_read=False))
        return
    parts = key_repositories(finding, rule, targets)
    for number, part in enumerate(parts):
        enter = _enter_root(part, targets, is_only=len(parts) == 1)
        yield from enter
        recipe = replace(part, targets=(".",) if enter else tuple(map(redacted, part.targets)))
        yield from instructions(recipe, omit=OF_THE_KEY if number else ())


def _enter_root(part: Recipe, targets: tuple[str, ...], *, is_only: bool) -> tuple[Instruction, ...]:
    """Return the instruction to go to a repository, if it is not the current folder."""
    target = part.targets[0]
    if len(part.targets) != 1 or not is_root(target) or (target == "." and is_only):
        return ()
    # The step before may have ended in any folder.
    folder = redacted(target if is_only else os.path.realpath(target))
    folder = f"./{folder}" if folder.startswith("-") else folder
    what = "the repository" if part.targets == targets else f"the repository {redacted(target)}, which has it"
    return (Instruction(f"Go to the root of {what}.", (f"cd {shlex.quote(folder)}",)),)


def _read_result(path: str) -> ScanResult:
    """Return the keys of a report."""
    raw = read_whole_file(os.fsencode(path))
    known = {rule.id: rule.prefix for rule in rules.load()}
    return read_findings(redacted(path), raw, known, lambda text: harmless(redacted(text)))


def _at_paths(result: ScanResult, wanted: Mapping[str, tuple[str, bytes]]) -> ScanResult:
    """Return the result with only the keys that are at one of some paths, or were in history.

    Args:
        result: the result of a scan of the worktrees.
        wanted: the paths as given, with the target that was scanned and the path in it.

    Raises:
        KeyscanError: a path does not exist, and no key was there in history.
    """
    prefixes = choose_prefixes(top for top, _ in wanted.values())
    fingerprints: set[str] = set()
    for path, (top, name) in wanted.items():
        below = prefixes.get(top, b"") + (b"" if name == b"." else name + b"/")
        shown = redacted(os.fsdecode(below))
        found = {
            finding.fingerprint
            for finding in result.findings
            if any(f"{place.path}/".startswith(shown) for place in finding.locations)
        }
        if not found and name != b"." and not os.path.lexists(path):
            known = "no key was at that path in git's history"
            known += " either" if result.complete else ", as far as it could be scanned"
            raise KeyscanError(
                f"no such file or folder: {path}; {known}", "Check the spelling, or give the path from here."
            )
        fingerprints |= found
    return replace(
        result, findings=tuple(each for each in result.findings if each.fingerprint in fingerprints)
    )


def _find(prefix: str, result: ScanResult) -> Finding:
    """Return the finding whose fingerprint begins with the prefix.

    Raises:
        KeyscanError: none does, or several do.
    """
    whole = prefix if prefix.startswith("bk1:") else f"bk1:{prefix}"
    fitting = [each for each in result.findings if each.fingerprint.startswith(whole)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        names = ", ".join(each.fingerprint for each in fitting[:_MAX_NAMED])
        more = f" and {len(fitting) - _MAX_NAMED:,} more" if len(fitting) > _MAX_NAMED else ""
        raise KeyscanError(f"{whole} fits {len(fitting):,} keys: {names}{more}", "Give more digits.")
    if not result.complete:
        raise KeyscanError(
            f"key {whole} was not found, but the scan is incomplete",
            "Run 'boltz-keyscan' to see what was not scanned.",
        )
    raise KeyscanError(
        f"key {whole} was not found; the scan found {count(len(result.findings), 'other')}",
        "'boltz-keyscan explain' lists the keys.",
    )


def _write(path: str, text: str) -> None:
    """Write the expressions to a file that is new, or that has expressions of an earlier run.

    Raises:
        OutputError: the file is another one of the user, or cannot be written.
    """
    with writing(path, "Name another file."):
        if os.path.isfile(path) and not are_expressions(
            read_regular_file(path, _MAX_EXPRESSIONS).decode("utf-8", "replace")
        ):
            raise OutputError(f"{path} exists, and has something else", "Name another file.")
        write_text(path, text)
