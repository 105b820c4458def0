"""A member in which nothing was found is not read again, and nothing else changes by that."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Iterable, Iterator

import brotli
import pytest

from boltz_keyscan.model.finding import Origin, ShardResult
from boltz_keyscan.sources.archives import known_members
from boltz_keyscan.sources.archives.limits import Limits
from boltz_keyscan.sources.archives.shard import MAX_CARRIED_BYTES, ContainerShard, InBuffer, found_content
from boltz_keyscan.sources.archives.zip import _unpack
from tests.keys import fake_key
from tests.sources.containers import DETECTOR, reasons_of, scan_container

TEXT = b"import os\n" * 50
KEY = fake_key("ws", "live", "known members").encode()


@pytest.fixture(autouse=True)
def nothing_known() -> Iterator[None]:
    known_members._known.clear()
    yield
    known_members._known.clear()


@pytest.fixture
def unpacked(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The contents of the short members that are unpacked, in order."""
    found: list[bytes] = []

    def observe(*arguments: object) -> bytes | None:
        content = _unpack(*arguments)  # type: ignore[arg-type]  # those of the function itself
        found.append(content or b"")
        return content

    monkeypatch.setattr("boltz_keyscan.sources.archives.zip._unpack", observe)
    return found


def packed(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def told(result: ShardResult) -> tuple[object, ...]:
    return result.hits, result.gaps, result.explained, result.unpacked


def alone(content: bytes, **limits: float) -> tuple[object, ...]:
    """The result of a process that knows nothing."""
    known_members._known.clear()
    return told(scan_container(content, **limits))


def after(others: Iterable[bytes], content: bytes, **limits: float) -> tuple[object, ...]:
    """The result of a process that scanned other containers before."""
    known_members._known.clear()
    for other in others:
        scan_container(other)
    return told(scan_container(content, **limits))


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_the_same_bytes_are_unpacked_once(method: int, unpacked: list[bytes]) -> None:
    inner = packed(("c.txt", TEXT + b"c"))
    for number in range(3):
        members = ("a.txt", TEXT), ("b.zip", inner), (f"{number}.txt", b"%d" % number)
        assert scan_container(packed(*members, method=method)).gaps == ()
    assert unpacked.count(TEXT) == unpacked.count(inner) == unpacked.count(TEXT + b"c") == 1
    assert [unpacked.count(b"%d" % number) for number in range(3)] == [1, 1, 1]


def test_a_member_with_a_key_is_read_each_time() -> None:
    content = packed(("a.txt", TEXT), ("b.env", KEY))
    results = [scan_container(content) for _ in range(3)]
    assert [len(result.hits) for result in results] == [1, 1, 1]
    # Nor are the others in that container remembered: its matches are not told apart.
    assert known_members._known == {}


def test_a_key_beside_known_members_is_found() -> None:
    known = ("a.txt", TEXT), ("b/c.txt", TEXT + b"c")
    for more in (("d.env", KEY), (f"{KEY.decode()}.txt", b"d")):
        content = packed(*known, more)
        assert len(scan_container(content).hits) == 1
        assert after([packed(*known)], content) == alone(content)


def test_the_name_decides_too() -> None:
    """Only XML is read as the text of a document, and only a name identifies brotli."""
    head = b'<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
    run = b'<w:r w:rsidR="00A77B3E"><w:rPr><w:rFonts w:ascii="Courier New"/></w:rPr><w:t>%b</w:t></w:r>'
    runs = head + b"<w:p>" + b"".join(run % KEY[at : at + 1] for at in range(len(KEY))) + b"</w:p>"
    for name, content in (
        ("word/document.xml", runs),
        ("a.br", brotli.compress(KEY)),
        ("a.BR", brotli.compress(KEY)),
    ):
        other, container = packed(("a.bin", content)), packed((name, content))
        assert scan_container(other).hits == ()
        assert len(scan_container(container).hits) == 1
        assert after([other], container) == alone(container)


def test_a_container_in_a_short_text_is_counted_each_time() -> None:
    content = packed(("a.txt", base64.encodebytes(packed(("b.txt", TEXT), ("c.txt", TEXT + b"c")))))
    assert scan_container(content).unpacked[0] > 1
    assert after([content], content) == alone(content)


def test_an_unreadable_member_is_a_gap_each_time() -> None:
    inner = bytearray(packed(("c.txt", bytes(range(256)) * 8), method=zipfile.ZIP_STORED))
    inner[60] ^= 1
    content = packed(("a.txt", TEXT), ("b.zip", bytes(inner)))
    assert [reasons_of(scan_container(content)) for _ in range(3)] == [["corrupt-container"]] * 3
    assert after([content], content) == alone(content)


def test_a_checksum_that_does_not_match_is_a_gap_after_one_that_does() -> None:
    sound = packed(("a.txt", TEXT))
    crc = zipfile.ZipFile(io.BytesIO(sound)).infolist()[0].CRC.to_bytes(4, "little")
    damaged = sound.replace(crc, bytes(4))
    assert reasons_of(scan_container(sound)) == []
    assert reasons_of(scan_container(damaged)) == ["corrupt-container"]


def test_containers_around_it_decide_too() -> None:
    inner = packed(("a.txt", TEXT))
    for number in range(Limits().depth - 1):
        inner = packed((f"{number}.zip", inner))
    deeper = packed(("b.zip", inner))
    assert scan_container(inner).gaps == ()
    assert reasons_of(scan_container(deeper)) == ["too-deep"]


@pytest.mark.parametrize("limits", [{"members": 3}, {"output": 700}, {"output": 900}, {"depth": 1}])
def test_budgets_count_what_is_not_read(limits: dict[str, float]) -> None:
    content = packed(("a.txt", TEXT), ("b.zip", packed(("c.txt", TEXT), ("d.txt", b"d"))))
    # The limits are those of another scan, so what is known is of the same scan.
    results = {told(scan_container(content, **limits)) for _ in range(3)}
    assert results == {alone(content, **limits)}


def test_a_process_opens_what_it_kept() -> None:
    content = packed(("a.env", KEY))
    place = InBuffer(b"")
    shard = ContainerShard(place, len(content), ((Origin(b"", oid="1"), "x"),))
    found_content.put(place, content)
    assert len(shard.scan(DETECTOR).hits) == 1
    # It is opened once; the place has nothing.
    assert shard.scan(DETECTOR).hits == ()


def test_the_bytes_that_a_process_keeps_are_limited() -> None:
    places = [InBuffer(b"%d" % number) for number in range(10)]
    for place in places:
        found_content.put(place, bytes(MAX_CARRIED_BYTES))
    kept = [place in found_content for place in places]
    assert kept == [False] * 4 + [True] * 6
    assert [found_content.take(place) is not None for place in places] == kept
    found_content.put(places[0], bytes(MAX_CARRIED_BYTES + 1))
    assert places[0] not in found_content
