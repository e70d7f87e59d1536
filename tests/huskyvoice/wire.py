"""The network as the client sees it: every connection it opens, and what it sends over each."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import httpx

from batchcancel.api import Ask, Request
from batchcancel.clock import ServerClock
from batchcancel.huskyvoice.client import HuskyVoice

NOW = datetime(2026, 6, 1, 6, tzinfo=UTC)
KEY = "sk_live_0123456789"
CANCEL = Request(ask=Ask.CANCEL, appointment_id="a1")
READ = Request(ask=Ask.READ, appointment_id="a1")

Handle = Callable[[httpx.Request], Awaitable[httpx.Response]]


def response(status: int, body: bytes = b"", **headers: str) -> httpx.Response:
    """An answer whose body is still to be read, as it is on a real connection."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return httpx.Response(status, headers=named, stream=httpx.ByteStream(body))


async def cancelled(request: httpx.Request) -> httpx.Response:
    """Answer as the API does when a cancellation went well."""
    record = {"appointment_id": request.url.path.rpartition("/")[2], "status": "cancelled"}
    return response(200, json.dumps({"success": True, "data": record}).encode())


class Wire:
    """Opens lines that answer through `handle`, and remembers lines and requests."""

    def __init__(self, handle: Handle = cancelled) -> None:
        self.handle = handle
        self.lines: list[Line] = []
        self.requests: list[httpx.Request] = []
        self.clock = ServerClock(steady=lambda: 0.0, now=lambda: NOW)

    def new_line(self) -> "Line":
        self.lines.append(Line(self))
        return self.lines[-1]

    def client(self, *, base_url: str = "https://h.example/v1", timeout: float = 10) -> HuskyVoice:
        return HuskyVoice(
            base_url=base_url,
            key=KEY,
            timeout=timeout,
            clock=self.clock,
            new_transport=self.new_line,
        )


class Line(httpx.AsyncBaseTransport):
    """One connection."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.most_at_once = 0
        self.is_closed = False
        self._under_way = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._wire.requests.append(request)
        self._under_way += 1
        self.most_at_once = max(self.most_at_once, self._under_way)
        try:
            return await self._wire.handle(request)
        finally:
            self._under_way -= 1

    async def aclose(self) -> None:
        self.is_closed = True
