"""A plain key is found in whatever stands around it, and its place is told exactly."""

from __future__ import annotations

import base64
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boltz_keyscan.detect import KeyDetector, redact
from boltz_keyscan.detect.classify import SHORTEST
from boltz_keyscan.model import Match, Origin, Shape
from boltz_keyscan.rules import load
from boltz_keyscan.sources import blob as blobs
from tests.kept import kept
from tests.keys import PREFIXES, fake_body, fake_key, fingerprint
from tests.running import keyscan
from tests.strategies import BLOBS, BOM, CUTS, KEYS, TEXT, cut

if TYPE_CHECKING:
    from collections.abc import Iterable

DETECTOR = KeyDetector.of(load())
KEY = fake_key("ws", "live", "contexts")
PREFIX = PREFIXES["ws", "live"]


def found(*chunks: bytes) -> list[Match]:
    return list(DETECTOR.find(chunks))


@dataclass(frozen=True)
class Row:
    """What stands around one key."""

    name: str
    before: bytes = b""
    after: bytes = b""


CONTEXTS = (
    Row("bare"),
    Row("end of file without newline", b"key: "),
    Row("a line of its own", b"\n", b"\n"),
    Row("quoted", b'"', b'"'),
    Row("single quoted", b"'", b"'"),
    Row("KEY=", b"export BOLTZ_API_KEY=", b"\n"),
    Row("JSON", b'{"headers": {"x-api-key": "', b'"}}'),
    Row("JSON in JSON", b'{"args": "{\\"api_key\\": \\"', b'\\"}"}'),
    Row("a literal \\n before", b"line\\n", b"\\nline"),
    Row("a literal \\t before", b"col\\t", b"\\tcol"),
    Row("%3D before", b"https://example.invalid/?api_key%3D", b"&x=1"),
    Row("a letter before", b"x"),
    Row("a digit before", b"7"),
    Row("an underscore before", b"_"),
    Row("another stem before", b"sk_bc_"),
    Row("most of a prefix before", PREFIX[:-1].encode()),
    Row("ANSI colour", b"\x1b[32m", b"\x1b[0m"),
    Row("ANSI reset before", b"\x1b[0m", b"\n"),
    Row("comma after", b"[", b", 1]"),
    Row("parenthesis after", b"Boltz(", b")"),
    Row("full stop after", b"Use ", b". Then"),
    Row("semicolon after", b"key=", b";"),
    Row("ampersand after", b"?key=", b"&next=1"),
    Row("asterisk after", b"*", b"*"),
    Row("backtick after", b"`", b"`"),
    Row("pipe after", b"|", b"|"),
    Row("end of a table cell after", b"<td>", b"</td>"),
    Row("equals after", b"", b"=="),
    Row("colon after", b"", b":x"),
    Row("slash after", b"/v1/", b"/jobs"),
    Row("percent after", b"", b"%0A"),
    Row("backslash after", b"", b"\\"),
    Row("CRLF", b"a=1\r\nkey=", b"\r\nb=2\r\n"),
    Row("CR alone", b"a=1\rkey=", b"\rb=2"),
    Row("a byte order mark", BOM, b"\n"),
    Row("a byte order mark and a line", BOM + b"a\n", b"\n"),
    Row("NULs around", b"\x7fELF\0\0\1\0", b"\0\0\xff\xfe\0"),
    Row("bytes that are no text", b"\xff\xfe\x80\n\x81\xc3", b"\xc3\x28"),
    Row(
        "accents and astral characters before",
        "# clé \N{PILE OF POO} = ".encode(),
        "\N{PILE OF POO}".encode(),
    ),
    Row("a letter that is not ASCII after", b"", "é".encode()),
)
IDS = [row.name for row in CONTEXTS]


def whole(row: Row) -> bytes:
    return row.before + KEY.encode() + row.after


@pytest.mark.parametrize("row", CONTEXTS, ids=IDS)
def test_a_key_in_context(row: Row) -> None:
    (match,) = found(whole(row))
    assert (match.shape, match.rule_id) == (Shape.CONFIRMED, "boltz-workspace-live-key")
    assert (match.fingerprint, match.length) == (fingerprint(KEY), len(KEY))
    assert place(match) == expected_place(whole(row), len(row.before))
    assert KEY not in match.context
    assert f"{PREFIX}[REDACTED]" in match.context


