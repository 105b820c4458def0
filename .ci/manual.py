"""The help of every command as pages: in Markdown for the site, and as one manual page for ``man``.

python .ci/manual.py       writes man/boltz-keyscan.1, which the wheel carries

Commands are asked for their help as ``--help`` does it, with a formatter that keeps the parts apart.
click-man, the tool for this, makes one page a command, and leaves out what our commands add to the help:
the options of the scan that needs no name, examples and exit codes.
"""

from __future__ import annotations

import datetime as dt
import re
import sys
import textwrap
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = "boltz-keyscan"
MAN_PAGE = ROOT / "man" / f"{PROGRAM}.1"
HELP_OPTION = "-h, --help"

Rows = tuple[tuple[str, str], ...]


@dataclass
class Section:
    """A headed part of a help text: its table, and its lines that are not wrapped."""

    title: str
    rows: Rows = ()
    lines: tuple[str, ...] = ()


@dataclass
class Command:
    """A command with the parts of its help."""

    path: str
    usage: str = ""
    paragraphs: tuple[str, ...] = ()
    sections: list[Section] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)

    @property
    def page(self) -> str:
        """The name of its page, without an ending."""
        return self.path.partition(" ")[2].replace(" ", "-") or "index"

    def walk(self) -> Iterator[Command]:
        """Yield this command and all below it."""
        yield self
        for each in self.commands:
            yield from each.walk()


class _Recorder(click.HelpFormatter):
    """A formatter that keeps what it is given, instead of laying it out."""

    def __init__(self, command: Command) -> None:
        super().__init__()
        self.command = command

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        del prefix
        self.command.usage = f"{prog} {args}".strip()

    def write_heading(self, heading: str) -> None:
        self.command.sections.append(Section(heading))

    def write_text(self, text: str) -> None:
        blocks = re.split(r"\n\s*\n", text)
        self.command.paragraphs += tuple(" ".join(block.split()) for block in blocks)

    def write_dl(self, rows: Iterable[tuple[str, str]], *_: object, **__: object) -> None:
        self.command.sections[-1].rows += tuple(rows)

    def write(self, string: str) -> None:
        # Blank lines between the parts, and the lines of examples, which are written as they are.
        lines = tuple(line.strip() for line in string.splitlines() if line.strip())
        if lines:
            self.command.sections[-1].lines += lines


def read(command: click.Command, context: click.Context) -> Command:
    """Return the help of a command and of those below it."""
    found = Command(context.command_path)
    command.format_help(context, _Recorder(found))
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None and not below.hidden:
                found.commands.append(read(below, click.Context(below, info_name=name, parent=context)))
    return found


def program() -> Command:
    """Return the help of the whole program."""
    from boltz_keyscan.cli.root import Commands  # noqa: PLC0415 - a release has only files to change

    root = Commands()
    return read(root, click.Context(root, info_name=PROGRAM, **root.context_settings))


# Markdown, for the site.


def _text(text: str) -> str:
    """Return text without marks for Markdown that has none."""
    return re.sub(r"([\\`*_{}\[\]<>#|~$])", r"\\\1", text)


def _markdown_rows(command: Command, section: Section) -> Iterator[str]:
    pages = {each.path.rpartition(" ")[2]: each.page for each in command.commands}
    for name, text in section.rows:
        if section.title == "Commands":
            yield f"* [{name}]({pages[name]}.md): {_text(text)}"
        elif name.startswith("-"):
            yield f"```{{option}} {name}\n{_text(text)}\n```\n"
        else:
            yield f"`{name}`\n: {_text(text)}\n"


def markdown(command: Command) -> str:
    """Return the page of a command, in MyST."""
    parts = [f"# {command.path}\n", f"```text\n{command.usage}\n```\n"]
    parts += [f"{_text(paragraph)}\n" for paragraph in command.paragraphs]
    parts.append(f"```{{program}} {command.path}\n```\n")
    for section in command.sections:
        parts += [f"## {section.title}\n", *_markdown_rows(command, section)]
        if section.lines:
            parts.append("```sh\n" + "\n".join(section.lines) + "\n```\n")
    if command.commands:
        below = "\n".join(each.page for each in command.commands)
        parts.append(f"\n```{{toctree}}\n:hidden:\n\n{below}\n```\n")
    return "\n".join(parts)


