"""A name service that hangs, which no signal can interrupt."""

import signal

import pytest

HANGING = """
import socket, threading

def look_up(*words, **named):
    print("looks up", flush=True)
    threading.Event().wait()

socket.getaddrinfo = look_up
"""


@pytest.mark.long
@pytest.mark.promise(11)
@pytest.mark.parametrize(
    "words",
    [
        ["closure.csv", "--base-url", "https://huskyvoice.invalid/v1"],
        ["https://manifests.invalid/closure.csv", "--ledger", "closure.ledger.db"],
    ],
    ids=["of the API", "of the manifest"],
)
def test_a_look_up_that_never_ends_does_not_hold_up_a_stop(stage, words):
    stage.closure(1)
    run = stage.start("run", *words, "--yes", environ=stage.tampered(HANGING))
    run.read_until("looks up")
    run.send_signal(signal.SIGTERM)

    assert 143 == run.end().returncode
