"""The whole job in process, on virtual time: what becomes of a batch."""

import os
import socket
from contextlib import closing
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import anyio
import pytest

from batchcancel import __version__
from batchcancel.errors import GateClosed, InputError, Refusal, ScopeMissing
from batchcancel.ledger.open import read_ledger
from batchcancel.sandbox import Clinic, Fault, Rate
from tests.world import BEGIN

pytestmark = pytest.mark.anyio

HOUR = timedelta(hours=1)
KOLKATA = ZoneInfo("Asia/Kolkata")
READ = "appointments:read"


async def test_every_eligible_row_is_cancelled(world):
    manifest = world.manifest(world.appointments(150))
    finished = await world.run(manifest)
    assert (0, 150, 150) == (
        finished.summary.exit_code,
        finished.summary.counts.rows,
        finished.summary.counts["cancelled"],
    )


@pytest.mark.promise(2)
async def test_a_second_run_sends_nothing(world):
    manifest = world.manifest(world.appointments(20))
    await world.run(manifest)
    arrived = len(world.sandbox.history.arrivals)
    finished = await world.run(manifest)
    assert arrived == len(world.sandbox.history.arrivals)
    assert 20 == finished.summary.counts["cancelled"]


@pytest.mark.promise(2)
async def test_a_settled_row_is_not_sent_again_after_staff_re_confirmed_it(world):
    ids = world.appointments(3)
    manifest = world.manifest(ids)
    await world.run(manifest)
    world.sandbox.staff.confirm(ids[1])
    finished = await world.run(manifest)
    assert "confirmed" == world.sandbox.record(ids[1]).status
    assert 0 == finished.summary.exit_code


@pytest.mark.promise(7)
async def test_the_window_is_used_to_the_last_slot_and_never_overrun(world):
    manifest = world.manifest(world.appointments(300))
    finished = await world.run(manifest)
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


async def test_a_retry_after_that_is_too_long_stops_the_run_resumably(world):
    world.sandbox.faults.add(Fault("status", status=429, retry_after=4000), method="PATCH")
    finished = await world.run(world.manifest(world.appointments(30)))
    assert 5 == finished.summary.exit_code
    world.virtual.jump(4000)
    assert 0 == (await world.run(world.folder / "closure.csv")).summary.exit_code


@pytest.mark.promise(8)
async def test_after_a_retry_after_that_was_too_long_nothing_is_sent_until_it_is_over(world):
    world.sandbox.faults.add(Fault("status", status=429, retry_after=600), method="PATCH")
    manifest = world.manifest(world.appointments(30))
    await world.run(manifest, concurrency=1)
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


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
async def test_an_answer_that_proves_nothing_is_tried_again(world, status):
    ids = world.appointments(1)
    world.sandbox.faults.add(Fault("status", status=status), method="PATCH", times=2)
    finished = await world.run(world.manifest(ids))
    assert 1 == finished.summary.counts["cancelled"]
    assert 3 == len(world.sandbox.history.patches(ids[0]))


@pytest.mark.promise(3)
@pytest.mark.parametrize(
    "fault", ["broken_json", "truncated", "empty", "huge", "wrong_status", "html"]
)
async def test_an_answer_without_proof_is_no_success(world, fault):
    ids = world.appointments(1)
    world.sandbox.faults.add(Fault(fault, when="before"), method="PATCH", times=None)
    finished = await world.run(world.manifest(ids), max_attempts=2)
    assert (4, 0, 1) == (
        finished.summary.exit_code,
        finished.summary.counts["cancelled"],
        finished.summary.counts["gave_up"],
    )


@pytest.mark.promise(3)
async def test_a_record_of_another_appointment_stops_the_run_and_settles_nothing(world):
    ids = world.appointments(5)
    world.sandbox.faults.add(Fault("wrong_record", when="before"), method="PATCH")
    finished = await world.run(world.manifest(ids), concurrency=1)
    assert (7, 1, 4) == (
        finished.summary.exit_code,
        finished.summary.counts.open,
        finished.summary.counts.waiting,
    )


