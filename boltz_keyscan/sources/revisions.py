"""Names of revisions, resolved by git over references that we read and wrote down anew.

Boundary: names in, object ids out; a name that leads nowhere is an error, never an empty scan.
"""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import dataclass, replace

from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.sources import _git
from boltz_keyscan.sources.repository import References

_SAFE_NAME = re.compile(rb"[^\0-\x20\x7f~^:?*\[\\]+")
"""What git-check-ref-format allows, more or less: enough that a line holds one name."""


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
    named = _with_names(view, refs)

    def oid(revision: str) -> str:
        arguments = ("rev-parse", "--verify", "--quiet", "--end-of-options", revision + "^{commit}")
        answer, told = _git.run(named, *arguments)
        if told or not answer.strip():
            hint = "Name a branch, tag or commit that this clone has; fetch it first."
            if refs.opaque:
                hint = "Its references are kept as reftable, which is not read: give full commit ids."
            raise KeyscanError(f"unknown revision: {revision}", hint)
        return answer.decode("ascii").strip()

    return Scope(tuple(map(oid, scope.include)), tuple(map(oid, scope.exclude)))


def _with_names(view: _git.View, refs: References) -> _git.View:
    """The view with a skeleton that knows the repository's references."""
    folder = tempfile.mkdtemp(dir=view.skeleton)
    os.mkdir(os.path.join(folder, "refs"))
    os.mkdir(os.path.join(folder, "objects"))
    with open(os.path.join(view.skeleton, "config"), "rb") as file:
        config = file.read()
    lines = [
        oid.encode() + b" " + name + b"\n"
        for name, oid in refs.tips
        if name.startswith(b"refs/") and _SAFE_NAME.fullmatch(name)
    ]
    head = refs.head.encode() if refs.head is not None else b"ref: refs/heads/none"
    for name, content in (("config", config), ("packed-refs", b"".join(lines)), ("HEAD", head + b"\n")):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content)
    return replace(view, skeleton=folder)
