"""Extraction of a container and the containers in it, member by member, within its budgets.

Every byte is scanned: those of a member as the member, all others (headers, comments, bytes before,
between and after members) as the container's own. A member stored as it is, or nearly, as zstd does,
would be found twice, the second time with the bytes that follow it; the container's own matches
therefore leave out what was read as a member, but for whole keys that no member has.
"""

from __future__ import annotations

import functools
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

from boltz_keyscan.model.enums import Part
from boltz_keyscan.model.finding import Detector, Match
from boltz_keyscan.records import replace
from boltz_keyscan.sources.archives.content import IMPLIED, SEEN_TEXT, Content, KeptBytes, Member, find_reader
from boltz_keyscan.sources.archives.frames import Batch, Frame, GapList, UncoveredScanner, find_marks
from boltz_keyscan.sources.archives.images import shorten_name
from boltz_keyscan.sources.archives.known_members import KnownMembers
from boltz_keyscan.sources.archives.limits import (
    BudgetExceededError,
    ContainerError,
    Limits,
    Meter,
    too_deep_error,
    unexpected_error,
    unopened_error,
)
from boltz_keyscan.sources.archives.office import complete_matches
from boltz_keyscan.sources.archives.reader import InMemory, PartSpace, RandomAccess, Reader, read_pieces
from boltz_keyscan.sources.archives.texts import (
    TEXTS,
    Label,
    MemberMatch,
    chain_match,
    find_repeated,
    is_wide_text,
    match_format,
    own_matches,
    place_matches,
    prove,
)
from boltz_keyscan.sources.blob import Quota
from boltz_keyscan.sources.signatures import FLOOD, HEAD, ZIP, Format, is_container_head
from boltz_keyscan.sources.windows import WindowMatcher, find_matches

_Record = tuple[Member, Frame, Format]
"""A record, and its container."""


