"""Keys in archives and compressed data that are written as text, such as the base64 of gzip."""

from __future__ import annotations

from boltz_keyscan import pipeline
from boltz_keyscan.agents.event import KeyFound
from boltz_keyscan.model.enums import Shape
from boltz_keyscan.policy import FailPolicy
from boltz_keyscan.sources.files.buffer import BufferShard
from boltz_keyscan.sources.shards import ShardSource


def find_contained_keys(raw: bytes, file: str = "") -> list[KeyFound]:
    """Return all keys in a text, also those in its archives, except placeholders.

    Args:
        raw: the text.
        file: the file that it is from.
    """
    result = pipeline.run(pipeline.Plan(("-",), (ShardSource(BufferShard(raw)),), FailPolicy()))
    return [
        KeyFound(finding.fingerprint, finding.rule_id, file)
        for finding in result.findings
        if finding.shape is not Shape.PLACEHOLDER
    ]
