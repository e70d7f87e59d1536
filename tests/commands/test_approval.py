"""What was approved is what is done, or less, and never other."""

from datetime import date, timedelta

import pytest

from batchcancel.errors import Refusal
from batchcancel.sandbox.keys import SCOPES
from batchcancel.settings.options import OPTIONS
from tests.sample import sampled
from tests.world import BEGIN

pytestmark = pytest.mark.anyio


async def approved(world, manifest, **options):
    return str((await world.plan(manifest, **options)).approval)


async def test_what_a_plan_showed_is_done_and_the_ledger_tells_who_approved_it(world):
    manifest = world.manifest(world.appointments(3))
    token = await approved(world, manifest)
    finished = await world.run(manifest, approved=token)

    assert (0, 3) == (finished.summary.exit_code, finished.summary.counts["cancelled"])
    assert token == finished.summary.as_json()["approval"]
    with world.account() as account:
        kept, [ran] = account.approved("closure"), account.runs("closure")
    assert (token, ran.user, ran.started_at) == kept


@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_a_run_may_do_less_than_was_approved(world, limit):
    manifest = world.manifest(world.appointments(3))
    token = await approved(world, manifest)
    await world.run(manifest, approved=token, limit=limit)

    assert limit == len(world.patched())


async def test_the_same_approval_resumes_and_is_enough_when_nothing_is_left(world):
    manifest = world.manifest(world.appointments(5))
    token = await approved(world, manifest)
    await world.run(manifest, approved=token, limit=2)
    resumed = await world.run(manifest, approved=token)
    again = await world.run(manifest, approved=token)

    assert [0, 0] == [resumed.summary.exit_code, again.summary.exit_code]
    assert 5 == len(world.patched())
    with world.account() as account:
        assert account.runs("closure")[0].started_at == account.approved("closure").at


async def test_a_canary_that_was_approved_is_not_sent_again_and_again(world):
    manifest = world.manifest(world.appointments(6))
    token = await approved(world, manifest, limit=2)
    await world.run(manifest, approved=token, limit=2)
    await world.run(manifest, approved=token, limit=2)
    with pytest.raises(Refusal, match="2 appointments more than approved"):
        await world.run(manifest, approved=token, limit=4)

    assert 2 == len(world.patched())


async def test_fewer_are_left_when_time_went_by_and_that_goes_on(world):
    ids = world.appointments(3)
    soon = BEGIN + timedelta(hours=30)
    world.sandbox.add(ids[0], date=soon.date())
    starts = [soon.isoformat(), "2026-06-20T03:30:00Z", "2026-06-20T03:30:00Z"]
    rows = map(",".join, zip(ids, starts, strict=True))
    manifest = world.write("appointment_id,starts_at", *rows)
    token = await approved(world, manifest)
    world.virtual.jump(timedelta(hours=10).total_seconds())
    finished = await world.run(manifest, approved=token)

    assert {"notice_window": 1} == finished.summary.counts.skipped
    assert ids[1:] == sorted(world.patched())


@pytest.mark.promise(20)
@pytest.mark.parametrize("resumes", [False, True])
@pytest.mark.parametrize("left", sampled(["completed", "no_show", "moved", "cancelled"], every=2))
async def test_what_was_left_out_when_it_was_approved_is_not_sent_in_the_place_of_another(
    world, left, resumes
):
    first, second, *_ = ids = world.appointments(4)
    staff, day = world.sandbox.staff, date(2026, 6, 20)
    leave = {"moved": staff.reschedule, "cancelled": lambda one, _: staff.cancel(one)}
    leave.get(left, lambda one, _: staff.mark(one, left))(first, date(2026, 6, 27))
    world.virtual.jump(5)
    manifest = world.manifest(ids)
    token = await approved(world, manifest)
    if resumes:
        await world.run(manifest, approved=token, limit=1)
    world.virtual.jump(5)
    staff.reschedule(first, day)
    staff.confirm(first)
    staff.complete(ids[3])
    finished = await world.run(manifest, approved=token)

    assert 4 == finished.summary.exit_code
    assert [second, ids[2]] == sorted(world.patched())
    told = {"changed_since": 1, "completed": 1}
    if left == "cancelled" and resumes:
        told = {"completed": 1}
        assert 1 == finished.summary.counts["needs_review"]
    assert told == finished.summary.counts.skipped


