"""Effective options: command line, then configuration file, then defaults; and the trusted files."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, cast

import click
from click.core import ParameterSource

from boltz_keyscan import trust as trusts
from boltz_keyscan.cli import config_file
from boltz_keyscan.cli.redaction import redacted
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.model.finding import ScanResult
from boltz_keyscan.model.suppression import Setting, TrustReport
from boltz_keyscan.plan import STDIN, choose_prefixes
from boltz_keyscan.sources.trusted_files import find_tree_top
from boltz_keyscan.triage.suppress import Suppressor
from boltz_keyscan.triage.text_file import Text
from boltz_keyscan.trust import ScanRoot, SuppressionInputs, Trust

STDIN_NAME = "<stdin>"
"""Name of standard input in reports."""

_GROUPS = (
    {"no_history", "history_only", "range_", "since", "staged"},
    {"quiet", "verbose"},
    {"cache_dir", "no_cache"},
)
"""Alternative options: one of them on the command line overrides all of its group in a file."""


@dataclass(frozen=True, slots=True)
class ResolvedOptions:
    """Effective options with their sources, and the trusted files."""

    values: Mapping[str, Any]
    """Values of all parameters of the command, by name."""
    sources: Mapping[str, str]
    """Sources of the values that are not defaults, by name."""
    trust: Trust
    roots: tuple[ScanRoot, ...]
    ground: TrustReport
    named: str | None
    """Baseline named on the command line, or in a file given with ``--config``."""
    in_tree: bytes | None
    """Baseline named by the configuration of the tree."""

    def named_text(self) -> Text | None:
        """Return the named baseline.

        Raises:
            KeyscanError: it cannot be read.
        """
        return trusts.named_text(self.named, self.roots) if self.named is not None else None

    def suppressor(self, *, unexposed: bool, accepting: bool = True) -> Suppressor:
        """Return the suppressor, without ``accepting`` one that ignores baselines.

        Raises:
            KeyscanError: a file is broken.
        """
        named = self.named_text() if accepting else None
        foreign = bool(self.values.get("foreign_comments"))
        inputs = SuppressionInputs(named, self.in_tree, accepting, unexposed, foreign)
        return trusts.suppressor(self.roots, self.trust, inputs, datetime.now(UTC).date())

    def with_trust_report(self, result: ScanResult, step: Suppressor | None = None) -> ScanResult:
        """Return the result with the trust report, and the entries of ``step`` that match no key.

        Args:
            result: result of the scan.
            step: the suppressor, if all files and the whole history were scanned.
        """
        # After a gap an entry may match a key that was not scanned.
        unmatched = tuple(step.unmatched(result.findings)) if step and not result.gaps else ()
        return replace(result, ground=replace(self.ground, unmatched=unmatched))


def with_config(function: Callable[..., int]) -> Callable[..., int]:
    """Give a command its effective options, and the ``resolved`` options; it takes ``paths``."""

    @functools.wraps(function)
    def wrapper(**given: object) -> int:
        paths = cast("tuple[str, ...]", given.get("paths") or (".",))
        found = resolve_options(click.get_current_context(), given, paths)
        return function(resolved=found, **found.values)

    return wrapper


def resolve_options(
    ctx: click.Context, given: Mapping[str, object], paths: Sequence[str], *, parts: bool = False
) -> ResolvedOptions:
    """Find and check the configuration, and apply it under the command line.

    Args:
        ctx: context of the command.
        given: parameters from ``click``.
        paths: paths to scan.
        parts: the paths name repositories of which a part is scanned.

    Raises:
        KeyscanError: a file is broken, or a revision is unknown.
    """
    try:
        os.getcwdb()
    except FileNotFoundError as error:
        raise KeyscanError(
            "the current folder does not exist any more", "Change to one that does."
        ) from error
    typed = {name for name in given if ctx.get_parameter_source(name) not in (ParameterSource.DEFAULT, None)}
    paths = tuple(dict.fromkeys(paths))
    trust = Trust.of(cast("str | None", given.get("trust")), os.environ)
    roots = trusts.scan_roots(_targets(paths, part=False), trust)
    file, path = _configuration(given, roots)
    values, sources, settings = dict(given), dict.fromkeys(typed, "command line"), []
    overridden = set(typed).union(*(group for group in _GROUPS if group & typed))
    in_tree = None
    named = path is not None and file is not None and given.get("config") is not None
    if file is not None and path is not None:
        folder = os.path.dirname(os.fsdecode(path))
        for name, found in config_file.read(file, folder, _scan_command(), named=named).items():
            if name in overridden or (name not in given and name != "baseline"):
                continue
            values[name], sources[name] = found.value, file.at(found.line)
            option = next(
                key for key, each in config_file.options(_scan_command()).items() if each.name == name
            )
            value = redacted(json.dumps(found.raw))
            settings.append(Setting(option, value, redacted(file.name), found.line, redacted(file.where)))
    baseline = values.get("baseline")
    if baseline is not None and sources.get("baseline") != "command line" and not named:
        in_tree = _checked_in_tree(os.path.abspath(os.fsencode(str(baseline))), roots, sources["baseline"])
        baseline = None
    if parts or any(values.get(name) for name in ("range_", "since", "staged")):
        roots = trusts.scan_roots(_targets(paths, part=True), trust)
    commit = next((getattr(root.trusted_files, "commit", None) for root in roots), None)
    untrusted = trusts.untrusted_files(roots, trust)
    ground = TrustReport(
        redacted(str(trust)),
        commit,
        tuple(settings),
        tuple(map(redacted, untrusted)),
        by_default=trust.by_default,
    )
    own_values = {name: value for name, value in values.items() if name in given}
    return ResolvedOptions(
        own_values, sources, trust, roots, ground, str(baseline) if baseline is not None else None, in_tree
    )


def _scan_command() -> click.Command:
    """Return the command whose options a configuration may set."""
    from boltz_keyscan.cli.commands.scan import scan  # noqa: PLC0415 - it uses this module

    return scan


def _targets(paths: Sequence[str], *, part: bool) -> list[tuple[str, str]]:
    """Return each path, and the prefix that reports give the paths below it."""
    if part:
        # Paths in a part of a repository are relative to its root, whatever the working folder.
        return [(os.fsdecode(find_tree_top(os.path.abspath(os.fsencode(path)))), "") for path in paths]
    before = choose_prefixes(paths)
    return [(path, os.fsdecode(before[path]) if path != STDIN else STDIN_NAME) for path in paths]


def _configuration(
    given: Mapping[str, object], roots: Sequence[ScanRoot]
) -> tuple[Text | None, bytes | None]:
    """Return the configuration file in effect and its path, if there is one."""
    path = given.get("config")
    if given.get("no_config"):
        if path is not None:
            raise KeyscanError("--config and --no-config contradict each other", "Give one of them.")
        return None, None
    if path is not None:
        return trusts.named_text(str(path), roots), os.path.abspath(os.fsencode(str(path)))
    found = config_file.nearest_config(roots[0].files(trusts.CONFIGS))
    return (roots[0].text(*found[0]), found[0][0]) if found else (None, None)


def _checked_in_tree(path: bytes, roots: Sequence[ScanRoot], source: str) -> bytes:
    shelf = roots[0].trusted_files
    if shelf is None or not shelf.contains(path):
        raise KeyscanError(
            f"{source}: baseline leads out of the tree", "Give it on the command line, with --baseline."
        )
    return path


def scan_options(*names: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Add options of the scan to another command, with the same names and help."""

    def decorate(function: Callable[..., int]) -> Callable[..., int]:
        params = {param.name: param for param in _scan_command().params}
        # click collects parameters in reverse, as decorators are applied from the last to the first.
        own: list[click.Parameter] = getattr(function, "__click_params__", [])
        function.__click_params__ = [*own, *(params[name] for name in reversed(names))]  # type: ignore[attr-defined]  # click's own way
        return function

    return decorate


def effective_options(found: ResolvedOptions) -> Iterable[tuple[str, str, str]]:
    """Yield name, value in TOML form and source of each option that a configuration may set."""
    for name, option in config_file.options(_scan_command()).items():
        held = option.name or name
        value = found.values[held]
        if option.multiple:
            value = ["=".join(each) for each in value]
        yield name, "-" if value is None else json.dumps(value), found.sources.get(held, "default")
