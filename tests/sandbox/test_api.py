from datetime import date

import anyio
import pytest

from batchcancel.sandbox import Clinic, Sandbox

pytestmark = pytest.mark.anyio


async def test_cancelling_answers_the_changed_record_dated_now(cancel, sandbox):
    await anyio.sleep(90)
    answer = await cancel()

    record = answer.json()["data"]
    assert answer.status_code == 200
    assert (record["appointment_id"], record["status"]) == ("appt_000001", "cancelled")
    assert record["updated_at"] == "2026-06-01T06:01:30.000Z"
    assert sandbox.record("appt_000001").as_json() == record


async def test_a_repeated_cancellation_answers_200_and_changes_nothing(cancel, sandbox):
    first = await cancel()
    await anyio.sleep(60)
    second = await cancel(notes="again")

    assert first.json() == second.json()
    assert [arrival.applied for arrival in sandbox.history.patches()] == [True, False]
    assert len(sandbox.changes("appt_000001")) == 1


async def test_the_record_has_exactly_the_documented_fields(client):
    answer = await client.get("/appointments/appt_000001")

    assert {
        "appointment_id",
        "appointment_type",
        "branch_id",
        "date",
        "session",
        "batch",
        "token",
        "patient_name",
        "parent_phone",
        "assigned_doctor",
        "status",
        "external_reference_id",
        "created_at",
        "updated_at",
    } == answer.json()["data"].keys()


async def test_notes_travel_with_a_cancellation(cancel, sandbox):
    await cancel(notes="The clinic is closed.")

    assert sandbox.record("appt_000001").notes == "The clinic is closed."


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
    return slot["filled"]


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


async def test_moving_by_the_api_reschedules_into_the_new_day(client, sandbox):
    sandbox.add("mine", date=date(2026, 6, 8))
    answer = await client.patch(
        "/appointments/mine", json={"appointment_date": "2026-08-03T09:00:00Z"}
    )

    record = answer.json()["data"]
    assert (record["date"], record["status"]) == ("2026-08-03", "rescheduled")


async def test_an_organisation_that_allows_no_cancellation_refuses_it(cancel, sandbox):
    sandbox.allow_cancellation(allowed=False)
    answer = await cancel()

    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "CANCELLATION_NOT_ALLOWED"
    assert sandbox.changes() == []


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


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"status": "canceled"}',
        b'{"status": ["cancelled"]}',
        b'{"status": "rescheduled"}',
        b'{"notes": 1}',
        b'{"status": "cancelled", "reason": "closed"}',
        b'{"appointment_date": "tomorrow"}',
    ],
)
async def test_a_body_that_makes_no_sense_is_answered_400(client, sandbox, body):
    answer = await client.patch(
        "/appointments/appt_000001", content=body, headers={"Content-Type": "application/json"}
    )

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "VALIDATION_ERROR"
    assert not sandbox.history.arrivals[0].applied


async def test_a_body_that_is_not_sent_as_json_is_answered_400(client):
    answer = await client.patch("/appointments/appt_000001", data={"status": "cancelled"})

    assert answer.status_code == 400


async def test_a_body_above_one_mebibyte_is_answered_413(cancel):
    assert (await cancel(notes="x" * 1024 * 1024)).status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/appointments/appt_none", 404),
        ("GET", "/nothing", 404),
        ("GET", "/appointments/", 404),
        ("GET", "/appointments/a/b", 404),
        ("DELETE", "/appointments/appt_000001", 405),
        ("POST", "/appointments/appt_000001/cancel", 404),
    ],
)
async def test_what_is_not_documented_is_404_or_405_in_the_error_envelope(
    client, method, path, status
):
    answer = await client.request(method, path)

    assert status == answer.status_code
    assert {"code", "message"} == answer.json()["error"].keys()
