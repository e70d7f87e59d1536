"""Raw bytes against the client as it is in use: no answer wrecks it, and none lies to it."""

import asyncio
import time

import pytest

from batchcancel.api import Ask, Request
from batchcancel.clock import ServerClock, utc_now
from batchcancel.errors import FatalAnswer
from batchcancel.huskyvoice.client import HuskyVoice
from tests.faults.hostile import answer, endless, raw, reset, serving, silence

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
LOST, LATE, UNREADABLE = "connection_lost", "time_out", "unreadable_answer"

BEHAVIOURS = {
    # The connection ends
    "reset-before-the-answer": (reset, LOST),
    "closed-before-the-answer": (raw(b""), LOST),
    "closed-in-the-status-line": (raw(b"HTTP/1.1 2"), LOST),
    "closed-in-the-headers": (raw(OK + b"Date: Mon, 01"), LOST),
    "closed-after-the-headers": (raw(OK + b"Content-Length: 80\r\n\r\n"), LOST),
    "closed-in-the-body": (raw(OK + b"Content-Length: 900\r\n\r\nRECORD"), LOST),
    "closed-in-a-chunk": (raw(CHUNKED + b"ff\r\nRECORD"), LOST),
    "closed-before-the-last-chunk": (raw(CHUNKED + b"2\r\n{}\r\n"), LOST),
    # or does not
    "silence": (silence, LATE),
    "endless-headers": (endless(OK, b"X-More: of the same\r\n" * 500), LOST),
    "one-endless-header": (endless(OK + b"X: ", b"x" * 4096), LOST),
    "headers-that-drip": (endless(OK, b"X", pause=0.05), LATE),
    "a-body-that-drips": (endless(CHUNKED, b"1\r\n \r\n", pause=0.05), LATE),
    "a-body-without-end": (endless(CHUNKED, b"1000\r\n" + b" " * 4096 + b"\r\n"), UNREADABLE),
    "a-body-without-length": (endless(OK + b"\r\n", b" " * 4096), UNREADABLE),
    "endless-continues": (endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n", pause=0.01), LATE),
    "endless-hints": (endless(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", pause=0.01), LATE),
    # It is not HTTP
    "no-http-at-all": (raw(b"220 smtp.example ESMTP\r\n"), LOST),
    "http-0.9": (raw(b"RECORD"), LOST),
    "http-2": (raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), LOST),
    "tls": (raw(b"\x16\x03\x01\x02\x00\x01\x00"), LOST),
    "nul-bytes": (raw(b"\0" * 500), LOST),
    "a-status-of-letters": (raw(b"HTTP/1.1 ABC OK\r\n\r\n"), LOST),
    "a-status-of-four-digits": (raw(b"HTTP/1.1 2000 OK\r\n\r\n"), LOST),
    "a-header-without-a-colon": (raw(OK + b"nonsense\r\n\r\n"), LOST),
    "a-space-before-the-colon": (raw(OK + b"Content-Length : 2\r\n\r\n{}"), LOST),
    # The length is a lie
    "a-length-below-zero": (raw(OK + b"Content-Length: -1\r\n\r\nRECORD"), LOST),
    "a-length-of-letters": (raw(OK + b"Content-Length: ten\r\n\r\nRECORD"), LOST),
    "two-lengths": (raw(OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x"), LOST),
    "a-length-too-short": (answer(length=20), UNREADABLE),
    "chunks-of-garbage": (raw(CHUNKED + b"zz\r\nRECORD\r\n0\r\n\r\n"), LOST),
    "a-chunk-too-long": (raw(CHUNKED + b"ffffffffffffffffffff\r\nRECORD"), LOST),
    "an-unknown-encoding": (raw(OK + b"Transfer-Encoding: gzip\r\n\r\nRECORD"), LOST),
    # The body is
    "gzip-that-is-none": (answer("Content-Encoding: gzip"), "200"),
    "said-to-be-utf-16": (answer("Content-Type: application/json; charset=utf-16"), "200"),
    # Statuses no server in process can give
    "switching-protocols": (raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"), LOST),
    "status-999": (answer(status="HTTP/1.1 999 Nobody"), "999"),
    "status-000": (answer(status="HTTP/1.1 000 Zero"), LOST),
    # All is well, if odd
    "http-1.0": (answer(status="HTTP/1.0 200 OK"), "200"),
    "no-reason": (answer(status="HTTP/1.1 200 "), "200"),
    "a-hint-before": (raw(b"HTTP/1.1 103 X\r\n\r\n" + OK + b"\r\nRECORD"), "200"),
    "headers-that-are-no-text": (answer("Date: \xff\xfe", "Retry-After: \xb2"), "200"),
    "a-date-that-is-none": (answer("Date: Mon, 99 Foo 99999 99:99:99 GMT"), "200"),
    "a-date-long-ago": (answer("Date: Mon, 01 Jan 0100 00:00:00 GMT"), "200"),
    "two-dates": (answer("Date: Mon, 01 Jun 2026 06:00:00 GMT", "Date: x"), "200"),
}


def client(url, *, timeout=60):
    return HuskyVoice(
        base_url=url,
        key="sk_live_1",
        timeout=timeout,
        clock=ServerClock(steady=time.monotonic, now=utc_now),
    )


def cancel(name):
    return Request(ask=Ask.CANCEL, appointment_id=name.replace(".", "-"))


async def results():
    """What the client makes of every behaviour, all at the same time."""
    behaviours = {name.replace(".", "-"): behave for name, (behave, _) in BEHAVIOURS.items()}
    async with (
        serving(behaviours) as server,
        client(server.url) as patient,
        client(server.url, timeout=0.3) as impatient,
    ):
        sent = [
            (impatient if code == LATE else patient).send(cancel(name))
            for name, (_, code) in BEHAVIOURS.items()
        ]
        return dict(zip(BEHAVIOURS, await asyncio.gather(*sent), strict=True))


@pytest.fixture(scope="module")
def judged():
    return asyncio.run(results())


@pytest.mark.promise(3)
@pytest.mark.promise(9)
@pytest.mark.parametrize("name", BEHAVIOURS)
def test_every_way_to_break_http_is_an_answer_that_claims_no_more_than_it_proves(judged, name):
    assert BEHAVIOURS[name][1] == judged[name].code
    assert (judged[name].code == "200") == (judged[name].meaning == "proved")


def two_requests(behave):
    """One after the other over one client, the second behaving well; answers and bytes."""

    async def two_requests():
        async with serving({"first": behave, "second": answer()}) as server:
            async with client(server.url) as api:
                answers = [await api.send(cancel(name)) for name in ("first", "second")]
            return answers, server.requests

    return asyncio.run(two_requests())


async def twice(name, out):
    for _ in range(2):
        await answer()(name, out)


@pytest.mark.promise(3)
def test_what_is_left_of_one_answer_is_not_taken_for_the_answer_to_the_next_request():
    (first, second), _ = two_requests(answer(length=2))
    assert (UNREADABLE, LOST) == (first.code, second.code)


@pytest.mark.promise(3)
def test_an_answer_nobody_asked_for_is_not_taken_for_the_answer_to_the_next_request():
    with pytest.raises(FatalAnswer, match="record of another appointment"):
        two_requests(twice)


@pytest.mark.promise(5)
def test_a_cookie_is_not_kept_for_the_next_request():
    _, (_, second) = two_requests(answer("Set-Cookie: who=me"))
    assert b"cookie" not in second.lower()
