from datetime import timedelta
from email.utils import parsedate_to_datetime

import anyio
import pytest

from batchcancel.sandbox import Fault

pytestmark = pytest.mark.anyio
ID = "appt_000001"


@pytest.mark.parametrize("status", [204, 302, 304, 400, 408, 422, 429, 500, 502, 503, 599])
@pytest.mark.parametrize(("when", "left"), [("before", "confirmed"), ("after", "cancelled")])
async def test_any_status_can_be_answered_before_or_after_the_change_is_applied(
    cancel, sandbox, status, when, left
):
    sandbox.faults.add(Fault("status", status=status, when=when))
    answer = await cancel()

    [arrival] = sandbox.history.patches(ID)
    assert status == answer.status_code
    assert left == sandbox.record(ID).status
    assert (status, str(status), left == "cancelled") == (
        arrival.status,
        arrival.fault,
        arrival.applied,
    )


async def test_a_foreign_status_comes_without_the_apis_envelope_and_is_noted_as_such(
    cancel, sandbox
):
    sandbox.faults.add(Fault("status", status=403, foreign=True))
    answer = await cancel()

    [arrival] = sandbox.history.patches(ID)
    assert (403, 403, "foreign 403") == (answer.status_code, arrival.status, arrival.fault)
    assert b"Blocked" in answer.content
    assert "text/html" in answer.headers["content-type"]


async def test_a_status_may_carry_a_code_that_is_not_its_name(cancel, sandbox):
    sandbox.faults.add(Fault("status", status=403, code="INSUFFICIENT_CREDITS"))
    answer = await cancel()

    assert (403, "INSUFFICIENT_CREDITS") == (answer.status_code, answer.json()["error"]["code"])


@pytest.mark.parametrize("text", ["30", "soon", "-1", "nan", None])
async def test_a_429_carries_the_retry_after_that_was_ordered(cancel, sandbox, text):
    sandbox.faults.add(Fault("status", status=429, retry_after=text))
    answer = await cancel()

    assert text == answer.headers.get("Retry-After")
    assert answer.json()["error"]["code"] == "RATE_LIMIT_EXCEEDED"


async def test_retry_after_can_be_an_http_date(cancel, sandbox, now):
    sandbox.faults.add(Fault("status", status=429, retry_at=30))
    answer = await cancel()

    assert now + timedelta(seconds=30) == parsedate_to_datetime(answer.headers["Retry-After"])


async def test_a_redirect_says_where_to(cancel, sandbox):
    sandbox.faults.add(Fault("status", status=302, location="http://elsewhere.test/"))

    assert (await cancel()).headers["Location"] == "http://elsewhere.test/"


@pytest.mark.parametrize(("when", "meanwhile"), [("before", "confirmed"), ("after", "cancelled")])
async def test_a_slow_answer_comes_late_and_its_change_before_or_after_the_wait(
    cancel, sandbox, when, meanwhile
):
    sandbox.faults.add(Fault("slow", when=when, seconds=5))
    started = anyio.current_time()
    async with anyio.create_task_group() as group:
        group.start_soon(cancel)
        await anyio.sleep(4)
        assert meanwhile == sandbox.record(ID).status

    assert anyio.current_time() - started == 5
    assert sandbox.record(ID).status == "cancelled"


@pytest.mark.parametrize("name", ["slow", "late"])
async def test_a_change_is_applied_when_due_although_the_client_gave_up(cancel, sandbox, now, name):
    sandbox.faults.add(Fault(name, seconds=5))
    with anyio.move_on_after(2):
        await cancel()
    before = sandbox.record(ID).status
    await anyio.sleep(10)

    record = sandbox.record(ID)
    [arrival] = sandbox.history.patches()
    assert (before, record.status) == ("confirmed", "cancelled")
    assert now + timedelta(seconds=5) == record.updated_at
    assert (None, name, True) == (arrival.status, arrival.fault, arrival.applied)


@pytest.mark.parametrize(("when", "left"), [("before", "confirmed"), ("after", "cancelled")])
async def test_a_hanging_request_is_silent_until_the_client_gives_up(cancel, sandbox, when, left):
    sandbox.faults.add(Fault("hang", when=when))
    with anyio.move_on_after(3600) as scope:
        await cancel()

    assert scope.cancelled_caught
    assert left == sandbox.record(ID).status


@pytest.mark.parametrize(
    ("fault", "left"),
    [
        (Fault("reset"), "confirmed"),
        (Fault("reset", when="after"), "cancelled"),
        (Fault("truncated"), "cancelled"),
        (Fault("truncated", when="before"), "confirmed"),
    ],
)
async def test_a_lost_connection_is_a_connection_reset_error_in_process(
    cancel, sandbox, fault, left
):
    sandbox.faults.add(fault)
    with pytest.raises(ConnectionResetError):
        await cancel()

    assert left == sandbox.record(ID).status


async def test_a_change_can_be_applied_after_the_connection_was_reset(cancel, sandbox):
    sandbox.faults.add(Fault("late_reset", seconds=5))
    with pytest.raises(ConnectionResetError):
        await cancel()
    await anyio.sleep(4.9)
    before = sandbox.record(ID).status
    await anyio.sleep(0.2)

    assert (before, sandbox.record(ID).status) == ("confirmed", "cancelled")


@pytest.mark.parametrize("name", ["broken_json", "empty", "html"])
async def test_an_unreadable_answer_hides_a_change_that_was_applied(cancel, sandbox, name):
    sandbox.faults.add(Fault(name))
    answer = await cancel()

    assert answer.status_code == 200
    with pytest.raises(ValueError):  # noqa: PT011 - json's own message is not the claim
        answer.json()
    assert sandbox.record(ID).status == "cancelled"


async def test_a_huge_answer_has_two_mebibytes_and_is_valid_json(cancel, sandbox):
    sandbox.faults.add(Fault("huge"))
    answer = await cancel()

    assert len(answer.content) == 2 * 1024 * 1024
    assert answer.json()["data"]["appointment_id"] == ID


async def test_another_record_can_be_answered(cancel, sandbox):
    sandbox.faults.add(Fault("wrong_record"))

    assert (await cancel()).json()["data"]["appointment_id"] != ID


@pytest.mark.parametrize(("when", "left"), [("before", "confirmed"), ("after", "cancelled")])
async def test_an_answer_can_claim_that_nothing_was_cancelled(cancel, sandbox, when, left):
    sandbox.faults.add(Fault("wrong_status", when=when))

    assert (await cancel()).json()["data"]["status"] == "confirmed"
    assert left == sandbox.record(ID).status


async def test_a_dripping_answer_takes_its_gap_for_every_byte(cancel, sandbox):
    sandbox.faults.add(Fault("drip", seconds=2))
    started = anyio.current_time()
    answer = await cancel()

    assert 2 * len(answer.content) == anyio.current_time() - started
