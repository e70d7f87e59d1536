"""The network between the program and the sandbox: it takes time and loses things.

A request that has left goes on its way whatever becomes of its sender, as packets do.
"""

import math
from collections.abc import AsyncIterator, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from random import Random
from typing import Any

import httpx
import trio

from batchcancel.sandbox import FULL_KEY, Sandbox
from tests.simulation.crash import Crash, Mortal
from tests.simulation.scenario import NetworkSpec

Message = MutableMapping[str, Any]


@dataclass(slots=True, kw_only=True)
class Departure:
    """One request that left, and what became of it, as far as anybody outside can tell.

    It has no `arrival` (its number in the sandbox's history) where it never did, or came to another
    clinic. Times are in virtual seconds, `answered` when the whole answer was there. `parsed` and
    `records` are what the oracle read in it; `date` is that of the sandbox, told or not.
    """

    process: Mortal
    at: float
    method: str
    url: str
    body: bytes
    headers: httpx.Headers
    appointment_id: str | None
    arrival: int | None = None
    answered: float | None = None
    content: bytes = b""
    parsed: Mapping[str, Any] | None = None
    records: Mapping[str, Any] | None = None
    status: int | None = None
    date: str | None = None
    is_dated: bool = True
    answer_headers: httpx.Headers | None = None
    given_up: float | None = None


class Talk:
    """One request under way, and its answer as far as it has come."""

    def __init__(self, body: bytes, *, latency: float) -> None:
        self._body: bytes | None = body
        self._latency = latency
        self._answer, self._rest = trio.open_memory_channel[tuple[float, Message | None]](math.inf)
        self._gone = trio.Event()
        self.is_answer_lost = False

    async def receive(self) -> Message:
        """What the server reads: the request, then nothing until its client is gone."""
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message | None) -> None:
        """What the server writes; None says that the connection is cut."""
        if not self.is_answer_lost:
            self._answer.send_nowait((trio.current_time() + self._latency, message))

    async def next(self) -> Message:
        """What the client reads, when it has come all the way."""
        ready_at, message = await self._rest.receive()
        await trio.sleep_until(ready_at)
        if message is None:
            raise httpx.ReadError("the connection was cut")
        return message

    def hang_up(self) -> None:
        self._gone.set()


