"""A plain key is found in whatever stands around it, and its place is told exactly."""

from __future__ import annotations

import base64
import gzip
import re
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boltz_keyscan.detect import KeyDetector, surroundings
from boltz_keyscan.detect.classify import SHORTEST
from boltz_keyscan.model.enums import Shape
from boltz_keyscan.model.finding import Match, Origin
from boltz_keyscan.rules import load
from boltz_keyscan.sources import blob as blobs
from boltz_keyscan.sources import windows
from tests.keys import PREFIXES, fake_body, fake_key, fingerprint
from tests.running import keyscan
from tests.strategies import BLOBS, BOM, CUTS, KEYS, TEXT, cut

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


@pytest.mark.parametrize("size", [1_000, 4_096, 5_003])
def test_no_cut_of_a_long_line_of_keys_matters(size: int) -> None:
    keys = [fake_key("ws", "live", seed) for seed in range(60)]
    forms = [
        form
        for key in keys
        for form in (
            key,
            base64.b64encode(key.encode()).decode(),
            key.encode().hex(),
            # Broken within the body and within the prefix.
            f'{key[:30]}" + "{key[30:]}',
            f'{key[:5]}" + "{key[5:]}',
        )
    ]
    blob = "' '".join(f"{number:060d} {form}" for number, form in enumerate(forms)).encode()
    assert len(blob) > 4 * 8192
    matches = found(*(blob[at : at + size] for at in range(0, len(blob), size)))
    assert matches == found(blob)
    assert [match.fingerprint for match in matches] == [fingerprint(key) for key in keys for _ in range(5)]


