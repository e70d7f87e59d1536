import pytest

from batchcancel.sandbox import Clinic, Sandbox

pytestmark = pytest.mark.anyio


def test_the_same_seed_gives_the_same_appointments(now):
    first, second, other = (
        Sandbox(Clinic(appointments=50, seed=seed), now=now).records() for seed in (1, 1, 2)
    )

    assert first == second
    assert first != other


def test_appointments_lie_between_tomorrow_and_the_last_day(sandbox, now):
    days = {(record.date - now.date()).days for record in sandbox.records()}

    assert set(range(1, 15)) == days


def test_tomorrow_is_counted_in_the_timezone_of_the_clinic(now):
    evening = now.replace(hour=20)
    sandbox = Sandbox(Clinic(appointments=100, days=1), now=evening)

    assert {2} == {(record.date - evening.date()).days for record in sandbox.records()}


async def test_the_record_has_exactly_the_documented_fields(client):
    answer = await client.get("/appointments/appt_000001")

    assert {
        *("appointment_id", "appointment_type", "branch_id", "date", "session", "batch", "token"),
        *("patient_name", "parent_phone", "assigned_doctor", "status", "external_reference_id"),
        *("created_at", "updated_at"),
    } == answer.json()["data"].keys()
