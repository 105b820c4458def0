"""Names of revisions, resolved over references that we read ourselves; what follows a name, by git.

Boundary: names in, object ids out; a name that leads nowhere is an error, never an empty scan.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.sources import _git
from boltz_keyscan.sources.repository import References

_SUFFIX = re.compile(r"[~^:]|@\{")
"""Where a name ends and what git shall make of it begins; no name holds these (git-check-ref-format)."""

_RULES = ("{}", "refs/{}", "refs/tags/{}", "refs/heads/{}", "refs/remotes/{}", "refs/remotes/{}/HEAD")
"""Where a name is looked for, in this order (gitrevisions, "<refname>")."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Part of a history: what some revisions reach and others do not."""

    include: tuple[str, ...]
    exclude: tuple[str, ...] = ()

    @classmethod
    def of(cls, expression: str) -> Scope:
        """``A..B``, with HEAD for an end left out, as in gitrevisions(7).

        Raises:
            KeyscanError: not a range.
        """
        if "..." in expression or ".." not in expression:
            raise KeyscanError(
                f"not a range: {expression}", "Give it as A..B, for example origin/main..HEAD."
            )
        start, _, end = expression.partition("..")
        return cls((end or "HEAD",), (start or "HEAD",))


def resolve(view: _git.View, refs: References, scope: Scope) -> Scope:
    """The scope with every revision as a full object id.

    Raises:
        KeyscanError: one of them names no commit of this repository.
    """
    names = dict(refs.tips)
    if refs.head is not None:
        names[b"HEAD"] = refs.head

    def oid(revision: str) -> str:
        meant = _named(revision, names)
        arguments = ("rev-parse", "--verify", "--quiet", "--end-of-options", meant + "^{commit}")
        answer, told = _git.run(view, *arguments)
        if told or not re.fullmatch(rb"[0-9a-f]{%d}\n" % (2 * view.id_bytes), answer):
            hint = "Name a branch, tag or commit that this clone has; fetch it first."
            if refs.opaque:
                hint = "Its references are kept as reftable, which is not read: give full commit ids."
            raise KeyscanError(f"unknown revision: {revision}", hint)
        return answer.decode("ascii").strip()

    return Scope(tuple(map(oid, scope.include)), tuple(map(oid, scope.exclude)))


def _named(revision: str, names: dict[bytes, str]) -> str:
    """The revision with an object id in place of a name that is known."""
    found = _SUFFIX.search(revision)
    end = found.start() if found else len(revision)
    name = revision[:end] if revision[:end] != "@" else "HEAD"
    for rule in _RULES if name else ():
        oid = names.get(os.fsencode(rule.format(name)))
        if oid is not None:
            return oid + revision[end:]
    return revision
