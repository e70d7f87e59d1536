"""Sliding-window log rate limiter: exact in any window, as the server counts.

HuskyVoice rate limits: 60 requests per minute and key, over a sliding window, reads included.
"""

import heapq
import math
from collections.abc import Iterable

import anyio

from batchcancel.api import Permit


class SlidingWindow:
    """A log of slots, each taken by a permit and free again one window after the answer.

    The server counts a request somewhere between our send and its answer. Counting from the answer
    is late enough whatever the network does, so no jitter can cause a 429. Permits are granted in
    the order in which they were asked for. `limit=math.inf` means no limit.
    """

    kept_in: str | None = None

    def __init__(self, *, limit: float, window: float) -> None:
        self._limit = limit
        self._window = window
        self._in_flight = 0
        self._free_at: list[float] = []  # a heap: slots of earlier runs come in any order
        self._closed_until = -math.inf
        self._turn = anyio.Lock()
        self._changed = anyio.Event()

    def remember(self, free_in: Iterable[float]) -> None:
        """Take over slots of earlier runs, by the seconds until each is free again."""
        now = anyio.current_time()
        for seconds in free_in:
            heapq.heappush(self._free_at, now + seconds)

    async def permit(self) -> Permit:
        """Wait until one more request may be sent, and take its slot."""
        # Whoever waits holds the lock, and is served first: a newcomer must not take its slot.
        if self._turn.locked() or self.wait() > 0:
            async with self._turn:
                await self._until_free()
                self._in_flight += 1
        else:
            self._in_flight += 1
        return Permit()

    async def changed(self) -> None:
        """Wait for as long as is known to be needed, or until that has changed."""
        changed = self._changed
        # Not a plain sleep: a slot given back unused ends the wait, a closed gate prolongs it.
        with anyio.move_on_after(self.wait()):
            await changed.wait()

    async def _until_free(self) -> None:
        while self.wait() > 0:
            await self.changed()

    def unused(self, _permit: Permit) -> None:
        """Nothing was sent on a permit: its slot is free at once."""
        self._in_flight -= 1
        self._wake()

    def used(self, _permit: Permit) -> None:
        """The answer came, or its time is over: the slot is free one window from now."""
        self._in_flight -= 1
        heapq.heappush(self._free_at, anyio.current_time() + self._window)
        self._wake()

    def close_for(self, seconds: float) -> None:
        """Grant no permit for so long; a longer closure that is in force stays."""
        self._closed_until = max(self._closed_until, anyio.current_time() + seconds)
        self._wake()

    def wait(self) -> float:
        """Seconds until the next permit could be granted; infinite while all are in flight."""
        if (closed := self.closed()) > 0:
            return closed
        if self.taken() < self._limit:
            return 0.0
        now = anyio.current_time()
        return self._free_at[0] - now if self._free_at else math.inf

    def closed(self) -> float:
        """Seconds until the gate opens."""
        return max(0.0, self._closed_until - anyio.current_time())

    def taken(self) -> int:
        """How many slots are not free now."""
        now = anyio.current_time()
        while self._free_at and self._free_at[0] <= now:
            heapq.heappop(self._free_at)
        return self._in_flight + len(self._free_at)

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()
