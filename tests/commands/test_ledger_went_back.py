"""A ledger that lacks what it had said was written: a restored copy, as after a failover."""

import shutil
from collections import Counter
from contextlib import contextmanager

import pytest

from batchcancel.sandbox import Fault
from tests.world import ended

pytestmark = pytest.mark.anyio


@contextmanager
def restored(world):
    """What the ledger is told here is lost."""
    copy = world.folder / "backup"
    shutil.copy(world.ledger, copy)
    yield
    shutil.copy(copy, world.ledger)


@pytest.fixture
async def lost(world):
    """60 rows, of which 10 are in the ledger, and 12 more were cancelled; 3 are alive again."""
    ids = world.appointments(60)
    world.listed = world.manifest(ids)
    await world.run(world.listed, limit=10)
    with restored(world):
        await world.run(world.listed, limit=22)
    world.virtual.jump(120)
    world.again = world.patched()[10:13]
    for one in world.again:
        world.sandbox.staff.confirm(one)
    return world


async def test_a_plan_says_so_too_and_counts_what_is_read_back(lost):
    planned = await lost.plan(lost.listed)
    told = [one.text for one in planned.rules.cautions if one.code == "ledger_went_back"]
    finished = await lost.run(lost.listed)

    assert 1 == len(told)
    assert "the ledger lost its last" in told[0]
    assert 3 == finished.summary.counts["needs_review"]
    assert planned.plan.requests >= finished.summary.requests - 5


@pytest.mark.promise(2)
async def test_what_was_sent_and_lost_is_not_sent_again_nor_what_is_alive_again(lost):
    before = len(lost.sandbox.history.arrivals)
    finished = await lost.run(lost.listed)
    requests = len(lost.sandbox.history.arrivals) - before
    reviewed = {one for one, end in lost.watching.outcomes.items() if end.name == "needs_review"}

    assert (4, {"cancelled": 57, "needs_review": 3}) == ended(finished)
    assert 60 == len(lost.patched()) == len(set(lost.patched()))
    assert reviewed == {*lost.again}
    assert "ledger_went_back" in lost.watching.cautions
    assert requests <= 38 + 60 // 20 + 20


async def test_it_is_said_with_its_number_until_it_is_written_down(lost):
    await lost.plan(lost.listed)
    await lost.run(lost.listed, limit=10)
    told = [one.text for one in lost.plans[-1].rules.cautions if one.code == "ledger_went_back"]
    await lost.run(lost.listed, limit=10)
    again = [one for one in lost.plans[-1].rules.cautions if one.code == "ledger_went_back"]

    assert 1 == len(told)
    assert "the ledger lost its last" in told[0]
    assert [] == again


async def test_a_canary_counts_what_is_in_doubt_only_because_of_the_loss(lost):
    sent = len(lost.patched())
    await lost.run(lost.listed, limit=20)
    assert len(lost.patched()) <= sent + 10


async def test_what_a_stopped_run_did_not_come_to_is_in_doubt_for_the_next(lost):
    lost.sandbox.faults.add(Fault("status", status=503), method="PATCH", times=None)
    await lost.run(lost.listed, halt_after=3, max_attempts=1)
    lost.sandbox.faults.clear()
    await lost.run(lost.listed)
    sent = Counter(one.appointment_id for one in lost.sandbox.changes() if one.after == "cancelled")
    assert {1} == set(sent.values())
    assert 60 == len(sent)


async def test_rows_that_the_ledger_does_not_know_at_all_are_read_back_too(world):
    ids = world.appointments(40)
    await world.run(world.manifest(ids[:20]), batch="early")
    listed = world.manifest(ids[20:])
    with restored(world):
        await world.run(listed)
    world.virtual.jump(120)
    world.sandbox.staff.confirm(ids[20])
    finished = await world.run(listed)

    assert (4, {"cancelled": 19, "needs_review": 1}) == ended(finished)
    assert 40 == len(world.patched())


async def test_a_copy_that_lacks_nothing_of_the_batch_is_no_such_ledger(world):
    listed = world.manifest(world.appointments(20))
    await world.run(listed, limit=10)
    shutil.copy(world.ledger, world.folder / "copy")
    shutil.move(world.folder / "copy", world.ledger)
    finished = await world.run(listed)
    assert (0, {"cancelled": 20}) == ended(finished)
    assert "ledger_went_back" not in world.watching.cautions


async def test_without_the_marks_nothing_that_is_still_cancelled_is_sent_again(lost):
    shutil.rmtree(lost.folder / "state")
    sent = len(lost.patched())
    finished = await lost.run(lost.listed)
    assert 9 == finished.summary.counts["already_cancelled"]
    assert {*lost.again} == set(lost.patched()[sent:]) & {*lost.patched()[:sent]}
