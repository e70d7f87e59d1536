"""A network that fails: every failure is an answer, in bounded time."""

import gzip
import ssl
from collections.abc import AsyncIterator

import anyio
import httpx
import pytest

from batchcancel.api import Meaning
from batchcancel.huskyvoice.client import LARGEST_BODY
from tests.huskyvoice.wire import CANCEL, Wire, cancelled, response

pytestmark = pytest.mark.anyio

RECORD = b'{"data": {"appointment_id": "a1", "status": "cancelled"}}'


class Drip(httpx.AsyncByteStream):
    """A body that comes a byte a second and never ends."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await anyio.sleep(1)


class Flood(httpx.AsyncByteStream):
    """A body of many chunks; counts what was taken of it."""

    def __init__(self, chunks: int) -> None:
        self._chunks = chunks
        self.taken = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(self._chunks):
            self.taken += 1
            yield b" " * 65_536


def answering(body: httpx.AsyncByteStream, *, status: int = 200) -> Wire:
    async def handle(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, stream=body)

    return Wire(handle)


def failing(error: BaseException) -> Wire:
    async def handle(request: httpx.Request) -> httpx.Response:
        raise error

    return Wire(handle)


async def silent(request: httpx.Request) -> httpx.Response:
    await anyio.sleep_forever()


@pytest.mark.parametrize("wire", [Wire(silent), answering(Drip())], ids=["silent", "dripping"])
async def test_a_server_that_does_not_come_to_an_end_is_given_up_after_the_timeout(wire):
    began = anyio.current_time()
    async with wire.client(timeout=7) as api:
        answer = await api.send(CANCEL)

    assert (answer.meaning, answer.code) == (Meaning.UNKNOWN, "time_out")
    assert anyio.current_time() - began == pytest.approx(7)


@pytest.mark.parametrize("wire", [answering(Drip()), failing(httpx.ReadError("reset"))])
async def test_after_a_time_out_or_an_error_the_connection_is_replaced(wire):
    async with wire.client(timeout=7) as api:
        await api.send(CANCEL)
        assert wire.lines[0].is_closed

        wire.handle = cancelled
        assert (await api.send(CANCEL)).meaning is Meaning.PROVED

    assert len(wire.lines) == 2


@pytest.mark.parametrize(("status", "code"), [(200, "unreadable_answer"), (404, "404")])
async def test_an_answer_above_1_mib_is_cut_and_proves_nothing(status, code):
    flood = Flood(1000)
    async with answering(flood, status=status).client() as api:
        answer = await api.send(CANCEL)

    assert (answer.meaning, answer.code) == (Meaning.UNKNOWN, code)
    assert flood.taken == LARGEST_BODY // 65_536 + 1


async def test_an_answer_of_exactly_1_mib_is_read():
    body = httpx.ByteStream(RECORD.ljust(LARGEST_BODY))
    async with answering(body).client() as api:
        assert (await api.send(CANCEL)).meaning is Meaning.PROVED


@pytest.mark.promise(17)
@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"\x1f\x8b not gzip at all", "unreadable_answer"),
        (gzip.compress(RECORD.ljust(LARGEST_BODY)), "200"),
        (gzip.compress(RECORD.ljust(LARGEST_BODY + 1)), "unreadable_answer"),
        (gzip.compress(RECORD)[:-9], "unreadable_answer"),
    ],
    ids=["no gzip", "the longest", "too long", "cut short"],  # compressed, it holds the second
)
async def test_a_compressed_body_is_unpacked_to_no_more_than_any_other(content, code):
    async def reply(request: httpx.Request) -> httpx.Response:
        return response(200, content, content_encoding="gzip")

    async with Wire(reply).client() as api:
        assert (await api.send(CANCEL)).code == code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (httpx.ConnectError("refused"), "no_connection"),
        (httpx.ReadError("reset"), "connection_lost"),
        (httpx.ProxyError("407"), "proxy"),
        (httpx.WriteError("broken pipe"), "connection_lost"),
        (httpx.CloseError("x"), "connection_lost"),
        (httpx.RemoteProtocolError("gone"), "connection_lost"),
        (httpx.LocalProtocolError("x"), "connection_lost"),
        (OSError("x"), "connection_lost"),
        (httpx.ConnectTimeout("x"), "time_out"),
        (httpx.ReadTimeout("x"), "time_out"),
        (httpx.PoolTimeout("x"), "time_out"),
        (TimeoutError("x"), "time_out"),
    ],
)
async def test_a_broken_connection_leaves_the_result_unknown(error, code):
    async with failing(error).client() as api:
        answer = await api.send(CANCEL)

    assert (answer.meaning, answer.code) == (Meaning.UNKNOWN, code)


async def test_tls_that_fails_otherwise_may_go_better_next_time():
    error = httpx.ConnectError("x")
    error.__cause__ = ssl.SSLEOFError("unexpected end")
    async with failing(error).client() as api:
        assert (await api.send(CANCEL)).code == "tls"
