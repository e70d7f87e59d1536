"""The limiter of one program where several share a window: it asks for each slot."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol, TypeVar

import anyio
from anyio.lowlevel import checkpoint_if_cancelled

from batchcancel.api import PERMIT_S, Permit, SharedWindow, Turn
from batchcancel.clock import Clocks, Stopwatch, real_clocks
from batchcancel.errors import LedgerWriteFailed

Result = TypeVar("Result")
Update = Callable[[], None]


class OffloadCall(Protocol):
    """How the window is asked: in a thread in the program, inline under a virtual clock.

    A call that has begun is finished, whoever is stopped meanwhile.
    """

    def __call__(self, call: Callable[[], Result], /) -> Awaitable[Result]: ...


class SharedLimiter:
    """One worker at a time asks, for the others wait behind it in their order.

    What became of a slot is told on the next way to the window: late, in order, and never before
    it is true.
    """

    def __init__(
        self, window: SharedWindow, *, offload: OffloadCall, clocks: Clocks = real_clocks
    ) -> None:
        self._window = window
        self._offload = offload
        self._clocks = clocks
        self._pending: list[Update] = []
        self._turn = anyio.Lock()
        self._changed = anyio.Event()
        self._closed_until = self._worth_asking_at = anyio.current_time()
        self._taken = 0
        self._learn(window.look())

    async def permit(self) -> Permit:
        """Wait until one more request may be sent, and take its slot."""
        async with self._turn:
            while (permit := await self._ask()) is None:
                changed = self._changed
                with anyio.move_on_after(self.wait()):
                    await changed.wait()
            return permit

    def unused(self, permit: Permit) -> None:
        """Nothing was sent on a permit: its slot is free at once."""
        self._defer(partial(self._window.unused, permit.slot))

    def used(self, permit: Permit) -> None:
        """The answer came, or will not come: the slot is free one window from now."""
        self._defer(partial(self._window.used, permit.slot))

    def close_for(self, seconds: float) -> None:
        """Grant no permit for so long, here and elsewhere."""
        self._closed_until = max(self._closed_until, anyio.current_time() + seconds)
        self._defer(partial(self._window.close_for, seconds))

    def wait(self) -> float:
        """Seconds until the next permit could be granted, as far as is known."""
        until = max(self._closed_until, self._worth_asking_at)
        return max(0.0, until - anyio.current_time())

    def taken(self) -> int:
        """How many slots were not free when the window was last asked."""
        return self._taken

    async def flush(self) -> None:
        """Tell what has not been told, for those who go on."""
        if self._pending:
            await self._away(lambda: None)

    async def _ask(self) -> Permit | None:
        if self._closed_until > anyio.current_time():
            await self.flush()
            return None
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
        """Tell what has gathered, in its order, then call.

        What cannot be told is not tried again: its slots are free later, which is safe.
        """
        try:
            while self._pending:
                self._pending.pop(0)()
        except LedgerWriteFailed:
            self._pending.clear()
        return call()

    async def _refuse_if_cancelled(self, permit: Permit) -> None:
        try:
            await checkpoint_if_cancelled()
        except BaseException:
            self.unused(permit)
            raise

    def _learn(self, turn: Turn) -> None:
        self._taken = turn.taken
        self._worth_asking_at = anyio.current_time() + turn.wait

    def _defer(self, update: Update) -> None:
        self._pending.append(update)
        self._changed.set()
        self._changed = anyio.Event()
