"""Reads that a decision needs: the organisation's settings, calendar windows, records."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import anyio

from batchcancel.api import (
    MOST_HOURS,
    NOTHING,
    PAGE,
    Answer,
    Ask,
    Lookup,
    Meaning,
    OrgConfig,
    Page,
    Request,
    Send,
    Window,
)
from batchcancel.errors import WRONG_ADDRESS, InputError, StoppedEarly, Unreachable
from batchcancel.huskyvoice.answers import record_from, window_from

# The page on services does not tell its fields.
_SERVICE_ID, _SERVICE_NAME = ("id", "service_id", "appointment_type"), ("name", "service_name")


class HuskyLookup(Lookup):
    """Sends reads through `send`, which paces and retries; caches calendar windows.

    Every row of a day asks for the same windows: they are read once for a day.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self.listed: dict[date, Sequence[Window] | None] = {}
        self._asking = anyio.Lock()

    async def config(self) -> OrgConfig:
        """The organisation's settings; takes both the documented envelope and a bare object."""
        answer = await self._ask(Request(ask=Ask.CONFIG))
        data = answer.body.get("data", answer.body)
        if not isinstance(data, dict):
            data = {}
        zone = data.get("timezone")
        return OrgConfig(
            allow_cancellation=_permission(data),
            notice_hours=_hours(data.get("cancellation_notice_hours")),
            timezone=zone if isinstance(zone, str) else None,
        )

    async def windows(self, day: date, *, anew: bool = False) -> Sequence[Window] | None:
        # Of all branches and sessions: a query finds one only by the API's own spelling.
        async with self._asking:  # else all workers would ask for the same windows at once
            if anew or day not in self.listed:
                query = {"date": day.isoformat()}
                answer = await self._send(Request(ask=Ask.WINDOWS, query=query))
                if answer.is_worth_retrying:
                    raise _no_answer(Ask.WINDOWS, answer)
                body = answer.body or {}
                # Those of another day begin at other times.
                is_others = not str(body.get("date") or day).startswith(day.isoformat())
                listed = None if is_others else body.get("slots")
                windows = [window_from(one) for one in _dicts(listed)]
                self.listed[day] = windows if isinstance(listed, list) else None
        return self.listed[day]

    async def read(self, appointment_id: str) -> Answer:
        return await self._send(Request(ask=Ask.READ, appointment_id=appointment_id))

    async def page_of_day(
        self, day: date, *, page: int, part: Mapping[str, str] = NOTHING
    ) -> Page | None:
        answer = await self._search({"date": day.isoformat(), **part}, page)
        if answer.is_worth_retrying and answer.code not in WRONG_ADDRESS:
            raise _no_answer(Ask.SEARCH, answer)
        return _page_in(answer)

    async def page(self, query: Mapping[str, str], *, page: int) -> Page | None:
        answer = await self._search(query, page)
        if answer.is_worth_retrying:
            raise _no_answer(Ask.SEARCH, answer)
        return _page_in(answer)

    async def services(self) -> dict[str, str]:
        answer = await self._send(Request(ask=Ask.SERVICES))
        listed = answer.body.get("data") if answer.meaning is Meaning.PROVED else None
        named = ((_first(one, _SERVICE_ID), _first(one, _SERVICE_NAME)) for one in _dicts(listed))
        return {one: name for one, name in named if one and name}

    async def _search(self, query: Mapping[str, str], page: int) -> Answer:
        asked = {**query, "page": str(page), "limit": str(PAGE)}
        return await self._send(Request(ask=Ask.SEARCH, query=asked))

    async def _ask(self, request: Request) -> Answer:
        answer = await self._send(request)
        if answer.meaning is Meaning.PROVED:
            return answer
        if answer.is_worth_retrying or answer.code in WRONG_ADDRESS:
            raise _no_answer(request.ask, answer)
        raise InputError(
            f"the API answers {answer.code} when asked for its {request.ask}; nothing was sent",
            hint="Check --base-url: it ends with the API's version, /v1.",
        )


def _no_answer(ask: Ask, answer: Answer) -> StoppedEarly:
    return Unreachable(answer.code, ask=ask.path)


def _first(told: Mapping[str, Any], names: Iterable[str]) -> str | None:
    return next((told[name] for name in names if isinstance(told.get(name), str)), None)


def _page_in(answer: Answer) -> Page | None:
    listed = (answer.body or {}).get("data")
    records = (record_from(data) for data in _dicts(listed))
    readable = [record for record in records if record is not None]
    return Page(readable, len(listed)) if isinstance(listed, list) else None


def _dicts(value: Any) -> list[dict[str, Any]]:
    found = value if isinstance(value, list) else []
    return [one for one in found if isinstance(one, dict)]


def _permission(data: dict[str, Any]) -> bool | None:
    """Only `true` allows: whatever else stands there was meant to say no, or nobody knows what."""
    return data["allow_cancellation"] is True if "allow_cancellation" in data else None


def _hours(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= MOST_HOURS else None