async def test_what_was_eligible_when_it_was_approved_may_be_touched_where_nothing_was_left_out(
    world,
):
    ids = world.appointments(3)
    manifest = world.manifest(ids)
    token = await approved(world, manifest)
    world.virtual.jump(5)
    world.sandbox.staff.mark(ids[0], "rescheduled")
    await world.run(manifest, approved=token)
    assert ids == sorted(world.patched())


async def test_where_one_of_a_canary_is_left_out_no_other_moves_up(world):
    ids = world.appointments(4)
    manifest = world.manifest(ids)
    token = await approved(world, manifest, limit=2)
    world.sandbox.staff.complete(ids[0])
    with pytest.raises(Refusal, match=r"the appointments that the limit lets through$"):
        await world.run(manifest, approved=token, limit=2)
    assert [] == world.patched()


async def test_a_canary_resumes_under_its_approval(world):
    ids = world.appointments(4)
    manifest = world.manifest(ids)
    token = await approved(world, manifest, limit=3)
    for limit in (1, 2, 3):
        await world.run(manifest, approved=token, limit=limit)
    assert ids[:3] == sorted(world.patched())


@pytest.mark.promise(20)
async def test_as_many_others_are_not_what_was_approved(world):
    ids = world.appointments(6)
    token = await approved(world, world.manifest(ids[:3]))
    with pytest.raises(Refusal, match=r"other than approved: the manifest$"):
        await world.run(world.manifest(ids[3:]), approved=token)

    assert [] == world.patched()


@pytest.mark.promise(20)
@pytest.mark.parametrize(
    ("planned", "ran", "told"),
    sampled(
        [
            ({}, {"notice_hours": 0}, "the notice hours"),
            ({}, {"timezone": "Europe/Berlin"}, "the timezone"),
            ({}, {"notes": "Closed."}, "--notes"),
            ({"notes": "Closed."}, {"notes": "Open."}, "--notes"),
            ({}, {"batch": "another"}, "the batch's name"),
            ({}, {"retry_refused": True}, "--retry-refused"),
            ({}, {"base_url": "http://127.0.0.1/v1"}, "the API's address"),
            ({}, {"key": "sk_sandbox_other"}, "the API key"),
        ],
        every=2,
    ),
)
async def test_a_run_that_is_told_otherwise_is_not_what_was_approved(world, planned, ran, told):
    world.sandbox.keys.add("sk_sandbox_other", SCOPES)
    manifest = world.manifest(world.appointments(3))
    token = await approved(world, manifest, **planned)
    ledger = str(world.folder / "another.ledger.db")
    with pytest.raises(Refusal, match=f"other than approved: {told}$"):
        await world.run(manifest, approved=token, ledger=ledger, **planned | ran)

    assert [] == world.patched()


COVERED = {"base_url", "api_key_file", "batch", "notice_hours", "timezone", "notes"}
COVERED |= {"status", "ignore_column", "column", "date_format", "retry_refused"}
NOT_WHO_IS_CANCELLED = {
    *("approved", "yes", "json", "log_format", "progress", "ledger", "state_dir"),
    *("rate", "concurrency", "timeout", "max_attempts", "max_retry_after", "max_duration"),
    *("max_requests", "halt_after", "max_cancel", "require_closed", "proxy", "dry_run"),
    *("quiet", "verbose", "metrics_file", "on_end"),
}
BY_THE_NUMBER = {"limit", "accept_changed_manifest", "allow_rejected_rows"}


def test_of_every_option_it_is_known_whether_an_approval_covers_it():
    everything = COVERED | NOT_WHO_IS_CANCELLED | BY_THE_NUMBER
    assert everything == {option.field for option in OPTIONS}
