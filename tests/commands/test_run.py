"""The whole job in process, on virtual time: what becomes of a batch."""

import os
import socket
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import anyio
import pytest

from batchcancel import __version__
from batchcancel.errors import GateClosed, InputError, Refusal
from batchcancel.sandbox import Fault, Rate
from batchcancel.writer import Writer
from tests.world import BEGIN, ended

pytestmark = pytest.mark.anyio

HOUR = timedelta(hours=1)
KOLKATA = ZoneInfo("Asia/Kolkata")
READ = "appointments:read"


@pytest.mark.promise(2)
async def test_a_second_run_sends_nothing_though_staff_re_confirmed_a_row(world):
    ids = world.appointments(3)
    manifest = world.manifest(ids)
    await world.run(manifest)
    world.sandbox.staff.confirm(ids[1])
    arrived = len(world.sandbox.history)
    finished = await world.run(manifest)
    assert "confirmed" == world.sandbox.record(ids[1]).status
    assert (arrived, (0, {"cancelled": 3})) == (len(world.sandbox.history), ended(finished))


@pytest.mark.promise(7)
async def test_the_window_is_used_to_the_last_slot_and_never_overrun(world):
    manifest = world.manifest(world.appointments(300))
    finished = await world.run(manifest)
    assert (0, {"cancelled": 300}) == ended(finished)
    assert 60 == world.sandbox.most_arrivals
    assert 0 == finished.summary.rate_limited
    assert finished.summary.elapsed_s <= 5 * 60 * 1.03


@pytest.mark.promise(7)
async def test_the_window_holds_from_one_run_to_the_next(world):
    manifest = world.manifest(world.appointments(60), starts_at=None)
    await world.plan(manifest)
    await world.run(manifest, limit=30)
    await world.run(manifest)
    assert world.sandbox.most_arrivals <= 60
    assert 0 == world.sandbox.history.rate_limited


@pytest.mark.promise(8)
async def test_a_retry_after_holds_every_worker_back(world):
    world.new_sandbox(rate=Rate(limit=None))
    ids = world.appointments(30)
    world.sandbox.faults.add(Fault("status", status=429, retry_after=40), method="PATCH", skip=10)
    await world.run(world.manifest(ids))
    patches = [one.arrived for one in world.sandbox.history.patches()]
    refused = next(one.arrived for one in world.sandbox.history.answered(429))
    # Requests that had left when the refusal came are not held back; eight workers send at once.
    assert 31 == len(patches)
    assert all(not refused < one < refused + 40 for one in patches)


@pytest.mark.promise(8)
async def test_after_a_retry_after_that_was_too_long_nothing_is_sent_until_it_is_over(world):
    world.sandbox.faults.add(Fault("status", status=429, retry_after=600), method="PATCH")
    manifest = world.manifest(world.appointments(30))
    assert 5 == (await world.run(manifest, concurrency=1)).summary.exit_code
    arrived = len(world.sandbox.history)
    with pytest.raises(GateClosed) as stopped:
        await world.run(manifest)
    assert arrived == len(world.sandbox.history)
    assert "after 2026-06-01 06:12:00 UTC" in stopped.value.hint
    assert ".json" in stopped.value.hint
    finished = await world.run(manifest, max_retry_after=700)
    [first, *_] = world.sandbox.history.arrivals[arrived:]
    assert 0 == finished.summary.exit_code
    assert timedelta(minutes=12) <= first.at - BEGIN < timedelta(minutes=12, seconds=1)


@pytest.mark.promise(3)
@pytest.mark.parametrize(
    "fault", ["broken_json", "truncated", "empty", "huge", "wrong_status", "html"]
)
async def test_an_answer_without_proof_is_no_success(world, fault):
    ids = world.appointments(1)
    world.sandbox.faults.add(Fault(fault, when="before"), method="PATCH", times=None)
    finished = await world.run(world.manifest(ids), max_attempts=2)
    assert (4, {"gave_up": 1}) == ended(finished)


@pytest.mark.promise(6)
async def test_a_deadline_that_passes_in_the_queue_is_kept(world):
    ids = world.appointments(90, day=date(2026, 6, 2))
    starts = (world.now() + timedelta(hours=24, seconds=30)).isoformat()
    finished = await world.run(world.manifest(ids, starts_at=starts))
    assert (0, {"cancelled": 57, "notice_window": 33}) == ended(finished)
    assert 33 == world.plans[-1].plan.will_miss


