"""Messages to people and models: the kind and fingerprint of each key, and the way to go on."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence

from boltz_keyscan import rules
from boltz_keyscan.agents.event import Event, KeyFound, Stage
from boltz_keyscan.model.kinds import SHARE_LINK, describe_kind
from boltz_keyscan.redaction import redacted

_MAX_KEYS = 5
_SHORT = len("bk1:") + 8
"""Characters of a fingerprint in lists; ``explain`` accepts as few."""

VARIABLE = (
    "Read it from the environment: ${BOLTZ_API_KEY} in a shell, $env:BOLTZ_API_KEY in PowerShell, "
    'os.environ["BOLTZ_API_KEY"] in Python.'
)


def describe(event: Event, found: Sequence[KeyFound]) -> str:
    """Return the message about an event that is stopped."""
    keys, file = _names(found), next((key.file for key in found if key.file), "")
    place = f"the file {file}" if file else _PLACES[event.stage]
    remedy = _explanation(found[0].fingerprint, file)
    match event.stage:
        case Stage.PROMPT if file:
            text = f"{keys} in {place}, which your prompt mentions. The prompt was not sent. {remedy}"
        case Stage.PROMPT:
            text = (
                f"{keys} in your prompt. It was not sent. Take the key out, and write BOLTZ_API_KEY for it: "
                f"programs read it from that variable. {remedy}"
            )
        case Stage.ACTION if not file:
            place += _of_tool(event)
            text = f"{keys} in {place}. It was not run. {VARIABLE} Do not pass on a key in any form."
        case Stage.OUTPUT:
            text = (
                f"{keys} in {place}{_of_tool(event)}. This hook cannot take it out: do not repeat it, "
                f"and treat it as leaked. {remedy}"
            )
        case _:
            text = f"{keys} in {place}. It was not read. {VARIABLE} Do not read it another way. {remedy}"
    return redacted(f"boltz-keyscan: {text}")


def describe_replacement(event: Event, found: Sequence[KeyFound]) -> str:
    """Return the message about an output without its keys."""
    return redacted(
        f"boltz-keyscan: {_names(found)} in the output{_of_tool(event)} was replaced by a mark. {VARIABLE} "
        f"Do not read it another way. {_explanation(found[0].fingerprint, '')}"
    )


def describe_unreadable(found: Sequence[KeyFound]) -> str:
    """Return the message about a payload that is not valid JSON and has a key."""
    return redacted(
        f"boltz-keyscan: {_names(found)} in a payload that cannot be read. It was stopped. {VARIABLE}"
    )


_PLACES = {
    Stage.PROMPT: "your prompt",
    Stage.ACTION: "the arguments",
    Stage.READ: "the file",
    Stage.OUTPUT: "the output",
}


def _names(found: Collection[KeyFound]) -> str:
    """Return the number of keys, and the kind and fingerprint of each."""
    kinds = {rule.id: describe_kind(rule) for rule in rules.load()}
    keys = list(
        dict.fromkeys(f"{kinds.get(key.rule_id, key.rule_id)} {key.fingerprint[:_SHORT]}" for key in found)
    )
    more = f" and {len(keys) - _MAX_KEYS:,} more" if len(keys) > _MAX_KEYS else ""
    links = [kinds.get(key.rule_id) == SHARE_LINK for key in found]
    noun = SHARE_LINK if all(links) else "secret" if any(links) else "API key"
    count = f"a Boltz {noun}" if len(keys) == 1 else f"{len(keys):,} Boltz {noun}s"
    return f"{count} ({', '.join(keys[:_MAX_KEYS])}{more})"


def _of_tool(event: Event) -> str:
    return f" of {event.tool[:80]}" if event.tool else ""


def _explanation(fingerprint: str, file: str) -> str:
    path = f" {shlex.quote(file)}" if file else ""
    return f"'boltz-keyscan explain {fingerprint[:_SHORT]}{path}' shows its places and what to do."
