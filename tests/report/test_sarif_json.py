"""The serialiser of sarif_om objects refuses what the library's own lets through."""

from __future__ import annotations

import inspect
from typing import Any

import attr
import pytest
import sarif_om as om

from boltz_keyscan.model.enums import Severity
from boltz_keyscan.report.sarif_log import to_json


def classes() -> list[Any]:
    found = [kind for _, kind in inspect.getmembers(om, inspect.isclass)]
    return [kind for kind in found if attr.has(kind)]


@pytest.mark.parametrize("kind", classes(), ids=lambda kind: kind.__name__)
def test_every_class_is_written_with_sarif_names_and_without_defaults(kind: Any) -> None:
    required = {field.name: "x" for field in attr.fields(kind) if field.default is attr.NOTHING}
    written = to_json(kind(**required))
    names = {field.name: field.metadata["schema_property_name"] for field in attr.fields(kind)}
    assert set(written) - {"level"} == {names[name] for name in required}


def test_defaults_made_by_factories_are_left_out_too() -> None:
    tool = om.Tool(driver=om.ToolComponent(name="x"))
    assert to_json(om.Run(tool=tool)) == {"tool": {"driver": {"name": "x"}}}
    assert to_json(om.Run(tool=tool, newline_sequences=["\n"]))["newlineSequences"] == ["\n"]


def test_level_is_written_even_when_it_is_the_default() -> None:
    assert to_json(om.Result(message=om.Message(text="x"), level="warning"))["level"] == "warning"


def test_empty_lists_and_false_and_zero_are_values() -> None:
    written = to_json(om.Invocation(execution_successful=False, exit_code=0, tool_execution_notifications=[]))
    assert written == {"executionSuccessful": False, "exitCode": 0, "toolExecutionNotifications": []}


@pytest.mark.parametrize(
    "value",
    [b"x", {1}, Severity.HIGH, object(), {"a": b"x"}, [b"x"], {1: "x"}],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_json_raises(value: object) -> None:
    with pytest.raises(TypeError, match=r"is not a JSON type|cannot name a JSON member"):
        to_json(om.Result(message=om.Message(text="x"), properties=value))


def test_a_missing_required_object_raises() -> None:
    with pytest.raises(TypeError, match=r"Result\.message is required"):
        to_json(om.Result(message=None))
