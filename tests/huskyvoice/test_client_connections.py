"""Connections: one per request under way, reused, and closed whatever happens."""

import anyio
import httpx
import pytest

from batchcancel.api import Meaning
from batchcancel.huskyvoice.client import HuskyVoice
from tests.huskyvoice.wire import CANCEL, Wire, cancelled, response

pytestmark = pytest.mark.anyio


async def slowly(request: httpx.Request) -> httpx.Response:
    await anyio.sleep(1)
    return await cancelled(request)


async def send_at_once(api: HuskyVoice, requests: int) -> None:
    async with anyio.create_task_group() as group:
        for _ in range(requests):
            group.start_soon(api.send, CANCEL)


async def test_requests_one_after_another_share_a_connection():
    wire = Wire()
    async with wire.client() as api:
        for _ in range(5):
            await api.send(CANCEL)

    assert (len(wire.lines), len(wire.requests)) == (1, 5)


async def test_requests_at_once_have_a_connection_each_and_it_serves_again():
    wire = Wire(slowly)
    async with wire.client() as api:
        await send_at_once(api, 8)
        await send_at_once(api, 8)

    assert (len(wire.lines), len(wire.requests)) == (8, 16)
    assert [line.most_at_once for line in wire.lines] == [1] * 8


async def test_an_answer_that_refuses_leaves_the_connection_in_use():
    async def refuse(request: httpx.Request) -> httpx.Response:
        return response(422)

    wire = Wire(refuse)
    async with wire.client() as api:
        await api.send(CANCEL)
        await api.send(CANCEL)

    assert len(wire.lines) == 1


async def test_every_connection_is_closed_at_the_end():
    wire = Wire(slowly)
    async with wire.client() as api:
        await send_at_once(api, 8)
        assert not any(line.is_closed for line in wire.lines)

    assert all(line.is_closed for line in wire.lines)


async def test_a_request_that_is_broken_off_closes_its_connection():
    wire = Wire(slowly)
    async with wire.client() as api:
        with anyio.move_on_after(0.5):
            await api.send(CANCEL)
        assert wire.lines[0].is_closed

        assert (await api.send(CANCEL)).meaning is Meaning.PROVED
    assert len(wire.lines) == 2


async def test_a_connection_that_does_not_close_holds_nobody_up_for_long():
    wire = Wire()
    async with wire.client() as api:
        await api.send(CANCEL)
        wire.lines[0].aclose = anyio.sleep_forever
        began = anyio.current_time()

    assert anyio.current_time() - began == pytest.approx(1)
