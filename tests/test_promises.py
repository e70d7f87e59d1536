"""Promises that only show while a run is going on: looked at from the network's side."""

import anyio
import httpx
import pytest

from batchcancel.errors import BatchHeld, Interrupted, LedgerWriteFailed
from batchcancel.ledger.contract import State
from batchcancel.ledger.sqlite.ledger import SqliteLedger
from batchcancel.report.counts import counts_from
from batchcancel.sandbox import FULL_KEY, Fault, Rate
from batchcancel.settings.load import Secret
from batchcancel.stop import Stop
from tests.world import Delayed

pytestmark = pytest.mark.anyio


class Tap(httpx.AsyncBaseTransport):
    """Shows every request to `look` before it goes on."""

    def __init__(self, inner, look):
        self._inner = inner
        self._look = look

    async def handle_async_request(self, request):
        self._look(request)
        return await self._inner.handle_async_request(request)


@pytest.fixture
def tapped(world):
    """Let a function see every request of the world's runs."""

    def tap(look):
        inner = world.transport
        world.transport = lambda: Tap(inner(), look)

    return tap


@pytest.mark.promise(1)
async def test_when_a_patch_leaves_its_intent_is_on_the_disk(world, tapped):
    ids, seen = world.appointments(40), []

    def look(request):
        if request.method == "PATCH":
            with world.account() as ledger:
                states = {row.appointment_id: row.state for row in ledger.rows("closure")}
            seen.append(states[request.url.path.rsplit("/", 1)[1]])

    tapped(look)
    await world.run(world.manifest(ids))
    assert [State.OPEN] * 40 == seen


@pytest.mark.promise(4)
async def test_rows_add_up_at_every_moment(world, tapped):
    ids, sums = world.appointments(40), set()

    def look(request):
        if request.method == "PATCH":
            with world.account() as ledger:
                sums.add(counts_from(ledger.tally("closure")).rows)

    tapped(look)
    world.sandbox.faults.add(Fault("status", status=404), method="PATCH", times=5, skip=3)
    world.sandbox.faults.add(Fault("status", status=500), method="PATCH", times=9, skip=9)
    manifest = world.manifest([*ids, "no id"])
    finished = await world.run(manifest, allow_rejected_rows=True, max_attempts=2)
    assert {41} == sums
    assert 41 == finished.summary.counts.rows


@pytest.mark.promise(5)
async def test_only_what_was_asked_is_sent(world, tapped):
    ids, sent = world.appointments(20), set()
    tapped(lambda request: sent.add((request.method, str(request.url), request.content)))
    await world.run(world.manifest(ids), notes="Closed")
    body = b'{"status":"cancelled","notes":"Closed"}'
    patches = {("PATCH", f"http://localhost/v1/appointments/{one}", body) for one in ids}
    asked = (
        "appointment-config",
        "appointments?date=2026-06-20&page=1&limit=200",
        "appointment-slots/availability?date=2026-06-20",
    )
    assert patches | {("GET", f"http://localhost/v1/{one}", b"") for one in asked} == sent


@pytest.mark.promise(9)
async def test_a_server_that_never_answers_ends_the_run_in_bounded_time(world):
    ids = world.appointments(200)
    world.sandbox.faults.add(Fault("hang"), method="PATCH", times=None)
    began = world.virtual.current_time()
    finished = await world.run(world.manifest(ids), halt_after=8, timeout=10, max_attempts=5)
    assert 5 == finished.summary.exit_code
    assert world.virtual.current_time() - began <= 3 * (5 * 10 + 2 + 4 + 8 + 16)


@pytest.mark.promise(10)
async def test_a_second_run_of_the_batch_is_refused_and_sends_nothing(world):
    manifest = world.manifest(world.appointments(100))
    async with anyio.create_task_group() as group:
        group.start_soon(world.run, manifest)
        await anyio.sleep(30)
        arrived = len(world.sandbox.history.arrivals)
        with pytest.raises(BatchHeld):
            await world.run(manifest)
        assert arrived == len(world.sandbox.history.arrivals)


@pytest.mark.promise(11)
async def test_after_a_signal_no_new_patch_leaves_and_what_was_sent_is_accounted_for(world):
    world.new_sandbox(rate=Rate(limit=None))
    manifest, stop = world.manifest(world.appointments(500)), Stop()
    inner = world.transport
    world.transport = lambda: Delayed(inner(), lambda: 1.0)
    results = []

    async def run():
        results.append(await world.run(manifest, stop=stop, rate="none"))

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        await anyio.sleep(10.25)
        asked = world.virtual.current_time()
        stop.ask(Interrupted(15))
        stop.ask(Interrupted(2))
    counts = results[0].summary.counts
    assert all(one.arrived <= asked + 0.5 for one in world.sandbox.history.patches())
    assert (143, 0) == (results[0].summary.exit_code, counts.open)
    assert len(world.sandbox.history.patches()) == counts["cancelled"]


@pytest.mark.promise(11)
async def test_the_drain_ends_after_three_seconds_whatever_the_server_does(world):
    world.sandbox.faults.add(Fault("hang"), method="PATCH", times=None)
    manifest, stop = world.manifest(world.appointments(50)), Stop()
    results = []

    async def run():
        results.append(await world.run(manifest, stop=stop, timeout=60))

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        await anyio.sleep(5)
        asked = world.virtual.current_time()
        stop.ask(Interrupted(2))
    assert world.virtual.current_time() - asked <= 3.0 + 1.0
    assert (130, 8) == (results[0].summary.exit_code, results[0].summary.counts.open)


@pytest.mark.promise(13)
async def test_after_a_failed_ledger_write_nothing_more_is_sent(world, monkeypatch):
    ids, commits, sent_after = world.appointments(200), [], []
    commit = SqliteLedger.commit

    def failing(self, entries):
        commits.append(len(world.sandbox.history.patches()))
        if len(commits) > 30:
            raise LedgerWriteFailed("the disk is full")
        commit(self, entries)

    monkeypatch.setattr(SqliteLedger, "commit", failing)
    finished = await world.run(world.manifest(ids))
    under_way = 8
    sent_after = len(world.sandbox.history.patches()) - commits[30]
    assert 5 == finished.summary.exit_code
    assert sent_after <= under_way
    assert finished.summary.counts.waiting > 0


@pytest.mark.promise(15)
async def test_the_key_is_shown_by_no_text_of_the_program():
    secret = Secret(FULL_KEY)
    assert FULL_KEY not in f"{secret} {secret!r} {secret.fingerprint}"
