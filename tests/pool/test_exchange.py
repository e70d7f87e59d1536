"""Between a permit and its request: what may still keep the request from leaving."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import anyio
import pytest

from batchcancel.api import Answer, Ask, Meaning, Permit, Request
from batchcancel.appointments import Cancel
from batchcancel.errors import FatalAnswer, GateClosed, Interrupted, LedgerWriteFailed, StoppedEarly
from batchcancel.huskyvoice.limiter import Patience
from batchcancel.pool.exchange import Exchange, Write
from batchcancel.stop import Stop, Stopped, background
from batchcancel.writer import Writer, inline

pytestmark = pytest.mark.anyio
PATCH = Request(ask=Ask.CANCEL, appointment_id="a1")
READ = Request(ask=Ask.READ, appointment_id="a1")
PROVED = Answer(meaning=Meaning.PROVED, code="200")
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def unknown(seconds):
    return Answer(meaning=Meaning.UNKNOWN, code="503", retry_after=seconds)


def busy(seconds):
    return Answer(meaning=Meaning.BUSY, code="429", retry_after=seconds)


class Parts:
    """An API, a limiter and a ledger that remember what they were asked."""

    def __init__(
        self, *, is_good=lambda: True, require_held=lambda: None, answer=PROVED, most=None
    ):
        self.told, self.entries = [], []
        self.decisions, self.is_in_doubt = iter(()), False
        self.stop = Stop()
        self.permit = self._permit
        self._is_good = is_good
        self._answer = answer
        self._most = most
        self.require_held = require_held

    async def _permit(self, _most_wait):
        return Permit(7, self._is_good)

    def used(self, permit):
        self.told.append(f"slot {permit.slot} used")

    def unused(self, permit):
        self.told.append(f"slot {permit.slot} unused")

    def close_for(self, seconds):
        self.told.append(f"gate closed for {seconds} s")
        Patience(300, lambda: NOW).require(seconds, kept_in="memory")

    def commit(self, entries):
        self.entries += entries
        self.told += [type(entry).__name__.lower() for entry in entries]

    def decide(self, now):
        assert self.latest() == now
        return next(self.decisions, Cancel())

    def latest(self):
        return NOW + timedelta(seconds=2)

    def require_undisputed(self):
        pass

    def now(self):
        return NOW

    def earliest(self):
        return NOW - timedelta(milliseconds=1400)

    async def send(self, request):
        self.told.append("sent")
        return self._answer

    def _exchange(self, writer):
        return Exchange(
            send=self.send,
            limiter=self,
            writer=writer,
            stop=self.stop,
            now=lambda: NOW,
            clock=self,
            max_retry_after=300,
            require_held=self.require_held,
            max_requests=self._most,
        )

    async def exchange_with(self, work, *, times, then):
        writer = Writer(self.commit, offload=inline)
        exchange = self._exchange(writer)
        async with background(writer.serve):
            async with anyio.create_task_group() as group:
                for _ in range(times):
                    group.start_soon(work, exchange)
                await anyio.wait_all_tasks_blocked()
                then()
            await writer.durable()

    async def exchange(self, *requests):
        writer = Writer(self.commit, offload=inline)
        self.counted = exchange = self._exchange(writer)
        async with background(writer.serve):
            try:
                for request in requests or [PATCH]:
                    await self.one(exchange, request)
            finally:
                with suppress(LedgerWriteFailed):
                    await writer.durable()

    async def one(self, exchange, request=PATCH):
        if request is READ:
            return await exchange.send(request)
        write = Write(attempt=1, is_in_doubt=self.is_in_doubt, decide=self.decide)
        return await exchange.write(request, write)


NOT_SENT = ["intent", "slot 7 unused", "answered", "withdrawn"]
"""Told of a PATCH whose intent was durable, and which did not leave after all."""


async def test_the_last_allowed_request_is_sent_and_no_intent_is_written_for_another():
    parts = Parts(most=2)
    with pytest.raises(StoppedEarly, match="--max-requests of 2"):
        await parts.exchange(READ, PATCH, PATCH)
    assert 2 == parts.counted.requests == parts.told.count("sent")
    assert 1 == parts.told.count("intent")


async def test_requests_that_wait_for_a_permit_together_are_no_more_than_allowed():
    parts = Parts(most=3)
    permits = anyio.Event()

    async def permit(_most_wait):
        await permits.wait()
        return Permit(7)

    parts.permit = permit
    refused = []

    async def one(exchange):
        try:
            await parts.one(exchange)
        except StoppedEarly as error:
            refused.append(error)

    await parts.exchange_with(one, times=8, then=permits.set)
    assert (3, 5) == (parts.told.count("sent"), len(refused))
    assert 3 == parts.told.count("intent")
    assert 5 == parts.told.count("slot 7 unused")


async def test_the_slot_of_a_request_is_told_of_by_its_number():
    parts = Parts()
    await parts.exchange()
    assert ["intent", "sent", "slot 7 used", "answered"] == parts.told


@pytest.mark.promise(10)
async def test_a_batch_that_another_run_may_have_by_now_sends_nothing():
    def lost():
        raise LedgerWriteFailed("another run may have taken it")

    parts = Parts(require_held=lost)
    with pytest.raises(LedgerWriteFailed):
        await parts.exchange()
    assert NOT_SENT == parts.told


@pytest.mark.promise(7)
async def test_a_permit_that_was_kept_for_too_long_sends_nothing():
    parts = Parts(is_good=lambda: False)
    with pytest.raises(StoppedEarly, match="kept for too long"):
        await parts.exchange()
    assert NOT_SENT == parts.told


@pytest.mark.promise(11)
async def test_a_stop_that_comes_while_the_intent_is_written_lets_nothing_leave():
    class StoppedMeanwhile(Parts):
        def commit(self, entries):
            super().commit(entries)
            self.stop.ask(Interrupted(15))

    parts = StoppedMeanwhile()
    with pytest.raises(Stopped):
        await parts.exchange()
    assert NOT_SENT == parts.told


@pytest.mark.promise(8)
async def test_a_retry_after_that_is_just_allowed_closes_the_gate():
    parts = Parts(answer=busy(300))
    try:
        await parts.exchange()
    except GateClosed as stopped:
        parts.told.append(stopped.message)
    after = ["gate closed for 300 s", "answered", "withdrawn"]
    assert ["intent", "sent", "slot 7 used", *after] == parts.told


@pytest.mark.promise(9)
async def test_a_retry_after_that_is_longer_than_allowed_stops_the_run():
    with pytest.raises(GateClosed, match="301 s"):
        await Parts(answer=busy(301)).exchange()


@pytest.mark.promise(8)
async def test_a_retry_after_that_stops_the_run_closes_the_gate_for_those_who_come_next():
    parts = Parts(answer=busy(600))
    with pytest.raises(GateClosed) as stopped:
        await parts.exchange()
    assert "gate closed for 600 s" in parts.told
    assert "after 2026-06-01 00:10:00 UTC" in stopped.value.hint
    assert "memory" in stopped.value.hint


@pytest.mark.parametrize(
    ("answer", "closed"),
    [
        (busy(None), ["gate closed for 5.0 s"]),
        (busy(7), ["gate closed for 7 s"]),
        (busy(0), ["gate closed for 1.0 s"]),
        (busy(0.5), ["gate closed for 1.0 s"]),
        (unknown(0), ["gate closed for 1.0 s"]),
        (unknown(7), ["gate closed for 7 s"]),
        (unknown(None), []),
        (Answer(meaning=Meaning.REFUSED, code="409", retry_after=7), []),
    ],
)
async def test_a_429_closes_the_gate_and_so_does_trouble_that_names_a_time(answer, closed):
    parts = Parts(answer=answer)
    await parts.exchange()
    assert closed == [one for one in parts.told if one.startswith("gate")]


class Answering(Parts):
    """Every answer takes a hundred seconds."""

    def __init__(self, *answers):
        super().__init__()
        self._answers = iter(answers)

    async def send(self, request):
        await anyio.sleep(100)
        return next(self._answers)


@pytest.mark.promise(9)
async def test_a_run_whose_every_request_is_turned_away_for_too_long_stops():
    parts = Answering(*[busy(1)] * 9)
    with pytest.raises(StoppedEarly, match="for 400 s the API has turned every request away"):
        await parts.exchange(*[PATCH] * 9)
    assert (5, 5) == (parts.counted.requests, parts.counted.rate_limited)
    assert 5 == parts.told.count("gate closed for 1 s")


@pytest.mark.parametrize("through", [PROVED, unknown(None)])
async def test_one_request_that_gets_through_starts_the_patience_anew(through):
    parts = Answering(*[busy(1)] * 4, through, *[busy(1)] * 4, through)
    with suppress(StoppedEarly):
        await parts.exchange(*[PATCH] * 10)
    assert (10, 8) == (parts.counted.requests, parts.counted.rate_limited)


@pytest.mark.promise(7)
async def test_the_slot_of_a_request_whose_answer_is_fatal_is_used():
    class Redirecting(Parts):
        async def send(self, request):
            await super().send(request)
            raise FatalAnswer("redirected")

    parts = Redirecting()
    with pytest.raises(FatalAnswer):
        await parts.exchange()
    assert ["intent", "sent", "slot 7 used"] == parts.told


async def test_requests_are_counted_and_those_that_a_429_turned_away():
    parts = Parts(answer=busy(0))
    await parts.exchange(PATCH, READ)
    assert (2, 2) == (parts.counted.requests, parts.counted.rate_limited)
    parts = Parts(answer=unknown(None))
    await parts.exchange(PATCH, READ)
    assert (2, 0) == (parts.counted.requests, parts.counted.rate_limited)


async def test_what_did_not_leave_is_not_counted():
    parts = Parts(is_good=lambda: False)
    with pytest.raises(StoppedEarly):
        await parts.exchange()
    assert 0 == parts.counted.requests


class StoppedInFlight(Parts):
    """The stop comes a second after a request left, and its answer nine later."""

    async def send(self, request):
        await super().send(request)
        await anyio.sleep(1)
        self.stop.ask(Interrupted(15))
        await anyio.sleep(9)
        self.told.append("answer")
        return self._answer


@pytest.mark.promise(11)
async def test_nobody_waits_for_a_read_once_the_run_is_to_stop_and_its_slot_stays_taken():
    parts = StoppedInFlight()
    with pytest.raises(Stopped):
        await parts.exchange(READ)
    assert (["asked", "sent"], 1.0) == (parts.told, anyio.current_time())


async def test_a_patch_that_has_left_is_waited_for_when_the_run_is_to_stop():
    parts = StoppedInFlight()
    await parts.exchange(PATCH)
    assert ["intent", "sent", "answer", "slot 7 used", "answered"] == parts.told
