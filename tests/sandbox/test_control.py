import httpx
import pytest

pytestmark = pytest.mark.anyio


@pytest.fixture
def control(sandbox):
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=sandbox.app), base_url="http://sandbox/_sandbox"
    )


async def test_the_counts_add_up(control, cancel):
    await cancel()

    assert (await control.get("/")).json() == {
        "appointments": {"confirmed": 299, "cancelled": 1},
        "requests": 1,
        "rate_limited": 0,
        "most_accepted_in_window": 1,
        "most_arrivals_in_window": 1,
    }


async def test_the_history_is_shown_without_the_control_requests(control, cancel):
    await cancel()
    await control.get("/")
    [arrival] = (await control.get("/history")).json()

    assert (arrival["method"], arrival["status"], arrival["applied"]) == ("PATCH", 200, True)


async def test_a_fault_can_be_ordered(control, cancel):
    ordered = await control.post(
        "/faults", json={"name": "status", "status": 503, "method": "PATCH", "times": 2}
    )

    assert ordered.status_code == 200
    assert [(await cancel()).status_code for _ in range(3)] == [503, 503, 200]


async def test_staff_can_change_an_appointment(control, sandbox, cancel):
    await cancel()
    await control.post("/appointments/appt_000001", json={"status": "confirmed"})
    moved = await control.post(
        "/appointments/appt_000002", json={"status": "rescheduled", "date": "2026-07-01"}
    )

    assert sandbox.record("appt_000001").status == "confirmed"
    assert (moved.json()["date"], moved.json()["status"]) == ("2026-07-01", "rescheduled")


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/faults", {"name": "earthquake"}, 400),
        ("/faults", {"name": "reset", "colour": "red"}, 400),
        ("/faults", [], 400),
        ("/appointments/appt_000001", {"status": "gone"}, 400),
        ("/appointments/appt_000001", {}, 400),
        ("/appointments/appt_none", {"status": "confirmed"}, 404),
    ],
)
async def test_an_order_that_makes_no_sense_is_refused(control, path, body, status):
    assert status == (await control.post(path, json=body)).status_code


async def test_only_this_machine_may_control(sandbox):
    transport = httpx.ASGITransport(app=sandbox.app, client=("192.0.2.7", 4711))
    async with httpx.AsyncClient(transport=transport) as stranger:
        assert (await stranger.get("http://sandbox/_sandbox/")).status_code == 403
