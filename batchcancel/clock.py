"""Which moment it is, and how long ago another was, where the machine may sleep or be set."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

Now = Callable[[], datetime]
"""A clock that gives aware datetimes."""

Clocks = Callable[[], tuple[float, ...]]


def utc_now() -> datetime:
    """The wall clock, for the policy and the account; durations use the event loop's clock."""
    return datetime.now(UTC)


def real_clocks() -> tuple[float, ...]:
    """One goes on evenly and may stand still while the machine sleeps; the other may be set."""
    return time.monotonic(), time.time()


class Stopwatch:
    """Runs from its construction; of several clocks, the one that saw most time pass is right."""

    def __init__(self, clocks: Clocks = real_clocks) -> None:
        self._clocks = clocks
        self._began = clocks()

    def seconds(self) -> float:
        return max(now - began for now, began in zip(self._clocks(), self._began, strict=True))
