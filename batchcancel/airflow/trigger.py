"""Trigger that waits, in the triggerer, until the rate limit's window has room again."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

_LOOK_S = 10.0


class SlotsFree(BaseTrigger):
    """Fires at an instant, in ISO 8601, with what it was given to `go_on` with: names and instants.

    It asks nothing of anybody, so another triggerer may begin it anew at any time.
    """

    def __init__(self, until: str, go_on: dict[str, str | None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.until = until
        self.go_on = go_on

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "batchcancel.airflow.trigger.SlotsFree", {"until": self.until, "go_on": self.go_on}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        loop, until = asyncio.get_running_loop(), datetime.fromisoformat(self.until)
        left = (until - datetime.now(UTC)).total_seconds()
        end = loop.time() + left  # a clock that is set back meanwhile makes the wait no longer
        while left > 0:
            await asyncio.sleep(min(left, _LOOK_S))
            left = min(end - loop.time(), (until - datetime.now(UTC)).total_seconds())
        yield TriggerEvent(self.go_on)  # type: ignore[no-untyped-call]
