"""The server's clock, and clocks of a machine that sleeps or has its own clock set."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from batchcancel.errors import StoppedEarly

Now = Callable[[], datetime]
"""A clock that gives aware datetimes."""

Clocks = Callable[[], tuple[float, ...]]


Steady = Callable[[], float]
"""Seconds since the machine started, those it slept included; setting its clock changes nothing."""


def utc_now() -> datetime:
    """This machine's wall clock, which may be wrong and may be set."""
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


_RESOLUTION = timedelta(seconds=1)
"""What `Date` leaves out: it is cut to whole seconds."""

_DRIFT = 2e-4
"""How far two clocks that nobody sets may part, as a share of the time that passes."""

_MOST_DOUBT = timedelta(minutes=5)
"""Answers that are as far apart on the time contradict each other: no delay explains it."""

_EARLIEST_BELIEVED = datetime(2020, 1, 1, tzinfo=UTC)
_LATEST_BELIEVED = datetime(9000, 1, 1, tzinfo=UTC)


class Bounds(NamedTuple):
    """What a server clock knows: offsets to the steady clock, and what told them."""

    ours: datetime
    low: datetime
    high: datetime
    told_at: float
    is_own: bool
    is_known: bool


class ServerClock:
    """The API's clock: a steady clock, and an offset known from the `Date` of answers.

    `Date` was made between the sending and the answer and is cut to whole seconds, so each bounds
    the offset from both sides, mostly to within a second. Until one came this machine's clock
    stands in, as it was when this was made: setting it later changes nothing either.
    """

    def __init__(self, *, steady: Steady, now: Now) -> None:
        self._steady = steady
        ours = now() - timedelta(seconds=steady())
        self._ours = self._low = self._high = ours
        self._told_at = 0.0
        self._is_own = False
        self.is_known = False

    def now(self) -> datetime:
        """The moment it most likely is, for people."""
        return self._low + (self._high - self._low) / 2 + self._since_start()

    def latest(self) -> datetime:
        """The latest moment it can be: so a deadline is never missed unseen."""
        return self._high + self._since_start()

    def earliest(self) -> datetime:
        """The earliest moment it can be: what happens from now on is not dated before it.

        Where a gateway alone has told the time, it may be this machine that is right.
        """
        return (self._low if self._is_own else min(self._low, self._ours)) + self._since_start()

    @property
    def ahead(self) -> timedelta:
        """How far it is ahead of what this machine's clock said at the beginning."""
        return self._low + (self._high - self._low) / 2 - self._ours

    def bounds(self) -> Bounds:
        """What it knows, for a later program on the same boot of this machine."""
        return Bounds(self._ours, self._low, self._high, self._told_at, self._is_own, self.is_known)

    def take_over(self, bounds: Bounds) -> None:
        """Know what an earlier program knew."""
        self._ours, self._low, self._high, self._told_at, self._is_own, self.is_known = bounds

    @property
    def is_disputed(self) -> bool:
        """Whether the last answers contradict each other; the next one tells which was wrong."""
        return self._high - self._low > _MOST_DOUBT

    def require_undisputed(self) -> None:
        """Raise `StoppedEarly` rather than say that it is too late: one of them says it is not."""
        if self.is_disputed:
            raise StoppedEarly(
                f"the API's answers disagree on the time: {self.earliest():%Y-%m-%d %H:%M} or "
                f"{self.latest():%Y-%m-%d %H:%M} UTC, and what may still be cancelled hangs on it",
                hint="Run the same command again; if it goes on, ask HuskyVoice about the Date of "
                "its answers.",
            )

    def steady(self) -> float:
        """The steady clock's seconds, for `told`."""
        return self._steady()

    def told(self, date: datetime, *, asked: float, answered: float, is_own: bool) -> None:
        """Take in the `Date` of an answer; `asked` and `answered` are of `steady`.

        What others than the API say, a gateway maybe, counts while nothing better is known.
        """
        if not _EARLIEST_BELIEVED < date < _LATEST_BELIEVED or (self._is_own and not is_own):
            return
        low = date - timedelta(seconds=answered)
        high = date + _RESOLUTION - timedelta(seconds=asked)
        if self.is_known and self._is_own is is_own:
            low, high = self._agreed(low, high, answered - self._told_at)
        self._low, self._high, self._told_at = low, high, answered
        self._is_own, self.is_known = is_own, True

    def _agreed(self, low: datetime, high: datetime, passed: float) -> tuple[datetime, datetime]:
        """What both bounds allow; where they disagree (a clock set, a cache), both of them."""
        drift = timedelta(seconds=passed * _DRIFT)
        lows, highs = (self._low - drift, low), (self._high + drift, high)
        if max(lows) <= min(highs):
            return max(lows), min(highs)
        return min(lows), max(highs)

    def _since_start(self) -> timedelta:
        return timedelta(seconds=self._steady())
