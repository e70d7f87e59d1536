"""Rate limiter on a window that several programs share: it asks for each slot."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import anyio
from anyio.lowlevel import checkpoint_if_cancelled

from batchcancel.api import PERMIT_S, Permit, SharedWindow, Turn
from batchcancel.clock import Clocks, Now, Stopwatch, real_clocks, utc_now
from batchcancel.errors import GateClosed, LedgerWriteFailed
from batchcancel.huskyvoice.offload import OffloadCall, Result

Update = Callable[[], None]

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


class SharedLimiter:
    """Asks the shared window for a slot, one worker at a time, in the order of asking.

    Slots used and given back are queued and told with the next call, in their order. That saves
    calls, and late is safe: others get the slots later.
    """

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
        self.kept_in: str | None = window.kept_in
        self._pending: list[Update] = []
        self._turn = anyio.Lock()
        self._changed = anyio.Event()
        self._closed_until = self._worth_asking_at = anyio.current_time()
        self._taken = 0
        self._learn(window.look())

    async def permit(self) -> Permit:
        """Wait until one more request may be sent, and take its slot.

        A gate that is closed for longer than there is patience raises `GateClosed`.
        """
        async with self._turn:
            while True:
                changed = self._changed  # from before the call: much may change meanwhile
                if (permit := await self._ask()) is not None:
                    return permit
                self._patience.require(self.closed(), kept_in=self.kept_in)
                with anyio.move_on_after(self.wait()):
                    await changed.wait()

    def unused(self, permit: Permit) -> None:
        """Nothing was sent on a permit: its slot is free at once."""
        self._defer(partial(self._window.unused, permit.slot))

    def used(self, permit: Permit) -> None:
        """The answer came, or its time is over: the slot is free one window from now."""
        self._defer(partial(self._window.used, permit.slot))

    def close_for(self, seconds: float) -> None:
        """Grant no permit for so long, here and elsewhere."""
        self._closed_until = max(self._closed_until, anyio.current_time() + seconds)
        age = Stopwatch(self._clocks)

        def tell() -> None:  # however late it is told, the closure began now
            if (left := seconds - age.seconds()) > 0:
                self._window.close_for(left)

        self._defer(tell)

    def wait(self) -> float:
        """Seconds until the next permit could be granted, as far as is known."""
        until = max(self._closed_until, self._worth_asking_at)
        return max(0.0, until - anyio.current_time())

    def closed(self) -> float:
        """Seconds until the gate opens, as far as is known."""
        return max(0.0, self._closed_until - anyio.current_time())

    def taken(self) -> int:
        """How many slots were not free when the window was last asked."""
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
