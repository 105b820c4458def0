"""Texts that a machine wrote with a key in them: dumps, logs, streams, tables, spaced text, markup, code.

The forms are those of the programs that they name; tests compare some with the programs themselves.
"""

from __future__ import annotations

import base64
import itertools
import json
import random
import re
from collections.abc import Callable
from functools import partial
from typing import Final

from conformance.encodings import Hiding, wrapped
from conformance.keys import PREFIXES, fake_body

Build = Callable[[str], bytes]


def rows(data: bytes, width: int) -> list[tuple[int, bytes]]:
    """Return the lines of a dump: offset and bytes."""
    return [(at, data[at : at + width]) for at in range(0, len(data), width)]


def show_text(data: bytes) -> str:
    """Return the text that dumps show beside the numbers."""
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in data)


def xxd(data: bytes, width: int = 16, group: int = 2) -> str:
    """Return a dump as ``xxd -c WIDTH -g GROUP`` writes it."""
    columns = width * 2 + (width + group - 1) // group
    return "".join(
        f"{at:08x}: {part.hex(' ', -group):<{columns}} {show_text(part)}\n" for at, part in rows(data, width)
    )


def coloured(data: bytes, group: int = 2, *, each: bool = False) -> str:
    """Return a dump as ``xxd -R always -g GROUP`` writes it; the first versions coloured each byte."""

    def paint(part: bytes) -> str:
        return "".join(f"\x1b[1;{32 if 32 <= byte < 127 else 33}m{byte:02x}\x1b[0m" for byte in part)

    lines = []
    for at, part in rows(data, 16):
        groups = [part[n : n + group] for n in range(0, len(part), group)]
        if each:
            shown = " ".join(map(paint, groups))
        else:
            shown = " ".join(f"\x1b[1;32m{one.hex()}\x1b[0m" for one in groups)
        lines.append(f"{at:08x}: {shown}  \x1b[1;32m{show_text(part)}\x1b[0m\n")
    return "".join(lines)


def boxed(data: bytes) -> str:
    """Return a dump as ``hexyl`` writes it."""
    return "".join(
        f"\u2502{at:08x}\u2502 {part[:8].hex(' ')} \u250a {part[8:].hex(' '):<23} \u2502"
        f"{show_text(part[:8])}\u250a{show_text(part[8:])}\u2502\n"
        for at, part in rows(data, 16)
    )


def canonical(data: bytes) -> str:
    """Return a dump as ``hexdump -C`` writes it."""
    return "".join(
        f"{at:08x}  {part[:8].hex(' ') + '  ' + part[8:].hex(' '):<48}  |{show_text(part)}|\n"
        for at, part in rows(data, 16)
    )


def od(data: bytes, form: str, size: int = 1, width: int = 16) -> str:
    """Return a dump as ``od`` writes it: an octal offset, and little-endian words."""
    lines = []
    for at, part in rows(data, width):
        padded = part + bytes(-len(part) % size)
        words = [int.from_bytes(padded[n : n + size], "little") for n in range(0, len(padded), size)]
        lines.append(f"{at:07o}" + "".join(form % word for word in words) + "\n")
    return "".join(lines)


def od_c(data: bytes) -> str:
    """Return a dump as ``od -c`` writes it."""
    return "".join(
        f"{at:07o}" + "".join("  \\n" if byte == 10 else f"   {chr(byte)}" for byte in part) + "\n"
        for at, part in rows(data, 16)
    )


def curl_trace(data: bytes) -> str:
    """Return a dump as ``curl --trace`` writes it."""
    return "=> Send data\n" + "".join(
        f"{at:04x}: {''.join(f'{byte:02x} ' for byte in part):<48}{show_text(part)}\n"
        for at, part in rows(data, 16)
    )


def tcpdump(data: bytes) -> str:
    """Return a dump as ``tcpdump -X`` writes it."""
    return "".join(
        f"\t0x{at:04x}:  {part.hex(' ', -2):<39}  {show_text(part)}\n" for at, part in rows(data, 16)
    )


def words(data: bytes, offset: str, first: int = 0x2000) -> str:
    """Return a dump of words in order, as ``readelf -x`` and ``objdump -s`` write it."""
    return "Contents of section .rodata:\n" + "".join(
        f" {offset % (first + at)} {part.hex(' ', -4):<35} {show_text(part)}\n" for at, part in rows(data, 16)
    )


