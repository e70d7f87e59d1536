"""What can happen to a cancellation on its way, and how it is made to happen.

A strike meets the PATCH of one appointment. Most put an answer in the place of the API's; with
`is_applied` the API has made the change by then, and only its answer is lost.
"""

import gzip
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import anyio
import httpx

Reply = Callable[[str], Awaitable[httpx.Response]]
"""Answers in the API's place, given the id of the appointment."""


@dataclass(frozen=True, slots=True)
class Strike:
    reply: Reply
    is_applied: bool = False


def status(code: int, body: object = None, *headers: tuple[str, str], error: str = "") -> Strike:
    """That status; with the API's usual envelope unless a body is given."""
    content = {"error": {"code": error or f"E{code}", "message": "No."}} if body is None else body
    return _always(code, content, *headers)


def _always(code: int, content: object, *headers: tuple[str, str]) -> Strike:
    async def reply(_appointment_id: str) -> httpx.Response:
        return _response(code, content, *headers)

    return Strike(reply)


def record(code: int = 200, *, is_applied: bool = True, **fields: object) -> Strike:
    """The record as it should be, but for these fields."""

    async def reply(appointment_id: str) -> httpx.Response:
        return _response(code, {"success": True, "data": _cancelled(appointment_id) | fields})

    return Strike(reply, is_applied=is_applied)


def text(template: str | bytes, *, is_applied: bool = True, encoding: str = "utf-8") -> Strike:
    """A body as it stands, with `ID` and `RECORD` filled in."""

    async def reply(appointment_id: str) -> httpx.Response:
        if isinstance(template, bytes):
            return _response(200, template)
        filled = template.replace("RECORD", json.dumps(_cancelled(appointment_id)))
        body = filled.replace("ID", appointment_id).encode(encoding)
        return _response(200, body)

    return Strike(reply, is_applied=is_applied)


async def _zipped(appointment_id: str) -> httpx.Response:
    body = gzip.compress(json.dumps({"data": _cancelled(appointment_id)}).encode())
    return _response(200, body, ("Content-Encoding", "gzip"))


ZIPPED = Strike(_zipped, is_applied=True)


def lost(error: Exception, *, is_applied: bool = False) -> Strike:
    async def reply(_appointment_id: str) -> httpx.Response:
        raise error

    return Strike(reply, is_applied=is_applied)


async def _silent(_appointment_id: str) -> httpx.Response:
    await anyio.sleep_forever()
    raise AssertionError


class _Drip(httpx.AsyncByteStream):
    async def __aiter__(self):
        while True:
            yield b" "
            await anyio.sleep(1)


async def _dripping(_appointment_id: str) -> httpx.Response:
    return httpx.Response(200, stream=_Drip())


SILENT = Strike(_silent)
SILENT_AFTERWARDS = Strike(_silent, is_applied=True)
DRIPPING = Strike(_dripping, is_applied=True)


def _cancelled(appointment_id: str) -> dict[str, object]:
    return {
        "appointment_id": appointment_id,
        "status": "cancelled",
        "updated_at": "2026-06-01T06:02:00.000Z",
    }


def _response(code: int, content: object, *headers: tuple[str, str]) -> httpx.Response:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    date = ("Date", "Mon, 01 Jun 2026 06:02:00 GMT")
    return httpx.Response(code, headers=[date, *headers], stream=httpx.ByteStream(body))


@dataclass(slots=True)
class Struck:
    """A network on which a strike meets the first `times` PATCH of one appointment, or all."""

    inner: Callable[[], httpx.AsyncBaseTransport]
    strike: Strike
    appointment_id: str
    times: float
    now: Callable[[], float]
    is_applied: bool
    seen: list[float] = field(default_factory=list)

    def transport(self) -> "Line":
        return Line(self, self.inner())


class Line(httpx.AsyncBaseTransport):
    def __init__(self, struck: Struck, inner: httpx.AsyncBaseTransport) -> None:
        self._struck = struck
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        struck = self._struck
        is_met = request.method == "PATCH" and request.url.path.endswith(struck.appointment_id)
        if not is_met:
            return await self._inner.handle_async_request(request)
        struck.seen.append(struck.now())
        if len(struck.seen) > struck.times:
            return await self._inner.handle_async_request(request)
        if struck.is_applied:
            await self._inner.handle_async_request(request)
        return await struck.strike.reply(struck.appointment_id)
