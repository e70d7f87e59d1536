import anyio
import pytest

from batchcancel.sandbox import FULL_KEY, Clinic, Rate, Sandbox

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


async def statuses(client, count):
    return [(await client.get("/appointment-config")).status_code for _ in range(count)]


async def test_the_sixty_first_request_within_a_minute_is_refused(client, sandbox):
    assert await statuses(client, 61) == [200] * 60 + [429]
    assert (sandbox.most_accepted, sandbox.most_arrivals) == (60, 61)
    assert sandbox.history.rate_limited == 1


async def test_a_refusal_says_in_whole_seconds_when_there_is_room_again(client):
    await statuses(client, 60)
    await anyio.sleep(10.4)
    refused = await client.get("/appointment-config")
    await anyio.sleep(int(refused.headers["Retry-After"]))

    assert refused.headers["Retry-After"] == "50"
    assert refused.json()["error"]["code"] == "RATE_LIMIT_EXCEEDED"
    assert await statuses(client, 1) == [200]


async def test_a_refusal_never_asks_for_less_than_a_second(client):
    await statuses(client, 60)
    await anyio.sleep(59.99)

    assert (await client.get("/appointment-config")).headers["Retry-After"] == "1"


async def test_the_window_slides_instead_of_starting_anew(client):
    await statuses(client, 30)
    await anyio.sleep(30)
    await statuses(client, 30)
    await anyio.sleep(30)

    assert await statuses(client, 31) == [200] * 30 + [429]


async def test_refused_requests_do_not_count(client):
    await statuses(client, 120)
    await anyio.sleep(60)

    assert await statuses(client, 1) == [200]


async def test_refused_requests_count_when_told_so(connect, now):
    sandbox = Sandbox(
        Clinic(appointments=1), rate=Rate(limit=2, seconds=10, count_refused=True), now=now
    )
    client = connect(sandbox)
    await statuses(client, 2)
    await anyio.sleep(9)
    refused = await client.get("/appointment-config")
    await anyio.sleep(1)

    assert refused.headers["Retry-After"] == "1"
    assert await statuses(client, 2) == [200, 429]


async def test_every_key_has_its_own_window_and_every_v1_path_counts(client, sandbox, connect):
    for _ in range(60):
        await client.get("/nothing")

    assert await statuses(client, 1) == [429]
    assert await statuses(connect(sandbox, "sk_read_only"), 1) == [200]


async def test_without_a_limit_everything_passes(connect, now):
    sandbox = Sandbox(Clinic(appointments=1), rate=Rate(limit=None), now=now)

    assert await statuses(connect(sandbox), 200) == [200] * 200
    assert sandbox.most_accepted == 200
