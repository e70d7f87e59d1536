"""A web server over TLS with canned answers, and what was asked of it."""

import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Canned:
    """One answer; `announced` is the Content-Length where it is to differ from the truth."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    announced: int | None = None
    hangs: bool = False


class Shelf:
    """Answers by path; everything else is 404."""

    def __init__(self) -> None:
        self.answers: dict[str, Canned] = {}
        self.asked: list[str] = []
        self.headers: list[Mapping[str, str]] = []
        self.closing = threading.Event()
        self.url = ""


@contextmanager
def serving_shelf(certificate: Path | None) -> Iterator[Shelf]:
    """Serve a shelf, without TLS where there is no certificate."""
    shelf = Shelf()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shelf.asked.append(self.path)
            shelf.headers.append(dict(self.headers))
            answer = shelf.answers.get(self.path.partition("?")[0], Canned(status=404))
            self.send_response(answer.status)
            length = len(answer.body) if answer.announced is None else answer.announced
            for name, text in {"Content-Length": str(length), **answer.headers}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(answer.body)
            self.wfile.flush()
            if answer.hangs:
                shelf.closing.wait()

        def log_message(self, *_words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.handle_error = lambda *_: None
        shelf.url = f"http://127.0.0.1:{server.server_port}"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate / "certificate.pem", certificate / "key.pem")
            server.socket = context.wrap_socket(server.socket, server_side=True)
            shelf.url = shelf.url.replace("http:", "https:")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield shelf
        finally:
            shelf.closing.set()
            server.shutdown()
            thread.join()
