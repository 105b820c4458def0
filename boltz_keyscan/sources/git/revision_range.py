"""Source of a revision range: the objects that some commits have and others do not.

A range is a push, or the commits since a revision. All its objects are read, so a key that
was added and removed within it is found.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence

from boltz_keyscan.errors import GitError, KeyscanError
from boltz_keyscan.model.enums import Shape
from boltz_keyscan.model.finding import Detector, Gap, Located, Shard, ShardResult, Tally
from boltz_keyscan.records import dataclass, field, replace
from boltz_keyscan.sources.git.attribution.commit_search import CommitSearch
from boltz_keyscan.sources.git.attribution.locate import Tracer
from boltz_keyscan.sources.git.objects.listing import (
    SHARD_OBJECTS,
    Names,
    join_lines,
    list_objects,
    split_missing,
)
from boltz_keyscan.sources.git.objects.reader import missing_object_gap
from boltz_keyscan.sources.git.objects.scan_cache import Memory
from boltz_keyscan.sources.git.objects.shard import Pending
from boltz_keyscan.sources.git.objects.stream import release
from boltz_keyscan.sources.git.other_side import OtherSide
from boltz_keyscan.sources.git.packs.check import check_packs
from boltz_keyscan.sources.git.repo import shallow
from boltz_keyscan.sources.git.repo.object_store import prepare_repository
from boltz_keyscan.sources.git.repo.references import References, read_references
from boltz_keyscan.sources.git.repo.repository import Repository, enclosing, open_named
from boltz_keyscan.sources.git.repo.revisions import RevisionRange, UnknownRevisionError, find
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.git.run.output import object_info
from boltz_keyscan.sources.shards import NamesShard, ResultShard, gap_shard
from boltz_keyscan.system.paths import ANYWHERE

_WHOLE_CLONE = "a clone without --filter has them"


@dataclass(frozen=True, slots=True)
class Push:
    """A push: full object ids and reference names."""

    updates: tuple[tuple[bytes, str], ...]
    """References and the objects they will point to, without deletions."""
    known: tuple[str, ...] = ()
    """Objects that the other side is known to have."""
    remote: bytes | None = None
    """The remote whose tracking branches are known; None on the receiving side."""
    quarantine: bytes | None = None
    """Folder of incoming objects on the receiving side, until the hook succeeds (git-receive-pack)."""
    existing: frozenset[bytes] = frozenset()
    """References that the other side has already: their names are not new."""


@dataclass(frozen=True, slots=True)
class RangeSource:
    """A revision range, or a push, of one repository."""

    path: bytes
    """The repository: its worktree or git directory."""
    part: RevisionRange | Push
    where: str = "."

    def open(self) -> RangeReader:
        """Return a reader for one run."""
        return RangeReader(self.path, self.part, self.where)


@dataclass(slots=True)
class RangeReader:
    """A reader of a range."""

    path: bytes
    part: RevisionRange | Push
    where: str
    _view: git.RepoView | None = field(default=None, init=False)
    _before: git.RepoView | None = field(default=None, init=False)
    """View without the quarantine."""
    _refs: References | None = field(default=None, init=False)
    _scope: RevisionRange = field(default_factory=lambda: RevisionRange(()), init=False)
    _partial: bool = field(default=False, init=False)
    _repository: Repository | None = field(default=None, init=False)
    _problem: str = field(default="", init=False)
    _absent: int = field(default=0, init=False)
    """Number of objects of the range that this clone lacks."""
    _is_cut: bool = field(default=False, init=False)
    """True if a shallow boundary lies within the range."""

    def work(self) -> Iterator[Shard]:
        """Yield shards of the pushed names, then of the objects.

        Raises:
            KeyscanError: not a repository, or a revision that it does not have.
            GitError: git cannot be used.
        """
        repository = open_named(self.path, self.where)
        if repository is None:
            raise KeyscanError(f"not a git repository: {self.where}", "Name the root of a repository.")
        opened = prepare_repository(repository, ANYWHERE, self.where)
        yield gap_shard(*(gap for gap in opened.gaps if gap.reason != "shallow"))
        if opened.view is None:
            return
        self._refs, self._partial = read_references(repository), opened.partial
        self._repository = repository
        packs = check_packs(opened.view, self.where)
        yield gap_shard(*packs.gaps)
        self._view = self._before = packs.view
        if isinstance(self.part, Push):
            self._scope = self._pushed_range(self.part, packs.view, self._refs)
            new = (name for name, _ in self.part.updates if name not in self.part.existing)
            yield NamesShard(self.where, "ref", tuple(new))
        else:
            unknown: list[Gap] = []
            include = self._resolve(self.part.include, packs.view, self._refs, unknown)
            self._scope = RevisionRange(
                include, self._resolve(self.part.exclude, packs.view, self._refs, unknown)
            )
            yield gap_shard(*unknown)
        yield from self._behind_boundaries(self._view)
        yield from self._objects(self._view)
        yield self._missing_gaps([gap for gap in opened.gaps if gap.reason == "shallow"])

    def _resolve(
        self, revisions: Iterable[str], view: git.RepoView, refs: References, unknown: list[Gap]
    ) -> tuple[str, ...]:
        """Return the object ids of revisions; revisions that an incomplete clone lacks become gaps.

        Without its start, the range is everything that its end reaches.

        Raises:
            KeyscanError: a name is unknown or ambiguous.
        """
        found = []
        for revision in revisions:
            try:
                found.append(find(view, refs, revision))
            except UnknownRevisionError as error:
                if not error.incomplete:
                    raise
                reason = "shallow" if view.shallow is not None else "object-store"
                remedy = shallow.FETCH_ADVICE if view.shallow is not None else "check with git fsck"
                unknown.append(Gap(self.where, reason, f"{revision} is not in this clone; {remedy}"))
        return tuple(found)

    def _missing_gaps(self, by_design: list[Gap]) -> ResultShard:
        """Return gaps for the objects of the range that this clone lacks."""
        gaps = by_design
        if self._is_cut:
            detail = f"commits of this part are behind the shallow boundary; {shallow.FETCH_ADVICE}"
            gaps = [Gap(self.where, "shallow", detail)]
        if self._absent and self._partial:
            detail = f"objects of this part left out when it was cloned: {self._absent}; {_WHOLE_CLONE}"
            gaps.append(Gap(self.where, "partial-clone", detail))
        elif self._absent:
            detail = f"objects of this part that are not here: {self._absent}; check with git fsck"
            gaps.append(Gap(self.where, "object-store", detail))
        return ResultShard(ShardResult(gaps=tuple(gaps), tally=Tally(objects_missing=self._absent)))

    def _pushed_range(self, push: Push, view: git.RepoView, refs: References) -> RevisionRange:
        """Return the range of a push: incoming commits without those that the other side has."""
        if push.quarantine is not None:
            view = replace(view, objects=push.quarantine, alternates=view.stores)
        self._view = view
        prefix = b"refs/remotes/" + push.remote + b"/" if push.remote is not None else b"refs/"
        remote_oids = {oid for name, oid in refs.tips if name.startswith(prefix)} | set(push.known)
        # Objects that this clone lacks, or that git does not answer for, exclude nothing; more is
        # scanned then.
        answers, _ = object_info(view, sorted(remote_oids))
        exclude = [words[0].decode() for words in answers if len(words) == 3]
        return RevisionRange(tuple(sorted({oid for _, oid in push.updates})), tuple(exclude))

    def _behind_boundaries(self, view: git.RepoView) -> Iterator[Shard]:
        """Add the commits that a forged list of shallow boundaries would hide."""
        hidden, error = shallow.find_hidden_parents(view)
        if error:
            yield self._unlisted(error)
        if hidden:
            include = tuple(sorted({*self._scope.include, *hidden}))
            self._scope = replace(self._scope, include=include)

    def _objects(self, view: git.RepoView) -> Iterator[Shard]:
        pending = Pending(view, self.where)
        for lines in self._list(view):
            present, missing = split_missing(lines)
            yield gap_shard(*(missing_object_gap(self.where, oid) for oid in missing))
            try:
                yield from pending.add(present)
            except GitError as error:
                yield self._unlisted(error.message)
        yield from pending.flush()
        if self._problem:
            yield self._unlisted(self._problem)
        release()
        yield ResultShard(ShardResult(tally=Tally(refs=len(self._scope.include))))

    def _list(self, view: git.RepoView) -> Iterator[bytes]:
        """Yield ``id type size`` of each object of the range; an error goes to ``_problem``."""
        for listing in (self._list_quarantine, self._list_range):
            try:
                yield from listing(view)
            except GitError as error:
                self._problem = error.message

    @property
    def _has_quarantine(self) -> bool:
        return isinstance(self.part, Push) and self.part.quarantine is not None

    def _list_quarantine(self, view: git.RepoView) -> Iterator[bytes]:
        """Yield ``id type size`` of each incoming object, reachable or not; errors as ``_list_range``."""
        if self._has_quarantine:
            yield from list_objects(replace(view, alternates=()), Names({}, frozenset()), Memory())

    def _unlisted(self, error: str) -> ResultShard:
        detail = f"git could not list all objects: {error.splitlines()[0]}"
        return gap_shard(Gap(self.where, "object-store", detail))

    def _list_range(self, view: git.RepoView) -> Iterator[bytes]:
        """Yield ``id type size`` of each object of the range.

        Raises:
            GitError: after the last line, if git failed.
        """
        if not self._scope.include:
            return
        options = ("rev-list", "--objects", "--no-object-names", "--missing=print", "--stdin")
        output, error = git.run(
            view, *options, lines=git.input_lines(self._scope.include, self._scope.exclude)
        )
        reached = output.decode("ascii", "replace").split()
        self._absent = output.count(b"?")
        if self._absent:
            reached = [oid for oid in reached if not oid.startswith("?")]
        with contextlib.suppress(OSError):
            self._is_cut = not shallow.read_boundaries(view).isdisjoint(reached)
        for start in range(0, len(reached), SHARD_OBJECTS):
            oids = self._without_quarantine(view, reached[start : start + SHARD_OBJECTS])
            answers, info_error = object_info(view, oids)
            yield join_lines(answers)
            error = error or info_error
        if error:
            remedy = _WHOLE_CLONE if self._partial else "check with git fsck"
            raise GitError(f"{error.splitlines()[0]}; {remedy}")

    def _without_quarantine(self, view: git.RepoView, oids: Sequence[str]) -> Sequence[str]:
        """Return the objects that are not in quarantine, whose objects are listed already."""
        if not self._has_quarantine:
            return oids
        requests = git.input_lines(oids)
        form = "--batch-check=%(objectname)"
        answer, _ = git.run(replace(view, alternates=()), "cat-file", "--buffer", form, lines=requests)
        lines = answer.splitlines()
        if len(lines) != len(requests):
            # Better read twice than not at all.
            return oids
        return [line.split()[0].decode() for line in lines if line.endswith(b" missing")]

    def locate(self, gathered: ShardResult, detector: Detector) -> Located:
        """Return commit, path and exposure of each hit, searched within the range only."""
        if self._repository is None or self._view is None or self._refs is None:
            return Located()
        tips = tuple((b"", oid) for oid in self._scope.include)
        refs = replace(self._refs, tips=tips, opaque=False)
        search = CommitSearch(
            self._view, refs, gathered.tally.commits, Memory(), exclude=frozenset(self._scope.exclude)
        )
        is_incomplete = self._partial or self._view.shallow is not None
        other = OtherSide(self._view, self._before or self._view, self._scope, detector)
        keys = (hit for hit in gathered.hits if hit.match.shape is not Shape.PLACEHOLDER)
        old = other.find_reachable({hit.origin.oid for hit in keys if hit.origin.oid is not None})
        new = [hit for hit in gathered.hits if hit.origin.oid not in old]
        tracer = Tracer(
            search, detector, self._repository, self._refs, b"", self.where, is_incomplete, other.find_old
        )
        located, _ = tracer.trace(new, gathered.gaps)
        unknown = (
            Gap(
                self.where, "untraced", f"what the other side has is not all known: {problem}", by_design=True
            )
            for problem in dict.fromkeys(text.splitlines()[0] for text in other.problems)
        )
        return replace(located, gaps=(*located.gaps, *unknown))


def find_quarantine(environment: Mapping[str, str], here: bytes) -> bytes | None:
    """Return the folder of incoming objects while a receive hook runs (git-receive-pack), or None.

    GitLab runs hooks with the second variable only (Gitaly, customHooksEnv); without a
    quarantine it names the whole store.
    """
    path = environment.get("GIT_QUARANTINE_PATH") or environment.get("GIT_OBJECT_DIRECTORY")
    if not path:
        return None
    found = os.path.join(here, os.fsencode(path))
    repository = enclosing(here)
    store = os.path.join(repository.common_dir, b"objects") if repository is not None else b""
    return None if os.path.realpath(found) == os.path.realpath(store) else found
