"""What a person and cron are told where the API does not answer at its address."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from batchcancel.sandbox import Fault
from tests.sample import sampled

NO_SUCH_NAME = """
import socket

def look_up(*words, **named):
    raise socket.gaierror({error}, "no")

socket.getaddrinfo = look_up
"""


@contextmanager
def answering(status, body):
    class Page(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_words):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


def plan(stage, *words, environ=None):
    stage.closure(1)
    once = ("--json", "--max-attempts", "1")
    ended = stage.run("plan", "closure.csv", *once, *words, environ=environ)
    return ended.returncode, json.loads(ended.stdout)


@pytest.mark.parametrize(
    ("status", "body", "code", "words"),
    sampled(
        [
            (200, b"<html>Sign in", 2, "a web page instead of the API"),
            (404, b"<html>Not here", 2, "404 from something that is not the API"),
            (404, b'{"message": "no route"}', 2, "404 from something that is not the API"),
            (502, b"<html>Bad gateway", 5, "answered 502"),
        ],
        every=4,
    ),
)
def test_a_wrong_address_ends_with_2_and_an_outage_with_5(stage, status, body, code, words):
    with answering(status, body) as url:
        ended, told = plan(stage, "--base-url", url)

    assert (code, code) == (ended, told["exit_code"])
    assert words in told["error"]
    assert "--base-url" in told["hint"]


@pytest.mark.parametrize(("error", "code"), [("socket.EAI_NONAME", 2), ("socket.EAI_AGAIN", 5)])
@pytest.mark.long
def test_a_name_that_does_not_exist_is_a_wrong_address(stage, error, code):
    environ = stage.tampered(NO_SUCH_NAME.format(error=error))
    ended, told = plan(stage, "--base-url", "https://api.huskyvoice.invalid/v1", environ=environ)

    assert (code, "https://api.huskyvoice.invalid") == (ended, told["origin"])


@pytest.mark.long
def test_where_the_api_has_answered_before_the_same_page_is_an_outage(stage):
    stage.closure(2)
    stage.here("run", "closure.csv", "--yes", "--limit", "1")
    stage.sandbox.faults.add(Fault("status", status=404, foreign=True), method="GET", times=None)
    ended = stage.run("plan", "closure.csv", "--max-attempts", "1")

    assert 5 == ended.returncode
    assert "404 from something that is not the API" in ended.stderr
