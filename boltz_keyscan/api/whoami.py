"""Whose key this is: ``auth/me``, asked with the key itself. The only way to know beyond doubt.

Asking has a side effect: the key counts as used. It may also be refused for the address
we ask from. So a refusal is told by its kind, and what follows from it is for
``triage.join`` to say.

Boundary: one key to one ``Answer``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from boltz_keyscan.api.client import Connection, Endpoint
from boltz_keyscan.api.errors import ApiError
from boltz_keyscan.api.secret import Secret, Vault
from boltz_keyscan.api.transport import Clock, Deadline
from boltz_keyscan.model.enums import KeyType, Mode
from boltz_keyscan.model.finding import Finding
from boltz_keyscan.triage.cross_reference import Answer
from boltz_keyscan.triage.key_record import RecordError, identifier


@dataclass(frozen=True, slots=True)
class KeyIdentity:
    """Who a key speaks for."""

    key_id: str
    key_type: KeyType
    mode: Mode
    organisation: str
    workspace_id: str | None


def whoami(connection: Connection) -> KeyIdentity:
    """Who the key of a connection speaks for.

    Raises:
        ApiError: the API did not say.
        RecordError: it said so in another form than it documents.
    """
    return _me(connection.me())


def _me(answer: Mapping[str, object]) -> KeyIdentity:
    if answer.get("principal_type") != "api_key":
        raise RecordError("it is not the answer to a key")
    workspace = answer.get("workspace_id")
    try:
        kind = KeyType(str(answer.get("key_type"))), Mode(str(answer.get("mode")))
    except ValueError:
        raise RecordError("key_type and mode are none that are known") from None
    return KeyIdentity(
        identifier(answer.get("api_key_id"), "api_key_id"),
        *kind,
        identifier(answer.get("organization_id"), "organization_id"),
        None if workspace is None else identifier(workspace, "workspace_id"),
    )


def verify(reach: Endpoint, key: Secret, kind: tuple[KeyType, Mode], deadline: Deadline) -> Answer:
    """Ask the API with a key whether it works.

    Args:
        reach: where to ask.
        key: the key.
        kind: what its prefix says of it, which the answer must agree with.
        deadline: when to give up.
    """
    try:
        with Connection(reach, key, deadline) as connection:
            found = whoami(connection)
    except ApiError as error:
        reason = {"unauthorized": "rejected"}.get(error.failure.reason, error.failure.reason)
        return Answer(reason, error.failure.detail)
    except RecordError as error:
        return Answer("wrong-shape", f"the API answered in another form than it documents: {error}")
    if (found.key_type, found.mode) != kind:
        return Answer("contradiction", "the API says that it is a key of another type or mode")
    return Answer("accepted", key_id=found.key_id, organisation=found.organisation)


@dataclass(frozen=True, slots=True)
class Verifier:
    """Asks with each key that a scan found, one call for each."""

    reach: Endpoint
    secret: bytes
    seconds: float
    clock: Clock
    progress: Callable[[int, int], None] = lambda _done, _all: None

    def __call__(self, keys: Sequence[tuple[Finding, bytes]]) -> Iterable[tuple[str, Answer]]:
        """Fingerprints and answers, in the order of the keys."""
        vault = Vault({finding.fingerprint: sealed for finding, sealed in keys}, self.secret)
        return self._answers([finding for finding, _ in keys], vault)

    def __repr__(self) -> str:
        return "Verifier()"

    def _answers(self, findings: Sequence[Finding], vault: Vault) -> Iterator[tuple[str, Answer]]:
        deadline = Deadline(self.seconds, self.clock)
        for number, finding in enumerate(findings):
            self.progress(number, len(findings))
            kind = (finding.key_type, finding.mode)
            yield finding.fingerprint, verify(self.reach, vault.take(finding.fingerprint), kind, deadline)
        self.progress(len(findings), len(findings))