def test_a_context_reads_as_far_wherever_the_window_begins() -> None:
    noise = "".join(fake_body(number) for number in range(20))
    blob = f"{KEY} {noise} end\n".encode() * 40
    matches = found(*(blob[at : at + 4_096] for at in range(0, len(blob), 4_096)))
    assert [match.offset for match in matches] == list(range(0, len(blob), len(blob) // 40))
    assert {match.context for match in matches} == {f"{PREFIX}[REDACTED] [REDACTED]"}


@pytest.mark.parametrize("row", CONTEXTS, ids=IDS)
def test_the_fast_pass_sees_it_over_any_edge(
    row: Row, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "blob"
    path.write_bytes(whole(row))
    expected = DETECTOR.candidate_offsets(whole(row), len(whole(row)))
    assert len(row.before) in expected
    for size in range(1, len(whole(row)) + 1):
        monkeypatch.setattr(blobs, "CHUNK", size)
        window = blobs.Window(DETECTOR.overlap)
        with path.open("rb", buffering=0) as stream:
            assert window.candidate_offsets(stream, DETECTOR) == (len(whole(row)), expected)


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


@pytest.mark.parametrize(
    ("begin", "end"), [("<b title='k=", "'>"), ('" /* ', ' */ "'), ("<!-- ", " -->")], ids=str
)
@pytest.mark.parametrize("cut", [6, 9, 14, 30])
def test_a_key_in_pieces_between_the_pieces_of_another_is_found(begin: str, end: str, cut: int) -> None:
    outer, inner = fake_key("ws", "live", "outside"), fake_key("ws", "test", "inside")
    for one, other in ((outer, inner), (inner, outer)):
        for within in (other, f"'{other[:2]}'\"{other[2:]}\"", other.encode().hex()):
            matches = found(f'k = "{one[:cut]}{begin}{within}{end}{one[cut:]}"'.encode())
            assert {match.fingerprint for match in matches} >= {fingerprint(one), fingerprint(other)}


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
@pytest.mark.sampled
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
        monkeypatch.setattr(blobs, "MAX_KEYS_PER_RULE", 100)
        keys = [fake_key("ws", "live", seed) for seed in range(100 + more)]
        hits, gaps = blobs.scan_blob(Origin(b"f"), ["\n".join(keys).encode()], DETECTOR, "f")
        assert [hit.match.fingerprint for hit in hits] == [fingerprint(key) for key in keys[:100]]
        told = [(gap.where, gap.reason, gap.detail, gap.by_design) for gap in gaps]
        capped = [("f", "too-many-matches", "only the first 100 keys of it are reported", False)]
        assert told == (capped if more > 0 else [])

    @pytest.mark.parametrize(
        "crowd",
        [
            "\n".join(f"key={PREFIX}****{number}" for number in range(12_000)),
            PREFIX * 12_000,
            "\n".join([KEY] * 12_000),
            "\n".join(f"{KEY}  # boltz-keyscan: ignore = as agreed" for _ in range(1_500)),
        ],
        ids=["masked", "prefixes", "one key", "one key that is excused"],
    )
    def test_what_changes_nothing_crowds_nothing_out(self, crowd: str) -> None:
        behind = [fake_key("ws", "live", "behind"), fake_key("admin", "test", "behind"), KEY]
        blob = "\n\n".join([crowd, *behind]).encode()
        hits, gaps = blobs.scan_blob(Origin(b"f"), [blob], DETECTOR, "f")
        found = {hit.match.fingerprint for hit in hits if hit.match.shape is not Shape.PLACEHOLDER}
        assert found == {fingerprint(key) for key in behind}
        # Not excused is not the same as excused.
        assert any(hit.match.fingerprint == fingerprint(KEY) and not hit.match.comments for hit in hits)
        assert len(hits) <= blobs.MAX_LOCATIONS_PER_KEY + 10
        assert [(gap.reason, gap.by_design) for gap in gaps] == [("more-places", True)]

    def test_keys_of_one_rule_do_not_crowd_out_others(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(blobs, "MAX_KEYS_PER_RULE", 100)
        crowd = [fake_key("ws", "test", seed) for seed in range(150)]
        live = fake_key("ws", "live", "behind")
        hits, gaps = blobs.scan_blob(Origin(b"f"), ["\n".join([*crowd, live]).encode()], DETECTOR, "f")
        assert [hit.match.fingerprint for hit in hits] == [fingerprint(key) for key in (*crowd[:100], live)]
        assert [gap.reason for gap in gaps] == ["too-many-matches"]

    def test_a_live_key_behind_masked_lines_fails_the_run(self, tmp_path: Path) -> None:
        path = tmp_path / "drowned.log"
        path.write_text(f"key={PREFIX}****1234\n" * 12_000 + KEY + "\n")
        ran = keyscan(path, "--format", "json")
        assert ran.code == 1
        assert [gap["by_design"] for gap in ran.report["gaps"]] == [True]
        assert fingerprint(KEY) in {finding["fingerprint"] for finding in ran.report["findings"]}

    def test_so_does_one_in_an_archive(self, tmp_path: Path) -> None:
        path = tmp_path / "drowned.log.gz"
        path.write_bytes(gzip.compress(f"key={PREFIX}****1234\n".encode() * 12_000 + KEY.encode()))
        ran = keyscan(path, "--format", "json")
        assert ran.code == 1
        assert [(gap["reason"], gap["by_design"]) for gap in ran.report["gaps"]] == [("more-places", True)]

    def test_a_key_behind_needles_is_found(self, tmp_path: Path) -> None:
        path = tmp_path / "drowned.txt"
        other = fake_key("admin", "live", "at the end")
        path.write_bytes(b"sk_bc_\n" * 30_000 + base64.b64encode(other.encode()))
        ran = keyscan(path, "--format", "json", "--fail-on", "never")
        assert (ran.code, ran.report["gaps"]) == (0, [])
        assert [finding["fingerprint"] for finding in ran.report["findings"]] == [fingerprint(other)]


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
@pytest.mark.sampled(count=6)
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
    of = surroundings.Surroundings.of

    def spy(window: bytes, *more: object) -> surroundings.Surroundings:
        lengths.add(len(window))
        return of(window, *more)  # type: ignore[arg-type]  # as they came

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(surroundings.Surroundings, "of", spy)
        list(DETECTOR.find([KEY.encode().ljust(5_000)] * 200))
        list(DETECTOR.find([KEY.encode().ljust(5_000) * 200]))
    assert len(lengths) > 0
    assert max(lengths) < 150_000


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


CODINGS = ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]


class TestPlacesInWideText:
    """Line and column in UTF-16 and UTF-32 count characters, not bytes."""

    @given(
        KEYS,
        st.sampled_from(CODINGS),
        st.booleans(),
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=80),
        st.integers(1, 400),
    )
    def test_columns(self, key: str, codec: str, mark: bool, before: str, size: int) -> None:  # noqa: FBT001 - drawn
        # Enough ASCII to know the coding by where there is no mark.
        lead = "# a file of settings\n" * 4 + before + "\nkey \N{PILE OF POO}= "
        blob = ("\ufeff" * mark + lead + key).encode(codec)
        for chunks in ([blob], [blob[at : at + size] for at in range(0, len(blob), size)]):
            (match,) = [each for each in found(*chunks) if each.fingerprint == fingerprint(key)]
            assert (match.line, match.column, match.column_utf16) == (lead.count("\n") + 1, 8, 9)

    @pytest.mark.parametrize("codec", CODINGS)
    def test_beyond_the_first_piece_of_a_long_file(self, codec: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(windows, "WINDOW_BYTES", 8192)
        monkeypatch.setattr(windows, "MARGIN_BYTES", 4096)
        lead = "\N{PILE OF POO}a\u010a\n" * 9_000 + "key \N{PILE OF POO}= "
        (match,) = windows.find_matches(DETECTOR, [(lead + KEY).encode(codec)])
        assert (match.line, match.column, match.column_utf16) == (9_001, 8, 9)


DASHED = next(key for key in (fake_key("ws", "live", seed) for seed in range(999)) if "-" in key[20:40])


@pytest.mark.parametrize(
    ("text", "chain"),
    [
        ("{\\rtf1\\ansi " + DASHED.replace("-", "\\_") + "}", "rtf"),
        ("\\pard\\fs24 " + DASHED.replace("-", "\\_") + "\\par", "rtf"),
        ("{\\rtf1 " + DASHED[:30] + "\\-" + DASHED[30:] + "}", "rtf"),
        ("{\\rtf1 " + DASHED.replace("-", "\\'2d") + "}", "rtf"),
        ("{\\rtf1 " + DASHED.replace("-", "\\u45?") + "}", "rtf"),
        (DASHED.replace("_", "\\_"), "backslash"),
        (DASHED.replace("-", "\\x2d"), "hex-escape"),
        (DASHED.replace("-", "\\u002d"), "unicode-escape"),
        (DASHED.replace("-", "\\055"), "octal-escape"),
        (DASHED.replace("-", "%2D"), "percent"),
        (DASHED.replace("-", "&#45;"), "html"),
        (DASHED.replace("-", "=2D"), "quoted-printable"),
        (DASHED.replace("-", "\\-"), "backslash"),
    ],
)
def test_an_escape_is_what_it_is_in_its_text(text: str, chain: str) -> None:
    (match,) = [match for match in found(text.encode()) if match.shape is not Shape.PLACEHOLDER]
    assert (match.fingerprint, match.shape) == (fingerprint(DASHED), Shape.CONFIRMED)
    assert match.decoded == (chain,)


class TestWrapped:
    """Two lines that follow each other are one text only when a program may have wrapped it."""

    @given(
        KEYS, st.integers(70, 100), st.integers(1, 56), st.sampled_from(["\n", "\r\n", "\n# ", "\nweb-1 | "])
    )
    def test_a_key_in_lines_of_one_width(self, key: str, width: int, size: int, between: str) -> None:
        begin = between.strip("\r\n")
        columns = width - len(begin)
        text = ("x" * (3 * columns - size)) + key + " and so on"
        lines = between.join(text[at : at + columns] for at in range(0, len(text), columns))
        confirmed = [match for match in found(f"{begin}{lines}\n".encode()) if match.shape is Shape.CONFIRMED]
        assert [match.fingerprint for match in confirmed] == [fingerprint(key)]

    @given(KEYS, st.integers(0, 20), st.sampled_from(["\n", "\r\n"]), st.text("ab \n", max_size=9))
    def test_two_short_lines(self, key: str, size: int, between: str, before: str) -> None:
        size += len(key) - 43
        blob = f"{before}\n{key[:size]}{between}{key[size:]}\nmore\n".encode()
        shapes = {match.shape for match in found(blob) if match.fingerprint == fingerprint(key)}
        assert Shape.CONFIRMED not in shapes

    @pytest.mark.parametrize("size", [6, 9, 30])
    @pytest.mark.parametrize("style", [">", "|", ">-", "|-", ">+", "|+"])
    def test_yaml_says_that_lines_are_one(self, style: str, size: int) -> None:
        blob = f"key: {style}\n  {KEY[:size]}\n  {KEY[size:]}\nother: 1\n".encode()
        shapes = {match.shape for match in found(blob) if match.fingerprint == fingerprint(KEY)}
        # A plain beginning of a prefix, or most of the key in the first line.
        assert shapes == {Shape.CONFIRMED}
