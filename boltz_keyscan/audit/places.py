"""Places where keys come to lie on a machine: a table of files, by kind, with the remedy of each.

To add a place, add a row to ``PLACES``. A pattern is a base folder and a name below it, as ``glob`` reads
it; one that ends in ``/**`` is a whole folder. Bases differ by system, see ``base_folders``.

Sources of the names: the programs' own documentation and source, as of 2026-11; for Boltz' programs
boltz-bio/boltz-api-cli ``internal/authstore/store.go`` and the packages ``boltz-lab`` and ``boltz-mcpb``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from boltz_keyscan.records import dataclass


class Kind(StrEnum):
    """The purpose of a file, as the noun that counts it."""

    STARTUP = "shell start-up file"
    ENVIRONMENT = "environment file"
    CREDENTIALS = "credentials file of a Boltz tool"
    SETTINGS = "settings file of a Boltz tool"
    TOOL = "configuration file of a tool"
    STORE = "credentials file of another tool"
    STATE = "Terraform state"
    PROCESS = "running program"
    TRANSCRIPT = "transcript of an agent"
    HISTORY = "command history"
    EDITOR = "backup of an editor"
    LOG = "log of a program"


REMEDIES: Final[Mapping[Kind, str]] = {
    Kind.STARTUP: "Take it out, and read it from a secret store when it is needed.",
    Kind.ENVIRONMENT: "Keep the file ignored by git and readable by yourself only.",
    Kind.CREDENTIALS: "Keep the file readable by yourself only; sign out where it is not needed.",
    Kind.SETTINGS: "Take it out: settings are no place for a key.",
    Kind.TOOL: "Refer to the variable BOLTZ_API_KEY there, and set it elsewhere.",
    Kind.STORE: "Take it out, and keep the file readable by yourself only.",
    Kind.STATE: "Replace the key, and keep the state in an encrypted backend: it has old values too.",
    Kind.PROCESS: "End the program when its work is done, or start it without the variable.",
    Kind.TRANSCRIPT: "End the session, then redact the file or delete the session.",
    Kind.HISTORY: "Close the shells, then redact the file.",
    Kind.EDITOR: "Close the editor, then redact the file or delete the backup.",
    Kind.LOG: "Redact the file or delete the run.",
}

REDACTABLE: Final = frozenset({Kind.TRANSCRIPT, Kind.HISTORY, Kind.EDITOR, Kind.LOG})
"""Kinds of files that ``redact`` may change: the program that wrote them does not need the key."""


@dataclass(frozen=True, slots=True)
class Place:
    """A row of the table."""

    kind: Kind
    patterns: str
    """Patterns, separated by white space."""
    name: str = ""
    """The program or the thing that it is of; empty where the kind says it."""
    deep: bool = False
    """True for places that may hold gigabytes, searched only with ``--history``."""


PLACES: Final = (
    Place(
        Kind.STARTUP,
        """
        home:.profile home:.bashrc home:.bash_profile home:.bash_login home:.bash_aliases home:.bash_logout
        home:.zshrc home:.zshenv home:.zprofile home:.zlogin home:.kshrc home:.cshrc home:.tcshrc home:.login
        home:.xonshrc home:.xprofile home:.xsessionrc home:.pam_environment
        config:fish/config.fish config:fish/conf.d/*.fish config:environment.d/*.conf config:nushell/*.nu
        documents:PowerShell/*profile.ps1 documents:WindowsPowerShell/*profile.ps1
        config:powershell/*profile.ps1
        """,
    ),
    Place(Kind.ENVIRONMENT, "home:.env project:.env project:.env.* project:.envrc"),
    Place(
        Kind.CREDENTIALS,
        """
        config:boltz*/credentials.json home:.boltz*/credentials.json
        cache:boltz-api/session.json config:boltz-lab/config.json
        """,
    ),
    Place(Kind.SETTINGS, "config:boltz-api/config.yaml"),
    Place(
        Kind.TOOL,
        """
        home:.mcp.json home:.cursor/mcp.json home:.claude.json claude:settings.json claude:settings.local.json
        codex:config.toml home:.gemini/settings.json home:.copilot/mcp-config.json
        home:.continue/config.json home:.continue/config.yaml home:.codeium/windsurf/mcp_config.json
        config:Claude/claude_desktop_config.json editor:mcp.json editor:settings.json config:zed/settings.json
        config:goose/config.yaml config:opencode/opencode.json
        project:.mcp.json project:.cursor/mcp.json project:.vscode/mcp.json project:.vscode/settings.json
        project:.claude/settings.json project:.claude/settings.local.json project:.codex/config.toml
        project:.gemini/settings.json project:.zed/settings.json project:.idea/workspace.xml
        """,
    ),
    Place(
        Kind.STORE,
        """
        home:.netrc home:_netrc home:.pypirc home:.npmrc home:.docker/config.json home:.kube/config
        home:.aws/config home:.aws/credentials config:gh/hosts.yml config:gcloud/*.json config:gcloud/*.db
        home:.git-credentials config:git/credentials home:.condarc home:.Renviron project:.Renviron
        home:.streamlit/secrets.toml project:.streamlit/secrets.toml home:.ssh/environment
        """,
    ),
    Place(
        Kind.STORE,
        """
        config:systemd/user/*.service config:systemd/user/*.conf config:systemd/user/*.d/*.conf
        config:autostart/*.desktop home:Library/LaunchAgents/*.plist system:var/spool/cron/crontabs/{user}
        system:var/spool/cron/{user} data:direnv/allow/*
        """,
        "a service or job",
    ),
    Place(
        Kind.STATE,
        """
        project:*.tfstate project:*.tfstate.backup project:*/*.tfstate project:*/*.tfstate.backup
        project:terraform.tfstate.d/*/*.tfstate* project:*.tfvars project:*.auto.tfvars
        """,
    ),
    Place(
        Kind.TRANSCRIPT,
        """
        claude:projects/** claude:history.jsonl claude:file-history/** claude:paste-cache/**
        claude:shell-snapshots/** claude:debug/**
        """,
        "Claude Code",
        deep=True,
    ),
    Place(
        Kind.TRANSCRIPT,
        "codex:sessions/** codex:archived_sessions/** codex:history.jsonl codex:log/**",
        "Codex CLI",
        deep=True,
    ),
    Place(Kind.TRANSCRIPT, "home:.gemini/tmp/**", "Gemini CLI", deep=True),
    Place(Kind.TRANSCRIPT, "home:.copilot/session-state/** home:.copilot/logs/**", "Copilot CLI", deep=True),
    Place(
        Kind.TRANSCRIPT,
        """
        editor:workspaceStorage/*/chatSessions/** editor:globalStorage/emptyWindowChatSessions/**
        editor:workspaceStorage/*/GitHub.copilot-chat/**
        """,
        "VS Code",
        deep=True,
    ),
    Place(
        Kind.TRANSCRIPT,
        "editor:globalStorage/state.vscdb* editor:workspaceStorage/*/state.vscdb*",
        "Cursor or VS Code",
        deep=True,
    ),
    Place(
        Kind.TRANSCRIPT,
        """
        editor:globalStorage/saoudrizwan.claude-dev/tasks/**
        editor:globalStorage/rooveterinaryinc.roo-cline/tasks/**
        """,
        "Cline or Roo",
        deep=True,
    ),
    Place(Kind.TRANSCRIPT, "data:opencode/**", "OpenCode", deep=True),
    Place(Kind.TRANSCRIPT, "home:.kiro/sessions/**", "Kiro", deep=True),
    Place(Kind.TRANSCRIPT, "home:.junie/sessions/**", "Junie", deep=True),
    Place(Kind.TRANSCRIPT, "home:.windsurf/transcripts/**", "Windsurf", deep=True),
    Place(Kind.TRANSCRIPT, "home:.vibe/logs/**", "Mistral Vibe", deep=True),
    Place(
        Kind.TRANSCRIPT,
        "project:.aider.*history* home:.aider.*history*",
        "aider",
        deep=True,
    ),
    Place(
        Kind.TRANSCRIPT,
        "data:goose/sessions/** data:zed/threads/** data:Zed/threads/**",
        "Goose or Zed",
        deep=True,
    ),
    Place(
        Kind.HISTORY,
        """
        home:.bash_history home:.zsh_history home:.zhistory home:.history home:.sh_history home:.ksh_history
        home:.zsh_sessions/** home:.bash_sessions/** data:fish/fish_history home:.xonsh_history
        data:powershell/PSReadLine/*_history.txt config:Microsoft/Windows/PowerShell/PSReadLine/*_history.txt
        """,
        "a shell",
        deep=True,
    ),
    Place(
        Kind.HISTORY,
        """
        home:.python_history home:.ipython/profile_*/history.sqlite* home:.node_repl_history
        home:.psql_history home:.mysql_history home:.sqlite_history home:.Rhistory project:.Rhistory
        home:.lesshst home:.viminfo state:nvim/shada/*
        """,
        "another program",
        deep=True,
    ),
    Place(
        Kind.EDITOR,
        """
        editor:History/** editor:Backups/** home:.vim/swap/** home:.vim/undo/** home:.vim/backup/**
        state:nvim/swap/** state:nvim/undo/** data:nvim/swap/** home:.emacs.d/backups/**
        home:.emacs.d/auto-save-list/**
        project:.*.sw? project:*~ project:.idea/shelf/**
        """,
        deep=True,
    ),
    Place(
        Kind.LOG,
        """
        home:.jupyter/** data:jupyter/runtime/** project:.ipynb_checkpoints/** project:*/.ipynb_checkpoints/**
        """,
        "Jupyter",
        deep=True,
    ),
    Place(
        Kind.LOG,
        """
        project:mlruns/** project:mlflow.db* project:wandb/** project:slurm-*.out project:slurm-*.err
        project:.nextflow.log* project:work/*/*/.command.* project:.snakemake/log/** project:nohup.out
        home:nohup.out home:slurm-*.out
        """,
        "an experiment or job",
        deep=True,
    ),
    Place(
        Kind.LOG,
        "project:boltz-experiments/** home:boltz-experiments/** output:** tmp:boltz-mcpb/**",
        "a Boltz tool",
        deep=True,
    ),
)
"""All places but the environments of running programs, which are no files. Of two rows that have a file, the
first counts."""