@pytest.mark.parametrize("row", CONTEXTS, ids=IDS)
def test_no_cut_of_the_stream_matters(row: Row) -> None:
    blob = whole(row)
    expected = found(blob)
    for size in range(1, len(blob) + 1):
        assert found(*(blob[at : at + size] for at in range(0, len(blob), size))) == expected


@pytest.mark.parametrize("row", CONTEXTS, ids=IDS)
def test_the_fast_pass_sees_it_over_any_edge(
    row: Row, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "blob"
    path.write_bytes(whole(row))
    expected = DETECTOR.sniff(whole(row), len(whole(row)))
    assert len(row.before) in expected
    for size in range(1, len(whole(row)) + 1):
        monkeypatch.setattr(blobs, "CHUNK", size)
        window = blobs.Window(DETECTOR.overlap)
        with path.open("rb", buffering=0) as stream:
            assert window.sniff(stream, DETECTOR) == (len(whole(row)), expected)


@pytest.mark.parametrize("kind", ["admin", "ws"])
@pytest.mark.parametrize("mode", ["live", "test"])
def test_each_kind_of_key_has_its_rule(kind: str, mode: str) -> None:
    (match,) = found(fake_key(kind, mode).encode())
    rule = next(rule for rule in load() if rule.id == match.rule_id)
    assert (rule.prefix, rule.mode) == (PREFIXES[kind, mode], mode)
    assert match.fingerprint == fingerprint(fake_key(kind, mode))


@pytest.mark.parametrize("separator", ["", " ", "\n", ",", "_", "\0", '","'])
def test_two_keys_side_by_side_are_two(separator: str) -> None:
    first, second = fake_key("ws", "live", 1), fake_key("admin", "live", 2)
    matches = found(f"{first}{separator}{second}".encode())
    assert [match.fingerprint for match in matches] == [fingerprint(first), fingerprint(second)]
    assert [match.offset for match in matches] == [0, len(first + separator)]
    # A separator that a body may hold is glued to the first: the same key, with less certainty.
    expected = Shape.SUSPECTED if separator == "_" else Shape.CONFIRMED
    assert [match.shape for match in matches] == [expected, Shape.CONFIRMED]


@pytest.mark.parametrize("times", [2, 3, 100])
def test_the_same_key_again_is_the_same_key(times: int) -> None:
    matches = found(KEY.encode() * times)
    assert [match.offset for match in matches] == [len(KEY) * number for number in range(times)]
    assert {match.fingerprint for match in matches} == {fingerprint(KEY)}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("another vendor's key", "sk_bc_admin_prod_" + fake_body(1).encode().hex()[:64]),
        ("another vendor's key for a workspace", "sk_bc_ws_prod_" + fake_body(1)),
        ("upper case", KEY.upper()),
        ("capitalised", KEY.title()),
        ("dashes", KEY.replace("_", "-")),
        ("a space in the prefix", KEY.replace("_", "_ ", 1)),
        ("a checkpoint folder", "task_bc_checkpoint_dir = 'task_bc_ws_liver_" + fake_body(1) + "'"),
        ("a prefix without its end", PREFIX[:-1]),
        ("a body alone", fake_body(1)),
        ("nothing", ""),
    ],
    ids=lambda value: value if " " in value or value == "nothing" else "",
)
def test_what_is_not_a_key(name: str, text: str) -> None:
    assert found(text.encode()) == [], name


def test_what_ends_in_a_prefix_is_one() -> None:
    # No left boundary: a letter really does stand before keys, so this is the price.
    (match,) = found(f"ta{KEY}".encode())
    assert (match.offset, match.shape) == (2, Shape.CONFIRMED)


def test_a_single_line_of_six_megabytes() -> None:
    blob = b"x" * (3 << 20) + KEY.encode() + b"y" * (3 << 20)
    (match,) = found(blob[:1000], blob[1000:4_000_000], blob[4_000_000:])
    # Glued on both sides: the key is told from the text that follows by its length.
    assert (match.fingerprint, match.shape) == (fingerprint(KEY), Shape.SUSPECTED)
    assert place(match) == (3 << 20, 1, (3 << 20) + 1, (3 << 20) + 1)
    (match,) = found(b"x" * (3 << 20) + b'"' + KEY.encode() + b'"' + b"y" * (3 << 20))
    assert (match.shape, match.column) == (Shape.CONFIRMED, (3 << 20) + 2)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1000, 4096, 65537])
