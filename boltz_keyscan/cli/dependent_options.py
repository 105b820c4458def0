"""Options that have an effect only with another one, or only without it: otherwise they are an error.

What the user asked for would not happen. Only the command line is checked: a configuration file serves
several commands. Options that change nothing but the speed or the look (``--jobs``, ``--color``,
``--verbose``) may be given with any others, and so may those of a command that ``--dry-run`` is added to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from click.core import ParameterSource

from boltz_keyscan.errors import KeyscanError

if TYPE_CHECKING:
    import click

_DEFAULTS = (ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP, None)

Values = Mapping[str, Any]
"""Values of the parameters of a command, by their names."""


class _Rule(NamedTuple):
    options: str
    """Names of the options, with spaces between them."""
    words: str
    """End of the message: ``without --a`` or ``with --a``."""
    hint: str
    is_met: Callable[[Values], bool] = lambda _: True
    excluded: str = ""
    """Option of the command line that makes them useless."""


def _needs(options: str, *others: str) -> _Rule:
    """Return the rule that one of some other options must be given."""
    hint = f"Add {others[0]}." if len(others) == 1 else "Add one of them."
    return _Rule(options, f"without {' or '.join(others)}", hint, lambda values: _is_any(others, values))


def _excludes(options: str, other: str) -> _Rule:
    """Return the rule that another option makes the options useless."""
    return _Rule(options, f"with {other}", "Leave one of them out.", excluded=other)


def _is_any(options: tuple[str, ...], values: Values) -> bool:
    return any(values.get(option.strip("-").replace("-", "_")) for option in options)


def _writes_sarif(values: Values) -> bool:
    return values["format_"] == "sarif" or any(name == "sarif" for name, _ in values["reports"])


ALL = (_excludes("--cache-dir", "--no-cache"),)
"""Rules of every command."""

RULES: dict[str, tuple[_Rule, ...]] = {
    "scan": (
        _needs("--require-api --api-base --proxy", "--check", "--verify"),
        _needs("--api-key-file", "--check"),
        _needs("--inventory-max-age", "--inventory"),
        _Rule(
            "--sarif-drop-suppressed",
            "without a report in SARIF",
            "Add --report sarif=FILE.",
            _writes_sarif,
        ),
    ),
    "explain": (
        _excludes(
            "--exclude --follow-alternates --jobs --cache-dir --no-cache --baseline --foreign-comments",
            "--from-report",
        ),
    ),
    "baseline update": (_needs("--reason --gaps --by --until", "--add"),),
    "fleet scan": (
        _Rule(
            "--scheduler --tls-ca --tls-cert --tls-key --dask-insecure",
            "without --engine dask",
            "Add --engine dask.",
            lambda values: values["engine"] == "dask",
        ),
    ),
    "keys audit": (
        _needs("--budget", "--history"),
        _needs("--history", "--local"),
        _excludes(
            "--with-report --against --expires-soon --max-age --max-idle --max-admin-keys "
            "--api-key-file --api-base --proxy",
            "--local",
        ),
    ),
    "keys revoke": (_needs("--new-key-file", "--replace"), _excludes("--allow-self", "--share-link")),
}
"""Rules by command."""


def check_dependent_options(ctx: click.Context, values: Values | None = None) -> None:
    """Check the options that were given to a command.

    Args:
        ctx: the context of the command.
        values: the effective values, if a configuration may set some.

    Raises:
        KeyscanError: one of them has no effect.
    """
    typed = {
        option
        for param in ctx.command.params
        for option in param.opts
        if ctx.get_parameter_source(param.name or "") not in _DEFAULTS
    }
    for rule in (*ALL, *RULES.get(ctx.command_path.partition(" ")[2], ())):
        given = [option for option in rule.options.split() if option in typed]
        if given and (rule.excluded in typed or not rule.is_met(ctx.params if values is None else values)):
            raise KeyscanError(f"{given[0]} has no effect {rule.words}", rule.hint)