_EDITORS = ("Code", "Code - Insiders", "VSCodium", "Cursor", "Windsurf", "Kiro")
"""Editors that keep their files as VS Code does, by the name of their folder."""


def base_folders(
    environ: Mapping[str, str], home: str, project: str, system: str
) -> dict[str, tuple[str, ...]]:
    """Return the folders that each base of a pattern means, on one system.

    Args:
        environ: the environment, whose variables move folders.
        home: the home folder.
        project: the folder of the project.
        system: the system, as ``sys.platform`` names it.
    """

    def below_home(*names: str) -> str:
        return os.path.join(home, *names)

    def chosen(variable: str, default: str) -> str:
        # The XDG specification: a relative path is invalid and is to be ignored.
        value = environ.get(variable, "")
        return value if os.path.isabs(value) else default

    config = [chosen("XDG_CONFIG_HOME", below_home(".config"))]
    cache = [chosen("XDG_CACHE_HOME", below_home(".cache"))]
    data = [chosen("XDG_DATA_HOME", below_home(".local", "share"))]
    if system == "darwin":
        support = below_home("Library", "Application Support")
        config.append(support)
        data.append(support)
        cache.append(below_home("Library", "Caches"))
    if system == "win32":
        roaming = environ.get("APPDATA") or below_home("AppData", "Roaming")
        local = environ.get("LOCALAPPDATA") or below_home("AppData", "Local")
        config.append(roaming)
        data += [roaming, local]
        cache.append(local)
    output = environ.get("BOLTZ_OUTPUT_DIR", "")
    return {
        "home": (home,),
        "project": (project,),
        "config": tuple(config),
        "cache": tuple(cache),
        "data": tuple(data),
        "state": (chosen("XDG_STATE_HOME", below_home(".local", "state")), *data[1:]),
        "editor": tuple(os.path.join(each, name, "User") for each in config for name in _EDITORS),
        "claude": (environ.get("CLAUDE_CONFIG_DIR") or below_home(".claude"),),
        "codex": (environ.get("CODEX_HOME") or below_home(".codex"),),
        "documents": (below_home("Documents"),) if system == "win32" else (),
        "output": (output,) if output else (),
        "tmp": (environ.get("TMPDIR") or environ.get("TEMP") or "/tmp",),  # noqa: S108 - read, not written
        "system": () if system == "win32" else ("/",),
    }
