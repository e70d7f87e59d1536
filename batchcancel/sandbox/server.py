"""The sandbox on a real port of this machine."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn

from batchcancel.sandbox.imitation import Sandbox

LOOPBACK = "127.0.0.1"


@contextmanager
def serving(sandbox: Sandbox, *, port: int = 0) -> Iterator[str]:
    """Serve in a thread, and yield the base URL, which ends with `/v1`.

    Requests that still hang at the end are abandoned. Port 0 takes a free one.
    """
    with _listening(LOOPBACK, port) as listener:
        server = _server(sandbox)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        try:
            yield _base_url(listener)
        finally:
            server.should_exit = True
            thread.join()


def serve(
    sandbox: Sandbox,
    *,
    host: str = LOOPBACK,
    port: int = 4010,
    on_ready: Callable[[str], object] = str,
) -> None:
    """Serve until Ctrl-C, then return; `on_ready` gets the base URL once connections are taken."""
    with _listening(host, port) as listener:
        on_ready(_base_url(listener))
        with suppress(KeyboardInterrupt):
            _server(sandbox).run([listener])


class _Server(uvicorn.Server):
    async def main_loop(self) -> None:
        # uvicorn's own looks ten times a second, and prepares headers that are not sent here.
        while not self.should_exit:  # noqa: ASYNC110 - other threads and signals set it
            await asyncio.sleep(0.01)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # A request that hangs by order would otherwise keep the server from stopping.
        self.force_exit = True
        for connection in list(self.server_state.connections):
            transport: Any = connection.transport
            transport.abort()
        await super().shutdown(sockets)


def _server(sandbox: Sandbox) -> uvicorn.Server:
    config = uvicorn.Config(
        sandbox.app,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",  # lost connections are what the sandbox is for
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,  # the sandbox's own clock dates every answer
        timeout_keep_alive=60,
    )
    return _Server(config)


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    # asyncio sends without delay only on sockets that say they are TCP.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        # Connections queue from here on, so the address is ready before the loop runs.
        listener.listen()
        yield listener


def _base_url(listener: socket.socket) -> str:
    host, port = listener.getsockname()
    return f"http://{host}:{port}/v1"
