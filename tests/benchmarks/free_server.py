"""Servers that cost next to nothing: they cancel whatever they are asked to, from memory.

nginx answers from its configuration. Without it, a process of ours answers from an asyncio
protocol that parses no more of HTTP than it needs, at once or after a delay:
`python -m tests.benchmarks.free_server PORT SECONDS`.
"""

import asyncio
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

CONFIG = (
    '{"success":true,"data":{"allow_cancellation":true,"cancellation_notice_hours":0,'
    '"timezone":"UTC"}}'
)
# The record was changed in the far future, so never before our request.
RECORD = (
    '{"success":true,"data":{"appointment_id":"%s","status":"cancelled",'
    '"updated_at":"2099-01-01T00:00:00.000Z"}}'
)
# The key may not read appointments: what is measured is writing.
UNREAD = '{"error":{"code":"INSUFFICIENT_SCOPE","message":""}}'
_NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
  access_log off; keepalive_requests 1000000000; default_type application/json;
  client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
  uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
  server {{
    listen 127.0.0.1:{port};
    location = /v1/appointment-config {{ return 200 '{config}'; }}
    location ~ ^/v1/appointments(/(?<id>.+))?$ {{
      if ($request_method = GET) {{ return 403 '{unread}'; }}
      return 200 '{record}';
    }}
  }}
}}
"""
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


def usual_server() -> str:
    return "nginx" if shutil.which("nginx") else "raw"


@contextmanager
def free_server(kind: str, *, delay: float = 0.0) -> Iterator[str]:
    """Serve in a process of its own, and yield the base URL; only `raw` can delay answers."""
    with TemporaryDirectory() as folder:
        port = _free_port()
        process = subprocess.Popen(_command(kind, folder=Path(folder), port=port, delay=delay))
        try:
            _wait_for(port, process)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()
            process.wait(10)


def _command(kind: str, *, folder: Path, port: int, delay: float) -> list[str]:
    if kind == "raw":
        return [sys.executable, "-m", "tests.benchmarks.free_server", str(port), str(delay)]
    conf = folder / "nginx.conf"
    conf.write_text(
        _NGINX.format(
            folder=folder,
            port=port,
            config=CONFIG,
            record=RECORD.replace("%s", "$id"),
            unread=UNREAD,
        )
    )
    return ["nginx", "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(conf)]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(500):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.01)
        else:
            return
    raise RuntimeError("the server did not start")


class _Answering(asyncio.Protocol):
    def __init__(self, delay: float) -> None:
        self._delay = delay

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport
        self._received = b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (head := self._received.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._received, 0, head)
            end = head + 4 + (int(length[1]) if length else 0)
            if len(self._received) < end:
                return
            method, path, _ = self._received.decode().split(" ", 2)
            self._received = self._received[end:]
            if self._delay:
                asyncio.get_running_loop().call_later(
                    self._delay, self._transport.write, _answer(method, path)
                )
            else:
                self._transport.write(_answer(method, path))


def _answer(method: str, path: str) -> bytes:
    status, body = "200 OK", RECORD.replace("%s", path.rpartition("/")[2])
    if path.endswith("/appointment-config"):
        body = CONFIG
    elif method == "GET":
        status, body = "403 Forbidden", UNREAD
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return f"{head}\r\n\r\n{body}".encode()


async def _serve(port: int, delay: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Answering(delay), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2])))