@pytest.mark.parametrize("before", [0, 1, 1023, 1024, 1025, 4095, 4096, 5000, 9999])
def test_a_key_far_into_a_line_after_a_byte_order_mark(size: int, before: int) -> None:
    blob = BOM + b"-" * before + KEY.encode() + b" " * 2500 + KEY.encode()
    first, second = found(*(blob[at : at + size] for at in range(0, len(blob), size)))
    assert place(first) == expected_place(blob, 3 + before)
    assert place(second) == expected_place(blob, 3 + before + len(KEY) + 2500)
    assert [first, second] == found(blob)


class TestPlaces:
    """Offsets, lines and columns against a slow way to count them."""

    @given(BLOBS, CUTS)
    def test_whatever_the_bytes_and_however_they_are_cut(self, blob: bytes, places: list[int]) -> None:
        matches = found(blob)
        assert [match.offset for match in matches] == expected_offsets(blob)
        assert [match.line for match in matches] == [
            blob.count(b"\n", 0, match.offset) + 1 for match in matches
        ]
        assert found(*cut(blob, places)) == matches

    @given(st.lists(TEXT | KEYS, max_size=8).map("".join), CUTS)
    def test_columns_of_text(self, text: str, places: list[int]) -> None:
        blob = text.encode()
        for match in found(*cut(blob, places)):
            assert place(match) == expected_place(blob, match.offset)

    @given(KEYS, TEXT, TEXT)
    def test_a_drawn_key_is_found(self, key: str, before: str, after: str) -> None:
        blob = (before + key + after).encode()
        matches = [match for match in found(blob) if match.offset == len(before.encode())]
        assert [match.fingerprint for match in matches] == [fingerprint(key)]

    @given(BLOBS)
    def test_a_key_is_no_shorter_than_its_prefix_nor_longer_than_its_run(self, blob: bytes) -> None:
        for match in found(blob):
            rule = next(rule for rule in load() if rule.id == match.rule_id)
            text = blob[match.offset : match.offset + match.length].decode("ascii")
            assert text.startswith(rule.prefix)
            assert re.fullmatch("[A-Za-z0-9_-]*", text)
            assert match.fingerprint == fingerprint(text)
            assert match.shape is Shape.PLACEHOLDER or match.length >= len(rule.prefix) + SHORTEST - 8


