"""A network between a ledger and its server that can be cut at a COMMIT, on a loopback port."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path

_COMMIT = b"COMMIT\x00"
_BYTES = 65536


class Cut(StrEnum):
    """Where the line is cut, as the server sees the COMMIT."""

    BEFORE = "before"  # it never comes
    DURING = "during"  # it comes, and nobody is there for the answer
    AFTER = "after"  # it is done, and its answer is lost


class Proxy:
    """Forwards to a server's socket; `arm` cuts once, at the COMMIT of what contains `marker`.

    `then` is called when the line has been cut.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self._lock = threading.Lock()
        self._cut: Cut | None = None
        self._marker = b""
        self.cuts = 0
        self.then: Callable[[], object] = int
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}?sslmode=disable"

    def arm(self, cut: Cut, *, marker: bytes) -> None:
        self._cut, self._marker = cut, marker

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server, suppress(OSError):
            server.connect(str(self._target))
            mute = threading.Event()
            back = threading.Thread(target=_copy, args=(server, client, mute), daemon=True)
            back.start()
            self._forward(client, server, mute)
            _shut(server, client)
            back.join(10)

    def _forward(self, client: socket.socket, server: socket.socket, mute: threading.Event) -> None:
        said = b""
        while data := client.recv(_BYTES):
            said += data
            if _COMMIT not in said:
                server.sendall(data)
                continue
            cut = self._takes(said)
            if cut is Cut.BEFORE:
                _shut(server)
                self.then()
                return
            if cut is Cut.AFTER:
                mute.set()
            server.sendall(data)
            if cut is Cut.DURING:
                return
            said = b""

    def _takes(self, said: bytes) -> Cut | None:
        with self._lock:
            if self._cut is None or self._marker not in said:
                return None
            cut, self._cut = self._cut, None
            self.cuts += 1
            return cut


def _copy(server: socket.socket, client: socket.socket, mute: threading.Event) -> None:
    with suppress(OSError):
        while data := server.recv(_BYTES):
            if mute.is_set():
                break
            client.sendall(data)
    _shut(server, client)


def _shut(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxying(target: Path) -> Iterator[Proxy]:
    proxy = Proxy(target)
    try:
        yield proxy
    finally:
        proxy.close()
