"""The limiter without a rate: it takes no slots, and obeys a gate that anybody closed."""

from datetime import UTC, datetime

import anyio
import pytest

from batchcancel.errors import GateClosed, LedgerWriteFailed
from batchcancel.huskyvoice.limiter import (
    LOOK_S,
    GateLimiter,
    Patience,
    WindowLimiter,
    inline,
)
from batchcancel.huskyvoice.window_log import MemoryWindow, WindowLog
from tests.windows import memory_window

pytestmark = pytest.mark.anyio


class Counted:
    """Counts how often the window is asked."""

    def __init__(self):
        self.calls = 0

    async def __call__(self, call, /):
        self.calls += 1
        return await inline(call)


def virtual():
    return (anyio.current_time(),)


def window_of(book, *, limit=1):
    return memory_window(anyio.current_time, limit=limit, log=book)


def gate_of(book, *, offload=inline, make=GateLimiter):
    patience = Patience(300.0, lambda: datetime(2026, 6, 1, tzinfo=UTC))
    return make(window_of(book), offload=offload, clocks=virtual, patience=patience)


async def test_permits_take_no_slots_and_wait_for_none():
    book, offload = WindowLog("a boot"), Counted()
    window_of(book).take()
    gate = gate_of(book, offload=offload)
    for _ in range(1000):
        gate.used(await gate.permit())
    gate.unused(await gate.permit())
    assert (0.0, 1, 0) == (anyio.current_time(), len(book.slots), gate.taken())
    assert offload.calls <= 1


async def test_a_gate_that_was_closed_before_is_waited_for():
    book = WindowLog("a boot")
    window_of(book).close_for(30)
    gate = gate_of(book)
    assert (30.0, 30.0) == (gate.wait(), gate.closed())
    await gate.permit()
    assert 30.0 == anyio.current_time()


@pytest.mark.promise(8)
async def test_a_gate_that_another_program_closes_is_obeyed_within_a_second():
    book = WindowLog("a boot")
    gate = gate_of(book)
    await gate.permit()
    window_of(book).close_for(30)
    await anyio.sleep(LOOK_S)
    await gate.permit()
    assert 30.0 == anyio.current_time()


async def test_a_gate_that_is_closed_for_longer_meanwhile_is_waited_for_to_its_end():
    book, granted = WindowLog("a boot"), []
    window_of(book).close_for(30)
    gate = gate_of(book)

    async def take():
        await gate.permit()
        granted.append(anyio.current_time())

    async with anyio.create_task_group() as group:
        group.start_soon(take)
        await anyio.sleep(10)
        window_of(book).close_for(50)
    assert [60.0] == granted


@pytest.mark.promise(8)
async def test_a_gate_closed_here_is_closed_elsewhere_by_the_time_somebody_asks_here():
    book = WindowLog("a boot")
    here, there = gate_of(book), gate_of(book)
    here.close_for(30)
    async with anyio.create_task_group() as group:
        group.start_soon(here.permit)
        await anyio.sleep(LOOK_S)
        await there.permit()
    assert 30.0 == anyio.current_time()


async def test_what_was_not_told_can_be_told_at_the_end():
    book, offload = WindowLog("a boot"), Counted()
    gate = gate_of(book, offload=offload)
    await gate.flush()
    assert 0 == offload.calls
    gate.close_for(30)
    await gate.flush()
    assert 30.0 == window_of(book).look().closed


@pytest.mark.parametrize("make", [GateLimiter, WindowLimiter])
@pytest.mark.parametrize(("late", "left"), [(12, 18.0), (30, 0.0)])
async def test_a_closure_that_is_told_late_lasts_no_longer_for_that(make, late, left):
    book = WindowLog("a boot")
    limiter = make(window_of(book), clocks=virtual)
    limiter.close_for(30)
    await anyio.sleep(late)
    await limiter.flush()
    assert left == window_of(book).look().closed


@pytest.mark.parametrize("make", [GateLimiter, WindowLimiter])
async def test_a_closing_that_nobody_could_be_told_of_stands_here(make):
    class Deaf(MemoryWindow):
        def close_for(self, seconds):
            raise LedgerWriteFailed("away")

    gate = make(memory_window(anyio.current_time, limit=1, kind=Deaf))
    gate.close_for(30)
    await gate.permit()
    assert 30.0 == anyio.current_time()


@pytest.mark.parametrize("make", [GateLimiter, WindowLimiter])
async def test_a_gate_that_others_closed_for_too_long_is_not_waited_for(make):
    book = WindowLog("a boot")
    window_of(book).close_for(301)
    with pytest.raises(GateClosed) as stopped:
        await gate_of(book, make=make).permit()
    assert "after 2026-06-01 00:05:01 UTC" in stopped.value.hint
    assert "memory" in stopped.value.hint
    assert 0.0 == anyio.current_time()


@pytest.mark.parametrize("seconds", [299.9, 300.0])
async def test_a_gate_that_is_closed_for_just_as_long_as_allowed_is_waited_for(seconds):
    book = WindowLog("a boot")
    window_of(book).close_for(seconds)
    await gate_of(book).permit()
    assert seconds == anyio.current_time()
