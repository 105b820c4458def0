"""How much one container may cost, and what is said when it costs more.

Boundary: numbers and the exceptions that carry a gap; who raises and who catches is
``walk``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn


@dataclass(frozen=True, slots=True)
class Limits:
    """The budgets of one container that is no member of another, with all that is in it.

    Time is the one that depends on the machine; it is far above what the others allow.
    """

    depth: int = 8
    """Containers in one another; a layer of a saved image with a wheel in it has 5."""
    members: int = 100_000
    """In all. The largest wheel on PyPI has a tenth of that."""
    output: int = 4 << 30
    """Bytes out of decompressors and out of members; at 300 MB a second some 15 seconds."""
    ratio: int = 1000
    """Output for each byte of the container. Deflate reaches 1032, with nothing but one byte repeated."""
    slack: int = 64 << 20
    """Output from which on the ratio is looked at: arrays of zeros, which scientists do keep,
    reach it as well, and up to here it costs a quarter of a second to look into them."""
    seconds: float = 120.0
    memory: int = 1 << 30
    """Bytes of address space a worker may take beyond what it has when it begins."""
    spool: int = 32 << 20
    """Bytes of a zip in another container that are kept to read it by its directory; a larger
    one is read from its beginning to its end."""
    gaps: int = 100
    """Gaps told of one container, one by one."""


DEFAULT_LIMITS = Limits()

RUN_LIMITS = Limits(members=50_000_000, output=16 << 40, ratio=50, slack=64 << 30, seconds=6 * 3600.0)
"""What all containers of a run may cost: far more than archives people keep, and little enough
that a repository full of small bombs comes to an end."""

WINDOW = 1 << 27
"""Bytes of memory that a decompressor may take: what zstd -22 and twice what xz -9 needs."""


class ContainerError(Exception):
    """Part of a container that cannot be read.

    Attributes:
        reason: as in ``Gap``.
        detail: as in ``Gap``.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class BudgetExceededError(ContainerError):
    """A budget of the whole container is used up: nothing more of it is read."""


def corrupt_error(detail: str) -> ContainerError:
    """The trouble with bytes that are not as their format wants them."""
    return ContainerError("corrupt-container", detail)


def raise_on_read(trouble: ContainerError) -> Iterator[bytes]:
    """The chunks of what cannot be read: whoever asks for the first gets the trouble."""
    return map(_raise, (trouble,))


def _raise(trouble: ContainerError) -> NoReturn:
    raise trouble


TRUNCATED = "it ends before its end"


class Meter:
    """What one container has cost so far."""

    def __init__(self, limits: Limits, size: int) -> None:
        """Begin to count.

        Args:
            limits: the budgets.
            size: bytes of the container.
        """
        self.limits = limits
        self.is_exhausted = False
        self.spooled = 0
        """Bytes kept of zips in zips, at this moment."""
        self._members = 0
        self._output = 0
        self._most = min(limits.output, max(limits.slack, limits.ratio * size))
        self._until = time.monotonic() + limits.seconds

    @property
    def cost(self) -> tuple[int, int]:
        """Members and bytes of output so far."""
        return self._members, self._output

    def add_members(self, count: int = 1) -> None:
        """One more member, or so many.

        Raises:
            Spent: there were too many.
        """
        self._members += count
        if self._members > self.limits.members:
            raise BudgetExceededError(
                "too-many-members", f"only the first {self.limits.members} members of it are scanned"
            )
        self.check_time()

    def add_output(self, count: int) -> None:
        """So many bytes came out.

        Raises:
            Spent: that is too much, or took too long.
        """
        self._output += count
        if self._output > self._most:
            if self._most == self.limits.output:
                raise BudgetExceededError("output-limit", f"more than {self._most} bytes come out of it")
            detail = f"more than {self.limits.ratio} bytes come out for each byte of it, as out of a bomb"
            raise BudgetExceededError("ratio-limit", detail)
        self.check_time()

    def check_time(self) -> None:
        """Time passes.

        Raises:
            Spent: too much of it.
        """
        if time.monotonic() > self._until:
            raise BudgetExceededError("timed-out", f"given up after {self.limits.seconds:g} seconds")
