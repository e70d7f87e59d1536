"""What each fault does to a request under way."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import partial
from http import HTTPStatus

import anyio

from batchcancel.sandbox.answers import Answer, error
from batchcancel.sandbox.faults import Fault
from batchcancel.sandbox.wire import Exchange

Sender = Callable[[Answer], Awaitable[None]]
_HUGE = 2 * 1024 * 1024
_NAMED = frozenset(HTTPStatus)
_BODILESS = {HTTPStatus.NO_CONTENT, HTTPStatus.RESET_CONTENT, HTTPStatus.NOT_MODIFIED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Struck:
    """A request that met a fault, and what can still be done about it."""

    fault: Fault
    exchange: Exchange
    work: Callable[[], Answer]
    """Applies the change, once; returns the same answer when called again."""
    look: Callable[[], Answer]
    """Answers like `work`, changing nothing."""
    work_later: Callable[[float], None]
    """Has the work done in so many seconds, whoever is still waiting for it."""
    send: Callable[[Answer, Sender], Awaitable[None]]
    now: Callable[[], datetime]

    def answer(self) -> Answer:
        return self.work() if self.fault.applies else self.look()

    async def reply(self, answer: Answer) -> None:
        await self.send(answer, self.exchange.reply)


async def strike(struck: Struck) -> None:
    name = struck.fault.name
    if name in _MANGLED:
        await struck.reply(_MANGLED[name](struck.answer()))
    else:
        await _EFFECTS[name](struck)


async def _status(struck: Struck) -> None:
    if struck.fault.applies:
        struck.work()
    await struck.reply(status_answer(struck.fault, now=struck.now()))


async def _slow(struck: Struck) -> None:
    if struck.fault.applies:
        struck.work()
    else:
        struck.work_later(struck.fault.seconds)
    await anyio.sleep(struck.fault.seconds)
    await struck.reply(struck.work())


async def _hang(struck: Struck) -> None:
    if struck.fault.applies:
        struck.work()
    await struck.exchange.hang()


async def _reset(struck: Struck) -> None:
    if struck.fault.applies:
        struck.work()
    await struck.exchange.hang_up()


async def _late(struck: Struck) -> None:
    struck.work_later(struck.fault.seconds)
    await struck.exchange.hang()


async def _late_reset(struck: Struck) -> None:
    struck.work_later(struck.fault.seconds)
    await struck.exchange.hang_up()


async def _truncated(struck: Struck) -> None:
    await struck.send(struck.answer(), struck.exchange.truncate)


async def _drip(struck: Struck) -> None:
    drip = partial(struck.exchange.drip, gap=struck.fault.seconds)
    await struck.send(struck.answer(), drip)


def status_answer(fault: Fault, *, now: datetime) -> Answer:
    code = HTTPStatus(fault.status).name if fault.status in _NAMED else "UNKNOWN"
    if fault.status == HTTPStatus.TOO_MANY_REQUESTS:
        code = "RATE_LIMIT_EXCEEDED"
    headers = {"retry-after": _retry_after(fault, now), "location": fault.location}
    given = tuple((name, text) for name, text in headers.items() if text is not None)
    answer = replace(error(fault.status, code, "The sandbox was told to fail."), headers=given)
    return _empty(answer) if fault.status in _BODILESS else answer


def _retry_after(fault: Fault, now: datetime) -> str | None:
    if fault.retry_at is None:
        return None if fault.retry_after is None else str(fault.retry_after)
    return format_datetime(now + timedelta(seconds=fault.retry_at), usegmt=True)


def _broken_json(answer: Answer) -> Answer:
    return replace(answer, body=answer.body[: len(answer.body) // 2])


def _empty(answer: Answer) -> Answer:
    return replace(answer, body=b"")


def _huge(answer: Answer) -> Answer:
    padding = b" " * (_HUGE - len(answer.body))
    return replace(answer, body=answer.body + padding)


def _html(answer: Answer) -> Answer:
    page = b"<!doctype html><title>Maintenance</title><h1>We will be back soon</h1>"
    return replace(answer, body=page, media_type="text/html; charset=utf-8")


def _in_record(field: str, value: str) -> Callable[[Answer], Answer]:
    """Return a mangling that changes one field of the answered record, when there is one."""

    def mangle(answer: Answer) -> Answer:
        content = json.loads(answer.body)
        if not isinstance(content.get("data"), dict):
            return answer
        content["data"][field] = value
        return replace(answer, body=json.dumps(content).encode())

    return mangle


_MANGLED: dict[str, Callable[[Answer], Answer]] = {
    "broken_json": _broken_json,
    "empty": _empty,
    "huge": _huge,
    "html": _html,
    "wrong_record": _in_record("appointment_id", "appt_of_somebody_else"),
    "wrong_status": _in_record("status", "confirmed"),
}
_EFFECTS: dict[str, Callable[[Struck], Awaitable[None]]] = {
    "status": _status,
    "slow": _slow,
    "hang": _hang,
    "reset": _reset,
    "late": _late,
    "late_reset": _late_reset,
    "truncated": _truncated,
    "drip": _drip,
}
