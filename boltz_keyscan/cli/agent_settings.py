"""The settings of coding agents: installation and removal of the hook, and a trial of what is installed."""

from __future__ import annotations

import base64
import difflib
import json
import os
import secrets

import click

from boltz_keyscan import rules
from boltz_keyscan.agents import hook, installation, registry
from boltz_keyscan.agents.event import Agent, Payload
from boltz_keyscan.cli import hook_script
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.model.enums import ExitCode
from boltz_keyscan.records import dataclass, replace
from boltz_keyscan.redaction import redacted
from boltz_keyscan.sources.git.repo.repository import enclosing
from boltz_keyscan.workers.programs import run_program

_MACHINE = "It names a program of this machine, so do not commit it; docs/agents.md has the form for teams."


def install(names: list[str], *, is_user: bool, is_dry: bool, is_removal: bool) -> int:
    """Install or remove the hooks of agents, and print what changed and what is left to do.

    Args:
        names: names of the agents.
        is_user: True for the settings of the user, False for those of the project.
        is_dry: True to show the changes only.
        is_removal: True to remove.

    Raises:
        KeyscanError: an agent has no such settings, or a file cannot be changed safely.
        OutputError: a file cannot be written.
    """
    top = None if is_user else _project()
    command = None if is_removal else hook_script.agent_command()
    places = [(agent := registry.find_agent(name), _path(agent, top)) for name in names]
    # Nothing is done by halves.
    plans = [installation.plan(agent.settings, path, command, top) for agent, path in places]
    for (agent, path), change in zip(places, plans, strict=True):
        if is_dry:
            _show(change)
            continue
        change = installation.install(agent.settings, path, command, top)  # noqa: PLW2901 - the file may be another now
        click.echo(redacted(f"{agent.settings.title}: {_outcome(change, is_removal=is_removal)}: {path}"))
        if not is_removal:
            click.echo(f"  {agent.settings.note}")
            if top is not None:
                click.echo(f"  {_MACHINE}")
    return ExitCode.CLEAN


def _project() -> str:
    """Return the root of the repository around the working folder, or that folder."""
    repository = enclosing(os.getcwdb())
    root = repository.worktree if repository is not None else None
    return os.fsdecode(root) if root is not None else os.getcwd()


def _path(agent: Agent, top: str | None) -> str:
    if top is None:
        return agent.settings.user_file()
    if not agent.settings.project:
        raise KeyscanError(
            f"{agent.settings.title} reads no hooks from a project", "Install them with --user."
        )
    return os.path.join(top, agent.settings.project)


def _outcome(change: installation.SettingsChange, *, is_removal: bool) -> str:
    if change.old == change.new:
        return "no hook of boltz-keyscan" if is_removal else "installed already"
    if not is_removal:
        return "installed"
    return "removed, with the file" if change.new is None else "removed"