def r_vector(form: str, width: int) -> Build:
    """Build the characters of a key as R prints a vector: the number of the first begins each line."""
    return lambda key: "".join(
        f"{f'[{at + 1}]':>5} " + " ".join(form % chr(byte) for byte in part) + "\n"
        for at, part in rows(b"=" + key.encode(), width)
    ).encode()


def listed(form: str) -> Build:
    """Build a line for each character of a key, or more of them."""
    return lambda key: "".join(form.format(at, char) for at, char in enumerate("a=" + key)).encode()


def yaml_list(indent: str) -> Build:
    """Build a list of characters as PyYAML writes it."""
    return lambda key: "".join(
        f"{indent}- {char!r}\n" if char in "0123456789-=yYnN" else f"{indent}- {char}\n" for char in key
    ).encode()


def gdb(data: bytes, form: str, size: int, count: int, symbol: str = "") -> str:
    """Return memory as ``x/`` of gdb writes it."""
    lines = []
    for at, part in rows(data + bytes(-len(data) % size), size * count):
        words = [int.from_bytes(part[n : n + size], "little") for n in range(0, len(part), size)]
        name = f" <{symbol}+{at}>" if symbol else ""
        lines.append(f"0x{0x7FFFFFFFE0F0 + at:x}{name}:\t" + "\t".join(form % word for word in words) + "\n")
    return "".join(lines)


def array(form: str, width: int, indent: str = "  ") -> Callable[[bytes], str]:
    """Return an array of C in lines of a width."""
    return lambda data: (
        "unsigned char key[] = {\n"
        + ",\n".join(indent + ", ".join(form % byte for byte in part) for _, part in rows(data, width))
        + "\n};\n"
    )


def dump_of(write: Callable[[bytes], str], lead: int = 0, encoding: str = "ascii") -> Build:
    """Build a dump of a settings file with the key some bytes into it."""
    return lambda key: write(("x" * lead + f" KEY={key}\nREGION=eu\n").encode(encoding)).encode()


def b64_of(key: str) -> str:
    """Return base64 of a settings file."""
    return base64.b64encode(f"# prod settings\nexport BOLTZ_API_KEY={key}\nREGION=eu\n".encode()).decode()


def with_beginnings(begin: Callable[[int], str], text: Callable[[str], str], width: int) -> Build:
    """Build lines that each begin with what ``begin`` returns for their number."""
    return lambda key: "".join(
        begin(number) + line + "\n" for number, line in enumerate(wrapped(text(key), width).split("\n"))
    ).encode()


BEGINNINGS: Final[dict[str, Callable[[int], str]]] = {
    "time": lambda number: f"2026-01-02T03:04:05.{1234567 + number * 311}Z ",
    "number": lambda number: f"{number + 8:6d}\t",
    "arrow": lambda number: f"{number + 8:6d}\u2192",
    "added": lambda _: "+",
    "quote": lambda _: "> ",
    "syslog": lambda number: f"Jan  2 03:04:{5 + number:02d} host app[123]: ",
    "container": lambda _: "web-1  | ",
    "pods": lambda number: f"[pod/web-{'abd' if number % 2 else 'abc'}] ",
    "cat-A": lambda number: f"{number + 1:6d}^I",
    "grep": lambda number: f"src/a.txt:{number + 98}:",
}

Event = Callable[[str], str]
EVENTS: Final[dict[str, Event]] = {
    "openai": lambda text: (
        "data: "
        + json.dumps({"id": "c-1", "choices": [{"index": 0, "delta": {"content": text}, "end": None}]})
        + "\n\n"
    ),
    "anthropic": lambda text: (
        "event: content_block_delta\ndata: "
        + json.dumps({"index": 0, "delta": {"type": "text_delta", "text": text}}, separators=(",", ":"))
        + "\n\n"
    ),
    "jsonl": lambda text: (
        json.dumps({"message": {"role": "assistant", "content": text}, "done": False}) + "\n"
    ),
    "nested": lambda text: json.dumps({"raw": json.dumps({"delta": {"content": text}})}) + "\n",
    "nodes": lambda text: json.dumps({"type": "text", "text": text}) + ",",
    "cast": lambda text: json.dumps([1.083127, "o", text]) + "\n",
}


def streamed(event: Event, size: int, lead: str = "") -> Build:
    """Build a stream of events of ``size`` characters each; about as many with 0."""

    def build(key: str) -> bytes:
        text, parts, sizes = f"{lead}KEY={key} first.", [], random.Random(7)  # noqa: S311 - no secret
        while text:
            count = size or sizes.randint(1, 5)
            parts.append(text[:count])
            text = text[count:]
        return "".join(map(event, parts)).encode()

    return build


