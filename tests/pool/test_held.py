"""Not found and refused are held until life is proved: a streak settles none of its rows."""

from contextlib import closing

import anyio
import pytest

from batchcancel.errors import Interrupted
from batchcancel.ledger.open import read_ledger
from batchcancel.sandbox import Fault
from batchcancel.stop import Stop

pytestmark = pytest.mark.anyio


def rows(world):
    with closing(read_ledger(str(world.folder / "closure.ledger.db"))) as ledger:
        return {
            one.appointment_id: (one.state.value, one.outcome, one.reason)
            for one in ledger.rows("closure")
        }


def strike(world, status, **where):
    world.sandbox.faults.add(Fault("status", status=status), method="PATCH", **where)


@pytest.mark.promise(3)
@pytest.mark.parametrize(("status", "outcome"), [(404, "not_found"), (422, "refused")])
async def test_a_streak_that_stops_the_run_settles_none_of_its_rows(world, status, outcome):
    manifest = world.manifest(world.appointments(30))
    strike(world, status, times=None)
    halted = await world.run(manifest)
    noted = [one for one in rows(world).values() if one[:2] == ("waiting", outcome)]
    world.sandbox.faults.clear()
    finished = await world.run(manifest)
    counts = halted.summary.counts
    assert (5, 0, 0, 30) == (halted.summary.exit_code, counts[outcome], counts.open, counts.waiting)
    assert 20 <= len(noted)
    assert (0, 30) == (finished.summary.exit_code, finished.summary.counts["cancelled"])


@pytest.mark.promise(3)
async def test_a_streak_that_is_too_short_is_settled_when_the_run_has_come_to_its_end(world):
    manifest = world.manifest(world.appointments(5))
    strike(world, 404, times=None)
    ended = await world.run(manifest)
    world.sandbox.faults.clear()
    again = await world.run(manifest)
    asked = await world.run(manifest, retry_refused=True)
    assert [4, 4, 0] == [one.summary.exit_code for one in (ended, again, asked)]
    assert [5, 5, 0] == [one.summary.counts["not_found"] for one in (ended, again, asked)]


async def test_a_proof_of_life_settles_what_is_held_before_the_run_ends(world):
    ids = world.appointments(6)
    strike(world, 422, appointment_id=ids[0])
    strike(world, 503, skip=2, times=None)
    await world.run(world.manifest(ids), concurrency=1, max_attempts=1, halt_after=3)
    assert ("settled", "refused") == rows(world)[ids[0]][:2]
    assert ("settled", "cancelled") == rows(world)[ids[1]][:2]


async def test_what_fails_after_a_proof_of_life_is_held_again(world):
    ids = world.appointments(6)
    strike(world, 422, skip=1, times=None)
    await world.run(world.manifest(ids), concurrency=1, halt_after=3)
    held = ("waiting", "refused", "UNPROCESSABLE_ENTITY")
    found = rows(world)
    assert ["settled", *[held[0]] * 5] == [found[one][0] for one in ids]
    assert [held[1]] * 3 == [found[one][1] for one in ids[1:4]]


@pytest.mark.promise(3)
async def test_a_page_that_was_read_before_a_streak_proves_no_life_in_it(world):
    ids = world.appointments(8)
    strike(world, 404, times=None)

    def be_slow(_planned):
        world.virtual.jump(601)
        world.sandbox.staff.cancel(ids[2])

    await world.run(world.manifest(ids), confirm=be_slow, concurrency=1, halt_after=5)
    found = rows(world)
    assert "already_cancelled" == found.pop(ids[2])[1]
    assert {"waiting"} == {state for state, *_ in found.values()}


async def test_a_record_that_was_only_read_proves_life_too(world):
    ids = world.appointments(3)
    strike(world, 422, appointment_id=ids[0])
    strike(world, 503, skip=1, times=None)
    world.sandbox.staff.complete(ids[1])
    await world.run(
        world.manifest(ids, starts_at=None), concurrency=1, max_attempts=1, halt_after=1 + 1
    )
    assert ("settled", "refused") == rows(world)[ids[0]][:2]


@pytest.mark.parametrize("how", ["a signal", "max_duration", "max_requests"])
async def test_a_run_that_is_stopped_leaves_what_is_held_waiting(world, how):
    ids = world.appointments(8)
    strike(world, 404, times=3)
    world.sandbox.faults.add(Fault("hang"), method="PATCH", times=None)
    options = {"max_duration": {"max_duration": "4s"}, "max_requests": {"max_requests": 6}}
    stop = Stop()

    async def signal():
        await anyio.sleep(4)
        stop.ask(Interrupted(15))

    async with anyio.create_task_group() as group:
        if how == "a signal":
            group.start_soon(signal)
        await world.run(world.manifest(ids), stop=stop, concurrency=1, **options.get(how, {}))
    held = [one for one in rows(world).values() if one[:2] == ("waiting", "not_found")]
    world.sandbox.faults.clear()
    finished = await world.run(world.folder / "closure.csv")
    assert 3 == len(held)
    assert (0, 8) == (finished.summary.exit_code, finished.summary.counts["cancelled"])