class Extractor:
    """The extraction of one outermost container, with all that is in it."""

    def __init__(self, detector: Detector, limits: Limits, size: int) -> None:
        self._detector = detector
        self._limits = limits
        self._meter = Meter(limits, size)
        self._quota = Quota()
        self.gaps = GapList(self._meter)
        self.matches: list[MemberMatch] = []
        self._names = Batch[Label](detector, self._scan_name)
        self._records = Batch[_Record](detector, self._scan_record)
        self._known = KnownMembers(detector, self._meter, self.gaps)

    @property
    def cost(self) -> tuple[int, int]:
        """Members read, and bytes of output."""
        return self._meter.cost

    def extract(
        self,
        chunks: Iterable[bytes],
        whole: RandomAccess | None = None,
        seen: Sequence[Match] = (),
        name: bytes = b"",
    ) -> list[int]:
        """Scan its members, and theirs.

        Args:
            chunks: its bytes in order.
            whole: its bytes by offset, if available.
            seen: the matches in its own bytes.
            name: its name.

        Returns:
            The offsets of those that belong to a member.
        """
        frame = Frame((), (), 0)
        rest = UncoveredScanner(self._detector, self._quota)
        # Its own bytes were searched for keys by the source that found it.
        reader = Reader(self._guarded(chunks, frame))
        reader.watch = rest.feed if whole is None else None
        content = Content(reader, self._meter, whole, has_candidates=lambda _: bool(seen))
        format_, marks = match_format(reader.peek(HEAD), name)
        if format_ is not None:
            self._open(format_, content, frame)
        space = content.space() if format_ is None else content.whole
        if whole is None:
            rest.drain(reader)
        else:
            rest.marks = find_marks(whole, frame.uncovered(whole.size), self._detector)
        rest.marks |= marks
        self._open_embedded(rest.marks, space, frame, format_)
        self._names.flush()
        if not self.matches and not self._quota.is_used and not self._meter.is_exhausted:
            self._known.remember()
        self.gaps.finish(self._quota)
        return sorted(find_repeated(seen, frame, self.matches))

    def _open_embedded(
        self, marks: dict[int, str], space: RandomAccess | None, frame: Frame, outer: Format | None = None
    ) -> None:
        """Open the containers embedded in a blob, outside the ranges read as members.

        Args:
            marks: formats of the containers, by offset.
            space: the blob's bytes; None when they are too many for memory.
            frame: the blob.
            outer: the format of the blob itself; headers of that format are its own.
        """
        covered = frame.covered(marks)
        own = outer.name if outer is not None and outer.name in ("zip", "tar") else ""
        starts = [at for at in sorted(marks.keys() - covered) if marks[at] != own and (at or outer is None)]
        if not starts or self._meter.is_exhausted:
            return
        if frame.depth >= self._limits.depth:
            if TEXTS.keys() & map(marks.get, starts):
                self._report(too_deep_error(self._limits), frame)
            return
        if frame.has_records:
            frame = frame.part()
            starts = [at for at in starts if marks[at] != FLOOD]
        if space is None or any(marks[at] == FLOOD for at in starts):
            self._report(unopened_error(), frame)
            return
        starts = starts[: 1 if is_wide_text(space, starts[0]) else None]
        if "zip" in map(marks.get, starts):
            self._open(ZIP, Content(Reader(()), self._meter, space, is_certain=False), frame)
            covered = frame.covered(starts)
        texts = []
        # A table of LevelDB ends with its signature: streams before it are its blocks.
        for at in sorted(starts, key=lambda at: marks[at] != "leveldb"):
            if at in covered or marks[at] == "zip" or self._meter.is_exhausted:
                continue
            self._names.flush()
            first = len(self.matches)
            inner = self._open_mark(marks[at], PartSpace(space, at), frame)
            start, end = frame.join(inner, at)
            within = starts[bisect_left(starts, start) : bisect_left(starts, end)]
            covered |= {at + offset for offset in inner.covered(other - at for other in within)}
            self._names.flush()
            if marks[at] in TEXTS and not frame.links:
                texts.append((first, len(self.matches), at, inner.end))
        place_matches(self.matches, texts, space)

    def _open_mark(self, kind: str, part: RandomAccess, frame: Frame) -> Frame:
        """Open the container or the encoded text that begins ``part``; return its ranges read as members."""
        inner = frame.part()
        inner.doubt(kind)
        if format_ := TEXTS.get(kind) or match_format(part.read(0, HEAD))[0]:
            reader = Reader(self._guarded(read_pieces(part), inner))
            self._open(format_, Content(reader, self._meter, part, is_certain=not inner.is_uncertain), inner)
        return inner

    def _open(self, format_: Format, content: Content, frame: Frame) -> None:
        """Scan the members of a container."""
        try:
            if frame.depth >= self._limits.depth:
                raise too_deep_error(self._limits)  # noqa: TRY301 - reported like every unopened container
            content.report = functools.partial(self._report, frame=frame)
            content.cover = frame.cover
            if not frame.links and not frame.is_repeated:
                content.recall = functools.partial(self._known.recall, depth=frame.depth)
                content.complete = functools.partial(self._known.complete, depth=frame.depth)
            content.has_candidates = content.has_candidates or self._has_candidates
            for member in find_reader(format_)(content):
                if member.is_record:
                    self._add_record(member, frame, format_)
                else:
                    self._scan_member(member, frame, format_)
                if self._meter.is_exhausted:
                    return
        except Exception as error:  # noqa: BLE001 - hostile bytes: a failing reader ends this container only
            self._report(unexpected_error(error), frame)
        finally:
            self._records.flush()

    def _has_candidates(self, data: memoryview) -> bool:
        return bool(self._detector.candidate_offsets(data, len(data)))

    def _add_record(self, member: Member, frame: Frame, outer: Format) -> None:
        """Scan a record, a short one with those that follow."""
        match member.chunks:
            case tuple((bytes() as content,)) if not is_container_head(content[:HEAD]):
                self._meter.add_output(len(content))
                self._records.add(content, (member, frame, outer))
            case chunks:
                frame.has_records = True
                before = len(self.matches)
                self._scan_member(replace(member, chunks=filter(None, chunks)), frame, outer)
                frame.restated.update(found.match.fingerprint for found in self.matches[before:])

    def _scan_record(self, content: bytes, label: _Record, _marks: list[int] | None) -> None:
        member, frame, outer = label
        # Not a tuple, which would be collected again.
        member = replace(member, chunks=[content])
        before = *self.cost, len(self.gaps)
        (self._add_record if member.is_record else self._scan_content)(member, frame, outer)
        if before != (*self.cost, len(self.gaps)):
            self._known.retract()

    def _scan_member(self, member: Member, frame: Frame, outer: Format) -> None:
        self._meter.add_members()
        if not member.implied:
            self._names.add(member.name, (frame.prefix_of(member), frame.links))
            for at in member.name_offsets:
                frame.cover(at, at + len(member.name), is_stored=True)
        match member.chunks:
            case _ if member.is_known:
                return
            case tuple((bytes() as short,)) if member.is_plain and match_format(
                short[:HEAD], member.name
            ) == (None, {}):
                self._records.add(short, (member, frame, outer))
            case _:
                self._scan_content(member, frame, outer)

    def _scan_content(self, member: Member, frame: Frame, outer: Format) -> None:
        prefix = frame.prefix_of(member)
        inner = frame.member((*frame.prefix, IMPLIED) if member.implied else prefix, prefix)
        inner.is_uncertain = frame.is_uncertain and member.implied
        inner.stays_uncertain = frame.stays_uncertain and member.implied
        is_text = outer.name in TEXTS
        if is_text or frame.links:
            inner.links = (*frame.links, *outer.name.split(" > "))
        kept = KeptBytes(self._meter)
        reader = Reader(kept.watch(self._guarded(prove(member, inner, outer), inner)))
        format_, marks = match_format(reader.peek(HEAD), member.name)
        if format_ is None:
            kept.drop()
            self._scan_blob(reader, inner, marks, member)
        else:
            if is_text:
                inner.doubt(format_.name)
            if not member.implied:
                inner.chain = inner.prefix = (*frame.prefix, shorten_name(prefix[-1]))
            content = Content(reader, self._meter, is_certain=not inner.is_uncertain, kept=kept)
            self._scan_container(format_, content, inner, is_text=is_text)
        if member.stored_at is not None:
            frame.cover(member.stored_at, member.stored_at + reader.position, is_stored=True)
        if member.locate is not None:
            # Records are no ranges of the bytes, all of which were scanned beside them.
            frame.cover(0, member.locate(reader.position if inner.has_records else inner.end))

    def _scan_container(self, format_: Format, content: Content, frame: Frame, *, is_text: bool) -> None:
        """Scan a member that is a container, and the bytes of it that are no member."""
        rest = UncoveredScanner(self._detector, self._quota)
        content.reader.watch = rest.feed
        self._open(format_, content, frame)
        # Where a text only seemed to be one, it is not decoded to its end.
        if not (is_text and frame.has_failed):
            rest.drain(content.reader)
        if rest.marks:
            kept = content.kept.space() if content.kept is not None else None
            self._open_embedded(rest.marks, content.whole or kept, frame, format_)
        self._add_own_matches(rest.matches, frame)
        content.release()

    def _scan_name(self, name: bytes, label: Label, marks: list[int] | None) -> None:
        if marks is not None:
            return
        chain, links = label
        self._add_matches(chain, Part.NAME, self._match(name), links)

    def _match(self, data: bytes) -> list[Match]:
        return list(find_matches(self._detector, (data,), self._quota))

    def _add_matches(
        self, chain: tuple[bytes, ...], part: Part, matches: Iterable[Match], links: tuple[str, ...]
    ) -> None:
        self.matches += (MemberMatch(chain, part, chain_match(match, links)) for match in matches)

    def _scan_blob(self, reader: Reader, frame: Frame, marks: dict[int, str], member: Member) -> None:
        """Scan a member that is no container, but may have one embedded."""
        matcher = WindowMatcher(self._detector, admits=self._quota, marks=marks)
        held, start, is_opened = bytearray(), 0, True
        matches: list[Match] = []
        for chunk in reader.part(1 << 62):
            matches += matcher.feed(chunk)
            held += chunk
            if len(held) > self._limits.spool:
                # Before the first signature nothing is needed but what is searched.
                end = min(start + len(held) // 2, matcher.base) if matcher.marks else matcher.base
                due = {at: matcher.marks.pop(at) for at in sorted(matcher.marks) if at < end}
                is_opened &= self._open_held(due, held, start, frame, is_beginning=True)
                del held[: end - start]
                start = end
        matches += matcher.finish()
        if not self._open_held(matcher.marks, held, start, frame) or not is_opened:
            self._report(unopened_error(), frame)
        if member.view is not None and not start:
            part = bytes(held)
            shown, matches = complete_matches(part, matches, self._match(member.view(part)))
            self._add_matches((*frame.chain, SEEN_TEXT), Part.CONTENT, shown, frame.links)
        if member.joint is not None:
            matches = [match for match in matches if match.offset < member.joint]
        self._add_own_matches(matches, frame)

    def _open_held(
        self, marks: dict[int, str], held: bytearray, start: int, frame: Frame, *, is_beginning: bool = False
    ) -> bool:
        """Open the containers embedded in bytes of a blob, from ``start`` on; True if all are held."""
        marks = {at - start: marks[at] for at in marks.keys() - frame.covered(marks)}
        is_part, kinds = is_beginning or start > 0, set(marks.values())
        # The place of an encoded text needs the lines before it.
        if (is_part and FLOOD in kinds) or (start and TEXTS.keys() & kinds):
            return False
        inner = frame.part() if is_part else frame
        first = len(self.gaps)
        self._open_embedded(marks, InMemory(held), inner)
        if inner is frame:
            return True
        frame.join(inner, start)
        return not self.gaps.withdraw_corrupt(first) and not (is_beginning and inner.end >= len(held))

    def _add_own_matches(self, matches: Sequence[Match], frame: Frame) -> None:
        """Add the matches in a container's own bytes, except those reported for its members."""
        if matches:
            self._names.flush()
        self._add_matches(frame.chain, Part.CONTENT, own_matches(matches, frame, self.matches), frame.links)

    def _guarded(self, chunks: Iterable[bytes], frame: Frame) -> Iterator[bytes]:
        """Yield the bytes of a blob as far as they are readable, and report a gap before their end."""
        try:
            for chunk in chunks:
                if self._meter.is_exhausted:
                    return
                self._meter.check_time()
                yield chunk
        except Exception as error:  # noqa: BLE001 - as in _open
            self._report(unexpected_error(error), frame)
            frame.is_broken = True

    def _report(self, error: ContainerError, frame: Frame) -> None:
        """Add a gap, unless it follows from one reported before."""
        if isinstance(error, BudgetExceededError):
            self._records.flush()
        self.gaps.add(error, frame)