def table(width: int, border: str, lead: str = "") -> Build:
    """Build a table with borders, whose key is wrapped in its cell."""

    def build(key: str) -> bytes:
        pieces = wrapped(lead + key, width).split("\n")
        b = border
        lines = [
            f"{b} {'' if at else 'KEY':3} {b} {piece:{width}} {b} {'' if at else 'ws':2} {b}"
            for at, piece in enumerate(pieces)
        ]
        return "\n".join([*lines, f"{border} OUR {border} {'x':{width}} {border} ws {border}", ""]).encode()

    return build


def middle_table(width: int) -> Build:
    """Build a table whose key is wrapped beside a longer text, and whose next row lacks that text."""

    def build(key: str) -> bytes:
        note = wrapped("the key of the whole group, which nobody is to give away", 8).split("\n")
        pieces = wrapped(key, width).split("\n")
        lines = [
            f"\u2502 {'KEY' if at == 0 else '':6} \u2502 {value:{width}} \u2502 {text:8} \u2502"
            for at, (value, text) in enumerate(itertools.zip_longest(pieces, note, fillvalue=""))
        ]
        following = f"\u2502 REGION \u2502 {'eu-west-1':{width}} \u2502 {'':8} \u2502"
        return "\n".join([*lines, following, ""]).encode()

    return build


def psql(width: int, mark: str, border: str) -> Build:
    """Build a table of psql whose cells are wrapped, with marks in the margins (``format=wrapped``)."""

    def build(key: str) -> bytes:
        cells = [wrapped(text, width).split("\n") for text in ("BOLTZ_API_KEY of all", key, "workspace")]
        lines: list[str] = []
        for row in itertools.zip_longest(*cells, fillvalue=""):
            number = len(lines)
            shown = [
                (mark if number and text else " ")
                + f"{text:{width}}"
                + (mark if number + 1 < len(cells[at]) else " ")
                for at, text in enumerate(row)
            ]
            lines.append(border.join(shown) + "\n")
        return "".join(lines).encode()

    return build


def listed_bytes(key: str) -> bytes:
    """Return a file as a list of numbers, one a line, as ``ConvertTo-Json`` of PowerShell writes it."""
    return json.dumps([*f"KEY={key}\n".encode()], indent=4).encode()


def logged(width: int) -> Build:
    """Build a log of ``rich``, whose message is a column that is filled up with blanks."""

    def build(key: str) -> bytes:
        lines = ["using key", *wrapped(key, width).split("\n")]
        # A word that does not fit begins a line.
        lines[-1:] = [f"{lines[-1]} ok"] if len(lines[-1]) + 3 <= width else [lines[-1], "ok"]
        return "".join(
            f"{'' if at else '[03:04:05]':10} {line:{width}} \n" for at, line in enumerate(lines)
        ).encode()

    return build


def columns(width: int) -> Build:
    """Build a table without borders."""
    return lambda key: (
        (
            "name  value\n"
            + "      ".join(f"{piece}\n" for piece in ["NAME  ", *wrapped(key, width).split("\n")])
        )
        .replace("NAME  \n      ", "KEY   ", 1)
        .encode()
    )


def spaced_out(separator: str, key: str) -> bytes:
    """Return a key with a separator between all characters."""
    return separator.join(f"K={key}#").encode()


def cut(between: str, *places: int) -> Build:
    """Build a line whose key has a text at places."""

    def build(key: str) -> bytes:
        edges = [0, *places, len(key)]
        pieces = [key[edges[at] : edges[at + 1]] for at in range(len(edges) - 1)]
        return f"k={between.join(pieces)} end\n".encode()

    return build


def instead(old: str, new: str, more: str = "") -> Build:
    """Build a line whose key has other characters for one."""
    return lambda key: f"\\texttt{{{key.replace(old, new).replace('-', more or '-')}}} end\n".encode()


def code(joint: str, place: int) -> Build:
    """Build a line of code with the key in two literals; ``joint`` begins and ends with their quotes."""
    quote = "'" if joint[0] == "'" else '"'
    return lambda key: f"key = f({quote}{key[:place]}{joint}{key[place:]}{quote})\n".encode()


def printed(write: Callable[[bytes], str], lead: int, *, one: bool = False) -> Build:
    """Build JSON with a dump: a notebook's list of lines, or one string."""

    def build(key: str) -> bytes:
        text = dump_of(write, lead)(key).decode()
        return json.dumps({"text": text if one else text.splitlines(keepends=True)}, indent=1).encode()

    return build


