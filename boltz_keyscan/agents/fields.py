"""Fields of payloads that several agents share."""

from __future__ import annotations

from typing import Any

from boltz_keyscan.agents.event import Event, Payload, Stage
from boltz_keyscan.agents.texts import with_texts

_EDITS = frozenset(
    {"edit", "edit_file", "editfile", "editfiles", "fs_write", "multi_replace_string_in_file"}
    | {"multiedit", "notebookedit", "replace", "replace_string_in_file", "search_replace", "str_replace"}
    | {"str_replace_editor", "strreplace", "write_file"}
)
"""Tools that replace a part of a file, in lower case."""

_OLD = frozenset({"old_string", "old_str", "oldString", "oldStr", "old_text", "oldText"})
"""Arguments of these tools that are taken out of the file."""


def as_text(payload: Payload, name: str) -> str:
    """Return a field that is a text; empty for anything else."""
    value = payload.get(name)
    return value if isinstance(value, str) else ""


def read_event(
    payload: Payload,
    stage: Stage | None,
    *,
    readers: frozenset[str] | None = None,
    output: str = "tool_response",
) -> Event | None:
    """Return the event of a payload with the fields of Claude Code, which most agents have.

    Args:
        payload: the payload.
        stage: stage of the event; None for one that has nothing to inspect or is unknown.
        readers: names of the tools for reading, in lower case; None if outputs are inspected instead.
        output: name of the field with an output.
    """
    folder, tool = as_text(payload, "cwd"), as_text(payload, "tool_name")
    match stage:
        case Stage.PROMPT:
            return Event(stage, payload["prompt"], list_mentions(payload["prompt"]), folder)
        case Stage.ACTION:
            arguments = payload["tool_input"]
            files = list_files(tool, arguments, readers) if readers is not None else ()
            return Event(stage, drop_old_text(tool, arguments), files, folder, tool)
        case Stage.OUTPUT:
            return Event(stage, payload[output], (), folder, tool)
        case _:
            return None


def drop_old_text(tool: str, arguments: object) -> object:
    """Return what a tool writes or sends: its arguments, without the text that an edit takes out.

    An agent must be able to take a key out of a file.
    """
    if tool.lower() == "apply_patch":
        return _without_removed_lines(arguments)
    return with_texts(arguments, str, _OLD) if tool.lower() in _EDITS else arguments


def _without_removed_lines(value: object) -> object:
    """Return the texts of a patch without the lines that it takes out."""
    match value:
        case str():
            return "\n".join(line for line in value.split("\n") if not line.startswith("-"))
        case list():
            return list(map(_without_removed_lines, value))
        case dict():
            return {name: _without_removed_lines(each) for name, each in value.items()}
        case _:
            return value


def list_mentions(prompt: object) -> tuple[str, ...]:
    """Return the paths that a prompt mentions as ``@path``."""
    if not isinstance(prompt, str) or "@" not in prompt:
        return ()
    from boltz_keyscan.agents.named_files import find_mentions  # noqa: PLC0415 - few prompts mention a file

    return tuple(find_mentions(prompt))


def list_printed_files(command: object) -> tuple[str, ...]:
    """Return the files that a shell command may print."""
    from boltz_keyscan.agents.named_files import find_printed_files  # noqa: PLC0415 - only where outputs stay

    return tuple(find_printed_files(command))


def list_files(tool: str, arguments: object, readers: frozenset[str]) -> tuple[str, ...]:
    """Return the files that a command may print, or that one of the tools for reading is given.

    Args:
        tool: name of the tool.
        arguments: its arguments.
        readers: names of the tools for reading, in lower case.
    """
    paths = list_paths(arguments) if tool.lower() in readers else ()
    if isinstance(arguments, dict) and "command" in arguments:
        paths += list_printed_files(arguments["command"])
    return paths


def list_paths(arguments: Any) -> tuple[str, ...]:  # noqa: ANN401 - whatever an agent passes
    """Return the paths in the arguments of a tool that reads files."""
    if not isinstance(arguments, dict):
        return ()
    names = ("file_path", "filePath", "path", "absolute_path", "target_file", "uri")
    found = [arguments[name] for name in names if isinstance(arguments.get(name), str)]
    operations = arguments.get("operations")
    for each in operations if isinstance(operations, list) else ():
        found += list_paths(each)
    return tuple(path.removeprefix("file://") for path in found)
