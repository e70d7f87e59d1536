"""Clocks that jump, clocks that are wrong, and clocks that are changed twice a year."""

from datetime import date, datetime, timedelta
from email.utils import format_datetime
from zoneinfo import ZoneInfo

import anyio
import httpx
import pytest

from batchcancel.errors import StoppedEarly
from batchcancel.sandbox import Fault
from tests.sample import sampled

pytestmark = pytest.mark.anyio

HOUR = timedelta(hours=1)
KOLKATA = ZoneInfo("Asia/Kolkata")
FAR = date(2030, 1, 1)


@pytest.fixture
def step(world):
    """Set this machine's wall clock ahead, or back; the API's and the steady one go on."""

    def step(by):
        world.clock_set_by += by

    return step


async def run_with_a_step(world, step, by, manifest, **options):
    """Step the clock after 30 seconds of the run."""
    finished = []

    async def run():
        finished.append(await world.run(manifest, **options))

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        await anyio.sleep(30)
        step(by)
    return finished[0].summary


@pytest.mark.promise(7)
@pytest.mark.promise(9)
@pytest.mark.parametrize(
    "by", sampled([timedelta(days=-400), -HOUR, -timedelta(seconds=30), HOUR], every=3)
)
async def test_a_step_of_the_wall_clock_changes_neither_the_pace_nor_the_end(world, step, by):
    manifest = world.manifest(world.appointments(150, day=FAR), starts_at="2030-01-01T00:00:00Z")
    summary = await run_with_a_step(world, step, by, manifest)

    assert (0, 150) == (summary.exit_code, summary.counts["cancelled"])
    assert (60, 0) == (world.sandbox.most_arrivals, summary.rate_limited)
    assert summary.elapsed_s == pytest.approx(120, abs=5)


@pytest.mark.promise(6)
@pytest.mark.parametrize("by", [HOUR, -HOUR])
async def test_a_step_over_the_deadline_changes_no_decision(world, step, by):
    ids = world.appointments(90, day=date(2026, 6, 2))
    starts_at = (world.now() + 24 * HOUR + timedelta(minutes=30)).isoformat()
    manifest = world.manifest(ids, starts_at=starts_at)
    counts = (await run_with_a_step(world, step, by, manifest)).counts

    assert (90, {}) == (counts["cancelled"], counts.skipped)


@pytest.mark.promise(6)
async def test_a_step_back_does_not_bring_a_skipped_row_back_in_the_same_run(world, step):
    ids = world.appointments(90)
    for one in ids[:30]:
        world.sandbox.add(one, date=date(2026, 6, 2))
    late = (world.now() + 23 * HOUR).isoformat()
    rows = [f"{one},{late if one < ids[30] else '2026-06-20T03:30:00Z'}" for one in ids]
    manifest = world.write("appointment_id,starts_at", *rows)
    counts = (await run_with_a_step(world, step, -2 * HOUR, manifest)).counts

    assert (60, {"notice_window": 30}) == (counts["cancelled"], counts.skipped)


@pytest.mark.promise(7)
@pytest.mark.parametrize("by", [timedelta(days=-400), -HOUR])
async def test_after_a_step_back_between_two_runs_the_window_is_kept_and_nobody_waits_longer(
    world, step, by
):
    manifest = world.manifest(world.appointments(90, day=FAR), starts_at="2030-01-01T00:00:00Z")
    await world.run(manifest, limit=59)
    step(by)
    resumed = (await world.run(manifest)).summary

    assert 90 == resumed.counts["cancelled"]
    assert world.sandbox.most_arrivals <= 60
    assert resumed.elapsed_s <= 60 + 10 + 1


@pytest.mark.promise(12)
@pytest.mark.parametrize("by", [-HOUR, HOUR])
async def test_a_row_in_doubt_stays_alive_when_staff_confirmed_it_whatever_the_clock_did(
    world, step, by
):
    ids = world.appointments(1, day=FAR)
    manifest = world.manifest(ids, starts_at="2030-01-01T00:00:00Z")
    world.sandbox.faults.add(Fault("reset", when="after"), method="PATCH")
    await world.run(manifest, max_attempts=1)
    world.virtual.jump(60)
    world.sandbox.staff.confirm(ids[0])
    step(by)
    resumed = await world.run(manifest)

    assert (4, 1) == (resumed.summary.exit_code, resumed.summary.counts["needs_review"])
    assert "confirmed" == world.sandbox.record(ids[0]).status


