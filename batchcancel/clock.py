"""The wall clock, and a stopwatch for machines that sleep or have their clock set."""

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
    """Two clocks with different weaknesses, in seconds.

    The monotonic one stands still while a Linux machine sleeps; the wall clock may be set.
    """
    return time.monotonic(), time.time()


class Stopwatch:
    """Measures from its construction, by the clock that saw most time pass.

    Too long is the safe error for what it measures: a permit or a lease ends too early.
    """

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
