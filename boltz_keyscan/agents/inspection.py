"""Decision on an event: the same detection as in a scan, over every text and every file of the event.

A clean event costs one search over all its texts; nothing else is loaded for it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from boltz_keyscan import rules
from boltz_keyscan.agents.event import Allow, Decision, Deny, Event, KeyFound, Replace, Stage
from boltz_keyscan.agents.texts import COPIES, WITHHELD, decode, encode, texts, with_texts
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.errors import warn
from boltz_keyscan.model.enums import Shape
from boltz_keyscan.records import dataclass, field

if TYPE_CHECKING:
    from boltz_keyscan.model.finding import Match
    from boltz_keyscan.sources.signatures import Mark

_APART = b'\xff"'
"""Bytes before each text: one that is in no text of UTF-8 and in no literal, and one as in JSON, behind
which an encoded text may begin."""


_TEXT_BYTES = 512
"""First bytes of a file that show that it is text."""


@dataclass(frozen=True, slots=True)
class _Suspects:
    """Results of the first search."""

    keys: tuple[int, ...] = ()
    """Numbers of the blobs in which a key may be."""
    containers: dict[int, list[Mark]] = field(default_factory=dict)
    """Archives, by the number of the blob that they are in."""


def decide(event: Event, *, replaces: bool) -> Decision:
    """Return the decision on an event.

    Args:
        event: the event.
        replaces: True if the agent lets a hook replace an output.
    """
    detector = KeyDetector.of(rules.load())
    found, new = _inspect_texts(event.content, detector)
    found += _keys_in_files(event, detector)
    if not found:
        return Allow()
    from boltz_keyscan.agents import messages  # noqa: PLC0415 - a clean event needs no message

    if event.stage is Stage.OUTPUT and replaces:
        content = with_texts(event.content, lambda text: new.get(text, text), COPIES)
        return Replace(content, messages.describe_replacement(event, found))
    return Deny(messages.describe(event, found))


def find_keys(raw: bytes) -> list[KeyFound]:
    """Return the keys in a payload that could not be parsed."""
    return _as_found(_keys(raw, KeyDetector.of(rules.load())))


def _inspect_texts(content: object, detector: KeyDetector) -> tuple[list[KeyFound], dict[str, str]]:
    """Return the keys in the texts of a JSON value, and the texts without keys by those with some."""
    given = list(dict.fromkeys(texts(content)))
    suspects = _search(list(map(encode, given)), detector)
    found: list[KeyFound] = []
    new: dict[str, str] = {}
    for number in suspects.keys:
        text = given[number]
        if keys := _keys(encode(text), detector):
            found += _as_found(keys)
            new[text] = _without_keys(text, keys, detector)
    for number, marks in suspects.containers.items():
        text = given[number]
        if contained := _contained_keys(encode(new.get(text, text)), [] if text in new else marks, detector):
            found += contained
            new[text] = WITHHELD
    return found, new


def _search(blobs: Sequence[bytes], detector: KeyDetector) -> _Suspects:
    """Search all blobs at once."""
    buffer = b"".join(_APART + blob for blob in blobs)
    signatures: list[int] = []
    offsets = detector.candidate_offsets(buffer, len(buffer), signatures)
    marks: list[Mark] = []
    if signatures:
        from boltz_keyscan.sources.signatures import checked_marks  # noqa: PLC0415 - most texts have none

        marks = checked_marks(buffer, len(buffer), signatures)
    if not (offsets or marks):
        return _Suspects()
    starts = list(accumulate((len(_APART) + len(blob) for blob in blobs), initial=0))
    containers: dict[int, list[Mark]] = {}
    for at, kind in marks:
        number = bisect_right(starts, at) - 1
        containers.setdefault(number, []).append((at - starts[number] - len(_APART), kind))
    return _Suspects(tuple(sorted({bisect_right(starts, at) - 1 for at in offsets})), containers)


def _keys(raw: bytes, detector: KeyDetector) -> list[Match]:
    """Return the keys in a text that are neither placeholders nor accepted by the user."""
    found = [match for match in detector.find([raw]) if match.shape is not Shape.PLACEHOLDER]
    accepted = _accepted_keys() if found else frozenset()
    return [match for match in found if match.fingerprint not in accepted]


def _is_container(raw: bytes) -> bool:
    """Return True if the content of a file begins as a container whose signature is not searched for."""
    if raw[:_TEXT_BYTES].isascii() and b"\0" not in raw[:_TEXT_BYTES]:
        return False
    from boltz_keyscan.sources.signatures import is_container  # noqa: PLC0415 - most files are text

    return is_container(raw, 0, len(raw))


def _contained_keys(
    raw: bytes, marks: Sequence[Mark], detector: KeyDetector, file: str = ""
) -> list[KeyFound]:
    """Return the keys in a text and in its archives; ``marks`` are its archives if no key is beside them."""
    from boltz_keyscan.agents.small_streams import has_no_keys  # noqa: PLC0415 - most texts have no archive

    if marks and has_no_keys(raw, marks, detector):
        return []
    from boltz_keyscan.agents.containers import find_contained_keys  # noqa: PLC0415 - most texts have no archive

    found = find_contained_keys(raw, file)
    accepted = _accepted_keys() if found else frozenset()
    return [key for key in found if key.fingerprint not in accepted]


def _accepted_keys() -> frozenset[str]:
    from boltz_keyscan.agents.acceptance import accepted_keys  # noqa: PLC0415 - a clean event needs no baseline

    return accepted_keys()


def _as_found(keys: Sequence[Match], file: str = "") -> list[KeyFound]:
    return [KeyFound(key.fingerprint, key.rule_id, file) for key in keys]


def _without_keys(text: str, keys: Sequence[Match], detector: KeyDetector) -> str:
    """Return a text without keys; a notice in its place if one would be left."""
    replaced = detector.replace(encode(text), keys)
    return WITHHELD if _keys(replaced, detector) else decode(replaced)


def _keys_in_files(event: Event, detector: KeyDetector) -> Iterator[KeyFound]:
    """Yield the keys in the files that reach the model by an event."""
    if not event.files:
        return
    from boltz_keyscan.agents import named_files  # noqa: PLC0415 - few events name a file

    for path in dict.fromkeys(event.files):
        content = named_files.read_file(path, event.folder)
        if content is None:
            continue
        raw = content[: named_files.MAX_BYTES]
        if len(raw) < len(content):
            warn(f"only the first {named_files.MAX_BYTES >> 20} MiB were checked: {path}")
        suspects = _search([raw], detector)
        if suspects.containers or _is_container(raw):
            marks = [] if suspects.keys else suspects.containers.get(0, [])
            yield from _contained_keys(raw, marks, detector, path)
        elif suspects.keys:
            yield from _as_found(_keys(raw, detector), path)
