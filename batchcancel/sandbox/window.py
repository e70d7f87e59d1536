"""The rate limit: an exact sliding window over a log of arrivals, one per key."""

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """At most `limit` requests in any `seconds`; a `limit` of None lets everything through.

    HuskyVoice does not say whether refused requests count: `count_refused` tries the other answer.
    """

    limit: int | None = 60
    seconds: float = 60.0
    count_refused: bool = False


class Peak:
    """The most arrivals seen in any stretch of `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._log: deque[float] = deque()
        self.most = 0

    def add(self, at: float) -> None:
        self._log.append(at)
        while self._log[0] + self._seconds <= at:
            self._log.popleft()
        self.most = max(self.most, len(self._log))


class SlidingWindow:
    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._log: deque[float] = deque(maxlen=rate.limit or 0)
        self.accepted = Peak(rate.seconds)
        self.arrivals = Peak(rate.seconds)

    def admit(self, at: float) -> float:
        """Return 0 when a request arriving at `at` is let through, else the seconds to wait."""
        self.arrivals.add(at)
        wait = self._wait(at)
        if wait <= 0 or self._rate.count_refused:
            self._log.append(at)
        if wait <= 0:
            self.accepted.add(at)
            return 0.0
        # A refused arrival that counts pushes the moment back at which the next is let through.
        return self._wait(at)

    def _wait(self, at: float) -> float:
        # The log keeps the last `limit` arrivals, so a full one is as old as its first entry.
        limit = self._rate.limit
        if limit is None or len(self._log) < limit:
            return 0.0
        if limit == 0:
            return self._rate.seconds
        return self._log[0] + self._rate.seconds - at