async def test_a_change_that_came_before_ours_is_told_apart(world):
    ids = world.appointments(3)
    world.sandbox.staff.cancel(ids[1])
    world.virtual.jump(5)
    finished = await world.run(world.manifest(ids))
    counts = finished.summary.counts
    assert (2, 1) == (counts["cancelled"], counts["already_cancelled"])


async def test_our_own_change_behind_a_lost_answer_counts_as_ours(world):
    ids = world.appointments(1)
    world.sandbox.faults.add(Fault("reset", when="after"), method="PATCH")
    finished = await world.run(world.manifest(ids))
    assert 1 == finished.summary.counts["cancelled"]


async def test_rows_given_up_are_read_back_by_the_next_run(world):
    ids = world.appointments(1)
    world.sandbox.faults.add(Fault("status", when="after", status=500), method="PATCH")
    first = await world.run(world.manifest(ids), max_attempts=1)
    second = await world.run(world.folder / "closure.csv")
    assert (4, 0) == (first.summary.exit_code, second.summary.exit_code)
    assert 1 == len(world.sandbox.history.patches(ids[0]))
    assert 1 == second.summary.counts["cancelled"]


async def test_an_open_row_that_is_alive_again_is_for_a_person(world):
    ids = world.appointments(1)
    world.sandbox.faults.add(Fault("status", when="after", status=500), method="PATCH")
    await world.run(world.manifest(ids), max_attempts=1)
    world.virtual.jump(60)
    world.sandbox.staff.confirm(ids[0])
    second = await world.run(world.folder / "closure.csv")
    assert (4, 1) == (second.summary.exit_code, second.summary.counts["needs_review"])
    assert "confirmed" == world.sandbox.record(ids[0]).status


async def test_an_open_row_that_was_never_applied_is_sent_again(world):
    ids = world.appointments(1)
    world.sandbox.faults.add(Fault("reset", when="before"), method="PATCH", times=2)
    await world.run(world.manifest(ids), max_attempts=2)
    second = await world.run(world.folder / "closure.csv")
    assert 1 == second.summary.counts["cancelled"]


@pytest.mark.promise(6)
async def test_a_deadline_that_passes_in_the_queue_is_kept(world):
    ids = world.appointments(90, day=date(2026, 6, 2))
    starts = (world.now() + timedelta(hours=24, seconds=30)).isoformat()
    finished = await world.run(world.manifest(ids, starts_at=starts))
    counts = finished.summary.counts
    assert (58, {"notice_window": 32}) == (counts["cancelled"], counts.skipped)
    assert 32 == world.plans[-1].plan.will_miss


async def test_a_skipped_row_is_decided_anew_in_the_next_run(world):
    ids = world.appointments(2, day=date(2026, 6, 1))
    manifest = world.manifest(ids, starts_at="2026-06-01T12:00:00Z")
    first = await world.run(manifest)
    second = await world.run(manifest, notice_hours=0)
    assert {"notice_window": 2} == first.summary.counts.skipped
    assert 2 == second.summary.counts["cancelled"]


async def test_ids_alone_are_enough(world):
    manifest = world.manifest(world.appointments(250), starts_at=None)
    finished = await world.run(manifest)
    assert 250 == finished.summary.counts["cancelled"]
    assert finished.summary.requests <= 250 + 6


async def test_ids_alone_inside_the_notice_window_are_left_alone(world):
    manifest = world.manifest(world.appointments(5, day=date(2026, 6, 1)), starts_at=None)
    finished = await world.run(manifest)
    assert 5 == sum(finished.summary.counts.skipped.values())
    assert [] == list(world.sandbox.history.patches())


