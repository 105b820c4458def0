"""Where wanted objects stand and which commits brought them there: which walks that takes.

One walk over all that references reach, and one over what they do not reach for what is
then still unexplained. What an earlier scan learnt is taken over, and only the commits
that came since are walked. When git takes too long over any of it, ``nested`` does it all
another way.

Boundary: ids in, commits and paths out; what that says of a hit is ``trace``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from boltz_keyscan.errors import GitError
from boltz_keyscan.sources.git.attribution.log import (
    MOST_PATHS,
    Change,
    Walks,
    Wanted,
    bounded,
    counts,
    introduction,
    keep,
)
from boltz_keyscan.sources.git.attribution.tree_search import Nested
from boltz_keyscan.sources.git.objects.scan_cache import Attribution, FirstCommit, Memory, Places
from boltz_keyscan.sources.git.repo import shallow
from boltz_keyscan.sources.git.repo.index import index_timeout
from boltz_keyscan.sources.git.repo.repository import References
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.git.run.output import UNEXPECTED_OUTPUT, object_info, parsing_git_output

_OID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_TREE = re.compile(rb"\A\d+ \w+ ([0-9a-f]+)\t(.+)\Z", re.DOTALL)
_INDEX = re.compile(rb"\A\d+ ([0-9a-f]+) \d\t(.+)\Z", re.DOTALL)

_NESTED_SECONDS = 60.0
_NESTED_SECONDS_EACH = 0.001
"""Time for the other way, and more of it for each commit."""

Standing = set[tuple[str, bytes]]
"""Objects with their paths, at one moment."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """All that was learnt about wanted objects."""

    introduced: Places
    """The first commit of each at each path."""
    in_head: Standing
    in_index: Standing
    named: Standing
    """In a tree that a reference names without a commit; a blob that one names has no path."""
    crowded: frozenset[str]
    """Objects that stand at more paths than these."""
    told: Attribution | None
    """What the next scan may take over; None when it must look again."""


@dataclass(slots=True)
class CommitSearch:
    """The walks over one repository."""

    view: git.RepoView
    refs: References
    commits: int
    """How many there are, for the time a walk may take."""
    memory: Memory
    unchanged: bool = False
    """Store and references are as they were when ``memory`` was made."""
    exclude: frozenset[str] = frozenset()
    """What these reach is none of ours."""
    problems: list[str] = field(default_factory=list, init=False)
    """What could not be learnt, in git's words."""
    _everything: list[bytes] | None = field(default=None, init=False)
    _crowded: set[str] = field(default_factory=set, init=False)

    def learn(self, wanted: Wanted, share: int) -> SearchResult:
        """Everything about the wanted objects.

        Args:
            wanted: object ids, and the names that count.
            share: paths to name of an object when paths are too many to name them all.
        """
        if not wanted:
            return SearchResult({}, set(), set(), set(), frozenset(), Attribution())
        tips, trees, blobs = self._tips()
        in_index = self._index(wanted, share)
        try:
            in_head = self._tree(wanted, self.refs.head)
            named = {place for tree in trees for place in self._tree(wanted, tree)}
            told: Attribution | None = (known := self._told(wanted, tips))
            introduced = {**known.unreachable, **known.reachable}
        except git.StoppedError:
            with Nested(self.view, wanted, share, self._patience()) as nested:
                introduced = self._exhaustively(nested, set(wanted), tips)
                in_head = nested.standing(self.refs.head, introduced) if self.refs.head else set()
                named = {place for tree in trees for place in nested.standing(tree, {})}
            self._crowded |= nested.crowded
            self.problems += nested.problems
            told = None
        named |= {(oid, b"") for oid in blobs if oid in wanted}
        return SearchResult(introduced, in_head, in_index, named, frozenset(self._crowded), told)

    def _patience(self) -> float:
        return _NESTED_SECONDS + _NESTED_SECONDS_EACH * self.commits

    def _exhaustively(self, nested: Nested, wanted: set[str], tips: list[bytes]) -> Places:
        """The first commits, without git's walks."""
        found = nested.introductions(tips)
        left = wanted - _oids(found)
        if left and (lines := self._beyond(tips)):
            for (oid, path), commit in nested.introductions(lines).items():
                if oid in left:
                    found[oid, path] = replace(commit, reachable=False)
        return found

    def _told(self, wanted: Wanted, tips: list[bytes]) -> Attribution:
        """What the walks tell, and what they told an earlier scan."""
        walks = Walks(self.view, self.commits)
        recalled = wanted.keys() & self.memory.traced
        if not (self.unchanged or (recalled and self._grown(tips))):
            recalled = set()
        told = self.memory.attribution.only(recalled)
        since = [] if self.unchanged else [*tips, *_without(_lines(self.memory.tips))]
        for oids, lines in ((recalled, since), (wanted.keys() - recalled, tips)):
            self._take(walks.births(_some(wanted, oids), lines), told.reachable)
        left = wanted.keys() - _oids(told.reachable)
        if self.unchanged and left <= recalled:
            return told
        told = Attribution(told.reachable)
        if left and (lines := self._beyond(tips)):
            self._take(walks.unreached(_some(wanted, left), lines), told.unreachable)
            for place, commit in told.unreachable.items():
                told.unreachable[place] = replace(commit, reachable=False)
        return told

    def _take(self, changes: Iterable[Change], known: Places) -> None:
        """Take changes over, beside what was known: that is older."""
        new: Places = {}
        try:
            for commit, oid, path in changes:
                keep(new, commit, oid, path)
        except git.StoppedError:
            raise
        except GitError as error:
            self.problems.append(error.message)
        for place, commit in new.items():
            if place not in known or commit.time < known[place].time:
                known[place] = commit
        bounded(known)

    def _grown(self, tips: list[bytes]) -> bool:
        """Whether everything references reached at the last scan is still reached."""
        if not self.memory.tips:
            return False
        lost, told = git.run(
            self.view, "rev-list", "--stdin", "-n", "1", lines=[*_lines(self.memory.tips), *_without(tips)]
        )
        return not lost and not told

    def facts(self, oids: set[str]) -> dict[str, FirstCommit]:
        """Dates and reachability of commits that are themselves wanted."""
        if not oids:
            return {}
        lines = _lines(oids)
        form = "--format=%H,%ct,%aI"
        dated, told = git.run(self.view, "log", "--no-walk=unsorted", "--stdin", "-z", form, lines=lines)
        beyond = [*lines, *_without(self._tips()[0])]
        lost, told_too = git.run(self.view, "rev-list", "--stdin", lines=beyond)
        if told or told_too:
            self.problems.append(told or told_too)
        unreached = set(lost.decode("ascii", "replace").splitlines())
        if not all(map(_OID.fullmatch, unreached)):
            self.problems.append(UNEXPECTED_OUTPUT)
        found = {}
        try:
            for entry in filter(None, dated.split(b"\0")):
                with parsing_git_output():
                    commit = introduction(entry.decode("ascii", "replace").strip().split(","))
                found[commit.commit] = replace(commit, reachable=commit.commit not in unreached)
        except GitError as error:
            self.problems.append(error.message)
        if found.keys() != oids:
            self.problems.append("git did not tell the dates of all commits")
        return found

    def tags(self, wanted: set[str]) -> frozenset[str]:
        """Return those of some annotated tags that references lead to, directly or through other tags."""
        tips = {oid for _, oid in self.refs.tips}
        if self.refs.opaque or wanted <= tips:
            return frozenset(wanted)
        options = ("--objects", "--no-object-names", "--no-walk", "--filter=object:type=tag", "--stdin")
        answers, _ = object_info(self.view, sorted(tips))
        lines = [oid + b"\n" for oid, *_ in (words for words in answers if len(words) == 3)]
        listed, complaint = git.run(self.view, "rev-list", *options, lines=lines)
        if complaint:
            self.problems.append(complaint)
        return frozenset(wanted.intersection(listed.decode("ascii", "replace").split()))

    def _tips(self) -> tuple[list[bytes], list[str], list[str]]:
        """What references lead to: commits, as input lines; trees; blobs.

        With unreadable references: all commits.
        """
        if self.refs.opaque:
            return self._all_commits(), [], []
        hidden, trouble = shallow.hidden_parents(self.view)
        asked = sorted({oid for _, oid in self.refs.tips}.union(hidden))
        answers, told = object_info(self.view, [oid + "^{}" for oid in asked])
        self.problems += filter(None, (trouble, told))
        found: dict[bytes, dict[str, None]] = {b"commit": {}, b"tree": {}, b"blob": {}}
        for oid, kind, *_ in answers:
            found.get(kind, {})[oid.decode("ascii", "replace")] = None
        commits = [oid.encode() + b"\n" for oid in found[b"commit"]]
        return [*commits, *_without(_lines(self.exclude))], list(found[b"tree"]), list(found[b"blob"])

    def _beyond(self, tips: list[bytes]) -> list[bytes]:
        """Input lines for what no reference reaches; none in a part of a history."""
        if self.refs.opaque or self.exclude:
            return []
        everything = self._all_commits()
        return [*everything, *_without(tips)] if everything else []

    def _all_commits(self) -> list[bytes]:
        """Every commit in the store; listed only when something is still unexplained."""
        if self._everything is None:
            form = "--batch-check=%(objectname) %(objecttype)"
            answer, told = git.run(self.view, "cat-file", "--batch-all-objects", "--unordered", form)
            if told:
                self.problems.append(told)
            ends = b" commit"
            self._everything = [
                line.removesuffix(ends) + b"\n" for line in answer.split(b"\n") if line.endswith(ends)
            ]
        return self._everything

    def _tree(self, wanted: Wanted, revision: str | None) -> Standing:
        """Wanted objects in what a revision names, with their paths.

        Raises:
            StoppedError: there is no end of paths.
        """
        found: Standing = set()
        if revision is None:
            return found
        options = ("ls-tree", "-r", "-t", "-z", "--full-tree", revision)
        seconds = Walks(self.view, self.commits).seconds
        try:
            for entry in git.fields(self.view, *options, seconds=seconds):
                with parsing_git_output():
                    ((name, path),) = _TREE.findall(entry)
                if (oid := name.decode()) in wanted and counts(wanted, oid, path):
                    found.add((oid, path))
                    bounded(found)
        except git.StoppedError:
            raise
        except GitError as error:
            self.problems.append(error.message)
        return found

    def _index(self, wanted: Wanted, share: int) -> Standing:
        """Wanted objects in the indexes of all worktrees, with their paths: listed one by one, so few."""
        found: Standing = set()
        each: Counter[str] = Counter()
        for index in filter(None, (self.view.index, *self.view.others)):
            view = replace(self.view, index=index)
            try:
                for entry in git.fields(view, "ls-files", "-s", "-z", seconds=index_timeout(view)):
                    with parsing_git_output():
                        ((name, path),) = _INDEX.findall(entry)
                    if (oid := name.decode()) not in wanted:
                        continue
                    if len(found) < MOST_PATHS or each[oid] < share:
                        each[oid] += 1
                        found.add((oid, path))
                    else:
                        self._crowded.add(oid)
            except GitError as error:
                self.problems.append(error.message)
        return found


def _some(wanted: Wanted, oids: AbstractSet[str]) -> Wanted:
    return {oid: wanted[oid] for oid in oids}


def _oids(places: Iterable[tuple[str, bytes]]) -> set[str]:
    return {oid for oid, _ in places}


def _lines(oids: set[str] | frozenset[str]) -> list[bytes]:
    return [oid.encode() + b"\n" for oid in sorted(oids)]


def _without(lines: list[bytes]) -> list[bytes]:
    """The input lines that exclude what these reach (``--not`` on stdin came with git 2.42)."""
    return [b"^" + line.removeprefix(b"^") for line in lines]
