"""Between a permit and its request: what may still keep the request from leaving."""

from datetime import UTC, datetime

import pytest

from batchcancel.api import Answer, Ask, Meaning, Permit, Request
from batchcancel.errors import LedgerWriteFailed, StoppedEarly
from batchcancel.pool.exchange import Exchange
from batchcancel.stop import Stop, background
from batchcancel.writer import Writer, inline

pytestmark = pytest.mark.anyio
PATCH = Request(ask=Ask.CANCEL, appointment_id="a1")


class Parts:
    """An API, a limiter and a ledger that remember what they were asked."""

    def __init__(self, *, is_good=lambda: True, require_held=lambda: None):
        self.told = []
        self.permit = self._permit
        self._given = Permit(7, is_good)
        self.require_held = require_held

    async def _permit(self):
        return self._given

    def used(self, permit):
        self.told.append(f"slot {permit.slot} used")

    def unused(self, permit):
        self.told.append(f"slot {permit.slot} unused")

    def commit(self, entries):
        self.told += [type(entry).__name__.lower() for entry in entries]

    async def send(self, request):
        self.told.append("sent")
        return Answer(meaning=Meaning.PROVED, code="200")

    async def exchange(self):
        writer = Writer(self.commit, offload=inline)
        exchange = Exchange(
            api=self,
            limiter=self,
            writer=writer,
            stop=Stop(),
            now=lambda: datetime(2026, 6, 1, tzinfo=UTC),
            max_retry_after=300,
            require_held=self.require_held,
        )
        async with background(writer.serve):
            await exchange.send(PATCH, attempt=1)
            await writer.durable()


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
    assert ["intent", "slot 7 unused"] == parts.told


@pytest.mark.promise(7)
async def test_a_permit_that_was_kept_for_too_long_sends_nothing():
    parts = Parts(is_good=lambda: False)
    with pytest.raises(StoppedEarly, match="kept for too long"):
        await parts.exchange()
    assert ["intent", "slot 7 unused"] == parts.told
