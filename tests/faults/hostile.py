"""A server on loopback that breaks HTTP in every way it was told: the last step of the path says
how.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Write = asyncio.StreamWriter
Behaviour = Callable[[str, Write], Awaitable[None]]


def record(appointment_id: str) -> bytes:
    data = {"appointment_id": appointment_id, "status": "cancelled"}
    return json.dumps({"success": True, "data": data}).encode()


def answer(*headers: str, status: str = "HTTP/1.1 200 OK", length: int | None = None) -> Behaviour:
    """The record, under this status line and these headers."""

    async def behave(name: str, out: Write) -> None:
        body = record(name)
        size = len(body) if length is None else length
        head = "\r\n".join([status, *headers, f"Content-Length: {size}", "", ""])
        out.write(head.encode("latin-1") + body)

    return behave


def raw(content: bytes) -> Behaviour:
    """These bytes, with RECORD filled in, and the end of the connection."""

    async def behave(name: str, out: Write) -> None:
        out.write(content.replace(b"RECORD", record(name)))
        await out.drain()
        out.close()

    return behave


def endless(beginning: bytes, part: bytes, *, pause: float = 0.0) -> Behaviour:
    """A beginning, then the same part over and over, as long as somebody listens."""

    async def behave(_name: str, out: Write) -> None:
        out.write(beginning)
        while not out.is_closing():
            out.write(part)
            await out.drain()
            await asyncio.sleep(pause)

    return behave


async def reset(_name: str, out: Write) -> None:
    out.transport.abort()


async def silence(_name: str, _out: Write) -> None:
    await asyncio.sleep(60)


class Server:
    """Remembers the bytes of every request."""

    def __init__(self, behaviours: dict[str, Behaviour]) -> None:
        self._behaviours = behaviours
        self.requests: list[bytes] = []
        self.url = ""

    async def __call__(self, reader: asyncio.StreamReader, writer: Write) -> None:
        try:
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                sizes = [
                    line for line in head.split(b"\r\n") if line.lower().startswith(b"content-l")
                ]
                body = await reader.readexactly(int(sizes[0].split(b":")[1])) if sizes else b""
                self.requests.append(head + body)
                name = head.split(b" ")[1].rpartition(b"/")[2].decode()
                await self._behaviours[name](name, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client left, or the test is over
        finally:
            writer.transport.abort()


@asynccontextmanager
async def serving(behaviours: dict[str, Behaviour], **how: object) -> AsyncIterator[Server]:
    server = Server(behaviours)
    running = await asyncio.start_server(server, "127.0.0.1", 0, **how)
    scheme = "https" if how else "http"
    server.url = f"{scheme}://127.0.0.1:{running.sockets[0].getsockname()[1]}/v1"
    try:
        yield server
    finally:
        running.close()
