"""Folder that git takes hooks from, by the user's configuration, and other hook managers.

Read with GitPython, which follows ``include`` as git does. It opens the repository that the user works
in, never one that is scanned; importing it takes as long as a commit hook, so nothing else loads it.
"""

from __future__ import annotations

import configparser
import functools
import os
from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING

from boltz_keyscan.cli.hook_script import SHARED, is_within
from boltz_keyscan.cli.messages import report_line
from boltz_keyscan.errors import GitError, KeyscanError
from boltz_keyscan.records import dataclass
from boltz_keyscan.sources.git.run import command

if TYPE_CHECKING:
    import git as gitpython

    from boltz_keyscan.sources.git.repo.repository import Repository

_ROOT_FILES = tuple(
    f"{start}lefthook.{ending}"
    for start in ("", ".", ".config/")
    for ending in ("yml", "yaml", "toml", "json")
)
"""https://lefthook.dev/configuration/"""

_PUSH = "env PYTHONPATH= boltz-keyscan hook pre-push {1} {2}"


@dataclass(frozen=True, slots=True)
class HooksFolder:
    """Folder that git takes a hook from."""

    path: str
    because: str
    """Setting that names the folder, and its file; empty for git's default."""
    outside: bool = False
    """True if the folder is in neither the worktree nor the repository: others may use it too."""


@dataclass(frozen=True, slots=True)
class Manager:
    """Hook manager: another tool that runs the hooks of a repository."""

    name: str
    file: str
    """File for the line that calls boltz-keyscan."""
    hint: str


def hooks_folder(repository: Repository, name: str) -> HooksFolder:
    """Return the folder that git takes the hook of this name from.

    Raises:
        KeyscanError: the configuration cannot be read.
    """
    value, file = _configured(repository)
    if not value:
        return HooksFolder(os.path.join(os.fsdecode(repository.common_dir), "hooks"), "")
    # git-config(1): relative to the folder that hooks run in.
    top = repository.git_dir if name == "pre-receive" else repository.worktree or repository.git_dir
    path = os.path.normpath(os.path.join(os.fsdecode(top), os.path.expanduser(value)))
    own = [repository.common_dir, repository.git_dir, repository.worktree or repository.git_dir]
    outside = not any(is_within(path, os.fsdecode(folder)) for folder in own)
    return HooksFolder(path, f"core.hooksPath={value} in {file}", outside)


def manager(repository: Repository, folder: HooksFolder, name: str) -> Manager | None:
    """Return the tool that runs the hook of this name here, if one does."""
    line = SHARED.get(name)
    if repository.worktree is None or line is None:
        return None
    root = os.fsdecode(repository.worktree)
    parts = folder.path.split(os.sep)
    if ".husky" in parts[-2:]:
        file = os.path.join(os.sep.join(parts[: parts.index(".husky", -2) + 1]), name)
        return Manager("husky", file, f"Add this line to {file}: {line}")
    for each in _ROOT_FILES:
        file = os.path.join(root, each)
        if os.path.lexists(file):
            job = f"run: {line}" if name == "pre-commit" else f"run: {_PUSH}, use_stdin: true"
            return Manager("lefthook", file, f"Add this command to {name} in {file}: {{ {job} }}")
    file = os.path.join(root, ".pre-commit-config.yaml")
    # pre-commit refuses to install itself where core.hooksPath is set.
    if os.path.lexists(file) and not folder.because:
        hook = "boltz-keyscan" if name == "pre-commit" else "boltz-keyscan-push"
        hint = f"Add the hook {hook} to {file}, and run 'pre-commit install --hook-type {name}'."
        return Manager("pre-commit", file, hint)
    return None


def _configured(repository: Repository) -> tuple[str, str]:
    """Return the effective value of core.hooksPath and the file that sets it."""
    git = _gitpython()
    try:
        opened: gitpython.Repo | None = git.Repo(os.fsdecode(repository.worktree or repository.git_dir))
    except (git.GitError, ValueError, OSError):
        # Needed for conditions of "includeIf" only.
        opened = None
    found = "", ""
    for file in _files(repository):
        try:
            parser = git.GitConfigParser(file, read_only=True, repo=opened)
            # With a default, get_value would pass over a file that does not parse.
            parser.read()
            value = str(parser.get_value("core", "hooksPath", ""))
        except (configparser.Error, OSError, ValueError) as error:
            raise KeyscanError(
                f"cannot read git's configuration: {file}", "Run 'git config --list' to see the error."
            ) from error
        if value:
            found = value, file
    return found


def git_author() -> str:
    """Return name and address of the user from the user's own configuration of git; empty without a name.

    The configuration of a repository is not read: it may be the scanned one.
    """
    found = {"name": "", "email": ""}
    for file in filter(os.path.isfile, _user_files()):
        try:
            parser = _gitpython().GitConfigParser(file, read_only=True)
            found = {key: str(parser.get_value("user", key, was)) for key, was in found.items()}
        except (configparser.Error, OSError, ValueError):
            # Only a default: the name can be given.
            continue
    name, email = (" ".join(text.split()) for text in found.values())
    return f"{name} <{email}>" if name and email else name


def _user_files() -> list[str]:
    """Return the files of git's configuration outside of repositories (git-config(1))."""
    given = os.environ
    names = []
    if not given.get("GIT_CONFIG_NOSYSTEM"):
        names.append(given["GIT_CONFIG_SYSTEM"] if "GIT_CONFIG_SYSTEM" in given else _system_file())
    if "GIT_CONFIG_GLOBAL" in given:
        names.append(given["GIT_CONFIG_GLOBAL"])
    else:
        home = given.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
        names += [os.path.join(home, "git", "config"), os.path.expanduser("~/.gitconfig")]
    return names


def _system_file() -> str:
    """Return the configuration of all users: ``etc/gitconfig`` beside the folder of git, or of one above."""
    try:
        folder = os.path.realpath(command.executable())
    except GitError:
        folder = ""
    while folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
        file = os.path.join(folder, "etc", "gitconfig")
        if os.path.isfile(file):
            return file
    return os.path.join(os.sep, "etc", "gitconfig")


def _files(repository: Repository) -> Iterator[str]:
    """Return the existing files of git's configuration, the most important last (git-config(1))."""
    names = _user_files()
    names.append(os.path.join(os.fsdecode(repository.common_dir), "config"))
    # For extensions.worktreeConfig; git ignores the file without it.
    names.append(os.path.join(os.fsdecode(repository.git_dir), "config.worktree"))
    return (name for name in names if os.path.isfile(name))


@functools.cache
def _gitpython() -> ModuleType:
    """Load GitPython with the git of this program; without git, report it and go on."""
    try:
        # GitPython runs git on import, and PATH could find one in the working folder.
        os.environ["GIT_PYTHON_GIT_EXECUTABLE"] = command.executable()
    except GitError as error:
        report_line(f"note: {error.message}; the hooks need it")
    os.environ["GIT_PYTHON_REFRESH"] = "quiet"
    import git  # noqa: PLC0415 - takes as long as a commit hook

    return git
