"""Which moment it is, and how long ago another was, where the machine may sleep or be set."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

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


@dataclass(frozen=True, slots=True)
class BootClock:
    """Seconds since the machine started, those it slept included, the same in all programs.

    Instants of two boots cannot be compared: `boot` tells them apart, and is empty where the
    system does not name its boots.
    """

    boot: str
    seconds: Callable[[], float]


def boot_clock() -> BootClock:
    """This machine's; macOS has no CLOCK_BOOTTIME, and its monotonic clock goes on in sleep."""
    clock_id = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    boot = ""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return BootClock(boot, lambda: time.clock_gettime(clock_id))
