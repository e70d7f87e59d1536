import pytest

from batchcancel.sandbox import FULL_KEY, Sandbox

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("header", ["", "Bearer sk_unknown", "Basic sk_sandbox_full", FULL_KEY])
async def test_a_header_without_a_known_bearer_key_is_answered_401(client, header):
    answer = await client.get("/appointments", headers={"Authorization": header})

    assert answer.status_code == 401
    assert {"code", "message"} == answer.json()["error"].keys()


async def test_a_key_stops_working_when_it_is_revoked_and_another_starts_when_added(
    client, sandbox, connect
):
    sandbox.keys.revoke(FULL_KEY)
    sandbox.keys.add("sk_new", ["appointments:read"])

    assert (await client.get("/appointments")).status_code == 401
    assert (await connect(sandbox, "sk_new").get("/appointments")).status_code == 200


async def test_a_key_without_the_scope_is_answered_403_and_changes_nothing(sandbox, connect):
    answer = await connect(sandbox, "sk_read_only").patch(
        "/appointments/appt_000001", json={"status": "cancelled"}
    )

    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "INSUFFICIENT_SCOPE"
    assert sandbox.record("appt_000001").status == "confirmed"


async def test_a_write_key_cannot_read(sandbox, connect):
    answer = await connect(sandbox, "sk_write_only").get("/appointments/appt_000001")

    assert answer.status_code == 403


def test_a_misspelt_scope_is_refused_at_once():
    with pytest.raises(ValueError, match="appointments:wriet"):
        Sandbox(keys={"sk_new": ["appointments:wriet"]})
