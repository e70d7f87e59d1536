"""Faults that meet a question instead of a cancellation: what they may cost, and what not."""

import math
import re

import httpx
import pytest

from batchcancel.appointments import KnownBy
from batchcancel.errors import BatchcancelError, InputError
from batchcancel.sandbox import Fault
from tests.faults.strikes import SILENT, Strike, lost, record, status
from tests.sample import sampled

pytestmark = pytest.mark.anyio

HTML = b"<html>Maintenance</html>"
RULES = {"cancellation_notice_hours": 24, "timezone": "Asia/Kolkata"}


def rules(**changed):
    return status(200, {"success": True, "data": RULES | changed})


class Questioned(httpx.AsyncBaseTransport):
    """A network on which every GET of addresses that hold `part` meets a strike."""

    def __init__(self, inner, part, strike):
        self._inner = inner
        self._part = part
        self._strike = strike

    async def handle_async_request(self, request):
        if request.method != "GET" or self._part not in str(request.url):
            return await self._inner.handle_async_request(request)
        return await self._strike.reply(request.url.path.rpartition("/")[2])


@pytest.fixture
def strike_at(world):
    def strike_at(part, strike: Strike):
        inner = world.transport
        world.transport = lambda: Questioned(inner(), part, strike)

    return strike_at


async def exit_code(world, manifest, **options):
    try:
        return (await world.run(manifest, max_attempts=2, **options)).summary.exit_code
    except BatchcancelError as error:
        return error.exit_code


BEFORE_ANY_WRITE = {
    "500": (status(500), 5),
    "503 with a page": (status(503, HTML), 5),
    "a page": (status(200, HTML), 2),
    "a list": (status(200, []), 5),
    "success denied": (status(200, {"success": False}), 5),
    "204": (status(204, b""), 5),
    "404 of a proxy": (status(404, HTML), 2),
    "403 of a firewall": (status(403, HTML), 5),
    "402": (status(402), 5),
    "402 with a page": (status(402, HTML), 5),
    "403 for want of credits": (status(403, error="INSUFFICIENT_CREDITS"), 5),
    "429": (status(429, None, ("Retry-After", "5")), 5),
    "429 with too much patience": (status(429, None, ("Retry-After", "5000")), 5),
    "no connection": (lost(httpx.ConnectError("refused")), 5),
    "silence": (SILENT, 5),
    "400": (status(400), 2),
    "404": (status(404), 2),
    "404 of the API": (status(404, error="NOT_FOUND"), 2),
    "404 of a gateway": (status(404, {"message": "no Route matched"}), 2),
    "418": (status(418), 2),
    "401": (status(401), 7),
    "403 for want of a scope": (status(403, error="INSUFFICIENT_SCOPE"), 7),
    "301": (status(301, b"", ("Location", "/")), 7),
    "no rules": (status(200, {"data": {}}), 2),
    "notice null": (rules(cancellation_notice_hours=None), 2),
    "notice as text": (rules(cancellation_notice_hours="24"), 2),
    "notice as truth": (rules(cancellation_notice_hours=True), 2),
    "notice below zero": (rules(cancellation_notice_hours=-1), 2),
    "notice without end": (rules(cancellation_notice_hours=math.inf), 2),
    "notice beyond floats": (rules(cancellation_notice_hours=10**400), 2),
    "cancelling not allowed": (rules(allow_cancellation=False), 3),
    "cancelling null": (rules(allow_cancellation=None), 3),
    "cancelling as text": (rules(allow_cancellation="false"), 3),
    "cancelling as a number": (rules(allow_cancellation=1), 3),
}


@pytest.mark.promise(16)
@pytest.mark.parametrize(("strike", "code"), sampled(BEFORE_ANY_WRITE, every=6))
async def test_rules_that_cannot_be_had_end_the_run_before_any_write(
    world, strike_at, strike, code
):
    manifest = world.manifest(world.appointments(2))
    strike_at("appointment-config", strike)

    assert code == await exit_code(world, manifest)
    assert [] == world.sandbox.history.patches()


@pytest.mark.parametrize(
    "zone",
    sampled(
        [
            None,
            "",
            "Mars/Base",
            "../../etc/passwd",
            "/etc/localtime",
            "\0",
            "\ud800",
            "x" * 9999,
            7,
            [],
        ],
        every=3,
    ),
)
async def test_a_timezone_that_is_none_is_asked_of_the_operator(world, strike_at, zone):
    manifest = world.manifest(world.appointments(1), starts_at="2026-06-20T09:00")
    strike_at("appointment-config", rules(timezone=zone))

    told = f"does not tell it: {zone[:40]!r} is none" if zone and isinstance(zone, str) else ""
    with pytest.raises(InputError, match=re.escape(told or "does not tell it: it tells none")):
        await world.run(manifest)
    assert [] == world.sandbox.history.patches()


