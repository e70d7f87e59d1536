"""The window, on virtual time; a few claims again on asyncio."""

import math

import anyio
import pytest

from batchcancel.api import PERMIT_S
from batchcancel.huskyvoice.limiter import WindowLimiter
from tests.windows import memory_window

pytestmark = pytest.mark.anyio


def most_in_any(window, arrivals):
    """The largest number of arrivals in any half-open stretch of that length."""
    ordered = sorted(arrivals)
    return max(
        sum(1 for one in ordered[begin:] if one < ordered[begin] + window)
        for begin in range(len(ordered))
    )


def limiter_of(limit, window, *, remembered=(), timeout=10.0):
    kept = memory_window(anyio.current_time, limit=limit, length=window, timeout=timeout)
    kept.remember(remembered)
    return WindowLimiter(kept, clocks=lambda: (anyio.current_time(),))


async def send_all(limiter, count, *, workers, latency):
    """Send through the limiter as a pool would; gives the moments the server counted."""
    arrivals = []
    left = iter(range(count))

    async def work():
        for _ in left:
            permit = await limiter.permit()
            there, back = latency(), latency()
            await anyio.sleep(there)
            arrivals.append(anyio.current_time())
            await anyio.sleep(back)
            limiter.used(permit)

    async with anyio.create_task_group() as group:
        for _ in range(workers):
            group.start_soon(work)
    return arrivals


async def test_as_many_permits_as_the_limit_are_granted_at_once():
    limiter = limiter_of(60, 60)
    for _ in range(60):
        await limiter.permit()
    assert anyio.current_time() == 0.0


async def test_the_next_permit_waits_one_window_from_the_first_answer():
    limiter = limiter_of(2, 60)
    first, _ = await limiter.permit(), await limiter.permit()
    await anyio.sleep(5)
    limiter.used(first)
    await limiter.permit()
    assert anyio.current_time() == 65.0


async def test_a_slot_in_flight_is_not_free_before_its_request_can_be_over():
    limiter = limiter_of(1, 60, timeout=10)
    await limiter.permit()
    await limiter.permit()
    assert anyio.current_time() == PERMIT_S + 10 + 60


async def test_an_unused_permit_is_free_at_once_for_whoever_waits():
    limiter = limiter_of(1, 60)
    permit = await limiter.permit()
    async with anyio.create_task_group() as group:
        group.start_soon(limiter.permit)
        await anyio.sleep(3)
        limiter.unused(permit)
    assert anyio.current_time() == 3.0


async def test_permits_are_granted_in_the_order_they_were_asked_for():
    limiter, order = limiter_of(1, 1), []

    async def take(number):
        await anyio.sleep(number / 1000)
        limiter.used(await limiter.permit())
        order.append(number)

    async with anyio.create_task_group() as group:
        for number in range(10):
            group.start_soon(take, number)
    assert list(range(10)) == order


async def test_who_comes_when_a_slot_gets_free_does_not_overtake_who_waited_for_it():
    limiter, order = limiter_of(1, 10), []

    async def take(who):
        permit = await limiter.permit()
        order.append(who)
        limiter.used(permit)

    permit = await limiter.permit()
    async with anyio.create_task_group() as group:
        group.start_soon(take, "waited")
        await anyio.sleep(1)
        limiter.unused(permit)
        await take("came")
    assert ["waited", "came"] == order


async def test_a_waiter_that_leaves_takes_no_slot_with_it():
    limiter = limiter_of(1, 10)
    limiter.used(await limiter.permit())
    with anyio.move_on_after(1):
        await limiter.permit()
    await limiter.permit()
    assert anyio.current_time() == 10.0


async def test_a_closed_gate_holds_everybody_back_and_the_longest_closure_stands():
    limiter = limiter_of(60, 60)
    limiter.close_for(30)
    limiter.close_for(7)
    assert 30.0 == limiter.wait()
    await limiter.permit()
    assert anyio.current_time() == 30.0
    assert 0.0 == limiter.wait()


async def test_a_gate_that_closes_while_somebody_waits_holds_them_longer():
    limiter = limiter_of(1, 10)
    limiter.used(await limiter.permit())
    async with anyio.create_task_group() as group:
        group.start_soon(limiter.permit)
        await anyio.sleep(9)
        limiter.close_for(20)
    assert anyio.current_time() == 29.0


async def test_slots_of_earlier_runs_are_remembered():
    limiter = limiter_of(3, 60, remembered=[4.0, 50.0])
    for _ in range(2):
        await limiter.permit()
    assert anyio.current_time() == 4.0


async def test_more_remembered_slots_than_the_limit_wait_for_enough_of_them():
    limiter = limiter_of(2, 60, remembered=[10.0, 20.0, 30.0])
    await limiter.permit()
    assert anyio.current_time() == 20.0


async def test_no_limit_never_waits():
    limiter = limiter_of(math.inf, 0.0)
    for _ in range(1000):
        limiter.used(await limiter.permit())
    assert anyio.current_time() == 0.0


async def test_ten_windows_take_ten_windows_and_little_more():
    limiter = limiter_of(60, 60)
    await send_all(limiter, 600, workers=8, latency=lambda: 0.1)
    assert anyio.current_time() <= 545


def test_on_asyncio_a_full_window_is_waited_for_and_never_overrun():
    arrivals = []

    async def main():
        limiter = limiter_of(5, 0.1)
        arrivals.extend(await send_all(limiter, 20, workers=4, latency=lambda: 0.001))

    anyio.run(main)
    assert 20 == len(arrivals)
    assert most_in_any(0.1, arrivals) <= 5
