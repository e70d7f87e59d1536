import pytest

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
    ["limit=0", "limit=201", "limit=x", "page=0", "page=-1", "page=٣", "date=20260608", "date=",
     "status=canceled", "session=morning", "patient=1", "page=1&page=2"],
)  # fmt: skip
async def test_a_query_that_makes_no_sense_is_answered_400(client, query):
    assert (await client.get(f"/appointments?{query}")).status_code == 400


@pytest.mark.parametrize("query", ["", "date=monday", "date=2026-06-08&session=Night"])
async def test_availability_needs_a_day_and_knows_its_sessions(client, query):
    assert (await client.get(f"/appointment-slots/availability?{query}")).status_code == 400


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"{}", b"[" * 100_000, b'{"status": "canceled"}',
     b'{"status": ["cancelled"]}', b'{"status": "rescheduled"}', b'{"notes": 1}',
     b'{"status": "cancelled", "reason": "closed"}', b'{"appointment_date": "tomorrow"}'],
)  # fmt: skip
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
