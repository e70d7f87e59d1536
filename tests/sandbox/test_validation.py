from datetime import timedelta
from email.utils import parsedate_to_datetime

import anyio
import pytest

from batchcancel.sandbox import Clinic, Sandbox

pytestmark = pytest.mark.anyio


async def test_pages_hold_every_appointment_once_by_date_then_id(client):
    pages = [
        (await client.get("/appointments", params={"page": page, "limit": 200})).json()["data"]
        for page in (1, 2, 3)
    ]
    found = [(record["date"], record["appointment_id"]) for page in pages for record in page]

    assert [len(page) for page in pages] == [200, 100, 0]
    assert sorted(set(found)) == found


async def test_a_page_holds_50_unless_asked(client):
    assert len((await client.get("/appointments")).json()["data"]) == 50


@pytest.mark.parametrize(
    "name", ["date", "session", "branch_id", "batch", "status", "appointment_type"]
)
async def test_a_filter_keeps_exactly_the_matching_appointments(client, sandbox, name):
    sandbox.staff.cancel("appt_000001")
    wanted = sandbox.record("appt_000001").as_json()[name]
    answer = await client.get("/appointments", params={name: wanted, "limit": 200})

    assert [
        record.appointment_id for record in sandbox.records() if record.as_json()[name] == wanted
    ] == [record["appointment_id"] for record in answer.json()["data"]]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=x",
        "page=0",
        "page=-1",
        "page=٣",
        "date=20260608",
        "date=",
        "status=canceled",
        "session=morning",
        "patient=1",
        "page=1&page=2",
    ],
)
async def test_a_query_that_makes_no_sense_is_answered_400(client, query):
    assert (await client.get(f"/appointments?{query}")).status_code == 400


async def test_the_configuration_tells_the_notice_rule(client):
    assert (await client.get("/appointment-config")).json()["data"] == {
        "allow_cancellation": True,
        "cancellation_notice_hours": 24,
        "timezone": "Asia/Kolkata",
    }


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


@pytest.mark.parametrize("query", ["", "date=monday", "date=2026-06-08&session=Night"])
async def test_availability_needs_a_day_and_knows_its_sessions(client, query):
    assert (await client.get(f"/appointment-slots/availability?{query}")).status_code == 400


async def test_every_answer_is_dated_by_the_wall_clock_of_the_sandbox(client, sandbox, now):
    await anyio.sleep(3600)
    sandbox.skew(timedelta(minutes=-5))
    for path in ("/appointments", "/nothing"):
        answer = await client.get(path)

        assert now + timedelta(minutes=55) == parsedate_to_datetime(answer.headers["Date"])


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