def _show(change: installation.SettingsChange) -> None:
    """Print a change as a diff; settings may hold keys."""
    old, new = (text.decode("utf-8").splitlines() if text else [] for text in (change.old, change.new))
    lines = list(difflib.unified_diff(old, new, change.path, change.path, lineterm="", n=2))
    for line in lines or [f"{change.path}: no change"]:
        click.echo(redacted(line))


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Diagnosis of one hook, of git or of an agent."""

    name: str
    """Name of a hook of git, or title of an agent."""
    path: str
    because: str = ""
    """Reason why git uses this path."""
    trouble: str = ""
    """Reason why it would not run, or let keys pass; empty if it is as it must be."""
    help: str = ""
    program: str = ""
    """Program that it runs."""
    untried: str = ""
    """Reason why it was not tried; empty if it was, or is of git."""
    note: str = ""


def try_hooks(names: tuple[str, ...]) -> list[Diagnosis]:
    """Run the hooks of agents with a harmless and a harmful payload.

    Args:
        names: agents to try; one without a hook is a trouble then. Empty for all that have one.
    """
    top = _project()
    trials = []
    for name in names or registry.NAMES:
        agent = registry.find_agent(name)
        files = [agent.settings.user_file()]
        files += [os.path.join(top, agent.settings.project)] if agent.settings.project else []
        tried = (_try_file(agent, path, top, is_named=bool(names)) for path in dict.fromkeys(files))
        found = [trial for trial in tried if trial is not None]
        if not found and names:
            remedy = f"there is no hook in its settings. Run 'boltz-keyscan hook install {name}'"
            found = [replace(_unknown(agent, files[0]), trouble=remedy)]
        trials += found
    return trials


def _unknown(agent: Agent, path: str) -> Diagnosis:
    return Diagnosis(agent.settings.title, path, note=agent.settings.note)


def _try_file(agent: Agent, path: str, top: str, *, is_named: bool) -> Diagnosis | None:
    """Return the trial of the hook in one file; None if it has none, or cannot be read and was not named."""
    unknown = _unknown(agent, path)
    try:
        entries = installation.installed_commands(path)
        if not entries:
            return None
        if _is_disabled(path):
            return replace(unknown, trouble="disableAllHooks is set in this file")
    except KeyscanError as error:
        return replace(unknown, trouble=error.message) if is_named else None
    missing = [event for event in agent.settings.events if event not in dict(entries)]
    if missing:
        again = f"Run 'boltz-keyscan hook install {agent.name}' again"
        return replace(unknown, trouble=f"not hooked: {', '.join(missing)}. {again}")
    trials = [
        _try_command(agent, path, command, top) for command in dict.fromkeys(text for _, text in entries)
    ]
    return next((trial for trial in trials if trial.trouble), trials[0])


def _is_disabled(path: str) -> bool:
    raw = installation.read(path)
    if raw is None or not path.endswith(".json"):
        return False
    from boltz_keyscan.agents import json_text  # noqa: PLC0415 - for this question only

    value = json_text.parse(raw.decode("utf-8")).value
    return isinstance(value, dict) and value.get("disableAllHooks") is True


def _try_command(agent: Agent, path: str, command: str, top: str) -> Diagnosis:
    unknown = _unknown(agent, path)
    program = hook_script.parse_agent_command(command, top)
    again = f"Run 'boltz-keyscan hook install {agent.name}' again"
    if not program.asked:
        reason = "it is inside this project, so it was not run"
        return replace(unknown, program=program.python, untried=reason)
    if not program.command:
        reason = "'hook install' did not write this command, so it was not run"
        return replace(unknown, program=command, untried=reason)
    if not os.access(program.python, os.X_OK):
        return replace(unknown, trouble=f"its interpreter does not exist: {program.python}. {again}")
    for text in ("echo boltz-keyscan", f"echo {_new_key()}"):
        for payload in agent.settings.samples(text):
            trouble = _try_payload(program.command, payload, text)
            if trouble:
                return replace(unknown, program=program.python, trouble=f"{trouble}. {again}")
    return replace(unknown, program=program.python)


def _try_payload(command: tuple[str, ...], payload: Payload, text: str) -> str:
    """Return the difference between the answer of a program and ours; empty if there is none."""
    raw = json.dumps(payload).encode()
    ended = run_program(command, raw)
    if ended is None:
        return "it does not start, or takes too long"
    code, output, errors = ended
    expected = hook.respond(raw)
    try:
        answer = json.loads(output) if output.strip() else None
    except ValueError:
        answer = "no JSON"
    key = text.removeprefix("echo ").encode()
    if key.startswith(b"sk_") and key in output + errors:
        return "its answer has the key"
    if (code, answer) != (expected.code, expected.output):
        return (
            f"it does not {'stop' if key.startswith(b'sk_') else 'let pass'} what it must (exit code {code})"
        )
    return ""


def _new_key() -> str:
    """Return a random text in the form of a key that does the least."""
    prefix = min(rules.load(), key=lambda rule: -rule.severity.rank).prefix
    return prefix + base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")
