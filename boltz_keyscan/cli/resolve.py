"""Effective options: command line, then configuration file, then defaults; and the trusted files."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import click
from click.core import ParameterSource

from boltz_keyscan import trust as trusts
from boltz_keyscan.cli import config_file
from boltz_keyscan.cli.dependent_options import check_dependent_options
from boltz_keyscan.cli.options import TABLE, CommandWithOptions, ScanOptions, configurable, long_name
from boltz_keyscan.cli.parameters import PATH
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.model.finding import ScanResult
from boltz_keyscan.model.suppression import Setting, TrustReport
from boltz_keyscan.plan import check_current_folder
from boltz_keyscan.records import dataclass, replace
from boltz_keyscan.redaction import redacted
from boltz_keyscan.scan_roots import CONFIGS, ScanRoot, Trust, scan_roots
from boltz_keyscan.sources.git.repo.repository import is_below
from boltz_keyscan.triage.suppress import Suppressor
from boltz_keyscan.triage.text_file import TextFile
from boltz_keyscan.trust import SuppressionInputs


@dataclass(frozen=True, slots=True)
class ResolvedOptions:
    """Effective options with their sources, and the trusted files."""

    options: ScanOptions
    sources: Mapping[str, str]
    """Sources of the values that are not defaults, by name."""
    trust: Trust
    roots: tuple[ScanRoot, ...]
    ground: TrustReport
    named: str | None
    """Baseline named on the command line, or in a file given with ``--config``."""
    in_tree: bytes | None
    """Baseline named by the configuration of the tree."""

    def suppressor(self, *, unexposed: bool = False, use_baselines: bool = True) -> Suppressor:
        """Return the suppressor, without ``use_baselines`` one that ignores baselines.

        Raises:
            KeyscanError: a file is broken.
        """
        use_named = self.named is not None and use_baselines
        named = trusts.named_text(self.named or "", self.roots) if use_named else None
        foreign = self.options.foreign_comments
        inputs = SuppressionInputs(named, self.in_tree, use_baselines, unexposed, foreign)
        return trusts.suppressor(self.roots, self.trust, inputs)

    def with_trust_report(self, result: ScanResult, suppressor: Suppressor | None = None) -> ScanResult:
        """Return the result with the trust report, and the entries of ``suppressor`` that match no key.

        Args:
            result: result of the scan.
            suppressor: the suppressor, if all files and the whole history were scanned.
        """
        # After a gap that is not accepted, an entry may match a key that was not scanned.
        whole = all(gap.accepted is not None for gap in result.gaps)
        unmatched = tuple(suppressor.unmatched(result.findings, result.gaps)) if suppressor and whole else ()
        return replace(result, ground=replace(self.ground, unmatched=unmatched))


class ScanCommand(CommandWithOptions):
    """Command on paths, whose function gets the scan options resolved, as one object, ``resolved``."""

    def __init__(self, *args: Any, names: Iterable[str] = tuple(TABLE), **attributes: Any) -> None:  # noqa: ANN401 - click's form
        super().__init__(*args, **attributes)
        paths = click.Argument(["paths"], nargs=-1, metavar="[PATH]...", type=PATH)
        self.params += [paths, *(TABLE[name].option for name in names)]

    def invoke(self, ctx: click.Context) -> object:
        """Resolve the options and call the function."""
        given = {name: value for name, value in ctx.params.items() if name in TABLE or name == "paths"}
        own = {name: value for name, value in ctx.params.items() if name not in given}
        given["paths"] = given["paths"] or (".",)
        default = (ParameterSource.DEFAULT, None)
        typed = [name for name in given if ctx.get_parameter_source(name) not in default]
        resolved = resolve(given, typed)
        effective = {name: getattr(resolved.options, name) for name in TABLE}
        check_dependent_options(ctx, {**effective, **own})
        return self.callback and ctx.invoke(self.callback, resolved=resolved, **self.collect(own))


def resolve(given: Mapping[str, Any], typed: Collection[str], *, part: bool = False) -> ResolvedOptions:
    """Find and check the configuration, and apply it under the command line.

    Args:
        given: values of the options that the command has.
        typed: names of the options on the command line.
        part: the working folder is in a repository of which a part is scanned.

    Raises:
        KeyscanError: a file is broken, or a revision is unknown.
    """
    check_current_folder()
    options = ScanOptions(**given)
    trust = Trust.of(options.trust, os.environ)
    roots = scan_roots(options.paths, trust)
    sources, settings = dict.fromkeys(typed, "command line"), []
    file, folder = _configuration(options, roots)
    values = config_file.read(file, folder, named=options.config is not None) if file is not None else {}
    groups = {TABLE[name].group for name in typed if name in TABLE} - {""}
    changed: dict[str, Any] = {}
    for name, found in values.items():
        if name in typed or TABLE[name].group in groups or name not in given or file is None:
            continue
        changed[name], sources[name] = found.value, file.at(found.line)
        value = redacted(json.dumps(found.raw))
        settings.append(
            Setting(
                long_name(TABLE[name].option), value, redacted(file.name), found.line, redacted(file.where)
            )
        )
    options = replace(options, **changed)
    baseline, in_tree = options.baseline, None
    if baseline is not None and "baseline" not in typed and options.config is None:
        in_tree = _checked_in_tree(os.path.abspath(os.fsencode(baseline)), roots, sources["baseline"])
        baseline = None
    if part or options.commits is not None or options.staged:
        roots = scan_roots(options.paths, trust, part=True)
    ground = trusts.trust_report(roots, trust, settings)
    return ResolvedOptions(options, sources, trust, roots, ground, baseline, in_tree)


def _configuration(options: ScanOptions, roots: Sequence[ScanRoot]) -> tuple[TextFile | None, str]:
    """Return the configuration file in effect, if there is one, and its folder."""
    if options.no_config:
        if options.config is not None:
            raise KeyscanError("--config and --no-config contradict each other", "Give one of them.")
        return None, ""
    if options.config is not None:
        return trusts.named_text(options.config, roots), os.path.dirname(os.path.abspath(options.config))
    found = config_file.nearest_config(roots[0].files(CONFIGS))
    if not found:
        return None, ""
    return roots[0].text(*found[0]), os.path.dirname(os.fsdecode(found[0][0]))


def _checked_in_tree(path: bytes, roots: Sequence[ScanRoot], source: str) -> bytes:
    files = roots[0].trusted_files
    if files is None or not is_below(path, files.top):
        raise KeyscanError(
            f"{source}: baseline leads out of the tree", "Give it on the command line, with --baseline."
        )
    return path


def effective_options(found: ResolvedOptions) -> Iterator[tuple[str, str, str]]:
    """Yield name, value in TOML form and source of each option that a configuration may set."""
    for name, row in configurable().items():
        field = str(row.option.name)
        value = getattr(found.options, field)
        if row.option.multiple:
            value = [each if isinstance(each, str) else "=".join(each) for each in value]
        yield name, "-" if value is None else json.dumps(value), found.sources.get(field, "default")
