"""The user's own baseline, the only one that counts here: an agent can write every file of a project."""

from __future__ import annotations

import functools
import os
from datetime import UTC, datetime

from boltz_keyscan import rules
from boltz_keyscan.errors import KeyscanError, warn
from boltz_keyscan.fsutil import read_private_file, user_config_dir
from boltz_keyscan.triage import baseline
from boltz_keyscan.triage.text_file import TextFile

_MAX_BYTES = 16 << 20


def accepted_keys() -> frozenset[str]:
    """Return the fingerprints in the user's baseline; none, with a warning, if it cannot be trusted."""
    folder = user_config_dir()
    return frozenset() if folder is None else _read(os.path.join(folder, "baseline"))


@functools.cache
def _read(path: str) -> frozenset[str]:
    try:
        text = TextFile(path, read_private_file(path, _MAX_BYTES), "the user's")
        entries = baseline.parse(text, {rule.id for rule in rules.load()})
    except FileNotFoundError:
        return frozenset()
    except (OSError, ValueError, KeyscanError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        place = "" if isinstance(error, KeyscanError) else f"{path}: "
        warn(f"baseline ignored: {place}{reason or type(error).__name__}")
        return frozenset()
    today = datetime.now(UTC).date()
    return frozenset(key for key, entry in entries.items() if not entry.is_gap and not entry.expired(today))
