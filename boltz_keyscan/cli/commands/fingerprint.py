"""``boltz-keyscan fingerprint``: print the fingerprint of a key from standard input."""

from __future__ import annotations

import sys

import click

from boltz_keyscan import rules
from boltz_keyscan.cli.groups import CommandWithExamples
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.model.enums import ExitCode

_MAX_BYTES = 1 << 20


@click.command(
    "fingerprint", cls=CommandWithExamples, short_help="Print the fingerprint of a key from standard input."
)
def fingerprint() -> int:
    """Print the fingerprint of the key on standard input, to compare it with a finding.

    Prints one line. A key is never an argument: other users of the machine can read those.
    """
    text = sys.stdin.buffer.read(_MAX_BYTES)
    found = {match.fingerprint for match in KeyDetector.of(rules.load()).find([text])}
    if len(found) != 1:
        amount = f"{len(found):,} keys" if found else "no key"
        raise KeyscanError(
            f"standard input has {amount}", "Pass one key: printenv BOLTZ_API_KEY | boltz-keyscan fingerprint"
        )
    click.echo(found.pop())
    return ExitCode.CLEAN
