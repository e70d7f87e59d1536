"""HTTP over ASGI: a request as it arrived, the response to it, and the connection between them."""

import json
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

import anyio

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
MOST_BODY = 1024 * 1024


class RefusedError(Exception):
    """The request is refused, with the status and code the client sees."""

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        super().__init__(message)
        self.response = error(status, code, message)


class DisconnectedError(Exception):
    """The client gave up while its request was being read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""
    key: str | None = None

    def parameters(self, allowed: frozenset[str]) -> dict[str, str]:
        """Return the query's fields, each known and given once."""
        pairs = parse_qsl(self.query, keep_blank_values=True)
        found = dict(pairs)
        if len(found) < len(pairs):
            raise invalid("A query parameter was given twice.")
        if unknown := found.keys() - allowed:
            raise invalid(f"Unknown query parameters: {', '.join(sorted(unknown))}.")
        return found

    def json_object(self) -> dict[str, Any]:
        """Return the body, which must be a JSON object sent as `application/json`."""
        media_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            raise invalid("The body must be sent as application/json.")
        content = self.json_body()
        if not isinstance(content, dict):
            raise invalid("The body must be a JSON object.")
        return content

    def json_body(self) -> Any:
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):  # the second is raised by thousands of brackets
            raise invalid("The body is not valid JSON.") from None

    def read_only(self) -> "HttpRequest":
        """Return a request with a like response that changes nothing: a PATCH becomes a GET."""
        return replace(self, method="GET") if self.method == "PATCH" else self

    @property
    def appointment_id(self) -> str | None:
        """Return the id in the path, or None when it names no single appointment."""
        head, _, appointment_id = self.path.rpartition("/")
        return appointment_id if head == "/v1/appointments" and appointment_id else None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpResponse:
    status: int
    body: bytes
    media_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    changed: bool = False
    """Whether a record was changed to give this response; not sent."""


def data(content: Any, **beside: Any) -> HttpResponse:
    """Return the envelope of a success."""
    return json_response({"success": True, "data": content, **beside})


def error(status: int, code: str, message: str, **headers: str) -> HttpResponse:
    """Return the envelope of an error; `retry_after` becomes the header `retry-after`."""
    named = tuple((name.replace("_", "-"), text) for name, text in headers.items())
    envelope = {"error": {"code": code, "message": message}}
    return replace(json_response(envelope), status=status, headers=named)


def json_response(content: Any) -> HttpResponse:
    body = json.dumps(content, separators=(",", ":")).encode()
    return HttpResponse(status=HTTPStatus.OK, body=body)


def invalid(message: str) -> RefusedError:
    return RefusedError(HTTPStatus.BAD_REQUEST, "VALIDATION_ERROR", message)


def not_found(message: str) -> RefusedError:
    return RefusedError(HTTPStatus.NOT_FOUND, "NOT_FOUND", message)


class Connection:
    """The raw ASGI pair of one request, and the ways its response can go out or be lost.

    `send` must be the server's own: only through it can the connection be cut.
    """

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send

    async def read_body(self) -> bytes:
        """Return the body, cut one byte after the most that is allowed."""
        body = b""
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise DisconnectedError
            body += message.get("body", b"")[: MOST_BODY + 1 - len(body)]
            more = message.get("more_body", False)
        return body

    async def reply(self, response: HttpResponse) -> None:
        await self._start(response)
        await self._body(response.body, more=False)

    async def drip(self, response: HttpResponse, *, gap: float) -> None:
        """Send the response a byte at a time, with `gap` seconds after each."""
        await self._start(response)
        for byte in response.body:
            await self._body(bytes([byte]), more=True)
            await anyio.sleep(gap)
        await self._body(b"", more=False)

    async def truncate(self, response: HttpResponse) -> None:
        """Promise the whole response, send half of it and cut the connection."""
        await self._start(response)
        await self._body(response.body[: len(response.body) // 2], more=True)
        await self.hang_up(reset=False)

    async def hang(self) -> None:
        """Keep silent until the client gives up."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def hang_up(self, *, reset: bool = True) -> None:
        """Cut the connection: by a TCP reset, or by closing it after what was sent.

        In process there is no connection, and ConnectionResetError is raised instead.
        """
        transport = getattr(getattr(self._send, "__self__", None), "transport", None)
        if transport is None:
            raise ConnectionResetError("The sandbox reset the connection.")
        if reset:
            _reset_on_close(transport)
            transport.abort()
        else:
            transport.close()
        # To an app that returns before the connection is known to be lost, the server answers 500.
        await self.hang()

    async def _start(self, response: HttpResponse) -> None:
        headers = [
            ("content-type", response.media_type),
            ("content-length", str(len(response.body))),
            *response.headers,
        ]
        raw = [(name.encode(), text.encode("latin-1")) for name, text in headers]
        await self._send({"type": "http.response.start", "status": response.status, "headers": raw})

    async def _body(self, part: bytes, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": part, "more_body": more})


def _reset_on_close(transport: Any) -> None:
    # Lingering for zero seconds makes the kernel send RST instead of FIN.
    with suppress(OSError):
        transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
