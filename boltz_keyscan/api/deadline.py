"""Time limit of all requests of a command together."""

from __future__ import annotations

import time
from collections.abc import Callable

from boltz_keyscan.api.errors import DEADLINE, ApiError
from boltz_keyscan.records import dataclass, field


@dataclass(frozen=True, slots=True)
class Clock:
    """Clock, replaced in tests."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(slots=True)
class Deadline:
    """Time limit of all requests of a run together."""

    seconds: float
    clock: Clock = field(default_factory=Clock)
    _end: float = field(init=False)

    def __post_init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Restart the time, after the user was asked something."""
        self._end = self.clock.now() + self.seconds

    def remaining_s(self) -> float:
        """Return the remaining seconds.

        Raises:
            ApiError: no time is left.
        """
        left = self._end - self.clock.now()
        if left <= 0:
            raise ApiError(DEADLINE)
        return left

    def limit(self, seconds: float) -> float:
        """Return ``seconds``, or the remaining ones if they are fewer.

        Raises:
            ApiError: no time is left.
        """
        return min(seconds, self.remaining_s())
