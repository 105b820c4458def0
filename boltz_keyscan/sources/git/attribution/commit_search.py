"""Search for the paths of wanted objects and the commits that introduced them.

One walk over all reachable commits, and for objects not found there one over the unreachable
ones. Results of an earlier scan are reused, and only newer commits are walked. If git exceeds
a timeout, paths and commits stay unknown, which is a problem to report.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

from boltz_keyscan.errors import GitError
from boltz_keyscan.late_pattern import late_pattern
from boltz_keyscan.records import dataclass, field, replace
from boltz_keyscan.sources.git.attribution.current_places import CurrentPlaces, find_current
from boltz_keyscan.sources.git.attribution.history_walk import (
    Change,
    PlaceLimit,
    Walks,
    Wanted,
    is_wanted,
    parse_commit,
)
from boltz_keyscan.sources.git.attribution.last_changes import LastChanges
from boltz_keyscan.sources.git.objects.scan_cache import (
    Attribution,
    FirstCommit,
    LastChange,
    Memory,
    Place,
    Places,
)
from boltz_keyscan.sources.git.repo import shallow
from boltz_keyscan.sources.git.repo.index import IndexReader
from boltz_keyscan.sources.git.repo.references import References
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.git.run.output import UNEXPECTED_OUTPUT, object_info, parsing_git_output

_OID = late_pattern(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_TREE = late_pattern(rb"\A\d+ \w+ ([0-9a-f]+)\t(.+)\Z", re.DOTALL)

ObjectPaths = AbstractSet[Place]
"""Objects with their paths in one tree."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Paths and first commits of the wanted objects."""

    introduced: Mapping[Place, FirstCommit] = field(default_factory=dict)
    """First commit of each object at each path."""
    in_head: ObjectPaths = frozenset()
    in_index: ObjectPaths = frozenset()
    """Paths in the index of the worktree."""
    in_other_indexes: ObjectPaths = frozenset()
    """Paths in the indexes of the other worktrees."""
    named: ObjectPaths = frozenset()
    """Paths in trees that a reference names without a commit; a blob that one names has no path."""
    current: CurrentPlaces = CurrentPlaces(is_known=False)
    """Introduced places that a reference has now."""
    last: Mapping[Place, LastChange] = field(default_factory=dict)
    """Last change of each introduced object at each path."""
    truncated: frozenset[str] = frozenset()
    """Objects with more paths than these."""
    attribution: Attribution | None = None
    """Results for the cache; None if the next scan must search again."""