class TestManyKeys:
    """One blob made to drown the report."""

    @pytest.mark.parametrize("more", [-1, 0, 1, 50])
    def test_the_cap_is_a_gap(self, more: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(blobs, "MOST", 100)
        blob = (PREFIX.encode() + b" ") * (100 + more)
        hits, gaps = blobs.examine(Origin(b"f"), [blob], DETECTOR, "f")
        assert [hit.match.offset for hit in hits] == [15 * number for number in range(min(100 + more, 100))]
        told = [(gap.where, gap.reason, gap.detail, gap.by_design) for gap in gaps]
        capped = [("f", "too-many-matches", "only the first 100 keys of it are reported", False)]
        assert told == (capped if more > 0 else [])

    def test_a_file_of_keys_is_cut_short_and_not_called_complete(self, tmp_path: Path) -> None:
        path = tmp_path / "drowned.txt"
        path.write_bytes((PREFIX.encode() + b" ") * 505 + KEY.encode())
        fewer = "from boltz_keyscan.sources import blob; blob.MOST = 500"
        ran = kept(str(path), "--format", "json", changed=fewer)
        assert ran.code == 3
        assert [gap["reason"] for gap in ran.report["gaps"]] == ["too-many-matches"]
        assert sum(len(finding["locations"]) for finding in ran.report["findings"]) == 500

    def test_a_file_of_needles_is_cut_short_and_not_called_complete(self, tmp_path: Path) -> None:
        path = tmp_path / "drowned.txt"
        other = fake_key("admin", "live", "at the end")
        path.write_bytes(KEY.encode() + b" " + b"sk_bc_\n" * 30_000 + other.encode())
        ran = keyscan(path, "--format", "json", "--fail-on", "never")
        assert ran.code == 3
        assert [(gap["reason"], gap["by_design"]) for gap in ran.report["gaps"]] == [
            ("too-many-matches", False)
        ]
        assert {finding["fingerprint"] for finding in ran.report["findings"]} == {
            fingerprint(key) for key in (KEY, other)
        }

    def test_nothing_is_read_beyond_the_cap(self, monkeypatch: pytest.MonkeyPatch) -> None:
        read = 0

        def chunks() -> Iterable[bytes]:
            nonlocal read
            for _ in range(100):
                read += 1
                yield ((PREFIX.encode() + b" ") * 100).ljust(blobs.CHUNK)

        monkeypatch.setattr(blobs, "MOST", 100)
        blobs.examine(Origin(b"f"), chunks(), DETECTOR, "f")
        assert read < 10


HOSTILE = {
    "stems": b"sk_bc_",
    "prefixes": PREFIX.encode(),
    "keys": KEY.encode(),
    "keys and half keys": KEY.encode() + KEY[:40].encode(),
    "one endless body": b"A",
    "backslashes": b"\\\\",
    "stems in base64": b"c2tfYmNfd3",
    "keys in base64": base64.b64encode(KEY.encode() * 3),
    "stems in hex": b"736b5f62635f77",
    "stems in UTF-16": "sk_bc_w".encode("utf-16-le"),
    "stems, escaped": b"sk%5Fbc%5Fw",
    "stems and quotes": b'sk_bc_"',
    "stems and lines": b"sk_bc_\n",
    "ends of prefixes": b"bc_ws_live_",
    "joined": b'sk_bc_ws_"+"live_ab"+"',
    "templates": b"sk_bc_ws_live_{'",
    "quotes far apart": b'sk_bc_ws_live_"' + b" " * 60,
    "base64 of base64": base64.b64encode(base64.b64encode(b"sk_bc_ws_" * 9)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_input_costs_no_more_than_its_length(name: str) -> None:
    unit = HOSTILE[name]

    def seconds(size: int) -> float:
        blob = PREFIX.encode() + unit * (size // len(unit))
        started = time.process_time()
        for _match in DETECTOR.find([blob]):
            pass
        return time.process_time() - started

    seconds(1 << 10)
    few = many = 60.0
    for _ in range(2):
        few, many = min(few, seconds(1 << 12)), min(many, seconds(1 << 15))
        # Quadratic work would be 64 times as much for 8 times the input.
        if many < 24 * few + 0.1:
            return
    pytest.fail(f"{few} seconds, and {many} for 8 times as much")


def test_the_window_does_not_grow_with_the_blob() -> None:
    lengths = set()
    context = redact.context

    def spy(window: bytes, start: int, end: int, *others: Any) -> str:
        lengths.add(len(window))
        return context(window, start, end, *others)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redact, "context", spy)
        list(DETECTOR.find([KEY.encode().ljust(5_000)] * 200))
    assert len(lengths) > 0
    assert max(lengths) < 20_000


def place(match: Match) -> tuple[int, int, int, int]:
    return match.offset, match.line, match.column, match.column_utf16


def expected_place(blob: bytes, offset: int) -> tuple[int, int, int, int]:
    """Offset, line, and column in characters and in UTF-16 units, by decoding the line."""
    line = blob.count(b"\n", 0, offset) + 1
    lead = blob[blob.rfind(b"\n", 0, offset) + 1 : offset]
    if line == 1:
        lead = lead.removeprefix(BOM)
    try:
        text = lead.decode()
    except UnicodeDecodeError:
        # Not text: each byte that does not continue a character counts as one.
        text = "".join("x" for byte in lead if not 0x80 <= byte < 0xC0)
    return offset, line, len(text) + 1, len(text.encode("utf-16-le")) // 2 + 1


def expected_offsets(blob: bytes) -> list[int]:
    """Every place where a prefix stands: a body ends where the next one begins."""
    prefixes = "|".join(PREFIXES.values()).encode()
    return [found.start() for found in re.finditer(prefixes, blob)]
