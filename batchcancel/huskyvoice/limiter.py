"""Rate limiter: exact in any window, as the server counts, whoever else uses the window.

HuskyVoice rate limits: 60 requests per minute and key, over a sliding window, reads included. The
server counts a request somewhere between our send and its answer. A slot is free one window after
the answer, which is late enough whatever the network does, so no jitter can cause a 429.
"""

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Protocol, TypeVar

import anyio
from anyio.lowlevel import checkpoint_if_cancelled

from batchcancel.api import PERMIT_S, Limiter, Permit, SharedWindow, Turn
from batchcancel.clock import Clocks, Now, Stopwatch, real_clocks, utc_now
from batchcancel.errors import GateClosed, LedgerWriteFailed, WindowFull

LOOK_S = 1.0
"""Without a rate, requests may still leave so long after another program closed the gate."""

_ROUNDING_S = 0.5

Result = TypeVar("Result")
Update = Callable[[], None]


class OffloadCall(Protocol):
    """Makes a blocking call without blocking the event loop: in a thread, but in tests inline.

    A call that has begun is finished, even when its caller is cancelled meanwhile.
    """

    def __call__(self, call: Callable[[], Result], /) -> Awaitable[Result]: ...


async def inline(call: Callable[[], Result], /) -> Result:
    """Call it here: a window in memory blocks nobody, and a virtual clock waits for no thread."""
    return call()


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


class WindowLimiter(Limiter):
    """Asks a window for a slot, one worker at a time, in the order of asking.

    Slots used and given back are queued and told with the next call, in their order. That saves
    calls, and late is safe: others get the slots later.
    """

    def __init__(
        self,
        window: SharedWindow,
        *,
        offload: OffloadCall = inline,
        clocks: Clocks = real_clocks,
        patience: Patience | None = None,
    ) -> None:
        self._window = window
        self._offload = offload
        self._clocks = clocks
        self._patience = patience or Patience()
        self.kept_in = window.kept_in
        self._pending: list[Update] = []
        self._turn = anyio.Lock()
        self._changed = anyio.Event()
        self._closed_until = self._worth_asking_at = anyio.current_time()
        self._taken = 0
        self._learn(window.look())

    async def permit(self, most_wait: float = math.inf) -> Permit:
        async with self._turn:
            while True:
                changed = self._changed  # from before the call: much may change meanwhile
                if (permit := await self._ask()) is not None:
                    return permit
                self._patience.require(self.closed(), kept_in=self.kept_in)
                if (wait := self.wait()) > most_wait:
                    raise WindowFull(wait)
                with anyio.move_on_after(self.wait()):
                    await changed.wait()

    def unused(self, permit: Permit) -> None:
        self._defer(partial(self._window.unused, permit.slot))

    def used(self, permit: Permit) -> None:
        self._defer(partial(self._window.used, permit.slot))

    def close_for(self, seconds: float) -> None:
        self._closed_until = max(self._closed_until, anyio.current_time() + seconds)
        age = Stopwatch(self._clocks)

        def tell() -> None:  # however late it is told, the closure began now
            if (left := seconds - age.seconds()) > 0:
                self._window.close_for(left)

        self._defer(tell)
        self._patience.require(seconds, kept_in=self.kept_in)

    def wait(self) -> float:
        until = max(self._closed_until, self._worth_asking_at)
        return max(0.0, until - anyio.current_time())

    async def looked(self) -> float:
        self._learn(await self._away(self._window.look))
        return self.wait()

    def closed(self) -> float:
        return max(0.0, self._closed_until - anyio.current_time())

    def taken(self) -> int:
        return self._taken

    async def flush(self) -> None:
        """Tell the window what is queued, for the programs that go on."""
        if self._pending:
            await self._away(lambda: None)

    async def _ask(self) -> Permit | None:
        if self._closed_until > anyio.current_time():
            await self.flush()
            return None
        # From before the call: the database may have taken the slot when the call began.
        age = Stopwatch(self._clocks)
        turn = await self._away(self._window.take)
        self._learn(turn)
        if turn.slot is None:
            return None
        permit = Permit(turn.slot, lambda: age.seconds() < PERMIT_S)
        await self._refuse_if_cancelled(permit)
        return permit

    async def _away(self, call: Callable[[], Result]) -> Result:
        return await self._offload(partial(self._deliver, call))

    def _deliver(self, call: Callable[[], Result]) -> Result:
        """Tell what is queued, in its order, then call.

        What cannot be told is dropped: its slots are free later, which is safe. Told later, a
        closing of the gate would begin anew.
        """
        try:
            while self._pending:
                self._pending.pop(0)()
        except LedgerWriteFailed:
            self._pending.clear()
        return call()

    async def _refuse_if_cancelled(self, permit: Permit) -> None:
        # The call was finished although its caller was cancelled: nobody will use the slot.
        try:
            await checkpoint_if_cancelled()
        except BaseException:
            self.unused(permit)
            raise

    def _learn(self, turn: Turn) -> None:
        self._taken = turn.taken
        now = anyio.current_time()
        self._worth_asking_at = now + turn.wait
        self._closed_until = max(self._closed_until, now + turn.closed)

    def _defer(self, update: Update) -> None:
        self._pending.append(update)
        self._changed.set()
        self._changed = anyio.Event()


class GateLimiter(WindowLimiter):
    """The limiter without a rate: it takes no slots, and looks each second whether the gate is
    closed.
    """

    _look_at = -math.inf

    def unused(self, permit: Permit) -> None:
        """No slot was taken."""

    def used(self, permit: Permit) -> None:
        """No slot was taken."""

    async def permit(self, most_wait: float = math.inf) -> Permit:
        # While the gate is open nobody waits; while it is not, nobody is let in between.
        return await super().permit(most_wait) if self._is_due() or self.wait() > 0 else Permit()

    async def _ask(self) -> Permit | None:
        if self._is_due():
            self._learn(await self._away(self._window.look))
        return None if self.wait() > 0 else Permit()

    def _is_due(self) -> bool:
        return bool(self._pending) or anyio.current_time() >= self._look_at

    def _learn(self, turn: Turn) -> None:
        self._look_at = anyio.current_time() + LOOK_S
        super()._learn(Turn(None, turn.closed, 0, turn.closed))