def in_base64(build: Build) -> Build:
    """Build base64 of a text in lines of 76 columns."""
    return lambda key: base64.encodebytes(build(key))


def marked(build: Build, order: str = "le") -> Build:
    """Build a text in UTF-16 with a byte order mark, as PowerShell redirects output."""
    return lambda key: ("\ufeff" + build(key).decode()).replace("\n", "\r\n").encode(f"utf-16-{order}")


def escaped(form: str, width: int, joint: str, lead: int = 0) -> Build:
    """Build a string of escapes in lines of a width."""

    def build(key: str) -> bytes:
        escapes = [form % byte for byte in ("x" * lead + f'{{"api_key": "{key}", "m": 1}}\n').encode()]
        lines = ["".join(escapes[at : at + width]) for at in range(0, len(escapes), width)]
        return f'static const char data[] =\n  "{joint.join(lines)}";\n'.encode()

    return build


Record = Callable[[int, str], str]
CUT_RECORDS: Final[dict[str, Record]] = {
    "docker": lambda number, text: (
        json.dumps(
            {"log": text, "stream": "stderr", "time": f"2026-01-02T03:04:05.{number + 123}Z"},
            separators=(",", ":"),
        )
        + "\n"
    ),
    "fluent": lambda number, text: (
        json.dumps({"date": 1796000000.5 + number, "tag": "app", "message": text, "level": 6}) + "\n"
    ),
    "kubelet": lambda number, text: (
        f"2026-01-02T03:04:05.{number + 123}Z stderr {'FP'[number == 1]} {text}\n"
    ),
    "syslog": lambda number, text: f"Jan  2 03:04:{5 + number:02d} host app[123]: {text}\n",
}


