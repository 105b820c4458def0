"""Command lines that people look for in a help text, each with what it is for.

Boundary: words for ``--help``, loaded when it is shown; a test parses each of them.
"""

from __future__ import annotations

import click

_KEY = "bk1:0123456789abcdef0123456789abcdef"

EXAMPLES: dict[str, tuple[tuple[str, str], ...]] = {
    "": (
        ("All that is here: the files, and the whole git history.", "boltz-keyscan"),
        (
            "Two projects, files only, and every key counts.",
            "boltz-keyscan --no-history --fail-on any ~/fold ~/screen",
        ),
        ("What a branch brings.", "boltz-keyscan --range origin/main..HEAD"),
        ("A log, from a pipe.", "kubectl logs job/fold | boltz-keyscan -"),
        (
            "In CI: a report for code scanning, and excuses of the main branch only.",
            "boltz-keyscan . --trust base:origin/main --report sarif=keys.sarif",
        ),
        ("Which of them still work? Asks the Boltz API with each key found.", "boltz-keyscan . --verify"),
        ("Why does this key fail, where does it stand, and what now?", f"boltz-keyscan explain {_KEY}"),
        (
            "Accept the keys that are known, so that only new ones fail.",
            'boltz-keyscan baseline create --reason "revoked in May"',
        ),
        ("Stop keys before they are committed or pushed.", "boltz-keyscan hook install"),
    ),
    "hook": (
        ("Guard this repository: commits and pushes.", "boltz-keyscan hook install"),
        ("On a server, in the bare repository.", "boltz-keyscan hook install pre-receive"),
        ("Would the hooks really run?", "boltz-keyscan hook doctor"),
        ("What would the commit hook say now?", "boltz-keyscan hook pre-commit"),
    ),
    "hook install": (
        ("Guard this repository: commits and pushes.", "boltz-keyscan hook install"),
        ("On a server, in the bare repository.", "boltz-keyscan hook install pre-receive"),
    ),
    "hook doctor": (
        ("Would the hooks of this repository run?", "boltz-keyscan hook doctor"),
        ("That of a server, in the bare repository.", "boltz-keyscan hook doctor pre-receive"),
    ),
    "hook pre-commit": (
        ("What would the hook say of what is staged now?", "boltz-keyscan hook pre-commit"),
        ("Of one file, with nobody's excuses.", "boltz-keyscan hook pre-commit --trust none -- job.py"),
    ),
    "baseline": (
        ("Accept all that is there today.", 'boltz-keyscan baseline create --reason "revoked in May"'),
        ("What is accepted, and does it still occur?", "boltz-keyscan baseline show"),
        ("Forget what has gone.", "boltz-keyscan baseline update"),
    ),
    "baseline create": (
        ("Accept all that is there today.", 'boltz-keyscan baseline create --reason "revoked in May"'),
        (
            "Until a day on which they fail again, in somebody's name.",
            'boltz-keyscan baseline create --until 2030-12-31 --by ana --reason "ticket 12"',
        ),
        (
            "In a file of another name.",
            "boltz-keyscan baseline create --baseline known.txt --reason tests",
        ),
    ),
    "baseline update": (
        ("Forget what no longer occurs.", "boltz-keyscan baseline update"),
        ("Accept what is new as well.", 'boltz-keyscan baseline update --add --reason "ticket 12"'),
    ),
    "keys": (
        ("Every key, and when it was last used.", "boltz-keyscan keys list"),
        ("What is wrong with how they are kept?", "boltz-keyscan keys audit"),
        (
            "A listing for CI, which then needs no admin key.",
            "boltz-keyscan keys snapshot --output keys.json",
        ),
        ("What would stop working without this one?", "boltz-keyscan keys revoke --id key_123"),
    ),
    "keys audit": (
        ("The organisation's keys; needs an admin key in BOLTZ_API_KEY.", "boltz-keyscan keys audit"),
        (
            "Only the worst fails, and old means half a year.",
            "boltz-keyscan keys audit --fail-on critical --max-age 180",
        ),
        ("Mark those that a scan has found.", "boltz-keyscan keys audit --with-report report.json"),
        ("How keys are kept on this machine; asks nobody.", "boltz-keyscan keys audit --local"),
    ),
    "keys revoke": (
        ("What would stop working? Nothing is done yet.", "boltz-keyscan keys revoke --id key_123"),
        ("Do it, after typing the name of the key.", "boltz-keyscan keys revoke --id key_123 --execute"),
        (
            "All that a scan with --verify has found.",
            "boltz-keyscan keys revoke --from-report report.json --execute",
        ),
        (
            "With a new key first, in a file that only you can read.",
            "boltz-keyscan keys revoke --id key_123 --replace --new-key-file new --execute",
        ),
    ),
    "explain": (
        ("A key of which a report gave the fingerprint.", f"boltz-keyscan explain {_KEY}"),
        (
            "And what takes it out of the history, for git filter-repo.",
            f"boltz-keyscan explain {_KEY} --replace-text drop",
        ),
    ),
    "diff": (
        ("What has changed since the last report?", "boltz-keyscan diff last-week.json today.json"),
        ("Where such reports come from.", "boltz-keyscan . --format json --output today.json"),
    ),
    "rules": (
        ("What is looked for, and what can such a key do?", "boltz-keyscan rules list"),
        ("Rules of your own, proved on their examples.", "boltz-keyscan rules check my-rules"),
        ("For another scanner.", "boltz-keyscan rules export --for gitleaks --output boltz.toml"),
    ),
    "completion": (
        ("bash, in ~/.bashrc.", 'eval "$(boltz-keyscan completion bash)"'),
        ("zsh, in ~/.zshrc, after compinit.", 'eval "$(boltz-keyscan completion zsh)"'),
        ("fish, in ~/.config/fish/config.fish.", "boltz-keyscan completion fish | source"),
    ),
}
"""By command, the scan under no name: what it is for, and the line as it is typed."""


def write(ctx: click.Context, formatter: click.HelpFormatter) -> None:
    """The section of a command, if it has one. Lines are not wrapped: they are there to be copied."""
    name = ctx.command_path.partition(" ")[2]
    rows = EXAMPLES.get(name)
    if not rows:
        return
    with formatter.section("Examples"):
        indent = " " * formatter.current_indent
        for what, line in rows:
            formatter.write(f"{indent}# {what}\n{indent}{line}\n")


class Shown(click.Command):
    """A command with examples."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """After everything else."""
        write(ctx, formatter)


class ShownGroup(click.Group):
    """Commands with examples."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """After everything else."""
        write(ctx, formatter)
