"""Installation into the settings of an agent: our entries are added or removed, the rest of the file is kept.

A file that does not parse is refused. The file is replaced as a whole, and only if it is still the one that
was read; a link is followed by a change of its target.
"""

from __future__ import annotations

import contextlib
import json
import os
import tomllib
from collections.abc import Iterator
from typing import Any, Final

from boltz_keyscan.agents import json_text
from boltz_keyscan.agents.settings import Entry, Settings
from boltz_keyscan.agents.texts import texts
from boltz_keyscan.errors import KeyscanError, writing
from boltz_keyscan.fsutil import copy_mode, read_regular_file, replacing
from boltz_keyscan.late_pattern import late_pattern
from boltz_keyscan.records import dataclass

_MAX_BYTES = 16 << 20
_ATTEMPTS = 5
"""Readings of a file that another program is writing."""

_OURS = late_pattern(r"\bboltz[-_]keyscan\b[\s\S]*\bhook agent\b")
_BEGIN: Final = "# boltz-keyscan: begin\n"
_END: Final = "# boltz-keyscan: end\n"
_BLOCK = late_pattern(rf"\n?{_BEGIN}(?:.*\n)*?{_END}")


@dataclass(frozen=True, slots=True)
class SettingsChange:
    """A change of a settings file."""

    path: str
    """The file itself, after all links."""
    old: bytes | None
    new: bytes | None
    """None if there is no file after the change."""


class _FileChangedError(Exception):
    """The file is not the one that was read."""


def plan(settings: Settings, path: str, command: str | None, top: str | None = None) -> SettingsChange:
    """Return the change that installs a command, or removes ours.

    Args:
        settings: those of the agent.
        path: the settings file.
        command: the command; None to remove.
        top: folder of the project, out of which no link may lead; None for a file of the user.

    Raises:
        KeyscanError: the file cannot be changed safely.
    """
    target = _target(path, top)
    old = read(target)
    try:
        text = (old or b"").decode("utf-8")
        is_windows = "\r\n" in text and "\n" not in text.replace("\r\n", "")
        text = text.replace("\r\n", "\n") if is_windows else text
        edit = _edit_toml if path.endswith(".toml") else _edit_json
        new = edit(text, settings, command)
    except ValueError as error:
        reason = "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        raise KeyscanError(
            f"{path}: {reason}", "Repair the file, or move it away; nothing was changed."
        ) from None
    if new == text or new is None:
        return SettingsChange(target, old, None if new is None else old)
    return SettingsChange(target, old, (new.replace("\n", "\r\n") if is_windows else new).encode("utf-8"))


def install(settings: Settings, path: str, command: str | None, top: str | None = None) -> SettingsChange:
    """Write the change that ``plan`` returns, and return it.

    Raises:
        KeyscanError: the file cannot be changed safely.
        OutputError: it cannot be written.
    """
    for _ in range(_ATTEMPTS):
        change = plan(settings, path, command, top)
        with contextlib.suppress(_FileChangedError), writing(path, "Check who owns the file."):
            _write(change)
            return change
    raise KeyscanError(f"{path}: another program keeps changing it", "Close the agent, and run this again.")


def installed_commands(path: str) -> list[tuple[str, str]]:
    """Return the events and commands of our entries in a file; none if it does not exist.

    Raises:
        KeyscanError: it cannot be read.
    """
    raw = read(path)
    try:
        text = (raw or b"{}").decode("utf-8")
        value = tomllib.loads(text if raw else "") if path.endswith(".toml") else json_text.parse(text).value
    except ValueError as error:
        raise KeyscanError(f"{path}: {error}", "Repair the file.") from None
    hooks = value.get("hooks") if isinstance(value, dict) else None
    found = []
    if isinstance(hooks, dict):
        named = [
            (event, each) for event, listed in hooks.items() if isinstance(listed, list) for each in listed
        ]
    else:
        listed = hooks if isinstance(hooks, list) else []
        named = [
            (str(each.get("trigger", each.get("type"))), each) for each in listed if isinstance(each, dict)
        ]
    for event, entry in named:
        found += [(event, text) for text in texts(entry) if _OURS.search(text)]
    return found


def read(path: str) -> bytes | None:
    """Return the content of a settings file; None if there is none.

    Raises:
        KeyscanError: it cannot be read, or is not a regular file.
    """
    try:
        content = read_regular_file(path, _MAX_BYTES + 1)
    except ValueError:
        raise KeyscanError(f"{path}: not a regular file", "Move it away; nothing was changed.") from None
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KeyscanError(f"cannot read {path}: {error.strerror}", "Check who owns the file.") from error
    if len(content) > _MAX_BYTES:
        raise KeyscanError(f"{path}: larger than {_MAX_BYTES >> 20} MiB", "These are no settings.")
    return content


def _target(path: str, top: str | None) -> str:
    """Return the file to change.

    Raises:
        KeyscanError: it is a link to nothing or out of the project, or must not be changed.
    """
    target = os.path.realpath(path)
    if top is not None and not target.startswith(os.path.join(os.path.realpath(top), "")):
        raise KeyscanError(f"{path}: a link leads out of the project", "Replace the link by a file.")
    if os.path.islink(path) and not os.path.exists(path):
        raise KeyscanError(f"{path}: a link to nothing", "Remove the link.")
    if os.path.exists(target) and not (os.access(target, os.W_OK) and os.stat(target).st_mode & 0o222):
        raise KeyscanError(f"{path}: the file is read-only", "Make it writable, or change it by hand.")
    return target