@pytest.mark.parametrize(
    ("skew", "starts_in", "is_sent"),
    [
        (timedelta(days=9000), 30 * 24 * HOUR, False),
        (HOUR, 24.5 * HOUR, False),
        (-HOUR, 23.5 * HOUR, True),
        (-timedelta(days=365), -30 * 24 * HOUR, True),
    ],
    ids=str,
)
async def test_the_apis_clock_decides_however_far_it_is_from_this_machines(
    world, skew, starts_in, is_sent
):
    world.sandbox.skew(skew)
    starts_at = world.now() + timedelta(minutes=2) + starts_in
    ids = world.appointments(2, day=starts_at.astimezone(KOLKATA).date())
    await world.run(world.manifest(ids, starts_at=starts_at.isoformat()))

    assert is_sent is bool(world.sandbox.history.patches())


class Wrong(httpx.AsyncBaseTransport):
    """Some answers carry a `Date` of another server, whose clock is half a day ahead."""

    def __init__(self, inner, world, is_wrong):
        self._inner, self._world, self._is_wrong = inner, world, is_wrong

    async def handle_async_request(self, request):
        response = await self._inner.handle_async_request(request)
        self._world.answers = getattr(self._world, "answers", 0) + 1
        if self._is_wrong(self._world.answers, request):
            at = self._world.now() + 12 * HOUR
            response.headers["date"] = format_datetime(at, usegmt=True)
        return response


@pytest.mark.promise(16)
@pytest.mark.parametrize(
    ("is_wrong", "key", "code"),
    [
        (lambda number, _: number == 3, None, 0),
        (lambda number, _: number == 12, None, 0),
        (lambda _, request: request.method == "PATCH", None, 0),  # pages tell the time anew
        (lambda _, request: request.method == "PATCH", "sk_write", 5),
    ],
    ids=["last of the plan", "last", "all to patches", "all to patches, and nothing is read"],
)
async def test_nobody_is_too_late_by_an_answer_that_contradicts_the_others_on_the_time(
    world, monkeypatch, is_wrong, key, code
):
    world.sandbox.keys.add("sk_write", {"appointments:write"})
    starts_at = world.now() + 30 * HOUR
    ids = world.appointments(9, day=starts_at.astimezone(KOLKATA).date())
    right = world.transport
    monkeypatch.setattr(world, "transport", lambda: Wrong(right(), world, is_wrong))
    manifest = world.manifest(ids, starts_at=starts_at.isoformat())
    given = {"key": key} if key else {}
    summary = (await world.run(manifest, concurrency=1, notice_hours=24, **given)).summary

    assert (code, {}) == (summary.exit_code, summary.counts.skipped)


@pytest.mark.promise(16)
async def test_no_plan_is_made_where_nobody_knows_whether_it_is_too_late(world, monkeypatch):
    starts_at = world.now() + 30 * HOUR
    ids = world.appointments(2, day=starts_at.astimezone(KOLKATA).date())
    right = world.transport
    monkeypatch.setattr(world, "transport", lambda: Wrong(right(), world, lambda n, _: n in {3, 5}))
    monkeypatch.setattr("batchcancel.commands.plan._MORE_TIMES", 0)
    with pytest.raises(StoppedEarly, match="disagree on the time"):
        await world.plan(world.manifest(ids, starts_at=starts_at.isoformat()))


LOCAL_STARTS = {
    "half an hour off": ("Asia/Kolkata", "2026-06-20T11:32", "2026-06-20T06:02Z"),
    "three quarters off": ("Asia/Kathmandu", "2026-06-20T11:47", "2026-06-20T06:02Z"),
    "after the clocks went forward": ("Europe/Berlin", "2027-03-28T03:02", "2027-03-28T01:02Z"),
    "in the hour that comes twice": ("Europe/Berlin", "2026-10-25T02:02", "2026-10-25T00:02Z"),
    "after the clocks went back": ("Europe/Berlin", "2026-10-25T03:02", "2026-10-25T02:02Z"),
    "clocks that go back half an hour": (
        "Australia/Lord_Howe", "2027-04-04T01:32", "2027-04-03T14:32Z",
    ),
}  # fmt: skip


@pytest.mark.promise(6)
@pytest.mark.parametrize(("zone", "local", "instant"), sampled(LOCAL_STARTS, every=2))
async def test_enough_notice_is_told_to_the_second_whatever_the_clocks_do(
    world, zone, local, instant
):
    """A `Date` leaves one second open, and the later moment counts."""
    ids = world.appointments(2, day=date.fromisoformat(local[:10]))
    more = (datetime.fromisoformat(local) + timedelta(seconds=1.1)).isoformat()
    manifest = world.write("appointment_id,starts_at", f"{ids[0]},{more}", f"{ids[1]},{local}")
    notice = (datetime.fromisoformat(instant) - world.now()) / HOUR
    await world.run(manifest, timezone=zone, notice_hours=f"{notice!r}")

    outcomes = {name: str(outcome.name) for name, outcome in world.watching.outcomes.items()}
    assert {ids[0]: "cancelled"} == outcomes
