import gc

import anyio
import pytest

from batchcancel.errors import Interrupted, StoppedEarly
from batchcancel.stop import Stop, Stopped, background

pytestmark = pytest.mark.anyio


async def test_the_first_reason_stands():
    stop, first = Stop(), StoppedEarly("first")
    stop.ask(first)
    stop.ask(Interrupted(15))
    assert first is stop.reason


async def test_waits_are_broken_at_once():
    stop = Stop()
    async with anyio.create_task_group() as group:

        async def wait():
            with pytest.raises(Stopped):
                await stop.sleep(1000)

        for _ in range(3):
            group.start_soon(wait)
        await anyio.sleep(1)
        stop.ask(StoppedEarly("enough"))
    assert 1.0 == anyio.current_time()


async def test_a_wait_that_nobody_stops_lasts_as_long_as_it_was_to():
    await Stop().sleep(30)
    assert 30.0 == anyio.current_time()


async def test_who_waits_for_the_stop_goes_on_when_it_is_asked():
    stop, heard = Stop(), []

    async def listen():
        await stop.asked()
        heard.append(anyio.current_time())

    with anyio.move_on_after(60):
        async with anyio.create_task_group() as group:
            group.start_soon(listen)
            await anyio.sleep(2)
            stop.ask(StoppedEarly("enough"))
    assert [2.0] == heard


@pytest.mark.promise(17)
async def test_waits_that_are_over_take_no_memory():
    def scopes():
        gc.collect()
        return sum(isinstance(one, anyio.CancelScope) for one in gc.get_objects())

    stop, before = Stop(), scopes()
    for _ in range(100):
        await stop.sleep(1)
    assert scopes() < before + 10


async def test_no_wait_begins_after_the_stop():
    stop = Stop()
    stop.ask(StoppedEarly("enough"))
    with pytest.raises(Stopped):
        await stop.sleep(1)
    assert 0.0 == anyio.current_time()


async def test_work_outside_a_breakable_wait_goes_on():
    stop, done = Stop(), []

    async def work():
        await anyio.sleep(5)
        done.append(1)

    async with anyio.create_task_group() as group:
        group.start_soon(work)
        await anyio.sleep(1)
        stop.ask(StoppedEarly("enough"))
    assert [1] == done


async def test_a_wait_stopped_from_outside_is_not_taken_for_the_stop():
    stop = Stop()
    with anyio.move_on_after(1) as scope:
        await stop.sleep(1000)
    assert scope.cancelled_caught


pytestmark = pytest.mark.anyio


async def test_what_the_body_raises_comes_out_as_it_is():
    with pytest.raises(KeyError):
        async with background(anyio.sleep_forever):
            raise KeyError


async def test_tasks_run_beside_the_body_and_end_with_it():
    ticks = []

    async def tick():
        while True:
            await anyio.sleep(1)
            ticks.append(1)

    async with background(tick):
        await anyio.sleep(3.5)
    await anyio.sleep(10)
    assert 3 == len(ticks)
