"""Answers that leave a doubt: what may be said, sent and settled afterwards."""

from datetime import date

import anyio
import pytest

from batchcancel.sandbox import Fault
from tests.world import Delayed

pytestmark = pytest.mark.anyio


@pytest.fixture
def asleep(world):
    """Let the machine sleep once something was cancelled."""

    async def sleep(hours):
        while not world.sandbox.changes():  # noqa: ASYNC110 - the sandbox tells nobody
            await anyio.sleep(0.01)
        world.sleep_machine(hours * 3600)

    return sleep


@pytest.mark.promise(3)
async def test_a_404_after_an_attempt_in_doubt_settles_nothing(world):
    ids = world.appointments(1)
    world.sandbox.faults.add(Fault("reset"), method="PATCH")
    world.sandbox.faults.add(Fault("status", status=404), method="PATCH")
    first = await world.run(world.manifest(ids))
    second = await world.run(world.folder / "closure.csv")
    assert (1, 0) == (first.summary.counts["gave_up"], first.summary.counts["not_found"])
    assert 1 == second.summary.counts["cancelled"]


@pytest.mark.promise(3)
async def test_what_staff_confirm_again_a_second_after_a_lost_reply_stays_alive(world):
    ids = world.appointments(1)
    world.sandbox.faults.add(Fault("reset", when="after"), method="PATCH")
    staff = world.sandbox.staff

    async def confirm():
        while not world.sandbox.changes():  # noqa: ASYNC110 - the sandbox tells nobody
            await anyio.sleep(0.01)
        await anyio.sleep(1)
        staff.confirm(ids[0])

    async with anyio.create_task_group() as group:
        group.start_soon(confirm)
        world.transport = _taking(2.0, world.transport)
        finished = await world.run(world.manifest(ids))
    assert (4, 1) == (finished.summary.exit_code, finished.summary.counts["needs_review"])
    assert "confirmed" == world.sandbox.record(ids[0]).status
    assert 1 == len(world.sandbox.history.patches(ids[0]))


async def test_what_staff_move_between_the_page_and_our_patch_is_for_a_person(world):
    ids = world.appointments(70)
    manifest = world.manifest(ids)

    async def move():
        await anyio.sleep(30)  # the last ten wait for the window then
        world.sandbox.staff.reschedule(ids[69], date(2026, 7, 20))

    async with anyio.create_task_group() as group:
        group.start_soon(move)
        finished = await world.run(manifest)
    counts = finished.summary.counts
    assert (4, 69, 1) == (finished.summary.exit_code, counts["cancelled"], counts["needs_review"])
    assert "moved" == world.watching.outcomes[ids[69]].reason


def _taking(seconds, transport):
    return lambda: Delayed(transport(), lambda: seconds)


@pytest.mark.promise(3)
@pytest.mark.parametrize("status", [404, 409, 422])
async def test_no_no_to_a_read_back_ends_a_doubt_not_even_when_asked_to_retry_what_was_refused(
    world, status
):
    ids = world.appointments(1)
    manifest = world.manifest(ids)
    world.sandbox.faults.add(Fault("reset", when="after"), method="PATCH")
    await world.run(manifest, max_attempts=1)
    world.sandbox.faults.add(Fault("status", status=status), method="GET", appointment_id=ids[0])
    misled = await world.run(manifest)
    world.virtual.jump(60)
    world.sandbox.staff.confirm(ids[0])
    finished = await world.run(manifest, retry_refused=True)
    assert (4, 1) == (misled.summary.exit_code, misled.summary.counts["gave_up"])
    assert (4, 1) == (finished.summary.exit_code, finished.summary.counts["needs_review"])
    assert 1 == len(world.sandbox.history.patches(ids[0]))


@pytest.mark.promise(3)
async def test_a_doubt_that_the_key_may_not_read_stays_and_the_others_are_cancelled(world):
    world.sandbox.keys.add("sk_write", ["appointments:write"])
    ids = world.appointments(5)
    manifest = world.manifest(ids)
    world.sandbox.faults.add(Fault("reset", when="after"), appointment_id=ids[1])
    finished = await world.run(manifest, key="sk_write", notice_hours=24)
    again = await world.run(manifest, key="sk_write", notice_hours=24)
    better = await world.run(manifest)
    assert [7, 7, 0] == [one.summary.exit_code for one in (finished, again, better)]
    assert [4, 4, 5] == [one.summary.counts["cancelled"] for one in (finished, again, better)]
    assert "appointments:read" in finished.reason.message
    assert 5 == len(world.sandbox.history.patches())


async def test_what_a_429_turned_away_was_not_ours_when_staff_cancelled_meanwhile(world):
    ids = world.appointments(1)
    world.sandbox.faults.add(Fault("status", status=429, retry_after=100), method="PATCH")

    async def staff():
        await anyio.sleep(50)
        world.sandbox.staff.cancel(ids[0])

    async with anyio.create_task_group() as group:
        group.start_soon(staff)
        finished = await world.run(world.manifest(ids))
    assert 1 == finished.summary.counts["already_cancelled"]


async def test_a_doubt_that_grew_old_while_the_machine_slept_is_read_back_before_anything_is_sent(
    world, asleep
):
    ids = world.appointments(1)
    world.sandbox.faults.add(Fault("reset", when="after"), method="PATCH")
    async with anyio.create_task_group() as group:
        group.start_soon(asleep, 2)
        first = await world.run(world.manifest(ids))
    assert 1 == first.summary.counts["cancelled"]
    assert 1 == len(world.sandbox.history.patches(ids[0]))


@pytest.mark.promise(6)
async def test_an_appointment_that_staff_moved_since_the_last_run_is_decided_by_its_new_day(world):
    ids = world.appointments(70)
    manifest = world.manifest(ids, starts_at=None)
    await world.run(manifest, limit=10)
    world.sandbox.staff.reschedule(ids[50], date(2026, 6, 1))
    world.virtual.jump(3600)
    finished = await world.run(manifest)
    assert 1 == sum(finished.summary.counts.skipped.values())
    assert [] == list(world.sandbox.history.patches(ids[50]))


@pytest.mark.promise(8)
async def test_a_503_with_retry_after_holds_every_worker_back(world):
    ids = world.appointments(30)
    world.sandbox.faults.add(Fault("status", status=503, retry_after=40), method="PATCH", skip=9)
    await world.run(world.manifest(ids))
    patches = [one.arrived for one in world.sandbox.history.patches()]
    refused = next(one.arrived for one in world.sandbox.history.answered(503))
    assert all(not refused < one < refused + 40 for one in patches)


@pytest.mark.promise(9)
async def test_a_503_that_asks_for_a_day_stops_the_run_resumably(world):
    ids = world.appointments(5)
    world.sandbox.faults.add(Fault("status", status=503, retry_after=86400), method="PATCH")
    assert 5 == (await world.run(world.manifest(ids))).summary.exit_code


@pytest.mark.promise(9)
async def test_a_job_that_is_stopped_from_outside_ends_at_once(world):
    manifest = world.manifest(world.appointments(100))
    began = anyio.current_time()
    with anyio.move_on_after(30) as scope:
        await world.run(manifest)
    assert scope.cancelled_caught
    assert anyio.current_time() - began <= 35
    assert 0 == (await world.run(manifest)).summary.exit_code
