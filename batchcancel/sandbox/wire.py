"""One request under way: reading it, and the ways its answer can go out or be lost."""

import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

import anyio

from batchcancel.sandbox.answers import Answer

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
MOST_BODY = 1024 * 1024


class GoneError(Exception):
    """The client gave up while its request was being read."""


class Exchange:
    """The raw ASGI pair of one request.

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
                raise GoneError
            body += message.get("body", b"")[: MOST_BODY + 1 - len(body)]
            more = message.get("more_body", False)
        return body

    async def reply(self, answer: Answer) -> None:
        await self._start(answer)
        await self._body(answer.body, more=False)

    async def drip(self, answer: Answer, *, gap: float) -> None:
        """Send the answer a byte at a time, with `gap` seconds after each."""
        await self._start(answer)
        for byte in answer.body:
            await self._body(bytes([byte]), more=True)
            await anyio.sleep(gap)
        await self._body(b"", more=False)

    async def truncate(self, answer: Answer) -> None:
        """Promise the whole answer, send half of it and cut the connection."""
        await self._start(answer)
        await self._body(answer.body[: len(answer.body) // 2], more=True)
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
        await self.hang()

    async def _start(self, answer: Answer) -> None:
        headers = [
            ("content-type", answer.media_type),
            ("content-length", str(len(answer.body))),
            *answer.headers,
        ]
        raw = [(name.encode(), text.encode("latin-1")) for name, text in headers]
        await self._send({"type": "http.response.start", "status": answer.status, "headers": raw})

    async def _body(self, part: bytes, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": part, "more_body": more})


def _reset_on_close(transport: Any) -> None:
    # Lingering for zero seconds makes the kernel send RST instead of FIN.
    with suppress(OSError):
        transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