@pytest.mark.promise(19)
@pytest.mark.parametrize(
    "strike",
    sampled(
        [status(404, HTML), status(200, HTML), status(400), status(200, {"success": True})], every=2
    ),
)
@pytest.mark.parametrize(("part", "count"), [("/appointments?", 3), ("/appointments/a", 1)])
async def test_what_could_not_be_observed_is_not_sent_unseen(world, strike_at, strike, part, count):
    ids = world.appointments(3)[-count:]
    world.sandbox.staff.mark(ids[0], "completed")
    strike_at(part, strike)
    finished = await world.run(world.manifest(ids), max_attempts=2)

    assert ids[0] not in world.patched()
    assert finished.summary.counts["cancelled"] == count - 1


READ_BACK = {
    "500": (status(500), "gave_up", 4),
    "a page": (status(200, HTML), "gave_up", 4),
    "400": (status(400), "gave_up", 4),
    "410": (status(410), "gave_up", 4),
    "403 of a firewall": (status(403, HTML), "gave_up", 4),
    "404 of a proxy": (status(404, HTML), "gave_up", 4),
    "404 of a gateway": (status(404, {"message": "no Route matched"}), "gave_up", 4),
    "404 with another code": (status(404, error="NO_SUCH_ROUTE"), "gave_up", 4),
    "404 of the API": (status(404, error="NOT_FOUND"), "gave_up", 4),
    "402": (status(402), "gave_up", 5),
    "429": (status(429), "gave_up", 5),
    "silence": (SILENT, "gave_up", 4),
    "completed": (record(status="completed"), "skipped", 0),
    "alive, changed nobody knows when": (
        record(status="confirmed", updated_at=None), "needs_review", 4,
    ),
    "alive, changed some time": (record(status="confirmed", updated_at="soon"), "needs_review", 4),
    "rescheduled in the future": (
        record(status="rescheduled", updated_at="9999-12-31T00:00:00Z"), "needs_review", 4,
    ),
    "cancelled nobody knows when": (record(updated_at=None), "cancelled", 0),
    "no status": (record(status=None), "gave_up", 4),
    "the record of another": (record(appointment_id="another"), "gave_up", 7),
    "401": (status(401), "gave_up", 7),
    "403 for want of a scope": (status(403, error="INSUFFICIENT_SCOPE"), "gave_up", 7),
    "302": (status(302, b""), "gave_up", 7),
}  # fmt: skip


@pytest.mark.promise(12)
@pytest.mark.parametrize(("strike", "outcome", "code"), sampled(READ_BACK, every=6))
async def test_a_row_in_doubt_is_never_sent_again_before_it_was_read_back(
    world, strike_at, strike, outcome, code
):
    ids = world.appointments(1)
    manifest = world.manifest(ids)
    world.sandbox.faults.add(Fault("reset"), method="PATCH", times=2)
    await exit_code(world, manifest)
    sent = len(world.sandbox.history.patches())
    strike_at("/appointments/", strike)

    assert code == await exit_code(world, manifest)
    assert sent == len(world.sandbox.history.patches())
    with world.account() as ledger:
        [row] = ledger.rows("closure")
    assert outcome == row.outcome


@pytest.mark.parametrize(
    "fields",
    sampled(
        [
            {"branch_id": "\ud800"},
            {"branch_id": "x" * 200_000},
            {"branch_id": "\0\r\n&branch_id=2#"},
            {"branch_id": ["b"]},
            {"session": "\ud800"},
            {"session": {"name": "Morning"}},
            {"date": "0001-01-01"},
            {"date": "9999-12-31"},
            {"date": "20260620"},
            {"date": 20260620},
            {"date": "2026-06-20T00:00:00Z"},
        ],
        every=3,
    ),
    ids=lambda fields: " ".join(f"{name}={value!r:.20}" for name, value in fields.items()),
)
async def test_a_record_with_odd_fields_is_no_defect(world, strike_at, fields):
    manifest = world.manifest(world.appointments(2), starts_at=None)
    plain = {"status": "confirmed", "date": "2026-06-20", "session": "Morning", "branch_id": "b"}
    strike_at("/appointments/", record(**(plain | fields)))

    assert await exit_code(world, manifest) in {0, 4}


@pytest.mark.parametrize(
    "slots",
    sampled([None, {}, "x", [None, 7], [{"start_time": "25:99"}], [{"start_time": 9}], [{}],
     [{"session": ["Morning"], "start_time": "09:00"}], [{"session": "Morning"}],
     [{"session": "Morning", "start_time": "09:00+05:30"}]], every=3),
)  # fmt: skip
async def test_windows_that_tell_no_start_leave_the_day_alone(world, strike_at, slots):
    world.appointments(1)
    manifest = world.write("appointment_id,date,session", "a00001,2026-06-20,Morning")
    strike_at("availability", status(200, {"success": True, "slots": slots}))
    planned = await world.plan(manifest)

    start = planned.plan.first_start
    assert (KnownBy.DAY, "2026-06-19T18:30:00+00:00", "2026-06-20T18:30:00+00:00") == (
        start.known_by,
        start.earliest.isoformat(),
        start.latest.isoformat(),
    )


async def test_a_branch_too_long_for_an_address_is_no_defect(world):
    world.appointments(1)
    manifest = world.write("appointment_id,date,branch_id", f"a00001,2026-06-20,{'x' * 100_000}")

    assert await exit_code(world, manifest) in {0, 2, 4}
