"""What a plan tells before anything is sent."""

from dataclasses import replace
from datetime import date

import pytest

from batchcancel.commands.plan import ends_with
from batchcancel.errors import ExitCode, Refusal
from batchcancel.report.plan import plan_text
from tests.sample import sampled

pytestmark = pytest.mark.anyio


def cautions(planned):
    return {one.code: one.text for one in planned.rules.cautions}


@pytest.mark.parametrize(("most", "is_told"), [(7, True), (8, False)])
async def test_fewer_requests_than_the_plan_needs_are_told(world, most, is_told):
    manifest = world.manifest(world.appointments(5))
    planned = await world.plan(manifest, max_requests=most)  # rules, a page, windows, and five

    assert is_told == ("max_requests" in cautions(planned))
    if is_told:
        assert (
            "needs 5 requests, and --max-requests 7 leaves 4" in cautions(planned)["max_requests"]
        )


async def test_without_a_limit_on_requests_nothing_is_told_of_them(world):
    assert "max_requests" not in cautions(await world.plan(world.manifest(world.appointments(5))))


async def test_a_branch_of_the_job_file_whose_id_the_api_does_not_show_is_told(world):
    settings = world.settings(world.manifest(world.appointments(2)))
    planned = await world.plan_of(settings)
    [place] = planned.plan.places

    planned = await world.plan_of(replace(settings, branches={"City": place.branch_id}))
    assert "branches_not_shown" not in cautions(planned)
    planned = await world.plan_of(replace(settings, branches={"City": "br_1"}))
    told = cautions(planned)["branches_not_shown"]
    assert "the API shows no City (br_1) on these days" in told
    assert place.branch_id in told


@pytest.mark.parametrize("is_closed", [True, False])
async def test_a_day_that_is_not_closed_is_told_and_refused_where_that_is_required(
    world, is_closed
):
    manifest = world.manifest(world.appointments(5))
    if is_closed:
        world.sandbox.close(date(2026, 6, 20))
    planned = await world.plan(manifest)
    assert ("!! 1 window is still open, " in plan_text(planned)) != is_closed
    if is_closed:
        assert 0 == (await world.run(manifest, require_closed=True)).summary.exit_code
        return
    with pytest.raises(Refusal, match="1 window is still open"):
        await world.run(manifest, require_closed=True)
    assert [] == world.patched()


@pytest.mark.parametrize(("most", "code"), [("60s", ExitCode.STOPPED_EARLY), ("5m", ExitCode.DONE)])
async def test_a_run_that_would_be_stopped_by_its_time_is_told_with_its_exit_code(
    world, most, code
):
    world.new_sandbox()
    options = {"rate": "3/60s", "max_duration": most}
    manifest = world.manifest(world.appointments(5))
    planned = await world.plan(manifest, **options)

    assert code == ends_with(planned, world.settings(manifest, **options))
    assert (code != 0) == ("max_duration" in cautions(planned))


@pytest.mark.parametrize(
    ("rate", "host", "is_told"),
    [("61/60s", "api.huskyvoice.ai", True), ("none", "api.huskyvoice.ai", True),
     ("600/10m", "api.huskyvoice.ai", True), ("2/1s", "api.huskyvoice.ai", True),
     ("60/60s", "api.huskyvoice.ai", False), ("1/1s", "api.huskyvoice.ai", False),
     ("none", "localhost", False), ("none", "127.0.0.2", False)],
)  # fmt: skip
async def test_a_rate_above_the_documented_one_is_warned_of_but_in_a_rehearsal(
    world, rate, host, is_told
):
    manifest = world.manifest(world.appointments(1))
    planned = await world.plan(manifest, rate=rate, base_url=f"https://{host}/v1")

    assert is_told == ("rate_above" in cautions(planned))


WHERE = [("Morning", 0), ("Evening", 0), ("Evening", 1)]
SAID = {
    "all of it": lambda one, session, branch: f"{one},2026-06-20,{session},{branch}",
    "its day": lambda one, session, branch: f"{one},2026-06-20,,",
    "nothing": lambda one, session, branch: f"{one},,,",
}


@pytest.mark.parametrize("said", sampled(SAID, every=3))
async def test_windows_are_counted_where_rows_lie_that_are_cancelled_already_or_left(world, said):
    rows = []
    for number, (session, at) in enumerate(WHERE * 2):
        branch = world.sandbox.book.clinic.branch_ids[at]
        one = f"a{number}"
        world.sandbox.add(one, date=date(2026, 6, 20), session=session, branch_id=branch)
        rows.append(said(one, session, branch))
    world.virtual.jump(120)
    world.sandbox.staff.complete("a2")
    world.sandbox.staff.complete("a5")
    manifest = world.write("appointment_id,date,session,branch_id", *rows)
    told = [(await world.plan(manifest)).windows]
    for _ in range(2):
        await world.run(manifest, limit=2)
        told.append((await world.plan(manifest)).windows)
    assert [3, 3, 3] == [one.windows for one in told]
    assert told[0].places < told[1].places

    await world.run(manifest)
    with pytest.raises(Refusal, match="3 windows are still open"):
        await world.run(manifest, require_closed=True)
    world.sandbox.close(date(2026, 6, 20))
    closed = await world.plan(manifest, require_closed=True)
    assert "open windows 0 all windows are closed" in " ".join(plan_text(closed).split())


async def test_where_nothing_is_left_windows_are_looked_at_only_if_that_is_asked(world):
    manifest = world.manifest(world.appointments(3))
    await world.run(manifest)
    asked = len(world.sandbox.history)
    told = " ".join(plan_text(await world.plan(manifest)).split())
    assert "open windows not looked at: nothing is left to cancel" in told
    assert 0 == len(world.sandbox.history) - asked
    with pytest.raises(Refusal, match="1 window is still open"):
        await world.run(manifest, require_closed=True)
    assert 1 == len(world.sandbox.history) - asked


async def test_where_somebody_was_moved_to_no_window_counts(world):
    ids = world.appointments(2)
    world.sandbox.staff.reschedule(ids[0], date(2026, 6, 21))
    planned = await world.plan(
        world.write("appointment_id,date", *(f"{i},2026-06-20" for i in ids))
    )
    assert 1 == planned.windows.windows
