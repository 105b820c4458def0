"""Strict JSON encoder for ``sarif_om`` objects.

The library's ``jschema_to_python`` writes ``str(value)`` for unknown types and null for a missing
required object; here both raise.
"""

from __future__ import annotations

from typing import Any

import attr

from boltz_keyscan.report.json_encode import Json, member_name, plain

# SARIF 2.1.0 sections 3.27.10, 3.50.3 and 3.58.6: the default of level depends on other objects,
# which GitHub does not look up. It is always written.
_ALWAYS = frozenset({"level"})


def to_json(value: Any) -> dict[str, Json]:  # noqa: ANN401 - sarif_om is untyped
    """Convert a ``sarif_om`` object to SARIF's property names, without absent and default values.

    Raises:
        TypeError: a value is of no JSON type, or a required property is None.
    """
    members: dict[str, Json] = {}
    for field in attr.fields(type(value)):
        held = getattr(value, field.name)
        if held is None and field.default is attr.NOTHING:
            raise TypeError(f"{type(value).__name__}.{field.name} is required")
        if held is None or (held == _default(field) and field.name not in _ALWAYS):
            continue
        members[field.metadata["schema_property_name"]] = _value(held)
    return members


def _value(value: object) -> Json:
    if type(value).__module__.startswith("sarif_om"):
        return to_json(value)
    if isinstance(value, list | tuple):
        return [_value(item) for item in value]
    if isinstance(value, dict):
        return {member_name(name): _value(item) for name, item in value.items()}
    return plain(value)


def _default(field: attr.Attribute[Any]) -> object:
    # attr.Factory is a class at run time and a function to the type checker; the
    # factories of sarif_om take no argument.
    make = getattr(field.default, "factory", None)
    return field.default if make is None else make()
