"""``boltz-keyscan hook pre-push|pre-receive``: scan the objects of a push (githooks(5))."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping

import click

from boltz_keyscan.cli.commands.hook_commit import report, scan_for_hook, trust_options
from boltz_keyscan.cli.progress import scan_progress
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.model.finding import ScanResult
from boltz_keyscan.plan import Options, make_plan
from boltz_keyscan.policy import FailOn, FailPolicy
from boltz_keyscan.records import replace
from boltz_keyscan.report.wording import count
from boltz_keyscan.sources.git.repo.object_store import prepare_repository
from boltz_keyscan.sources.git.repo.references import read_references
from boltz_keyscan.sources.git.repo.repository import enclosing
from boltz_keyscan.sources.git.repo.revisions import find
from boltz_keyscan.sources.git.revision_range import Push, find_quarantine
from boltz_keyscan.system.paths import ANYWHERE

_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
"""Full object id, as git passes it to hooks."""


@click.command("pre-push")
@click.argument("remote", required=False)
@click.argument("url", required=False)
@trust_options
def pre_push(*, remote: str | None, url: str | None, baseline: str | None, trust: str | None) -> int:  # noqa: ARG001 - git passes the address, which is not needed
    """Stop a push that contains a key.

    Reads git's pre-push lines from standard input, or pre-commit's variables. Scans every
    object that the remote does not have.
    """
    given = os.environ
    if "PRE_COMMIT_TO_REF" in given:
        name = given.get("PRE_COMMIT_REMOTE_NAME", remote or "")
        line = (
            given.get("PRE_COMMIT_LOCAL_BRANCH", "refs/heads/HEAD"),
            # Names instead of ids if pre-commit was called by hand with --from-ref and --to-ref.
            _object(given["PRE_COMMIT_TO_REF"]),
            given.get("PRE_COMMIT_REMOTE_BRANCH", "refs/heads/HEAD"),
            _object(given.get("PRE_COMMIT_FROM_REF", "0" * 40)),
        )
        lines = [os.fsencode(" ".join(line))]
    else:
        name, lines = remote or "", sys.stdin.buffer.read().splitlines()
        if not lines and "PRE_COMMIT" in given:
            name, lines = given.get("PRE_COMMIT_REMOTE_NAME", ""), [_line_without_commits(given)]
    push = _push((remote_ref, there, local) for _, local, remote_ref, there in _updates(lines, 4))
    push = replace(push, remote=os.fsencode(name))
    if "PRE_COMMIT" in given:
        # Its old commit is one on the remote, which may not have the reference.
        push = replace(push, existing=frozenset())
    # pre-commit called by hand: there is no push.
    is_push = "PRE_COMMIT" not in given or "PRE_COMMIT_REMOTE_NAME" in given
    return _report(_scan(push, baseline, trust), "push" if is_push else "range")


@click.command("pre-receive")
@trust_options
def pre_receive(*, baseline: str | None, trust: str | None) -> int:
    """Refuse a push that contains a key, on the server.

    Reads git's pre-receive lines from standard input. Scans every object of the push, and
    every other object that no reference reached before. Baseline, ignores and comments are
    those of HEAD, the default branch, before the push, unless --trust is given: a push cannot
    suppress its own keys.
    """
    lines = _updates(sys.stdin.buffer.read().splitlines(), 3)
    push = _push((name, old, new) for old, new, name in lines)
    push = replace(push, quarantine=find_quarantine(os.environ, os.getcwdb()))
    return _report(_scan(push, baseline, trust or _default_branch_trust()), "received")


def _push(changes: Iterable[tuple[str, str, str]]) -> Push:
    """Return the push of references, given their names, and old and new ids: zeros where there is none."""
    named = [(os.fsencode(name), old, new) for name, old, new in changes]
    return Push(
        tuple((name, new) for name, _, new in named if new.strip("0")),
        tuple(old for _, old, _ in named if old.strip("0")),
        existing=frozenset(name for name, old, _ in named if old.strip("0")),
    )


def _scan(push: Push, baseline: str | None, trust: str | None) -> ScanResult:
    plan = make_plan(Options(push=push, fail_policy=FailPolicy(FailOn.ANY)))
    with scan_progress(plan.sources) as watch:
        return scan_for_hook(plan, baseline, trust, watch)


def _updates(lines: Iterable[bytes], count: int) -> Iterator[list[str]]:
    """Yield the words of lines that git writes to a push hook: names, and full object ids.

    Raises:
        KeyscanError: the lines have another form.
    """
    ids = {3: (0, 1), 4: (1, 3)}[count]
    for line in lines:
        words = os.fsdecode(line).rsplit(" ", count - 1)
        if len(words) != count or not all(_ID.fullmatch(words[place]) for place in ids):
            raise KeyscanError(
                "standard input is not what git writes to this hook",
                "Install it with 'boltz-keyscan hook install', or through pre-commit.",
            )
        yield words


def _object(revision: str) -> str:
    """Return the full id of the commit or annotated tag that a revision names, here.

    Raises:
        KeyscanError: it names no commit, or is ambiguous.
    """
    if _ID.fullmatch(revision):
        return revision
    repository = enclosing(os.getcwdb())
    view = prepare_repository(repository, ANYWHERE, ".").view if repository is not None else None
    if repository is None or view is None:
        raise KeyscanError(f"no usable git repository to look up {revision} in", "Check its .git.")
    return find(view, read_references(repository), revision)


def _line_without_commits(given: Mapping[str, str]) -> bytes:
    """Return the line of a push for which pre-commit gives names but no commits, such as a first push.

    If its hook is called by hand the line covers everything HEAD reaches. Without this a run would
    scan nothing and pass.
    """
    local, there = given.get("PRE_COMMIT_LOCAL_BRANCH", "HEAD"), given.get("PRE_COMMIT_REMOTE_BRANCH", "HEAD")
    oid = _object(local)
    return b" ".join((os.fsencode(local), oid.encode(), os.fsencode(there), b"0" * len(oid)))


def _default_branch_trust() -> str:
    """Return the trust for a received push: the default branch before the push.

    Not the branch that is pushed to: its users could push a suppression first and the key
    afterwards.
    """
    repository = enclosing(os.getcwdb())
    born = repository is not None and read_references(repository).head is not None
    return "base:HEAD" if born else "none"


def _report(result: ScanResult, change: str) -> int:
    tally = result.tally
    what = f"a push of {count(tally.blobs, 'object')} ({count(tally.commits, 'commit')})"
    return report(result, change, what)
