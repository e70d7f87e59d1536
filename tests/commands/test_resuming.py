"""What one run leaves for the next: windows, refusals, origins, other people's keys."""

from datetime import date, timedelta

import anyio
import pytest

from batchcancel.errors import BatchHeld, InputError
from batchcancel.sandbox import Fault
from tests.world import Delayed, ended

pytestmark = pytest.mark.anyio


async def test_a_key_of_another_clinic_stops_the_run_and_spoils_nothing(world):
    manifest = world.manifest(world.appointments(100))
    world.sandbox.faults.add(Fault("status", status=404), method="PATCH", times=None)
    stopped = await world.run(manifest)
    world.sandbox.faults.clear()
    finished = await world.run(manifest, retry_refused=True)
    assert 5 == stopped.summary.exit_code
    assert "this clinic" in stopped.reason.hint
    assert (0, {"cancelled": 100}) == ended(finished)


@pytest.mark.promise(2)
@pytest.mark.parametrize("retry_refused", [False, True])
async def test_what_others_cancelled_and_confirmed_is_for_a_person_though_a_key_knew_nothing(
    world, retry_refused
):
    [one], theirs = world.appointments(1), world.sandbox
    manifest = world.manifest([one])
    theirs.staff.cancel(one)
    await world.run(manifest)
    theirs.staff.confirm(one)
    world.new_sandbox()
    await world.run(manifest)
    world.sandbox = theirs
    finished = await world.run(manifest, retry_refused=retry_refused)
    assert "confirmed" == theirs.record(one).status
    assert 4 == finished.summary.exit_code
    assert not retry_refused or 1 == finished.summary.counts["needs_review"]


async def test_refused_rows_that_left_the_manifest_are_not_reopened(world):
    ids = world.appointments(5)
    world.sandbox.faults.add(Fault("status", status=422), method="PATCH", appointment_id=ids[0])
    await world.run(world.manifest(ids))
    rest = world.manifest(ids[1:])
    await world.run(rest, accept_changed_manifest=True)
    finished = await world.run(rest, retry_refused=True)
    assert (1, 0) == (finished.summary.counts["refused"], finished.summary.counts.waiting)


@pytest.mark.promise(7)
async def test_the_window_holds_when_the_next_run_is_less_patient(world):
    manifest = world.manifest(world.appointments(120))
    inner = world.transport
    world.transport = lambda: Delayed(inner(), lambda: 90.0)
    await world.run(manifest, limit=59, timeout=120, concurrency=60)
    world.transport = inner
    finished = await world.run(manifest, timeout=10)
    assert world.sandbox.most_arrivals <= 60
    assert 0 == finished.summary.rate_limited


@pytest.mark.promise(7)
async def test_a_plan_beside_a_run_is_made_within_the_window_they_share(world):
    manifest = world.manifest(world.appointments(100))
    async with anyio.create_task_group() as group:
        group.start_soon(world.run, manifest)
        await anyio.sleep(30)
        planned = await world.plan(manifest)
    assert 0 < planned.plan.settled < 100
    assert (0, 100) == (world.sandbox.history.rate_limited, len(world.sandbox.changes()))
    assert world.sandbox.most_arrivals <= 60


@pytest.mark.promise(7)
async def test_there_is_no_plan_beside_a_run_where_the_window_cannot_be_shared(world):
    manifest = world.manifest(world.appointments(100))
    nowhere = world.folder / "closure.csv" / "state"
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: world.run(manifest, state_dir=nowhere))
        await anyio.sleep(30)
        arrived = len(world.sandbox.history.arrivals)
        with pytest.raises(BatchHeld):
            await world.plan(manifest, state_dir=nowhere)
        assert arrived == len(world.sandbox.history.arrivals)


async def test_a_plan_does_not_trust_the_ledger_of_a_rehearsal(world):
    manifest = world.manifest(world.appointments(5))
    await world.run(manifest)
    with pytest.raises(InputError, match="holds batches of"):
        await world.plan(manifest, base_url="http://127.0.0.1/v1")


async def test_a_wait_for_the_window_does_not_look_like_a_clock_that_differs(world):
    ids = world.appointments(130)
    manifest = world.manifest(ids, starts_at=None)
    await world.run(manifest, limit=59, concurrency=1)
    days = [f"{one},2026-06-{20 + at % 2},Morning" for at, one in enumerate(ids)]
    manifest = world.write("appointment_id,date,session", *days)
    await world.run(manifest, accept_changed_manifest=True)
    assert "clock_differs" not in world.watching.cautions


@pytest.mark.promise(16)
async def test_windows_that_are_refused_in_the_middle_mean_the_start_of_the_day(world):
    ids = world.appointments(30)
    for days, appointment_id in enumerate(ids):
        world.sandbox.add(appointment_id, date=date(2026, 6, 20) + timedelta(days=days))
    world.virtual.jump(120)
    windows = Fault("status", status=422)
    manifest = world.manifest(ids, starts_at=None)
    world.sandbox.faults.add(windows, method="GET", skip=14, times=None)
    finished = await world.run(manifest)
    assert finished.summary.exit_code in (0, 4, 5)


async def test_an_export_of_learned_starts_does_not_pass_them_off_as_the_manifests(world):
    ids = world.appointments(6)
    await world.run(world.manifest(ids, starts_at=None), limit=1)
    assert all(row.starts_at is None for row in world.plans[0].manifest.ledger_rows())


@pytest.mark.promise(2)
@pytest.mark.parametrize("fast", [timedelta(hours=1), timedelta(hours=-1), timedelta(seconds=90)])
async def test_a_clock_that_was_wrong_when_the_reply_was_lost_lets_no_live_appointment_be_cancelled(
    world, fast
):
    ids = world.appointments(1)
    manifest = world.manifest(ids)
    world.sandbox.faults.add(Fault("reset", when="after"), method="PATCH", times=None)
    world.clock_set_by = fast
    first = await world.run(manifest, max_attempts=1)
    world.sandbox.faults.clear()
    world.virtual.jump(2)
    world.sandbox.staff.confirm(ids[0])
    world.clock_set_by = timedelta(0)
    second = await world.run(manifest)
    assert [{"gave_up": 1}, {"needs_review": 1}] == [ended(first)[1], ended(second)[1]]


@pytest.mark.parametrize("is_applied", [False, True])
async def test_a_row_in_doubt_that_the_manifest_marks_as_done_is_read_and_not_sent(
    world, is_applied
):
    ids = world.appointments(3)
    lost = Fault("reset", when="after" if is_applied else "before")
    world.sandbox.faults.add(lost, method="PATCH", appointment_id=ids[0])
    await world.run(world.manifest(ids), max_attempts=1)
    sent = len(world.sandbox.history.patches())
    rows = [f"{one},2026-06-20T03:30:00Z,cancelled" for one in ids]
    marked = world.write("appointment_id,starts_at,outcome", *rows)
    finished = await world.run(marked, accept_changed_manifest=True)

    assert sent == len(world.sandbox.history.patches())
    counts = {"cancelled": 3} if is_applied else {"cancelled": 2, "marked_done": 1}
    assert counts == ended(finished)[1]
    assert is_applied == (world.sandbox.record(ids[0]).status == "cancelled")