async def test_a_completed_appointment_is_left_alone(world):
    ids = world.appointments(2)
    world.sandbox.staff.complete(ids[0])
    manifest = world.manifest(ids, starts_at=None)
    first = await world.run(manifest)
    second = await world.run(manifest)
    assert {"completed": 1} == first.summary.counts.skipped == second.summary.counts.skipped
    assert "completed" == world.sandbox.record(ids[0]).status
    assert [ids[1]] == [one.path.rpartition("/")[2] for one in world.sandbox.history.patches()]


async def test_an_organisation_that_forbids_cancelling_is_obeyed_before_any_write(world):
    world.new_sandbox(Clinic(appointments=0, allow_cancellation=False))
    manifest = world.manifest(world.appointments(3))
    with pytest.raises(Refusal, match="does not allow cancelling"):
        await world.run(manifest)
    assert [] == list(world.sandbox.history.patches())


async def test_a_cap_is_checked_before_the_first_write(world):
    manifest = world.manifest(world.appointments(30))
    with pytest.raises(Refusal, match="30 appointments, more than the 15"):
        await world.run(manifest, max_cancel="50%")
    assert [] == list(world.sandbox.history.patches())


async def test_the_same_canary_twice_sends_nothing_the_second_time(world):
    manifest = world.manifest(world.appointments(30))
    first = await world.run(manifest, limit=5)
    second = await world.run(manifest, limit=5)
    rest = await world.run(manifest)
    assert [5, 5, 30] == [one.summary.counts["cancelled"] for one in (first, second, rest)]
    assert [0, 0, 0] == [one.summary.exit_code for one in (first, second, rest)]


async def test_a_changed_manifest_is_refused_with_the_difference(world):
    ids = world.appointments(10)
    await world.run(world.manifest(ids[:8]))
    with pytest.raises(Refusal, match="2 new, 0 gone, 8 in both"):
        await world.run(world.manifest(ids))


async def test_new_rows_of_an_accepted_manifest_join_the_batch(world):
    ids = world.appointments(10)
    await world.run(world.manifest(ids[:8]))
    finished = await world.run(world.manifest(ids), accept_changed_manifest=True)
    assert (10, 10) == (finished.summary.counts.rows, finished.summary.counts["cancelled"])
    assert 10 == len(world.sandbox.history.patches())


async def test_a_re_sorted_manifest_is_the_same_manifest(world):
    ids = world.appointments(10)
    await world.run(world.manifest(ids))
    finished = await world.run(world.manifest(reversed(ids)))
    assert (10, 0) == (finished.summary.counts["cancelled"], finished.summary.requests)


async def test_refused_rows_are_sent_again_only_when_asked(world):
    ids = world.appointments(2)
    world.sandbox.faults.add(Fault("status", status=422), method="PATCH", appointment_id=ids[0])
    manifest = world.manifest(ids)
    first = await world.run(manifest)
    second = await world.run(manifest)
    third = await world.run(manifest, retry_refused=True)
    assert [1, 1, 0] == [one.summary.counts["refused"] for one in (first, second, third)]
    assert [4, 4, 0] == [one.summary.exit_code for one in (first, second, third)]


async def test_too_many_failures_in_a_row_stop_the_run(world):
    manifest = world.manifest(world.appointments(100))
    world.sandbox.faults.add(Fault("status", status=503), method="PATCH", times=None)
    stopped = await world.run(manifest, halt_after=6, max_attempts=2)
    world.sandbox.faults.clear()
    resumed = await world.run(manifest)
    assert (5, 0) == (stopped.summary.exit_code, resumed.summary.exit_code)
    assert stopped.summary.counts.waiting >= 80


async def test_a_rejected_key_in_the_middle_leaves_every_other_row_waiting(world):
    manifest = world.manifest(world.appointments(50))
    world.sandbox.faults.add(Fault("status", status=401), method="PATCH", skip=10, times=None)
    finished = await world.run(manifest, concurrency=1)
    counts = finished.summary.counts
    assert (7, 10, 0, 40) == (
        finished.summary.exit_code,
        counts["cancelled"],
        counts.open,
        counts.waiting,
    )


