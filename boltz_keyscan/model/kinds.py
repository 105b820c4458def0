"""The words for the kind of a secret: a key of a type and mode, or a share link, which has neither."""

from __future__ import annotations

from typing import Final, Protocol

from boltz_keyscan.model.enums import KeyType, Mode

SHARE_LINK: Final = "share link"


class Secret(Protocol):
    """Data on a key or a share link: a finding, a key of a fleet, or a rule."""

    @property
    def key_type(self) -> KeyType | None:
        """Return the type of a key; None for a share link."""

    @property
    def mode(self) -> Mode | None:
        """Return the mode of a key; None for a share link."""


def is_link(secret: Secret) -> bool:
    """Return True for a share link, False for a key."""
    return secret.key_type is None


def describe_kind(secret: Secret) -> str:
    """Return the words for a kind: ``admin live``, ``share link``."""
    return SHARE_LINK if is_link(secret) else f"{secret.key_type} {secret.mode}"


def describe_noun(secret: Secret) -> str:
    """Return the word for a secret: ``key``, ``share link``."""
    return SHARE_LINK if is_link(secret) else "key"


def describe_secret(secret: Secret) -> str:
    """Return the words for a secret with its kind: ``admin live key``, ``share link``."""
    return SHARE_LINK if is_link(secret) else f"{describe_kind(secret)} key"
