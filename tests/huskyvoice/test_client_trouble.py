"""A network that fails: every failure is an answer, in bounded time."""

import ssl
from collections.abc import AsyncIterator

import anyio
import httpx
import pytest

from batchcancel.api import Meaning
from batchcancel.errors import FatalAnswer
from batchcancel.huskyvoice.client import LARGEST_BODY
from tests.huskyvoice.wire import CANCEL, KEY, Wire, cancelled, response

pytestmark = pytest.mark.anyio


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


async def test_a_server_that_never_answers_is_given_up_after_the_timeout():
    began = anyio.current_time()
    async with Wire(silent).client(timeout=7) as api:
        answer = await api.send(CANCEL)

    assert (answer.meaning, answer.code) == (Meaning.UNKNOWN, "time_out")
    assert anyio.current_time() - began == pytest.approx(7)


async def test_a_body_that_drips_is_given_up_after_the_timeout_too():
    began = anyio.current_time()
    async with answering(Drip()).client(timeout=7) as api:
        answer = await api.send(CANCEL)

    assert (answer.meaning, answer.code) == (Meaning.UNKNOWN, "time_out")
    assert anyio.current_time() - began == pytest.approx(7)


async def test_after_a_time_out_the_connection_is_replaced():
    wire = answering(Drip())
    async with wire.client(timeout=7) as api:
        await api.send(CANCEL)
        assert wire.lines[0].is_closed

        wire.handle = cancelled
        assert (await api.send(CANCEL)).meaning is Meaning.PROVED

    assert len(wire.lines) == 2


async def test_an_answer_above_1_mib_is_cut_and_proves_nothing():
    flood = Flood(1000)
    async with answering(flood).client() as api:
        answer = await api.send(CANCEL)

    assert (answer.meaning, answer.code) == (Meaning.UNKNOWN, "unreadable_answer")
    assert flood.taken == LARGEST_BODY // 65_536 + 1


async def test_an_answer_of_exactly_1_mib_is_read():
    record = b'{"data": {"appointment_id": "a1", "status": "cancelled"}}'
    body = httpx.ByteStream(record.ljust(LARGEST_BODY))
    async with answering(body).client() as api:
        assert (await api.send(CANCEL)).meaning is Meaning.PROVED


async def test_a_404_above_1_mib_says_nothing_of_the_appointment():
    async with answering(Flood(1000), status=404).client() as api:
        assert (await api.send(CANCEL)).meaning is Meaning.UNKNOWN


async def test_a_compressed_body_is_not_unpacked():
    async def bomb(request: httpx.Request) -> httpx.Response:
        return response(200, b"\x1f\x8b not gzip at all", content_encoding="gzip")

    async with Wire(bomb).client() as api:
        assert (await api.send(CANCEL)).code == "unreadable_answer"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (httpx.ConnectError("refused"), "no_connection"),
        (httpx.ReadError("reset"), "connection_lost"),
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


async def test_a_broken_connection_is_not_used_again():
    wire = failing(httpx.ReadError("reset"))
    async with wire.client() as api:
        await api.send(CANCEL)
        assert wire.lines[0].is_closed

        wire.handle = cancelled
        assert (await api.send(CANCEL)).meaning is Meaning.PROVED


async def test_a_certificate_for_another_address_is_fatal():
    error = httpx.ConnectError("x")
    error.__cause__ = ssl.SSLCertVerificationError("self-signed certificate")
    async with failing(error).client() as api:
        with pytest.raises(FatalAnswer, match="certificate") as fatal:
            await api.send(CANCEL)

    assert KEY not in str(fatal.value) + fatal.value.hint


async def test_tls_that_fails_otherwise_may_go_better_next_time():
    error = httpx.ConnectError("x")
    error.__cause__ = ssl.SSLEOFError("unexpected end")
    async with failing(error).client() as api:
        assert (await api.send(CANCEL)).code == "no_connection"
