"""Fetching with GitPython, in a process that has nothing but the variables and the configuration given to it.

GitPython passes the environment of its process on to git, so the process is one of its own (``mirror``
starts it). The folder it fetches into is ours, made without a template, so it has no hooks and no
configuration but ours.
"""

from __future__ import annotations

import os
import time
from functools import partial
from typing import Any, cast

import git

from boltz_keyscan.fleet.digest import hash_references
from boltz_keyscan.fleet.fetch_messages import Answer, Progress, Request
from boltz_keyscan.system.processes import forbid_core_dumps, limit_own_files
from boltz_keyscan.workers import wire

_REFSPEC = "+refs/*:refs/*"
"""All references: pull and merge requests too."""

_PROGRESS_INTERVAL_S = 0.2
_MAX_ERROR_CHARS = 2000


def main(reading: int, writing: int) -> None:
    """Answer requests, with progress before each answer, until there are no more."""
    forbid_core_dumps()
    variables = dict(os.environ)
    while True:
        try:
            request: Request = wire.receive(partial(os.read, reading))
        except EOFError:
            return
        os.environ.clear()
        os.environ.update(variables | request.variables)
        limit_own_files(request.max_bytes)
        wire.send(writing, _answer(request, writing))


def _answer(request: Request, writing: int) -> Answer:
    try:
        return _fetch(request, writing)
    except git.GitCommandError as error:
        text = f"status {error.status}: {error.stderr or error.stdout or ''}"
    except (git.GitError, ValueError, OSError) as error:
        text = f"{type(error).__name__}: {error}"
    return Answer(error=text[-_MAX_ERROR_CHARS:])


def _fetch(request: Request, writing: int) -> Answer:
    """Fetch a repository, unless its references are those of the request."""
    if request.digest and _remote_digest(request.url) == request.digest:
        return Answer(unchanged=True)
    if os.path.isdir(request.folder):
        # ``Remote.fetch`` would also parse what git prints of each reference, whose names are not ours.
        mirror = git.Git(request.folder)
        mirror.fetch("--force", *(["--prune"] if request.prune else []), "origin", _REFSPEC)
        for line in str(mirror.ls_remote("--symref", "origin", "HEAD")).splitlines():
            if line.startswith("ref: refs/"):
                mirror.symbolic_ref("HEAD", line.removeprefix("ref: ").partition("\t")[0])
    else:
        # A clone that is cut off leaves no folder of this name.
        part = f"{request.folder}.part"
        relay = _Relay(writing)
        try:
            git.Repo.clone_from(request.url, part, progress=cast("Any", relay), mirror=True).close()
        except git.GitCommandError as error:
            # The receiver of progress gets the errors too.
            error.stderr = "\n".join((*relay.error_lines, *relay.other_lines))
            raise
        os.rename(part, request.folder)
    return Answer()


def _remote_digest(url: str) -> str:
    lines = (line.partition("\t") for line in str(git.Git().ls_remote("--", url)).splitlines())
    # Names end in "^{}" where git adds the commit of a tag.
    names = {name: oid for oid, tab, name in lines if tab and not name.endswith("^{}")}
    return hash_references(names.pop("HEAD", ""), names)


class _Relay(git.RemoteProgress):
    """Progress of git, passed on now and then."""

    def __init__(self, writing: int) -> None:
        super().__init__()
        self._writing = writing
        self._last = 0.0

    def update(
        self, op_code: int, cur_count: str | float, max_count: str | float | None = None, message: str = ""
    ) -> None:
        """Pass one step on."""
        del op_code, message
        if time.monotonic() - self._last >= _PROGRESS_INTERVAL_S:
            self._last = time.monotonic()
            wire.send(self._writing, Progress(int(float(cur_count)), int(float(max_count or 0)) or None))
