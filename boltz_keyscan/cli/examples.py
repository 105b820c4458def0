"""Examples of ``--help``; a test parses each of them."""

from __future__ import annotations

_KEY = "bk1:0123456789abcdef0123456789abcdef"

EXAMPLES: dict[str, tuple[tuple[str, str], ...]] = {
    "": (
        ("Scan the current folder: its files and the whole git history.", "boltz-keyscan"),
        (
            "Scan the files of two projects, and fail on any key.",
            "boltz-keyscan --no-history --fail-on any ~/fold ~/screen",
        ),
        ("Scan the commits of a branch.", "boltz-keyscan --range origin/main..HEAD"),
        ("Scan a log from a pipe.", "kubectl logs job/fold | boltz-keyscan -"),
        (
            "In CI: write SARIF, and trust only the main branch's suppressions.",
            "boltz-keyscan . --trust base:origin/main --report sarif=keys.sarif",
        ),
        (
            "Find out which keys still work; sends each key found to the Boltz API.",
            "boltz-keyscan . --verify",
        ),
        ("Show why a key fails the run, where it is and what to do.", f"boltz-keyscan explain {_KEY}"),
        (
            "Accept the known keys, so that only new ones fail.",
            'boltz-keyscan baseline create --reason "revoked in May"',
        ),
        ("Stop keys before they are committed or pushed.", "boltz-keyscan hook install"),
    ),
    "hook": (
        ("Check every commit and push of this repository.", "boltz-keyscan hook install"),
        ("Check pushes on a server, in the bare repository.", "boltz-keyscan hook install pre-receive"),
        ("Stop coding agents before they leak a key.", "boltz-keyscan hook install claude cursor"),
        ("Check that the hooks work.", "boltz-keyscan hook doctor"),
        ("Run the commit hook by hand.", "boltz-keyscan hook pre-commit"),
    ),
    "hook install": (
        ("Check every commit and push of this repository.", "boltz-keyscan hook install"),
        ("Check pushes on a server, in the bare repository.", "boltz-keyscan hook install pre-receive"),
        ("Show what would be added to the settings of Codex.", "boltz-keyscan hook install codex --dry-run"),
        (
            "Take the hook out of this project's settings.",
            "boltz-keyscan hook install claude --project --remove",
        ),
    ),
    "hook agent": (
        ("Answer an event as an agent would get it.", "cat event.json | boltz-keyscan hook agent"),
    ),
    "hook doctor": (
        ("Check the hooks of this repository and of all agents.", "boltz-keyscan hook doctor"),
        ("Try the hook of one agent.", "boltz-keyscan hook doctor claude"),
        ("Check the hook of a server, in the bare repository.", "boltz-keyscan hook doctor pre-receive"),
    ),
    "hook pre-commit": (
        ("Check the staged files.", "boltz-keyscan hook pre-commit"),
        ("Check one file without suppressions.", "boltz-keyscan hook pre-commit --trust none -- job.py"),
    ),
    "baseline": (
        ("Accept all keys that are there today.", 'boltz-keyscan baseline create --reason "revoked in May"'),
        ("Show the accepted keys, and if they still occur.", "boltz-keyscan baseline show"),
        ("Drop the keys that are gone.", "boltz-keyscan baseline update"),
    ),
    "baseline create": (
        ("Accept all keys that are there today.", 'boltz-keyscan baseline create --reason "revoked in May"'),
        (
            "Accept them in Ana's name until a date; then they fail again.",
            'boltz-keyscan baseline create --until 2030-12-31 --by ana --reason "ticket 12"',
        ),
        (
            "Take over the keys that were accepted for gitleaks.",
            "boltz-keyscan baseline create --from .gitleaksignore",
        ),
        (
            "Write a file of another name.",
            "boltz-keyscan baseline create --baseline known.txt --reason tests",
        ),
    ),
    "baseline update": (
        ("Drop the keys that no longer occur.", "boltz-keyscan baseline update"),
        ("Accept new keys too.", 'boltz-keyscan baseline update --add --reason "ticket 12"'),
    ),
    "keys": (
        ("List every key and its last use.", "boltz-keyscan keys list"),
        ("Find old, unused and unrestricted keys.", "boltz-keyscan keys audit"),
        (
            "Save a listing for CI, so that CI needs no admin key.",
            "boltz-keyscan keys snapshot --output keys.json",
        ),
        ("Show what would stop working without this key.", "boltz-keyscan keys revoke --id key_123"),
    ),
    "keys audit": (
        ("Check the organisation's keys; needs an admin key in BOLTZ_API_KEY.", "boltz-keyscan keys audit"),
        (
            "Fail on critical concerns only; keys are old after half a year.",
            "boltz-keyscan keys audit --fail-on critical --max-age 180",
        ),
        ("Mark the keys that a scan found.", "boltz-keyscan keys audit --with-report report.json"),
        (
            "Report what changed since a snapshot of 'keys snapshot'.",
            "boltz-keyscan keys audit --against last-month.json",
        ),
        ("Check how keys are kept on this machine; sends nothing.", "boltz-keyscan keys audit --local"),
    ),
    "keys usage": (
        ("Show the usage since a day.", "boltz-keyscan keys usage --since 2026-05-03"),
        (
            "Show the usage since the leak of the keys that a scan found.",
            "boltz-keyscan keys usage --from-report report.json",
        ),
        (
            "Write a page, by the hour.",
            "boltz-keyscan keys usage --by hour --format html --output usage.html",
        ),
    ),
    "keys revoke": (
        ("Show what would stop working; changes nothing.", "boltz-keyscan keys revoke --id key_123"),
        ("Revoke it, after you type the key's name.", "boltz-keyscan keys revoke --id key_123 --execute"),
        (
            "Revoke all keys that a scan with --verify identified.",
            "boltz-keyscan keys revoke --from-report report.json --execute",
        ),
        (
            "Make a new key first, in a file that only you can read.",
            "boltz-keyscan keys revoke --id key_123 --replace --new-key-file new --execute",
        ),
    ),
    "explain": (
        ("List the keys of the current folder.", "boltz-keyscan explain"),
        ("Explain one, by the first digits of its fingerprint.", f"boltz-keyscan explain {_KEY[:12]}"),
        (
            "Write the expressions that remove it from the history, for git filter-repo.",
            f"boltz-keyscan explain {_KEY} --replace-text drop",
        ),
    ),
    "fleet": (
        ("Scan a folder of clones.", "boltz-keyscan fleet scan ~/mirrors --state fleet"),
        ("See how far it is, from another shell.", "boltz-keyscan fleet status --state fleet"),
        ("Write the report.", "boltz-keyscan fleet report --state fleet --format json --output fleet.json"),
    ),
    "fleet scan": (
        ("Scan a folder of clones.", "boltz-keyscan fleet scan ~/mirrors --state fleet"),
        (
            "Scan all repositories of an organisation on GitHub.",
            "gh repo list ORG --json url | boltz-keyscan fleet scan --repos - --state fleet",
        ),
        (
            "Scan the second of eight parts, as one job of an array.",
            "boltz-keyscan fleet scan /data/mirrors --shard 2/8 --state fleet-2",
        ),
    ),
    "fleet report": (
        ("Write the report.", "boltz-keyscan fleet report --state fleet --format json --output fleet.json"),
        (
            "Write SARIF, a file for each repository.",
            "boltz-keyscan fleet report --state fleet --format sarif --output sarif",
        ),
    ),
    "fleet merge": (("Join the parts.", "boltz-keyscan fleet merge --state fleet fleet-1 fleet-2 fleet-3"),),
    "fingerprint": (
        ("Compare the key in use with a report.", "printenv BOLTZ_API_KEY | boltz-keyscan fingerprint"),
    ),
    "import": (
        ("List the Boltz keys that gitleaks found.", "boltz-keyscan import gitleaks.json --output keys.json"),
        ("Compare them with a scan of this folder.", "boltz-keyscan diff keys.json today.json"),
        ("List them; with a fingerprint, explain one.", "boltz-keyscan explain --from-report keys.json"),
        (
            "Read alerts of GitHub without a file that holds keys.",
            "gh api repos/OWNER/NAME/secret-scanning/alerts | boltz-keyscan import -",
        ),
    ),
    "diff": (
        ("Show what changed since the last report.", "boltz-keyscan diff last-week.json today.json"),
        ("Write such a report.", "boltz-keyscan . --format json --output today.json"),
    ),
    "rules": (
        ("List the rules and what each type of key can do.", "boltz-keyscan rules list"),
        ("Test your own rules on their examples.", "boltz-keyscan rules check my-rules"),
        (
            "Write the rules for another scanner.",
            "boltz-keyscan rules export --for gitleaks --output boltz.toml",
        ),
    ),
    "completion": (
        ("bash, in ~/.bashrc.", 'eval "$(boltz-keyscan completion bash)"'),
        ("zsh, in ~/.zshrc, after compinit.", 'eval "$(boltz-keyscan completion zsh)"'),
        ("fish, in ~/.config/fish/config.fish.", "boltz-keyscan completion fish | source"),
    ),
}
"""Purpose and command line of each example, by command; the scan has the empty name."""
