"""What has to be asked before deciding: the organisation's settings, and when sessions begin."""

import math
from collections.abc import Awaitable, Callable
from datetime import date, time
from typing import Any

from batchcancel.api import Answer, Ask, Meaning, OrgConfig, Request
from batchcancel.errors import InputError, StoppedEarly

Send = Callable[[Request], Awaitable[Answer]]


class HuskyLookup:
    """Asks through `send`, which paces and retries. Calendar windows are asked once a day and branch."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._windows: dict[tuple[date, str | None], list[dict[str, Any]]] = {}

    async def config(self) -> OrgConfig:
        """The organisation's settings; accepts the documented envelope and the bare object."""
        answer = await self._ask(Request(ask=Ask.CONFIG))
        data = answer.body.get("data", answer.body)
        if not isinstance(data, dict):
            data = {}
        allowed, zone = data.get("allow_cancellation"), data.get("timezone")
        return OrgConfig(
            allow_cancellation=allowed if isinstance(allowed, bool) else None,
            notice_hours=_hours(data.get("cancellation_notice_hours")),
            timezone=zone if isinstance(zone, str) else None,
            server_now=answer.server_now,
        )

    async def session_start(
        self, day: date, *, session: str | None, branch_id: str | None
    ) -> time | None:
        """The earliest start among the day's windows of the session, local; None if there is none."""
        starts = [
            start
            for window in await self._windows_of(day, branch_id)
            if session is None or str(window.get("session")).casefold() == session.casefold()
            if (start := _clock_time(window.get("start_time"))) is not None
        ]
        return min(starts, default=None)

    async def _windows_of(self, day: date, branch_id: str | None) -> list[dict[str, Any]]:
        key = (day, branch_id)
        if key not in self._windows:
            query = {"date": day.isoformat()}
            if branch_id is not None:
                query["branch_id"] = branch_id
            answer = await self._ask(Request(ask=Ask.WINDOWS, query=query))
            slots = answer.body.get("slots")
            found = slots if isinstance(slots, list) else []
            self._windows[key] = [slot for slot in found if isinstance(slot, dict)]
        return self._windows[key]

    async def _ask(self, request: Request) -> Answer:
        answer = await self._send(request)
        if answer.meaning is Meaning.PROVED:
            return answer
        if answer.is_worth_retrying:
            raise StoppedEarly(
                f"the API does not answer ({request.ask}: {answer.code}); nothing was sent",
                hint="Run the same command again when the API is back.",
            )
        raise InputError(
            f"the API answers {answer.code} when asked for its {request.ask}; nothing was sent",
            hint="Check --base-url: it ends with the API's version, /v1.",
        )


def _hours(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and value >= 0 else None


def _clock_time(value: Any) -> time | None:
    try:
        return time.fromisoformat(value)
    except (ValueError, TypeError):
        return None
