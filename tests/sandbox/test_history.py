import anyio
import pytest

from batchcancel.sandbox import FULL_KEY

pytestmark = pytest.mark.anyio


async def test_every_request_is_written_down_as_it_arrived(client, cancel, sandbox, now):
    await anyio.sleep(1)
    await client.get("/appointments?page=1", headers={"User-Agent": "examinee"})
    await anyio.sleep(1)
    await cancel(notes="closed")
    first, second = sandbox.history.arrivals

    assert (first.method, first.path, first.query, first.body, first.status, first.applied) == (
        "GET",
        "/v1/appointments",
        "page=1",
        None,
        200,
        False,
    )
    assert first.headers["user-agent"] == "examinee"
    assert second.body == {"status": "cancelled", "notes": "closed"}
    assert (second.key, second.applied, second.number) == (FULL_KEY, True, 1)
    assert (second.arrived - first.arrived, (second.at - first.at).seconds) == (1, 1)


async def test_an_unknown_key_is_never_written_down(client, sandbox):
    await client.get("/appointments", headers={"Authorization": "Bearer sk_live_by_mistake"})

    [arrival] = sandbox.history.arrivals
    assert arrival.status == 401
    assert "by_mistake" not in repr(arrival)


async def test_patches_are_found_by_appointment(cancel, client, sandbox):
    await cancel("appt_000001")
    await cancel("appt_000002")
    await client.get("/appointments/appt_000001")

    assert len(sandbox.history.patches("appt_000001")) == 1
    assert len(sandbox.history.patches()) == 2


async def test_a_body_that_is_no_json_is_kept_as_text(client, sandbox):
    await client.patch("/appointments/appt_000001", content=b"{\xff")

    assert sandbox.history.arrivals[0].body == "{\ufffd"