def cut_line(record: Record, place: int, size: int = 16384) -> Build:
    """Build a log whose second line is cut into records of a size, within the key."""

    def build(key: str) -> bytes:
        line = ("poll the job, " * (size // 12))[: size - place] + key + " of the group " * 30
        parts = ["start", *(line[at : at + size] for at in range(0, len(line), size)), "done", "no more"]
        return "".join(itertools.starmap(record, enumerate(parts))).encode()

    return build


_DUMPS: Final = (
    ("xxd", xxd, (0, 6, 13)),
    ("C", canonical, (1, 7, 12)),
    ("od-c", od_c, (2, 8, 15)),
    ("hexdump", lambda data: od(data, " %04x", 2), (3, 9, 14)),
)
"""Name, function, and the bytes before the text."""

DUMP, LINES, RECORDS, TABLE, SPACED, MARKUP, JOINED = (
    ("dump",),
    ("lines", "base64"),
    ("records",),
    ("table",),
    ("spaced",),
    ("markup",),
    ("literals",),
)
_IN_JSON: Final = frozenset({"docker", "fluent"})


def _cut_chain(name: str, place: int) -> tuple[str, ...]:
    # Less than a type prefix in a line is the end of a wrapped text, whatever begins the next.
    return JOINED if name in _IN_JSON else ("lines", "wrapped") if place > 6 else ("wrapped",)


_ROW: Final = '</text><text class="r1" x="719" clip-path="url(#line-5)">'
_PANEL: Final = f"{_ROW}\u2502{_ROW}\n{_ROW}\u2502{_ROW}"
"""The end of a row of a panel as ``rich`` saves a terminal as SVG, and the beginning of the next."""

_STYLE: Final = (
    'style="font-size:11pt;font-family:Arial,sans-serif;color:#000000;background-color:transparent;"'
)

opened = partial(Hiding, opened=True)

HIDINGS: Final[tuple[Hiding, ...]] = (
    *(Hiding(f"xxd-{lead}.txt", dump_of(xxd, lead), DUMP) for lead in (0, 3, 7, 11, 14)),
    *(
        Hiding(f"xxd-c{width}-g{group}.txt", dump_of(partial(xxd, width=width, group=group), 5), DUMP)
        for width, group in ((8, 2), (24, 1), (32, 4), (16, 8), (5, 1))
    ),
    *(
        Hiding(f"xxd-R-g{group}-{lead}.txt", dump_of(partial(coloured, group=group), lead), DUMP)
        for group, leads in ((1, (0, 7, 12)), (2, (0, 3, 6, 9, 12, 15)), (4, (1, 6, 13)))
        for lead in leads
    ),
    *(Hiding(f"xxd-R-each-{lead}.txt", dump_of(partial(coloured, each=True), lead), DUMP) for lead in (1, 8)),
    *(Hiding(f"xxd-R-{lead}.ipynb", printed(coloured, lead), DUMP) for lead in (2, 10)),
    *(Hiding(f"hexyl-{lead}.txt", dump_of(boxed, lead), DUMP) for lead in (0, 5, 10)),
    *(Hiding(f"od-c-{lead}.ipynb", printed(od_c, lead), DUMP) for lead in (0, 3, 9, 14)),
    *(Hiding(f"od-c-{lead}.json", printed(od_c, lead, one=True), DUMP) for lead in (1, 9)),
    *(
        opened(f"{name}-{lead}.b64", in_base64(dump_of(write, lead)), ("base64", "dump"))
        for name, write, leads in _DUMPS
        for lead in leads
    ),
    *(
        opened(f"{name}-{lead}.{order}.txt", marked(dump_of(write, lead), order), ("utf-16", "dump"))
        for name, write, leads in _DUMPS
        for lead, order in zip(leads, ("le", "be", "le"), strict=True)
    ),
    *(
        opened(f"{name}-{size}.sse.b64", in_base64(streamed(EVENTS[name], size)), ("base64", "records"))
        for name in ("openai", "anthropic")
        for size in (1, 4, 5)
    ),
    *(
        Hiding(f"psql-{width}{name}.txt", psql(width, mark, border), TABLE)
        for name, mark, border in (("", ".", "|"), ("-unicode", "\u2026", "\u2502"))
        for width in (12, 16, 25, 37)
    ),
    *(Hiding(f"rich-{width}.log", logged(width), TABLE) for width in (18, 31, 38, 50)),
    Hiding("bytes-crlf.json", lambda key: listed_bytes(key).replace(b"\n", b"\r\n"), DUMP),
    opened("bytes.utf16.json", marked(listed_bytes), ("utf-16", *DUMP)),
    opened("spaced.utf16.txt", marked(partial(spaced_out, " ")), ("utf-16", "spaced")),
    opened("table.utf16.txt", marked(table(20, "\u2502")), ("utf-16", "table")),
    opened("lines.utf16.txt", marked(with_beginnings(BEGINNINGS["time"], b64_of, 40)), ("utf-16", *LINES)),
    opened("stream.utf16.txt", marked(streamed(EVENTS["openai"], 3)), ("utf-16", "records")),
    Hiding("xxd.utf16", dump_of(xxd, 3, "utf-16-le"), ("dump", "utf-16le")),
    *(Hiding(f"hexdump-C-{lead}.txt", dump_of(canonical, lead), DUMP) for lead in (0, 4, 9, 13)),
    Hiding("hexdump.txt", dump_of(lambda data: od(data, " %04x", 2), 4), DUMP),
    Hiding("hexdump-odd.txt", dump_of(lambda data: od(data, " %04x", 2), 5), DUMP),
    Hiding("hexdump-x.txt", dump_of(lambda data: od(data, "    %04x", 2), 7), DUMP),
    Hiding("od.txt", dump_of(lambda data: od(data, " %06o", 2), 2), DUMP),
    *(Hiding(f"od-c-{lead}.txt", dump_of(od_c, lead), DUMP) for lead in (1, 6, 10)),
    Hiding("od-b.txt", dump_of(lambda data: od(data, " %03o"), 6), DUMP),
    Hiding("od-t-u1.txt", dump_of(lambda data: od(data, " %3d"), 8), DUMP),
    Hiding("od-t-x4.txt", dump_of(lambda data: od(data, " %08x", 4), 9), DUMP),
    Hiding("od-t-x8.txt", dump_of(lambda data: od(data, " %016x", 8), 10), DUMP),
    Hiding("curl-trace.txt", dump_of(curl_trace, 9), DUMP),
    Hiding("tcpdump-X.txt", dump_of(tcpdump, 12), DUMP),
    *(
        Hiding(f"{name}-{lead}.txt", dump_of(partial(words, offset=offset, first=first), lead), DUMP)
        for name, offset, first in (("readelf-x", "0x%08x", 0x2000), ("objdump-s", "%08x", 0x8000000))
        for lead in (0, 3, 6, 13)
    ),
    Hiding("gdb-xb.txt", dump_of(lambda data: gdb(data, "0x%02x", 1, 8), 3), DUMP),
    Hiding("gdb-symbol.txt", dump_of(lambda data: gdb(data, "0x%02x", 1, 8, "buf"), 6), DUMP),
    Hiding("gdb-xw.txt", dump_of(lambda data: gdb(data, "0x%08x", 4, 4), 5), DUMP),
    Hiding("gdb-xg.txt", dump_of(lambda data: gdb(data, "0x%016x", 8, 2), 4), DUMP),
    *(Hiding(f"array-{width}.c", dump_of(array("0x%02x", width), 2), DUMP) for width in (1, 2, 3, 5)),
    *(Hiding(f"array-{width}.c", dump_of(array("0x%02x", width), 2), ("hex",)) for width in (7, 13)),
    *(Hiding(f"array-{width}.js", dump_of(array("%d", width, "    "), 1), DUMP) for width in (2, 4, 6, 9)),
    *(
        Hiding(
            f"base64-{name}.log", with_beginnings(each, b64_of, 64), LINES if name != "quote" else ("base64",)
        )
        for name, each in BEGINNINGS.items()
    ),
    *(
        Hiding(
            f"key-{name}.log",
            with_beginnings(BEGINNINGS[name], lambda key: f"using the key {key}", 48),
            ("lines", "wrapped"),
        )
        for name in ("time", "arrow", "syslog", "pods")
    ),
    Hiding(
        "trace-ascii.txt",
        with_beginnings(
            lambda number: f"{number * 64:04x}: ", lambda key: json.dumps({"workspace": "fold", "k": key}), 64
        ),
        ("lines", "wrapped"),
    ),
    *(
        Hiding(f"{name}-{size}.log", streamed(EVENTS[name], size, "." * size), RECORDS)
        for name, size in (
            ("openai", 4),
            ("openai", 0),
            ("openai", 2),
            ("anthropic", 3),
            ("anthropic", 0),
            ("jsonl", 5),
            ("nested", 4),
            ("nodes", 7),
            ("cast", 1),
            ("cast", 3),
        )
    ),
    Hiding("base64-cat-A.txt", lambda key: wrapped(b64_of(key), 48, "$\n").encode() + b"$\n", ("base64",)),
    *(
        Hiding(f"table-{name}-{width}.txt", table(width, border), TABLE)
        for name, width, border in (("box", 36, "│"), ("heavy", 20, "┃"), ("ascii", 16, "|"))
    ),
    *(Hiding(f"table-middle-{width}.txt", middle_table(width), TABLE) for width in (16, 22, 30)),
    Hiding("table-columns.txt", columns(24), ("wrapped",)),
    *(
        Hiding(f"spaced-{name}.log", partial(spaced_out, separator), SPACED)
        for name, separator in (("blank", " "), ("comma", ","), ("line", "\n"), ("bar", "|"), ("java", ", "))
    ),
    *(Hiding(f"strsplit-{width}.Rout", r_vector('"%s"', width), DUMP) for width in (7, 13, 20)),
    Hiding("characters.js", r_vector("'%s',", 12), DUMP),
    Hiding("print-r.txt", listed("    [{}] => {}\n"), SPACED),
    Hiding("var-dump.txt", listed('  [{}]=>\n  string(1) "{}"\n'), DUMP),
    *(Hiding(f"characters-{len(indent)}.yaml", yaml_list(indent), SPACED) for indent in ("", "  ")),
    Hiding("characters.json", lambda key: json.dumps(list("a=" + key)).encode(), DUMP),
    Hiding("list-indent.json", lambda key: json.dumps({"a": list("a=" + key)}, indent=2).encode(), SPACED),
    Hiding("object.json", lambda key: json.dumps(dict(enumerate(key))).encode(), RECORDS),
    Hiding("groups-3.log", lambda key: wrapped(f"==={key}=", 3, " ").encode(), SPACED),
    Hiding("groups-4.log", lambda key: wrapped(f"=={key}=", 4, " ").encode(), SPACED),
    Hiding("docs.html", cut(f"</span><span {_STYLE * 3}>", 14), MARKUP),
    Hiding("runs.xml", cut('</w:t></w:r>\n<w:r w:rsidR="00A"><w:rPr><w:b/></w:rPr><w:t>', 9, 30), MARKUP),
    Hiding("tspan.svg", cut('</tspan>\n   <tspan x="1" y="2">', 20), MARKUP),
    *(Hiding(f"panel-{place}.svg", cut(_PANEL, place), MARKUP) for place in (7, 14, 20, 55)),
    Hiding("escaped-tag.json", cut("\\u003c/em\\u003e", 14), MARKUP),
    Hiding("entities.html", cut("&lt;/em&gt;", 14), MARKUP),
    Hiding("cdata.xml", cut("]]><![CDATA[", 20), MARKUP),
    Hiding("joiner.txt", cut("\u2060", 14), MARKUP),
    Hiding("joiner-body.txt", cut("\ufeff", 30), MARKUP),
    Hiding("escaped-space.json", cut("\\u200b", 14), MARKUP),
    Hiding("entity-space.html", cut("&#8203;", 33), MARKUP),
    Hiding("hyphens.txt", instead("", "", "\u2011"), MARKUP),
    Hiding("dashes.txt", instead("", "", "\u2013"), MARKUP),
    Hiding("sgr0.log", cut("\x1b(B\x1b[m", 14), MARKUP),
    Hiding("colon.log", cut("\x1b[38:2::255:0:0m", 20), MARKUP),
    Hiding("link.log", cut("\x1b]8;;https://x.invalid/a\x1b\\", 20), MARKUP),
    Hiding("typed.log", cut("z\b\x1b[K", 20), MARKUP),
    Hiding("overstrike.log", lambda key: "".join(f"{char}\b{char}" for char in key).encode(), MARKUP),
    Hiding("page.tj", cut(") -20 (", 20), MARKUP),
    Hiding("pygments.tex", instead("_", "\\PYZus{}", "\\PYZhy{}"), MARKUP),
    Hiding("doxygen.tex", instead("_", "\\+\\_\\+"), MARKUP),
    Hiding("braces.tex", instead("_", "{\\_}", "{-}"), MARKUP),
    Hiding("named.tex", instead("_", "\\textunderscore{}"), MARKUP),
    *(
        Hiding(f"escapes-{name}-{width}.c", escaped(form, width, joint, width % 5), DUMP)
        for name, form, joint in (
            ("octal", "\\%03o", '"\n  "'),
            ("hex", "\\x%02x", '"\n  "'),
            ("upper", "\\x%02X", '" \\\n    "'),
            ("unicode", "\\u%04x", '" +\n  "'),
            ("continued", "\\x%02x", "\\\n"),
        )
        for width in (3, 4, 8, 11, 16, 20)
    ),
    *(
        Hiding(f"cut-{name}-{place}.log", cut_line(record, place), _cut_chain(name, place))
        for name, record in CUT_RECORDS.items()
        for place in (6, 9, 22, 50)
    ),
    *(
        Hiding(f"esc-{name}-{place}.log", cut(escape, place), MARKUP)
        for name, escape in (
            ("rsyslog", "#033[1;31m"),
            ("plain", "[0m"),
            ("less", "<ESC>[31m"),
            ("hex", "<0x1b>[31m"),
            ("replaced", "\ufffd[31m"),
            ("console", "\u2190[31m"),
            ("rust", "\\u{1b}[31m"),
            ("html", "&#27;[31m"),
            ("url", "%1B[31m"),
            ("mail", "=1B[31m"),
            ("prompt", "\\[\\e[31m\\]"),
        )
        for place in (5, 20)
    ),
    *(
        Hiding(f"code.{name}", code(joint, place), JOINED)
        for name, joint, place in (
            ("f90", '" // &\n     & "', 14),
            ("m", "', ...\n   '", 20),
            ("hs", '" ++\n  "', 20),
            ("R", '", "', 14),
            ("rs", '",\n    "', 30),
            ("jl", '" * "', 14),
            ("ml", '" ^ "', 20),
            ("comment.c", '" /* and */ "', 14),
            ("xlsx.xml", "&quot;&amp;&quot;", 20),
        )
    ),
)
"""The places, with the chain of a report."""

_P: Final = PREFIXES["ws", "live"]
_RANDOM: Final = base64.b64decode(fake_body("layouts") + "=", altchars=b"-_") * 40
_CUT: Final = _P + fake_body("cut")[:17]


def _cells(*values: str) -> str:
    return "".join(f"| {name:6} | {value:40} | ws |\n" for name, value in zip("abc", values, strict=False))


DECOYS: Final[dict[str, bytes]] = {
    **{
        f"random-{name}.txt": write(_RANDOM).encode()
        for name, write in (
            ("xxd", xxd),
            ("C", canonical),
            ("trace", curl_trace),
            ("array", array("0x%02x", 12)),
        )
    },
    **{
        f"prefix-{name}.txt": dump_of(write)(_P).decode().encode()
        for name, write in (
            ("xxd", xxd),
            ("C", canonical),
            ("od-c", od_c),
            ("trace", curl_trace),
            ("packet", tcpdump),
            ("array", array("%d", 9)),
        )
    },
    **{
        f"short-{name}.txt": dump_of(write)(_P + "x" * 12).decode().encode()
        for name, write in (("xxd", xxd), ("C", canonical), ("od-c", od_c))
    },
    **{
        f"prefix-{name}.b64": in_base64(dump_of(write))(_P + "example")
        for name, write in (("xxd", xxd), ("C", canonical), ("od-c", od_c))
    },
    **{
        f"prefix-{name}.utf16.txt": marked(build)(_P + "your-key-goes-here")
        for name, build in (
            ("xxd", dump_of(xxd)),
            ("od-c", dump_of(od_c)),
            ("table", table(20, "|")),
            ("stream", streamed(EVENTS["openai"], 3)),
        )
    },
    "random-xxd.b64": base64.encodebytes(xxd(_RANDOM).encode()),
    "random-xxd-R.txt": coloured(_RANDOM).encode(),
    "prefix-xxd-R.txt": dump_of(coloured)(_P + "example"),
    "prefix-hexyl.txt": dump_of(boxed)(_P + "example"),
    "zeros.b64": base64.encodebytes(b"0" * 9000 + b"000000 none\n" * 40),
    "events.b64": base64.encodebytes(b"event: none\ndata: {}\n\n" * 90),
    **{f"prefix-{name}.log": streamed(event, 4)(_P) for name, event in EVENTS.items()},
    **{
        f"example-{name}.log": streamed(event, 3)(_P + "your-key-goes-here") for name, event in EVENTS.items()
    },
    "prefix-words.txt": dump_of(partial(words, offset="0x%08x"))(_P),
    "prefix-vector.Rout": r_vector('"%s"', 13)(_P),
    "prefix-listed.txt": listed("    [{}] => {}\n")(_P + "example"),
    "prefix-list.yaml": yaml_list("")(_P + "your-key-goes-here"),
    "masked-middle.txt": middle_table(20)(_P + "****"),
    "masked.html": cut("<b>", 9)(_P + "****1234"),
    "masked.log": cut("\x1b[1m", 9)(_P + "****"),
    "masked-psql.txt": psql(14, ".", "|")(_P + "your-key-goes-here"),
    "ellipsis.txt": _cells(_P + "abcdefgh...", "...ijk").encode(),
    "masked-table.txt": _cells(_P + "****", _P + "****").encode(),
    "prefix-table.txt": _cells(*PREFIXES.values()).encode(),
    "prefix-list.py": json.dumps([*PREFIXES.values()]).encode(),
    "spaced-prefix.log": " ".join(_P + "example").encode(),
    "spelt-out.md": " ".join(_P).encode() + b"\n\nand then 43 characters\n",
    "docs.tex": re.sub("_", lambda _: "\\_", f"\\texttt{{{_P}}}example").encode(),
    "numbers.csv": "\n".join(",".join(str(byte) for byte in part) for _, part in rows(_RANDOM, 16)).encode(),
    "coordinates.json": json.dumps({"xs": [107, 95, 98] * 20}, indent=2).encode(),
    "template.rs": f'let key = concat!("{_P}", "example");\n'.encode(),
    **{
        f"prefix-escapes-{width}.c": escaped("\\x%02x", width, '"\n  "')(_P + "your-key-goes-here")
        for width in (3, 8, 16)
    },
    "random-escapes.c": b"".join(
        b'  "%b"\n' % b"".join(b"\\x%02x" % byte for byte in part) for _, part in rows(_RANDOM, 16)
    ),
    **{f"masked-cut-{name}.log": cut_line(record, 9)(_P + "****") for name, record in CUT_RECORDS.items()},
    **{
        f"other-cut-{name}.log": cut_line(record, 30)(_P + fake_body("cut")[:20])
        for name, record in CUT_RECORDS.items()
    },
    "index.js": f'keys["{_P}"][0][31m] = a[0][1m]\n'.encode(),
    "masked-panel.svg": cut(_PANEL, 14)(_P + "****"),
    "masked-esc.log": cut("#033[1m", 9)(_P + "****"),
    "parts.R": f'paste0("{_P}", "not-a-real-body")\n'.encode(),
}
"""Files that only look as if: there must be no alarm."""