@dataclass(slots=True, kw_only=True)
class Network:
    """Carries requests to the sandbox and answers back; `nursery` outlives every process.

    With another key than the sandbox's they go to another clinic, `elsewhere`.
    """

    sandbox: Sandbox
    elsewhere: Sandbox
    spec: NetworkSpec
    random: Random
    nursery: trio.Nursery
    on_departure: Callable[[Departure], None]
    on_answer: Callable[[Departure], None]
    is_calm: bool = False
    departures: list[Departure] = field(default_factory=list)
    neighbours: list[int] = field(default_factory=list)
    under_way: int = 0

    def depart(self, departure: Departure) -> Talk:
        """A request leaves its process."""
        self.departures.append(departure)
        self.on_departure(departure)
        departure.is_dated = self.random.random() >= self.spec.undated
        latency = self.random.uniform(*self.spec.latency) / 2
        talk = Talk(departure.body, latency=latency)
        self.nursery.start_soon(self._carry, departure, talk, latency, self._fate())
        return talk

    def with_date(self, head: Message, departure: Departure) -> Message:
        """The head of an answer, as far as it tells the time, and whoever tells it."""
        headers = httpx.Headers(head["headers"])
        departure.date = headers.get("date")
        if not departure.is_dated:
            headers.pop("date", None)
        elif "date" in headers and self._is_gateways(departure):
            told = parsedate_to_datetime(headers["date"])
            ahead = timedelta(seconds=self.spec.gateway_ahead)
            headers["date"] = format_datetime(told + ahead, usegmt=True)
        return {**head, "headers": headers.raw}

    def _is_gateways(self, departure: Departure) -> bool:
        if departure.arrival is None:
            return False
        fault = self.sandbox.history.arrivals[departure.arrival].fault or ""
        return fault == "html" or fault.startswith("foreign")

    def answered(self, departure: Departure) -> None:
        """The whole answer is in the hands of its process."""
        departure.answered = trio.current_time()
        self.on_answer(departure)

    async def neighbour(self) -> None:
        """Another program of ours sends a request, within the window that it shares."""
        self.neighbours.append(len(self.sandbox.history))
        await self.other_user()

    async def other_user(self) -> None:
        """Somebody else uses the same key, for a read that changes nothing."""
        talk = Talk(b"", latency=0.0)
        scope = _scope("GET", httpx.URL("http://localhost/v1/appointments?limit=1"))
        scope["headers"] = [
            (b"authorization", f"Bearer {FULL_KEY}".encode()), (b"user-agent", b"somebody else"),
        ]  # fmt: skip
        talk.hang_up()
        await self._visit(scope, talk, self.sandbox)

    def _fate(self) -> str | None:
        draw = self.random.random()
        for fate, chance in self.spec.chances.items():
            draw -= chance
            if draw < 0 and not self.is_calm:
                return fate
        return None

    async def _carry(
        self, departure: Departure, talk: Talk, latency: float, fate: str | None
    ) -> None:
        self.under_way += 1
        await trio.sleep(latency)
        self.under_way -= 1
        if fate == "vanishes":
            return
        if fate == "refused":
            await talk.send(None)
            return
        talk.is_answer_lost = fate == "answer lost"
        sandbox = self.sandbox if departure.process.key == FULL_KEY else self.elsewhere
        if sandbox is self.sandbox:
            departure.arrival = len(sandbox.history)
        departure.process.boundary_outside("arrived")
        scope = _scope(departure.method, httpx.URL(departure.url))
        scope["headers"] = [(name.lower(), value) for name, value in departure.headers.raw]
        if fate == "cut":
            await talk.send(None)
        await self._visit(scope, talk, sandbox)

    async def _visit(self, scope: dict[str, Any], talk: Talk, sandbox: Sandbox) -> None:
        try:
            await sandbox.app(scope, talk.receive, talk.send)
        except ConnectionResetError:
            await talk.send(None)


@dataclass(slots=True)
class Wire(httpx.AsyncBaseTransport):
    """The transport handed to the program's client: one process's end of the network."""

    _network: Network
    _process: Mortal

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        self._process.boundary("before send")
        departure = _departure(request, body, process=self._process)
        talk = self._network.depart(departure)
        try:
            self._process.boundary("after send")
            head = await talk.next()
            self._process.boundary("before answer")
        except (Exception, trio.Cancelled, Crash):
            departure.given_up = trio.current_time()
            talk.hang_up()
            raise
        head = self._network.with_date(head, departure)
        departure.status = head["status"]
        departure.answer_headers = httpx.Headers(head["headers"])
        return httpx.Response(
            head["status"], headers=head["headers"], stream=_Body(self._network, departure, talk)
        )


@dataclass(slots=True)
class _Body(httpx.AsyncByteStream):
    _network: Network
    _departure: Departure
    _talk: Talk

    async def __aiter__(self) -> AsyncIterator[bytes]:
        is_more = True
        while is_more:
            message = await self._talk.next()
            is_more = message.get("more_body", False)
            self._departure.content += message["body"]
            if not is_more:
                self._network.answered(self._departure)
            yield message["body"]

    async def aclose(self) -> None:
        if self._departure.answered is None:
            self._departure.given_up = trio.current_time()
        self._talk.hang_up()


def _departure(request: httpx.Request, body: bytes, *, process: Mortal) -> Departure:
    head, _, last = request.url.path.rpartition("/")
    return Departure(
        process=process,
        at=trio.current_time(),
        method=request.method,
        url=str(request.url),
        body=body,
        headers=request.headers,
        appointment_id=last if head.endswith("/appointments") else None,
    )


def _scope(method: str, url: httpx.URL) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": url.scheme,
        "path": url.path,
        "raw_path": url.raw_path.partition(b"?")[0],
        "query_string": url.query,
        "server": (url.host, url.port),
        "client": ("127.0.0.1", 1),
        "root_path": "",
    }
