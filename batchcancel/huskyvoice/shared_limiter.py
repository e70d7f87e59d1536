"""The limiter of one program where several share a window: it asks for each slot."""

from collections.abc import Callable
from functools import partial

import anyio
from anyio.lowlevel import checkpoint_if_cancelled

from batchcancel.api import PERMIT_S, Permit, SharedWindow, Turn
from batchcancel.clock import Clocks, Stopwatch, real_clocks
from batchcancel.errors import LedgerWriteFailed
from batchcancel.huskyvoice.gate import Patience, closing
from batchcancel.huskyvoice.offload import Offload, Result

Note = Callable[[], None]


class SharedLimiter:
    """One worker at a time asks, for the others wait behind it in their order.

    What became of a slot is told on the next way to the window: late, in order, and never before
    it is true.
    """

    def __init__(
        self,
        window: SharedWindow,
        *,
        offload: Offload,
        clocks: Clocks = real_clocks,
        patience: Patience | None = None,
    ) -> None:
        self._window = window
        self._offload = offload
        self._clocks = clocks
        self._patience = patience or Patience()
        self.kept_in: str | None = window.kept_in
        self._notes: list[Note] = []
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
            while (permit := await self._ask()) is None:
                self._patience.require(self.closed(), kept_in=self.kept_in)
                changed = self._changed
                with anyio.move_on_after(self.wait()):
                    await changed.wait()
            return permit

    def unused(self, permit: Permit) -> None:
        """Nothing was sent on a permit: its slot is free at once."""
        self._note(partial(self._window.unused, permit.slot))

    def used(self, permit: Permit) -> None:
        """The answer came, or will not come: the slot is free one window from now."""
        self._note(partial(self._window.used, permit.slot))

    def close_for(self, seconds: float) -> None:
        """Grant no permit for so long, here and elsewhere."""
        self._closed_until = max(self._closed_until, anyio.current_time() + seconds)
        self._note(closing(self._window, seconds, self._clocks))

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

    async def tell(self) -> None:
        """Tell what has not been told, for those who go on."""
        if self._notes:
            await self._away(lambda: None)

    async def _ask(self) -> Permit | None:
        if self._closed_until > anyio.current_time():
            await self.tell()
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
            while self._notes:
                self._notes.pop(0)()
        except LedgerWriteFailed:
            self._notes.clear()
        return call()

    async def _refuse_if_cancelled(self, permit: Permit) -> None:
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

    def _note(self, note: Note) -> None:
        self._notes.append(note)
        self._changed.set()
        self._changed = anyio.Event()
