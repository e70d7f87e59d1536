from datetime import date, timedelta

import anyio
import pytest

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


async def test_notes_travel_with_a_cancellation(cancel, sandbox):
    await cancel(notes="The clinic is closed.")

    assert sandbox.record("appt_000001").notes == "The clinic is closed."


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


async def test_the_configuration_tells_the_notice_rule(client):
    assert (await client.get("/appointment-config")).json()["data"] == {
        "allow_cancellation": True,
        "cancellation_notice_hours": 24,
        "timezone": "Asia/Kolkata",
    }


async def windows_of(client, day):
    answer = await client.get("/appointment-slots/availability", params={"date": day.isoformat()})
    return {(one["session"], one["batch"]) for one in answer.json()["slots"]}


async def test_a_window_that_is_left_out_is_missing_on_that_day_alone(client, sandbox):
    day = sandbox.record("appt_000001").date
    everything = await windows_of(client, day)
    sandbox.leave_out(day, session="Morning")

    assert everything - {("Morning", "MA")} == await windows_of(client, day)
    assert everything == await windows_of(client, day + timedelta(weeks=1))


async def test_a_session_may_have_a_second_window_which_is_filled_on_its_own(client, sandbox):
    record = sandbox.record("appt_000001")
    sandbox.add_window(
        record.date, session="Morning", batch="MB", start_time="11:00", end_time="13:00"
    )
    sandbox.add("late", date=record.date, batch="MB")
    answer = await client.get(
        "/appointment-slots/availability",
        params={"date": record.date.isoformat(), "branch_id": sandbox.book.clinic.branch_ids[0]},
    )
    [second] = [one for one in answer.json()["slots"] if one["batch"] == "MB"]

    assert (1, "11:00", "OPEN") == (second["filled_slots"], second["start_time"], second["status"])
    sandbox.leave_out(record.date, batch="MB")
    assert ("Morning", "MB") not in await windows_of(client, record.date)


async def test_availability_tells_when_the_session_of_an_appointment_starts(client, sandbox):
    record = sandbox.records()[0]
    answer = await client.get(
        "/appointment-slots/availability", params={"date": record.date.isoformat()}
    )

    content = answer.json()
    assert (True, record.date.isoformat()) == (content["success"], content["date"])
    [slot] = [
        slot
        for slot in content["slots"]
        if (slot["branch_id"], slot["session"]) == (record.branch_id, record.session)
    ]
    assert (record.batch, record.date.strftime("%A")) == (slot["batch"], slot["day"])
    assert slot["start_time"] < slot["end_time"]
