"""The key goes to the configured host alone: somebody else listens, and hears nothing."""

import socket
import threading

import pytest

from tests.sample import sampled

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


class Listener:
    """Takes every connection and keeps every byte."""

    def __init__(self):
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self.connections = 0
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            connection.close()

    def close(self):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


@pytest.fixture
def elsewhere():
    listener = Listener()
    yield listener
    listener.close()


def test_the_listener_hears_whoever_comes(elsewhere):
    host, port = elsewhere.address.split(":")
    with socket.create_connection((host, int(port))) as connection:
        assert connection.recv(1) == b""
    assert elsewhere.connections == 1


@pytest.mark.promise(5)
@pytest.mark.promise(15)
@pytest.mark.parametrize("method", ["GET", "PATCH"])
@pytest.mark.parametrize(
    "status", sampled([302, 200, 201, 300, 301, 303, 307, 305, 308, 401, 407, 503], every=6)
)
def test_no_answer_sends_the_key_to_another_host(place, elsewhere, method, status):
    place.closure("a1")
    there = f"http://{elsewhere.address}/v1/appointments/a1"
    place.impostor.answers[method] = (status, {"data": {"next": there, "links": {"self": there}}})
    place.impostor.headers = {
        "Location": there,
        "Content-Location": there,
        "Refresh": f"0; url={there}",
        "Link": f"<{there}>; rel=canonical",
        "Alt-Svc": f'h2="{elsewhere.address}"',
        "Proxy-Authenticate": "Basic",
        "WWW-Authenticate": f'Bearer realm="{there}"',
    }
    place("run", "closure.csv", "--yes", "--max-attempts", "1")

    assert elsewhere.connections == 0


@pytest.mark.promise(5)
@pytest.mark.promise(15)
def test_no_proxy_of_the_environment_hears_of_a_run(place, elsewhere):
    place.closure("a1")
    hostile = dict.fromkeys(PROXIES, f"http://{elsewhere.address}") | {
        "NO_PROXY": "",
        "no_proxy": "",
    }
    ended = place("run", "closure.csv", "--yes", **hostile)

    assert (0, 0) == (ended.returncode, elsewhere.connections)


@pytest.mark.promise(5)
def test_a_manifest_is_a_path_and_never_an_address(place, elsewhere):
    there = f"http://{elsewhere.address}/closure.csv"
    words = ("--ledger", "x.db", "--batch", "x")
    ended = [place("run", one, "--yes", *words) for one in (there, there.replace("http", "s3"))]

    assert [2, 2] == [one.returncode for one in ended]
    assert elsewhere.connections == 0