# roff, for man(1): https://man.openbsd.org/man.7


def _escape(text: str) -> str:
    """Return text for roff, with hyphens that can be copied and no line that is taken for a request."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return re.sub(r"(?m)^\.", r"\\&.", escaped)


def _roff(text: str) -> str:
    """Return text for roff in short lines."""
    return _escape(textwrap.fill(text, 72, break_long_words=False, break_on_hyphens=False))


def _roff_lines(lines: Sequence[str]) -> Iterator[str]:
    """Yield examples, which are not wrapped, each after its comment."""
    for number, line in enumerate(lines):
        if line.startswith("# "):
            yield (".PP\n" if number else "") + _roff(line[2:])
        else:
            yield f".PP\n.RS\n.nf\n{_escape(line)}\n.fi\n.RE"


def _roff_rows(rows: Rows) -> Iterator[str]:
    for name, text in rows:
        yield f".TP\n.B {_roff(name)}\n{_roff(text)}"


def _roff_body(command: Command, *, heading: str) -> Iterator[str]:
    for number, paragraph in enumerate(command.paragraphs):
        yield (".PP\n" if number else "") + _roff(paragraph)
    for section in command.sections:
        rows = tuple(row for row in section.rows if heading == "SH" or row[0] != HELP_OPTION)
        if section.title == "Commands" or not (rows or section.lines):
            continue
        title = "Exit status" if section.title == "Exit codes" else section.title
        if heading == "SH":
            yield f".SH {title.upper()}"
        elif title != "Options":
            yield f".PP\n{_roff(title)}:\n.PP"
        yield from _roff_rows(rows)
        yield from _roff_lines(section.lines)


def man_page(command: Command, version: str, date: str) -> str:
    """Return the manual page of the program, with all its commands."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    summary = project["description"].rstrip(".")
    parts = [
        '.\\" Made from the commands: python .ci/manual.py',
        f'.TH {PROGRAM.upper()} 1 {date} "{PROGRAM} {version}" "User Commands"',
        f".SH NAME\n{_escape(PROGRAM)} \\- {_escape(summary[0].lower() + summary[1:])}",
        f".SH SYNOPSIS\n.B {_roff(command.usage)}\n.br\n.B {_roff(PROGRAM)} COMMAND [ARGS]...",
        ".SH DESCRIPTION",
    ]
    body = list(_roff_body(command, heading="SH"))
    ends = next(number for number, part in enumerate(body) if part == ".SH EXAMPLES")
    parts += body[:ends]
    parts.append(".SH COMMANDS")
    for each in command.walk():
        if each is not command and not each.commands:
            parts += [f".SS {_roff(each.usage)}", *_roff_body(each, heading="SS")]
    parts += body[ends:]
    parts.append(f".SH SEE ALSO\n.BR git (1),\n.BR githooks (5)\n.PP\n{_roff(project['urls']['Source'])}")
    return "\n".join(parts) + "\n"


def write(path: Path = MAN_PAGE, today: dt.date | None = None) -> bool:
    """Write the manual page if anything but its date has changed; return whether it was written."""
    from boltz_keyscan import __version__  # noqa: PLC0415 - as above

    old = path.read_text(encoding="utf-8") if path.exists() else ""
    found = re.search(r"^\.TH \S+ 1 (\S+) ", old, re.MULTILINE)
    if found and man_page(program(), __version__, found[1]) == old:
        return False
    path.parent.mkdir(exist_ok=True)
    date = today or dt.datetime.now(dt.UTC).date()
    path.write_text(man_page(program(), __version__, str(date)), encoding="utf-8")
    return True


if __name__ == "__main__":
    print(f"{MAN_PAGE.relative_to(ROOT)}: {'written' if write() else 'as it should be'}")
    sys.exit(0)
