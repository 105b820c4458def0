"""``boltz-keyscan hook agent``: check an event of a coding agent.

Without arguments it does not get here; see ``agent_hook``.
"""

from __future__ import annotations

import click

from boltz_keyscan.cli import agent_hook
from boltz_keyscan.cli.groups import CommandWithExamples


@click.command("agent", cls=CommandWithExamples, short_help="Check an event of a coding agent.")
def agent() -> int:
    """Check the event that a coding agent passes on standard input, and answer in its form.

    Claude Code, Codex CLI, Cursor, Copilot CLI, VS Code, Gemini CLI, Windsurf, Kiro, Junie CLI
    and Mistral Vibe are recognised by what they send. A prompt, a command, the arguments of a
    tool or a new file with a key is stopped. In the output of a tool the key is replaced where
    the agent allows it. 'boltz-keyscan hook install AGENT' sets it up.
    """
    return agent_hook.run()