async def test_a_rejected_key_in_the_middle_leaves_every_other_row_waiting(world):
    manifest = world.manifest(world.appointments(50))
    world.sandbox.faults.add(Fault("status", status=401), method="PATCH", skip=10, times=None)
    finished = await world.run(manifest, concurrency=1)
    assert (7, {"cancelled": 10, "waiting": 40}) == ended(finished)


@pytest.mark.promise(6)
@pytest.mark.parametrize("scopes", [{"appointments:write"}, {"appointments:write", READ}])
@pytest.mark.parametrize(
    ("ahead", "notice_left", "cancelled"),
    [(12 * HOUR, 30 * HOUR, 0), (-12 * HOUR, 18 * HOUR, 3), (3 * HOUR, 28 * HOUR, 3)],
)
async def test_the_apis_clock_decides_also_for_a_key_that_may_not_read(
    world, ahead, notice_left, cancelled, scopes
):
    world.sandbox.skew(ahead)
    world.sandbox.keys.add("sk_other", scopes)
    starts = world.now() + notice_left
    ids = world.appointments(3, day=starts.astimezone(KOLKATA).date())
    manifest = world.manifest(ids, starts_at=starts.isoformat())
    finished = await world.run(manifest, notice_hours=24, key="sk_other")
    assert cancelled == finished.summary.counts["cancelled"]
    assert "clock_differs" in world.watching.cautions


@pytest.mark.promise(6)
async def test_setting_this_machines_clock_in_the_middle_of_a_run_changes_no_decision(world):
    ids = world.appointments(200, day=date(2026, 6, 2))
    last_moment = world.now() + timedelta(minutes=2.5)
    manifest = world.manifest(ids, starts_at=(last_moment + 24 * HOUR).isoformat())
    async with anyio.create_task_group() as group:
        group.start_soon(world.run, manifest)
        await anyio.sleep(30)
        world.clock_set_by = -12 * HOUR
    when = [one.updated_at for one in world.sandbox.records(status="cancelled")]
    assert 177 == len(when)
    assert max(when) <= last_moment


async def test_max_duration_stops_the_run_resumably(world):
    manifest = world.manifest(world.appointments(200))
    stopped = await world.run(manifest, max_duration="90s")
    # The rules, a page and the windows of the day took three turns of 120.
    assert (5, {"cancelled": 117, "waiting": 83}) == ended(stopped)
    assert 0 == (await world.run(manifest)).summary.exit_code


@pytest.mark.promise(16)
@pytest.mark.parametrize("seconds", [36, 38, 40, 42])
async def test_max_duration_stops_no_run_whose_rows_have_ended(world, monkeypatch, seconds):
    """On a slow disk their last commit may take longer than that."""

    async def slowly(call, *how):
        await anyio.sleep(4)
        return call(*how)

    around = replace(world.surroundings(), new_writer=partial(Writer, offload=slowly))
    monkeypatch.setattr(world, "surroundings", lambda: around)
    code, rows = ended(
        await world.run(world.manifest(world.appointments(1)), max_duration=f"{seconds}s")
    )
    assert (code, rows) in [(0, {"cancelled": 1}), (5, {"waiting": 1})]


async def test_the_ledger_tells_who_ran_what_with_which_options_and_how_it_ended(world):
    manifest = world.manifest(world.appointments(2))
    await world.run(manifest, notes="Closed.", halt_after=7)

    with world.account() as account:
        [ran] = account.runs("closure")
    assert (__version__, os.getpid(), socket.gethostname()) == (ran.version, ran.pid, ran.host)
    assert ("7", "60/60s") == (ran.options["halt_after"], ran.options["rate"])
    assert "Closed." not in ran.options.values()
    assert (2, None) == (ran.counts["cancelled"], ran.why)


async def test_the_ledger_tells_why_a_run_ended_before_its_first_write(world):
    manifest = world.manifest(world.appointments(2))
    with pytest.raises(Refusal):
        await world.run(manifest, max_cancel=1)

    with world.account() as account:
        [ran] = account.runs("closure")
    assert "more than the 1 that --max-cancel 1 allows" in ran.why
    assert ran.counts is None


@pytest.mark.promise(16)
async def test_the_ledger_has_the_exit_code_of_a_wrong_address_as_the_caller_has_it(world):
    world.sandbox.faults.add(Fault("html", when="before"), times=None)
    with pytest.raises(InputError, match="not the address of the API"):
        await world.run(world.manifest(world.appointments(1)), max_attempts=1)
    with world.account() as account:
        assert [2] == [ran.exit_code for ran in account.runs("closure")]
