from datetime import date

import pytest

from batchcancel.sandbox import Clinic, Sandbox

pytestmark = pytest.mark.anyio


async def filled(client, record):
    answer = await client.get(
        "/appointment-slots/availability",
        params={
            "date": record.date.isoformat(),
            "branch_id": record.branch_id,
            "session": record.session,
        },
    )
    [slot] = answer.json()["slots"]
    return slot["filled_slots"]


async def test_a_cancellation_frees_a_place_in_its_slot(cancel, client, sandbox):
    record = sandbox.record("appt_000001")
    before = await filled(client, record)
    await cancel()

    assert before - 1 == await filled(client, record)


async def test_a_cancelled_appointment_can_be_confirmed_again_while_its_slot_has_room(
    cancel, client, sandbox
):
    await cancel()
    answer = await client.patch("/appointments/appt_000001", json={"status": "confirmed"})

    assert answer.status_code == 200
    assert [(change.before, change.after) for change in sandbox.changes()] == [
        ("confirmed", "cancelled"),
        ("cancelled", "confirmed"),
    ]


async def test_a_cancelled_appointment_cannot_come_back_into_a_full_slot(connect, now):
    sandbox = Sandbox(Clinic(appointments=0, slot_capacity=1), now=now)
    sandbox.add("mine", date=date(2026, 6, 8), status="cancelled")
    sandbox.add("theirs", date=date(2026, 6, 8))
    answer = await connect(sandbox).patch("/appointments/mine", json={"status": "confirmed"})

    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "SLOT_FULL"


async def test_staff_put_an_appointment_into_another_session_or_branch_of_its_day(sandbox):
    was, (_, other) = sandbox.record("appt_000001"), sandbox.book.clinic.branch_ids
    sandbox.staff.move("appt_000001", session="Evening")
    record = sandbox.staff.move("appt_000001", branch_id=other)

    assert (was.date, "Evening", "EA", other) == (
        record.date, record.session, record.batch, record.branch_id,
    )  # fmt: skip


async def test_every_action_of_the_staff_changes_updated_at_even_within_one_moment(sandbox):
    staff = sandbox.staff
    seen = [
        sandbox.record("appt_000001").updated_at,
        staff.cancel("appt_000001").updated_at,
        staff.confirm("appt_000001").updated_at,
        staff.confirm("appt_000001").updated_at,
        staff.complete("appt_000001").updated_at,
        staff.reschedule("appt_000001", date(2026, 7, 1)).updated_at,
    ]

    assert sorted(set(seen)) == seen
    assert {"staff"} == {change.who for change in sandbox.changes("appt_000001")}
