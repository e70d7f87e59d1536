"""What the API says now of what a batch cancelled, and at what price that is known."""

from datetime import date, timedelta

import pytest

from batchcancel.errors import InputError, KeyRejected, StoppedEarly
from batchcancel.report.verify import verified_text
from batchcancel.sandbox import Clinic, Fault

pytestmark = pytest.mark.anyio

DAY, WEEK_LATER = date(2026, 6, 20), date(2026, 6, 27)


async def closed(world, count, **options):
    """So many appointments of a day, cancelled."""
    ids = world.appointments(count)
    finished = await world.run(world.manifest(ids), **options)
    assert finished.summary.counts["cancelled"] == count
    world.virtual.jump(120)
    return ids


def named(verified):
    return {one.row.appointment_id: one.now for one in verified.drift}


async def spread(world, count):
    """So many appointments of a day, over all branches and sessions, cancelled."""
    world.new_sandbox(Clinic(appointments=count, days=1))
    world.virtual.jump(120)
    ids = [one.appointment_id for one in world.sandbox.records()]
    manifest = world.manifest(ids, starts_at=None)
    finished = await world.run(manifest, notice_hours=0)
    assert finished.summary.counts["cancelled"] == count
    world.virtual.jump(120)
    return ids


@pytest.mark.long
@pytest.mark.parametrize("make", [closed, spread])
async def test_two_of_600_that_staff_confirmed_are_named_for_a_few_requests(world, make):
    ids = await make(world, 600)
    for one in ids[100], ids[500]:
        world.sandbox.staff.confirm(one)
    for seed, most in [(None, 6), *((seed, 12) for seed in range(10))]:
        if seed is not None:
            world.sandbox.shuffle(seed)
        verified = await world.verify()
        assert named(verified) == {ids[100]: "alive", ids[500]: "alive"}
        told = verified.as_json()
        assert (told["cancelled"], told["unread"], told["exit_code"]) == (598, 0, 4)
        assert verified.requests <= most


async def test_what_is_cancelled_still_is_no_drift_and_nothing_is_written(world):
    await closed(world, 30)
    patches = len(world.sandbox.history.patches())
    verified = await world.verify()
    assert verified.as_json() | {"requests": 0} == {
        "batch": "closure", "checked": 30, "cancelled": 30, "alive": 0, "moved": 0, "gone": 0,
        "unread": 0, "restored": 0, "restored_alive": 0, "requests": 0, "drift": 0, "exit_code": 0,
        "ledger": world.ledger, "origin": "http://localhost", "rehearsal": True,
    }  # fmt: skip
    assert patches == len(world.sandbox.history.patches())


async def test_each_kind_of_drift_is_told_by_its_name_and_since_when(world):
    ids = await closed(world, 40)
    staff = world.sandbox.staff
    staff.confirm(ids[0])
    staff.reschedule(ids[1], WEEK_LATER)
    staff.complete(ids[2])
    staff.confirm(ids[3])
    staff.move(ids[3], session="Evening")
    world.sandbox.faults.add(
        Fault("status", status=404, code="NOT_FOUND"), appointment_id=ids[4], times=None
    )
    world.sandbox.book.put(record := world.sandbox.record(ids[4]))
    hidden = world.sandbox.book.listed
    world.sandbox.book.listed = lambda wanted: [
        one for one in hidden(wanted) if one.appointment_id != record.appointment_id
    ]
    verified = await world.verify()
    moved = {ids[1]: "moved", ids[3]: "moved"}
    assert named(verified) == {ids[0]: "alive", ids[2]: "alive", ids[4]: "gone"} | moved
    text = verified_text(verified)
    assert f"{ids[0]}  alive  confirmed since 2026-06-01 06:0" in text
    assert f"{ids[1]}  moved  rescheduled since 2026-06-01" in text
    assert "on 2026-06-27" in text


async def test_what_staff_moved_together_is_found_by_the_pages_of_that_day(world):
    ids = await closed(world, 100)
    for one in ids[:60]:
        world.sandbox.staff.reschedule(one, WEEK_LATER)
    verified = await world.verify()
    assert named(verified) == dict.fromkeys(ids[:60], "moved")
    assert verified.requests <= 5


async def test_rows_on_days_of_their_own_are_read_one_by_one(world):
    ids = [f"d{number:02d}" for number in range(20)]
    for number, one in enumerate(ids):
        world.sandbox.add(one, date=DAY + timedelta(days=number))
    world.virtual.jump(120)
    await world.run(world.manifest(ids, starts_at=None))
    assert (await world.verify()).requests == 20


async def test_what_could_not_be_read_is_neither_drift_nor_well(world):
    ids = await closed(world, 5)
    world.sandbox.staff.reschedule(ids[0], WEEK_LATER)
    world.sandbox.faults.add(
        Fault("status", status=500), method="GET", appointment_id=ids[0], times=None
    )
    verified = await world.verify()
    told = verified.as_json()
    assert (told["unread"], told["cancelled"], told["drift"], told["exit_code"]) == (1, 4, 0, 4)


async def test_an_api_that_does_not_answer_stops_it_early(world):
    await closed(world, 5)
    world.sandbox.faults.add(Fault("status", status=503), times=None)
    with pytest.raises(StoppedEarly, match="answered SERVICE_UNAVAILABLE"):
        await world.verify()


async def test_a_key_of_another_clinic_stops_it_early(world):
    await closed(world, 60)
    world.new_sandbox()
    with pytest.raises(StoppedEarly, match="20 appointments in a row"):
        await world.verify()


async def test_a_rejected_key_is_fatal(world):
    await closed(world, 5)
    with pytest.raises(KeyRejected):
        await world.verify(key="sk_unknown")


async def test_a_ledger_of_another_api_is_refused(world):
    await closed(world, 5)
    with pytest.raises(InputError, match="holds batches of http://localhost"):
        await world.verify(base_url="http://127.0.0.1/v1")


async def test_what_is_read_although_its_page_cannot_be_is_not_unread(world):
    await closed(world, 2)
    world.sandbox.faults.add(Fault("status", status=500), method="GET", times=1)
    told = (await world.verify(max_attempts=1)).as_json()
    assert (1, 1) == (told["unread"], told["cancelled"])
