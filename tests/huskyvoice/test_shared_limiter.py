"""The limiter over a window that others use too, on virtual time."""

from functools import partial
from random import Random

import anyio
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from batchcancel.api import PERMIT_S
from batchcancel.errors import LedgerWriteFailed
from batchcancel.huskyvoice.limiter import WindowLimiter
from batchcancel.huskyvoice.window_log import MemoryWindow, WindowLog
from tests.huskyvoice.test_limiter import most_in_any, send_all
from tests.sample import sampled
from tests.windows import memory_window

pytestmark = pytest.mark.anyio


class Slow:
    """A database that takes its time, before it has done it and after."""

    def __init__(self, seconds=0.0):
        self.seconds = seconds
        self.calls = 0

    async def __call__(self, call, /):
        self.calls += 1
        with anyio.CancelScope(shield=True):
            await anyio.sleep(self.seconds / 2)
            result = call()
            await anyio.sleep(self.seconds / 2)
        return result


def window_of(book, *, limit=2, **options):
    return memory_window(anyio.current_time, limit=limit, log=book, **options)


def limiter_of(book, *, offload=None, **options):
    window = window_of(book, **options)
    return WindowLimiter(window, offload=offload or Slow(), clocks=lambda: (anyio.current_time(),))


async def test_two_programs_have_one_window():
    book = WindowLog("a boot")
    first, second = limiter_of(book), limiter_of(book)
    first.used(await first.permit())
    await second.permit()
    await first.flush()
    await second.permit()
    assert 60.0 == anyio.current_time()


@pytest.mark.parametrize("asked_for", [0.5, 1.5])
async def test_an_answer_that_comes_while_the_window_is_asked_is_told_before_the_wait(asked_for):
    limiter = limiter_of(WindowLog("a boot"), limit=1, offload=Slow(2.0))
    permit = await limiter.permit()
    async with anyio.create_task_group() as group:
        group.start_soon(limiter.permit)
        await anyio.sleep(asked_for)
        limiter.used(permit)
    assert anyio.current_time() <= 60.0 + 4 * 2.0


@pytest.mark.promise(8)
async def test_a_gate_closed_here_is_closed_elsewhere_while_somebody_waits_for_it_here():
    book, granted = WindowLog("a boot"), []
    here, there = limiter_of(book), limiter_of(book)

    async def take(limiter):
        await limiter.permit()
        granted.append(anyio.current_time())

    here.close_for(30)
    async with anyio.create_task_group() as group:
        group.start_soon(take, here)
        await anyio.sleep(1)
        group.start_soon(take, there)
    assert [30.0, 30.0] == granted


async def test_a_closing_that_could_not_be_told_in_time_is_not_told_late_and_begun_anew():
    class Deaf(MemoryWindow):
        def used(self, slot):
            raise LedgerWriteFailed("away")

    limiter = WindowLimiter(memory_window(anyio.current_time, limit=2, kind=Deaf), offload=Slow())
    limiter.used(await limiter.permit())
    limiter.close_for(30)
    await limiter.permit()
    assert 30.0 == anyio.current_time()


async def test_a_window_that_cannot_be_asked_grants_nothing():
    class Away(MemoryWindow):
        def take(self):
            raise LedgerWriteFailed("away")

    limiter = WindowLimiter(memory_window(anyio.current_time, limit=2, kind=Away), offload=Slow())
    with pytest.raises(LedgerWriteFailed):
        await limiter.permit()


async def test_who_is_stopped_while_a_slot_is_being_taken_gives_it_back():
    book, granted = WindowLog("a boot"), []
    limiter, first = limiter_of(book, offload=Slow(2.0)), book.next_slot
    with anyio.move_on_after(1):
        granted.append(await limiter.permit())
    await limiter.flush()
    assert ([], 1, {}) == (granted, book.next_slot - first, book.slots)


async def test_a_permit_is_good_for_as_long_as_others_wait_for_its_slot():
    now = [0.0]
    limiter = WindowLimiter(
        window_of(WindowLog("a boot")),
        offload=Slow(),
        clocks=lambda: (anyio.current_time(), now[0]),
    )
    permit = await limiter.permit()
    await anyio.sleep(PERMIT_S - 0.1)
    assert permit.is_good()
    now[0] = PERMIT_S
    assert not permit.is_good()


async def test_what_is_known_before_anything_was_asked_is_how_the_window_stands():
    book = WindowLog("a boot")
    earlier = limiter_of(book)
    for _ in range(2):
        earlier.used(await earlier.permit())
    await earlier.flush()
    await anyio.sleep(10)
    limiter = limiter_of(book)
    assert (50.0, 2) == (limiter.wait(), limiter.taken())


async def test_waiting_asks_no_more_often_than_it_may_help():
    book, offload = WindowLog("a boot"), Slow()
    first, second = limiter_of(book, limit=1), limiter_of(book, limit=1, offload=offload)
    permit = await first.permit()
    async with anyio.create_task_group() as group:
        group.start_soon(second.permit)
        await anyio.sleep(1)
        first.used(permit)
        await first.flush()
    assert 61.0 == anyio.current_time()
    assert offload.calls <= 3


@pytest.mark.parametrize("examples", sampled([10, 50], every=2))
def test_no_latency_makes_the_server_count_more_than_the_limit_of_all_together(examples):
    settings(deadline=None, max_examples=examples)(given(**PROGRAMS)(never_more_than_the_limit))()


PROGRAMS = {
    "seed": st.integers(0, 2**32), "programs": st.integers(1, 4), "workers": st.integers(1, 12),
    "limit": st.integers(1, 20), "worst": st.floats(0, 90), "database": st.floats(0, 0.5),
}  # fmt: skip


def never_more_than_the_limit(*, seed, programs, workers, limit, worst, database):
    random, book, arrivals = Random(seed), WindowLog("a boot"), []

    async def program():
        limiter = limiter_of(book, limit=limit, timeout=2 * worst, offload=Slow(database))
        latency = partial(random.uniform, 0, worst)
        arrivals.extend(await send_all(limiter, 4 * limit, workers=workers, latency=latency))

    async def main():
        async with anyio.create_task_group() as group:
            for _ in range(programs):
                group.start_soon(program)

    trio.run(main, clock=MockClock(autojump_threshold=0))
    assert 4 * limit * programs == len(arrivals)
    assert most_in_any(60, arrivals) <= limit
