"""Decisions after a failure of the check. It imports nothing that may have failed."""

from __future__ import annotations

from boltz_keyscan.agents.event import Event, Replace
from boltz_keyscan.agents.texts import COPIES, WITHHELD, with_texts

_SHORT = 20
"""Characters of the shortest text that is withheld: names of types and states are shorter."""


def describe_failure(error: BaseException) -> str:
    """Return the message about a check that failed; the text of an error may quote what was checked."""
    return (
        f"boltz-keyscan: the check for Boltz API keys failed ({type(error).__name__}), so this was stopped. "
        "Run 'boltz-keyscan hook doctor', or 'boltz-keyscan hook install AGENT --remove' to go on without it."
    )


def withhold(event: Event, message: str) -> Replace:
    """Return the decision on an output that could not be checked: its texts are not passed on."""
    return Replace(
        with_texts(event.content, lambda text: text if len(text) < _SHORT else WITHHELD, COPIES), message
    )