def _write(change: SettingsChange) -> None:
    """Write a change.

    Raises:
        OSError: it cannot be written.
        _FileChangedError: another program has changed the file.
    """
    if change.new == change.old:
        return
    if change.new is None:
        _check_unchanged(change)
        os.unlink(change.path)
        return
    os.makedirs(os.path.dirname(change.path), exist_ok=True)
    with replacing(change.path, 0o666) as file:
        if change.old is not None:
            copy_mode(file, os.stat(change.path).st_mode)
        file.write(change.new)
        file.flush()
        _check_unchanged(change)


def _check_unchanged(change: SettingsChange) -> None:
    if read(change.path) != change.old:
        raise _FileChangedError


def _edit_json(text: str, settings: Settings, command: str | None) -> str | None:
    """Return the text of a JSON file with our entries, or without them.

    Raises:
        ValueError: it is not JSON, or has another form.
    """
    if not text.strip():
        if command is None:
            return text or None
        text = "{}\n"
    text, emptied = _without_ours(text, settings, command)
    if command is None:
        return _without_empty(text, settings, emptied)
    for name, value in settings.base.items():
        if (root := _root(text)).member(name) is None:
            text = json_text.insert(text, root, value, name)
    for event in settings.events:
        text = _with_entry(text, settings, event, settings.entry(event, command))
    return text


def _with_entry(text: str, settings: Settings, event: str, entry: Entry) -> str:
    """Return the text with an entry for an event."""
    root = _root(text)
    hooks = root.member("hooks")
    if hooks is None:
        return json_text.insert(text, root, {event: [entry]} if settings.by_event else [entry], "hooks")
    listed = hooks.member(event) if settings.by_event else hooks
    if listed is None:
        return json_text.insert(text, hooks, [entry], event)
    return text if entry in listed.value else json_text.insert(text, listed, entry)


def _root(text: str) -> json_text.Node:
    root = json_text.parse(text)
    if not isinstance(root.value, dict):
        raise ValueError("an object was expected")  # noqa: TRY004 - an error of the file
    return root


def _lists(text: str, settings: Settings) -> Iterator[json_text.Node]:
    """Yield the lists of entries.

    Raises:
        ValueError: the file has another form.
    """
    hooks = _root(text).member("hooks")
    if hooks is None:
        return
    events = hooks.value if isinstance(hooks.value, dict) else {"": hooks.value}
    expected = settings.events if settings.by_event else ("",)
    if isinstance(hooks.value, dict) is not settings.by_event or not all(
        isinstance(events.get(event, []), list) for event in expected
    ):
        raise ValueError("its hooks have another form")
    for listed in hooks.items if settings.by_event else (hooks,):
        if isinstance(listed.value, list):
            yield listed


def _without_ours(text: str, settings: Settings, command: str | None) -> tuple[str, int]:
    """Return the text without our entries, except those that are as they must be, and their number."""
    wanted = [settings.entry(event, command) for event in settings.events] if command is not None else []
    count = 0
    while (found := next(_our_places(text, settings, wanted), None)) is not None:
        text = json_text.remove(text, *found)
        count += 1
    return text, count


def _our_places(
    text: str, settings: Settings, wanted: list[dict[str, Any]]
) -> Iterator[tuple[json_text.Node, int]]:
    """Yield the list and the number of each of our entries; of a group with others, only our part of it."""
    for listed in _lists(text, settings):
        kept: list[Any] = []
        for number, entry in enumerate(listed.items):
            inner = entry.member("hooks")
            ours = [_is_ours(each.value) for each in inner.items] if inner is not None else []
            if inner is not None and any(ours) and not all(ours):
                yield inner, ours.index(True)
            elif _is_ours(entry.value):
                if entry.value in wanted and entry.value not in kept:
                    kept.append(entry.value)
                else:
                    yield listed, number


def _is_ours(entry: object) -> bool:
    return any(_OURS.search(text) for text in texts(entry))


def _without_empty(text: str, settings: Settings, removed: int) -> str | None:
    """Return the text without the lists that are empty after a removal; None if nothing else is in it."""
    if not removed:
        return text
    hooks = _root(text).member("hooks")
    while settings.by_event and hooks is not None and [] in hooks.value.values():
        text = json_text.remove(text, hooks, list(hooks.value.values()).index([]))
        hooks = _root(text).member("hooks")
    root = _root(text)
    if "hooks" in root.value and not root.value["hooks"]:
        text = json_text.remove(text, root, list(root.value).index("hooks"))
    left = {name: value for name, value in _root(text).value.items() if settings.base.get(name) != value}
    has_comment = "/*" in text or "//" in text
    return text if left or has_comment else None


def _edit_toml(text: str, settings: Settings, command: str | None) -> str | None:
    """Return the text of a TOML file with our block, or without it.

    Raises:
        ValueError: it is not TOML, or no table can be added to its hooks.
    """
    tomllib.loads(text)
    others = _BLOCK.sub("", text)
    if command is None:
        return others if others.strip() or others == text else None
    lines = []
    for event in settings.events:
        lines.append("[[hooks]]")
        lines += [f"{name} = {_toml_string(value)}" for name, value in settings.entry(event, command).items()]
    space = "" if not others or others.endswith("\n") else "\n"
    apart = "\n" if others.strip() else ""
    new = f"{others}{space}{apart}{_BEGIN}" + "\n".join(lines) + f"\n{_END}"
    tomllib.loads(new)
    return new


def _toml_string(value: str) -> str:
    # A basic string of TOML has the escapes of JSON, apart from surrogates.
    return json.dumps(value, ensure_ascii=False)
