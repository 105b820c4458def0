"""The hook of all agents: from the bytes on standard input to an answer.

A failure of ours stops an event that can still be stopped. An agent or an event that is unknown goes on,
with a warning: its answer could not be written, and nothing is known of its content.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from boltz_keyscan.agents import registry
from boltz_keyscan.agents.event import STOP_CODE, Answer, Deny, Payload, Stage

if TYPE_CHECKING:
    from boltz_keyscan.agents.event import Agent, Decision, Event


def respond(raw: bytes) -> Answer:
    """Return the answer to a payload."""
    try:
        payload = _parse(raw)
    except (ValueError, RecursionError) as error:
        return _answer_unreadable(raw, error)
    try:
        agent = registry.find_sender(payload)
        if agent is None:
            return _let_pass("an unknown agent")
        event = agent.read(payload)
    except Exception as error:  # noqa: BLE001 - a field of a wrong type
        return _answer_unreadable(raw, error)
    if event is None:
        name = (
            payload.get("hook_event_name") or payload.get("hookEventName") or payload.get("agent_action_name")
        )
        if isinstance(name, str) and name in agent.settings.quiet:
            return Answer()
        return _let_pass(f"an unknown event of {agent.settings.title}")
    return agent.answer(payload, event, _decide(agent, event))


def _decide(agent: Agent, event: Event) -> Decision:
    """Return the decision on an event; it is stopped if the check fails."""
    try:
        from boltz_keyscan.agents import inspection  # noqa: PLC0415 - a broken installation is a failure of the check

        return inspection.decide(event, replaces=agent.replaces_output)
    except Exception as error:  # noqa: BLE001 - the agent would go on after any exit code but one
        from boltz_keyscan.agents.failure import describe_failure, withhold  # noqa: PLC0415 - as above

        message = describe_failure(error)
        if event.stage is Stage.OUTPUT and agent.replaces_output:
            return withhold(event, message)
        return Deny(message)


def _parse(raw: bytes) -> Payload:
    """Return the JSON object of a payload; bytes that are not UTF-8 become surrogates.

    Raises:
        ValueError: it is not a JSON object, or a name is in an object twice.
    """
    text = raw.decode(json.detect_encoding(raw), "surrogateescape")
    payload = json.loads(text, object_pairs_hook=_without_duplicates)
    if not isinstance(payload, dict):
        raise ValueError("not an object")  # noqa: TRY004 - an error of the payload
    return payload


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return an object. Of a name that is twice in it, another reader may take the other value."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is in an object twice")
    return found


def _answer_unreadable(raw: bytes, error: BaseException) -> Answer:
    """Return the answer to a payload that cannot be parsed: it is stopped if a key is in its bytes."""
    try:
        from boltz_keyscan.agents import inspection, messages  # noqa: PLC0415 - only for a broken payload

        if found := inspection.find_keys(raw):
            return Answer(error=messages.describe_unreadable(found), code=STOP_CODE)
    except Exception as failure:  # noqa: BLE001 - the error of the payload is reported below
        error = failure
    return _let_pass(f"a payload that cannot be read ({type(error).__name__})")


def _let_pass(reason: str) -> Answer:
    return Answer(error=f"boltz-keyscan: warning: {reason}: not checked for Boltz API keys")
