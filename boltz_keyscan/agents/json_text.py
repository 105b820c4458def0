"""JSON with the place of every value, so that a part of a file can be changed and the rest is kept.

Comments and trailing commas are read as well: editors and some agents allow them in settings.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from boltz_keyscan.records import dataclass

_SPACE = re.compile(r"(?:[ \t\r\n\ufeff]+|//[^\n]*|/\*(?:[^*]|\*(?!/))*\*/)*")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9A-Fa-f]{4})*"')
_SCALAR = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null")
_MAX_DEPTH = 100


@dataclass(frozen=True, slots=True)
class Node:
    """A value and its place."""

    value: Any
    start: int
    end: int
    items: tuple[Node, ...] = ()
    """Values of an array or object."""
    starts: tuple[int, ...] = ()
    """Start of each item with its name."""

    def member(self, name: str) -> Node | None:
        """Return the value of a name; None if there is none."""
        if not isinstance(self.value, dict) or name not in self.value:
            return None
        return self.items[list(self.value).index(name)]


def parse(text: str) -> Node:
    """Return the value of a text.

    Raises:
        ValueError: it is not JSON, or a name is twice in an object; the message has the line.
    """
    node, at = _value(text, _skip(text, 0), 0)
    if (at := _skip(text, at)) != len(text):
        _refuse(text, at, "the end of the file was expected")
    return node


def _value(text: str, at: int, depth: int) -> tuple[Node, int]:
    if depth > _MAX_DEPTH:
        _refuse(text, at, "nested too deep")
    if text[at : at + 1] in {"{", "["}:
        return _collection(text, at, depth)
    match = _STRING.match(text, at) or _SCALAR.match(text, at)
    if match is None:
        _refuse(text, at, "a value was expected")
    return Node(json.loads(match[0]), at, match.end()), match.end()


def _collection(text: str, start: int, depth: int) -> tuple[Node, int]:
    is_object = text[start] == "{"
    close = "}" if is_object else "]"
    names: list[str] = []
    items: list[Node] = []
    starts: list[int] = []
    at = _skip(text, start + 1)
    while text[at : at + 1] != close:
        starts.append(at)
        if is_object:
            match = _STRING.match(text, at)
            if match is None:
                _refuse(text, at, "a name in quotes was expected")
            if (name := json.loads(match[0])) in names:
                _refuse(text, at, "a name is twice in an object")
            names.append(name)
            at = _skip(text, match.end())
            if text[at : at + 1] != ":":
                _refuse(text, at, "a colon was expected")
            at = _skip(text, at + 1)
        item, at = _value(text, at, depth + 1)
        items.append(item)
        at = _skip(text, at)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
        elif text[at : at + 1] != close:
            _refuse(text, at, "a comma was expected")
    values = [item.value for item in items]
    value = dict(zip(names, values, strict=True)) if is_object else values
    return Node(value, start, at + 1, tuple(items), tuple(starts)), at + 1


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _refuse(text: str, at: int, reason: str) -> NoReturn:
    raise ValueError(f"line {text.count(chr(10), 0, at) + 1}: {reason}")


def insert(text: str, node: Node, value: object, name: str | None = None) -> str:
    """Return the text with one more value at the end of an array or object.

    Args:
        text: the text that was parsed.
        node: the array or object.
        value: the new value.
        name: its name in an object.
    """
    before = text[text.rfind("\n", 0, node.start) + 1 : node.start]
    outer = before[: len(before) - len(before.lstrip())]
    indent = outer + "  "
    if node.items:
        first = node.starts[0]
        line = text[text.rfind("\n", 0, first) + 1 : first]
        indent = line if not line.strip() else indent
    written = json.dumps(value, indent=2).replace("\n", f"\n{indent}")
    written = f"{json.dumps(name)}: {written}" if name is not None else written
    close = node.end - 1
    last = node.items[-1].end if node.items else node.start + 1
    comma = "," if node.items and text[_skip(text, last)] != "," else ""
    # Comments between the last value and the bracket stay where they are.
    return f"{text[:last]}{comma}{text[last:close].rstrip()}\n{indent}{written}\n{outer}{text[close:]}"


def remove(text: str, node: Node, number: int) -> str:
    """Return the text without one item of an array or object; comments stay."""
    start, end = node.starts[number], node.items[number].end
    after = _skip(text, end)
    if text[after] == ",":
        cuts = [(start, end), (after, after + 1)]
    elif number:
        comma = _skip(text, node.items[number - 1].end)
        cuts = [(comma, comma + 1), (start, end)]
    else:
        cuts = [(start, end)]
    for low, high in reversed(cuts):
        text = _cut(text, low, high)
    return text if len(node.items) > 1 else _close_up(text, node.start + 1)


def _cut(text: str, low: int, high: int) -> str:
    """Return the text without a part, and without the line that is empty then."""
    line = text.rfind("\n", 0, low) + 1
    end = text.find("\n", high)
    if end >= 0 and not (text[line:low] + text[high:end]).strip():
        return text[:line] + text[end + 1 :]
    return text[:low] + text[high:]


def _close_up(text: str, start: int) -> str:
    """Return the text without the space in a collection that is empty now."""
    end = start
    while text[end] in " \t\r\n":
        end += 1
    return text[:start] + text[end:] if text[end] in "]}" else text
