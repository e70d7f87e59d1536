"""Monotonic seconds, the wall clock of records and the `Date` header, and a timer queue."""

import heapq
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count

import anyio
from anyio.lowlevel import RunVar


class LoopClock:
    """Monotonic seconds of the running event loop, from 0 at the first reading inside one.

    A virtual clock is followed. Outside a loop, real seconds pass from the last reading; in the
    next loop, time goes on where the last one left it.
    """

    def __init__(self) -> None:
        self._origin: RunVar[float] = RunVar("sandbox clock origin")
        self._last: float | None = None
        self._last_real = 0.0

    def __call__(self) -> float:
        try:
            loop_seconds = anyio.current_time()
        except RuntimeError:  # no event loop runs in this thread
            return self._outside()
        origin = self._origin.get(None)
        if origin is None:
            origin = loop_seconds - (self._last or 0.0)
            self._origin.set(origin)
        self._last, self._last_real = loop_seconds - origin, time.monotonic()
        return self._last

    def _outside(self) -> float:
        if self._last is None:
            return 0.0
        return self._last + time.monotonic() - self._last_real


class WallClock:
    """The sandbox's own wall clock, in aware UTC.

    `now` is a function, or the moment at which `seconds` was 0, or None for the machine's time.
    Set `skew` to make the sandbox's clock differ from everybody else's.
    """

    def __init__(
        self,
        *,
        seconds: Callable[[], float],
        now: Callable[[], datetime] | datetime | None,
        skew: timedelta,
    ) -> None:
        self._seconds = seconds
        self._now = now
        self.skew = skew

    def __call__(self) -> datetime:
        moment = self._unskewed() + self.skew
        if moment.tzinfo is None:
            raise ValueError("The sandbox's `now` must be an aware datetime.")
        return moment.astimezone(UTC)

    def _unskewed(self) -> datetime:
        if self._now is None:
            return datetime.now(UTC)
        if isinstance(self._now, datetime):
            return self._now + timedelta(seconds=self._seconds())
        return self._now()


class DelayedCalls:
    """A timer queue: whoever is about to look at the data first runs what has fallen due.

    Nothing waits in the background, so it works in any loop, in none, and on a virtual clock.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._due: list[tuple[float, int, Callable[[float], object]]] = []
        self._order = count()  # calls due in the same moment run in the order of asking
        self._lock = threading.RLock()

    def call_later(self, delay: float, action: Callable[[float], object]) -> None:
        """Have `action` called once `delay` seconds passed, with how late that was, in seconds."""
        with self._lock:
            heapq.heappush(self._due, (self._seconds() + delay, next(self._order), action))

    def run_due(self) -> None:
        now = self._seconds()
        with self._lock:
            while self._due and self._due[0][0] <= now:
                due, _, action = heapq.heappop(self._due)
                action(now - due)
