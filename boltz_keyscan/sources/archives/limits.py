"""Budgets of a container, and the exceptions that become its gaps."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NoReturn

from boltz_keyscan.records import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The budgets of one outermost container, with all that is in it.

    Only time depends on the machine; it is far above what the others allow.
    """

    depth: int = 8
    """Nested containers at most; a layer of a saved image with a wheel in it has 5."""
    members: int = 100_000
    """Members in all; the largest wheel on PyPI has a tenth of that."""
    output: int = 4 << 30
    """Bytes of output of decompressors and members; about 15 seconds at 300 MB/s."""
    ratio: int = 1000
    """Output for each byte of the container; deflate reaches 1032 with one byte repeated."""
    slack: int = 64 << 20
    """Output from which the ratio is checked: legitimate arrays of zeros exceed the ratio too, and
    this much of them takes a quarter of a second."""
    seconds: float = 120.0
    memory: int = 1 << 30
    """Bytes of address space a worker may allocate beyond those it has at the start."""
    spool: int = 32 << 20
    """Bytes of a nested zip kept in memory to read it by its directory; a larger one is read from
    beginning to end."""
    gaps: int = 100
    """Gaps reported for one container; further ones are counted."""


DEFAULT_LIMITS = Limits()

RUN_LIMITS = Limits(members=50_000_000, output=16 << 40, ratio=50, slack=64 << 30, seconds=6 * 3600.0)
"""Budgets of all containers of a run: far above real archives, and low enough to stop a repository
full of small bombs."""

WINDOW = 1 << 27
"""Bytes of memory of a decompressor at most: as zstd -22 needs, and twice as xz -9 needs."""


NOT_DECODED = "not-decoded"
"""Reason of a gap by design: the bytes were searched, but not what they store compressed or in pieces."""


class ContainerError(Exception):
    """A part of a container that cannot be read.

    Attributes:
        reason: as in ``Gap``.
        detail: as in ``Gap``.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class BudgetExceededError(ContainerError):
    """A budget of the whole container is exhausted: no more of it is read."""


def corrupt_error(detail: str) -> ContainerError:
    """Return the error for bytes that violate their format."""
    return ContainerError("corrupt-container", detail)


def raise_on_read(error: ContainerError) -> Iterator[bytes]:
    """Return the chunks of an unreadable member: reading the first one raises the error."""
    return map(_raise, (error,))


def _raise(error: ContainerError) -> NoReturn:
    raise error


def unopened_error() -> ContainerError:
    """Return the error for embedded containers that reach beyond what is held in memory."""
    detail = "archives seem to begin within it, and are not opened; unpack it and scan the files"
    return ContainerError("unsupported-container", detail)


def too_deep_error(limits: Limits) -> ContainerError:
    """Return the error for a container that too many others surround."""
    return ContainerError("too-deep", f"not opened: more than {limits.depth} containers in one another")


def unexpected_error(error: Exception) -> ContainerError:
    """Return the error for the failure of a reader; one for a part that cannot be read is its own."""
    if isinstance(error, ContainerError):
        return error
    if isinstance(error, MemoryError):
        return ContainerError("memory-limit", "it takes more memory than a container may have")
    if isinstance(error, OSError):
        return ContainerError("unreadable", f"cannot be read: {error.strerror or type(error).__name__}")
    return corrupt_error(f"it cannot be read ({type(error).__name__})")


TRUNCATED = "it ends before its end"


class Meter:
    """The cost of one container so far."""

    def __init__(self, limits: Limits, size: int) -> None:
        """Start with no cost.

        Args:
            limits: the budgets.
            size: bytes of the container.
        """
        self.limits = limits
        self.is_exhausted = False
        self.spooled = 0
        """Bytes of nested zips currently kept in memory."""
        self.kept = 0
        """The same of members that are read as a stream."""
        self._members = 0
        self._output = 0
        self._max_output = min(limits.output, max(limits.slack, limits.ratio * size))
        self._deadline = time.monotonic() + limits.seconds

    @property
    def cost(self) -> tuple[int, int]:
        """Members and bytes of output so far."""
        return self._members, self._output

    def can_add(self, members: int, output: int) -> bool:
        """Return True if a member, and so many in it with so many bytes, exceed no budget."""
        return self._members + members < self.limits.members and self._output + output <= self._max_output

    def can_hold(self, count: int) -> bool:
        """Return True if there is room in memory for a member with so many bytes of output in all."""
        return self.kept + self.spooled + count <= self.limits.spool

    def add_members(self, count: int = 1) -> None:
        """Count members.

        Raises:
            BudgetExceededError: there are too many.
        """
        self._members += count
        if self._members > self.limits.members:
            raise BudgetExceededError(
                "too-many-members", f"only the first {self.limits.members} members of it are scanned"
            )
        self.check_time()

    def add_output(self, count: int) -> None:
        """Count bytes of output.

        Raises:
            BudgetExceededError: there are too many, or the time is over.
        """
        self._output += count
        if self._output > self._max_output:
            if self._max_output == self.limits.output:
                raise BudgetExceededError(
                    "output-limit", f"more than {self._max_output} bytes come out of it"
                )
            detail = f"more than {self.limits.ratio} bytes come out for each byte of it, as out of a bomb"
            raise BudgetExceededError("ratio-limit", detail)
        self.check_time()

    def check_time(self) -> None:
        """Check the time limit.

        Raises:
            BudgetExceededError: the time is over.
        """
        if time.monotonic() > self._deadline:
            raise BudgetExceededError("timed-out", f"given up after {self.limits.seconds:g} seconds")