async def test_a_missing_read_scope_names_what_to_pass_instead(world):
    world.sandbox.keys.add("sk_write", ["appointments:write"])
    manifest = world.manifest(world.appointments(3))
    with pytest.raises(ScopeMissing) as caught:
        await world.run(manifest, key="sk_write")
    assert "appointments:read" in caught.value.message
    assert "--notice-hours" in caught.value.hint


async def test_with_hours_and_times_given_a_key_that_may_only_write_is_enough(world):
    world.sandbox.keys.add("sk_write", ["appointments:write"])
    manifest = world.manifest(world.appointments(3))
    finished = await world.run(manifest, key="sk_write", notice_hours=24)
    assert 3 == finished.summary.counts["cancelled"]


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
    assert 178 == len(when)
    assert max(when) <= last_moment


@pytest.mark.promise(14)
async def test_a_rejected_row_stops_everything_unless_allowed(world):
    ids = world.appointments(3)
    manifest = world.manifest([*ids, "not an id"])
    with pytest.raises(InputError, match="line 5"):
        await world.run(manifest)
    assert [] == list(world.sandbox.history.arrivals)
    finished = await world.run(manifest, allow_rejected_rows=True)
    assert (4, 3, 1) == (
        finished.summary.counts.rows,
        finished.summary.counts["cancelled"],
        finished.summary.counts["rejected_row"],
    )


async def test_a_plan_sends_no_write_and_enrols_nothing(world):
    manifest = world.manifest(world.appointments(5))
    planned = await world.plan(manifest)
    assert 5 == planned.plan.eligible
    assert [] == list(world.sandbox.history.patches())


async def test_notes_travel_with_the_patch_and_the_manifest_wins(world):
    ids = world.appointments(2)
    path = world.folder / "closure.csv"
    path.write_text(f"appointment_id,notes\n{ids[0]},From the file\n{ids[1]},\n")
    await world.run(path, notes="From the command", notice_hours=0)
    bodies = {one.path.rsplit("/", 1)[1]: one.body for one in world.sandbox.history.patches()}
    assert {"status": "cancelled", "notes": "From the file"} == bodies[ids[0]]
    assert {"status": "cancelled", "notes": "From the command"} == bodies[ids[1]]


async def test_max_duration_stops_the_run_resumably(world):
    manifest = world.manifest(world.appointments(200))
    stopped = await world.run(manifest, max_duration="90s")
    assert (5, 120) == (
        stopped.summary.exit_code,
        stopped.summary.counts["cancelled"] + 2,  # the rules, and a page
    )
    assert 0 == (await world.run(manifest)).summary.exit_code


async def test_the_ledger_tells_who_ran_what_with_which_options_and_how_it_ended(world):
    manifest = world.manifest(world.appointments(2))
    await world.run(manifest, notes="Closed.", halt_after=7)

    with closing(read_ledger(str(manifest.with_suffix(".ledger.db")))) as account:
        [ran] = account.runs("closure")
    assert (__version__, os.getpid(), socket.gethostname()) == (ran.version, ran.pid, ran.host)
    assert ("7", "60/60s") == (ran.options["halt_after"], ran.options["rate"])
    assert "Closed." not in ran.options.values()
    assert (2, None) == (ran.counts["cancelled"], ran.why)


async def test_the_ledger_tells_why_a_run_ended_before_its_first_write(world):
    manifest = world.manifest(world.appointments(2))
    with pytest.raises(Refusal):
        await world.run(manifest, max_cancel=1)

    with closing(read_ledger(str(manifest.with_suffix(".ledger.db")))) as account:
        [ran] = account.runs("closure")
    assert "more than the 1 that --max-cancel 1 allows" in ran.why
    assert ran.counts is None
