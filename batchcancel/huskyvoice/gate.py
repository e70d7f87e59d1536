"""The limiter of a program without a rate: it takes no slots, and obeys a closed gate."""

import math

import anyio

from batchcancel.api import Permit, Turn
from batchcancel.huskyvoice.shared_limiter import SharedLimiter

LOOK_S = 1.0
"""So long at most after another program closed the gate, requests may still leave here."""


class GateLimiter(SharedLimiter):
    """Grants every permit at once while the gate is open; the window is looked at each second."""

    _look_at = -math.inf

    def unused(self, permit: Permit) -> None:
        """No slot was taken."""

    def used(self, permit: Permit) -> None:
        """No slot was taken."""

    async def permit(self) -> Permit:
        """Wait until the gate is open; while it is, nobody else is let in between."""
        return await super().permit() if self._is_due() or self.wait() > 0 else Permit()

    async def _ask(self) -> Permit | None:
        if self._is_due():
            self._learn(await self._away(self._window.look))
        return None if self.wait() > 0 else Permit()

    def _is_due(self) -> bool:
        return bool(self._pending) or anyio.current_time() >= self._look_at

    def _learn(self, turn: Turn) -> None:
        self._look_at = anyio.current_time() + LOOK_S
        super()._learn(Turn(None, turn.closed, 0, turn.closed))
