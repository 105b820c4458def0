"""JSON documents against schemas; each schema is read and checked once."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any, Final

import jsonschema

from tests.running import ROOT

REPORT: Final = ROOT / "boltz_keyscan/report/schema/report-v1.schema.json"
AUDIT: Final = ROOT / "boltz_keyscan/report/schema/audit-v1.schema.json"
USAGE: Final = ROOT / "boltz_keyscan/report/schema/usage-v1.schema.json"
INVENTORY: Final = ROOT / "boltz_keyscan/triage/schema/inventory-v1.schema.json"
SARIF: Final = ROOT / "tests/schemas/sarif-2.1.0.json"


@functools.cache
def validator(path: Path) -> Any:
    """Return the validator of a schema file, which knows dates and addresses as well."""
    schema = json.loads(path.read_text(encoding="utf-8"))
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    return kind(schema, format_checker=jsonschema.FormatChecker())


def validate(document: Any, path: Path) -> None:
    """Check a document.

    Raises:
        jsonschema.ValidationError: it is not as the schema has it.
    """
    validator(path).validate(document)
