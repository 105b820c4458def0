"""Identity of a key: a request to ``auth/me`` with the key itself, the only proof that it works.

The request counts as a use of the key, and the API may refuse it for the address it comes from. So a
refusal is reported by its kind, and ``triage.cross_reference`` decides what follows from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from boltz_keyscan.api import share_links
from boltz_keyscan.api.address import Endpoint
from boltz_keyscan.api.client import Connection
from boltz_keyscan.api.deadline import Clock, Deadline
from boltz_keyscan.api.errors import ApiError
from boltz_keyscan.api.secret import Secret, unsealed
from boltz_keyscan.model.enums import KeyType, Mode
from boltz_keyscan.model.finding import Finding
from boltz_keyscan.records import dataclass
from boltz_keyscan.triage.cross_reference import Verification
from boltz_keyscan.triage.key_record import RecordError, identifier


@dataclass(frozen=True, slots=True)
class KeyIdentity:
    """Key id, type, mode, organisation and workspace of a key."""

    key_id: str
    key_type: KeyType
    mode: Mode
    organisation: str
    workspace_id: str | None


def whoami(connection: Connection) -> KeyIdentity:
    """Return the identity of the key of a connection.

    Raises:
        ApiError: there is no usable response.
        RecordError: the response has another form than documented.
    """
    answer = connection.me()
    if answer.get("principal_type") != "api_key":
        raise RecordError("principal_type is not api_key")
    workspace = answer.get("workspace_id")
    try:
        kind = KeyType(str(answer.get("key_type"))), Mode(str(answer.get("mode")))
    except ValueError:
        raise RecordError("key_type or mode is unknown") from None
    return KeyIdentity(
        identifier(answer.get("api_key_id"), "api_key_id"),
        *kind,
        identifier(answer.get("organization_id"), "organization_id"),
        None if workspace is None else identifier(workspace, "workspace_id"),
    )


def verify(endpoint: Endpoint, key: Secret, kind: tuple[KeyType, Mode], deadline: Deadline) -> Verification:
    """Check with the API whether a key works.

    Args:
        endpoint: address of the API.
        key: the key.
        kind: type and mode of its prefix; the response must agree.
        deadline: time limit.
    """
    try:
        with Connection(endpoint, key, deadline) as connection:
            identity = whoami(connection)
    except ApiError as error:
        reason = {"unauthorized": "rejected"}.get(error.failure.reason, error.failure.reason)
        return Verification(reason, error.failure.detail)
    except RecordError as error:
        return Verification("wrong-shape", f"the response of the API is not as documented: {error}")
    if (identity.key_type, identity.mode) != kind:
        return Verification("contradiction", "the API returned another type or mode for it")
    return Verification("accepted", key_id=identity.key_id, organisation=identity.organisation)


@dataclass(frozen=True, slots=True)
class Verifier:
    """Verification of the keys and share links that a scan found, with one request for each."""

    endpoint: Endpoint
    secret: bytes
    seconds: float
    clock: Clock
    progress: Callable[[int, int], None] = lambda _done, _all: None

    def __call__(self, keys: Sequence[tuple[Finding, bytes]]) -> Iterator[tuple[str, Verification]]:
        """Yield the fingerprint and the answer of each key, in order."""
        deadline = Deadline(self.seconds, self.clock)
        for number, (finding, sealed) in enumerate(keys):
            self.progress(number, len(keys))
            key = unsealed(sealed, finding.fingerprint, self.secret)
            if finding.key_type and finding.mode:
                kind = (finding.key_type, finding.mode)
                yield finding.fingerprint, verify(self.endpoint, key, kind, deadline)
            else:
                yield finding.fingerprint, share_links.verify(self.endpoint, key, deadline)
        self.progress(len(keys), len(keys))

    def __repr__(self) -> str:
        return "Verifier()"
