"""What a plan tells before anything is sent."""

from datetime import date

import pytest

from batchcancel.commands.plan import ends_with
from batchcancel.errors import ExitCode, Refusal
from batchcancel.report.plan import plan_text

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
