"""The limiter of a program without a rate: it takes no slots, and obeys a closed gate."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import anyio

from batchcancel.api import Permit, SharedWindow
from batchcancel.clock import Clocks, Now, Stopwatch, real_clocks, utc_now
from batchcancel.errors import GateClosed, LedgerWriteFailed
from batchcancel.huskyvoice.limiter import SlidingWindow
from batchcancel.huskyvoice.offload import OffloadCall

LOOK_S = 1.0
"""So long at most after another program closed the gate, requests may still leave here."""

_ROUNDING_S = 0.5


@dataclass(frozen=True, slots=True)
class Patience:
    """For how many seconds at most a closed gate is waited for."""

    seconds: float = math.inf
    now: Now = utc_now

    def require(self, closed: float, *, kept_in: str | None) -> None:
        """Raise `GateClosed` where the gate opens too late."""
        if closed > self.seconds + _ROUNDING_S:
            until = self.now() + timedelta(seconds=closed)
            raise GateClosed(closed, most=self.seconds, until=until, kept_in=kept_in)


def closing(window: SharedWindow, seconds: float, clocks: Clocks) -> Callable[[], None]:
    """What tells a window of a closure that began just now, however late it is told."""
    age = Stopwatch(clocks)

    def tell() -> None:
        if (left := seconds - age.seconds()) > 0:
            window.close_for(left)

    return tell


class GateLimiter:
    """Grants every permit at once while the gate is open; the window is looked at each second."""

    def __init__(
        self,
        window: SharedWindow,
        *,
        offload: OffloadCall,
        clocks: Clocks = real_clocks,
        patience: Patience | None = None,
    ) -> None:
        self._window = window
        self._offload = offload
        self._clocks = clocks
        self._patience = patience or Patience()
        self._own = SlidingWindow(limit=math.inf, window=0.0)
        self._pending: list[Callable[[], None]] = []
        self._turn = anyio.Lock()
        self._look_at = -math.inf
        self.kept_in: str | None = window.kept_in
        self._learn(window.look().closed)

    async def permit(self) -> Permit:
        """Wait until the gate is open."""
        while True:
            if self._is_due():
                await self._look()
            if self.wait() <= 0:
                return await self._own.permit()
            self._patience.require(self.closed(), kept_in=self.kept_in)
            await self._own.changed()

    def unused(self, permit: Permit) -> None:
        self._own.unused(permit)

    def used(self, permit: Permit) -> None:
        self._own.used(permit)

    def close_for(self, seconds: float) -> None:
        """Grant no permit for so long, here and elsewhere."""
        self._own.close_for(seconds)
        self._pending.append(closing(self._window, seconds, self._clocks))

    def wait(self) -> float:
        return self._own.wait()

    def closed(self) -> float:
        return self._own.closed()

    def taken(self) -> int:
        """None: no slots are taken."""
        return 0

    async def flush(self) -> None:
        """Tell what has not been told, for those who go on."""
        if self._pending:
            await self._offload(self._deliver)

    def _is_due(self) -> bool:
        return bool(self._pending) or anyio.current_time() >= self._look_at

    async def _look(self) -> None:
        async with self._turn:
            if self._is_due():
                await self.flush()
                self._learn((await self._offload(self._window.look)).closed)

    def _learn(self, closed: float) -> None:
        self._look_at = anyio.current_time() + LOOK_S
        if closed > 0:
            self._own.close_for(closed)

    def _deliver(self) -> None:
        """What cannot be told is not tried again: the gate stays closed here."""
        try:
            while self._pending:
                self._pending.pop(0)()
        except LedgerWriteFailed:
            self._pending.clear()
