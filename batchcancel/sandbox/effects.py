"""Fault injection: what each fault does to a request under way."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus

import anyio

from batchcancel.sandbox.faults import Fault
from batchcancel.sandbox.wire import Connection, HttpResponse, error

_HUGE = 2 * 1024 * 1024  # twice what a client is to read of one answer
_FOREIGN = b"<!doctype html><title>Blocked</title><h1>The page you asked for is not here</h1>"
_NAMED = frozenset(HTTPStatus)
_BODILESS = {HTTPStatus.NO_CONTENT, HTTPStatus.RESET_CONTENT, HTTPStatus.NOT_MODIFIED}
Mangling = Callable[[HttpResponse], HttpResponse]


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """A fault, the request that met it, and what can still be done about the request."""

    fault: Fault
    connection: Connection
    process: Callable[[], HttpResponse]
    """Applies the change, once; returns the same response when called again."""
    dry_run: Callable[[], HttpResponse]
    """Responds like `process`, changing nothing."""
    process_later: Callable[[float], None]
    """Has the request processed in so many seconds, whoever is still waiting for it."""
    stamp: Callable[[HttpResponse], HttpResponse]
    """Dates a response that goes out now; what is never stamped was never sent."""
    now: Callable[[], datetime]

    def response(self) -> HttpResponse:
        return self.stamp(self.process() if self.fault.applies else self.dry_run())

    def apply_first(self) -> None:
        if self.fault.applies:
            self.process()


Effect = Callable[[Injection], Awaitable[None]]


async def inject(injection: Injection) -> None:
    await _EFFECTS[injection.fault.name](injection)


async def _status(injection: Injection) -> None:
    injection.apply_first()
    response = _status_response(injection.fault, now=injection.now())
    await injection.connection.reply(injection.stamp(response))


async def _slow(injection: Injection) -> None:
    injection.apply_first()
    # Also when the client gives up before the wait is over, the change is applied at its end.
    injection.process_later(injection.fault.seconds)
    await anyio.sleep(injection.fault.seconds)
    await injection.connection.reply(injection.stamp(injection.process()))


async def _hang(injection: Injection) -> None:
    injection.apply_first()
    await injection.connection.hang()


async def _reset(injection: Injection) -> None:
    injection.apply_first()
    await injection.connection.hang_up()


async def _late(injection: Injection) -> None:
    injection.process_later(injection.fault.seconds)
    await injection.connection.hang()


async def _late_reset(injection: Injection) -> None:
    injection.process_later(injection.fault.seconds)
    await injection.connection.hang_up()


async def _truncated(injection: Injection) -> None:
    await injection.connection.truncate(injection.response())


async def _drip(injection: Injection) -> None:
    await injection.connection.drip(injection.response(), gap=injection.fault.seconds)


def _status_response(fault: Fault, *, now: datetime) -> HttpResponse:
    code = HTTPStatus(fault.status).name if fault.status in _NAMED else "UNKNOWN"
    if fault.status == HTTPStatus.TOO_MANY_REQUESTS:
        code = "RATE_LIMIT_EXCEEDED"
    headers = {"retry-after": _retry_after(fault, now), "location": fault.location}
    given = tuple((name, text) for name, text in headers.items() if text is not None)
    answered = fault.code or code
    response = replace(
        error(fault.status, answered, "The sandbox was told to fail."), headers=given
    )
    if fault.foreign:
        return replace(response, body=_FOREIGN, media_type="text/html; charset=utf-8")
    return _empty(response) if fault.status in _BODILESS else response


def _retry_after(fault: Fault, now: datetime) -> str | None:
    if fault.retry_at is None:
        return None if fault.retry_after is None else str(fault.retry_after)
    return format_datetime(now + timedelta(seconds=fault.retry_at), usegmt=True)


def _mangled(mangle: Mangling) -> Effect:
    async def effect(injection: Injection) -> None:
        await injection.connection.reply(mangle(injection.response()))

    return effect


def _broken_json(response: HttpResponse) -> HttpResponse:
    return replace(response, body=response.body[: len(response.body) // 2])


def _empty(response: HttpResponse) -> HttpResponse:
    return replace(response, body=b"")


def _huge(response: HttpResponse) -> HttpResponse:
    padding = b" " * (_HUGE - len(response.body))
    return replace(response, body=response.body + padding)


def _html(response: HttpResponse) -> HttpResponse:
    page = b"<!doctype html><title>Maintenance</title><h1>We will be back soon</h1>"
    return replace(response, body=page, media_type="text/html; charset=utf-8")


def _in_record(field: str, value: str) -> Mangling:
    """Return a mangling that changes one field of the answered record, when there is one."""

    def mangle(response: HttpResponse) -> HttpResponse:
        content = json.loads(response.body)
        if not isinstance(content.get("data"), dict):
            return response
        content["data"][field] = value
        return replace(response, body=json.dumps(content).encode())

    return mangle


_EFFECTS: dict[str, Effect] = {
    "status": _status,
    "slow": _slow,
    "hang": _hang,
    "reset": _reset,
    "late": _late,
    "late_reset": _late_reset,
    "truncated": _truncated,
    "drip": _drip,
    "broken_json": _mangled(_broken_json),
    "empty": _mangled(_empty),
    "huge": _mangled(_huge),
    "html": _mangled(_html),
    "wrong_record": _mangled(_in_record("appointment_id", "appt_of_somebody_else")),
    "wrong_status": _mangled(_in_record("status", "confirmed")),
}