@dataclass(slots=True)
class CommitSearch:
    """A search in one repository."""

    view: git.RepoView
    refs: References
    commits: int
    """Number of commits, for the timeout of a walk."""
    memory: Memory
    unchanged: bool = False
    """True if store and references are the same as when ``memory`` was made."""
    is_intact: bool = False
    """True if all that references reached then was there, or left out, and still is."""
    exclude: frozenset[str] = frozenset()
    """Commits to exclude, with their ancestors."""
    index: IndexReader | None = None
    """The entries of the index, if something else in the run lists them too."""
    problems: list[str] = field(default_factory=list, init=False)
    """git's error messages: the result may be incomplete."""
    not_walked: frozenset[str] = field(default=frozenset(), init=False)
    """Objects whose paths in history were not searched, as their current ones are enough."""
    _everything: list[bytes] | None = field(default=None, init=False)
    _truncated: set[str] = field(default_factory=set, init=False)
    _max_paths_per_object: int = field(default=1, init=False)

    @property
    def walks(self) -> Walks:
        """The walks over the repository."""
        return Walks(self.view, self.commits)

    def search(
        self, wanted: Wanted, max_paths_per_object: int, unread: AbstractSet[str] = frozenset()
    ) -> SearchResult:
        """Return paths and first commits of the wanted objects.

        Args:
            wanted: object ids, and the names that count.
            max_paths_per_object: paths of one object, if there are too many in total.
            unread: those of the objects that have a gap only: their current paths, or else those in history.
        """
        if not wanted:
            return SearchResult(current=CurrentPlaces(), attribution=Attribution())
        self._max_paths_per_object = max_paths_per_object
        tips, trees, blobs = self._tips()
        others = (IndexReader(replace(self.view, index=index)) for index in self.view.other_indexes)
        result = SearchResult(
            in_index=self._search_indexes(wanted, self.index or IndexReader(self.view)),
            in_other_indexes=self._search_indexes(wanted, *others),
            named={(oid, b"") for oid in blobs if oid in wanted},
        )
        try:
            result = replace(result, in_head=self._search_tree(wanted, self.refs.head))
            named = {place for tree in trees for place in self._search_tree(wanted, tree)}
            result = replace(result, named=result.named | named)
            places = {*result.in_head, *result.in_index, *result.in_other_indexes, *result.named}
            self.not_walked = frozenset(oid for oid, path in places if path and oid in unread)
            found = self._search_commits(_some(wanted, wanted.keys() - self.not_walked), tips)
        except git.StoppedError as error:
            self.problems.append(error.message)
            return result
        places = {place for place in found.reachable if place[0] not in unread}
        return replace(
            result,
            introduced={**found.unreachable, **found.reachable},
            current=find_current(self.view, self.refs, places - result.in_head - result.named),
            last=found.last,
            truncated=frozenset(self._truncated),
            attribution=None if self._truncated else found,
        )

    def _search_commits(self, wanted: Wanted, tips: list[bytes]) -> Attribution:
        """Return the first commits from git's walks and from the cache."""
        cached = wanted.keys() & self.memory.traced
        if not (self.unchanged or (cached and self._history_only_grew(tips))):
            cached = set()
        attribution = self.memory.attribution.only(cached)
        since = [] if self.unchanged else tips + git.input_lines((), sorted(self.memory.tips))
        recent = cached | self._new_objects(wanted)
        stale = self._walk(_some(wanted, recent), since, attribution)
        if stale := stale | (recent - cached - _oids(attribution.reachable)):
            attribution = attribution.only(recent - stale)
        self._walk(_some(wanted, (wanted.keys() - recent) | stale), tips, attribution)
        left = wanted.keys() - _oids(attribution.reachable)
        if self.unchanged and left <= cached:
            return attribution
        attribution = Attribution(attribution.reachable, last=attribution.last)
        if left and (lines := self._unreachable_commits(tips)):
            self._merge(self.walks.find_changes(_some(wanted, left), lines), attribution.unreachable)
            for place, commit in attribution.unreachable.items():
                attribution.unreachable[place] = replace(commit, reachable=False)
        return attribution

    def _new_objects(self, wanted: Wanted) -> AbstractSet[str]:
        """Return the wanted objects that no commit of an earlier scan can name, as they were not there.

        Those that were there were found then too; one of which only the name is wanted was not.
        """
        if not self.is_intact:
            return frozenset()
        old = self.memory.suspects.union(self.memory.damages, self.memory.left_out)
        return {oid for oid, names in wanted.items() if names is None} - old

    def _walk(self, wanted: Wanted, lines: list[bytes], attribution: Attribution) -> set[str]:
        """Add the changes of a walk to the known ones; return the objects that need a walk over all."""
        known = attribution.only(wanted.keys())
        first = {place: commit.time for place, commit in known.reachable.items()}
        last = LastChanges(known.last, first)
        self._merge(self.walks.find_introductions(wanted, lines, last), attribution.reachable)
        attribution.last.update(last.found)
        return last.stale

    def _merge(self, changes: Iterable[Change], known: Places) -> None:
        """Add changes to the known places, which are older; changes arrive newest first."""
        new: Places = {}
        limit = self._limit()
        try:
            for commit, oid, path in changes:
                place = (oid, path)
                # Of two in one second the later one is older: git prints parents last.
                if commit.time <= new[place].time if place in new else limit.admits(oid):
                    new[place] = commit
        except git.StoppedError:
            raise
        except GitError as error:
            self.problems.append(error.message)
        for place, commit in new.items():
            if place not in known or commit.time < known[place].time:
                known[place] = commit

    def _limit(self) -> PlaceLimit:
        return PlaceLimit(self._max_paths_per_object, self._truncated)

    def _history_only_grew(self, tips: list[bytes]) -> bool:
        """Return True if all commits reachable at the last scan still are."""
        if not self.memory.tips:
            return False
        lines = git.input_lines(sorted(self.memory.tips)) + _without(tips)
        lost, error = git.run(self.view, "rev-list", "--stdin", "-n", "1", lines=lines)
        return not lost and not error

    def read_dates(self, oids: set[str]) -> dict[str, FirstCommit]:
        """Return dates and reachability of commits that have a hit themselves."""
        if not oids:
            return {}
        lines = git.input_lines(sorted(oids))
        form = "--format=%H,%ct,%aI"
        dates, error = git.run(self.view, "log", "--no-walk=unsorted", "--stdin", "-z", form, lines=lines)
        without_tips = [*lines, *_without(self._tips()[0])]
        lost, second_error = git.run(self.view, "rev-list", "--stdin", lines=without_tips)
        if error or second_error:
            self.problems.append(error or second_error)
        unreachable = set(lost.decode("ascii", "replace").splitlines())
        if not all(map(_OID.fullmatch, unreachable)):
            self.problems.append(UNEXPECTED_OUTPUT)
        found = {}
        try:
            for entry in filter(None, dates.split(b"\0")):
                with parsing_git_output():
                    commit = parse_commit(entry.decode("ascii", "replace").strip().split(","))
                found[commit.commit] = replace(commit, reachable=commit.commit not in unreachable)
        except GitError as failure:
            self.problems.append(failure.message)
        if found.keys() != oids:
            self.problems.append("git did not return the dates of all commits")
        return found

    def find_tags(self, wanted: set[str]) -> frozenset[str]:
        """Return the reachable ones of some annotated tags, directly or through other tags."""
        tips = {oid for _, oid in self.refs.tips}
        if self.refs.opaque or wanted <= tips:
            return frozenset(wanted)
        options = ("--objects", "--no-object-names", "--no-walk", "--filter=object:type=tag", "--stdin")
        answers, _ = object_info(self.view, sorted(tips))
        lines = [oid + b"\n" for oid, *_ in (words for words in answers if len(words) == 3)]
        listed, error = git.run(self.view, "rev-list", *options, lines=lines)
        if error:
            self.problems.append(error)
        return frozenset(wanted.intersection(listed.decode("ascii", "replace").split()))

    def _tips(self) -> tuple[list[bytes], list[str], list[str]]:
        """Return the commits (as input lines), trees and blobs that references lead to.

        All commits, if the references are unreadable.
        """
        if self.refs.opaque:
            return self._all_commits(), [], []
        hidden, shallow_error = shallow.find_hidden_parents(self.view)
        tips = sorted({oid for _, oid in self.refs.tips}.union(hidden))
        answers, error = object_info(self.view, [oid + "^{}" for oid in tips])
        self.problems += filter(None, (shallow_error, error))
        found: dict[bytes, dict[str, None]] = {b"commit": {}, b"tree": {}, b"blob": {}}
        for oid, kind, *_ in answers:
            found.get(kind, {})[oid.decode("ascii", "replace")] = None
        return (
            git.input_lines(found[b"commit"], sorted(self.exclude)),
            list(found[b"tree"]),
            list(found[b"blob"]),
        )

    def _unreachable_commits(self, tips: list[bytes]) -> list[bytes]:
        """Return the input lines for unreachable commits; none for a range."""
        if self.refs.opaque or self.exclude:
            return []
        everything = self._all_commits()
        return [*everything, *_without(tips)] if everything else []

    def _all_commits(self) -> list[bytes]:
        """Return every commit in the store, listed once and only if needed."""
        if self._everything is None:
            form = "--batch-check=%(objectname) %(objecttype)"
            answer, error = git.run(self.view, "cat-file", "--batch-all-objects", "--unordered", form)
            if error:
                self.problems.append(error)
            suffix = b" commit"
            self._everything = [
                line.removesuffix(suffix) + b"\n" for line in answer.split(b"\n") if line.endswith(suffix)
            ]
        return self._everything

    def _search_tree(self, wanted: Wanted, revision: str | None) -> ObjectPaths:
        """Return the wanted objects in the tree of a revision, with their paths.

        Raises:
            StoppedError: git took too long.
        """
        found: set[Place] = set()
        if revision is None:
            return found
        limit = self._limit()
        options = ("ls-tree", "-r", "-t", "-z", "--full-tree", revision)
        try:
            for entry in git.fields(self.view, *options, seconds=self.walks.seconds):
                with parsing_git_output():
                    ((name, path),) = _TREE.findall(entry)
                if (oid := name.decode()) in wanted and is_wanted(wanted, oid, path) and limit.admits(oid):
                    found.add((oid, path))
        except git.StoppedError:
            raise
        except GitError as error:
            self.problems.append(error.message)
        return found

    def _search_indexes(self, wanted: Wanted, *indexes: IndexReader) -> ObjectPaths:
        """Return the wanted objects in some indexes, with their paths."""
        found: set[Place] = set()
        limit = self._limit()
        for index in indexes:
            try:
                for _, oid, path in index.entries():
                    if oid in wanted and limit.admits(oid):
                        found.add((oid, path))
            except GitError as error:
                self.problems.append(error.message)
        return found


def _some(wanted: Wanted, oids: AbstractSet[str]) -> Wanted:
    return {oid: wanted[oid] for oid in oids}


def _oids(places: Iterable[tuple[str, bytes]]) -> set[str]:
    return {oid for oid, _ in places}


def _without(lines: list[bytes]) -> list[bytes]:
    """Return input lines that exclude these commits (``--not`` on stdin came with git 2.42)."""
    return [b"^" + line.removeprefix(b"^") for line in lines]
